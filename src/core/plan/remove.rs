//! What to do about remote subscriptions that are to go.

use crate::capabilities::Identity;
use crate::marker::Ownership;
use crate::memory::{Certainty, Entry, Forgotten, Hold, Note, Pending};
use crate::names::{ExternalId, RemoteKey};
use crate::reason::Reason;
use crate::remote::Snapshot;
use crate::time::Moment;

use super::candidate::{Candidate, made_by, newest};
use super::sight::is_gone;
use super::standing::is_ours;
use super::{
    Action, Agenda, KeyState, Settled, Situation, Step, await_outcome, discard, held_back, is_stale,
    look_after, stalled, unconfirmed, unproven,
};

/// Lets the object go and leaves what it had at the provider.
pub(super) fn release(s: &Situation<'_>) -> Action {
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

pub(super) fn remove(s: &Situation<'_>) -> Action {
    if !s.memory.finalizer {
        return Action::Settle(Settled {
            gone: true,
            ..Settled::default()
        });
    }
    if crate::planted!(FinalizerFirst) {
        return Action::ReleaseFinalizer { orphaned: Vec::new() };
    }
    let mut agenda = Agenda::default();
    for (key, entry) in &s.memory.entries {
        if let Some(action) = agenda.add(key, remove_key(s, key, entry)) {
            return action;
        }
    }
    // What is not in status may still be what an entry stands for.
    if !s.memory.entries.is_empty() {
        return agenda.close(true);
    }
    // Without any entry, only a look can tell that a status that was lost had none either.
    let Some(snapshot) = s.snapshot else {
        return Action::Look(None);
    };
    let stray = snapshot.marked_for(s.owner.object()).find(|remote| {
        remote.marker.is_some_and(|marker| s.owner.wrote(&marker)) && !s.memory.gone.contains(&remote.id)
    });
    let Some(stray) = stray.filter(|_| !crate::planted!(StrayStays)) else {
        return Action::ReleaseFinalizer { orphaned: Vec::new() };
    };
    if s.restraint.guard_deletions {
        let state = KeyState::Stalled(Reason::Guarded, "deletions are stopped by the guard".into());
        agenda.settled.keys.insert(RemoteKey::single(), state);
        return agenda.close(true);
    }
    if is_stale(s, snapshot) {
        return Action::Look(Some(s.now));
    }
    Action::Delete(None, stray.id.clone())
}

/// One remote subscription that is to go, with its object or because the spec no longer asks for it.
pub(super) fn remove_key(s: &Situation<'_>, key: &RemoteKey, entry: &Entry) -> Step {
    if let Some(step) = discard(s, key, entry) {
        return step;
    }
    // What was refused for a wish says nothing about a deletion; whatever has a time does.
    let timed = entry
        .failure
        .as_ref()
        .is_some_and(|failure| failure.until.is_some());
    if timed && let Some(step) = held_back(s, entry, None) {
        return step;
    }
    match (&entry.id, entry.pending.as_deref()) {
        (Some(id), _) => remove_id(s, key, entry, id),
        (
            None,
            Some(
                pending @ Pending {
                    certainty: Certainty::Unknown { since },
                    ..
                },
            ),
        ) => remove_unknown(s, key, entry, pending, *since),
        (None, _) => remove_unstamped(s, key, entry),
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
        return forget(Forgotten::Deleted);
    }
    let listed = s
        .snapshot
        .and_then(|snapshot| snapshot.get(id).map(|remote| (remote, snapshot.begun())));
    let seen = entry.seen.as_ref().map(|seen| (&seen.remote, seen.at));
    let newest = [listed, seen].into_iter().flatten().max_by_key(|(_, at)| *at);
    let counts = |at: Moment| entry.trusts(at) && s.now.since(at) <= s.timing.fresh;
    let Some((remote, _)) = newest.filter(|(_, at)| counts(*at)) else {
        return Step::Act(Action::Read(key.clone(), id.clone()));
    };
    if s.capabilities.identity == Identity::Content && entry.hold != Hold::Observed && entry.proof.is_none() {
        // It may be ours all the same: nothing is left behind unsaid.
        return stalled(
            Reason::MarkerMissing,
            format!(
                "nothing proves that subscription {id} is this object's; delete it at the provider if it is"
            ),
        );
    }
    if !is_ours(s, key, entry, remote) {
        return forget(Forgotten::NotOurs);
    }
    if let Some(step) = unproven(s, id) {
        return step;
    }
    if s.restraint.guard_deletions {
        return stalled(
            Reason::Guarded,
            "deletions are stopped by the guard; see the provider object",
        );
    }
    Step::Act(Action::Delete(Some(key.clone()), id.clone()))
}

/// Nothing was created. What was to be taken over may carry our marker all the same, when the reply was lost.
fn remove_unstamped(s: &Situation<'_>, key: &RemoteKey, entry: &Entry) -> Step {
    let forget = || Step::Act(Action::Note(Note::Forget(key.clone(), Forgotten::NeverCreated)));
    let Some(doubted) = entry.doubted else {
        return forget();
    };
    match s.snapshot.filter(|snapshot| snapshot.begun() > doubted) {
        Some(snapshot) => reclaim(s, key, entry, snapshot).map_or_else(forget, |id| take(key, id)),
        None => look_after(doubted),
    }
}

/// Takes an id, so that it can be deleted under it.
fn take(key: &RemoteKey, id: ExternalId) -> Step {
    Step::Act(Action::Adopt {
        key: key.clone(),
        id,
        stamp: false,
    })
}

/// What carries the key's marker.
fn reclaim(s: &Situation<'_>, key: &RemoteKey, entry: &Entry, snapshot: &Snapshot) -> Option<ExternalId> {
    let listed = snapshot.marked_for(s.owner.object());
    let mut listed = listed.map(|remote| newest(remote, entry.seen.as_deref(), snapshot));
    let ours = listed.find(|remote| {
        !s.memory.gone.contains(&remote.id)
            && s.memory.ids().all(|id| *id != remote.id)
            && remote
                .marker
                .is_some_and(|marker| s.owner.ownership(key, &marker) == Ownership::Ours)
    })?;
    Some(ours.id.clone())
}

/// A create that may have been sent, for something that is no longer wanted: it is looked for as long as it
/// would be if it were.
fn remove_unknown(
    s: &Situation<'_>,
    key: &RemoteKey,
    entry: &Entry,
    pending: &Pending,
    since: Moment,
) -> Step {
    let Some(snapshot) = s.snapshot.filter(|snapshot| snapshot.begun() > since) else {
        return look_after(since);
    };
    let found = match s.capabilities.identity {
        Identity::Marker => reclaim(s, key, entry, snapshot),
        Identity::Content => match made_by(s, pending, snapshot, &[]) {
            Candidate::None => None,
            Candidate::Found { id, .. } => Some(id),
            Candidate::Conflict(reason, message) => return stalled(reason, message),
        },
    };
    let taken = found.map(|id| unconfirmed(key, entry, snapshot, &id).unwrap_or_else(|| take(key, id)));
    taken
        .or_else(|| await_outcome(s, snapshot, since))
        .unwrap_or_else(|| Step::Act(Action::Note(Note::Forget(key.clone(), Forgotten::NeverCreated))))
}
