//! Babel's lists: an array beside `success` and a total, read page by page with `take` and `skip`.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::sync::Arc;

use operator_core::hash::HashKey;
use operator_core::names::EventName;
use operator_core::remote::Remote;
use operator_core::settings::Reading;
use serde::Deserialize;
use serde_json::Value;

use super::answer::Subscription;
use crate::provider::Cursor;
use crate::provider::error::ProviderError;
use crate::provider::http::listing::{ELEMENTS_MAX, Listing};

/// How many rows are asked for. What a server gives at most, and what it gives unasked, is not documented.
pub(super) const TAKE: u64 = 100;
/// Why a list is not complete.
const MOVED: &str = "rows moved while they were listed";
/// The error of a cursor that was not made here.
pub(super) const BAD_CURSOR: ProviderError = ProviderError::NotSendable {
    why: "the cursor is not one of this list",
};

/// The query of the page that starts after `skip` rows.
pub(super) fn query(skip: u64) -> String {
    format!("take={TAKE}&skip={skip}")
}

/// What stands beside the rows of every list.
#[derive(Default)]
pub(super) struct Beside {
    success: Option<bool>,
    /// How many rows there are in all. Left out where there are none, and perhaps elsewhere.
    pub(super) total: Option<u64>,
}

impl Beside {
    pub(super) fn wants(member: &str) -> bool {
        matches!(member, "success" | "totalSubscriptionsCount" | "totalEventsCount")
    }

    pub(super) fn take(&mut self, member: &str, value: &Value) -> Result<(), &'static str> {
        match (member, value) {
            (_, Value::Null) => {}
            ("success", Value::Bool(success)) => self.success = Some(*success),
            ("success", _) => return Err("success is neither true nor false"),
            (_, total) => self.total = Some(total.as_u64().ok_or("the total is not a number")?),
        }
        Ok(())
    }

    /// An empty list may be left out like every other default; so may `success: false`, and a failure is no list.
    pub(super) fn missing(&self) -> Result<(), &'static str> {
        match self {
            Self {
                success: Some(true),
                total: None | Some(0),
            } => Ok(()),
            Self {
                success: Some(true), ..
            } => Err("the list is missing"),
            _ => Err("it says that it failed"),
        }
    }

    /// Holds a list that is there against what stands beside it.
    pub(super) fn check(&self) -> Result<(), ProviderError> {
        if self.success == Some(false) {
            return Err(unintelligible("it says that it failed, and shows a list"));
        }
        Ok(())
    }
}

/// The error of a list with the status 200 that is none.
pub(super) fn unintelligible(why: &'static str) -> ProviderError {
    ProviderError::Unintelligible { status: 200, why }
}

/// One page of subscriptions.
pub(super) struct Subscriptions {
    key: Arc<HashKey>,
    pub(super) beside: Beside,
    pub(super) ids: Vec<i32>,
    pub(super) remotes: Vec<Remote>,
    /// What they were made of, where that is asked for.
    pub(super) readings: Option<Vec<Reading>>,
}

impl Subscriptions {
    pub(super) fn new(key: Arc<HashKey>) -> Self {
        Self {
            key,
            beside: Beside::default(),
            ids: Vec::new(),
            remotes: Vec::new(),
            readings: None,
        }
    }
}

impl Listing for Subscriptions {
    const ITEMS: &'static str = "subscriptions";
    type Item = Subscription;

    fn item(&mut self, item: Subscription) -> Result<(), &'static str> {
        self.ids.push(item.id);
        let (remote, reading) = item.into_parts(&self.key)?;
        self.remotes.push(remote);
        if let Some(readings) = &mut self.readings {
            readings.push(reading);
        }
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

/// The events that an installation has.
#[derive(Default)]
pub(super) struct EventTypes {
    pub(super) beside: Beside,
    pub(super) names: BTreeSet<EventName>,
}

/// One of them. Its description is not read.
#[derive(Deserialize)]
pub(super) struct EventType {
    name: Option<String>,
}

impl Listing for EventTypes {
    const ITEMS: &'static str = "eventTypes";
    type Item = EventType;

    fn item(&mut self, item: EventType) -> Result<(), &'static str> {
        // A name that ours cannot hold can be wanted by nobody.
        self.names
            .extend(EventName::parse(&item.name.unwrap_or_default()).ok());
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

/// How far a LIST has come: what its cursor says.
///
/// Pages are numbers of rows to pass over, in an order that is not promised, so that a row can slip from a page that
/// is still to come to one that was read. What can be told of that is told: an id that comes a second time, a total
/// that shrinks, and fewer ids than the total make the LIST an error, for "not listed" must mean "not there". To see
/// the first, the cursor carries all ids so far, as ranges, which are few where ids are given out in sequence. A row
/// that was removed between two pages while another was added is not seen here: it takes both, and each absence is
/// confirmed by a read.
#[derive(Default)]
pub(super) struct Progress {
    /// The length of the first page, which is as much as the server gives at once.
    first: Option<u64>,
    total: Option<u64>,
    ids: Ids,
}

impl Progress {
    /// Goes on at `cursor`; without one, at the start.
    pub(super) fn at(cursor: Option<&Cursor>) -> Result<Self, ProviderError> {
        cursor.map_or(Ok(Self::default()), |cursor| {
            Self::parse(&cursor.0).ok_or(BAD_CURSOR)
        })
    }

    /// No id was read twice, so there are as many as rows.
    pub(super) fn skip(&self) -> u64 {
        self.ids.len()
    }

    /// Takes a page of these ids, and says where the next one starts; `None` where the list is complete.
    pub(super) fn page(mut self, ids: &[i32], total: Option<u64>) -> Result<Option<Cursor>, &'static str> {
        if total.zip(self.total).is_some_and(|(now, before)| now < before) {
            return Err(MOVED);
        }
        self.total = total.or(self.total);
        if !ids.iter().all(|id| self.ids.insert(*id)) {
            return Err(MOVED);
        }
        let (read, here) = (self.ids.len(), ids.len() as u64);
        if read > ELEMENTS_MAX {
            return Err("there are too many subscriptions");
        }
        let first = *self.first.get_or_insert(here);
        let complete = match self.total {
            Some(total) if read > total => return Err("there are more rows than the total says"),
            Some(total) if read < total && here == 0 => return Err(MOVED),
            // Whatever a page holds, the total decides: a server may give fewer rows than were asked for.
            Some(total) => read == total,
            None => here == 0 || here < first,
        };
        Ok((!complete).then(|| Cursor(self.to_string())))
    }

    fn parse(text: &str) -> Option<Self> {
        let (first, rest) = text.split_once(' ')?;
        let (total, ids) = rest.split_once(' ')?;
        let total = match total {
            "?" => None,
            total => Some(total.parse().ok()?),
        };
        Some(Self {
            first: Some(first.parse().ok()?),
            total,
            ids: Ids::parse(ids)?,
        })
    }
}

impl fmt::Display for Progress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let first = self.first.unwrap_or_default();
        let total = self.total.map_or("?".to_owned(), |total| total.to_string());
        write!(f, "{first} {total} {}", self.ids)
    }
}

/// A set of ids, as the first and the last of each range.
#[derive(Default)]
struct Ids(BTreeMap<i64, i64>);

impl Ids {
    fn len(&self) -> u64 {
        self.0.iter().map(|(first, last)| first.abs_diff(*last) + 1).sum()
    }

    /// `false`: it was there.
    fn insert(&mut self, id: i32) -> bool {
        let id = i64::from(id);
        let before = self.0.range(..=id).next_back();
        let before = before.map(|(first, last)| (*first, *last));
        if before.is_some_and(|(_, last)| id <= last) {
            return false;
        }
        let last = self.0.remove(&(id + 1)).unwrap_or(id);
        let first = before
            .filter(|(_, last)| last + 1 == id)
            .map_or(id, |(first, _)| first);
        self.0.insert(first, last);
        true
    }

    fn parse(text: &str) -> Option<Self> {
        let range = |text: &str| {
            let (first, last) = text.split_once('-').unwrap_or((text, text));
            Some((first.parse().ok()?, last.parse().ok()?))
        };
        text.split(',').map(range).collect::<Option<_>>().map(Self)
    }
}

impl fmt::Display for Ids {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (i, (first, last)) in self.0.iter().enumerate() {
            let comma = if i == 0 { "" } else { "," };
            match last {
                last if last == first => write!(f, "{comma}{first}")?,
                last => write!(f, "{comma}{first}-{last}")?,
            }
        }
        Ok(())
    }
}

#[cfg(test)]
#[path = "list_tests.rs"]
mod tests;
