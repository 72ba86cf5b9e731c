//! How each effect changes what is remembered.

use std::time::Duration;

use crate::capabilities::{Capabilities, Identity};
use crate::disabled::Disabled;
use crate::hash::Fingerprint;
use crate::names::{ExternalId, RemoteKey};
use crate::plan::BREAKER_REST;
use crate::reason::Reason;
use crate::remote::Remote;
use crate::retry::{Disposition, backoff};
use crate::time::Moment;
use crate::view::{Field, FieldSet, Part, Sent};

use super::{
    Certainty, Content, Entry, Failure, Fault, Forgotten, Hold, Memory, Note, Pending, Target, Wanted,
};

/// How old a LIST may be that a first create goes by.
const LISTED_LATELY: Duration = Duration::from_mins(1);

impl Memory {
    /// What is known of `key`.
    pub fn entry(&mut self, key: &RemoteKey) -> &mut Entry {
        self.entries.open(key)
    }

    /// All ids that are held.
    pub fn ids(&self) -> impl Iterator<Item = &ExternalId> {
        self.entries.values().filter_map(|entry| entry.id.as_ref())
    }

    /// What is left of this memory in the next process: ids, hashes and entries, of which nobody knows any more
    /// whether their create was sent.
    #[must_use]
    pub fn after_restart(self, now: Moment) -> Self {
        let entries = self.entries.into_iter().map(|(key, entry)| {
            let pending = entry.pending.map(|mut pending| {
                pending.certainty = Certainty::Unknown { since: now };
                pending
            });
            let kept = Entry {
                stored: entry.id.is_some(),
                id: entry.id,
                hold: entry.hold,
                proof: entry.proof,
                applied: entry.applied,
                sent: entry.sent,
                rendering: entry.rendering,
                not_kept: entry.not_kept,
                unverifiable: entry.unverifiable,
                discard: entry.discard,
                pending,
                disabled: Disabled {
                    announced: false,
                    ..entry.disabled
                },
                ..Entry::default()
            };
            (key, kept)
        });
        let entries = entries.filter(|(_, entry)| *entry != Entry::default());
        Self {
            finalizer: self.finalizer,
            entries: entries.collect(),
            ..Self::default()
        }
    }

    /// Status was written: it has all ids.
    pub fn stored(&mut self) {
        for entry in self.entries.values_mut() {
            entry.stored = entry.id.is_some();
        }
    }

    /// Another account is spoken to from now on, or the same one with another key: what was read and refused there
    /// says nothing here. Ids, hashes and entries stay.
    pub fn account_changed(&mut self) {
        for entry in self.entries.values_mut() {
            entry.seen = None;
            entry.missing_since = None;
            entry.absent_at = None;
            entry.failure = None;
        }
    }

    /// Whether something is remembered that only the account can have which it was made in: an id, or a create whose
    /// outcome is unknown.
    pub fn has_claims(&self) -> bool {
        self.entries.values().any(|entry| {
            let unknown = |pending: &Pending| matches!(pending.certainty, Certainty::Unknown { .. });
            entry.id.is_some() || entry.pending.as_deref().is_some_and(unknown)
        })
    }

    /// The write-ahead entries of `wanted`, as they are to be stored before a create is sent.
    ///
    /// `since` is when this process first saw the wish, or any later moment. Where nothing was ever begun for a key, a LIST
    /// that began after that shows all that could be there: whoever else had begun something since would have changed status
    /// first, and then the entry cannot be stored. It is not to be older than [`LISTED_LATELY`], for what people make by hand.
    /// Else only a LIST counts that begins once the entry is stored.
    pub fn intend(&mut self, wanted: &[&Wanted], since: Moment, now: Moment) {
        let since = if crate::planted!(AnyListServesACreate) {
            Moment::default()
        } else {
            since.max(now.before(LISTED_LATELY))
        };
        let began_nothing = self.gone.is_empty() && self.replaced.is_empty();
        for wish in wanted {
            let entry = self.entry(&wish.key);
            let first = began_nothing && *entry == Entry::default();
            let attempt = entry
                .pending
                .as_ref()
                .map_or(0, |pending| pending.attempt)
                .saturating_add(1);
            let target = Target {
                content: Content::of(&wish.view),
                events: wish.events.clone(),
                applied: Some(wish.digest),
                sent: Some(Sent::all_of(&wish.view)),
            };
            let opened = if first { since.min(now) } else { now };
            entry.pending = Some(Box::new(Pending {
                attempt,
                target,
                certainty: Certainty::NotSent { opened },
            }));
        }
    }

    /// The entries that were opened at `intended` were stored by `now`: a LIST that they wait for begins after that.
    pub fn intent_stored(&mut self, intended: Moment, now: Moment) {
        for entry in self.entries.values_mut() {
            if let Some(pending) = &mut entry.pending
                && let Certainty::NotSent { opened } = &mut pending.certainty
                && *opened >= intended
            {
                *opened = now;
            }
        }
    }

    /// Storing write-ahead entries failed, or nobody knows: what status says of these keys may be anything, so
    /// that it has to be stored again before a create is sent.
    pub fn intend_failed(&mut self, keys: &[RemoteKey]) {
        for key in keys {
            let pending = self.entries.get_mut(key).and_then(|entry| entry.pending.as_mut());
            if let Some(pending) = pending {
                pending.target.applied = pending
                    .target
                    .applied
                    .filter(|_| matches!(pending.certainty, Certainty::Unknown { .. }));
            }
        }
    }

    /// A create succeeded. Where the marker has a place and did not survive, the result is to be deleted again.
    pub fn created(
        &mut self,
        wanted: &Wanted,
        remote: Remote,
        marked: bool,
        at: Moment,
        able: &Capabilities,
    ) {
        let entry = self.entry(&wanted.key);
        entry.pending = None;
        if able.identity == Identity::Marker && !marked && !crate::planted!(LostMarkerKept) {
            entry.discard = Some(remote.id);
            entry.failure = Some(Failure {
                reason: Reason::MarkerNotPreserved,
                message: "the provider did not keep the ownership marker in the name".into(),
                until: None,
                digest: Some(wanted.digest),
                count: 1,
                since: at,
            });
            return;
        }
        entry.id = Some(remote.id.clone());
        entry.stored = false;
        entry.hold = Hold::Owned;
        entry.proof = Some(remote.view.get(Field::Events));
        entry.applied = None;
        let everything = Field::ALL.iter().copied().collect::<FieldSet>();
        let empty = wanted.view.fields_that_are(Part::Absent).without(able.rendered);
        let late = wanted.view.differing(&remote.view).intersection(able.late);
        entry.wrote(
            wanted,
            everything.without(empty).without(able.late),
            remote,
            at,
            able,
        );
        // There was nothing before it that could be left over.
        entry.unverifiable = FieldSet::EMPTY;
        if !late.is_empty() {
            entry.applied = None;
        }
    }

    /// A create did not succeed, or nobody knows.
    pub fn create_failed(&mut self, wanted: &Wanted, fault: Fault, now: Moment, seed: u64) {
        let entry = self.entry(&wanted.key);
        let terminal = fault.disposition == Disposition::WaitForChange;
        match &mut entry.pending {
            Some(pending) if fault.may_have_taken_effect => {
                pending.certainty = Certainty::Unknown { since: now }
            }
            pending if terminal => *pending = None,
            _ => {}
        }
        entry.failed(fault, Some(wanted.digest), now, seed);
    }

    /// A remote subscription was taken over (and its name rewritten, where that was needed). What was applied
    /// is known only when it is what an open entry says was sent.
    pub fn adopted(&mut self, key: &RemoteKey, hold: Hold, sent_by_entry: bool, remote: Remote, at: Moment) {
        let entry = self.entry(key);
        let pending = entry.pending.take();
        entry.stored &= entry.id.as_ref() == Some(&remote.id);
        entry.id = Some(remote.id.clone());
        entry.hold = if sent_by_entry { Hold::Owned } else { hold };
        let events = remote.view.get(Field::Events);
        entry.proof = Some(events).filter(|_| entry.hold != Hold::Observed);
        (entry.applied, entry.sent) = match pending {
            Some(pending) if sent_by_entry => (pending.target.applied, pending.target.sent),
            _ => (None, None),
        };
        entry.failure = None;
        entry.saw(remote, at);
    }

    /// A read by id.
    pub fn read(&mut self, key: &RemoteKey, remote: Option<Remote>, at: Moment) {
        let entry = self.entry(key);
        match remote {
            Some(remote) => {
                // A read that works ends a failure to read; a refusal of the wish stays, and so does the count of
                // deletions without effect.
                entry.failure.take_if(|failure| {
                    failure.until.is_some() && failure.reason != Reason::DeletionUnconfirmed
                });
                entry.saw(remote, at);
            }
            None => entry.absent_at = Some(at),
        }
    }

    /// An update succeeded. `repair` tells that it corrected drift.
    pub fn updated(
        &mut self,
        wanted: &Wanted,
        fields: FieldSet,
        remote: Remote,
        repair: bool,
        at: Moment,
        able: &Capabilities,
    ) {
        let entry = self.entry(&wanted.key);
        let (repairs, last) = entry.repairs;
        // A repair that held for long ends the row.
        let row = if at.since(last) < 2 * BREAKER_REST {
            repairs
        } else {
            0
        };
        entry.repairs = if repair {
            (row.saturating_add(1), at)
        } else {
            (0, at)
        };
        entry.wrote(wanted, fields, remote, at, able);
    }

    /// A remote subscription was switched off because its object may no longer have it.
    pub fn switched_off(&mut self, key: &RemoteKey, remote: Remote, off: Part, at: Moment) {
        let entry = self.entry(key);
        entry.failure = None;
        if remote.view.get(Field::Enabled) != off {
            entry.failure = Some(Failure {
                reason: Reason::CannotClear,
                message: "the provider did not switch it off".into(),
                until: Some(at.after(super::REFUSED_REST)),
                digest: None,
                count: 1,
                since: at,
            });
        }
        entry.saw(remote, at);
    }

    /// A read, update or delete failed. `digest` is the wish it was meant for.
    pub fn failed(
        &mut self,
        key: &RemoteKey,
        digest: Option<Fingerprint>,
        fault: Fault,
        now: Moment,
        seed: u64,
    ) {
        self.entry(key).failed(fault, digest, now, seed);
    }

    /// A remote subscription was deleted, or (without a key) one that was to be adopted is not there any more.
    pub fn deleted(&mut self, key: Option<&RemoteKey>, id: &ExternalId) {
        self.gone.insert(id.clone());
        let Some(key) = key else { return };
        let Some(entry) = self.entries.get_mut(key) else {
            return;
        };
        if entry.discard.take().is_none() {
            self.entries.remove(key);
        } else {
            // Whatever went wrong with the deletion is over; why it was made is not.
            let refused = |failure: &Failure| failure.reason == Reason::MarkerNotPreserved;
            entry.failure = entry.failure.take().filter(refused);
            if let Some(failure) = &mut entry.failure {
                failure.until = None;
            }
        }
    }

    /// A deletion was answered, and the answer does not tell whether it took place: a read of the id does. Each
    /// further one waits longer.
    pub fn deletion_unconfirmed(&mut self, key: Option<&RemoteKey>, id: &ExternalId, now: Moment, seed: u64) {
        if crate::planted!(UnconfirmedDeletionIsDone) {
            return self.deleted(key, id);
        }
        // A stray gets an entry of its own, under which it is read.
        let stray = || RemoteKey::stray(id);
        let entry = self.entry(&key.cloned().unwrap_or_else(stray));
        if entry.discard.is_none() {
            entry.id = Some(id.clone());
        }
        entry.doubted = Some(now);
        let before = entry.failure.take();
        let count = before
            .as_ref()
            .map_or(0, |failure| failure.count)
            .saturating_add(1);
        let wait = if count > 1 {
            backoff(count, seed)
        } else {
            Duration::ZERO
        };
        let unconfirmed = Failure {
            reason: Reason::DeletionUnconfirmed,
            message: "the provider's answer to the deletion does not say that it took place".into(),
            until: None,
            digest: None,
            count,
            since: now,
        };
        entry.failure = Some(Failure {
            until: Some(now.after(wait)),
            count,
            ..before.unwrap_or(unconfirmed)
        });
    }

    /// A change that needs no effect.
    pub fn note(&mut self, note: &Note, wanted: &[Wanted], now: Moment) {
        match note {
            Note::Missing(key) => self.entry(key).missing_since = Some(now),
            Note::Applied(key) => {
                if let Some(wish) = wanted.iter().find(|wish| wish.key == *key) {
                    let entry = self.entry(key);
                    if entry.applied != Some(wish.digest) {
                        entry.not_kept = FieldSet::EMPTY;
                        entry.unverifiable = FieldSet::EMPTY;
                    }
                    entry.applied = Some(wish.digest);
                    entry.sent = Some(Sent::all_of(&wish.view));
                    entry.failure = None;
                }
            }
            Note::Doubt(key, fields) => {
                let entry = self.entry(key);
                entry.sent = entry.sent.map(|sent| sent.doubting(*fields));
                entry.stored = false;
            }
            Note::Withdraw(key) => {
                let entry = self.entry(key);
                entry.applied = None;
                entry.stored = false;
            }
            Note::TurnedOff(key, at) => self.entry(key).disabled.since = Some(*at),
            Note::OnAgain(key) => self.entry(key).disabled.over(),
            Note::Count(key, at) => {
                let entry = self.entry(key);
                entry.disabled.count(*at);
                entry.stored = false;
            }
            Note::Discarded(key) => {
                if let Some(id) = self.entries.get(key).and_then(|entry| entry.discard.clone()) {
                    self.deleted(Some(key), &id);
                }
            }
            Note::Phantom(key, id) => {
                self.gone.insert(id.clone());
                self.entry(key).absent_at = None;
            }
            Note::Retire(key) => {
                let retired = self.entries.remove(key).filter(|entry| entry.id.is_some());
                if let (Some(entry), Some(digest)) = (retired, wanted.iter().find(|wish| wish.key == *key)) {
                    self.entries.insert(key.retired(), entry);
                    self.replaced.insert(key.clone(), digest.digest);
                }
            }
            Note::Forget(key, why) => {
                let id = self.entries.remove(key).and_then(|entry| entry.id);
                if let Some(id) = id.filter(|_| *why != Forgotten::Released) {
                    self.gone.insert(id);
                }
            }
        }
    }
}
