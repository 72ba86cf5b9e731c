//! What only a proxy before the apiserver can arrange: somebody is faster by one write, an answer says the opposite of
//! what happened, and events come when everything has changed again.

use serde_json::json;
use test_harness::proxy::{Action, At, EventPattern, Pattern, Plan, Record, Release, WatchAction, WatchPlan};
use test_harness::wait_for;

use crate::support::{PROVIDER, SOON, SUBSCRIPTION, Setup, World};

const STATUS: &str = "patch webhooksubscriptions/status";

fn world() -> World {
    let world = Setup::new().through_proxies().start();
    world.connect();
    world
}

/// Somebody touches the object while its n-th write of status is on its way, and the watch is slow to tell; returns the
/// answers to all of them.
fn outrun(world: &World, nth: u64) -> Vec<u16> {
    let mut requests = Pattern::label(STATUS);
    requests.name = Some("crm".to_owned());
    let switchboard = world.switchboard();
    let begun = switchboard.last_seq();
    switchboard
        .add(Plan::nth(requests.clone(), nth, At::Before, Action::Hold))
        .unwrap();
    world.subscribe("crm", json!({}));
    let held = switchboard.wait_held(&requests, SOON).unwrap();
    // What the apiserver has stored is seen before its answer is back at the proxy.
    let answers = || -> Option<Vec<u16>> {
        let records = switchboard.records_since(begun);
        let mine = records
            .iter()
            .filter(|record| record.call.label() == STATUS && record.call.name == "crm");
        mine.map(|record| Some(record.applied?.status)).collect()
    };
    unseen(world, || {
        let touched = json!({"metadata": {"annotations": {"somebody": "was-here"}}});
        world.patch(SUBSCRIPTION, "crm", touched);
        assert!(switchboard.release(held, Release::Continue));
        let refused = || answers().filter(|answers| answers.contains(&409));
        wait_for(SOON, "the write to be refused", refused).unwrap();
        // Every LIST wakes the object.
        world.look_again(PROVIDER, "dixa");
        world.look_again(PROVIDER, "dixa");
    });
    world.ready("crm");
    wait_for(SOON, "every write of status to be answered", answers).unwrap()
}

#[test]
fn a_conflict_on_the_write_ahead_entry_stops_the_create_until_the_entry_is_stored() {
    let world = world();
    let answers = outrun(&world, 1);
    assert_eq!(
        answers[..2],
        [409, 200],
        "{answers:?}: a write from a copy that is known to be stale"
    );
    let records = world.switchboard().records();
    let entry = records.iter().find(|record| is_stored(record)).unwrap();
    let creates: Vec<&Record> = records
        .iter()
        .filter(|record| record.call.label() == "dixa create")
        .collect();
    assert_eq!(creates.len(), 1);
    assert!(
        entry.applied.unwrap().seq < creates[0].seq,
        "the create went before its entry"
    );
}

fn is_stored(record: &Record) -> bool {
    record.call.label() == STATUS
        && record.call.name == "crm"
        && record.applied.is_some_and(|mark| mark.status == 200)
}

#[test]
fn a_conflict_on_the_status_after_a_create_costs_a_write_and_nothing_at_the_provider() {
    let world = world();
    let answers = outrun(&world, 2);
    assert_eq!(answers[..3], [200, 409, 200], "{answers:?}");
    assert_eq!(world.remote_writes_since(0), ["POST /v1/webhooks"]);
}

#[test]
fn a_write_that_was_applied_and_answered_504_is_not_sent_again_as_it_was() {
    let world = world();
    for label in ["patch webhooksubscriptions", STATUS, "create events"] {
        let timeout = Action::status(504);
        let plan = Plan::first(Pattern::label(label), At::Applied, timeout);
        world.switchboard().add(plan).unwrap();
    }
    world.subscribe("crm", json!({}));
    world.ready("crm");
    assert_eq!(world.remote_writes_since(0), ["POST /v1/webhooks"]);
    let finalizers = &world.subscription("crm")["metadata"]["finalizers"];
    assert_eq!(finalizers.as_array().map(Vec::len), Some(1), "{finalizers}");
}

/// Holds all events about the object until `act` is done.
fn unseen(world: &World, act: impl FnOnce()) {
    let switchboard = world.switchboard();
    let event = EventPattern::of("crm");
    switchboard.add_watch(WatchPlan::first("webhooksubscriptions", event, WatchAction::Hold));
    act();
    let held = switchboard
        .wait_held(&Pattern::watch("webhooksubscriptions"), SOON)
        .unwrap();
    assert!(switchboard.release(held, Release::Continue));
}

#[test]
fn an_edit_that_was_taken_back_before_it_was_seen_changes_nothing() {
    let world = world();
    world.subscribe("crm", json!({}));
    world.ready("crm");
    let mark = world.mark();
    unseen(&world, || {
        world.subscribe("crm", json!({"url": "https://hooks.acme.example/elsewhere"}));
        world.subscribe("crm", json!({}));
    });
    world.ready("crm");
    assert_eq!(world.only_remote().content.url, "https://hooks.acme.example/dixa");
    // The edit may have been seen for a moment; then it was taken back too.
    let writes = world.remote_writes_since(mark);
    assert!(
        writes.len().is_multiple_of(2) && writes.iter().all(|write| write.starts_with("PATCH")),
        "{writes:?}"
    );
}

#[test]
fn an_object_that_was_deleted_and_made_anew_unseen_has_its_own_remote_in_the_end() {
    let world = world();
    world.subscribe("crm", json!({}));
    let before = world.ready("crm");
    unseen(&world, || {
        world.delete(SUBSCRIPTION, "crm");
        // As a person does who is tired of waiting.
        world.patch(SUBSCRIPTION, "crm", json!({"metadata": {"finalizers": null}}));
        world.subscribe("crm", json!({}));
    });
    let after = world.ready("crm");
    assert_ne!(before["metadata"]["uid"], after["metadata"]["uid"]);
    world.only_remote();
}
