//! What a team has in its repository: the examples of all three providers, aimed at the simulator, and the ways in
//! which it gets into the cluster.

use std::process::Command;

use provider_simulator::Config;
use serde_json::{Value, json};

use crate::judge::{ask_one, in_checkout, text, tool};
use crate::support::{Side, World};

/// How objects are applied.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Way {
    /// `kubectl apply`, Argo CD's default.
    ClientSide,
    /// Server-side apply under Argo CD's name.
    ServerSide,
    /// A chart, as Flux's helm-controller installs it.
    Helm,
}

/// The label and the annotation by which Argo CD and others know what is theirs.
pub const LABEL: &str = "app.kubernetes.io/instance";
pub const TRACKING: &str = "argocd.argoproj.io/tracking-id";

/// A repository with the provider and the subscription of each example; the Secrets are there already.
pub struct Repository {
    pub objects: Vec<Value>,
}

impl Repository {
    pub fn of_examples(world: &World) -> Self {
        world.secret("dixa-api", "credentials", &[("token", Config::DIXA_TOKEN)]);
        world.secret(
            "crm-login",
            "delivery",
            &[("username", "dixa"), ("password", "a-password-of-crm")],
        );
        world.secret(
            "crm-headers",
            "delivery",
            &[("tenant-key", "a-key-of-the-tenant")],
        );
        world.secret("babel-api", "credentials", &[("key", Config::BABEL_KEY)]);
        world.secret(
            "billing-headers",
            "delivery",
            &[("tenant-key", "another-key-of-it")],
        );
        world.secret("bird-api", "credentials", &[("accessKey", Config::BIRD_KEY)]);
        world.secret(
            "inbox-signing",
            "signing",
            &[("signingKey", "a-key-to-sign-with")],
        );
        let mut objects = Vec::new();
        for side in Side::ALL {
            for file in ["provider", "subscription"] {
                let path = in_checkout(&format!("examples/{}/{file}.yaml", side.name()));
                let mut object: Value =
                    serde_saphyr::from_str(&std::fs::read_to_string(path).unwrap()).unwrap();
                let spec = &mut object["spec"];
                if file == "provider" {
                    spec["endpoint"] = world.provider_url().into();
                    spec.as_object_mut().unwrap().remove("caBundleRef");
                    if side == Side::Bird {
                        spec["bird"]["workspaceID"] = Config::BIRD_WORKSPACE.to_string().into();
                    }
                }
                let id = format!("webhooks:{}:{}", text(&object["kind"]), side.name());
                object["metadata"]["labels"] = json!({LABEL: "webhooks"});
                object["metadata"]["annotations"] = json!({TRACKING: id});
                objects.push(object);
            }
        }
        Self { objects }
    }

    /// The names of its subscriptions.
    pub fn subscriptions(&self) -> Vec<String> {
        let all = self.objects.iter();
        all.filter(|object| object["kind"] == "WebhookSubscription")
            .map(|object| text(&object["metadata"]["name"]))
            .collect()
    }

    /// Brings the cluster to what is in it, as a sync does.
    pub fn sync(&self, world: &World, way: Way) {
        let list = json!({"apiVersion": "v1", "kind": "List", "items": self.objects}).to_string();
        let kubectl = |args: &[&str]| {
            let args = [&["--namespace", &world.namespace], args].concat();
            world.cluster().kubectl(&args, &list).unwrap();
        };
        match way {
            Way::ClientSide => kubectl(&["apply", "-f", "-"]),
            Way::ServerSide => kubectl(&[
                "apply",
                "--server-side",
                "--force-conflicts",
                "--field-manager=argocd-controller",
                "-f",
                "-",
            ]),
            Way::Helm => self.release(world),
        }
    }

    fn release(&self, world: &World) {
        let folder = tempfile::tempdir().unwrap();
        let path = |name: &str| folder.path().join(name);
        std::fs::create_dir(path("templates")).unwrap();
        let chart = "apiVersion: v2\nname: webhooks\nversion: 0.1.0\n";
        std::fs::write(path("Chart.yaml"), chart).unwrap();
        for (number, object) in self.objects.iter().enumerate() {
            // JSON is YAML.
            std::fs::write(path(&format!("templates/{number}.yaml")), object.to_string()).unwrap();
        }
        let output = Command::new(tool("WEBHOOK_OPERATOR_HELM", "helm"))
            .args([
                "upgrade",
                "--install",
                "webhooks",
                folder.path().to_str().unwrap(),
            ])
            .args(["--namespace", &world.namespace, "--wait", "--timeout", "60s"])
            .env("KUBECONFIG", world.cluster().kubeconfig())
            .env("HELM_CACHE_HOME", path("cache"))
            .env("HELM_CONFIG_HOME", path("config"))
            .env("HELM_DATA_HOME", path("data"))
            .output()
            .unwrap();
        assert!(
            output.status.success(),
            "{}",
            String::from_utf8_lossy(&output.stderr)
        );
    }

    /// What each way of Argo CD to compare says is different, as `kind name: way`, with the values.
    pub fn out_of_sync(&self, world: &World) -> Vec<String> {
        let folder = tempfile::tempdir().unwrap();
        let schema = folder.path().join("openapi.json");
        let served = world
            .cluster()
            .kubectl(&["get", "--raw", "/openapi/v2"], "")
            .unwrap();
        std::fs::write(&schema, served).unwrap();
        let mut different = Vec::new();
        for object in &self.objects {
            let mut config = object.clone();
            config["metadata"]["namespace"] = world.namespace.as_str().into();
            let kind = format!("{}s.webhook-operator.io", text(&object["kind"]).to_lowercase());
            let name = text(&object["metadata"]["name"]);
            let question = json!({
                "config": config,
                "live": world.object(&kind, &name),
                "predicted": predicted(world, &config),
                "schema": schema,
            });
            let answer = ask_one(&["diff"], &question);
            for (way, found) in answer.as_object().unwrap() {
                if found["modified"] == true {
                    let differences = crate::dumps::differences("", &found["live"], &found["predicted"]);
                    different.push(format!("{kind} {name}: {way} {}", differences.join(" ")));
                }
            }
        }
        different
    }
}

/// What the apiserver would make of it, as Argo CD asks.
fn predicted(world: &World, config: &Value) -> Value {
    let args = [
        "apply",
        "--server-side",
        "--force-conflicts",
        "--dry-run=server",
        "--field-manager=argocd-controller",
        "--show-managed-fields",
        "-o",
        "json",
        "-f",
        "-",
    ];
    let printed = world.cluster().kubectl(&args, &config.to_string()).unwrap();
    serde_json::from_str(&printed).unwrap()
}
