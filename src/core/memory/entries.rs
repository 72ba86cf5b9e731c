//! A map of entries that costs little for the one entry that almost every object has.

use std::collections::{BTreeMap, btree_map};
use std::ops::Index;

use super::Entry;
use crate::names::RemoteKey;

/// Entries by key, in the order of the keys. Each is boxed: a B-tree makes room for eleven values at once, and an entry
/// is a kilobyte.
#[derive(Debug, Clone, PartialEq, Eq, Default, Hash)]
pub struct Entries(BTreeMap<RemoteKey, Box<Entry>>);

impl Entries {
    /// The entry of a key.
    pub fn get(&self, key: &RemoteKey) -> Option<&Entry> {
        self.0.get(key).map(AsRef::as_ref)
    }

    /// The entry of a key, to be changed.
    pub fn get_mut(&mut self, key: &RemoteKey) -> Option<&mut Entry> {
        self.0.get_mut(key).map(AsMut::as_mut)
    }

    /// The entry of a key; a blank one where there was none.
    pub fn open(&mut self, key: &RemoteKey) -> &mut Entry {
        self.0.entry(key.clone()).or_default()
    }

    /// Puts an entry in place of what was there.
    pub fn insert(&mut self, key: RemoteKey, entry: Entry) {
        self.0.insert(key, Box::new(entry));
    }

    /// Takes an entry out.
    pub fn remove(&mut self, key: &RemoteKey) -> Option<Entry> {
        self.0.remove(key).map(|entry| *entry)
    }

    /// Whether there is an entry for a key.
    pub fn contains_key(&self, key: &RemoteKey) -> bool {
        self.0.contains_key(key)
    }

    /// Whether there is none at all.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The keys.
    pub fn keys(&self) -> impl Iterator<Item = &RemoteKey> {
        self.0.keys()
    }

    /// The entries.
    pub fn values(&self) -> impl Iterator<Item = &Entry> {
        self.0.values().map(AsRef::as_ref)
    }

    /// The entries, to be changed.
    pub fn values_mut(&mut self) -> impl Iterator<Item = &mut Entry> {
        self.0.values_mut().map(AsMut::as_mut)
    }

    /// Keys and entries.
    pub fn iter(&self) -> Iter<'_> {
        Iter(self.0.iter())
    }
}

/// Keys and entries, in order.
pub struct Iter<'a>(btree_map::Iter<'a, RemoteKey, Box<Entry>>);

impl<'a> Iterator for Iter<'a> {
    type Item = (&'a RemoteKey, &'a Entry);

    fn next(&mut self) -> Option<Self::Item> {
        self.0.next().map(|(key, entry)| (key, entry.as_ref()))
    }
}

impl<'a> IntoIterator for &'a Entries {
    type Item = (&'a RemoteKey, &'a Entry);
    type IntoIter = Iter<'a>;

    fn into_iter(self) -> Iter<'a> {
        self.iter()
    }
}

impl IntoIterator for Entries {
    type Item = (RemoteKey, Entry);
    type IntoIter = std::iter::Map<
        btree_map::IntoIter<RemoteKey, Box<Entry>>,
        fn((RemoteKey, Box<Entry>)) -> (RemoteKey, Entry),
    >;

    fn into_iter(self) -> Self::IntoIter {
        self.0.into_iter().map(|(key, entry)| (key, *entry))
    }
}

impl FromIterator<(RemoteKey, Entry)> for Entries {
    fn from_iter<I: IntoIterator<Item = (RemoteKey, Entry)>>(entries: I) -> Self {
        let boxed = entries.into_iter().map(|(key, entry)| (key, Box::new(entry)));
        Self(boxed.collect())
    }
}

impl Index<&RemoteKey> for Entries {
    type Output = Entry;

    fn index(&self, key: &RemoteKey) -> &Entry {
        &self.0[key]
    }
}
