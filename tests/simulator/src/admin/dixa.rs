//! Subscriptions, deliveries and tokens of the simulated Dixa.

use super::{Problem, SharedState, read_body};
use crate::{
    dixa::{DeliveryResult, Subscription, Token},
    frame::credential::credential_hash,
    simulator::{DixaControl, Shared},
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
        .route("/admin/dixa/subscriptions", post(create))
        .route(
            "/admin/dixa/subscriptions/{id}",
            get(show).patch(edit).delete(remove),
        )
        .route("/admin/dixa/subscriptions/{id}/clone", post(copy))
        .route("/admin/dixa/subscriptions/{id}/deliveries", post(deliveries))
        .route("/admin/dixa/tokens", get(tokens).post(add_token))
        .route("/admin/dixa/tokens/{token}", delete(revoke_token))
}

fn control(shared: &Arc<Shared>) -> DixaControl {
    DixaControl::new(Arc::clone(&shared.dixa))
}

async fn create(
    State(shared): SharedState,
    body: Bytes,
) -> Result<(StatusCode, Json<Subscription>), Problem> {
    let mut body: Value = read_body(&body)?;
    let organization = body
        .as_object_mut()
        .and_then(|members| members.remove("organization"));
    let organization = organization
        .as_ref()
        .and_then(Value::as_str)
        .unwrap_or("example-org");
    let created = control(&shared).create_from_body(organization, &body)?;
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

#[derive(Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
struct CloneBody {
    organization: Option<String>,
}

async fn copy(
    State(shared): SharedState,
    Path(id): Path<Uuid>,
    body: Bytes,
) -> Result<(StatusCode, Json<Subscription>), Problem> {
    let body: CloneBody = read_body(&body)?;
    let copied = control(&shared).clone_subscription(id, body.organization.as_deref())?;
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
struct TokenBody {
    token: String,
    organization: String,
    user: Option<Uuid>,
    #[serde(default)]
    read_only: bool,
}

async fn tokens(State(shared): SharedState) -> Json<Value> {
    let shown = |(token, meaning): (String, Token)| {
        json!({
            "token": token,
            "hash": credential_hash(&token),
            "organization": meaning.organization,
            "user": meaning.user,
            "readOnly": meaning.read_only,
        })
    };
    Json(control(&shared).tokens().into_iter().map(shown).collect())
}

async fn add_token(State(shared): SharedState, body: Bytes) -> Result<StatusCode, Problem> {
    let body: TokenBody = read_body(&body)?;
    let mut meaning = Token::of(&body.organization);
    meaning.user = body.user.unwrap_or(meaning.user);
    meaning.read_only = body.read_only;
    control(&shared).add_token(&body.token, meaning);
    Ok(StatusCode::NO_CONTENT)
}

async fn revoke_token(State(shared): SharedState, Path(token): Path<String>) -> Result<StatusCode, Problem> {
    if control(&shared).revoke_token(&token) {
        return Ok(StatusCode::NO_CONTENT);
    }
    Err(Problem::absent("the token is not in use"))
}
