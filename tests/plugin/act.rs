//! What asks the operator for something: `reconcile`, `test`, `suspend`, `resume`.

use std::process::Stdio;

use serde_json::{Value, json};

use crate::person::{Said, command};
use crate::support::{ELSEWHERE, SUBSCRIPTION, Side, World, condition};

#[test]
fn a_comparison_is_asked_for_and_has_taken_place_when_the_command_ends() {
    let world = World::start();
    world.connect();
    world.subscribe("crm", json!({"driftPolicy": "Correct"}));
    world.subscribe("erp", json!({"url": "https://hooks.acme.example/erp"}));
    world.ready("crm");
    world.ready("erp");
    let id = world.external_id("crm");
    Side::Dixa.edit(&world, &id, json!({"url": ELSEWHERE}));
    let said = world.webhooks(&["reconcile", "--all"]).ends(0);
    assert_eq!(said.out.lines().count(), 2, "{said:#?}");
    assert!(said.out.contains("/crm compared: Healthy"), "{said:#?}");
    assert!(said.notes.contains("asked for a comparison"), "{said:#?}");
    assert_eq!(
        Side::Dixa
            .rows(&world)
            .iter()
            .filter(|row| row.url == ELSEWHERE)
            .count(),
        0
    );

    // Flux's annotation wins where it is there, and must not be in the way.
    let annotations = json!({"reconcile.fluxcd.io/requestedAt": "before"});
    world.patch(
        SUBSCRIPTION,
        "crm",
        json!({"metadata": {"annotations": annotations}}),
    );
    world.webhooks(&["reconcile", "crm"]).ends(0);
}

#[test]
fn what_does_not_happen_in_time_is_told_with_what_to_look_at() {
    let mut world = World::start();
    world.connect();
    world.subscribe("crm", json!({}));
    world.ready("crm");
    world.stop_operator();
    let said = world.webhooks(&["reconcile", "crm", "--timeout=1s"]).ends(6);
    assert!(said.notes.contains("did not happen within 1s"), "{said:#?}");
    assert!(said.notes.contains("is the operator running?"), "{said:#?}");
}

#[test]
fn suspending_stops_what_is_sent_and_resuming_lets_it_go_on() {
    let world = World::start();
    world.connect();
    world.subscribe("crm", json!({}));
    world.ready("crm");
    let name = "webhooksubscription.webhook-operator.io/crm";
    assert_eq!(
        world.webhooks(&["suspend", "crm"]).ends(0).out,
        format!("{name} suspended\n")
    );
    world.becomes(SUBSCRIPTION, "crm", "Suspended", "True", "SuspendedBySpec");
    assert_eq!(
        world.webhooks(&["suspend", "--all"]).ends(0).out,
        format!("{name} unchanged\n")
    );
    let status = world.webhooks(&["status", "crm"]).ends(1);
    assert!(
        status.out.contains("is Suspended") && status.out.contains("kubectl webhooks resume crm"),
        "{status:#?}"
    );
    let refused = world.webhooks(&["reconcile", "crm"]).ends(1);
    assert!(refused.notes.contains("is suspended"), "{refused:#?}");
    assert_eq!(
        world.webhooks(&["resume", "crm"]).ends(0).out,
        format!("{name} resumed\n")
    );
    let ready = world.ready("crm");
    assert_eq!(condition(&ready, "Suspended"), Value::Null);
    assert_eq!(ready["spec"].get("suspend"), None);
}

/// The plugin asks for a test while `answer` plays the receiver.
fn tested(world: &World, args: &[&str], answer: impl FnOnce()) -> Said {
    let scoped = [args, &["--namespace", world.namespace.as_str()]].concat();
    let asking = command(&world.cluster().kubeconfig(), &scoped)
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    answer();
    let said = Said::of(&asking.wait_with_output().unwrap());
    world.assert_discreet(&said);
    said
}

fn receive(world: &World, code: i32) {
    let id = Side::Babel.only(world).id.parse().unwrap();
    let babel = world.simulator.babel();
    let event = world.eventually("the test event", || {
        let events = babel.subscription(id)?.events;
        let open = events.iter().filter(|event| event.outcome.is_none());
        open.map(|event| event.id).max()
    });
    let result = provider_simulator::babel::DeliveryResult {
        event_id: Some(event),
        ..provider_simulator::babel::DeliveryResult::answered(code)
    };
    babel.record_delivery(id, &result).unwrap();
}

#[test]
fn a_test_event_is_asked_for_and_its_result_awaited() {
    let world = World::start();
    Side::Babel.connect(&world, json!({}));
    Side::Babel.subscribe(&world, "crm", json!({"events": [Side::Babel.events()[0]]}));
    world.ready("crm");
    let said = tested(&world, &["test", "crm"], || receive(&world, 204)).ends(0);
    assert!(
        said.out.contains("Succeeded") && said.out.contains("204"),
        "{said:#?}"
    );
    let said = tested(&world, &["test", "crm", "-o", "json"], || receive(&world, 500)).ends(1);
    let told = said.json();
    assert_eq!(told["succeeded"], false);
    assert_eq!(told["results"][0]["result"], "Failed");
    assert_eq!(told["results"][0]["responseCode"], 500);
}

#[test]
fn a_provider_without_tests_says_so() {
    let world = World::start();
    world.connect();
    world.subscribe("crm", json!({}));
    world.ready("crm");
    let said = world.webhooks(&["test", "crm"]).ends(1);
    assert!(said.out.contains("Unsupported"), "{said:#?}");
}

#[test]
fn another_signing_key_is_asked_for_and_is_there_when_the_command_ends() {
    let side = Side::Babel;
    let world = World::start();
    side.connect(&world, json!({}));
    let change = json!({"events": side.events()[..1], "signing": {"generate": {"secretName": "made"}}});
    side.subscribe(&world, "crm", change);
    world.ready("crm");
    let key = |name: &str| world.object("secrets", "made")["data"][name].clone();
    let first = key("signingKey");
    let said = world.webhooks(&["rotate", "crm"]).ends(0);
    assert!(said.out.contains("/crm rotated: Secret made"), "{said:#?}");
    assert_ne!(key("signingKey"), first);
    assert_eq!(key("signingKey.previous"), first);
    // The overlap goes on: receivers still need the one before.
    let said = world.webhooks(&["rotate", "crm", "--timeout=1s"]).ends(6);
    assert!(
        said.notes.contains("waits for the end of its overlap"),
        "{said:#?}"
    );

    side.subscribe(&world, "erp", json!({"url": "https://hooks.acme.example/erp"}));
    let said = world.webhooks(&["rotate", "erp"]).ends(3);
    assert!(said.notes.contains("spec.signing.generate"), "{said:#?}");
}
