//! The nine operations, each carried out completely under the state's lock.

use crate::{
    babel::{
        access::{self, Key, Permission},
        input::{self, Refusal},
        render,
        state::State,
        subscription::Subscription,
        switches::{AbsentForm, FailureForm, Switches},
    },
    frame::{
        body::Reply,
        clock,
        provider::{Call, Target},
        store::Lag,
    },
};
use http::{Method, StatusCode};
use serde_json::{Map, Value, json};
use std::sync::Arc;

/// Rows in a list when the request does not say how many.
const DEFAULT_TAKE: u64 = 10;

/// The operation that a method and the path below `/v1/webhooks/` stand for.
pub(crate) fn target(method: &Method, rest: &str) -> Target {
    let parts: Vec<&str> = rest.split('/').collect();
    let named = |operation, object: Option<&&str>, detail: Option<&&str>| Target {
        operation,
        object: object.map(ToString::to_string),
        detail: detail.map(ToString::to_string),
    };
    match (method.as_str(), parts.as_slice()) {
        ("GET", ["event-types"]) => named("eventTypes", None, None),
        ("GET", ["subscriptions"]) => named("list", None, None),
        ("POST", ["subscriptions"]) => named("create", None, None),
        ("GET", ["subscriptions", id]) => named("get", Some(id), None),
        ("PUT", ["subscriptions", id]) => named("put", Some(id), None),
        ("DELETE", ["subscriptions", id]) => named("delete", Some(id), None),
        ("POST", ["subscriptions", id, "test"]) => named("test", Some(id), None),
        ("GET", ["subscriptions", id, "events"]) => named("events", Some(id), None),
        ("DELETE", ["subscriptions", id, "events", event]) => named("deleteEvent", Some(id), Some(event)),
        (_, ["event-types" | "subscriptions"]) => named("wrongMethod", None, None),
        (
            _,
            ["subscriptions", id]
            | ["subscriptions", id, "test" | "events"]
            | ["subscriptions", id, "events", _],
        ) => named("wrongMethod", Some(id), None),
        _ => Target::unknown(),
    }
}

/// Carries out one request.
pub(crate) fn apply(state: &mut State, call: &Call) -> Reply {
    let key = match admitted(state, call) {
        Ok(key) => key,
        Err(reply) => return *reply,
    };
    state.store.count_request(&key.installation);
    let switches = state.switches.clone();
    let needed = match call.target.operation {
        "create" => Permission::Create,
        "put" | "test" => Permission::Write,
        "delete" | "deleteEvent" => Permission::Delete,
        _ => Permission::Read,
    };
    if !key.permissions.contains(&needed) {
        let note = "the key lacks the permission";
        return render::refusal(StatusCode::FORBIDDEN, "Forbidden", note, &switches);
    }
    match call.target.operation {
        "list" => list(state, &key, call),
        "create" => create(state, &key, call),
        "eventTypes" => {
            let mut members = Map::new();
            let types = state.event_types(&key.installation);
            members.insert("eventTypes".to_owned(), json!(types));
            render::success(members, &switches)
        }
        "wrongMethod" => render::refusal(
            StatusCode::METHOD_NOT_ALLOWED,
            "Method not allowed",
            "no such operation",
            &switches,
        ),
        "unknown" => render::refusal(StatusCode::NOT_FOUND, "Not found", "no such path", &switches),
        _ => on_one(state, &key, call),
    }
}

/// The key of a request that is let in.
fn admitted(state: &mut State, call: &Call) -> Result<Key, Box<Reply>> {
    let (host, now) = (access::host(&call.headers), clock::now_ms());
    if state.guard.is_locked(&host, now) {
        let note = "locked out after failed authentications";
        return Err(Box::new(render::refusal(
            state.switches.lockout_status,
            "Too many failed attempts. Try again later.",
            note,
            &state.switches,
        )));
    }
    let given = access::credential(&call.headers, &state.switches);
    if let Some(key) = given.and_then(|given| state.keys.get(given)) {
        return Ok(key.clone());
    }
    if state.switches.lockout.is_on() {
        state.guard.failed(&host, now);
    }
    let note = "the key is missing, unknown or in the wrong place";
    Err(Box::new(render::refusal(
        StatusCode::UNAUTHORIZED,
        "Unauthorized",
        note,
        &state.switches,
    )))
}

/// The refusal of a request whose path, query or body does not have the documented shape.
fn misshapen(note: &str, switches: &Switches) -> Reply {
    render::refusal(StatusCode::BAD_REQUEST, "The request is invalid.", note, switches)
}

fn refused(refusal: Refusal, switches: &Switches) -> Reply {
    match refusal {
        Refusal::Shape(note) => misshapen(&note, switches),
        Refusal::Value(note) => {
            let message = "One or more values are invalid.";
            render::failure(StatusCode::BAD_REQUEST, message, &note, switches)
        }
    }
}

fn wrong_media_type(call: &Call, switches: &Switches) -> Option<Reply> {
    let media_type = call.media_type();
    let taken = matches!(
        media_type,
        "application/json" | "application/json-patch+json" | "text/json"
    );
    (!taken).then(|| {
        let note = format!("content type {media_type:?} is not JSON");
        render::refusal(
            StatusCode::UNSUPPORTED_MEDIA_TYPE,
            "Unsupported media type",
            &note,
            switches,
        )
    })
}

fn show(found: &Subscription, with_events: bool, switches: &Switches) -> Reply {
    let mut members = Map::new();
    let shown = render::subscription(found, with_events, switches);
    members.insert("subscription".to_owned(), shown);
    render::success(members, switches).about(found.id.to_string())
}

fn create(state: &mut State, key: &Key, call: &Call) -> Reply {
    let switches = state.switches.clone();
    if let Some(reply) = wrong_media_type(call, &switches) {
        return reply;
    }
    let types = state.event_types(&key.installation);
    let content = match input::whole(&call.body, &types, &switches) {
        Ok(content) => content,
        Err(refusal) => return refused(refusal, &switches),
    };
    let created = state.create(&key.installation, &key.user_id, content);
    let mut reply = show(&created, false, &switches);
    reply.drop_connection = switches.post_drops.is_yes();
    reply
}

/// `take` and `skip` of a request, or what is wrong with them.
fn window(call: &Call, switches: &Switches) -> Result<(usize, usize), String> {
    let read = |name: &str, unset: u64| match call.query_value(name) {
        None => Ok(unset),
        Some(text) => {
            let number = text.parse::<i32>().ok();
            number
                .and_then(|number| u64::try_from(number).ok())
                .ok_or_else(|| format!("{name} is not a number from 0"))
        }
    };
    let take = read("take", DEFAULT_TAKE)?.min(switches.take_cap.unwrap_or(u64::MAX));
    let size = |number: u64| usize::try_from(number).unwrap_or(usize::MAX);
    Ok((size(take), size(read("skip", 0)?)))
}

fn wants_events(call: &Call) -> bool {
    call.query_value("include")
        .is_some_and(|include| include.to_ascii_lowercase().contains("webhookevents"))
}

fn list(state: &State, key: &Key, call: &Call) -> Reply {
    let switches = &state.switches;
    let (take, skip) = match window(call, switches) {
        Ok(window) => window,
        Err(note) => return misshapen(&note, switches),
    };
    let lag = Lag {
        requests: switches.list_lag_requests,
        ms: switches.list_lag_ms,
    };
    let mut rows: Vec<&Arc<Subscription>> = state.store.see_after(&key.installation, 0, lag).collect();
    rows.sort_unstable_by_key(|row| {
        let number = u64::from(row.id.cast_unsigned());
        switches.list_order.place(number)
    });
    let with_events = wants_events(call);
    let shown = rows.iter().skip(skip).take(take);
    let items = shown
        .map(|row| render::subscription(row, with_events, switches))
        .collect();
    let members = render::listed(
        "subscriptions",
        items,
        "totalSubscriptionsCount",
        rows.len(),
        switches,
    );
    render::success(members, switches)
}

/// The operations on one subscription.
fn on_one(state: &mut State, key: &Key, call: &Call) -> Reply {
    let switches = state.switches.clone();
    let number = |text: &Option<String>| text.as_deref().and_then(|text| text.parse::<i32>().ok());
    let Some(id) = number(&call.target.object) else {
        return misshapen("the id in the path is not an int32", &switches);
    };
    let lag = match call.target.operation {
        "get" | "events" => Lag {
            requests: switches.get_lag_requests,
            ms: switches.get_lag_ms,
        },
        _ => Lag { requests: 0, ms: 0 },
    };
    let form = match (call.target.operation, switches.failure_form) {
        ("get" | "events", _) => switches.get_absent,
        ("delete" | "deleteEvent", _) => switches.delete_absent,
        (_, FailureForm::Status) => AbsentForm::NotFound,
        (_, FailureForm::SuccessFalse) => AbsentForm::SuccessFalse,
    };
    let Some(found) = state.store.see(&key.installation, id, lag).cloned() else {
        return render::absent("Webhook subscription", form, &switches);
    };
    match call.target.operation {
        "put" => put(state, key, call, id),
        "delete" => {
            state.store.delete(id);
            render::success(Map::new(), &switches)
        }
        "test" => test(state, &found, call),
        "events" => events(&found, call, &switches),
        "deleteEvent" => match number(&call.target.detail) {
            None => misshapen("the event's id in the path is not an int32", &switches),
            Some(event) => match state.delete_event(id, event) {
                Some(()) => render::success(Map::new(), &switches),
                None => render::absent("Webhook event", form, &switches),
            },
        },
        _ => show(&found, wants_events(call), &switches),
    }
}

fn put(state: &mut State, key: &Key, call: &Call, id: i32) -> Reply {
    let switches = state.switches.clone();
    if let Some(reply) = wrong_media_type(call, &switches) {
        return reply;
    }
    let types = state.event_types(&key.installation);
    match input::whole(&call.body, &types, &switches) {
        Ok(content) => state.write(id, content).map_or_else(
            || render::absent("Webhook subscription", AbsentForm::NotFound, &switches),
            |changed| show(&changed, false, &switches),
        ),
        Err(refusal) => refused(refusal, &switches),
    }
}

fn test(state: &mut State, found: &Subscription, call: &Call) -> Reply {
    let switches = state.switches.clone();
    let has_body = !call.body.is_empty();
    if let Some(reply) = wrong_media_type(call, &switches).filter(|_| has_body) {
        return reply;
    }
    match input::test(&call.body) {
        Ok(payload) => {
            let event = state.test(found, payload);
            let mut members = Map::new();
            members.insert("eventId".to_owned(), json!(event));
            render::success(members, &switches)
        }
        Err(refusal) => refused(refusal, &switches),
    }
}

fn events(found: &Subscription, call: &Call, switches: &Switches) -> Reply {
    let (take, skip) = match window(call, switches) {
        Ok(window) => window,
        Err(note) => return misshapen(&note, switches),
    };
    let all = render::ordered(&found.events, switches);
    let items: Vec<Value> = all
        .iter()
        .skip(skip)
        .take(take)
        .map(|event| render::event(found.id, event, switches))
        .collect();
    let members = render::listed("events", items, "totalEventsCount", all.len(), switches);
    render::success(members, switches)
}
