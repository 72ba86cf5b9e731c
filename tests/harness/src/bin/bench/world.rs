//! The parts: a control plane with the kinds and the operator's rights, a simulator, the operator.

use std::collections::BTreeSet;
use std::path::PathBuf;
use std::process::Command;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;
use std::time::Duration;

use serde_json::{Value, json};
use test_harness::{AuditReader, ControlPlane, Operator, Options, Simulator, wait_for};

use crate::counts::Counts;
use crate::manifests::{self, KIND, PROVIDERS};
use crate::{Arguments, Outcome};

/// Name and namespace of the operator's `ServiceAccount`.
const OPERATOR: &str = "webhook-operator";
/// Far more than is ever needed.
pub const UNLIMITED: u32 = 1_000_000;
/// Calls at once when objects are stored.
const WRITERS: usize = 8;

/// Everything that runs but the operator.
pub struct World {
    /// Accounts at the provider.
    pub accounts: usize,
    /// Objects worked on at once.
    pub concurrency: usize,
    /// Whether quiet minutes are measured.
    pub quiet: bool,
    /// The apiserver.
    pub cluster: ControlPlane,
    /// The provider, which limits nobody.
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
        let simulator = simulator(arguments, &["--switch=dixa.rateLimit=off"])?;
        let crds = Command::new(&arguments.operator).arg("crd").output()?;
        let crds = String::from_utf8(crds.stdout)?;
        cluster.kubectl(&["apply", "--server-side", "-f", "-"], &crds)?;
        cluster.apply(manifests::OPERATOR)?;
        let served = || cluster.list_json(KIND, "default");
        wait_for(Duration::from_secs(30), "the kinds to be served", served)?;
        let kubeconfig = cluster.service_account_kubeconfig(OPERATOR, OPERATOR)?;
        Ok(Self {
            accounts: arguments.accounts,
            concurrency: arguments.concurrency,
            quiet: !arguments.skip_quiet,
            cluster,
            simulator,
            simulator_program: arguments.simulator.clone(),
            operator_program: arguments.operator.clone(),
            kubeconfig,
        })
    }

    /// A namespace with the providers of all accounts and their Secrets.
    pub fn namespace(&self, name: &str, per_minute: Option<u32>) -> Outcome<String> {
        let namespace = self.cluster.namespace(name)?;
        let providers = (0..self.accounts)
            .flat_map(|number| manifests::provider(number, self.simulator.http(), per_minute));
        self.apply(&namespace, &manifests::list(&providers.collect::<Vec<_>>()))?;
        Ok(namespace)
    }

    /// `kubectl apply` of one file.
    pub fn apply(&self, namespace: &str, manifest: &str) -> Outcome<()> {
        self.cluster
            .kubectl(&["apply", "-n", namespace, "-f", "-"], manifest)?;
        Ok(())
    }

    /// Stores subscriptions, several at once.
    pub fn store(&self, namespace: &str, objects: &[Value]) -> Outcome<()> {
        let path = self.cluster.path(KIND, namespace)?;
        let api = self.cluster.api()?;
        let next = AtomicUsize::new(0);
        at_once(WRITERS, || {
            while let Some(object) = objects.get(next.fetch_add(1, Ordering::Relaxed)) {
                api.post(&path, object)?.ok()?;
            }
            Ok(())
        })
    }

    /// Another simulator, with the provider's documented limit in force.
    pub fn strict_simulator(&self) -> Outcome<Simulator> {
        let tokens = tokens(self.accounts);
        let arguments: Vec<&str> = tokens.iter().map(String::as_str).collect();
        Ok(Simulator::start(&self.simulator_program, &arguments)?)
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

    /// Asks for the deletion of all objects of a namespace with one call, or with some: the apiserver gives each a
    /// minute, and then breaks it off.
    pub fn delete_all(&self, namespace: &str) -> Outcome<()> {
        let (path, api) = (self.cluster.path(KIND, namespace)?, self.cluster.api()?);
        let mut answer = api.delete(&path);
        for _ in 0..10 {
            if answer.as_ref().is_ok_and(|reply| reply.status < 500) {
                break;
            }
            answer = api.delete(&path);
        }
        answer?.ok()?;
        Ok(())
    }

    /// Changes an object by a JSON merge patch.
    pub fn patch(&self, path: &str, change: &Value) -> Outcome<()> {
        self.cluster.api()?.patch(path, change)?.ok()?;
        Ok(())
    }

    /// Changes the spec of a subscription.
    pub fn edit(&self, namespace: &str, number: usize, spec: &Value) -> Outcome<()> {
        let path = format!(
            "{}/{}",
            self.cluster.path(KIND, namespace)?,
            manifests::name(number)
        );
        self.patch(&path, &json!({"spec": spec}))
    }

    /// Deletes the providers of a namespace, whose finalizers need a running operator.
    pub fn delete_providers(&self, namespace: &str) -> Outcome<()> {
        let path = self.cluster.path(PROVIDERS, namespace)?;
        self.cluster.api()?.delete(&path)?.ok()?;
        let gone = || {
            let providers = self.cluster.list_json(PROVIDERS, namespace);
            providers.is_ok_and(|providers| providers.is_empty())
        };
        wait_for(Duration::from_secs(60), "the providers to be gone", gone)?;
        Ok(())
    }
}

fn tokens(accounts: usize) -> Vec<String> {
    let token = |number| {
        format!(
            "--dixa-token={}={}",
            manifests::token(number),
            manifests::organization(number)
        )
    };
    (0..accounts).map(token).collect()
}

fn simulator(arguments: &Arguments, more: &[&str]) -> Outcome<Simulator> {
    let tokens = tokens(arguments.accounts);
    let all = tokens.iter().map(String::as_str).chain(more.iter().copied());
    Ok(Simulator::start(&arguments.simulator, &all.collect::<Vec<_>>())?)
}

/// Runs the same work on several threads until it ends on all of them.
pub fn at_once(threads: usize, work: impl Fn() -> Outcome<()> + Sync) -> Outcome<()> {
    let results = thread::scope(|scope| {
        let one = || work().map_err(|error| test_harness::chain(&*error));
        let running: Vec<_> = (0..threads).map(|_| scope.spawn(one)).collect();
        let end = |thread: thread::ScopedJoinHandle<'_, Result<(), String>>| {
            thread
                .join()
                .unwrap_or_else(|_| Err("a thread panicked".to_owned()))
        };
        running.into_iter().map(end).collect::<Result<Vec<()>, String>>()
    });
    results?;
    Ok(())
}

/// The operator's writes that `audit` has not read yet.
pub fn writes(audit: &mut AuditReader) -> Outcome<Counts> {
    let user = format!("system:serviceaccount:{OPERATOR}:{OPERATOR}");
    Ok(Counts::of_audit(&audit.read()?, &user))
}
