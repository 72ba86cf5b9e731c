//! The client's connection: it can be reset from within a request, and go mute without a word.

use std::collections::BTreeMap;
use std::io;
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::task::{Context, Poll, Waker};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;

/// State of all connections of a proxy.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Link {
    /// They work.
    #[default]
    Up,
    /// Nothing goes through in either direction, and no end is seen, as behind a broken router.
    Mute,
    /// They are reset, and so is every new one.
    Down,
}

type Hook = Box<dyn FnOnce() + Send>;

#[derive(Default)]
struct Wire {
    reset: bool,
    mute: bool,
    after_flush: Vec<Hook>,
    wakers: Vec<Waker>,
}

/// Ends, or waits for, one connection.
#[derive(Clone, Default)]
pub(super) struct Handle(Arc<Mutex<Wire>>);

impl Handle {
    fn wire(&self) -> MutexGuard<'_, Wire> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn reset(&self) {
        self.change(|wire| wire.reset = true);
    }

    /// Runs once everything that was written so far is with the system.
    pub(super) fn after_flush(&self, hook: impl FnOnce() + Send + 'static) {
        self.wire().after_flush.push(Box::new(hook));
    }

    fn change(&self, change: impl FnOnce(&mut Wire)) {
        let mut wire = self.wire();
        change(&mut wire);
        let wakers = std::mem::take(&mut wire.wakers);
        drop(wire);
        wakers.into_iter().for_each(Waker::wake);
    }

    fn apply(&self, link: Link) {
        self.change(|wire| {
            wire.mute = link == Link::Mute;
            wire.reset |= link == Link::Down;
        });
    }
}

/// The connections of a proxy.
#[derive(Default)]
pub(super) struct Links {
    registry: Mutex<Registry>,
}

#[derive(Default)]
struct Registry {
    link: Link,
    last: u64,
    open: BTreeMap<u64, Weak<Mutex<Wire>>>,
}

impl Links {
    fn registry(&self) -> MutexGuard<'_, Registry> {
        self.registry.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn wrap(self: &Arc<Self>, stream: TcpStream) -> Tap {
        let handle = Handle::default();
        let mut registry = self.registry();
        registry.last += 1;
        let number = registry.last;
        registry.open.insert(number, Arc::downgrade(&handle.0));
        handle.apply(registry.link);
        drop(registry);
        Tap {
            stream,
            handle,
            number,
            links: Arc::clone(self),
        }
    }

    pub(super) fn set(&self, link: Link) {
        let mut registry = self.registry();
        registry.link = link;
        for wire in registry.open.values().filter_map(Weak::upgrade) {
            Handle(wire).apply(link);
        }
    }
}

/// A TCP connection that obeys its [`Handle`].
pub(super) struct Tap {
    stream: TcpStream,
    handle: Handle,
    number: u64,
    links: Arc<Links>,
}

impl Tap {
    pub(super) fn handle(&self) -> Handle {
        self.handle.clone()
    }

    /// Whether bytes may pass now; else the task is woken when that may have changed.
    fn open(&self, cx: &Context<'_>) -> Poll<io::Result<()>> {
        let mut wire = self.handle.wire();
        if wire.reset {
            // A close would be an orderly end (FIN).
            let _ = self.stream.set_zero_linger();
            return Poll::Ready(Err(io::ErrorKind::ConnectionReset.into()));
        }
        if !wire.wakers.iter().any(|waker| waker.will_wake(cx.waker())) {
            wire.wakers.push(cx.waker().clone());
        }
        if wire.mute {
            Poll::Pending
        } else {
            Poll::Ready(Ok(()))
        }
    }
}

impl Drop for Tap {
    fn drop(&mut self) {
        self.links.registry().open.remove(&self.number);
    }
}

impl AsyncRead for Tap {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        std::task::ready!(self.open(cx))?;
        Pin::new(&mut self.stream).poll_read(cx, buf)
    }
}

impl AsyncWrite for Tap {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, data: &[u8]) -> Poll<io::Result<usize>> {
        std::task::ready!(self.open(cx))?;
        Pin::new(&mut self.stream).poll_write(cx, data)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        std::task::ready!(self.open(cx))?;
        std::task::ready!(Pin::new(&mut self.stream).poll_flush(cx))?;
        let hooks = std::mem::take(&mut self.handle.wire().after_flush);
        for hook in hooks {
            hook();
        }
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(cx)
    }
}
