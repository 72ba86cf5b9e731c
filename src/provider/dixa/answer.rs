//! What Dixa answers. Unknown members are ignored and never sent back. No type here has `Debug`: every read holds
//! the delivery credential and the signing key in clear.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use base64::Engine;
use base64::alphabet::STANDARD;
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};
use operator_core::delivery::{Delivery, DeliveryResult};
use operator_core::hash::HashKey;
use operator_core::marker::Marker;
use operator_core::names::ExternalId;
use operator_core::remote::Remote;
use operator_core::settings::{Authorization, Headers, Reading};
use secrecy::{ExposeSecret, SecretString};
use serde::Deserialize;
use serde::de::{Deserializer, Error as _, MapAccess, Visitor};
use serde_json::Value;

use super::filter;
use crate::provider::wire::{BAD_ID, Hidden, code, event_name, time, unix_millis};

const BASE64: GeneralPurpose = GeneralPurpose::new(
    &STANDARD,
    GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent),
);

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
        let id = ExternalId::parse(&self.id).map_err(|_| BAD_ID)?;
        let marker = Marker::parse(&self.name);
        let created = self.created_at.as_deref().and_then(unix_millis);
        Ok(Remote {
            id,
            marker,
            view: self.reading().view(key),
            created,
        })
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
            Some(headers) => headers.split(),
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

/// The member `headers`, in the order of the answer.
struct HeaderList(Vec<(String, Hidden)>);

impl<'de> Deserialize<'de> for HeaderList {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Members;
        impl<'de> Visitor<'de> for Members {
            type Value = HeaderList;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object of strings")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<HeaderList, A::Error> {
                let mut list: Vec<(String, Hidden)> = Vec::new();
                while let Some((name, value)) = map.next_entry::<String, Hidden>()? {
                    if list.iter().any(|(known, _)| *known == name) {
                        return Err(A::Error::custom("a header is there twice"));
                    }
                    list.push((name, value));
                }
                Ok(HeaderList(list))
            }
        }
        deserializer.deserialize_map(Members)
    }
}

type ReadAuthorization = Result<Authorization, SecretString>;

impl HeaderList {
    /// Parts what comes of `authorization` from what comes of `customHeaders`: Dixa shows both as one object.
    ///
    /// Authorization is always shown, computed and in clear; an object without it means that there is none.
    /// Custom headers are another matter. In every published example, a subscription with custom headers is
    /// answered with `Authorization` alone, and whether they ever come back is not documented. An object without
    /// custom headers may thus mean "there are none" or "they are not shown": the part is unobservable. Taken for
    /// "none" it would look like drift for ever, and be patched for ever. One custom header in the answer
    /// proves that this Dixa shows them, and then what is missing is missing.
    fn split(self) -> (Option<ReadAuthorization>, Option<Headers>) {
        let mut authorization = Vec::new();
        let mut headers = Headers::new();
        for (name, Hidden(value)) in self.0 {
            if name.eq_ignore_ascii_case("authorization") {
                authorization.push(value);
                continue;
            }
            // Spelt twice in different case: one field with a list of values (RFC 9110, section 5.3).
            let name = name.to_ascii_lowercase();
            let value = match headers.get(&name) {
                Some(first) => format!("{}, {}", first.expose_secret(), value.expose_secret()).into(),
                None => value,
            };
            headers.insert(name, value);
        }
        (
            Some(read_authorization(&authorization)),
            (!headers.is_empty()).then_some(headers),
        )
    }
}

/// The scheme and credential of a computed `Authorization` header.
fn read_authorization(values: &[SecretString]) -> ReadAuthorization {
    let text = match values {
        [] => return Ok(Authorization::None),
        [one] => one.expose_secret(),
        several => {
            let several: Vec<_> = several.iter().map(ExposeSecret::expose_secret).collect();
            return Err(several.join("\n").into());
        }
    };
    let (scheme, credential) = text.split_once(' ').unwrap_or((text, ""));
    let parsed = match scheme.to_ascii_lowercase().as_str() {
        "" => Some(Authorization::None),
        "basic" => basic(credential.trim()),
        "bearer" => Some(Authorization::Bearer(credential.trim().into())),
        _ => None,
    };
    parsed.ok_or_else(|| text.into())
}

fn basic(credential: &str) -> Option<Authorization> {
    let pair = String::from_utf8(BASE64.decode(credential).ok()?).ok()?;
    let (username, password) = pair.split_once(':')?;
    Some(Authorization::Basic {
        username: username.into(),
        password: password.into(),
    })
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
