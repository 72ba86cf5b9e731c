//! What a crash costs: the operator is killed at the worst moments of a thousand creates and deletions,
//! and started anew each time. In the end every object has exactly one remote subscription, its own, and
//! after the deletion there is none.
//!
//! `WEBHOOK_OPERATOR_KILL_OBJECTS` is the number of objects; unset, 1,000.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

mod crash;
mod stage;

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use crash::{Crashes, Point};
use stage::Stage;
use test_harness::wait_for;

/// A debug build on a busy machine, with everything else that runs there.
const DEADLINE: Duration = Duration::from_mins(3);

fn objects() -> usize {
    let objects = std::env::var("WEBHOOK_OPERATOR_KILL_OBJECTS").ok();
    objects.map_or(1000, |objects| objects.parse().unwrap())
}

#[test]
fn kills_at_any_moment_leave_one_remote_subscription_an_object_and_then_none() {
    let mut stage = Stage::new("kill", objects());
    let kills = (stage.objects / 25).max(12);

    let mut crashes = Crashes::new(&mut stage, "create");
    for turn in 0..kills {
        crashes.one(turn, kills, |stage| stage.objects - stage.remote().len());
    }
    let open = crashes.finish();
    assert!(open > 0, "no kill fell between a create and the write of its id");

    stage.start("2s");
    wait_for(DEADLINE, "every object to be Ready with its own id", || {
        stage.everything_is_in_place()
    })
    .unwrap();
    stage.end();

    stage.delete_all();
    let mut crashes = Crashes::new(&mut stage, "delete");
    for turn in 0..kills {
        crashes.one(turn, kills, |stage| stage.remote().len());
    }
    let open = crashes.finish();
    assert!(
        open > 0,
        "no kill fell between a deletion and the release of its object"
    );

    stage.start("2s");
    wait_for(DEADLINE, "every object to be gone", || stage.nothing_is_left()).unwrap();
    stage.end();
    assert_eq!(stage.remote(), BTreeMap::new());
}

#[test]
fn sigterm_in_the_middle_of_a_create_waits_for_its_answer_and_stores_the_id() {
    let mut stage = Stage::new("drain", 20);
    stage.hold("create", 5, Point::Applied);
    stage.start("2s");
    let held = stage.wait("create", "held", 1, 0);

    let mut operator = stage.take_running();
    let log = operator.log_path();
    let ending = std::thread::spawn(move || operator.sigterm_and_wait(Duration::from_secs(100)));
    wait_for(Duration::from_secs(100), "the operator to drain", || {
        std::fs::read_to_string(&log).is_ok_and(|log| log.contains("draining"))
    })
    .unwrap();
    assert!(!ending.is_finished(), "it did not wait for the answer");
    stage.release(held, "continue");
    let status = ending.join().unwrap().unwrap();
    assert!(status.success(), "{status}");

    let created: BTreeSet<String> = stage.remote().into_values().collect();
    assert!(!created.is_empty());
    assert_eq!(stage.stored(), created, "what was created is not what was stored");
}
