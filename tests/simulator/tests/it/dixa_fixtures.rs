//! The simulator answers the documented example requests with the documented example bodies.

use crate::rig::Rig;
use http::Method;
use provider_simulator::{Config, DeliveryResult};
use serde_json::{Value, json};
use uuid::Uuid;

macro_rules! fixture {
    ($name:literal) => {
        serde_json::from_str::<Value>(include_str!(concat!("../../fixtures/dixa/", $name, ".json"))).unwrap()
    };
}

/// Replaces what differs from run to run by its kind, so that the rest can be compared exactly.
fn substituted(value: Value) -> Value {
    match value {
        Value::String(text) => Value::String(kind_of(&text).map_or(text, str::to_owned)),
        Value::Array(items) => items.into_iter().map(substituted).collect(),
        Value::Object(members) => members
            .into_iter()
            .map(|(name, value)| (name, substituted(value)))
            .collect(),
        other => other,
    }
}

fn kind_of(text: &str) -> Option<&'static str> {
    let is_key = text.len() == 64 && text.bytes().all(|byte| byte.is_ascii_hexdigit());
    let is_time = text.len() == 24 && text.ends_with('Z') && text.as_bytes()[10] == b'T';
    match serde_json::from_str::<Value>(text) {
        Ok(Value::Object(payload)) if payload["event_fqn"] == "CONVERSATION_CLOSED" => Some("a payload"),
        _ if Uuid::try_parse(text).is_ok() && text != "5d0c8b5e-0000-4000-8000-00000000000a" => {
            Some("a UUID")
        }
        _ if is_key => Some("a key"),
        _ if is_time => Some("a time"),
        _ => None,
    }
}

#[track_caller]
fn assert_fits(answer: &Value, fixture: Value) {
    assert_eq!(substituted(answer.clone()), substituted(fixture));
}

async fn rig_with_example() -> (Rig, Uuid) {
    let rig = Rig::with(&[("dixa.eventOrder", "asSent")]).await;
    let answer = rig.post(&fixture!("create-request")).await;
    assert_eq!(answer.status, 201);
    assert_fits(&answer.json(), fixture!("create-response"));
    let id = serde_json::from_value(answer.data()["id"].clone()).unwrap();
    (rig, id)
}

#[tokio::test]
async fn create_get_and_patch_answer_like_the_examples() {
    let (rig, id) = rig_with_example().await;
    let path = format!("/v1/webhooks/{id}");
    let read = rig.get(&path).await;
    assert_eq!(read.status, 200);
    assert_fits(&read.json(), fixture!("get-response"));

    rig.switch("dixa.echoCustomHeaders", "yes");
    assert_fits(
        &rig.get(&path).await.json(),
        fixture!("get-response-echoed-headers"),
    );
    rig.switch("dixa.echoCustomHeaders", "no");

    let before = read.data();
    let changed = rig.patch(id, &fixture!("patch-request")).await;
    assert_eq!(changed.status, 200);
    assert_fits(&changed.json(), fixture!("patch-response"));
    assert_eq!(changed.data()["createdAt"], before["createdAt"]);
    assert_ne!(changed.data()["updatedAt"], before["updatedAt"]);
}

#[tokio::test]
async fn the_list_answers_like_the_examples() {
    let rig = Rig::start().await;
    assert_fits(
        &rig.get("/v1/webhooks").await.json(),
        fixture!("list-response-empty"),
    );
    assert_eq!(rig.post(&fixture!("create-request-token")).await.status, 201);
    assert_fits(&rig.get("/v1/webhooks").await.json(), fixture!("list-response"));
    rig.create("second").await;
    rig.switch("dixa.pageSize", "1");
    assert_eq!(rig.get("/v1/webhooks").await.json(), {
        let mut page = fixture!("list-response-paged");
        page["data"] = json!([rig.get("/v1/webhooks").await.data()[0]]);
        page
    });
}

#[tokio::test]
async fn a_subscription_without_authentication_has_no_headers() {
    let rig = Rig::start().await;
    let created = rig.post(&fixture!("create-request-no-auth")).await;
    assert_eq!(created.status, 201);
    assert_fits(&created.json(), fixture!("get-response-no-auth"));
}

#[tokio::test]
async fn delivery_status_and_logs_answer_like_the_examples() {
    let (rig, id) = rig_with_example().await;
    let failure = DeliveryResult {
        event: "ConversationClosed".to_owned(),
        success: false,
        response_code: 503,
        response_text: "Service Unavailable".to_owned(),
        times: None,
        time_ms: None,
    };
    rig.simulator.dixa().record_delivery(id, &failure).unwrap();
    let status = rig.get(&format!("/v1/webhooks/{id}/delivery-status")).await;
    assert_eq!(status.status, 200);
    let by_event = |mut answer: Value| {
        answer["data"]
            .as_array_mut()
            .unwrap()
            .sort_by_key(|one| one["event"].to_string());
        answer
    };
    assert_fits(&by_event(status.json()), fixture!("delivery-status-response"));
    let logs = rig
        .get(&format!(
            "/v1/webhooks/{id}/delivery-status/logs/ConversationClosed"
        ))
        .await;
    assert_eq!(logs.status, 200);
    assert_fits(&logs.json(), fixture!("delivery-logs-response"));
}

#[tokio::test]
async fn deletion_and_errors_answer_like_the_examples() {
    let (rig, id) = rig_with_example().await;
    let path = format!("/beta/webhooks/{id}");
    let deleted = rig.send(Method::DELETE, &path, None).await;
    assert_eq!((deleted.status.as_u16(), deleted.body.len()), (204, 0));
    let again = rig.send(Method::DELETE, &path, None).await;
    assert_eq!(
        (again.status.as_u16(), again.json()),
        (404, fixture!("error-not-found"))
    );
    let bad_path = rig.get("/beta/webhooks/not-a-uuid").await;
    assert_eq!(
        (bad_path.status.as_u16(), bad_path.json()),
        (400, fixture!("error-invalid-value"))
    );
    let bad_body = rig.post(&json!({ "name": 1 })).await;
    assert_eq!(
        (bad_body.status.as_u16(), bad_body.json()),
        (400, fixture!("error-decoding"))
    );
}

#[test]
fn the_default_token_is_the_one_of_the_examples() {
    assert_eq!(Config::DIXA_TOKEN, "dixa-token-example");
}
