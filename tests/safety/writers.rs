//! Others write to our objects at the same time.

use std::time::Instant;

use provider_simulator::{FaultAction, Release, When};
use serde_json::{Value, json};

use crate::support::{SUBSCRIPTION, World};
use crate::{count, held, next, text};

fn has_finalizer(object: &Value) -> bool {
    let finalizers = object["metadata"]["finalizers"].as_array();
    finalizers.is_some_and(|all| all.iter().any(|one| one == "webhook-operator.io/remote"))
}

#[test]
fn an_id_whose_status_write_loses_a_race_is_not_forgotten_and_nothing_is_sent_twice() {
    let world = World::start();
    next(&world, "create", FaultAction::Hold { when: When::Applied });
    world.connect();
    world.subscribe("crm", json!({}));
    let create = held(&world);
    world.patch(
        SUBSCRIPTION,
        "crm",
        json!({"metadata": {"annotations": {"example.com/note": "newer"}}}),
    );
    world.simulator.release(create, Release::Continue);
    world.ready("crm");
    assert_eq!(world.external_id("crm"), world.only_remote().id.to_string());
    assert_eq!(count(&world, 0, "create"), 1);
}

#[test]
fn an_object_that_somebody_edits_twenty_times_a_second_settles_with_one_remote() {
    let world = World::start();
    world.connect();
    world.subscribe("crm", json!({}));
    let edit = |edit: usize| json!({"metadata": {"annotations": {"example.com/note": edit.to_string()}}});
    world.storm("crm", edit, |storm| {
        storm.goes_on(5);
        world.ready("crm");
        // It also keeps up with a change while the storm goes on.
        world.subscribe("crm", json!({"url": "https://hooks.acme.example/new"}));
        storm.goes_on(5);
        world.ready("crm");
    });
    assert_eq!(world.only_remote().content.url, "https://hooks.acme.example/new");
    assert_eq!(count(&world, 0, "create"), 1);
    assert_eq!(count(&world, 0, "patch"), 1);
}

#[test]
fn of_a_spec_that_somebody_edits_all_the_time_some_edits_are_carried_out_and_the_last_one_is() {
    let world = World::start();
    world.connect();
    world.subscribe("crm", json!({}));
    world.ready("crm");
    let url = |edit: usize| format!("https://hooks.acme.example/{edit}");
    let begun = Instant::now();
    for edit in 0..40 {
        world.subscribe("crm", json!({"url": url(edit)}));
    }
    world.ready("crm");
    assert_eq!(world.only_remote().content.url, url(39));
    let allowed = 11 + begun.elapsed().as_secs();
    let sent = count(&world, 0, "patch") as u64;
    assert!(sent <= allowed, "{sent} changes, of which {allowed} are allowed");
}

#[test]
fn a_finalizer_that_somebody_strips_is_put_back() {
    let world = World::start();
    world.connect();
    world.subscribe("crm", json!({}));
    assert!(has_finalizer(&world.ready("crm")));
    let mark = world.mark();
    world.patch(SUBSCRIPTION, "crm", json!({"metadata": {"finalizers": null}}));
    world.eventually("the finalizer", || has_finalizer(&world.subscription("crm")));
    world.look_again(SUBSCRIPTION, "crm");
    assert_eq!(world.remote_writes_since(mark), [""; 0]);
    world.delete(SUBSCRIPTION, "crm");
    world.gone(SUBSCRIPTION, "crm");
    assert_eq!(world.remote().len(), 0);
}

#[test]
fn an_object_made_anew_under_the_same_name_takes_over_what_the_one_before_left_behind() {
    let mut world = World::start();
    world.connect();
    world.subscribe("crm", json!({}));
    let first = world.ready("crm");
    let (left, name) = (world.only_remote().id, world.only_remote().content.name);
    // Somebody removes the object by force while the operator is away.
    world.operator().kill9();
    world.delete(SUBSCRIPTION, "crm");
    world.patch(SUBSCRIPTION, "crm", json!({"metadata": {"finalizers": null}}));
    world.gone(SUBSCRIPTION, "crm");
    world.subscribe("crm", json!({}));
    world.start_operator();
    let second = world.ready("crm");
    assert_ne!(text(&first, "/metadata/uid"), text(&second, "/metadata/uid"));
    assert_eq!(
        text(&second, "/status/identity/objectUID"),
        text(&second, "/metadata/uid")
    );
    assert_eq!(
        world.only_remote().id,
        left,
        "what is ours is not made a second time"
    );
    assert_ne!(
        world.only_remote().content.name,
        name,
        "the marker still names the object that is gone"
    );
    assert_eq!(world.external_id("crm"), left.to_string());
}

#[test]
fn an_object_that_is_deleted_and_made_anew_gets_a_remote_of_its_own() {
    let world = World::start();
    world.connect();
    world.subscribe("crm", json!({}));
    world.ready("crm");
    let first = world.only_remote();
    world.delete(SUBSCRIPTION, "crm");
    world.gone(SUBSCRIPTION, "crm");
    world.subscribe("crm", json!({}));
    world.ready("crm");
    let second = world.only_remote();
    assert_ne!(first.id, second.id);
    assert_ne!(first.content.name, second.content.name);
}

#[test]
fn ids_in_a_status_that_was_copied_from_another_object_authorise_nothing() {
    let mut world = World::start();
    world.connect();
    world.subscribe("first", json!({}));
    let first = world.ready("first");
    let id = world.external_id("first");
    // As a restore of a backup does, that brings status along.
    world.operator().kill9();
    world.subscribe("second", json!({"url": "https://hooks.acme.example/second"}));
    world.patch_status(SUBSCRIPTION, "second", json!({"status": first["status"]}));
    world.start_operator();
    // The conditions came along too: only what is said of this object counts.
    world.eventually("a remote of its own", || {
        let second = world.subscription("second");
        text(&second, "/status/identity/objectUID") == text(&second, "/metadata/uid")
            && world.remote().len() == 2
    });
    world.ready("second");
    assert_ne!(world.external_id("second"), id);
    let kept = world.remote_by_id(&id).unwrap();
    assert_eq!(kept.content.url, "https://hooks.acme.example/dixa");
    world.delete(SUBSCRIPTION, "second");
    world.gone(SUBSCRIPTION, "second");
    assert_eq!(world.only_remote().id.to_string(), id);
}
