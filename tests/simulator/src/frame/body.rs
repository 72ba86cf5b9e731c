//! Answers: how a provider states them and how they become HTTP bodies.

use axum::{body::Body, response::Response};
use bytes::Bytes;
use futures::stream;
use http::{HeaderName, HeaderValue, StatusCode, header};
use serde::Serialize;
use serde_json::json;
use std::{io, time::Duration};

/// Pieces of a long body, made while it is being sent.
pub(crate) type Pieces = Box<dyn Iterator<Item = Bytes> + Send>;

/// The body of an answer.
pub(crate) enum Content {
    /// No body at all.
    Empty,
    /// A body that is at hand.
    Whole(Bytes),
    /// A body made piece by piece, sent without a length.
    Pieces(Pieces),
}

/// A provider's answer before any fault touches it.
pub(crate) struct Reply {
    pub status: StatusCode,
    pub content_type: &'static str,
    pub content: Content,
    pub retry_after: Option<String>,
    pub location: Option<String>,
    /// The undocumented header `X-Debug-Info`.
    pub debug: Option<String>,
    /// The object that the request turned out to be about.
    pub object: Option<String>,
    /// Why the request was refused, for the log only.
    pub note: Option<String>,
    /// The provider closes the connection instead of answering.
    pub drop_connection: bool,
    /// Whether it was carried out, where the status does not tell.
    pub carried_out: Option<bool>,
}

pub(crate) const JSON: &str = "application/json";
pub(crate) const TEXT: &str = "text/plain; charset=utf-8";

impl Reply {
    pub(crate) fn new(status: StatusCode, content: Content) -> Self {
        Self {
            status,
            content_type: JSON,
            content,
            retry_after: None,
            location: None,
            debug: None,
            object: None,
            note: None,
            drop_connection: false,
            carried_out: None,
        }
    }

    pub(crate) fn json<T: Serialize>(status: StatusCode, value: &T) -> Self {
        Self::new(status, Content::Whole(json_bytes(value)))
    }

    pub(crate) fn empty(status: StatusCode) -> Self {
        Self::new(status, Content::Empty)
    }

    /// `{"message": …}` with a reason for the log.
    pub(crate) fn message(status: StatusCode, message: &str, note: impl Into<String>) -> Self {
        let mut reply = Self::json(status, &json!({ "message": message }));
        reply.note = Some(note.into());
        reply
    }

    pub(crate) fn about(mut self, object: impl Into<String>) -> Self {
        self.object = Some(object.into());
        self
    }

    pub(crate) fn succeeded(&self) -> bool {
        self.carried_out.unwrap_or_else(|| self.status.is_success())
    }
}

/// Serialized JSON; a value that cannot be serialized gives `null`.
pub(crate) fn json_bytes<T: Serialize>(value: &T) -> Bytes {
    serde_json::to_vec(value).map_or_else(|_| Bytes::from_static(b"null"), Bytes::from)
}

impl Content {
    /// The whole body in memory.
    pub(crate) fn collect(self) -> Bytes {
        match self {
            Self::Empty => Bytes::new(),
            Self::Whole(bytes) => bytes,
            Self::Pieces(pieces) => pieces
                .fold(Vec::new(), |mut all, piece| {
                    all.extend_from_slice(&piece);
                    all
                })
                .into(),
        }
    }

    fn pieces(self) -> Pieces {
        match self {
            Self::Empty => Box::new(std::iter::empty()),
            Self::Whole(bytes) => Box::new(std::iter::once(bytes)),
            Self::Pieces(pieces) => pieces,
        }
    }
}

/// How the body leaves the simulator.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Pace {
    /// As fast as the client reads.
    Full,
    /// At most this many bytes each second.
    BytesPerSecond(u64),
    /// Full speed up to this byte, then the connection breaks.
    CutAfter(u64),
}

/// Turns a reply into a response; `done` runs when the last byte was handed over.
pub(crate) fn response(reply: Reply, pace: Pace, done: impl FnOnce() + Send + 'static) -> Response {
    let Reply {
        status,
        content_type,
        content,
        retry_after,
        location,
        debug,
        ..
    } = reply;
    let has_body = !matches!(content, Content::Empty);
    let body = match (content, pace) {
        (Content::Empty, _) => {
            done();
            Body::empty()
        }
        (Content::Whole(bytes), Pace::Full) => {
            done();
            Body::from(bytes)
        }
        (content, Pace::Full) => flowing(content.pieces(), None, done),
        (content, Pace::BytesPerSecond(rate)) => {
            let per_tick = usize::try_from((rate / 10).max(1)).unwrap_or(usize::MAX);
            let tick = Duration::from_millis(if rate < 10 { 1000 / rate.max(1) } else { 100 });
            flowing(Box::new(split(content.pieces(), per_tick)), Some(tick), done)
        }
        (content, Pace::CutAfter(limit)) => cut(&content.collect(), limit),
    };
    let mut response = Response::new(body);
    *response.status_mut() = status;
    let headers = response.headers_mut();
    if has_body {
        headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(content_type));
    }
    let debug_info = HeaderName::from_static("x-debug-info");
    for (name, value) in [
        (header::RETRY_AFTER, retry_after),
        (header::LOCATION, location),
        (debug_info, debug),
    ] {
        if let Some(value) = value.and_then(|text| HeaderValue::try_from(text).ok()) {
            headers.insert(name, value);
        }
    }
    response
}

fn split(pieces: Pieces, size: usize) -> impl Iterator<Item = Bytes> + Send {
    pieces.flat_map(move |piece| {
        let starts = (0..piece.len()).step_by(size);
        starts
            .map(move |start| piece.slice(start..(start + size).min(piece.len())))
            .collect::<Vec<_>>()
    })
}

fn flowing(pieces: Pieces, tick: Option<Duration>, done: impl FnOnce() + Send + 'static) -> Body {
    let start = (pieces, Some(done));
    Body::from_stream(stream::unfold(start, move |(mut pieces, mut done)| async move {
        if let Some(piece) = pieces.next() {
            if let Some(tick) = tick {
                tokio::time::sleep(tick).await;
            }
            return Some((Ok::<_, io::Error>(piece), (pieces, done)));
        }
        if let Some(done) = done.take() {
            done();
        }
        None
    }))
}

fn cut(bytes: &Bytes, limit: u64) -> Body {
    let kept = bytes.slice(..usize::try_from(limit).unwrap_or(usize::MAX).min(bytes.len()));
    let broken = io::Error::new(io::ErrorKind::ConnectionAborted, "cut by a fault plan");
    let parts = [Ok(kept), Err(broken)];
    // The pause lets the kept part leave before the error discards what is still buffered.
    Body::from_stream(stream::unfold(parts.into_iter(), |mut parts| async move {
        let part = parts.next()?;
        if part.is_err() {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        Some((part, parts))
    }))
}
