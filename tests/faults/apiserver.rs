//! The apiserver answers wrongly, late or not at all; the proxy before it does that.

use serde_json::json;
use test_harness::proxy::{
    Action, At, EventPattern, FaultProxy, Pattern, Plan, Release, Side, Swap, Switchboard, WatchAction,
    WatchPlan,
};

use crate::support::{PROVIDER, SOON, SUBSCRIPTION, Setup, World};
use crate::{all_ready, count, subscribe_all};

/// A world whose operator comes to the apiserver through a proxy; it is not started yet.
fn proxied() -> (World, Switchboard, FaultProxy) {
    let mut world = Setup::new().without_operator().start();
    let switchboard = Switchboard::default();
    let proxy = FaultProxy::before_apiserver(world.cluster(), world.kubeconfig(), &switchboard).unwrap();
    world.use_kubeconfig(proxy.kubeconfig());
    (world, switchboard, proxy)
}

fn list_of(resource: &str) -> Pattern {
    Pattern {
        side: Some(Side::Apiserver),
        verb: Some("list".to_owned()),
        resource: Some(resource.to_owned()),
        ..Pattern::default()
    }
}

fn status_writes() -> Pattern {
    Pattern::label("patch webhooksubscriptions/status")
}

#[test]
fn before_every_watch_has_its_list_nothing_is_written_and_nothing_sent() {
    let (mut world, switchboard, _proxy) = proxied();
    world.connect();
    let names = subscribe_all(&world, "crm", 3);
    world.start_operator();
    all_ready(&world, &names);
    world.stop_operator();
    world.subscribe("crm-0", json!({"url": "https://hooks.acme.example/edited"}));
    let list = list_of("secrets");
    switchboard
        .add(Plan::first(list.clone(), At::Applied, Action::Hold))
        .unwrap();
    let (mark, mut audit) = (world.mark(), world.audit());
    world.start_operator();
    let held = switchboard.wait_held(&list, SOON).unwrap();
    let http = world.operator().http().unwrap();
    world.eventually("only that list to be missing", || {
        let report = http.get("/readyz").map_err(|error| error.to_string())?;
        let missing = report.body.lines().filter(|line| line.contains("not there yet"));
        let only = missing.collect::<Vec<_>>() == ["secrets watch: not there yet"];
        if only { Ok(()) } else { Err(report.body) }
    });
    // It dies there, as one whose memory does not suffice, and the next one is no wiser.
    world.operator().kill9();
    switchboard
        .add(Plan::first(list.clone(), At::Applied, Action::Hold))
        .unwrap();
    world.start_operator();
    let again = world.eventually("the next list to be held", || {
        let all = switchboard.held();
        all.into_iter().map(|(id, _)| id).find(|id| *id != held)
    });
    assert_eq!(world.requests_since(mark, "").len(), 0);
    assert_eq!(world.operator_writes(&mut audit), [""; 0]);
    switchboard.release(again, Release::Continue);
    all_ready(&world, &names);
    assert_eq!(count(&world, mark, "patch"), 1);
    assert_eq!(world.remote().len(), 3);
}

#[test]
fn an_empty_list_deletes_nothing_and_what_comes_back_is_as_before() {
    let (mut world, switchboard, _proxy) = proxied();
    world.connect();
    world.start_operator();
    let names = subscribe_all(&world, "crm", 3);
    all_ready(&world, &names);
    let (mark, mut audit) = (world.mark(), world.audit());
    let version = world.subscription("crm-0")["metadata"]["resourceVersion"].clone();
    let nothing = json!({"apiVersion": "webhook-operator.io/v1alpha1", "kind": "WebhookSubscriptionList",
        "metadata": {"resourceVersion": version}, "items": []});
    let emptied = switchboard
        .add(Plan::first(
            list_of("webhooksubscriptions"),
            At::Applied,
            Action::Body(Swap::Text(nothing.to_string())),
        ))
        .unwrap();
    let gone = WatchPlan::first(
        "webhooksubscriptions",
        EventPattern::of("crm-1"),
        WatchAction::Gone,
    );
    switchboard.add_watch(gone);
    world.nudge(SUBSCRIPTION, "crm-1", "gone");
    switchboard.wait_fired(emptied, SOON).unwrap();
    // The provider looks at who uses it: nobody, as far as it can see.
    world.look_again(PROVIDER, "dixa");
    assert_eq!(world.remote_writes_since(mark), [""; 0]);
    assert_eq!(world.remote().len(), 3);
    let writes = world.operator_writes(&mut audit);
    assert!(
        writes.iter().all(|write| !write.starts_with("delete")),
        "{writes:?}"
    );
    // The next true list brings them back.
    switchboard.add_watch(WatchPlan::first(
        "webhooksubscriptions",
        EventPattern::of("crm-2"),
        WatchAction::Gone,
    ));
    world.nudge(SUBSCRIPTION, "crm-2", "gone");
    for name in &names {
        world.look_again(SUBSCRIPTION, name);
    }
    assert_eq!(world.remote_writes_since(mark), [""; 0]);
    world.delete(SUBSCRIPTION, "crm-0");
    world.gone(SUBSCRIPTION, "crm-0");
    assert_eq!(world.remote().len(), 2);
}

#[test]
fn where_no_status_can_be_written_nothing_is_sent_twice_and_the_log_says_so_without_a_flood_of_events() {
    let (mut world, switchboard, _proxy) = proxied();
    world.connect();
    world.start_operator();
    let names = subscribe_all(&world, "crm", 2);
    all_ready(&world, &names);
    let mark = world.mark();
    // As an etcd that is full answers: "mvcc: database space exceeded".
    let full = switchboard
        .add(Plan::every(status_writes(), At::Before, Action::status(500)))
        .unwrap();
    world.subscribe("crm-0", json!({"url": "https://hooks.acme.example/edited"}));
    world.subscribe("crm-1", json!({"events": ["NoSuchEvent"]}));
    world.subscribe("new", json!({"url": "https://hooks.acme.example/new"}));
    world.eventually("several tries", || switchboard.fired(full) >= 12);
    assert_eq!(count(&world, mark, "create"), 0, "no create without its entry");
    let patches = count(&world, mark, "patch");
    assert!(patches <= 2, "{patches} changes sent for two edits");
    let told = world.events_about("crm-1");
    let refused = told.iter().filter(|event| event.contains("RefusedByProvider"));
    assert_eq!(refused.count(), 0, "{told:?}");
    let log = world.operator_log();
    assert!(
        log.contains("the apiserver did not accept the write: 500 "),
        "{log}"
    );
    switchboard.clear();
    world.ready("crm-0");
    world.ready("new");
    world.becomes(SUBSCRIPTION, "crm-1", "Stalled", "True", "RefusedByProvider");
    world.told("crm-1", "RefusedByProvider");
    assert_eq!(count(&world, mark, "create"), 1);
    assert_eq!(count(&world, mark, "patch"), 2);
    let told = world.events_about("crm-1");
    let refused = told.iter().filter(|event| event.contains("RefusedByProvider"));
    assert_eq!(refused.count(), 1, "{told:?}");
}

#[test]
fn a_right_that_is_taken_away_is_said_and_works_again_once_it_is_back() {
    let (mut world, switchboard, _proxy) = proxied();
    world.connect();
    world.start_operator();
    world.subscribe("crm", json!({}));
    world.ready("crm");
    for requests in [status_writes(), Pattern::watch("secrets"), list_of("secrets")] {
        switchboard
            .add(Plan::every(requests, At::Before, Action::status(403)))
            .unwrap();
    }
    let mark = world.mark();
    world.subscribe("crm", json!({"url": "https://hooks.acme.example/edited"}));
    world.eventually("the log to say so", || {
        world
            .operator_log()
            .contains("the apiserver did not accept the write: 403 ")
    });
    assert_eq!(world.operator().ended().unwrap(), None);
    switchboard.clear();
    world.ready("crm");
    assert_eq!(count(&world, mark, "patch"), 1);
    assert_eq!(count(&world, mark, "create"), 0);
}

#[test]
fn an_apiserver_that_says_to_come_back_tomorrow_is_asked_again_soon() {
    let (mut world, switchboard, _proxy) = proxied();
    world.connect();
    world.start_operator();
    world.subscribe("crm", json!({}));
    world.ready("crm");
    let tomorrow = Action::Status {
        code: 429,
        retry_after: Some("86400".to_owned()),
    };
    let busy = switchboard
        .add(Plan::every(status_writes(), At::Before, tomorrow))
        .unwrap();
    let mark = world.mark();
    world.subscribe("crm", json!({"url": "https://hooks.acme.example/edited"}));
    world.eventually("several tries", || switchboard.fired(busy) >= 3);
    switchboard.clear();
    world.ready("crm");
    assert_eq!(count(&world, mark, "patch"), 1);
}
