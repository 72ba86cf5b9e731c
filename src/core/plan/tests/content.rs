//! Where nothing can be marked: a subscription is ours by proof, and found again by what was sent.

use super::*;
use crate::capabilities::examples::NAMELESS;
use crate::memory::Forgotten;

/// A case at a provider without names.
fn case() -> Case {
    Case::new().bend(|case| case.capabilities = NAMELESS)
}

/// An entry that holds `r1`, proven to be ours.
fn proven() -> Entry {
    Entry {
        proof: Some(wish("k").view.get(Field::Events)),
        stored: true,
        ..held()
    }
}

/// What the provider shows of the wish.
fn unmarked(name: &str) -> Remote {
    shown(name, &wish("k"), None)
}

#[test]
fn what_is_proven_is_kept_equal_though_address_and_filters_drift() {
    let moved = with(unmarked("r1"), Field::Url, is("elsewhere"));
    let case = case().entry(proven()).listed(at(NOW), [moved]);
    assert_eq!(case.action(), update("r1", &[Field::Url], true));
}

#[test]
fn an_id_alone_proves_nothing() {
    let forged = Entry {
        proof: None,
        ..proven()
    };
    let moved = || with(unmarked("r1"), Field::Url, is("elsewhere"));
    let kept = case().entry(forged.clone()).listed(at(NOW), [moved()]);
    assert_eq!(kept.stall(), Reason::MarkerMissing);
    let removal = case().bend(|case| case.removal = Some((false, false)));
    let removal = removal.entry(forged).listed(at(NOW), [moved()]);
    // It may be ours, should the operator have lost its key: the object does not go as if nothing were left.
    assert_eq!(removal.stall(), Reason::MarkerMissing);
}

#[test]
fn an_id_that_stands_for_other_events_now_is_somebody_elses() {
    let other = || with(unmarked("r1"), Field::Events, is("other events"));
    let kept = case().entry(proven()).listed(at(NOW), [other()]);
    assert_eq!(kept.stall(), Reason::ForeignMarker);
    let removal = case().bend(|case| case.removal = Some((false, false)));
    let removal = removal.entry(proven()).listed(at(NOW), [other()]);
    assert_eq!(removal.action(), forget(Forgotten::NotOurs));
}

#[test]
fn an_identical_one_is_never_made_a_second_time() {
    let there = || case().listed(at(NOW), [unmarked("r9")]);
    for policy in [AdoptionPolicy::IfOwned, AdoptionPolicy::Never] {
        let case = there().policy(policy, &[]);
        let KeyState::Stalled(Reason::IdenticalExists, message) = case.state() else {
            panic!("{:?}", case.state())
        };
        assert!(message.contains("r9"), "{message}");
    }
    assert_eq!(
        there().policy(AdoptionPolicy::IfMatches, &[]).action(),
        adopt("r9", false)
    );
    // Of two, nobody but the user knows which one to take; who does not ask for one is told why nothing is made.
    let two = || case().listed(at(NOW), [unmarked("r8"), unmarked("r9")]);
    let matching = two().policy(AdoptionPolicy::IfMatches, &[]);
    assert_eq!(matching.stall(), Reason::AmbiguousMatch);
    assert_eq!(two().stall(), Reason::IdenticalExists);
    // One that differs in anything is another one.
    for field in [Field::Url, Field::Events, Field::Filters] {
        let other = with(unmarked("r9"), field, is("other"));
        assert_eq!(
            case().listed(at(NOW), [other]).action(),
            Action::RecordIntent(vec![key("k")]),
            "{field:?}"
        );
    }
}

#[test]
fn what_another_object_holds_is_not_taken_over() {
    let held = || {
        let case = case().listed(at(NOW), [unmarked("r9")]);
        case.bend(|case| case.rivals.held = [id("r9")].into())
    };
    let by_id = held().policy(AdoptionPolicy::ById, &["r9"]);
    assert_eq!(by_id.stall(), Reason::NothingToAdopt);
    let matching = held().policy(AdoptionPolicy::IfMatches, &[]);
    assert_eq!(matching.action(), Action::RecordIntent(vec![key("k")]));
}

#[test]
fn an_import_by_id_fits_by_its_events_and_is_written_to_by_nobody() {
    let fits = || unmarked("r9");
    let case = || case().policy(AdoptionPolicy::ById, &["r9"]);
    assert_eq!(case().listed(at(NOW), [fits()]).action(), adopt("r9", false));
    let other = with(fits(), Field::Events, is("other"));
    assert_eq!(case().listed(at(NOW), [other]).stall(), Reason::NothingToAdopt);
    // Filters that drifted do not matter where nothing else has the event.
    let drifted = with(fits(), Field::Filters, is("f"));
    assert_eq!(
        case()
            .bend(|case| case.adoption.overwrite = true)
            .listed(at(NOW), [drifted])
            .action(),
        adopt("r9", false)
    );
    // Two keys of one event are told apart by their filters.
    let mut second = wish("l");
    second.view.set(Field::Filters, is("f"));
    let both = || case().bend(|case| case.wanted = vec![wish("k"), second.clone()]);
    let filtered = with(fits(), Field::Filters, is("f"));
    let Action::Adopt { key: taken, .. } = both().listed(at(NOW), [filtered]).action() else {
        panic!("it is not taken over")
    };
    assert_eq!(taken, key("l"));
}

#[test]
fn what_is_gone_or_held_already_is_identical_to_nothing() {
    let there = || case().listed(at(NOW), [unmarked("r9")]);
    let gone = there().bend(|case| case.memory.gone = [id("r9")].into());
    let held_by_other = there().bend(|case| case.rivals.held = [id("r9")].into());
    let held_by_key = there().bend(|case| {
        let other = Entry {
            id: Some(id("r9")),
            ..proven()
        };
        case.memory.entries.insert(key("k").retired(), other);
        case.replace = Replace::CreateFirst;
    });
    for case in [gone, held_by_other, held_by_key] {
        assert_eq!(case.action(), Action::RecordIntent(vec![key("k")]), "{case:?}");
    }
}

#[test]
fn a_lost_create_is_found_by_what_was_sent_and_not_by_what_is_wanted_now() {
    let edited = |case: &mut Case| case.wanted = vec![edited("k")];
    let case = || case().entry(unknown(990)).bend(edited);
    assert_eq!(
        case().listed(at(991), [unmarked("r1")]).once_read("r1"),
        adopt("r1", false)
    );
    let new = with(unmarked("r1"), Field::Url, is("new url"));
    assert_eq!(
        case().listed(at(991), [new]).state(),
        KeyState::Waiting(Reason::CreateOutcomeUnknown)
    );
}

#[test]
fn of_two_that_a_lost_create_may_have_made_a_person_names_one() {
    let two = || {
        case()
            .entry(unknown(990))
            .listed(at(991), [unmarked("r1"), unmarked("r2")])
    };
    assert_eq!(two().stall(), Reason::AmbiguousMatch);
    assert_eq!(
        two().policy(AdoptionPolicy::ById, &["r2"]).once_read("r2"),
        adopt("r2", false)
    );
    let removal = two().bend(|case| case.removal = Some((false, false)));
    assert_eq!(removal.stall(), Reason::AmbiguousMatch);
}

#[test]
fn a_lost_create_is_found_for_a_removal_too() {
    let case = case().bend(|case| case.removal = Some((false, false)));
    let case = case.entry(unknown(990)).listed(at(991), [unmarked("r1")]);
    assert_eq!(case.once_read("r1"), adopt("r1", false));
}

#[test]
fn before_something_changes_that_it_is_recognised_by_its_id_is_stored() {
    let moved = || with(unmarked("r1"), Field::Url, is("elsewhere"));
    let fresh = Entry {
        stored: false,
        ..proven()
    };
    let case = case().entry(fresh).listed(at(NOW), [moved()]);
    assert_eq!(case.action(), Action::Store);
    let mut stored = case;
    stored.memory.stored();
    assert_eq!(stored.action(), update("r1", &[Field::Url], true));
}

#[test]
fn what_another_object_asked_for_first_is_not_made() {
    let rival = |case: &mut Case| {
        case.rivals
            .claimed
            .insert(key("k"), "WebhookSubscription ns/first".into());
    };
    let claimed = || case().listed(at(NOW), []).bend(rival);
    let KeyState::Stalled(Reason::IdenticalExists, message) = claimed().state() else {
        panic!("{:?}", claimed().state())
    };
    assert!(message.contains("ns/first"), "{message}");
    // An entry that was opened before is closed; one that may have been sent is looked for.
    assert_eq!(
        claimed().entry(not_sent(990)).action(),
        forget(Forgotten::NeverCreated)
    );
    let sent = claimed().entry(unknown(990)).listed(at(991), [unmarked("r1")]);
    assert_eq!(sent.once_read("r1"), adopt("r1", false));
    // What is there is left as it is.
    let moved = with(unmarked("r1"), Field::Url, is("elsewhere"));
    let there = claimed().entry(proven()).listed(at(NOW), [moved]);
    assert_eq!(there.stall(), Reason::IdenticalExists);
}

#[test]
fn where_there_is_no_room_nothing_is_sent() {
    let case = case().listed(at(NOW), []).bend(|case| {
        case.rivals.crowded.insert(key("k"), 5);
    });
    assert_eq!(case.stall(), Reason::TooManyIdentical);
}

#[test]
fn what_was_only_watched_becomes_ours_by_invitation_alone() {
    let watched = Entry {
        hold: OBSERVED,
        proof: None,
        ..held()
    };
    let case = || case().entry(watched.clone()).listed(at(NOW), [unmarked("r1")]);
    assert_eq!(case().stall(), Reason::MarkerMissing);
    assert_eq!(
        case().policy(AdoptionPolicy::ById, &["r1"]).action(),
        adopt("r1", false)
    );
}
