//! What to do about remote subscriptions that their object may no longer have, and that are not to be deleted.

use crate::memory::{Certainty, Entry, Hold, Note, Pending};
use crate::names::RemoteKey;
use crate::view::{Field, FieldSet, Part};

use super::remove::remove_key;
use super::sight::{Absence, sight};
use super::standing::is_ours;
use super::{Action, Agenda, KeyState, Situation, Step, discard, held_back, unproven};

pub(super) fn decide(s: &Situation<'_>, off: Part) -> Action {
    let mut agenda = Agenda::default();
    for (key, entry) in &s.memory.entries {
        if let Some(action) = agenda.add(key, step(s, key, entry, off)) {
            return action;
        }
    }
    agenda.close(s.memory.finalizer)
}

/// Nothing is to be done: it is off, or nothing of this object's.
fn rest() -> Step {
    let state = KeyState::InSync {
        not_kept: FieldSet::EMPTY,
        unverifiable: FieldSet::EMPTY,
    };
    Step::Rest(state, None)
}

fn step(s: &Situation<'_>, key: &RemoteKey, entry: &Entry, off: Part) -> Step {
    if let Some(step) = discard(s, key, entry) {
        return step;
    }
    let Some(id) = &entry.id else {
        // What a create may have made is looked for, as before a deletion; one that was not sent is forgotten.
        let unknown = |pending: &Pending| matches!(pending.certainty, Certainty::Unknown { .. });
        let open = entry.pending.as_ref();
        return if open.is_some_and(|pending| !unknown(pending)) || open.is_none() && entry.doubted.is_none() {
            rest()
        } else {
            remove_key(s, key, entry)
        };
    };
    // What was refused for a wish says nothing here; whatever has a time does.
    let timed = entry
        .failure
        .as_ref()
        .is_some_and(|failure| failure.until.is_some());
    if timed && let Some(step) = held_back(s, entry, None) {
        return step;
    }
    if entry.hold == Hold::Observed || !s.capabilities.supports.contains(Field::Enabled) {
        return rest();
    }
    let sighting = match sight(s, key, entry, id) {
        Ok(sighting) => sighting,
        Err(Absence::Step(step)) => return step,
        Err(Absence::Gone) => return rest(),
    };
    let remote = &sighting.remote;
    if !is_ours(s, key, entry, remote) || remote.view.get(Field::Enabled) == off {
        return rest();
    }
    if let Some(step) = unproven(s, id) {
        return step;
    }
    if s.now.since(sighting.at) > s.timing.fresh {
        return Step::Act(Action::Read(key.clone(), id.clone()));
    }
    // Status says first that what is there is no longer what was applied: so it is brought back as a change and not as
    // drift, whoever ends in between.
    if entry.applied.is_some() {
        return Step::Act(Action::Note(Note::Withdraw(key.clone())));
    }
    if !entry.stored {
        return Step::Act(Action::Store);
    }
    Step::Act(Action::SwitchOff {
        key: key.clone(),
        id: id.clone(),
        marker: remote.marker,
    })
}
