//! The heart: what to do next.
//!
//! [`next_action`] is a total function of what is wanted, remembered and seen. It asks for at most one effect;
//! the caller performs it, tells [`Memory`] how it went, and asks again. Whatever crashes between two calls, the
//! next process starts from what status holds and arrives at the same place.
//!
//! The order of a create is: finalizer → write-ahead entry → a LIST that begins after the entry was stored →
//! create → id in status. An entry whose create may have been sent is resolved by looking for what *it* says,
//! never by sending again.

use std::collections::BTreeMap;
use std::time::Duration;

use crate::marker::{Owner, Ownership};
use crate::memory::{Certainty, Entry, Forgotten, Hold, Memory, Note, Pending, Wanted};
use crate::names::{ExternalId, RemoteKey};
use crate::reason::Reason;
use crate::remote::{Remote, Sighting, Snapshot};
use crate::time::Moment;
use crate::view::{Field, FieldSet, Part};

/// How many repairs in a row are made before drift is only reported, for [`BREAKER_REST`].
pub const BREAKER: u32 = 5;
/// How long a tripped breaker rests before the next repair.
pub const BREAKER_REST: Duration = Duration::from_secs(3600);

/// Which remote subscriptions may be taken over.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum AdoptionPolicy {
    /// Those that carry our marker.
    #[default]
    IfOwned,
    /// Besides, one without a marker that has the same URL and events.
    IfMatches,
    /// Those whose ids are named; nothing is ever created.
    ById,
    /// None, save for the result of our own unfinished create.
    Never,
}

/// What the user says about adoption.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Adoption {
    /// Which ones.
    pub policy: AdoptionPolicy,
    /// The ids of [`AdoptionPolicy::ById`].
    pub ids: Vec<ExternalId>,
    /// Adopt even where that empties fields that are set remotely.
    pub overwrite: bool,
}

/// What should become of the object's remote subscriptions.
#[derive(Debug, Clone, Copy)]
pub enum Intent<'a> {
    /// They should be there and be as wanted.
    Keep {
        /// One entry for each remote subscription.
        wanted: &'a [Wanted],
        /// Which may be taken over.
        adoption: &'a Adoption,
        /// Only look: never write, never claim.
        observe: bool,
        /// Repair drift, or only report it.
        correct_drift: bool,
    },
    /// They should go, and then the finalizer.
    Remove {
        /// Leave them at the provider.
        orphan: bool,
        /// They cannot be deleted and the user has said to let go of the object all the same.
        let_go: bool,
    },
}

/// The durations that decisions depend on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Timing {
    /// How long after an unknown create "not found" counts as "was not created".
    pub settle: Duration,
    /// How long after it was first missed an id is asked for by itself.
    pub confirm: Duration,
    /// The oldest read that may authorise a change or a deletion.
    pub fresh: Duration,
}

impl Default for Timing {
    fn default() -> Self {
        Self {
            settle: Duration::from_secs(75),
            confirm: Duration::from_secs(10),
            fresh: Duration::from_secs(10),
        }
    }
}

/// What is forbidden for the moment, whatever the spec says.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Restraint {
    /// The account may be another one than that which the ids come from: nothing is created, forgotten or taken
    /// as deleted.
    pub account_unproven: bool,
    /// Too much vanished at once: nothing is made anew.
    pub guard_vanished: bool,
    /// Too much is deleted at once, or the CRD itself is: nothing is deleted.
    pub guard_deletions: bool,
}

/// Everything a decision depends on.
#[derive(Debug, Clone, Copy)]
pub struct Situation<'a> {
    /// The moment of the decision.
    pub now: Moment,
    /// What should be.
    pub intent: Intent<'a>,
    /// Whose markers are ours.
    pub owner: &'a Owner,
    /// What is remembered.
    pub memory: &'a Memory,
    /// The newest complete LIST of the account.
    pub snapshot: Option<&'a Snapshot>,
    /// What is forbidden.
    pub restraint: Restraint,
    /// The durations.
    pub timing: Timing,
}

/// The one thing to do next.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Action {
    /// Put our finalizer on the object.
    ClaimFinalizer,
    /// Store write-ahead entries for these keys, by a write that fails on a stale copy.
    RecordIntent(Vec<RemoteKey>),
    /// Have a LIST that begins after this moment (any at all, where it is `None`).
    Look(Option<Moment>),
    /// Read one id.
    Read(RemoteKey, ExternalId),
    /// Create.
    Create(RemoteKey),
    /// Take over; with `stamp`, by writing our marker into its name first.
    Adopt {
        /// The key it becomes.
        key: RemoteKey,
        /// Its id.
        id: ExternalId,
        /// Write the marker.
        stamp: bool,
    },
    /// Change these fields.
    Update {
        /// The key.
        key: RemoteKey,
        /// Its id.
        id: ExternalId,
        /// What differs.
        fields: FieldSet,
        /// The spec did not change, the remote did.
        repair: bool,
    },
    /// Delete. Without a key: a stray that carries this object's marker.
    Delete(Option<RemoteKey>, ExternalId),
    /// Change memory only.
    Note(Note),
    /// Take our finalizer off the object; the ids are left behind at the provider.
    ReleaseFinalizer {
        /// What stays there.
        orphaned: Vec<ExternalId>,
    },
    /// Nothing can be done now.
    Settle(Settled),
}

/// What there is to report when nothing can be done.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Settled {
    /// The state of each remote subscription that is wanted or remembered.
    pub keys: BTreeMap<RemoteKey, KeyState>,
    /// When to look again by ourselves; `None` = at the next interval or event.
    pub wake: Option<Moment>,
    /// The object may go: nothing of it is left.
    pub gone: bool,
}

/// The state of one remote subscription.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum KeyState {
    /// As wanted, save for what could not be cleared or seen.
    InSync {
        /// Fields that the provider did not change as asked.
        not_kept: FieldSet,
        /// Removed fields that cannot be seen.
        unverifiable: FieldSet,
    },
    /// Different, and left so.
    Drifted(FieldSet, Reason),
    /// Waiting for something that will come.
    Waiting(Reason),
    /// The last attempt failed; there will be another.
    Failing(Reason, String),
    /// Nothing will happen until somebody does something.
    Stalled(Reason, String),
}

enum Step {
    Act(Action),
    Intend,
    Rest(KeyState, Option<Moment>),
}

fn stalled(reason: Reason, message: impl Into<String>) -> Step {
    Step::Rest(KeyState::Stalled(reason, message.into()), None)
}

fn look_after(after: Moment) -> Step {
    Step::Act(Action::Look(Some(after)))
}

/// Decides what to do next. Total: every situation has an answer.
pub fn next_action(s: &Situation<'_>) -> Action {
    match s.intent {
        Intent::Keep { wanted, observe, .. } => Keep::decide(s, wanted, observe),
        Intent::Remove { orphan: true, .. } => release(s),
        Intent::Remove { let_go: true, .. } => release(s),
        Intent::Remove { .. } => remove(s),
    }
}

/// Collects the steps of all keys: an effect that can be performed comes before a LIST, which makes the caller
/// wait; a LIST before rest. One stalled key never holds up another.
#[derive(Default)]
struct Agenda {
    intend: Vec<RemoteKey>,
    look: Option<Action>,
    settled: Settled,
}

impl Agenda {
    fn add(&mut self, key: &RemoteKey, step: Step) -> Option<Action> {
        match step {
            Step::Act(Action::Look(after)) => {
                let newest = match self.look.take() {
                    Some(Action::Look(other)) => after.max(other),
                    _ => after,
                };
                self.look = Some(Action::Look(newest));
                self.settled
                    .keys
                    .insert(key.clone(), KeyState::Waiting(Reason::WaitingForList));
            }
            Step::Act(action) => return Some(action),
            Step::Intend => {
                self.intend.push(key.clone());
                self.settled
                    .keys
                    .insert(key.clone(), KeyState::Waiting(Reason::Progressing));
            }
            Step::Rest(state, wake) => {
                self.settled.keys.insert(key.clone(), state);
                self.settled.wake = [self.settled.wake, wake].into_iter().flatten().min();
            }
        }
        None
    }

    fn close(self, finalizer: bool) -> Action {
        if !self.intend.is_empty() {
            return if finalizer {
                Action::RecordIntent(self.intend)
            } else {
                Action::ClaimFinalizer
            };
        }
        self.look.unwrap_or(Action::Settle(self.settled))
    }
}

struct Keep<'a> {
    s: &'a Situation<'a>,
    adoption: &'a Adoption,
    observe: bool,
    correct_drift: bool,
}

impl<'a> Keep<'a> {
    fn decide(s: &'a Situation<'a>, wanted: &[Wanted], observe: bool) -> Action {
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

    /// What in the snapshot could be this remote subscription. `sent`: a create of ours may have made it.
    fn candidate(&self, wish: &Wanted, snapshot: &Snapshot, sent: bool) -> Candidate {
        let s = self.s;
        let free = |remote: &&Remote| {
            !s.memory.gone.contains(&remote.id) && s.memory.ids().all(|id| *id != remote.id)
        };
        let mut marked: Vec<_> = snapshot.marked_for(s.owner.object()).filter(free).collect();
        marked.sort_by_key(|remote| (remote.created.unwrap_or(i64::MAX), remote.id.clone()));
        let of = |wanted: Ownership| {
            marked.iter().find(|remote| {
                remote
                    .marker
                    .is_some_and(|marker| s.owner.ownership(&wish.key, &marker) == wanted)
            })
        };
        let adopts = sent || self.adoption.policy != AdoptionPolicy::Never;
        let ours = of(Ownership::Ours).map(|remote| (remote, false));
        let ours = ours.or_else(|| of(Ownership::Former).map(|remote| (remote, true)));
        if self.adoption.policy == AdoptionPolicy::ById && !sent {
            return self.named(wish, snapshot);
        }
        if let Some((remote, stamp)) = ours {
            let id = remote.id.clone();
            return if adopts {
                Candidate::Found { id, stamp }
            } else {
                let message = format!(
                    "subscription {id} carries this object's marker; set spec.adoption.policy to IfOwned"
                );
                Candidate::Conflict(Reason::AlreadyExists, message)
            };
        }
        if let Some(remote) = of(Ownership::OtherCluster) {
            return Candidate::Conflict(Reason::OwnedByOtherCluster, other_cluster(&remote.id));
        }
        if self.adoption.policy == AdoptionPolicy::IfMatches {
            let mut same = snapshot
                .unmarked_with_url(&wish.view)
                .filter(free)
                .filter(|remote| matches(wish, remote));
            return match (same.next(), same.next()) {
                (None, _) => Candidate::None,
                (Some(remote), None) => self.unmarked(wish, remote),
                (Some(a), Some(b)) => Candidate::Conflict(
                    Reason::AmbiguousMatch,
                    format!(
                        "{} and {} both match; name one in spec.adoption.externalIDs",
                        a.id, b.id
                    ),
                ),
            };
        }
        Candidate::None
    }

    /// The candidate of policy `ByID`.
    fn named(&self, wish: &Wanted, snapshot: &Snapshot) -> Candidate {
        let Some(remote) = self.adoption.ids.iter().find_map(|id| snapshot.get(id)) else {
            return Candidate::None;
        };
        if self.observe {
            return Candidate::Found {
                id: remote.id.clone(),
                stamp: false,
            };
        }
        match remote
            .marker
            .map(|marker| self.s.owner.ownership(&wish.key, &marker))
        {
            None => self.unmarked(wish, remote),
            Some(Ownership::Ours) => Candidate::Found {
                id: remote.id.clone(),
                stamp: false,
            },
            Some(Ownership::Former) => Candidate::Found {
                id: remote.id.clone(),
                stamp: true,
            },
            Some(Ownership::OtherCluster) => {
                Candidate::Conflict(Reason::OwnedByOtherCluster, other_cluster(&remote.id))
            }
            Some(Ownership::Foreign) => Candidate::Conflict(
                Reason::ForeignMarker,
                format!(
                    "subscription {} belongs to another object; it is never taken over",
                    remote.id
                ),
            ),
        }
    }

    /// A remote subscription that nobody has marked: would taking it over empty something?
    fn unmarked(&self, wish: &Wanted, remote: &Remote) -> Candidate {
        let cleared = wish
            .view
            .fields_that_are(Part::Absent)
            .intersection(wish.view.differing(&remote.view));
        if cleared.is_empty() || self.adoption.overwrite || self.observe {
            return Candidate::Found {
                id: remote.id.clone(),
                stamp: true,
            };
        }
        let message = format!(
            "adopting subscription {} would clear: {cleared}; set them in spec, or set spec.adoption.overwrite",
            remote.id
        );
        Candidate::Conflict(Reason::AdoptionWouldClear, message)
    }
}

enum Candidate {
    None,
    Found { id: ExternalId, stamp: bool },
    Conflict(Reason, String),
}

fn matches(wish: &Wanted, remote: &Remote) -> bool {
    [Field::Url, Field::Events]
        .into_iter()
        .all(|field| wish.view.get(field) == remote.view.get(field))
}

fn other_cluster(id: &ExternalId) -> String {
    format!(
        "subscription {id} belongs to the object of the same name in another cluster; if this cluster replaces \
         it, start the operator with that cluster's --cluster-id, or list it in --former-cluster-ids"
    )
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

/// A failure that still holds: it waits for its time, or for another wish.
fn held_back(s: &Situation<'_>, entry: &Entry, wish: Option<&Wanted>) -> Option<Step> {
    let failure = entry.failure.as_ref()?;
    if failure.digest.is_some() && wish.is_some_and(|wish| failure.digest != Some(wish.digest)) {
        return None;
    }
    // An unknown outcome is resolved by looking, which needs no pause.
    if entry.id.is_none()
        && matches!(&entry.pending, Some(p) if matches!(p.certainty, Certainty::Unknown { .. }))
    {
        return None;
    }
    match failure.until {
        None => Some(stalled(failure.reason, failure.message.clone())),
        Some(until) if s.now < until => {
            let state = KeyState::Failing(failure.reason, failure.message.clone());
            Some(Step::Rest(state, Some(until)))
        }
        Some(_) => None,
    }
}

enum Absence {
    Step(Step),
    Gone,
}

/// The newest read of an id. When a complete LIST lacks it, that is first noted, then confirmed by a read of the
/// id itself: a page that shifted is not a deletion.
fn sight(s: &Situation<'_>, key: &RemoteKey, entry: &Entry, id: &ExternalId) -> Result<Sighting, Absence> {
    if is_gone(s, entry, id) {
        return Err(Absence::Gone);
    }
    let listed = s
        .snapshot
        .and_then(|snapshot| snapshot.get(id).map(|remote| (remote, snapshot.begun())));
    match (&entry.seen, listed, s.snapshot) {
        (Some(seen), Some((_, at)), _) if seen.at >= at => Ok(seen.clone()),
        (_, Some((remote, at)), _) => Ok(Sighting {
            remote: remote.clone(),
            at,
        }),
        (Some(seen), None, None) => Ok(seen.clone()),
        (Some(seen), None, Some(snapshot)) if seen.at >= snapshot.begun() => Ok(seen.clone()),
        (None, None, None) => Err(Absence::Step(Step::Act(Action::Look(None)))),
        (_, None, Some(_)) => Err(Absence::Step(confirm_absence(s, key, entry, id))),
    }
}

/// Whether a read by id said so, and no LIST that began later shows it.
fn is_gone(s: &Situation<'_>, entry: &Entry, id: &ExternalId) -> bool {
    let Some(absent_at) = entry.absent_at else {
        return false;
    };
    !s.snapshot
        .is_some_and(|snapshot| snapshot.begun() > absent_at && snapshot.get(id).is_some())
}

fn confirm_absence(s: &Situation<'_>, key: &RemoteKey, entry: &Entry, id: &ExternalId) -> Step {
    let Some(since) = entry.missing_since else {
        return Step::Act(Action::Note(Note::Missing(key.clone())));
    };
    let due = since.after(s.timing.confirm);
    if s.now >= due {
        return Step::Act(Action::Read(key.clone(), id.clone()));
    }
    Step::Rest(KeyState::Waiting(Reason::RemoteMissing), Some(due))
}

/// Lets the object go and leaves what it had at the provider.
fn release(s: &Situation<'_>) -> Action {
    if !s.memory.finalizer {
        return Action::Settle(Settled {
            gone: true,
            ..Settled::default()
        });
    }
    Action::ReleaseFinalizer {
        orphaned: s.memory.ids().cloned().collect(),
    }
}

fn remove(s: &Situation<'_>) -> Action {
    if !s.memory.finalizer {
        return Action::Settle(Settled {
            gone: true,
            ..Settled::default()
        });
    }
    let mut agenda = Agenda::default();
    for (key, entry) in &s.memory.entries {
        if let Some(action) = agenda.add(key, remove_key(s, key, entry)) {
            return action;
        }
    }
    let Some(snapshot) = s.snapshot else {
        // Without any entry, only a look can tell that a status that was lost had none either.
        if s.memory.entries.is_empty() {
            return Action::Look(None);
        }
        return agenda.close(true);
    };
    let stray = snapshot.marked_for(s.owner.object()).find(|remote| {
        remote.marker.is_some_and(|marker| s.owner.wrote(&marker))
            && !s.memory.gone.contains(&remote.id)
            && s.memory.ids().all(|id| *id != remote.id)
    });
    if let Some(stray) = stray.filter(|_| s.memory.entries.is_empty()) {
        if s.restraint.guard_deletions {
            let state = KeyState::Stalled(Reason::Guarded, "deletions are stopped by the guard".into());
            agenda.settled.keys.insert(RemoteKey::single(), state);
            return agenda.close(true);
        }
        if s.now.since(snapshot.begun()) > s.timing.fresh {
            return Action::Look(Some(s.now));
        }
        return Action::Delete(None, stray.id.clone());
    }
    if s.memory.entries.is_empty() {
        return Action::ReleaseFinalizer { orphaned: Vec::new() };
    }
    agenda.close(true)
}

/// One remote subscription that is to go, with its object or because the spec no longer asks for it.
fn remove_key(s: &Situation<'_>, key: &RemoteKey, entry: &Entry) -> Step {
    let forget = |why| Step::Act(Action::Note(Note::Forget(key.clone(), why)));
    if let Some(id) = &entry.discard {
        return Step::Act(Action::Delete(Some(key.clone()), id.clone()));
    }
    if let Some(step) = entry
        .failure
        .as_ref()
        .filter(|f| f.until.is_some())
        .and_then(|_| held_back(s, entry, None))
    {
        return step;
    }
    match (&entry.id, &entry.pending) {
        (Some(_), _) if entry.hold == Hold::Observed => forget(Forgotten::Released),
        (Some(id), _) => remove_id(s, key, entry, id),
        (
            None,
            Some(Pending {
                certainty: Certainty::Unknown { since },
                ..
            }),
        ) => remove_unknown(s, key, *since),
        (None, _) => forget(Forgotten::NeverCreated),
    }
}

fn remove_id(s: &Situation<'_>, key: &RemoteKey, entry: &Entry, id: &ExternalId) -> Step {
    let forget = |why| Step::Act(Action::Note(Note::Forget(key.clone(), why)));
    if is_gone(s, entry, id) {
        if s.restraint.account_unproven {
            return stalled(
                Reason::AccountChanged,
                format!("subscription {id} is not in this account"),
            );
        }
        return forget(Forgotten::Vanished);
    }
    let listed = s
        .snapshot
        .and_then(|snapshot| snapshot.get(id).map(|remote| (remote, snapshot.begun())));
    let seen = entry.seen.as_ref().map(|seen| (&seen.remote, seen.at));
    let newest = [listed, seen].into_iter().flatten().max_by_key(|(_, at)| *at);
    let Some((remote, _)) = newest.filter(|(_, at)| s.now.since(*at) <= s.timing.fresh) else {
        return Step::Act(Action::Read(key.clone(), id.clone()));
    };
    if !remote.marker.is_some_and(|marker| s.owner.wrote(&marker)) {
        return forget(Forgotten::NotOurs);
    }
    if s.restraint.guard_deletions {
        return stalled(
            Reason::Guarded,
            "deletions are stopped by the guard; see the provider object",
        );
    }
    Step::Act(Action::Delete(Some(key.clone()), id.clone()))
}

/// A create that may have been sent, for something that is no longer wanted: it is looked for as long as it
/// would be if it were.
fn remove_unknown(s: &Situation<'_>, key: &RemoteKey, since: Moment) -> Step {
    let Some(snapshot) = s.snapshot.filter(|snapshot| snapshot.begun() > since) else {
        return look_after(since);
    };
    let found = snapshot.marked_for(s.owner.object()).find(|remote| {
        !s.memory.gone.contains(&remote.id)
            && remote
                .marker
                .is_some_and(|marker| s.owner.ownership(key, &marker) == Ownership::Ours)
    });
    if let Some(found) = found {
        return Step::Act(Action::Adopt {
            key: key.clone(),
            id: found.id.clone(),
            stamp: false,
        });
    }
    let settled = since.after(s.timing.settle);
    if snapshot.begun() >= settled {
        return Step::Act(Action::Note(Note::Forget(key.clone(), Forgotten::NeverCreated)));
    }
    if s.now >= settled {
        return look_after(settled);
    }
    Step::Rest(KeyState::Waiting(Reason::CreateOutcomeUnknown), Some(settled))
}
