//! What Bird answers. Unknown members are ignored and never sent back. No type here has `Debug`: a read may hold
//! the signing key in clear, and the URL may hold a secret of the receiver.

use std::collections::BTreeSet;

use operator_core::hash::HashKey;
use operator_core::names::{EventName, ExternalId};
use operator_core::remote::Remote;
use operator_core::settings::{Filters, Reading, pairs};
use secrecy::ExposeSecret;
use serde::Deserialize;
use serde::de::{DeserializeOwned, Deserializer};
use serde_json::Value;

use crate::provider::wire::{BAD_ID, Hidden, event_name, unix_millis};

/// A subscription. Only its id is required: one odd row must not make the whole workspace unreadable, so that a
/// member of another type counts as not shown.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Subscription {
    id: String,
    #[serde(default, deserialize_with = "shown")]
    workspace_id: Option<String>,
    #[serde(default, deserialize_with = "shown")]
    service: Option<String>,
    #[serde(default, deserialize_with = "shown")]
    event: Option<String>,
    #[serde(default, deserialize_with = "shown")]
    url: Option<Hidden>,
    #[serde(default, deserialize_with = "shown")]
    status: Option<String>,
    event_filters: Option<Value>,
    #[serde(default, deserialize_with = "shown")]
    signing_key: Option<Hidden>,
    #[serde(default, deserialize_with = "shown")]
    created_at: Option<String>,
}

/// A member of whatever type; `None` where it is not the documented one.
pub(super) fn shown<'de, T: DeserializeOwned, D: Deserializer<'de>>(
    deserializer: D,
) -> Result<Option<T>, D::Error> {
    let value = Value::deserialize(deserializer)?;
    Ok(T::deserialize(value).ok())
}

impl Subscription {
    /// What is kept of it: digests.
    pub(super) fn into_remote(self, key: &HashKey) -> Result<Remote, &'static str> {
        self.into_parts(key).map(|(remote, _)| remote)
    }

    /// The digests, and what they were made of.
    pub(super) fn into_parts(self, key: &HashKey) -> Result<(Remote, Reading), &'static str> {
        let id = ExternalId::parse(&self.id).map_err(|_| BAD_ID)?;
        let created = self.created_at.as_deref().and_then(unix_millis);
        let reading = self.reading();
        let remote = Remote {
            id,
            marker: None,
            view: reading.view(key),
            created,
        };
        Ok((remote, reading))
    }

    /// Whether it says that it belongs to another workspace than this one. Only UUIDs are compared, by meaning.
    pub(super) fn is_foreign(&self, workspace: &str) -> bool {
        let said = self.workspace_id.as_deref().and_then(uuid);
        said.zip(uuid(workspace)).is_some_and(|(said, ours)| said != ours)
    }

    fn reading(self) -> Reading {
        Reading {
            name: None,
            url: self.url.map(|url| url.0),
            events: self
                .service
                .zip(self.event)
                .map(|(service, event)| one(&service, &event)),
            enabled: match self.status.as_deref() {
                Some("active") => Some(true),
                Some("inactive") => Some(false),
                // Another word would look like drift for ever, as no update could make it one of these.
                _ => None,
            },
            // Left out, null and empty all mean that there are none.
            filters: Some(
                self.event_filters
                    .as_ref()
                    .map_or_else(|| Ok(Filters::new()), filters),
            ),
            authorization: None,
            headers: None,
            // Whether it is shown at all is contradictory: without it, nothing is known of it.
            signing_key: self
                .signing_key
                .map(|key| key.0)
                .filter(|key| !key.expose_secret().is_empty()),
            max_retries: None,
        }
    }
}

fn one(service: &str, event: &str) -> BTreeSet<EventName> {
    [event_name(&format!("{service}/{event}"))].into()
}

/// The digits of a UUID.
fn uuid(text: &str) -> Option<String> {
    let digits: String = text.split('-').collect();
    let is_one = digits.len() == 32 && digits.bytes().all(|b| b.is_ascii_hexdigit());
    is_one.then(|| digits.to_ascii_lowercase())
}

#[derive(Deserialize)]
struct EventFilter {
    key: String,
    value: String,
}

/// The filters, or their text where they are not of the documented form: then they differ from anything that can
/// be wanted.
fn filters(value: &Value) -> Result<Filters, String> {
    let Ok(filters) = Vec::<EventFilter>::deserialize(value) else {
        return Err(value.to_string());
    };
    Ok(pairs(
        filters.into_iter().map(|filter| (filter.key, filter.value)),
    ))
}

#[cfg(test)]
#[path = "answer_tests.rs"]
mod tests;
