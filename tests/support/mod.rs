//! A small world for integration tests: a namespace of the shared control plane, a provider's simulator in this
//! process, and the operator's binary that watches only that namespace, as its own `ServiceAccount`.
//!
//! Worlds do not meet: each has a namespace, a simulator and a cluster id of its own, so that tests run side by
//! side. Only an operator that watches everything needs a control plane for itself ([`Setup::cluster_wide`]).
//!
//! ```ignore
//! let world = World::start();
//! world.connect();
//! world.subscribe("crm", json!({"events": ["ConversationClosed"]}));
//! world.ready("crm");
//! assert_eq!(world.only_remote().content.events, ["ConversationClosed"]);
//! ```

#![allow(dead_code, unused_imports, reason = "each test program uses its part")]
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::must_use_candidate,
    reason = "a test that cannot go on has failed"
)]

mod faults;
mod install;
mod leaks;
mod looks;
mod objects;
mod remote;
mod row;
mod side;
mod storm;
mod watch;

use std::collections::BTreeSet;
use std::ops::Deref;
use std::path::{Path, PathBuf};
use std::sync::Mutex;
use std::time::Duration;

use provider_simulator::{Config, Simulator, TlsListeners};
use test_harness::{AuditReader, Cluster, ControlPlane, Look, Operator, Options, binary, wait_for};
use tokio::runtime::{Builder, Runtime};

pub use faults::Faults;
pub use leaks::leaks;
pub use objects::{condition, conditions, merge};
pub use provider_simulator::now_ms;
pub use row::Row;
pub use side::{ELSEWHERE, Side};
pub use watch::{PLANTED, shown};

/// How long anything may take that should happen at once; generous, for a machine with two busy cores.
pub const SOON: Duration = Duration::from_secs(120);
/// An address where nobody listens: the system gives this port to nobody who asks for any.
pub const NOWHERE: &str = "http://127.0.0.1:1";
/// The namespace of the operator itself, as `deploy/kustomize` names it.
pub const OPERATOR_NAMESPACE: &str = "webhook-operator";
/// The user that the audit log shows for the operator.
pub const OPERATOR_USER: &str = "system:serviceaccount:webhook-operator:webhook-operator";

/// What kubectl and the API call the kinds. With the group, because other tests define kinds of the same name.
pub const SUBSCRIPTION: &str = "webhooksubscriptions.webhook-operator.io";
/// See [`SUBSCRIPTION`].
pub const PROVIDER: &str = "webhookproviders.webhook-operator.io";
/// See [`SUBSCRIPTION`].
pub const CLUSTER_PROVIDER: &str = "clusterwebhookproviders.webhook-operator.io";

/// Where a world lives.
enum Plane {
    Shared(&'static ControlPlane),
    Own(Box<ControlPlane>),
}

impl Plane {
    fn is_own(&self) -> bool {
        matches!(self, Self::Own(_))
    }
}

impl Deref for Plane {
    type Target = Cluster;

    fn deref(&self) -> &Cluster {
        match self {
            Self::Shared(plane) => plane,
            Self::Own(plane) => plane,
        }
    }
}

/// How the operator reaches the others.
#[derive(PartialEq, Eq)]
enum Way {
    Direct,
    Proxied,
}

/// How a world is to be; [`Self::start`] makes it.
pub struct Setup {
    flags: Vec<String>,
    switches: Vec<(String, String)>,
    tls: TlsListeners,
    operator: bool,
    insecure_http: bool,
    cluster_wide: bool,
    log: &'static str,
    way: Way,
}

impl Default for Setup {
    fn default() -> Self {
        Self::new()
    }
}

impl Setup {
    /// Plain http is allowed, nothing listens with TLS, and the simulator's rate limit is off.
    pub fn new() -> Self {
        Self {
            flags: Vec::new(),
            switches: ["dixa", "bird"]
                .map(|provider| (format!("{provider}.rateLimit"), "off".to_owned()))
                .into(),
            tls: TlsListeners::None,
            operator: true,
            insecure_http: true,
            cluster_wide: false,
            log: "trace",
            way: Way::Direct,
        }
    }

    /// One more flag of the operator, `--name=value`. It wins over the world's own of that name.
    #[must_use]
    pub fn flag(mut self, flag: &str) -> Self {
        self.flags.push(flag.to_owned());
        self
    }

    /// A switch of the simulator, for example `dixa.echoCustomHeaders`.
    #[must_use]
    pub fn switch(mut self, name: &str, value: &str) -> Self {
        self.switches.push((name.to_owned(), value.to_owned()));
        self
    }

    /// TLS listeners of the simulator.
    #[must_use]
    pub fn tls(mut self, listeners: TlsListeners) -> Self {
        self.tls = listeners;
        self
    }

    /// Without `--allow-insecure-http`; the simulator's listeners with TLS, on loopback, are still reached.
    #[must_use]
    pub fn https_only(mut self) -> Self {
        self.insecure_http = false;
        self
    }

    /// The operator is started later, by [`World::start_operator`].
    #[must_use]
    pub fn without_operator(mut self) -> Self {
        self.operator = false;
        self
    }

    /// The operator watches all namespaces of a control plane that is started for this world alone (5 s, 500 MB),
    /// without controller manager, and derives its cluster id.
    #[must_use]
    pub fn cluster_wide(mut self) -> Self {
        self.cluster_wide = true;
        self
    }

    /// Makes the world.
    pub fn start(self) -> World {
        let runtime = Builder::new_multi_thread()
            .worker_threads(1)
            .enable_all()
            .build()
            .unwrap();
        let config = Config {
            tls: self.tls,
            switches: self.switches,
            planted: Some(PLANTED.to_owned()),
            ..Config::default()
        };
        let simulator = runtime.block_on(Simulator::start(config)).unwrap();
        let plane = if self.cluster_wide {
            let options = Options {
                controller_manager: false,
                ..Options::default()
            };
            Plane::Own(Box::new(ControlPlane::start(&options).unwrap()))
        } else {
            Plane::Shared(ControlPlane::shared())
        };
        install::install(&plane);
        let namespace = plane.namespace("world").unwrap();
        let kubeconfig = plane
            .service_account_kubeconfig(OPERATOR_NAMESPACE, "webhook-operator")
            .unwrap();
        let mut flags = Vec::new();
        if self.insecure_http {
            flags.push("--allow-insecure-http".to_owned());
        }
        if !self.cluster_wide {
            flags.push(format!("--watch-namespace={namespace}"));
        }
        let proxied = self.way == Way::Proxied;
        let faults = proxied.then(|| Faults::between(&plane, &kubeconfig, &simulator));
        let audit_reader = plane.audit_from_now().unwrap();
        let mut world = World {
            secrets: Mutex::default(),
            kept: Vec::new(),
            audit_reader,
            audited: Vec::new(),
            watched: self.log == "trace",
            log: self.log,
            faults,
            operator: None,
            simulator,
            runtime,
            plane,
            namespace,
            kubeconfig,
            flags,
            extra: self.flags,
        };
        if self.operator {
            world.start_operator();
        }
        world
    }
}

/// A running world. Dropping it kills the operator and stops the simulator, and fails the test if the operator has
/// told anybody a secret.
pub struct World {
    secrets: Mutex<BTreeSet<String>>,
    kept: watch::Told,
    audit_reader: AuditReader,
    audited: Vec<String>,
    watched: bool,
    log: &'static str,
    // The order matters: the operator ends before what it talks to.
    operator: Option<Operator>,
    /// What stands between it and the others, see [`Setup::through_proxies`].
    pub faults: Option<Faults>,
    /// The provider.
    pub simulator: Simulator,
    runtime: Runtime,
    plane: Plane,
    /// The namespace that the operator watches.
    pub namespace: String,
    kubeconfig: PathBuf,
    flags: Vec<String>,
    extra: Vec<String>,
}

impl World {
    /// [`Setup::new`], started.
    pub fn start() -> Self {
        Setup::new().start()
    }

    /// The control plane.
    pub fn cluster(&self) -> &Cluster {
        &self.plane
    }

    /// The control plane, if it is this world's alone ([`Setup::cluster_wide`]): it may be harmed.
    pub fn own_plane(&mut self) -> &mut ControlPlane {
        match &mut self.plane {
            Plane::Own(plane) => plane,
            Plane::Shared(_) => panic!("others use this control plane too"),
        }
    }

    /// The file that the operator is started with.
    pub fn kubeconfig(&self) -> &Path {
        &self.kubeconfig
    }

    /// Lets the operator use another file from its next start on.
    pub fn use_kubeconfig(&mut self, file: &Path) {
        file.clone_into(&mut self.kubeconfig);
    }

    /// Starts the operator and returns once it listens.
    pub fn start_operator(&mut self) {
        let binary = binary("webhook-operator", "webhook-operator").unwrap();
        let mut args = vec!["run".to_owned()];
        args.extend(self.flags.iter().chain(&self.extra).cloned());
        let given = |flag: &str| args.iter().any(|arg| arg.starts_with(flag));
        let settle = (!given("--settle-time")).then(|| "--settle-time=2s".to_owned());
        // Over https alone, loopback is not open yet.
        let private = given("--allow-insecure-http") || given("--private-endpoints");
        let private = (!private).then(|| "--private-endpoints=Allow".to_owned());
        let namespaced = given("--watch-namespace") && !given("--cluster-id");
        let id = namespaced.then(|| format!("--cluster-id={}", self.namespace));
        args.extend(settle.into_iter().chain(private).chain(id));
        let args: Vec<&str> = args.iter().map(String::as_str).collect();
        let env = [
            ("POD_NAMESPACE", OPERATOR_NAMESPACE),
            ("POD_NAME", "webhook-operator-0"),
            // The most that it can say, so that the watch over secrets has something to search.
            ("RUST_LOG", self.log),
        ];
        let kubeconfig = self
            .faults
            .as_ref()
            .map_or(self.kubeconfig.as_path(), Faults::kubeconfig);
        let mut operator = Operator::start(&binary, &args, &env, kubeconfig).unwrap();
        match &self.faults {
            // It may be killed before it listens.
            Some(faults) => faults.switchboard.aim(operator.id()),
            None => drop(operator.addr().unwrap()),
        }
        // One before may have been killed.
        self.keep_what_was_told();
        self.operator = Some(operator);
    }

    /// Replaces the further flags and starts the operator anew; the one before is asked to end.
    pub fn restart_with(&mut self, flags: &[&str]) {
        self.stop_operator();
        self.extra = flags.iter().map(|flag| (*flag).to_owned()).collect();
        self.start_operator();
    }

    /// Ends the operator with SIGTERM; it must end well.
    pub fn stop_operator(&mut self) {
        self.keep_what_was_told();
        if let Some(mut operator) = self.operator.take() {
            let status = operator.sigterm_and_wait(SOON).unwrap();
            assert!(status.success(), "{status}: {}", operator.log_text());
        }
    }

    /// The running operator.
    pub fn operator(&mut self) -> &mut Operator {
        self.operator.as_mut().unwrap()
    }

    /// Waits until `/readyz` says yes.
    pub fn wait_until_ready(&mut self) {
        let http = self.operator().http().unwrap();
        self.eventually("the operator to be ready", || {
            let reply = http.get("/readyz").map_err(|error| error.to_string())?;
            if reply.status == 200 {
                Ok(())
            } else {
                Err(reply.body)
            }
        });
    }

    /// What the operator has logged so far.
    pub fn operator_log(&self) -> String {
        self.operator.as_ref().map(Operator::log_text).unwrap_or_default()
    }

    /// Looks until a condition holds. On failure the operator's last lines are in the message.
    pub fn eventually<L: Look>(&self, what: &str, look: impl FnMut() -> L) -> L::Value {
        self.within(SOON, what, look)
    }

    /// [`Self::eventually`] with a deadline of its own.
    pub fn within<L: Look>(&self, deadline: Duration, what: &str, look: impl FnMut() -> L) -> L::Value {
        wait_for(deadline, what, look).unwrap_or_else(|late| {
            let log = self.operator_log();
            let lines: Vec<&str> = log.lines().collect();
            let tail = lines[lines.len().saturating_sub(15)..].join("\n");
            panic!("{late}\nlast lines of the operator:\n{tail}")
        })
    }

    /// Runs kubectl as the admin in the world's namespace; panics with its message when it fails.
    pub fn kubectl(&self, args: &[&str]) -> String {
        let scoped = [&["--namespace", self.namespace.as_str()], args].concat();
        self.plane.kubectl(&scoped, "").unwrap()
    }
}
