//! Which remote subscriptions are taken over, and which never are.

use super::*;
use crate::memory::Forgotten;

fn unmarked(name: &str) -> Remote {
    shown(name, &wish("k"), None)
}

fn former(name: &str) -> Remote {
    shown(name, &wish("k"), Some(&owner_of("c1", "u0")))
}

fn foreign(name: &str) -> Remote {
    let mut other = wish("k");
    other.key = key("foreign");
    shown(name, &other, Some(&owner_of("c1", "u1")))
}

#[test]
fn our_marker_is_enough_for_if_owned_and_if_matches() {
    for policy in [AdoptionPolicy::IfOwned, AdoptionPolicy::IfMatches] {
        let case = Case::new().policy(policy, &[]);
        let ours = case.ours("r1");
        assert_eq!(case.listed(at(NOW), [ours]).action(), adopt("r1", false));
    }
}

#[test]
fn never_leaves_even_our_own_alone() {
    let case = Case::new().policy(AdoptionPolicy::Never, &[]);
    let ours = case.ours("r1");
    assert_eq!(case.listed(at(NOW), [ours]).stall(), Reason::AlreadyExists);
}

#[test]
fn an_entry_that_meets_a_conflict_is_forgotten_and_the_conflict_is_said() {
    let case = Case::new()
        .policy(AdoptionPolicy::Never, &[])
        .entry(not_sent(990));
    let ours = case.ours("r1");
    let mut case = case.listed(at(991), [ours]);
    assert_eq!(case.action(), forget(Forgotten::NeverCreated));
    case.effect();
    assert_eq!(case.stall(), Reason::AlreadyExists);
}

#[test]
fn the_oldest_of_several_with_our_marker_is_taken() {
    let case = Case::new();
    let [mut a, mut b] = [case.ours("a"), case.ours("b")];
    (a.created, b.created) = (Some(2), Some(1));
    assert_eq!(case.listed(at(NOW), [a, b]).action(), adopt("b", false));
}

#[test]
fn what_is_known_to_be_gone_or_held_is_no_candidate() {
    let mut case = Case::new();
    let (gone, held_by_other) = (case.ours("r1"), case.ours("r2"));
    case.memory.gone.insert(id("r1"));
    case.memory.entries.insert(
        key("l"),
        Entry {
            id: Some(id("r2")),
            ..Entry::default()
        },
    );
    case.wanted.push(wish("l"));
    let case = case.listed(at(NOW), [gone, held_by_other]);
    assert_eq!(case.action(), Action::RecordIntent(vec![key("k")]));
}

#[test]
fn one_of_a_former_object_is_read_by_id_and_then_stamped() {
    let case = Case::new().listed(at(NOW), [former("r1")]);
    assert_eq!(case.action(), read("r1"));
    let case = case.entry(Entry {
        seen: saw(former("r1"), at(NOW)),
        ..Entry::default()
    });
    assert_eq!(case.action(), adopt("r1", true));
}

#[test]
fn one_of_another_cluster_stalls() {
    for policy in [AdoptionPolicy::IfOwned, AdoptionPolicy::IfMatches] {
        let other = shown("r1", &wish("k"), Some(&owner_of("c2", "u1")));
        let case = Case::new().policy(policy, &[]).listed(at(NOW), [other]);
        assert_eq!(case.stall(), Reason::OwnedByOtherCluster);
    }
}

#[test]
fn an_unmarked_one_is_nothing_to_if_owned() {
    let case = Case::new().listed(at(NOW), [unmarked("r1")]);
    assert_eq!(case.action(), Action::RecordIntent(vec![key("k")]));
}

#[test]
fn if_matches_takes_the_one_with_the_same_url_and_events() {
    let case = Case::new().policy(AdoptionPolicy::IfMatches, &[]);
    let other_events = with(unmarked("r2"), Field::Events, is("other"));
    let case = case.listed(at(NOW), [unmarked("r1"), other_events]);
    assert_eq!(case.action(), read("r1"));
    let case = case.entry(Entry {
        seen: saw(unmarked("r1"), at(NOW)),
        ..Entry::default()
    });
    assert_eq!(case.action(), adopt("r1", true));
}

#[test]
fn if_matches_does_not_choose_between_two() {
    let case = Case::new().policy(AdoptionPolicy::IfMatches, &[]);
    let case = case.listed(at(NOW), [unmarked("r1"), unmarked("r2")]);
    assert_eq!(case.stall(), Reason::AmbiguousMatch);
}

#[test]
fn what_was_stamped_by_another_since_the_list_is_left_alone() {
    let entry = Entry {
        seen: saw(foreign("r1"), at(NOW)),
        ..not_sent(998)
    };
    let case = Case::new().policy(AdoptionPolicy::IfMatches, &[]).entry(entry);
    let case = case.listed(at(999), [unmarked("r1")]);
    assert_eq!(case.action(), Action::Create(key("k")));
}

#[test]
fn what_may_have_been_stamped_for_one_key_is_no_candidate_for_another() {
    let mut case = Case::new().policy(AdoptionPolicy::IfMatches, &[]);
    case.wanted = vec![wish("l")];
    let stamping = Entry {
        seen: saw(unmarked("r1"), at(NOW)),
        doubted: Some(at(NOW)),
        ..Entry::default()
    };
    let paused = Entry {
        failure: failure(None, Some(at(NOW + 1))),
        ..stamping
    };
    let read = Entry {
        seen: saw(unmarked("r1"), at(NOW)),
        ..Entry::default()
    };
    case.memory.entries.insert(key("l"), read);
    let case = case.entry(paused).listed(at(NOW), [unmarked("r1")]);
    assert_eq!(case.action(), Action::RecordIntent(vec![key("l")]));
}

#[test]
fn a_read_that_is_no_longer_fresh_is_repeated_before_a_stamp() {
    let case = Case::new().policy(AdoptionPolicy::IfMatches, &[]);
    let old = Entry {
        seen: saw(unmarked("r1"), at(NOW - 11)),
        ..Entry::default()
    };
    let case = case.entry(old).listed(at(NOW - 20), [unmarked("r1")]);
    assert_eq!(case.action(), read("r1"));
}

#[test]
fn a_candidate_that_a_read_did_not_find_asks_for_a_newer_list() {
    let absent = Entry {
        absent_at: Some(at(999)),
        ..not_sent(990)
    };
    let case = Case::new().policy(AdoptionPolicy::IfMatches, &[]).entry(absent);
    let case = case.listed(at(995), [unmarked("r1")]);
    assert_eq!(case.action(), Action::Look(Some(at(999))));
    let absent = Entry {
        absent_at: Some(at(999)),
        ..Entry::default()
    };
    let case = Case::new().policy(AdoptionPolicy::ById, &["r1"]).entry(absent);
    let case = case.listed(at(995), [unmarked("r1")]);
    assert_eq!(case.action(), Action::Look(Some(at(999))));
}

#[test]
fn adoption_that_would_empty_a_field_needs_overwrite() {
    let filtered = || with(unmarked("r1"), Field::Filters, is("filter"));
    let case = Case::new().policy(AdoptionPolicy::IfMatches, &[]);
    let case = case.listed(at(NOW), [filtered()]);
    assert_eq!(case.stall(), Reason::AdoptionWouldClear);
    let seen = Entry {
        seen: saw(filtered(), at(NOW)),
        ..Entry::default()
    };
    let case = case.entry(seen).bend(|case| case.adoption.overwrite = true);
    assert_eq!(case.action(), adopt("r1", true));
}

#[test]
fn by_id_takes_what_is_named_and_creates_nothing() {
    let case = || Case::new().policy(AdoptionPolicy::ById, &["r1"]);
    assert_eq!(case().action(), Action::Look(None));
    assert_eq!(case().listed(at(NOW), []).stall(), Reason::NothingToAdopt);
    assert_eq!(
        case().listed(at(NOW), [unmarked("r2")]).stall(),
        Reason::NothingToAdopt
    );
    let seen = |remote| Entry {
        seen: saw(remote, at(NOW)),
        ..Entry::default()
    };
    let take = |remote: Remote| case().entry(seen(remote.clone())).listed(at(NOW), [remote]);
    assert_eq!(take(unmarked("r1")).action(), adopt("r1", true));
    assert_eq!(take(former("r1")).action(), adopt("r1", true));
    let ours = case().ours("r1");
    assert_eq!(take(ours).action(), adopt("r1", false));
}

#[test]
fn by_id_never_takes_what_belongs_to_others() {
    let case = || Case::new().policy(AdoptionPolicy::ById, &["r1"]);
    let stranger = Owner::new(
        &ClusterId::parse("c1").unwrap(),
        &[],
        &ObjectName::new("other", "crm"),
        &ObjectUid::parse("u1").unwrap(),
    );
    let foreign = shown("r1", &wish("k"), Some(&stranger));
    assert_eq!(case().listed(at(NOW), [foreign]).stall(), Reason::ForeignMarker);
    let other_cluster = shown("r1", &wish("k"), Some(&owner_of("c2", "u1")));
    assert_eq!(
        case().listed(at(NOW), [other_cluster]).stall(),
        Reason::OwnedByOtherCluster
    );
}

#[test]
fn by_id_gives_an_id_to_one_key_only_and_by_its_events() {
    let mut case = Case::new().policy(AdoptionPolicy::ById, &["r1", "r2"]);
    let mut other = wish("l");
    other.view.set(Field::Events, is("other events"));
    case.wanted.push(other.clone());
    let case = case.listed(at(NOW), [shown("r1", &other, None), unmarked("r2")]);
    assert_eq!(case.action(), read("r2"));
    let case = case.entry(Entry {
        seen: saw(ours("r2"), at(NOW)),
        ..held_as("r2")
    });
    assert_eq!(case.action(), Action::Read(key("l"), id("r1")));
}

fn ours(name: &str) -> Remote {
    shown(name, &wish("k"), Some(&owner_of("c1", "u1")))
}

fn held_as(name: &str) -> Entry {
    Entry {
        id: Some(id(name)),
        ..held()
    }
}

#[test]
fn what_is_said_of_an_old_list_is_checked_with_a_new_one() {
    let case = Case::new().policy(AdoptionPolicy::ById, &["r1"]);
    assert_eq!(
        case.listed(at(NOW - 11), []).action(),
        Action::Look(Some(at(NOW)))
    );
}

#[test]
fn the_finalizer_comes_before_adoption_but_not_before_observation() {
    let case = Case::new().bend(|case| case.memory.finalizer = false);
    let ours = case.ours("r1");
    let case = case.listed(at(NOW), [ours]);
    assert_eq!(case.action(), Action::ClaimFinalizer);
    let case = case.bend(|case| case.observe = true);
    assert_eq!(case.action(), adopt("r1", false));
}

#[test]
fn who_only_observes_stamps_and_creates_nothing() {
    let case = || {
        let case = Case::new().policy(AdoptionPolicy::IfMatches, &[]);
        case.bend(|case| case.observe = true)
    };
    assert_eq!(case().action(), Action::Look(None));
    assert_eq!(case().listed(at(NOW), []).stall(), Reason::NothingToAdopt);
    let filtered = with(unmarked("r1"), Field::Filters, is("filter"));
    assert_eq!(case().listed(at(NOW), [filtered]).action(), adopt("r1", false));
    let other_cluster = shown("r1", &wish("k"), Some(&owner_of("c2", "u1")));
    let by_id = case().policy(AdoptionPolicy::ById, &["r1"]);
    assert_eq!(
        by_id.listed(at(NOW), [other_cluster]).action(),
        adopt("r1", false)
    );
}

#[test]
fn an_id_that_another_key_is_marked_for_stands_in_no_keys_way() {
    let mut case = Case::new().policy(AdoptionPolicy::ById, &["r9", "r8"]);
    case.wanted = vec![wish("k"), wish("l")];
    let of_l = shown("r9", &wish("l"), Some(&case.owner));
    let case = case.listed(at(NOW), [of_l, unmarked("r8")]);
    // Before it is marked it is read.
    assert_eq!(case.action(), read("r8"));
}

#[test]
fn who_is_stalled_is_told_which_one_it_is_about_and_what_to_do() {
    let said = |case: &Case| match case.state() {
        KeyState::Stalled(_, message) => message,
        state => panic!("{state:?} instead of a stall"),
    };
    let listed = |remote: Remote| Case::new().listed(at(NOW), [remote]);
    let other = shown("r9", &wish("k"), Some(&owner_of("c2", "u1")));
    let nameless = |mut case: Case| {
        case.capabilities = crate::capabilities::examples::NAMELESS;
        case
    };
    let cases = [
        (
            listed(other.clone()),
            &["r9", "--cluster-id", "--former-cluster-ids"][..],
        ),
        (
            listed(other).policy(AdoptionPolicy::ById, &["r9"]),
            &["r9", "--cluster-id"],
        ),
        (
            Case::new()
                .listed(at(NOW), [])
                .policy(AdoptionPolicy::ById, &["r9"]),
            &["spec.adoption.externalIDs"],
        ),
        (
            Case::new().listed(at(NOW), []).bend(|case| case.observe = true),
            &["mode Observe"],
        ),
        (
            listed(unmarked("r1")).entry(held()),
            &["r1", "[wh1:", "spec.adoption.externalIDs", "ByID"],
        ),
        (
            nameless(listed(unmarked("r1")).entry(held())),
            &["r1", "nothing proves", "ByID"],
        ),
        (
            listed(unmarked("r1"))
                .policy(AdoptionPolicy::IfMatches, &[])
                .bend(|case| {
                    case.snapshot = Some(Snapshot::new(at(NOW), [unmarked("r1"), unmarked("r2")]));
                }),
            &["r1", "r2", "spec.adoption.externalIDs"],
        ),
    ];
    for (case, expected) in cases {
        let message = said(&case);
        assert!(expected.iter().all(|part| message.contains(part)), "{message}");
    }
}
