//! The seven operations, each carried out completely under the state's lock.

use crate::{
    dixa::{
        credential,
        input::{self, Refusal},
        render::{self, Data},
        state::{State, Token},
        subscription::Subscription,
        switches::{RefusalBody, Switches},
    },
    frame::{
        body::{Content, Pieces, Reply, json_bytes},
        provider::{Call, Target},
        store::Lag,
    },
};
use bytes::Bytes;
use http::{Method, StatusCode};
use serde_json::json;
use std::sync::Arc;
use uuid::Uuid;

/// Bytes that a piece of a list holds at least.
const PIECE: usize = 32 << 10;

/// The operation that a method and the rest of the path stand for.
pub(crate) fn target(method: &Method, rest: &str) -> Target {
    let parts: Vec<&str> = rest.split('/').skip(1).collect();
    let named = |operation, object: Option<&&str>, detail: Option<&&str>| Target {
        operation,
        object: object.map(ToString::to_string),
        detail: detail.map(ToString::to_string),
    };
    match (method.as_str(), parts.as_slice()) {
        ("GET", []) => named("list", None, None),
        ("POST", []) => named("create", None, None),
        ("GET", [id]) => named("get", Some(id), None),
        ("PATCH", [id]) => named("patch", Some(id), None),
        ("DELETE", [id]) => named("delete", Some(id), None),
        ("GET", [id, "delivery-status"]) => named("deliveryStatus", Some(id), None),
        ("GET", [id, "delivery-status", "logs", event]) => named("logs", Some(id), Some(event)),
        (_, [] | [_] | [_, "delivery-status"] | [_, "delivery-status", "logs", _]) => {
            named("wrongMethod", parts.first(), None)
        }
        _ => Target::unknown(),
    }
}

fn invalid(note: impl Into<String>) -> Reply {
    Reply::message(StatusCode::BAD_REQUEST, "Invalid value in request", note)
}

fn not_found(note: impl Into<String>) -> Reply {
    Reply::message(
        StatusCode::NOT_FOUND,
        "The requested resource could not be found",
        note,
    )
}

fn refused(refusal: Refusal) -> Reply {
    match refusal {
        Refusal::Decoding(note) => {
            Reply::message(StatusCode::BAD_REQUEST, "Decoding failure in request", note)
        }
        Refusal::Value(note) => invalid(note),
    }
}

/// Carries out one request.
pub(crate) fn apply(state: &mut State, call: &Call) -> Reply {
    let token =
        credential(&call.headers, state.switches.auth_scheme).and_then(|token| state.tokens.get(token));
    let Some(token) = token.cloned() else {
        return unauthorized(&state.switches);
    };
    state.store.count_request(&token.organization);
    match call.target.operation {
        "list" => return list(state, &token, call),
        "create" => return create(state, &token, call),
        "wrongMethod" => {
            return Reply::message(
                StatusCode::METHOD_NOT_ALLOWED,
                "Method not allowed",
                "no such operation",
            );
        }
        "unknown" => return not_found("no such path"),
        _ => {}
    }
    let Some(id) = call
        .target
        .object
        .as_deref()
        .and_then(|id| Uuid::try_parse(id).ok())
    else {
        return invalid("the id in the path is not a UUID");
    };
    match call.target.operation {
        "patch" => patch(state, &token, call, id),
        "delete" => delete(state, &token, id),
        _ => read(state, &token, call, id),
    }
}

fn unauthorized(switches: &Switches) -> Reply {
    let status = switches.unauthorized_status;
    let mut reply = match switches.unauthorized_body {
        RefusalBody::Empty => Reply::empty(status),
        RefusalBody::Message => Reply::json(status, &json!({ "message": "Unauthorized" })),
        RefusalBody::Html => {
            let page = Bytes::from_static(b"<html><body>Unauthorized</body></html>");
            let mut reply = Reply::new(status, Content::Whole(page));
            reply.content_type = "text/html; charset=utf-8";
            reply
        }
    };
    reply.note = Some("the token is missing, unknown or in the wrong form".to_owned());
    reply
}

/// The refusal of a change that the token or the content type does not allow.
fn refused_change(token: &Token, call: &Call, has_body: bool) -> Option<Reply> {
    if token.read_only {
        return Some(Reply::message(
            StatusCode::FORBIDDEN,
            "Forbidden",
            "the token is read-only",
        ));
    }
    let media_type = call.media_type();
    (has_body && media_type != "application/json").then(|| {
        refused(Refusal::Decoding(format!(
            "content type {media_type:?} is not JSON"
        )))
    })
}

fn create(state: &mut State, token: &Token, call: &Call) -> Reply {
    if let Some(reply) = refused_change(token, call, true) {
        return reply;
    }
    let content = match input::create(&call.body, &state.switches) {
        Ok(content) => content,
        Err(refusal) => return refused(refusal),
    };
    let created = state.create(&token.organization, token.user, content);
    let mut reply = show(StatusCode::CREATED, &created, &state.switches);
    reply.drop_connection = state.switches.post_drops.is_yes();
    reply
}

fn show(status: StatusCode, found: &Subscription, switches: &Switches) -> Reply {
    Reply::json(
        status,
        &Data {
            data: render::subscription(found, switches),
        },
    )
    .about(found.id.to_string())
}

fn patch(state: &mut State, token: &Token, call: &Call, id: Uuid) -> Reply {
    if let Some(reply) = refused_change(token, call, true) {
        return reply;
    }
    let patch = match input::patch(&call.body) {
        Ok(patch) => patch,
        Err(refusal) => return refused(refusal),
    };
    let Some(found) = state.store.find_in(&token.organization, id) else {
        let note = "no subscription of this organization has the id";
        return if state.switches.patch_absent == StatusCode::NOT_FOUND {
            not_found(note)
        } else {
            invalid(note)
        };
    };
    match patch.applied_to(&found.content, &state.switches) {
        Ok(content) => state.write(id, token.user, content).map_or_else(
            || not_found("gone"),
            |changed| show(StatusCode::OK, &changed, &state.switches),
        ),
        Err(refusal) => refused(refusal),
    }
}

fn delete(state: &mut State, token: &Token, id: Uuid) -> Reply {
    if token.read_only {
        return Reply::message(StatusCode::FORBIDDEN, "Forbidden", "the token is read-only");
    }
    if state.store.find_in(&token.organization, id).is_none() {
        return not_found("no subscription of this organization has the id");
    }
    state.store.delete(id);
    Reply::empty(StatusCode::NO_CONTENT)
}

fn read(state: &State, token: &Token, call: &Call, id: Uuid) -> Reply {
    let switches = &state.switches;
    let lag = Lag {
        requests: switches.get_lag_requests,
        ms: switches.get_lag_ms,
    };
    let Some(found) = state.store.see(&token.organization, id, lag) else {
        return not_found("no subscription of this organization has the id");
    };
    match (call.target.operation, call.target.detail.as_deref()) {
        ("deliveryStatus", _) => Reply::json(
            StatusCode::OK,
            &Data {
                data: render::delivery_status(found),
            },
        ),
        ("logs", Some(event)) => Reply::json(
            StatusCode::OK,
            &Data {
                data: render::delivery_logs(found, event),
            },
        ),
        _ => show(StatusCode::OK, found, switches),
    }
}

fn list(state: &State, token: &Token, call: &Call) -> Reply {
    let key = call.query_value("pageKey");
    let Ok(start) = key.map_or(Ok(0), |key| key.parse()) else {
        return invalid("pageKey is not one that was given out");
    };
    let switches = state.switches.clone();
    let lag = Lag {
        requests: switches.list_lag_requests,
        ms: switches.list_lag_ms,
    };
    let seen = state.store.see_after(&token.organization, start, lag);
    let size = switches
        .page_size
        .and_then(|size| usize::try_from(size).ok())
        .unwrap_or(usize::MAX);
    let mut page: Vec<Arc<Subscription>> = seen.take(size.saturating_add(1)).cloned().collect();
    let more = page.len() > size;
    page.truncate(size);
    let next = page.last().filter(|_| more).map(|last| {
        let origin = switches.page_link.origin();
        format!("{origin}{}?pageKey={}", call.path, last.ordinal)
    });
    Reply::new(StatusCode::OK, Content::Pieces(list_pieces(page, switches, next)))
}

/// The list as JSON, made while it is sent: a long list never stands in memory twice.
fn list_pieces(page: Vec<Arc<Subscription>>, switches: Switches, next: Option<String>) -> Pieces {
    let mut rest = page.into_iter();
    let mut first = true;
    let mut ended = false;
    Box::new(std::iter::from_fn(move || {
        if ended {
            return None;
        }
        let mut piece = Vec::with_capacity(2 * PIECE);
        if first {
            piece.extend_from_slice(br#"{"data":["#);
        }
        while piece.len() < PIECE {
            let Some(found) = rest.next() else {
                ended = true;
                piece.push(b']');
                if let Some(next) = &next {
                    piece.extend_from_slice(br#","meta":"#);
                    piece.extend_from_slice(&json_bytes(&json!({ "next": next })));
                }
                piece.push(b'}');
                break;
            };
            if !first {
                piece.push(b',');
            }
            first = false;
            piece.extend_from_slice(&json_bytes(&render::subscription(&found, &switches)));
        }
        Some(Bytes::from(piece))
    }))
}
