//! The key that the provider signs with, published in a Secret.

use std::time::Duration;

use serde_json::{Value, json};

use crate::support::{SUBSCRIPTION, World, condition};

fn publish(change: &Value) -> Value {
    let mut target = json!({"secretName": "signing"});
    crate::support::merge(&mut target, change);
    json!({"signing": {"publishProviderKey": target}})
}

/// The value of a Secret's key, as kubectl shows it to a user who decodes it.
fn value(world: &World, key: &str) -> String {
    let template = format!("{{{{index .data \"{key}\" | base64decode}}}}");
    world.kubectl(&[
        "get",
        "secret",
        "signing",
        "--output",
        &format!("go-template={template}"),
    ])
}

#[test]
fn the_key_is_published_labelled_and_goes_with_its_object() {
    let world = World::start();
    world.connect();
    world.subscribe("crm", publish(&json!({})));
    let ready = world.becomes(SUBSCRIPTION, "crm", "SecretPublished", "True", "KeyPublished");
    let secret = world.object("secrets", "signing");
    assert_eq!(value(&world, "signingKey"), world.only_remote().secret_key);
    assert_eq!(secret["metadata"]["labels"]["webhook-operator.io/use"], "signing");
    let owner = &secret["metadata"]["ownerReferences"][0];
    assert_eq!(
        (&owner["kind"], &owner["name"], &owner["uid"]),
        (
            &json!("WebhookSubscription"),
            &json!("crm"),
            &ready["metadata"]["uid"]
        )
    );
    // What owner references promise is the garbage collector's to keep.
    world.delete(SUBSCRIPTION, "crm");
    world.gone(SUBSCRIPTION, "crm");
    world.within(Duration::from_secs(180), "the Secret to go", || {
        world.find("secrets", "signing").is_none()
    });
}

#[test]
fn the_key_goes_under_the_name_that_the_spec_gives() {
    let world = World::start();
    world.connect();
    world.subscribe("crm", publish(&json!({"key": "dixa.hmac"})));
    world.becomes(SUBSCRIPTION, "crm", "SecretPublished", "True", "KeyPublished");
    assert_eq!(value(&world, "dixa.hmac"), world.only_remote().secret_key);
}

#[test]
fn a_published_key_that_is_deleted_or_overwritten_is_restored() {
    let world = World::start();
    world.connect();
    world.subscribe("crm", publish(&json!({})));
    world.becomes(SUBSCRIPTION, "crm", "SecretPublished", "True", "KeyPublished");
    let first = world.object("secrets", "signing")["metadata"]["uid"].clone();
    world.delete("secrets", "signing");
    world.eventually("the Secret to be back", || {
        world
            .find("secrets", "signing")
            .filter(|found| found["metadata"]["uid"] != first)
    });
    assert_eq!(value(&world, "signingKey"), world.only_remote().secret_key);
    world.patch(
        "secrets",
        "signing",
        json!({"stringData": {"signingKey": "not the key"}}),
    );
    world.eventually("the key to be back", || {
        (value(&world, "signingKey") == world.only_remote().secret_key).then_some(())
    });
}

#[test]
fn a_secret_that_is_not_ours_is_left_alone() {
    let world = World::start();
    world.connect();
    world.secret("signing", "signing", &[("signingKey", "mine")]);
    world.subscribe("crm", publish(&json!({})));
    let stalled = world.becomes(SUBSCRIPTION, "crm", "SecretPublished", "False", "SecretExists");
    assert_eq!(condition(&stalled, "Ready")["reason"], "SecretExists");
    assert_eq!(value(&world, "signingKey"), "mine");
    // The message has the command that hands it over.
    let message = condition(&stalled, "Ready")["message"]
        .as_str()
        .unwrap()
        .to_owned();
    let (_, command) = message.split_once("kubectl ").unwrap();
    // As a shell reads it: what comes after the semicolon is the address of the documentation.
    let command = command.split(';').next().unwrap();
    let words: Vec<&str> = command.split_whitespace().collect();
    world.cluster().kubectl(&words, "").unwrap();
    world.becomes(SUBSCRIPTION, "crm", "SecretPublished", "True", "KeyPublished");
    assert_eq!(value(&world, "signingKey"), world.only_remote().secret_key);
}

#[test]
fn a_key_that_nobody_asked_for_is_not_published() {
    let world = World::start();
    world.connect();
    world.subscribe("crm", json!({}));
    let ready = world.ready("crm");
    assert_eq!(condition(&ready, "SecretPublished"), Value::Null);
    let secrets = world.cluster().list_json("secrets", &world.namespace).unwrap();
    let names: Vec<&str> = secrets
        .iter()
        .filter_map(|secret| secret["metadata"]["name"].as_str())
        .collect();
    assert_eq!(names, ["dixa-api"]);
}
