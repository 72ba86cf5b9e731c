//! Babel's API: what it takes, what it refuses, who sees what.

use crate::babel_rig::{Babel, PATH, body, id_of, with};
use http::Method;
use provider_simulator::{
    Config,
    babel::{DeliveryResult, EventType, Key, Permission},
};
use serde_json::{Value, json};

#[tokio::test]
async fn bodies_that_do_not_have_the_documented_shape_are_refused_with_400() {
    let babel = Babel::start().await;
    let bare = body("a")["subscription"].clone();
    let mut extra = body("a");
    extra["colour"] = json!("red");
    for body in [
        bare,
        extra,
        json!({}),
        json!({"subscription": Value::Null}),
        json!([body("a")]),
        with("id", json!(7)),
        with("userId", json!("u")),
        with("name", json!(7)),
        with("name", Value::Null),
        with("eventType", json!(["license.created"])),
        with("headers", json!("{}")),
        with("headers", json!({"X-Team": 1})),
        with("headers", Value::Null),
        with("maxRetryCount", json!("3")),
        with("maxRetryCount", json!(2_147_483_648_i64)),
        with("maxRetryCount", json!(1.5)),
        with("isActive", json!("true")),
        with("isActive", Value::Null),
    ] {
        let answer = babel.post(&body).await;
        assert_eq!(answer.status, 400, "{body}");
        assert!(answer.json()["message"].is_string());
    }
    assert_eq!(babel.rig.simulator.babel().count(), 0);
}

#[tokio::test]
async fn impossible_values_fail_without_an_object() {
    let babel = Babel::start().await;
    for body in [
        with("eventType", json!("license.imagined")),
        with("eventType", json!("")),
        with("url", json!("hooks.example.com")),
        with("maxRetryCount", json!(-1)),
        with("headers", json!({"X Team": "a"})),
    ] {
        let answer = babel.post(&body).await.json();
        assert!(
            answer.get("subscription").is_none() && answer["message"].is_string(),
            "{body}"
        );
    }
    assert_eq!(babel.rig.simulator.babel().count(), 0);
}

#[tokio::test]
async fn a_replacement_blanks_what_it_leaves_out() {
    let babel = Babel::start().await;
    let id = babel.create("a").await;
    let before = babel.rig.simulator.babel().subscription(id).unwrap();
    let short = json!({"subscription": {"name": "b", "eventType": "license.revoked"}});
    assert_eq!(babel.put(id, &short).await.status, 200);
    let after = babel.rig.simulator.babel().subscription(id).unwrap();
    assert_eq!(
        (after.content.name.as_str(), after.content.event_type.as_str()),
        ("b", "license.revoked")
    );
    assert_eq!(
        (after.content.url.as_str(), after.content.secret.as_str()),
        ("", "")
    );
    assert_eq!(
        (after.content.max_retry_count, after.content.is_active),
        (0, false)
    );
    assert!(after.content.headers.is_empty() && after.updated_ms > before.updated_ms);
    assert_eq!(after.user_id, before.user_id);
}

#[tokio::test]
async fn only_json_is_taken_under_its_three_names() {
    let babel = Babel::start().await;
    let send = async |kind: &str| {
        let request = babel
            .request(Method::POST, PATH, None)
            .header("x-api-key", &babel.key);
        let request = request.header("Content-Type", kind).body(body("a").to_string());
        request.send().await.unwrap().status().as_u16()
    };
    assert_eq!(send("application/json; charset=utf-8").await, 200);
    assert_eq!(send("application/json-patch+json").await, 200);
    assert_eq!(send("text/json").await, 200);
    assert_eq!(send("text/plain").await, 415);
}

#[tokio::test]
async fn pages_need_numbers_and_have_ten_rows_by_themselves() {
    let babel = Babel::start().await;
    for number in 0..12 {
        babel.create(&number.to_string()).await;
    }
    assert_eq!(babel.listed("").await.len(), 10);
    assert_eq!(babel.listed("take=100&skip=5").await.len(), 7);
    assert!(babel.listed("take=0").await.is_empty());
    assert!(babel.listed("skip=12").await.is_empty());
    for query in ["take=x", "take=-1", "skip=1.5", "take=2147483648"] {
        assert_eq!(babel.get(&format!("{PATH}?{query}")).await.status, 400, "{query}");
    }
}

#[tokio::test]
async fn ids_count_up_and_can_be_used_again_by_hand() {
    let babel = Babel::start().await;
    let control = babel.rig.simulator.babel();
    assert_eq!((babel.create("a").await, babel.create("b").await), (1, 2));
    control.delete(1).unwrap();
    control.delete(2).unwrap();
    assert_eq!(babel.create("c").await, 3, "an id is not used again by itself");
    let content = control.subscription(3).unwrap().content;
    assert!(
        control
            .create_with_id(3, Config::BABEL_INSTALLATION, content.clone())
            .is_err()
    );
    control
        .create_with_id(1, Config::BABEL_INSTALLATION, content)
        .unwrap();
    assert_eq!(babel.read(1).await["name"], "c");
    control.set_next_id(2);
    assert_eq!(
        (babel.create("d").await, babel.create("e").await),
        (2, 4),
        "ids in use are passed over"
    );
    control.set_next_id(41);
    assert_eq!(babel.create("f").await, 41);
}

#[tokio::test]
async fn installations_do_not_see_each_other() {
    let mut babel = Babel::start().await;
    let id = babel.create("a").await;
    babel.rig.simulator.babel().add_key("api_other", Key::of("other"));
    "api_other".clone_into(&mut babel.key);
    assert!(babel.listed("").await.is_empty());
    assert!(babel.read(id).await.is_null());
    babel.delete(&format!("{PATH}/{id}")).await;
    babel.put(id, &body("b")).await;
    assert_eq!(
        babel.rig.simulator.babel().subscription(id).unwrap().content.name,
        "a"
    );
}

#[tokio::test]
async fn a_key_does_only_what_its_permissions_allow() {
    let mut babel = Babel::start().await;
    let id = babel.create("a").await;
    let one = format!("{PATH}/{id}");
    let requests = [
        (Permission::Read, Method::GET, PATH.to_owned()),
        (Permission::Read, Method::GET, one.clone()),
        (
            Permission::Read,
            Method::GET,
            "/v1/webhooks/event-types".to_owned(),
        ),
        (Permission::Read, Method::GET, format!("{one}/events")),
        (Permission::Create, Method::POST, PATH.to_owned()),
        (Permission::Write, Method::PUT, one.clone()),
        (Permission::Write, Method::POST, format!("{one}/test")),
        (Permission::Delete, Method::DELETE, format!("{one}/events/1")),
        (Permission::Delete, Method::DELETE, one),
    ];
    "api_some".clone_into(&mut babel.key);
    for allowed in Permission::ALL {
        let key = Key::of(Config::BABEL_INSTALLATION).only(&[allowed]);
        babel.rig.simulator.babel().add_key("api_some", key);
        for (needed, method, path) in &requests {
            let body = (path.as_str() == PATH || *method == Method::PUT).then(|| body("b"));
            let body = body.filter(|_| *method != Method::GET);
            let status = babel.send(method.clone(), path, body.as_ref()).await.status;
            assert_eq!(
                status == 403,
                *needed != allowed,
                "{allowed:?}: {method} {path}: {status}"
            );
        }
    }
}

#[tokio::test]
async fn a_rotated_key_reaches_the_same_rows_and_the_old_one_none() {
    let mut babel = Babel::start().await;
    babel.create("a").await;
    let control = babel.rig.simulator.babel();
    control.add_key("api_new", Key::of(Config::BABEL_INSTALLATION));
    assert!(control.remove_key(&babel.key) && !control.remove_key(&babel.key));
    assert_eq!(babel.get(PATH).await.status, 401);
    "api_new".clone_into(&mut babel.key);
    assert_eq!(babel.listed("").await, ["a"]);
}

#[tokio::test]
async fn a_lock_out_is_for_one_host() {
    let babel = Babel::start().await;
    let send = async |host: &str, key: &str| {
        let request = babel.request(Method::GET, PATH, None).header("x-api-key", key);
        request
            .header("Host", host)
            .send()
            .await
            .unwrap()
            .status()
            .as_u16()
    };
    for _ in 0..5 {
        assert_eq!(send("one.example:5455", "api_wrong").await, 401);
    }
    assert_eq!(send("One.example", Config::BABEL_KEY).await, 403);
    assert_eq!(send("two.example", Config::BABEL_KEY).await, 200);
}

#[tokio::test]
async fn event_types_are_those_of_the_installation() {
    let babel = Babel::start().await;
    let types = babel.get("/v1/webhooks/event-types").await.json();
    let names: Vec<_> = types["eventTypes"]
        .as_array()
        .unwrap()
        .iter()
        .map(|one| &one["name"])
        .collect();
    for name in [
        "license.created",
        "license.revoked",
        "license.expired",
        "license.activated",
    ] {
        assert!(names.contains(&&json!(name)), "{name}");
    }
    let only = vec![EventType::named("order.paid")];
    babel
        .rig
        .simulator
        .babel()
        .set_event_types(Config::BABEL_INSTALLATION, only);
    assert!(babel.post(&body("a")).await.json().get("subscription").is_none());
    let paid = with("eventType", json!("order.paid"));
    assert_eq!(id_of(&babel.post(&paid).await), 1);
}

#[tokio::test]
async fn a_test_event_is_delivered_by_hand_and_deleted() {
    let babel = Babel::start().await;
    let id = babel.create("a").await;
    let payload = json!({"payload": {"n": 1}});
    let made = babel
        .send(Method::POST, &format!("{PATH}/{id}/test"), Some(&payload))
        .await
        .json();
    let event = i32::try_from(made["eventId"].as_i64().unwrap()).unwrap();
    let control = babel.rig.simulator.babel();
    let failed = DeliveryResult {
        event_id: Some(event),
        retry_count: 1,
        next_retry_at_ms: Some(1_767_225_600_000),
        ..DeliveryResult::answered(503)
    };
    control.record_delivery(id, &failed).unwrap();
    let events = babel.get(&format!("{PATH}/{id}/events")).await.json();
    let shown = &events["events"][0];
    assert_eq!(
        (&shown["statusCode"], &shown["retryCount"]),
        (&json!(503), &json!(1))
    );
    assert_eq!(shown["nextRetryAt"], "2026-01-01T00:00:00.000");
    assert_eq!(
        (&shown["payload"], shown.get("isSuccess")),
        (&json!(r#"{"n":1}"#), None)
    );
    let with_events = babel
        .get(&format!("{PATH}/{id}?include=webhookEvents"))
        .await
        .json();
    assert_eq!(with_events["subscription"]["webhookEvents"][0], *shown);

    let path = format!("{PATH}/{id}/events/{event}");
    assert_eq!(babel.delete(&path).await.json()["success"], true);
    assert!(babel.delete(&path).await.json().get("success").is_none());
    let absent = DeliveryResult {
        event_id: Some(event),
        ..DeliveryResult::answered(200)
    };
    assert!(control.record_delivery(id, &absent).is_err());
    assert_eq!(
        babel
            .send(Method::POST, &format!("{PATH}/{id}/test"), Some(&json!({"x": 1})))
            .await
            .status,
        400
    );
}

#[tokio::test]
async fn wrong_methods_and_paths_are_refused() {
    let babel = Babel::start().await;
    for (method, path, status) in [
        (Method::PATCH, format!("{PATH}/1"), 405),
        (Method::DELETE, PATH.to_owned(), 405),
        (Method::POST, "/v1/webhooks/event-types".to_owned(), 405),
        (Method::GET, format!("{PATH}/1/test"), 405),
        (Method::GET, format!("{PATH}/1/deliveries"), 404),
        (Method::GET, format!("{PATH}/one"), 400),
        (Method::GET, format!("{PATH}/2147483648"), 400),
    ] {
        let answer = babel.send(method.clone(), &path, None).await;
        assert_eq!(answer.status, status, "{method} {path}");
        assert!(answer.json()["message"].is_string());
    }
    assert_eq!(
        babel.rig.get("/v1/webhooks").await.status,
        200,
        "Dixa's paths are Dixa's"
    );
}
