//! Several shards of one install: each serves its own providers, and an account changes hands without ever being in two.

use std::time::{Duration, Instant};

use provider_simulator::Token;
use serde_json::{Value, json};
use test_harness::AuditEvent;

use crate::stage::{DURATION, Replica, Stage};
use crate::support::{PROVIDER, SUBSCRIPTION, condition, now_ms};

const LABEL: &str = "webhook-operator.io/shard";
const REQUESTS: &str = "webhook_operator_provider_requests_total{";

impl Stage {
    /// Assigns a provider to a shard; empty: to operators without one.
    fn assign(&self, provider: &str, shard: &str) {
        let labels = json!({"metadata": {"labels": {LABEL: shard}}});
        self.world.patch(PROVIDER, provider, labels);
    }

    /// A further provider object, of a shard.
    fn provider(&self, name: &str, shard: &str, change: Value) {
        let world = &self.world;
        let object = json!({
            "apiVersion": "webhook-operator.io/v1alpha1",
            "kind": "WebhookProvider",
            "metadata": {"name": name, "labels": {LABEL: shard}},
            "spec": world.provider_spec(change),
        });
        let path = world.cluster().path(PROVIDER, &world.namespace).unwrap();
        let api = world.cluster().api().unwrap();
        api.post(&path, &object).unwrap().ok().unwrap();
    }

    fn served_by(&self, provider: &str) -> Value {
        self.world.object(PROVIDER, provider)["status"]["servedBy"]["shard"].clone()
    }

    fn is_served_by(&self, provider: &str, shard: &str) {
        let what = format!("{provider} to be served by {shard}");
        self.world.eventually(&what, || self.served_by(provider) == shard);
    }
}

impl Replica {
    /// The sum of a metric over its labels that fit.
    fn total(&mut self, name: &str, labels: &str) -> u64 {
        let metrics = self.operator.metrics().unwrap();
        let lines = metrics
            .lines()
            .filter(|line| line.starts_with(name) && line.contains(labels));
        lines
            .map(|line| line.rsplit(' ').next().unwrap().parse::<u64>().unwrap())
            .sum()
    }

    fn requests(&mut self) -> u64 {
        self.total(REQUESTS, "")
    }

    /// Without LISTs. These are read first, so that they are never more than all.
    fn requests_but_lists(&mut self) -> u64 {
        let lists = self.total(REQUESTS, "operation=\"list\"");
        self.requests() - lists
    }
}

/// What a user wrote to objects of ours whose names begin with one of these.
fn wrote<'a>(events: &'a [AuditEvent], user: &str, names: &[&str]) -> Vec<&'a AuditEvent> {
    let fits = |event: &&AuditEvent| {
        let ours = names.iter().any(|name| event.name.starts_with(name));
        ours && event.is_write() && event.user == user && event.group == "webhook-operator.io"
    };
    events.iter().filter(fits).collect()
}

fn told(events: &[&AuditEvent]) -> Vec<String> {
    let told = |event: &&AuditEvent| format!("{} {}: {:#}", event.verb, event.name, event.request_object);
    events.iter().map(told).collect()
}

fn millis(event: &AuditEvent) -> u64 {
    let time: jiff::Timestamp = event.received_at.parse().unwrap();
    u64::try_from(time.as_millisecond()).unwrap()
}

/// An operator without a shard and one of shard b, one after the other.
fn two_shards(stage: &Stage) -> (Replica, Replica) {
    let mut none = stage.replica("a");
    none.comes_to_lead();
    let mut named = stage.replica_with("b", None, &["--shard=b"]);
    named.comes_to_lead();
    (none, named)
}

#[test]
fn two_shards_at_once_do_everything_once_and_each_only_its_own() {
    let stage = Stage::start();
    let world = &stage.world;
    let mut audit = world.audit();
    world
        .simulator
        .dixa()
        .add_token("second-token-example", Token::of("org-two"));
    world.secret("second-api", "credentials", &[("token", "second-token-example")]);
    let credentials = json!({"credentials": {"secretRef": {"name": "second-api"}}});
    stage.provider("second", "a", credentials);
    let mut none = stage.replica("a");
    let mut named = stage.replica_with("b", None, &["--shard=a"]);
    none.comes_to_lead();
    named.comes_to_lead();
    let first = stage.subscribe("one", 20);
    for number in 0..20 {
        let url = format!("https://hooks.acme.example/two-{number}");
        let spec = json!({"url": url, "providerRef": {"name": "second"}});
        world.subscribe(&format!("two-{number}"), spec);
    }
    for name in first
        .iter()
        .cloned()
        .chain((0..20).map(|number| format!("two-{number}")))
    {
        world.ready(&name);
    }
    stage.is_served_by("second", "a");
    assert_eq!(
        stage.served_by("dixa"),
        Value::Null,
        "operators without a shard need no name"
    );
    let log = world.simulator.log();
    for organization in ["example-org", "org-two"] {
        let creates = log.iter().filter(|entry| {
            entry.operation == "create" && entry.organization.as_deref() == Some(organization)
        });
        assert_eq!(creates.count(), 20, "{organization}");
    }
    for replica in [&mut none, &mut named] {
        let ready = |replica: &mut Replica| {
            replica.total("webhook_operator_objects{", "ready=\"True\"")
                == replica.total("webhook_operator_objects{", "")
                && replica.total("webhook_operator_objects{", "") == 21
        };
        replica.within(
            crate::support::SOON,
            "its own objects to be counted, and no others",
            ready,
        );
    }
    let events = audit.read().unwrap();
    assert_eq!(told(&wrote(&events, &named.user, &["one-", "dixa"])), [""; 0]);
    assert_eq!(told(&wrote(&events, &none.user, &["two-"])), [""; 0]);
    let mut given_away = wrote(&events, &none.user, &["second"]);
    // One that was based on an older version is refused, and decided anew.
    given_away.retain(|event| event.code == 200);
    assert_eq!(
        given_away.len(),
        1,
        "what nobody has served is given away at once: {:#?}",
        told(&given_away)
    );
}

#[test]
fn a_label_that_changes_in_the_middle_of_the_work_hands_over_and_nothing_is_done_twice() {
    let stage = Stage::start_slow();
    let world = &stage.world;
    let (mut old, mut new) = two_shards(&stage);
    let mut audit = world.audit();
    let names = stage.subscribe("crm", 50);
    world.eventually("some work", || stage.creates() >= 5);
    stage.assign("dixa", "b");
    stage.is_served_by("dixa", "b");
    assert!(stage.creates() < 50, "the test is too late");
    stage.budget(60_000, 1000);
    stage.all_in_place(&names);
    let events = audit.read().unwrap();
    let handover = events
        .iter()
        .find(|event| {
            event.user == old.user
                && event.code == 200
                && event.resource == "webhookproviders"
                && event
                    .request_object
                    .to_string()
                    .contains("\"servedBy\":{\"shard\":\"b\"}")
        })
        .unwrap();
    let at = millis(handover);
    let late: Vec<String> = events
        .iter()
        .filter(|event| {
            event.is_write() && event.user == old.user && event.resource == "webhooksubscriptions"
        })
        .filter(|event| millis(event) > at)
        .map(|event| format!("{} {}: {}", event.verb, event.name, event.code))
        .collect();
    assert_eq!(late, [""; 0]);
    // Whatever the provider was asked for since then, the new one has asked for; but for a LIST of the old one that
    // was on its way.
    new.within(
        crate::support::SOON,
        "all requests after the handover to be the new one's",
        |new| {
            let log = world.simulator.log();
            let after = log
                .iter()
                .filter(|entry| entry.time_ms > at && entry.operation != "list");
            new.requests_but_lists() == u64::try_from(after.count()).unwrap()
        },
    );
    assert!(old.requests() > 0 && new.requests() > 0, "both have worked");
    assert_eq!(old.total("webhook_operator_objects{", ""), 0);
    // And back, at rest: nothing is written at the provider.
    let mark = world.mark();
    stage.assign("dixa", "");
    world.eventually("the first shard to serve it again", || {
        stage.served_by("dixa") == Value::Null
    });
    world.becomes(PROVIDER, "dixa", "Ready", "True", "Connected");
    world.look_again(SUBSCRIPTION, "crm-0");
    stage.all_in_place(&names);
    assert_eq!(world.remote_writes_since(mark), [""; 0]);
}

#[test]
fn what_a_killed_shard_holds_is_taken_over_when_its_lease_is_over() {
    let stage = Stage::start();
    let world = &stage.world;
    let mut killed = stage.replica("a");
    killed.comes_to_lead();
    let mut names = stage.subscribe("before", 1);
    stage.all_in_place(&names);
    // It goes by a longer duration than the one that is killed, so that its wait can be seen.
    let duration = 2 * DURATION;
    let flags = ["--shard=b".to_owned(), format!("--lease-duration={duration}s")];
    let mut other = stage.replica_with("b", None, &flags.each_ref().map(String::as_str));
    other.comes_to_lead();
    killed.operator.kill9();
    let ended = Instant::now();
    stage.assign("dixa", "b");
    let waiting = world.becomes(PROVIDER, "dixa", "Ready", "Unknown", "ShardHandover");
    let message = condition(&waiting, "Ready")["message"]
        .as_str()
        .unwrap()
        .to_owned();
    assert!(
        message.contains("the shard of operators without --shard still serves it"),
        "{message}"
    );
    names.extend(stage.subscribe("after", 1));
    stage.is_served_by("dixa", "b");
    let took = ended.elapsed();
    assert!(took >= Duration::from_secs(duration - 1), "{took:?}");
    assert!(took <= Duration::from_secs(3 * duration), "{took:?}");
    stage.all_in_place(&names);
    // The killed one comes back, and leaves it alone.
    let mut back = stage.replica("a");
    back.comes_to_lead();
    let mark = back.requests();
    names.extend(stage.subscribe("late", 1));
    stage.all_in_place(&names);
    assert_eq!((mark, back.requests()), (0, 0));
}

#[test]
fn one_account_in_two_shards_is_served_for_the_older_object_only() {
    let stage = Stage::start();
    let world = &stage.world;
    let (mut none, mut other) = two_shards(&stage);
    let created: jiff::Timestamp = world.object(PROVIDER, "dixa")["metadata"]["creationTimestamp"]
        .as_str()
        .unwrap()
        .parse()
        .unwrap();
    // Ages are told by the second.
    world.eventually("the next second", || {
        now_ms() / 1000 > u64::try_from(created.as_second()).unwrap()
    });
    stage.provider("twin", "b", json!({}));
    let mut names = stage.subscribe("crm", 2);
    let twins = json!({"url": "https://hooks.acme.example/twins", "providerRef": {"name": "twin"}});
    world.subscribe("twins", twins);
    let refused = world.becomes(PROVIDER, "twin", "Ready", "False", "ShardConflict");
    let message = condition(&refused, "Ready")["message"].to_string();
    assert!(
        message.contains(&format!("WebhookProvider {}/dixa", world.namespace)),
        "{message}"
    );
    let told = world.refused("twins", "ProviderNotReady");
    assert!(told.contains("ShardConflict"), "{told}");
    stage.all_in_place(&names);
    assert_eq!(other.requests(), 0);
    // The older one moves there: one shard serves both.
    stage.assign("dixa", "b");
    names.push("twins".to_owned());
    stage.all_in_place(&names);
    stage.is_served_by("dixa", "b");
    // So what is said below is said anew.
    world.becomes(PROVIDER, "twin", "Ready", "True", "Connected");
    let requests = none.requests();
    // The younger one moves away from it.
    stage.assign("twin", "");
    world.becomes(PROVIDER, "twin", "Ready", "False", "ShardConflict");
    world.look_again(SUBSCRIPTION, "crm-0");
    assert_eq!(none.requests(), requests);
    assert_eq!(stage.creates(), 3);
}
