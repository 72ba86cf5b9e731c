//! The admin side of Babel and Bird over HTTP, and what concerns all three providers at once.

use crate::{
    babel_rig::{self, Babel, PATH},
    bird_rig::{self, Bird},
    rig::{Rig, body},
};
use http::Method;
use provider_simulator::{Config, FaultAction, FaultPlan, RequestFilter, babel, credential_hash};
use serde_json::{Value, json};
use uuid::Uuid;

#[tokio::test]
async fn babel_rows_are_made_edited_cloned_and_deleted_by_hand() {
    let babel = Babel::start().await;
    let id = babel.create("orders [wsub-1]").await;
    let path = format!("/admin/babel/subscriptions/{id}");
    let edit = json!({"isActive": false, "headers": {"X-By": "hand"}});
    let edited = babel.rig.admin(Method::PATCH, &path, Some(&edit)).await;
    assert_eq!(
        (edited.status.as_u16(), &edited.json()["headers"]),
        (200, &edit["headers"])
    );
    assert_eq!(edited.json()["name"], "orders [wsub-1]", "the rest stays");
    assert_eq!(
        edited.json()["secret"],
        "s3cret",
        "the truth, not what the API shows"
    );
    let refused = babel
        .rig
        .admin(Method::PATCH, &path, Some(&json!({"colour": 1})))
        .await;
    assert_eq!(refused.status, 400);

    let copied = babel
        .rig
        .admin(Method::POST, &format!("{path}/clone"), None)
        .await;
    assert_eq!((copied.status.as_u16(), &copied.json()["id"]), (201, &json!(2)));
    let elsewhere = json!({"installation": "other"});
    let copied = babel
        .rig
        .admin(Method::POST, &format!("{path}/clone"), Some(&elsewhere))
        .await;
    assert_eq!(copied.json()["installation"], "other");
    assert_eq!(babel.listed("").await.len(), 2);

    assert_eq!(babel.rig.admin(Method::DELETE, &path, None).await.status, 204);
    assert_eq!(babel.rig.admin(Method::GET, &path, None).await.status, 404);
    let mut again = babel_rig::body("another row");
    again["id"] = json!(id);
    let made = babel
        .rig
        .admin(Method::POST, "/admin/babel/subscriptions", Some(&again))
        .await;
    assert_eq!((made.status.as_u16(), &made.json()["id"]), (201, &json!(id)));
    assert_eq!(babel.read(id).await["name"], "another row");
    let taken = babel
        .rig
        .admin(Method::POST, "/admin/babel/subscriptions", Some(&again))
        .await;
    assert_eq!(taken.status, 400);
    let next = json!({"nextId": 500});
    babel
        .rig
        .admin(Method::PUT, "/admin/babel/next-id", Some(&next))
        .await;
    assert_eq!(babel.create("b").await, 500);
}

#[tokio::test]
async fn babel_events_and_event_types_are_set_by_hand() {
    let babel = Babel::start().await;
    let id = babel.create("a").await;
    let result = json!({"isSuccess": false, "statusCode": 503, "retryCount": 2, "times": 3,
        "eventType": "license.expired", "payload": "{}", "nextRetryAtMs": 1});
    let path = format!("/admin/babel/subscriptions/{id}/deliveries");
    assert_eq!(
        babel.rig.admin(Method::POST, &path, Some(&result)).await.status,
        204
    );
    let events = babel.get(&format!("{PATH}/{id}/events")).await.json();
    assert_eq!(events["events"].as_array().unwrap().len(), 3);
    assert_eq!(events["events"][2]["eventType"], "license.expired");
    let bad = json!({"success": false});
    assert_eq!(babel.rig.admin(Method::POST, &path, Some(&bad)).await.status, 400);

    let types = json!({"eventTypes": [{"name": "x.y"}]});
    let set = babel
        .rig
        .admin(Method::PUT, "/admin/babel/event-types", Some(&types))
        .await;
    assert_eq!(set.status, 204);
    let shown = babel
        .rig
        .admin(Method::GET, "/admin/babel/event-types", None)
        .await
        .json();
    assert_eq!(shown, json!([{"name": "x.y", "description": ""}]));
}

#[tokio::test]
async fn babel_keys_and_lock_outs_are_handled_by_hand() {
    let mut babel = Babel::start().await;
    let id = babel.create("a").await;
    let key = json!({"key": "api_second", "installation": Config::BABEL_INSTALLATION,
        "permissions": ["read", "create"]});
    assert_eq!(
        babel
            .rig
            .admin(Method::POST, "/admin/babel/keys", Some(&key))
            .await
            .status,
        204
    );
    let keys = babel
        .rig
        .admin(Method::GET, "/admin/babel/keys", None)
        .await
        .json();
    assert_eq!(keys[1]["hash"], credential_hash("api_second"));
    assert_eq!(keys[1]["permissions"], key["permissions"]);
    assert_eq!(keys[1]["userId"], keys[0]["userId"]);
    let own = format!("/admin/babel/keys/{}", Config::BABEL_KEY);
    assert_eq!(babel.rig.admin(Method::DELETE, &own, None).await.status, 204);
    for _ in 0..5 {
        assert_eq!(babel.get(PATH).await.status, 401);
    }
    let locked = babel
        .rig
        .admin(Method::GET, "/admin/babel/lockouts", None)
        .await
        .json();
    assert!(locked["127.0.0.1"].is_u64());
    babel
        .rig
        .admin(Method::DELETE, "/admin/babel/lockouts", None)
        .await;
    "api_second".clone_into(&mut babel.key);
    assert_eq!(babel.listed("").await, ["a"]);
    assert_eq!(babel.delete(&format!("{PATH}/{id}")).await.status, 403);
}

#[tokio::test]
async fn bird_subscriptions_are_edited_cloned_and_deleted_by_hand() {
    let bird = Bird::start().await;
    let id = bird.create("sms.outbound").await;
    let path = format!("/admin/bird/subscriptions/{id}");
    let edit = json!({"status": "inactive", "eventFilters": Value::Null});
    let edited = bird.rig.admin(Method::PATCH, &path, Some(&edit)).await;
    assert_eq!(
        (edited.status.as_u16(), &edited.json()["eventFilters"]),
        (200, &json!([]))
    );
    assert_eq!(
        edited.json()["signingKey"],
        "k3y",
        "the truth, not what the API shows"
    );
    for _ in 0..6 {
        let copied = bird.rig.admin(Method::POST, &format!("{path}/clone"), None).await;
        assert_eq!(copied.status, 201, "a person is not held to five");
    }
    assert_eq!(bird.listed("").await.len(), 7);
    let result = json!({"httpStatusCode": 503, "attemptCount": 3, "times": 2});
    let deliveries = format!("{path}/deliveries");
    assert_eq!(
        bird.rig
            .admin(Method::POST, &deliveries, Some(&result))
            .await
            .status,
        204
    );
    let logs = bird.get(&format!("/{id}/logs")).await.json();
    assert_eq!(
        (
            logs["results"].as_array().unwrap().len(),
            &logs["results"][0]["attemptCount"]
        ),
        (2, &json!(3))
    );
    assert_eq!(bird.rig.admin(Method::DELETE, &path, None).await.status, 204);
    assert_eq!(bird.rig.admin(Method::GET, &path, None).await.status, 404);
}

#[tokio::test]
async fn bird_keys_are_rotated_by_hand_and_other_workspaces_filled() {
    let mut bird = Bird::start().await;
    let workspace = Uuid::new_v4();
    let mut other = bird_rig::body("sms.inbound");
    other["workspace"] = json!(workspace);
    let made = bird
        .rig
        .admin(Method::POST, "/admin/bird/subscriptions", Some(&other))
        .await;
    assert_eq!(
        (made.status.as_u16(), &made.json()["workspaceId"]),
        (201, &json!(workspace))
    );

    let key = json!({"key": "second", "readOnly": true});
    assert_eq!(
        bird.rig
            .admin(Method::POST, "/admin/bird/keys", Some(&key))
            .await
            .status,
        204
    );
    let keys = bird.rig.admin(Method::GET, "/admin/bird/keys", None).await.json();
    assert_eq!(
        (&keys[1]["hash"], &keys[1]["readOnly"]),
        (&json!(credential_hash("second")), &json!(true))
    );
    let own = format!("/admin/bird/keys/{}", Config::BIRD_KEY);
    assert_eq!(bird.rig.admin(Method::DELETE, &own, None).await.status, 204);
    assert_eq!(bird.get("").await.status, 401);
    "second".clone_into(&mut bird.key);
    assert_eq!(bird.get("").await.status, 200);
}

/// One subscription at each provider.
async fn with_all() -> (Bird, i32, Uuid) {
    let bird = Bird::start().await;
    bird.rig.create("dixa [wsub-1]").await;
    let id = bird.create("sms.outbound").await;
    let babel = Babel {
        rig: bird.rig,
        key: Config::BABEL_KEY.to_owned(),
    };
    let row = babel.create("babel [wsub-1]").await;
    (
        Bird {
            rig: babel.rig,
            key: bird.key,
        },
        row,
        id,
    )
}

#[tokio::test]
async fn the_truth_of_all_providers_stands_in_one_list() {
    let (Bird { rig, .. }, row, id) = with_all().await;
    let list = async |query: &str| {
        let path = format!("/admin/subscriptions{query}");
        let all = rig.admin(Method::GET, &path, None).await.json();
        let providers = all.as_array().unwrap().iter();
        providers
            .map(|one| one["provider"].as_str().unwrap().to_owned())
            .collect::<Vec<_>>()
    };
    assert_eq!(list("").await, ["dixa", "babel", "bird"]);
    assert_eq!(list("?provider=babel").await, ["babel"]);
    assert_eq!(list("?name=wsub-1").await, ["dixa", "babel"]);
    let workspace = Config::BIRD_WORKSPACE;
    assert_eq!(list(&format!("?organization={workspace}")).await, ["bird"]);
    assert_eq!(list("?organization=example-installation").await, ["babel"]);
    assert_eq!(
        rig.admin(Method::GET, "/admin/subscriptions?provider=acme", None)
            .await
            .status,
        400
    );
    let state = rig.admin(Method::GET, "/admin/state", None).await.json();
    for provider in ["dixa", "babel", "bird"] {
        assert_eq!(state["providers"][provider]["subscriptions"], 1, "{provider}");
    }
    let deleted = rig
        .admin(Method::DELETE, "/admin/subscriptions?provider=babel", None)
        .await
        .json();
    assert_eq!(deleted, json!({"deleted": 1}));
    assert!(rig.simulator.babel().subscription(row).is_none());
    assert!(rig.simulator.bird().subscription(id).is_some());
    assert_eq!(
        rig.admin(Method::DELETE, "/admin/subscriptions", None)
            .await
            .json(),
        json!({"deleted": 2})
    );
}

#[tokio::test]
async fn a_snapshot_brings_all_providers_back() {
    let (Bird { rig, .. }, row, id) = with_all().await;
    rig.simulator
        .babel()
        .record_delivery(row, &babel::DeliveryResult::answered(503))
        .unwrap();
    let types = vec![babel::EventType::named("x.y")];
    rig.simulator
        .babel()
        .set_event_types(Config::BABEL_INSTALLATION, types);
    rig.switch("bird.sixth", "422");
    let snapshot = rig.admin(Method::POST, "/admin/snapshot", None).await.json();
    let fresh = Rig::start().await;
    let restored = fresh.admin(Method::POST, "/admin/restore", Some(&snapshot)).await;
    assert_eq!(restored.status, 204);
    assert_eq!(fresh.simulator.snapshot().unwrap(), snapshot);
    assert_eq!(
        fresh.simulator.babel().subscription(row),
        rig.simulator.babel().subscription(row)
    );
    assert_eq!(
        fresh.simulator.bird().subscription(id),
        rig.simulator.bird().subscription(id)
    );
    let babel = Babel {
        rig: fresh,
        key: Config::BABEL_KEY.to_owned(),
    };
    let made = babel.post(&babel_rig::with("eventType", json!("x.y"))).await;
    assert_eq!(babel_rig::id_of(&made), row + 1);
    for broken in [json!({"babel": {"keys": 7}}), json!({"bird": {"keys": 7}})] {
        assert_eq!(
            babel
                .rig
                .admin(Method::POST, "/admin/restore", Some(&broken))
                .await
                .status,
            400
        );
    }
    assert_eq!(babel.rig.simulator.babel().count(), 2);
}

#[tokio::test]
async fn the_log_knows_every_operation_by_its_name() {
    let (bird, row, id) = with_all().await;
    bird.rig.simulator.clear_log();
    for (method, rest) in [
        (Method::GET, String::new()),
        (Method::GET, format!("/{id}")),
        (Method::PATCH, format!("/{id}")),
        (Method::GET, format!("/{id}/logs")),
        (Method::DELETE, format!("/{id}")),
    ] {
        bird.send(method, &rest, Some(&json!({"status": "active"}))).await;
    }
    let babel = Babel {
        rig: bird.rig,
        key: Config::BABEL_KEY.to_owned(),
    };
    let one = format!("{PATH}/{row}");
    for (method, path) in [
        (Method::GET, "/v1/webhooks/event-types".to_owned()),
        (Method::GET, PATH.to_owned()),
        (Method::POST, format!("{one}/test")),
        (Method::GET, format!("{one}/events")),
        (Method::DELETE, format!("{one}/events/9001")),
        (Method::GET, one.clone()),
        (Method::PUT, one.clone()),
        (Method::DELETE, one.clone()),
    ] {
        let body = (method == Method::PUT).then(|| babel_rig::body("b"));
        babel.send(method, &path, body.as_ref()).await;
    }
    let log = babel.rig.simulator.log();
    let seen: Vec<_> = log.iter().map(|entry| entry.operation).collect();
    let wanted = [
        "list",
        "get",
        "patch",
        "logs",
        "delete",
        "eventTypes",
        "list",
        "test",
        "events",
        "deleteEvent",
        "get",
        "put",
        "delete",
    ];
    assert_eq!(seen, wanted);
    assert!(log.iter().all(|entry| entry.applied), "{log:?}");
}

#[tokio::test]
async fn a_fault_plan_is_for_one_provider() {
    let babel = Babel::start().await;
    let creates = RequestFilter::operation("babel", "create");
    let plan = FaultPlan::every(creates, FaultAction::DropBefore);
    babel.rig.simulator.add_fault(plan);
    assert_eq!(babel.rig.post(&body("a")).await.status, 201);
    let request = babel.request(Method::POST, PATH, Some(&babel_rig::body("b")));
    assert!(request.header("x-api-key", &babel.key).send().await.is_err());
    assert_eq!(babel.rig.simulator.counters()["babel"]["create"].dropped, 1);
}
