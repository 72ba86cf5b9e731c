//! What people do to the Lease.

use std::time::{Duration, Instant};

use serde_json::json;

use crate::stage::{DURATION, Stage};

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
    let mut standby = stage.replica_with("b", None, &["--lease-duration=7s"]);
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
        edited.elapsed() <= Duration::from_secs(2 * 7),
        "{:?}",
        edited.elapsed()
    );
    assert!(edited.elapsed() >= Duration::from_secs(DURATION), "too early");
    let names = stage.subscribe("crm", 1);
    stage.all_in_place(&names);
}
