//! Where the commands are played: a control plane, the simulator, a shell that finds the real kubectl and Helm.

use std::env;
use std::fs;
use std::os::unix::fs::symlink;
use std::path::PathBuf;
use std::process::Command;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::Duration;

use serde_json::Value;
use test_harness::{Cluster, ControlPlane, Kustomization, Options, Simulator, binary};

use crate::documents::{Substitutions, commands, in_checkout};
use crate::node::Node;

/// For everything that should happen at once, on a busy machine.
pub const SOON: Duration = Duration::from_secs(60);

/// A shell's folder: what one block writes the next one reads.
pub struct Stage {
    folder: tempfile::TempDir,
    simulator: Simulator,
    substitutions: Substitutions,
    examples: Vec<(String, PathBuf)>,
}

impl Stage {
    pub fn new() -> Self {
        // The workspace of the quickstart, and that of examples/bird.
        let arguments = [
            "--switch=dixa.rateLimit=off",
            "--bird-key=example-access-key=22222222-0000-4000-8000-000000000002",
            "--bird-key=example-access-key-of-another=6f1d3b52-8c0e-4a57-9b8e-2d4c7a90e1f3",
        ];
        let program = binary("provider-simulator", "provider-simulator").unwrap();
        let simulator = Simulator::start(&program, &arguments).unwrap();
        let folder = tempfile::tempdir().unwrap();
        let tools = folder.path().join("bin");
        fs::create_dir(&tools).unwrap();
        for name in ["kubectl", "helm"] {
            symlink(tool(name), tools.join(name)).unwrap();
        }
        for name in ["deploy", "examples"] {
            symlink(in_checkout(name), folder.path().join(name)).unwrap();
        }
        fs::copy(simulator.ca_bundle(), folder.path().join("ca.crt")).unwrap();
        let substitutions = Substitutions::new(simulator.http(), simulator.https());
        Self {
            folder,
            simulator,
            substitutions,
            examples: Vec::new(),
        }
    }

    /// A block as it is run.
    fn command(&self, block: &str) -> String {
        let command = self.substitutions.apply(block);
        self.examples.iter().fold(command, |text, (name, folder)| {
            text.replace(
                &format!("-k examples/{name} "),
                &format!("-k {} ", folder.display()),
            )
        })
    }

    /// Aims an example at the simulator and gives it keys: `apply -k` finds that in its place.
    pub fn aim(&mut self, name: &str, ca_bundle: Option<&str>, secret: &str, key: &str, value: &str) {
        let folder = self.folder.path().join(format!("aimed-{name}"));
        fs::create_dir(&folder).unwrap();
        let values = [(key.to_owned(), value.to_owned())].into();
        let endpoint = match ca_bundle {
            Some(_) => self.simulator.https(),
            None => self.simulator.http(),
        };
        let kustomization = Kustomization {
            base: &in_checkout(&format!("examples/{name}")),
            endpoint,
            ca_bundle,
            secrets: &[(secret.to_owned(), values)].into(),
        };
        kustomization.write(&folder).unwrap();
        self.examples.push((name.to_owned(), folder));
    }

    /// A new cluster with a node, for a while.
    pub fn in_new_cluster(&self, play: impl FnOnce(&Shell<'_>)) {
        let cluster = ControlPlane::start(&Options::default()).unwrap();
        let end = AtomicBool::new(false);
        thread::scope(|scope| {
            // It ends however the play does, else nobody would ever hear how.
            let _ended = Ended(&end);
            let node = Node::new(&cluster);
            scope.spawn(|| node.run(&end));
            play(&Shell {
                stage: self,
                cluster: &cluster,
            });
        });
    }
}

struct Ended<'a>(&'a AtomicBool);

impl Drop for Ended<'_> {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
    }
}

/// A shell of an admin of one cluster.
pub struct Shell<'a> {
    stage: &'a Stage,
    pub cluster: &'a Cluster,
}

impl Shell<'_> {
    /// Runs all blocks under a heading, `document#heading`.
    pub fn all(&self, heading: &str) {
        let blocks = blocks(heading);
        for block in &blocks {
            self.run(heading, block);
        }
    }

    /// Runs some blocks under a heading, by their number from 0.
    pub fn some(&self, heading: &str, numbers: std::ops::Range<usize>) {
        for block in &blocks(heading)[numbers] {
            self.run(heading, block);
        }
    }

    fn run(&self, heading: &str, block: &str) {
        let folder = self.stage.folder.path();
        let inherited = env::var("PATH").unwrap();
        let output = Command::new("bash")
            .args(["-euo", "pipefail", "-c", &self.stage.command(block)])
            .current_dir(folder)
            .env("PATH", format!("{}:{inherited}", folder.join("bin").display()))
            .env("KUBECONFIG", self.cluster.kubeconfig())
            .env("KUBECACHEDIR", folder.join("kubectl"))
            .env("HELM_CACHE_HOME", folder.join("helm/cache"))
            .env("HELM_CONFIG_HOME", folder.join("helm/config"))
            .env("HELM_DATA_HOME", folder.join("helm/data"))
            .output()
            .unwrap();
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        assert!(
            output.status.success(),
            "{heading} ({}):\n{block}\n{}{}\n{}",
            output.status,
            text(&output.stdout),
            text(&output.stderr),
            self.state()
        );
    }

    /// kubectl for what is no command of a document.
    pub fn kubectl(&self, args: &[&str]) -> String {
        self.cluster.kubectl(args, "").unwrap()
    }

    /// A `ConfigMap` with the authority of the simulator.
    pub fn trust_simulator(&self, namespace: &str, name: &str) {
        let file = format!(
            "--from-file=ca.crt={}",
            self.stage.simulator.ca_bundle().display()
        );
        self.kubectl(&["create", "configmap", name, &file, "--namespace", namespace]);
    }

    /// What the objects say, for a failure.
    fn state(&self) -> String {
        let all = ["webhooksubscriptions", "webhookproviders"].map(|kind| {
            let found = self.cluster.list_json(&format!("{kind}.webhook-operator.io"), "");
            let all: Vec<Value> = found.unwrap_or_default();
            all.iter()
                .map(|object| format!("{:#}\n", object["status"]["conditions"]))
                .collect::<Vec<_>>()
                .concat()
        });
        all.concat()
    }

    /// The ids of what one provider has.
    pub fn remote(&self, provider: &str) -> Vec<String> {
        let path = format!("/admin/subscriptions?provider={provider}");
        let all = self.stage.simulator.admin_get(&path).unwrap();
        let all = all.as_array().unwrap_or_else(|| panic!("{all}"));
        let mut ids: Vec<String> = all.iter().map(|one| one["id"].to_string()).collect();
        ids.sort();
        ids
    }
}

fn blocks(heading: &str) -> Vec<String> {
    commands()
        .remove(heading)
        .unwrap_or_else(|| panic!("{heading} has no commands"))
}

/// Of the tools cache, never what happens to be on the machine.
fn tool(name: &str) -> PathBuf {
    let output = Command::new(in_checkout("tools/tool-path"))
        .arg(name)
        .output()
        .unwrap();
    assert!(
        output.status.success(),
        "no {name}: {}",
        String::from_utf8_lossy(&output.stderr)
    );
    String::from_utf8(output.stdout).unwrap().trim().into()
}
