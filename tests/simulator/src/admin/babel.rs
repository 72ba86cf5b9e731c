//! Subscriptions, events, keys, event types and lock-outs of the simulated Babel.

use super::{Problem, SharedState, read_body};
use crate::{
    babel::{DeliveryResult, EventType, Key, Permission, Subscription},
    frame::credential::credential_hash,
    simulator::{BabelControl, Shared},
};
use axum::{
    Json, Router,
    extract::{Path, Query, State},
    routing::{delete, get, post, put},
};
use bytes::Bytes;
use http::StatusCode;
use serde::Deserialize;
use serde_json::{Value, json};
use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

pub(super) fn routes() -> Router<Arc<Shared>> {
    Router::new()
        .route("/admin/babel/subscriptions", post(create))
        .route(
            "/admin/babel/subscriptions/{id}",
            get(show).patch(edit).delete(remove),
        )
        .route("/admin/babel/subscriptions/{id}/clone", post(copy))
        .route("/admin/babel/subscriptions/{id}/deliveries", post(deliveries))
        .route("/admin/babel/next-id", put(next_id))
        .route("/admin/babel/event-types", get(types).put(set_types))
        .route("/admin/babel/lockouts", get(lockouts).delete(end_lockouts))
        .route("/admin/babel/keys", get(keys).post(add_key))
        .route("/admin/babel/keys/{key}", delete(remove_key))
}

/// The installation that is meant when none is named.
const INSTALLATION: &str = crate::config::Config::BABEL_INSTALLATION;

fn control(shared: &Arc<Shared>) -> BabelControl {
    BabelControl::new(Arc::clone(&shared.babel))
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct CreateBody {
    installation: Option<String>,
    id: Option<i32>,
    subscription: Value,
}

async fn create(
    State(shared): SharedState,
    body: Bytes,
) -> Result<(StatusCode, Json<Subscription>), Problem> {
    let body: CreateBody = read_body(&body)?;
    let installation = body.installation.as_deref().unwrap_or(INSTALLATION);
    let request = json!({ "subscription": body.subscription });
    let created = control(&shared).create_from_body(installation, body.id, &request)?;
    Ok((StatusCode::CREATED, Json(created)))
}

async fn show(State(shared): SharedState, Path(id): Path<i32>) -> Result<Json<Subscription>, Problem> {
    let found = control(&shared).subscription(id);
    found
        .map(Json)
        .ok_or_else(|| Problem::absent(format!("no subscription has the id {id}")))
}

async fn edit(
    State(shared): SharedState,
    Path(id): Path<i32>,
    body: Bytes,
) -> Result<Json<Subscription>, Problem> {
    let members: Value = read_body(&body)?;
    Ok(Json(control(&shared).edit(id, &members)?))
}

async fn remove(State(shared): SharedState, Path(id): Path<i32>) -> Result<StatusCode, Problem> {
    control(&shared).delete(id)?;
    Ok(StatusCode::NO_CONTENT)
}

#[derive(Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
struct InstallationBody {
    installation: Option<String>,
}

async fn copy(
    State(shared): SharedState,
    Path(id): Path<i32>,
    body: Bytes,
) -> Result<(StatusCode, Json<Subscription>), Problem> {
    let body: InstallationBody = read_body(&body)?;
    let copied = control(&shared).clone_subscription(id, body.installation.as_deref())?;
    Ok((StatusCode::CREATED, Json(copied)))
}

async fn deliveries(
    State(shared): SharedState,
    Path(id): Path<i32>,
    body: Bytes,
) -> Result<StatusCode, Problem> {
    let result: DeliveryResult = read_body(&body)?;
    control(&shared).record_delivery(id, &result)?;
    Ok(StatusCode::NO_CONTENT)
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct NextIdBody {
    next_id: i32,
}

async fn next_id(State(shared): SharedState, body: Bytes) -> Result<StatusCode, Problem> {
    let body: NextIdBody = read_body(&body)?;
    control(&shared).set_next_id(body.next_id);
    Ok(StatusCode::NO_CONTENT)
}

async fn types(State(shared): SharedState, query: Query<InstallationBody>) -> Json<Vec<EventType>> {
    let installation = query.installation.as_deref().unwrap_or(INSTALLATION);
    Json(control(&shared).event_types(installation))
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct TypesBody {
    installation: Option<String>,
    event_types: Vec<EventType>,
}

async fn set_types(State(shared): SharedState, body: Bytes) -> Result<StatusCode, Problem> {
    let body: TypesBody = read_body(&body)?;
    let installation = body.installation.as_deref().unwrap_or(INSTALLATION);
    control(&shared).set_event_types(installation, body.event_types);
    Ok(StatusCode::NO_CONTENT)
}

async fn lockouts(State(shared): SharedState) -> Json<BTreeMap<String, u64>> {
    Json(control(&shared).lockouts())
}

async fn end_lockouts(State(shared): SharedState) -> StatusCode {
    control(&shared).end_lockouts();
    StatusCode::NO_CONTENT
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct KeyBody {
    key: String,
    installation: String,
    user_id: Option<String>,
    permissions: Option<BTreeSet<Permission>>,
}

async fn keys(State(shared): SharedState) -> Json<Value> {
    let shown = |(key, meaning): (String, Key)| {
        json!({
            "key": key,
            "hash": credential_hash(&key),
            "installation": meaning.installation,
            "userId": meaning.user_id,
            "permissions": meaning.permissions,
        })
    };
    Json(control(&shared).keys().into_iter().map(shown).collect())
}

async fn add_key(State(shared): SharedState, body: Bytes) -> Result<StatusCode, Problem> {
    let body: KeyBody = read_body(&body)?;
    let all = Key::of(&body.installation);
    let meaning = Key {
        user_id: body.user_id.unwrap_or(all.user_id),
        permissions: body.permissions.unwrap_or(all.permissions),
        installation: all.installation,
    };
    control(&shared).add_key(&body.key, meaning);
    Ok(StatusCode::NO_CONTENT)
}

async fn remove_key(State(shared): SharedState, Path(key): Path<String>) -> Result<StatusCode, Problem> {
    if control(&shared).remove_key(&key) {
        return Ok(StatusCode::NO_CONTENT);
    }
    Err(Problem::absent("the key is not in use"))
}
