//! A remote subscription whose id we hold: is it there, is it ours, does it look as wanted?

use super::*;
use crate::memory::{Fault, Forgotten};
use crate::retry::Disposition;

/// Holds `r1`, which a LIST of this moment shows as wanted, save for what `change` does to it.
fn listed_as(change: impl FnOnce(&mut Remote)) -> Case {
    let case = Case::new().entry(held());
    let mut remote = case.ours("r1");
    change(&mut remote);
    case.listed(at(NOW), [remote])
}

fn drifted() -> Case {
    listed_as(|remote| remote.view.set(Field::Url, is("drift")))
}

#[test]
fn what_is_as_wanted_is_in_sync() {
    assert_eq!(listed_as(|_| {}).state(), IN_SYNC);
}

#[test]
fn without_any_list_one_is_had() {
    assert_eq!(Case::new().entry(held()).action(), Action::Look(None));
}

#[test]
fn a_read_that_is_newer_than_the_list_counts() {
    let case = drifted();
    let seen = saw(case.ours("r1"), at(NOW));
    assert_eq!(case.entry(Entry { seen, ..held() }).state(), IN_SYNC);
    let case = Case::new();
    let seen = saw(case.ours("r1"), at(NOW - 500));
    assert_eq!(case.entry(Entry { seen, ..held() }).state(), IN_SYNC);
}

#[test]
fn a_list_that_is_newer_than_the_read_counts() {
    let case = drifted();
    let seen = saw(case.ours("r1"), at(NOW - 1));
    let case = case.entry(Entry { seen, ..held() });
    assert_eq!(case.action(), update("r1", &[Field::Url], true));
}

#[test]
fn drift_is_repaired() {
    assert_eq!(drifted().action(), update("r1", &[Field::Url], true));
}

#[test]
fn a_change_of_the_wish_is_sent_and_is_no_repair() {
    let case = listed_as(|_| {}).bend(|case| case.wanted = vec![edited("k")]);
    assert_eq!(case.action(), update("r1", &[Field::Url], false));
}

#[test]
fn a_change_of_the_wish_that_is_there_already_is_only_noted() {
    let case = listed_as(|remote| remote.view.set(Field::Url, is("new url")));
    let mut case = case.bend(|case| case.wanted = vec![edited("k")]);
    assert_eq!(case.action(), Action::Note(Note::Applied(key("k"))));
    case.effect();
    assert_eq!(case.state(), IN_SYNC);
}

#[test]
fn a_write_needs_a_fresh_read() {
    let case = drifted().bend(|case| case.now = at(NOW + 11));
    assert_eq!(case.action(), read("r1"));
}

#[test]
fn under_report_drift_is_left_and_edits_are_sent() {
    let case = drifted().bend(|case| case.correct_drift = false);
    let drift = KeyState::Drifted(FieldSet::of(&[Field::Url]), Reason::DriftDetected);
    assert_eq!(case.state(), drift);
    let case = case.bend(|case| case.wanted = vec![edited("k")]);
    assert_eq!(case.action(), update("r1", &[Field::Url], false));
}

#[test]
fn after_many_repairs_in_a_row_drift_is_only_reported_for_a_while() {
    let tripped = |repairs, last| {
        drifted().entry(Entry {
            repairs: (repairs, last),
            ..held()
        })
    };
    let case = tripped(BREAKER, at(NOW));
    assert_eq!(
        case.state(),
        KeyState::Drifted(FieldSet::of(&[Field::Url]), Reason::DriftRepeats)
    );
    assert_eq!(case.settled().wake, Some(at(NOW).after(BREAKER_REST)));
    let repair = update("r1", &[Field::Url], true);
    assert_eq!(tripped(BREAKER - 1, at(NOW)).action(), repair);
    let edit = tripped(BREAKER, at(NOW)).bend(|case| case.wanted = vec![edited("k")]);
    assert_eq!(edit.action(), update("r1", &[Field::Url], false));
    let rested = tripped(BREAKER, Moment::default()).bend(|case| {
        let remote = with(case.ours("r1"), Field::Url, is("drift"));
        case.now = at(3600);
        case.snapshot = Some(Snapshot::new(at(3600), [remote]));
    });
    assert_eq!(rested.action(), repair);
}

#[test]
fn repairs_count_in_a_row_until_one_holds_for_long() {
    let mut case = drifted();
    let repair = |case: &mut Case, seconds| {
        let remote = case.ours("r1");
        let url = FieldSet::of(&[Field::Url]);
        case.memory
            .updated(&wish("k"), url, remote, true, at(seconds), &NAMED);
        case.memory.entries[&key("k")].repairs.0
    };
    assert_eq!([repair(&mut case, 1), repair(&mut case, 2)], [1, 2]);
    assert_eq!(repair(&mut case, 2 + 7200), 1);
}

#[test]
fn before_a_hidden_field_is_changed_status_says_that_nobody_knows_what_was_sent() {
    let mut headers = wish("k");
    headers.view.set(Field::Headers, is("new headers"));
    headers.digest = digest("new headers");
    let mut case = listed_as(|_| {}).bend(|case| case.wanted = vec![headers]);
    let hidden = FieldSet::of(&[Field::Headers]);
    let doubt = Note::Doubt(key("k"), hidden);
    assert_eq!(case.action(), Action::Note(doubt.clone()));
    case.memory.note(&doubt, &case.wanted, case.now);
    assert_eq!(case.action(), Action::Store);
    case.memory.stored();
    // The process ends after the change, and the user takes the edit back: it is sent once more.
    case.memory = case.memory.after_restart(case.now);
    case.memory.finalizer = true;
    case.wanted = vec![wish("k")];
    assert_eq!(case.effect(), update("r1", &[Field::Headers], true));
}

#[test]
fn hidden_fields_are_sent_when_they_were_last_sent_otherwise() {
    let mut headers = wish("k");
    headers.view.set(Field::Headers, is("new headers"));
    headers.digest = digest("new headers");
    let mut case = listed_as(|_| {}).bend(|case| case.wanted = vec![headers]);
    assert_eq!(case.effect(), update("r1", &[Field::Headers], false));
}

#[test]
fn hidden_fields_are_sent_once_when_nobody_knows_what_was_sent() {
    let unknown = Entry {
        sent: None,
        applied: None,
        ..held()
    };
    let mut case = listed_as(|_| {}).entry(unknown);
    assert_eq!(case.effect(), update("r1", &[Field::Headers], false));
    let (headers, remote) = (FieldSet::of(&[Field::Headers]), case.ours("r1"));
    case.memory
        .updated(&wish("k"), headers, remote, false, case.now, &NAMED);
    assert_eq!(case.state(), IN_SYNC);
}

/// A change of `fields` whose answer is lost, and the read after it.
fn after_a_lost_change(fields: &[Field]) -> Case {
    let mut case = listed_as(|_| {});
    let lost = Fault {
        reason: Reason::ProviderUnreachable,
        message: "no answer".into(),
        disposition: Disposition::Backoff,
        may_have_taken_effect: true,
    };
    let doubt = Note::Doubt(key("k"), FieldSet::of(fields));
    case.memory.note(&doubt, &case.wanted, case.now);
    case.memory
        .failed(&key("k"), Some(digest("an edit")), lost, case.now, 1);
    assert_eq!(case.action(), read("r1"));
    case.now = at(NOW + 1);
    let remote = case.ours("r1");
    case.memory.read(&key("k"), Some(remote), case.now);
    case
}

#[test]
fn after_a_lost_change_of_hidden_fields_they_are_sent_again() {
    let mut case = after_a_lost_change(&[Field::Headers]);
    assert_eq!(case.effect(), update("r1", &[Field::Headers], true));
}

#[test]
fn after_a_lost_change_of_what_is_shown_nothing_hidden_is_sent_again() {
    assert_eq!(after_a_lost_change(&[]).state(), IN_SYNC);
}

#[test]
fn a_hidden_field_that_is_removed_is_sent_once_and_said_to_be_unverifiable() {
    let mut bare = wish("k");
    bare.view.set(Field::Headers, Part::Absent);
    bare.digest = digest("bare");
    let mut case = listed_as(|_| {}).bend(|case| case.wanted = vec![bare.clone()]);
    assert_eq!(case.effect(), update("r1", &[Field::Headers], false));
    let (headers, remote) = (FieldSet::of(&[Field::Headers]), case.ours("r1"));
    case.memory
        .updated(&bare, headers, remote, false, case.now, &NAMED);
    let unverifiable = headers;
    let state = KeyState::InSync {
        not_kept: FieldSet::EMPTY,
        unverifiable,
    };
    assert_eq!(case.state(), state);
}

#[test]
fn a_field_that_the_provider_did_not_clear_is_said_and_not_sent_again() {
    let filtered = |case: &Case| with(case.ours("r1"), Field::Filters, is("filter"));
    let mut case = listed_as(|remote| remote.view.set(Field::Filters, is("filter")));
    let fields = FieldSet::of(&[Field::Filters]);
    assert_eq!(case.action(), update("r1", &[Field::Filters], true));
    let remote = filtered(&case);
    case.memory
        .updated(&wish("k"), fields, remote, true, case.now, &NAMED);
    let state = KeyState::InSync {
        not_kept: fields,
        unverifiable: FieldSet::EMPTY,
    };
    assert_eq!(case.state(), state);
    case.wanted = vec![edited("k")];
    assert_eq!(case.action(), update("r1", &[Field::Url, Field::Filters], false));
}

#[test]
fn what_vanishes_from_a_list_is_noted_then_confirmed_then_forgotten_then_made_anew() {
    let mut case = Case::new().entry(held()).listed(at(NOW), []);
    assert_eq!(case.action(), Action::Note(Note::Missing(key("k"))));
    case.effect();
    assert_eq!(case.state(), KeyState::Waiting(Reason::RemoteMissing));
    assert_eq!(case.settled().wake, Some(at(NOW + 10)));
    case.now = at(NOW + 10);
    assert_eq!(case.action(), read("r1"));
    case.memory.read(&key("k"), None, case.now);
    assert_eq!(case.action(), forget(Forgotten::Vanished));
    assert_eq!(case.effect(), Action::RecordIntent(vec![key("k")]));
    assert!(case.memory.gone.contains(&id("r1")));
}

#[test]
fn what_only_a_list_lacked_is_kept() {
    let mut case = Case::new().entry(held()).listed(at(NOW), []);
    case.effect();
    let remote = case.ours("r1");
    case.memory.read(&key("k"), Some(remote), at(NOW + 10));
    case.now = at(NOW + 10);
    assert_eq!(case.state(), IN_SYNC);
}

#[test]
fn what_a_later_list_shows_again_is_not_gone() {
    let absent = Entry {
        absent_at: Some(at(NOW - 1)),
        ..held()
    };
    let case = listed_as(|_| {}).entry(absent.clone());
    assert_eq!(case.state(), IN_SYNC);
    let older = case.ours("r1");
    let case = Case::new().entry(absent).listed(at(NOW - 1), [older]);
    assert_eq!(case.action(), forget(Forgotten::Vanished));
}

#[test]
fn nothing_is_forgotten_while_the_account_is_unproven_or_the_guard_is_tripped_or_for_an_observer() {
    let gone = || {
        Case::new().entry(Entry {
            absent_at: Some(at(NOW)),
            ..held()
        })
    };
    let unproven = gone().bend(|case| case.restraint.account_unproven = true);
    assert_eq!(unproven.stall(), Reason::AccountChanged);
    let guarded = gone().bend(|case| case.restraint.guard_vanished = true);
    assert_eq!(guarded.stall(), Reason::Guarded);
    let observed = gone().bend(|case| case.observe = true);
    assert_eq!(observed.stall(), Reason::RemoteMissing);
}

#[test]
fn what_was_seen_a_moment_ago_is_only_changed_in_an_account_whose_list_shows_it() {
    let case = Case::new().bend(|case| case.restraint.account_unproven = true);
    let remote = with(case.ours("r1"), Field::Url, is("another url"));
    let seen = saw(remote.clone(), at(NOW - 1));
    let case = case.entry(Entry { seen, ..held() }).listed(at(NOW - 2), []);
    assert_eq!(case.stall(), Reason::AccountChanged);
    let case = case.listed(at(NOW - 2), [remote]);
    assert!(
        matches!(case.action(), Action::Update { .. }),
        "{:?}",
        case.action()
    );
}

#[test]
fn a_lost_marker_stalls_until_it_is_back_or_the_id_is_named() {
    let case = || listed_as(|remote| remote.marker = None);
    assert_eq!(case().stall(), Reason::MarkerMissing);
    let invited = [
        case().policy(AdoptionPolicy::ById, &["r1"]),
        case().policy(AdoptionPolicy::IfMatches, &[]),
    ];
    for case in invited {
        assert_eq!(case.action(), read("r1"));
        let seen = saw(shown("r1", &wish("k"), None), at(NOW));
        let case = case.entry(Entry { seen, ..held() });
        assert_eq!(case.action(), adopt("r1", true));
    }
}

#[test]
fn only_our_marker_authorises_a_change() {
    let mut other = wish("k");
    other.key = key("l");
    let cases = [
        (
            Reason::OwnedByOtherCluster,
            owner_of("c2", "u1").marker(&key("k")),
        ),
        (Reason::ForeignMarker, owner_of("c1", "u1").marker(&key("l"))),
    ];
    for (reason, marker) in cases {
        let case = drifted();
        let mut remote = with(case.ours("r1"), Field::Url, is("drift"));
        remote.marker = Some(marker);
        assert_eq!(case.listed(at(NOW), [remote]).stall(), reason);
    }
}

#[test]
fn the_marker_of_a_former_object_is_written_anew_before_anything_else() {
    let marker = owner_of("c1", "u0").marker(&key("k"));
    let case = listed_as(|remote| {
        remote.marker = Some(marker);
        remote.view.set(Field::Url, is("drift"));
    });
    assert_eq!(case.action(), read("r1"));
    let mut remote = with(case.ours("r1"), Field::Url, is("drift"));
    remote.marker = Some(marker);
    let case = case.entry(Entry {
        seen: saw(remote, at(NOW)),
        ..held()
    });
    assert_eq!(case.action(), adopt("r1", true));
}

#[test]
fn who_only_observes_says_what_differs_and_never_writes() {
    let observe = |case: Case| case.bend(|case| (case.observe, case.memory.finalizer) = (true, false));
    let drift = KeyState::Drifted(FieldSet::of(&[Field::Url]), Reason::DriftDetected);
    assert_eq!(observe(drifted()).state(), drift);
    let edit = observe(listed_as(|_| {})).bend(|case| case.wanted = vec![edited("k")]);
    assert_eq!(edit.state(), drift);
    let renamed = listed_as(|remote| remote.view.set(Field::Name, is("any"))).bend(|case| {
        case.wanted[0].view.set(Field::Name, is("ours"));
    });
    assert_eq!(observe(renamed).state(), IN_SYNC);
    let unmarked = listed_as(|remote| remote.marker = None);
    assert_eq!(observe(unmarked).state(), IN_SYNC);
}

#[test]
fn who_no_longer_only_observes_claims_the_finalizer_and_the_remote() {
    let observed = Entry {
        hold: OBSERVED,
        applied: None,
        sent: None,
        ..held()
    };
    let case = listed_as(|_| {}).entry(observed);
    let case = case.bend(|case| case.memory.finalizer = false);
    assert_eq!(case.action(), Action::ClaimFinalizer);
    let mut case = case.bend(|case| case.memory.finalizer = true);
    assert_eq!(case.action(), adopt("r1", false));
    let remote = case.ours("r1");
    case.memory
        .adopted(&key("k"), Hold::Adopted, false, remote, case.now);
    assert_eq!(case.effect(), update("r1", &[Field::Headers], false));
}

#[test]
fn a_failure_that_is_over_is_forgotten_once_all_is_as_wanted() {
    let failed = Entry {
        failure: failure(Some(wish("k").digest), Some(at(NOW))),
        ..held()
    };
    let mut case = listed_as(|_| {}).entry(failed);
    assert_eq!(case.action(), Action::Note(Note::Applied(key("k"))));
    case.effect();
    assert_eq!(case.memory.entries[&key("k")].failure, None);
}

#[test]
fn what_is_as_wanted_is_noted_once_where_memory_says_otherwise() {
    let forgotten = Entry { sent: None, ..held() };
    // Nothing hidden, else it would be sent once more.
    let shown_all = || with(Case::new().ours("r1"), Field::Headers, is("headers"));
    let other_wish = Entry {
        applied: Some(digest("another")),
        ..held()
    };
    let failed = Entry {
        failure: failure(Some(digest("another")), None),
        ..held()
    };
    for entry in [forgotten, other_wish, failed] {
        let mut case = Case::new().entry(entry).listed(at(NOW), [shown_all()]);
        assert_eq!(case.action(), Action::Note(Note::Applied(key("k"))));
        case.memory.note(&Note::Applied(key("k")), &[wish("k")], at(NOW));
        assert_eq!(case.state(), IN_SYNC);
    }
    let watched = Entry { sent: None, ..held() };
    let case = Case::new().entry(watched).listed(at(NOW), [shown_all()]);
    assert_eq!(case.bend(|case| case.observe = true).state(), IN_SYNC);
}

#[test]
fn a_read_of_something_else_authorises_no_marker() {
    let unmarked = |name| shown(name, &wish("k"), None);
    let entry = Entry {
        seen: saw(unmarked("r2"), at(NOW)),
        ..Entry::default()
    };
    let case = Case::new().policy(AdoptionPolicy::ById, &["r1"]).entry(entry);
    assert_eq!(
        case.listed(at(NOW), [unmarked("r1"), unmarked("r2")]).action(),
        read("r1")
    );
}
