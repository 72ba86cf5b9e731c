//! Subscriptions, deliveries and access keys of the simulated Bird.

use super::{Problem, SharedState, read_body};
use crate::{
    bird::{DeliveryResult, Key, Subscription},
    config::Config,
    frame::credential::credential_hash,
    simulator::{BirdControl, Shared},
};
use axum::{
    Json, Router,
    extract::{Path, State},
    routing::{delete, get, post},
};
use bytes::Bytes;
use http::StatusCode;
use serde::Deserialize;
use serde_json::{Value, json};
use std::sync::Arc;
use uuid::Uuid;

pub(super) fn routes() -> Router<Arc<Shared>> {
    Router::new()
        .route("/admin/bird/subscriptions", post(create))
        .route(
            "/admin/bird/subscriptions/{id}",
            get(show).patch(edit).delete(remove),
        )
        .route("/admin/bird/subscriptions/{id}/clone", post(copy))
        .route("/admin/bird/subscriptions/{id}/deliveries", post(deliveries))
        .route("/admin/bird/keys", get(keys).post(add_key))
        .route("/admin/bird/keys/{key}", delete(remove_key))
}

fn control(shared: &Arc<Shared>) -> BirdControl {
    BirdControl::new(Arc::clone(&shared.bird))
}

/// Takes a UUID out of a body; the default one if it is absent.
fn take_uuid(body: &mut Value, name: &str, unset: Uuid) -> Result<Uuid, Problem> {
    let found = body.as_object_mut().and_then(|members| members.remove(name));
    found.map_or(Ok(unset), |value| {
        serde_json::from_value(value).map_err(Problem::bad)
    })
}

async fn create(
    State(shared): SharedState,
    body: Bytes,
) -> Result<(StatusCode, Json<Subscription>), Problem> {
    let mut body: Value = read_body(&body)?;
    let workspace = take_uuid(&mut body, "workspace", Config::BIRD_WORKSPACE)?;
    let organization = take_uuid(&mut body, "organization", Config::BIRD_ORGANIZATION)?;
    let created = control(&shared).create_from_body(workspace, organization, &body)?;
    Ok((StatusCode::CREATED, Json(created)))
}

async fn show(State(shared): SharedState, Path(id): Path<Uuid>) -> Result<Json<Subscription>, Problem> {
    let found = control(&shared).subscription(id);
    found
        .map(Json)
        .ok_or_else(|| Problem::absent(format!("no subscription has the id {id}")))
}

async fn edit(
    State(shared): SharedState,
    Path(id): Path<Uuid>,
    body: Bytes,
) -> Result<Json<Subscription>, Problem> {
    let patch: Value = read_body(&body)?;
    Ok(Json(control(&shared).edit(id, &patch)?))
}

async fn remove(State(shared): SharedState, Path(id): Path<Uuid>) -> Result<StatusCode, Problem> {
    control(&shared).delete(id)?;
    Ok(StatusCode::NO_CONTENT)
}

async fn copy(
    State(shared): SharedState,
    Path(id): Path<Uuid>,
) -> Result<(StatusCode, Json<Subscription>), Problem> {
    let copied = control(&shared).clone_subscription(id)?;
    Ok((StatusCode::CREATED, Json(copied)))
}

async fn deliveries(
    State(shared): SharedState,
    Path(id): Path<Uuid>,
    body: Bytes,
) -> Result<StatusCode, Problem> {
    let result: DeliveryResult = read_body(&body)?;
    control(&shared).record_delivery(id, &result)?;
    Ok(StatusCode::NO_CONTENT)
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct KeyBody {
    key: String,
    workspace: Option<Uuid>,
    organization: Option<Uuid>,
    #[serde(default)]
    read_only: bool,
}

async fn keys(State(shared): SharedState) -> Json<Value> {
    let shown = |(key, meaning): (String, Key)| {
        json!({
            "key": key,
            "hash": credential_hash(&key),
            "workspace": meaning.workspace,
            "organization": meaning.organization,
            "readOnly": meaning.read_only,
        })
    };
    Json(control(&shared).keys().into_iter().map(shown).collect())
}

async fn add_key(State(shared): SharedState, body: Bytes) -> Result<StatusCode, Problem> {
    let body: KeyBody = read_body(&body)?;
    let meaning = Key {
        workspace: body.workspace.unwrap_or(Config::BIRD_WORKSPACE),
        organization: body.organization.unwrap_or(Config::BIRD_ORGANIZATION),
        read_only: body.read_only,
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
