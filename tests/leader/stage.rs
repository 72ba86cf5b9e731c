//! Two replicas of one install, each with a `ServiceAccount` of its own, so that the audit log tells them apart.

use std::fs;
use std::path::PathBuf;
use std::process::Command;
use std::time::Duration;

use jiff::Timestamp;
use serde_json::{Value, json};
use test_harness::{Operator, binary, wait_for};

use crate::relay::Relay;
use crate::support::{OPERATOR_NAMESPACE, PROVIDER, SOON, Setup, World};

/// The duration of the Lease, in seconds: long enough for an apiserver on a machine with two busy cores.
pub const DURATION: u64 = 15;
/// How long a leader writes without a renewal, in seconds.
pub const DEADLINE: u64 = 12;
const LEASE: &str = "leases.coordination.k8s.io";

/// A namespace and a provider, and the right to elect a leader there.
pub struct Stage {
    pub world: World,
}

/// One replica.
pub struct Replica {
    pub operator: Operator,
    /// Its user in the audit log.
    pub user: String,
}

impl Stage {
    pub fn start() -> Self {
        let world = Setup::new().without_operator().start();
        let stage = Self { world };
        for place in ["a", "b"] {
            stage.install(place);
        }
        stage.world.connect();
        stage
    }

    /// The same with an account of two requests a second: a row of creates lasts long enough that a leader can be
    /// met in the middle of it, on however busy a machine.
    pub fn start_slow() -> Self {
        let stage = Self::start();
        stage.budget(120, 1);
        stage
    }

    /// Another budget of the account.
    pub fn budget(&self, per_minute: u32, burst: u32) {
        let limit = json!({"requestsPerMinute": per_minute, "burst": burst});
        let change = json!({"spec": {"rateLimit": limit}});
        self.world.patch(PROVIDER, "dixa", change);
    }

    /// The rights of the ordinary `ServiceAccount` for another one, and those on a Lease of our own.
    fn install(&self, place: &str) {
        let name = self.account(place);
        let (namespace, lease) = (OPERATOR_NAMESPACE, self.lease_name());
        let leases = [lease.clone(), format!("{lease}-a"), format!("{lease}-b")];
        let subjects = json!([{"kind": "ServiceAccount", "name": name, "namespace": namespace}]);
        let role = |kind: &str, name: &str| json!({"apiGroup": "rbac.authorization.k8s.io", "kind": kind, "name": name});
        let rbac = "rbac.authorization.k8s.io/v1";
        let in_namespace = |name: &str| json!({"name": name, "namespace": namespace});
        let objects = [
            json!({"apiVersion": "v1", "kind": "ServiceAccount", "metadata": in_namespace(&name)}),
            json!({"apiVersion": rbac, "kind": "ClusterRoleBinding", "metadata": {"name": name},
                   "roleRef": role("ClusterRole", "webhook-operator"), "subjects": subjects}),
            json!({"apiVersion": rbac, "kind": "RoleBinding", "metadata": in_namespace(&name),
                   "roleRef": role("Role", "webhook-operator"), "subjects": subjects}),
            json!({"apiVersion": rbac, "kind": "Role", "metadata": in_namespace(&format!("{name}-lease")), "rules": [
                {"apiGroups": ["coordination.k8s.io"], "resources": ["leases"], "resourceNames": leases,
                 "verbs": ["get", "update"]},
                {"apiGroups": ["coordination.k8s.io"], "resources": ["leases"], "verbs": ["create"]}]}),
            json!({"apiVersion": rbac, "kind": "RoleBinding", "metadata": in_namespace(&format!("{name}-lease")),
                   "roleRef": role("Role", &format!("{name}-lease")), "subjects": subjects}),
        ];
        let list = json!({"apiVersion": "v1", "kind": "List", "items": objects}).to_string();
        self.world
            .cluster()
            .kubectl(&["apply", "-f", "-"], &list)
            .unwrap();
    }

    /// Takes the right to the Lease from the replica `place`, or gives it back.
    pub fn allow_lease(&self, place: &str, allowed: bool) {
        if allowed {
            return self.install(place);
        }
        let binding = format!("{}-lease", self.account(place));
        let delete = [
            "--namespace",
            OPERATOR_NAMESPACE,
            "delete",
            "rolebinding",
            &binding,
        ];
        self.world.cluster().kubectl(&delete, "").unwrap();
    }

    fn account(&self, place: &str) -> String {
        format!("{}-{place}", self.world.namespace)
    }

    fn lease_name(&self) -> String {
        self.world.namespace.clone()
    }

    /// Starts the replica `place` (`a` or `b`).
    pub fn replica(&self, place: &str) -> Replica {
        self.replica_with(place, None, &[])
    }

    /// The same over a relay to the apiserver, or with further flags.
    pub fn replica_with(&self, place: &str, relay: Option<&Relay>, flags: &[&str]) -> Replica {
        let cluster = self.world.cluster();
        let account = self.account(place);
        let kubeconfig = cluster
            .service_account_kubeconfig(OPERATOR_NAMESPACE, &account)
            .unwrap();
        if let Some(relay) = relay {
            redirect(&kubeconfig, cluster.server(), relay);
        }
        let namespace = &self.world.namespace;
        let mut args = vec![
            "run".to_owned(),
            "--allow-insecure-http".to_owned(),
            "--leader-elect".to_owned(),
            format!("--lease-name={}", self.lease_name()),
            format!("--lease-duration={DURATION}s"),
            format!("--lease-renew-deadline={DEADLINE}s"),
            "--lease-retry-period=500ms".to_owned(),
            "--settle-time=2s".to_owned(),
            format!("--watch-namespace={namespace}"),
            format!("--cluster-id={namespace}"),
        ];
        for flag in flags {
            let name = flag.split('=').next().unwrap();
            args.retain(|arg| !arg.starts_with(name));
            args.push((*flag).to_owned());
        }
        let args: Vec<&str> = args.iter().map(String::as_str).collect();
        let pod = format!("replica-{place}");
        let env = [("POD_NAMESPACE", OPERATOR_NAMESPACE), ("POD_NAME", pod.as_str())];
        let binary = binary("webhook-operator", "webhook-operator").unwrap();
        let mut operator = Operator::start(&binary, &args, &env, &kubeconfig).unwrap();
        operator.addr().unwrap();
        Replica {
            operator,
            user: format!("system:serviceaccount:{OPERATOR_NAMESPACE}:{account}"),
        }
    }

    /// `count` subscriptions with an address each.
    pub fn subscribe(&self, prefix: &str, count: usize) -> Vec<String> {
        let names: Vec<String> = (0..count).map(|number| format!("{prefix}-{number}")).collect();
        for name in &names {
            let url = format!("https://hooks.acme.example/{name}");
            self.world.subscribe(name, json!({"url": url}));
        }
        names
    }

    /// How many creates the provider was asked for.
    pub fn creates(&self) -> usize {
        let log = self.world.simulator.log();
        log.iter().filter(|entry| entry.operation == "create").count()
    }

    /// Waits until every object is Ready, and checks that each has exactly one remote subscription, made by one
    /// create.
    pub fn all_in_place(&self, names: &[String]) {
        for name in names {
            self.world.ready(name);
        }
        let mut urls: Vec<String> = self
            .world
            .remote()
            .into_iter()
            .map(|one| one.content.url)
            .collect();
        urls.sort();
        let mut expected: Vec<String> = names
            .iter()
            .map(|name| format!("https://hooks.acme.example/{name}"))
            .collect();
        expected.sort();
        assert_eq!(urls, expected);
        assert_eq!(self.creates(), names.len());
    }

    /// The Lease, where there is one.
    pub fn lease(&self) -> Option<Value> {
        let cluster = self.world.cluster();
        cluster
            .get_json(LEASE, OPERATOR_NAMESPACE, &self.lease_name())
            .unwrap()
    }

    /// A time that the Lease tells, of its spec.
    pub fn lease_time(&self, member: &str) -> Timestamp {
        let lease = self.lease().unwrap();
        lease["spec"][member].as_str().unwrap().parse().unwrap()
    }

    /// How often the Lease changed hands.
    pub fn transitions(&self) -> u64 {
        let lease = self.lease();
        lease.map_or(0, |lease| lease["spec"]["leaseTransitions"].as_u64().unwrap_or(0))
    }

    /// Changes the Lease by hand (RFC 7386).
    pub fn edit_lease(&self, change: &Value) {
        let api = self.world.cluster().api().unwrap();
        api.patch(&self.lease_path(), change).unwrap().ok().unwrap();
    }

    /// Deletes the Lease by hand.
    pub fn delete_lease(&self) {
        let api = self.world.cluster().api().unwrap();
        api.delete(&self.lease_path()).unwrap().ok().unwrap();
    }

    fn lease_path(&self) -> String {
        let path = self.world.cluster().path(LEASE, OPERATOR_NAMESPACE).unwrap();
        format!("{path}/{}", self.lease_name())
    }

    /// The provider is at another address from now on.
    pub fn reach_provider_at(&self, address: &str) {
        let spec = json!({"spec": {"endpoint": address}});
        self.world.patch(PROVIDER, "dixa", spec);
    }
}

/// Lets a kubeconfig lead to a relay.
fn redirect(kubeconfig: &PathBuf, server: &str, relay: &Relay) {
    let text = fs::read_to_string(kubeconfig).unwrap();
    let (scheme, _) = server.split_once("://").unwrap();
    let text = text.replace(server, &format!("{scheme}://{}", relay.address()));
    fs::write(kubeconfig, text).unwrap();
}

impl Replica {
    /// Whether its metric says that it leads.
    pub fn leads(&mut self) -> bool {
        let metrics = self.operator.metrics().unwrap();
        metrics.lines().any(|line| line == "webhook_operator_leader 1")
    }

    /// Waits until it leads.
    pub fn comes_to_lead(&mut self) {
        self.within(SOON, "the replica to lead", Self::leads);
    }

    /// Waits until it is ready and waits for the other one.
    pub fn stands_by(&mut self) {
        self.within(SOON, "the replica to stand by", |replica| {
            replica.operator.readyz().unwrap().status == 200
                && replica.operator.log_text().contains("standing by")
        });
        assert!(!self.leads());
    }

    /// Waits for its end; returns its exit code.
    pub fn ends(&mut self) -> i32 {
        let mut code = None;
        self.within(SOON, "the replica to end", |replica| {
            code = replica.operator.ended().unwrap().map(|status| status.code());
            code.is_some()
        });
        code.flatten().unwrap()
    }

    pub fn within(&mut self, deadline: Duration, what: &str, mut look: impl FnMut(&mut Self) -> bool) {
        let late = wait_for(deadline, what, || look(self)).err();
        assert!(late.is_none(), "{late:?}\n{}", self.operator.log_text());
    }

    pub fn signal(&self, signal: &str) {
        let id = self.operator.id().to_string();
        assert!(
            Command::new("kill")
                .args([signal, &id])
                .status()
                .unwrap()
                .success()
        );
    }
}
