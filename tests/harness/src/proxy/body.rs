//! The body that a client gets: at once, in pieces, cut, or event by event.

use std::convert::Infallible;
use std::pin::Pin;
use std::task::{Context, Poll};

use bytes::Bytes;
use hyper::body::{Body, Frame, SizeHint};
use tokio::sync::mpsc;

/// Runs when the last byte is handed over.
pub(super) type AtEnd = Box<dyn FnOnce() + Send>;

/// An answer's body.
pub(super) enum Reply {
    /// Everything at once.
    Whole(Option<Bytes>, Option<AtEnd>),
    /// What comes through a channel, until it closes.
    Stream(mpsc::Receiver<Bytes>),
}

impl Reply {
    pub(super) fn whole(bytes: Bytes, at_end: Option<AtEnd>) -> Self {
        if bytes.is_empty() {
            // hyper does not ask an empty body for anything.
            if let Some(at_end) = at_end {
                at_end();
            }
            return Self::Whole(None, None);
        }
        Self::Whole(Some(bytes), at_end)
    }
}

impl Body for Reply {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        match self.get_mut() {
            Self::Whole(bytes, at_end) => {
                if let Some(at_end) = at_end.take() {
                    at_end();
                }
                Poll::Ready(bytes.take().map(|bytes| Ok(Frame::data(bytes))))
            }
            Self::Stream(pieces) => pieces
                .poll_recv(cx)
                .map(|piece| piece.map(|bytes| Ok(Frame::data(bytes)))),
        }
    }

    fn is_end_stream(&self) -> bool {
        matches!(self, Self::Whole(None, _))
    }

    fn size_hint(&self) -> SizeHint {
        match self {
            Self::Whole(bytes, _) => {
                SizeHint::with_exact(bytes.as_ref().map_or(0, |bytes| bytes.len() as u64))
            }
            Self::Stream(_) => SizeHint::default(),
        }
    }
}
