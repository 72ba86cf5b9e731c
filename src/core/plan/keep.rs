//! What to do about a remote subscription that should be there.

use crate::marker::Ownership;
use crate::memory::{Certainty, Entry, Forgotten, Note, Pending, Wanted};
use crate::names::{ExternalId, RemoteKey};
use crate::reason::Reason;
use crate::remote::{Remote, Sighting, Snapshot};
use crate::time::Moment;
use crate::view::{Field, FieldSet, Part};

use super::candidate::{Candidate, matches, other_cluster};
use super::remove::remove_key;
use super::sight::{Absence, sight};
use super::{
    Action, Adoption, AdoptionPolicy, Agenda, BREAKER, BREAKER_REST, Intent, KeyState, Settled, Situation,
    Step, held_back, look_after, stalled,
};

pub(super) struct Keep<'a> {
    pub(super) s: &'a Situation<'a>,
    pub(super) adoption: &'a Adoption,
    pub(super) observe: bool,
    correct_drift: bool,
}

impl<'a> Keep<'a> {
    pub(super) fn decide(s: &'a Situation<'a>, wanted: &[Wanted], observe: bool) -> Action {
        let Intent::Keep {
            adoption,
            correct_drift,
            ..
        } = s.intent
        else {
            return Action::Settle(Settled::default());
        };
        let keep = Keep {
            s,
            adoption,
            observe,
            correct_drift,
        };
        let blank = Entry::default();
        let mut agenda = Agenda::default();
        for wish in wanted {
            let entry = s.memory.entries.get(&wish.key).unwrap_or(&blank);
            if let Some(action) = agenda.add(&wish.key, keep.step(wish, entry)) {
                return action;
            }
        }
        for (key, entry) in &s.memory.entries {
            if wanted.iter().all(|wish| wish.key != *key)
                && let Some(action) = agenda.add(key, remove_key(s, key, entry))
            {
                return action;
            }
        }
        agenda.close(s.memory.finalizer)
    }

    fn step(&self, wish: &Wanted, entry: &Entry) -> Step {
        if let Some(id) = &entry.discard {
            return Step::Act(Action::Delete(Some(wish.key.clone()), id.clone()));
        }
        if let Some(step) = held_back(self.s, entry, Some(wish)) {
            return step;
        }
        match (&entry.id, &entry.pending) {
            (Some(id), _) => self.existing(wish, entry, id),
            (None, Some(pending)) => self.pending(wish, pending),
            (None, None) => self.first(wish),
        }
    }

    fn may_create(&self) -> bool {
        !self.observe && self.adoption.policy != AdoptionPolicy::ById
    }

    /// No id, no open entry.
    fn first(&self, wish: &Wanted) -> Step {
        let s = self.s;
        if s.restraint.account_unproven {
            return stalled(
                Reason::AccountChanged,
                "nothing is created while the account is unproven",
            );
        }
        let Some(snapshot) = s.snapshot else {
            return if self.may_create() {
                Step::Intend
            } else {
                Step::Act(Action::Look(None))
            };
        };
        let candidate = self.candidate(wish, snapshot, false);
        match candidate {
            Candidate::None if self.may_create() => Step::Intend,
            _ if s.now.since(snapshot.begun()) > s.timing.fresh => look_after(s.now),
            Candidate::None => stalled(Reason::NothingToAdopt, self.nothing_to_adopt()),
            Candidate::Found { id, stamp } => self.adopt(wish, id, stamp),
            Candidate::Conflict(reason, message) => stalled(reason, message),
        }
    }

    fn nothing_to_adopt(&self) -> &'static str {
        match self.adoption.policy {
            AdoptionPolicy::ById => {
                "the id in spec.adoption.externalIDs does not exist at the provider; \
                 correct it, or remove spec.adoption to create a new subscription"
            }
            _ => "no subscription at the provider matches; mode Observe never creates one",
        }
    }

    fn adopt(&self, wish: &Wanted, id: ExternalId, stamp: bool) -> Step {
        if !self.observe && !self.s.memory.finalizer {
            return Step::Act(Action::ClaimFinalizer);
        }
        Step::Act(Action::Adopt {
            key: wish.key.clone(),
            id,
            stamp: stamp && !self.observe,
        })
    }

    /// An open write-ahead entry.
    fn pending(&self, wish: &Wanted, pending: &Pending) -> Step {
        let s = self.s;
        let (since, sent) = match pending.certainty {
            Certainty::NotSent { opened } => (opened, false),
            Certainty::Unknown { since } => (since, true),
        };
        let Some(snapshot) = s.snapshot.filter(|snapshot| snapshot.begun() > since) else {
            return look_after(since);
        };
        match self.candidate(wish, snapshot, sent) {
            Candidate::Found { id, stamp } => self.adopt(wish, id, stamp),
            Candidate::Conflict(..) if !sent => Step::Act(Action::Note(Note::Forget(
                wish.key.clone(),
                Forgotten::NeverCreated,
            ))),
            Candidate::Conflict(reason, message) => stalled(reason, message),
            Candidate::None if sent => self.unknown_not_found(since, snapshot),
            Candidate::None if s.restraint.account_unproven => stalled(
                Reason::AccountChanged,
                "nothing is created while the account is unproven",
            ),
            Candidate::None => Step::Act(Action::Create(wish.key.clone())),
        }
    }

    fn unknown_not_found(&self, since: Moment, snapshot: &Snapshot) -> Step {
        let settled = since.after(self.s.timing.settle);
        if snapshot.begun() >= settled {
            return Step::Intend;
        }
        if self.s.now >= settled {
            return look_after(settled);
        }
        Step::Rest(KeyState::Waiting(Reason::CreateOutcomeUnknown), Some(settled))
    }

    /// An id that we hold.
    fn existing(&self, wish: &Wanted, entry: &Entry, id: &ExternalId) -> Step {
        let s = self.s;
        let sighting = match sight(s, &wish.key, entry, id) {
            Ok(sighting) => sighting,
            Err(Absence::Step(step)) => return step,
            Err(Absence::Gone) => return self.vanished(wish, id),
        };
        if self.observe {
            return self.compare(wish, entry, id, &sighting);
        }
        let key = wish.key.clone();
        match sighting
            .remote
            .marker
            .map(|marker| s.owner.ownership(&wish.key, &marker))
        {
            Some(Ownership::Ours) => self.compare(wish, entry, id, &sighting),
            Some(Ownership::Former) => self.when_fresh(&wish.key, id, &sighting, || Action::Adopt {
                key,
                id: id.clone(),
                stamp: true,
            }),
            None if self.invited(wish, &sighting.remote) => {
                self.when_fresh(&wish.key, id, &sighting, || Action::Adopt {
                    key,
                    id: id.clone(),
                    stamp: true,
                })
            }
            None => stalled(
                Reason::MarkerMissing,
                format!(
                    "subscription {id} lost the text {} at the end of its name; put it back, or name the id in \
                     spec.adoption.externalIDs with policy ByID",
                    s.owner.marker(&wish.key)
                ),
            ),
            Some(Ownership::OtherCluster) => stalled(Reason::OwnedByOtherCluster, other_cluster(id)),
            Some(Ownership::Foreign) => stalled(
                Reason::ForeignMarker,
                format!("subscription {id} carries somebody else's marker"),
            ),
        }
    }

    fn invited(&self, wish: &Wanted, remote: &Remote) -> bool {
        match self.adoption.policy {
            AdoptionPolicy::ById => self.adoption.ids.contains(&remote.id),
            AdoptionPolicy::IfMatches => matches(wish, remote),
            AdoptionPolicy::IfOwned | AdoptionPolicy::Never => false,
        }
    }

    fn vanished(&self, wish: &Wanted, id: &ExternalId) -> Step {
        let restraint = self.s.restraint;
        if restraint.account_unproven {
            stalled(
                Reason::AccountChanged,
                format!("subscription {id} is not in this account"),
            )
        } else if restraint.guard_vanished {
            stalled(
                Reason::Guarded,
                format!("subscription {id} vanished together with many others"),
            )
        } else if self.observe {
            stalled(
                Reason::RemoteMissing,
                format!("subscription {id} no longer exists at the provider"),
            )
        } else {
            Step::Act(Action::Note(Note::Forget(wish.key.clone(), Forgotten::Vanished)))
        }
    }

    /// It is there and it is ours (or only observed): does it look as wanted?
    fn compare(&self, wish: &Wanted, entry: &Entry, id: &ExternalId, sighting: &Sighting) -> Step {
        let same_wish = entry.applied == Some(wish.digest);
        let mut differs = differing(wish, entry, &sighting.remote);
        if self.observe {
            differs = wish
                .view
                .differing(&sighting.remote.view)
                .without(FieldSet::of(&[Field::Name]));
        } else if same_wish {
            differs = differs.without(entry.not_kept);
        }
        if !differs.is_empty() {
            return self.differs(wish, entry, id, sighting, differs, same_wish);
        }
        if !self.observe && (!same_wish || entry.sent.is_none() || entry.failure.is_some()) {
            return Step::Act(Action::Note(Note::Applied(wish.key.clone())));
        }
        let hidden = sighting.remote.view.fields_that_are(Part::Unknown);
        let still = wish.view.differing(&sighting.remote.view);
        let state = KeyState::InSync {
            not_kept: entry.not_kept.intersection(still),
            unverifiable: entry.unverifiable.intersection(hidden),
        };
        Step::Rest(state, None)
    }

    fn differs(
        &self,
        wish: &Wanted,
        entry: &Entry,
        id: &ExternalId,
        sighting: &Sighting,
        fields: FieldSet,
        same_wish: bool,
    ) -> Step {
        let s = self.s;
        if self.observe || (same_wish && !self.correct_drift) {
            return Step::Rest(KeyState::Drifted(fields, Reason::DriftDetected), None);
        }
        let (repairs, last) = entry.repairs;
        let rested = last.after(BREAKER_REST);
        if same_wish && repairs >= BREAKER && s.now < rested {
            return Step::Rest(KeyState::Drifted(fields, Reason::DriftRepeats), Some(rested));
        }
        self.when_fresh(&wish.key, id, sighting, || Action::Update {
            key: wish.key.clone(),
            id: id.clone(),
            fields,
            repair: same_wish,
        })
    }

    /// A write is authorised by a fresh read only.
    fn when_fresh(
        &self,
        key: &RemoteKey,
        id: &ExternalId,
        sighting: &Sighting,
        action: impl FnOnce() -> Action,
    ) -> Step {
        if self.s.now.since(sighting.at) > self.s.timing.fresh {
            Step::Act(Action::Read(key.clone(), id.clone()))
        } else {
            Step::Act(action())
        }
    }
}

/// What has to be sent: the fields that are seen to differ, and those that are hidden and were last sent
/// otherwise (or nobody knows).
fn differing(wish: &Wanted, entry: &Entry, remote: &Remote) -> FieldSet {
    let seen = wish.view.differing(&remote.view);
    let hidden = remote.view.fields_that_are(Part::Unknown);
    let unsent = match &entry.sent {
        Some(sent) => sent.differing(&wish.view),
        None => wish
            .view
            .fields(|field| matches!(wish.view.get(field), Part::Is(_))),
    };
    seen.union(unsent.intersection(hidden))
}
