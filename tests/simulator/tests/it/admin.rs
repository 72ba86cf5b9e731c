//! The admin side over HTTP, and the request log.

use crate::rig::{Rig, body};
use http::Method;
use provider_simulator::{Config, Simulator, TlsListeners, credential_hash};
use serde_json::json;
use std::time::Duration;

#[tokio::test]
async fn subscriptions_are_edited_cloned_and_deleted_by_hand() {
    let rig = Rig::start().await;
    let id = rig.create("orders [wsub-1]").await;
    let path = format!("/admin/dixa/subscriptions/{id}");
    let edited = rig
        .admin(
            Method::PATCH,
            &path,
            Some(&json!({"name": "mine now", "filters": {}})),
        )
        .await;
    assert_eq!(
        (edited.status.as_u16(), &edited.json()["name"]),
        (200, &json!("mine now"))
    );
    assert_eq!(rig.listed().await, ["mine now"]);

    let copied = rig.admin(Method::POST, &format!("{path}/clone"), None).await;
    assert_eq!(
        (copied.status.as_u16(), &copied.json()["name"]),
        (201, &json!("mine now"))
    );
    assert_ne!(copied.json()["id"], json!(id));
    assert_ne!(copied.json()["secretKey"], edited.json()["secretKey"]);
    let elsewhere = json!({"organization": "other-org"});
    rig.admin(Method::POST, &format!("{path}/clone"), Some(&elsewhere))
        .await;
    let all = rig
        .admin(Method::GET, "/admin/subscriptions?provider=dixa", None)
        .await
        .json();
    assert_eq!(all.as_array().unwrap().len(), 3);
    let other = rig
        .admin(Method::GET, "/admin/subscriptions?organization=other-org", None)
        .await
        .json();
    assert_eq!(other.as_array().unwrap().len(), 1);

    assert_eq!(rig.admin(Method::DELETE, &path, None).await.status, 204);
    assert_eq!(rig.admin(Method::DELETE, &path, None).await.status, 404);
    assert_eq!(rig.get(&format!("/v1/webhooks/{id}")).await.status, 404);
    let made = rig
        .admin(Method::POST, "/admin/dixa/subscriptions", Some(&body("by hand")))
        .await;
    assert_eq!(made.status, 201);
    assert_eq!(rig.listed().await, ["mine now", "by hand"]);
    let emptied = rig
        .admin(Method::DELETE, "/admin/subscriptions", None)
        .await
        .json();
    assert_eq!(emptied, json!({"deleted": 3}));
}

#[tokio::test]
async fn tokens_are_added_and_revoked() {
    let mut rig = Rig::start().await;
    let new = json!({"token": "second", "organization": "example-org", "readOnly": true});
    assert_eq!(
        rig.admin(Method::POST, "/admin/dixa/tokens", Some(&new))
            .await
            .status,
        204
    );
    let tokens = rig.admin(Method::GET, "/admin/dixa/tokens", None).await.json();
    assert_eq!(tokens[1]["hash"], credential_hash("second"));
    assert_eq!(
        tokens[1]["user"], tokens[0]["user"],
        "one organization, one user by default"
    );
    assert_eq!(
        rig.admin(Method::DELETE, "/admin/dixa/tokens/dixa-token-example", None)
            .await
            .status,
        204
    );
    assert_eq!(rig.get("/v1/webhooks").await.status, 401);
    "second".clone_into(&mut rig.token);
    assert_eq!(rig.get("/v1/webhooks").await.status, 200);
    assert_eq!(rig.post(&body("a")).await.status, 403);
}

#[tokio::test]
async fn switches_are_set_and_bad_ones_are_refused_by_name() {
    let rig = Rig::start().await;
    let set = json!({"dixa.patchAbsent": 404, "dixa.nameLimit": "40"});
    let values = rig
        .admin(Method::PATCH, "/admin/switches", Some(&set))
        .await
        .json();
    assert_eq!(
        (&values["dixa.patchAbsent"], &values["dixa.nameLimit"]),
        (&json!("404"), &json!("40"))
    );
    for (bad, says) in [
        (json!({"dixa.patchAbsent": "418"}), "404|400"),
        (json!({"dixa.teapot": "yes"}), "dixa.teapot"),
        (json!({"patchAbsent": "404"}), "<provider>.<switch>"),
        (json!({"acme.patchAbsent": "404"}), "acme.patchAbsent"),
    ] {
        let refused = rig.admin(Method::PATCH, "/admin/switches", Some(&bad)).await;
        assert_eq!(refused.status, 400);
        assert!(
            refused.json()["message"].as_str().unwrap().contains(says),
            "{:?}",
            refused.body
        );
    }
}

#[tokio::test]
async fn deliveries_are_recorded() {
    let rig = Rig::start().await;
    let id = rig.create("a").await;
    let result =
        json!({"event": "ConversationCreated", "success": false, "code": 500, "text": "no", "times": 3});
    let path = format!("/admin/dixa/subscriptions/{id}/deliveries");
    assert_eq!(rig.admin(Method::POST, &path, Some(&result)).await.status, 204);
    let logs = rig
        .get(&format!(
            "/v1/webhooks/{id}/delivery-status/logs/ConversationCreated"
        ))
        .await
        .data();
    assert_eq!(logs.as_array().unwrap().len(), 3);
    assert_eq!(
        rig.admin(Method::POST, &path, Some(&json!({"event": "x"})))
            .await
            .status,
        400
    );
}

#[tokio::test]
async fn faults_holds_and_waiting_work_over_http() {
    let rig = Rig::start().await;
    let plan =
        json!({"match": {"operation": "create"}, "nth": 1, "action": {"type": "hold", "when": "applied"}});
    let added = rig.admin(Method::POST, "/admin/faults", Some(&plan)).await;
    assert_eq!((added.status.as_u16(), added.json()), (201, json!({"id": 1})));
    let test = async {
        let wait = "/admin/wait?operation=create&count=1&milestone=held&timeoutMs=20000";
        let held = rig.admin(Method::GET, wait, None).await.json();
        assert_eq!(
            (&held["held"], &held["applied"]),
            (&json!("applied"), &json!(true))
        );
        let seq = held["seq"].as_u64().unwrap();
        let holds = rig.admin(Method::GET, "/admin/holds", None).await.json();
        assert_eq!(holds, json!([{"seq": seq, "when": "applied"}]));
        assert_eq!(
            rig.admin(Method::POST, &format!("/admin/holds/{seq}/release"), None)
                .await
                .status,
            204
        );
    };
    let create = body("a");
    let (answer, ()) = tokio::join!(rig.post(&create), test);
    assert_eq!(answer.status, 201);
    let faults = rig.admin(Method::GET, "/admin/faults", None).await.json();
    assert_eq!(
        (&faults[0]["fired"], &faults[0]["plan"]["action"]["type"]),
        (&json!(1), &json!("hold"))
    );
    assert_eq!(
        rig.admin(Method::DELETE, "/admin/faults/1", None).await.status,
        204
    );
    assert_eq!(rig.admin(Method::DELETE, "/admin/faults", None).await.status, 204);
    let late = rig
        .admin(Method::GET, "/admin/wait?operation=patch&timeoutMs=5", None)
        .await;
    assert_eq!(late.status, 408);
    for (member, value) in [
        ("nth", json!(0)),
        ("action", json!({"type": "failBefore", "status": 42})),
    ] {
        let mut flawed = plan.clone();
        flawed[member] = value;
        assert_eq!(
            rig.admin(Method::POST, "/admin/faults", Some(&flawed))
                .await
                .status,
            400
        );
    }
    let misspelt = json!({"match": {"operation": "create"}, "action": {"type": "applyThenExplode"}});
    assert_eq!(
        rig.admin(Method::POST, "/admin/faults", Some(&misspelt))
            .await
            .status,
        400
    );
}

#[tokio::test]
async fn a_snapshot_brings_the_state_back() {
    let rig = Rig::with(&[("dixa.patchAbsent", "404")]).await;
    let id = rig.create("a").await;
    let before = rig.get(&format!("/v1/webhooks/{id}")).await.body;
    let snapshot = rig.admin(Method::POST, "/admin/snapshot", None).await.json();
    let fresh = Rig::start().await;
    assert_eq!(
        fresh
            .admin(Method::POST, "/admin/restore", Some(&snapshot))
            .await
            .status,
        204
    );
    assert_eq!(fresh.simulator.snapshot().unwrap(), snapshot);
    assert_eq!(fresh.get(&format!("/v1/webhooks/{id}")).await.body, before);
    fresh.create("b").await;
    assert_eq!(fresh.listed().await, ["a", "b"]);
    let broken = json!({"dixa": {"tokens": 7}});
    assert_eq!(
        fresh
            .admin(Method::POST, "/admin/restore", Some(&broken))
            .await
            .status,
        400
    );
    assert_eq!(fresh.listed().await, ["a", "b"]);
    assert_eq!(
        fresh.admin(Method::POST, "/admin/restore", None).await.status,
        400,
        "no state file was named"
    );
}

#[tokio::test]
async fn help_and_state_tell_a_person_what_there_is() {
    let rig = Rig::start().await;
    rig.create("a").await;
    let help = rig.admin(Method::GET, "/admin", None).await;
    assert!(String::from_utf8_lossy(&help.body).contains("/admin/holds/{seq}/release"));
    let state = rig.admin(Method::GET, "/admin/state", None).await.json();
    assert_eq!(
        (&state["providers"]["dixa"]["subscriptions"], &state["lastSeq"]),
        (&json!(1), &json!(1))
    );
    assert_eq!(state["switches"]["dixa.echoCustomHeaders"], "no");
    assert_eq!(rig.admin(Method::GET, "/admin/nothing", None).await.status, 404);
}

#[tokio::test]
async fn a_dropped_simulator_answers_nobody_any_more() {
    let rig = Rig::start().await;
    rig.listed().await;
    let Rig {
        simulator, client, ..
    } = rig;
    let url = format!("{}/admin/state", simulator.admin_url());
    assert!(client.get(&url).send().await.is_ok());
    let api = format!("{}/v1/webhooks", simulator.http_url());
    drop(simulator);
    for url in [url, api] {
        let ended = async {
            while client
                .get(&url)
                .timeout(Duration::from_secs(1))
                .send()
                .await
                .is_ok()
            {
                tokio::task::yield_now().await;
            }
        };
        tokio::time::timeout(crate::rig::DEADLINE, ended).await.unwrap();
    }
}

#[tokio::test]
async fn an_unknown_switch_or_a_taken_port_stops_the_start() {
    let bad = Config {
        tls: TlsListeners::None,
        ..Config::default()
    }
    .with_switch("dixa.teapot", "yes");
    assert!(
        Simulator::start(bad)
            .await
            .err()
            .unwrap()
            .to_string()
            .contains("dixa.teapot")
    );
    let rig = Rig::start().await;
    let port: u16 = rig
        .simulator
        .http_url()
        .rsplit(':')
        .next()
        .unwrap()
        .parse()
        .unwrap();
    let mut taken = Config {
        tls: TlsListeners::None,
        ..Config::default()
    };
    taken.ports.http = port;
    assert!(
        Simulator::start(taken)
            .await
            .err()
            .unwrap()
            .to_string()
            .contains(&port.to_string())
    );
}
