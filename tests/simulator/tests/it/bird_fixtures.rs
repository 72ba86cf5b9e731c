//! The simulator answers the example requests with the example bodies.

use crate::bird_rig::{Bird, long};
use http::Method;
use provider_simulator::{Config, bird::DeliveryResult};
use serde_json::{Value, json};
use uuid::Uuid;

macro_rules! fixture {
    ($name:literal) => {
        serde_json::from_str::<Value>(include_str!(concat!("../../fixtures/bird/", $name, ".json"))).unwrap()
    };
}

/// Replaces ids and dates of a subscription, which differ from run to run.
fn substituted(mut value: Value) -> Value {
    if let Some(results) = value.get_mut("results").and_then(Value::as_array_mut) {
        *results = results.drain(..).map(substituted).collect();
        return value;
    }
    for (name, kind) in [("id", "a UUID"), ("createdAt", "a date"), ("updatedAt", "a date")] {
        if let Some(member) = value.get_mut(name) {
            let text = member.as_str().unwrap();
            let fits = match kind {
                "a UUID" => Uuid::try_parse(text).is_ok(),
                _ => text.len() == 24 && text.ends_with('Z'),
            };
            assert!(fits, "{name}: {text}");
            *member = json!(kind);
        }
    }
    value
}

#[track_caller]
fn assert_fits(answer: &Value, fixture: Value) {
    assert_eq!(substituted(answer.clone()), substituted(fixture));
}

async fn bird_with_example() -> (Bird, Uuid) {
    let bird = Bird::start().await;
    let answer = bird.post(&fixture!("create-request")).await;
    assert_eq!(answer.status, 201);
    assert_fits(&answer.json(), fixture!("create-response"));
    let id = serde_json::from_value(answer.json()["id"].clone()).unwrap();
    (bird, id)
}

#[tokio::test]
async fn create_get_list_and_patch_answer_like_the_examples() {
    let (bird, id) = bird_with_example().await;
    let read = bird.get(&format!("/{id}")).await;
    assert_eq!(read.status, 200);
    assert_fits(&read.json(), fixture!("create-response"));
    bird.rig.switch("bird.signingKey", "shown");
    let shown = bird.get(&format!("/{id}")).await.json();
    assert_fits(&shown, fixture!("get-response-signing-key"));
    bird.rig.switch("bird.signingKey", "hidden");

    let list = bird.get("?limit=100").await.json();
    assert_fits(&list, fixture!("list-response-last-page"));
    let base = long(Config::BIRD_ORGANIZATION, Config::BIRD_WORKSPACE);
    let other_form = bird.try_send(Method::GET, &base, None).await.unwrap();
    assert_eq!(other_form.json(), list);
    bird.rig.switch("bird.lastPage", "absent");
    let list = bird.get("?limit=100").await.json();
    assert_fits(&list, fixture!("list-response-without-token"));

    let changed = bird.patch(id, &fixture!("patch-request")).await;
    assert_eq!(changed.status, 200);
    assert_fits(&changed.json(), fixture!("patch-response"));
    assert_eq!(changed.json()["createdAt"], read.json()["createdAt"]);
    assert_ne!(changed.json()["updatedAt"], read.json()["updatedAt"]);
    let kept = bird.rig.simulator.bird().subscription(id).unwrap();
    assert_eq!(kept.content.signing_key.as_deref(), Some("example-signing-key-2"));
}

#[tokio::test]
async fn a_subscription_needs_neither_filters_nor_key() {
    let bird = Bird::with(&[("bird.emptyFilters", "omit")]).await;
    let created = bird.post(&fixture!("create-request-no-filters")).await;
    assert_eq!(created.status, 201);
    assert_fits(&created.json(), fixture!("create-response-no-filters"));
}

#[tokio::test]
async fn logs_and_errors_answer_like_the_examples() {
    let (bird, id) = bird_with_example().await;
    let result = DeliveryResult {
        attempt_count: Some(3),
        request_id: Some(Uuid::from_u128(0x5555_5555_0000_4000_8000_0000_0000_0005)),
        ..DeliveryResult::answered(503)
    };
    bird.rig.simulator.bird().record_delivery(id, &result).unwrap();
    let logs = bird.get(&format!("/{id}/logs?limit=100")).await;
    assert_eq!(logs.status, 200);
    assert_fits(&logs.json(), fixture!("logs-response"));

    let refused = bird.post(&json!({"service": "channels"})).await;
    assert_eq!(
        (refused.status.as_u16(), refused.json()),
        (400, fixture!("error-invalid"))
    );
    assert_eq!(bird.delete(id).await.status, 202);
    let absent = bird.get(&format!("/{id}")).await;
    assert_eq!(
        (absent.status.as_u16(), absent.json()),
        (404, fixture!("error-not-found"))
    );
}

#[test]
fn the_default_credential_and_place_are_those_of_the_examples() {
    assert_eq!(Config::BIRD_KEY, "example-access-key");
    let example = fixture!("create-response");
    assert_eq!(example["organizationId"], json!(Config::BIRD_ORGANIZATION));
    assert_eq!(example["workspaceId"], json!(Config::BIRD_WORKSPACE));
}
