//! How deliveries go, as each provider tells it.

use provider_simulator::babel;
use serde_json::{Value, json};

use crate::key_of;
use crate::support::{SUBSCRIPTION, Setup, Side, World, condition, now_ms};

/// What status says of the deliveries of an event.
fn event(object: &Value, event: &str) -> Value {
    let all = object["status"]["delivery"]["events"].as_array();
    let found = all.into_iter().flatten().find(|found| found["event"] == event);
    found.cloned().unwrap_or_default()
}

fn failing_and_arriving_again(side: Side) {
    // A log that shows failures only never tells of a recovery.
    let world = Setup::new().switch("bird.logs", "all").start();
    side.connect(&world, json!({}));
    let delivery = json!({"interval": "5s", "failureThreshold": 3});
    let name = side.events()[0];
    side.subscribe(&world, "crm", json!({"events": [name], "delivery": delivery}));
    world.ready("crm");
    let id = side.only(&world).id;
    side.delivered(&world, &id, name, 503, 4);
    let object = world.becomes(
        SUBSCRIPTION,
        "crm",
        "DeliveryHealthy",
        "False",
        "DeliveriesFailing",
    );
    assert_eq!(
        condition(&object, "Ready")["status"],
        "True",
        "the provider holds what it should"
    );
    let found = event(&object, &side.spelled(name));
    assert_eq!(
        found["key"],
        key_of(side, name),
        "{:#}",
        object["status"]["delivery"]
    );
    assert_eq!(
        (&found["success"], &found["responseCode"]),
        (&json!(false), &json!(503))
    );
    assert!(found["failedObservations"].as_u64().unwrap() >= 3, "{found}");
    world.told("crm", "DeliveriesFailing");
    side.delivered(&world, &id, name, 200, 1);
    let object = world.becomes(
        SUBSCRIPTION,
        "crm",
        "DeliveryHealthy",
        "True",
        "DeliveriesSucceeding",
    );
    let found = event(&object, &side.spelled(name));
    assert_eq!(found["success"], true, "{found}");
    world.told("crm", "DeliveriesSucceeding");
}

#[test]
fn deliveries_that_fail_at_dixa_are_told_and_so_is_their_recovery() {
    failing_and_arriving_again(Side::Dixa);
}

#[test]
fn deliveries_that_fail_at_babel_are_told_and_so_is_their_recovery() {
    failing_and_arriving_again(Side::Babel);
}

#[test]
fn deliveries_that_fail_at_bird_are_told_and_so_is_their_recovery() {
    failing_and_arriving_again(Side::Bird);
}

#[test]
fn babel_says_when_a_failed_delivery_is_tried_again() {
    let world = World::start();
    Side::Babel.connect(&world, json!({}));
    let change =
        json!({"events": ["license.created"], "delivery": {"interval": "5s", "failureThreshold": 2}});
    Side::Babel.subscribe(&world, "crm", change);
    world.ready("crm");
    let id = Side::Babel.only(&world).id.parse().unwrap();
    let failure = babel::DeliveryResult {
        times: Some(2),
        retry_count: 1,
        next_retry_at_ms: Some(1_767_225_600_000),
        ..babel::DeliveryResult::answered(502)
    };
    world.simulator.babel().record_delivery(id, &failure).unwrap();
    let object = world.becomes(
        SUBSCRIPTION,
        "crm",
        "DeliveryHealthy",
        "False",
        "DeliveriesFailing",
    );
    let found = event(&object, "license.created");
    assert_eq!(found["nextRetryAt"], "2026-01-01T00:00:00Z", "{found}");
    assert_eq!(found["responseCode"], 502);
}

/// Events of every kind: delivered long ago, delivered now, and failed long ago.
fn history(world: &World, id: i32) {
    let hours = |hours: u64| now_ms() - hours * 3_600_000;
    let babel = world.simulator.babel();
    for (code, time) in [(200, hours(3)), (200, hours(2)), (500, hours(2)), (200, now_ms())] {
        let result = babel::DeliveryResult {
            time_ms: Some(time),
            ..babel::DeliveryResult::answered(code)
        };
        babel.record_delivery(id, &result).unwrap();
    }
}

#[test]
fn delivered_events_are_deleted_at_babel_only_where_that_is_asked_for_and_only_old_ones() {
    let world = World::start();
    Side::Babel.connect(&world, json!({}));
    for (name, event) in [("keeps", "license.created"), ("prunes", "license.revoked")] {
        let mut change = json!({"events": [event], "delivery": {"interval": "5s"}});
        if name == "prunes" {
            change["options"] = json!({"babel": {"eventRetention": "1h"}});
        }
        Side::Babel.subscribe(&world, name, change);
        world.ready(name);
        let id = Side::Babel.row_of(&world, event).unwrap().id;
        history(&world, id.parse().unwrap());
    }
    let events = |event: &str| {
        let id = Side::Babel.row_of(&world, event).unwrap().id.parse().unwrap();
        world.simulator.babel().subscription(id).unwrap().events
    };
    world.eventually("the old events to go", || {
        let left = events("license.revoked");
        (left.len() == 2).then_some(()).ok_or(left.len())
    });
    let mark = world.mark();
    let left: Vec<Option<bool>> = events("license.revoked")
        .iter()
        .map(|event| event.outcome.as_ref().map(|outcome| outcome.is_success))
        .collect();
    assert_eq!(
        left,
        [Some(false), Some(true)],
        "the failed one and the new one stay"
    );
    // Each is polled once more, and nothing else goes.
    world.eventually("further looks", || {
        let looks = Side::Babel.count(&world, mark, "events");
        (looks >= 3).then_some(()).ok_or(looks)
    });
    assert_eq!(Side::Babel.count(&world, 0, "deleteEvent"), 2);
    assert_eq!(events("license.created").len(), 4);
}
