//! What the object may no longer have is switched off, and nothing else happens to it.

use super::*;
use crate::capabilities::examples::NAMELESS;
use crate::memory::Forgotten;

fn withdrawn() -> Case {
    Case::new().bend(|case| case.withdrawn = true)
}

fn on(case: &Case) -> Remote {
    with(case.ours("r1"), Field::Enabled, is("on"))
}

#[test]
fn what_is_ours_and_on_is_switched_off_by_a_fresh_read() {
    let case = withdrawn();
    let remote = on(&case);
    let marker = remote.marker;
    let mut case = case.entry(held()).listed(at(NOW), [remote.clone()]);
    let off = Action::SwitchOff {
        key: key("k"),
        id: id("r1"),
        marker,
    };
    // Status has said before that what was applied does not stand any more.
    let withdraw = Note::Withdraw(key("k"));
    assert_eq!(case.action(), Action::Note(withdraw.clone()));
    case.memory.note(&withdraw, &case.wanted, case.now);
    assert_eq!(case.action(), Action::Store);
    case.memory.stored();
    assert_eq!(case.action(), off);
    let case = case.entry(held()).listed(at(NOW - 11), [remote]);
    assert_eq!(case.action(), read("r1"));
}

#[test]
fn what_is_off_already_or_gone_or_somebody_elses_is_left_alone() {
    let case = withdrawn();
    let off = with(case.ours("r1"), Field::Enabled, is("off"));
    let foreign = |owner: Option<&Owner>| with(shown("r1", &wish("k"), owner), Field::Enabled, is("on"));
    let strangers = [owner_of("c1", "u0"), owner_of("c2", "u1")];
    let others = strangers.iter().map(|owner| foreign(Some(owner)));
    for remote in others.chain([off, foreign(None)]) {
        let case = withdrawn().entry(held()).listed(at(NOW), [remote]);
        assert_eq!(case.state(), IN_SYNC);
    }
    let gone = Entry {
        absent_at: Some(at(NOW)),
        ..held()
    };
    assert_eq!(withdrawn().entry(gone).listed(at(NOW - 1), []).state(), IN_SYNC);
    let watched = Entry {
        hold: OBSERVED,
        ..held()
    };
    let case = withdrawn();
    let remote = on(&case);
    assert_eq!(case.entry(watched).listed(at(NOW), [remote]).state(), IN_SYNC);
}

#[test]
fn where_nothing_is_marked_only_what_is_proven_is_switched_off() {
    for (proof, expected) in [
        (Some(is("events")), true),
        (Some(is("other")), false),
        (None, false),
    ] {
        let remote = with(shown("r1", &wish("k"), None), Field::Enabled, is("on"));
        let entry = Entry { proof, ..held() };
        let mut case = withdrawn()
            .bend(|case| case.capabilities = NAMELESS)
            .entry(entry)
            .listed(at(NOW), [remote]);
        assert_eq!(matches!(case.effect(), Action::SwitchOff { .. }), expected);
    }
}

#[test]
fn nothing_is_made_and_nothing_is_deleted_and_what_may_have_been_made_is_looked_for() {
    assert_eq!(withdrawn().listed(at(NOW), []).settled(), Settled::default());
    assert_eq!(
        withdrawn().entry(not_sent(NOW - 5)).listed(at(NOW), []).state(),
        IN_SYNC
    );
    let case = withdrawn().entry(unknown(NOW - 5));
    assert_eq!(case.action(), Action::Look(Some(at(NOW - 5))));
    let ours = case.ours("r1");
    assert_eq!(case.listed(at(NOW), [ours]).once_read("r1"), adopt("r1", false));
    let late = withdrawn().entry(unknown(NOW - 80)).listed(at(NOW), []);
    assert_eq!(late.action(), forget(Forgotten::NeverCreated));
}

#[test]
fn an_account_that_is_not_proven_is_not_written_to() {
    let case = withdrawn().bend(|case| case.restraint.account_unproven = true);
    let case = case.entry(Entry {
        seen: saw(on(&withdrawn()), at(NOW)),
        ..held()
    });
    assert_eq!(case.listed(at(NOW - 1), []).stall(), Reason::AccountChanged);
}

#[test]
fn what_was_switched_off_is_brought_back_as_a_change_and_not_as_drift() {
    let mut case = withdrawn();
    let remote = with(case.ours("r1"), Field::Enabled, is("off"));
    let listed = on(&case);
    case = case.entry(held()).listed(at(NOW), [listed]);
    assert!(matches!(case.effect(), Action::SwitchOff { .. }));
    case.memory.switched_off(&key("k"), remote, is("off"), at(NOW));
    assert_eq!(case.state(), IN_SYNC);
    case.withdrawn = false;
    case.wanted[0].view.set(Field::Enabled, is("on"));
    case.correct_drift = false;
    assert_eq!(case.effect(), update("r1", &[Field::Enabled], false));
}

#[test]
fn a_provider_that_leaves_it_on_is_asked_again_after_a_rest() {
    let mut case = withdrawn();
    let remote = on(&case);
    case = case.entry(held());
    case.memory.switched_off(&key("k"), remote, is("off"), at(NOW));
    assert!(matches!(case.state(), KeyState::Failing(Reason::CannotClear, _)));
}
