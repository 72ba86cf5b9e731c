//! Every scenario is one that the apiserver takes, down to the last field.

use std::time::Duration;

use serde_json::{Value, json};
use test_harness::{Cluster, ControlPlane, Options, wait_for};

use crate::chart::{Helm, documents, in_checkout, scenarios};

/// The kinds of the Prometheus operator, as open as a definition can be.
fn prometheus_operator(cluster: &Cluster) {
    for (plural, kind) in [
        ("servicemonitors", "ServiceMonitor"),
        ("podmonitors", "PodMonitor"),
        ("prometheusrules", "PrometheusRule"),
    ] {
        let definition = json!({
            "apiVersion": "apiextensions.k8s.io/v1",
            "kind": "CustomResourceDefinition",
            "metadata": {
                "name": format!("{plural}.monitoring.coreos.com"),
                "annotations": {"api-approved.kubernetes.io": "unapproved, for tests"},
            },
            "spec": {
                "group": "monitoring.coreos.com",
                "scope": "Namespaced",
                "names": {"plural": plural, "kind": kind},
                "versions": [{"name": "v1", "served": true, "storage": true, "schema": {"openAPIV3Schema": {
                    "type": "object", "x-kubernetes-preserve-unknown-fields": true,
                }}}],
            },
        });
        cluster.apply(&definition.to_string()).unwrap();
        let name = format!("{plural}.monitoring.coreos.com");
        wait_for(Duration::from_secs(120), kind, || cluster.list_json(&name, "")).unwrap();
    }
}

fn namespaces(objects: &[Value]) -> Vec<&str> {
    let mut all: Vec<&str> = objects
        .iter()
        .filter_map(|object| object["metadata"]["namespace"].as_str())
        .collect();
    all.sort_unstable();
    all.dedup();
    all
}

#[test]
fn every_scenario_is_taken_by_the_apiserver_with_strict_validation() {
    let cluster = ControlPlane::start(&Options::default()).unwrap();
    prometheus_operator(&cluster);
    let helm = Helm::on(&cluster);
    let found = scenarios();
    assert!(found.len() >= 8, "{found:?}");
    for (name, file) in found {
        // The pod of `helm test` comes when the account is there; it is looked at with the other pods.
        let objects = helm.render(&["--skip-tests", "-f", file.to_str().unwrap()]);
        for namespace in namespaces(&objects) {
            if cluster.get_json("namespace", "", namespace).unwrap().is_none() {
                cluster.kubectl(&["create", "namespace", namespace], "").unwrap();
            }
        }
        let list = json!({"apiVersion": "v1", "kind": "List", "items": objects}).to_string();
        let strict = [
            "apply",
            "--server-side",
            "--dry-run=server",
            "--validate=strict",
            "-f",
            "-",
            "-o",
            "name",
        ];
        let taken = cluster
            .kubectl(&strict, &list)
            .unwrap_or_else(|error| panic!("{name}: {error}"));
        assert_eq!(taken.lines().count(), objects.len(), "{name}");
    }
    // The examples of the README's kind are taken as well once the definitions are there.
    let crds = in_checkout("dist/crds.yaml");
    cluster
        .kubectl(&["apply", "--server-side", "-f", crds.to_str().unwrap()], "")
        .unwrap();
    let chart: Value =
        serde_saphyr::from_str(&crate::chart::read("charts/webhook-operator/Chart.yaml")).unwrap();
    let examples = chart["annotations"]["artifacthub.io/crdsExamples"]
        .as_str()
        .unwrap();
    let examples: Vec<Value> = documents(examples).remove(0).as_array().unwrap().clone();
    for example in examples {
        let kind = example["kind"].as_str().unwrap().to_owned();
        wait_for(Duration::from_secs(120), &kind, || {
            cluster.kubectl(
                &["apply", "--dry-run=server", "--validate=strict", "-f", "-"],
                &example.to_string(),
            )
        })
        .unwrap();
    }
}
