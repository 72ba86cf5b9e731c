//! Mode Observe: watches, and writes nothing.

use serde_json::{Value, json};

use crate::support::{SUBSCRIPTION, World, condition, merge};
use crate::{by_id, made_by_hand};

fn observe(mut adoption: Value) -> Value {
    merge(&mut adoption, &json!({"mode": "Observe"}));
    adoption
}

#[test]
fn an_observer_reports_and_never_writes_and_leaves_what_it_watched() {
    let world = World::start();
    let remote = made_by_hand(&world, &json!({}));
    world.connect();
    let mut spec = observe(by_id(&remote));
    spec["signing"] = json!({"publishProviderKey": {"secretName": "signing"}});
    world.subscribe("crm", spec);
    let ready = world.ready("crm");
    let entry = &ready["status"]["subscriptions"][0];
    assert_eq!(entry["ownership"], "Observed");
    assert_eq!(ready["status"]["effective"]["deletionPolicy"], "Orphan");
    assert!(world.find("secrets", "signing").is_none(), "publishes no key");

    let edit = json!({"url": "https://elsewhere.example/x"});
    world.simulator.dixa().edit(remote.id, &edit).unwrap();
    world.look_again(SUBSCRIPTION, "crm");
    let drifted = world.becomes(SUBSCRIPTION, "crm", "Synced", "False", "DriftDetected");
    let message = condition(&drifted, "Synced")["message"].to_string();
    assert!(message.contains("url"), "{message}");

    world.delete(SUBSCRIPTION, "crm");
    world.gone(SUBSCRIPTION, "crm");
    assert_eq!(world.only_remote().content.url, "https://elsewhere.example/x");
    assert_eq!(world.remote_writes_since(0), Vec::<String>::new());
}

#[test]
fn an_observer_by_match_finds_nothing_and_creates_nothing() {
    let world = World::start();
    world.connect();
    world.subscribe("crm", observe(json!({"adoption": {"policy": "IfMatches"}})));
    world.becomes(SUBSCRIPTION, "crm", "Stalled", "True", "NothingToAdopt");
    assert_eq!(world.remote_writes_since(0), Vec::<String>::new());
    let remote = made_by_hand(&world, &json!({}));
    world.look_again(SUBSCRIPTION, "crm");
    world.ready("crm");
    assert_eq!(world.external_id("crm"), remote.id.to_string());
    assert_eq!(world.remote_writes_since(0), Vec::<String>::new());
}

#[test]
fn an_observer_that_becomes_a_manager_takes_over_what_it_watched() {
    let world = World::start();
    let remote = made_by_hand(&world, &json!({"url": "https://old.example/x"}));
    world.connect();
    world.subscribe("crm", observe(by_id(&remote)));
    world.becomes(SUBSCRIPTION, "crm", "Synced", "False", "DriftDetected");
    assert_eq!(world.remote_writes_since(0), Vec::<String>::new());
    let mut manage = by_id(&remote);
    manage["mode"] = json!("Manage");
    world.subscribe("crm", manage);
    world.ready("crm");
    let content = world.only_remote().content;
    assert_eq!(content.url, "https://hooks.acme.example/dixa");
    assert!(content.name.contains("[wh1:"), "{}", content.name);
}
