//! Whose a remote subscription is, by what a read of it shows.

use crate::capabilities::Identity;
use crate::marker::Ownership;
use crate::memory::{Content, Entry, Hold};
use crate::names::RemoteKey;
use crate::remote::{Remote, Snapshot};
use crate::view::Field;

use super::Situation;

/// What a remote subscription is to one of the object's keys; `None`: nobody has a mark on it.
///
/// Where there is a marker, it alone decides. Where nothing can be marked, what decides is that it is proven to have
/// become ours, and that what never changes of a subscription has not: an id that stands for other events now stands
/// for another subscription.
pub(super) fn standing(
    s: &Situation<'_>,
    key: &RemoteKey,
    entry: &Entry,
    remote: &Remote,
) -> Option<Ownership> {
    let held = entry.id.as_ref() == Some(&remote.id);
    if crate::planted!(TrustTheId) && held {
        return Some(Ownership::Ours);
    }
    match s.capabilities.identity {
        Identity::Marker => remote.marker.map(|marker| s.owner.ownership(key, &marker)),
        Identity::Content => {
            let proof = entry.proof.filter(|_| entry.hold != Hold::Observed)?;
            held.then(|| {
                if proof == remote.view.get(Field::Events) {
                    Ownership::Ours
                } else {
                    Ownership::Foreign
                }
            })
        }
    }
}

/// Whether the object may delete it, whichever of its keys it was made for.
pub(super) fn is_ours(s: &Situation<'_>, key: &RemoteKey, entry: &Entry, remote: &Remote) -> bool {
    if crate::planted!(TrustTheId) {
        return true;
    }
    match s.capabilities.identity {
        Identity::Marker => remote.marker.is_some_and(|marker| s.owner.wrote(&marker)),
        Identity::Content => standing(s, key, entry, remote) == Some(Ownership::Ours),
    }
}

/// Those in the snapshot that nobody has marked and that have exactly this content, save for what is known to be
/// gone, what this object holds and what other objects hold.
pub(super) fn identical<'s>(
    s: &'s Situation<'_>,
    content: Content,
    snapshot: &'s Snapshot,
) -> impl Iterator<Item = &'s Remote> {
    snapshot
        .unmarked_with_url(content.url)
        .filter(move |remote| Content::of(&remote.view) == content)
        .filter(|remote| !s.memory.gone.contains(&remote.id))
        .filter(|remote| s.memory.ids().all(|id| *id != remote.id))
        .filter(|remote| !s.rivals.held.contains(&remote.id))
}
