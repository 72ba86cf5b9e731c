//! The gate at the socket.
//!
//! A request passes from the task that sends it to one that has the connection, and may lie there while the process is
//! stopped. So what is about to be written asks once more.

use std::io::{self, IoSlice};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use hyper::rt::{Read, ReadBufCursor, Write};
use hyper_util::client::legacy::connect::{Connected, Connection};

use crate::gate::{Closed, Gate};

/// A stream to which nothing is written behind a closed gate, not even what it has buffered.
pub(super) struct Gated<S> {
    stream: S,
    gate: Option<Arc<dyn Gate>>,
}

impl<S> Gated<S> {
    pub(super) fn new(stream: S, gate: Option<Arc<dyn Gate>>) -> Self {
        Self { stream, gate }
    }

    fn ask(&self) -> io::Result<()> {
        let open = self.gate.as_ref().is_none_or(|gate| gate.left().is_some());
        if open || operator_core::planted!(GateIgnored) {
            Ok(())
        } else {
            Err(io::Error::other(Closed { begun: true }))
        }
    }
}

impl<S: Read + Unpin> Read for Gated<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: ReadBufCursor<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_read(cx, buffer)
    }
}

impl<S: Write + Unpin> Write for Gated<S> {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        self.ask()?;
        Pin::new(&mut self.stream).poll_write(cx, bytes)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        self.ask()?;
        Pin::new(&mut self.stream).poll_write_vectored(cx, bytes)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.ask()?;
        Pin::new(&mut self.stream).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.ask()?;
        Pin::new(&mut self.stream).poll_shutdown(cx)
    }
}

impl<S: Connection> Connection for Gated<S> {
    fn connected(&self) -> Connected {
        self.stream.connected()
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicBool, Ordering};
    use std::time::Duration;

    use hyper_util::rt::TokioIo;
    use tokio::io::{AsyncReadExt, AsyncWriteExt};

    use super::*;

    #[derive(Debug, Default)]
    struct Door(AtomicBool);

    impl Gate for Door {
        fn left(&self) -> Option<Duration> {
            self.0.load(Ordering::SeqCst).then_some(Duration::MAX)
        }
    }

    #[tokio::test]
    async fn what_a_connection_was_given_before_the_gate_closed_is_not_written_after_it() {
        let door = Arc::new(Door(AtomicBool::new(true)));
        let (near, mut far) = tokio::io::duplex(64);
        let mut stream = TokioIo::new(Gated::new(TokioIo::new(near), Some(Arc::clone(&door) as _)));
        stream.write_all(b"before").await.unwrap();
        door.0.store(false, Ordering::SeqCst);
        assert!(stream.write_all(b"after").await.is_err());
        assert!(stream.flush().await.is_err());
        drop(stream);
        let mut text = String::new();
        far.read_to_string(&mut text).await.unwrap();
        assert_eq!(text, "before");
    }
}
