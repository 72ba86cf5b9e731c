//! What the adapters' wire formats have in common.

mod headers;

use std::fmt;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use operator_core::delivery::DeliveryResult;
use operator_core::names::{EventName, ExternalId};
use operator_core::remote::Remote;
use operator_core::settings::{self, Settings};
use operator_core::url::canonical_url;
use secrecy::zeroize::Zeroizing;
use secrecy::{ExposeSecret, SecretString};
use serde::de::{DeserializeOwned, Deserializer};
use serde::{Deserialize, Serialize};

use super::error::ProviderError;
use super::http::{Answer, listing};
pub(super) use headers::{HeaderList, ReadAuthorization, is_authorization};

/// Why an answer is not taken: its status is not one that the documents name.
pub(super) const UNDOCUMENTED: &str = "this status is not documented here";
/// Why an answer is not taken: it is about something else than was asked for.
pub(super) const ANOTHER: &str = "it is about another subscription";
/// Why an id of an answer cannot be kept.
pub(super) const BAD_ID: &str = "an id is not visible ASCII of at most 256 bytes";
/// The longest time that is kept of an answer, in characters.
const TIME_MAX: usize = 40;
/// Parts of a delivery URL are taken for secrets from this length on: shorter ones are words, which would blank
/// out ordinary text.
const URL_PART_MIN: usize = 16;

/// Text of an answer that must not be shown.
pub(super) struct Hidden(pub(super) SecretString);

impl fmt::Debug for Hidden {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Hidden")
    }
}

impl<'de> Deserialize<'de> for Hidden {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer).map(|text| Self(text.into()))
    }
}

/// The body of an answer.
pub(super) fn parse<T: DeserializeOwned>(answer: &Answer) -> Result<T, &'static str> {
    serde_json::from_slice(&answer.body).map_err(|error| listing::form(&error))
}

/// The body of a request, in memory that is wiped.
pub(super) fn json(body: &impl Serialize) -> Result<Zeroizing<Vec<u8>>, ProviderError> {
    // Large enough for almost every body: what a growing vector leaves behind is not wiped.
    let mut bytes = Zeroizing::new(Vec::with_capacity(16 << 10));
    serde_json::to_writer(&mut *bytes, body).map_err(|_| ProviderError::NotSendable {
        why: "it does not make valid JSON",
    })?;
    Ok(bytes)
}

/// Holds an answer against the id that was asked for.
pub(super) fn same(id: &ExternalId, remote: Remote) -> Result<Remote, &'static str> {
    if remote.id == *id {
        Ok(remote)
    } else {
        Err(ANOTHER)
    }
}

/// Takes an answer without a subscription: nothing, or a JSON object. A proxy's page must not pass for the API.
pub(super) fn acknowledged(answer: &Answer, statuses: &[u16]) -> Result<(), &'static str> {
    if !statuses.contains(&answer.status) {
        return Err(UNDOCUMENTED);
    }
    if answer.status == 204 || answer.body.trim_ascii().is_empty() {
        return Ok(());
    }
    parse::<serde_json::Map<String, serde_json::Value>>(answer).map(drop)
}

/// "It does not exist" is an answer to a read.
pub(super) fn absent_as_none<T>(result: Result<T, ProviderError>) -> Result<Option<T>, ProviderError> {
    match result {
        Err(ProviderError::Vanished { .. }) => Ok(None),
        other => other.map(Some),
    }
}

/// The next page must be another one, or following it would never end.
pub(super) fn another(next: Option<String>, this: Option<&str>) -> Result<Option<String>, ProviderError> {
    if next.is_some() && next.as_deref() == this {
        return Err(ProviderError::Unintelligible {
            status: 200,
            why: "the next page is this page",
        });
    }
    Ok(next)
}

/// An event's name. One that ours cannot hold is escaped and cut: it is not equal to any that can be wanted, and
/// the subscription can still be read.
pub(super) fn event_name(text: &str) -> EventName {
    if let Ok(name) = EventName::parse(text) {
        return name;
    }
    let escaped: String = text
        .chars()
        .flat_map(char::escape_default)
        .filter(char::is_ascii_graphic)
        .collect();
    let odd = format!("odd:{}", &escaped[..escaped.len().min(EventName::MAX - 4)]);
    match EventName::parse(&odd) {
        Ok(name) => name,
        Err(_) => unreachable!("escaped text within the bound is a name"),
    }
}

/// A time of an answer as it is kept: visible ASCII, cut, and with the zone that is meant where it names none; `None`
/// where nothing is left of it.
pub(super) fn time(text: &str) -> Option<String> {
    if text.parse::<jiff::Timestamp>().is_err()
        && let Some(time) = timestamp(text)
    {
        return Some(time.to_string());
    }
    let kept: String = text
        .chars()
        .filter(char::is_ascii_graphic)
        .take(TIME_MAX)
        .collect();
    Some(kept).filter(|kept| !kept.is_empty())
}

/// Milliseconds of Unix time. A time without a zone is taken for UTC.
pub(super) fn unix_millis(text: &str) -> Option<i64> {
    timestamp(text).map(jiff::Timestamp::as_millisecond)
}

fn timestamp(text: &str) -> Option<jiff::Timestamp> {
    text.parse().ok().or_else(|| {
        let civil = text.parse::<jiff::civil::DateTime>().ok()?;
        let zoned = civil.to_zoned(jiff::tz::TimeZone::UTC).ok()?;
        Some(zoned.timestamp())
    })
}

/// A status code of a receiver, if it is one.
pub(super) fn code(code: i64) -> Option<u16> {
    u16::try_from(code).ok().filter(|code| (100..1000).contains(code))
}

/// Puts the newest first, if all times can be read; their order is not documented.
pub(super) fn newest_first(log: &mut [DeliveryResult]) {
    let time = |entry: &DeliveryResult| unix_millis(entry.time.as_deref()?);
    if log.iter().all(|entry| time(entry).is_some()) {
        log.sort_by_cached_key(|entry| std::cmp::Reverse(time(entry)));
    }
}

/// Every secret that a request with these settings holds, in the forms in which a provider could repeat it.
pub(super) fn secrets(settings: &Settings) -> Vec<Zeroizing<String>> {
    let mut secrets = Vec::new();
    let mut keep = |text: &str| secrets.push(Zeroizing::new(text.to_owned()));
    match &settings.authorization {
        settings::Authorization::None => {}
        settings::Authorization::Basic { username, password } => {
            let (username, password) = (username.expose_secret(), password.expose_secret());
            let pair = Zeroizing::new(format!("{username}:{password}"));
            keep(&Zeroizing::new(STANDARD.encode(pair.as_bytes())));
            keep(&pair);
            keep(username);
            keep(password);
        }
        settings::Authorization::Bearer(token) => keep(token.expose_secret()),
    }
    settings
        .headers
        .values()
        .for_each(|value| keep(value.expose_secret()));
    settings
        .signing_key
        .iter()
        .for_each(|key| keep(key.expose_secret()));
    // The URL may come from a Secret, and some receivers carry their token in it.
    let url = settings.url.expose();
    keep(url);
    keep(&Zeroizing::new(canonical_url(url)));
    let after_host = url.splitn(4, '/').nth(3).unwrap_or_default();
    keep(&format!("/{after_host}"));
    let parts = after_host.split(['/', '?', '&', '=']);
    parts
        .filter(|part| part.len() >= URL_PART_MIN)
        .for_each(&mut keep);
    secrets
}

#[cfg(test)]
mod tests {
    use operator_core::url::DeliveryUrl;

    use super::*;

    #[test]
    fn every_secret_of_a_request_is_known_to_the_redaction() {
        let url = "https://h.example/in/0123456789abcdef-token?key=fedcba9876543210";
        let settings = Settings {
            url: DeliveryUrl::parse(url).unwrap(),
            ..crate::provider::dixa::tests::documented()
        };
        let secrets = secrets(&settings);
        let text = format!(
            "relay hunter2-example cmVsYXk6aHVudGVyMi1leGFtcGxl orders {url} 0123456789abcdef-token fedcba9876543210"
        );
        let shown = operator_core::redact::shown(&text, secrets.iter().map(|secret| secret.as_str()));
        assert_eq!(shown.replace("[redacted]", "").trim(), "", "{shown}");
    }

    #[test]
    fn a_time_without_a_zone_is_utc() {
        assert_eq!(
            unix_millis("2026-01-01T00:00:00Z"),
            unix_millis("2026-01-01T00:00:00")
        );
        assert_eq!(
            unix_millis("2026-01-01T01:00:00+01:00"),
            unix_millis("2026-01-01T00:00:00.000")
        );
        assert_eq!(unix_millis("yesterday"), None);
    }

    #[test]
    fn what_is_no_status_code_is_none() {
        assert_eq!(
            (code(503), code(0), code(-1), code(70_000)),
            (Some(503), None, None, None)
        );
    }

    #[test]
    fn a_page_that_names_itself_as_the_next_is_not_followed() {
        let some = |text: &str| Some(text.to_owned());
        assert!(another(some("a"), Some("a")).is_err());
        assert_eq!(another(some("b"), Some("a")), Ok(some("b")));
        assert_eq!(another(some("a"), None), Ok(some("a")));
        assert_eq!(another(None, None), Ok(None));
    }
}
