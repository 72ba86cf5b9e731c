//! The interface between the shared frame and one simulated provider.

use crate::frame::{
    body::Reply,
    switch::{SwitchEntry, SwitchError},
};
use axum::extract::Query;
use bytes::Bytes;
use http::{HeaderMap, Method, header};
use serde_json::Value;

/// What a request is about, as far as method and path tell.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Target {
    /// Name of the operation (`list`, `create`, …), or `unknown`.
    pub operation: &'static str,
    /// The object's id as it stands in the path.
    pub object: Option<String>,
    /// A second path parameter, such as the event of a log query.
    pub detail: Option<String>,
}

impl Target {
    pub(crate) fn unknown() -> Self {
        Self {
            operation: "unknown",
            object: None,
            detail: None,
        }
    }
}

/// One request, read completely.
#[derive(Debug)]
pub(crate) struct Call {
    pub method: Method,
    pub path: String,
    pub query: Option<String>,
    pub headers: HeaderMap,
    pub body: Bytes,
    pub target: Target,
}

impl Call {
    /// The media type of the body, without parameters; empty if the request names none.
    pub(crate) fn media_type(&self) -> &str {
        let value = self.headers.get(header::CONTENT_TYPE);
        let text = value.and_then(|value| value.to_str().ok()).unwrap_or("");
        text.split(';').next().unwrap_or("").trim()
    }

    /// The value of a query parameter, decoded; the first one if it stands there twice.
    pub(crate) fn query_value(&self, name: &str) -> Option<String> {
        let uri = format!("/?{}", self.query.as_deref()?).parse().ok()?;
        let Query(pairs) = Query::<Vec<(String, String)>>::try_from_uri(&uri).ok()?;
        pairs
            .into_iter()
            .find_map(|(found, value)| (found == name).then_some(value))
    }
}

/// How long a provider takes over every answer.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Latency {
    pub fixed_ms: u64,
    pub jitter_ms: u64,
}

/// A simulated provider. Every method is quick and takes no lock across a wait.
pub(crate) trait Provider: Send + Sync {
    /// Name in switches, in the log and on the admin side.
    fn name(&self) -> &'static str;
    /// Whether requests to this path are its own. Providers are asked in order.
    fn claims(&self, path: &str) -> bool;
    /// The operation that a method and path stand for.
    fn target(&self, method: &Method, path: &str) -> Target;
    /// The organization (or installation, or workspace) that the credential belongs to.
    fn organization(&self, headers: &HeaderMap) -> Option<String>;
    /// Whether a header carries a credential; the log shows only a hash of it.
    fn is_credential(&self, header: &str) -> bool;
    /// The refusal for a request above the rate limit. Called once for each request.
    fn over_limit(&self, call: &Call) -> Option<Reply>;
    /// Executes the request. The change is complete when this returns.
    fn apply(&self, call: &Call) -> Reply;
    /// How long an answer takes at present.
    fn latency(&self) -> Latency;
    /// How many objects it holds.
    fn object_count(&self) -> usize;
    /// All switches with their values.
    fn switches(&self) -> Vec<SwitchEntry>;
    /// Sets one switch; the name comes without the provider in front.
    fn set_switch(&self, name: &str, value: &str) -> Result<(), SwitchError>;
    /// Everything that has to survive a restart.
    fn snapshot(&self) -> Value;
    /// Replaces the state by a snapshot; the error says what is wrong with it.
    fn restore(&self, snapshot: Value) -> Result<(), serde_json::Error>;
}
