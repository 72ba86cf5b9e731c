//! What has to be remembered between one look at the world and the next, and how each effect changes it.
//!
//! The parts that only status can tell (ids, hashes, open write-ahead entries) survive a restart; the rest is
//! local to the process and can be lost at any time at the cost of one more request.

mod changes;
mod entries;

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use crate::capabilities::Capabilities;
use crate::disabled::Disabled;
use crate::hash::Fingerprint;
use crate::names::{EventName, ExternalId, RemoteKey};
use crate::reason::Reason;
use crate::remote::{Remote, Sighting};
use crate::retry::{Disposition, backoff};
use crate::time::Moment;
use crate::view::{Field, FieldSet, Part, Sent, View};

pub use entries::Entries;

/// One remote subscription that should be there.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Wanted {
    /// Which of the object's remote subscriptions it is.
    pub key: RemoteKey,
    /// Its content.
    pub view: View,
    /// Digest of the whole view: tells a change of the spec from drift.
    pub digest: Fingerprint,
    /// The events, in the clear, for the write-ahead entry.
    pub events: Vec<EventName>,
}

/// How a remote subscription came to be ours.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Hash)]
pub enum Hold {
    /// Created by us.
    #[default]
    Owned,
    /// Taken over.
    Adopted,
    /// Only looked at.
    Observed,
}

/// How certain it is that a create was not sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Certainty {
    /// This process opened the entry and has not sent the create.
    NotSent {
        /// A LIST that began after that shows whatever could be there: when the entry was safely stored, or, where nothing
        /// was begun before, since when this process knows the wish.
        opened: Moment,
    },
    /// The create was sent and nobody knows what became of it, or a process before this one left the entry.
    Unknown {
        /// Since when this process knows.
        since: Moment,
    },
}

/// A write-ahead entry: a create that was about to happen.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Pending {
    /// Counts from one.
    pub attempt: u32,
    /// What was to be sent.
    pub target: Target,
    /// Whether it was.
    pub certainty: Certainty,
}

/// What a create was to send: enough to recognise the result, and to know later what was applied.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Target {
    /// Digests of URL, events and filters: by these the result is recognised where nothing marks it.
    pub content: Content,
    /// The events.
    pub events: Vec<EventName>,
    /// Digest of the whole view.
    pub applied: Option<Fingerprint>,
    /// Digests of the fields.
    pub sent: Option<Sent>,
}

/// What tells remote subscriptions apart that nobody can mark.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub struct Content {
    /// Where deliveries go.
    pub url: Part,
    /// What is delivered.
    pub events: Part,
    /// Which of the events.
    pub filters: Part,
}

impl Content {
    /// The content of a view.
    pub const fn of(view: &View) -> Self {
        Self {
            url: view.get(Field::Url),
            events: view.get(Field::Events),
            filters: view.get(Field::Filters),
        }
    }
}

/// A failure that holds back further attempts.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Failure {
    /// What went wrong.
    pub reason: Reason,
    /// Text for the user, free of secrets.
    pub message: String,
    /// No attempt before this moment; `None` = none until the wish changes.
    pub until: Option<Moment>,
    /// The wish that failed.
    pub digest: Option<Fingerprint>,
    /// How many in a row.
    pub count: u32,
    /// Since when.
    pub since: Moment,
}

/// What an effect reports when it did not work.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fault {
    /// What went wrong.
    pub reason: Reason,
    /// Text for the user, free of secrets.
    pub message: String,
    /// When to try again.
    pub disposition: Disposition,
    /// Whether the request may have been carried out all the same.
    pub may_have_taken_effect: bool,
}

/// What is known of one remote subscription.
#[derive(Debug, Clone, PartialEq, Eq, Default, Hash)]
pub struct Entry {
    /// The provider's id.
    pub id: Option<ExternalId>,
    /// How it came to be ours.
    pub hold: Hold,
    /// Where nothing marks it at the provider: it is proven to have become ours, and these were its events, which
    /// never change.
    pub proof: Option<Part>,
    /// Status has the id.
    pub stored: bool,
    /// Digest of the wish that was last applied; `None` = unknown.
    pub applied: Option<Fingerprint>,
    /// Digests of the fields as they were last sent; `None` = unknown.
    pub sent: Option<Sent>,
    /// What the provider showed of [`Capabilities::rendered`] fields right after they were written, where that is
    /// not what was sent.
    pub rendering: Sent,
    /// Fields that the provider did not change as asked.
    pub not_kept: FieldSet,
    /// Fields that were removed, with no way to see whether they are gone.
    pub unverifiable: FieldSet,
    /// The open write-ahead entry. Boxed, as most entries have none for almost all of their time.
    pub pending: Option<Box<Pending>>,
    /// That the provider has switched it off, and how often it was switched on again.
    pub disabled: Disabled,

    /// The newest read outside of a snapshot. Boxed, as a process that was started anew needs none.
    pub seen: Option<Box<Sighting>>,
    /// Fields that a read or a write of this process has shown with content: when they are empty, the provider
    /// would show that too.
    pub shown: FieldSet,
    /// When a write failed that may have taken effect all the same: what was read before does not count.
    pub doubted: Option<Moment>,
    /// When a complete LIST first lacked the id.
    pub missing_since: Option<Moment>,
    /// When a read by id said that it does not exist.
    pub absent_at: Option<Moment>,
    /// Made by us a moment ago without a marker: to be deleted again.
    pub discard: Option<ExternalId>,
    /// What holds back further attempts.
    pub failure: Option<Failure>,
    /// Repairs of drift in a row, and when the last one was.
    pub repairs: (u32, Moment),
}

/// What is known of one object.
#[derive(Debug, Clone, PartialEq, Eq, Default, Hash)]
pub struct Memory {
    /// Our finalizer is on the object.
    pub finalizer: bool,
    /// What is known of its remote subscriptions.
    pub entries: Entries,
    /// Ids that this process knows to be gone, which an older snapshot may still show.
    pub gone: BTreeSet<ExternalId>,
    /// The wishes for which a remote subscription was given up for another one: once each.
    pub replaced: BTreeMap<RemoteKey, Fingerprint>,
}

/// A change of memory that needs no effect in the world.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Note {
    /// A complete LIST lacks the id.
    Missing(RemoteKey),
    /// What is there is what is wanted.
    Applied(RemoteKey),
    /// The entry has nothing to tell any more.
    Forget(RemoteKey, Forgotten),
    /// These fields are about to be changed, and nobody can see them: what was sent of them before is not worth
    /// knowing any more.
    Doubt(RemoteKey, FieldSet),
    /// What was made a moment ago without a marker is gone again.
    Discarded(RemoteKey),
    /// It is about to be switched off although nobody asks for that in the wish: what was applied does not stand any more.
    Withdraw(RemoteKey),
    /// A LIST shows this id as the result of the key's create, and a read says that it does not exist.
    Phantom(RemoteKey, ExternalId),
    /// Another remote subscription takes the key's place: this one is on its way out.
    Retire(RemoteKey),
    /// The provider has switched it off, as was first seen at this time (milliseconds of Unix time).
    TurnedOff(RemoteKey, i64),
    /// It is no longer off, or is to be.
    OnAgain(RemoteKey),
    /// It is about to be switched on again, which is counted at this time (milliseconds of Unix time).
    Count(RemoteKey, i64),
}

/// Why an entry is forgotten.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Forgotten {
    /// The remote subscription disappeared, and a read by id confirmed it.
    Vanished,
    /// It was to go, and it is gone.
    Deleted,
    /// It is not, or no longer, marked as ours.
    NotOurs,
    /// The create was never sent, or had no effect.
    NeverCreated,
    /// It was only looked at.
    Released,
}

/// A digest of what was sent when nobody knows: equal to no wish, so that what the provider hides is sent once more.
const LOST: Option<u64> = Some(0);

impl Sent {
    /// The record with `fields` lost count of.
    #[must_use]
    pub fn doubting(mut self, fields: FieldSet) -> Self {
        for field in fields.iter() {
            self.set(field, LOST);
        }
        self
    }

    /// Those of `fields` that are not lost count of yet.
    pub fn trusted(&self, fields: FieldSet) -> FieldSet {
        fields.iter().filter(|field| self.get(*field) != LOST).collect()
    }
}

/// How long a refused request waits that no change of a wish can mend: a deletion, or a read.
pub const REFUSED_REST: Duration = Duration::from_mins(10);

impl Entry {
    /// Whether what was read at `at` still counts: no write of unknown outcome came after it.
    pub fn trusts(&self, at: Moment) -> bool {
        self.doubted.is_none_or(|doubted| at > doubted)
    }

    fn failed(&mut self, fault: Fault, digest: Option<Fingerprint>, now: Moment, seed: u64) {
        if self.discard.is_some()
            && let Some(failure) = &mut self.failure
        {
            // The deletion of what has no marker is tried again; the wish stays refused for its own reason.
            failure.count = failure.count.saturating_add(1);
            failure.until = Some(now.after(backoff(failure.count, seed)));
            return;
        }
        if fault.may_have_taken_effect || fault.disposition == Disposition::WaitForChange {
            self.disabled.announced = false;
        }
        if fault.may_have_taken_effect {
            // What it changed that nobody can see was doubted before it was sent ([`Note::Doubt`]).
            self.doubted = Some(now);
        }
        let before = self.failure.take().filter(|before| before.digest == digest);
        let count = before.as_ref().map_or(0, |before| before.count).saturating_add(1);
        let until = match fault.disposition {
            Disposition::Backoff => Some(now.after(backoff(count, seed))),
            Disposition::After(delay) => Some(now.after(delay)),
            // Where there is no wish that could change (a deletion), only time can help.
            Disposition::WaitForChange => digest.is_none().then(|| now.after(REFUSED_REST)),
        };
        let since = before.map_or(now, |before| before.since);
        self.failure = Some(Failure {
            reason: fault.reason,
            message: fault.message,
            until,
            digest,
            count,
            since,
        });
    }

    fn saw(&mut self, remote: Remote, at: Moment) {
        self.missing_since = None;
        self.absent_at = None;
        let shown = remote
            .view
            .fields(|field| matches!(remote.view.get(field), Part::Is(_)));
        self.shown = self.shown.union(shown);
        self.seen = Some(Box::new(Sighting { remote, at }));
    }

    /// Fields that the provider shows as empty when they are not.
    pub(crate) fn rendered_as_empty(&self, able: &Capabilities) -> FieldSet {
        let empty = Part::Absent.short();
        let fields = able.rendered.iter();
        fields
            .filter(|field| self.rendering.get(*field) == empty)
            .collect()
    }

    /// Takes what the provider shows after a write of `fields`.
    fn wrote(&mut self, wanted: &Wanted, fields: FieldSet, remote: Remote, at: Moment, able: &Capabilities) {
        if self.applied != Some(wanted.digest) {
            self.not_kept = FieldSet::EMPTY;
            self.unverifiable = FieldSet::EMPTY;
        }
        let differs = wanted.view.differing(&remote.view);
        let blind = self.rendered_as_empty(able);
        // Also what was not written: fields may be shown in one text, and a change of one changes all of it.
        for field in able.rendered.iter() {
            let shown = remote.view.get(field).short();
            self.rendering
                .set(field, shown.filter(|_| differs.contains(field)));
        }
        let differs = differs.intersection(fields);
        self.not_kept = self.not_kept.union(differs.without(able.rendered));
        let hidden = remote.view.fields_that_are(Part::Unknown).without(self.shown);
        let unreadable = differs.intersection(able.rendered).union(blind);
        let removed = wanted.view.fields_that_are(Part::Absent).intersection(fields);
        self.unverifiable = self
            .unverifiable
            .union(removed.intersection(hidden.union(unreadable)));
        if fields.contains(Field::Enabled) {
            self.disabled.over();
        }
        self.applied = Some(wanted.digest);
        self.sent = Some(Sent::all_of(&wanted.view));
        self.failure = None;
        self.saw(remote, at);
    }
}

#[cfg(test)]
mod tests;
