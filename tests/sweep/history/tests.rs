//! A good history, and one for each way in which it could be bad.

use std::collections::BTreeSet;

use super::*;

fn events(names: &[&str]) -> BTreeSet<String> {
    names.iter().map(|name| (*name).to_owned()).collect()
}

fn call(at: u64, asked: Asked, id: &str) -> RemoteCall {
    let named = matches!(asked, Asked::Create | Asked::Change);
    RemoteCall {
        at,
        asked,
        id: id.to_owned(),
        url: named.then(|| "https://a.example/x".to_owned()),
        events: named.then(|| events(&["made"])),
        applied: true,
        refused: false,
        key: "ours".to_owned(),
    }
}

fn stored(at: u64, held: bool, ready: bool) -> Stored {
    Stored {
        at,
        ours: true,
        generation: 1,
        held,
        url: "https://a.example/x".to_owned(),
        events: events(&["made"]),
        observed: Some(1),
        ready: ready.then_some(1),
    }
}

/// Made, proved, deleted, let go.
fn good() -> History {
    History {
        remote: vec![
            call(20, Asked::Read, ""),
            call(30, Asked::Create, "7"),
            call(60, Asked::Delete, "7"),
        ],
        stored: vec![
            stored(10, true, false),
            stored(40, true, true),
            stored(70, false, true),
        ],
        gone: true,
        told: vec![("the log".to_owned(), "all is well".to_owned())],
        canaries: vec!["canary-of-the-test".to_owned()],
        keys: events(&["ours"]),
        neighbour: Neighbour {
            lists: [5000, 10_000, 15_000].map(|at| (at, "theirs".to_owned())).into(),
            keys: events(&["theirs"]),
            watched: (0, 20_000),
            down: Vec::new(),
        },
        ..History::default()
    }
}

/// The one invariant that a history breaks.
fn broken(history: &History) -> &'static str {
    let found = check(history);
    assert_eq!(found.len(), 1, "{found:?}");
    found[0].invariant
}

fn row(ours: bool) -> Row {
    Row {
        url: "https://a.example/by-hand".to_owned(),
        events: events(&["made"]),
        ours,
    }
}

#[test]
fn a_good_history_passes() {
    let mut history = good();
    // The release of an object writes no condition that anybody could see.
    history.stored[2].ready = None;
    assert_eq!(check(&history), []);
}

fn base() -> History {
    let mut history = good();
    history.stored[2].ready = None;
    history
}

#[test]
fn a_second_create_of_the_same_is_refused_also_when_the_provider_refused_it() {
    for applied in [true, false] {
        let mut history = base();
        let mut again = call(35, Asked::Create, "8");
        (again.applied, again.refused) = (applied, !applied);
        history.remote.insert(2, again);
        if applied {
            history.remote.push(call(65, Asked::Delete, "8"));
        }
        assert_eq!(broken(&history), "I1");
    }
}

#[test]
fn a_second_create_while_the_first_is_open_is_refused_and_after_a_look_is_not() {
    let mut history = base();
    let mut open = call(25, Asked::Create, "");
    open.applied = false;
    history.remote.insert(1, open);
    assert_eq!(broken(&history), "I1");
    history.remote.insert(2, call(28, Asked::Read, ""));
    assert_eq!(check(&history), []);
    // A refusal leaves nothing open.
    history.remote.remove(2);
    history.remote[1].refused = true;
    assert_eq!(check(&history), []);
}

#[test]
fn an_orphan_is_refused() {
    let mut history = base();
    // Made behind the release, so that only the end shows it.
    history.remote.push(call(80, Asked::Create, "9"));
    assert_eq!(broken(&history), "I2");
}

#[test]
fn a_release_before_the_deletion_is_refused() {
    let mut history = base();
    history.stored[2].at = 50;
    assert_eq!(broken(&history), "I3");
}

#[test]
fn a_change_or_deletion_of_what_is_not_ours_is_refused_also_when_it_failed() {
    for (asked, applied) in [
        (Asked::Change, true),
        (Asked::Delete, true),
        (Asked::Delete, false),
    ] {
        let mut history = base();
        history.seeds.insert("1".to_owned(), row(false));
        let mut foreign = call(65, asked, "1");
        foreign.applied = applied;
        history.remote.push(foreign);
        assert_eq!(broken(&history), "I4");
    }
    let mut history = base();
    history.seeds.insert("1".to_owned(), row(true));
    history.stored.remove(1);
    history.remote.push(call(65, Asked::Delete, "1"));
    assert_eq!(check(&history), [], "what was given to us may be deleted");
}

#[test]
fn a_canary_is_refused_wherever_it_sings() {
    let mut history = base();
    history
        .told
        .push(("an Event".to_owned(), "token canary-of-the-test.".to_owned()));
    assert_eq!(broken(&history), "I5");
}

#[test]
fn a_key_of_somebody_else_is_refused() {
    let mut history = base();
    history.remote[1].key = "theirs".to_owned();
    assert_eq!(broken(&history), "I6");
    let mut history = base();
    history.neighbour.lists[1].1 = "ours".to_owned();
    assert_eq!(broken(&history), "I6");
    // A key that was replaced is the object's as well.
    let mut history = base();
    history.remote[0].key = "ours-before".to_owned();
    assert_eq!(broken(&history), "I6");
    history.keys.insert("ours-before".to_owned());
    assert_eq!(check(&history), []);
}

#[test]
fn a_neighbour_that_waits_too_long_is_refused_unless_nobody_ran() {
    // At the beginning, in between, and at the end.
    for gone in [0..1, 1..2, 2..3] {
        let mut history = base();
        history.neighbour.watched.1 += LATEST;
        for list in &mut history.neighbour.lists[gone.end..] {
            list.0 += LATEST;
        }
        let (ended, begun) = (
            5000 * gone.start as u64 + 1,
            5000 * gone.start as u64 + 1 + LATEST,
        );
        history.neighbour.lists.drain(gone);
        assert_eq!(broken(&history), "I7");
        history.neighbour.down.push((ended, begun));
        assert_eq!(check(&history), []);
    }
}

#[test]
fn a_storm_of_requests_or_writes_is_refused() {
    let mut history = base();
    history
        .remote
        .extend((0..MOST as u64).map(|at| call(100 + at, Asked::Read, "")));
    assert_eq!(broken(&history), "I8");
    let mut history = base();
    history
        .stored
        .extend((0..MOST as u64).map(|at| stored(100 + at, false, false)));
    assert_eq!(broken(&history), "I8");
}

#[test]
fn ready_without_the_thing_is_refused() {
    // Before it was made, with another URL, with other events.
    let mut early = base();
    early.stored[1].at = 25;
    assert_eq!(broken(&early), "I9");
    let mut elsewhere = base();
    elsewhere.stored[1].url = "https://a.example/y".to_owned();
    assert_eq!(broken(&elsewhere), "I9");
    let mut fewer = base();
    fewer.stored[1].events = events(&["made", "sold"]);
    assert_eq!(broken(&fewer), "I9");
}

#[test]
fn a_generation_that_goes_back_or_ahead_is_refused() {
    let mut back = base();
    back.stored[2].observed = Some(0);
    assert_eq!(broken(&back), "I9");
    let mut ahead = base();
    ahead.stored[1].observed = Some(2);
    ahead.stored[2].generation = 2;
    ahead.stored[2].observed = Some(2);
    assert_eq!(broken(&ahead), "I9");
}

#[test]
fn a_write_in_the_quiet_window_is_refused_and_so_is_a_window_that_is_too_short() {
    let write = ["patch 7".to_owned()];
    assert_eq!(check_quiet(&[], &[], 10), []);
    assert_eq!(check_quiet(&[], &[], 9).len(), 1);
    assert_eq!(check_quiet(&write, &[], 10).len(), 1);
    assert_eq!(check_quiet(&[], &write, 10).len(), 1);
}
