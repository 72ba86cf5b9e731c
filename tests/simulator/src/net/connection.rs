//! A connection that can be closed from within a request, before any answer.

use axum::extract::connect_info::Connected;
use axum::serve::IncomingStream;
use std::{
    collections::HashMap,
    io,
    pin::Pin,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError, Weak,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    task::{Context, Poll, Waker},
};
use tokio::{
    io::{AsyncRead, AsyncWrite, ReadBuf},
    net::TcpStream,
};
use tokio_rustls::server::TlsStream;

use crate::net::listener::SimulatorListener;

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[derive(Debug, Default)]
struct Cord {
    closed: AtomicBool,
    reader: Mutex<Option<Waker>>,
}

/// Closes one connection.
#[derive(Debug, Clone)]
pub(crate) struct ConnectionHandle {
    cord: Arc<Cord>,
}

impl ConnectionHandle {
    /// Ends the connection at its next read or write; what is not sent yet is lost.
    pub(crate) fn close(&self) {
        self.cord.closed.store(true, Ordering::SeqCst);
        if let Some(waker) = lock(&self.cord.reader).take() {
            waker.wake();
        }
    }
}

impl Connected<IncomingStream<'_, SimulatorListener>> for ConnectionHandle {
    fn connect_info(stream: IncomingStream<'_, SimulatorListener>) -> Self {
        Self {
            cord: Arc::clone(&stream.io().cord),
        }
    }
}

/// All open connections, so that a stopped simulator leaves none behind.
#[derive(Debug, Default)]
pub(crate) struct Connections {
    last: AtomicU64,
    open: Mutex<HashMap<u64, Weak<Cord>>>,
}

impl Connections {
    /// Wraps a new stream and remembers it as long as it lives.
    pub(crate) fn guard(self: &Arc<Self>, stream: Stream) -> GuardedStream {
        let number = self.last.fetch_add(1, Ordering::Relaxed);
        let cord = Arc::new(Cord::default());
        lock(&self.open).insert(number, Arc::downgrade(&cord));
        GuardedStream {
            stream,
            cord,
            number,
            registry: Arc::clone(self),
        }
    }

    /// Closes every connection.
    pub(crate) fn close_all(&self) {
        let open: Vec<_> = lock(&self.open).values().filter_map(Weak::upgrade).collect();
        for cord in open {
            ConnectionHandle { cord }.close();
        }
    }
}

/// Plain or encrypted.
#[derive(Debug)]
pub(crate) enum Stream {
    Plain(TcpStream),
    Tls(Box<TlsStream<TcpStream>>),
}

/// A stream whose reads and writes fail once it has been closed by its handle.
#[derive(Debug)]
pub(crate) struct GuardedStream {
    stream: Stream,
    cord: Arc<Cord>,
    number: u64,
    registry: Arc<Connections>,
}

impl GuardedStream {
    fn check_open(&self) -> io::Result<()> {
        if self.cord.closed.load(Ordering::SeqCst) {
            return Err(io::ErrorKind::ConnectionAborted.into());
        }
        Ok(())
    }
}

impl Drop for GuardedStream {
    fn drop(&mut self) {
        lock(&self.registry.open).remove(&self.number);
    }
}

impl AsyncRead for GuardedStream {
    fn poll_read(self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        // The waker goes in before the check, so that a close in between is not missed.
        *lock(&this.cord.reader) = Some(cx.waker().clone());
        this.check_open()?;
        match &mut this.stream {
            Stream::Plain(stream) => Pin::new(stream).poll_read(cx, buf),
            Stream::Tls(stream) => Pin::new(stream).poll_read(cx, buf),
        }
    }
}

impl AsyncWrite for GuardedStream {
    fn poll_write(self: Pin<&mut Self>, cx: &mut Context<'_>, data: &[u8]) -> Poll<io::Result<usize>> {
        let this = self.get_mut();
        this.check_open()?;
        match &mut this.stream {
            Stream::Plain(stream) => Pin::new(stream).poll_write(cx, data),
            Stream::Tls(stream) => Pin::new(stream).poll_write(cx, data),
        }
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        this.check_open()?;
        match &mut this.stream {
            Stream::Plain(stream) => Pin::new(stream).poll_flush(cx),
            Stream::Tls(stream) => Pin::new(stream).poll_flush(cx),
        }
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match &mut self.get_mut().stream {
            Stream::Plain(stream) => Pin::new(stream).poll_shutdown(cx),
            Stream::Tls(stream) => Pin::new(stream).poll_shutdown(cx),
        }
    }
}
