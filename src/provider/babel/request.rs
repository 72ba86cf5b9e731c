//! What is sent to Babel. No type here has `Debug`: they hold secrets, and live as long as one serialisation.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use operator_core::names::EventName;
use operator_core::settings::{Authorization, Settings};
use secrecy::ExposeSecret;
use secrecy::zeroize::Zeroizing;
use serde::ser::{Serialize, SerializeMap, Serializer};

use super::answer::Subscription;
use crate::provider::error::ProviderError;
use crate::provider::wire::{HeaderList, Hidden, is_authorization};

/// The body of a create or a replacement.
#[derive(serde::Serialize)]
pub(super) struct Body<'a> {
    subscription: Input<'a>,
}

/// A subscription. A replacement sets all of it: what is left out may be blanked.
#[derive(serde::Serialize)]
#[serde(rename_all = "camelCase")]
struct Input<'a> {
    name: &'a str,
    event_type: &'a str,
    url: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    secret: Option<&'a str>,
    headers: Headers<'a>,
    #[serde(skip_serializing_if = "Option::is_none")]
    max_retry_count: Option<i32>,
    is_active: bool,
}

impl<'a> Body<'a> {
    /// Everything that is wanted. What is not managed is left to Babel.
    pub(super) fn create(settings: &'a Settings) -> Result<Self, ProviderError> {
        let subscription = Input {
            name: name(settings)?,
            event_type: event(settings)?,
            url: settings.url.expose(),
            secret: settings.signing_key.as_ref().map(ExposeSecret::expose_secret),
            headers: Headers::wanted(settings)?,
            max_retry_count: max_retries(settings)?,
            is_active: settings.enabled,
        };
        Ok(Self { subscription })
    }

    /// Everything that is wanted, and of `row` what is not managed.
    pub(super) fn replace(settings: &'a Settings, row: &'a Subscription) -> Result<Self, ProviderError> {
        let Self { mut subscription } = Self::create(settings)?;
        if subscription.secret.is_none() {
            subscription.secret = Some(kept_secret(row)?);
        }
        let kept = row.max_retry_count();
        subscription.max_retry_count = Some(subscription.max_retry_count.unwrap_or(kept));
        Ok(Self { subscription })
    }

    /// `row` under another name, and nothing else of it changed.
    pub(super) fn rename(
        settings: &'a Settings,
        row: &'a Subscription,
        headers: &'a HeaderList,
    ) -> Result<Self, ProviderError> {
        let wanted = settings.signing_key.as_ref().map(ExposeSecret::expose_secret);
        let secret = match (row.secret(), wanted) {
            // Hidden, and known all the same: the true one is better than a mask, and than none.
            (shown, Some(wanted)) if shown.is_empty() || is_mask(shown) => wanted,
            _ => kept_secret(row)?,
        };
        let subscription = Input {
            name: name(settings)?,
            secret: Some(secret),
            ..Input::of(row, headers)
        };
        Ok(Self { subscription })
    }

    /// `row`, switched off, and nothing else of it changed.
    pub(super) fn switch_off(row: &'a Subscription, headers: &'a HeaderList) -> Result<Self, ProviderError> {
        let subscription = Input {
            secret: Some(kept_secret(row)?),
            is_active: false,
            ..Input::of(row, headers)
        };
        Ok(Self { subscription })
    }
}

impl<'a> Input<'a> {
    /// `row` as it is, save for its secret.
    fn of(row: &'a Subscription, headers: &'a HeaderList) -> Self {
        Self {
            name: row.name(),
            event_type: row.event_type(),
            url: row.url(),
            secret: None,
            headers: Headers::as_they_are(headers),
            max_retry_count: Some(row.max_retry_count()),
            is_active: row.is_active(),
        }
    }
}

const fn not_sendable(why: &'static str) -> ProviderError {
    ProviderError::NotSendable { why }
}

fn name(settings: &Settings) -> Result<&str, ProviderError> {
    settings.name.as_deref().ok_or(not_sendable("it has no name"))
}

fn event(settings: &Settings) -> Result<&str, ProviderError> {
    let mut events = settings.events.iter().map(EventName::as_str);
    match (events.next(), events.next()) {
        (Some(event), None) => Ok(event),
        _ => Err(not_sendable(
            "a subscription at this provider has exactly one event",
        )),
    }
}

fn max_retries(settings: &Settings) -> Result<Option<i32>, ProviderError> {
    let count = settings.max_retries.map(i32::try_from).transpose();
    count.map_err(|_| not_sendable("maxRetryCount is larger than this provider can hold"))
}

/// The secret as it is shown, to be sent back. An empty one may be a hidden one: whether Babel shows secrets is
/// not documented, and leaving the member out would blank it just the same.
fn kept_secret(row: &Subscription) -> Result<&str, ProviderError> {
    match row.secret() {
        shown if is_mask(shown) => Err(not_sendable(
            "the provider masks the secret; set spec.signing so that it can be sent",
        )),
        shown => Ok(shown),
    }
}

/// Whether a text stands in the place of a secret. Sent back, it would become the secret.
fn is_mask(shown: &str) -> bool {
    let stands_for_any = |c| matches!(c, '*' | '•' | '●' | '.' | '…' | '#' | '-' | '_' | 'x' | 'X');
    let run = ["***", "•••", "●●●"].iter().any(|run| shown.contains(run));
    run || (!shown.is_empty() && shown.chars().all(stands_for_any))
}

/// The headers of deliveries, of which `Authorization` is one: Babel knows no other authentication.
struct Headers<'a> {
    authorization: Option<Zeroizing<String>>,
    others: Vec<(&'a str, &'a str)>,
}

impl<'a> Headers<'a> {
    fn wanted(settings: &'a Settings) -> Result<Self, ProviderError> {
        if settings.headers.keys().any(|name| is_authorization(name)) {
            return Err(not_sendable("a custom header is called Authorization"));
        }
        let authorization = match &settings.authorization {
            Authorization::None => None,
            Authorization::Basic { username, password } => {
                let (username, password) = (username.expose_secret(), password.expose_secret());
                let pair = Zeroizing::new(format!("{username}:{password}"));
                let encoded = Zeroizing::new(STANDARD.encode(pair.as_bytes()));
                Some(Zeroizing::new(format!("Basic {}", *encoded)))
            }
            Authorization::Bearer(token) => Some(Zeroizing::new(format!("Bearer {}", token.expose_secret()))),
        };
        let others = settings.headers.iter();
        let others = others.map(|(name, value)| (name.as_str(), value.expose_secret()));
        Ok(Self {
            authorization,
            others: others.collect(),
        })
    }

    fn as_they_are(list: &'a HeaderList) -> Self {
        let others = list.0.iter();
        let others = others.map(|(name, Hidden(value))| (name.as_str(), value.expose_secret()));
        Self {
            authorization: None,
            others: others.collect(),
        }
    }
}

impl Serialize for Headers<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(None)?;
        if let Some(authorization) = &self.authorization {
            map.serialize_entry("Authorization", authorization.as_str())?;
        }
        for (name, value) in &self.others {
            map.serialize_entry(name, value)?;
        }
        map.end()
    }
}

#[cfg(test)]
#[path = "request_tests.rs"]
mod tests;
