//! What the next process knows.

use super::*;

#[test]
fn after_a_restart_nobody_knows_whether_an_open_create_was_sent() {
    let memory = intended().after_restart(at(30));
    let pending = pending(&memory).unwrap();
    assert_eq!(pending.certainty, Certainty::Unknown { since: at(30) });
    assert_eq!(pending.target.applied, Some(wish().digest));
}

#[test]
fn a_restart_keeps_what_status_tells_and_nothing_else() {
    let mut memory = intended();
    memory.finalizer = true;
    memory.created(&wish(), remote(), true, at(11), &NAMED);
    memory.failed(&key(), None, fault(Disposition::Backoff, true), at(12), 1);
    memory.gone.insert(ExternalId::parse("r0").unwrap());
    let before = memory.entries[&key()].clone();
    let memory = memory.after_restart(at(30));
    let after = &memory.entries[&key()];
    assert!(memory.finalizer && memory.gone.is_empty());
    assert_eq!(
        (&after.id, after.applied, after.sent),
        (&before.id, before.applied, before.sent)
    );
    assert_eq!((&after.seen, &after.failure, after.doubted), (&None, &None, None));
}

#[test]
fn a_key_that_status_tells_nothing_of_is_not_kept_over_a_restart() {
    let mut memory = Memory::default();
    memory.failed(&key(), None, fault(Disposition::Backoff, false), at(12), 1);
    assert!(memory.after_restart(at(30)).entries.is_empty());
}

/// Field by field: what is lost here is lost at every start of the operator.
#[test]
fn each_thing_that_status_tells_is_kept_over_a_restart() {
    let full = full();
    let mut memory = Memory {
        finalizer: true,
        ..Memory::default()
    };
    memory.entries.insert(key(), full.clone());
    memory.gone.insert(id("r0"));
    memory.replaced.insert(key(), digest("wish"));
    let after = memory.after_restart(at(30));
    let kept = Entry {
        id: full.id,
        hold: full.hold,
        proof: full.proof,
        stored: true,
        applied: full.applied,
        sent: full.sent,
        rendering: full.rendering,
        not_kept: full.not_kept,
        unverifiable: full.unverifiable,
        discard: full.discard,
        pending: full.pending.map(|mut pending| {
            pending.certainty = Certainty::Unknown { since: at(30) };
            pending
        }),
        ..Entry::default()
    };
    let mut expected = Memory {
        finalizer: true,
        ..Memory::default()
    };
    expected.entries.insert(key(), kept);
    assert_eq!(after, expected);
}
