//! What in a LIST could be the remote subscription that is wanted.

use crate::capabilities::Identity;
use crate::marker::Ownership;
use crate::memory::{Content, Entry, Pending, Wanted};
use crate::names::{ExternalId, RemoteKey};
use crate::reason::Reason;
use crate::remote::{Remote, Sighting, Snapshot};
use crate::view::{Field, Part};

use super::keep::Keep;
use super::standing::identical;
use super::{AdoptionPolicy, Situation};

pub(super) enum Candidate {
    None,
    Found { id: ExternalId, stamp: bool },
    Conflict(Reason, String),
}

impl Keep<'_> {
    /// What our create has made, if it shows: nothing else is taken for it.
    pub(super) fn result_of_create(
        &self,
        wish: &Wanted,
        entry: &Entry,
        pending: &Pending,
        snapshot: &Snapshot,
    ) -> Candidate {
        if self.s.capabilities.identity == Identity::Content {
            return made_by(self.s, pending, snapshot, &self.adoption.ids);
        }
        self.marked(wish, entry.seen.as_deref(), snapshot, Ownership::Ours)
            .map_or(Candidate::None, |remote| Candidate::Found {
                id: remote.id.clone(),
                stamp: false,
            })
    }

    /// Neither gone nor held by this object already, nor perhaps stamped for another of its keys.
    fn is_free(&self, wish: &Wanted, remote: &Remote) -> bool {
        let memory = self.s.memory;
        let stamped = |(key, entry): (&RemoteKey, &Entry)| {
            let seen = entry.seen.as_deref();
            *key != wish.key
                && entry.doubted.is_some()
                && seen.is_some_and(|seen| seen.remote.id == remote.id)
        };
        !memory.gone.contains(&remote.id)
            && !self.s.rivals.held.contains(&remote.id)
            && memory.ids().all(|id| *id != remote.id)
            && !memory.entries.iter().any(stamped)
    }

    /// The oldest free one whose marker stands in that relation to the wish.
    fn marked<'s>(
        &self,
        wish: &Wanted,
        seen: Option<&'s Sighting>,
        snapshot: &'s Snapshot,
        wanted: Ownership,
    ) -> Option<&'s Remote> {
        let owner = self.s.owner;
        snapshot
            .marked_for(owner.object())
            .filter(|remote| self.is_free(wish, remote))
            .map(|remote| newest(remote, seen, snapshot))
            .filter(|remote| {
                remote
                    .marker
                    .is_some_and(|marker| owner.ownership(&wish.key, &marker) == wanted)
            })
            .min_by_key(|remote| (remote.created.unwrap_or(i64::MAX), remote.id.clone()))
    }

    /// What in the snapshot could become this remote subscription.
    pub(super) fn candidate(&self, wish: &Wanted, entry: &Entry, snapshot: &Snapshot) -> Candidate {
        let seen = entry.seen.as_deref();
        if self.adoption.policy == AdoptionPolicy::ById {
            return self.named(wish, seen, snapshot);
        }
        if self.s.capabilities.identity == Identity::Content {
            return self.same_content(wish, snapshot);
        }
        let of = |wanted| self.marked(wish, seen, snapshot, wanted);
        let ours = of(Ownership::Ours).map(|remote| (remote, false));
        if let Some((remote, stamp)) = ours.or_else(|| of(Ownership::Former).map(|remote| (remote, true))) {
            let id = remote.id.clone();
            return if self.adoption.policy == AdoptionPolicy::Never {
                let message = format!(
                    "subscription {id} carries this object's marker; set spec.adoption.policy to IfOwned"
                );
                Candidate::Conflict(Reason::AlreadyExists, message)
            } else {
                Candidate::Found { id, stamp }
            };
        }
        if let Some(remote) = of(Ownership::OtherCluster) {
            return Candidate::Conflict(Reason::OwnedByOtherCluster, other_cluster(&remote.id));
        }
        if self.adoption.policy == AdoptionPolicy::IfMatches {
            let mut same = snapshot
                .unmarked_with_url(wish.view.get(Field::Url))
                .filter(|remote| self.is_free(wish, remote))
                .map(|remote| newest(remote, seen, snapshot))
                .filter(|remote| remote.marker.is_none() && matches(wish, remote));
            return match (same.next(), same.next()) {
                (None, _) => Candidate::None,
                (Some(remote), None) => self.unmarked(wish, remote),
                (Some(a), Some(b)) => ambiguous(a, b),
            };
        }
        Candidate::None
    }

    /// Where nothing can be marked: what is wanted may be there already, and is never made a second time.
    fn same_content(&self, wish: &Wanted, snapshot: &Snapshot) -> Candidate {
        let mut same = identical(self.s, Content::of(&wish.view), snapshot);
        match (same.next(), same.next()) {
            (None, _) => Candidate::None,
            (Some(remote), None) if self.adoption.policy == AdoptionPolicy::IfMatches => {
                self.unmarked(wish, remote)
            }
            (Some(a), Some(b)) if self.adoption.policy == AdoptionPolicy::IfMatches => ambiguous(a, b),
            (Some(remote), _) => Candidate::Conflict(
                Reason::IdenticalExists,
                format!(
                    "subscription {} has the same events, URL and filters; take it over with spec.adoption.policy \
                     IfMatches, or delete it at the provider",
                    remote.id
                ),
            ),
        }
    }

    /// The candidate of policy `ByID`.
    fn named(&self, wish: &Wanted, seen: Option<&Sighting>, snapshot: &Snapshot) -> Candidate {
        let named = self.adoption.ids.iter().filter_map(|id| snapshot.get(id));
        let named = named.map(|remote| newest(remote, seen, snapshot));
        let mut free = named.filter(|remote| self.is_free(wish, remote) && self.could_be(wish, remote));
        let Some(remote) = free.next() else {
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
            Some(Ownership::Foreign) if crate::planted!(AdoptForeignMarker) => self.unmarked(wish, remote),
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

    /// Where several are wanted, an id belongs to the key that its marker names, or else its events.
    fn could_be(&self, wish: &Wanted, remote: &Remote) -> bool {
        let same = |field, other: &Wanted| other.view.get(field) == remote.view.get(field);
        let events = same(Field::Events, wish);
        if self.s.capabilities.identity == Identity::Content {
            // What is fixed at the provider has to fit; filters tell several keys of one event apart.
            let alone = self
                .wanted
                .iter()
                .filter(|other| same(Field::Events, other))
                .count()
                == 1;
            return events && (alone || same(Field::Filters, wish));
        }
        match remote.marker {
            Some(marker) if self.s.owner.wrote(&marker) => {
                self.s.owner.ownership(&wish.key, &marker) == Ownership::Ours
            }
            _ => self.wanted.len() <= 1 || events,
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

/// What an unfinished create has made, where nothing can be marked: the one that has exactly what was sent. Of several
/// it is the one that the user has named.
pub(super) fn made_by(
    s: &Situation<'_>,
    pending: &Pending,
    snapshot: &Snapshot,
    named: &[ExternalId],
) -> Candidate {
    let same: Vec<&Remote> = identical(s, pending.target.content, snapshot).collect();
    let found = |remote: &Remote| Candidate::Found {
        id: remote.id.clone(),
        stamp: false,
    };
    match *same.as_slice() {
        [] => Candidate::None,
        [remote] => found(remote),
        [a, b, ..] => {
            let named = same.iter().find(|remote| named.contains(&remote.id));
            named.map_or_else(|| ambiguous(a, b), |remote| found(remote))
        }
    }
}

fn ambiguous(a: &Remote, b: &Remote) -> Candidate {
    let message = format!(
        "{} and {} both match; name one in spec.adoption.externalIDs",
        a.id, b.id
    );
    Candidate::Conflict(Reason::AmbiguousMatch, message)
}

/// A read of the same id that is newer than the LIST, or what the LIST shows.
pub(super) fn newest<'s>(listed: &'s Remote, seen: Option<&'s Sighting>, snapshot: &Snapshot) -> &'s Remote {
    seen.filter(|seen| seen.remote.id == listed.id && seen.at >= snapshot.begun())
        .map_or(listed, |seen| &seen.remote)
}

pub(super) fn matches(wish: &Wanted, remote: &Remote) -> bool {
    [Field::Url, Field::Events]
        .into_iter()
        .all(|field| wish.view.get(field) == remote.view.get(field))
}

pub(super) fn other_cluster(id: &ExternalId) -> String {
    format!(
        "subscription {id} belongs to the object of the same name in another cluster; if this cluster replaces \
         it, start the operator with that cluster's --cluster-id, or list it in --former-cluster-ids"
    )
}
