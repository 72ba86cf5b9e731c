//! Bird's API: what it takes, what it refuses, who sees what.

use crate::{
    bird_rig::{Bird, body, events, short, with},
    rig::answer,
};
use http::Method;
use provider_simulator::{
    Config,
    bird::{DeliveryResult, Filter, Key, Service, Status},
    credential_hash,
};
use serde_json::{Value, json};
use std::collections::BTreeSet;
use uuid::Uuid;

#[tokio::test]
async fn a_create_is_held_to_the_documented_shape() {
    let bird = Bird::start().await;
    let without = |member: &str| {
        let mut body = body("sms.outbound");
        body.as_object_mut().unwrap().remove(member);
        body
    };
    for body in [
        without("service"),
        without("event"),
        without("url"),
        with("status", json!("active")),
        with("id", json!(Uuid::new_v4())),
        with("name", json!("n")),
        with("service", json!("chat")),
        with("service", json!("Channels")),
        with("event", json!("")),
        with("event", json!(["sms.outbound"])),
        with("url", json!("http://hooks.example.com/")),
        with("url", json!("https://receiver/")),
        with("url", Value::Null),
        with("eventFilters", json!({"channelId": "c"})),
        with("eventFilters", json!([{"key": "channelId"}])),
        with("eventFilters", json!([{"key": "a", "value": "b", "more": 1}])),
        with("eventFilters", json!([{"key": "a", "value": 1}])),
        with("eventFilters", json!([{"key": "", "value": "b"}])),
        with("signingKey", Value::Null),
        with("signingKey", json!("")),
        with("template", json!(1)),
        with("service", json!("numbers")),
        json!([body("sms.outbound")]),
    ] {
        let answer = bird.post(&body).await;
        assert_eq!(answer.status, 400, "{body}");
        assert!(answer.json()["message"].is_string());
    }
    assert_eq!(bird.rig.simulator.bird().count(), 0);
    for good in [
        without("eventFilters"),
        without("signingKey"),
        with("eventFilters", Value::Null),
    ] {
        assert_eq!(bird.post(&good).await.status, 201, "{good}");
    }
    let kept = bird.rig.simulator.bird().subscriptions();
    assert_eq!(
        (kept[0].content.service, kept[0].content.status),
        (Service::Channels, Status::Active)
    );
    let filter = Filter {
        key: "channelId".to_owned(),
        value: "c-1".to_owned(),
    };
    assert_eq!(kept[1].content.filters, [filter]);
    assert_eq!(
        (&kept[1].content.signing_key, kept[0].content.filters.len()),
        (&None, 0)
    );
}

#[tokio::test]
async fn a_patch_names_at_least_one_member_and_no_other() {
    let bird = Bird::start().await;
    let id = bird.create("sms.outbound").await;
    let before = bird.rig.simulator.bird().subscription(id).unwrap();
    for patch in [
        json!({}),
        json!({"service": "numbers"}),
        json!({"event": "sms.inbound"}),
        json!({"status": "inactive", "id": id}),
        json!({"status": "paused"}),
        json!({"status": Value::Null}),
        json!({"url": "https://10.0.0.1/"}),
        json!({"signingKey": Value::Null}),
    ] {
        assert_eq!(bird.patch(id, &patch).await.status, 400, "{patch}");
    }
    assert_eq!(bird.rig.simulator.bird().subscription(id).unwrap(), before);
    for patch in [
        json!({"template": "text"}),
        json!({"url": "https://hooks.example.com/2"}),
        json!({"signingKey": "new"}),
        json!({"status": "inactive"}),
    ] {
        assert_eq!(bird.patch(id, &patch).await.status, 200, "{patch}");
    }
    let after = bird.rig.simulator.bird().subscription(id).unwrap();
    assert_eq!(
        (after.content.status, after.content.template.as_deref()),
        (Status::Inactive, Some("text"))
    );
    assert_eq!(after.content.url, "https://hooks.example.com/2");
    assert_eq!(after.content.signing_key.as_deref(), Some("new"));
    assert_eq!(after.content.filters, before.content.filters);
}

#[tokio::test]
async fn only_json_under_its_own_name_is_taken() {
    let bird = Bird::start().await;
    let url = format!(
        "{}{}",
        bird.rig.simulator.http_url(),
        short(Config::BIRD_WORKSPACE)
    );
    for (kind, status) in [("text/plain", 400), ("application/json; charset=utf-8", 201)] {
        let request = bird.rig.client.post(&url).header("Content-Type", kind);
        let request = request.header("Authorization", format!("AccessKey {}", bird.key));
        let sent = answer(request.body(body("sms.inbound").to_string()))
            .await
            .unwrap();
        assert_eq!(sent.status, status);
    }
}

#[tokio::test]
async fn the_key_needs_its_scheme_and_is_hashed_in_the_log() {
    let bird = Bird::start().await;
    let url = format!(
        "{}{}",
        bird.rig.simulator.http_url(),
        short(Config::BIRD_WORKSPACE)
    );
    for (scheme, status) in [("", 401), ("Bearer ", 401), ("AccessKey ", 200)] {
        let value = format!("{scheme}{}", bird.key);
        let request = bird.rig.client.get(&url).header("Authorization", value);
        assert_eq!(answer(request).await.unwrap().status, status, "{scheme}");
    }
    let log = bird.rig.admin(Method::GET, "/admin/log", None).await.json();
    assert!(!log.to_string().contains(Config::BIRD_KEY));
    let shown = format!("AccessKey {}", credential_hash(Config::BIRD_KEY));
    assert_eq!(log[2]["headers"]["authorization"], shown);
    assert_eq!(log[2]["organization"], json!(Config::BIRD_WORKSPACE));
}

#[tokio::test]
async fn limits_and_tokens_are_checked() {
    let bird = Bird::start().await;
    for number in 0..12 {
        bird.create(&format!("{number}.x")).await;
    }
    assert_eq!(bird.listed("").await.len(), 10);
    let first = bird.get("?limit=5").await.json();
    let token = first["nextPageToken"].as_str().unwrap().to_owned();
    let mut seen: BTreeSet<String> = events(&first).into_iter().collect();
    let second = bird.get(&format!("?limit=5&pageToken={token}")).await.json();
    seen.extend(events(&second));
    let token = second["nextPageToken"].as_str().unwrap();
    let third = bird.get(&format!("?limit=5&pageToken={token}")).await.json();
    seen.extend(events(&third));
    assert_eq!((seen.len(), third["nextPageToken"].as_str()), (12, Some("")));
    for query in [
        "limit=0",
        "limit=101",
        "limit=x",
        "limit=-1",
        "pageToken=",
        "pageToken=made-up",
    ] {
        assert_eq!(bird.get(&format!("?{query}")).await.status, 400, "{query}");
    }
}

#[tokio::test]
async fn five_equal_filters_are_the_most_whatever_their_order() {
    let bird = Bird::start().await;
    let filters = [
        json!({"key": "a", "value": "1"}),
        json!({"key": "b", "value": "2"}),
    ];
    let turned = [filters[1].clone(), filters[0].clone()];
    for number in 0..5 {
        let order = if number % 2 == 0 { &filters } else { &turned };
        assert_eq!(bird.post(&with("eventFilters", json!(order))).await.status, 201);
    }
    assert_eq!(bird.post(&with("eventFilters", json!(turned))).await.status, 409);
    let id = bird.create("sms.outbound").await;
    let moved = json!({ "eventFilters": filters });
    assert_eq!(bird.patch(id, &moved).await.status, 409);
    assert_eq!(bird.patch(id, &json!({"status": "inactive"})).await.status, 200);
    let one = bird.rig.simulator.bird().subscriptions()[0].id;
    assert_eq!(
        bird.patch(one, &moved).await.status,
        200,
        "it does not count against itself"
    );
    assert_eq!(bird.patch(one, &json!({"status": "inactive"})).await.status, 200);
    bird.rig.simulator.bird().delete(one).unwrap();
    assert_eq!(bird.patch(id, &moved).await.status, 200);
    assert_eq!(bird.post(&with("event", json!("sms.inbound"))).await.status, 201);
}

#[tokio::test]
async fn workspaces_do_not_see_each_other() {
    let mut bird = Bird::start().await;
    let id = bird.create("sms.outbound").await;
    let other = Uuid::new_v4();
    bird.rig
        .simulator
        .bird()
        .add_key("other", Key::of(other, Config::BIRD_ORGANIZATION));
    "other".clone_into(&mut bird.key);
    assert_eq!(bird.get("").await.status, 403);
    let base = short(other);
    let list = bird.try_send(Method::GET, &base, None).await.unwrap();
    assert_eq!(list.json()["results"], json!([]));
    let one = format!("{base}/{id}");
    for (method, body, status) in [
        (Method::GET, None, 404),
        (Method::PATCH, Some(json!({"status": "inactive"})), 400),
        (Method::DELETE, None, 404),
    ] {
        let sent = bird.try_send(method, &one, body.as_ref()).await.unwrap();
        assert_eq!(sent.status, status);
    }
    assert_eq!(bird.rig.simulator.bird().count(), 1);
}

#[tokio::test]
async fn keys_are_rotated_and_can_be_for_reading_only() {
    let mut bird = Bird::start().await;
    let id = bird.create("sms.outbound").await;
    let control = bird.rig.simulator.bird();
    let reader = Key {
        read_only: true,
        ..Key::of(Config::BIRD_WORKSPACE, Config::BIRD_ORGANIZATION)
    };
    control.add_key("reader", reader);
    assert!(control.remove_key(&bird.key) && !control.remove_key(&bird.key));
    assert_eq!(bird.get("").await.status, 401);
    "reader".clone_into(&mut bird.key);
    assert_eq!(bird.listed("").await, ["sms.outbound"]);
    assert_eq!(bird.post(&body("sms.inbound")).await.status, 403);
    assert_eq!(bird.patch(id, &json!({"status": "inactive"})).await.status, 403);
    assert_eq!(bird.delete(id).await.status, 403);
}

#[tokio::test]
async fn logs_are_paged_filtered_and_forgotten_after_seven_days() {
    let bird = Bird::start().await;
    let id = bird.create("sms.outbound").await;
    let control = bird.rig.simulator.bird();
    let record = |result: &DeliveryResult| control.record_delivery(id, result).unwrap();
    record(&DeliveryResult {
        time_ms: Some(1_767_225_600_000),
        ..DeliveryResult::answered(500)
    });
    record(&DeliveryResult {
        times: Some(3),
        ..DeliveryResult::answered(503)
    });
    let dropped = DeliveryResult {
        execution_status: Some("dropped".to_owned()),
        ..DeliveryResult::answered(0)
    };
    record(&dropped);
    let first = bird.get(&format!("/{id}/logs?limit=2")).await.json();
    let codes = |page: &Value| {
        let results = page["results"].as_array().unwrap().iter();
        results
            .map(|one| one["httpStatusCode"].as_i64().unwrap())
            .collect::<Vec<_>>()
    };
    assert_eq!(codes(&first), [0, 503]);
    let token = first["nextPageToken"].as_str().unwrap();
    let second = bird
        .get(&format!("/{id}/logs?limit=2&pageToken={token}"))
        .await
        .json();
    assert_eq!(
        (codes(&second), second["nextPageToken"].as_str()),
        (vec![503, 503], Some(""))
    );
    let failed = bird
        .get(&format!("/{id}/logs?executionStatus=failed"))
        .await
        .json();
    assert_eq!(codes(&failed), [503, 503, 503]);
    assert_eq!(
        bird.get(&format!("?pageToken={token}")).await.status,
        400,
        "a token of another list"
    );
    assert_eq!(bird.get(&format!("/{}/logs", Uuid::new_v4())).await.status, 404);
}

#[tokio::test]
async fn wrong_methods_and_paths_are_refused() {
    let bird = Bird::start().await;
    let id = Uuid::new_v4();
    for (method, rest, status) in [
        (Method::PUT, format!("/{id}"), 405),
        (Method::DELETE, String::new(), 405),
        (Method::POST, format!("/{id}/logs"), 405),
        (Method::GET, format!("/{id}/logs/{id}"), 404),
        (Method::GET, "/not-a-uuid".to_owned(), 400),
    ] {
        let sent = bird.send(method.clone(), &rest, None).await;
        assert_eq!(sent.status, status, "{method} {rest}");
        assert!(sent.json()["message"].is_string());
    }
    let at_root = bird
        .try_send(Method::GET, "/webhook-subscriptions", None)
        .await
        .unwrap();
    assert_eq!(at_root.status, 404);
}
