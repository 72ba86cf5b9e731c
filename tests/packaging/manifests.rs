//! `dist/` and `deploy/kustomize/`, which are generated from the chart, and examples of both.

use std::collections::BTreeMap;

use serde_json::Value;
use test_harness::ControlPlane;

use crate::chart::{Helm, documents, in_checkout, read};

/// Objects by kind, namespace and name, without the labels that only Helm has a use for.
fn by_name(objects: Vec<Value>) -> BTreeMap<String, Value> {
    let mut map = BTreeMap::new();
    for mut object in objects {
        strip(&mut object);
        let text = |pointer: &str| {
            object
                .pointer(pointer)
                .and_then(Value::as_str)
                .unwrap_or_default()
        };
        let name = [text("/kind"), text("/metadata/namespace"), text("/metadata/name")].join("/");
        assert!(
            map.insert(name.clone(), object).is_none(),
            "{name} is there twice"
        );
    }
    map
}

fn strip(value: &mut Value) {
    match value {
        Value::Object(members) => {
            for name in [
                "helm.sh/chart",
                "app.kubernetes.io/managed-by",
                "helm.sh/resource-policy",
            ] {
                members.remove(name);
            }
            members.values_mut().for_each(strip);
        }
        Value::Array(items) => items.iter_mut().for_each(strip),
        _ => {}
    }
}

/// A definition's own metadata differs: a release marks it as its own.
fn without_definitions(mut objects: BTreeMap<String, Value>) -> BTreeMap<String, Value> {
    objects
        .retain(|name, _| !name.starts_with("CustomResourceDefinition/") && !name.starts_with("Namespace/"));
    objects
}

fn kustomized(overlay: &str) -> BTreeMap<String, Value> {
    let folder = in_checkout(&format!("deploy/kustomize/{overlay}"));
    let cluster = ControlPlane::shared();
    by_name(documents(
        &cluster
            .kubectl(&["kustomize", folder.to_str().unwrap()], "")
            .unwrap(),
    ))
}

#[test]
fn kustomize_and_the_single_file_give_what_helm_gives() {
    let helm = Helm::offline();
    let file = by_name(documents(&read("dist/install.yaml")));
    assert_eq!(kustomized("overlays/cluster"), file);
    assert_eq!(
        without_definitions(file),
        without_definitions(by_name(helm.render(&["--skip-tests"])))
    );

    let set = "watch.namespaces={team-a},operator.clusterId=set-the-name-of-your-cluster";
    let args = ["--skip-tests", "--set", set, "--set", "rbac.aggregate.view=false"];
    let namespaced = by_name(helm.render(&args));
    let mut overlay = without_definitions(kustomized("overlays/namespaced"));
    overlay.retain(|name, _| !name.ends_with("-view"));
    let mut expected = without_definitions(namespaced);
    // Without definitions of its own a namespaced release brings no roles for people.
    expected.retain(|name, _| !name.starts_with("ClusterRole/"));
    assert_eq!(overlay, expected);
}

#[test]
fn the_definitions_are_the_operators_own_everywhere() {
    let crds = by_name(documents(&webhook_operator::crd::yaml_stream().unwrap()));
    assert_eq!(by_name(documents(&read("dist/crds.yaml"))), crds);
    assert_eq!(kustomized("crds"), crds);
    let apart = in_checkout("charts/webhook-operator-crds");
    let rendered = Helm::offline()
        .run(&["template", "x", apart.to_str().unwrap()])
        .unwrap();
    let mut rendered = documents(&rendered);
    assert_eq!(rendered.len(), crds.len());
    for crd in &mut rendered {
        assert_eq!(crd["metadata"]["annotations"]["helm.sh/resource-policy"], "keep");
        crd["metadata"] = serde_json::json!({"name": crd["metadata"]["name"]});
    }
    let mut bare = crds;
    for crd in bare.values_mut() {
        crd["metadata"] = serde_json::json!({"name": crd["metadata"]["name"]});
    }
    assert_eq!(by_name(rendered), bare);
}

#[test]
fn the_overlay_for_three_replicas_changes_only_that() {
    let (cluster, mut ha) = (kustomized("overlays/cluster"), kustomized("overlays/ha"));
    let deployment = ha
        .get_mut("Deployment/webhook-operator/webhook-operator")
        .unwrap();
    assert_eq!(deployment["spec"]["replicas"], 3);
    let spread = &mut deployment["spec"]["template"]["spec"]["topologySpreadConstraints"][0];
    assert_eq!(spread["whenUnsatisfiable"], "DoNotSchedule");
    spread["whenUnsatisfiable"] = "ScheduleAnyway".into();
    deployment["spec"]["replicas"] = 2.into();
    assert_eq!(ha, cluster);
}

#[test]
fn the_single_file_can_be_applied_twice() {
    let cluster = ControlPlane::start(&test_harness::Options::default()).unwrap();
    let file = in_checkout("dist/install.yaml");
    let file = file.to_str().unwrap();
    cluster
        .kubectl(&["apply", "--server-side", "-f", file], "")
        .unwrap();
    let again = cluster
        .kubectl(&["apply", "--server-side", "-f", file, "-o", "name"], "")
        .unwrap();
    assert_eq!(again.lines().count(), documents(&read("dist/install.yaml")).len());
    // Plain apply, whose annotation has a limit, in a cluster of its own mind.
    cluster
        .kubectl(&["delete", "-f", file, "--wait=false"], "")
        .unwrap();
    test_harness::wait_for(std::time::Duration::from_secs(120), "the namespace to go", || {
        cluster
            .get_json("namespace", "", "webhook-operator")
            .unwrap()
            .is_none()
    })
    .unwrap();
    cluster.kubectl(&["apply", "-f", file], "").unwrap();
}
