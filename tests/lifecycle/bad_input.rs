//! Bad input: nothing is sent, and the message says what to do.

use serde_json::json;

use crate::support::{PROVIDER, SUBSCRIPTION, Setup, World, condition};

/// Nothing but looking has been asked of the provider.
fn nothing_sent(world: &World) {
    assert_eq!(world.remote_writes_since(0), Vec::<String>::new());
}

#[test]
fn plain_http_is_refused_and_the_message_names_the_flag() {
    let world = Setup::new()
        .https_only()
        .tls(provider_simulator::TlsListeners::Good)
        .start();
    crate::tls::trust(&world);
    world.connect_with(json!({
        "endpoint": world.simulator.https_url(),
        "caBundleRef": {"name": "authority"},
    }));
    world.subscribe("crm", json!({"url": "http://hooks.acme.example/dixa"}));
    let message = world.refused("crm", "InsecureURL");
    assert!(
        message.contains("spec.url") && message.contains("--allow-insecure-http"),
        "{message}"
    );
    nothing_sent(&world);
    world.subscribe("crm", json!({}));
    world.ready("crm");
}

#[test]
fn a_provider_at_plain_http_is_refused_without_the_flag() {
    let world = Setup::new().https_only().start();
    world.connect();
    let object = world.becomes(PROVIDER, "dixa", "Ready", "False", "");
    let message = condition(&object, "Ready")["message"].to_string();
    assert!(message.contains("--allow-insecure-http"), "{message}");
    assert_eq!(world.requests_since(0, "").len(), 0);
}

#[test]
fn plain_http_is_accepted_with_the_flag() {
    let world = World::start();
    world.connect();
    world.subscribe("crm", json!({"url": "http://hooks.acme.example/dixa"}));
    world.ready("crm");
    assert_eq!(world.only_remote().content.url, "http://hooks.acme.example/dixa");
}

#[test]
fn a_display_name_that_looks_like_a_marker_is_refused() {
    let world = World::start();
    world.connect();
    let name = "x [wh1:aaaaaaaa-bbbbbbbb-cccccccc-dddddddd]";
    world.subscribe("crm", json!({"displayName": name}));
    let message = world.refused("crm", "InvalidSpec");
    assert!(message.contains("spec.displayName"), "{message}");
    nothing_sent(&world);
    world.subscribe("crm", json!({"displayName": "fine"}));
    world.ready("crm");
}

#[test]
fn a_provider_that_is_missing_is_waited_for() {
    let world = World::start();
    world.subscribe("crm", json!({}));
    let message = world.refused("crm", "ProviderNotFound");
    assert!(message.contains("dixa"), "{message}");
    world.connect();
    world.ready("crm");
}

#[test]
fn a_provider_that_is_not_ready_is_waited_for() {
    let world = World::start();
    world.apply(PROVIDER, "dixa", world.provider_spec(json!({})));
    world.subscribe("crm", json!({}));
    world.becomes(PROVIDER, "dixa", "Ready", "False", "");
    world.becomes(SUBSCRIPTION, "crm", "Accepted", "False", "ProviderNotReady");
    world.connect();
    world.ready("crm");
}

#[test]
fn a_condition_that_the_apiserver_can_check_never_reaches_the_operator() {
    let world = World::start();
    let reply = world.try_apply(
        SUBSCRIPTION,
        "crm",
        world.subscription_spec(json!({"urlFrom": {"secretKeyRef": {"name": "a", "key": "b"}}})),
    );
    assert_eq!(reply.status, 422);
    assert!(
        reply.body.contains("set exactly one of url and urlFrom"),
        "{}",
        reply.body
    );
}
