//! Everything that a crash test runs on: a namespace with objects, a simulated provider, an operator that
//! watches that namespace only.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::time::Duration;

use serde_json::{Value, json};
use test_harness::{ControlPlane, Operator, Simulator, binary, wait_for};
use webhook_operator::crd;

use crate::crash::Point;

const KIND: &str = "webhooksubscriptions.webhook-operator.io";
const MANIFEST: &str = concat!(
    include_str!("../../deploy/kustomize/namespace/namespace.yaml"),
    include_str!("../../deploy/kustomize/base/operator.yaml")
);
const OPERATOR: &str = "webhook-operator";

pub struct Stage {
    pub objects: usize,
    cluster: &'static ControlPlane,
    simulator: Simulator,
    namespace: String,
    kubeconfig: PathBuf,
    running: Option<Operator>,
    /// Kept for their logs, which stay when the test fails.
    ended: Vec<Operator>,
}

impl Stage {
    /// `objects` subscriptions of one provider, stored; nothing looks at them yet.
    pub fn new(name: &str, objects: usize) -> Self {
        let cluster = ControlPlane::shared();
        install(cluster);
        let program = binary("provider-simulator", "provider-simulator").unwrap();
        let simulator = Simulator::start(&program, &["--switch", "dixa.rateLimit=off"]).unwrap();
        let namespace = cluster.namespace(name).unwrap();
        let kubeconfig = cluster.service_account_kubeconfig(OPERATOR, OPERATOR).unwrap();
        let stage = Self {
            objects,
            cluster,
            simulator,
            namespace,
            kubeconfig,
            running: None,
            ended: Vec::new(),
        };
        let items: Vec<Value> = stage
            .account()
            .into_iter()
            .chain((0..objects).map(subscription))
            .collect();
        let list = json!({"apiVersion": "v1", "kind": "List", "items": items}).to_string();
        let apply = ["apply", "-n", &stage.namespace, "-f", "-"];
        cluster.kubectl(&apply, &list).unwrap();
        stage
    }

    fn account(&self) -> [Value; 2] {
        [
            json!({
                "apiVersion": "v1",
                "kind": "Secret",
                "metadata": {"name": "dixa-api", "labels": {"webhook-operator.io/use": "credentials"}},
                "stringData": {"token": "dixa-token-example"},
            }),
            json!({
                "apiVersion": "webhook-operator.io/v1alpha1",
                "kind": "WebhookProvider",
                "metadata": {"name": "dixa"},
                "spec": {
                    "type": "Dixa",
                    "endpoint": self.simulator.http(),
                    "credentials": {"secretRef": {"name": "dixa-api", "key": "token"}},
                    "rateLimit": {"requestsPerMinute": 1_000_000, "burst": 100_000},
                },
            }),
        ]
    }

    /// Starts an operator; the one before must have ended.
    pub fn start(&mut self, settle_time: &str) {
        let program = Path::new(env!("CARGO_BIN_EXE_webhook-operator"));
        // Few at once: each may still be carried out after a kill, and the kills are to be spread.
        let args = [
            "run",
            "--allow-insecure-http",
            "--concurrency=16",
            &format!("--settle-time={settle_time}"),
            &format!("--watch-namespace={}", self.namespace),
            &format!("--cluster-id={}", self.namespace),
        ];
        let env = [("POD_NAMESPACE", OPERATOR), ("RUST_LOG", "info")];
        self.end();
        let operator = Operator::start(program, &args, &env, &self.kubeconfig).unwrap();
        self.running = Some(operator);
    }

    /// Ends the operator with SIGKILL, if one runs.
    pub fn end(&mut self) {
        if let Some(mut operator) = self.running.take() {
            operator.kill9();
            self.ended.push(operator);
        }
    }

    /// The running operator, to be ended by the caller.
    pub fn take_running(&mut self) -> Operator {
        self.running.take().unwrap()
    }

    /// Asks for the deletion of all objects, without waiting for it.
    pub fn delete_all(&self) {
        let delete = ["delete", KIND, "--all", "--wait=false", "-n", &self.namespace];
        self.cluster.kubectl(&delete, "").unwrap();
    }

    /// The objects as they are stored.
    pub fn listed(&self) -> Vec<Value> {
        self.cluster.list_json(KIND, &self.namespace).unwrap()
    }

    /// What there is at the provider: ids by the URL, which is another for every object. Fails when two have the
    /// same.
    pub fn remote(&self) -> BTreeMap<String, String> {
        let all = self.simulator.admin_get("/admin/subscriptions").unwrap();
        let text = |value: &Value, name: &str| value[name].as_str().unwrap().to_owned();
        let mut found = BTreeMap::new();
        for one in all.as_array().unwrap() {
            let (url, id) = (text(one, "url"), text(one, "id"));
            let other = found.insert(url, id);
            assert!(other.is_none(), "a duplicate: {other:?} and {one}");
        }
        found
    }

    /// Ids that the objects know.
    pub fn stored(&self) -> BTreeSet<String> {
        self.listed().iter().filter_map(stored_id).collect()
    }

    /// Every object is Ready, and knows the id that has its URL.
    pub fn everything_is_in_place(&self) -> Result<(), String> {
        let (objects, remote) = (self.listed(), self.remote());
        let ready = objects.iter().filter(|object| is_ready(object)).count();
        let own = |object: &&Value| {
            let url = object["spec"]["url"].as_str().unwrap_or_default();
            stored_id(object).is_some_and(|id| remote.get(url) == Some(&id)) && pending(object) == 0
        };
        let own = objects.iter().filter(own).count();
        let expected = self.objects;
        if [objects.len(), remote.len(), ready, own] == [expected; 4] {
            return Ok(());
        }
        let example = objects.iter().find(|object| !is_ready(object));
        let status = example.map(|object| object["status"].to_string());
        Err(format!(
            "{} objects, {} remote, {ready} Ready, {own} with their own id; one that is not Ready: {status:?}",
            objects.len(),
            remote.len()
        ))
    }

    /// No object and no remote subscription.
    pub fn nothing_is_left(&self) -> Result<(), String> {
        let (objects, remote) = (self.listed(), self.remote());
        if objects.is_empty() && remote.is_empty() {
            return Ok(());
        }
        let status = objects.first().map(|object| object["status"].to_string());
        Err(format!(
            "{} objects, {} remote; the first: {status:?}",
            objects.len(),
            remote.len()
        ))
    }

    /// Objects whose create was carried out and whose id is not stored.
    pub fn created_and_not_stored(&self) -> usize {
        let (objects, remote) = (self.listed(), self.remote());
        let open = |object: &&Value| {
            let url = object["spec"]["url"].as_str().unwrap_or_default();
            remote.contains_key(url) && stored_id(object).is_none() && pending(object) > 0
        };
        objects.iter().filter(open).count()
    }

    /// Objects whose remote subscription is gone and that are still held.
    pub fn deleted_and_not_released(&self) -> usize {
        let (objects, remote) = (self.listed(), self.remote());
        let ids: BTreeSet<String> = remote.into_values().collect();
        let open = |object: &&Value| {
            !object["metadata"]["deletionTimestamp"].is_null()
                && stored_id(object).is_some_and(|id| !ids.contains(&id))
        };
        objects.iter().filter(open).count()
    }

    /// Number of the newest request.
    pub fn newest_request(&self) -> u64 {
        let state = self.simulator.admin_get("/admin/state").unwrap();
        state["lastSeq"].as_u64().unwrap()
    }

    /// Holds the `nth` request of that operation from now on, if the point is one where requests are held.
    pub fn hold(&self, operation: &str, nth: usize, point: Point) {
        if let Some(when) = point.held() {
            let action = json!({"type": "hold", "when": when});
            let plan = json!({"match": {"operation": operation}, "nth": nth, "action": action});
            self.simulator.admin_post("/admin/faults", &plan).unwrap();
        }
    }

    /// Waits for the `count`-th request after `since` to come that far; returns its number.
    pub fn wait(&mut self, operation: &str, milestone: &str, count: usize, since: u64) -> u64 {
        let path = format!(
            "/admin/wait?operation={operation}&milestone={milestone}&count={count}&since={since}&timeoutMs=1000"
        );
        let what = format!("request {count} of {operation} after {since} to be {milestone}");
        let found = wait_for(Duration::from_mins(3), &what, || {
            let ended = self
                .running
                .as_mut()
                .and_then(|operator| operator.ended().unwrap());
            assert_eq!(ended, None, "the operator ended by itself");
            self.simulator.admin_get(&path)
        });
        found.unwrap()["seq"].as_u64().unwrap()
    }

    /// Ends the hold of a request: `continue` or `drop`.
    pub fn release(&self, seq: u64, how: &str) {
        let path = format!("/admin/holds/{seq}/release");
        self.simulator
            .admin_post(&path, &json!({"release": how}))
            .unwrap();
    }

    /// Forgets the plans whose time is over.
    pub fn clear_faults(&self) {
        self.simulator.admin_delete("/admin/faults").unwrap();
    }
}

impl Drop for Stage {
    /// The control plane is shared: the provider must not be looked after by nobody.
    fn drop(&mut self) {
        if !std::thread::panicking() {
            self.end();
        }
    }
}

fn install(cluster: &ControlPlane) {
    // Without a node there is nothing that a Deployment could run on; the operator is started by hand.
    let documents = MANIFEST.split("\n---\n");
    let rights: Vec<&str> = documents
        .filter(|document| !document.contains("kind: Deployment"))
        .collect();
    let definitions = crd::yaml_stream().unwrap();
    // Other tests do the same at the same time, and then one of them is told so.
    for manifest in [definitions, rights.join("\n---\n")] {
        let apply = || cluster.apply(&manifest);
        wait_for(Duration::from_secs(100), "the operator's manifests", apply).unwrap();
    }
    wait_for(Duration::from_secs(100), "the kind to be served", || {
        cluster.list_json(KIND, "default")
    })
    .unwrap();
}

fn subscription(number: usize) -> Value {
    json!({
        "apiVersion": "webhook-operator.io/v1alpha1",
        "kind": "WebhookSubscription",
        "metadata": {"name": format!("subscription-{number:04}")},
        "spec": {
            "providerRef": {"name": "dixa"},
            "url": format!("https://hooks.acme.example/dixa/{number:04}"),
            "events": ["ConversationCreated", "ConversationClosed"],
            "delivery": {"interval": "0s"},
        },
    })
}

fn stored_id(object: &Value) -> Option<String> {
    let id = object.pointer("/status/subscriptions/0/externalID")?;
    Some(id.as_str()?.to_owned())
}

fn pending(object: &Value) -> usize {
    object["status"]["pendingOperations"]
        .as_array()
        .map_or(0, Vec::len)
}

fn is_ready(object: &Value) -> bool {
    let conditions = object["status"]["conditions"].as_array();
    conditions
        .into_iter()
        .flatten()
        .any(|condition| condition["type"] == "Ready" && condition["status"] == "True")
}
