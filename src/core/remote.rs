//! What was seen at the provider, as digests.

use std::collections::HashMap;

use crate::marker::{Marker, Tag};
use crate::names::ExternalId;
use crate::time::Moment;
use crate::view::{Field, Part, View};

/// One remote subscription as it was read.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Remote {
    /// The provider's id.
    pub id: ExternalId,
    /// The marker in its name, whoever wrote it.
    pub marker: Option<Marker>,
    /// Its content.
    pub view: View,
    /// When the provider says it was made, in milliseconds of Unix time: decides which of two is the older.
    pub created: Option<i64>,
}

/// A remote subscription and when the read of it began.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Sighting {
    /// What was read.
    pub remote: Remote,
    /// Nothing that happened after this moment is certain to be in it.
    pub at: Moment,
}

/// One complete LIST of an account: shared by all of its objects.
///
/// A list that failed on the way is never made into a snapshot, so that "not in the snapshot" always means "not
/// listed" and never "not read".
#[derive(Debug, Default)]
pub struct Snapshot {
    begun: Moment,
    remotes: HashMap<ExternalId, Remote>,
    by_object: HashMap<Tag, Vec<ExternalId>>,
    by_url: HashMap<Part, Vec<ExternalId>>,
}

impl std::hash::Hash for Part {
    fn hash<H: std::hash::Hasher>(&self, state: &mut H) {
        match self {
            Self::Unknown => 1_u64.hash(state),
            Self::Absent | Self::Is(_) => self.short().unwrap_or_default().hash(state),
        }
    }
}

impl Snapshot {
    /// The snapshot of a LIST whose first request was sent at `begun`. An id that was listed twice (pages can
    /// shift) counts once.
    pub fn new(begun: Moment, listed: impl IntoIterator<Item = Remote>) -> Self {
        let mut snapshot = Self {
            begun,
            ..Self::default()
        };
        for remote in listed {
            let id = remote.id.clone();
            let (marker, url) = (remote.marker, remote.view.get(Field::Url));
            if snapshot.remotes.insert(id.clone(), remote).is_some() {
                continue;
            }
            if let Some(marker) = marker {
                snapshot
                    .by_object
                    .entry(marker.object)
                    .or_default()
                    .push(id.clone());
            } else {
                snapshot.by_url.entry(url).or_default().push(id);
            }
        }
        snapshot
    }

    /// When the LIST began: nothing that happened later is certain to be in it.
    pub fn begun(&self) -> Moment {
        self.begun
    }

    /// How many remote subscriptions the account has.
    pub fn len(&self) -> usize {
        self.remotes.len()
    }

    /// Whether the account has none.
    pub fn is_empty(&self) -> bool {
        self.remotes.is_empty()
    }

    /// The remote subscription of that id.
    pub fn get(&self, id: &ExternalId) -> Option<&Remote> {
        self.remotes.get(id)
    }

    /// Those whose marker names the object.
    pub fn marked_for(&self, object: Tag) -> impl Iterator<Item = &Remote> {
        self.by_object
            .get(&object)
            .into_iter()
            .flatten()
            .filter_map(|id| self.remotes.get(id))
    }

    /// Those without any marker that deliver to the URL.
    pub fn unmarked_with_url(&self, url: Part) -> impl Iterator<Item = &Remote> {
        self.by_url
            .get(&url)
            .into_iter()
            .flatten()
            .filter_map(|id| self.remotes.get(id))
    }

    /// All of them, in no order.
    pub fn iter(&self) -> impl Iterator<Item = &Remote> {
        self.remotes.values()
    }
}
