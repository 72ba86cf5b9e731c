//! Fields in a form of the provider's own, fields that a create cannot set, and deletions without a clear answer.

use super::*;
use crate::memory::{Fault, Note};
use crate::retry::Disposition;

const HEADERS: FieldSet = FieldSet::of(&[Field::Headers]);

/// The provider shows headers in a form of its own.
fn case() -> Case {
    Case::new().bend(|case| case.capabilities.rendered = HEADERS)
}

fn masked(case: &Case, form: &str) -> Remote {
    with(case.ours("r1"), Field::Headers, is(form))
}

/// `r1` was made, and its headers were shown in that form.
fn made(form: &str) -> Case {
    let mut case = case();
    let (remote, able) = (masked(&case, form), case.capabilities);
    case.memory
        .created(&wish("k"), remote, true, at(NOW - 100), &able);
    case
}

#[test]
fn what_is_shown_right_after_a_write_stands_for_what_was_written() {
    let case = made("***");
    let same = masked(&case, "***");
    assert_eq!(case.listed(at(NOW), [same]).state(), IN_SYNC);
}

#[test]
fn another_form_later_is_drift() {
    let case = made("***");
    let other = masked(&case, "####");
    assert_eq!(
        case.listed(at(NOW), [other]).effect(),
        update("r1", &[Field::Headers], true)
    );
}

#[test]
fn another_wish_is_sent_though_the_form_does_not_show_it() {
    let case = made("***").bend(|case| {
        case.wanted[0].view.set(Field::Headers, is("new headers"));
        case.wanted[0].digest = digest("new");
    });
    let same = masked(&case, "***");
    assert_eq!(
        case.listed(at(NOW), [same]).effect(),
        update("r1", &[Field::Headers], false)
    );
}

#[test]
fn after_a_restart_the_form_is_still_known_and_without_it_everything_is_sent_once() {
    let case = made("***");
    let same = masked(&case, "***");
    let mut restarted = case.listed(at(NOW), [same.clone()]);
    restarted.memory = restarted.memory.after_restart(at(NOW));
    restarted.memory.finalizer = true;
    assert_eq!(restarted.state(), IN_SYNC);
    if let Some(entry) = restarted.memory.entries.get_mut(&key("k")) {
        entry.sent = None;
    }
    assert_eq!(restarted.effect(), update("r1", &[Field::Headers], true));
    let able = restarted.capabilities;
    restarted
        .memory
        .updated(&wish("k"), HEADERS, same.clone(), true, at(NOW), &able);
    assert_eq!(restarted.state(), IN_SYNC);
}

#[test]
fn a_write_whose_outcome_is_unknown_makes_the_form_worthless() {
    let mut case = made("***");
    let lost = Fault {
        reason: Reason::ProviderTimeout,
        message: "late".into(),
        disposition: Disposition::Backoff,
        may_have_taken_effect: true,
    };
    let doubt = Note::Doubt(key("k"), HEADERS);
    case.memory.note(&doubt, &case.wanted, at(NOW - 50));
    case.memory
        .failed(&key("k"), Some(wish("k").digest), lost, at(NOW - 50), 1);
    let same = masked(&case, "***");
    let mut case = case.listed(at(NOW), [same]);
    assert_eq!(case.effect(), update("r1", &[Field::Headers], true));
}

#[test]
fn a_removal_that_the_form_does_not_show_is_unverifiable_and_sent_once() {
    let mut case = made("***").bend(|case| {
        case.wanted[0].view.set(Field::Headers, Part::Absent);
        case.wanted[0].digest = digest("bare");
    });
    let same = masked(&case, "***");
    let (bare, able) = (case.wanted[0].clone(), case.capabilities);
    case.memory
        .updated(&bare, HEADERS, same.clone(), false, at(NOW), &able);
    let expected = KeyState::InSync {
        not_kept: FieldSet::EMPTY,
        unverifiable: HEADERS,
    };
    assert_eq!(case.listed(at(NOW), [same]).state(), expected);
}

#[test]
fn who_only_observes_does_not_judge_a_form_that_nobody_explains() {
    let observed = Entry {
        hold: OBSERVED,
        ..held()
    };
    let case = case().bend(|case| case.observe = true).entry(observed);
    let other = masked(&case, "***");
    assert_eq!(case.listed(at(NOW), [other]).state(), IN_SYNC);
}

#[test]
fn what_a_create_cannot_set_is_set_right_after_it_and_is_no_repair() {
    let mut case = Case::new();
    case.capabilities.late = FieldSet::of(&[Field::Enabled]);
    case.wanted[0].view.set(Field::Enabled, is("off"));
    let shown_on = with(
        shown("r1", &case.wanted[0], Some(&case.owner)),
        Field::Enabled,
        is("on"),
    );
    let (wish, able) = (case.wanted[0].clone(), case.capabilities);
    case.memory.created(&wish, shown_on.clone(), true, at(NOW), &able);
    let case = case.listed(at(NOW), [shown_on]);
    assert_eq!(case.action(), update("r1", &[Field::Enabled], false));
}

#[test]
fn a_deletion_that_was_not_confirmed_is_confirmed_by_a_read() {
    let mut case = Case::removing();
    let ours = case.ours("r1");
    case = case.entry(held()).listed(at(NOW), [ours.clone()]);
    assert_eq!(case.action(), delete("r1"));
    case.memory
        .deletion_unconfirmed(Some(&key("k")), &id("r1"), at(NOW), 1);
    assert_eq!(case.action(), read("r1"), "a LIST from before it does not count");
    // Still there: it is asked for again, later each time.
    case.now = at(NOW + 1);
    case.memory.read(&key("k"), Some(ours.clone()), at(NOW + 1));
    assert_eq!(case.action(), delete("r1"));
    case.memory
        .deletion_unconfirmed(Some(&key("k")), &id("r1"), at(NOW + 1), 1);
    let KeyState::Failing(Reason::DeletionUnconfirmed, _) = case.state() else {
        panic!("{:?}", case.state())
    };
    case.now = case.settled().wake.unwrap();
    assert_eq!(case.action(), read("r1"));
    case.memory.read(&key("k"), None, case.now);
    assert_eq!(case.effect(), Action::ReleaseFinalizer { orphaned: Vec::new() });
}

#[test]
fn a_stray_whose_deletion_was_not_confirmed_is_kept_in_mind() {
    let mut case = Case::removing();
    let ours = case.ours("r1");
    case = case.listed(at(NOW), [ours]);
    assert_eq!(case.action(), Action::Delete(None, id("r1")));
    case.memory.deletion_unconfirmed(None, &id("r1"), at(NOW), 1);
    let Action::Read(stray, asked) = case.action() else {
        panic!("{:?}", case.action())
    };
    assert_eq!(asked, id("r1"));
    case.memory.read(&stray, None, at(NOW + 1));
    assert_eq!(case.effect(), Action::ReleaseFinalizer { orphaned: Vec::new() });
}

#[test]
fn what_lost_its_marker_at_creation_is_known_to_be_gone_by_a_read_too() {
    let mut case = Case::new();
    let (unmarked, able) = (shown("r1", &wish("k"), None), case.capabilities);
    case.memory.created(&wish("k"), unmarked, false, at(NOW), &able);
    assert_eq!(case.action(), delete("r1"));
    case.memory
        .deletion_unconfirmed(Some(&key("k")), &id("r1"), at(NOW), 1);
    case.now = case.settled().wake.unwrap();
    assert_eq!(case.action(), read("r1"));
    case.memory.read(&key("k"), None, case.now);
    assert_eq!(case.action(), Action::Note(Note::Discarded(key("k"))));
    let ready = case.effect();
    assert_eq!(ready, Action::Settle(case.settled()));
    assert_eq!(case.stall(), Reason::MarkerNotPreserved);
}
