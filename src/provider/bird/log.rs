//! What Bird's log of a subscription's deliveries tells about the one event that the subscription has.

use operator_core::delivery::{Delivery, DeliveryResult};
use operator_core::names::{EventName, ExternalId};
use serde::{Deserialize, Serialize};

use super::answer::shown;
use crate::provider::wire::{code, time, unix_millis};
use crate::provider::{Cursor, Deliveries, Logged};

/// How long Bird tries to deliver, in milliseconds: what is older says nothing about how deliveries go now.
const RECENT_MS: i64 = 8 * 60 * 60 * 1000;

/// One delivery with all of its attempts. A member that is left out or of another type counts as not shown.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct LogEntry {
    #[serde(default, deserialize_with = "shown")]
    request_id: Option<String>,
    #[serde(default, deserialize_with = "shown")]
    attempt_count: Option<i64>,
    #[serde(default, deserialize_with = "shown")]
    http_status_code: Option<i64>,
    #[serde(default, deserialize_with = "shown")]
    execution_status: Option<String>,
    #[serde(default, deserialize_with = "shown")]
    created_at: Option<String>,
}

impl LogEntry {
    pub(super) fn into_entry(self) -> Entry {
        let code = self.http_status_code.and_then(code);
        let word = self.execution_status.unwrap_or_default().to_ascii_lowercase();
        let success = match word.as_str() {
            "succeeded" => true,
            "failed" => false,
            // No other word is known.
            _ => code.is_some_and(|code| (200..300).contains(&code)),
        };
        // A delivery that is in the log was tried, unless it says that it was not.
        let attempts = self.attempt_count.unwrap_or(1);
        Entry {
            id: self.request_id.filter(|id| ExternalId::parse(id).is_ok()),
            created: self.created_at.as_deref().and_then(unix_millis),
            time: self.created_at.as_deref().and_then(time),
            tried: attempts > 0 || success,
            success,
            code,
            attempts: u32::try_from(attempts.max(1)).unwrap_or(u32::MAX),
        }
    }
}

/// One delivery, as far as it matters.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Entry {
    id: Option<String>,
    created: Option<i64>,
    time: Option<String>,
    tried: bool,
    success: bool,
    code: Option<u16>,
    attempts: u32,
}

impl Entry {
    fn result(&self) -> Option<DeliveryResult> {
        self.tried.then(|| DeliveryResult {
            success: self.success,
            code: self.code,
            time: self.time.clone(),
            next_retry: None,
        })
    }
}

/// Where the log is read on: the token of the page, and what is known from the pages before it. The last page may
/// turn out to be empty, and a row of failures may have begun before it.
pub(super) struct Place {
    pub(super) token: String,
    before: Option<Entry>,
}

impl Place {
    pub(super) fn of(cursor: &Cursor) -> Self {
        let (token, before) = cursor.0.split_once(' ').unwrap_or((&cursor.0, ""));
        Self {
            token: token.to_owned(),
            before: serde_json::from_str(before).ok(),
        }
    }

    fn into_cursor(self) -> Cursor {
        // A token holds no space.
        let before = self.before.and_then(|before| serde_json::to_string(&before).ok());
        Cursor(format!("{} {}", self.token, before.unwrap_or_default()))
    }
}

/// What one page of the log tells. The page was asked for at `place` (`None`: it is the first one), names `next` as
/// the page after it, and was read at `now`, in milliseconds of Unix time.
///
/// The order of the log is not documented. In ascending order, the newest deliveries are on the last page, so that
/// all of them have to be read.
pub(super) fn deliveries(
    entries: Vec<Entry>,
    next: Option<String>,
    place: Option<Place>,
    event: Option<&EventName>,
    now: i64,
) -> Deliveries {
    let goes_on = goes_on(&entries, place.is_some());
    let log = entries.iter().filter_map(logged).collect();
    let before = place.and_then(|place| place.before);
    let newest = newest(before.into_iter().chain(entries));
    if let Some(token) = next.filter(|_| goes_on) {
        let place = Place {
            token,
            before: newest,
        };
        return Deliveries {
            events: Vec::new(),
            log,
            next: Some(place.into_cursor()),
        };
    }
    let recent = newest.filter(|newest| newest.created.is_some_and(|created| now - created <= RECENT_MS));
    let events = recent.zip(event).map(|(newest, event)| Delivery {
        event: event.clone(),
        result: newest.result(),
        failures: Some(if newest.success { 0 } else { newest.attempts }),
    });
    Deliveries {
        events: events.into_iter().collect(),
        log,
        next: None,
    }
}

fn logged(entry: &Entry) -> Option<Logged> {
    Some(Logged {
        id: entry.id.clone()?,
        result: entry.result(),
        created: entry.created,
    })
}

/// Whether newer deliveries are on the pages that follow. Times that say nothing leave it as it was, and a first
/// page of them is taken for the newest.
fn goes_on(entries: &[Entry], followed: bool) -> bool {
    let times: Vec<_> = entries.iter().filter_map(|entry| entry.created).collect();
    match (times.first(), times.last()) {
        (Some(first), Some(last)) => times.is_sorted() && (first < last || followed),
        _ => followed || entries.is_empty(),
    }
}

/// The newest delivery that was tried and whose time is known. If it failed, its attempts are those of all that
/// failed in a row with it.
fn newest(entries: impl Iterator<Item = Entry>) -> Option<Entry> {
    let mut tried: Vec<_> = entries
        .filter(|entry| entry.tried && entry.created.is_some())
        .collect();
    tried.sort_by_key(|entry| entry.created);
    let in_a_row = tried.iter().rev().take_while(|entry| !entry.success);
    let failures = in_a_row.fold(0_u32, |sum, entry| sum.saturating_add(entry.attempts));
    let mut newest = tried.pop()?;
    if !newest.success {
        newest.attempts = failures;
    }
    Some(newest)
}

#[cfg(test)]
#[path = "log_tests.rs"]
mod tests;
