//! Whose a remote subscription is, where nothing can be written on it.

use provider_simulator::{FaultAction, Release, When};
use serde_json::{Value, json};

use crate::held;
use crate::support::{ELSEWHERE, SUBSCRIPTION, Side, World, condition};

const BIRD: Side = Side::Bird;
const URL: &str = "https://hooks.acme.example/bird";

fn connected() -> World {
    let world = World::start();
    BIRD.connect(&world, json!({}));
    world
}

fn one() -> Value {
    json!({"events": ["sms.inbound"], "url": URL})
}

/// Waits until the object stalls because another one has what it asks for; returns the message.
fn turned_away(world: &World, name: &str) -> String {
    let object = world.becomes(SUBSCRIPTION, name, "Ready", "False", "IdenticalExists");
    condition(&object, "Ready")["message"].to_string()
}

#[test]
fn of_two_objects_that_ask_for_the_same_the_older_has_it_until_it_goes() {
    let world = connected();
    BIRD.subscribe(&world, "older", one());
    world.ready("older");
    BIRD.subscribe(&world, "younger", one());
    let message = turned_away(&world, "younger");
    assert!(message.contains("older"), "{message}");
    let first = BIRD.only(&world).id;
    // What the older one does to its own is none of the younger one's business.
    BIRD.edit(&world, &first, json!({"url": ELSEWHERE}));
    world.look_again(SUBSCRIPTION, "older");
    world.eventually("the repair", || BIRD.only(&world).url == URL);
    world.delete(SUBSCRIPTION, "older");
    world.gone(SUBSCRIPTION, "older");
    world.ready("younger");
    let second = BIRD.only(&world);
    assert_ne!(second.id, first, "it was deleted with its object");
    assert_eq!(world.external_id("younger"), second.id);
}

#[test]
fn of_two_objects_that_ask_for_the_same_the_older_wins_also_after_a_restart() {
    let mut world = connected();
    BIRD.subscribe(&world, "older", one());
    world.ready("older");
    BIRD.subscribe(&world, "younger", one());
    turned_away(&world, "younger");
    let id = BIRD.only(&world).id;
    world.operator().kill9();
    let mark = world.mark();
    world.start_operator();
    for _ in 0..2 {
        world.look_again(SUBSCRIPTION, "younger");
        world.look_again(SUBSCRIPTION, "older");
    }
    turned_away(&world, "younger");
    world.ready("older");
    assert_eq!(BIRD.only(&world).id, id);
    assert_eq!(BIRD.writes(&world, mark), [""; 0]);
}

#[test]
fn an_edit_to_what_another_object_has_changes_nothing_at_the_provider() {
    let world = connected();
    BIRD.subscribe(&world, "older", one());
    world.ready("older");
    let own = "https://hooks.acme.example/own";
    BIRD.subscribe(&world, "younger", json!({"events": ["sms.inbound"], "url": own}));
    world.ready("younger");
    let (before, mark) = (BIRD.rows(&world), world.mark());
    BIRD.subscribe(&world, "younger", one());
    turned_away(&world, "younger");
    assert_eq!(BIRD.rows(&world), before);
    assert_eq!(BIRD.writes(&world, mark), [""; 0]);
    world.delete(SUBSCRIPTION, "younger");
    world.gone(SUBSCRIPTION, "younger");
    assert_eq!(BIRD.only(&world).url, URL);
}

#[test]
fn one_that_a_person_made_is_not_made_a_second_time_and_not_taken_without_being_told() {
    let world = connected();
    let id = BIRD.create_by_hand(&world, "sms.inbound", URL);
    BIRD.subscribe(&world, "crm", one());
    let message = turned_away(&world, "crm");
    assert!(
        message.contains(&id) && message.contains("IfMatches"),
        "{message}"
    );
    assert_eq!(BIRD.writes(&world, 0), [""; 0]);
    let mut change = one();
    change["adoption"] = json!({"policy": "IfMatches"});
    BIRD.subscribe(&world, "crm", change);
    let ready = world.ready("crm");
    assert_eq!(ready["status"]["subscriptions"][0]["ownership"], "Adopted");
    assert_eq!(world.external_id("crm"), id);
    assert_eq!(BIRD.only(&world).id, id);
    assert_eq!(BIRD.count(&world, 0, "create"), 0);
    world.delete(SUBSCRIPTION, "crm");
    world.gone(SUBSCRIPTION, "crm");
    assert_eq!(BIRD.rows(&world), [], "it is this object's now");
}

#[test]
fn one_that_a_person_made_and_is_never_to_be_adopted_stays_untouched() {
    let world = connected();
    let id = BIRD.create_by_hand(&world, "sms.inbound", URL);
    let mut change = one();
    change["adoption"] = json!({"policy": "Never"});
    BIRD.subscribe(&world, "crm", change);
    turned_away(&world, "crm");
    world.delete(SUBSCRIPTION, "crm");
    world.gone(SUBSCRIPTION, "crm");
    assert_eq!(BIRD.only(&world).id, id);
    assert_eq!(BIRD.writes(&world, 0), [""; 0]);
}

#[test]
fn subscriptions_are_imported_by_their_ids_each_for_its_event() {
    for side in [Side::Babel, Side::Bird] {
        let world = World::start();
        let [first, second, _] = side.events();
        let ids = [
            side.create_by_hand(&world, second, ELSEWHERE),
            side.create_by_hand(&world, first, ELSEWHERE),
        ];
        side.connect(&world, json!({}));
        let adoption = json!({"policy": "ByID", "externalIDs": ids});
        side.subscribe(&world, "crm", json!({"adoption": adoption}));
        let ready = world.ready("crm");
        assert_eq!(ready["status"]["subscriptionCount"]["summary"], "2/2");
        assert_eq!(side.row_of(&world, second).unwrap().id, ids[0]);
        assert_eq!(side.row_of(&world, first).unwrap().id, ids[1]);
        let url = format!("https://hooks.acme.example/{}", side.name());
        assert!(side.rows(&world).iter().all(|row| row.url == url));
        assert_eq!(side.count(&world, 0, "create"), 0);
        world.delete(SUBSCRIPTION, "crm");
        world.gone(SUBSCRIPTION, "crm");
        assert_eq!(side.rows(&world), []);
    }
}

#[test]
fn an_import_that_would_clear_filters_is_refused_unless_that_is_said() {
    let world = connected();
    let id = BIRD.create_by_hand(&world, "sms.inbound", URL);
    BIRD.edit(
        &world,
        &id,
        json!({"eventFilters": [{"key": "channelId", "value": "c1"}]}),
    );
    let mut change = one();
    change["adoption"] = json!({"policy": "ByID", "externalIDs": [id]});
    BIRD.subscribe(&world, "crm", change.clone());
    let object = world.becomes(SUBSCRIPTION, "crm", "Ready", "False", "AdoptionWouldClear");
    let message = condition(&object, "Ready")["message"].to_string();
    assert!(message.contains("filters"), "{message}");
    assert_eq!(BIRD.only(&world).filters, "channelId=c1");
    assert_eq!(BIRD.writes(&world, 0), [""; 0]);
}

/// Writes into the forger's status that these are its remote subscriptions.
fn forge(world: &World, entries: &Value) {
    world.patch_status(
        SUBSCRIPTION,
        "forger",
        json!({"status": {"subscriptions": entries}}),
    );
    assert_eq!(world.subscription("forger")["status"]["subscriptions"], *entries);
}

#[test]
fn a_status_that_somebody_forged_authorises_nothing() {
    let mut world = connected();
    BIRD.subscribe(&world, "victim", one());
    world.ready("victim");
    let other = json!({"events": ["sms.outbound"], "url": "https://hooks.acme.example/forger"});
    BIRD.subscribe(&world, "forger", other);
    world.ready("forger");
    let victim = world.subscription("victim");
    let entry = victim["status"]["subscriptions"][0].clone();
    let ours = world.external_id("forger");
    world.stop_operator();
    let before = BIRD.row_of(&world, "sms.inbound").unwrap();
    let mut entries = vec![entry];
    entries.push(world.subscription("forger")["status"]["subscriptions"][0].clone());
    forge(&world, &json!(entries));
    let mark = world.mark();
    world.start_operator();
    world.look_again(SUBSCRIPTION, "forger");
    world.look_again(SUBSCRIPTION, "victim");
    assert_eq!(BIRD.row_of(&world, "sms.inbound"), Some(before.clone()));
    world.delete(SUBSCRIPTION, "forger");
    world.eventually("the forger's own to go", || {
        BIRD.ids(&world).iter().all(|id| *id != ours)
    });
    assert_eq!(BIRD.row_of(&world, "sms.inbound"), Some(before.clone()));
    assert_eq!(BIRD.writes(&world, mark), [format!("delete {ours}")]);
    world.look_again(SUBSCRIPTION, "victim");
    world.ready("victim");
    assert_eq!(world.external_id("victim"), before.id);
}

#[test]
fn a_status_that_names_an_id_of_another_object_as_its_own_key_authorises_no_change() {
    let mut world = connected();
    BIRD.subscribe(&world, "victim", one());
    world.ready("victim");
    // The same event, so that the key is the same.
    let other = json!({"events": ["sms.inbound"], "url": "https://hooks.acme.example/forger"});
    BIRD.subscribe(&world, "forger", other);
    world.ready("forger");
    let entries = world.subscription("victim")["status"]["subscriptions"].clone();
    world.stop_operator();
    let before = BIRD.rows(&world);
    forge(&world, &entries);
    let mark = world.mark();
    world.start_operator();
    world.look_again(SUBSCRIPTION, "victim");
    world.look_again(SUBSCRIPTION, "forger");
    let victim = |rows: &[crate::support::Row]| rows.iter().find(|row| row.url == URL).cloned();
    assert_eq!(victim(&BIRD.rows(&world)), victim(&before));
    assert_eq!(BIRD.writes(&world, mark), [""; 0]);
    world.ready("victim");
}

#[test]
fn of_two_that_a_person_made_none_is_chosen() {
    let world = connected();
    let ids = [
        BIRD.create_by_hand(&world, "sms.inbound", URL),
        BIRD.create_by_hand(&world, "sms.inbound", URL),
    ];
    let mut change = one();
    change["adoption"] = json!({"policy": "IfMatches"});
    BIRD.subscribe(&world, "crm", change.clone());
    let object = world.becomes(SUBSCRIPTION, "crm", "Ready", "False", "AmbiguousMatch");
    let message = condition(&object, "Ready")["message"].to_string();
    assert!(ids.iter().all(|id| message.contains(id)), "{message}");
    change["adoption"] = json!({"policy": "ByID", "externalIDs": [ids[1]]});
    BIRD.subscribe(&world, "crm", change);
    world.ready("crm");
    assert_eq!(world.external_id("crm"), ids[1]);
    world.delete(SUBSCRIPTION, "crm");
    world.gone(SUBSCRIPTION, "crm");
    assert_eq!(BIRD.only(&world).id, ids[0], "the other one is not this object's");
    assert_eq!(BIRD.count(&world, 0, "create"), 0);
}

#[test]
fn the_result_of_a_lost_create_beside_another_of_the_same_content_is_for_a_person_to_tell() {
    let world = connected();
    BIRD.next(&world, "create", FaultAction::Hold { when: When::Applied });
    BIRD.subscribe(&world, "crm", one());
    let create = held(&world);
    let ours = BIRD.only(&world).id;
    BIRD.create_by_hand(&world, "sms.inbound", URL);
    world.simulator.release(create, Release::Drop);
    let object = world.becomes(SUBSCRIPTION, "crm", "Ready", "False", "AmbiguousMatch");
    let message = condition(&object, "Ready")["message"].to_string();
    assert!(
        message.contains(&ours) && message.contains("externalIDs"),
        "{message}"
    );
    assert_eq!(BIRD.writes(&world, create), [""; 0]);
    let mut change = one();
    change["adoption"] = json!({"policy": "ByID", "externalIDs": [ours]});
    BIRD.subscribe(&world, "crm", change);
    world.ready("crm");
    assert_eq!(world.external_id("crm"), ours);
    world.delete(SUBSCRIPTION, "crm");
    world.gone(SUBSCRIPTION, "crm");
    assert_ne!(BIRD.only(&world).id, ours, "the one that a person made stays");
}
