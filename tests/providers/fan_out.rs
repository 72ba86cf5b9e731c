//! One object, several remote subscriptions: each has a fate of its own, and none of another's.

use provider_simulator::{FaultAction, FaultPlan, Release, When};
use serde_json::{Value, json};

use crate::support::{SUBSCRIPTION, Setup, Side, World, condition};
use crate::{held, key_of};

/// The providers with several remote subscriptions for an object.
const FANS: [Side; 2] = [Side::Babel, Side::Bird];

/// A world with an account of that side.
fn connected(side: Side) -> World {
    let world = World::start();
    side.connect(&world, json!({}));
    world
}

fn summary(object: &Value) -> &Value {
    &object["status"]["subscriptionCount"]
}

fn one_of_three_is_refused(side: Side) {
    let world = connected(side);
    let refusal = FaultAction::fail_with(400, json!({"success": false, "message": "no such thing today"}));
    world
        .simulator
        .add_fault(FaultPlan::nth(side.requests("create"), 2, refusal));
    side.subscribe(&world, "crm", json!({"events": side.events()}));
    let object = world.becomes(SUBSCRIPTION, "crm", "Ready", "False", "RefusedByProvider");
    assert_eq!(
        *summary(&object),
        json!({"desired": 3, "synced": 2, "summary": "2/3"})
    );
    let missing = side
        .events()
        .into_iter()
        .find(|event| side.row_of(&world, event).is_none())
        .unwrap();
    let message = condition(&object, "Ready")["message"].to_string();
    let named = |event: &str| message.contains(&key_of(side, event));
    assert!(
        named(missing) && message.contains("no such thing today"),
        "{message}"
    );
    assert!(
        !side
            .events()
            .iter()
            .any(|event| *event != missing && named(event)),
        "{message}"
    );
    let made = side.ids(&world);
    assert_eq!(made.len(), 2);
    // Another spec is another question.
    let url = "https://hooks.acme.example/second";
    side.subscribe(&world, "crm", json!({"events": side.events(), "url": url}));
    let ready = world.ready("crm");
    assert_eq!(summary(&ready)["summary"], "3/3");
    let rows = side.rows(&world);
    assert_eq!(rows.len(), 3);
    assert!(rows.iter().all(|row| row.url == url), "{rows:#?}");
    assert!(
        made.iter().all(|id| rows.iter().any(|row| row.id == *id)),
        "{rows:#?}"
    );
}

#[test]
fn one_of_three_events_that_babel_refuses_is_named_and_the_others_are_made() {
    one_of_three_is_refused(Side::Babel);
}

#[test]
fn one_of_three_events_that_bird_refuses_is_named_and_the_others_are_made() {
    one_of_three_is_refused(Side::Bird);
}

#[test]
fn an_event_that_comes_or_goes_touches_its_own_remote_subscription_only() {
    for side in FANS {
        let world = connected(side);
        let events = side.events();
        side.subscribe(&world, "crm", json!({"events": events}));
        world.ready("crm");
        let goes = side.row_of(&world, events[1]).unwrap().id;
        let mark = world.mark();
        side.subscribe(&world, "crm", json!({"events": [events[0], events[2]]}));
        world.eventually("the row to go", || side.row_of(&world, events[1]).is_none());
        world.ready("crm");
        assert_eq!(side.writes(&world, mark), [format!("delete {goes}")]);
        let kept = side.ids(&world);
        let mark = world.mark();
        side.subscribe(&world, "crm", json!({"events": events}));
        world.eventually("the row to come", || side.row_of(&world, events[1]).is_some());
        world.ready("crm");
        assert_eq!(
            (
                side.writes(&world, mark).len(),
                side.count(&world, mark, "create")
            ),
            (1, 1)
        );
        let now = side.ids(&world);
        assert!(
            kept.iter().all(|id| now.contains(id)) && now.len() == 3,
            "{kept:?} {now:?}"
        );
    }
}

/// The answer to a create is lost, and the spec asks for something else before it is looked for.
fn edited_while_unknown(side: Side, when: When) {
    let world = connected(side);
    side.next(&world, "create", FaultAction::Hold { when });
    side.subscribe(&world, "crm", json!({"events": side.events()[..1]}));
    let create = held(&world);
    let url = "https://hooks.acme.example/second";
    side.subscribe(&world, "crm", json!({"events": side.events()[2..], "url": url}));
    world.simulator.release(create, Release::Drop);
    world.ready("crm");
    let row = side.only(&world);
    assert_eq!(
        (row.events, row.url.as_str()),
        (vec![side.spelled(side.events()[2])], url)
    );
    assert_eq!(world.external_id("crm"), row.id);
}

#[test]
fn an_edit_between_a_lost_create_and_its_recovery_leaves_nothing_behind_at_dixa() {
    edited_while_unknown(Side::Dixa, When::Applied);
    edited_while_unknown(Side::Dixa, When::Before);
}

#[test]
fn an_edit_between_a_lost_create_and_its_recovery_leaves_nothing_behind_at_babel() {
    edited_while_unknown(Side::Babel, When::Applied);
    edited_while_unknown(Side::Babel, When::Before);
}

#[test]
fn an_edit_between_a_lost_create_and_its_recovery_leaves_nothing_behind_at_bird() {
    edited_while_unknown(Side::Bird, When::Applied);
    edited_while_unknown(Side::Bird, When::Before);
}

/// The process dies in the second of three creates.
fn killed_between_creates(side: Side, when: When) {
    let mut world = Setup::new().without_operator().start();
    let hold = FaultAction::Hold { when };
    world
        .simulator
        .add_fault(FaultPlan::nth(side.requests("create"), 2, hold));
    side.connect(&world, json!({}));
    side.subscribe(&world, "crm", json!({"events": side.events()}));
    world.start_operator();
    let create = held(&world);
    world.operator().kill9();
    world.simulator.release(create, Release::Drop);
    world.start_operator();
    let ready = world.ready("crm");
    assert_eq!(summary(&ready)["summary"], "3/3");
    let rows = side.rows(&world);
    let mut events: Vec<String> = side.events().map(|event| side.spelled(event)).into();
    events.sort();
    let made: Vec<String> = rows.iter().flat_map(|row| row.events.clone()).collect();
    assert_eq!(made, events, "one of each");
    world.delete(SUBSCRIPTION, "crm");
    world.gone(SUBSCRIPTION, "crm");
    assert_eq!(side.rows(&world), [], "deleted with the object");
}

#[test]
fn a_death_between_the_creates_of_several_keys_leaves_one_of_each_at_babel() {
    killed_between_creates(Side::Babel, When::Applied);
    killed_between_creates(Side::Babel, When::Before);
}

#[test]
fn a_death_between_the_creates_of_several_keys_leaves_one_of_each_at_bird() {
    killed_between_creates(Side::Bird, When::Applied);
    killed_between_creates(Side::Bird, When::Before);
}

#[test]
fn the_death_of_the_process_in_its_only_create_leaves_one_at_dixa() {
    for when in [When::Applied, When::Before] {
        let mut world = Setup::new().without_operator().start();
        Side::Dixa.next(&world, "create", FaultAction::Hold { when });
        Side::Dixa.connect(&world, json!({}));
        Side::Dixa.subscribe(&world, "crm", json!({}));
        world.start_operator();
        let create = held(&world);
        world.operator().kill9();
        world.simulator.release(create, Release::Drop);
        world.start_operator();
        world.ready("crm");
        assert_eq!(world.external_id("crm"), Side::Dixa.only(&world).id);
    }
}

#[test]
fn one_object_has_at_most_64_remote_subscriptions() {
    let world = connected(Side::Bird);
    let values = |count: usize| -> Vec<String> { (0..count).map(|i| format!("c{i}")).collect() };
    let condition = |field: &str, count| json!({"field": field, "operator": "In", "values": values(count)});
    let conditions = [condition("channelId", 11), condition("platform", 6)];
    let change = json!({"events": ["sms.inbound"], "filters": [{"conditions": conditions}]});
    Side::Bird.subscribe(&world, "crm", change);
    let message = world.refused("crm", "UnsupportedByProvider");
    assert!(message.contains("more than the 64 subscriptions"), "{message}");
    assert_eq!(Side::Bird.count(&world, 0, "create"), 0);
}
