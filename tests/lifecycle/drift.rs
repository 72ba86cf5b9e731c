//! Edits by hand at the provider, and who asks the operator to look.

use serde_json::json;

use crate::support::{SUBSCRIPTION, World, condition};

const ELSEWHERE: &str = "https://elsewhere.example/x";

/// A subscription that is in sync, and then edited by hand.
fn edited(world: &World, change: serde_json::Value) {
    world.subscribe("crm", change);
    world.ready("crm");
    let id = world.only_remote().id;
    world
        .simulator
        .dixa()
        .edit(id, &json!({"url": ELSEWHERE, "enabled": false}))
        .unwrap();
}

#[test]
fn drift_is_corrected_when_somebody_asks_and_with_only_what_differs() {
    let world = World::start();
    world.connect();
    edited(&world, json!({"driftPolicy": "Correct"}));
    let mark = world.mark();
    world.look_again(SUBSCRIPTION, "crm");
    world.ready("crm");
    let content = world.only_remote().content;
    assert_eq!(
        (content.url.as_str(), content.enabled),
        ("https://hooks.acme.example/dixa", true)
    );
    let patches = world.requests_since(mark, "patch");
    assert_eq!(patches.len(), 1);
    let body = patches[0].json().unwrap();
    assert_eq!(
        body.as_object().unwrap().keys().collect::<Vec<_>>(),
        ["enabled", "url"]
    );
}

#[test]
fn drift_is_only_reported_where_the_spec_says_so() {
    let world = World::start();
    world.connect();
    edited(&world, json!({"driftPolicy": "Report"}));
    let mark = world.mark();
    world.look_again(SUBSCRIPTION, "crm");
    let object = world.becomes(SUBSCRIPTION, "crm", "Synced", "False", "DriftDetected");
    let message = condition(&object, "Synced")["message"].to_string();
    assert!(
        message.contains("url") && message.contains("enabled"),
        "{message}"
    );
    assert_eq!(condition(&object, "Ready")["status"], "True");
    assert_eq!(world.remote_writes_since(mark), Vec::<String>::new());
    assert_eq!(world.only_remote().content.url, ELSEWHERE);
    // A change of the spec is still sent, and the drift with it.
    world.subscribe(
        "crm",
        json!({"driftPolicy": "Report", "events": ["ConversationClosed"]}),
    );
    world.eventually("the change", || {
        (world.only_remote().content.events == ["ConversationClosed"]).then_some(())
    });
}

#[test]
fn drift_is_found_at_the_interval_of_the_subscription_or_else_of_its_provider() {
    for (provider, subscription) in [("0s", "5s"), ("5s", "")] {
        let world = World::start();
        world.connect_with(json!({"interval": provider}));
        let change = if subscription.is_empty() {
            json!({})
        } else {
            json!({"interval": subscription})
        };
        edited(&world, change);
        world.eventually("the repair", || {
            (world.only_remote().content.url != ELSEWHERE).then_some(())
        });
        assert_eq!(world.subscription("crm")["status"]["effective"]["interval"], "5s");
    }
}

#[test]
fn a_subscription_that_was_deleted_by_hand_is_made_again_once_that_is_confirmed() {
    let world = World::start();
    world.connect();
    world.subscribe("crm", json!({}));
    world.ready("crm");
    let before = world.only_remote().id;
    world.simulator.dixa().delete(before).unwrap();
    world.nudge(SUBSCRIPTION, "crm", "now");
    world.eventually("another remote subscription", || {
        world.remote().first().is_some_and(|found| found.id != before)
    });
    world.ready("crm");
    assert_eq!(world.external_id("crm"), world.only_remote().id.to_string());
}

#[test]
fn the_annotations_that_ask_for_a_look_are_answered_in_status() {
    let world = World::start();
    world.connect();
    world.subscribe("crm", json!({}));
    world.ready("crm");
    for annotation in [
        "webhook-operator.io/reconcile-requested-at",
        "reconcile.fluxcd.io/requestedAt",
    ] {
        let mark = world.mark();
        let value = format!("asked through {annotation}");
        world.patch(
            SUBSCRIPTION,
            "crm",
            json!({"metadata": {"annotations": {annotation: value}}}),
        );
        world.eventually("the echo", || {
            (world.subscription("crm")["status"]["lastHandledReconcileAt"] == value).then_some(())
        });
        assert_eq!(
            world.requests_since(mark, "list").len(),
            1,
            "one look for one question"
        );
        assert_eq!(world.remote_writes_since(mark), Vec::<String>::new());
    }
}
