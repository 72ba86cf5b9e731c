//! The operator as the chart installs it: its own account, arguments and environment, and the life of objects that
//! asks for every right it has.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use serde_json::{Value, json};
use test_harness::{AuditReader, Cluster, Operator, Simulator, binary, wait_for};

use crate::chart::{arguments, container, of_kind};

/// For everything that should happen at once, on a busy machine.
const SOON: Duration = Duration::from_secs(60);
pub const SUBSCRIPTION: &str = "webhooksubscriptions.webhook-operator.io";
const PROVIDER: &str = "webhookproviders.webhook-operator.io";
const LENT: &str = "clusterwebhookproviders.webhook-operator.io";

/// Something that was asked of the apiserver.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Asked {
    /// `group/resource` or `group/resource/subresource`; the group of core is empty.
    pub what: String,
    /// `get`, `list`, …
    pub verb: String,
    /// Empty for what has none.
    pub namespace: String,
}

/// The provider, for all installs of a test program.
pub fn simulator() -> Simulator {
    let program = binary("provider-simulator", "provider-simulator").unwrap();
    Simulator::start(&program, &["--switch", "dixa.rateLimit=off"]).unwrap()
}

/// What `webhook-operator doctor` says.
#[derive(Debug)]
pub struct Diagnosis {
    /// Its exit status.
    pub status: i32,
    /// Its standard output.
    pub printed: String,
    /// Its standard error.
    pub complaint: String,
}

/// One release with its operator, in one cluster.
pub struct Install<'a> {
    cluster: &'a Cluster,
    simulator: &'a Simulator,
    /// Where the operator is.
    home: String,
    /// Where the objects are.
    pub team: String,
    lends: bool,
    kubeconfig: PathBuf,
    arguments: Vec<String>,
    environment: Vec<(String, String)>,
    audit: AuditReader,
    operator: Option<Operator>,
    asked: BTreeSet<Asked>,
    refused: BTreeSet<Asked>,
}

impl<'a> Install<'a> {
    /// Applies what was rendered for release namespace `home`. `lends`: whether it watches the cluster-wide kind.
    pub fn new(
        cluster: &'a Cluster,
        simulator: &'a Simulator,
        objects: &[Value],
        home: &str,
        team: &str,
        lends: bool,
    ) -> Self {
        // The pod of `helm test` is no part of a release.
        let parts: Vec<&Value> = objects.iter().filter(|object| object["kind"] != "Pod").collect();
        let list = json!({"apiVersion": "v1", "kind": "List", "items": parts}).to_string();
        let apply = ["apply", "--server-side", "-f", "-"];
        cluster.kubectl(&apply, &list).unwrap();
        let pod = &of_kind(objects, "Deployment")[0]["spec"]["template"]["spec"];
        let account = pod["serviceAccountName"].as_str().unwrap();
        let kubeconfig = cluster.service_account_kubeconfig(home, account).unwrap();
        Self {
            cluster,
            simulator,
            home: home.to_owned(),
            team: team.to_owned(),
            lends,
            kubeconfig,
            arguments: arguments(objects)
                .into_iter()
                .map(|argument| {
                    // Several run on this machine.
                    if argument.starts_with("--listen=") {
                        "--listen=127.0.0.1:0".to_owned()
                    } else {
                        argument
                    }
                })
                .collect(),
            environment: environment(container(objects), home),
            audit: cluster.audit_from_now().unwrap(),
            operator: None,
            asked: BTreeSet::new(),
            refused: BTreeSet::new(),
        }
    }

    /// What its account has asked for and been given so far.
    pub fn asked(&self) -> &BTreeSet<Asked> {
        &self.asked
    }

    /// Its log so far.
    pub fn log(&self) -> String {
        self.operator.as_ref().map(Operator::log_text).unwrap_or_default()
    }

    fn start(&mut self) {
        let program = binary("webhook-operator", "webhook-operator").unwrap();
        let arguments: Vec<&str> = self.arguments.iter().map(String::as_str).collect();
        let environment: Vec<(&str, &str)> = self
            .environment
            .iter()
            .map(|(name, value)| (name.as_str(), value.as_str()))
            .collect();
        self.operator = Some(Operator::start(&program, &arguments, &environment, &self.kubeconfig).unwrap());
    }

    /// An account and a subscription that is ready, with the operator at work.
    ///
    /// # Errors
    /// The first request that the apiserver refused.
    pub fn settle(&mut self) -> Result<(), Asked> {
        let team = self.team.clone();
        for object in self.account() {
            self.apply(&team, &object);
        }
        self.provide("WebhookProvider", "dixa", &json!({}));
        self.subscribe("crm", &json!({"name": "dixa"}), &json!({}));
        self.start();
        self.until("the first object to be ready", |it| it.ready("crm"))
    }

    /// Applies a provider object; `change` goes over its spec, and what it sets to null is left out.
    pub fn provide(&self, kind: &str, name: &str, change: &Value) {
        let mut provider = self.provider(kind, name);
        let spec = provider["spec"].as_object_mut().unwrap();
        spec.extend(change.as_object().unwrap().clone());
        spec.retain(|_, value| !value.is_null());
        self.apply(&self.team, &provider);
    }

    /// Another cluster, or another way to it.
    pub fn use_kubeconfig(&mut self, kubeconfig: &Path) {
        kubeconfig.clone_into(&mut self.kubeconfig);
    }

    /// `webhook-operator doctor` with the flags, the environment and the account of the operator.
    pub fn doctor(&self, more: &[&str]) -> Diagnosis {
        let program = binary("webhook-operator", "webhook-operator").unwrap();
        let output = Command::new(program)
            .arg("doctor")
            .args(&self.arguments[1..])
            .args(more)
            .envs(self.environment.iter().map(|(name, value)| (name, value)))
            .env("KUBECONFIG", &self.kubeconfig)
            .output()
            .unwrap();
        Diagnosis {
            status: output.status.code().unwrap(),
            printed: String::from_utf8(output.stdout).unwrap(),
            complaint: String::from_utf8(output.stderr).unwrap(),
        }
    }

    /// Asks it to end; whatever it does then.
    pub fn stop(&mut self) {
        if let Some(mut operator) = self.operator.take() {
            let _ = operator.sigterm_and_wait(SOON);
        }
        let _ = self.look();
    }

    /// Reads on in the audit log.
    ///
    /// # Errors
    /// What was refused, once something was.
    fn look(&mut self) -> Result<(), Asked> {
        let account = self.kubeconfig_account();
        for event in self.audit.read().unwrap() {
            if event.user != account {
                continue;
            }
            let mut what = format!("{}/{}", event.group, event.resource);
            if !event.subresource.is_empty() {
                what = format!("{what}/{}", event.subresource);
            }
            let asked = Asked {
                what,
                verb: event.verb,
                namespace: event.namespace,
            };
            if event.code == 403 {
                self.refused.insert(asked);
            } else {
                self.asked.insert(asked);
            }
        }
        self.refused.first().cloned().map_or(Ok(()), Err)
    }

    fn kubeconfig_account(&self) -> String {
        let file = self.kubeconfig.file_name().unwrap().to_string_lossy();
        let name = file.split('.').nth(1).unwrap();
        format!("system:serviceaccount:{}:{name}", self.home)
    }

    /// Waits until something holds, or a request was refused.
    fn until(&mut self, what: &str, mut holds: impl FnMut(&Self) -> bool) -> Result<(), Asked> {
        enum Seen {
            Held,
            Refused(Asked),
        }
        let seen = wait_for(SOON, what, || match self.look() {
            Err(refused) => Some(Seen::Refused(refused)),
            Ok(()) => holds(self).then_some(Seen::Held),
        });
        match seen {
            Ok(Seen::Held) => Ok(()),
            Ok(Seen::Refused(refused)) => Err(refused),
            Err(late) => panic!("{late}\n{}", tail(&self.log())),
        }
    }

    fn kubectl(&self, args: &[&str]) {
        self.cluster
            .kubectl(&[&["--namespace", &self.team], args].concat(), "")
            .unwrap();
    }

    fn apply(&self, namespace: &str, object: &Value) {
        self.cluster
            .kubectl(
                &["apply", "--namespace", namespace, "-f", "-"],
                &object.to_string(),
            )
            .unwrap();
    }

    fn ready(&self, name: &str) -> bool {
        let object = self.cluster.get_json(SUBSCRIPTION, &self.team, name).unwrap();
        object.is_some_and(|object| {
            let current = object["status"]["lastSyncedGeneration"] == object["metadata"]["generation"];
            let conditions = object["status"]["conditions"].as_array();
            current
                && conditions.is_some_and(|all| {
                    all.iter()
                        .any(|one| one["type"] == "Ready" && one["status"] == "True")
                })
        })
    }

    fn gone(&self, kind: &str, namespace: &str, name: &str) -> bool {
        self.cluster.get_json(kind, namespace, name).unwrap().is_none()
    }

    fn remote(&self, name: &str) -> usize {
        let url = format!("https://hooks.acme.example/{}/{name}", self.team);
        let all = self
            .simulator
            .admin_get("/admin/subscriptions?provider=dixa")
            .unwrap();
        all.to_string().matches(&url).count()
    }

    fn key_is_there(&self) -> bool {
        let secret = self
            .cluster
            .get_json("secret", &self.team, "crm-signing")
            .unwrap();
        secret.is_some_and(|secret| secret["data"]["signingKey"].is_string())
    }

    fn account(&self) -> [Value; 2] {
        let authority = std::fs::read_to_string(self.simulator.ca_bundle()).unwrap();
        [
            json!({
                "apiVersion": "v1",
                "kind": "Secret",
                "metadata": {"name": "dixa-api", "labels": {"webhook-operator.io/use": "credentials"}},
                "stringData": {"token": "dixa-token-example"},
            }),
            json!({
                "apiVersion": "v1",
                "kind": "ConfigMap",
                "metadata": {"name": "provider-ca"},
                "data": {"ca.crt": authority},
            }),
        ]
    }

    fn provider(&self, kind: &str, name: &str) -> Value {
        let mut spec = json!({
            "type": "Dixa",
            "endpoint": self.simulator.http(),
            "credentials": {"secretRef": {"name": "dixa-api", "key": "token"}},
            "caBundleRef": {"name": "provider-ca"},
            "rateLimit": {"requestsPerMinute": 60000, "burst": 1000},
        });
        if kind == "ClusterWebhookProvider" {
            spec["allowedNamespaces"] = json!({"names": [self.team]});
        }
        json!({"apiVersion": "webhook-operator.io/v1alpha1", "kind": kind, "metadata": {"name": name}, "spec": spec})
    }

    fn subscribe(&self, name: &str, reference: &Value, more: &Value) {
        let mut spec = json!({
            "providerRef": reference,
            "url": format!("https://hooks.acme.example/{}/{name}", self.team),
            "events": ["ConversationClosed"],
            "interval": "5s",
            "delivery": {"interval": "0s"},
        });
        spec.as_object_mut()
            .unwrap()
            .extend(more.as_object().unwrap().clone());
        self.apply(
            &self.team,
            &json!({
                "apiVersion": "webhook-operator.io/v1alpha1",
                "kind": "WebhookSubscription",
                "metadata": {"name": name},
                "spec": spec,
            }),
        );
    }

    /// The whole life: created, changed, its key put back, removed; a lent account; one that is left behind because
    /// its key was lost meanwhile.
    ///
    /// # Errors
    /// The first request that the apiserver refused.
    pub fn play(&mut self) -> Result<(), Asked> {
        let team = self.team.clone();
        for object in self.account() {
            self.apply(&team, &object);
        }
        self.apply(&team, &self.provider("WebhookProvider", "dixa"));
        let published = json!({"signing": {"publishProviderKey": {"secretName": "crm-signing"}}});
        self.subscribe("crm", &json!({"name": "dixa"}), &published);
        self.subscribe(
            "left",
            &json!({"name": "dixa"}),
            &json!({"deletionGracePeriod": "1s"}),
        );
        self.start();
        self.until("the first objects to be ready", |it| {
            it.ready("crm") && it.ready("left")
        })?;
        self.until("the published key", Self::key_is_there)?;

        let patch = r#"{"spec":{"events":["ConversationClosed","ConversationCreated"]}}"#;
        self.kubectl(&["patch", SUBSCRIPTION, "crm", "--type=merge", "-p", patch]);
        self.until("the change", |it| it.ready("crm"))?;
        let remove = r#"[{"op":"remove","path":"/data/signingKey"}]"#;
        self.kubectl(&["patch", "secret", "crm-signing", "--type=json", "-p", remove]);
        self.until("the key to be put back", Self::key_is_there)?;

        if self.lends {
            self.play_lent()?;
        }
        self.kubectl(&["delete", SUBSCRIPTION, "crm", "--wait=false"]);
        self.until("the deletion", |it| {
            it.gone(SUBSCRIPTION, &team, "crm") && it.remote("crm") == 0
        })?;
        self.play_left_behind()?;
        self.kubectl(&["delete", PROVIDER, "dixa", "--wait=false"]);
        self.until("the provider to go", |it| it.gone(PROVIDER, &team, "dixa"))?;
        self.stop();
        self.refused.first().cloned().map_or(Ok(()), Err)
    }

    fn play_lent(&mut self) -> Result<(), Asked> {
        for object in self.account() {
            self.apply(&self.home, &object);
        }
        self.apply(&self.home, &self.provider("ClusterWebhookProvider", "shared"));
        let reference = json!({"kind": "ClusterWebhookProvider", "name": "shared"});
        self.subscribe("lent", &reference, &json!({}));
        self.until("the lent one to be ready", |it| it.ready("lent"))?;
        let team = self.team.clone();
        self.kubectl(&["delete", SUBSCRIPTION, "lent", "--wait=false"]);
        self.until("the lent one to go", |it| it.gone(SUBSCRIPTION, &team, "lent"))?;
        self.kubectl(&["delete", LENT, "shared", "--wait=false"]);
        self.until("the lent account to go", |it| it.gone(LENT, "", "shared"))
    }

    /// A process that never knew the key cannot delete, and says so until somebody lets the object go.
    fn play_left_behind(&mut self) -> Result<(), Asked> {
        self.stop();
        self.kubectl(&["delete", "secret", "dixa-api"]);
        self.kubectl(&["delete", SUBSCRIPTION, "left", "--wait=false"]);
        self.start();
        let team = self.team.clone();
        self.until("the deletion to be blocked", |it| {
            let object = it.cluster.get_json(SUBSCRIPTION, &team, "left").unwrap();
            object.is_some_and(|object| {
                object["status"]["conditions"]
                    .to_string()
                    .contains("DeletionBlocked")
            })
        })?;
        self.kubectl(&[
            "annotate",
            SUBSCRIPTION,
            "left",
            "webhook-operator.io/force-orphan=true",
        ]);
        self.until("the object to be let go", |it| {
            it.gone(SUBSCRIPTION, &team, "left")
        })?;
        let home = self.home.clone();
        self.until("the record of what was left behind", |it| {
            let events = it.cluster.list_json("events.events.k8s.io", &home).unwrap();
            events.iter().any(|event| event["reason"] == "Orphaned")
        })
    }
}

/// The container's variables as its pod would see them.
fn environment(container: &Value, home: &str) -> Vec<(String, String)> {
    let variables = container["env"].as_array().unwrap().iter();
    // Other tests run without an election, and the harness says so; the chart's flags win over this.
    let election = ("WEBHOOK_OPERATOR_LEADER_ELECT".to_owned(), "true".to_owned());
    std::iter::once(election)
        .chain(variables.map(|variable| {
            let name = variable["name"].as_str().unwrap().to_owned();
            let value = match variable["valueFrom"]["fieldRef"]["fieldPath"].as_str() {
                Some("metadata.name") => "webhook-operator-0".to_owned(),
                Some("metadata.namespace") => home.to_owned(),
                Some(other) => panic!("{other}"),
                None => variable["value"].as_str().unwrap().to_owned(),
            };
            (name, value)
        }))
        .collect()
}

fn tail(log: &str) -> String {
    let lines: Vec<&str> = log.lines().collect();
    lines[lines.len().saturating_sub(15)..].join("\n")
}
