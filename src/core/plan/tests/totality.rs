//! Whatever the situation, however absurd: there is an answer, and notes come to an end.

use proptest::prelude::*;

use super::*;
use crate::capabilities::Identity;
use crate::capabilities::examples::{NAMED, NAMELESS};
use crate::disabled::{Disabled, OnDisabled};

fn part() -> impl Strategy<Value = Part> {
    prop_oneof![
        Just(Part::Unknown),
        Just(Part::Absent),
        (0..2).prop_map(|n| is(&format!("{n}")))
    ]
}

fn view() -> impl Strategy<Value = View> {
    prop::collection::vec(part(), Field::ALL.len()).prop_map(|parts| {
        let mut view = View::default();
        for (field, part) in Field::ALL.iter().zip(parts) {
            view.set(*field, part);
        }
        view
    })
}

fn moment() -> impl Strategy<Value = Moment> {
    prop_oneof![4 => (900_u64..1010).prop_map(at), 1 => any::<u64>().prop_map(Moment::from_millis)]
}

fn short_id() -> impl Strategy<Value = ExternalId> {
    (0..4).prop_map(|n| id(&format!("r{n}")))
}

fn a_key() -> impl Strategy<Value = RemoteKey> {
    (0..3).prop_map(|n| key(&format!("k{n}")))
}

fn a_digest() -> impl Strategy<Value = Fingerprint> {
    (0..3).prop_map(|n| digest(&format!("{n}")))
}

fn remote() -> impl Strategy<Value = Remote> {
    let marker = prop::option::of((0..3_usize, a_key()).prop_map(|(owner, key)| {
        let (cluster, uid) = [("c1", "u1"), ("c1", "u0"), ("c2", "u1")][owner];
        owner_of(cluster, uid).marker(&key)
    }));
    (short_id(), marker, view(), prop::option::of(any::<i64>())).prop_map(|(id, marker, view, created)| {
        Remote {
            id,
            marker,
            view,
            created,
        }
    })
}

fn snapshot() -> impl Strategy<Value = (Moment, Vec<Remote>)> {
    (moment(), prop::collection::vec(remote(), 0..5))
}

fn wishes() -> impl Strategy<Value = Vec<Wanted>> {
    prop::collection::btree_map(a_key(), (view(), a_digest()), 0..4).prop_map(|wishes| {
        let wish = |(key, (view, digest))| Wanted {
            key,
            view,
            digest,
            events: Vec::new(),
        };
        wishes.into_iter().map(wish).collect()
    })
}

fn pending() -> impl Strategy<Value = Pending> {
    (view(), prop::option::of(a_digest()), moment(), any::<bool>()).prop_map(|(view, applied, at, sent)| {
        Pending {
            attempt: 1,
            target: Target {
                content: Content::of(&view),
                events: Vec::new(),
                applied,
                sent: Some(Sent::all_of(&view)),
            },
            certainty: if sent {
                Certainty::Unknown { since: at }
            } else {
                Certainty::NotSent { opened: at }
            },
        }
    })
}

fn fields() -> impl Strategy<Value = FieldSet> {
    prop::collection::vec(prop::sample::select(Field::ALL), 0..3).prop_map(FieldSet::from_iter)
}

fn a_failure() -> impl Strategy<Value = Failure> {
    (prop::option::of(moment()), prop::option::of(a_digest()), moment()).prop_map(|(until, digest, since)| {
        Failure {
            reason: Reason::RefusedByProvider,
            message: "no".into(),
            until,
            digest,
            count: 1,
            since,
        }
    })
}

/// Times of Unix time, around zero.
const WALL: i64 = 1 << 28;

fn disabled() -> impl Strategy<Value = Disabled> {
    let again = prop::collection::vec(-WALL..WALL, 0..4);
    (prop::option::of(-WALL..WALL), again, any::<bool>()).prop_map(|(since, again, announced)| Disabled {
        since,
        again,
        announced,
    })
}

/// What decides about what is off, and what is known of the deliveries.
fn off() -> impl Strategy<Value = (Rules, BTreeMap<RemoteKey, Known>)> {
    let asked = prop::sample::select(vec![None, Some(OnDisabled::Report), Some(OnDisabled::Reenable)]);
    let off = prop_oneof![Just(Part::Unknown), a_digest().prop_map(Part::Is)];
    let rules = (asked, off, any::<bool>()).prop_map(|(asked, off, tests)| Rules {
        asked,
        off,
        wall: 0,
        tests,
    });
    let known = (any::<bool>(), prop::option::of(-WALL..WALL));
    let known = known.prop_map(|(failing, arrived)| Known { failing, arrived });
    (rules, prop::collection::btree_map(a_key(), known, 0..3))
}

fn entry() -> impl Strategy<Value = Entry> {
    let hold = prop_oneof![Just(Hold::Owned), Just(Hold::Adopted), Just(Hold::Observed)];
    let proof = prop_oneof![Just(Part::Absent), a_digest().prop_map(Part::Is)];
    let durable = (
        prop::option::of(short_id()),
        (hold, prop::option::of(proof), prop::option::of(view())),
        prop::option::of(a_digest()),
        prop::option::of(view()),
        fields(),
        fields(),
        prop::option::of(pending()),
    );
    let local = (
        prop::option::of((remote(), moment())),
        prop::option::of(moment()),
        prop::option::of(moment()),
        prop::option::of(moment()),
        prop::option::weighted(0.2, short_id()),
        prop::option::of(a_failure()),
        (0_u32..7, moment()),
        disabled(),
    );
    (durable, local).prop_map(|(durable, local)| {
        let (id, (hold, proof, rendering), applied, sent, not_kept, unverifiable, pending) = durable;
        let (seen, doubted, missing_since, absent_at, discard, failure, repairs, disabled) = local;
        Entry {
            id,
            hold,
            stored: proof.is_some(),
            proof,
            rendering: rendering.as_ref().map(Sent::all_of).unwrap_or_default(),
            applied,
            sent: sent.as_ref().map(Sent::all_of),
            not_kept,
            unverifiable,
            pending: pending.map(Box::new),
            seen: seen.map(|(remote, at)| Box::new(Sighting { remote, at })),
            shown: FieldSet::EMPTY,
            doubted,
            missing_since,
            absent_at,
            discard,
            failure,
            repairs,
            disabled,
        }
    })
}

fn memory() -> impl Strategy<Value = Memory> {
    (
        any::<bool>(),
        prop::collection::btree_map(a_key(), entry(), 0..4),
        prop::collection::btree_set(short_id(), 0..2),
    )
        .prop_map(|(finalizer, entries, gone)| Memory {
            finalizer,
            entries: entries.into_iter().collect(),
            gone,
            ..Memory::default()
        })
}

fn capabilities() -> impl Strategy<Value = Capabilities> {
    (any::<bool>(), fields(), fields()).prop_map(|(named, rendered, late)| Capabilities {
        rendered,
        late,
        ..if named { NAMED } else { NAMELESS }
    })
}

fn rivals() -> impl Strategy<Value = Rivals> {
    (
        prop::collection::hash_set(short_id(), 0..2),
        prop::collection::btree_map(a_key(), Just("another".to_owned()), 0..2),
        prop::collection::btree_map(a_key(), Just(5), 0..2),
    )
        .prop_map(|(held, claimed, crowded)| Rivals {
            held,
            claimed,
            crowded,
        })
}

fn replace() -> impl Strategy<Value = Replace> {
    prop::sample::select(vec![
        Replace::KeysOnly,
        Replace::Never,
        Replace::CreateFirst,
        Replace::DeleteFirst,
    ])
}

fn adoption() -> impl Strategy<Value = Adoption> {
    let policy = prop_oneof![
        Just(AdoptionPolicy::IfOwned),
        Just(AdoptionPolicy::IfMatches),
        Just(AdoptionPolicy::ById),
        Just(AdoptionPolicy::Never),
    ];
    (policy, prop::collection::vec(short_id(), 0..3), any::<bool>()).prop_map(|(policy, ids, overwrite)| {
        Adoption {
            policy,
            ids,
            overwrite,
        }
    })
}

fn case() -> impl Strategy<Value = Case> {
    let intent = (wishes(), adoption(), any::<bool>(), any::<bool>());
    let removal = prop::option::of(any::<(bool, bool)>());
    let restraint = any::<(bool, bool, bool)>();
    let provider = (capabilities(), rivals(), replace(), off());
    (
        moment(),
        intent,
        removal,
        memory(),
        prop::option::of(snapshot()),
        restraint,
        provider,
    )
        .prop_map(
            |(
                now,
                (wanted, adoption, observe, correct_drift),
                removal,
                memory,
                snapshot,
                restraint,
                provider,
            )| Case {
                rules: provider.3.0,
                deliveries: provider.3.1,
                capabilities: provider.0,
                rivals: provider.1,
                replace: provider.2,
                now,
                wanted,
                adoption,
                observe,
                correct_drift,
                removal,
                withdrawn: false,
                owner: owner_of("c1", "u1"),
                memory,
                snapshot: snapshot.map(|(begun, remotes)| Snapshot::new(begun, remotes)),
                restraint: Restraint {
                    account_unproven: restraint.0,
                    guard_vanished: restraint.1,
                    guard_deletions: restraint.2,
                },
            },
        )
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn every_situation_has_an_answer_and_notes_come_to_an_end(mut case in case()) {
        let first = case.action();
        prop_assert_eq!(&first, &case.action(), "the same situation has the same answer");
        let mut notes = 0;
        while let Action::Note(note) = case.action() {
            case.memory.note(&note, &case.wanted, case.now);
            notes += 1;
            prop_assert!(notes <= 20, "{:?}", note);
        }
    }

    #[test]
    fn no_situation_lets_an_observer_write(case in case()) {
        let observing = Case { observe: true, removal: None, ..case };
        let discards = observing.memory.entries.values().any(|entry| entry.discard.is_some());
        match observing.action() {
            Action::Create(_) | Action::Update { .. } | Action::RecordIntent(_) | Action::ClaimFinalizer
            | Action::ReleaseFinalizer { .. }
            | Action::SwitchOff { .. }
            | Action::Adopt { stamp: true, .. } => prop_assert!(false, "{:?}", observing.action()),
            Action::Delete(..) => prop_assert!(discards),
            Action::Look(_) | Action::Read(..) | Action::Adopt { stamp: false, .. }
            | Action::Store | Action::Note(_) | Action::Settle(_) => {}
        }
    }

    #[test]
    fn what_was_withdrawn_is_at_most_switched_off_and_only_where_it_is_ours(case in case()) {
        let mut case = Case { withdrawn: true, removal: None, ..case };
        for _ in 0..20 {
            let Action::Note(note) = case.action() else { break };
            case.memory.note(&note, &case.wanted, case.now);
        }
        let named = case.capabilities.identity == Identity::Marker;
        match case.action() {
            Action::SwitchOff { key, id, marker } => {
                let entry = &case.memory.entries[&key];
                prop_assert_eq!(entry.id.as_ref(), Some(&id));
                if named {
                    prop_assert!(marker.is_some_and(|marker| case.owner.wrote(&marker)));
                } else {
                    prop_assert!(entry.proof.is_some());
                }
            }
            Action::Delete(Some(key), id) => {
                prop_assert_eq!(case.memory.entries[&key].discard.as_ref(), Some(&id));
            }
            action @ (Action::Create(_) | Action::Update { .. } | Action::RecordIntent(_) | Action::Delete(None, _)
            | Action::ReleaseFinalizer { .. } | Action::Adopt { stamp: true, .. }) => prop_assert!(false, "{:?}", action),
            _ => {}
        }
    }

    #[test]
    fn no_situation_allows_a_write_without_finalizer_or_marker(case in case()) {
        let finalizer = case.memory.finalizer;
        let named = case.capabilities.identity == Identity::Marker;
        let proven = |key: &RemoteKey, remote: &Remote| {
            let entry = &case.memory.entries[key];
            entry.id.as_ref() == Some(&remote.id) && entry.proof == Some(remote.view.get(Field::Events))
        };
        let newest = |key: &RemoteKey, id: &ExternalId| {
            let seen = case.memory.entries.get(key).and_then(|entry| entry.seen.clone());
            let seen = seen.map(|seen| (seen.remote, seen.at));
            let listed = case.snapshot.as_ref().and_then(|s| Some((s.get(id)?.clone(), s.begun())));
            [listed, seen].into_iter().flatten().max_by_key(|(_, at)| *at)
        };
        match case.action() {
            Action::Create(key) => {
                prop_assert!(finalizer);
                prop_assert!(!case.rivals.claimed.contains_key(&key));
                prop_assert!(!case.rivals.crowded.contains_key(&key));
            }
            Action::Adopt { stamp: true, .. } => prop_assert!(finalizer && named),
            Action::Adopt { id, .. } => {
                prop_assert!(named || !case.rivals.held.contains(&id));
            }
            Action::Update { key, id, .. } => {
                prop_assert!(finalizer);
                let (remote, at) = newest(&key, &id).unwrap();
                if named {
                    prop_assert_eq!(remote.marker, Some(case.owner.marker(&key)));
                } else {
                    prop_assert!(proven(&key, &remote));
                }
                prop_assert!(case.now.since(at) <= Timing::default().fresh);
            }
            Action::Delete(Some(key), id) => {
                let discard = case.memory.entries[&key].discard.as_ref() == Some(&id);
                if !discard {
                    let (remote, at) = newest(&key, &id).unwrap();
                    let marked = remote.marker.is_some_and(|marker| case.owner.wrote(&marker));
                    prop_assert_eq!(if named { marked } else { proven(&key, &remote) }, true);
                    prop_assert!(case.now.since(at) <= Timing::default().fresh);
                    prop_assert!(!case.restraint.guard_deletions);
                }
            }
            _ => {}
        }
    }
}
