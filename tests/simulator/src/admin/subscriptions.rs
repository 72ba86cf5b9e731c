//! The subscriptions of all providers in one list.

use super::{Problem, SharedState};
use crate::simulator::{BabelControl, BirdControl, DixaControl, Shared};
use axum::{
    Json, Router,
    extract::{Query, State},
    routing::get,
};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use std::sync::Arc;

pub(super) fn routes() -> Router<Arc<Shared>> {
    Router::new().route("/admin/subscriptions", get(list).delete(delete_all))
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase", default, deny_unknown_fields)]
struct ListQuery {
    provider: Option<String>,
    organization: Option<String>,
    name: Option<String>,
}

impl ListQuery {
    fn check_provider(&self) -> Result<(), Problem> {
        match self.provider.as_deref() {
            None | Some("dixa" | "babel" | "bird") => Ok(()),
            Some(other) => Err(Problem::bad(format!("no provider is called {other:?}"))),
        }
    }

    fn wants(&self, provider: &str) -> bool {
        self.provider.as_ref().is_none_or(|wanted| wanted == provider)
    }

    /// Bird's subscriptions have no name, so none fits a part of one.
    fn fits(&self, organization: &str, name: &str) -> bool {
        self.organization
            .as_ref()
            .is_none_or(|wanted| organization == *wanted)
            && self.name.as_ref().is_none_or(|part| name.contains(part))
    }
}

/// The subscription with the name of its provider among its members.
fn shown<T: Serialize>(provider: &str, found: &T) -> Value {
    let mut shown = json!(found);
    if let Some(members) = shown.as_object_mut() {
        members.insert("provider".to_owned(), json!(provider));
    }
    shown
}

async fn list(State(shared): SharedState, query: Query<ListQuery>) -> Result<Json<Vec<Value>>, Problem> {
    let Query(query) = query;
    query.check_provider()?;
    let mut all = Vec::new();
    if query.wants("dixa") {
        let mut found = DixaControl::new(Arc::clone(&shared.dixa)).subscriptions();
        found.retain(|one| query.fits(&one.organization, &one.content.name));
        all.extend(found.iter().map(|one| shown("dixa", one)));
    }
    if query.wants("babel") {
        let mut found = BabelControl::new(Arc::clone(&shared.babel)).subscriptions();
        found.retain(|one| query.fits(&one.installation, &one.content.name));
        all.extend(found.iter().map(|one| shown("babel", one)));
    }
    if query.wants("bird") && query.name.is_none() {
        let mut found = BirdControl::new(Arc::clone(&shared.bird)).subscriptions();
        found.retain(|one| query.fits(&one.workspace_id.to_string(), ""));
        all.extend(found.iter().map(|one| shown("bird", one)));
    }
    Ok(Json(all))
}

async fn delete_all(State(shared): SharedState, query: Query<ListQuery>) -> Result<Json<Value>, Problem> {
    let Query(query) = query;
    query.check_provider()?;
    if query.organization.is_some() || query.name.is_some() {
        return Err(Problem::bad(
            "this deletes everything; it takes no organization and no name",
        ));
    }
    let mut deleted = 0;
    if query.wants("dixa") {
        deleted += DixaControl::new(Arc::clone(&shared.dixa)).delete_all();
    }
    if query.wants("babel") {
        deleted += BabelControl::new(Arc::clone(&shared.babel)).delete_all();
    }
    if query.wants("bird") {
        deleted += BirdControl::new(Arc::clone(&shared.bird)).delete_all();
    }
    Ok(Json(json!({ "deleted": deleted })))
}
