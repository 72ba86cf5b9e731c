//! The pod itself: a namespace that enforces `restricted` takes it.

use serde_json::{Value, json};
use test_harness::ControlPlane;

use crate::chart::{Helm, of_kind, scenarios};

/// The pod of a rendered Deployment and that of `helm test`, in this namespace.
fn pods(objects: &[Value], namespace: &str) -> [Value; 2] {
    let operator = &of_kind(objects, "Deployment")[0]["spec"]["template"]["spec"];
    let doctor = &of_kind(objects, "Pod")[0]["spec"];
    [("operator", operator), ("doctor", doctor)].map(|(name, spec)| {
        let mut spec = spec.clone();
        // These would have to exist.
        spec["serviceAccountName"] = "default".into();
        for member in ["runtimeClassName", "priorityClassName"] {
            spec.as_object_mut().unwrap().remove(member);
        }
        json!({"apiVersion": "v1", "kind": "Pod", "metadata": {"name": name, "namespace": namespace}, "spec": spec})
    })
}

#[test]
fn a_namespace_that_enforces_restricted_takes_the_pod_of_every_scenario() {
    let cluster = ControlPlane::shared();
    let namespace = cluster.namespace("restricted").unwrap();
    let label = "pod-security.kubernetes.io/enforce=restricted";
    cluster
        .kubectl(&["label", "namespace", &namespace, label], "")
        .unwrap();
    test_harness::wait_for(std::time::Duration::from_secs(120), "the default account", || {
        cluster.get_json("serviceaccount", &namespace, "default").unwrap()
    })
    .unwrap();
    let create = ["create", "--dry-run=server", "-f", "-"];
    let helm = Helm::offline();
    for (name, file) in scenarios() {
        let objects = helm.render(&["-f", file.to_str().unwrap()]);
        for pod in pods(&objects, &namespace) {
            cluster
                .kubectl(&create, &pod.to_string())
                .unwrap_or_else(|error| panic!("{name}: {error}"));
        }
    }
    // And would refuse one that asks for more.
    let weak = helm.render(&["--set", "securityContext.allowPrivilegeEscalation=true"]);
    for pod in pods(&weak, &namespace) {
        let refused = cluster.kubectl(&create, &pod.to_string()).unwrap_err();
        assert!(refused.to_string().contains("restricted"), "{refused}");
    }
}
