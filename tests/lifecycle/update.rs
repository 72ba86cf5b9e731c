//! Changes of a spec arrive as changes of just that field.

use std::collections::BTreeSet;

use serde_json::{Value, json};

use crate::support::{SUBSCRIPTION, Setup, World, condition, merge};

/// The names of the members of the one PATCH since a mark.
fn patched(world: &World, mark: u64) -> BTreeSet<String> {
    let patches = world.requests_since(mark, "patch");
    let bodies: Vec<Value> = patches.iter().map(|entry| entry.json().unwrap()).collect();
    assert_eq!(bodies.len(), 1, "{bodies:#?}");
    bodies[0].as_object().unwrap().keys().cloned().collect()
}

fn tested(world: &World, steps: Vec<(Value, &str)>) {
    let mut spec = world.subscription_spec(json!({}));
    world.apply(SUBSCRIPTION, "crm", spec.clone());
    world.ready("crm");
    let id = world.only_remote().id;
    for (change, member) in steps {
        let mark = world.mark();
        merge(&mut spec, &change);
        world.apply(SUBSCRIPTION, "crm", spec.clone());
        world.ready("crm");
        assert_eq!(
            patched(world, mark),
            BTreeSet::from([member.to_owned()]),
            "{change}"
        );
        assert_eq!(world.requests_since(mark, "create").len(), 0);
        assert_eq!(world.only_remote().id, id);
    }
}

#[test]
fn each_field_that_changes_is_patched_alone() {
    let world = World::start();
    world.connect();
    world.secret("login", "delivery", &[("username", "u"), ("password", "p")]);
    world.secret("token", "delivery", &[("value", "b-1")]);
    world.secret("target", "delivery", &[("url", "https://hooks.acme.example/c")]);
    let bearer = json!({"basic": null, "bearer": {"secretKeyRef": {"name": "token", "key": "value"}}});
    let condition = json!([{"field": "InitialChannel", "operator": "NotIn", "values": ["email"]}]);
    let steps = vec![
        (json!({"url": "https://hooks.acme.example/b"}), "url"),
        (
            json!({"url": null, "urlFrom": {"secretKeyRef": {"name": "target", "key": "url"}}}),
            "url",
        ),
        (json!({"events": ["ConversationAssigned"]}), "events"),
        (json!({"enabled": false}), "enabled"),
        (json!({"enabled": true}), "enabled"),
        (json!({"displayName": "other"}), "name"),
        (
            json!({"authorization": {"basic": {"secretRef": {"name": "login"}}}}),
            "authorization",
        ),
        (json!({"authorization": bearer}), "authorization"),
        (json!({"filters": [{"conditions": condition}]}), "filters"),
        (
            json!({"filters": [{"match": "Any", "conditions": condition}]}),
            "filters",
        ),
        (
            json!({"headers": [{"name": "X-A", "value": "1"}]}),
            "customHeaders",
        ),
        (
            json!({"headers": [{"name": "X-A", "value": "2"}]}),
            "customHeaders",
        ),
    ];
    tested(&world, steps);
    let content = world.only_remote().content;
    assert_eq!(content.url, "https://hooks.acme.example/c");
    assert_eq!(content.events, ["ConversationAssigned"]);
    assert!(content.name.starts_with("other [wh1:"), "{}", content.name);
    assert_eq!(
        content.custom_headers.values().collect::<Vec<_>>(),
        ["2"],
        "{content:?}"
    );
}

#[test]
fn several_changes_at_once_are_one_patch() {
    let world = World::start();
    world.connect();
    world.subscribe("crm", json!({}));
    world.ready("crm");
    let mark = world.mark();
    world.subscribe(
        "crm",
        json!({"url": "https://hooks.acme.example/b", "enabled": false}),
    );
    world.ready("crm");
    let members = BTreeSet::from(["enabled".to_owned(), "url".to_owned()]);
    assert_eq!(patched(&world, mark), members);
}

#[test]
fn an_edit_that_means_the_same_sends_nothing() {
    let world = World::start();
    world.connect();
    world.subscribe("crm", json!({}));
    world.ready("crm");
    let mark = world.mark();
    // The order of events, the case of the host and an explicit default say nothing new.
    world.subscribe(
        "crm",
        json!({
            "url": "https://HOOKS.acme.example/dixa",
            "events": ["ConversationClosed", "ConversationCreated"],
            "enabled": true,
            "driftPolicy": "Correct",
            "mode": "Manage",
            "deletionPolicy": "Delete",
        }),
    );
    world.ready("crm");
    assert_eq!(world.remote_writes_since(mark), Vec::<String>::new());
}

#[test]
fn a_patch_that_the_provider_refuses_is_said_in_its_own_words_and_not_repeated() {
    let world = World::start();
    world.connect();
    world.subscribe("crm", json!({}));
    world.ready("crm");
    let mark = world.mark();
    world.subscribe(
        "crm",
        json!({"events": ["ConversationClosed", "NoSuchEventAtDixa"]}),
    );
    let refused = world.becomes(SUBSCRIPTION, "crm", "Ready", "False", "RefusedByProvider");
    let message = condition(&refused, "Ready")["message"].to_string();
    assert!(message.contains("Invalid value in request"), "{message}");
    world.look_again(SUBSCRIPTION, "crm");
    let tried = world.requests_since(mark, "patch").len();
    world.look_again(SUBSCRIPTION, "crm");
    assert_eq!(world.requests_since(mark, "patch").len(), tried);
    world.subscribe("crm", json!({"events": ["ConversationClosed"]}));
    world.ready("crm");
}

#[test]
fn an_event_that_is_not_in_the_known_list_is_sent_with_a_warning() {
    let world = Setup::new().switch("dixa.eventNames", "any").start();
    world.connect();
    world.subscribe("crm", json!({"events": ["ConversationTeleported"]}));
    world.ready("crm");
    assert_eq!(world.only_remote().content.events, ["ConversationTeleported"]);
    world.eventually("a warning about the event", || {
        let events = world.events_about("crm");
        let warned = events
            .iter()
            .any(|event| event.starts_with("Warning") && event.contains("ConversationTeleported"));
        if warned { Ok(()) } else { Err(events.join("\n")) }
    });
}
