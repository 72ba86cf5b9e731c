//! What a provider object says and does.

use provider_simulator::{Config, FaultAction, FaultPlan, Release, RequestFilter, Token, When};
use serde_json::json;

use crate::support::{PROVIDER, SUBSCRIPTION, Setup, World, condition, now_ms};

#[test]
fn a_provider_says_that_it_works_what_it_can_do_and_how_much_is_there() {
    let world = World::start();
    let body = json!({
        "name": "by hand", "url": "https://a.example/x", "authorization": {"_type": "NoAuth"},
        "customHeaders": {}, "events": ["ConversationClosed"], "enabled": true,
    });
    world
        .simulator
        .dixa()
        .create_from_body("example-org", &body)
        .unwrap();
    world.connect();
    let object = world.becomes(PROVIDER, "dixa", "Ready", "True", "Connected");
    assert_eq!(condition(&object, "Authenticated")["status"], "True");
    assert_eq!(
        object["status"]["observedGeneration"],
        object["metadata"]["generation"]
    );
    let capabilities = object["status"]["capabilities"].as_array().unwrap();
    assert!(!capabilities.is_empty());
    world.subscribe("a", json!({}));
    world.subscribe("b", json!({}));
    world.ready("a");
    world.ready("b");
    world.eventually("the counts", || {
        // What is made while a LIST runs may be counted by none but the next one.
        let counted = world.look_again(PROVIDER, "dixa")["status"]["subscriptions"].clone();
        let right = counted == json!({"remote": 3, "managed": 2, "unmanaged": 1});
        if right { Ok(()) } else { Err(counted.to_string()) }
    });
}

#[test]
fn a_provider_that_worked_says_at_once_why_it_does_not_and_when_it_does_again() {
    let world = Setup::new().flag("--interval=5s").start();
    world.connect();
    world.subscribe("crm", json!({}));
    world.ready("crm");
    world.becomes(PROVIDER, "dixa", "Ready", "True", "Connected");
    let unavailable = FaultAction::fail(503);
    let list = RequestFilter::operation("dixa", "list");
    let outage = world.simulator.add_fault(FaultPlan::every(list, unavailable));
    let says = |what: &str| {
        let object = world.becomes(PROVIDER, "dixa", "Ready", "False", "ProgressingWithRetry");
        let message = condition(&object, "Ready")["message"].to_string();
        assert!(message.contains(what), "{message}");
    };
    says("ProviderUnavailable");
    assert_eq!(condition(&world.subscription("crm"), "Ready")["status"], "True");
    world.simulator.remove_fault(outage);
    world.becomes(PROVIDER, "dixa", "Ready", "True", "Connected");
    world.delete("secrets", "dixa-api");
    says("SecretNotFound");
}

#[test]
fn a_wrong_key_is_said_once_at_the_provider_and_a_new_one_heals() {
    let world = World::start();
    world.secret("dixa-api", "credentials", &[("token", "wrong")]);
    world.apply(PROVIDER, "dixa", world.provider_spec(json!({})));
    world.subscribe("crm", json!({}));
    let object = world.becomes(PROVIDER, "dixa", "Authenticated", "False", "Unauthenticated");
    assert_eq!(condition(&object, "Ready")["status"], "False");
    let tried = world.mark();
    assert!(tried <= 3, "{tried} requests with a wrong key");
    world.secret("dixa-api", "credentials", &[("token", Config::DIXA_TOKEN)]);
    let object = world.becomes(PROVIDER, "dixa", "Authenticated", "True", "");
    assert_eq!(condition(&object, "Throttled"), json!(null));
    world.ready("crm");
}

#[test]
fn a_wrong_key_that_is_corrected_after_a_restart_leaves_nothing_behind() {
    let mut world = World::start();
    world.secret("dixa-api", "credentials", &[("token", "wrong")]);
    world.apply(PROVIDER, "dixa", world.provider_spec(json!({})));
    world.subscribe("crm", json!({}));
    world.becomes(PROVIDER, "dixa", "Authenticated", "False", "Unauthenticated");
    world.stop_operator();
    world.secret("dixa-api", "credentials", &[("token", Config::DIXA_TOKEN)]);
    world.start_operator();
    world.ready("crm");
    assert_eq!(world.remote().len(), 1);
}

#[test]
fn what_waits_for_a_provider_goes_on_as_soon_as_that_can_be_used() {
    let world = World::start();
    world.subscribe("first", json!({"url": "https://hooks.acme.example/first"}));
    world.refused("first", "ProviderNotFound");
    // It comes, and cannot be used yet.
    world.apply(PROVIDER, "dixa", world.provider_spec(json!({})));
    world.refused("first", "ProviderNotReady");
    world.secret("dixa-api", "credentials", &[("token", Config::DIXA_TOKEN)]);
    world.ready("first");
    // In the middle of the next create its credential goes and comes back.
    let list = RequestFilter::operation("dixa", "list");
    let held = FaultAction::Hold { when: When::Before };
    world.simulator.add_fault(FaultPlan::nth(list, 1, held));
    world.subscribe("second", json!({"url": "https://hooks.acme.example/second"}));
    let list = world.eventually("its look", || world.simulator.held().first().map(|held| held.seq));
    world.delete("secrets", "dixa-api");
    world.refused("second", "ProviderNotReady");
    world.simulator.release(list, Release::Continue);
    world.secret("dixa-api", "credentials", &[("token", Config::DIXA_TOKEN)]);
    world.ready("second");
    assert_eq!(world.remote().len(), 2);
}

#[test]
fn a_key_that_is_rotated_is_used_and_nothing_is_made_anew() {
    let world = World::start();
    world.connect();
    world.subscribe("crm", json!({}));
    world.ready("crm");
    let id = world.only_remote().id;
    let dixa = world.simulator.dixa();
    dixa.add_token("second-key", Token::of("example-org"));
    world.secret("dixa-api", "credentials", &[("token", "second-key")]);
    let new = provider_simulator::credential_hash("second-key");
    world.eventually("a request with the new key", || {
        let all = world.requests_since(0, "");
        all.iter()
            .any(|entry| entry.headers.values().any(|value| *value == new))
    });
    dixa.revoke_token(Config::DIXA_TOKEN);
    world.subscribe("crm", json!({"enabled": false}));
    world.ready("crm");
    let remote = world.only_remote();
    assert_eq!((remote.id, remote.content.enabled), (id, false));
}

#[test]
fn a_provider_in_use_stays_until_its_last_subscription_is_gone() {
    let world = World::start();
    world.connect();
    world.subscribe("crm", json!({}));
    world.ready("crm");
    world.eventually("the finalizer", || {
        let object = world.object(PROVIDER, "dixa");
        (object["metadata"]["finalizers"] == json!(["webhook-operator.io/in-use"])).then_some(())
    });
    world.delete(PROVIDER, "dixa");
    assert!(
        world.object(PROVIDER, "dixa")["metadata"]["deletionTimestamp"].is_string(),
        "it waits"
    );
    world.delete(SUBSCRIPTION, "crm");
    world.gone(SUBSCRIPTION, "crm");
    world.gone(PROVIDER, "dixa");
    assert_eq!(world.remote().len(), 0);
}

#[test]
fn an_unused_provider_can_be_deleted_at_once() {
    let world = World::start();
    world.connect();
    world.becomes(PROVIDER, "dixa", "Ready", "True", "");
    world.delete(PROVIDER, "dixa");
    world.gone(PROVIDER, "dixa");
}

#[test]
fn one_list_an_interval_serves_all_subscriptions_and_a_storm_makes_one_a_second() {
    let world = World::start();
    let begun = now_ms();
    world.connect_with(json!({"interval": "5s"}));
    for number in 0..12 {
        world.subscribe(&format!("s{number}"), json!({}));
    }
    for number in 0..12 {
        world.ready(&format!("s{number}"));
    }
    let mark = world.mark();
    world.requested("list", mark, 3);
    let lists = world.requests_since(0, "list");
    // Counted from the begin, so that one that was slow on the way does not make the next look early.
    for (number, list) in (0_u64..).zip(&lists) {
        let after = list.time_ms.saturating_sub(begun);
        assert!(after >= 1000 * number, "LIST {number} came after {after} ms");
    }
    let quiet: Vec<u64> = lists
        .iter()
        .filter(|entry| entry.seq > mark)
        .map(|entry| entry.time_ms)
        .collect();
    for pair in quiet.windows(2) {
        let gap = pair[1] - pair[0];
        // Five seconds, but for what the first was late.
        assert!(gap >= 2500, "two LISTs of quiet subscriptions within {gap} ms");
    }
    assert_eq!(world.remote().len(), 12);
}

#[test]
fn requests_keep_to_the_rate_limit_of_the_provider() {
    let world = World::start();
    let begun = now_ms();
    world.connect_with(json!({"rateLimit": {"requestsPerMinute": 120, "burst": 2}}));
    for number in 0..8 {
        world.subscribe(&format!("s{number}"), json!({}));
    }
    for number in 0..8 {
        world.ready(&format!("s{number}"));
    }
    let log = world.simulator.log();
    // Two a second, two at once: since the begin, however long each was on the way.
    for (count, entry) in (1_u64..).zip(&log) {
        let after = entry.time_ms.saturating_sub(begun);
        assert!(
            count <= 2 + 2 * after / 1000,
            "{count} requests in the first {after} ms"
        );
    }
    let times: Vec<f64> = log
        .iter()
        .map(|entry| f64::from(u32::try_from(entry.time_ms - log[0].time_ms).unwrap()) / 1000.0)
        .collect();
    for (first, from) in times.iter().enumerate() {
        for (count, to) in (1_u32..).zip(&times[first..]) {
            // In any span of time; some more for those that bunch between the budget and the log.
            let allowed = 2.0 + 2.0 * (to - from) + 4.0;
            assert!(
                f64::from(count) <= allowed,
                "{count} requests in {:.2} s",
                to - from
            );
        }
    }
}

#[test]
fn the_days_budget_ends_creates_before_it_is_used_up() {
    let world = World::start();
    world.connect_with(json!({"rateLimit": {"requestsPerDay": 4}}));
    for number in 0..6 {
        world.subscribe(&format!("s{number}"), json!({}));
    }
    world.eventually("somebody to wait for the budget", || {
        (0..6).any(|number| {
            let found = condition(&world.subscription(&format!("s{number}")), "Reconciling");
            found["status"] == "True"
        })
    });
    world.eventually("the budget to be used", || world.simulator.last_seq() >= 2);
    assert!(world.simulator.last_seq() <= 4);
    // A larger budget counts at once.
    world.connect_with(json!({"rateLimit": {"requestsPerDay": 1000}}));
    for number in 0..6 {
        world.ready(&format!("s{number}"));
    }
}

#[test]
fn of_provider_objects_that_share_an_account_the_strictest_rate_limit_holds() {
    let world = World::start();
    world.connect_with(json!({"rateLimit": {"requestsPerDay": 4}}));
    world.becomes(PROVIDER, "dixa", "Ready", "True", "Connected");
    // The second looks at its account later, and is generous.
    let spec = world.provider_spec(json!({"rateLimit": {"requestsPerDay": 1000}}));
    world.apply(PROVIDER, "generous", spec);
    world.becomes(PROVIDER, "generous", "Ready", "True", "Connected");
    for number in 0..6 {
        let change = json!({"providerRef": {"name": "generous"}});
        world.subscribe(&format!("s{number}"), change);
    }
    world.eventually("the budget to be used", || world.simulator.last_seq() >= 2);
    world.eventually("somebody to wait for the budget", || {
        (0..6).any(|number| {
            let found = condition(&world.subscription(&format!("s{number}")), "Reconciling");
            found["status"] == "True"
        })
    });
    assert!(world.simulator.last_seq() <= 4);
    // With the strict one its limit goes.
    world.delete(PROVIDER, "dixa");
    for number in 0..6 {
        world.ready(&format!("s{number}"));
    }
}
