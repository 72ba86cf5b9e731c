//! Remote subscriptions that are not where they were, or twice.

use provider_simulator::FaultAction;
use serde_json::{Value, json};

use crate::support::{SUBSCRIPTION, World, condition};
use crate::{count, next};

#[test]
fn what_was_deleted_by_hand_is_confirmed_by_a_read_and_made_anew_once() {
    let world = World::start();
    world.connect();
    world.subscribe("crm", json!({}));
    world.ready("crm");
    let lost = world.only_remote().id;
    let mark = world.mark();
    world.simulator.dixa().delete(lost).unwrap();
    world.nudge(SUBSCRIPTION, "crm", "after-deletion");
    world.becomes(SUBSCRIPTION, "crm", "Synced", "False", "RemoteMissing");
    let created = world.requested("create", mark, 1);
    world.ready("crm");
    let reads = world.requests_since(mark, "get");
    assert!(
        reads
            .iter()
            .any(|read| read.seq < created.seq && read.status == Some(404)),
        "it was made anew without a read that says that it is gone: {reads:#?}"
    );
    assert_eq!(count(&world, mark, "create"), 1);
    assert_ne!(world.only_remote().id, lost);
    assert_eq!(world.external_id("crm"), world.only_remote().id.to_string());
    world.told("crm", "Vanished");
}

#[test]
fn a_listing_that_lacks_it_once_is_no_deletion() {
    let world = World::start();
    world.connect();
    world.subscribe("crm", json!({}));
    world.ready("crm");
    let mark = world.mark();
    let empty = FaultAction::fail_with(200, json!({"data": []}));
    next(&world, "list", empty);
    world.nudge(SUBSCRIPTION, "crm", "while-it-is-missing");
    let object = world.becomes(SUBSCRIPTION, "crm", "Synced", "False", "RemoteMissing");
    assert_eq!(condition(&object, "Ready")["status"], "True");
    world.requested("get", mark, 1);
    world.ready("crm");
    assert_eq!(world.remote_writes_since(mark), [""; 0]);
}

fn without_times(mut remote: Value) -> Value {
    remote.as_object_mut().unwrap().remove("updatedMs");
    remote
}

#[test]
fn a_copy_made_by_hand_is_left_alone_while_its_object_lives_and_goes_with_it() {
    let world = World::start();
    world.connect();
    world.subscribe("crm", json!({}));
    world.ready("crm");
    let original = world.only_remote();
    let copy = world
        .simulator
        .dixa()
        .clone_subscription(original.id, None)
        .unwrap();
    let stranger = json!({"name": "made by hand", "url": "https://other.example/", "authorization": {"_type": "NoAuth"}, "customHeaders": {}, "events": ["ConversationCreated"], "enabled": true});
    let stranger = world
        .simulator
        .dixa()
        .create_from_body("example-org", &stranger)
        .unwrap();
    let mark = world.mark();
    world.look_again(SUBSCRIPTION, "crm");
    world.subscribe("crm", json!({"url": "https://hooks.acme.example/new"}));
    world.ready("crm");
    assert_eq!(world.external_id("crm"), original.id.to_string());
    let kept = world.remote_by_id(&copy.id.to_string()).unwrap();
    let as_json = |remote| without_times(serde_json::to_value(remote).unwrap());
    assert_eq!(as_json(&kept), as_json(&copy), "the copy was touched");
    assert_eq!(
        world.remote_writes_since(mark).len(),
        1,
        "{:?}",
        world.remote_writes_since(mark)
    );
    world.delete(SUBSCRIPTION, "crm");
    world.gone(SUBSCRIPTION, "crm");
    assert_eq!(
        world.only_remote().id,
        stranger.id,
        "the copy goes, and what is not ours stays"
    );
}
