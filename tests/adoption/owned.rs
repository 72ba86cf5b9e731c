//! Remote subscriptions that carry our marker.

use serde_json::{Value, json};

use crate::by_id;
use crate::support::{SUBSCRIPTION, Setup, World, condition};

/// As after a restore from a backup that leaves out status.
fn lose_status(world: &World) {
    world.patch_status(SUBSCRIPTION, "crm", json!({"status": null}));
}

#[test]
fn what_carries_the_marker_is_taken_back_after_a_loss_of_status_and_nothing_is_created() {
    let mut world = World::start();
    world.connect();
    world.subscribe("crm", json!({"adoption": {"policy": "IfOwned"}}));
    world.ready("crm");
    let id = world.only_remote().id.to_string();
    let mark = world.mark();

    // While the operator runs, and while it does not.
    lose_status(&world);
    world.eventually("the id to be back", || world.external_id("crm") == id);
    world.ready("crm");
    world.stop_operator();
    lose_status(&world);
    world.start_operator();
    world.eventually("the id to be back", || world.external_id("crm") == id);
    world.ready("crm");

    assert_eq!(world.requests_since(mark, "create").len(), 0);
    assert_eq!(world.only_remote().id.to_string(), id);
}

#[test]
fn what_carries_the_marker_is_left_alone_with_policy_never() {
    let mut world = World::start();
    world.connect();
    world.subscribe("crm", json!({"adoption": {"policy": "Never"}}));
    world.ready("crm");
    let id = world.only_remote().id;
    world.stop_operator();
    lose_status(&world);
    let mark = world.mark();
    world.start_operator();
    let stalled = world.becomes(SUBSCRIPTION, "crm", "Stalled", "True", "AlreadyExists");
    let message = condition(&stalled, "Stalled")["message"].to_string();
    assert!(message.contains(&id.to_string()), "{message}");
    assert_eq!(stalled["status"]["subscriptions"][0]["state"], "Conflict");
    assert_eq!(world.remote_writes_since(mark), Vec::<String>::new());
    // The message names the way out.
    world.subscribe("crm", json!({}));
    world.ready("crm");
    assert_eq!(world.only_remote().id, id);
}

#[test]
fn an_object_that_was_deleted_without_its_remote_takes_it_back_under_a_new_uid() {
    let world = World::start();
    world.connect();
    world.subscribe("crm", json!({"deletionPolicy": "Orphan"}));
    world.ready("crm");
    let before = world.only_remote();
    world.delete(SUBSCRIPTION, "crm");
    world.gone(SUBSCRIPTION, "crm");
    let mark = world.mark();
    world.subscribe("crm", json!({}));
    world.ready("crm");
    let after = world.only_remote();
    assert_eq!(after.id, before.id);
    assert_ne!(after.content.name, before.content.name, "the marker is rewritten");
    assert_eq!(world.requests_since(mark, "create").len(), 0);
}

#[test]
fn what_belongs_to_the_object_in_another_cluster_waits_for_a_person() {
    let mut world = Setup::new().flag("--cluster-id=blue").start();
    world.connect();
    world.subscribe("crm", json!({}));
    world.ready("crm");
    let before = world.only_remote();
    let mark = world.mark();
    world.restart_with(&["--cluster-id=green"]);
    let stalled = world.becomes(SUBSCRIPTION, "crm", "Stalled", "True", "OwnedByOtherCluster");
    let message = condition(&stalled, "Stalled")["message"].to_string();
    assert!(
        message.contains("--former-cluster-ids") && message.contains(&before.id.to_string()),
        "{message}"
    );
    assert_eq!(world.remote_writes_since(mark), Vec::<String>::new());

    world.restart_with(&["--cluster-id=green", "--former-cluster-ids=red,blue"]);
    world.ready("crm");
    let after = world.only_remote();
    assert_eq!(after.id, before.id);
    assert_ne!(after.content.name, before.content.name, "the marker is rewritten");
    assert_eq!(world.requests_since(mark, "create").len(), 0);
    // From now on the former id is not needed any more.
    world.restart_with(&["--cluster-id=green"]);
    world.look_again(SUBSCRIPTION, "crm");
    world.ready("crm");
    assert_eq!(world.only_remote().id, before.id);
}

#[test]
fn what_belongs_to_another_object_is_never_taken_over_whatever_the_spec_says() {
    let world = World::start();
    world.connect();
    world.subscribe("crm", json!({}));
    world.ready("crm");
    let remote = world.only_remote();
    let mark = world.mark();
    let mut adopt: Value = by_id(&remote);
    adopt["adoption"]["overwrite"] = json!(true);
    world.subscribe("thief", adopt);
    let stalled = world.becomes(SUBSCRIPTION, "thief", "Stalled", "True", "");
    let reason = condition(&stalled, "Stalled")["reason"].clone();
    assert!(
        reason == "ForeignMarker" || reason == "NothingToAdopt",
        "{stalled:#}"
    );
    assert_eq!(world.remote_writes_since(mark), Vec::<String>::new());
    // Nor does its deletion take it away.
    world.delete(SUBSCRIPTION, "thief");
    world.gone(SUBSCRIPTION, "thief");
    assert_eq!(world.only_remote().id, remote.id);
}

#[test]
fn a_marker_of_another_cluster_is_never_taken_over_by_id() {
    let theirs = Setup::new().flag("--cluster-id=theirs").start();
    theirs.connect();
    theirs.subscribe("crm", json!({}));
    theirs.ready("crm");
    let name = theirs.only_remote().content.name;
    let world = World::start();
    world.connect();
    let remote = crate::made_by_hand(&world, &json!({"name": name}));
    let mark = world.mark();
    world.subscribe("crm", by_id(&remote));
    world.becomes(SUBSCRIPTION, "crm", "Stalled", "True", "ForeignMarker");
    assert_eq!(world.remote_writes_since(mark), Vec::<String>::new());
    assert_eq!(
        world.subscription("crm")["status"]["subscriptions"][0]["ownership"],
        "Foreign"
    );
}

#[test]
fn a_copy_with_our_marker_that_a_person_made_is_not_mistaken_for_ours() {
    let world = World::start();
    world.connect();
    world.subscribe("crm", json!({}));
    world.ready("crm");
    let ours = world.only_remote().id;
    let copy = world.simulator.dixa().clone_subscription(ours, None).unwrap();
    world.look_again(SUBSCRIPTION, "crm");
    world.ready("crm");
    assert_eq!(world.external_id("crm"), ours.to_string());
    assert_ne!(copy.id, ours);
}
