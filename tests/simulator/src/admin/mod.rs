//! The admin side: everything a test or a person can do to a running simulator, as HTTP with JSON.

mod babel;
mod bird;
mod dixa;
mod requests;
mod subscriptions;

use crate::simulator::{EditError, Shared};
use axum::{
    Json, Router,
    extract::State,
    response::{IntoResponse, Response},
    routing::{get, post},
};
use http::StatusCode;
use serde_json::{Map, Value, json};
use std::sync::Arc;

type SharedState = State<Arc<Shared>>;

/// What `GET /admin` answers.
const HELP: &str = "\
GET    /admin/state                                 providers, switches, faults, holds, counters
GET    /admin/switches                              all switches, their values and what they take
PATCH  /admin/switches                              {\"dixa.patchAbsent\":\"404\"}
GET    /admin/subscriptions?provider=dixa           the truth, not what the API shows (also organization=, name=)
DELETE /admin/subscriptions?provider=dixa           delete all
POST   /admin/dixa/subscriptions                    create by hand: body of a create, and \"organization\"
GET    /admin/dixa/subscriptions/{id}
PATCH  /admin/dixa/subscriptions/{id}               edit by hand: body of a PATCH
DELETE /admin/dixa/subscriptions/{id}               delete by hand
POST   /admin/dixa/subscriptions/{id}/clone         optional {\"organization\":\"…\"}
POST   /admin/dixa/subscriptions/{id}/deliveries    {\"event\":\"…\",\"success\":false,\"code\":503,\"text\":\"…\",\"times\":5}
GET    /admin/dixa/tokens
POST   /admin/dixa/tokens                           {\"token\":\"…\",\"organization\":\"…\",\"user\":uuid?,\"readOnly\":bool?}
DELETE /admin/dixa/tokens/{token}
POST   /admin/babel/subscriptions                   {\"subscription\":{…}}, and \"installation\", \"id\" (any free one)
GET    /admin/babel/subscriptions/{id}
PATCH  /admin/babel/subscriptions/{id}              edit by hand: the members to change
DELETE /admin/babel/subscriptions/{id}
POST   /admin/babel/subscriptions/{id}/clone        optional {\"installation\":\"…\"}
POST   /admin/babel/subscriptions/{id}/deliveries   {\"isSuccess\":false,\"statusCode\":503,\"retryCount\":1,\"times\":5}, see the README
PUT    /admin/babel/next-id                         {\"nextId\":41}
GET    /admin/babel/event-types?installation=…
PUT    /admin/babel/event-types                     {\"eventTypes\":[{\"name\":\"…\",\"description\":\"…\"}],\"installation\":\"…\"?}
GET    /admin/babel/lockouts                        hosts and the ends of their lock-outs
DELETE /admin/babel/lockouts                        end them
GET    /admin/babel/keys
POST   /admin/babel/keys                            {\"key\":\"…\",\"installation\":\"…\",\"userId\":\"…\"?,
                                                     \"permissions\":[\"read\",\"create\",\"write\",\"delete\"]?}
DELETE /admin/babel/keys/{key}
POST   /admin/bird/subscriptions                    body of a create, and \"workspace\", \"organization\"
GET    /admin/bird/subscriptions/{id}
PATCH  /admin/bird/subscriptions/{id}               edit by hand: body of a PATCH
DELETE /admin/bird/subscriptions/{id}
POST   /admin/bird/subscriptions/{id}/clone
POST   /admin/bird/subscriptions/{id}/deliveries    {\"httpStatusCode\":503,\"attemptCount\":3,\"times\":5}, see the README
GET    /admin/bird/keys
POST   /admin/bird/keys                             {\"key\":\"…\",\"workspace\":uuid?,\"organization\":uuid?,\"readOnly\":bool?}
DELETE /admin/bird/keys/{key}
GET    /admin/faults
POST   /admin/faults                                a plan, see the README; answers {\"id\":N}
DELETE /admin/faults, /admin/faults/{id}
GET    /admin/holds                                 requests that are held
POST   /admin/holds/{seq}/release                   optional {\"release\":\"continue\"|\"drop\"}
POST   /admin/holds/release                         all of them
GET    /admin/wait?operation=create&count=3&milestone=applied&timeoutMs=30000
                                                    milestone: received|held|applied|answered|finished
                                                    also seq= since= provider= method= organization= id=
GET    /admin/log?since=SEQ&limit=N                 also provider= operation= method= organization= id=
DELETE /admin/log
GET    /admin/counters
DELETE /admin/counters
POST   /admin/snapshot                              the state; also written to the state file
POST   /admin/restore                               a snapshot, or no body: the state file
";

/// An answer of the admin side that is not a success.
pub(crate) struct Problem {
    status: StatusCode,
    message: String,
}

impl Problem {
    fn bad(message: impl std::fmt::Display) -> Self {
        Self {
            status: StatusCode::BAD_REQUEST,
            message: message.to_string(),
        }
    }

    fn absent(message: impl std::fmt::Display) -> Self {
        Self {
            status: StatusCode::NOT_FOUND,
            message: message.to_string(),
        }
    }
}

impl From<EditError> for Problem {
    fn from(error: EditError) -> Self {
        match error {
            EditError::Absent(_) => Self::absent(error),
            EditError::Invalid(_) => Self::bad(error),
        }
    }
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        (self.status, Json(json!({ "message": self.message }))).into_response()
    }
}

/// A JSON body; an absent body reads as `{}`, whatever its content type, to spare curl a header.
pub(crate) fn read_body<T: serde::de::DeserializeOwned>(body: &[u8]) -> Result<T, Problem> {
    serde_json::from_slice(if body.is_empty() { b"{}" } else { body }).map_err(Problem::bad)
}

/// The admin side's routes.
pub(crate) fn router(shared: Arc<Shared>) -> Router {
    Router::new()
        .route("/admin", get(|| async { HELP }))
        .route("/admin/state", get(state))
        .route("/admin/switches", get(switches).patch(set_switches))
        .route("/admin/snapshot", post(snapshot))
        .route("/admin/restore", post(restore))
        .merge(requests::routes())
        .merge(subscriptions::routes())
        .merge(dixa::routes())
        .merge(babel::routes())
        .merge(bird::routes())
        .fallback(|| async { Problem::absent("no such path; GET /admin lists them") })
        .with_state(shared)
}

async fn state(State(shared): SharedState) -> Json<Value> {
    let core = &shared.core;
    let counts: Map<String, Value> = core
        .providers
        .iter()
        .map(|one| {
            (
                one.name().to_owned(),
                json!({ "subscriptions": one.object_count() }),
            )
        })
        .collect();
    Json(json!({
        "providers": counts,
        "switches": switch_values(&shared),
        "faults": core.faults.list(),
        "holds": core.holds.list(),
        "counters": core.log.counters(),
        "lastSeq": core.log.last_seq(),
    }))
}

fn switch_values(shared: &Shared) -> Map<String, Value> {
    let of = |provider: &'static str, entries: Vec<crate::SwitchEntry>| {
        entries
            .into_iter()
            .map(move |entry| (format!("{provider}.{}", entry.name), Value::String(entry.value)))
    };
    shared
        .core
        .providers
        .iter()
        .flat_map(|one| of(one.name(), one.switches()))
        .collect()
}

async fn switches(State(shared): SharedState) -> Json<Value> {
    let mut all = Map::new();
    for provider in &shared.core.providers {
        for entry in provider.switches() {
            let shown = json!({ "value": entry.value, "allowed": entry.allowed });
            all.insert(format!("{}.{}", provider.name(), entry.name), shown);
        }
    }
    Json(Value::Object(all))
}

async fn set_switches(State(shared): SharedState, body: bytes::Bytes) -> Result<Json<Value>, Problem> {
    let wanted: Map<String, Value> = read_body(&body)?;
    for (name, value) in wanted {
        let word = value.as_str().map_or_else(|| value.to_string(), str::to_owned);
        shared.set_switch(&name, &word).map_err(Problem::bad)?;
    }
    Ok(Json(Value::Object(switch_values(&shared))))
}

async fn snapshot(State(shared): SharedState) -> Result<Json<Value>, Problem> {
    shared.snapshot().map(Json).map_err(Problem::bad)
}

async fn restore(State(shared): SharedState, body: bytes::Bytes) -> Result<StatusCode, Problem> {
    if body.is_empty() {
        shared.restore_file().map_err(Problem::bad)?;
    } else {
        shared.restore(read_body(&body)?).map_err(Problem::bad)?;
    }
    Ok(StatusCode::NO_CONTENT)
}
