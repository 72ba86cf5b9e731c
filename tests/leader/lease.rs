//! What people do to the Lease.

use std::time::{Duration, Instant};

use serde_json::json;

use crate::stage::{DURATION, Stage};
use crate::support::SOON;

#[test]
fn a_lease_that_is_deleted_or_emptied_stays_with_its_leader() {
    let stage = Stage::start();
    let mut leader = stage.replica("a");
    leader.comes_to_lead();
    let mut standby = stage.replica("b");
    standby.stands_by();
    let holder = || {
        let lease = stage.lease()?;
        let holder = lease["spec"]["holderIdentity"].as_str()?.to_owned();
        (!holder.is_empty()).then_some(holder)
    };
    let before = holder().unwrap();
    stage.delete_lease();
    let after = stage.world.eventually("the Lease to be there again", holder);
    assert_eq!(after, before);
    stage.edit_lease(&json!({"spec": {"holderIdentity": null}}));
    let after = stage.world.eventually("the Lease to have a holder again", holder);
    assert_eq!(after, before);
    let names = stage.subscribe("crm", 1);
    stage.all_in_place(&names);
    assert!(leader.leads() && !standby.leads());
}

#[test]
fn a_lease_with_a_made_up_holder_ends_the_leader_and_is_taken_within_twice_the_duration() {
    let stage = Stage::start();
    let mut leader = stage.replica("a");
    leader.comes_to_lead();
    // It goes by a longer duration than the one that leads, which does not matter here.
    let mut standby = stage.replica_with("b", None, &["--lease-duration=17s"]);
    standby.stands_by();
    let edited = Instant::now();
    stage.edit_lease(&json!({"spec": {
        "holderIdentity": "nobody \u{1F980} /../", "leaseDurationSeconds": 2_147_483_647,
        "renewTime": "9999-12-31T23:59:59.999999Z", "leaseTransitions": 2_147_483_647,
    }}));
    assert_eq!(leader.ends(), 1);
    assert!(leader.operator.log_text().contains("names another holder"));
    standby.comes_to_lead();
    assert!(
        edited.elapsed() <= Duration::from_secs(2 * 17),
        "{:?}",
        edited.elapsed()
    );
    assert!(edited.elapsed() >= Duration::from_secs(DURATION), "too early");
    let names = stage.subscribe("crm", 1);
    stage.all_in_place(&names);
}

#[test]
fn who_must_not_use_the_lease_says_so_and_works_as_soon_as_it_may() {
    let stage = Stage::start();
    let mut leader = stage.replica("a");
    leader.comes_to_lead();
    stage.allow_lease("a", false);
    assert_eq!(leader.ends(), 1);
    let log = leader.operator.log_text();
    assert!(log.contains("the Lease must not be used"), "{log}");
    assert!(log.contains("leadership was lost"), "{log}");
    let mut next = stage.replica("a");
    next.within(SOON, "the probe to tell", |next| {
        let reply = next.operator.readyz().unwrap();
        reply.status == 503 && reply.body.contains("lease: cannot read it")
    });
    let metrics = next.operator.metrics().unwrap();
    assert!(
        metrics.contains("webhook_operator_lease_failures_total"),
        "{metrics}"
    );
    assert!(
        !metrics.contains("webhook_operator_lease_failures_total 0"),
        "{metrics}"
    );
    let names = stage.subscribe("crm", 1);
    assert!(!next.leads());
    assert_eq!(stage.creates(), 0);
    stage.allow_lease("a", true);
    next.comes_to_lead();
    assert_eq!(next.operator.readyz().unwrap().status, 200);
    stage.all_in_place(&names);
}
