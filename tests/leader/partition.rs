//! Lines are cut.

use jiff::SignedDuration;

use crate::relay::Relay;
use crate::stage::{DURATION, Stage};
use crate::support::SUBSCRIPTION;

#[test]
fn a_leader_that_loses_the_apiserver_ends_before_another_one_begins() {
    let stage = Stage::start();
    let server = stage.world.cluster().server().to_owned();
    let relay = Relay::to(server.split_once("://").unwrap().1);
    let mut cut_off = stage.replica_with("a", Some(&relay), &[]);
    cut_off.comes_to_lead();
    // It waits longer than it must, so that there is time to see the end of the first one before it begins.
    let longer = format!("--lease-duration={}s", 2 * DURATION);
    let mut other = stage.replica_with("b", None, &[longer.as_str()]);
    other.stands_by();
    let mut names = stage.subscribe("before", 1);
    stage.all_in_place(&names);
    relay.cut();
    names.extend(stage.subscribe("after", 3));
    // The provider can be reached all the time; who cannot renew must not use that.
    assert_eq!(cut_off.ends(), 1);
    assert!(!other.leads(), "it did not wait for the end of the first one");
    let done = stage.creates();
    assert_eq!(done, 1);
    other.comes_to_lead();
    stage.all_in_place(&names);
}

#[test]
fn a_leader_that_loses_the_provider_stays_the_leader() {
    let stage = Stage::start();
    let url = stage.world.simulator.http_url();
    let relay = Relay::to(url.split_once("://").unwrap().1);
    stage.reach_provider_at(&format!("http://{}", relay.address()));
    let mut leader = stage.replica("a");
    leader.comes_to_lead();
    let mut other = stage.replica("b");
    other.stands_by();
    let mut names = stage.subscribe("before", 1);
    stage.all_in_place(&names);
    let (renewed, transitions) = (stage.lease_time("renewTime"), stage.transitions());
    relay.cut();
    names.extend(stage.subscribe("after", 1));
    stage
        .world
        .becomes(SUBSCRIPTION, "after-0", "Synced", "False", "ProviderUnreachable");
    let enough = renewed + SignedDuration::from_secs(i64::try_from(DURATION).unwrap() + 1);
    stage
        .world
        .eventually("renewals for longer than the duration", || {
            stage.lease_time("renewTime") > enough
        });
    assert_eq!(stage.transitions(), transitions);
    assert!(leader.leads() && !other.leads());
    relay.mend();
    stage.all_in_place(&names);
}
