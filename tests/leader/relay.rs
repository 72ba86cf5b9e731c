//! A TCP relay whose line can be cut.

use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::{io, thread};

/// Connections to its address end at another one, until they are cut.
pub struct Relay {
    address: SocketAddr,
    line: Arc<Line>,
}

#[derive(Default)]
struct Line {
    cut: AtomicBool,
    open: Mutex<Vec<TcpStream>>,
}

impl Relay {
    /// Relays to `target` (`host:port`). It lives as long as the test.
    pub fn to(target: &str) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let line = Arc::new(Line::default());
        let (target, accepting) = (target.to_owned(), Arc::clone(&line));
        thread::spawn(move || {
            for near in listener.incoming().flatten() {
                if accepting.cut.load(Ordering::SeqCst) {
                    continue;
                }
                if let Ok(far) = TcpStream::connect(&target) {
                    accepting.join(near, far);
                }
            }
        });
        Self { address, line }
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Breaks every connection, and takes no further one.
    pub fn cut(&self) {
        self.line.cut.store(true, Ordering::SeqCst);
        for stream in self.line.open.lock().unwrap().drain(..) {
            let _ = stream.shutdown(Shutdown::Both);
        }
    }

    /// Takes connections again.
    pub fn mend(&self) {
        self.line.cut.store(false, Ordering::SeqCst);
    }
}

impl Line {
    fn join(&self, near: TcpStream, far: TcpStream) {
        let mut open = self.open.lock().unwrap();
        for stream in [&near, &far] {
            let _ = stream.set_nodelay(true);
            open.push(stream.try_clone().unwrap());
        }
        drop(open);
        // Whoever cut meanwhile may have looked before these two were there.
        if self.cut.load(Ordering::SeqCst) {
            for stream in [&near, &far] {
                let _ = stream.shutdown(Shutdown::Both);
            }
            return;
        }
        copy(near.try_clone().unwrap(), far.try_clone().unwrap());
        copy(far, near);
    }
}

fn copy(mut from: TcpStream, mut to: TcpStream) {
    thread::spawn(move || {
        let _ = io::copy(&mut from, &mut to);
        let _ = to.shutdown(Shutdown::Both);
    });
}
