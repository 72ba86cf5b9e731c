//! A create whose answer is lost: there is one remote subscription afterwards, or none where none is wanted.

use provider_simulator::{FaultAction, GarbageKind, Release, When};
use serde_json::json;

use crate::support::{SUBSCRIPTION, Setup, World};
use crate::{count, held, next};

fn lost_after_it_was_applied(action: FaultAction) {
    let world = World::start();
    next(&world, "create", action);
    world.connect();
    world.subscribe("crm", json!({}));
    world.ready("crm");
    assert_eq!(world.external_id("crm"), world.only_remote().id.to_string());
    assert_eq!(count(&world, 0, "create"), 1, "a POST was repeated");
    world.told("crm", "Adopted");
}

#[test]
fn a_create_whose_connection_broke_after_it_took_effect_is_found_and_not_sent_again() {
    lost_after_it_was_applied(FaultAction::ApplyThenDrop);
}

#[test]
fn a_create_that_took_effect_and_answered_500_is_found_and_not_sent_again() {
    lost_after_it_was_applied(FaultAction::ApplyThenStatus {
        status: 500,
        body: None,
        retry_after: None,
    });
}

#[test]
fn a_create_that_took_effect_behind_a_gateway_that_gave_up_is_found_and_not_sent_again() {
    lost_after_it_was_applied(FaultAction::ApplyThenStatus {
        status: 504,
        body: None,
        retry_after: None,
    });
}

#[test]
fn a_create_that_took_effect_and_answered_nonsense_is_found_and_not_sent_again() {
    lost_after_it_was_applied(FaultAction::Garbage {
        kind: GarbageKind::Html,
        apply: true,
    });
}

fn lost_before_it_was_applied(action: FaultAction) {
    let world = World::start();
    next(&world, "create", action);
    world.connect();
    world.subscribe("crm", json!({}));
    world.ready("crm");
    world.only_remote();
    let creates = world.requests_since(0, "create");
    assert_eq!(creates.len(), 2, "{creates:#?}");
    let pause = creates[1].time_ms - creates[0].time_ms;
    assert!(
        pause >= 2000,
        "sent again after {pause} ms, before the settle time of 2 s"
    );
    let looks = world.requests_since(creates[0].seq, "list");
    assert!(
        looks.iter().any(|look| look.seq < creates[1].seq),
        "sent again without a look"
    );
}

#[test]
fn a_create_that_was_lost_on_the_way_is_sent_again_once_after_the_settle_time() {
    lost_before_it_was_applied(FaultAction::DropBefore);
}

#[test]
fn a_create_that_answered_500_without_effect_is_sent_again_once_after_the_settle_time() {
    lost_before_it_was_applied(FaultAction::fail(500));
}

#[test]
fn an_edit_between_a_lost_create_and_its_recovery_arrives_in_the_one_that_was_made() {
    let world = World::start();
    next(&world, "create", FaultAction::Hold { when: When::Applied });
    world.connect();
    world.subscribe("crm", json!({}));
    let create = held(&world);
    world.subscribe(
        "crm",
        json!({"url": "https://hooks.acme.example/new", "events": ["ConversationAssigned"]}),
    );
    world.simulator.release(create, Release::Drop);
    world.ready("crm");
    let remote = world.only_remote();
    assert_eq!(remote.content.url, "https://hooks.acme.example/new");
    assert_eq!(remote.content.events, ["ConversationAssigned"]);
    assert_eq!(count(&world, 0, "create"), 1);
}

#[test]
fn an_edit_after_a_create_that_never_arrived_is_what_the_next_one_carries() {
    let world = World::start();
    next(&world, "create", FaultAction::Hold { when: When::Before });
    world.connect();
    world.subscribe("crm", json!({}));
    let create = held(&world);
    world.subscribe("crm", json!({"url": "https://hooks.acme.example/new"}));
    world.simulator.release(create, Release::Drop);
    world.ready("crm");
    assert_eq!(world.only_remote().content.url, "https://hooks.acme.example/new");
    assert_eq!(count(&world, 0, "create"), 2);
}

#[test]
fn a_deletion_while_the_outcome_of_a_create_is_unknown_leaves_nothing() {
    for when in [When::Applied, When::Before] {
        let world = World::start();
        next(&world, "create", FaultAction::Hold { when });
        world.connect();
        world.subscribe("crm", json!({}));
        let create = held(&world);
        world.delete(SUBSCRIPTION, "crm");
        world.simulator.release(create, Release::Drop);
        world.gone(SUBSCRIPTION, "crm");
        assert_eq!(world.remote().len(), 0, "{when:?}");
        assert_eq!(count(&world, 0, "create"), 1, "{when:?}");
    }
}

#[test]
fn a_create_that_takes_effect_after_its_sender_died_is_found_by_the_next_process() {
    let mut world = Setup::new().flag("--settle-time=30s").start();
    next(&world, "create", FaultAction::Hold { when: When::Before });
    world.connect();
    world.subscribe("crm", json!({}));
    let create = held(&world);
    world.operator().kill9();
    world.start_operator();
    // The new process has looked and has not found it: it waits, while another object is looked for and made.
    world.requested("list", create, 1);
    let url = "https://hooks.acme.example/other";
    world.subscribe("other", json!({"url": url}));
    world.ready("other");
    // However often it looks: that it is not there proves nothing yet.
    for look in ["first", "second", "third"] {
        let mark = world.mark();
        world.nudge(SUBSCRIPTION, "crm", look);
        world.requested("list", mark, 1);
    }
    assert_eq!(count(&world, 0, "create"), 2, "the held one, and the other's");
    world.simulator.release(create, Release::Continue);
    // It would look again when the settle time is over.
    world.nudge(SUBSCRIPTION, "crm", "released");
    world.ready("crm");
    assert_eq!(world.remote().len(), 2);
    assert_eq!(count(&world, 0, "create"), 2);
}

#[test]
fn a_deletion_waits_for_a_create_that_may_still_take_effect() {
    let mut world = Setup::new().flag("--settle-time=30s").start();
    next(&world, "create", FaultAction::Hold { when: When::Before });
    world.connect();
    world.subscribe("crm", json!({}));
    let create = held(&world);
    world.operator().kill9();
    world.delete(SUBSCRIPTION, "crm");
    world.start_operator();
    world.requested("list", create, 1);
    world.simulator.release(create, Release::Continue);
    world.gone(SUBSCRIPTION, "crm");
    assert_eq!(world.remote().len(), 0);
    assert_eq!(count(&world, 0, "delete"), 1);
}
