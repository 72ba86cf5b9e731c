//! What in a LIST could be the remote subscription that is wanted.

use crate::marker::Ownership;
use crate::memory::Wanted;
use crate::names::ExternalId;
use crate::reason::Reason;
use crate::remote::{Remote, Snapshot};
use crate::view::{Field, Part};

use super::AdoptionPolicy;
use super::keep::Keep;

pub(super) enum Candidate {
    None,
    Found { id: ExternalId, stamp: bool },
    Conflict(Reason, String),
}

impl Keep<'_> {
    /// What in the snapshot could be this remote subscription. `sent`: a create of ours may have made it.
    pub(super) fn candidate(&self, wish: &Wanted, snapshot: &Snapshot, sent: bool) -> Candidate {
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
