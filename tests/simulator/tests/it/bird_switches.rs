//! Every switch of the simulated Bird, in every position.

use crate::{
    bird_rig::{Bird, body, events, long, short, with},
    rig::DEADLINE,
};
use http::Method;
use provider_simulator::{Config, bird::DeliveryResult};
use serde_json::{Value, json};
use std::time::Instant;
use uuid::Uuid;

#[tokio::test]
async fn every_switch_is_tested_in_this_file() {
    Bird::start()
        .await
        .rig
        .assert_all_named("bird.", include_str!("bird_switches.rs"))
        .await;
}

#[tokio::test]
async fn the_path_is_served_in_the_switched_form_only() {
    let bird = Bird::start().await;
    let forms = [
        long(Config::BIRD_ORGANIZATION, Config::BIRD_WORKSPACE),
        short(Config::BIRD_WORKSPACE),
    ];
    for (value, statuses) in [
        ("both", [200, 200]),
        ("with-organization", [200, 403]),
        ("short", [403, 200]),
    ] {
        bird.rig.switch("bird.path", value);
        for (path, status) in forms.iter().zip(statuses) {
            let answer = bird.try_send(Method::GET, path, None).await.unwrap();
            assert_eq!(answer.status, status, "{value} {path}");
        }
    }
}

#[tokio::test]
async fn the_signing_key_is_hidden_or_shown() {
    let bird = Bird::start().await;
    let id = bird.create("sms.inbound").await;
    let shown = async || {
        let read = bird.get(&format!("/{id}")).await.json();
        let list = bird.get("").await.json()["results"][0].clone();
        let changed = bird.patch(id, &json!({"status": "active"})).await.json();
        [read, list, changed].map(|one| one.get("signingKey").cloned())
    };
    assert_eq!(shown().await, [None, None, None]);
    bird.rig.switch("bird.signingKey", "shown");
    assert_eq!(shown().await, [(); 3].map(|()| Some(json!("k3y"))));
}

#[tokio::test]
async fn the_last_page_has_an_empty_token_or_none() {
    let bird = Bird::start().await;
    bird.create("sms.inbound").await;
    assert_eq!(bird.get("").await.json()["nextPageToken"], "");
    bird.rig.switch("bird.lastPage", "absent");
    assert!(bird.get("").await.json().get("nextPageToken").is_none());
}

#[tokio::test]
async fn a_sixth_equal_subscription_is_refused_with_the_switched_status() {
    let bird = Bird::start().await;
    for number in 0..5 {
        let url = json!(format!("https://hooks.example.com/{number}"));
        assert_eq!(bird.post(&with("url", url)).await.status, 201);
    }
    for status in ["409", "422", "400"] {
        bird.rig.switch("bird.sixth", status);
        assert_eq!(bird.post(&body("sms.outbound")).await.status.as_str(), status);
    }
    assert_eq!(bird.rig.simulator.bird().count(), 5);
}

#[tokio::test]
async fn a_deletion_answers_with_the_switched_status() {
    let bird = Bird::start().await;
    for (status, body) in [("202", ""), ("204", ""), ("200", "{}")] {
        bird.rig.switch("bird.deleteStatus", status);
        let id = bird.create("sms.inbound").await;
        let deleted = bird.delete(id).await;
        assert_eq!(
            (deleted.status.as_str(), &deleted.body[..]),
            (status, body.as_bytes())
        );
        assert_eq!(bird.get(&format!("/{id}")).await.status, 404);
    }
    assert_eq!(bird.delete(Uuid::new_v4()).await.status, 404);
    bird.rig.switch("bird.deleteAbsent", "success");
    assert_eq!(bird.delete(Uuid::new_v4()).await.status, 200);
}

#[tokio::test]
async fn a_patch_of_an_absent_id_answers_as_switched() {
    let bird = Bird::start().await;
    let patch = json!({"status": "active"});
    assert_eq!(bird.patch(Uuid::new_v4(), &patch).await.status, 400);
    bird.rig.switch("bird.patchAbsent", "404");
    assert_eq!(bird.patch(Uuid::new_v4(), &patch).await.status, 404);
}

#[tokio::test]
async fn filters_can_be_patched_or_not() {
    let bird = Bird::with(&[("bird.patchFilters", "no")]).await;
    let id = bird.create("sms.inbound").await;
    let patch = json!({"status": "inactive", "eventFilters": [{"key": "status", "value": "x"}]});
    assert_eq!(bird.patch(id, &patch).await.status, 400);
    assert_eq!(bird.get(&format!("/{id}")).await.json()["status"], "active");
    bird.rig.switch("bird.patchFilters", "yes");
    let changed = bird.patch(id, &patch).await.json();
    assert_eq!(
        (&changed["eventFilters"], &changed["status"]),
        (&patch["eventFilters"], &json!("inactive"))
    );
}

#[tokio::test]
async fn filters_are_cleared_only_by_the_switched_form() {
    for (value, by_null, by_array) in [
        ("never", false, false),
        ("null", true, false),
        ("emptyArray", false, true),
        ("both", true, true),
    ] {
        let bird = Bird::with(&[("bird.clearFilters", value)]).await;
        for (form, clears) in [(Value::Null, by_null), (json!([]), by_array)] {
            let id = bird.create("sms.inbound").await;
            let answer = bird.patch(id, &json!({ "eventFilters": form })).await;
            assert_eq!(answer.status, 200);
            assert_eq!(answer.json()["eventFilters"].is_null(), clears, "{value} {form}");
        }
    }
}

#[tokio::test]
async fn no_filters_show_as_switched() {
    let bird = Bird::start().await;
    let id = bird.post(&with("eventFilters", json!([]))).await.json()["id"].clone();
    let path = format!("/{}", id.as_str().unwrap());
    assert_eq!(
        bird.get(&path).await.json().get("eventFilters"),
        Some(&Value::Null)
    );
    bird.rig.switch("bird.emptyFilters", "emptyArray");
    assert_eq!(bird.get(&path).await.json()["eventFilters"], json!([]));
    bird.rig.switch("bird.emptyFilters", "omit");
    assert_eq!(bird.get(&path).await.json().get("eventFilters"), None);
}

#[tokio::test]
async fn post_can_commit_and_drop_the_connection_or_answer_an_error() {
    let bird = Bird::with(&[("bird.postDrops", "yes")]).await;
    let path = short(Config::BIRD_WORKSPACE);
    let create = body("sms.inbound");
    assert!(bird.try_send(Method::POST, &path, Some(&create)).await.is_err());
    assert_eq!(bird.rig.simulator.bird().count(), 1);
    bird.rig.switch("bird.postDrops", "no");
    bird.rig.switch("bird.postApplyThen5xx", "yes");
    assert_eq!(bird.post(&create).await.status, 500);
    assert_eq!(bird.rig.simulator.bird().count(), 2);
    assert!(
        bird.rig
            .simulator
            .log()
            .iter()
            .all(|entry| entry.applied && entry.id.is_some())
    );
    bird.rig.switch("bird.postApplyThen5xx", "no");
    bird.create("sms.inbound").await;
}

#[tokio::test]
async fn a_port_in_the_url_is_taken_only_when_switched_on() {
    let bird = Bird::start().await;
    let create = with("url", json!("https://hooks.example.com:8443/bird"));
    assert_eq!(bird.post(&create).await.status, 400);
    bird.rig.switch("bird.urlPattern", "ports");
    assert_eq!(bird.post(&create).await.status, 201);
}

#[tokio::test]
async fn what_is_invalid_answers_with_the_switched_status() {
    let bird = Bird::start().await;
    let create = with("colour", json!("red"));
    assert_eq!(bird.post(&create).await.status, 400);
    bird.rig.switch("bird.invalidStatus", "422");
    assert_eq!(bird.post(&create).await.status, 422);
}

#[tokio::test]
async fn another_workspace_answers_with_the_switched_status() {
    let bird = Bird::start().await;
    let paths = [
        short(Uuid::new_v4()),
        long(Uuid::new_v4(), Config::BIRD_WORKSPACE),
        long(Config::BIRD_ORGANIZATION, Uuid::new_v4()),
    ];
    for status in ["403", "404"] {
        bird.rig.switch("bird.wrongWorkspace", status);
        for path in &paths {
            let answer = bird.try_send(Method::GET, path, None).await.unwrap();
            assert_eq!(answer.status.as_str(), status, "{path}");
        }
    }
}

#[tokio::test]
async fn an_unknown_key_answers_with_the_switched_status() {
    let mut bird = Bird::start().await;
    "nobody".clone_into(&mut bird.key);
    assert_eq!(bird.get("").await.status, 401);
    bird.rig.switch("bird.unauthorizedStatus", "403");
    assert_eq!(bird.get("").await.status, 403);
}

#[tokio::test]
async fn the_list_is_ordered_as_switched() {
    let bird = Bird::start().await;
    let created = ["a.a", "b.b", "c.c", "d.d", "e.e"];
    for event in created {
        bird.create(event).await;
    }
    let shuffled = bird.listed("limit=100").await;
    assert_eq!(
        bird.listed("limit=100").await,
        shuffled,
        "the order stays the same"
    );
    assert_ne!(shuffled, created);
    bird.rig.switch("bird.listOrder", "ascending");
    assert_eq!(bird.listed("limit=100").await, created);
    bird.rig.switch("bird.listOrder", "descending");
    assert_eq!(
        bird.listed("limit=100").await,
        ["e.e", "d.d", "c.c", "b.b", "a.a"]
    );
}

#[tokio::test]
async fn a_new_subscription_appears_after_so_many_requests() {
    let bird = Bird::with(&[("bird.listLagRequests", "2"), ("bird.getLagRequests", "1")]).await;
    let id = bird.create("sms.inbound").await;
    assert_eq!(bird.get(&format!("/{id}")).await.status, 404);
    assert!(bird.listed("").await.is_empty());
    assert_eq!(bird.listed("").await, ["sms.inbound"]);
    assert_eq!(bird.get(&format!("/{id}")).await.status, 200);
}

#[tokio::test]
async fn a_new_subscription_appears_after_so_many_milliseconds() {
    let bird = Bird::with(&[("bird.listLagMs", "3600000"), ("bird.getLagMs", "3600000")]).await;
    let id = bird.create("sms.inbound").await;
    assert!(bird.listed("").await.is_empty());
    assert_eq!(bird.get(&format!("/{id}")).await.status, 404);
    bird.rig.switch("bird.rateLimit", "off");
    bird.rig.switch("bird.listLagMs", "1");
    bird.rig.switch("bird.getLagMs", "1");
    let deadline = Instant::now() + DEADLINE;
    while bird.listed("").await.is_empty() {
        assert!(Instant::now() < deadline);
    }
    assert_eq!(bird.get(&format!("/{id}")).await.status, 200);
}

#[tokio::test]
async fn pages_can_be_smaller_than_asked_for() {
    let bird = Bird::with(&[("bird.listOrder", "ascending")]).await;
    for event in ["a.a", "b.b", "c.c"] {
        bird.create(event).await;
    }
    assert_eq!(bird.listed("limit=100").await.len(), 3);
    bird.rig.switch("bird.pageCap", "2");
    let page = bird.get("?limit=100").await.json();
    assert_eq!(events(&page), ["a.a", "b.b"]);
    let token = page["nextPageToken"].as_str().unwrap();
    assert_eq!(
        bird.listed(&format!("limit=100&pageToken={token}")).await,
        ["c.c"]
    );
}

#[tokio::test]
async fn logs_show_failures_or_all() {
    let bird = Bird::start().await;
    let id = bird.create("sms.inbound").await;
    for status in [200, 503] {
        let result = DeliveryResult::answered(status);
        bird.rig.simulator.bird().record_delivery(id, &result).unwrap();
    }
    let codes = async || {
        let logs = bird.get(&format!("/{id}/logs")).await.json();
        let results = logs["results"].as_array().unwrap().iter();
        results
            .map(|one| one["httpStatusCode"].as_i64().unwrap())
            .collect::<Vec<_>>()
    };
    assert_eq!(codes().await, [503]);
    bird.rig.switch("bird.logs", "all");
    assert_eq!(codes().await, [503, 200]);
}

#[tokio::test]
async fn reads_and_changes_above_the_limit_are_refused() {
    let bird = Bird::with(&[("bird.rateLimit", "0.001/2")]).await;
    for status in [200, 200, 429] {
        assert_eq!(bird.get("").await.status, status);
    }
    for number in 0..20 {
        bird.create(&format!("{number}.x")).await;
    }
    let refused = bird.post(&body("sms.inbound")).await;
    assert_eq!(refused.status, 429, "ten times as many changes as reads");
    assert!(refused.headers.get("retry-after").is_none());
    assert_eq!(bird.rig.simulator.bird().count(), 20);
    bird.rig.switch("bird.retryAfter", "7");
    assert_eq!(bird.get("").await.headers["retry-after"], "7");
    bird.rig.switch("bird.rateLimit", "off");
    for _ in 0..5 {
        assert_eq!(bird.get("").await.status, 200);
    }
}

#[tokio::test]
async fn answers_take_as_long_as_switched() {
    let Bird { rig, .. } = Bird::start().await;
    let names = ("bird.latencyMs", "bird.latencyJitterMs");
    rig.assert_latency(names, &short(Config::BIRD_WORKSPACE)).await;
}
