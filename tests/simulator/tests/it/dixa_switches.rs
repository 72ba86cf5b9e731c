//! Every switch of the simulated Dixa, both ways.

use crate::rig::{Rig, body};
use http::{Method, StatusCode};
use serde_json::{Value, json};
use std::time::Instant;
use uuid::Uuid;

fn filters() -> Value {
    json!({"Conversation": {"_type": "CombinedFilters", "strategy": "All", "conditions": [
        {"_type": "IsOneOf", "field": "InitialChannel", "values": ["email"]}
    ]}})
}

#[tokio::test]
async fn every_switch_is_tested_in_this_file() {
    Rig::start()
        .await
        .assert_all_named("dixa.", include_str!("dixa_switches.rs"))
        .await;
}

#[tokio::test]
async fn custom_headers_are_echoed_only_when_switched_on() {
    let rig = Rig::start().await;
    let mut create = body("a");
    create["customHeaders"] = json!({"X-Team": "orders"});
    create["authorization"] = json!({"_type": "TokenAuth", "value": "t"});
    let shown = rig.post(&create).await.data()["headers"].clone();
    assert_eq!(shown, json!({"Authorization": "Bearer t"}));
    rig.switch("dixa.echoCustomHeaders", "yes");
    let shown = rig.get("/v1/webhooks").await.data()[0]["headers"].clone();
    assert_eq!(shown, json!({"Authorization": "Bearer t", "X-Team": "orders"}));
}

#[tokio::test]
async fn a_patch_of_an_absent_id_answers_as_switched() {
    let rig = Rig::start().await;
    assert_eq!(
        rig.patch(Uuid::new_v4(), &json!({"enabled": true})).await.status,
        400
    );
    rig.switch("dixa.patchAbsent", "404");
    assert_eq!(
        rig.patch(Uuid::new_v4(), &json!({"enabled": true})).await.status,
        404
    );
}

#[tokio::test]
async fn filters_are_cleared_only_by_the_switched_form() {
    for (value, by_object, by_null) in [
        ("never", false, false),
        ("emptyObject", true, false),
        ("null", false, true),
    ] {
        let rig = Rig::with(&[("dixa.clearFilters", value)]).await;
        for (patch, cleared) in [(json!({}), by_object), (Value::Null, by_null)] {
            let mut create = body("a");
            create["filters"] = filters();
            let id = serde_json::from_value(rig.post(&create).await.data()["id"].clone()).unwrap();
            let answer = rig.patch(id, &json!({ "filters": patch })).await;
            assert_eq!(answer.status, 200);
            assert_eq!(
                answer.data().get("filters").is_none(),
                cleared,
                "{value}: {patch}"
            );
        }
    }
}

#[tokio::test]
async fn above_the_rate_limit_requests_are_refused_with_or_without_retry_after() {
    let rig = Rig::with(&[("dixa.rateLimit", "0.001/4")]).await;
    for _ in 0..4 {
        assert_eq!(rig.get("/v1/webhooks").await.status, 200);
    }
    let refused = rig.get("/v1/webhooks").await;
    assert_eq!(refused.status, StatusCode::TOO_MANY_REQUESTS);
    assert!(refused.json()["message"].is_string());
    assert!(!refused.headers.contains_key("retry-after"));
    rig.switch("dixa.retryAfter", "2");
    assert_eq!(rig.get("/v1/webhooks").await.headers["retry-after"], "2");
    rig.switch("dixa.rateLimit", "off");
    assert_eq!(rig.get("/v1/webhooks").await.status, 200);
}

#[tokio::test]
async fn post_can_commit_and_drop_the_connection() {
    let rig = Rig::with(&[("dixa.postDrops", "yes")]).await;
    assert!(
        rig.try_send(Method::POST, "/v1/webhooks", Some(&body("a")))
            .await
            .is_err()
    );
    assert_eq!(rig.listed().await, ["a"]);
    rig.switch("dixa.postDrops", "no");
    assert_eq!(rig.post(&body("b")).await.status, 201);
}

#[tokio::test]
async fn events_come_back_in_the_switched_order() {
    let rig = Rig::start().await;
    let mut create = body("a");
    create["events"] = json!(["ConversationOpen", "ConversationClosed", "ConversationRated"]);
    let shown = rig.post(&create).await.data()["subscribedEvents"].clone();
    assert_eq!(
        shown,
        json!(["ConversationRated", "ConversationClosed", "ConversationOpen"])
    );
    rig.switch("dixa.eventOrder", "asSent");
    assert_eq!(
        rig.get("/v1/webhooks").await.data()[0]["subscribedEvents"],
        create["events"]
    );
    rig.switch("dixa.eventOrder", "sorted");
    let sorted = json!(["ConversationClosed", "ConversationOpen", "ConversationRated"]);
    assert_eq!(
        rig.get("/v1/webhooks").await.data()[0]["subscribedEvents"],
        sorted
    );
}

#[tokio::test]
async fn the_host_of_a_url_is_lowered_unless_switched_off() {
    let rig = Rig::start().await;
    let mut create = body("a");
    create["url"] = json!("https://Hooks.Example.com/Hooks.Example.com?A=B");
    let lowered = "https://hooks.example.com/Hooks.Example.com?A=B";
    assert_eq!(rig.post(&create).await.data()["url"], lowered);
    rig.switch("dixa.normalizeUrl", "no");
    assert_eq!(rig.post(&create).await.data()["url"], create["url"]);
}

#[tokio::test]
async fn long_names_are_cut_at_the_limit() {
    let rig = Rig::start().await;
    let long = "n".repeat(300);
    assert_eq!(rig.post(&body(&long)).await.data()["name"], long);
    rig.switch("dixa.nameLimit", "8");
    assert_eq!(
        rig.post(&body("orders [wsub-1]")).await.data()["name"],
        "orders ["
    );
    let id = rig.create("short").await;
    assert_eq!(
        rig.patch(id, &json!({"name": "ordérs and more"})).await.data()["name"],
        "ordérs a"
    );
}

#[tokio::test]
async fn a_new_subscription_enters_the_list_after_so_many_requests() {
    let rig = Rig::with(&[("dixa.listLagRequests", "2")]).await;
    let id = rig.create("a").await;
    assert!(rig.listed().await.is_empty());
    assert_eq!(
        rig.get(&format!("/v1/webhooks/{id}")).await.status,
        200,
        "only the list lags"
    );
    assert_eq!(rig.listed().await, ["a"]);
}

#[tokio::test]
async fn a_new_subscription_can_be_read_after_so_many_requests() {
    let rig = Rig::with(&[("dixa.getLagRequests", "1")]).await;
    let path = format!("/v1/webhooks/{}", rig.create("a").await);
    assert_eq!(rig.get(&path).await.status, 404);
    assert_eq!(rig.get(&path).await.status, 200);
}

#[tokio::test]
async fn a_new_subscription_appears_after_so_many_milliseconds() {
    let rig = Rig::with(&[("dixa.listLagMs", "3600000"), ("dixa.getLagMs", "3600000")]).await;
    let path = format!("/v1/webhooks/{}", rig.create("a").await);
    assert!(rig.listed().await.is_empty());
    assert_eq!(rig.get(&path).await.status, 404);
    rig.switch("dixa.listLagMs", "1");
    rig.switch("dixa.getLagMs", "1");
    let deadline = Instant::now() + crate::rig::DEADLINE;
    while rig.listed().await.is_empty() {
        assert!(Instant::now() < deadline);
    }
    assert_eq!(rig.get(&path).await.status, 200);
}

#[tokio::test]
async fn a_paged_list_leads_through_all_pages() {
    let rig = Rig::start().await;
    for name in ["a", "b", "c", "d", "e"] {
        rig.create(name).await;
    }
    assert!(rig.get("/v1/webhooks").await.json().get("meta").is_none());
    rig.switch("dixa.pageSize", "2");
    let mut path = "/v1/webhooks".to_owned();
    let mut names = Vec::new();
    loop {
        let page = rig.get(&path).await.json();
        names.extend(
            page["data"]
                .as_array()
                .unwrap()
                .iter()
                .map(|one| one["name"].as_str().unwrap().to_owned()),
        );
        match page["meta"]["next"].as_str() {
            Some(next) => next.clone_into(&mut path),
            None => break,
        }
    }
    assert_eq!(names, ["a", "b", "c", "d", "e"]);
    assert_eq!(rig.get("/v1/webhooks?pageKey=x").await.status, 400);
}

#[tokio::test]
async fn the_link_to_the_next_page_can_lead_to_another_host() {
    let rig = Rig::with(&[
        ("dixa.pageSize", "1"),
        ("dixa.pageLink", "https://elsewhere.example.com"),
    ])
    .await;
    rig.create("a").await;
    rig.create("b").await;
    let next = rig.get("/v1/webhooks").await.json()["meta"]["next"].clone();
    assert_eq!(next, "https://elsewhere.example.com/v1/webhooks?pageKey=1");
}

#[tokio::test]
async fn custom_headers_in_a_patch_replace_or_merge() {
    let rig = Rig::with(&[("dixa.echoCustomHeaders", "yes")]).await;
    let mut create = body("a");
    create["customHeaders"] = json!({"X-A": "1"});
    let id = serde_json::from_value(rig.post(&create).await.data()["id"].clone()).unwrap();
    let replaced = rig
        .patch(id, &json!({"customHeaders": {"X-B": "2"}}))
        .await
        .data();
    assert_eq!(replaced["headers"], json!({"X-B": "2"}));
    rig.switch("dixa.patchHeaders", "merge");
    let merged = rig
        .patch(id, &json!({"customHeaders": {"X-C": "3"}}))
        .await
        .data();
    assert_eq!(merged["headers"], json!({"X-B": "2", "X-C": "3"}));
}

#[tokio::test]
async fn custom_headers_can_be_made_optional() {
    let rig = Rig::start().await;
    let mut create = body("a");
    create.as_object_mut().unwrap().remove("customHeaders");
    assert_eq!(rig.post(&create).await.status, 400);
    rig.switch("dixa.customHeadersRequired", "no");
    assert_eq!(rig.post(&create).await.status, 201);
}

#[tokio::test]
async fn unknown_event_names_can_be_let_through() {
    let rig = Rig::start().await;
    let mut create = body("a");
    create["events"] = json!(["ConversationTeleported"]);
    assert_eq!(rig.post(&create).await.status, 400);
    rig.switch("dixa.eventNames", "any");
    assert_eq!(rig.post(&create).await.status, 201);
}

#[tokio::test]
async fn members_that_are_empty_can_be_left_out_or_shown() {
    let rig = Rig::start().await;
    let mut create = body("a");
    create.as_object_mut().unwrap().remove("events");
    let shown = rig.post(&create).await.data();
    assert!(shown.get("subscribedEvents").is_none() && shown.get("filters").is_none());
    rig.switch("dixa.emptyMembers", "present");
    let shown = rig.get("/v1/webhooks").await.data()[0].clone();
    assert_eq!(
        (&shown["subscribedEvents"], &shown["filters"]),
        (&json!([]), &json!({}))
    );
}

#[tokio::test]
async fn the_scheme_of_the_token_is_as_switched() {
    let mut rig = Rig::start().await;
    let bare = rig.token.clone();
    let bearer = format!("Bearer {bare}");
    for (value, bare_status, bearer_status) in [("bare", 200, 401), ("bearer", 401, 200), ("both", 200, 200)]
    {
        rig.switch("dixa.authScheme", value);
        for (token, status) in [(&bare, bare_status), (&bearer, bearer_status)] {
            rig.token.clone_from(token);
            assert_eq!(rig.get("/v1/webhooks").await.status, status, "{value}");
        }
    }
}

#[tokio::test]
async fn an_unknown_token_is_refused_as_switched() {
    let mut rig = Rig::start().await;
    "nobody".clone_into(&mut rig.token);
    let refused = rig.get("/v1/webhooks").await;
    assert_eq!((refused.status.as_u16(), refused.body.len()), (401, 0));
    rig.switch("dixa.unauthorizedStatus", "403");
    rig.switch("dixa.unauthorizedBody", "message");
    let refused = rig.get("/v1/webhooks").await;
    assert_eq!(refused.status, 403);
    assert!(refused.json()["message"].is_string());
    rig.switch("dixa.unauthorizedBody", "html");
    assert_eq!(
        rig.get("/v1/webhooks").await.headers["content-type"],
        "text/html; charset=utf-8"
    );
}

#[tokio::test]
async fn answers_take_as_long_as_switched() {
    let rig = Rig::start().await;
    let names = ("dixa.latencyMs", "dixa.latencyJitterMs");
    rig.assert_latency(names, "/v1/webhooks").await;
}
