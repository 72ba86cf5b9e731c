//! What the provider has switched off: reported, or switched on again within bounds.

use provider_simulator::{FaultAction, Release, When};
use serde_json::{Value, json};

use crate::held;
use crate::support::{SUBSCRIPTION, Setup, Side, World, condition};

const SIDES: [Side; 3] = [Side::Dixa, Side::Babel, Side::Bird];
const ELSEWHERE: &str = "https://hooks.acme.example/moved";

/// A budget of which a tenth is enough for a look at deliveries every five seconds.
fn roomy() -> Value {
    json!({"rateLimit": {"requestsPerMinute": 6000, "burst": 100}})
}

fn spec(side: Side, on_disabled: &str) -> Value {
    json!({
        "events": side.events()[..1],
        "delivery": {"interval": "5s", "onDisabled": on_disabled},
    })
}

/// The provider switches the only subscription off, and the operator has seen it.
fn switched_off(side: Side, world: &World) -> Value {
    turn_off(side, world);
    world.look_again(SUBSCRIPTION, "crm");
    let object = world.becomes(SUBSCRIPTION, "crm", "Ready", "False", "DisabledByProvider");
    let remote = &object["status"]["subscriptions"][0];
    assert_eq!(remote["state"], "DisabledByProvider", "{remote}");
    for absent in ["Stalled", "Reconciling"] {
        assert_eq!(condition(&object, absent), Value::Null, "{absent}");
    }
    object
}

fn turn_off(side: Side, world: &World) {
    let members = match side {
        Side::Dixa => json!({"enabled": false}),
        Side::Babel => json!({"isActive": false}),
        Side::Bird => json!({"status": "inactive"}),
    };
    side.edit(world, &side.only(world).id, members);
}

fn remote(world: &World) -> Value {
    world.subscription("crm")["status"]["subscriptions"][0].clone()
}

/// Waits until the second is over in which it was found off: what arrives from now on is newer, also in whole seconds.
fn a_second_later(world: &World) {
    let at = remote(world)["disabledAt"].as_str().unwrap().to_owned();
    let at: jiff::Timestamp = at.parse().unwrap();
    let later = at + std::time::Duration::from_secs(1);
    world.eventually("the clock to go on", || {
        (jiff::Timestamp::now() >= later).then_some(())
    });
}

fn arrives(side: Side, world: &World) {
    a_second_later(world);
    side.delivered(world, &side.only(world).id, side.events()[0], 200, 1);
}

fn again(world: &World) -> usize {
    remote(world)["reenabledAt"].as_array().map_or(0, Vec::len)
}

#[test]
fn what_the_provider_switched_off_is_reported_and_stays_off_until_a_person_acts() {
    for side in SIDES {
        let world = World::start();
        side.connect(&world, roomy());
        side.subscribe(&world, "crm", spec(side, "Report"));
        world.ready("crm");
        let mark = world.mark();
        let object = switched_off(side, &world);
        let message = condition(&object, "Ready")["message"].to_string();
        assert!(message.contains("spec.enabled"), "no way out: {message}");
        world.told("crm", "Warning DisabledByProvider");
        arrives(side, &world);
        world.look_again(SUBSCRIPTION, "crm");
        assert_eq!(side.writes(&world, mark), [""; 0]);
        // Another change is made, and does not switch it on in passing.
        let mut moved = spec(side, "Report");
        moved["url"] = json!(ELSEWHERE);
        side.subscribe(&world, "crm", moved.clone());
        world.becomes(SUBSCRIPTION, "crm", "Ready", "False", "DisabledByProvider");
        let row = side.only(&world);
        assert_eq!((row.url.as_str(), row.enabled), (ELSEWHERE, false));
        // The way out that the message tells.
        let mut off = moved.clone();
        off["enabled"] = json!(false);
        side.subscribe(&world, "crm", off);
        world.ready("crm");
        assert_eq!(remote(&world)["state"], "Disabled");
        side.subscribe(&world, "crm", moved);
        world.ready("crm");
        assert!(side.only(&world).enabled);
        assert_eq!(
            (remote(&world)["disabledAt"].clone(), again(&world)),
            (Value::Null, 0)
        );
    }
}

#[test]
fn without_a_word_about_it_what_was_off_while_deliveries_failed_is_left_off() {
    let side = Side::Dixa;
    let world = World::start();
    side.connect(&world, roomy());
    let change = json!({"events": side.events()[..1], "delivery": {"interval": "5s", "failureThreshold": 1}});
    side.subscribe(&world, "crm", change);
    world.ready("crm");
    side.delivered(&world, &side.only(&world).id, side.events()[0], 502, 1);
    world.becomes(SUBSCRIPTION, "crm", "DeliveryHealthy", "False", "");
    let mark = world.mark();
    switched_off(side, &world);
    world.look_again(SUBSCRIPTION, "crm");
    assert_eq!(side.writes(&world, mark), [""; 0]);
    // Who switches it on at the provider ends it.
    side.edit(&world, &side.only(&world).id, json!({"enabled": true}));
    world.look_again(SUBSCRIPTION, "crm");
    world.ready("crm");
    assert_eq!(remote(&world)["state"], "Active");
}

#[test]
fn it_is_switched_on_again_once_something_arrives_and_at_most_three_times_a_day() {
    for side in SIDES {
        // Of a log that shows failures alone nothing can be seen to arrive.
        let mut world = Setup::new().switch("bird.logs", "all").start();
        side.connect(&world, roomy());
        side.subscribe(&world, "crm", spec(side, "Reenable"));
        world.ready("crm");
        side.delivered(&world, &side.only(&world).id, side.events()[0], 200, 1);
        for times in 1..=3 {
            let object = switched_off(side, &world);
            let message = condition(&object, "Ready")["message"].to_string();
            assert!(message.contains("newer"), "{message}");
            assert_eq!(message.contains("no test"), side != Side::Babel, "{message}");
            assert_eq!(again(&world), times - 1);
            arrives(side, &world);
            world.ready("crm");
            assert!(side.only(&world).enabled);
            assert_eq!(again(&world), times);
            world.told("crm", &format!("{times} of at most 3 times within 24 hours"));
            // What was counted is counted in the next process too.
            if times == 2 {
                world.operator().kill9();
                world.start_operator();
                world.ready("crm");
            }
        }
        let mark = world.mark();
        switched_off(side, &world);
        arrives(side, &world);
        world.eventually("the fourth time to be put off", || {
            let ready = condition(&world.subscription("crm"), "Ready");
            let message = ready["message"].as_str().unwrap_or_default().to_owned();
            message
                .contains("it is tried again at 20")
                .then_some(())
                .ok_or(message)
        });
        world.look_again(SUBSCRIPTION, "crm");
        assert_eq!(side.writes(&world, mark), [""; 0]);
        assert_eq!((again(&world), side.only(&world).enabled), (3, false));
    }
}

#[test]
fn a_test_that_arrives_is_enough_and_it_is_counted_before_the_request_is_sent() {
    let side = Side::Babel;
    let mut world = Setup::new().switch("babel.testDelivery", "immediate").start();
    side.connect(&world, roomy());
    side.subscribe(&world, "crm", spec(side, "Reenable"));
    world.ready("crm");
    switched_off(side, &world);
    a_second_later(&world);
    side.next(&world, "update", FaultAction::Hold { when: When::Before });
    let annotations = json!({"webhook-operator.io/test-requested-at": "first"});
    let metadata = json!({"metadata": {"annotations": annotations}});
    world.patch(SUBSCRIPTION, "crm", metadata);
    let update = held(&world);
    assert_eq!(again(&world), 1, "it is in status before it is sent");
    world.operator().kill9();
    world.simulator.release(update, Release::Drop);
    assert!(!side.only(&world).enabled);
    // Nobody knows whether it was sent: the next process counts anew.
    world.start_operator();
    world.ready("crm");
    assert!(side.only(&world).enabled);
    assert_eq!(again(&world), 2);
}
