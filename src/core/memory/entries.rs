//! A map of entries that costs little for the one entry that almost every object has.

use super::Entry;
use crate::names::RemoteKey;

/// Entries by key, in the order of the keys: a sorted list with no room to spare, where a B-tree would make room for
/// eleven at once. Each is boxed, as an entry is most of a kilobyte and moves when one is put before it.
#[derive(Debug, Clone, PartialEq, Eq, Default, Hash)]
pub struct Entries(Vec<(RemoteKey, Box<Entry>)>);

impl Entries {
    fn find(&self, key: &RemoteKey) -> Result<usize, usize> {
        self.0.binary_search_by(|(known, _)| known.cmp(key))
    }

    fn add(&mut self, place: usize, key: RemoteKey, entry: Box<Entry>) {
        self.0.reserve_exact(1);
        self.0.insert(place, (key, entry));
    }

    /// The entry of a key.
    pub fn get(&self, key: &RemoteKey) -> Option<&Entry> {
        self.find(key).ok().map(|place| &*self.0[place].1)
    }

    /// The entry of a key, to be changed.
    pub fn get_mut(&mut self, key: &RemoteKey) -> Option<&mut Entry> {
        self.find(key).ok().map(|place| &mut *self.0[place].1)
    }

    /// The entry of a key; a blank one where there was none.
    pub fn open(&mut self, key: &RemoteKey) -> &mut Entry {
        let place = self.find(key).unwrap_or_else(|place| {
            self.add(place, key.clone(), Box::default());
            place
        });
        &mut self.0[place].1
    }

    /// Puts an entry in place of what was there.
    pub fn insert(&mut self, key: RemoteKey, entry: Entry) {
        match self.find(&key) {
            Ok(place) => *self.0[place].1 = entry,
            Err(place) => self.add(place, key, Box::new(entry)),
        }
    }

    /// Takes an entry out.
    pub fn remove(&mut self, key: &RemoteKey) -> Option<Entry> {
        let place = self.find(key).ok()?;
        let (_, entry) = self.0.remove(place);
        Some(*entry)
    }

    /// Whether there is an entry for a key.
    pub fn contains_key(&self, key: &RemoteKey) -> bool {
        self.find(key).is_ok()
    }

    /// Whether there is none at all.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The keys.
    pub fn keys(&self) -> impl Iterator<Item = &RemoteKey> {
        self.0.iter().map(|(key, _)| key)
    }

    /// The entries.
    pub fn values(&self) -> impl Iterator<Item = &Entry> {
        self.0.iter().map(|(_, entry)| &**entry)
    }

    /// The entries, to be changed.
    pub fn values_mut(&mut self) -> impl Iterator<Item = &mut Entry> {
        self.0.iter_mut().map(|(_, entry)| &mut **entry)
    }

    /// Keys and entries.
    pub fn iter(&self) -> Iter<'_> {
        Iter(self.0.iter())
    }
}

/// Keys and entries, in order.
pub struct Iter<'a>(std::slice::Iter<'a, (RemoteKey, Box<Entry>)>);

impl<'a> Iterator for Iter<'a> {
    type Item = (&'a RemoteKey, &'a Entry);

    fn next(&mut self) -> Option<Self::Item> {
        self.0.next().map(|(key, entry)| (key, &**entry))
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
        std::vec::IntoIter<(RemoteKey, Box<Entry>)>,
        fn((RemoteKey, Box<Entry>)) -> (RemoteKey, Entry),
    >;

    fn into_iter(self) -> Self::IntoIter {
        self.0.into_iter().map(|(key, entry)| (key, *entry))
    }
}

impl FromIterator<(RemoteKey, Entry)> for Entries {
    fn from_iter<I: IntoIterator<Item = (RemoteKey, Entry)>>(entries: I) -> Self {
        let mut all = Self::default();
        for (key, entry) in entries {
            all.insert(key, entry);
        }
        all
    }
}

/// For tests, which know what they put in.
#[cfg(test)]
impl std::ops::Index<&RemoteKey> for Entries {
    type Output = Entry;

    fn index(&self, key: &RemoteKey) -> &Entry {
        self.get(key).unwrap()
    }
}
