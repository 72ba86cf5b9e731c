//! What has to go: with its object, or because the spec dropped its key.

use super::*;
use crate::memory::{Fault, Forgotten};
use crate::retry::Disposition;

const RELEASE: Action = Action::ReleaseFinalizer { orphaned: Vec::new() };

/// Both ways in which the key `k` can become unwanted.
fn both_ways() -> [Case; 2] {
    [Case::removing(), Case::new().bend(|case| case.wanted.clear())]
}

fn gone() -> Action {
    let gone = true;
    Action::Settle(Settled {
        gone,
        ..Settled::default()
    })
}

#[test]
fn what_is_marked_on_a_fresh_read_is_deleted() {
    for case in both_ways() {
        let ours = case.ours("r1");
        let case = case.entry(held()).listed(at(NOW), [ours.clone()]);
        assert_eq!(case.action(), delete("r1"));
        let case = case.listed(at(NOW - 11), [ours.clone()]);
        assert_eq!(case.action(), read("r1"));
        let seen = saw(ours, at(NOW));
        let case = case.entry(Entry { seen, ..held() });
        assert_eq!(case.action(), delete("r1"));
    }
}

#[test]
fn a_read_by_its_id_is_enough_whether_or_not_a_list_is_there() {
    let ours = Case::new().ours("r1");
    let drifted = with(ours.clone(), Field::Url, is("drift"));
    for list in [None, Some(Snapshot::new(at(NOW - 1), []))] {
        let seen = saw(drifted.clone(), at(NOW));
        let mut case = Case::new().entry(Entry { seen, ..held() });
        case.snapshot = list;
        assert_eq!(case.action(), update("r1", &[Field::Url], true));
        let case = case.bend(|case| case.removal = Some((false, false)));
        assert_eq!(case.action(), delete("r1"));
    }
}

#[test]
fn what_is_not_marked_is_left_alone() {
    let strangers = [None, Some(owner_of("c1", "u0")), Some(owner_of("c2", "u1"))];
    for stranger in strangers {
        for case in both_ways() {
            let remote = shown("r1", &wish("k"), stranger.as_ref());
            let case = case.entry(held()).listed(at(NOW), [remote]);
            assert_eq!(case.action(), forget(Forgotten::NotOurs));
        }
    }
}

#[test]
fn what_an_older_list_shows_as_ours_is_not_deleted_once_a_read_shows_it_unmarked() {
    let case = Case::removing();
    let ours = case.ours("r1");
    let seen = saw(shown("r1", &wish("k"), None), at(NOW));
    let mut case = case.entry(Entry { seen, ..held() }).listed(at(NOW - 1), [ours]);
    assert_eq!(case.effect(), RELEASE);
}

#[test]
fn what_a_read_did_not_find_counts_as_deleted_unless_the_account_is_unproven() {
    for case in both_ways() {
        let case = case.entry(Entry {
            absent_at: Some(at(NOW)),
            ..held()
        });
        assert_eq!(case.action(), forget(Forgotten::Deleted));
        let case = case.bend(|case| case.restraint.account_unproven = true);
        assert_eq!(case.stall(), Reason::AccountChanged);
    }
}

#[test]
fn what_was_seen_a_moment_ago_is_only_deleted_from_an_account_whose_list_shows_it() {
    for case in both_ways() {
        let ours = case.ours("r1");
        let seen = saw(ours.clone(), at(NOW - 1));
        let case = case.entry(Entry { seen, ..held() });
        let case = case.bend(|case| case.restraint.account_unproven = true);
        assert_eq!(case.action(), Action::Look(None));
        let case = case.listed(at(NOW - 2), []);
        assert_eq!(case.stall(), Reason::AccountChanged);
        let case = case.listed(at(NOW - 2), [ours]);
        assert_eq!(case.action(), delete("r1"));
    }
}

#[test]
fn a_tripped_guard_stops_deletions() {
    for case in both_ways() {
        let ours = case.ours("r1");
        let case = case.entry(held()).listed(at(NOW), [ours]);
        let case = case.bend(|case| case.restraint.guard_deletions = true);
        assert_eq!(case.stall(), Reason::Guarded);
    }
}

#[test]
fn an_entry_that_was_never_sent_is_forgotten() {
    for case in both_ways() {
        assert_eq!(
            case.entry(not_sent(990)).action(),
            forget(Forgotten::NeverCreated)
        );
    }
}

#[test]
fn an_unknown_create_is_looked_for_found_and_taken_to_be_deleted() {
    for case in both_ways() {
        let ours = case.ours("r1");
        let case = case.entry(unknown(990));
        assert_eq!(case.action(), Action::Look(Some(at(990))));
        let case = case.listed(at(990), [ours.clone()]);
        assert_eq!(case.action(), Action::Look(Some(at(990))));
        let case = case.listed(at(991), [ours]);
        assert_eq!(case.once_read("r1"), adopt("r1", false));
    }
}

#[test]
fn an_unknown_create_that_is_not_found_holds_the_object_until_the_settle_time_is_over() {
    for case in both_ways() {
        let case = case.entry(unknown(990)).listed(at(991), []);
        assert_eq!(case.state(), KeyState::Waiting(Reason::CreateOutcomeUnknown));
        assert_eq!(case.settled().wake, Some(at(1065)));
        let case = case.entry(unknown(900)).listed(at(901), []);
        assert_eq!(case.action(), Action::Look(Some(at(975))));
        let case = case.listed(at(975), []);
        assert_eq!(case.action(), forget(Forgotten::NeverCreated));
    }
}

#[test]
fn a_stamp_whose_reply_was_lost_is_looked_for() {
    for mut case in both_ways() {
        case.memory
            .failed(&key("k"), None, fault(Disposition::Backoff, true), at(990), 1);
        assert_eq!(case.action(), Action::Look(Some(at(990))));
        let ours = case.ours("r1");
        let case = case.listed(at(990), [ours.clone()]);
        assert_eq!(case.action(), Action::Look(Some(at(990))));
        let mut case = case.listed(at(991), [ours]);
        assert_eq!(case.action(), adopt("r1", false));
        case.snapshot = Some(Snapshot::new(at(991), []));
        assert_eq!(case.action(), forget(Forgotten::NeverCreated));
    }
}

#[test]
fn a_read_from_before_a_lost_reply_does_not_count() {
    let mut case = Case::removing().entry(held());
    let ours = case.ours("r1");
    case = case.listed(at(NOW - 2), [ours]);
    case.memory.failed(
        &key("k"),
        None,
        fault(Disposition::After(Duration::ZERO), true),
        at(NOW - 1),
        1,
    );
    assert_eq!(case.action(), read("r1"));
}

fn fault(disposition: Disposition, may_have_taken_effect: bool) -> Fault {
    Fault {
        reason: Reason::ProviderUnavailable,
        message: "no".into(),
        disposition,
        may_have_taken_effect,
    }
}

#[test]
fn a_deletion_that_fails_pauses_whatever_it_was_told() {
    for disposition in [
        Disposition::Backoff,
        Disposition::WaitForChange,
        Disposition::After(Duration::from_secs(7)),
    ] {
        for case in both_ways() {
            let ours = case.ours("r1");
            let mut case = case.entry(held()).listed(at(NOW), [ours]);
            case.memory
                .failed(&key("k"), None, fault(disposition, false), case.now, 1);
            assert!(matches!(
                case.state(),
                KeyState::Failing(Reason::ProviderUnavailable, _)
            ));
            let wake = case.settled().wake.unwrap();
            assert!(wake > case.now && wake.since(case.now) <= crate::memory::REFUSED_REST);
        }
    }
}

#[test]
fn a_wish_that_was_refused_does_not_keep_its_remote_from_being_deleted() {
    for case in both_ways() {
        let ours = case.ours("r1");
        let refused = Entry {
            failure: failure(Some(wish("k").digest), None),
            ..held()
        };
        let case = case.entry(refused).listed(at(NOW), [ours]);
        assert_eq!(case.action(), delete("r1"));
    }
}

#[test]
fn who_only_observes_lets_a_dropped_key_go_and_deletes_nothing() {
    let case = Case::new().bend(|case| (case.observe, case.wanted) = (true, Vec::new()));
    let ours = case.ours("r1");
    let observed = Entry {
        hold: OBSERVED,
        ..held()
    };
    let mut case = case.entry(observed).listed(at(NOW), [ours]);
    assert_eq!(case.action(), forget(Forgotten::Released));
    case.effect();
    assert!(case.memory.gone.is_empty());
}

#[test]
fn who_only_observes_keeps_in_mind_what_was_ours() {
    let case = Case::new().bend(|case| (case.observe, case.wanted) = (true, Vec::new()));
    let ours = case.ours("r1");
    let case = case.entry(held()).listed(at(NOW), [ours]);
    assert_eq!(case.state(), IN_SYNC);
}

#[test]
fn a_dropped_key_never_stops_a_wanted_one() {
    let case = Case::new().bend(|case| case.wanted = vec![wish("l")]);
    let case = case.entry(unknown(990)).listed(at(991), []);
    assert_eq!(case.action(), Action::RecordIntent(vec![key("l")]));
}

#[test]
fn without_finalizer_the_object_may_go() {
    let case = Case::removing().bend(|case| case.memory.finalizer = false);
    assert_eq!(case.action(), gone());
    let case = case.bend(|case| case.removal = Some((true, false)));
    assert_eq!(case.action(), gone());
}

#[test]
fn orphaned_and_let_go_objects_leave_their_ids_behind_and_say_which() {
    for how in [(true, false), (false, true)] {
        let case = Case::removing()
            .entry(held())
            .bend(|case| case.removal = Some(how));
        let orphaned = vec![id("r1")];
        assert_eq!(case.action(), Action::ReleaseFinalizer { orphaned });
    }
}

#[test]
fn the_finalizer_goes_after_a_look_that_shows_nothing_of_ours() {
    assert_eq!(Case::removing().action(), Action::Look(None));
    let stranger = shown("r1", &wish("k"), Some(&owner_of("c1", "u0")));
    let case = Case::removing().listed(at(NOW), [stranger]);
    assert_eq!(case.action(), RELEASE);
}

#[test]
fn a_stray_with_our_marker_is_deleted_under_a_fresh_look() {
    let case = Case::removing();
    let ours = case.ours("r7");
    let case = case.listed(at(NOW), [ours.clone()]);
    assert_eq!(case.action(), Action::Delete(None, id("r7")));
    let old = case.listed(at(NOW - 11), [ours.clone()]);
    assert_eq!(old.action(), Action::Look(Some(at(NOW))));
    let guarded = old.listed(at(NOW), [ours]);
    let guarded = guarded.bend(|case| case.restraint.guard_deletions = true);
    let single = RemoteKey::single();
    assert!(matches!(
        guarded.settled().keys[&single],
        KeyState::Stalled(Reason::Guarded, _)
    ));
    let mut done = guarded.bend(|case| case.restraint.guard_deletions = false);
    done.memory.deleted(None, &id("r7"));
    assert_eq!(done.action(), RELEASE);
}

#[test]
fn a_stray_is_left_alone_while_an_entry_may_stand_for_it() {
    let case = Case::removing().entry(unknown(990));
    let stray = shown("r7", &wish("old"), Some(&case.owner));
    let case = case.listed(at(991), [stray]);
    assert_eq!(case.state(), KeyState::Waiting(Reason::CreateOutcomeUnknown));
}

#[test]
fn what_makes_room_is_not_taken_for_what_was_to_replace_it() {
    let mut case = Case::removing().entry(unknown(990));
    let retired = key("k").retired();
    case.memory.entries.insert(retired.clone(), held());
    let old = case.ours("r1");
    let case = case.listed(at(991), [old]);
    assert_eq!(case.action(), Action::Delete(Some(retired), id("r1")));
}

#[test]
fn a_key_that_cannot_go_yet_keeps_the_finalizer_and_stops_no_other() {
    let mut case = Case::removing().entry(unknown(990));
    let mut second = wish("l");
    second.key = key("l");
    let ours = shown("r2", &second, Some(&case.owner));
    let entry = Entry {
        id: Some(id("r2")),
        ..held()
    };
    case.memory.entries.insert(key("l"), entry);
    let mut case = case.listed(at(991), [ours]);
    assert_eq!(case.action(), Action::Delete(Some(key("l")), id("r2")));
    case.memory.deleted(Some(&key("l")), &id("r2"));
    assert_eq!(case.state(), KeyState::Waiting(Reason::CreateOutcomeUnknown));
    assert!(!case.settled().gone);
}
