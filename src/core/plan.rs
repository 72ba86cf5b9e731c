//! The heart: what to do next.
//!
//! [`next_action`] is a total function of what is wanted, remembered and seen. It asks for at most one effect;
//! the caller performs it, tells [`Memory`] how it went, and asks again. Whatever crashes between two calls, the
//! next process starts from what status holds and arrives at the same place.
//!
//! The order of a create is: finalizer → write-ahead entry → a LIST that begins after the entry was stored →
//! create → id in status. An entry whose create may have been sent is resolved by looking for what *it* says,
//! never by sending again.

mod candidate;
mod keep;
mod off;
mod remove;
mod sight;
mod standing;
mod swap;
mod switch_off;

use std::collections::{BTreeMap, HashSet};
use std::time::Duration;

use crate::capabilities::Capabilities;
use crate::disabled::{Known, Rules};
use crate::marker::{Marker, Owner};
use crate::memory::{Certainty, Entry, Memory, Note, Wanted};
use crate::names::{ExternalId, RemoteKey};
use crate::reason::Reason;
use crate::remote::{Sighting, Snapshot};
use crate::time::Moment;
use crate::view::{FieldSet, Part};

/// How many repairs in a row are made before drift is only reported, for [`BREAKER_REST`].
pub const BREAKER: u32 = 5;
/// How long a tripped breaker rests before the next repair.
pub const BREAKER_REST: Duration = Duration::from_hours(1);

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

/// What to do about a change that needs another remote subscription in place of the present one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Replace {
    /// The user says nothing: where the key changes, the new one is made first; what merely cannot be cleared stays.
    #[default]
    KeysOnly,
    /// Nothing is replaced.
    Never,
    /// The new one is made first, so that nothing is missed and some things are delivered twice.
    CreateFirst,
    /// The old one is deleted first, so that nothing is delivered twice and some things are missed.
    DeleteFirst,
}

/// What other objects of the account have a hold on. Needed only where nothing at the provider tells.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Rivals {
    /// Remote subscriptions that other objects hold.
    pub held: HashSet<ExternalId>,
    /// Keys of this object for which another one came first, with a text that names it.
    pub claimed: BTreeMap<RemoteKey, String>,
    /// Keys of this object for which there is no more room, as others of the account have the same event and filters.
    pub crowded: BTreeMap<RemoteKey, usize>,
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
        /// What to do about what cannot be changed in place.
        replace: Replace,
    },
    /// They should go, and then the finalizer.
    Remove {
        /// Leave them at the provider.
        orphan: bool,
        /// They cannot be deleted and the user has said to let go of the object all the same.
        let_go: bool,
    },
    /// The object may no longer have them: what there is should be switched off, and nothing else is sent for it.
    SwitchOff {
        /// [`crate::view::Field::Enabled`] of what is switched off.
        off: Part,
    },
}

/// The durations that decisions depend on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Timing {
    /// How long after an unknown create "not found" counts as "was not created".
    pub settle: Duration,
    /// How long after it was first missed an id is asked for by itself.
    pub confirm: Duration,
    /// The oldest read that may authorise a change or a deletion. Longer than a LIST takes.
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
    /// What the provider can do.
    pub capabilities: &'a Capabilities,
    /// Whose markers are ours.
    pub owner: &'a Owner,
    /// What is remembered.
    pub memory: &'a Memory,
    /// The newest complete LIST of the account.
    pub snapshot: Option<&'a Snapshot>,
    /// What other objects have a hold on.
    pub rivals: &'a Rivals,
    /// What is forbidden.
    pub restraint: Restraint,
    /// The durations.
    pub timing: Timing,
    /// What becomes of what the provider has switched off.
    pub rules: Rules,
    /// What is known of the deliveries of each key; of what is not named, nothing is.
    pub deliveries: &'a BTreeMap<RemoteKey, Known>,
}

/// The one thing to do next.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Action {
    /// Put our finalizer on the object.
    ClaimFinalizer,
    /// Store write-ahead entries for these keys, by a write that fails on a stale copy.
    RecordIntent(Vec<RemoteKey>),
    /// Store what is remembered in status, before something is changed that it can be recognised by.
    Store,
    /// Have a LIST that begins after this moment (any at all, where it is `None`).
    Look(Option<Moment>),
    /// Read one id. A LIST that begins now will do for an id that we hold, where it shows our marker; before an id is
    /// taken over or a marker written, only a read of the id itself does ([`crate::memory::Memory::read`]).
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
    /// Switch off, and change nothing else.
    SwitchOff {
        /// The key.
        key: RemoteKey,
        /// Its id.
        id: ExternalId,
        /// The marker that the read showed which authorises this.
        marker: Option<Marker>,
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
    /// Switched off by the provider, and left so for now; the text says why and what happens next.
    Off(String),
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

/// Whether a LIST is too old to authorise a change or to say that something is missing.
fn is_stale(s: &Situation<'_>, snapshot: &Snapshot) -> bool {
    !crate::planted!(StaleReadAuthorises) && s.now.since(snapshot.begun()) > s.timing.fresh
}

/// What stops a write while the account may be another one: "not found" from the wrong account means nothing, and
/// what a read showed a moment ago may have come from the one before. A LIST that shows the id is proof.
fn unproven(s: &Situation<'_>, id: &ExternalId) -> Option<Step> {
    if !s.restraint.account_unproven || crate::planted!(AccountNeverDoubted) {
        return None;
    }
    let Some(snapshot) = s.snapshot else {
        return Some(Step::Act(Action::Look(None)));
    };
    if snapshot.get(id).is_some() {
        return None;
    }
    Some(stalled(
        Reason::AccountChanged,
        format!("subscription {id} is not in the account of the present key"),
    ))
}

/// Decides what to do next. Total: every situation has an answer.
pub fn next_action(s: &Situation<'_>) -> Action {
    match s.intent {
        Intent::Keep { wanted, observe, .. } => keep::Keep::decide(s, wanted, observe),
        Intent::Remove { orphan, let_go } if orphan || let_go => remove::release(s),
        Intent::Remove { .. } => remove::remove(s),
        Intent::SwitchOff { off } => switch_off::decide(s, off),
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
        let finalizer = finalizer || crate::planted!(FinalizerLate);
        if let Some(key) = self.intend.first().filter(|_| crate::planted!(SkipWriteAhead)) {
            return Action::Create(key.clone());
        }
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

/// What was made a moment ago without a marker goes first, and nothing else happens to its key until it is gone.
fn discard(s: &Situation<'_>, key: &RemoteKey, entry: &Entry) -> Option<Step> {
    let id = entry.discard.as_ref()?;
    if sight::is_gone(s, entry, id) {
        return Some(Step::Act(Action::Note(Note::Discarded(key.clone()))));
    }
    let failure = entry.failure.as_ref();
    match failure.and_then(|failure| failure.until.map(|until| (failure, until))) {
        Some((failure, until)) if s.now < until => {
            let state = KeyState::Failing(failure.reason, failure.message.clone());
            Some(Step::Rest(state, Some(until)))
        }
        // The answer to a deletion did not tell: a read does.
        _ if entry
            .doubted
            .is_some_and(|doubted| entry.seen.as_ref().is_none_or(|seen| seen.at <= doubted)) =>
        {
            Some(Step::Act(Action::Read(key.clone(), id.clone())))
        }
        _ => Some(Step::Act(Action::Delete(Some(key.clone()), id.clone()))),
    }
}

/// What a LIST shows as the result of an unfinished create may be what was deleted a moment before it: the create would
/// count as finished, and be sent again once that is gone. So the id itself is read; `None` when that has shown it.
fn unconfirmed(key: &RemoteKey, entry: &Entry, snapshot: &Snapshot, id: &ExternalId) -> Option<Step> {
    let begun = snapshot.begun();
    if entry.absent_at.is_some_and(|at| at >= begun) {
        return Some(Step::Act(Action::Note(Note::Phantom(key.clone(), id.clone()))));
    }
    let seen = |seen: &Sighting| seen.remote.id == *id && seen.at >= begun;
    if entry.seen.as_deref().is_some_and(seen) {
        return None;
    }
    Some(Step::Act(Action::Read(key.clone(), id.clone())))
}

/// A create may have been sent and `snapshot` does not show its result: what to wait for, or `None` when it
/// would show it by now.
fn await_outcome(s: &Situation<'_>, snapshot: &Snapshot, since: Moment) -> Option<Step> {
    let settled = if crate::planted!(IgnoreSettleTime) {
        since
    } else {
        since.after(s.timing.settle)
    };
    if snapshot.begun() < settled {
        return Some(if s.now >= settled {
            look_after(settled)
        } else {
            Step::Rest(KeyState::Waiting(Reason::CreateOutcomeUnknown), Some(settled))
        });
    }
    // A LIST that is doubted does not tell that something is missing.
    if s.restraint.account_unproven {
        return Some(stalled(
            Reason::AccountChanged,
            "an earlier create cannot be looked for while the account is unproven",
        ));
    }
    if s.restraint.guard_vanished {
        return Some(stalled(
            Reason::Guarded,
            "an earlier create cannot be looked for while much is missing from the account",
        ));
    }
    None
}

/// A failure that still holds: it waits for its time, or for another wish.
fn held_back(s: &Situation<'_>, entry: &Entry, wish: Option<&Wanted>) -> Option<Step> {
    let failure = entry.failure.as_ref()?;
    if failure.digest.is_some() && wish.is_some_and(|wish| failure.digest != Some(wish.digest)) {
        return None;
    }
    // A refusal does not stand in the way of finding out what became of a create; a pause does.
    let unknown = entry.id.is_none()
        && matches!(&entry.pending, Some(p) if matches!(p.certainty, Certainty::Unknown { .. }));
    match failure.until {
        None if unknown => None,
        None => Some(stalled(failure.reason, failure.message.clone())),
        Some(until) if s.now < until => {
            let state = KeyState::Failing(failure.reason, failure.message.clone());
            Some(Step::Rest(state, Some(until)))
        }
        Some(_) => None,
    }
}

#[cfg(test)]
mod tests;
