//! Whether a remote subscription whose id we hold is there, and what it looks like.

use crate::memory::{Entry, Note};
use crate::names::{ExternalId, RemoteKey};
use crate::reason::Reason;
use crate::remote::Sighting;

use super::{Action, KeyState, Situation, Step};

pub(super) enum Absence {
    Step(Step),
    Gone,
}

/// The newest read of an id. When a complete LIST lacks it, that is first noted, then confirmed by a read of the
/// id itself: a page that shifted is not a deletion.
pub(super) fn sight(
    s: &Situation<'_>,
    key: &RemoteKey,
    entry: &Entry,
    id: &ExternalId,
) -> Result<Sighting, Absence> {
    if is_gone(s, entry, id) {
        return Err(Absence::Gone);
    }
    let seen = entry.seen.as_deref().filter(|seen| entry.trusts(seen.at));
    let snapshot = s.snapshot.filter(|snapshot| entry.trusts(snapshot.begun()));
    let Some(snapshot) = snapshot else {
        return match seen {
            Some(seen) => Ok(seen.clone()),
            None if entry.doubted.is_some() => {
                Err(Absence::Step(Step::Act(Action::Read(key.clone(), id.clone()))))
            }
            None => Err(Absence::Step(Step::Act(Action::Look(None)))),
        };
    };
    if let Some(seen) = seen.filter(|seen| seen.at >= snapshot.begun()) {
        return Ok(seen.clone());
    }
    match snapshot.get(id) {
        Some(remote) => Ok(Sighting {
            remote: remote.clone(),
            at: snapshot.begun(),
        }),
        None if crate::planted!(ListIsProofOfAbsence) => Err(Absence::Gone),
        None => Err(Absence::Step(confirm_absence(s, key, entry, id))),
    }
}

/// Whether a read by id said so, and no LIST that began later shows it.
pub(super) fn is_gone(s: &Situation<'_>, entry: &Entry, id: &ExternalId) -> bool {
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
