//! The request log and its counters.

use crate::rig::{Rig, body};
use http::Method;
use provider_simulator::{Config, Retention, Simulator, TlsListeners, credential_hash};
use serde_json::json;

#[tokio::test]
async fn the_log_has_every_request_in_order_and_no_token() {
    let rig = Rig::start().await;
    let id = rig.create("a").await;
    rig.request(Method::GET, "/beta/webhooks?x=1", None)
        .header("Referer", "https://r.example")
        .send()
        .await
        .unwrap();
    rig.send(Method::DELETE, &format!("/v1/webhooks/{id}"), None)
        .await;
    let log = rig.admin(Method::GET, "/admin/log", None).await.json();
    let seen: Vec<_> = log
        .as_array()
        .unwrap()
        .iter()
        .map(|entry| entry["operation"].as_str().unwrap())
        .collect();
    assert_eq!(seen, ["create", "list", "delete"]);
    assert_eq!(log[0]["body"], body("a"));
    assert_eq!(
        log[0]["headers"]["authorization"],
        credential_hash(Config::DIXA_TOKEN)
    );
    assert_eq!(log[0]["id"], json!(id));
    assert_eq!(log[0]["organization"], "example-org");
    assert_eq!(
        (&log[0]["status"], &log[0]["phase"]),
        (&json!(201), &json!("answered"))
    );
    assert_eq!(
        (&log[1]["path"], &log[1]["headers"]["referer"]),
        (&json!("/beta/webhooks?x=1"), &json!("https://r.example"))
    );
    assert!(!log.to_string().contains(Config::DIXA_TOKEN));
    assert_eq!(
        rig.admin(Method::GET, "/admin/log?since=1&operation=delete", None)
            .await
            .json()
            .as_array()
            .unwrap()
            .len(),
        1
    );
    rig.admin(Method::DELETE, "/admin/log", None).await;
    assert_eq!(rig.admin(Method::GET, "/admin/log", None).await.json(), json!([]));
    rig.listed().await;
    assert_eq!(rig.simulator.log()[0].seq, 4, "numbering goes on");
}

#[tokio::test]
async fn counters_count_by_operation_and_status_even_without_a_log() {
    let config = Config {
        tls: TlsListeners::None,
        retention: Retention::CountersOnly,
        ..Config::default()
    };
    let rig = Rig {
        simulator: Simulator::start(config).await.unwrap(),
        ..Rig::start().await
    };
    rig.switch("dixa.rateLimit", "off");
    rig.create("a").await;
    rig.create("b").await;
    rig.post(&json!({})).await;
    let counters = rig.admin(Method::GET, "/admin/counters", None).await.json();
    let create = &counters["dixa"]["create"];
    assert_eq!(create["byStatus"], json!({"201": 2, "400": 1}));
    assert_eq!((&create["received"], &create["applied"]), (&json!(3), &json!(2)));
    assert!(rig.simulator.log().is_empty());
    assert_eq!(
        rig.admin(Method::GET, "/admin/wait?timeoutMs=60000", None)
            .await
            .status,
        400
    );
    rig.admin(Method::DELETE, "/admin/counters", None).await;
    assert_eq!(rig.simulator.counters().len(), 0);
}

#[tokio::test]
async fn a_full_log_forgets_its_oldest_entries() {
    let config = Config {
        tls: TlsListeners::None,
        retention: Retention::Entries(2),
        ..Config::default()
    };
    let rig = Rig {
        simulator: Simulator::start(config).await.unwrap(),
        ..Rig::start().await
    };
    for name in ["a", "b", "c"] {
        rig.create(name).await;
    }
    let kept: Vec<_> = rig
        .simulator
        .log()
        .iter()
        .map(|entry| (entry.seq, entry.status))
        .collect();
    assert_eq!(kept, [(2, Some(201)), (3, Some(201))]);
}
