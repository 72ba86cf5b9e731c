//! What the provider refuses, and what it cannot do at the moment.

use std::time::Duration;

use provider_simulator::{Config, FaultAction, FaultPlan};
use serde_json::{Value, json};

use crate::support::{PROVIDER, SUBSCRIPTION, Setup, World, condition, now_ms};
use crate::{all_ready, count, every, names, next, requests, subscribe_all, text, turns};

/// Waits until every subscription says that it is not in sync for this reason.
fn all_fail(world: &World, names: &[String], reason: &str) {
    for name in names {
        world.becomes(SUBSCRIPTION, name, "Synced", "False", reason);
    }
}

fn a_refused_key_is_tried_once(status: &str, reason: &str) {
    let world = Setup::new().switch("dixa.unauthorizedStatus", status).start();
    world.connect();
    world.secret("dixa-api", "credentials", &[("token", "no-such-token")]);
    let names = names("crm", 20);
    subscribe_all(&world, &names);
    all_fail(&world, &names, reason);
    let provider = world.becomes(PROVIDER, "dixa", "Authenticated", "False", reason);
    assert!(text(&condition(&provider, "Authenticated"), "/message").contains(status));
    // Whatever people do to the objects, the key is not tried again.
    for name in &names {
        world.subscribe(name, json!({"url": "https://hooks.acme.example/edited"}));
    }
    for name in &names {
        let object = world.becomes(SUBSCRIPTION, name, "Synced", "False", reason);
        assert_eq!(
            object["status"]["observedGeneration"],
            object["metadata"]["generation"]
        );
    }
    let refused = |entry: &&provider_simulator::LogEntry| entry.organization.is_none();
    let tries = world.requests_since(0, "").iter().filter(refused).count();
    assert_eq!(
        tries, 1,
        "20 subscriptions made {tries} requests with a key that is refused"
    );

    world.secret("dixa-api", "credentials", &[("token", Config::DIXA_TOKEN)]);
    all_ready(&world, &names);
    assert_eq!(world.remote().len(), 20);
}

#[test]
fn a_key_that_is_not_accepted_is_tried_once_for_twenty_subscriptions_until_its_secret_changes() {
    a_refused_key_is_tried_once("401", "Unauthenticated");
}

#[test]
fn a_key_that_is_forbidden_is_tried_once_for_twenty_subscriptions_until_its_secret_changes() {
    a_refused_key_is_tried_once("403", "Forbidden");
}

#[test]
fn a_process_that_restarts_does_not_try_a_refused_key_again_at_once() {
    let mut world = World::start();
    world.secret("dixa-api", "credentials", &[("token", "wrong")]);
    world.apply(PROVIDER, "dixa", world.provider_spec(json!({})));
    world.becomes(PROVIDER, "dixa", "Authenticated", "False", "Unauthenticated");
    let mark = world.mark();
    for _ in 0..3 {
        world.operator().kill9();
        world.start_operator();
        world.subscribe("crm", json!({}));
        world.becomes(SUBSCRIPTION, "crm", "Synced", "False", "Unauthenticated");
        turns(&mut world, 2);
    }
    assert_eq!(count(&world, mark, ""), 0, "a refused key was tried again");
    world.secret("dixa-api", "credentials", &[("token", Config::DIXA_TOKEN)]);
    world.ready("crm");
}

#[test]
fn a_key_that_is_revoked_while_all_is_well_keeps_everything_as_it_is() {
    let world = World::start();
    world.connect();
    let names = names("crm", 5);
    subscribe_all(&world, &names);
    all_ready(&world, &names);
    let mark = world.mark();
    world.simulator.dixa().revoke_token(Config::DIXA_TOKEN);
    for name in &names {
        world.nudge(SUBSCRIPTION, name, "after-revocation");
    }
    all_fail(&world, &names, "Unauthenticated");
    for name in &names {
        assert_eq!(
            condition(&world.subscription(name), "Ready")["status"],
            "True",
            "{name}"
        );
    }
    assert_eq!(count(&world, mark, ""), 1);
    let token = provider_simulator::Token::of("example-org");
    world.simulator.dixa().add_token("its-successor", token);
    world.secret("dixa-api", "credentials", &[("token", "its-successor")]);
    all_ready(&world, &names);
    assert_eq!(world.remote_writes_since(mark), [""; 0]);
}

fn throttled(retry_after: Option<&str>) -> FaultAction {
    FaultAction::FailBefore {
        status: 429,
        body: None,
        retry_after: retry_after.map(str::to_owned),
    }
}

#[test]
fn a_throttled_create_is_sent_again_when_the_provider_says_so_or_soon_where_it_does_not() {
    for (retry_after, pause) in [(None, 0), (Some("soon"), 0), (Some("-5"), 0), (Some("3"), 3000)] {
        let world = World::start();
        next(&world, "create", throttled(retry_after));
        world.connect();
        world.subscribe("crm", json!({}));
        world.ready("crm");
        world.only_remote();
        let creates = world.requests_since(0, "create");
        assert_eq!(creates.len(), 2, "{retry_after:?}");
        let waited = creates[1].time_ms - creates[0].time_ms;
        assert!(waited >= pause, "{retry_after:?}: sent again after {waited} ms");
        assert!(
            waited < pause + 15_000,
            "{retry_after:?}: sent again only after {waited} ms"
        );
    }
}

#[test]
fn an_absurd_retry_after_pauses_the_account_visibly_and_a_restart_ends_it() {
    let mut world = World::start();
    world.connect();
    world.subscribe("crm", json!({}));
    world.ready("crm");
    next(&world, "list", throttled(Some("99999999999999999999")));
    world.nudge(SUBSCRIPTION, "crm", "throttled");
    world.becomes(PROVIDER, "dixa", "Throttled", "True", "Throttled");
    let object = world.becomes(SUBSCRIPTION, "crm", "Synced", "False", "Throttled");
    assert_eq!(condition(&object, "Ready")["status"], "True");
    let mark = world.mark();
    world.subscribe("second", json!({"url": "https://hooks.acme.example/second"}));
    world.becomes(SUBSCRIPTION, "second", "Ready", "False", "ProgressingWithRetry");
    assert_eq!(count(&world, mark, ""), 0, "sent during the pause");
    world.stop_operator();
    world.start_operator();
    world.ready("second");
    world.ready("crm");
    world.eventually("the pause to be over", || {
        condition(&world.object(PROVIDER, "dixa"), "Throttled").is_null()
    });
}

#[test]
fn a_provider_that_fails_for_a_while_leaves_ready_what_was_ready() {
    let world = World::start();
    world.connect();
    world.subscribe("crm", json!({}));
    world.ready("crm");
    // No LIST is on its way that began before.
    world.look_again(SUBSCRIPTION, "crm");
    let (begun, mark) = (now_ms(), world.mark());
    every(&world, "list", FaultAction::fail(503));
    every(&world, "get", FaultAction::fail(503));
    world.nudge(SUBSCRIPTION, "crm", "during-the-outage");
    let object = world.becomes(SUBSCRIPTION, "crm", "Synced", "False", "ProviderUnavailable");
    assert_eq!(condition(&object, "Ready")["status"], "True");
    assert!(condition(&object, "Reconciling").is_null());
    world.requested("list", mark, 3);
    world.simulator.clear_faults();
    world.ready("crm");
    world.eventually("the answer to the request", || {
        world.subscription("crm")["status"]["lastHandledReconcileAt"] == "during-the-outage"
    });
    assert_eq!(world.remote_writes_since(mark), [""; 0]);
    // Counted from the begin, so that one that was slow on the way does not make the next look early.
    for (number, list) in (0_u64..).zip(world.requests_since(mark, "list")) {
        let after = list.time_ms.saturating_sub(begun);
        assert!(
            after >= 1000 * number,
            "tried again without a pause: LIST {number} came after {after} ms"
        );
    }
}

#[test]
fn an_edit_that_the_provider_refuses_is_sent_once_and_its_words_are_shown_without_the_secret() {
    let world = World::start();
    world.connect();
    let secret = "canary/Header+Value=42";
    world.secret("crm-headers", "delivery", &[("key", secret)]);
    let words = format!("custom header 'X-Key: {secret}' is not acceptable");
    let refusal = FaultAction::fail_with(400, json!({"message": words}));
    world
        .simulator
        .add_fault(FaultPlan::every(requests("create"), refusal));
    let header =
        json!([{"name": "X-Key", "valueFrom": {"secretKeyRef": {"name": "crm-headers", "key": "key"}}}]);
    world.subscribe("crm", json!({"headers": header}));
    let object = world.becomes(SUBSCRIPTION, "crm", "Stalled", "True", "RefusedByProvider");
    let message = condition(&object, "Stalled")["message"]
        .as_str()
        .unwrap_or_default()
        .to_owned();
    assert!(
        message.contains("is not acceptable") && message.contains("custom header"),
        "{message}"
    );
    let everything: Vec<Value> = vec![
        object,
        json!(world.events_about("crm")),
        json!(world.operator_log()),
    ];
    assert!(
        !json!(everything).to_string().contains("Header+Value"),
        "the secret is shown"
    );
    world.look_again(SUBSCRIPTION, "crm");
    assert_eq!(count(&world, 0, "create"), 1, "a refused request was repeated");

    world.simulator.clear_faults();
    world.subscribe(
        "crm",
        json!({"headers": header, "url": "https://hooks.acme.example/better"}),
    );
    world.ready("crm");
    assert_eq!(count(&world, 0, "create"), 2);
}

#[test]
fn the_delay_between_tries_of_an_endless_outage_grows() {
    let world = World::start();
    world.connect();
    world.subscribe("crm", json!({}));
    world.ready("crm");
    let mark = world.mark();
    every(&world, "list", FaultAction::fail(500));
    world.nudge(SUBSCRIPTION, "crm", "outage");
    // From the third failure on the account rests, twice as long each time: 8 to 16 s before the last of these. A
    // machine that is slow for some seconds does not look like that.
    world.within(Duration::from_secs(120), "eight tries", || {
        count(&world, mark, "list") >= 8
    });
    let tries = world.requests_since(mark, "list");
    let pause = |number: usize| tries[number].time_ms - tries[number - 1].time_ms;
    assert!(pause(7) > 2 * pause(1), "{} ms, then {} ms", pause(1), pause(7));
}
