//! Every switch of the simulated Babel, in every position.

use crate::{
    babel_rig::{Babel, PATH, body, id_of, with},
    rig::{DEADLINE, answer},
};
use http::Method;
use provider_simulator::{Config, credential_hash};
use serde_json::{Value, json};
use std::time::{Duration, Instant};

fn paused() -> Value {
    json!({"subscription": {
        "name": "paused", "eventType": "license.created", "url": "https://hooks.example.com/babel",
    }})
}

#[tokio::test]
async fn every_switch_is_tested_in_this_file() {
    Babel::start()
        .await
        .rig
        .assert_all_named("babel.", include_str!("babel_switches.rs"))
        .await;
}

#[tokio::test]
async fn members_with_their_default_are_left_out_unless_switched() {
    let babel = Babel::with(&[("babel.total", "present")]).await;
    let empty = babel.get(PATH).await.json();
    assert!(empty.get("totalSubscriptionsCount").is_none());
    let shown = babel.post(&paused()).await.json()["subscription"].clone();
    for name in [
        "isActive",
        "maxRetryCount",
        "secret",
        "headers",
        "updatedAt",
        "webhookEvents",
    ] {
        assert!(shown.get(name).is_none(), "{name}");
    }
    let failed = babel.get(&format!("{PATH}/77")).await.json();
    assert!(failed.get("success").is_none() && failed["message"].is_string());

    babel.rig.switch("babel.omitDefaults", "no");
    let shown = babel.read(1).await;
    assert_eq!(
        (
            &shown["isActive"],
            &shown["maxRetryCount"],
            &shown["secret"],
            &shown["webhookEvents"]
        ),
        (&json!(false), &json!(0), &json!(""), &json!([]))
    );
    assert_eq!(shown["updatedAt"], shown["createdAt"]);
    assert_eq!(babel.get(&format!("{PATH}/77")).await.json()["success"], false);
}

#[tokio::test]
async fn the_headers_come_back_in_the_switched_form() {
    let babel = Babel::start().await;
    let two = with("headers", json!({"X-Team": "orders", "X-Env": "test"}));
    let id = id_of(&babel.post(&two).await);
    assert_eq!(babel.read(id).await["headers"], "X-Env: test\nX-Team: orders");
    babel.rig.switch("babel.headersForm", "json");
    assert_eq!(
        babel.read(id).await["headers"],
        r#"{"X-Env":"test","X-Team":"orders"}"#
    );
    babel.rig.switch("babel.headersForm", "empty");
    babel.rig.switch("babel.omitDefaults", "no");
    assert_eq!(babel.read(id).await["headers"], "");
}

#[tokio::test]
async fn a_failure_is_a_200_or_a_status() {
    let babel = Babel::with(&[("babel.omitDefaults", "no")]).await;
    let unknown = with("eventType", json!("license.imagined"));
    let failed = babel.post(&unknown).await;
    assert_eq!(
        (failed.status.as_u16(), &failed.json()["success"]),
        (200, &json!(false))
    );
    assert_eq!(babel.put(7, &body("a")).await.status, 200);
    babel.rig.switch("babel.failureForm", "status");
    let failed = babel.post(&unknown).await;
    assert_eq!(
        (failed.status.as_u16(), &failed.json()["success"]),
        (400, &json!(false))
    );
    assert_eq!(babel.put(7, &body("a")).await.status, 404);
    assert_eq!(babel.rig.simulator.babel().count(), 0);
    let log = babel.rig.simulator.log();
    assert!(log.iter().all(|entry| !entry.applied && entry.note.is_some()));
}

#[tokio::test]
async fn an_absent_id_answers_as_switched() {
    let babel = Babel::start().await;
    let one = format!("{PATH}/7");
    let events = format!("{PATH}/7/events");
    assert_eq!(babel.get(&one).await.status, 200);
    assert!(babel.get(&one).await.json().get("subscription").is_none());
    assert_eq!(babel.get(&events).await.status, 200);
    assert_eq!(babel.delete(&one).await.status, 200);
    babel.rig.switch("babel.getAbsent", "404");
    assert_eq!(babel.get(&one).await.status, 404);
    assert_eq!(babel.get(&events).await.status, 404);
    assert_eq!(babel.delete(&one).await.status, 200);
    babel.rig.switch("babel.deleteAbsent", "404");
    assert_eq!(babel.delete(&one).await.status, 404);
    let id = babel.create("a").await;
    let event = format!("{PATH}/{id}/events/5");
    assert_eq!(babel.delete(&event).await.status, 404);
    babel.rig.switch("babel.deleteAbsent", "success-false");
    assert_eq!(babel.delete(&event).await.status, 200);
    assert!(babel.delete(&event).await.json().get("success").is_none());
}

#[tokio::test]
async fn take_can_be_capped() {
    let babel = Babel::with(&[("babel.listOrder", "ascending")]).await;
    for name in ["a", "b", "c"] {
        babel.create(name).await;
    }
    assert_eq!(babel.listed("take=100&skip=0").await, ["a", "b", "c"]);
    babel.rig.switch("babel.takeCap", "2");
    assert_eq!(babel.listed("take=100&skip=0").await, ["a", "b"]);
    assert_eq!(babel.listed("take=100&skip=2").await, ["c"]);
    assert_eq!(babel.listed("take=1&skip=1").await, ["b"]);
}

#[tokio::test]
async fn the_length_of_a_list_is_there_or_not() {
    let babel = Babel::start().await;
    let id = babel.create("a").await;
    babel.create("b").await;
    babel.send(Method::POST, &format!("{PATH}/{id}/test"), None).await;
    let list = babel.get(&format!("{PATH}?take=1")).await.json();
    assert!(list.get("totalSubscriptionsCount").is_none());
    babel.rig.switch("babel.total", "present");
    let list = babel.get(&format!("{PATH}?take=1")).await.json();
    assert_eq!(list["totalSubscriptionsCount"], 2);
    let events = babel.get(&format!("{PATH}/{id}/events")).await.json();
    assert_eq!(events["totalEventsCount"], 1);
}

#[tokio::test]
async fn the_content_type_is_as_switched() {
    let babel = Babel::start().await;
    assert_eq!(
        babel.get(PATH).await.headers["content-type"],
        "text/plain; charset=utf-8"
    );
    babel.rig.switch("babel.contentType", "json");
    assert_eq!(babel.get(PATH).await.headers["content-type"], "application/json");
}

#[tokio::test]
async fn failed_authentications_lock_out_unless_switched_off() {
    let mut babel = Babel::start().await;
    "api_wrong".clone_into(&mut babel.key);
    for _ in 0..5 {
        assert_eq!(babel.get(PATH).await.status, 401);
    }
    Config::BABEL_KEY.clone_into(&mut babel.key);
    assert_eq!(
        babel.get(PATH).await.status,
        403,
        "the right key is locked out too"
    );
    for status in ["429", "401"] {
        babel.rig.switch("babel.lockoutStatus", status);
        assert_eq!(babel.get(PATH).await.status.as_str(), status);
    }
    assert_eq!(babel.rig.simulator.babel().lockouts().len(), 1);
    babel.rig.simulator.babel().end_lockouts();
    assert_eq!(babel.get(PATH).await.status, 200);

    babel.rig.switch("babel.lockout", "off");
    "api_wrong".clone_into(&mut babel.key);
    for _ in 0..9 {
        assert_eq!(babel.get(PATH).await.status, 401);
    }
    Config::BABEL_KEY.clone_into(&mut babel.key);
    assert_eq!(babel.get(PATH).await.status, 200);
}

#[tokio::test]
async fn the_secret_is_shown_masked_or_left_out() {
    let babel = Babel::start().await;
    let id = babel.create("a").await;
    assert_eq!(babel.read(id).await["secret"], "********");
    babel.rig.switch("babel.showSecret", "yes");
    assert_eq!(babel.read(id).await["secret"], "s3cret");
    babel.rig.switch("babel.showSecret", "no");
    assert!(babel.read(id).await.get("secret").is_none());
}

#[tokio::test]
async fn dates_have_a_zone_or_none() {
    let babel = Babel::start().await;
    let id = babel.create("a").await;
    assert!(!babel.read(id).await["createdAt"].as_str().unwrap().ends_with('Z'));
    babel.rig.switch("babel.zone", "with");
    assert!(babel.read(id).await["createdAt"].as_str().unwrap().ends_with('Z'));
}

#[tokio::test]
async fn the_list_is_ordered_as_switched() {
    let babel = Babel::start().await;
    let created = ["a", "b", "c", "d", "e"];
    for name in created {
        babel.create(name).await;
    }
    let shuffled = babel.listed("take=9").await;
    assert_eq!(babel.listed("take=9").await, shuffled, "the order stays the same");
    let mut pages = babel.listed("take=2&skip=0").await;
    pages.extend(babel.listed("take=3&skip=2").await);
    assert_eq!(pages, shuffled);
    babel.rig.switch("babel.listOrder", "ascending");
    assert_eq!(babel.listed("take=9").await, created);
    assert_ne!(shuffled, created);
    babel.rig.switch("babel.listOrder", "descending");
    assert_eq!(babel.listed("take=9").await, ["e", "d", "c", "b", "a"]);
}

#[tokio::test]
async fn a_new_subscription_appears_after_so_many_requests() {
    let babel = Babel::with(&[("babel.listLagRequests", "2"), ("babel.getLagRequests", "1")]).await;
    let id = babel.create("a").await;
    assert!(babel.read(id).await.is_null());
    assert!(babel.listed("take=9").await.is_empty());
    assert_eq!(babel.listed("take=9").await, ["a"]);
    assert_eq!(babel.read(id).await["name"], "a");
}

#[tokio::test]
async fn a_new_subscription_appears_after_so_many_milliseconds() {
    let babel = Babel::with(&[("babel.listLagMs", "3600000"), ("babel.getLagMs", "3600000")]).await;
    let id = babel.create("a").await;
    assert!(babel.listed("take=9").await.is_empty());
    assert!(babel.read(id).await.is_null());
    babel.rig.switch("babel.listLagMs", "1");
    babel.rig.switch("babel.getLagMs", "1");
    let deadline = Instant::now() + DEADLINE;
    while babel.listed("take=9").await.is_empty() {
        assert!(Instant::now() < deadline);
    }
    assert_eq!(babel.read(id).await["name"], "a");
}

#[tokio::test]
async fn long_names_are_cut_at_the_limit() {
    let babel = Babel::with(&[("babel.nameLimit", "8")]).await;
    let id = babel.create("orders [wsub-1]").await;
    assert_eq!(babel.read(id).await["name"], "orders [");
    babel.put(id, &body("ordérs and more")).await;
    assert_eq!(babel.read(id).await["name"], "ordérs a");
}

#[tokio::test]
async fn post_can_commit_and_drop_the_connection() {
    let babel = Babel::with(&[("babel.postDrops", "yes")]).await;
    let request = babel
        .request(Method::POST, PATH, Some(&body("a")))
        .header("x-api-key", &babel.key);
    assert!(answer(request).await.is_err());
    assert_eq!(babel.listed("take=9").await, ["a"]);
    babel.rig.switch("babel.postDrops", "no");
    babel.create("b").await;
}

#[tokio::test]
async fn the_key_stands_in_the_switched_header_and_is_hashed_in_the_log() {
    let babel = Babel::with(&[("babel.lockout", "off")]).await;
    let status = async |name: &str, value: &str| {
        let request = babel.request(Method::GET, PATH, None).header(name, value);
        answer(request).await.unwrap().status.as_u16()
    };
    let key = Config::BABEL_KEY;
    let bearer = format!("Bearer {key}");
    for (forms, by_header, by_bearer) in [("both", 200, 200), ("header", 200, 401), ("bearer", 401, 200)] {
        babel.rig.switch("babel.keyForms", forms);
        assert_eq!(status("x-api-key", key).await, by_header, "{forms}");
        assert_eq!(status("authorization", &bearer).await, by_bearer, "{forms}");
        assert_eq!(status("authorization", key).await, 401, "{forms}");
    }
    babel.rig.switch("babel.keyForms", "both");
    babel.rig.switch("babel.headerName", "x-babel-key");
    assert_eq!(status("x-api-key", key).await, 401);
    assert_eq!(status("x-babel-key", key).await, 200);
    let log = babel.rig.admin(Method::GET, "/admin/log", None).await.json();
    assert!(!log.to_string().contains(key));
    let last = log.as_array().unwrap().last().unwrap();
    assert_eq!(last["headers"]["x-babel-key"], credential_hash(key));
    assert_eq!(
        log[1]["headers"]["authorization"],
        format!("Bearer {}", credential_hash(key))
    );
    assert_eq!(last["organization"], Config::BABEL_INSTALLATION);
}

#[tokio::test]
async fn events_come_oldest_or_newest_first() {
    let babel = Babel::start().await;
    let id = babel.create("a").await;
    for _ in 0..3 {
        babel.send(Method::POST, &format!("{PATH}/{id}/test"), None).await;
    }
    let ids = async |query: &str| {
        let events = babel.get(&format!("{PATH}/{id}/events?{query}")).await.json();
        let events = events["events"].as_array().unwrap().clone();
        events
            .iter()
            .map(|one| one["id"].as_i64().unwrap())
            .collect::<Vec<_>>()
    };
    assert_eq!(ids("take=2&skip=0").await, [9001, 9002]);
    babel.rig.switch("babel.eventsOrder", "newest");
    assert_eq!(ids("take=2&skip=0").await, [9003, 9002]);
    assert_eq!(ids("take=2&skip=2").await, [9001]);
}

#[tokio::test]
async fn the_message_of_a_success_is_as_switched() {
    let babel = Babel::start().await;
    assert!(babel.get(PATH).await.json().get("message").is_none());
    babel.rig.switch("babel.messageOnSuccess", "empty");
    assert_eq!(babel.get(PATH).await.json()["message"], "");
    babel.rig.switch("babel.messageOnSuccess", "sentence");
    assert!(
        babel.get(PATH).await.json()["message"]
            .as_str()
            .unwrap()
            .ends_with('.')
    );
}

#[tokio::test]
async fn a_test_event_is_delivered_at_once_later_or_by_hand() {
    let babel = Babel::start().await;
    let id = babel.create("a").await;
    let test = format!("{PATH}/{id}/test");
    let newest = async || {
        let events = babel.get(&format!("{PATH}/{id}/events?take=9")).await.json();
        events["events"].as_array().unwrap().last().unwrap().clone()
    };
    babel.send(Method::POST, &test, None).await;
    assert!(newest().await.get("sentAt").is_none());
    babel.rig.switch("babel.testDelivery", "immediate");
    babel.send(Method::POST, &test, None).await;
    let delivered = newest().await;
    assert_eq!(
        (&delivered["isSuccess"], &delivered["statusCode"]),
        (&json!(true), &json!(200))
    );
    babel.rig.switch("babel.testDelivery", "60");
    let made = Instant::now();
    babel.send(Method::POST, &test, None).await;
    while newest().await.get("sentAt").is_none() {
        assert!(made.elapsed() < DEADLINE);
    }
    // The simulator counts whole milliseconds of the clock.
    assert!(
        made.elapsed() >= Duration::from_millis(59),
        "it was not pending at first"
    );
}

#[tokio::test]
async fn requests_above_the_limit_are_refused() {
    let babel = Babel::with(&[("babel.rateLimit", "0.001/2")]).await;
    for status in [200, 200, 429] {
        let answer = babel.get(PATH).await;
        assert_eq!(answer.status, status);
        assert!(answer.headers.get("retry-after").is_none());
    }
    babel.rig.switch("babel.retryAfter", "30");
    assert_eq!(babel.get(PATH).await.headers["retry-after"], "30");
    babel.rig.switch("babel.rateLimit", "off");
    for _ in 0..5 {
        assert_eq!(babel.get(PATH).await.status, 200);
    }
}

#[tokio::test]
async fn answers_take_as_long_as_switched() {
    let Babel { rig, .. } = Babel::start().await;
    let names = ("babel.latencyMs", "babel.latencyJitterMs");
    rig.assert_latency(names, PATH).await;
}
