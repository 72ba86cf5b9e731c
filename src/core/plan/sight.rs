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
