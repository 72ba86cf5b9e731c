//! The parts: a control plane with the kinds and the operator's rights, a simulator, the operator.

use std::collections::BTreeSet;
use std::path::PathBuf;
use std::process::Command;
use std::time::{Duration, Instant};

use serde_json::Value;
use test_harness::{AuditReader, ControlPlane, Operator, Options, Simulator, wait_for};

use crate::counts::Counts;
use crate::manifests::{self, KIND};
use crate::{Arguments, Outcome};

/// Name and namespace of the operator's `ServiceAccount`.
const OPERATOR: &str = "webhook-operator";
/// The token of the simulated account.
pub const TOKEN: &str = "dixa-token-example";
/// Far more than is ever needed.
pub const UNLIMITED: u32 = 1_000_000;

/// Everything that runs.
pub struct World {
    /// How many subscriptions.
    pub count: usize,
    /// Objects worked on at once.
    pub concurrency: usize,
    /// Whether quiet minutes are measured.
    pub quiet: bool,
    /// How long the operator took for what was stored before its start.
    pub time_to_ready: Option<Duration>,
    /// The apiserver.
    pub cluster: ControlPlane,
    /// The provider.
    pub simulator: Simulator,
    simulator_program: PathBuf,
    operator_program: PathBuf,
    kubeconfig: PathBuf,
}

impl World {
    /// Starts all but the operator, and installs its kinds and rights.
    pub fn start(arguments: &Arguments) -> Outcome<Self> {
        crate::say("starting the control plane");
        let cluster = ControlPlane::start(&Options::default())?;
        let simulator = ["--counters-only", "--switch", "dixa.rateLimit=off"];
        let simulator = Simulator::start(&arguments.simulator, &simulator)?;
        let crds = Command::new(&arguments.operator).arg("crd").output()?;
        let crds = String::from_utf8(crds.stdout)?;
        cluster.kubectl(&["apply", "--server-side", "-f", "-"], &crds)?;
        cluster.apply(manifests::OPERATOR)?;
        let served = || cluster.list_json(KIND, "default");
        wait_for(Duration::from_secs(30), "the kinds to be served", served)?;
        let kubeconfig = cluster.service_account_kubeconfig(OPERATOR, OPERATOR)?;
        Ok(Self {
            count: arguments.count,
            concurrency: arguments.concurrency,
            quiet: !arguments.skip_quiet,
            time_to_ready: None,
            cluster,
            simulator,
            simulator_program: arguments.simulator.clone(),
            operator_program: arguments.operator.clone(),
            kubeconfig,
        })
    }

    /// A namespace with a provider and its Secret. `endpoint` is the account's address.
    pub fn namespace(&self, name: &str, endpoint: &str, per_minute: Option<u32>) -> Outcome<String> {
        let namespace = self.cluster.namespace(name)?;
        let account = manifests::list(&manifests::account(endpoint, TOKEN, per_minute));
        self.apply(&namespace, &account)?;
        Ok(namespace)
    }

    /// `kubectl apply` of one file; how long kubectl took.
    pub fn apply(&self, namespace: &str, manifest: &str) -> Outcome<Duration> {
        let begun = Instant::now();
        let arguments = ["apply", "-n", namespace, "-f", "-"];
        self.cluster.kubectl(&arguments, manifest)?;
        Ok(begun.elapsed())
    }

    /// Another simulator that keeps its log, with the provider's documented limit in force.
    pub fn strict_simulator(&self) -> Outcome<Simulator> {
        Ok(Simulator::start(&self.simulator_program, &[])?)
    }

    /// Starts the operator as it runs on a cluster, with its own rights.
    pub fn operator(&self) -> Outcome<Operator> {
        let concurrency = format!("--concurrency={}", self.concurrency);
        let arguments = ["run", "--allow-insecure-http", &concurrency];
        let environment = [("POD_NAMESPACE", OPERATOR)];
        Ok(Operator::start(
            &self.operator_program,
            &arguments,
            &environment,
            &self.kubeconfig,
        )?)
    }

    /// Requests at the provider so far.
    pub fn requests(&self) -> Outcome<Counts> {
        Ok(Counts::of_counters(&self.simulator.admin_get("/admin/counters")?))
    }

    /// How many subscriptions the provider has, and how many of them have a URL that another has, too.
    pub fn remote(&self) -> Outcome<(usize, usize)> {
        let all = self.simulator.admin_get("/admin/subscriptions")?;
        let all = all.as_array().map(Vec::as_slice).unwrap_or_default();
        let urls: BTreeSet<&str> = all.iter().filter_map(|one| one["url"].as_str()).collect();
        Ok((all.len(), all.len() - urls.len()))
    }

    /// How many subscriptions the provider has; cheap.
    pub fn remote_count(&self) -> Outcome<usize> {
        let state = self.simulator.admin_get("/admin/state")?;
        let count = state["providers"]["dixa"]["subscriptions"].as_u64();
        Ok(usize::try_from(count.unwrap_or(0))?)
    }

    /// Objects of a namespace by their `Ready` column: all, and those that are.
    pub fn ready(&self, namespace: &str) -> Outcome<(usize, usize)> {
        let table = self.table(namespace)?;
        let columns = table["columnDefinitions"].as_array().into_iter().flatten();
        let position = columns.enumerate().find(|(_, column)| column["name"] == "Ready");
        let (index, _) = position.ok_or("the kind has no column Ready")?;
        let rows = table["rows"].as_array().map(Vec::as_slice).unwrap_or_default();
        let ready = rows.iter().filter(|row| row["cells"][index] == "True").count();
        Ok((rows.len(), ready))
    }

    /// What `kubectl get` shows, from the apiserver's cache: a look must not disturb what is measured.
    fn table(&self, namespace: &str) -> Outcome<Value> {
        let path = self.cluster.path(KIND, namespace)?;
        let path = format!("{path}?includeObject=None&resourceVersion=0");
        let accept = "application/json;as=Table;g=meta.k8s.io;v=v1";
        Ok(self
            .cluster
            .api()?
            .send("GET", &path, accept, None)?
            .ok()?
            .json()?)
    }

    /// Asks for the deletion of all objects of a namespace with one call.
    pub fn delete_all(&self, namespace: &str) -> Outcome<()> {
        let path = self.cluster.path(KIND, namespace)?;
        self.cluster.api()?.delete(&path)?.ok()?;
        Ok(())
    }

    /// Changes an object by a JSON merge patch.
    pub fn patch(&self, path: &str, change: &Value) -> Outcome<()> {
        self.cluster.api()?.patch(path, change)?.ok()?;
        Ok(())
    }

    /// Deletes the provider of a namespace.
    pub fn delete_provider(&self, namespace: &str) -> Outcome<()> {
        let path = self
            .cluster
            .path("webhookproviders.webhook-operator.io", namespace)?;
        self.cluster.api()?.delete(&format!("{path}/dixa"))?.ok()?;
        Ok(())
    }
}

/// The operator's writes that `audit` has not read yet.
pub fn writes(audit: &mut AuditReader) -> Outcome<Counts> {
    let user = format!("system:serviceaccount:{OPERATOR}:{OPERATOR}");
    Ok(Counts::of_audit(&audit.read()?, &user))
}
