//! What Dixa answers. Unknown members are ignored and never sent back. No type here has `Debug`: every read holds
//! the delivery credential and the signing key in clear.

use std::collections::{BTreeMap, BTreeSet};

use operator_core::delivery::{Delivery, DeliveryResult};
use operator_core::hash::HashKey;
use operator_core::marker::Marker;
use operator_core::names::ExternalId;
use operator_core::remote::Remote;
use operator_core::settings::{Headers, Reading};
use secrecy::{ExposeSecret, SecretString};
use serde::Deserialize;
use serde_json::Value;

use super::filter;
use crate::provider::wire::{
    BAD_ID, HeaderList, Hidden, ReadAuthorization, code, event_name, time, unix_millis,
};

/// The wrapper of every answer about one thing.
#[derive(Deserialize)]
pub(super) struct Envelope<T> {
    pub(super) data: T,
}

/// A subscription. Only what identifies it is required: the documents disagree about the rest, and one odd row
/// must not make the whole account unreadable.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Subscription {
    id: String,
    name: String,
    subscribed_events: Option<Vec<String>>,
    url: Option<Hidden>,
    headers: Option<HeaderList>,
    secret_key: Option<Hidden>,
    enabled: Option<bool>,
    created_at: Option<String>,
    filters: Option<BTreeMap<String, Value>>,
}

impl Subscription {
    /// What is kept of it: digests.
    pub(super) fn into_remote(self, key: &HashKey) -> Result<Remote, &'static str> {
        self.into_parts(key).map(|(remote, _)| remote)
    }

    /// The digests, and what they were made of.
    pub(super) fn into_parts(self, key: &HashKey) -> Result<(Remote, Reading), &'static str> {
        let id = ExternalId::parse(&self.id).map_err(|_| BAD_ID)?;
        let marker = Marker::parse(&self.name);
        let created = self.created_at.as_deref().and_then(unix_millis);
        let reading = self.reading();
        let remote = Remote {
            id,
            marker,
            view: reading.view(key),
            created,
        };
        Ok((remote, reading))
    }

    /// The id as it was sent.
    pub(super) fn id(&self) -> &str {
        &self.id
    }

    /// The key that Dixa signs this subscription's deliveries with.
    pub(super) fn into_signing_key(self) -> Option<SecretString> {
        self.secret_key
            .map(|key| key.0)
            .filter(|key| !key.expose_secret().is_empty())
    }

    fn reading(self) -> Reading {
        let (authorization, headers) = match self.headers {
            Some(headers) => split(headers),
            None => (None, None),
        };
        let events = self.subscribed_events.unwrap_or_default();
        Reading {
            name: Some(self.name),
            url: self.url.map(|url| url.0),
            // Optional in the schema: a subscription without events leaves it out.
            events: Some(
                events
                    .iter()
                    .map(|event| event_name(event))
                    .collect::<BTreeSet<_>>(),
            ),
            enabled: self.enabled,
            // Optional too: without filters, everything is delivered.
            filters: Some(filter::read(self.filters.unwrap_or_default())),
            authorization,
            headers: headers.map(Ok),
            signing_key: self.secret_key.map(|key| key.0),
            max_retries: None,
        }
    }
}

/// Parts what comes of `authorization` from what comes of `customHeaders`: Dixa shows both as one object.
///
/// Authorization is always shown, computed and in clear; an object without it means that there is none.
/// Custom headers are another matter. In every published example, a subscription with custom headers is
/// answered with `Authorization` alone, and whether they ever come back is not documented. An object without
/// custom headers may thus mean "there are none" or "they are not shown": the part is unobservable. Taken for
/// "none" it would look like drift for ever, and be patched for ever. One custom header in the answer
/// proves that this Dixa shows them, and then what is missing is missing.
fn split(list: HeaderList) -> (Option<ReadAuthorization>, Option<Headers>) {
    let (authorization, headers) = list.split();
    (Some(authorization), (!headers.is_empty()).then_some(headers))
}

/// One row of the delivery status.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct EventDelivery {
    event: String,
    delivery_status: Detail,
}

impl EventDelivery {
    pub(super) fn into_delivery(self) -> Delivery {
        Delivery {
            event: event_name(&self.event),
            result: self.delivery_status.into_result(),
            failures: None,
        }
    }
}

/// One row of the log. The payload, which is what was delivered, is not read.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct LogEntry {
    delivery_detail: Detail,
}

impl LogEntry {
    pub(super) fn into_result(self) -> Option<DeliveryResult> {
        self.delivery_detail.into_result()
    }
}

/// A delivery, or (tagged `NoRecentDelivery`) none. The receiver's answer (`responseText`) is not read.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Detail {
    #[serde(rename = "_type")]
    kind: Option<String>,
    delivery_timestamp: Option<String>,
    success: Option<bool>,
    response_code: Option<i64>,
}

impl Detail {
    /// How it went; `None` where nothing is said about it, which is also what a kind unknown to us comes to.
    fn into_result(self) -> Option<DeliveryResult> {
        if self.kind.as_deref().is_some_and(|kind| kind != "DeliveryDetail") {
            return None;
        }
        Some(DeliveryResult {
            success: self.success?,
            code: self.response_code.and_then(code),
            time: self.delivery_timestamp.as_deref().and_then(time),
            next_retry: None,
        })
    }
}

#[cfg(test)]
#[path = "answer_tests.rs"]
mod tests;
