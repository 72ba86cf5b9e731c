//! A release's life: install, upgrade from the first chart, rollback, uninstall, reinstall, two in one cluster.

use std::fs;
use std::time::Duration;

use serde_json::Value;
use test_harness::{Cluster, ControlPlane, Options, wait_for};

use crate::chart::{Helm, find, in_checkout};

const SOON: Duration = Duration::from_secs(120);
const CRD: &str = "webhooksubscriptions.webhook-operator.io";
const NAMESPACE: &str = "webhook-operator";

const OBJECT: &str = r#"{
  "apiVersion": "webhook-operator.io/v1alpha1",
  "kind": "WebhookSubscription",
  "metadata": {"name": "crm", "namespace": "default"},
  "spec": {"providerRef": {"name": "dixa"}, "url": "https://hooks.acme.example/dixa", "events": ["ConversationClosed"]}
}"#;

/// A later version of the chart, with one more annotation on a definition.
fn next_version(helm: &Helm) -> String {
    let folder = helm.folder().join("next");
    copy(&in_checkout("charts/webhook-operator"), &folder);
    let crd = folder.join("files/crds/webhooksubscriptions.yaml");
    let text = fs::read_to_string(&crd).unwrap();
    let changed = text.replacen(
        "metadata:\n",
        "metadata:\n  annotations:\n    example.com/changed: \"yes\"\n",
        1,
    );
    assert_ne!(text, changed);
    fs::write(&crd, changed).unwrap();
    let into = helm.folder().to_str().unwrap().to_owned();
    let chart = folder.to_str().unwrap();
    helm.run(&["package", chart, "--version", "99.0.0", "--destination", &into])
        .unwrap();
    format!("{into}/webhook-operator-99.0.0.tgz")
}

fn copy(from: &std::path::Path, to: &std::path::Path) {
    fs::create_dir_all(to).unwrap();
    for entry in fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        let target = to.join(entry.file_name());
        if entry.file_type().unwrap().is_dir() {
            copy(&entry.path(), &target);
        } else {
            fs::copy(entry.path(), target).unwrap();
        }
    }
}

fn crd(cluster: &Cluster) -> Value {
    cluster
        .get_json("customresourcedefinition", "", CRD)
        .unwrap()
        .unwrap()
}

fn changed(cluster: &Cluster) -> bool {
    crd(cluster)["metadata"]["annotations"]["example.com/changed"] == "yes"
}

fn object_is_there(cluster: &Cluster) -> bool {
    cluster.get_json(CRD, "default", "crm").unwrap().is_some()
}

/// Without `--wait`: there is no kubelet, and no pod will ever be ready.
fn install(
    helm: &Helm,
    release: &str,
    namespace: &str,
    chart: &str,
    more: &[&str],
) -> Result<String, String> {
    let front = [
        "install",
        release,
        chart,
        "--namespace",
        namespace,
        "--create-namespace",
    ];
    helm.run(&[&front, more].concat())
}

#[test]
fn a_release_is_installed_upgraded_rolled_back_uninstalled_and_installed_again() {
    let cluster = ControlPlane::start(&Options::default()).unwrap();
    let helm = Helm::on(&cluster);
    let first = in_checkout("tests/packaging/fixtures/webhook-operator-0.1.0.tgz");
    let first = first.to_str().unwrap();
    let release = "webhook-operator";

    let notes = install(&helm, release, NAMESPACE, first, &[]).unwrap();
    assert!(notes.contains("What to do next"), "{notes}");
    wait_for(SOON, "the kind", || cluster.apply(OBJECT)).unwrap();
    let uid = cluster.get_json(CRD, "default", "crm").unwrap().unwrap()["metadata"]["uid"].clone();

    // From the first chart to the present one, and on to one with another definition.
    helm.run(&["upgrade", release, &Helm::chart(), "--namespace", NAMESPACE])
        .unwrap();
    let shown = crd(&cluster);
    let rendered = helm.render(&[]);
    let expected = &find(&rendered, "CustomResourceDefinition", CRD)["spec"]["versions"][0]["schema"];
    assert_eq!(&shown["spec"]["versions"][0]["schema"], expected);
    let next = next_version(&helm);
    helm.run(&["upgrade", release, &next, "--namespace", NAMESPACE])
        .unwrap();
    assert!(changed(&cluster), "an upgrade did not change the definition");
    helm.run(&["rollback", release, "2", "--namespace", NAMESPACE])
        .unwrap();
    assert!(
        !changed(&cluster),
        "a rollback did not change the definition back"
    );

    helm.run(&["uninstall", release, "--namespace", NAMESPACE])
        .unwrap();
    assert!(object_is_there(&cluster));
    assert!(
        cluster
            .get_json("deployment", NAMESPACE, release)
            .unwrap()
            .is_none()
    );
    let roles = cluster.list_json("clusterrole", "").unwrap();
    let left = roles
        .iter()
        .filter(|role| role["metadata"]["labels"]["app.kubernetes.io/name"] == release);
    assert_eq!(left.count(), 0);

    // The same release takes back what it left; another one has to say that it takes it over.
    install(&helm, release, NAMESPACE, &Helm::chart(), &[]).unwrap();
    helm.run(&["uninstall", release, "--namespace", NAMESPACE])
        .unwrap();
    let refused = install(&helm, "hooks", "elsewhere", &Helm::chart(), &[]).unwrap_err();
    assert!(refused.contains("ownership"), "{refused}");
    install(&helm, "hooks", "elsewhere", &Helm::chart(), &["--take-ownership"]).unwrap();
    let after = cluster.get_json(CRD, "default", "crm").unwrap().unwrap();
    assert_eq!(after["metadata"]["uid"], uid, "the object is another one");

    // And with crds.keep=false everything goes.
    let set = [
        "upgrade",
        "hooks",
        &Helm::chart(),
        "--namespace",
        "elsewhere",
        "--set",
        "crds.keep=false",
    ];
    helm.run(&set).unwrap();
    helm.run(&["uninstall", "hooks", "--namespace", "elsewhere"])
        .unwrap();
    wait_for(SOON, "the definition to go", || {
        cluster
            .get_json("customresourcedefinition", "", CRD)
            .unwrap()
            .is_none()
    })
    .unwrap();
}

#[test]
fn two_releases_share_a_cluster_each_with_namespaces_of_its_own() {
    let cluster = ControlPlane::start(&Options::default()).unwrap();
    let helm = Helm::on(&cluster);
    for team in ["team-a", "team-b"] {
        cluster.kubectl(&["create", "namespace", team], "").unwrap();
    }
    let chart = Helm::chart();
    let set_a = ["--set", "watch.namespaces={team-a},operator.clusterId=a"];
    let set_b = ["--set", "watch.namespaces={team-b},operator.clusterId=b"];
    install(&helm, "webhook-operator", "ops-a", &chart, &set_a).unwrap();
    let refused = install(&helm, "webhook-operator", "ops-b", &chart, &set_b).unwrap_err();
    assert!(refused.contains("ownership"), "{refused}");
    let without = [&set_b[..], &["--set", "crds.enabled=false"]].concat();
    install(&helm, "webhook-operator", "ops-b", &chart, &without).unwrap();

    let kubectl = |namespace: &str| {
        let kubeconfig = cluster
            .service_account_kubeconfig(namespace, "webhook-operator")
            .unwrap();
        cluster.kubectl_with(&kubeconfig)
    };
    for (own, other, operator) in [("team-a", "team-b", "ops-a"), ("team-b", "team-a", "ops-b")] {
        let kubectl = kubectl(operator);
        let may = |verb: &str, what: &str, namespace: &str| {
            let answer = kubectl
                .output(&["auth", "can-i", verb, what, "-n", namespace], "")
                .unwrap();
            String::from_utf8_lossy(&answer.stdout).trim() == "yes"
        };
        for what in ["secrets", CRD] {
            // A role takes a moment to come into force.
            wait_for(SOON, operator, || may("list", what, own)).unwrap();
            assert!(!may("list", what, other), "{operator} {what}");
            assert!(!may("list", what, "default"), "{operator} {what}");
        }
    }
    helm.run(&["uninstall", "webhook-operator", "--namespace", "ops-b"])
        .unwrap();
    assert!(crd(&cluster)["metadata"]["deletionTimestamp"].is_null());
}
