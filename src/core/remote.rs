//! What was seen at the provider, as digests.

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
    /// In the order of their ids. Lists and not maps: an account's may be long, and a map has room for twice as many.
    remotes: Box<[Remote]>,
    /// Places of those with a marker, in the order of the objects that the markers name.
    marked: Box<[usize]>,
    /// Places of the others, in the order of the digests of their URLs.
    unmarked: Box<[usize]>,
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
    /// shift) counts once, as it was read last.
    pub fn new(begun: Moment, listed: impl IntoIterator<Item = Remote>) -> Self {
        let mut remotes: Vec<Remote> = listed.into_iter().collect();
        // As it was read last: between two pages a name can have got its marker.
        remotes.sort_by(|a, b| a.id.cmp(&b.id));
        remotes.dedup_by(|later, kept| {
            let same = later.id == kept.id;
            if same {
                std::mem::swap(later, kept);
            }
            same
        });
        let (mut marked, mut unmarked): (Vec<usize>, Vec<usize>) =
            (0..remotes.len()).partition(|place| remotes[*place].marker.is_some());
        marked.sort_by_key(|place| object_of(&remotes[*place]));
        unmarked.sort_by_key(|place| url_of(&remotes[*place]));
        Self {
            begun,
            remotes: remotes.into(),
            marked: marked.into(),
            unmarked: unmarked.into(),
        }
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
        let place = self.remotes.binary_search_by(|remote| remote.id.cmp(id)).ok()?;
        self.remotes.get(place)
    }

    /// Those whose marker names the object.
    pub fn marked_for(&self, object: Tag) -> impl Iterator<Item = &Remote> {
        self.run(&self.marked, object_of, Some(object))
    }

    /// Those without any marker that deliver to the URL.
    pub fn unmarked_with_url(&self, url: Part) -> impl Iterator<Item = &Remote> {
        self.run(&self.unmarked, url_of, url.short())
            .filter(move |remote| remote.view.get(Field::Url) == url)
    }

    /// All of them, in the order of their ids.
    pub fn iter(&self) -> impl Iterator<Item = &Remote> {
        self.remotes.iter()
    }

    /// Those of `places`, which are in the order of `key`, that have the key `wanted`.
    fn run<'s, K: Ord + Copy>(
        &'s self,
        places: &'s [usize],
        key: fn(&Remote) -> K,
        wanted: K,
    ) -> impl Iterator<Item = &'s Remote> {
        let at = move |place: &usize| self.remotes.get(*place);
        let from = places.partition_point(|place| at(place).is_some_and(|remote| key(remote) < wanted));
        let all = places.iter().skip(from).filter_map(at);
        all.take_while(move |remote| key(remote) == wanted)
    }
}

fn object_of(remote: &Remote) -> Option<Tag> {
    remote.marker.map(|marker| marker.object)
}

fn url_of(remote: &Remote) -> Option<u64> {
    remote.view.get(Field::Url).short()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::hash::HashKey;
    use crate::marker::Owner;
    use crate::names::{ClusterId, ObjectName, ObjectUid, RemoteKey};

    fn owner(name: &str) -> Owner {
        let object = ObjectName::new("support", name);
        let (cluster, uid) = (ClusterId::parse("c").unwrap(), ObjectUid::parse("u").unwrap());
        Owner::new(&cluster, &[], &object, &uid)
    }

    fn url(text: &str) -> Part {
        Part::Is(HashKey::new([0; 32]).fingerprint("url", [text.as_bytes()]))
    }

    fn remote(id: &str, owner: Option<&Owner>, to: Part) -> Remote {
        let mut view = View::default();
        view.set(Field::Url, to);
        Remote {
            id: ExternalId::parse(id).unwrap(),
            marker: owner.map(|owner| owner.marker(&RemoteKey::single())),
            view,
            created: None,
        }
    }

    fn ids<'a>(remotes: impl Iterator<Item = &'a Remote>) -> Vec<&'a str> {
        let mut ids: Vec<_> = remotes.map(|remote| remote.id.as_str()).collect();
        ids.sort_unstable();
        ids
    }

    #[test]
    fn a_list_is_searched_by_id_by_object_and_by_url() {
        let (crm, erp) = (owner("crm"), owner("erp"));
        let listed = [
            remote("a", Some(&crm), url("x")),
            remote("b", Some(&erp), url("x")),
            remote("c", None, url("x")),
            remote("d", None, url("y")),
            remote("e", None, Part::Absent),
            remote("f", None, Part::Unknown),
        ];
        let begun = Moment::from_millis(7);
        let snapshot = Snapshot::new(begun, listed.clone());
        assert_eq!(
            (snapshot.begun(), snapshot.len(), snapshot.is_empty()),
            (begun, 6, false)
        );
        assert_eq!(snapshot.get(&listed[3].id), Some(&listed[3]));
        assert_eq!(ids(snapshot.marked_for(crm.object())), ["a"]);
        assert_eq!(ids(snapshot.unmarked_with_url(url("x"))), ["c"]);
        assert_eq!(ids(snapshot.unmarked_with_url(Part::Absent)), ["e"]);
        assert_eq!(ids(snapshot.unmarked_with_url(Part::Unknown)), ["f"]);
        assert_eq!(ids(snapshot.iter()), ["a", "b", "c", "d", "e", "f"]);
        let none = Snapshot::new(begun, []);
        assert!(none.is_empty() && none.get(&listed[0].id).is_none());
        assert_eq!(none.marked_for(crm.object()).count(), 0);
    }

    #[test]
    fn what_is_listed_twice_counts_once_and_as_it_was_read_last() {
        let crm = owner("crm");
        let (before, after) = (remote("a", None, url("x")), remote("a", Some(&crm), url("y")));
        let stamped = Snapshot::new(Moment::default(), [before.clone(), after.clone()]);
        assert_eq!((stamped.len(), stamped.get(&after.id)), (1, Some(&after)));
        assert_eq!(ids(stamped.marked_for(crm.object())), ["a"]);
        assert_eq!(stamped.unmarked_with_url(url("x")).count(), 0);
        let stripped = Snapshot::new(Moment::default(), [after, before]);
        assert_eq!(stripped.marked_for(crm.object()).count(), 0);
        assert_eq!(ids(stripped.unmarked_with_url(url("x"))), ["a"]);
    }

    #[test]
    fn parts_that_are_equal_are_found_by_their_hash() {
        use std::hash::{BuildHasher, RandomState};
        let state = RandomState::new();
        assert_eq!(state.hash_one(url("x")), state.hash_one(url("x")));
        let hashes = [url("x"), url("y"), Part::Absent, Part::Unknown].map(|part| state.hash_one(part));
        let different: std::collections::HashSet<_> = hashes.into_iter().collect();
        assert_eq!(different.len(), 4, "what differs does not end up in one place");
    }
}
