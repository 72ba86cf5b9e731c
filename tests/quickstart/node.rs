//! What a node does, as far as the commands can tell: there is no kubelet here. Of the pods that the Deployment has, the
//! operator's process plays the one that works, with the `ServiceAccount`, arguments and environment of the template, and
//! all of them are Ready once it says that it is. A changed template ends it and starts it anew.

use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};
use test_harness::{Cluster, Operator, binary};

const HOME: &str = "webhook-operator";

/// The process in place of the pods.
pub struct Node<'a> {
    cluster: &'a Cluster,
    template: Value,
    operator: Option<Operator>,
}

impl<'a> Node<'a> {
    pub fn new(cluster: &'a Cluster) -> Self {
        Self {
            cluster,
            template: Value::Null,
            operator: None,
        }
    }

    /// Looks until it is told to end; then the process ends as a pod's does. Returns its logs.
    pub fn run(mut self, end: &AtomicBool) {
        while !end.load(Ordering::Relaxed) {
            self.look();
            thread::sleep(Duration::from_millis(200));
        }
        self.stop();
    }

    fn look(&mut self) {
        let deployment = self
            .cluster
            .get_json("deployments.apps", HOME, "webhook-operator")
            .unwrap();
        let template = deployment.map_or(Value::Null, |found| found["spec"]["template"]["spec"].clone());
        if template != self.template {
            self.stop();
            if !template.is_null() && !self.start(&template) {
                return;
            }
            self.template = template;
        }
        if let Some(operator) = &mut self.operator
            && operator.readyz().is_ok_and(|reply| reply.status == 200)
        {
            self.pods_are_ready();
        }
    }

    /// Starts it, if its account is there.
    fn start(&mut self, template: &Value) -> bool {
        let account = template["serviceAccountName"].as_str().unwrap();
        let Ok(kubeconfig) = self.cluster.service_account_kubeconfig(HOME, account) else {
            return false;
        };
        let container = &template["containers"][0];
        let mut arguments: Vec<String> = serde_json::from_value(container["args"].clone()).unwrap();
        arguments.retain(|argument| !argument.starts_with("--listen="));
        // It is on the same machine as the provider, which is a process too.
        arguments.extend(["--listen=127.0.0.1:0", "--allow-insecure-http"].map(str::to_owned));
        let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
        let environment = self.environment(container);
        let environment: Vec<(&str, &str)> = environment
            .iter()
            .map(|(name, value)| (name.as_str(), value.as_str()))
            .collect();
        let program = binary("webhook-operator", "webhook-operator").unwrap();
        self.operator = Some(Operator::start(&program, &arguments, &environment, &kubeconfig).unwrap());
        true
    }

    /// The container's variables as its pod would see them.
    fn environment(&self, container: &Value) -> Vec<(String, String)> {
        let variables = container["env"].as_array().unwrap().iter();
        // Other tests run without an election, and the harness says so; the template's flags win over this.
        let election = ("WEBHOOK_OPERATOR_LEADER_ELECT".to_owned(), "true".to_owned());
        let own = variables.map(|variable| {
            let from = &variable["valueFrom"];
            let value = match from["fieldRef"]["fieldPath"].as_str() {
                Some("metadata.name") => "webhook-operator-0".to_owned(),
                Some("metadata.namespace") => HOME.to_owned(),
                Some(other) => panic!("{other}"),
                None if from["secretKeyRef"].is_object() => self.of_secret(&from["secretKeyRef"]),
                None => variable["value"].as_str().unwrap().to_owned(),
            };
            (variable["name"].as_str().unwrap().to_owned(), value)
        });
        std::iter::once(election).chain(own).collect()
    }

    fn of_secret(&self, reference: &Value) -> String {
        let text = |value: &Value| value.as_str().unwrap().to_owned();
        let secret = self.cluster.get_json("secrets", HOME, &text(&reference["name"]));
        let secret = secret.unwrap().unwrap();
        let value = text(&secret["data"][text(&reference["key"])]);
        String::from_utf8(STANDARD.decode(value).unwrap()).unwrap()
    }

    fn stop(&mut self) {
        if let Some(mut operator) = self.operator.take() {
            let status = operator.sigterm_and_wait(Duration::from_secs(40)).unwrap();
            assert!(status.success(), "{status}: {}", operator.log_text());
        }
    }

    fn pods_are_ready(&self) {
        let api = self.cluster.api().unwrap();
        for pod in self.cluster.list_json("pods", HOME).unwrap() {
            if pod["status"]["phase"] == "Running" {
                continue;
            }
            let name = pod["metadata"]["name"].as_str().unwrap();
            let ready = ["Initialized", "ContainersReady", "Ready"]
                .map(|kind| json!({"type": kind, "status": "True"}));
            let status = json!({"status": {"phase": "Running", "conditions": ready}});
            // It may be gone by now.
            drop(api.patch(&format!("/api/v1/namespaces/{HOME}/pods/{name}/status"), &status));
        }
    }
}
