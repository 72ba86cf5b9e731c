//! Test events on request: each is sent once, whatever happens to the process.

use provider_simulator::{FaultAction, Release, When, babel};
use serde_json::{Value, json};

use crate::held;
use crate::support::{SUBSCRIPTION, Setup, Side, World};

const BABEL: Side = Side::Babel;

fn ask(world: &World, name: &str, value: &str) {
    let annotations = json!({"webhook-operator.io/test-requested-at": value});
    world.patch(
        SUBSCRIPTION,
        name,
        json!({"metadata": {"annotations": annotations}}),
    );
}

/// Waits until the test that was asked for by this value has these results, in the order of the keys.
fn results(world: &World, name: &str, value: &str, wanted: &[&str]) -> Vec<Value> {
    world.eventually("the results of the test", || {
        let test = world.subscription(name)["status"]["lastTest"].clone();
        let results = test["results"].as_array().cloned().unwrap_or_default();
        let found: Vec<&str> = results
            .iter()
            .map(|receipt| receipt["result"].as_str().unwrap_or_default())
            .collect();
        if test["requestedAt"] == value && found == wanted {
            Ok(results)
        } else {
            Err(test.to_string())
        }
    })
}

/// The ids of the events that were made, by the event type of their row.
fn made(world: &World, event: &str) -> Vec<i32> {
    let id = BABEL.row_of(world, event).unwrap().id.parse().unwrap();
    let row = world.simulator.babel().subscription(id).unwrap();
    row.events.iter().map(|event| event.id).collect()
}

fn complete(world: &World, event: &str, code: i32) {
    let id = BABEL.row_of(world, event).unwrap().id.parse().unwrap();
    let babel = world.simulator.babel();
    let pending = made(world, event).into_iter().max();
    let result = babel::DeliveryResult {
        event_id: pending,
        ..babel::DeliveryResult::answered(code)
    };
    babel.record_delivery(id, &result).unwrap();
}

#[test]
fn a_test_is_sent_once_for_each_remote_subscription_and_its_result_is_told() {
    let mut world = World::start();
    BABEL.connect(&world, json!({}));
    let events = BABEL.events();
    BABEL.subscribe(&world, "crm", json!({"events": events[..2]}));
    world.ready("crm");
    ask(&world, "crm", "first");
    let receipts = results(&world, "crm", "first", &["Sent", "Sent"]);
    let keys: Vec<&Value> = receipts.iter().map(|receipt| &receipt["key"]).collect();
    assert_eq!(keys, [events[0], events[1]]);
    for (receipt, event) in receipts.iter().zip(events) {
        assert_eq!(receipt["eventID"], made(&world, event)[0].to_string());
    }
    // It is not sent again: not by another look, not by another process.
    world.look_again(SUBSCRIPTION, "crm");
    world.operator().kill9();
    world.start_operator();
    world.look_again(SUBSCRIPTION, "crm");
    assert_eq!(BABEL.count(&world, 0, "test"), 2);
    complete(&world, events[0], 204);
    complete(&world, events[1], 500);
    let receipts = results(&world, "crm", "first", &["Succeeded", "Failed"]);
    assert_eq!(
        (&receipts[0]["responseCode"], &receipts[1]["responseCode"]),
        (&json!(204), &json!(500))
    );
    ask(&world, "crm", "second");
    results(&world, "crm", "second", &["Sent", "Sent"]);
    assert_eq!(BABEL.count(&world, 0, "test"), 4);
    assert_eq!(made(&world, events[0]).len(), 2);
    world.ready("crm");
}

#[test]
fn a_test_that_may_have_been_sent_when_the_process_died_is_not_sent_again() {
    for when in [When::Before, When::Applied] {
        let mut world = World::start();
        BABEL.connect(&world, json!({}));
        BABEL.subscribe(&world, "crm", json!({"events": BABEL.events()[..1]}));
        world.ready("crm");
        BABEL.next(&world, "test", FaultAction::Hold { when });
        ask(&world, "crm", "first");
        let test = held(&world);
        let stored = world.subscription("crm")["status"]["lastTest"].clone();
        assert_eq!(
            stored["results"][0]["result"], "Requested",
            "it is in status before it is sent"
        );
        world.operator().kill9();
        world.simulator.release(test, Release::Drop);
        world.start_operator();
        results(&world, "crm", "first", &["Unknown"]);
        world.look_again(SUBSCRIPTION, "crm");
        assert_eq!(BABEL.count(&world, 0, "test"), 1);
        ask(&world, "crm", "second");
        results(&world, "crm", "second", &["Sent"]);
    }
}

#[test]
fn a_test_that_is_refused_says_so_and_one_without_an_answer_is_unknown() {
    let world = World::start();
    BABEL.connect(&world, json!({}));
    BABEL.subscribe(&world, "crm", json!({"events": BABEL.events()[..1]}));
    world.ready("crm");
    let refusal = FaultAction::fail_with(400, json!({"success": false, "message": "not now"}));
    BABEL.next(&world, "test", refusal);
    ask(&world, "crm", "first");
    results(&world, "crm", "first", &["Refused"]);
    BABEL.next(&world, "test", FaultAction::ApplyThenDrop);
    ask(&world, "crm", "second");
    results(&world, "crm", "second", &["Unknown"]);
    assert_eq!(BABEL.count(&world, 0, "test"), 2);
    world.ready("crm");
}

#[test]
fn a_result_that_comes_at_once_is_told_without_a_regular_look_at_deliveries() {
    let world = Setup::new().switch("babel.testDelivery", "immediate").start();
    BABEL.connect(&world, json!({}));
    BABEL.subscribe(&world, "crm", json!({"events": BABEL.events()[..1]}));
    world.ready("crm");
    ask(&world, "crm", "first");
    let receipts = results(&world, "crm", "first", &["Succeeded"]);
    assert!(receipts[0]["eventID"].is_string(), "{receipts:?}");
}

#[test]
fn a_test_where_the_provider_has_none_is_answered_with_a_warning() {
    for side in [Side::Dixa, Side::Bird] {
        let world = World::start();
        side.connect(&world, json!({}));
        side.subscribe(&world, "crm", json!({"events": side.events()[..1]}));
        world.ready("crm");
        let mark = world.mark();
        ask(&world, "crm", "first");
        results(&world, "crm", "first", &["Unsupported"]);
        world.told("crm", "Warning TestUnsupported");
        assert_eq!(side.writes(&world, mark), [""; 0]);
        world.ready("crm");
    }
}

#[test]
fn who_only_observes_sends_no_test() {
    let world = World::start();
    BABEL.connect(&world, json!({}));
    let url = "https://hooks.acme.example/theirs";
    let id = BABEL.create_by_hand(&world, BABEL.events()[0], url);
    let adoption = json!({"policy": "ByID", "externalIDs": [id]});
    let change = json!({"events": BABEL.events()[..1], "url": url, "mode": "Observe", "adoption": adoption});
    BABEL.subscribe(&world, "crm", change);
    world.becomes(SUBSCRIPTION, "crm", "Ready", "True", "");
    ask(&world, "crm", "first");
    results(&world, "crm", "first", &["Unsupported"]);
    assert_eq!(BABEL.writes(&world, 0), [""; 0]);
}
