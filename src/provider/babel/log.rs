//! Babel's log of a subscription's events: rows in an order that is not documented, of which one end is wanted.

use std::cmp::Reverse;
use std::collections::BTreeMap;

use operator_core::delivery::{Delivery, DeliveryResult};
use operator_core::names::EventName;
use serde::Deserialize;
use serde_json::Value;

use super::list::{BAD_CURSOR, Beside};
use crate::provider::error::ProviderError;
use crate::provider::http::listing::Listing;
use crate::provider::wire::{code, event_name, time, unix_millis};
use crate::provider::{Cursor, Deliveries, End, Logged};

/// The most pages that are read for one question.
const PAGES_MAX: u32 = 10;
/// The most rows that a page repeats of the one before, where it is not known how many there are.
const OVERLAP_MAX: u64 = 10;

/// One event as it is listed. What was delivered (`payload`) and what the receiver said (`response`,
/// `errorMessage`) is not read.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Entry {
    id: i32,
    event_type: Option<String>,
    status_code: Option<i64>,
    is_success: Option<bool>,
    retry_count: Option<i64>,
    sent_at: Option<String>,
    next_retry_at: Option<String>,
    created_at: Option<String>,
}

/// What is kept of it.
struct Row {
    id: i32,
    event: EventName,
    created: Option<i64>,
    /// `None` while it has not been tried.
    result: Option<DeliveryResult>,
    /// How often it was tried.
    attempts: u32,
}

impl From<Entry> for Row {
    fn from(entry: Entry) -> Self {
        let success = entry.is_success.unwrap_or_default();
        let status = entry.status_code.unwrap_or_default();
        let tried = success || status != 0 || entry.sent_at.is_some();
        let retries = u32::try_from(entry.retry_count.unwrap_or_default()).unwrap_or_default();
        let when = entry.sent_at.as_deref().or(entry.created_at.as_deref());
        let result = tried.then(|| DeliveryResult {
            success,
            code: code(status),
            time: when.and_then(time),
            next_retry: entry.next_retry_at.as_deref().and_then(time),
        });
        Self {
            id: entry.id,
            event: event_name(&entry.event_type.unwrap_or_default()),
            created: entry.created_at.as_deref().and_then(unix_millis),
            result,
            attempts: retries.saturating_add(1),
        }
    }
}

/// One page of the log.
#[derive(Default)]
pub(super) struct Log {
    pub(super) beside: Beside,
    rows: Vec<Row>,
}

impl Listing for Log {
    const ITEMS: &'static str = "events";
    type Item = Entry;

    fn item(&mut self, item: Entry) -> Result<(), &'static str> {
        self.rows.push(item.into());
        Ok(())
    }

    fn wants(&self, member: &str) -> bool {
        Beside::wants(member)
    }

    fn other(&mut self, member: &str, value: Value) -> Result<(), &'static str> {
        self.beside.take(member, &value)
    }

    fn missing(&self) -> Result<(), &'static str> {
        self.beside.missing()
    }
}

/// Where a log is read: what its cursor says. The first page is at its front, every other one is on the way to its
/// back.
#[derive(Default, Clone, Copy)]
pub(super) struct Seek {
    pub(super) skip: u64,
    /// The length of the first page, which is as much as the server gives at once.
    first: u64,
    /// How many pages were read before.
    pages: u32,
}

impl Seek {
    /// Goes on at `cursor`; without one, at the front.
    pub(super) fn at(cursor: Option<&Cursor>) -> Result<Self, ProviderError> {
        cursor.map_or(Ok(Self::default()), |cursor| {
            Self::parse(&cursor.0).ok_or(BAD_CURSOR)
        })
    }

    fn parse(text: &str) -> Option<Self> {
        let (skip, rest) = text.split_once(' ')?;
        let (first, pages) = rest.split_once(' ')?;
        Some(Self {
            skip: skip.parse().ok()?,
            first: first.parse().ok()?,
            pages: pages.parse().ok()?,
        })
    }

    fn cursor(self) -> Cursor {
        let Self { skip, first, pages } = self;
        Cursor(format!("{skip} {first} {pages}"))
    }

    /// Where the wanted end is, seen from this page.
    fn place(self, log: &Log, end: End) -> Place {
        let (here, total) = (log.rows.len() as u64, log.beside.total);
        if self.pages == 0 {
            // No server gives one row at once: that is the whole log, and so is none.
            if here <= 1 && total.is_none() || total.is_some_and(|total| total <= here) {
                return Place::Here { whole: true };
            }
            match (Order::of(&log.rows), end) {
                (Some(Order::Falling), End::Newest) | (Some(Order::Rising), End::Oldest) => {
                    return Place::Here { whole: false };
                }
                (Some(_), _) => {}
                (None, _) => return Place::Nowhere,
            }
        }
        let first = if self.pages == 0 { here } else { self.first };
        let next = match total {
            // Rows went away in the meantime.
            Some(total) if here == 0 => total.saturating_sub(first),
            Some(total) if self.skip + here >= total => return Place::Here { whole: false },
            Some(total) => total - here,
            None if here < first => return Place::Here { whole: false },
            // Pages overlap, so that the last one is never empty. The first may be the whole log: a row of failures on
            // it is not to be cut in half.
            None if self.pages == 0 => here - OVERLAP_MAX.min(here - 1),
            None => self.skip + here - OVERLAP_MAX.min(here / 2),
        };
        if self.pages + 1 >= PAGES_MAX {
            return Place::Nowhere;
        }
        Place::At(Self {
            skip: next,
            first,
            pages: self.pages + 1,
        })
    }
}

/// Where the wanted end of a log is.
enum Place {
    /// On this page, which may be the whole log.
    Here { whole: bool },
    /// On another page.
    At(Seek),
    /// It cannot be told: the rows are in no order, or there are too many.
    Nowhere,
}

enum Order {
    Rising,
    Falling,
}

impl Order {
    /// The order of rows by what they say of themselves; `None` if they are in none.
    fn of(rows: &[Row]) -> Option<Self> {
        let by = |key: fn(&Row) -> (Option<i64>, i32)| {
            let keys = || rows.iter().map(key);
            let differ = keys().next() != keys().next_back();
            match (differ, keys().is_sorted(), keys().rev().is_sorted()) {
                (true, true, _) => Some(Self::Rising),
                (true, _, true) => Some(Self::Falling),
                _ => None,
            }
        };
        // Rows of one moment may be in any order, and a moment may be missing.
        by(|row| (row.created, row.id))
            .or_else(|| by(|row| (row.created, 0)))
            .or_else(|| by(|row| (None, row.id)))
    }
}

impl Log {
    /// What the page tells of the wanted end.
    pub(super) fn conclude(self, end: End, seek: Seek) -> Deliveries {
        let place = seek.place(&self, end);
        let log = self.rows.iter().map(|row| Logged {
            id: row.id.to_string(),
            result: row.result.clone(),
            created: row.created,
        });
        let log = log.collect();
        let (events, next) = match (place, end) {
            (Place::At(seek), _) => (Vec::new(), Some(seek.cursor())),
            (Place::Here { .. }, End::Newest) | (Place::Here { whole: true }, _) => (self.newest(), None),
            // What is not the newest says nothing about how deliveries go now.
            (Place::Here { whole: false }, End::Oldest) | (Place::Nowhere, _) => (self.unknown(), None),
        };
        Deliveries { events, log, next }
    }

    fn by_event(self) -> BTreeMap<EventName, Vec<Row>> {
        let mut events = BTreeMap::<EventName, Vec<Row>>::new();
        for row in self.rows {
            events.entry(row.event.clone()).or_default().push(row);
        }
        events
    }

    fn unknown(self) -> Vec<Delivery> {
        let delivery = |event| Delivery {
            event,
            result: None,
            failures: None,
        };
        self.by_event().into_keys().map(delivery).collect()
    }

    fn newest(self) -> Vec<Delivery> {
        let dated = self.rows.iter().all(|row| row.created.is_some());
        let delivery = |(event, mut rows): (EventName, Vec<Row>)| {
            // Ids are given out in sequence.
            rows.sort_by_key(|row| Reverse((row.created.filter(|_| dated), row.id)));
            // What waits to be tried says nothing yet.
            let tried = || {
                rows.iter()
                    .filter_map(|row| Some((row.attempts, row.result.as_ref()?)))
            };
            let failed = tried().take_while(|(_, result)| !result.success);
            let failures = failed.fold(0, |sum: u32, (attempts, _)| sum.saturating_add(attempts));
            let result = tried().next().map(|(_, result)| result.clone());
            Delivery {
                event,
                failures: result.is_some().then_some(failures),
                result,
            }
        };
        self.by_event().into_iter().map(delivery).collect()
    }
}

#[cfg(test)]
#[path = "log_tests.rs"]
mod tests;
