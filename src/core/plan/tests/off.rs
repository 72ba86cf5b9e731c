//! What the provider has switched off: when it stays so, and what comes before it is switched on.

use super::*;
use crate::disabled::{AGAIN_MAX, DAY, OnDisabled};

/// A day and more, so that times before it exist.
const WALL: i64 = 10 * DAY;

/// A held subscription that is wanted on and is off.
fn off(asked: Option<OnDisabled>) -> Case {
    let mut case = Case::new();
    case.wanted[0].view.set(Field::Enabled, is("on"));
    let remote = with(
        shown("r1", &case.wanted[0], Some(&case.owner)),
        Field::Enabled,
        is("off"),
    );
    case.rules = Rules {
        asked,
        off: is("off"),
        wall: WALL,
        tests: true,
    };
    let held = Entry {
        applied: Some(case.wanted[0].digest),
        sent: Some(Sent::all_of(&case.wanted[0].view)),
        ..held()
    };
    case.entry(held).listed(at(NOW), [remote])
}

fn arrived(mut case: Case, at: i64) -> Case {
    let known = Known {
        failing: true,
        arrived: Some(at),
    };
    case.deliveries.insert(key("k"), known);
    case
}

fn later(mut case: Case) -> Case {
    case.rules.wall += 1000;
    case
}

const REENABLE: Option<OnDisabled> = Some(OnDisabled::Reenable);

fn is_left(case: &mut Case) -> bool {
    matches!(case.effect(), Action::Settle(settled) if matches!(settled.keys[&key("k")], KeyState::Off(_)))
}

#[test]
fn without_a_word_about_it_only_failing_deliveries_make_it_the_providers_doing() {
    assert_eq!(off(None).action(), update("r1", &[Field::Enabled], true));
    let mut failing = off(None);
    failing.deliveries.insert(
        key("k"),
        Known {
            failing: true,
            arrived: None,
        },
    );
    assert!(is_left(&mut failing));
    failing.deliveries.clear();
    assert!(is_left(&mut failing), "it stays what it was taken for");
    assert!(is_left(&mut off(Some(OnDisabled::Report))));
    assert!(is_left(&mut off(REENABLE)));
}

#[test]
fn it_is_counted_in_status_before_it_is_switched_on() {
    let mut case = off(REENABLE);
    assert!(is_left(&mut case));
    let mut case = later(arrived(case, WALL + 1));
    assert_eq!(case.action(), Action::Note(Note::Count(key("k"), WALL + 1000)));
    case.memory
        .note(&Note::Count(key("k"), WALL + 1000), &case.wanted, case.now);
    assert_eq!(case.action(), Action::Store);
    assert_eq!(case.effect(), update("r1", &[Field::Enabled], false));
    // The next process does not know whether it was sent: it counts anew.
    case.memory = case.memory.clone().after_restart(case.now);
    assert_eq!(case.action(), Action::Note(Note::Count(key("k"), WALL + 1000)));
}

#[test]
fn only_a_fresh_read_of_what_is_ours_authorises_it() {
    let mut old = arrived(off(REENABLE), WALL + 1);
    let remote = old
        .snapshot
        .as_ref()
        .and_then(|s| s.get(&id("r1")))
        .cloned()
        .unwrap();
    old.snapshot = Some(Snapshot::new(at(NOW - 11), [remote.clone()]));
    assert_eq!(old.effect(), read("r1"));
    let foreign = Remote {
        marker: Some(owner_of("c2", "u1").marker(&key("k"))),
        ..remote
    };
    old.snapshot = Some(Snapshot::new(at(NOW), [foreign]));
    assert!(matches!(old.state(), KeyState::Stalled(..)));
}

#[test]
fn the_fourth_time_waits_and_says_until_when() {
    let mut case = arrived(off(REENABLE), WALL + 1);
    let entry = case.memory.entry(&key("k"));
    entry.disabled.since = Some(WALL);
    entry.disabled.again = vec![WALL - 3000, WALL - 2000, WALL - 1000];
    assert_eq!(entry.disabled.again.len(), AGAIN_MAX);
    let settled = case.settled();
    assert!(settled.wake.is_some_and(|wake| wake > case.now));
    assert!(matches!(&settled.keys[&key("k")], KeyState::Off(message) if message.contains("tried again at")));
}

#[test]
fn other_changes_are_made_and_leave_it_off() {
    let mut case = off(REENABLE);
    assert!(is_left(&mut case));
    case.wanted[0].view.set(Field::Url, is("new url"));
    case.wanted[0].digest = digest("edited");
    assert_eq!(case.effect(), update("r1", &[Field::Url], false));
}

#[test]
fn a_wish_for_off_or_somebody_who_switches_it_on_ends_it() {
    let on_again = Action::Note(Note::OnAgain(key("k")));
    let mut case = off(REENABLE);
    assert!(is_left(&mut case));
    let mut wished = case;
    wished.wanted[0].view.set(Field::Enabled, is("off"));
    wished.wanted[0].digest = digest("off");
    assert_eq!(wished.action(), on_again);
    assert!(matches!(wished.effect(), Action::Settle(_)));
    // Taken back, it is the user's change, and not counted.
    wished.wanted[0].view.set(Field::Enabled, is("on"));
    wished.wanted[0].digest = digest("on again");
    assert_eq!(wished.effect(), update("r1", &[Field::Enabled], false));
    assert!(wished.memory.entries[&key("k")].disabled.again.is_empty());

    let mut case = off(REENABLE);
    assert!(is_left(&mut case));
    let remote = shown("r1", &case.wanted[0], Some(&case.owner));
    let mut case = case.listed(at(NOW), [remote]);
    assert_eq!(case.action(), on_again);
    assert!(matches!(case.effect(), Action::Settle(settled) if settled.keys[&key("k")] == IN_SYNC));
}

#[test]
fn what_may_have_been_sent_is_counted_anew_and_what_was_not_is_not() {
    for (may_have_taken_effect, announced) in [(true, false), (false, true)] {
        let mut case = off(REENABLE);
        assert!(is_left(&mut case));
        let mut case = later(arrived(case, WALL + 1));
        assert_eq!(case.effect(), update("r1", &[Field::Enabled], false));
        let fault = crate::memory::Fault {
            reason: Reason::ProviderUnreachable,
            message: String::new(),
            disposition: crate::retry::Disposition::Backoff,
            may_have_taken_effect,
        };
        case.memory
            .failed(&key("k"), Some(case.wanted[0].digest), fault, case.now, 1);
        let entry = &case.memory.entries[&key("k")];
        assert_eq!(
            (entry.disabled.announced, entry.disabled.again.len()),
            (announced, 1)
        );
    }
}
