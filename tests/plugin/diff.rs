//! `diff`: what a manifest would change at the provider.

use std::fs;

use provider_simulator::Config;
use serde_json::{Value, json};
use tempfile::NamedTempFile;

use crate::person::Said;
use crate::support::{ELSEWHERE, OPERATOR_NAMESPACE, SUBSCRIPTION, Side, World, merge};

const HTTP: &str = "--allow-insecure-http";

/// A file with the manifests of subscriptions.
fn manifests(world: &World, objects: &[(&str, &Value)]) -> NamedTempFile {
    let object = |(name, spec): &(&str, &Value)| {
        json!({
            "apiVersion": "webhook-operator.io/v1alpha1",
            "kind": "WebhookSubscription",
            "metadata": {"name": name, "namespace": world.namespace},
            "spec": spec,
        })
    };
    let items: Vec<Value> = objects.iter().map(object).collect();
    let list = json!({"apiVersion": "v1", "kind": "List", "items": items});
    let file = NamedTempFile::new().unwrap();
    fs::write(file.path(), list.to_string()).unwrap();
    file
}

pub(crate) fn diff(world: &World, name: &str, spec: &Value) -> Said {
    diff_of(world, &[(name, spec)])
}

/// The same for several in one file.
pub(crate) fn diff_of(world: &World, objects: &[(&str, &Value)]) -> Said {
    let file = manifests(world, objects);
    let cluster = format!("--cluster-id={}", world.namespace);
    let path = file.path().to_str().unwrap();
    world.webhooks(&["diff", "-f", path, HTTP, &cluster, "-o", "json"])
}

/// What would be done, as `deed key: fields`.
pub(crate) fn deeds(said: &Said) -> Vec<String> {
    let told = said.json();
    let changes = told["items"][0]["changes"].as_array().unwrap().clone();
    changes
        .iter()
        .map(|change| {
            let text = |member: &str| change[member].as_str().unwrap_or_default().to_owned();
            let fields: Vec<&str> = change["fields"]
                .as_array()
                .unwrap()
                .iter()
                .filter_map(Value::as_str)
                .collect();
            format!("{} {}: {}", text("deed"), text("key"), fields.join(","))
        })
        .collect()
}

#[test]
fn what_a_manifest_would_change_is_told_for_every_provider_and_comes_true() {
    let world = World::start();
    for side in Side::ALL {
        side.connect(&world, json!({}));
        let name = side.name();
        let spec = side.spec(json!({}));
        let mark = world.mark();
        let count = if side.fans_out() { 2 } else { 1 };
        let made = diff(&world, name, &spec).ends(1);
        assert_eq!(deeds(&made).len(), count, "{made:#?}");
        assert!(
            deeds(&made).iter().all(|deed| deed.starts_with("Create ")),
            "{made:#?}"
        );
        assert_eq!(
            side.writes(&world, mark),
            Vec::<String>::new(),
            "nothing is changed"
        );

        side.subscribe(&world, name, json!({}));
        world.ready(name);
        diff(&world, name, &spec).ends(0);
        let mut moved = spec.clone();
        merge(&mut moved, &json!({"url": "https://hooks.acme.example/moved"}));
        let told = diff(&world, name, &moved).ends(1);
        assert_eq!(deeds(&told).len(), count, "{told:#?}");
        assert!(
            deeds(&told)
                .iter()
                .all(|deed| deed.starts_with("Update ") && deed.ends_with(": url")),
            "{told:#?}"
        );
        let mut fewer = spec.clone();
        merge(&mut fewer, &json!({"events": side.events()[..1]}));
        let told = diff(&world, name, &fewer).ends(1);
        let expected = if side.fans_out() { "Delete" } else { "Update" };
        assert_eq!(deeds(&told).len(), 1, "{told:#?}");
        assert!(deeds(&told)[0].starts_with(expected), "{told:#?}");
    }
}

#[test]
fn drift_what_is_hidden_and_what_is_in_the_way_are_told() {
    let world = World::start();
    world.connect();
    world.secret("token", "delivery", &[("value", "canary-bearer-4402/+x")]);
    let header = json!([{"name": "X-Key", "valueFrom": {"secretKeyRef": {"name": "token", "key": "value"}}}]);
    let spec = world.subscription_spec(json!({"headers": header}));
    world.subscribe("crm", json!({"headers": header}));
    world.ready("crm");
    // Dixa does not show headers: the operator's key tells that they are as they were sent.
    let namespace = format!("--operator-namespace={OPERATOR_NAMESPACE}");
    assert_eq!(namespace, "--operator-namespace=webhook-operator", "the default");
    diff(&world, "crm", &spec).ends(0);
    world.secret("token", "delivery", &[("value", "canary-bearer-4403/+x")]);
    world.eventually("the header to be sent again", || {
        let sent = world.only_remote().content.custom_headers;
        sent.values().any(|value| value.contains("4403")).then_some(())
    });
    // What was sent is in the status once somebody has looked since.
    world.look_again(SUBSCRIPTION, "crm");
    diff(&world, "crm", &spec).ends(0);

    Side::Dixa.edit(&world, &world.external_id("crm"), json!({"url": ELSEWHERE}));
    let drifted = diff(&world, "crm", &spec).ends(1);
    assert_eq!(deeds(&drifted), ["Update default: url"], "{drifted:#?}");
    let mut reported = spec.clone();
    merge(&mut reported, &json!({"driftPolicy": "Report"}));
    let told = diff(&world, "crm", &reported).ends(1);
    assert_eq!(deeds(&told), ["Drift default: url"], "{told:#?}");

    let by_hand = Side::Dixa.create_by_hand(&world, Side::Dixa.events()[0], "https://hooks.acme.example/x");
    let adoption = json!({"policy": "ByID", "externalIDs": [by_hand]});
    let taking = world.subscription_spec(json!({"adoption": adoption}));
    let told = diff(&world, "taken", &taking).ends(1);
    assert!(deeds(&told)[0].starts_with("Adopt default: name"), "{told:#?}");
    let absent = json!({"policy": "ByID", "externalIDs": ["8ff2f892-2fcd-45df-a4c9-67104d4bb287"]});
    let told = diff(
        &world,
        "taken",
        &world.subscription_spec(json!({"adoption": absent})),
    )
    .ends(1);
    assert_eq!(told.json()["items"][0]["changes"][0]["reason"], "NothingToAdopt");
}

#[test]
fn what_cannot_be_told_ends_above_one() {
    let world = World::start();
    world.connect();
    let unreleased =
        json!({"authorization": {"bearer": {"secretKeyRef": {"name": "token", "key": "value"}}}});
    diff(&world, "crm", &world.subscription_spec(unreleased.clone())).ends(4);
    world.secret("token", "", &[("value", "canary-bearer-4402/+x")]);
    let said = diff(&world, "crm", &world.subscription_spec(unreleased)).ends(3);
    assert!(said.notes.contains("kubectl label secret"), "{said:#?}");
    let wrong = diff(
        &world,
        "crm",
        &world.subscription_spec(json!({"options": {"bird": {}}})),
    )
    .ends(3);
    assert!(wrong.notes.contains("spec.options.bird"), "{wrong:#?}");
    world.webhooks(&["diff", "-f", "/nonexistent", HTTP]).ends(3);
    world.simulator.dixa().revoke_token(Config::DIXA_TOKEN);
    diff(&world, "crm", &world.subscription_spec(json!({}))).ends(5);
}
