//! One remote subscription in place of another.

use super::*;
use crate::memory::Forgotten;

/// `k` is there and no longer wanted, `l` is wanted and not there.
fn swap(replace: Replace) -> Case {
    let case = Case::new().bend(|case| (case.wanted, case.replace) = (vec![wish("l")], replace));
    let ours = case.ours("r1");
    case.entry(held()).listed(at(NOW), [ours])
}

fn waits(case: &Case, key: &RemoteKey) -> bool {
    case.settled().keys[key] == KeyState::Waiting(Reason::Replacing)
}

#[test]
fn unless_told_otherwise_the_new_one_is_made_before_the_old_one_goes() {
    for replace in [Replace::KeysOnly, Replace::CreateFirst] {
        let mut case = swap(replace);
        assert_eq!(case.action(), Action::RecordIntent(vec![key("l")]));
        // Refused: the old one is kept, whatever the reason.
        let refused = Entry {
            failure: failure(Some(wish("l").digest), None),
            ..Entry::default()
        };
        case.memory.entries.insert(key("l"), refused);
        assert!(waits(&case, &key("k")));
        let there = Entry {
            id: Some(id("r2")),
            ..held()
        };
        case.memory.entries.insert(key("l"), there);
        let [old, new] = [case.ours("r1"), shown("r2", &wish("l"), Some(&case.owner))];
        let case = case.listed(at(NOW), [old, new]);
        assert_eq!(case.action(), delete("r1"));
    }
}

#[test]
fn the_old_one_goes_first_where_the_user_says_so() {
    let mut case = swap(Replace::DeleteFirst);
    assert_eq!(case.action(), delete("r1"));
    case.memory.deleted(Some(&key("k")), &id("r1"));
    assert_eq!(case.action(), Action::RecordIntent(vec![key("l")]));
}

#[test]
fn the_new_one_waits_while_the_old_one_cannot_go() {
    let case = swap(Replace::DeleteFirst).bend(|case| case.restraint.guard_deletions = true);
    assert!(waits(&case, &key("l")));
}

#[test]
fn nothing_is_exchanged_where_the_user_says_never_and_the_old_one_stays() {
    let case = swap(Replace::Never);
    let settled = case.settled();
    assert!(matches!(
        settled.keys[&key("l")],
        KeyState::Stalled(Reason::ReplacementRefused, _)
    ));
    assert!(waits(&case, &key("k")));
    // What only comes, or only goes, is no exchange.
    let comes = Case::new()
        .bend(|case| case.replace = Replace::Never)
        .listed(at(NOW), []);
    assert_eq!(comes.action(), Action::RecordIntent(vec![key("k")]));
    let goes = swap(Replace::Never).bend(|case| case.wanted = Vec::new());
    assert_eq!(goes.action(), delete("r1"));
}

#[test]
fn what_comes_beside_what_stays_is_no_exchange() {
    let both = swap(Replace::Never).bend(|case| case.wanted = vec![wish("k"), wish("l")]);
    assert_eq!(both.action(), Action::RecordIntent(vec![key("l")]));
}

#[test]
fn an_entry_that_was_opened_before_the_exchange_was_forbidden_is_closed() {
    let mut case = swap(Replace::Never);
    let opened = open(&wish("l"), Certainty::NotSent { opened: at(990) });
    case.memory.entries.insert(key("l"), opened);
    assert_eq!(
        case.action(),
        Action::Note(Note::Forget(key("l"), Forgotten::NeverCreated))
    );
}

#[test]
fn who_may_not_create_exchanges_nothing() {
    let case = swap(Replace::KeysOnly).policy(AdoptionPolicy::ById, &["r7"]);
    assert_eq!(case.action(), delete("r1"));
}

/// `k` holds filters that the provider did not clear.
fn stuck(replace: Replace) -> Case {
    let case = Case::new().bend(|case| case.replace = replace);
    let ours = with(case.ours("r1"), Field::Filters, is("left over"));
    let entry = Entry {
        not_kept: FieldSet::of(&[Field::Filters]),
        ..held()
    };
    case.entry(entry).listed(at(NOW), [ours])
}

#[test]
fn what_cannot_be_cleared_is_replaced_only_where_the_user_says_so() {
    for replace in [Replace::KeysOnly, Replace::Never] {
        let KeyState::InSync { not_kept, .. } = stuck(replace).state() else {
            panic!("it is not left as it is")
        };
        assert_eq!(not_kept, FieldSet::of(&[Field::Filters]));
    }
    for replace in [Replace::CreateFirst, Replace::DeleteFirst] {
        assert_eq!(stuck(replace).action(), Action::Note(Note::Retire(key("k"))));
    }
}

#[test]
fn what_was_given_up_is_not_taken_back_and_goes_when_the_new_one_is_there() {
    let mut case = stuck(Replace::CreateFirst);
    assert_eq!(
        case.effect(),
        Action::RecordIntent(vec![key("k")]),
        "the marked one is not taken back"
    );
    assert_eq!(case.memory.entries[&key("k").retired()].id, Some(id("r1")));
    let new = Entry {
        id: Some(id("r2")),
        ..held()
    };
    let case = case.entry(new);
    let [old, fresh] = [case.ours("r1"), case.ours("r2")];
    let case = case.listed(at(NOW), [old, fresh]);
    assert_eq!(case.action(), Action::Delete(Some(key("k").retired()), id("r1")));
}

#[test]
fn a_field_that_comes_back_by_itself_is_not_replaced_for_ever() {
    let mut case = stuck(Replace::DeleteFirst);
    case.memory.replaced.insert(key("k"), wish("k").digest);
    assert!(matches!(case.state(), KeyState::InSync { .. }));
    // Another wish may try anew.
    case.wanted = vec![edited("k")];
    case.memory.entries.insert(
        key("k"),
        Entry {
            applied: Some(edited("k").digest),
            not_kept: FieldSet::of(&[Field::Filters]),
            ..held()
        },
    );
    let ours = shown("r1", &edited("k"), Some(&case.owner));
    let case = case.listed(at(NOW), [with(ours, Field::Filters, is("left over"))]);
    assert_eq!(case.action(), Action::Note(Note::Retire(key("k"))));
}
