//! What was deleted, forgotten or given up.

use super::*;

#[test]
fn what_was_deleted_is_remembered_as_gone_with_or_without_a_key() {
    let mut memory = intended();
    memory.created(&wish(), remote(), true, at(11), &NAMED);
    memory.deleted(Some(&key()), &remote().id);
    assert!(memory.entries.is_empty() && memory.gone.contains(&remote().id));
    let mut memory = Memory::default();
    memory.deleted(None, &remote().id);
    assert!(memory.gone.contains(&remote().id));
}

#[test]
fn a_deletion_without_effect_is_read_after_at_once_and_then_later_each_time() {
    let mut memory = Memory::default();
    let mut last = 0;
    for count in 1..5 {
        memory.deletion_unconfirmed(Some(&key()), &remote().id, at(100), 7);
        // That the id can be read ends other failures, and not this one.
        memory.read(&key(), Some(remote()), at(100));
        let entry = &memory.entries[&key()];
        let failure = entry.failure.as_ref().unwrap();
        assert_eq!(
            (failure.reason, failure.count),
            (Reason::DeletionUnconfirmed, count)
        );
        assert_eq!((&entry.id, entry.doubted), (&Some(remote().id), Some(at(100))));
        let waits = failure.until.unwrap().since(at(100)).as_millis();
        assert!(
            if count == 1 {
                waits == 0
            } else {
                waits >= 1000 && waits > last
            },
            "{waits}"
        );
        last = waits;
    }
}

#[test]
fn after_a_discard_only_the_refusal_of_the_wish_is_left() {
    let after = |reason| {
        let mut memory = Memory::default();
        let full = full();
        let failure = full.failure.clone().map(|failure| Failure { reason, ..failure });
        *memory.entry(&key()) = Entry {
            id: None,
            failure,
            ..full
        };
        memory.note(&Note::Discarded(key()), &[], at(9));
        assert!(memory.gone.contains(&id("r9")) && memory.entries[&key()].discard.is_none());
        memory.entries[&key()]
            .failure
            .clone()
            .map(|failure| failure.until)
    };
    assert_eq!(after(Reason::MarkerNotPreserved), Some(None));
    assert_eq!(after(Reason::ProviderUnavailable), None);
}

#[test]
fn of_what_is_forgotten_everything_counts_as_gone_but_what_was_only_looked_at() {
    let gone = |why| {
        let mut memory = intended();
        memory.created(&wish(), remote(), true, at(11), &NAMED);
        memory.note(&Note::Forget(key(), why), &[], at(12));
        assert!(memory.entries.is_empty());
        memory.gone.contains(&remote().id)
    };
    assert!(!gone(Forgotten::Released));
    for why in [
        Forgotten::Vanished,
        Forgotten::Deleted,
        Forgotten::NotOurs,
        Forgotten::NeverCreated,
    ] {
        assert!(gone(why), "{why:?}");
    }
}
