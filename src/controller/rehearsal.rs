//! A dry run: what would be done is said in Events, each once, and nothing is done.
//!
//! The walls are elsewhere: the client of the apiserver lets Events through and no other write, that of a provider no
//! write at all. What is here keeps the controllers from running into them, and finds the words.

use std::collections::HashSet;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::sync::{Mutex, PoisonError};

/// What was said by this process, as hashes.
#[derive(Debug, Default)]
pub(super) struct Rehearsal(Mutex<HashSet<u64>>);

impl Rehearsal {
    /// Whether this was not said of the object with this UID before.
    pub(super) fn is_news(&self, uid: &str, reason: &str, note: &str) -> bool {
        let mut hasher = DefaultHasher::new();
        (uid, reason, note).hash(&mut hasher);
        let mut said = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        said.insert(hasher.finish())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_thing_is_news_once_and_another_thing_too() {
        let rehearsal = Rehearsal::default();
        assert!(rehearsal.is_news("a", "WouldCreate", "x"));
        assert!(!rehearsal.is_news("a", "WouldCreate", "x"));
        assert!(rehearsal.is_news("b", "WouldCreate", "x"));
        assert!(rehearsal.is_news("a", "WouldUpdate", "x"));
        assert!(rehearsal.is_news("a", "WouldCreate", "y"));
    }
}
