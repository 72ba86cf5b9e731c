//! The request log: every request in one global order, and counters that cost no memory.

use crate::frame::{
    clock,
    credential::visible_headers,
    fault::{RequestFilter, Traits, When},
    provider::Call,
};
use bytes::Bytes;
use serde::{Deserialize, Serialize, Serializer};
use serde_json::Value;
use std::{
    collections::{BTreeMap, VecDeque},
    sync::{Mutex, MutexGuard, PoisonError},
    time::Duration,
};
use tokio::sync::watch;

/// How far a request came.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Phase {
    /// Read completely, nothing done.
    Received,
    /// The provider has carried it out; no answer was sent yet.
    Applied,
    /// The answer was handed to the connection.
    Answered,
    /// The connection was closed instead of an answer.
    Dropped,
}

/// One request.
#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct LogEntry {
    /// Number in the global order, from 1, never used twice.
    pub seq: u64,
    /// When it was read, in milliseconds since the epoch.
    pub time_ms: u64,
    /// Provider whose path it was sent to, or `none`.
    pub provider: &'static str,
    /// Organization of the credential, if the credential is known.
    pub organization: Option<String>,
    /// Operation, or `unknown`.
    pub operation: &'static str,
    /// HTTP method.
    pub method: String,
    /// Path with query.
    pub path: String,
    /// Id of the object; for a create, once it was applied.
    pub id: Option<String>,
    /// How far it came.
    pub phase: Phase,
    /// Whether the provider carried it out with success (the answer may still say otherwise).
    pub applied: bool,
    /// Where it is held at present.
    pub held: Option<When>,
    /// Status the provider decided on.
    pub provider_status: Option<u16>,
    /// Status that was sent.
    pub status: Option<u16>,
    /// When the answer was handed over, in milliseconds since the epoch.
    pub answered_ms: Option<u64>,
    /// Fault plans that hit it.
    pub faults: Vec<u64>,
    /// Why it was refused.
    pub note: Option<String>,
    /// Request headers, names in lower case; credentials are replaced by a short hash.
    pub headers: BTreeMap<String, String>,
    /// Request body: as JSON if it is JSON, otherwise as text.
    #[serde(serialize_with = "body_as_json")]
    pub body: Bytes,
}

impl LogEntry {
    /// The request body, if it is JSON.
    pub fn json(&self) -> Option<Value> {
        serde_json::from_slice(&self.body).ok()
    }

    fn traits(&self) -> Traits<'_> {
        Traits {
            provider: self.provider,
            operation: self.operation,
            method: &self.method,
            organization: self.organization.as_deref(),
            id: self.id.as_deref(),
        }
    }
}

fn body_as_json<S: Serializer>(body: &Bytes, serializer: S) -> Result<S::Ok, S::Error> {
    if body.is_empty() {
        return serializer.serialize_none();
    }
    match serde_json::from_slice::<Value>(body) {
        Ok(value) => value.serialize(serializer),
        Err(_) => serializer.serialize_str(&String::from_utf8_lossy(body)),
    }
}

/// Counts of one operation.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct OperationCount {
    /// Requests read.
    pub received: u64,
    /// Requests carried out with success.
    pub applied: u64,
    /// Requests answered.
    pub answered: u64,
    /// Requests whose connection was closed instead.
    pub dropped: u64,
    /// Answers by status.
    pub by_status: BTreeMap<u16, u64>,
}

/// Counts by provider and operation.
pub type Counters = BTreeMap<&'static str, BTreeMap<&'static str, OperationCount>>;

/// A point in a request's life that a test can wait for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Milestone {
    /// The request was read.
    #[default]
    Received,
    /// The request is being held by a fault plan.
    Held,
    /// The provider has carried it out with success.
    Applied,
    /// The answer was handed to the connection.
    Answered,
    /// Answered, or its connection closed.
    Finished,
}

/// What to wait for: the `count`-th matching request with a number above `since`.
#[derive(Debug, Clone, Default)]
pub struct Wait {
    /// The requests that count.
    pub requests: RequestFilter,
    /// Only this request.
    pub seq: Option<u64>,
    /// Only requests with a higher number.
    pub since: u64,
    /// How many there must be, at least 1.
    pub count: usize,
    /// The point they must have come to.
    pub milestone: Milestone,
}

impl Wait {
    fn fits(&self, entry: &LogEntry) -> bool {
        let come_to = match self.milestone {
            Milestone::Received => true,
            Milestone::Held => entry.held.is_some(),
            Milestone::Applied => entry.applied,
            Milestone::Answered => entry.phase == Phase::Answered,
            Milestone::Finished => matches!(entry.phase, Phase::Answered | Phase::Dropped),
        };
        come_to && self.seq.is_none_or(|seq| seq == entry.seq) && self.requests.matches(entry.traits())
    }
}

/// How much of each request is kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Retention {
    /// The newest entries, at most so many.
    Entries(usize),
    /// Counters only.
    CountersOnly,
}

#[derive(Debug)]
struct Book {
    retention: Retention,
    last_seq: u64,
    entries: VecDeque<LogEntry>,
    counters: Counters,
}

/// The request log of a simulator.
#[derive(Debug)]
pub(crate) struct RequestLog {
    book: Mutex<Book>,
    changed: watch::Sender<u64>,
}

/// What the later phases of a request need to find its entry and its counter.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Ticket {
    pub seq: u64,
    provider: &'static str,
    operation: &'static str,
}

impl RequestLog {
    pub(crate) fn new(retention: Retention) -> Self {
        let book = Book {
            retention,
            last_seq: 0,
            entries: VecDeque::new(),
            counters: Counters::default(),
        };
        Self {
            book: Mutex::new(book),
            changed: watch::Sender::new(0),
        }
    }

    fn book(&self) -> MutexGuard<'_, Book> {
        self.book.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Gives the request its number and counts it.
    pub(crate) fn receive(
        &self,
        provider: &'static str,
        organization: Option<&str>,
        call: &Call,
        is_credential: &dyn Fn(&str) -> bool,
    ) -> Ticket {
        let mut book = self.book();
        book.last_seq += 1;
        let ticket = Ticket {
            seq: book.last_seq,
            provider,
            operation: call.target.operation,
        };
        book.count(ticket).received += 1;
        if let Retention::Entries(most) = book.retention {
            while book.entries.len() >= most.max(1) {
                book.entries.pop_front();
            }
            book.entries.push_back(LogEntry {
                headers: visible_headers(&call.headers, is_credential),
                ..new_entry(ticket, organization, call)
            });
        }
        drop(book);
        self.announce();
        ticket
    }

    fn announce(&self) {
        self.changed
            .send_modify(|version| *version = version.wrapping_add(1));
    }

    /// Changes the entry, if it is still kept, and the counter.
    pub(crate) fn note(
        &self,
        ticket: Ticket,
        entry: impl FnOnce(&mut LogEntry),
        count: impl FnOnce(&mut OperationCount),
    ) {
        let mut book = self.book();
        count(book.count(ticket));
        if let Some(found) = book.find(ticket.seq) {
            entry(found);
        }
        drop(book);
        self.announce();
    }

    /// Marks the request as answered.
    pub(crate) fn answered(&self, ticket: Ticket, status: u16) {
        let now = clock::now_ms();
        let mark = |entry: &mut LogEntry| {
            entry.phase = Phase::Answered;
            entry.status = Some(status);
            entry.answered_ms = Some(now);
        };
        self.note(ticket, mark, |count| {
            count.answered += 1;
            *count.by_status.entry(status).or_default() += 1;
        });
    }

    /// Marks the request as dropped.
    pub(crate) fn dropped(&self, ticket: Ticket) {
        self.note(
            ticket,
            |entry| entry.phase = Phase::Dropped,
            |count| count.dropped += 1,
        );
    }

    /// Entries with a number above `since`, oldest first, at most `limit`.
    pub(crate) fn since(&self, since: u64, limit: usize, requests: &RequestFilter) -> Vec<LogEntry> {
        let book = self.book();
        let fits = |entry: &&LogEntry| requests.matches(entry.traits());
        book.after(since).filter(fits).take(limit).cloned().collect()
    }

    pub(crate) fn counters(&self) -> Counters {
        self.book().counters.clone()
    }

    pub(crate) fn last_seq(&self) -> u64 {
        self.book().last_seq
    }

    pub(crate) fn keeps_entries(&self) -> bool {
        self.book().retention != Retention::CountersOnly
    }

    /// Forgets the entries; numbering goes on.
    pub(crate) fn clear_entries(&self) {
        self.book().entries.clear();
    }

    pub(crate) fn clear_counters(&self) {
        self.book().counters.clear();
    }

    /// Waits for a request; `None` when the time is over first. Needs entries to be kept.
    pub(crate) async fn wait(&self, wanted: &Wait, timeout: Duration) -> Option<LogEntry> {
        let mut changed = self.changed.subscribe();
        let search = async {
            loop {
                changed.borrow_and_update();
                if let Some(found) = self.find(wanted) {
                    return Some(found);
                }
                changed.changed().await.ok()?;
            }
        };
        tokio::time::timeout(timeout, search).await.ok().flatten()
    }

    fn find(&self, wanted: &Wait) -> Option<LogEntry> {
        let book = self.book();
        let mut fitting = book.after(wanted.since).filter(|entry| wanted.fits(entry));
        fitting.nth(wanted.count.max(1) - 1).cloned()
    }
}

impl Book {
    fn count(&mut self, ticket: Ticket) -> &mut OperationCount {
        self.counters
            .entry(ticket.provider)
            .or_default()
            .entry(ticket.operation)
            .or_default()
    }

    fn position(&self, seq: u64) -> usize {
        self.entries.partition_point(|entry| entry.seq < seq)
    }

    fn find(&mut self, seq: u64) -> Option<&mut LogEntry> {
        let position = self.position(seq);
        self.entries.get_mut(position).filter(|entry| entry.seq == seq)
    }

    fn after(&self, since: u64) -> impl Iterator<Item = &LogEntry> {
        self.entries.range(self.position(since.saturating_add(1))..)
    }
}

fn new_entry(ticket: Ticket, organization: Option<&str>, call: &Call) -> LogEntry {
    LogEntry {
        seq: ticket.seq,
        time_ms: clock::now_ms(),
        provider: ticket.provider,
        organization: organization.map(str::to_owned),
        operation: ticket.operation,
        method: call.method.to_string(),
        path: call
            .query
            .as_ref()
            .map_or_else(|| call.path.clone(), |query| format!("{}?{query}", call.path)),
        id: call.target.object.clone(),
        phase: Phase::Received,
        applied: false,
        held: None,
        provider_status: None,
        status: None,
        answered_ms: None,
        faults: Vec::new(),
        note: None,
        headers: BTreeMap::new(),
        body: call.body.clone(),
    }
}
