//! `spec.suspend`: nothing is sent, but the object is seen, and may go.

use serde_json::{Value, json};

use crate::support::{SUBSCRIPTION, World, condition};

fn suspended(world: &World, name: &str) -> Value {
    world.becomes(SUBSCRIPTION, name, "Suspended", "True", "SuspendedBySpec")
}

#[test]
fn nothing_is_sent_for_a_suspended_object_and_its_generation_is_still_observed() {
    let world = World::start();
    world.connect();
    world.subscribe("crm", json!({"suspend": true}));
    let object = suspended(&world, "crm");
    assert_eq!(
        object["status"]["observedGeneration"],
        object["metadata"]["generation"]
    );
    world.subscribe("other", json!({}));
    world.ready("other");
    assert_eq!(world.remote().len(), 1, "only the other one");

    world.subscribe("crm", json!({}));
    let ready = world.ready("crm");
    assert_eq!(condition(&ready, "Suspended"), Value::Null);
    assert_eq!(world.remote().len(), 2);
}

#[test]
fn an_edit_under_suspension_waits_and_is_sent_afterwards() {
    let world = World::start();
    world.connect();
    world.subscribe("crm", json!({}));
    world.ready("crm");
    let mark = world.mark();
    world.subscribe("crm", json!({"suspend": true, "enabled": false}));
    let object = suspended(&world, "crm");
    assert_eq!(condition(&object, "Ready")["status"], "True", "unchanged");
    let ready = &condition(&object, "Ready")["observedGeneration"];
    assert!(
        ready.as_i64() < object["metadata"]["generation"].as_i64(),
        "Ready stays at what was applied: {object:#}"
    );
    assert_eq!(world.remote_writes_since(mark), Vec::<String>::new());
    world.subscribe("crm", json!({"enabled": false}));
    world.ready("crm");
    assert!(!world.only_remote().content.enabled);
}

#[test]
fn a_suspended_object_can_be_deleted() {
    let world = World::start();
    world.connect();
    world.subscribe("crm", json!({}));
    world.ready("crm");
    world.subscribe("crm", json!({"suspend": true}));
    suspended(&world, "crm");
    world.delete(SUBSCRIPTION, "crm");
    world.gone(SUBSCRIPTION, "crm");
    assert_eq!(world.remote().len(), 0);
}
