//! What is remembered of each object between two reconciles, in this process.
//!
//! The core's [`Memory`] is the truth while the process lives: a status write that lost a race or an answer
//! never makes the operator forget an id. Status is read once, when an object is first seen.

use std::collections::{HashMap, VecDeque};
use std::sync::{Arc, Mutex, PoisonError};

use operator_core::delivery::Health;
use operator_core::hash::Fingerprint;
use operator_core::memory::{Memory, Wanted};
use operator_core::names::{AccountId, ExternalId, ObjectName, ObjectUid, RemoteKey};
use operator_core::time::Moment;

use crate::api::v1alpha1::{TestStatus, WebhookSubscription};
use crate::provider::{Cursor, End};

/// The wish as digests, and what it was made from: while that is unchanged, no Secret is read.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Resolved {
    pub(super) generation: i64,
    /// (name, resourceVersion) of each Secret.
    pub(super) secrets: Vec<(String, String)>,
    pub(super) wanted: Vec<Wanted>,
    pub(super) host: String,
}

/// Delivery monitoring of one object.
#[derive(Debug, Clone, Default)]
pub(super) struct Deliveries {
    pub(super) health: Health,
    /// When the next poll is due.
    pub(super) next: Option<Moment>,
    /// What is left of a poll that has begun.
    pub(super) steps: VecDeque<Step>,
    /// A test is on its way: when to look for its result next, and how often that was done.
    pub(super) result: Option<(Moment, u32)>,
    /// Something is worth a status write.
    pub(super) notable: bool,
}

/// One request of a poll.
#[derive(Debug, Clone)]
pub(super) enum Step {
    /// Reads one end of what was delivered, from a page on. How many pages were read before.
    Read(RemoteKey, End, Option<Cursor>, u32),
    /// Deletes one delivery from the provider's list.
    Discard(RemoteKey, String),
}

/// One object.
#[derive(Debug, Clone, Default)]
pub(super) struct Record {
    pub(super) uid: Option<ObjectUid>,
    pub(super) memory: Memory,
    /// The account that the memory's reads come from.
    pub(super) account: Option<AccountId>,
    pub(super) resolved: Option<Resolved>,
    pub(super) deliveries: Deliveries,
    /// This process saw the object before anything was begun for it, and has sent no create since.
    pub(super) nothing_sent: bool,
    /// Since when it has been failing.
    pub(super) failing_since: Option<Moment>,
    /// Reconciles in a row that ended in an apiserver error.
    pub(super) apiserver_failures: u32,
    /// The signing key that was verified to be in the Secret of this resourceVersion.
    pub(super) published: Option<(String, Fingerprint)>,
    /// The version of the Secret that was verified to hold the key that the operator made.
    pub(super) generated: Option<String>,
    /// The test that was last asked for.
    pub(super) test: Option<TestStatus>,
    /// The last value of the annotation that asks for a comparison, and when it was first seen.
    pub(super) requested: Option<(String, Moment)>,
    /// The last generation whose unknown events were warned about.
    pub(super) warned_events: Option<i64>,
    /// A read that waits for a LIST shared with others: one that begins after this.
    pub(super) awaited_list: Option<Moment>,
    /// The object as our own last write returned it, while the watch may still be behind.
    pub(super) written: Option<Arc<WebhookSubscription>>,
}

impl Record {
    /// The newer of what the watch has and what our own last write returned. Both are the same object, so their
    /// resource versions can be compared (KEP-5504).
    pub(super) fn newest(&mut self, watched: &Arc<WebhookSubscription>) -> Arc<WebhookSubscription> {
        let newer = self
            .written
            .take_if(|written| version(written) <= version(watched));
        drop(newer);
        self.written.clone().unwrap_or_else(|| Arc::clone(watched))
    }

    /// Our own write returned this.
    pub(super) fn wrote(&mut self, object: Arc<WebhookSubscription>) {
        self.written = Some(object);
    }
}

fn version(object: &WebhookSubscription) -> u64 {
    object
        .metadata
        .resource_version
        .as_deref()
        .and_then(|version| version.parse().ok())
        .unwrap_or(0)
}

/// All records.
#[derive(Debug, Default)]
pub(super) struct Records {
    records: Mutex<HashMap<ObjectName, Record>>,
    /// The generation of each object that could not be read, once that was reported.
    unreadable: Mutex<HashMap<ObjectName, i64>>,
}

impl Records {
    /// Takes the record of an object out, so that exactly one reconcile works on it.
    pub(super) fn take(&self, name: &ObjectName) -> Option<Record> {
        self.lock().remove(name)
    }

    /// Puts it back.
    pub(super) fn put(&self, name: &ObjectName, record: Record) {
        self.lock().insert(name.clone(), record);
    }

    /// Looks at a record that is not being worked on.
    pub(super) fn peek<T>(&self, name: &ObjectName, look: impl FnOnce(&Record) -> T) -> Option<T> {
        self.lock().get(name).map(look)
    }

    /// Whether an id was made or seen after `moment`, or is known to be gone: then a LIST that began at `moment`
    /// says nothing about it.
    pub(super) fn outdates(&self, name: &ObjectName, id: &ExternalId, moment: Moment) -> bool {
        self.peek(name, |record| {
            let seen = record.memory.entries.values().any(|entry| {
                entry.id.as_ref() == Some(id) && entry.seen.as_ref().is_some_and(|seen| seen.at >= moment)
            });
            seen || record.memory.gone.contains(id)
        })
        .unwrap_or(false)
    }

    /// Whether it was reported that this generation of an object cannot be read.
    pub(super) fn unreadable_told(&self, name: &ObjectName, generation: i64) -> bool {
        let unreadable = self.unreadable.lock().unwrap_or_else(PoisonError::into_inner);
        unreadable.get(name) == Some(&generation)
    }

    /// It was.
    pub(super) fn tell_unreadable(&self, name: &ObjectName, generation: i64) {
        let mut unreadable = self.unreadable.lock().unwrap_or_else(PoisonError::into_inner);
        unreadable.insert(name.clone(), generation);
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, HashMap<ObjectName, Record>> {
        self.records.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
