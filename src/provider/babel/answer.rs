//! What Babel answers. Unknown members are ignored and never sent back. No type here has `Debug`: a read may hold
//! the signing key and the delivery headers in clear.
//!
//! Servers leave out members that hold their type's default, so that a missing member says as much as `false`, `0`
//! or an empty text, and `null` says the same.

use operator_core::hash::HashKey;
use operator_core::marker::Marker;
use operator_core::names::ExternalId;
use operator_core::remote::Remote;
use operator_core::settings::Reading;
use secrecy::zeroize::Zeroizing;
use secrecy::{ExposeSecret, SecretString};
use serde::Deserialize;
use serde_json::{Map, Value};

use crate::provider::http::{Answer, Fault};
use crate::provider::wire::{BAD_ID, HeaderList, Hidden, UNDOCUMENTED, event_name, parse, unix_millis};

/// An answer about one thing. Whether it is a success is told by its status, by `success` and by what it shows, all
/// together: a refusal has the status 200 too.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Reply {
    success: Option<bool>,
    message: Option<Value>,
    subscription: Option<Subscription>,
    event_id: Option<i32>,
    #[serde(flatten)]
    others: Map<String, Value>,
}

impl Reply {
    /// The answer, if it can be Babel's.
    pub(super) fn read(answer: &Answer) -> Result<Self, Fault> {
        if answer.status != 200 {
            return Err(UNDOCUMENTED.into());
        }
        let reply: Self = parse(answer)?;
        // `{}` is a refusal without words. An object of other members is somebody else's, and proves nothing.
        let own = reply.success.is_some() || reply.message.is_some();
        if !own && reply.subscription.is_none() && reply.event_id.is_none() && !reply.others.is_empty() {
            return Err("it has none of the documented members".into());
        }
        Ok(reply)
    }

    /// Whether it says that all went well.
    pub(super) fn succeeded(&self) -> bool {
        self.success == Some(true)
    }

    /// What it says, as a refusal.
    pub(super) fn refusal(&self) -> Fault {
        let message = self.message.as_ref().and_then(Value::as_str);
        Fault::Refused(message.map(str::to_owned).filter(|message| !message.is_empty()))
    }

    /// The subscription that the answer must show.
    pub(super) fn into_subscription(mut self) -> Result<Subscription, Fault> {
        let shown = self.subscription.take();
        self.shown(shown)?.ok_or("the subscription is missing".into())
    }

    /// The id of the event that was made; `None` where only that it was made is said.
    pub(super) fn event_id(&self) -> Result<Option<i32>, Fault> {
        self.shown(self.event_id)
    }

    /// Without `success`, what is shown decides: `success` may be left out only where it is false, but a server
    /// that shows the result has not refused.
    fn shown<T>(&self, shown: Option<T>) -> Result<Option<T>, Fault> {
        match (self.success, shown) {
            (Some(false), Some(_)) => Err("it says that it failed, and shows a result".into()),
            (Some(true), None) => Ok(None),
            (_, None) => Err(self.refusal()),
            (_, shown) => Ok(shown),
        }
    }
}

/// A subscription.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Subscription {
    pub(super) id: i32,
    name: Option<String>,
    event_type: Option<String>,
    url: Option<Hidden>,
    secret: Option<Hidden>,
    headers: Option<Hidden>,
    max_retry_count: Option<i32>,
    is_active: Option<bool>,
    created_at: Option<String>,
}

impl Subscription {
    /// What is kept of it: digests.
    pub(super) fn into_remote(self, key: &HashKey) -> Result<Remote, &'static str> {
        self.into_parts(key).map(|(remote, _)| remote)
    }

    /// The digests, and what they were made of.
    pub(super) fn into_parts(self, key: &HashKey) -> Result<(Remote, Reading), &'static str> {
        if self.id <= 0 {
            return Err("an id is not a number from 1");
        }
        let id = ExternalId::parse(&self.id.to_string()).map_err(|_| BAD_ID)?;
        let created = self.created_at.as_deref().and_then(unix_millis);
        let marker = self.marker();
        let reading = self.reading();
        let remote = Remote {
            id,
            marker,
            view: reading.view(key),
            created,
        };
        Ok((remote, reading))
    }

    pub(super) fn marker(&self) -> Option<Marker> {
        Marker::parse(self.name())
    }

    pub(super) fn name(&self) -> &str {
        self.name.as_deref().unwrap_or_default()
    }

    pub(super) fn event_type(&self) -> &str {
        self.event_type.as_deref().unwrap_or_default()
    }

    pub(super) fn url(&self) -> &str {
        text(self.url.as_ref())
    }

    pub(super) fn secret(&self) -> &str {
        text(self.secret.as_ref())
    }

    pub(super) fn max_retry_count(&self) -> i32 {
        self.max_retry_count.unwrap_or_default()
    }

    pub(super) fn is_active(&self) -> bool {
        self.is_active.unwrap_or_default()
    }

    /// The headers, with their names as they are spelt. They are sent as an object and shown as a text, whose form
    /// is not documented; JSON is read, and of any other text all that can be told is whether it changed.
    pub(super) fn headers(&self) -> Result<HeaderList, SecretString> {
        let shown = text(self.headers.as_ref());
        match shown.trim() {
            "" | "null" => Ok(HeaderList::default()),
            json => serde_json::from_str(json).map_err(|_| shown.into()),
        }
    }

    /// What must not be in the provider's words when this is sent back.
    pub(super) fn secrets(&self) -> Vec<Zeroizing<String>> {
        let headers = self.headers().unwrap_or_default().0;
        let values = headers.iter().map(|(_, Hidden(value))| value.expose_secret());
        // A scheme and its credential; the credential alone is one as well.
        let credentials = values
            .clone()
            .filter_map(|value| value.split_once(' ').map(|(_, credential)| credential));
        let all = [self.url(), self.secret()].into_iter();
        all.chain(values)
            .chain(credentials)
            .map(|secret| Zeroizing::new(secret.to_owned()))
            .collect()
    }

    fn reading(self) -> Reading {
        let (authorization, headers) = match self.headers() {
            Ok(list) => {
                let (authorization, headers) = list.split();
                (Some(authorization), Ok(headers))
            }
            // The authorization is somewhere in the text, or is not.
            Err(text) => (None, Err(text)),
        };
        let event = Some(self.event_type()).filter(|event| !event.is_empty());
        Reading {
            events: Some(event.map(event_name).into_iter().collect()),
            url: Some(self.url().into()),
            enabled: Some(self.is_active()),
            filters: None,
            authorization,
            headers: Some(headers),
            signing_key: Some(self.secret().into()),
            // One below zero differs from all that can be wanted, and so must what stands for it.
            max_retries: Some(u32::try_from(self.max_retry_count()).unwrap_or(u32::MAX)),
            name: Some(self.name.unwrap_or_default()),
        }
    }
}

fn text(hidden: Option<&Hidden>) -> &str {
    hidden.map_or("", |Hidden(text)| text.expose_secret())
}

#[cfg(test)]
#[path = "answer_tests.rs"]
mod tests;
