//! The samples for Argo CD and Flux, against the definitions of their own kinds, which the apiserver checks to the last
//! field; and what they say about the chart, against the chart.

use std::fs;
use std::process::Command;
use std::time::Duration;

use serde_json::Value;
use test_harness::{Cluster, ControlPlane, Options, wait_for};

use crate::judge::{in_checkout, text, tool};

const SOON: Duration = Duration::from_secs(60);
const SAMPLES: [&str; 5] = [
    "deploy/argocd/application.yaml",
    "deploy/argocd/argocd-cm.yaml",
    "deploy/flux/operator",
    "deploy/flux/helm-repository.yaml",
    "deploy/flux/kustomizations.yaml",
];

fn cluster() -> ControlPlane {
    let cluster = ControlPlane::start(&Options::default()).unwrap();
    let definitions = tool("WEBHOOK_OPERATOR_GITOPS_CRDS", "gitops-crds");
    let definitions = definitions.to_str().unwrap();
    // Argo CD's are too long for the annotation of a plain apply.
    cluster
        .kubectl(&["apply", "--server-side", "-f", definitions], "")
        .unwrap();
    for namespace in ["argocd", "flux-system", "webhook-operator"] {
        cluster.kubectl(&["create", "namespace", namespace], "").unwrap();
    }
    cluster
}

fn apply(cluster: &Cluster, sample: &str) -> Result<String, String> {
    let path = in_checkout(sample);
    let from = if path.is_dir() { "-k" } else { "-f" };
    let args = [
        "apply",
        "--server-side",
        "--force-conflicts",
        "--dry-run=server",
        "--validate=strict",
        from,
    ];
    let args = [&args[..], &[path.to_str().unwrap(), "-o", "name"]].concat();
    cluster.kubectl(&args, "").map_err(|error| error.to_string())
}

fn documents(path: &str) -> Vec<Value> {
    serde_saphyr::from_multiple(&fs::read_to_string(in_checkout(path)).unwrap()).unwrap()
}

#[test]
fn every_sample_is_taken_by_the_definitions_of_argo_cd_and_flux() {
    let cluster = cluster();
    for sample in SAMPLES {
        let taken = wait_for(SOON, sample, || apply(&cluster, sample)).unwrap();
        assert!(!taken.is_empty(), "{sample}");
    }
    // It would be noticed.
    let wrong = fs::read_to_string(in_checkout(SAMPLES[0]))
        .unwrap()
        .replace("selfHeal", "selfHeel");
    let args = ["apply", "--dry-run=server", "--validate=strict", "-f", "-"];
    let refused = cluster.kubectl(&args, &wrong).unwrap_err().to_string();
    assert!(refused.contains("selfHeel"), "{refused}");
}

/// The values of a sample render in the chart of this checkout, whose closed schema refuses what it does not know.
fn render(values: &Value) -> String {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("values.yaml");
    fs::write(&file, values.to_string()).unwrap();
    let output = Command::new(tool("WEBHOOK_OPERATOR_HELM", "helm"))
        .args(["template", "webhook-operator"])
        .arg(in_checkout("charts/webhook-operator"))
        .arg("-f")
        .arg(&file)
        .output()
        .unwrap();
    assert!(
        output.status.success(),
        "{}",
        String::from_utf8_lossy(&output.stderr)
    );
    String::from_utf8(output.stdout).unwrap()
}

#[test]
fn what_the_samples_say_about_the_chart_is_true() {
    let chart = documents("charts/webhook-operator/Chart.yaml").remove(0);
    let version = text(&chart["version"]);
    let line = version
        .rsplit_once('.')
        .map(|(line, _)| format!("{line}.x"))
        .unwrap();
    let [operator, objects]: [Value; 2] = documents(SAMPLES[0]).try_into().unwrap();
    let source = &operator["spec"]["source"];
    assert_eq!(source["targetRevision"], version);
    assert_eq!(source["chart"], chart["name"]);
    let rendered = render(&source["helm"]["valuesObject"]);
    assert!(
        rendered.contains("--cluster-id=name-of-your-cluster"),
        "{rendered}"
    );
    let asked = "argocd.argoproj.io/sync-options: Prune=confirm,Delete=confirm";
    assert_eq!(rendered.matches(asked).count(), 3);
    let wave = |application: &Value| {
        let wave = &application["metadata"]["annotations"]["argocd.argoproj.io/sync-wave"];
        text(wave).parse::<u32>().unwrap()
    };
    assert!(wave(&operator) < wave(&objects), "the operator is removed last");

    let source = documents("deploy/flux/operator/source.yaml").remove(0);
    assert_eq!(source["spec"]["ref"]["semver"], line);
    let repository = text(&source["spec"]["url"]);
    let other = documents("deploy/flux/helm-repository.yaml");
    assert_eq!(
        repository,
        format!("{}/{}", text(&other[0]["spec"]["url"]), text(&chart["name"]))
    );
    assert_eq!(other[1]["spec"]["chart"]["spec"]["version"], line);
    for release in [&documents("deploy/flux/operator/release.yaml")[0], &other[1]] {
        let rendered = render(&release["spec"]["values"]);
        assert!(
            rendered.contains("--cluster-id=name-of-your-cluster"),
            "{rendered}"
        );
    }
}
