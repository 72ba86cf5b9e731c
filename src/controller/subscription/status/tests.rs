use proptest::prelude::*;

use super::hashes::{decode_digest, decode_kept};
use super::*;
use operator_core::hash::Fingerprint;
use operator_core::memory::{Certainty, Content, Target};
use operator_core::settings::events_part;
use operator_core::time::Moment;
use operator_core::view::Field;

fn digest(byte: u8) -> Fingerprint {
    HashKey::new([9; 32]).fingerprint("t", [&[byte][..]])
}

fn identity() -> api::Identity {
    api::Identity {
        object_uid: "u".into(),
        cluster_id: "c".into(),
        account: "a".into(),
    }
}

fn memory(key: &HashKey) -> Memory {
    let mut memory = Memory::default();
    let entry = memory.entry(&RemoteKey::single());
    entry.id = Some(ExternalId::parse("id-1").unwrap());
    entry.hold = Hold::Adopted;
    entry.applied = Some(digest(1));
    let mut sent = Sent::default();
    sent.set(Field::Headers, Some(7));
    entry.sent = Some(sent);
    entry.rendering.set(Field::Headers, Some(8));
    entry.stored = true;
    entry.not_kept = FieldSet::of(&[Field::Filters]);
    entry.unverifiable = FieldSet::of(&[Field::Headers]);
    let other = memory.entry(&RemoteKey::parse("other").unwrap());
    other.pending = Some(Box::new(Pending {
        attempt: 2,
        target: Target {
            content: Content {
                url: Part::Is(digest(2)),
                events: events_part(key, &[EventName::parse("A").unwrap()].into()),
                filters: Part::Is(digest(4)),
            },
            events: vec![EventName::parse("A").unwrap()],
            applied: None,
            sent: None,
        },
        certainty: Certainty::Unknown {
            since: Moment::from_millis(5),
        },
    }));
    memory
}

fn status(memory: &Memory, key: &HashKey) -> api::WebhookSubscriptionStatus {
    let before = api::WebhookSubscriptionStatus::default();
    let report = Report {
        memory,
        settled: None,
        wanted: &[],
        able: None,
        enabled: true,
        generation: 3,
        uid: "u",
        key,
        before: &before,
    };
    api::WebhookSubscriptionStatus {
        identity: Some(identity()),
        subscriptions: subscriptions(&report),
        pending_operations: pending_operations(&report, Timestamp::UNIX_EPOCH),
        ..before.clone()
    }
}

#[test]
fn what_status_holds_comes_back_after_a_restart() {
    let key = HashKey::new([9; 32]);
    let memory = memory(&key);
    let now = Moment::from_millis(5);
    assert_eq!(restore(Some(&status(&memory, &key)), |_| true, &key, now), memory);
}

#[test]
fn a_deletion_that_this_operator_did_not_seal_is_not_taken_from_status() {
    let key = HashKey::new([9; 32]);
    let mut memory = Memory::default();
    memory.entry(&RemoteKey::single()).discard = Some(ExternalId::parse("mine").unwrap());
    let mut status = status(&memory, &key);
    assert_eq!(restore(Some(&status), |_| true, &key, Moment::default()), memory);
    status.pending_operations[0].external_id = Some("somebody-elses".into());
    let restored = restore(Some(&status), |_| true, &key, Moment::default());
    assert!(restored.entries.values().all(|entry| entry.discard.is_none()));
}

/// A provider that has no place for a mark, and one remote subscription an event.
fn nameless() -> Capabilities {
    crate::provider::bird::CAPABILITIES
}

#[test]
fn where_nothing_can_be_marked_only_a_sealed_id_is_proven_to_be_ours() {
    let key = HashKey::new([9; 32]);
    let event = EventName::parse("channels/sms.outbound").unwrap();
    let remote_key = RemoteKey::parse(event.as_str()).unwrap();
    let proof = events_part(&key, &[event.clone()].into());
    let mut memory = Memory::default();
    let entry = memory.entry(&remote_key);
    (entry.id, entry.stored, entry.proof) = (Some(ExternalId::parse("mine").unwrap()), true, Some(proof));
    let view = operator_core::view::View::default();
    let wanted = [Wanted {
        key: remote_key.clone(),
        view,
        digest: digest(1),
        events: vec![event],
    }];
    let (before, able) = (api::WebhookSubscriptionStatus::default(), nameless());
    let report = Report {
        memory: &memory,
        settled: None,
        wanted: &wanted,
        able: Some(&able),
        enabled: true,
        generation: 1,
        uid: "u",
        key: &key,
        before: &before,
    };
    let mut status = api::WebhookSubscriptionStatus {
        identity: Some(identity()),
        subscriptions: subscriptions(&report),
        ..before.clone()
    };
    let restored = |status: &api::WebhookSubscriptionStatus, key: &HashKey| {
        let memory = restore(Some(status), |_| true, key, Moment::default());
        memory.entries.get(&remote_key).unwrap().proof
    };
    assert_eq!(restored(&status, &key), Some(proof));
    assert_eq!(
        restored(&status, &HashKey::new([8; 32])),
        None,
        "another operator's seal"
    );
    for forge in [
        |remote: &mut api::RemoteSubscription| remote.external_id = Some("theirs".into()),
        |remote: &mut api::RemoteSubscription| remote.event = Some("channels/sms.inbound".into()),
        |remote: &mut api::RemoteSubscription| remote.seal = None,
    ] {
        let mut forged = status.clone();
        forge(&mut forged.subscriptions[0]);
        assert_eq!(restored(&forged, &key), None);
    }
    if let Some(identity) = &mut status.identity {
        identity.object_uid = "another".into();
    }
    assert_eq!(restored(&status, &key), None, "copied into another object");
}

#[test]
fn an_identity_that_is_not_ours_brings_nothing() {
    let key = HashKey::new([9; 32]);
    let status = status(&memory(&key), &key);
    assert_eq!(
        restore(Some(&status), |_| false, &key, Moment::default()),
        Memory::default()
    );
}

#[test]
fn hashes_of_another_key_are_unknown_and_not_different() {
    let key = HashKey::new([9; 32]);
    let restored = restore(
        Some(&status(&memory(&key), &key)),
        |_| true,
        &HashKey::new([8; 32]),
        Moment::default(),
    );
    let entry = restored.entries.get(&RemoteKey::single()).unwrap();
    assert_eq!((entry.applied, entry.sent), (None, None));
    assert!(entry.id.is_some());
}

#[test]
fn ten_thousand_changes_leave_one_condition_of_each_type() {
    let types = [
        "Ready",
        "Accepted",
        "Synced",
        "Reconciling",
        "Stalled",
        "DeliveryHealthy",
    ];
    let mut conditions = Vec::new();
    let mut largest = 0;
    for turn in 0..10_000 {
        let second = i64::try_from(turn).unwrap();
        let truth = [
            verdict::Truth::True,
            verdict::Truth::False,
            verdict::Truth::Unknown,
        ][turn % 3];
        let reason = Reason::ALL[turn % Reason::ALL.len()];
        let condition = verdict::Condition::new(truth, reason, "x".repeat(turn % 5000));
        let set = (turn % 7 != 0).then_some(&condition);
        let now = Timestamp::from_second(second).unwrap();
        set_condition(&mut conditions, types[turn % types.len()], set, second, now);
        if turn % 64 == 63 {
            largest = largest.max(serde_json::to_string(&conditions).unwrap().len());
        }
    }
    assert!(conditions.len() <= types.len());
    assert!(largest <= 8 * 1024, "{largest} bytes");
}

#[test]
fn a_transition_time_moves_only_with_the_status() {
    let at = |second| Timestamp::from_second(second).unwrap();
    let condition = |truth| verdict::Condition::new(truth, Reason::InSync, "m");
    let mut conditions = Vec::new();
    set_condition(
        &mut conditions,
        "Ready",
        Some(&condition(verdict::Truth::True)),
        1,
        at(1),
    );
    set_condition(
        &mut conditions,
        "Ready",
        Some(&condition(verdict::Truth::True)),
        2,
        at(2),
    );
    assert_eq!(
        (
            conditions[0].last_transition_time.0,
            conditions[0].observed_generation
        ),
        (at(1), Some(2))
    );
    set_condition(
        &mut conditions,
        "Ready",
        Some(&condition(verdict::Truth::False)),
        2,
        at(3),
    );
    assert_eq!(conditions[0].last_transition_time.0, at(3));
    set_condition(&mut conditions, "Ready", None, 2, at(4));
    assert!(conditions.is_empty());
}

proptest! {
    #[test]
    fn reading_hashes_never_panics(text in ".{0,60}", tail in "v1:[0-9a-f]{8}:.{0,60}") {
        let key = HashKey::new([9; 32]);
        let _ = (decode_digest(&text, &key), decode_kept(&text, &key), decode_kept(&tail, &key));
        let forged = format!("v1:{:08x}:{text}", key.id());
        let _ = decode_kept(&forged, &key);
    }
}
