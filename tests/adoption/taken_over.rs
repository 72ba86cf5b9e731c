//! Remote subscriptions that nobody manages yet.

use provider_simulator::Authorization;
use serde_json::{Value, json};

use crate::support::{SUBSCRIPTION, Setup, World, condition};
use crate::{by_id, made_by_hand};

fn if_matches() -> Value {
    json!({"adoption": {"policy": "IfMatches"}})
}

#[test]
fn a_subscription_is_imported_by_its_id_and_brought_to_the_spec() {
    let world = World::start();
    let remote = made_by_hand(&world, &json!({"url": "https://old.example/x", "enabled": false}));
    made_by_hand(&world, &json!({"name": "another"}));
    world.connect();
    world.subscribe("crm", by_id(&remote));
    let ready = world.ready("crm");
    let entry = &ready["status"]["subscriptions"][0];
    assert_eq!(
        (&entry["externalID"], &entry["ownership"]),
        (&json!(remote.id.to_string()), &json!("Adopted"))
    );
    let content = world.remote_by_id(&remote.id.to_string()).unwrap().content;
    assert!(content.name.contains("[wh1:"), "{}", content.name);
    assert_eq!(content.url, "https://hooks.acme.example/dixa");
    assert!(content.enabled);
    assert_eq!(world.requests_since(0, "create").len(), 0);
    assert_eq!(world.remote().len(), 2);
    // What was adopted is deleted with its object.
    world.delete(SUBSCRIPTION, "crm");
    world.gone(SUBSCRIPTION, "crm");
    assert_eq!(world.only_remote().content.name, "another");
}

#[test]
fn the_marker_is_written_before_anything_else_is_changed() {
    let world = World::start();
    let remote = made_by_hand(&world, &json!({"url": "https://old.example/x"}));
    world.connect();
    world.subscribe("crm", by_id(&remote));
    world.ready("crm");
    let patches = world.requests_since(0, "patch");
    let first = patches[0].json().unwrap();
    assert!(first["name"].as_str().unwrap().contains("[wh1:"), "{first}");
}

#[test]
fn an_id_that_does_not_exist_is_said_and_nothing_is_created() {
    let world = World::start();
    world.connect();
    let id = "00000000-0000-4000-8000-000000000000";
    world.subscribe(
        "crm",
        json!({"adoption": {"policy": "ByID", "externalIDs": [id]}}),
    );
    world.becomes(SUBSCRIPTION, "crm", "Stalled", "True", "NothingToAdopt");
    assert_eq!(world.remote_writes_since(0), Vec::<String>::new());
    // The message says how: without adoption it is made.
    world.subscribe("crm", json!({}));
    world.ready("crm");
    assert_eq!(world.remote().len(), 1);
}

#[test]
fn what_has_the_same_url_and_events_is_taken_over() {
    let world = World::start();
    let remote = made_by_hand(&world, &json!({}));
    made_by_hand(&world, &json!({"events": ["ConversationClosed"]}));
    made_by_hand(&world, &json!({"url": "https://hooks.acme.example/other"}));
    world.connect();
    world.subscribe("crm", if_matches());
    let ready = world.ready("crm");
    let entry = &ready["status"]["subscriptions"][0];
    assert_eq!(entry["externalID"], remote.id.to_string());
    assert_eq!(world.requests_since(0, "create").len(), 0);
}

#[test]
fn what_matches_nothing_is_created() {
    let world = World::start();
    made_by_hand(&world, &json!({"url": "https://hooks.acme.example/other"}));
    world.connect();
    world.subscribe("crm", if_matches());
    world.ready("crm");
    assert_eq!(world.remote().len(), 2);
}

#[test]
fn of_two_that_match_none_is_taken_over_until_a_person_names_one() {
    let world = World::start();
    let first = made_by_hand(&world, &json!({}));
    let second = made_by_hand(&world, &json!({}));
    world.connect();
    world.subscribe("crm", if_matches());
    let stalled = world.becomes(SUBSCRIPTION, "crm", "Stalled", "True", "AmbiguousMatch");
    let message = condition(&stalled, "Stalled")["message"].to_string();
    for id in [first.id, second.id] {
        assert!(message.contains(&id.to_string()), "{message}");
    }
    assert_eq!(world.remote_writes_since(0), Vec::<String>::new());
    world.subscribe("crm", by_id(&second));
    world.ready("crm");
    assert_eq!(world.external_id("crm"), second.id.to_string());
}

#[test]
fn without_a_policy_a_twin_without_marker_is_left_alone() {
    let world = World::start();
    let twin = made_by_hand(&world, &json!({}));
    world.connect();
    world.subscribe("crm", json!({}));
    world.ready("crm");
    assert_eq!(world.remote().len(), 2);
    let untouched = world.remote_by_id(&twin.id.to_string()).unwrap();
    assert_eq!(untouched.content, twin.content);
}

#[test]
fn an_adoption_that_would_clear_something_is_refused_with_its_name_until_overwrite_is_set() {
    let world = Setup::new().switch("dixa.clearFilters", "emptyObject").start();
    let login = json!({"_type": "BasicAuth", "username": "u", "password": "p"});
    let tree = json!({"Conversation": {"_type": "CombinedFilters", "strategy": "All", "conditions": [
        {"_type": "IsOneOf", "field": "InitialChannel", "values": ["email"]},
    ]}});
    let remote = made_by_hand(&world, &json!({"authorization": login, "filters": tree}));
    world.connect();
    world.subscribe("crm", by_id(&remote));
    let stalled = world.becomes(SUBSCRIPTION, "crm", "Stalled", "True", "AdoptionWouldClear");
    let message = condition(&stalled, "Stalled")["message"].to_string();
    for part in ["filters", "authorization", "spec.adoption.overwrite"] {
        assert!(message.contains(part), "{message}");
    }
    assert_eq!(world.remote_writes_since(0), Vec::<String>::new());

    let mut adopt = by_id(&remote);
    adopt["adoption"]["overwrite"] = json!(true);
    world.subscribe("crm", adopt);
    world.ready("crm");
    let content = world.only_remote().content;
    assert_eq!(content.authorization, Authorization::NoAuth {});
    assert!(
        content
            .filters
            .is_none_or(|filters| filters.conversation.is_none())
    );
}
