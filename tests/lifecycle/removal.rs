//! A field that is removed from a spec is cleared remotely, or status says that it could not be.

use provider_simulator::Authorization;
use serde_json::{Value, json};

use crate::support::{SUBSCRIPTION, Setup, World, condition};

fn filters() -> Value {
    json!({"filters": [{"conditions": [{"field": "InitialChannel", "operator": "In", "values": ["email"]}]}]})
}

fn headers() -> Value {
    json!({"headers": [{"name": "X-A", "value": "1"}]})
}

#[test]
fn authorization_that_is_removed_becomes_none() {
    let world = World::start();
    world.connect();
    world.secret("login", "delivery", &[("username", "u"), ("password", "p")]);
    world.subscribe(
        "crm",
        json!({"authorization": {"basic": {"secretRef": {"name": "login"}}}}),
    );
    world.ready("crm");
    world.subscribe("crm", json!({}));
    world.ready("crm");
    assert_eq!(
        world.only_remote().content.authorization,
        Authorization::NoAuth {}
    );
}

#[test]
fn filters_are_cleared_where_the_provider_does_it() {
    let world = Setup::new().switch("dixa.clearFilters", "emptyObject").start();
    world.connect();
    world.subscribe("crm", filters());
    world.ready("crm");
    world.subscribe("crm", json!({}));
    world.ready("crm");
    let filters = world.only_remote().content.filters;
    assert!(filters.is_none_or(|filters| filters.conversation.is_none()));
}

#[test]
fn filters_that_the_provider_does_not_clear_are_said_and_not_sent_for_ever() {
    for switch in ["never", "null"] {
        let world = Setup::new().switch("dixa.clearFilters", switch).start();
        world.connect();
        world.subscribe("crm", filters());
        world.ready("crm");
        let mark = world.mark();
        world.subscribe("crm", json!({}));
        let stalled = world.becomes(SUBSCRIPTION, "crm", "Synced", "False", "CannotClear");
        let message = condition(&stalled, "Synced")["message"].to_string();
        assert!(message.contains("filters"), "{message}");
        assert_eq!(stalled["status"]["subscriptionCount"]["summary"], "0/1");
        let tried = world.requests_since(mark, "patch").len();
        world.look_again(SUBSCRIPTION, "crm");
        world.look_again(SUBSCRIPTION, "crm");
        assert_eq!(
            world.requests_since(mark, "patch").len(),
            tried,
            "switch {switch}: sent again"
        );
        // Setting them again is an ordinary change, and heals.
        world.subscribe("crm", filters());
        world.ready("crm");
    }
}

#[test]
fn hidden_headers_that_are_removed_are_unverifiable_and_gone() {
    let world = World::start();
    world.connect();
    world.subscribe("crm", headers());
    world.ready("crm");
    assert_eq!(world.only_remote().content.custom_headers.len(), 1);
    let mark = world.mark();
    world.subscribe("crm", json!({}));
    let object = world.becomes(SUBSCRIPTION, "crm", "Synced", "Unknown", "Unverifiable");
    assert_eq!(condition(&object, "Ready")["status"], "True");
    assert_eq!(world.only_remote().content.custom_headers.len(), 0);
    world.look_again(SUBSCRIPTION, "crm");
    assert_eq!(world.requests_since(mark, "patch").len(), 1, "sent once only");
}

#[test]
fn shown_headers_that_are_removed_are_verified() {
    let world = Setup::new().switch("dixa.echoCustomHeaders", "yes").start();
    world.connect();
    world.subscribe("crm", headers());
    world.ready("crm");
    world.subscribe("crm", json!({}));
    world.ready("crm");
    assert_eq!(world.only_remote().content.custom_headers.len(), 0);
}

#[test]
fn shown_headers_that_the_provider_keeps_are_said() {
    let world = Setup::new()
        .switch("dixa.echoCustomHeaders", "yes")
        .switch("dixa.patchHeaders", "merge")
        .start();
    world.connect();
    world.subscribe("crm", headers());
    world.ready("crm");
    world.subscribe("crm", json!({}));
    let object = world.becomes(SUBSCRIPTION, "crm", "Synced", "False", "CannotClear");
    let message = condition(&object, "Synced")["message"].to_string();
    assert!(message.contains("headers"), "{message}");
}
