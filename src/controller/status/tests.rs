use proptest::prelude::*;

use super::*;

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
    entry.not_kept = FieldSet::of(&[Field::Filters]);
    entry.unverifiable = FieldSet::of(&[Field::Headers]);
    let other = memory.entry(&RemoteKey::parse("other").unwrap());
    other.pending = Some(Pending {
        attempt: 2,
        target: Target {
            url: Part::Is(digest(2)),
            events: vec![EventName::parse("A").unwrap()],
            applied: None,
            sent: None,
        },
        certainty: Certainty::Unknown {
            since: Moment::from_millis(5),
        },
    });
    let _ = key;
    memory
}

fn status(memory: &Memory, key: &HashKey) -> api::WebhookSubscriptionStatus {
    let before = api::WebhookSubscriptionStatus::default();
    let report = Report {
        memory,
        settled: None,
        desired: 2,
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
    let entry = &restored.entries[&RemoteKey::single()];
    assert_eq!((entry.applied, entry.sent), (None, None));
    assert!(entry.id.is_some());
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
        let _ = (decode_digest(&text, &key), decode_sent(&text, &key), decode_sent(&tail, &key));
        let forged = format!("v1:{:08x}:{text}", key.id());
        let _ = decode_sent(&forged, &key);
    }
}
