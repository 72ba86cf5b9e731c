//! What a moment more or less decides: every comparison of times, at its border.

use super::*;
use crate::memory::Forgotten;

/// [`Timing::fresh`] before every decision, and a second more.
const FRESH: u64 = NOW - 10;
const STALE: u64 = FRESH - 1;

fn look(seconds: u64) -> Action {
    Action::Look(Some(at(seconds)))
}

fn by_id() -> Case {
    Case::new().policy(AdoptionPolicy::ById, &["r1"])
}

#[test]
fn a_look_authorises_for_ten_seconds() {
    let held_and = |begun, removal| {
        let case = Case::new().bend(|case| case.removal = removal).entry(held());
        let drifted = with(case.ours("r1"), Field::Url, is("drift"));
        case.listed(at(begun), [drifted]).action()
    };
    assert_eq!(held_and(FRESH, None), update("r1", &[Field::Url], true));
    assert_eq!(held_and(STALE, None), read("r1"));
    assert_eq!(held_and(FRESH, Some((false, false))), delete("r1"));
    assert_eq!(held_and(STALE, Some((false, false))), read("r1"));
    let stray = |begun| {
        let case = Case::removing();
        let stray = case.ours("r7");
        case.listed(at(begun), [stray]).action()
    };
    assert_eq!(stray(FRESH), Action::Delete(None, id("r7")));
    assert_eq!(stray(STALE), look(NOW));
    let nothing = |begun| by_id().listed(at(begun), []);
    assert_eq!(nothing(FRESH).stall(), Reason::NothingToAdopt);
    assert_eq!(nothing(STALE).action(), look(NOW));
    let stamp = |seen| {
        let unmarked = shown("r1", &wish("k"), None);
        let seen = saw(unmarked.clone(), at(seen));
        let entry = Entry {
            seen,
            ..Entry::default()
        };
        by_id().entry(entry).listed(at(NOW - 20), [unmarked]).action()
    };
    assert_eq!(stamp(FRESH), adopt("r1", true));
    assert_eq!(stamp(STALE), read("r1"));
    let off = |begun| {
        let case = Case::new().bend(|case| case.withdrawn = true);
        let on = with(case.ours("r1"), Field::Enabled, is("on"));
        case.entry(held()).listed(at(begun), [on]).action()
    };
    assert_eq!(off(FRESH), Action::Note(Note::Withdraw(key("k"))));
    assert_eq!(off(STALE), read("r1"));
}

#[test]
fn the_outcome_of_a_create_is_known_by_a_look_from_the_settle_time_on() {
    let unknown_and = |since, begun| Case::new().entry(unknown(since)).listed(at(begun), []);
    assert_eq!(
        unknown_and(900, 975).action(),
        Action::RecordIntent(vec![key("k")])
    );
    assert_eq!(unknown_and(900, 974).action(), look(975));
    assert_eq!(unknown_and(NOW - 75, 990).action(), look(NOW));
    assert_eq!(unknown_and(NOW - 74, 990).settled().wake, Some(at(NOW + 1)));
}

#[test]
fn what_a_read_did_not_find_is_there_again_only_by_a_look_that_began_later() {
    let absent_at = Some(at(995));
    let case = |begun| {
        let entry = Entry { absent_at, ..held() };
        let case = Case::new().entry(entry);
        let ours = case.ours("r1");
        case.listed(at(begun), [ours])
    };
    assert_eq!(case(995).action(), forget(Forgotten::Vanished));
    assert_eq!(case(996).state(), IN_SYNC);
    let named = |begun| {
        let absent = Entry {
            absent_at,
            ..Entry::default()
        };
        by_id().entry(absent).listed(at(begun), [])
    };
    assert_eq!(named(995).action(), look(995));
    assert_eq!(named(996).stall(), Reason::NothingToAdopt);
    let unknown_and = |begun| {
        let entry = Entry {
            absent_at,
            ..unknown(990)
        };
        let case = Case::new().entry(entry);
        let made = case.ours("r1");
        case.listed(at(begun), [made]).action()
    };
    assert_eq!(unknown_and(995), Action::Note(Note::Phantom(key("k"), id("r1"))));
    assert_eq!(unknown_and(996), read("r1"));
}

#[test]
fn what_a_look_lacks_is_read_ten_seconds_later() {
    let missing = |since| {
        let missing_since = Some(at(since));
        let entry = Entry {
            missing_since,
            ..held()
        };
        Case::new().entry(entry).listed(at(NOW), [])
    };
    assert_eq!(missing(NOW - 10).action(), read("r1"));
    let waiting = missing(NOW - 9);
    assert_eq!(waiting.state(), KeyState::Waiting(Reason::RemoteMissing));
    assert_eq!(waiting.settled().wake, Some(at(NOW + 1)));
}

#[test]
fn a_read_counts_against_the_look_of_the_same_moment() {
    let seen_at = |seconds| {
        let foreign = shown("r1", &wish("other"), Some(&owner_of("c1", "u1")));
        let seen = saw(foreign, at(seconds));
        let entry = Entry {
            seen,
            ..not_sent(990)
        };
        let case = Case::new().policy(AdoptionPolicy::IfMatches, &[]).entry(entry);
        case.listed(at(995), [shown("r1", &wish("k"), None)]).action()
    };
    assert_eq!(seen_at(995), Action::Create(key("k")));
    assert_eq!(seen_at(994), adopt("r1", true));
}

#[test]
fn what_was_read_before_a_deletion_of_unknown_outcome_does_not_bring_about_another() {
    let seen_at = |seconds: Option<u64>| {
        let unmarked = shown("r1", &wish("k"), None);
        let seen = seconds.and_then(|seconds| saw(unmarked, at(seconds)));
        let (discard, doubted) = (Some(id("r1")), Some(at(995)));
        let entry = Entry {
            seen,
            doubted,
            discard,
            ..Entry::default()
        };
        Case::new().entry(entry).action()
    };
    assert_eq!(seen_at(None), read("r1"));
    assert_eq!(seen_at(Some(995)), read("r1"));
    assert_eq!(seen_at(Some(996)), delete("r1"));
}

#[test]
fn a_failure_is_over_at_its_time() {
    let until = |seconds, entry: Entry| {
        let failure = failure(None, Some(at(seconds)));
        Case::removing().entry(Entry { failure, ..entry })
    };
    let discard = || Entry {
        discard: Some(id("r1")),
        ..Entry::default()
    };
    assert_eq!(until(NOW, discard()).action(), delete("r1"));
    assert_eq!(until(NOW + 1, discard()).settled().wake, Some(at(NOW + 1)));
    assert_eq!(until(NOW, held()).action(), read("r1"));
    assert_eq!(until(NOW + 1, held()).settled().wake, Some(at(NOW + 1)));
}
