//! The simulator answers the example requests with the example bodies.

use crate::babel_rig::{Babel, PATH};
use http::Method;
use provider_simulator::{
    Config,
    babel::{DeliveryResult, EventType},
};
use serde_json::Value;

macro_rules! fixture {
    ($name:literal) => {
        serde_json::from_str::<Value>(include_str!(concat!("../../fixtures/babel/", $name, ".json"))).unwrap()
    };
}

/// Replaces dates, which differ from run to run, by their kind.
fn substituted(value: Value) -> Value {
    match value {
        Value::String(text) => {
            let is_date = matches!(text.len(), 23 | 24) && text.as_bytes()[10] == b'T';
            let kind = if text.ends_with('Z') {
                "a date with a zone"
            } else {
                "a date without one"
            };
            Value::String(if is_date { kind.to_owned() } else { text })
        }
        Value::Array(items) => items.into_iter().map(substituted).collect(),
        Value::Object(members) => members
            .into_iter()
            .map(|(name, value)| (name, substituted(value)))
            .collect(),
        other => other,
    }
}

#[track_caller]
fn assert_fits(answer: &Value, fixture: Value) {
    assert_eq!(substituted(answer.clone()), substituted(fixture));
}

/// The friendly positions, in which the bodies are complete.
async fn complete() -> Babel {
    let babel = Babel::with(&[
        ("babel.omitDefaults", "no"),
        ("babel.headersForm", "json"),
        ("babel.showSecret", "yes"),
        ("babel.zone", "with"),
        ("babel.total", "present"),
        ("babel.messageOnSuccess", "empty"),
    ])
    .await;
    babel.rig.simulator.babel().set_next_id(41);
    babel
}

#[tokio::test]
async fn create_get_list_put_and_delete_answer_like_the_examples() {
    let babel = complete().await;
    let created = babel.post(&fixture!("create-request")).await;
    assert_eq!(created.status, 200);
    assert_fits(&created.json(), fixture!("create-response"));
    let path = format!("{PATH}/41");
    assert_fits(&babel.get(&path).await.json(), fixture!("create-response"));
    let list = babel.get(&format!("{PATH}?take=100&skip=0")).await;
    assert_fits(&list.json(), fixture!("list-response"));

    let before = babel.read(41).await;
    let changed = babel.put(41, &fixture!("put-request")).await;
    assert_eq!(changed.status, 200);
    assert_fits(&changed.json(), fixture!("put-response"));
    let after = babel.read(41).await;
    assert_eq!(after["createdAt"], before["createdAt"]);
    assert_ne!(after["updatedAt"], before["updatedAt"]);

    let deleted = babel.delete(&path).await;
    assert_eq!(
        (deleted.status.as_u16(), deleted.json()),
        (200, fixture!("success-response"))
    );
    for answer in [babel.delete(&path).await, babel.get(&path).await] {
        assert_eq!(
            (answer.status.as_u16(), answer.json()),
            (200, fixture!("failure-response"))
        );
    }
}

#[tokio::test]
async fn by_default_members_with_their_default_are_left_out() {
    let babel = Babel::start().await;
    babel.rig.simulator.babel().set_next_id(42);
    let empty = babel.get(PATH).await.json();
    assert_fits(&empty, fixture!("list-response-empty-defaults-left-out"));
    let created = babel.post(&fixture!("create-request-paused")).await;
    assert_fits(&created.json(), fixture!("create-response-defaults-left-out"));
    let absent = babel.get(&format!("{PATH}/7")).await.json();
    assert_fits(&absent, fixture!("failure-response-default-left-out"));
}

#[tokio::test]
async fn event_types_and_events_answer_like_the_examples() {
    let babel = complete().await;
    let control = babel.rig.simulator.babel();
    let types = ["license.created", "license.revoked"]
        .map(EventType::named)
        .to_vec();
    control.set_event_types(Config::BABEL_INSTALLATION, types);
    let shown = babel.get("/v1/webhooks/event-types").await.json();
    assert_eq!(shown, fixture!("event-types-response"));

    babel.post(&fixture!("create-request")).await;
    let (test, events) = (
        format!("{PATH}/41/test"),
        format!("{PATH}/41/events?take=50&skip=0"),
    );
    let made = babel
        .send(Method::POST, &test, Some(&fixture!("test-request")))
        .await;
    assert_eq!(made.json(), fixture!("test-response"));
    assert_fits(
        &babel.get(&events).await.json(),
        fixture!("events-response-pending"),
    );
    let result = DeliveryResult {
        event_id: Some(9001),
        payload: Some(r#"{"example":true}"#.to_owned()),
        response: "Service Unavailable".to_owned(),
        retry_count: 1,
        next_retry_at_ms: Some(1_767_225_600_000),
        ..DeliveryResult::answered(503)
    };
    control.record_delivery(41, &result).unwrap();
    assert_fits(&babel.get(&events).await.json(), fixture!("events-response"));
    let deleted = babel.delete(&format!("{PATH}/41/events/9001")).await;
    assert_eq!(deleted.json(), fixture!("success-response"));
}

#[test]
fn the_default_key_is_the_one_of_the_examples() {
    assert_eq!(Config::BABEL_KEY, "api_EXAMPLEEXAMPLEEXAMPLE0001");
}
