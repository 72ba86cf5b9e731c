//! All conditions of each situation, and not only those that sum up.

use super::*;

/// The conditions in a line, `Ready` first; `-` = absent, or left as it is.
fn told(phase: &Phase, context: &Context) -> String {
    let of = |condition: &Condition| format!("{}/{}", condition.truth.as_str(), condition.reason);
    let verdict = verdict(phase, context);
    let others = [
        &verdict.accepted,
        &verdict.synced,
        &verdict.reconciling,
        &verdict.stalled,
    ];
    let others = others.map(|condition| condition.as_ref().map_or_else(|| "-".to_owned(), of));
    let in_sync = if verdict.in_sync { " in sync" } else { "" };
    format!("{} {}{in_sync}", of(&verdict.ready), others.join(" "))
}

/// What a phase looks like once the object is being deleted.
fn deleting(phase: Phase) -> Phase {
    match phase {
        Phase::Settled(settled) => Phase::Deleting(settled),
        other => other,
    }
}

fn stalled() -> Phase {
    one(KeyState::Stalled(Reason::RefusedByProvider, String::new()))
}

#[test]
fn each_end_and_each_wait_has_its_conditions() {
    let waiting = |reason| one(KeyState::Waiting(reason));
    let off = one(KeyState::Off("off".into()));
    let drifted = one(KeyState::Drifted(FieldSet::EMPTY, Reason::DriftDetected));
    let kept = one(KeyState::InSync {
        not_kept: FieldSet::of(&[crate::view::Field::Url]),
        unverifiable: FieldSet::EMPTY,
    });
    for (phase, context, expected) in [
        (
            one(IN_SYNC_STATE),
            NEW,
            "True/InSync True/Valid True/InSync - - in sync",
        ),
        (
            stalled(),
            SYNCED,
            "False/RefusedByProvider True/Valid False/RefusedByProvider - True/RefusedByProvider",
        ),
        (
            kept,
            SYNCED,
            "False/CannotClear True/Valid False/CannotClear - True/CannotClear",
        ),
        (
            off,
            SYNCED,
            "False/DisabledByProvider True/Valid False/DisabledByProvider - -",
        ),
        (
            drifted,
            SYNCED,
            "True/InSync True/Valid False/DriftDetected - - in sync",
        ),
        (
            waiting(Reason::WaitingForList),
            NEW,
            "Unknown/Progressing True/Valid Unknown/Progressing True/Progressing -",
        ),
        (
            Phase::Parked(Reason::WaitingForList),
            EDITED,
            "False/ProgressingWithRetry True/Valid Unknown/Progressing True/Progressing -",
        ),
        (
            waiting(Reason::WaitingForList),
            SYNCED,
            "True/InSync True/Valid - - - in sync",
        ),
        (
            waiting(Reason::CreateOutcomeUnknown),
            NEW,
            "False/ProgressingWithRetry True/Valid False/CreateOutcomeUnknown True/ProgressingWithRetry -",
        ),
        (
            waiting(Reason::CreateOutcomeUnknown),
            SYNCED,
            "True/InSync True/Valid - - - in sync",
        ),
        (
            waiting(Reason::RemoteMissing),
            SYNCED,
            "True/InSync True/Valid False/RemoteMissing - -",
        ),
    ] {
        assert_eq!(told(&phase, &context), expected, "{phase:?}");
    }
}

#[test]
fn each_failure_and_each_deletion_has_its_conditions() {
    let rejected = Phase::Rejected(Reason::InsecureURL, String::new());
    let blocked = Phase::Blocked(Reason::SecretNotFound, String::new());
    for (phase, context, expected) in [
        (
            rejected,
            SYNCED,
            "False/InsecureURL False/InsecureURL - - True/InsecureURL",
        ),
        (
            blocked,
            late(NEW),
            "False/SecretNotFound False/SecretNotFound False/SecretNotFound - -",
        ),
        (
            failing(),
            NEW,
            "False/ProgressingWithRetry True/Valid False/ProviderUnreachable True/ProgressingWithRetry -",
        ),
        (
            failing(),
            SYNCED,
            "True/InSync True/Valid False/ProviderUnreachable - -",
        ),
        (
            failing(),
            late(SYNCED),
            "False/ProviderUnreachable True/Valid False/ProviderUnreachable - -",
        ),
        (deleting(failing()), SYNCED, "False/Deleting - - True/Deleting -"),
        (
            deleting(stalled()),
            SYNCED,
            "False/DeletionBlocked - False/DeletionBlocked - True/DeletionBlocked",
        ),
        (
            Phase::DeletionBlocked(String::new()),
            SYNCED,
            "False/DeletionBlocked - False/DeletionBlocked - True/DeletionBlocked",
        ),
    ] {
        assert_eq!(told(&phase, &context), expected, "{phase:?}");
    }
}

#[test]
fn the_three_truths_are_written_as_the_api_has_them() {
    let all = [Truth::True, Truth::False, Truth::Unknown].map(Truth::as_str);
    assert_eq!(all, ["True", "False", "Unknown"]);
}

/// As of several keys, `a` first.
fn several(states: [KeyState; 2]) -> Phase {
    let keys = ["a", "b"].map(|key| RemoteKey::parse(key).unwrap());
    Phase::Settled(Settled {
        keys: keys.into_iter().zip(states).collect(),
        ..Settled::default()
    })
}

#[test]
fn what_waits_weighs_more_than_drift_until_the_object_has_been_in_sync() {
    let drifted = || KeyState::Drifted(FieldSet::EMPTY, Reason::DriftDetected);
    let waiting = || KeyState::Waiting(Reason::WaitingForList);
    for states in [[drifted(), waiting()], [waiting(), drifted()]] {
        let phase = several(states);
        assert_eq!(shown(&phase, &NEW).1, Reason::Progressing);
        let synced = verdict(&phase, &SYNCED).synced.map(|synced| synced.reason);
        assert_eq!(synced, Some(Reason::DriftDetected));
    }
}

#[test]
fn ready_says_the_same_in_a_short_outage_as_before() {
    let before = verdict(&one(IN_SYNC_STATE), &SYNCED).ready;
    assert!(!before.message.is_empty());
    for phase in [failing(), Phase::Parked(Reason::Throttled)] {
        assert_eq!(verdict(&phase, &SYNCED).ready, before, "{phase:?}");
    }
}

#[test]
fn what_is_off_stays_told_until_something_else_is_to_be_told() {
    let well = verdict(&Phase::Parked(Reason::Throttled), &SYNCED);
    let told = well.clone().while_off("it is off");
    let off = Condition::new(Truth::False, Reason::DisabledByProvider, "it is off");
    assert_eq!(told, Verdict { ready: off, ..well });
    for other in [verdict(&failing(), &NEW), verdict(&failing(), &late(SYNCED))] {
        assert_eq!(other.clone().while_off("it is off"), other);
    }
}

#[test]
fn a_deletion_says_what_it_waits_for() {
    let said = |state| verdict(&deleting(one(state)), &SYNCED).ready.message;
    let failing = KeyState::Failing(Reason::ProviderUnavailable, "status 503".into());
    assert_eq!(said(failing), "status 503");
    let waiting = said(KeyState::Waiting(Reason::WaitingForBudget));
    assert_eq!(waiting, Reason::WaitingForBudget.explanation().trim());
    assert_eq!(said(IN_SYNC_STATE), "the remote subscription is being deleted");
}

#[test]
fn deliveries_are_healthy_failing_or_not_looked_at() {
    let of = |overall, monitored| delivery_condition(overall, monitored, &["A".into(), "B".into()]);
    for (overall, truth, reason) in [
        (Overall::Unknown, Truth::Unknown, Reason::NoRecentDelivery),
        (Overall::Healthy, Truth::True, Reason::DeliveriesSucceeding),
        (Overall::Failing, Truth::False, Reason::DeliveriesFailing),
    ] {
        let told = of(overall, true);
        assert_eq!((told.truth, told.reason), (truth, reason));
        assert_eq!(told.message.contains("A, B"), overall == Overall::Failing);
        assert_eq!(of(overall, false).reason, Reason::NotMonitored);
    }
}
