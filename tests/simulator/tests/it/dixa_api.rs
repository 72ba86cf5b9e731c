//! Dixa's API: what it takes, what it refuses, who sees what.

use crate::rig::{Rig, body};
use http::Method;
use provider_simulator::{DeliveryResult, HAND_USER, Token};
use serde_json::{Value, json};

const DECODING: &str = "Decoding failure in request";
const INVALID: &str = "Invalid value in request";

fn with(member: &str, value: Value) -> Value {
    let mut body = body("a");
    body[member] = value;
    body
}

fn without(member: &str) -> Value {
    let mut body = body("a");
    body.as_object_mut().unwrap().remove(member);
    body
}

fn filter(conditions: &Value) -> Value {
    let filter = json!({"_type": "CombinedFilters", "strategy": "All", "conditions": conditions});
    with("filters", json!({ "Conversation": filter }))
}

#[tokio::test]
async fn bodies_that_do_not_have_the_documented_shape_are_refused() {
    let rig = Rig::start().await;
    let one = json!([{"_type": "IsOneOf", "field": "QueueId", "values": ["q"]}]);
    let refused = [
        without("name"),
        without("url"),
        without("authorization"),
        without("customHeaders"),
        with("colour", json!("red")),
        with("id", json!("0b7e6a52-0000-4000-8000-000000000001")),
        with("name", json!(7)),
        with("name", Value::Null),
        with("enabled", json!("true")),
        with("events", json!("ConversationCreated")),
        with("events", Value::Null),
        with("customHeaders", json!({"X-Team": 1})),
        with("customHeaders", Value::Null),
        with(
            "authorization",
            json!({"_type": "Basic", "username": "u", "password": "p"}),
        ),
        with("authorization", json!({"_type": "BasicAuth", "username": "u"})),
        with(
            "authorization",
            json!({"_type": "TokenAuth", "value": "v", "username": "u"}),
        ),
        with("authorization", json!({"_type": "NoAuth", "value": "v"})),
        with("authorization", json!({"value": "v"})),
        with("filters", Value::Null),
        with(
            "filters",
            json!({"Agent": {"_type": "CombinedFilters", "strategy": "All", "conditions": one}}),
        ),
        with(
            "filters",
            json!({"Conversation": {"_type": "Combined", "strategy": "All", "conditions": one}}),
        ),
        with(
            "filters",
            json!({"Conversation": {"_type": "CombinedFilters", "strategy": "all", "conditions": one}}),
        ),
        filter(&json!([{"_type": "Equals", "field": "QueueId", "values": ["q"]}])),
        filter(&json!([{"_type": "IsOneOf", "field": "QueueId", "values": "q"}])),
        json!([body("a")]),
    ];
    for body in refused {
        let answer = rig.post(&body).await;
        assert_eq!(
            (answer.status.as_u16(), answer.json()),
            (400, json!({ "message": DECODING })),
            "{body}"
        );
    }
    assert_eq!(rig.simulator.dixa().count(), 0);
}

#[tokio::test]
async fn bodies_with_impossible_values_are_refused() {
    let rig = Rig::start().await;
    let refused = [
        with("name", json!("")),
        with("url", json!("hooks.example.com/dixa")),
        with("url", json!("ftp://hooks.example.com/dixa")),
        with("url", json!("not a url")),
        with("events", json!(["ConversationCreated", "ConversationCreated"])),
        with("events", json!(["ConversationImagined"])),
        with("customHeaders", json!({"X Team": "a"})),
        with("customHeaders", json!({"X-Team": "a\nb"})),
        with("customHeaders", json!({"authorization": "a"})),
        filter(&json!([])),
        filter(&json!([{"_type": "IsOneOf", "field": "QueueId", "values": []}])),
        filter(&json!([{"_type": "IsOneOf", "field": "Colour", "values": ["red"]}])),
    ];
    for body in refused {
        let answer = rig.post(&body).await;
        assert_eq!(
            (answer.status.as_u16(), answer.json()),
            (400, json!({ "message": INVALID })),
            "{body}"
        );
    }
    assert_eq!(rig.simulator.dixa().count(), 0);
    assert!(
        rig.simulator
            .log()
            .iter()
            .all(|entry| entry.note.is_some() && !entry.applied)
    );
}

#[tokio::test]
async fn a_body_that_is_not_sent_as_json_is_refused() {
    let rig = Rig::start().await;
    let text = body("a").to_string();
    for content_type in ["text/plain", "application/json-patch+json"] {
        let request = rig
            .request(Method::POST, "/v1/webhooks", None)
            .header("Content-Type", content_type);
        assert_eq!(request.body(text.clone()).send().await.unwrap().status(), 400);
    }
    let request = rig.request(Method::POST, "/v1/webhooks", None);
    let charset = request
        .header("Content-Type", "application/json; charset=utf-8")
        .body(text);
    assert_eq!(charset.send().await.unwrap().status(), 201);
}

#[tokio::test]
async fn a_patch_is_as_strict_as_a_create_and_changes_nothing_when_refused() {
    let rig = Rig::start().await;
    let id = rig.create("a").await;
    let before = rig.simulator.dixa().subscription(id).unwrap();
    for patch in [
        json!({"subscribedEvents": []}),
        json!({"name": Value::Null}),
        json!({"events": ["ConversationImagined"]}),
        json!({"enabled": false, "filters": {"Conversation": Value::Null}}),
        json!({"enabled": false, "filters": {"Conversation": {"_type": "CombinedFilters", "strategy": "Any", "conditions": []}}}),
    ] {
        assert_eq!(rig.patch(id, &patch).await.status, 400, "{patch}");
    }
    let after = rig.simulator.dixa().subscription(id).unwrap();
    assert_eq!(
        (after.content, after.updated_ms),
        (before.content, before.updated_ms)
    );
}

#[tokio::test]
async fn a_patch_changes_only_what_it_names() {
    let rig = Rig::start().await;
    let id = rig.create("a").await;
    let before = rig.simulator.dixa().subscription(id).unwrap();
    let answer = rig
        .patch(
            id,
            &json!({"url": "https://hooks.example.com/other", "enabled": false}),
        )
        .await;
    assert_eq!(answer.status, 200);
    let after = rig.simulator.dixa().subscription(id).unwrap();
    assert_eq!(after.content.url, "https://hooks.example.com/other");
    assert!(!after.content.enabled);
    assert_eq!(
        (after.content.name, after.content.events),
        (before.content.name, before.content.events)
    );
    assert_eq!(after.secret_key, before.secret_key);
    assert!(after.updated_ms > before.updated_ms);
}

#[tokio::test]
async fn wrong_methods_and_paths_are_refused_with_a_message() {
    let rig = Rig::start().await;
    let id = rig.create("a").await;
    for (method, path, status) in [
        (Method::PUT, format!("/v1/webhooks/{id}"), 405),
        (Method::DELETE, "/v1/webhooks".to_owned(), 405),
        (Method::POST, format!("/v1/webhooks/{id}/delivery-status"), 405),
        (Method::GET, format!("/v1/webhooks/{id}/deliveries"), 404),
        (Method::GET, "/v2/webhooks".to_owned(), 404),
        (Method::GET, "/v1/webhooksandmore".to_owned(), 404),
    ] {
        let answer = rig.send(method.clone(), &path, None).await;
        assert_eq!(answer.status, status, "{method} {path}");
        assert!(answer.json()["message"].is_string());
    }
}

#[tokio::test]
async fn an_organization_sees_only_its_own_subscriptions() {
    let mut rig = Rig::start().await;
    let id = rig.create("a").await;
    rig.simulator.dixa().add_token("token-b", Token::of("other-org"));
    rig.token = "token-b".to_owned();
    let path = format!("/v1/webhooks/{id}");
    assert!(rig.listed().await.is_empty());
    assert_eq!(rig.get(&path).await.status, 404);
    assert_eq!(rig.send(Method::DELETE, &path, None).await.status, 404);
    assert_eq!(rig.patch(id, &json!({"enabled": false})).await.status, 400);
    assert_eq!(rig.simulator.dixa().count(), 1);
}

#[tokio::test]
async fn a_rotated_token_reaches_the_same_subscriptions_and_the_old_one_none() {
    let mut rig = Rig::start().await;
    rig.create("a").await;
    rig.simulator
        .dixa()
        .add_token("token-new", Token::of("example-org"));
    assert!(rig.simulator.dixa().revoke_token(&rig.token));
    assert_eq!(rig.get("/v1/webhooks").await.status, 401);
    rig.token = "token-new".to_owned();
    assert_eq!(rig.listed().await, ["a"]);
}

#[tokio::test]
async fn a_read_only_token_changes_nothing() {
    let mut rig = Rig::start().await;
    let id = rig.create("a").await;
    let reader = Token {
        read_only: true,
        ..Token::of("example-org")
    };
    rig.simulator.dixa().add_token("reader", reader);
    rig.token = "reader".to_owned();
    assert_eq!(rig.post(&body("b")).await.status, 403);
    assert_eq!(rig.patch(id, &json!({"enabled": false})).await.status, 403);
    assert_eq!(
        rig.send(Method::DELETE, &format!("/v1/webhooks/{id}"), None)
            .await
            .status,
        403
    );
    assert_eq!(rig.listed().await, ["a"]);
}

#[tokio::test]
async fn an_edit_by_hand_shows_another_user() {
    let rig = Rig::start().await;
    let id = rig.create("a").await;
    let before = rig.get(&format!("/v1/webhooks/{id}")).await.data();
    assert_eq!(before["updatedBy"], json!(Token::of("example-org").user));
    rig.simulator.dixa().edit(id, &json!({"enabled": false})).unwrap();
    let after = rig.get(&format!("/v1/webhooks/{id}")).await.data();
    assert_eq!(after["updatedBy"], json!(HAND_USER));
    assert_eq!(after["createdBy"], before["createdBy"]);
    assert_eq!(after["enabled"], false);
}

#[tokio::test]
async fn deliveries_show_newest_first_and_only_subscribed_events_have_a_status() {
    let rig = Rig::start().await;
    let id = rig.create("a").await;
    for (success, code) in [(false, 503), (true, 200)] {
        let result = json!({"event": "ConversationCreated", "success": success, "code": code, "times": 2});
        let result: DeliveryResult = serde_json::from_value(result).unwrap();
        rig.simulator.dixa().record_delivery(id, &result).unwrap();
    }
    let status = rig
        .get(&format!("/v1/webhooks/{id}/delivery-status"))
        .await
        .data();
    assert_eq!(status.as_array().unwrap().len(), 1);
    assert_eq!(status[0]["deliveryStatus"]["responseCode"], 200);
    let logs = rig
        .get(&format!(
            "/v1/webhooks/{id}/delivery-status/logs/ConversationCreated"
        ))
        .await
        .data();
    let codes: Vec<_> = logs
        .as_array()
        .unwrap()
        .iter()
        .map(|one| one["deliveryDetail"]["responseCode"].clone())
        .collect();
    assert_eq!(codes, [200, 200, 503, 503]);
    let none = rig
        .get(&format!(
            "/v1/webhooks/{id}/delivery-status/logs/ConversationOpen"
        ))
        .await
        .data();
    assert_eq!(none, json!([]));
}

#[tokio::test]
async fn beta_and_v1_show_the_same_subscriptions() {
    let rig = Rig::start().await;
    rig.send(Method::POST, "/beta/webhooks", Some(&body("a"))).await;
    assert_eq!(rig.listed().await, ["a"]);
    assert_eq!(
        rig.get("/beta/webhooks").await.data(),
        rig.get("/v1/webhooks").await.data()
    );
}
