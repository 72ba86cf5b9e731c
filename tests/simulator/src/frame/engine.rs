//! The way of one request through the simulator:
//! read → logged → rate limit → faults before → latency → applied → faults after → answered.

use crate::{
    frame::{
        body::{Content, Pace, Reply, TEXT, response},
        fault::{FaultAction, FaultBoard, GarbageKind, Traits, When},
        hold::{Holds, Release},
        log::{Phase, RequestLog, Ticket},
        plant::{gather, plant},
        provider::{Call, Latency, Provider, Target},
    },
    net::connection::ConnectionHandle,
};
use axum::{
    body::to_bytes,
    extract::{ConnectInfo, Request, State},
    response::Response,
};
use bytes::Bytes;
use http::StatusCode;
use serde_json::{Value, json};
use std::{future::pending, sync::Arc, time::Duration};
use uuid::Uuid;

/// Longest request body that is read, in bytes.
const BODY_LIMIT: usize = 8 << 20;

/// Everything that the requests and the admin side share.
pub(crate) struct Core {
    pub log: RequestLog,
    pub faults: FaultBoard,
    pub holds: Holds,
    pub providers: Vec<Arc<dyn Provider>>,
    /// What every answer carries where nobody should look.
    pub planted: Option<String>,
}

/// A request with all that was found out when it arrived.
struct Arrival {
    call: Call,
    ticket: Ticket,
    provider: Option<Arc<dyn Provider>>,
    refused: Option<Reply>,
    actions: Vec<FaultAction>,
}

enum Outcome {
    Answer(Reply, Pace),
    Drop,
    Hang,
}

/// Serves one request of a provider's client.
pub(crate) async fn serve(
    State(core): State<Arc<Core>>,
    ConnectInfo(connection): ConnectInfo<ConnectionHandle>,
    request: Request,
) -> Response {
    let Some(arrival) = arrive(&core, request).await else {
        // The client went away in the middle of its own request.
        connection.close();
        return pending().await;
    };
    let ticket = arrival.ticket;
    // In a task of its own: like a real server, it finishes the work of a client that has gone.
    let work = tokio::spawn(run(Arc::clone(&core), arrival));
    match work.await.unwrap_or(Outcome::Drop) {
        Outcome::Answer(reply, pace) => {
            let reply = match &core.planted {
                Some(text) => plant(reply, text),
                None => reply,
            };
            let status = reply.status.as_u16();
            if matches!(pace, Pace::CutAfter(_)) {
                core.log.dropped(ticket);
            }
            response(reply, pace, move || core.log.answered(ticket, status))
        }
        Outcome::Drop => {
            core.log.dropped(ticket);
            connection.close();
            pending().await
        }
        Outcome::Hang => pending().await,
    }
}

async fn arrive(core: &Core, request: Request) -> Option<Arrival> {
    let (parts, body) = request.into_parts();
    let body = to_bytes(body, BODY_LIMIT).await.ok()?;
    let path = parts.uri.path().to_owned();
    let provider = core
        .providers
        .iter()
        .find(|provider| provider.claims(&path))
        .cloned();
    let target = provider
        .as_ref()
        .map_or_else(Target::unknown, |found| found.target(&parts.method, &path));
    let organization = provider
        .as_ref()
        .and_then(|found| found.organization(&parts.headers));
    let query = parts.uri.query().map(str::to_owned);
    let call = Call {
        method: parts.method,
        path,
        query,
        headers: parts.headers,
        body,
        target,
    };
    let name = provider.as_ref().map_or("none", |found| found.name());
    let is_credential = |header: &str| provider.as_ref().is_some_and(|found| found.is_credential(header));
    let ticket = core
        .log
        .receive(name, organization.as_deref(), &call, &is_credential);

    let refused = provider.as_ref().and_then(|found| found.over_limit(&call));
    // A request above the limit never gets as far as a fault, so it does not count as a match.
    let met = if refused.is_some() {
        Vec::new()
    } else {
        core.faults.meet(Traits {
            provider: name,
            operation: call.target.operation,
            method: call.method.as_str(),
            organization: organization.as_deref(),
            id: call.target.object.as_deref(),
        })
    };
    let (ids, actions): (Vec<u64>, Vec<FaultAction>) = met.into_iter().unzip();
    if !ids.is_empty() {
        core.log.note(ticket, |entry| entry.faults = ids, |_| ());
    }
    Some(Arrival {
        call,
        ticket,
        provider,
        refused,
        actions,
    })
}

async fn run(core: Arc<Core>, arrival: Arrival) -> Outcome {
    let Arrival {
        call,
        ticket,
        provider,
        refused,
        actions,
    } = arrival;
    if let Some(reply) = refused {
        core.log
            .note(ticket, |entry| entry.note.clone_from(&reply.note), |_| ());
        return Outcome::Answer(reply, Pace::Full);
    }
    if wait_for_plans(&core, ticket, &actions, When::Before).await == Release::Drop {
        return Outcome::Drop;
    }
    if let Some(outcome) = actions.iter().find_map(instead_of_applying) {
        return outcome;
    }
    if let Some(provider) = &provider {
        wait_latency(provider.latency()).await;
    }
    let reply = apply(&core, ticket, provider.as_deref(), &call);
    if wait_for_plans(&core, ticket, &actions, When::Applied).await == Release::Drop || reply.drop_connection
    {
        return Outcome::Drop;
    }
    after_applying(reply, &actions)
}

fn apply(core: &Core, ticket: Ticket, provider: Option<&dyn Provider>, call: &Call) -> Reply {
    let reply = provider.map_or_else(
        || Reply::message(StatusCode::NOT_FOUND, "Not found", "no provider has this path"),
        |provider| provider.apply(call),
    );
    let reply = if core.planted.is_some() {
        gather(reply)
    } else {
        reply
    };
    let succeeded = reply.succeeded();
    core.log.note(
        ticket,
        |entry| {
            entry.provider_status = Some(reply.status.as_u16());
            entry.note.clone_from(&reply.note);
            entry.phase = Phase::Applied;
            entry.applied = succeeded;
            if reply.object.is_some() {
                entry.id.clone_from(&reply.object);
            }
        },
        |count| count.applied += u64::from(succeeded),
    );
    reply
}

async fn wait_latency(latency: Latency) {
    let jitter = match latency.jitter_ms {
        0 => 0,
        most => u64::try_from(Uuid::new_v4().as_u128() % (u128::from(most) + 1)).unwrap_or(0),
    };
    let total = latency.fixed_ms + jitter;
    if total > 0 {
        tokio::time::sleep(Duration::from_millis(total)).await;
    }
}

async fn wait_for_plans(core: &Core, ticket: Ticket, actions: &[FaultAction], now: When) -> Release {
    for action in actions {
        match action {
            FaultAction::Delay { ms, when } if *when == now => {
                tokio::time::sleep(Duration::from_millis(*ms)).await;
            }
            FaultAction::Hold { when } if *when == now => {
                let released = core.holds.enter(ticket.seq, now);
                core.log.note(ticket, |entry| entry.held = Some(now), |_| ());
                // A simulator that stops lets go of nothing: the request counts as dropped.
                let release = released.await.unwrap_or(Release::Drop);
                core.log.note(ticket, |entry| entry.held = None, |_| ());
                if release == Release::Drop {
                    return release;
                }
            }
            _ => {}
        }
    }
    Release::Continue
}

fn instead_of_applying(action: &FaultAction) -> Option<Outcome> {
    let answer = |reply| Some(Outcome::Answer(reply, Pace::Full));
    match action {
        FaultAction::FailBefore {
            status,
            body,
            retry_after,
        } => answer(error_reply(*status, body.as_ref(), retry_after.as_ref())),
        FaultAction::DropBefore => Some(Outcome::Drop),
        FaultAction::Hang { apply: false } => Some(Outcome::Hang),
        FaultAction::Redirect { location, status } => {
            let mut reply = Reply::empty(status_code(*status));
            reply.location = Some(location.clone());
            answer(reply)
        }
        FaultAction::Garbage { kind, apply: false } => answer(garbage(*kind, Content::Empty)),
        FaultAction::Huge { bytes, apply: false } => answer(huge(*bytes)),
        _ => None,
    }
}

fn after_applying(reply: Reply, actions: &[FaultAction]) -> Outcome {
    let full = |reply| Outcome::Answer(reply, Pace::Full);
    for action in actions {
        match action {
            FaultAction::ApplyThenDrop => return Outcome::Drop,
            FaultAction::ApplyThenStatus {
                status,
                body,
                retry_after,
            } => {
                return full(error_reply(*status, body.as_ref(), retry_after.as_ref()));
            }
            FaultAction::Hang { apply: true } => return Outcome::Hang,
            FaultAction::Garbage { kind, apply: true } => return full(garbage(*kind, reply.content)),
            FaultAction::Huge { bytes, apply: true } => return full(huge(*bytes)),
            FaultAction::Slow { bytes_per_second } => {
                return Outcome::Answer(reply, Pace::BytesPerSecond(*bytes_per_second));
            }
            FaultAction::CutBody { after_bytes } => {
                return Outcome::Answer(reply, Pace::CutAfter(*after_bytes));
            }
            _ => {}
        }
    }
    full(reply)
}

fn status_code(status: u16) -> StatusCode {
    StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR)
}

fn error_reply(status: u16, body: Option<&Value>, retry_after: Option<&String>) -> Reply {
    let status = status_code(status);
    let mut reply = match body {
        None => Reply::json(status, &json!({ "message": "Fault plan of the simulator" })),
        Some(Value::String(text)) => {
            let mut reply = Reply::new(status, Content::Whole(Bytes::from(text.clone())));
            reply.content_type = TEXT;
            reply
        }
        Some(value) => Reply::json(status, value),
    };
    reply.retry_after = retry_after.cloned();
    reply
}

fn garbage(kind: GarbageKind, real: Content) -> Reply {
    match kind {
        GarbageKind::Empty => Reply::new(StatusCode::OK, Content::Whole(Bytes::new())),
        GarbageKind::Html => {
            let page = "<!doctype html><html><body><h1>Bad gateway</h1></body></html>";
            let mut reply = Reply::new(
                StatusCode::OK,
                Content::Whole(Bytes::from_static(page.as_bytes())),
            );
            reply.content_type = "text/html; charset=utf-8";
            reply
        }
        GarbageKind::TruncatedJson => {
            let real = real.collect();
            let cut = if real.len() > 1 {
                real.slice(..real.len() / 2)
            } else {
                Bytes::from_static(br#"{"data":{"id":"0b7e"#)
            };
            Reply::new(StatusCode::OK, Content::Whole(cut))
        }
        GarbageKind::WrongTypes => {
            let real = serde_json::from_slice(&real.collect()).unwrap_or_else(|_| json!({ "data": "text" }));
            Reply::json(StatusCode::OK, &other_types(real))
        }
    }
}

fn other_types(value: Value) -> Value {
    match value {
        Value::Null | Value::Number(_) => Value::Bool(true),
        Value::Bool(_) => Value::String("yes".to_owned()),
        Value::String(_) => Value::from(17),
        Value::Array(items) if items.is_empty() => json!({}),
        Value::Array(items) => items.into_iter().map(other_types).collect(),
        Value::Object(members) => members
            .into_iter()
            .map(|(name, value)| (name, other_types(value)))
            .collect(),
    }
}

/// `{"data":"aaa…"}` of at least `bytes` bytes, never in memory as a whole.
fn huge(bytes: u64) -> Reply {
    const PIECE: usize = 64 << 10;
    let filler = Bytes::from(vec![b'a'; PIECE]);
    let whole = bytes / (PIECE as u64);
    let rest = usize::try_from(bytes % (PIECE as u64)).unwrap_or(0);
    let last = filler.slice(..rest);
    let middle = (0..whole)
        .map(move |_| filler.clone())
        .chain(std::iter::once(last));
    let pieces = std::iter::once(Bytes::from_static(br#"{"data":""#))
        .chain(middle)
        .chain(std::iter::once(Bytes::from_static(br#""}"#)));
    Reply::new(StatusCode::OK, Content::Pieces(Box::new(pieces)))
}
