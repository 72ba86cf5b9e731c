//! The six operations, each carried out completely under the state's lock.

use crate::{
    bird::{
        attempt::SUCCEEDED,
        credential,
        input::{self, Refusal},
        render,
        state::{Key, State},
        subscription::Subscription,
        switches::{DeleteAbsent, Logs, PathForm, Switches},
    },
    frame::{
        body::Reply,
        clock,
        page::{self, Page},
        provider::{Call, Target},
        store::Lag,
    },
};
use http::{Method, StatusCode};
use serde_json::json;
use uuid::Uuid;

/// Objects on a page when the request does not say how many.
const DEFAULT_LIMIT: usize = 10;
/// Longest page token.
const TOKEN_LIMIT: usize = 8000;

/// A path of Bird's, taken apart.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Place<'a> {
    pub organization: Option<&'a str>,
    pub workspace: &'a str,
    /// What follows `webhook-subscriptions`.
    pub rest: &'a str,
}

impl<'a> Place<'a> {
    pub(crate) fn of(path: &'a str) -> Option<Self> {
        let (organization, path) = match path.strip_prefix("/organizations/") {
            Some(tail) => {
                let (organization, tail) = tail.split_once('/')?;
                (Some(organization), tail)
            }
            None => (None, path.strip_prefix('/')?),
        };
        let (workspace, tail) = path.strip_prefix("workspaces/")?.split_once('/')?;
        let rest = tail.strip_prefix("webhook-subscriptions")?;
        (rest.is_empty() || rest.starts_with('/')).then_some(Self {
            organization,
            workspace,
            rest,
        })
    }
}

/// The operation that a method and a path stand for.
pub(crate) fn target(method: &Method, place: Place<'_>) -> Target {
    let parts: Vec<&str> = place.rest.split('/').skip(1).collect();
    let named = |operation| Target {
        operation,
        object: parts.first().map(ToString::to_string),
        detail: None,
    };
    match (method.as_str(), parts.as_slice()) {
        ("GET", []) => named("list"),
        ("POST", []) => named("create"),
        ("GET", [_]) => named("get"),
        ("PATCH", [_]) => named("patch"),
        ("DELETE", [_]) => named("delete"),
        ("GET", [_, "logs"]) => named("logs"),
        (_, [] | [_] | [_, "logs"]) => named("wrongMethod"),
        _ => Target::unknown(),
    }
}

fn refused(status: StatusCode, note: impl Into<String>) -> Reply {
    let message = match status {
        StatusCode::UNAUTHORIZED => "Unauthorized",
        StatusCode::FORBIDDEN => "Forbidden",
        StatusCode::NOT_FOUND => "The requested resource was not found",
        StatusCode::CONFLICT => "The resource conflicts with another one",
        _ => "The request is invalid",
    };
    Reply::message(status, message, note)
}

fn invalid(note: impl Into<String>, switches: &Switches) -> Reply {
    refused(switches.invalid_status, note)
}

/// Carries out one request.
pub(crate) fn apply(state: &mut State, call: &Call) -> Reply {
    let Some(key) = credential(&call.headers)
        .and_then(|key| state.keys.get(key))
        .cloned()
    else {
        let note = "the access key is missing or unknown";
        return refused(state.switches.unauthorized_status, note);
    };
    state.store.count_request(&key.workspace);
    if let Some(reply) = wrong_place(&key, call, &state.switches) {
        return reply;
    }
    let changes = matches!(call.target.operation, "create" | "patch" | "delete");
    if changes && key.read_only {
        return refused(StatusCode::FORBIDDEN, "the key is read-only");
    }
    match call.target.operation {
        "list" => return list(state, &key, call),
        "create" => return create(state, &key, call),
        "wrongMethod" => {
            let message = "Method not allowed";
            return Reply::message(StatusCode::METHOD_NOT_ALLOWED, message, "no such operation");
        }
        "unknown" => return refused(StatusCode::NOT_FOUND, "no such path"),
        _ => {}
    }
    let id = call.target.object.as_deref().map(Uuid::try_parse);
    let Some(Ok(id)) = id else {
        return invalid("the id in the path is not a UUID", &state.switches);
    };
    match call.target.operation {
        "patch" => patch(state, &key, call, id),
        "delete" => delete(state, &key, id),
        _ => read(state, &key, call, id),
    }
}

/// The refusal of a path in the wrong form, or to a workspace that is not the key's.
fn wrong_place(key: &Key, call: &Call, switches: &Switches) -> Option<Reply> {
    let Some(place) = Place::of(&call.path) else {
        return Some(refused(StatusCode::NOT_FOUND, "no such path"));
    };
    let wrong_form = match switches.path {
        PathForm::Both => false,
        PathForm::WithOrganization => place.organization.is_none(),
        PathForm::Short => place.organization.is_some(),
    };
    if wrong_form {
        return Some(refused(
            StatusCode::FORBIDDEN,
            "this form of the path is not served",
        ));
    }
    let is = |text: &str, wanted: Uuid| Uuid::try_parse(text).is_ok_and(|found| found == wanted);
    let own = is(place.workspace, key.workspace)
        && place
            .organization
            .is_none_or(|organization| is(organization, key.organization));
    (!own).then(|| refused(switches.wrong_workspace, "the key is for another workspace"))
}

fn wrong_media_type(call: &Call, switches: &Switches) -> Option<Reply> {
    let media_type = call.media_type();
    (media_type != "application/json")
        .then(|| invalid(format!("content type {media_type:?} is not JSON"), switches))
}

fn show(status: StatusCode, found: &Subscription, switches: &Switches) -> Reply {
    Reply::json(status, &render::subscription(found, switches)).about(found.id.to_string())
}

fn create(state: &mut State, key: &Key, call: &Call) -> Reply {
    let switches = state.switches.clone();
    if let Some(reply) = wrong_media_type(call, &switches) {
        return reply;
    }
    let content = match input::create(&call.body, &switches) {
        Ok(content) => content,
        Err(Refusal(note)) => return invalid(note, &switches),
    };
    if state.is_full_for(key.workspace, &content) {
        return refused(switches.sixth, "five with this service, event and filters exist");
    }
    let created = state.create(key.workspace, key.organization, content);
    let mut reply = if switches.post_apply_then_5xx.is_yes() {
        let status = StatusCode::INTERNAL_SERVER_ERROR;
        let reply = Reply::message(status, "Internal server error", "carried out all the same");
        reply.about(created.id.to_string())
    } else {
        show(StatusCode::CREATED, &created, &switches)
    };
    reply.carried_out = Some(true);
    reply.drop_connection = switches.post_drops.is_yes();
    reply
}

fn patch(state: &mut State, key: &Key, call: &Call, id: Uuid) -> Reply {
    let switches = state.switches.clone();
    if let Some(reply) = wrong_media_type(call, &switches) {
        return reply;
    }
    let patch = match input::patch(&call.body) {
        Ok(patch) => patch,
        Err(Refusal(note)) => return invalid(note, &switches),
    };
    if patch.names_filters() && !switches.patch_filters.is_yes() {
        return refused(StatusCode::BAD_REQUEST, "eventFilters cannot be changed");
    }
    let Some(found) = state.store.find_in(&key.workspace, id) else {
        return refused(switches.patch_absent, "the workspace has no such id");
    };
    let content = match patch.applied_to(&found.content, &switches) {
        Ok(content) => content,
        Err(Refusal(note)) => return invalid(note, &switches),
    };
    let moved = !content.equals_by_filters(&found.content);
    if moved && state.is_full_for(key.workspace, &content) {
        return refused(switches.sixth, "five with this service, event and filters exist");
    }
    state.write(id, content).map_or_else(
        || refused(StatusCode::NOT_FOUND, "gone"),
        |changed| show(StatusCode::OK, &changed, &switches),
    )
}

fn delete(state: &mut State, key: &Key, id: Uuid) -> Reply {
    let found = state.store.find_in(&key.workspace, id).is_some();
    if !found && state.switches.delete_absent == DeleteAbsent::NotFound {
        return refused(StatusCode::NOT_FOUND, "the workspace has no such id");
    }
    if found {
        state.store.delete(id);
    }
    match state.switches.delete_status {
        StatusCode::OK => Reply::json(StatusCode::OK, &json!({})),
        status => Reply::empty(status),
    }
}

fn read(state: &State, key: &Key, call: &Call, id: Uuid) -> Reply {
    let switches = &state.switches;
    let lag = Lag {
        requests: switches.get_lag_requests,
        ms: switches.get_lag_ms,
    };
    let Some(found) = state.store.see(&key.workspace, id, lag) else {
        return refused(StatusCode::NOT_FOUND, "the workspace has no such id");
    };
    if call.target.operation == "logs" {
        return logs(found, call, switches);
    }
    show(StatusCode::OK, found, switches)
}

/// The part of a list that a request asks for.
struct Window {
    limit: usize,
    after: Option<u64>,
}

/// `limit` and `pageToken` of a request for this list, or what is wrong with them.
fn window(list: &str, call: &Call) -> Result<Window, &'static str> {
    let limit = match call.query_value("limit").map(|text| text.parse()) {
        None => DEFAULT_LIMIT,
        Some(Ok(limit @ 1..=100)) => limit,
        Some(_) => return Err("limit is not a number from 1 to 100"),
    };
    let Some(given) = call.query_value("pageToken") else {
        return Ok(Window { limit, after: None });
    };
    let after = Some(given)
        .filter(|given| given.len() <= TOKEN_LIMIT)
        .and_then(|given| page::place_of(list, &given));
    if after.is_none() {
        return Err("pageToken is not one that was given out");
    }
    Ok(Window { limit, after })
}

fn list(state: &State, key: &Key, call: &Call) -> Reply {
    let switches = &state.switches;
    let name = key.workspace.to_string();
    let window = match window(&name, call) {
        Ok(window) => window,
        Err(note) => return invalid(note, switches),
    };
    let cap = switches.page_cap.and_then(|cap| usize::try_from(cap).ok());
    let lag = Lag {
        requests: switches.list_lag_requests,
        ms: switches.list_lag_ms,
    };
    let placed = state
        .store
        .see_after(&key.workspace, 0, lag)
        .map(|found| (switches.list_order.place(found.ordinal), found));
    let size = window.limit.min(cap.unwrap_or(usize::MAX));
    let Page { items, more_after } = page::cut(placed, window.after, size);
    let next = more_after.map(|after| page::token(&name, after));
    let shown: Vec<_> = items
        .iter()
        .map(|found| render::subscription(found, switches))
        .collect();
    Reply::json(StatusCode::OK, &render::page(shown, next, switches))
}

fn logs(found: &Subscription, call: &Call, switches: &Switches) -> Reply {
    let name = found.id.to_string();
    let window = match window(&name, call) {
        Ok(window) => window,
        Err(note) => return invalid(note, switches),
    };
    let wanted = call.query_value("executionStatus");
    let now = clock::now_ms();
    let placed = found
        .attempts
        .iter()
        .filter(|one| one.is_shown_at(now))
        .filter(|one| switches.logs == Logs::All || one.execution_status != SUCCEEDED)
        .filter(|one| {
            wanted
                .as_ref()
                .is_none_or(|wanted| one.execution_status == *wanted)
        })
        .map(|one| (!one.number, one));
    let Page { items, more_after } = page::cut(placed, window.after, window.limit);
    let next = more_after.map(|after| page::token(&name, after));
    let shown: Vec<_> = items.into_iter().map(render::attempt).collect();
    Reply::json(StatusCode::OK, &render::page(shown, next, switches))
}
