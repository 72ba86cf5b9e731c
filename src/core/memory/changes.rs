//! How each effect changes what is remembered.

use std::collections::BTreeSet;

use crate::hash::Fingerprint;
use crate::names::{ExternalId, RemoteKey};
use crate::plan::BREAKER_REST;
use crate::reason::Reason;
use crate::remote::Remote;
use crate::retry::Disposition;
use crate::time::Moment;
use crate::view::{Field, FieldSet, Part, Sent};

use super::{Certainty, Entry, Failure, Fault, Forgotten, Hold, Memory, Note, Pending, Target, Wanted};

impl Memory {
    /// What is known of `key`.
    pub fn entry(&mut self, key: &RemoteKey) -> &mut Entry {
        self.entries.entry(key.clone()).or_default()
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
            let pending = entry.pending.map(|pending| Pending {
                certainty: Certainty::Unknown { since: now },
                ..pending
            });
            let kept = Entry {
                id: entry.id,
                hold: entry.hold,
                applied: entry.applied,
                sent: entry.sent,
                not_kept: entry.not_kept,
                unverifiable: entry.unverifiable,
                discard: entry.discard,
                pending,
                ..Entry::default()
            };
            (key, kept)
        });
        let entries = entries.filter(|(_, entry)| *entry != Entry::default());
        Self {
            finalizer: self.finalizer,
            entries: entries.collect(),
            gone: BTreeSet::new(),
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
            entry.id.is_some() || entry.pending.as_ref().is_some_and(unknown)
        })
    }

    /// The write-ahead entries of `wanted`, as they are to be stored before a create is sent.
    pub fn intend(&mut self, wanted: &[&Wanted], now: Moment) {
        for wish in wanted {
            let entry = self.entry(&wish.key);
            let attempt = entry
                .pending
                .as_ref()
                .map_or(0, |pending| pending.attempt)
                .saturating_add(1);
            let target = Target {
                url: wish.view.get(Field::Url),
                events: wish.events.clone(),
                applied: Some(wish.digest),
                sent: Some(Sent::all_of(&wish.view)),
            };
            let certainty = Certainty::NotSent { opened: now };
            entry.pending = Some(Pending {
                attempt,
                target,
                certainty,
            });
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

    /// A create succeeded. Where names exist and the marker did not survive, the result is to be deleted again.
    pub fn created(&mut self, wanted: &Wanted, remote: Remote, marked: bool, at: Moment) {
        let entry = self.entry(&wanted.key);
        entry.pending = None;
        if !marked {
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
        entry.hold = Hold::Owned;
        entry.applied = None;
        let everything = Field::ALL.iter().copied().collect::<FieldSet>();
        let set = everything.without(wanted.view.fields_that_are(Part::Absent));
        entry.wrote(wanted, set, remote, at);
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
        entry.id = Some(remote.id.clone());
        entry.hold = if sent_by_entry { Hold::Owned } else { hold };
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
                // A read that works ends a failure to read; a refusal of the wish stays.
                entry.failure.take_if(|failure| failure.until.is_some());
                entry.saw(remote, at);
            }
            None => entry.absent_at = Some(at),
        }
    }

    /// An update succeeded. `repair` tells that it corrected drift.
    pub fn updated(&mut self, wanted: &Wanted, fields: FieldSet, remote: Remote, repair: bool, at: Moment) {
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
        entry.wrote(wanted, fields, remote, at);
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
            Note::Forget(key, why) => {
                let id = self.entries.remove(key).and_then(|entry| entry.id);
                if let Some(id) = id.filter(|_| *why != Forgotten::Released) {
                    self.gone.insert(id);
                }
            }
        }
    }
}
