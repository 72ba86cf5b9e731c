//! The chart, as Helm renders it.

use std::env;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use serde_json::Value;
use test_harness::Cluster;

/// A path in the checkout.
pub fn in_checkout(path: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join(path)
}

/// A text file of the checkout.
pub fn read(path: &str) -> String {
    fs::read_to_string(in_checkout(path)).unwrap_or_else(|error| panic!("{path}: {error}"))
}

/// The documents of a YAML stream; those without content are left out.
pub fn documents(text: &str) -> Vec<Value> {
    let all: Vec<Value> = serde_saphyr::from_multiple(text).unwrap_or_else(|error| panic!("{error}\n{text}"));
    all.into_iter().filter(|document| !document.is_null()).collect()
}

/// The scenarios: the chart's own files of values.
pub fn scenarios() -> Vec<(String, PathBuf)> {
    let folder = in_checkout("charts/webhook-operator/ci");
    let mut found: Vec<(String, PathBuf)> = fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter_map(|path| {
            let name = path
                .file_name()?
                .to_str()?
                .strip_suffix("-values.yaml")?
                .to_owned();
            Some((name, path))
        })
        .collect();
    found.sort();
    found
}

/// An object of this kind and name.
pub fn find<'a>(objects: &'a [Value], kind: &str, name: &str) -> &'a Value {
    let wanted = |object: &&Value| object["kind"] == kind && object["metadata"]["name"] == name;
    objects
        .iter()
        .find(wanted)
        .unwrap_or_else(|| panic!("no {kind} {name}"))
}

/// The objects of a kind.
pub fn of_kind<'a>(objects: &'a [Value], kind: &str) -> Vec<&'a Value> {
    objects.iter().filter(|object| object["kind"] == kind).collect()
}

/// Helm 4 with folders of its own, so that nothing of the person who runs the tests reaches it.
pub struct Helm {
    program: PathBuf,
    kubeconfig: Option<PathBuf>,
    home: tempfile::TempDir,
}

impl Helm {
    /// Without a cluster, as `helm template` and Argo CD render.
    pub fn offline() -> Self {
        Self {
            program: tool("WEBHOOK_OPERATOR_HELM", "helm"),
            kubeconfig: None,
            home: tempfile::tempdir().unwrap(),
        }
    }

    /// As the admin of a cluster.
    pub fn on(cluster: &Cluster) -> Self {
        Self {
            kubeconfig: Some(cluster.kubeconfig()),
            ..Self::offline()
        }
    }

    /// The chart in the checkout.
    pub fn chart() -> String {
        in_checkout("charts/webhook-operator").display().to_string()
    }

    /// A folder for packages and changed charts, which ends with this value.
    pub fn folder(&self) -> &Path {
        self.home.path()
    }

    /// Runs it; its messages where it fails.
    pub fn run(&self, args: &[&str]) -> Result<String, String> {
        let home = self.home.path();
        let mut command = Command::new(&self.program);
        command
            .args(args)
            .stdin(Stdio::null())
            .env("HELM_CACHE_HOME", home.join("cache"))
            .env("HELM_CONFIG_HOME", home.join("config"))
            .env("HELM_DATA_HOME", home.join("data"))
            .env_remove("KUBECONFIG");
        if let Some(kubeconfig) = &self.kubeconfig {
            command.env("KUBECONFIG", kubeconfig);
        }
        let output = command.output().unwrap();
        if output.status.success() {
            return Ok(String::from_utf8(output.stdout).unwrap());
        }
        Err(String::from_utf8_lossy(&output.stderr).trim().to_owned())
    }

    /// The chart rendered as release `webhook-operator` in a namespace.
    pub fn template(&self, namespace: &str, args: &[&str]) -> Result<Vec<Value>, String> {
        let chart = Self::chart();
        let front = ["template", "webhook-operator", &chart, "--namespace", namespace];
        self.run(&[&front, args].concat()).map(|text| documents(&text))
    }

    /// The chart rendered as release `webhook-operator` in the namespace of that name; it must render.
    pub fn render(&self, args: &[&str]) -> Vec<Value> {
        self.template("webhook-operator", args)
            .unwrap_or_else(|error| panic!("{args:?}: {error}"))
    }

    /// Why the chart does not render.
    pub fn refusal(&self, args: &[&str]) -> String {
        match self.template("webhook-operator", args) {
            Err(error) => error,
            Ok(_) => panic!("{args:?} was rendered"),
        }
    }
}

/// Of the tools cache: `make` says where it is, else it is asked for.
pub fn tool(variable: &str, name: &str) -> PathBuf {
    if let Some(path) = env::var_os(variable).filter(|path| !path.is_empty()) {
        return path.into();
    }
    let output = Command::new(in_checkout("tools/tool-path"))
        .arg(name)
        .stderr(Stdio::inherit())
        .output()
        .unwrap();
    assert!(output.status.success(), "no {name}: see the messages above");
    String::from_utf8(output.stdout).unwrap().trim().into()
}

/// The container of the rendered Deployment, of operators without a shard.
pub fn container(objects: &[Value]) -> &Value {
    let mut deployments = of_kind(objects, "Deployment");
    deployments.retain(|one| one["spec"]["selector"]["matchLabels"]["webhook-operator.io/shard"].is_null());
    assert_eq!(deployments.len(), 1);
    &deployments[0]["spec"]["template"]["spec"]["containers"][0]
}

/// Its arguments.
pub fn arguments(objects: &[Value]) -> Vec<String> {
    serde_json::from_value(container(objects)["args"].clone()).unwrap()
}

/// The arguments of a Deployment.
pub fn arguments_of(deployment: &Value) -> Vec<String> {
    let container = &deployment["spec"]["template"]["spec"]["containers"][0];
    serde_json::from_value(container["args"].clone()).unwrap()
}
