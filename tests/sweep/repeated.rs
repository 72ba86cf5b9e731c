//! Deaths at the same place, again and again.

use serde_json::json;
use test_harness::proxy::{Action, At, Pattern, Plan};
use test_harness::wait_for;

use crate::support::{SOON, SUBSCRIPTION, Setup, Side, World};

const DEATHS: u64 = 20;

/// Every process dies at this request of the object that `begin` leads to, so many times; returns how much each has
/// logged at most.
fn dies_at(world: &mut World, label: &str, at: At, begin: impl FnOnce(&World)) -> usize {
    let mut requests = Pattern::label(label);
    if label.starts_with("patch webhooksubscriptions") {
        requests.name = Some("crm".to_owned());
    }
    let plan = Plan {
        times: DEATHS,
        ..Plan::first(requests, at, Action::Kill)
    };
    let plan = world.switchboard().add(plan).unwrap();
    begin(world);
    let mut most = 0;
    for death in 1..=DEATHS {
        let switchboard = world.switchboard().clone();
        world.eventually("the next death", || switchboard.fired(plan) >= death);
        most = most.max(world.operator_log().len());
        wait_for(SOON, "its end", || world.restart_if_dead()).unwrap();
    }
    most
}

fn survives(side: Side) {
    let mut world = Setup::new().through_proxies().log("info").start();
    side.connect(&world, json!({}));
    // None comes as far as to store its write-ahead entry.
    let most = dies_at(
        &mut world,
        "patch webhooksubscriptions/status",
        At::Before,
        |world| side.subscribe(world, "crm", json!({"events": side.events()[..1]})),
    );
    world.ready("crm");
    assert_eq!(side.rows(&world).len(), 1);
    assert!(most < 64 << 10, "{most} bytes of log before a death");

    dies_at(
        &mut world,
        &format!("{} delete", side.name()),
        At::Before,
        |world| {
            world.delete(SUBSCRIPTION, "crm");
        },
    );
    world.gone(SUBSCRIPTION, "crm");
    assert_eq!(side.rows(&world), []);
}

#[test]
fn twenty_deaths_at_the_same_request_leave_one_remote_and_then_none() {
    std::thread::scope(|scope| {
        for side in Side::ALL {
            scope.spawn(move || survives(side));
        }
    });
}
