//! Faults, holds, waiting, log and counters.

use super::{Problem, SharedState, read_body};
use crate::{
    frame::{
        fault::{FaultPlan, RequestFilter},
        hold::Release,
        log::{LogEntry, Milestone, Wait},
    },
    simulator::Shared,
};
use axum::{
    Json, Router,
    extract::{Path, Query, State},
    routing::{delete, get, post},
};
use bytes::Bytes;
use http::StatusCode;
use serde::Deserialize;
use serde_json::{Value, json};
use std::{sync::Arc, time::Duration};

pub(super) fn routes() -> Router<Arc<Shared>> {
    Router::new()
        .route("/admin/faults", get(faults).post(add_fault).delete(clear_faults))
        .route("/admin/faults/{id}", delete(remove_fault))
        .route("/admin/holds", get(holds))
        .route("/admin/holds/release", post(release_all))
        .route("/admin/holds/{seq}/release", post(release))
        .route("/admin/wait", get(wait))
        .route("/admin/log", get(log).delete(clear_log))
        .route("/admin/counters", get(counters).delete(clear_counters))
}

async fn faults(State(shared): SharedState) -> Json<Value> {
    Json(json!(shared.core.faults.list()))
}

async fn add_fault(State(shared): SharedState, body: Bytes) -> Result<(StatusCode, Json<Value>), Problem> {
    let plan: FaultPlan = read_body(&body)?;
    if let Some(flaw) = plan.flaw() {
        return Err(Problem::bad(flaw));
    }
    let id = shared.core.faults.add(plan);
    Ok((StatusCode::CREATED, Json(json!({ "id": id }))))
}

async fn clear_faults(State(shared): SharedState) -> StatusCode {
    shared.core.faults.clear();
    StatusCode::NO_CONTENT
}

async fn remove_fault(State(shared): SharedState, Path(id): Path<u64>) -> Result<StatusCode, Problem> {
    if shared.core.faults.remove(id) {
        return Ok(StatusCode::NO_CONTENT);
    }
    Err(Problem::absent(format!("no fault plan has the number {id}")))
}

async fn holds(State(shared): SharedState) -> Json<Value> {
    Json(json!(shared.core.holds.list()))
}

#[derive(Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
struct ReleaseBody {
    release: Release,
}

async fn release(
    State(shared): SharedState,
    Path(seq): Path<u64>,
    body: Bytes,
) -> Result<StatusCode, Problem> {
    let body: ReleaseBody = read_body(&body)?;
    if shared.core.holds.release(seq, body.release) {
        return Ok(StatusCode::NO_CONTENT);
    }
    Err(Problem::absent(format!("request {seq} is not held")))
}

async fn release_all(State(shared): SharedState, body: Bytes) -> Result<Json<Value>, Problem> {
    let body: ReleaseBody = read_body(&body)?;
    Ok(Json(
        json!({ "released": shared.core.holds.release_all(body.release) }),
    ))
}

// Spelt out because a query string cannot be read into flattened numbers.
#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase", default, deny_unknown_fields)]
struct WaitQuery {
    provider: Option<String>,
    operation: Option<String>,
    method: Option<String>,
    organization: Option<String>,
    id: Option<String>,
    seq: Option<u64>,
    since: u64,
    count: Option<usize>,
    milestone: Milestone,
    timeout_ms: Option<u64>,
}

async fn wait(State(shared): SharedState, query: Query<WaitQuery>) -> Result<Json<LogEntry>, Problem> {
    let Query(query) = query;
    if !shared.core.log.keeps_entries() {
        return Err(Problem::bad(
            "waiting needs the request log, which was left out at the start",
        ));
    }
    let wanted = Wait {
        requests: RequestFilter {
            provider: query.provider,
            operation: query.operation,
            method: query.method,
            organization: query.organization,
            id: query.id,
        },
        seq: query.seq,
        since: query.since,
        count: query.count.unwrap_or(1),
        milestone: query.milestone,
    };
    let timeout = Duration::from_millis(query.timeout_ms.unwrap_or(30_000));
    let found = shared.core.log.wait(&wanted, timeout).await;
    found.map(Json).ok_or_else(|| Problem {
        status: StatusCode::REQUEST_TIMEOUT,
        message: format!("no such request within {} ms", timeout.as_millis()),
    })
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase", default, deny_unknown_fields)]
struct LogQuery {
    provider: Option<String>,
    operation: Option<String>,
    method: Option<String>,
    organization: Option<String>,
    id: Option<String>,
    since: u64,
    limit: Option<usize>,
}

async fn log(State(shared): SharedState, Query(query): Query<LogQuery>) -> Json<Vec<LogEntry>> {
    let requests = RequestFilter {
        provider: query.provider,
        operation: query.operation,
        method: query.method,
        organization: query.organization,
        id: query.id,
    };
    Json(
        shared
            .core
            .log
            .since(query.since, query.limit.unwrap_or(usize::MAX), &requests),
    )
}

async fn clear_log(State(shared): SharedState) -> StatusCode {
    shared.core.log.clear_entries();
    StatusCode::NO_CONTENT
}

async fn counters(State(shared): SharedState) -> Json<Value> {
    Json(json!(shared.core.log.counters()))
}

async fn clear_counters(State(shared): SharedState) -> StatusCode {
    shared.core.log.clear_counters();
    StatusCode::NO_CONTENT
}
