//! Whether deliveries arrive, as the provider tells.

use provider_simulator::DeliveryResult;
use serde_json::{Value, json};

use crate::support::{SUBSCRIPTION, World, condition};

fn monitored(threshold: u32) -> Value {
    json!({"delivery": {"interval": "5s", "failureThreshold": threshold}})
}

fn delivered(world: &World, success: bool, code: i32, times: u32) {
    let result = DeliveryResult {
        event: "ConversationClosed".into(),
        success,
        response_code: code,
        response_text: String::new(),
        times: Some(times),
        time_ms: None,
    };
    let id = world.only_remote().id;
    world.simulator.dixa().record_delivery(id, &result).unwrap();
}

#[test]
fn deliveries_that_fail_as_often_as_the_threshold_says_are_told_and_told_healed() {
    let world = World::start();
    world.connect();
    world.subscribe("crm", monitored(3));
    world.ready("crm");
    delivered(&world, false, 502, 3);
    let object = world.becomes(
        SUBSCRIPTION,
        "crm",
        "DeliveryHealthy",
        "False",
        "DeliveriesFailing",
    );
    let message = condition(&object, "DeliveryHealthy")["message"].to_string();
    assert!(message.contains("ConversationClosed (502)"), "{message}");
    assert_eq!(
        condition(&object, "Ready")["status"],
        "True",
        "does not gate Ready"
    );
    let event = &object["status"]["delivery"]["events"][0];
    assert_eq!(
        (
            &event["event"],
            &event["success"],
            &event["responseCode"],
            &event["failedObservations"]
        ),
        (
            &json!("ConversationClosed"),
            &json!(false),
            &json!(502),
            &json!(3)
        )
    );

    delivered(&world, true, 200, 1);
    let object = world.becomes(
        SUBSCRIPTION,
        "crm",
        "DeliveryHealthy",
        "True",
        "DeliveriesSucceeding",
    );
    let event = &object["status"]["delivery"]["events"][0];
    assert_eq!(event["success"], true);
    world.eventually("both events about it", || {
        let events = world.events_about("crm").join("\n");
        let told = events.contains("Warning DeliveriesFailing") && events.contains("DeliveriesSucceeding");
        if told { Ok(()) } else { Err(events) }
    });

    world.counted("dixa", 1);
    // One poll may have begun before; what was written last is in the audit log by the next.
    let mark = world.mark();
    world.requested("deliveryStatus", mark, 2);
    // Nothing changes: polls go on, and nothing is written.
    let (mut audit, mark) = (world.audit(), world.mark());
    world.requested("deliveryStatus", mark, 2);
    assert_eq!(world.operator_writes(&mut audit), Vec::<String>::new());
}

#[test]
fn a_failure_below_the_threshold_is_not_an_alarm() {
    let world = World::start();
    world.connect();
    world.subscribe("crm", monitored(1000));
    world.ready("crm");
    delivered(&world, false, 500, 1);
    world.eventually("the failure in status", || {
        let event = world.subscription("crm")["status"]["delivery"]["events"][0].clone();
        (event["success"] == false).then_some(())
    });
    let mark = world.mark();
    world.requested("deliveryStatus", mark, 1);
    let found = condition(&world.subscription("crm"), "DeliveryHealthy");
    assert_ne!(found["status"], "False", "{found}");
}

#[test]
fn an_interval_of_zero_switches_monitoring_off() {
    let world = World::start();
    world.connect();
    world.subscribe("crm", monitored(1));
    world.ready("crm");
    delivered(&world, false, 500, 1);
    world.becomes(SUBSCRIPTION, "crm", "DeliveryHealthy", "False", "");
    world.subscribe("crm", json!({"delivery": {"interval": "0s"}}));
    world.becomes(SUBSCRIPTION, "crm", "DeliveryHealthy", "Unknown", "NotMonitored");
    let mark = world.mark();
    world.look_again(SUBSCRIPTION, "crm");
    assert_eq!(world.requests_since(mark, "deliveryStatus").len(), 0);
}
