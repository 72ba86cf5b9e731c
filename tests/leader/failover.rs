//! The leader ends, or stops for a while.

use std::io::{self, Write as _};
use std::time::{Duration, Instant};

use jiff::Timestamp;
use test_harness::AuditEvent;

use crate::stage::{DURATION, Replica, Stage};
use crate::support::SOON;

/// Which of two leads, and the other one.
fn told_apart(mut one: Replica, mut other: Replica) -> (Replica, Replica) {
    let deadline = Instant::now() + SOON;
    loop {
        match (one.leads(), other.leads()) {
            (true, false) => return (one, other),
            (false, true) => return (other, one),
            (true, true) => panic!("both lead"),
            (false, false) => assert!(Instant::now() < deadline, "nobody leads"),
        }
    }
}

#[test]
fn kill_after_kill_the_other_works_once_the_duration_is_over() {
    let stage = Stage::start();
    let mut leader = stage.replica("a");
    leader.comes_to_lead();
    let mut names = stage.subscribe("before", 1);
    stage.all_in_place(&names);
    // Each takes the duration of the Lease, so that few are part of every run; and only a run on a machine of its own
    // tells how soon after the duration the other is there.
    let many = std::env::var("WEBHOOK_OPERATOR_FAILOVERS").ok();
    let late = Duration::from_secs(if many.is_some() { 2 } else { DURATION });
    let kills = many.map_or(3, |kills| kills.parse().unwrap());
    for (kill, place) in ["b", "a"].into_iter().cycle().take(kills).enumerate() {
        let mut standby = stage.replica(place);
        standby.stands_by();
        let transitions = stage.transitions();
        let killed = Timestamp::now();
        leader.operator.kill9();
        // One that was still on its way makes the wait longer: the other one counts from the last that it sees.
        let renewed = stage.lease_time("renewTime");
        names.extend(stage.subscribe(&format!("after-{kill}"), 1));
        stage
            .world
            .eventually("its create", || stage.creates() == names.len());
        // As the Lease tells it, however long the create and its sight took.
        let acquired = stage.lease_time("acquireTime");
        let since = |begin: Timestamp| Duration::try_from(acquired.duration_since(begin)).unwrap();
        let duration = Duration::from_secs(DURATION);
        let _ = writeln!(
            io::stderr(),
            "failover {kill}: {:?} after the kill",
            since(killed)
        );
        assert!(since(renewed) >= duration, "{:?}", since(renewed));
        assert!(since(killed) <= duration + late, "{:?}", since(killed));
        stage.all_in_place(&names);
        assert_eq!(stage.transitions(), transitions + 1);
        assert!(standby.leads());
        leader = standby;
    }
}

#[test]
fn two_that_start_at_once_agree_and_an_update_in_the_middle_of_the_work_hands_over_at_once() {
    let stage = Stage::start_slow();
    let (a, b) = (stage.replica("a"), stage.replica("b"));
    let (mut old, mut new) = told_apart(a, b);
    new.stands_by();
    assert_eq!(stage.transitions(), 1);
    let names = stage.subscribe("crm", 30);
    stage.world.eventually("some work", || stage.creates() >= 5);
    let status = old.operator.sigterm_and_wait(SOON).unwrap();
    assert!(status.success(), "{}", old.operator.log_text());
    let ended = Instant::now();
    new.comes_to_lead();
    let took = ended.elapsed();
    // Long before the Lease would have run out.
    assert!(took < Duration::from_secs(DURATION - 2), "{took:?}");
    stage.all_in_place(&names);
    assert_eq!(stage.transitions(), 2);
}

#[test]
fn a_leader_that_was_stopped_in_the_middle_of_its_work_writes_nothing_when_it_goes_on() {
    let stage = Stage::start_slow();
    let mut stopped = stage.replica("a");
    stopped.comes_to_lead();
    let mut other = stage.replica("b");
    other.stands_by();
    let names = stage.subscribe("crm", 30);
    stage.world.eventually("some work", || stage.creates() >= 5);
    stopped.signal("-STOP");
    let done = stage.creates();
    other.within(SOON, "the other to lead", Replica::leads);
    stage
        .world
        .eventually("the other to work", || stage.creates() > done);
    let mut audit = stage.world.audit();
    // The other is in the middle of it, too: every write of the first one would show as a create too many.
    stopped.signal("-CONT");
    assert_eq!(stopped.ends(), 1, "{}", stopped.operator.log_text());
    assert!(stopped.operator.log_text().contains("leadership was lost"));
    stage.all_in_place(&names);
    let events = audit.read().unwrap();
    let late: Vec<_> = events
        .iter()
        .filter(|event| event.is_write() && event.user == stopped.user)
        // What the connection to the apiserver had been given before the stop may still go out: it breaks off, or it
        // comes with the version that the process knew then, by which the apiserver tells what is out of date, or it
        // is an Event, which changes nothing.
        .filter(|event| event.code != 504 && event.resource != "events" && !names_a_version(event))
        .map(|event| format!("{} {} {}: {}", event.verb, event.resource, event.name, event.code))
        .collect();
    assert_eq!(late, [""; 0]);
    let by_other = events
        .iter()
        .filter(|event| event.is_write() && event.user == other.user);
    assert!(by_other.count() > 0, "the log would show it");
}

/// Whether a write says on which version of the object it is based: as the first operation of a JSON patch, or in the
/// object that it replaces.
fn names_a_version(event: &AuditEvent) -> bool {
    let request = &event.request_object;
    let guarded = request[0]["path"] == "/metadata/resourceVersion" && request[0]["value"].is_string();
    guarded || request["metadata"]["resourceVersion"].is_string()
}
