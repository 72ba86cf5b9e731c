//! A remote subscription in terms that all providers share.

use std::collections::BTreeMap;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use provider_simulator::{Authorization, babel, bird};
use serde_json::json;

/// A remote subscription as the provider holds it, whatever it shows of it, in terms that all three share.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Default)]
pub struct Row {
    /// The events, sorted; for Bird `service/event`.
    pub events: Vec<String>,
    /// The filters as JSON text; empty where there are none.
    pub filters: String,
    /// Where deliveries go.
    pub url: String,
    /// Whether it is switched on.
    pub enabled: bool,
    /// The name in front of the marker; `None` where there are no names.
    pub name: Option<String>,
    /// The `Authorization` header of deliveries.
    pub authorization: Option<String>,
    /// Further headers of deliveries, by lower-case name.
    pub headers: BTreeMap<String, String>,
    /// The key that we chose, where it is ours to choose.
    pub key: Option<String>,
    /// How often a delivery is repeated; 0 where nobody says.
    pub retries: i32,
    /// The id.
    pub id: String,
}

impl Row {
    /// The row without what only the provider decides.
    #[must_use]
    pub fn content(mut self) -> Self {
        self.id.clear();
        self
    }
}

fn basic(username: &str, password: &str) -> String {
    format!("Basic {}", STANDARD.encode(format!("{username}:{password}")))
}

/// The name without its marker.
fn human(name: &str) -> String {
    name.split(" [wh1:").next().unwrap_or_default().to_owned()
}

fn lower(headers: &BTreeMap<String, String>) -> BTreeMap<String, String> {
    let lower = |(name, value): (&String, &String)| (name.to_lowercase(), value.clone());
    headers.iter().map(lower).collect()
}

pub(super) fn dixa_row(found: &provider_simulator::Subscription) -> Row {
    let content = &found.content;
    let mut events = content.events.clone();
    events.sort();
    let filters = content.filters.as_ref().map(|filters| json!(filters));
    Row {
        events,
        filters: filters.map(|filters| filters.to_string()).unwrap_or_default(),
        url: content.url.clone(),
        enabled: content.enabled,
        name: Some(human(&content.name)),
        authorization: match &content.authorization {
            Authorization::BasicAuth { username, password } => Some(basic(username, password)),
            Authorization::TokenAuth { value } => Some(format!("Bearer {value}")),
            Authorization::NoAuth {} => None,
        },
        headers: lower(&content.custom_headers),
        key: None,
        retries: 0,
        id: found.id.to_string(),
    }
}

pub(super) fn babel_row(found: &babel::Subscription) -> Row {
    let content = &found.content;
    let mut headers = lower(&content.headers);
    Row {
        events: vec![content.event_type.clone()],
        filters: String::new(),
        url: content.url.clone(),
        enabled: content.is_active,
        name: Some(human(&content.name)),
        authorization: headers.remove("authorization"),
        headers,
        key: (!content.secret.is_empty()).then(|| content.secret.clone()),
        retries: content.max_retry_count,
        id: found.id.to_string(),
    }
}

pub(super) fn bird_row(found: &bird::Subscription) -> Row {
    let content = &found.content;
    let mut pairs: Vec<String> = content
        .filters
        .iter()
        .map(|filter| format!("{}={}", filter.key, filter.value))
        .collect();
    pairs.sort();
    Row {
        events: vec![format!("{}/{}", content.service, content.event)],
        filters: pairs.join(","),
        url: content.url.clone(),
        enabled: content.status == bird::Status::Active,
        name: None,
        authorization: None,
        headers: BTreeMap::new(),
        key: content.signing_key.clone(),
        retries: 0,
        id: found.id.to_string(),
    }
}
