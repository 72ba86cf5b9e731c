//! The fault proxy before a real apiserver and before the simulator.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

use std::fs;
use std::os::unix::process::{CommandExt as _, ExitStatusExt as _};
use std::process::Command;
use std::thread;
use std::time::Duration;

use serde_json::{Value, json};
use test_harness::proxy::{
    Action, At, EventPattern, FaultProxy, Link, Pattern, Plan, ProcessEvent, Release, Swap, Switchboard,
    WatchAction, WatchPlan,
};
use test_harness::{Cluster, ControlPlane, HttpClient, Reply, Simulator, binary, wait_for};

const SOON: Duration = Duration::from_secs(120);
const BODY: &str = include_str!("../../simulator/fixtures/dixa/create-request.json");

/// The simulator behind a proxy.
struct Provider {
    switchboard: Switchboard,
    simulator: Simulator,
    proxy: FaultProxy,
    client: HttpClient,
}

impl Provider {
    fn start() -> Self {
        let program = binary("provider-simulator", "provider-simulator").unwrap();
        let simulator = Simulator::start(&program, &["--switch", "dixa.rateLimit=off"]).unwrap();
        let switchboard = Switchboard::default();
        let proxy = FaultProxy::before_provider(simulator.http(), &switchboard).unwrap();
        Self {
            client: HttpClient::plain(&proxy.url()),
            switchboard,
            simulator,
            proxy,
        }
    }

    fn plan(&self, label: &str, at: At, action: Action) -> u64 {
        let plan = Plan::first(Pattern::label(label), at, action);
        self.switchboard.add(plan).unwrap()
    }

    /// A create without a credential is refused, and that is an answer too.
    fn create(&self) -> Option<Reply> {
        self.client
            .post("/v1/webhooks", &serde_json::from_str(BODY).unwrap())
            .ok()
    }

    /// How many creates the simulator has read.
    fn creates(&self) -> usize {
        let log = self.simulator.admin_get("/admin/log?operation=create").unwrap();
        let log = log
            .as_array()
            .cloned()
            .unwrap_or_else(|| log["entries"].as_array().unwrap().clone());
        log.len()
    }
}

#[test]
fn requests_pass_with_their_answers_and_are_recorded_in_order() {
    let provider = Provider::start();
    assert_eq!(provider.create().unwrap().status, 401);
    assert_eq!(provider.client.get("/elsewhere").unwrap().status, 404);
    // The client may have its answer a moment before the proxy knows that it is flushed.
    let board = &provider.switchboard;
    let records = wait_for(SOON, "the answers to be recorded", || {
        let records = board.records();
        let answered = records.iter().all(|record| record.answered.is_some());
        answered.then_some(records)
    })
    .unwrap();
    let labels: Vec<_> = records.iter().map(|record| record.call.label()).collect();
    assert_eq!(labels, ["dixa create", "none unknown"]);
    for record in records {
        let (applied, answered) = (record.applied.unwrap(), record.answered.unwrap());
        assert!(record.seq < applied.seq && applied.seq < answered.seq);
        assert_eq!(applied.status, answered.status);
    }
}

#[test]
fn before_keeps_a_request_from_the_server_and_applied_does_not() {
    let provider = Provider::start();
    for (at, seen) in [(At::Before, 0), (At::Applied, 1)] {
        for (action, status) in [(Action::Reset, None), (Action::status(503), Some(503))] {
            let before = provider.creates();
            let plan = provider.plan("dixa create", at, action);
            assert_eq!(provider.create().map(|reply| reply.status), status);
            assert_eq!(provider.creates() - before, seen);
            assert_eq!(provider.switchboard.fired(plan), 1);
        }
    }
    assert_eq!(provider.create().unwrap().status, 401, "each plan struck once");
}

#[test]
fn a_body_is_swapped_sliced_and_cut() {
    let provider = Provider::start();
    let whole = provider.client.get("/elsewhere").unwrap().body;
    let look = |action| {
        provider.plan("none unknown", At::Applied, action);
        provider
            .client
            .get("/elsewhere")
            .map(|reply| (reply.status, reply.body))
    };
    assert_eq!(look(Action::Body(Swap::Null)).unwrap(), (404, "null".to_owned()));
    assert_eq!(look(Action::Body(Swap::Empty)).unwrap(), (404, String::new()));
    let (_, half) = look(Action::Body(Swap::Truncated)).unwrap();
    assert!(whole.starts_with(&half) && half.len() == whole.len() / 2);
    let slow = Action::Slice {
        bytes: 3,
        pause: Duration::from_millis(1),
    };
    assert_eq!(look(slow).unwrap(), (404, whole));
    assert!(look(Action::Cut { after: 4 }).is_err());
}

#[test]
fn a_held_request_waits_until_it_is_released() {
    let provider = Provider::start();
    provider.plan("dixa create", At::Before, Action::Hold);
    thread::scope(|scope| {
        let waiting = scope.spawn(|| provider.create());
        let requests = Pattern::label("dixa create");
        let held = provider.switchboard.wait_held(&requests, SOON).unwrap();
        assert_eq!(provider.creates(), 0);
        assert!(provider.switchboard.release(held, Release::Continue));
        assert_eq!(waiting.join().unwrap().unwrap().status, 401);
    });
    provider.plan("dixa create", At::Applied, Action::Hold);
    thread::scope(|scope| {
        let waiting = scope.spawn(|| provider.create());
        let requests = Pattern::label("dixa create");
        let held = provider.switchboard.wait_held(&requests, SOON).unwrap();
        assert_eq!(provider.creates(), 2);
        assert!(provider.switchboard.release(held, Release::Drop));
        assert!(waiting.join().unwrap().is_none());
    });
}

#[test]
fn a_kill_hits_the_named_process_at_each_moment() {
    let provider = Provider::start();
    for (at, seen, answer) in [
        (At::Before, 0, None),
        (At::Applied, 1, None),
        (At::After, 1, Some(401)),
    ] {
        let before = provider.creates();
        let mut victim = Command::new("sleep").arg("600").process_group(0).spawn().unwrap();
        provider.switchboard.aim(victim.id());
        provider.plan("dixa create", at, Action::Kill);
        assert_eq!(provider.create().map(|reply| reply.status), answer);
        assert_eq!(victim.wait().unwrap().signal(), Some(9));
        assert_eq!(provider.creates() - before, seen);
    }
    let events: Vec<_> = provider
        .switchboard
        .processes()
        .iter()
        .map(|(_, _, event)| *event)
        .collect();
    assert_eq!(events, [ProcessEvent::Started, ProcessEvent::Killed].repeat(3));
}

#[test]
fn a_link_that_is_down_resets_and_one_that_is_mute_says_nothing_until_it_is_up() {
    let provider = Provider::start();
    assert!(provider.create().is_some());
    provider.proxy.link(Link::Down);
    assert!(provider.create().is_none());
    provider.proxy.link(Link::Mute);
    thread::scope(|scope| {
        let waiting = scope.spawn(|| provider.create());
        assert_eq!(provider.creates(), 1);
        assert!(!waiting.is_finished());
        provider.proxy.link(Link::Up);
        assert_eq!(waiting.join().unwrap().unwrap().status, 401);
    });
}

/// An apiserver behind a proxy, with the admin's rights.
struct Apiserver {
    switchboard: Switchboard,
    cluster: &'static Cluster,
    namespace: String,
    _proxy: FaultProxy,
    client: HttpClient,
}

impl Apiserver {
    fn start() -> Self {
        let cluster: &'static Cluster = ControlPlane::shared();
        let switchboard = Switchboard::default();
        let proxy = FaultProxy::before_apiserver(cluster, &cluster.kubeconfig(), &switchboard).unwrap();
        let config: Value = serde_json::from_slice(&fs::read(proxy.kubeconfig()).unwrap()).unwrap();
        let text = |pointer: &str| config.pointer(pointer).unwrap().as_str().unwrap().to_owned();
        let server = text("/clusters/0/cluster/server");
        assert_eq!(server, proxy.url());
        let authority = fs::read(text("/clusters/0/cluster/certificate-authority")).unwrap();
        let client = HttpClient::with_token(&server, &authority, &text("/users/0/user/token")).unwrap();
        Self {
            namespace: cluster.namespace("proxy").unwrap(),
            switchboard,
            cluster,
            _proxy: proxy,
            client,
        }
    }

    fn collection(&self) -> String {
        format!("/api/v1/namespaces/{}/configmaps", self.namespace)
    }

    /// Makes objects of these names, and then watches them from before until the watch ends; the events as
    /// `TYPE name`.
    fn watch(&self, names: &[&str]) -> Vec<String> {
        let list = self
            .client
            .get(&self.collection())
            .unwrap()
            .ok()
            .unwrap()
            .json()
            .unwrap();
        let version = list["metadata"]["resourceVersion"].as_str().unwrap().to_owned();
        let api = self.cluster.api().unwrap();
        for name in names {
            let body = json!({"metadata": {"name": name}});
            api.post(&self.collection(), &body).unwrap().ok().unwrap();
        }
        let only = "fieldSelector=metadata.name!%3Dkube-root-ca.crt";
        let path = format!(
            "{}?watch=true&resourceVersion={version}&{only}",
            self.collection()
        );
        let text = self.client.get(&path).unwrap().ok().unwrap().body;
        let events = text.lines().map(|line| {
            let event: Value = serde_json::from_str(line).unwrap();
            let text = |pointer: &str| {
                event
                    .pointer(pointer)
                    .and_then(Value::as_str)
                    .unwrap_or_default()
                    .to_owned()
            };
            format!("{} {}", text("/type"), text("/object/metadata/name"))
        });
        events.collect()
    }

    fn plan(&self, kind: &str, name: &str, action: WatchAction) {
        let plan = WatchPlan::first("configmaps", EventPattern::kind(kind, name), action);
        self.switchboard.add_watch(plan);
    }
}

#[test]
fn the_apiserver_is_reached_through_the_proxy_and_refusals_look_like_its_own() {
    let apiserver = Apiserver::start();
    let path = apiserver.collection();
    let body = json!({"metadata": {"name": "a"}});
    let plan = Plan::first(
        Pattern::label("create configmaps"),
        At::Applied,
        Action::Status {
            code: 504,
            retry_after: Some("1".to_owned()),
        },
    );
    apiserver.switchboard.add(plan).unwrap();
    let reply = apiserver.client.post(&path, &body).unwrap();
    assert_eq!(
        (reply.status, reply.json().unwrap()["reason"].clone()),
        (504, json!("Timeout"))
    );
    assert_eq!(
        apiserver.client.post(&path, &body).unwrap().status,
        409,
        "it was applied"
    );
    let calls: Vec<_> = apiserver
        .switchboard
        .records()
        .iter()
        .map(|record| record.call.to_string())
        .collect();
    let expected = format!("create configmaps {}/", apiserver.namespace);
    assert_eq!(calls, [expected.as_str(), expected.as_str()]);
}

#[test]
fn single_events_of_a_watch_are_dropped_repeated_and_late() {
    let apiserver = Apiserver::start();
    apiserver.plan("ADDED", "a", WatchAction::Late(2));
    apiserver.plan("ADDED", "b", WatchAction::Replay(2));
    apiserver.plan("ADDED", "c", WatchAction::Drop);
    apiserver.plan("ADDED", "e", WatchAction::Gone);
    let events = apiserver.watch(&["a", "b", "c", "d", "e"]);
    assert_eq!(
        events,
        ["ADDED b", "ADDED b", "ADDED b", "ADDED d", "ADDED a", "ERROR "]
    );
}

#[test]
fn the_events_of_a_watch_wait_while_one_is_held() {
    let apiserver = Apiserver::start();
    apiserver.plan("ADDED", "b", WatchAction::Hold);
    apiserver.plan("ADDED", "d", WatchAction::End);
    thread::scope(|scope| {
        let watching = scope.spawn(|| apiserver.watch(&["a", "b", "c", "d"]));
        let requests = Pattern::watch("configmaps");
        let held = apiserver.switchboard.wait_held(&requests, SOON).unwrap();
        assert!(!watching.is_finished());
        assert!(apiserver.switchboard.release(held, Release::Continue));
        assert_eq!(watching.join().unwrap(), ["ADDED a", "ADDED b", "ADDED c"]);
    });
}
