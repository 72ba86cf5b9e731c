//! The limits that a provider object sets to what may go wrong at once.

use std::time::{Duration, Instant};

use serde_json::{Value, json};

use crate::support::{PROVIDER, SUBSCRIPTION, World, condition};

fn release(world: &World) {
    let token = world.eventually("the token of the guard", || {
        let token = world.object(PROVIDER, "dixa")["status"]["guard"]["token"].clone();
        token.as_str().map(str::to_owned)
    });
    let annotation = json!({"webhook-operator.io/guard-release": token});
    world.patch(PROVIDER, "dixa", json!({"metadata": {"annotations": annotation}}));
}

#[test]
fn more_that_vanished_than_the_guard_allows_waits_for_a_person() {
    let world = World::start();
    world.connect_with(json!({"guard": {"maxVanished": 0}}));
    world.subscribe("crm", json!({}));
    world.subscribe("other", json!({}));
    world.ready("crm");
    world.ready("other");
    let vanished = world.remote_by_id(&world.external_id("crm")).unwrap().id;
    world.simulator.dixa().delete(vanished).unwrap();
    let mark = world.mark();
    world.nudge(SUBSCRIPTION, "crm", "now");
    world.becomes(SUBSCRIPTION, "crm", "Stalled", "True", "Guarded");
    let provider = world.becomes(PROVIDER, "dixa", "Guarded", "True", "");
    assert_ne!(condition(&provider, "Ready")["status"], Value::Null);
    assert_eq!(world.remote_writes_since(mark), Vec::<String>::new());
    release(&world);
    world.eventually("another remote subscription", || world.remote().len() == 2);
    world.ready("crm");
    assert_eq!(
        condition(&world.becomes(PROVIDER, "dixa", "Ready", "True", ""), "Guarded"),
        Value::Null
    );
}

#[test]
fn deletions_are_limited_within_the_window_only() {
    let world = World::start();
    world.connect_with(json!({"interval": "5s", "guard": {"maxDeletions": 1, "window": "30s"}}));
    for name in ["a", "b", "c"] {
        world.subscribe(name, json!({}));
        world.ready(name);
    }
    world.delete(SUBSCRIPTION, "a");
    world.gone(SUBSCRIPTION, "a");
    // The deletion was counted before it was sent.
    let gone = Instant::now();
    world.within(Duration::from_secs(90), "the window to be over", || {
        gone.elapsed() > Duration::from_secs(31)
    });
    world.delete(SUBSCRIPTION, "b");
    world.gone(SUBSCRIPTION, "b");
    // The next one is within the window of the last.
    world.delete(SUBSCRIPTION, "c");
    world.becomes(SUBSCRIPTION, "c", "Stalled", "True", "");
    assert_eq!(world.remote().len(), 1);
    release(&world);
    world.gone(SUBSCRIPTION, "c");
    assert_eq!(world.remote().len(), 0);
}

#[test]
fn a_deletion_that_cannot_be_done_lets_go_after_the_grace_period_once_a_person_allows_it() {
    let mut world = World::start();
    world.connect();
    world.subscribe("crm", json!({"deletionGracePeriod": "3s"}));
    world.ready("crm");
    let id = world.external_id("crm");
    world.delete("secrets", "dixa-api");
    // The key that worked last is kept in memory for deletions; a restart forgets it.
    world.stop_operator();
    world.start_operator();
    world.delete(SUBSCRIPTION, "crm");
    let blocked = world.becomes(SUBSCRIPTION, "crm", "Stalled", "True", "DeletionBlocked");
    let message = condition(&blocked, "Stalled")["message"].to_string();
    assert!(message.contains("force-orphan"), "{message}");
    let annotation = json!({"webhook-operator.io/force-orphan": "true"});
    world.patch(
        SUBSCRIPTION,
        "crm",
        json!({"metadata": {"annotations": annotation}}),
    );
    world.gone(SUBSCRIPTION, "crm");
    assert_eq!(world.only_remote().id.to_string(), id, "left behind");
    world.eventually("the record with the id", || {
        let log = world.operator_log();
        log.lines()
            .any(|line| line.to_lowercase().contains("orphan") && line.contains(&id))
    });
}
