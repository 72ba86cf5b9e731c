//! Secrets that are missing, not released, unusable or changed.

use provider_simulator::Authorization;
use serde_json::{Value, json};

use crate::support::{SUBSCRIPTION, World, condition};

fn bearer() -> Value {
    json!({"authorization": {"bearer": {"secretKeyRef": {"name": "token", "key": "value"}}}})
}

fn token(value: &str) -> Authorization {
    Authorization::TokenAuth { value: value.into() }
}

#[test]
fn a_secret_that_is_missing_is_named_and_its_arrival_noticed() {
    let world = World::start();
    world.connect();
    world.subscribe("crm", bearer());
    let message = world.refused("crm", "SecretNotFound");
    assert!(
        message.contains("token") && message.contains("spec.authorization"),
        "{message}"
    );
    assert_eq!(world.remote_writes_since(0), Vec::<String>::new());
    world.secret("token", "delivery", &[("other", "x")]);
    world.eventually("the missing key to be named", || {
        let found = condition(&world.subscription("crm"), "Accepted");
        let message = found["message"].as_str().unwrap_or_default().to_owned();
        if message.contains("no key value") {
            Ok(())
        } else {
            Err(message)
        }
    });
    world.secret("token", "delivery", &[("value", "b-1")]);
    world.ready("crm");
    assert_eq!(world.only_remote().content.authorization, token("b-1"));
}

#[test]
fn a_secret_that_is_not_released_comes_with_the_command_that_releases_it() {
    let world = World::start();
    world.connect();
    world.secret("token", "", &[("value", "b-1")]);
    world.subscribe("crm", bearer());
    let message = world.refused("crm", "SecretNotReleased");
    assert_eq!(world.remote_writes_since(0), Vec::<String>::new());
    let (_, command) = message.split_once("kubectl ").unwrap();
    let words: Vec<&str> = command.split_whitespace().collect();
    world.cluster().kubectl(&words, "").unwrap();
    world.ready("crm");
}

#[test]
fn a_secret_that_is_released_for_something_else_is_not_used() {
    let world = World::start();
    world.connect();
    // The API key itself, sent to a URL of the user's choice: that is what the label is there to stop.
    let key = json!({"secretKeyRef": {"name": "dixa-api", "key": "token"}});
    world.subscribe("crm", json!({"headers": [{"name": "X-Key", "valueFrom": key}]}));
    let message = world.refused("crm", "SecretNotReleased");
    assert!(message.contains("spec.headers"), "{message}");
    assert_eq!(world.remote_writes_since(0), Vec::<String>::new());
}

#[test]
fn a_value_that_cannot_stand_in_a_header_is_refused_without_showing_it() {
    let world = World::start();
    world.connect();
    world.subscribe("crm", bearer());
    let long = "x".repeat(4097);
    for bad in ["two\nlines", "caf\u{e9}-latte", "tab\there", "", long.as_str()] {
        world.secret("token", "delivery", &[("value", bad)]);
        world.eventually("the refusal", || {
            let found = condition(&world.subscription("crm"), "Accepted");
            (found["reason"] == "SecretInvalid").then_some(())
        });
        let message = world.refused("crm", "SecretInvalid");
        assert!(
            message.contains("token") && message.contains("value"),
            "{message}"
        );
        assert!(bad.is_empty() || !message.contains(bad), "{message}");
        assert_eq!(world.remote_writes_since(0), Vec::<String>::new());
    }
    // The largest value, with one newline that does not count.
    let largest = "x".repeat(4096);
    world.secret("token", "delivery", &[("value", &format!("{largest}\n"))]);
    world.ready("crm");
    assert_eq!(world.only_remote().content.authorization, token(&largest));
}

#[test]
fn a_secret_that_is_rotated_is_followed_with_a_patch_of_that_field() {
    let world = World::start();
    world.connect();
    world.secret("token", "delivery", &[("value", "b-1")]);
    let mut spec = bearer();
    spec["headers"] =
        json!([{"name": "X-Key", "valueFrom": {"secretKeyRef": {"name": "token", "key": "value"}}}]);
    world.subscribe("crm", spec);
    world.ready("crm");
    let mark = world.mark();
    world.secret("token", "delivery", &[("value", "b-2")]);
    world.eventually("the new value", || {
        let content = world.only_remote().content;
        let arrived = content.authorization == token("b-2")
            && content.custom_headers.values().any(|value| value == "b-2");
        arrived.then_some(())
    });
    world.ready("crm");
    for patch in world.requests_since(mark, "patch") {
        let body = patch.json().unwrap();
        for member in body.as_object().unwrap().keys() {
            assert!(
                ["authorization", "customHeaders"].contains(&member.as_str()),
                "{member}"
            );
        }
    }
}

#[test]
fn a_url_in_a_secret_is_followed_too() {
    let world = World::start();
    world.connect();
    world.secret("target", "delivery", &[("url", "https://hooks.acme.example/a")]);
    let source = json!({"url": null, "urlFrom": {"secretKeyRef": {"name": "target", "key": "url"}}});
    world.subscribe("crm", source);
    world.ready("crm");
    world.secret("target", "delivery", &[("url", "https://hooks.acme.example/b")]);
    world.eventually("the new URL", || {
        (world.only_remote().content.url == "https://hooks.acme.example/b").then_some(())
    });
    let status = world.subscription("crm")["status"].to_string();
    assert!(
        !status.contains("/a\"") && !status.contains("acme.example/"),
        "{status}"
    );
}

#[test]
fn a_secret_that_disappears_later_stops_updates_and_not_the_deletion() {
    let world = World::start();
    world.connect();
    world.secret("token", "delivery", &[("value", "b-1")]);
    world.subscribe("crm", bearer());
    world.ready("crm");
    world.delete("secrets", "token");
    world.refused("crm", "SecretNotFound");
    assert_eq!(world.only_remote().content.authorization, token("b-1"));
    world.delete(SUBSCRIPTION, "crm");
    world.gone(SUBSCRIPTION, "crm");
    assert_eq!(world.remote().len(), 0);
}
