//! From nothing to a create, and what becomes of one that nobody knows the outcome of.

use super::*;
use crate::memory::Forgotten;

fn record() -> Action {
    Action::RecordIntent(vec![key("k")])
}

fn look(seconds: u64) -> Action {
    Action::Look(Some(at(seconds)))
}

/// The account was looked at, and has nothing.
fn empty() -> Case {
    Case::new().listed(at(NOW), [])
}

#[test]
fn before_the_first_look_of_a_process_nothing_is_begun() {
    for finalizer in [false, true] {
        let case = Case::new().bend(|case| case.memory.finalizer = finalizer);
        assert_eq!(case.action(), Action::Look(None));
    }
}

#[test]
fn the_finalizer_comes_before_everything() {
    let case = empty().bend(|case| case.memory.finalizer = false);
    assert_eq!(case.action(), Action::ClaimFinalizer);
}

#[test]
fn the_write_ahead_entry_comes_before_the_look() {
    assert_eq!(empty().action(), record());
    // Also where the account was looked at before the key became free.
    let gone = Entry {
        absent_at: Some(at(NOW)),
        ..Entry::default()
    };
    assert_eq!(empty().entry(gone).action(), record());
}

#[test]
fn one_write_opens_the_entries_of_all_keys() {
    let case = empty().bend(|case| case.wanted.push(wish("l")));
    assert_eq!(case.action(), Action::RecordIntent(vec![key("k"), key("l")]));
}

#[test]
fn a_list_that_is_not_newer_than_the_entry_authorises_no_create() {
    let case = Case::new().entry(not_sent(990));
    assert_eq!(case.action(), look(990));
    let case = Case::new().entry(not_sent(990)).listed(at(990), []);
    assert_eq!(case.action(), look(990));
}

#[test]
fn after_a_look_that_found_nothing_it_is_created() {
    let case = Case::new().entry(not_sent(990)).listed(at(991), []);
    assert_eq!(case.action(), Action::Create(key("k")));
}

#[test]
fn a_finalizer_that_was_taken_off_meanwhile_is_put_back_before_the_create() {
    let case = Case::new().entry(not_sent(990)).listed(at(991), []);
    let case = case.bend(|case| case.memory.finalizer = false);
    assert_eq!(case.action(), Action::ClaimFinalizer);
}

#[test]
fn an_entry_that_says_something_else_than_the_wish_is_written_anew() {
    let case = Case::new().entry(not_sent(990)).listed(at(991), []);
    let case = case.bend(|case| case.wanted = vec![edited("k")]);
    assert_eq!(case.action(), record());
}

#[test]
fn an_entry_whose_storing_failed_is_written_anew() {
    let mut case = Case::new().entry(not_sent(990)).listed(at(991), []);
    case.memory.intend_failed(&[key("k")]);
    assert_eq!(case.action(), record());
}

#[test]
fn what_a_look_finds_with_our_marker_is_adopted_instead_of_created() {
    let case = Case::new().entry(not_sent(990));
    let ours = case.ours("r1");
    assert_eq!(case.listed(at(991), [ours]).action(), adopt("r1", false));
}

#[test]
fn an_open_entry_creates_nothing_once_creating_is_not_asked_for() {
    let by_id = Case::new().policy(AdoptionPolicy::ById, &["r9"]);
    let observing = Case::new().bend(|case| case.observe = true);
    for case in [by_id, observing] {
        let case = case.entry(not_sent(990)).listed(at(991), []);
        assert_eq!(case.action(), forget(Forgotten::NeverCreated));
    }
}

#[test]
fn nothing_is_created_while_the_account_is_unproven() {
    for entry in [Entry::default(), not_sent(990)] {
        let case = Case::new().entry(entry).listed(at(991), []);
        let case = case.bend(|case| case.restraint.account_unproven = true);
        assert_eq!(case.stall(), Reason::AccountChanged);
    }
}

#[test]
fn an_unknown_create_is_looked_for_first() {
    assert_eq!(Case::new().entry(unknown(990)).action(), look(990));
    let case = Case::new().entry(unknown(990)).listed(at(990), []);
    assert_eq!(case.action(), look(990));
}

#[test]
fn an_unknown_create_that_is_found_is_adopted_under_every_policy() {
    for policy in [
        AdoptionPolicy::IfOwned,
        AdoptionPolicy::IfMatches,
        AdoptionPolicy::ById,
        AdoptionPolicy::Never,
    ] {
        let case = Case::new().entry(unknown(990)).policy(policy, &[]);
        let ours = case.ours("r1");
        assert_eq!(case.listed(at(991), [ours]).once_read("r1"), adopt("r1", false));
    }
}

#[test]
fn what_a_list_shows_of_an_unknown_create_and_a_read_denies_is_not_its_result() {
    for removal in [None, Some((false, false))] {
        let case = Case::new()
            .bend(|case| case.removal = removal)
            .entry(unknown(990));
        let (dead, made) = (case.ours("r1"), case.ours("r2"));
        let mut case = case.listed(at(991), [dead.clone()]);
        assert_eq!(case.action(), read("r1"));
        case.memory.read(&key("k"), None, at(992));
        assert_eq!(case.action(), Action::Note(Note::Phantom(key("k"), id("r1"))));
        // The create is as unknown as before.
        case.memory.note(&Note::Phantom(key("k"), id("r1")), &[], at(992));
        assert_eq!(case.state(), KeyState::Waiting(Reason::CreateOutcomeUnknown));
        let case = case.listed(at(993), [dead, made]);
        assert_eq!(case.once_read("r2"), adopt("r2", false));
    }
}

#[test]
fn a_read_of_another_id_or_from_before_the_list_confirms_no_unknown_create() {
    let case = Case::new().entry(unknown(990));
    let (made, other) = (case.ours("r1"), case.ours("r2"));
    for seen in [saw(other, at(992)), saw(made.clone(), at(990))] {
        let entry = Entry { seen, ..unknown(990) };
        let case = Case::new().entry(entry).listed(at(991), [made.clone()]);
        assert_eq!(case.action(), read("r1"));
    }
}

#[test]
fn an_unknown_create_that_is_not_found_waits_for_the_settle_time() {
    let case = Case::new().entry(unknown(990)).listed(at(991), []);
    let settled = case.settled();
    assert_eq!(
        settled.keys[&key("k")],
        KeyState::Waiting(Reason::CreateOutcomeUnknown)
    );
    assert_eq!(settled.wake, Some(at(990 + 75)));
}

#[test]
fn after_the_settle_time_only_a_later_look_counts() {
    let case = Case::new().entry(unknown(900)).listed(at(901), []);
    assert_eq!(case.action(), look(975));
}

#[test]
fn an_unknown_create_that_stays_away_leads_to_a_new_entry_and_never_to_a_direct_create() {
    let mut case = Case::new().entry(unknown(900)).listed(at(976), []);
    assert_eq!(case.action(), record());
    let wanted = case.wanted.clone();
    case.memory.intend(&[&wanted[0]], case.now, case.now);
    let pending = case.memory.entries[&key("k")].pending.clone().unwrap();
    assert_eq!(pending.attempt, 2);
    assert_eq!(pending.certainty, Certainty::NotSent { opened: at(NOW) });
    assert_eq!(case.action(), look(NOW));
}

#[test]
fn an_unknown_create_is_not_taken_for_one_of_somebody_else() {
    let case = || {
        Case::new()
            .entry(unknown(990))
            .policy(AdoptionPolicy::IfMatches, &[])
    };
    let unmarked = shown("r1", &wish("k"), None);
    let former = shown("r2", &wish("k"), Some(&owner_of("c1", "u0")));
    for other in [unmarked, former] {
        let state = case().listed(at(991), [other]).state();
        assert_eq!(state, KeyState::Waiting(Reason::CreateOutcomeUnknown));
    }
}

#[test]
fn an_unknown_create_is_not_given_up_on_a_list_that_is_doubted() {
    let doubted = [
        (
            Reason::AccountChanged,
            Restraint {
                account_unproven: true,
                ..Restraint::default()
            },
        ),
        (
            Reason::Guarded,
            Restraint {
                guard_vanished: true,
                ..Restraint::default()
            },
        ),
    ];
    for (reason, restraint) in doubted {
        let case = Case::new().entry(unknown(900)).listed(at(976), []);
        let case = case.bend(|case| case.restraint = restraint);
        assert_eq!(case.stall(), reason);
        let removing = case.bend(|case| case.removal = Some((false, false)));
        assert_eq!(removing.stall(), reason);
    }
}

#[test]
fn an_unknown_create_is_not_repeated_when_creating_is_no_longer_asked_for() {
    let case = Case::new().policy(AdoptionPolicy::ById, &[]);
    let case = case.entry(unknown(900)).listed(at(976), []);
    assert_eq!(case.action(), forget(Forgotten::NeverCreated));
}

#[test]
fn a_refusal_does_not_keep_an_unknown_create_from_being_looked_for_and_a_pause_does() {
    let digest = Some(wish("k").digest);
    let refused = Entry {
        failure: failure(digest, None),
        ..unknown(990)
    };
    assert_eq!(Case::new().entry(refused).action(), look(990));
    let paused = Entry {
        failure: failure(digest, Some(at(NOW + 1))),
        ..unknown(990)
    };
    assert_eq!(Case::new().entry(paused).settled().wake, Some(at(NOW + 1)));
}

#[test]
fn a_failure_holds_until_its_time_or_until_another_wish() {
    let same = Some(wish("k").digest);
    let later = Some(at(NOW + 1));
    let case = |digest, until| {
        empty().entry(Entry {
            failure: failure(digest, until),
            ..Entry::default()
        })
    };
    assert!(matches!(
        case(same, later).state(),
        KeyState::Failing(Reason::RefusedByProvider, _)
    ));
    assert_eq!(case(same, later).settled().wake, later);
    assert_eq!(case(None, later).settled().wake, later);
    assert_eq!(case(same, Some(at(NOW))).action(), record());
    assert_eq!(case(same, None).stall(), Reason::RefusedByProvider);
    assert_eq!(case(Some(digest("another")), None).action(), record());
}

#[test]
fn a_stalled_key_never_stops_another() {
    let stalled = Entry {
        failure: failure(Some(wish("k").digest), None),
        ..Entry::default()
    };
    let case = empty().entry(stalled).bend(|case| case.wanted.push(wish("l")));
    assert_eq!(case.action(), Action::RecordIntent(vec![key("l")]));
}

#[test]
fn an_effect_comes_before_a_look_and_looks_of_several_keys_are_one() {
    let of_two = |k, l| {
        let mut case = Case::new().entry(not_sent(k));
        case.wanted.push(wish("l"));
        let second = open(&wish("l"), Certainty::NotSent { opened: at(l) });
        case.memory.entries.insert(key("l"), second);
        case
    };
    assert_eq!(of_two(995, 990).action(), look(995));
    assert_eq!(of_two(990, 995).action(), look(995));
    let case = of_two(990, 995).listed(at(991), []);
    assert_eq!(case.action(), Action::Create(key("k")));
}

#[test]
fn what_was_made_without_a_marker_is_deleted_again_and_not_made_anew() {
    let mut case = Case::new().entry(not_sent(990)).listed(at(991), []);
    let unmarked = shown("r1", &wish("k"), None);
    case.memory.created(&wish("k"), unmarked, false, case.now, &NAMED);
    assert_eq!(case.action(), delete("r1"));
    case.memory.deleted(Some(&key("k")), &id("r1"));
    assert_eq!(case.stall(), Reason::MarkerNotPreserved);
}

#[test]
fn a_discard_that_fails_pauses_and_keeps_the_reason() {
    let mut case = Case::new();
    let unmarked = shown("r1", &wish("k"), None);
    case.memory.created(&wish("k"), unmarked, false, case.now, &NAMED);
    case.memory.failed(&key("k"), None, outage(), case.now, 1);
    assert!(matches!(
        case.state(),
        KeyState::Failing(Reason::MarkerNotPreserved, _)
    ));
    case.now = case.settled().wake.unwrap();
    assert_eq!(case.action(), delete("r1"));
    case.memory.deleted(Some(&key("k")), &id("r1"));
    assert_eq!(case.stall(), Reason::MarkerNotPreserved);
}

#[test]
fn a_discard_is_still_known_after_a_restart() {
    let mut case = Case::new();
    let unmarked = shown("r1", &wish("k"), None);
    case.memory.created(&wish("k"), unmarked, false, case.now, &NAMED);
    case.memory = case.memory.after_restart(case.now);
    assert_eq!(case.action(), delete("r1"));
}

fn outage() -> crate::memory::Fault {
    crate::memory::Fault {
        reason: Reason::ProviderUnavailable,
        message: "503".into(),
        disposition: crate::retry::Disposition::Backoff,
        may_have_taken_effect: false,
    }
}
