//! From an object to a remote subscription, and what status then says.

use serde_json::json;

use crate::support::{SUBSCRIPTION, World, condition};

#[test]
fn a_subscription_becomes_ready_and_is_gone_remotely_once_it_is_deleted() {
    let world = World::start();
    world.connect();
    world.subscribe("crm", json!({}));
    let ready = world.ready("crm");
    let remote = world.only_remote();
    assert_eq!(
        ready["status"]["subscriptions"][0]["externalID"],
        remote.id.to_string()
    );
    assert_eq!(condition(&ready, "Accepted")["reason"], "Valid");
    world.delete(SUBSCRIPTION, "crm");
    world.gone(SUBSCRIPTION, "crm");
    assert_eq!(world.remote().len(), 0);
}
