//! Deletion, with and without what it takes.

use std::time::Duration;

use serde_json::{Value, json};

use crate::support::{OPERATOR_NAMESPACE, PROVIDER, SUBSCRIPTION, World, condition};
use crate::{all_ready, has_controller_manager, names, orphans, subscribe_all, text};

/// Ten subscriptions, all Ready, that let go an hour after their deletion where they must.
fn ten(world: &World) -> Vec<String> {
    world.connect();
    let names = names("crm", 10);
    for name in &names {
        world.subscribe(
            name,
            json!({"url": format!("https://hooks.acme.example/{name}"), "deletionGracePeriod": "1h"}),
        );
    }
    all_ready(world, &names);
    assert_eq!(world.remote().len(), 10);
    names
}

fn namespace_goes(world: &World, deadline: Duration) {
    world.within(deadline, "the namespace to go", || {
        let left = world.find("namespaces", &world.namespace);
        left.map_or(Ok(()), |left| Err(format!("{:#}", left["status"])))
    });
}

#[test]
fn a_namespace_with_provider_and_secret_goes_at_once_and_everything_remote_with_it() {
    assert!(
        has_controller_manager(),
        "nobody finishes the deletion of namespaces here"
    );
    let world = World::start();
    ten(&world);
    world.delete("namespaces", &world.namespace);
    namespace_goes(&world, Duration::from_secs(180));
    assert_eq!(world.remote().len(), 0);
}

#[test]
fn a_namespace_whose_key_is_lost_is_let_go_after_the_grace_period_with_a_record() {
    assert!(
        has_controller_manager(),
        "nobody finishes the deletion of namespaces here"
    );
    let mut world = World::start();
    let names = ten(&world);
    let ids: Vec<String> = names.iter().map(|name| world.external_id(name)).collect();
    // The key is gone, and the process that still knew it.
    world.operator().kill9();
    world.delete("namespaces", &world.namespace);
    world.eventually("the Secret to go", || world.find("secrets", "dixa-api").is_none());
    world.start_operator();
    let blocked = world.becomes(SUBSCRIPTION, &names[0], "Stalled", "True", "DeletionBlocked");
    let message = condition(&blocked, "Stalled")["message"].to_string();
    assert!(message.contains("let go") && message.contains("1h"), "{message}");
    // Only now, so that there was time to see it.
    for name in &names {
        world.patch(SUBSCRIPTION, name, json!({"spec": {"deletionGracePeriod": "1s"}}));
    }
    namespace_goes(&world, Duration::from_secs(180));

    assert_eq!(world.remote().len(), 10, "nobody could delete them");
    orphans(&mut world, 10.0);
    let log = world.operator_log();
    let events = world.eventually("an Event for each in the operator's namespace", || {
        let all = world
            .cluster()
            .list_json("events.events.k8s.io", OPERATOR_NAMESPACE)
            .unwrap();
        let notes = all.iter().filter(|event| event["reason"] == "Orphaned");
        let notes: Vec<String> = notes.map(|event| event["note"].to_string()).collect();
        let told = ids.iter().all(|id| notes.iter().any(|note| note.contains(id)));
        told.then_some(notes)
    });
    for (name, id) in names.iter().zip(&ids) {
        assert!(log.contains(id.as_str()), "the log does not name {id}");
        let note = events.iter().find(|note| note.contains(id.as_str())).unwrap();
        assert!(note.contains(&format!("{}/{name}", world.namespace)), "{note}");
    }
}

fn without_key(world: &mut World, grace: &str) -> String {
    world.connect();
    world.subscribe("crm", json!({"deletionGracePeriod": grace}));
    world.ready("crm");
    let id = world.external_id("crm");
    world.operator().kill9();
    world.delete("secrets", "dixa-api");
    world.delete(SUBSCRIPTION, "crm");
    world.start_operator();
    id
}

#[test]
fn a_deletion_without_a_key_names_the_annotation_that_gets_out_and_obeys_it() {
    let mut world = World::start();
    let id = without_key(&mut world, "0s");
    let blocked = world.becomes(SUBSCRIPTION, "crm", "Stalled", "True", "DeletionBlocked");
    let message = text(&condition(&blocked, "Stalled"), "/message").to_owned();
    let command = format!(
        "kubectl annotate webhooksubscription --namespace {} crm webhook-operator.io/force-orphan=true",
        world.namespace
    );
    assert!(message.contains(&command), "{message}");
    assert!(
        message.contains("dixa-api"),
        "what is missing is not named: {message}"
    );
    world.kubectl(&[
        "annotate",
        "webhooksubscription",
        "crm",
        "webhook-operator.io/force-orphan=true",
    ]);
    world.gone(SUBSCRIPTION, "crm");
    assert_eq!(world.only_remote().id.to_string(), id);
    orphans(&mut world, 1.0);
    assert!(world.operator_log().contains(&id));
}

#[test]
fn a_blocked_deletion_ends_well_when_the_key_is_back() {
    let mut world = World::start();
    without_key(&mut world, "1h");
    world.becomes(SUBSCRIPTION, "crm", "Stalled", "True", "DeletionBlocked");
    world.secret(
        "dixa-api",
        "credentials",
        &[("token", provider_simulator::Config::DIXA_TOKEN)],
    );
    world.gone(SUBSCRIPTION, "crm");
    assert_eq!(world.remote().len(), 0);
}

#[test]
fn the_annotation_orphans_nothing_that_can_be_deleted() {
    let world = World::start();
    world.connect();
    world.subscribe("crm", json!({"deletionGracePeriod": "0s"}));
    world.ready("crm");
    world.patch(
        SUBSCRIPTION,
        "crm",
        json!({"metadata": {"annotations": {"webhook-operator.io/force-orphan": "true"}}}),
    );
    world.look_again(SUBSCRIPTION, "crm");
    assert_eq!(world.remote().len(), 1, "it does not delete by itself either");
    world.delete(SUBSCRIPTION, "crm");
    world.gone(SUBSCRIPTION, "crm");
    assert_eq!(world.remote().len(), 0);
}

#[test]
fn a_provider_in_use_outlives_its_deletion_until_the_last_subscription_is_gone() {
    let world = World::start();
    world.connect();
    let names = names("crm", 3);
    subscribe_all(&world, &names);
    all_ready(&world, &names);
    world.delete(PROVIDER, "dixa");
    // With the last working key in memory, the Secret is not needed to clean up.
    world.delete("secrets", "dixa-api");
    for name in &names {
        let provider: Value = world.object(PROVIDER, "dixa");
        assert!(provider["metadata"]["deletionTimestamp"].is_string());
        world.delete(SUBSCRIPTION, name);
        world.gone(SUBSCRIPTION, name);
    }
    world.gone(PROVIDER, "dixa");
    assert_eq!(world.remote().len(), 0);
}
