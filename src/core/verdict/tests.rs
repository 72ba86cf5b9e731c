use proptest::prelude::*;

use super::*;

mod conditions;

const NEW: Context = Context {
    synced_before: false,
    ever_synced: false,
    failing_for: Duration::ZERO,
    grace: Duration::from_secs(300),
};
const EDITED: Context = Context {
    ever_synced: true,
    ..NEW
};
const SYNCED: Context = Context {
    synced_before: true,
    ..EDITED
};

fn late(context: Context) -> Context {
    Context {
        failing_for: Duration::from_secs(300),
        ..context
    }
}

const IN_SYNC_STATE: KeyState = KeyState::InSync {
    not_kept: FieldSet::EMPTY,
    unverifiable: FieldSet::EMPTY,
};

pub(super) fn one(state: KeyState) -> Phase {
    Phase::Settled(Settled {
        keys: [(RemoteKey::single(), state)].into(),
        ..Settled::default()
    })
}

fn failing() -> Phase {
    one(KeyState::Failing(
        Reason::ProviderUnreachable,
        "no connection".into(),
    ))
}

/// (Ready, its reason, Reconciling, Stalled)
fn shown(phase: &Phase, context: &Context) -> (Truth, Reason, bool, bool) {
    let verdict = verdict(phase, context);
    (
        verdict.ready.truth,
        verdict.ready.reason,
        verdict.reconciling.is_some(),
        verdict.stalled.is_some(),
    )
}

#[test]
fn ready_leads_to_the_documentation_where_a_person_is_needed() {
    let of = |truth, reason, message: &str| Condition::new(truth, reason, message).message_of_ready();
    let address = Reason::InsecureURL.address();
    assert_eq!(
        of(Truth::False, Reason::InsecureURL, "use https."),
        format!("use https; see {address}")
    );
    assert_eq!(
        of(Truth::False, Reason::InsecureURL, ""),
        format!("see {address}")
    );
    for reason in [Reason::Progressing, Reason::Deleting, Reason::WaitingForBudget] {
        assert_eq!(of(Truth::False, reason, "wait"), "wait");
    }
    assert_eq!(of(Truth::Unknown, Reason::InsecureURL, "wait"), "wait");
    assert_eq!(of(Truth::True, Reason::InSync, "well"), "well");
}

#[test]
fn the_table_of_situations() {
    let in_sync = one(KeyState::InSync {
        not_kept: FieldSet::EMPTY,
        unverifiable: FieldSet::EMPTY,
    });
    let stalled = one(KeyState::Stalled(Reason::RefusedByProvider, String::new()));
    let rejected = Phase::Rejected(Reason::InsecureURL, String::new());
    let waiting = one(KeyState::Waiting(Reason::WaitingForList));
    let cases = [
        (
            "just created",
            &waiting,
            NEW,
            (Truth::Unknown, Reason::Progressing, true, false),
        ),
        (
            "in sync",
            &in_sync,
            SYNCED,
            (Truth::True, Reason::InSync, false, false),
        ),
        (
            "edited",
            &waiting,
            EDITED,
            (Truth::False, Reason::ProgressingWithRetry, true, false),
        ),
        (
            "never ready, failing",
            &failing(),
            NEW,
            (Truth::False, Reason::ProgressingWithRetry, true, false),
        ),
        (
            "the same, late",
            &failing(),
            late(NEW),
            (Truth::False, Reason::ProviderUnreachable, false, false),
        ),
        (
            "synced, failing",
            &failing(),
            SYNCED,
            (Truth::True, Reason::InSync, false, false),
        ),
        (
            "the same, late",
            &failing(),
            late(SYNCED),
            (Truth::False, Reason::ProviderUnreachable, false, false),
        ),
        (
            "refused",
            &stalled,
            SYNCED,
            (Truth::False, Reason::RefusedByProvider, false, true),
        ),
        (
            "bad spec",
            &rejected,
            NEW,
            (Truth::False, Reason::InsecureURL, false, true),
        ),
        (
            "deleting",
            &Phase::Deleting(Settled::default()),
            SYNCED,
            (Truth::False, Reason::Deleting, true, false),
        ),
        (
            "blocked",
            &Phase::DeletionBlocked(String::new()),
            SYNCED,
            (Truth::False, Reason::DeletionBlocked, false, true),
        ),
    ];
    for (name, phase, context, expected) in cases {
        assert_eq!(shown(phase, &context), expected, "{name}");
    }
}

#[test]
fn a_short_outage_shows_in_synced_only() {
    let verdict = verdict(&failing(), &SYNCED);
    assert_eq!(
        verdict.synced.map(|synced| (synced.truth, synced.reason)),
        Some((Truth::False, Reason::ProviderUnreachable))
    );
}

#[test]
fn what_cannot_be_cleared_stalls_and_what_cannot_be_seen_does_not() {
    let filters = FieldSet::of(&[crate::view::Field::Filters]);
    let kept = one(KeyState::InSync {
        not_kept: filters,
        unverifiable: FieldSet::EMPTY,
    });
    assert_eq!(
        shown(&kept, &SYNCED),
        (Truth::False, Reason::CannotClear, false, true)
    );
    let unseen = one(KeyState::InSync {
        not_kept: FieldSet::EMPTY,
        unverifiable: filters,
    });
    assert_eq!(
        shown(&unseen, &SYNCED),
        (Truth::True, Reason::InSync, false, false)
    );
    let synced = verdict(&unseen, &SYNCED).synced.unwrap();
    assert_eq!(
        (synced.truth, synced.reason),
        (Truth::Unknown, Reason::Unverifiable)
    );
}

#[test]
fn with_several_keys_the_worst_speaks_and_is_named() {
    let ok = KeyState::InSync {
        not_kept: FieldSet::EMPTY,
        unverifiable: FieldSet::EMPTY,
    };
    let bad = KeyState::Stalled(Reason::RefusedByProvider, "no".into());
    let keys = [
        (RemoteKey::parse("a").unwrap(), bad),
        (RemoteKey::parse("b").unwrap(), ok),
    ]
    .into();
    let verdict = verdict(
        &Phase::Settled(Settled {
            keys,
            ..Settled::default()
        }),
        &SYNCED,
    );
    assert_eq!(verdict.ready.message, "a: no");
}

#[test]
fn all_keys_that_fail_are_named_and_those_with_the_same_reason_together() {
    let refused = |message: &str| KeyState::Stalled(Reason::RefusedByProvider, message.into());
    let failing = KeyState::Failing(Reason::Throttled, "later".into());
    let states = [
        ("a", refused("no")),
        ("b", IN_SYNC_STATE),
        ("c", failing),
        ("d", refused("no")),
    ];
    let keys = states.map(|(key, state)| (RemoteKey::parse(key).unwrap(), state));
    let settled = Settled {
        keys: keys.into(),
        ..Settled::default()
    };
    let verdict = verdict(&Phase::Settled(settled), &SYNCED);
    assert_eq!(verdict.ready.message, "a, d: no; c: later");
}

fn any_state() -> impl Strategy<Value = KeyState> {
    let reason = proptest::sample::select(Reason::ALL);
    prop_oneof![
        Just(KeyState::InSync {
            not_kept: FieldSet::EMPTY,
            unverifiable: FieldSet::EMPTY
        }),
        reason.clone().prop_map(|r| KeyState::Drifted(FieldSet::EMPTY, r)),
        reason.clone().prop_map(KeyState::Waiting),
        reason.clone().prop_map(|r| KeyState::Failing(r, String::new())),
        reason.prop_map(|r| KeyState::Stalled(r, String::new())),
    ]
}

proptest! {
    #[test]
    fn reconciling_and_stalled_are_never_both_there(
        states in proptest::collection::vec(any_state(), 0..4),
        synced_before: bool, ever: bool, seconds in 0_u64..600, deleting: bool,
    ) {
        let keys = states.into_iter().enumerate().map(|(i, s)| (RemoteKey::parse(&format!("k{i}")).unwrap(), s));
        let settled = Settled { keys: keys.collect(), ..Settled::default() };
        let phase = if deleting { Phase::Deleting(settled) } else { Phase::Settled(settled) };
        let failing_for = Duration::from_secs(seconds);
        let context = Context { synced_before, ever_synced: ever || synced_before, failing_for, ..NEW };
        let verdict = verdict(&phase, &context);
        prop_assert!(verdict.reconciling.is_none() || verdict.stalled.is_none());
        prop_assert!(verdict.ready.truth != Truth::True || verdict.reconciling.is_none() && verdict.stalled.is_none());
        prop_assert!(verdict.stalled.is_none() || verdict.ready.truth == Truth::False);
        prop_assert!(!verdict.in_sync || verdict.ready.truth == Truth::True);
    }
}

proptest! {
    /// However long a message is and whatever it is made of, the address is whole and the limit kept.
    #[test]
    fn the_address_is_whole_within_the_limit(message in "\\PC{0,2000}", at in 0..Reason::ALL.len()) {
        let condition = Condition::new(Truth::False, Reason::ALL[at], message);
        let told = condition.message_of_ready();
        prop_assert!(told.chars().count() <= MESSAGE_MAX);
        let again = Condition::new(Truth::False, condition.reason, told.clone());
        prop_assert_eq!(again.message_of_ready(), told.clone());
        let whole = told.ends_with(&condition.reason.address());
        prop_assert_eq!(whole, !condition.reason.is_under_way());
    }
}
