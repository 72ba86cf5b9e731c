//! What to do about a remote subscription that should be there.

use crate::capabilities::Identity;
use crate::marker::Ownership;
use crate::memory::{Certainty, Entry, Forgotten, Hold, Note, Pending, Wanted};
use crate::names::{ExternalId, RemoteKey};
use crate::reason::Reason;
use crate::remote::{Remote, Sighting, Snapshot};
use crate::time::Moment;
use crate::view::{Field, FieldSet, Part};

use super::candidate::{Candidate, matches, other_cluster};
use super::remove::remove_key;
use super::sight::{Absence, sight};
use super::standing::standing;
use super::{
    Action, Adoption, AdoptionPolicy, Agenda, BREAKER, BREAKER_REST, Intent, KeyState, Replace, Settled,
    Situation, Step, await_outcome, discard, held_back, is_stale, look_after, stalled, unconfirmed, unproven,
};

pub(super) struct Keep<'a> {
    pub(super) s: &'a Situation<'a>,
    pub(super) adoption: &'a Adoption,
    pub(super) observe: bool,
    pub(super) wanted: &'a [Wanted],
    pub(super) correct_drift: bool,
    pub(super) replace: Replace,
    /// Some remote subscriptions are wanted that are not there, and some are there that are not wanted.
    pub(super) swap: bool,
}

impl<'a> Keep<'a> {
    pub(super) fn decide(s: &'a Situation<'a>, wanted: &'a [Wanted], observe: bool) -> Action {
        let Intent::Keep {
            adoption,
            correct_drift,
            replace,
            ..
        } = s.intent
        else {
            return Action::Settle(Settled::default());
        };
        let mut keep = Keep {
            s,
            adoption,
            observe,
            wanted,
            correct_drift,
            replace,
            swap: false,
        };
        keep.swap = keep.may_create() && keep.is_swap();
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
                && let Some(action) = agenda.add(key, keep.unwanted(key, entry))
            {
                return action;
            }
        }
        agenda.close(s.memory.finalizer)
    }

    fn step(&self, wish: &Wanted, entry: &Entry) -> Step {
        if let Some(step) = discard(self.s, &wish.key, entry) {
            return step;
        }
        if let Some(step) = held_back(self.s, entry, Some(wish)) {
            return step;
        }
        if entry.id.is_none()
            && let Some(step) = self.barred(wish, entry)
        {
            return step;
        }
        match (&entry.id, &entry.pending) {
            (Some(id), _) => self.existing(wish, entry, id),
            (None, Some(pending)) => self.pending(wish, entry, pending),
            (None, None) => self.first(wish, entry),
        }
    }

    /// A key that the spec no longer asks for. Who only observes deletes nothing: what was never ours is forgotten, what
    /// is ours waits until it is managed again.
    fn unwanted(&self, key: &RemoteKey, entry: &Entry) -> Step {
        if self.observe && entry.id.is_some() && entry.discard.is_none() {
            if entry.hold == Hold::Observed {
                return Step::Act(Action::Note(Note::Forget(key.clone(), Forgotten::Released)));
            }
            let kept = KeyState::InSync {
                not_kept: FieldSet::EMPTY,
                unverifiable: FieldSet::EMPTY,
            };
            return Step::Rest(kept, None);
        }
        if self.swap && self.replace != Replace::DeleteFirst && entry.id.is_some() {
            return Step::Rest(KeyState::Waiting(Reason::Replacing), None);
        }
        if crate::planted!(DroppedKeyStays) {
            return Step::Act(Action::Note(Note::Forget(key.clone(), Forgotten::NotOurs)));
        }
        remove_key(self.s, key, entry)
    }

    pub(super) fn may_create(&self) -> bool {
        !self.observe && self.adoption.policy != AdoptionPolicy::ById
    }

    /// No id, no open entry.
    fn first(&self, wish: &Wanted, entry: &Entry) -> Step {
        let s = self.s;
        if s.restraint.account_unproven {
            return stalled(
                Reason::AccountChanged,
                "nothing is created while the account is unproven",
            );
        }
        let newest = s.snapshot.map(Snapshot::begun);
        let Some(snapshot) = s.snapshot.filter(|_| newest > entry.absent_at) else {
            // What an earlier process found in the way is perhaps still there: nothing is begun before a look.
            return if newest.is_some() && self.may_create() {
                Step::Intend
            } else {
                Step::Act(Action::Look(entry.absent_at))
            };
        };
        match self.candidate(wish, entry, snapshot) {
            Candidate::None if self.may_create() => Step::Intend,
            Candidate::Found { id, stamp } => self.adopt(wish, entry, &id, stamp),
            _ if is_stale(s, snapshot) => look_after(s.now),
            Candidate::None => stalled(Reason::NothingToAdopt, self.nothing_to_adopt()),
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

    /// Takes over. A marker is written only on what was read by its id just before: in a LIST that is a few
    /// seconds old it may have become somebody else's since.
    fn adopt(&self, wish: &Wanted, entry: &Entry, id: &ExternalId, stamp: bool) -> Step {
        let s = self.s;
        let (key, id) = (wish.key.clone(), id.clone());
        let stamp = stamp && s.capabilities.identity == Identity::Marker;
        if self.observe {
            let stamp = false;
            return Step::Act(Action::Adopt { key, id, stamp });
        }
        if !s.memory.finalizer {
            return Step::Act(Action::ClaimFinalizer);
        }
        let seen = entry.seen.as_ref().filter(|seen| seen.remote.id == id);
        if stamp && seen.is_none_or(|seen| s.now.since(seen.at) > s.timing.fresh) {
            return Step::Act(Action::Read(key, id));
        }
        Step::Act(Action::Adopt { key, id, stamp })
    }

    /// An open write-ahead entry.
    fn pending(&self, wish: &Wanted, entry: &Entry, pending: &Pending) -> Step {
        match pending.certainty {
            Certainty::NotSent { opened } => self.not_sent(wish, entry, pending, opened),
            Certainty::Unknown { since } => self.unknown(wish, entry, pending, since),
        }
    }

    /// An entry is open and nothing was sent: a LIST that began since then says whether a create is right.
    fn not_sent(&self, wish: &Wanted, entry: &Entry, pending: &Pending, opened: Moment) -> Step {
        let s = self.s;
        if !self.may_create() {
            return never_created(wish);
        }
        if s.restraint.account_unproven {
            return stalled(
                Reason::AccountChanged,
                "nothing is created while the account is unproven",
            );
        }
        // The entry is all that a later process knows of a create, so it has to say what is sent.
        if pending.target.applied != Some(wish.digest) {
            return Step::Intend;
        }
        if !s.memory.finalizer && !crate::planted!(FinalizerLate) {
            return Step::Act(Action::ClaimFinalizer);
        }
        let after = opened.max(entry.absent_at.unwrap_or_default());
        let Some(snapshot) = s.snapshot.filter(|snapshot| snapshot.begun() > after) else {
            return look_after(after);
        };
        match self.candidate(wish, entry, snapshot) {
            Candidate::None => Step::Act(Action::Create(wish.key.clone())),
            Candidate::Found { id, stamp } => self.adopt(wish, entry, &id, stamp),
            Candidate::Conflict(..) => never_created(wish),
        }
    }

    /// The create of an entry may have been sent: only its own result settles that, or its absence from a LIST
    /// that began when it would be visible.
    fn unknown(&self, wish: &Wanted, entry: &Entry, pending: &Pending, since: Moment) -> Step {
        let s = self.s;
        let Some(snapshot) = s.snapshot.filter(|snapshot| snapshot.begun() > since) else {
            return look_after(since);
        };
        match self.result_of_create(wish, entry, pending, snapshot) {
            Candidate::Found { id, .. } => {
                return unconfirmed(&wish.key, entry, snapshot, &id)
                    .unwrap_or_else(|| self.adopt(wish, entry, &id, false));
            }
            Candidate::Conflict(reason, message) => return stalled(reason, message),
            Candidate::None => {}
        }
        match await_outcome(s, snapshot, since) {
            Some(step) => step,
            None if self.may_create() => Step::Intend,
            None => never_created(wish),
        }
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
        if !s.memory.finalizer {
            return Step::Act(Action::ClaimFinalizer);
        }
        match standing(s, &wish.key, entry, &sighting.remote) {
            // It was only looked at; from now on it is kept, and goes with the object.
            Some(Ownership::Ours) if entry.hold == Hold::Observed => self.adopt(wish, entry, id, false),
            Some(Ownership::Ours) => self.compare(wish, entry, id, &sighting),
            Some(Ownership::Former) => self.adopt(wish, entry, id, true),
            None if self.invited(wish, &sighting.remote) => self.adopt(wish, entry, id, true),
            None => stalled(Reason::MarkerMissing, self.not_ours(wish, id)),
            Some(Ownership::OtherCluster) => stalled(Reason::OwnedByOtherCluster, other_cluster(id)),
            Some(Ownership::Foreign) => stalled(
                Reason::ForeignMarker,
                format!("subscription {id} carries somebody else's marker"),
            ),
        }
    }

    fn not_ours(&self, wish: &Wanted, id: &ExternalId) -> String {
        let what = match self.s.capabilities.identity {
            Identity::Marker => format!(
                "subscription {id} lost the text {} at the end of its name; put it back, or",
                self.s.owner.marker(&wish.key)
            ),
            Identity::Content => format!("nothing proves that subscription {id} is this object's;"),
        };
        format!("{what} name the id in spec.adoption.externalIDs with policy ByID")
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
        let mut differs = self.differing(wish, entry, &sighting.remote);
        if crate::planted!(DriftIgnored) && same_wish {
            differs = FieldSet::EMPTY;
        }
        if self.observe {
            // What is shown in the provider's own form cannot be compared by who never wrote it.
            differs = wish
                .view
                .differing(&sighting.remote.view)
                .without(FieldSet::of(&[Field::Name]))
                .without(self.s.capabilities.rendered);
        } else {
            if let Some(step) = self.when_off(wish, entry, id, sighting, differs) {
                return step;
            }
            if same_wish {
                differs = differs.without(entry.not_kept);
            }
        }
        if !differs.is_empty() {
            return self.differs(wish, entry, id, sighting, differs, same_wish);
        }
        if !self.observe && (!same_wish || entry.sent.is_none() || entry.failure.is_some()) {
            return Step::Act(Action::Note(Note::Applied(wish.key.clone())));
        }
        let remote = &sighting.remote.view;
        let still = wish.view.differing(remote);
        let not_kept = entry.not_kept.intersection(still);
        if self.replaces(wish, not_kept) {
            return Step::Act(Action::Note(Note::Retire(wish.key.clone())));
        }
        let hidden = remote.fields_that_are(Part::Unknown);
        let empty = remote.fields_that_are(Part::Absent);
        let unreadable = still.union(empty).intersection(self.s.capabilities.rendered);
        let state = KeyState::InSync {
            not_kept,
            unverifiable: entry.unverifiable.intersection(hidden.union(unreadable)),
        };
        Step::Rest(state, None)
    }

    /// What has to be sent: the fields that are seen to differ, and those that are hidden and were last sent
    /// otherwise (or nobody knows). What the provider shows in its own form differs when that form changed, or when
    /// something else was sent.
    fn differing(&self, wish: &Wanted, entry: &Entry, remote: &Remote) -> FieldSet {
        let seen = wish.view.differing(&remote.view);
        let hidden = remote.view.fields_that_are(Part::Unknown);
        let unsent = match &entry.sent {
            Some(sent) if !crate::planted!(PatchHiddenForEver) => sent.differing(&wish.view),
            Some(_) | None => wish
                .view
                .fields(|field| matches!(wish.view.get(field), Part::Is(_))),
        };
        let familiar = self.s.capabilities.rendered.iter().filter(|field| {
            let rendered = entry.rendering.get(*field);
            entry.sent.is_some() && rendered.is_some() && rendered == remote.view.get(*field).short()
        });
        let familiar = familiar.collect::<FieldSet>().without(unsent);
        // Shown as empty when it was not: that it is shown as empty tells nothing.
        let blind = entry.rendered_as_empty(self.s.capabilities);
        seen.without(familiar)
            .union(unsent.intersection(hidden.union(blind)))
    }

    pub(super) fn differs(
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
        if let Some(step) = unproven(s, id) {
            return step;
        }
        if let Some(who) = s.rivals.claimed.get(&wish.key) {
            let message = format!("{who} asks for a subscription with the same events, URL and filters");
            return stalled(Reason::IdenticalExists, message);
        }
        let (repairs, last) = entry.repairs;
        let rested = last.after(BREAKER_REST);
        if same_wish && repairs >= BREAKER && s.now < rested && !crate::planted!(NoBreaker) {
            return Step::Rest(KeyState::Drifted(fields, Reason::DriftRepeats), Some(rested));
        }
        if let Some(step) = self.store_first(wish, entry, sighting, fields) {
            return step;
        }
        self.when_fresh(&wish.key, id, sighting, || Action::Update {
            key: wish.key.clone(),
            id: id.clone(),
            fields,
            repair: same_wish,
        })
    }

    /// What status has to say before a change: that what nobody can see of it is no longer what it was; and where
    /// nothing is marked, the id, as the change takes away what it could be found by.
    fn store_first(
        &self,
        wish: &Wanted,
        entry: &Entry,
        sighting: &Sighting,
        fields: FieldSet,
    ) -> Option<Step> {
        let able = self.s.capabilities;
        let hidden = sighting.remote.view.fields_that_are(Part::Unknown);
        let blind = fields.intersection(hidden.union(able.rendered));
        let trusted = entry.sent.map_or(FieldSet::EMPTY, |sent| sent.trusted(blind));
        if !trusted.is_empty() {
            return Some(Step::Act(Action::Note(Note::Doubt(wish.key.clone(), trusted))));
        }
        let needed = able.identity == Identity::Content || !blind.is_empty();
        (needed && !entry.stored).then_some(Step::Act(Action::Store))
    }

    /// A write is authorised by a fresh read only.
    pub(super) fn when_fresh(
        &self,
        key: &RemoteKey,
        id: &ExternalId,
        sighting: &Sighting,
        action: impl FnOnce() -> Action,
    ) -> Step {
        if self.s.now.since(sighting.at) > self.s.timing.fresh && !crate::planted!(StaleReadAuthorises) {
            Step::Act(Action::Read(key.clone(), id.clone()))
        } else {
            Step::Act(action())
        }
    }
}

pub(super) fn never_created(wish: &Wanted) -> Step {
    Step::Act(Action::Note(Note::Forget(
        wish.key.clone(),
        Forgotten::NeverCreated,
    )))
}
