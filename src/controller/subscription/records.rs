//! What is remembered of each object between two reconciles, in this process.
//!
//! The core's [`Memory`] is the truth while the process lives: a status write that lost a race or an answer
//! never makes the operator forget an id. Status is read once, when an object is first seen.

use std::collections::{BTreeMap, HashMap, HashSet, VecDeque};
use std::ops::Deref;
use std::sync::{Arc, Mutex, PoisonError};

use operator_core::delivery::Health;
use operator_core::hash::{Fingerprint, HashKey};
use operator_core::memory::{Memory, Wanted};
use operator_core::names::{AccountId, EventName, ExternalId, ObjectName, ObjectUid, RemoteKey};
use operator_core::pace::Pace;
use operator_core::time::Moment;
use operator_core::verdict::Failure;

use super::resolve::Host;
use super::rotation::Kept;
use super::status;
use crate::api::v1alpha1 as api;
use crate::api::v1alpha1::{TestStatus, WebhookSubscription, WebhookSubscriptionStatus};
use crate::controller::context::{Context, Party};
use crate::controller::watches;
use crate::provider::{Cursor, End};

/// The wish as digests, and what it was made from: while that is unchanged, no Secret is read.
#[derive(Debug, Clone, PartialEq)]
pub(in crate::controller) struct Resolved {
    /// What the wish was made for: another type has other keys.
    pub(in crate::controller) type_: api::ProviderType,
    pub(in crate::controller) generation: i64,
    /// (name, resourceVersion) of each Secret.
    pub(in crate::controller) secrets: Vec<(String, String)>,
    pub(in crate::controller) wanted: Vec<Wanted>,
    pub(in crate::controller) host: Host,
}

/// Delivery monitoring of one object.
#[derive(Debug, Clone, Default)]
pub(in crate::controller) struct Deliveries {
    pub(in crate::controller) health: Health,
    /// When the next poll is due.
    pub(in crate::controller) next: Option<Moment>,
    /// What is left of a poll that has begun.
    pub(in crate::controller) steps: VecDeque<Step>,
    /// A test is on its way: when to look for its result next, and how often that was done.
    pub(in crate::controller) result: Option<(Moment, u32)>,
    /// When a delivery or a test was last accepted by the receiver, as this process has seen; milliseconds of Unix time.
    pub(in crate::controller) arrived: BTreeMap<RemoteKey, i64>,
    /// Something is worth a status write.
    pub(in crate::controller) notable: bool,
}

/// One request of a poll.
#[derive(Debug, Clone)]
pub(in crate::controller) enum Step {
    /// Reads one end of what was delivered, from a page on. How many pages were read before.
    Read(RemoteKey, End, Option<Cursor>, u32),
    /// Reads the log of an event that began to fail.
    Log(RemoteKey, EventName),
    /// Deletes one delivery from the provider's list.
    Discard(RemoteKey, String),
}

/// One object. What most objects never have is boxed.
#[derive(Debug, Clone, Default)]
#[expect(
    clippy::struct_excessive_bools,
    reason = "each is a fact of its own, and any may hold with any other"
)]
pub(in crate::controller) struct Record {
    pub(in crate::controller) uid: Option<ObjectUid>,
    pub(in crate::controller) memory: Memory,
    /// Digest of the status that the memory was restored from, until a write of this process has shown that it was the
    /// newest one.
    pub(in crate::controller) unproven: Option<Fingerprint>,
    /// The account that the memory's reads come from.
    pub(in crate::controller) account: Option<AccountId>,
    pub(in crate::controller) resolved: Option<Resolved>,
    pub(in crate::controller) deliveries: Deliveries,
    /// Since when this process knows the wish, or later: LISTs that began before say nothing about what is in its way.
    pub(in crate::controller) since: Moment,
    /// This process saw the object before anything was begun for it, and has sent no create since.
    pub(in crate::controller) nothing_sent: bool,
    /// Since when it has waited for the account's first LIST, where nothing was told of it yet.
    pub(in crate::controller) waits_since: Option<Moment>,
    /// This process has told how it is.
    pub(in crate::controller) told: bool,
    /// Its status was written with another hash key, which nobody was told yet.
    pub(in crate::controller) key_lost: bool,
    /// What exists at the provider was switched off, as the owner of the account withdrew the permission for it.
    pub(in crate::controller) withdrawn: bool,
    /// The failure that lasts from one attempt to the next.
    pub(in crate::controller) failure: Option<Box<Failure>>,
    /// Reconciles in a row that ended in an apiserver error.
    pub(in crate::controller) apiserver_failures: u32,
    /// The signing key that was verified to be in the Secret of this resourceVersion.
    pub(in crate::controller) published: Option<Box<(String, Fingerprint)>>,
    /// The version of the Secret that was verified to hold the key that the operator made.
    pub(in crate::controller) generated: Option<Box<str>>,
    /// What that Secret says of when the key was made, and of the one before it.
    pub(in crate::controller) kept: Option<Box<Kept>>,
    /// The test that was last asked for.
    pub(in crate::controller) test: Option<Box<TestStatus>>,
    /// The last value of the annotation that asks for a comparison, and when it was first seen.
    pub(in crate::controller) requested: Option<Box<(String, Moment)>>,
    /// The last generation whose unknown events were warned about.
    pub(in crate::controller) warned_events: Option<i64>,
    /// A read that waits for a LIST shared with others: one that begins after this.
    pub(in crate::controller) awaited_list: Option<Moment>,
    /// The object as our own last write returned it, while the watch may still be behind.
    pub(in crate::controller) written: Option<Arc<WebhookSubscription>>,
    /// How often it was edited of late.
    pub(in crate::controller) pace: Pace,
    /// A newer state of the object is awaited.
    pub(in crate::controller) outrun: Option<Box<Outrun>>,
}

/// There is a newer state of an object than this version, which a write was refused for.
#[derive(Debug, Clone, Copy)]
pub(in crate::controller) struct Outrun {
    version: u64,
    /// How long it is waited for.
    until: Moment,
}

/// The newest state of an object that this process knows.
pub(in crate::controller) enum Newest<'a> {
    /// What the watch has.
    Watched(&'a WebhookSubscription),
    /// What our own last write returned.
    Written(Arc<WebhookSubscription>),
}

impl Deref for Newest<'_> {
    type Target = WebhookSubscription;

    fn deref(&self) -> &WebhookSubscription {
        match self {
            Self::Watched(object) => object,
            Self::Written(object) => object,
        }
    }
}

impl Record {
    /// The newer of what the watch has and what our own last write returned. Both are the same object, so their
    /// resource versions can be compared (KEP-5504).
    pub(in crate::controller) fn newest<'a>(&mut self, watched: &'a WebhookSubscription) -> Newest<'a> {
        let newer = self
            .written
            .take_if(|written| version(written) <= version(watched));
        drop(newer);
        let written = self.written.clone().map(Newest::Written);
        written.unwrap_or(Newest::Watched(watched))
    }

    /// Whether the memory may be acted on with this state of the object.
    ///
    /// A watch can be behind when this process begins to lead, so that status was restored from before the last writes
    /// of the leader before it. A write of our own proves that it was not: writes are refused on a stale copy, and
    /// nobody else's can come after it. Until then a status that somebody else wrote takes the place of what was
    /// restored.
    pub(in crate::controller) fn speaks_for(&self, object: &WebhookSubscription, key: &HashKey) -> bool {
        self.unproven
            .is_none_or(|restored| restored == status_digest(object, key))
    }

    /// A write was refused, as this is not the newest state of the object.
    pub(in crate::controller) fn outrun(&mut self, object: &WebhookSubscription, until: Moment) {
        let version = version(object);
        self.outrun = Some(Box::new(Outrun { version, until }));
    }

    /// Until when nothing is done on this state of the object, as it is known that there is a newer one: what it asks for
    /// may be over, and a write of it would be refused again.
    pub(in crate::controller) fn outrun_until(
        &self,
        object: &WebhookSubscription,
        now: Moment,
    ) -> Option<Moment> {
        let awaited = |outrun: &Outrun| version(object) <= outrun.version && now < outrun.until;
        let until = self.outrun.as_deref().filter(|outrun| awaited(outrun))?.until;
        Some(until)
    }

    /// Our own write returned this.
    pub(in crate::controller) fn wrote(&mut self, object: Arc<WebhookSubscription>) {
        self.unproven = None;
        self.written = Some(object);
    }
}

/// Whether nothing was ever begun for an object, by its status.
pub(in crate::controller) fn is_untouched(status: Option<&WebhookSubscriptionStatus>) -> bool {
    status.is_none_or(|status| status.identity.is_none())
}

fn status_digest(object: &WebhookSubscription, key: &HashKey) -> Fingerprint {
    // A status is made of texts and numbers: that always works.
    let text = serde_json::to_vec(&object.status).unwrap_or_default();
    key.fingerprint("restored", [text.as_slice()])
}

fn version(object: &WebhookSubscription) -> u64 {
    watches::version(&object.metadata).unwrap_or(0)
}

/// All records.
#[derive(Debug, Default)]
pub(in crate::controller) struct Records {
    /// Boxed: a table that grows has room for twice as many, and a record is most of a kilobyte.
    of_objects: Mutex<HashMap<ObjectName, Box<Record>>>,
    /// The generation of each object that could not be read, once that was reported.
    unreadable: Mutex<HashMap<ObjectName, i64>>,
    /// The objects that were there when this process began to lead, of which it has no record yet.
    present: Mutex<HashSet<ObjectUid>>,
}

impl Records {
    /// Takes the record of an object out, so that exactly one reconcile works on it.
    pub(in crate::controller) fn take(&self, name: &ObjectName) -> Option<Record> {
        self.lock().remove(name).map(|record| *record)
    }

    /// Puts it back.
    pub(in crate::controller) fn put(&self, name: &ObjectName, record: Record) {
        self.lock().insert(name.clone(), Box::new(record));
    }

    /// Looks at a record that is not being worked on.
    pub(in crate::controller) fn peek<T>(
        &self,
        name: &ObjectName,
        look: impl FnOnce(&Record) -> T,
    ) -> Option<T> {
        self.lock().get(name).map(|record| look(record))
    }

    /// Whether an id was made or seen after `moment`, or is known to be gone: then a LIST that began at `moment`
    /// says nothing about it.
    pub(in crate::controller) fn outdates(&self, name: &ObjectName, id: &ExternalId, moment: Moment) -> bool {
        self.peek(name, |record| {
            let seen = record.memory.entries.values().any(|entry| {
                entry.id.as_ref() == Some(id) && entry.seen.as_ref().is_some_and(|seen| seen.at >= moment)
            });
            seen || record.memory.gone.contains(id)
        })
        .unwrap_or(false)
    }

    /// An object is there as this process begins to lead.
    pub(in crate::controller) fn note_present(&self, uid: ObjectUid) {
        let mut present = self.present.lock().unwrap_or_else(PoisonError::into_inner);
        present.insert(uid);
    }

    /// Since when this process knows an object that it has no record of, if it looks at it for the first time `now`.
    pub(in crate::controller) fn object_known_since(&self, uid: &ObjectUid, now: Moment) -> Moment {
        let mut present = self.present.lock().unwrap_or_else(PoisonError::into_inner);
        if present.remove(uid) {
            Moment::default()
        } else {
            now
        }
    }

    /// Whether it was reported that this generation of an object cannot be read.
    pub(in crate::controller) fn unreadable_told(&self, name: &ObjectName, generation: i64) -> bool {
        let unreadable = self.unreadable.lock().unwrap_or_else(PoisonError::into_inner);
        unreadable.get(name) == Some(&generation)
    }

    /// It was.
    pub(in crate::controller) fn tell_unreadable(&self, name: &ObjectName, generation: i64) {
        let mut unreadable = self.unreadable.lock().unwrap_or_else(PoisonError::into_inner);
        unreadable.insert(name.clone(), generation);
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, HashMap<ObjectName, Box<Record>>> {
        self.of_objects.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Context {
    /// The record of an object that this process has not seen before, from its status.
    pub(in crate::controller) fn first_sight(&self, object: &WebhookSubscription, uid: &ObjectUid) -> Record {
        let now = self.clock.now();
        let status = object.status.as_ref();
        let known = status.filter(|status| self.wrote(status, uid));
        Record {
            uid: Some(uid.clone()),
            memory: self.remembered(status, uid, now),
            unproven: Some(status_digest(object, &self.hash_key)),
            nothing_sent: is_untouched(status),
            key_lost: known.is_some_and(|status| status::is_of_another_key(status, &self.hash_key)),
            test: status
                .and_then(|status| status.last_test.clone())
                .map(|test| Box::new(test.after_restart())),
            deliveries: Deliveries {
                health: status::restore_health(status.and_then(|status| status.delivery.as_deref())),
                ..Deliveries::default()
            },
            failure: status
                .and_then(|status| status::restore_failure(&status.conditions, now))
                .map(Box::new),
            ..Record::default()
        }
    }

    /// What the status of the object with this UID remembers.
    pub(in crate::controller) fn remembered(
        &self,
        status: Option<&WebhookSubscriptionStatus>,
        uid: &ObjectUid,
        now: Moment,
    ) -> Memory {
        let ours = |identity: &api::Identity| self.is_identity(identity, uid);
        status::restore(status, ours, &self.hash_key, now)
    }

    fn wrote(&self, status: &WebhookSubscriptionStatus, uid: &ObjectUid) -> bool {
        let identity = status.identity.as_ref();
        identity.is_some_and(|identity| self.is_identity(identity, uid))
    }

    /// Whether an identity is that of the object with this UID, in this cluster or one that it replaces.
    fn is_identity(&self, identity: &api::Identity, uid: &ObjectUid) -> bool {
        let mut clusters = self.former_cluster_ids.iter().chain([&self.cluster_id]);
        identity.object_uid == uid.as_str() && clusters.any(|id| id.as_str() == identity.cluster_id)
    }

    /// An object is gone, or not what it was. What it may have left at the provider without having been asked to is in no
    /// LIST that began before, and for nobody else to take into account.
    pub(in crate::controller) fn left_behind(&self, record: &Record) {
        if record.memory.has_claims() {
            let accounts = self.directory.accounts().into_iter();
            let its = accounts.filter(|account| record.account.as_ref() == Some(account.id()));
            its.for_each(|account| account.outdate());
        }
    }

    /// Drops everything that is kept for an object.
    pub(in crate::controller) fn forget(&self, name: &ObjectName) {
        if let Some(record) = self.records.take(name) {
            self.left_behind(&record);
        }
        self.wake_objects(self.claims.forget(name));
        self.wake_objects(self.quotas.forget(name));
        let party = Party::Subscription(name.clone());
        self.depend_on_nothing(&party);
        self.directory
            .accounts()
            .iter()
            .for_each(|account| account.leave(&party));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn object(version: &str, generation: Option<i64>) -> Arc<WebhookSubscription> {
        let spec =
            serde_json::json!({"providerRef": {"name": "p"}, "url": "https://example.com/", "events": ["E"]});
        let mut object = WebhookSubscription::new("crm", serde_json::from_value(spec).unwrap());
        object.metadata.resource_version = Some(version.to_owned());
        object.status = Some(WebhookSubscriptionStatus {
            observed_generation: generation,
            ..WebhookSubscriptionStatus::default()
        });
        Arc::new(object)
    }

    #[test]
    fn what_was_restored_gives_way_to_a_status_of_somebody_else_until_a_write_of_our_own() {
        let (old, edited, newer) = (object("1", None), object("2", None), object("3", Some(1)));
        let key = HashKey::new([0; 32]);
        let mut record = Record {
            unproven: Some(status_digest(&old, &key)),
            ..Record::default()
        };
        assert!(record.speaks_for(&old, &key));
        assert!(
            record.speaks_for(&edited, &key),
            "an edit of the spec tells nothing about it"
        );
        assert!(!record.speaks_for(&newer, &key));
        record.wrote(old);
        assert!(
            record.speaks_for(&newer, &key),
            "after a write of our own nobody else's counts"
        );
    }
}
