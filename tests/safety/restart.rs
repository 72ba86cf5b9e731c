//! The process ends and begins.

use std::process::Command;
use std::time::Duration;

use provider_simulator::{FaultAction, Release, When};
use serde_json::json;
use test_harness::wait_for;

use crate::support::{PROVIDER, SOON, SUBSCRIPTION, World};
use crate::{all_ready, count, held, names, next, subscribe_all, turns};

#[test]
fn sigterm_waits_for_the_answer_of_a_create_and_stores_its_id() {
    let mut world = World::start();
    next(&world, "create", FaultAction::Hold { when: When::Applied });
    world.connect();
    world.subscribe("crm", json!({}));
    let create = held(&world);
    let pid = world.operator().id().to_string();
    assert!(
        Command::new("kill")
            .args(["-TERM", &pid])
            .status()
            .unwrap()
            .success()
    );
    world.eventually("the drain to begin", || world.operator_log().contains("draining"));
    assert_eq!(world.operator().ended().unwrap(), None, "it did not wait");
    world.simulator.release(create, Release::Continue);
    let operator = world.operator();
    let status = wait_for(SOON, "its end", || operator.ended().unwrap()).unwrap();
    assert!(status.success(), "{status}");
    let id = world.only_remote().id.to_string();
    assert_eq!(world.external_id("crm"), id);
    // What the next process finds is complete: it only looks.
    let mark = world.mark();
    world.start_operator();
    world.ready("crm");
    world.look_again(SUBSCRIPTION, "crm");
    assert_eq!(world.remote_writes_since(mark), [""; 0]);
    assert_eq!(world.only_remote().id.to_string(), id);
}

#[test]
fn sigterm_while_nothing_happens_ends_at_once() {
    let mut world = World::start();
    world.connect();
    world.subscribe("crm", json!({}));
    world.ready("crm");
    let status = world
        .operator()
        // Less than it would give to work that is under way.
        .sigterm_and_wait(Duration::from_secs(18))
        .unwrap();
    assert!(status.success(), "{status}");
}

#[test]
fn a_restart_with_everything_in_place_lists_once_and_writes_nothing() {
    let mut world = World::start();
    world.connect();
    let names = names("crm", 12);
    subscribe_all(&world, &names);
    all_ready(&world, &names);
    // The provider's count follows its subscriptions with a delay.
    world.eventually("the provider to count them", || {
        // What is made while a LIST runs may be counted by none but the next one.
        let provider = world.look_again(PROVIDER, "dixa");
        let counted = &provider["status"]["subscriptions"];
        (*counted == json!({"remote": 12, "managed": 12, "unmanaged": 0}))
            .then_some(())
            .ok_or_else(|| counted.to_string())
    });
    world.stop_operator();
    let (mark, mut audit) = (world.mark(), world.audit());
    world.start_operator();
    world.requested("list", mark, 1);
    // A turn before the LIST and one after it, for each object.
    turns(&mut world, 24);
    assert_eq!(count(&world, mark, ""), 1, "{:?}", world.requests_since(mark, ""));
    // An answered request is written behind everything that was written before it.
    world.look_again(SUBSCRIPTION, &names[0]);
    let writes = world.eventually("the write of the answer in the audit log", || {
        let writes = world.operator_writes(&mut audit);
        (!writes.is_empty()).then_some(writes)
    });
    let answer = format!("patch webhooksubscriptions/status {}", names[0]);
    assert_eq!(writes, [answer], "the restart wrote");
    assert_eq!(world.remote_writes_since(mark), [""; 0]);
    assert_eq!(count(&world, mark, "get"), 0);
    assert_eq!(count(&world, mark, "list"), 2);
}
