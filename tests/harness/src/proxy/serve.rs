//! The way of one request through a proxy: read → before → forwarded → applied → answered → after.

use std::convert::Infallible;
use std::future::pending;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http_body_util::{BodyExt as _, Full};
use hyper::body::Incoming;
use hyper::http::response::Parts;
use hyper::{Request, Response, StatusCode, header};
use serde_json::json;
use tokio::sync::mpsc;
use tokio::time::timeout;

use super::body::{AtEnd, Reply};
use super::classify::{self, Call, Side};
use super::link::Handle;
use super::plan::{Action, At, Swap};
use super::switchboard::{Release, Switchboard};
use super::upstream::{Failure, Upstream};
use super::watch;

/// Everything that the requests of a proxy share.
pub(super) struct Front {
    pub side: Side,
    pub switchboard: Switchboard,
    pub upstream: Upstream,
}

/// One request on its way.
struct Passage {
    front: Arc<Front>,
    connection: Handle,
    seq: u64,
    call: Call,
    actions: Vec<(At, Action)>,
}

/// How a request ends for its client.
enum Outcome {
    Answer(Response<Reply>),
    Reset,
    Hang,
}

/// Serves one request of one connection.
pub(super) async fn serve(
    front: Arc<Front>,
    connection: Handle,
    request: Request<Incoming>,
) -> Result<Response<Reply>, Infallible> {
    let path = request.uri().path().to_owned();
    let query = request.uri().query().unwrap_or_default();
    let call = match front.side {
        Side::Apiserver => classify::apiserver(request.method().as_str(), &path, query),
        Side::Provider => classify::provider(request.method().as_str(), &path),
    };
    let (parts, body) = request.into_parts();
    let Ok(body) = body.collect().await else {
        connection.reset();
        return pending().await;
    };
    let arrival = front.switchboard.arrive(call.clone());
    let passage = Passage {
        front,
        connection: connection.clone(),
        seq: arrival.seq,
        call,
        actions: arrival.actions,
    };
    let request = Request::from_parts(parts, Full::new(body.to_bytes()));
    // In a task of its own: what was forwarded is carried out, even when the client goes away.
    let outcome = tokio::spawn(passage.run(request)).await;
    match outcome.unwrap_or(Outcome::Reset) {
        Outcome::Answer(answer) => Ok(answer),
        Outcome::Hang => pending().await,
        Outcome::Reset => {
            connection.reset();
            pending().await
        }
    }
}

impl Passage {
    async fn run(self, request: Request<Full<Bytes>>) -> Outcome {
        if let Some(outcome) = self.strike(At::Before).await {
            return outcome;
        }
        if self.call.verb == "watch" {
            return self.watch(request).await.unwrap_or(Outcome::Reset);
        }
        let Ok(answer) = self.front.upstream.whole(request).await else {
            return Outcome::Reset;
        };
        self.front.switchboard.applied(self.seq, answer.status().as_u16());
        if let Some(outcome) = self.strike(At::Applied).await {
            return outcome;
        }
        let (parts, body) = answer.into_parts();
        self.answer(parts, body)
    }

    async fn watch(self, request: Request<Full<Bytes>>) -> Result<Outcome, Failure> {
        let answer = self.front.upstream.streamed(request).await?;
        let status = answer.status().as_u16();
        let switchboard = self.front.switchboard.clone();
        switchboard.applied(self.seq, status);
        if let Some(outcome) = self.strike(At::Applied).await {
            return Ok(outcome);
        }
        let (parts, body) = answer.into_parts();
        switchboard.answered(self.seq, status);
        let (client, events) = mpsc::channel(16);
        tokio::spawn(watch::relay(switchboard, self.seq, self.call, body, client));
        Ok(Outcome::Answer(Response::from_parts(
            without_length(parts),
            Reply::Stream(events),
        )))
    }

    /// What the plans for this moment make of the request; `None` when it goes on.
    async fn strike(&self, now: At) -> Option<Outcome> {
        for action in self.actions_at(now) {
            match action {
                Action::Kill => {
                    self.front.switchboard.kill();
                    return Some(Outcome::Reset);
                }
                Action::Reset => return Some(Outcome::Reset),
                Action::Hang => return Some(Outcome::Hang),
                Action::Delay(time) => tokio::time::sleep(*time).await,
                Action::Hold => {
                    let released = self.front.switchboard.hold(self.seq, &self.call);
                    if released.await != Ok(Release::Continue) {
                        return Some(Outcome::Reset);
                    }
                }
                Action::Status { code, retry_after } => {
                    return Some(self.refusal(*code, retry_after.as_deref()));
                }
                Action::Body(_) | Action::Slice { .. } | Action::Cut { .. } => {}
            }
        }
        None
    }

    fn actions_at(&self, now: At) -> impl Iterator<Item = &Action> {
        let at_now = self.actions.iter().filter(move |(at, _)| *at == now);
        at_now.map(|(_, action)| action)
    }

    fn answer(self, parts: Parts, mut body: Bytes) -> Outcome {
        let parts = without_length(parts);
        for (_, action) in &self.actions {
            match action {
                Action::Body(swap) => body = swapped(swap, &body),
                Action::Slice { bytes, pause } => {
                    return Outcome::Answer(Response::from_parts(parts, sliced(body, *bytes, *pause)));
                }
                Action::Cut { after } => {
                    let begin = body.split_to((*after).min(body.len()));
                    return Outcome::Answer(Response::from_parts(parts, cut(begin, self.connection)));
                }
                _ => {}
            }
        }
        let at_end = self.at_end(parts.status.as_u16());
        Outcome::Answer(Response::from_parts(parts, Reply::whole(body, Some(at_end))))
    }

    /// Once the connection has taken the whole answer: it is recorded, and what is to happen after it happens.
    fn at_end(self, status: u16) -> AtEnd {
        let actions: Vec<Action> = self.actions_at(At::After).cloned().collect();
        Box::new(move || {
            let Self {
                front,
                connection,
                seq,
                ..
            } = self;
            let switchboard = front.switchboard.clone();
            let reset = connection.clone();
            connection.after_flush(move || {
                switchboard.answered(seq, status);
                for action in actions {
                    if action == Action::Kill {
                        switchboard.kill();
                    }
                    reset.reset();
                }
            });
        })
    }

    fn refusal(&self, code: u16, retry_after: Option<&str>) -> Outcome {
        let message = "answered by a fault plan";
        let body = match self.call.side {
            Side::Provider => json!({"message": message}),
            Side::Apiserver => {
                json!({"kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Failure",
                "message": message, "reason": reason(code), "code": code})
            }
        };
        let mut answer = Response::new(Reply::whole(Bytes::from(body.to_string()), None));
        *answer.status_mut() = StatusCode::from_u16(code).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        let json = header::HeaderValue::from_static("application/json");
        answer.headers_mut().insert(header::CONTENT_TYPE, json);
        if let Some(Ok(value)) = retry_after.map(header::HeaderValue::from_str) {
            answer.headers_mut().insert(header::RETRY_AFTER, value);
        }
        self.front.switchboard.answered(self.seq, code);
        Outcome::Answer(answer)
    }
}

/// The reason that the apiserver gives with a status (`k8s.io/apimachinery`, `metav1.StatusReason`).
fn reason(code: u16) -> &'static str {
    match code {
        400 => "BadRequest",
        401 => "Unauthorized",
        403 => "Forbidden",
        404 => "NotFound",
        409 => "Conflict",
        410 => "Expired",
        422 => "Invalid",
        429 => "TooManyRequests",
        500 => "InternalError",
        503 => "ServiceUnavailable",
        504 => "Timeout",
        _ => "",
    }
}

fn without_length(mut parts: Parts) -> Parts {
    for hop in [
        header::CONTENT_LENGTH,
        header::TRANSFER_ENCODING,
        header::CONNECTION,
    ] {
        parts.headers.remove(hop);
    }
    parts
}

fn swapped(swap: &Swap, real: &Bytes) -> Bytes {
    match swap {
        Swap::Html => Bytes::from_static(b"<!doctype html><html><body><h1>Sign in</h1></body></html>"),
        Swap::Empty => Bytes::new(),
        Swap::Null => Bytes::from_static(b"null"),
        Swap::Truncated => real.slice(..real.len() / 2),
        Swap::Text(text) => Bytes::from(text.clone()),
    }
}

fn sliced(mut body: Bytes, bytes: usize, pause: Duration) -> Reply {
    let (client, pieces) = mpsc::channel(1);
    tokio::spawn(async move {
        while !body.is_empty() {
            tokio::time::sleep(pause).await;
            let piece = body.split_to(bytes.min(body.len()));
            if client.send(piece).await.is_err() {
                return;
            }
        }
    });
    Reply::Stream(pieces)
}

/// By then what a connection was given is with the system.
const FLUSHED: Duration = Duration::from_millis(200);

fn cut(begin: Bytes, connection: Handle) -> Reply {
    let (client, pieces) = mpsc::channel(1);
    tokio::spawn(async move {
        let _ = client.send(begin).await;
        let reset = connection.clone();
        connection.after_flush(move || reset.reset());
        // That flush may be over already, and the end of the body would be an end that the client believes.
        if timeout(FLUSHED, client.closed()).await.is_err() {
            connection.reset();
            client.closed().await;
        }
    });
    Reply::Stream(pieces)
}
