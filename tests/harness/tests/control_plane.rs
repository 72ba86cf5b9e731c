//! The harness itself, on a real control plane.

use std::process::Command;
use std::time::{Duration, Instant};

use test_harness::{Cluster, ControlPlane, Options, wait_for};

const SOON: Duration = Duration::from_mins(1);

const CONFIG_MAP: &str = "
apiVersion: v1
kind: ConfigMap
metadata: {name: colours}
data: {sky: blue}
";

#[test]
fn kubectl_applies_and_the_object_is_stored_as_written() {
    let cluster = ControlPlane::shared();
    let namespace = cluster.namespace("apply").unwrap();
    let printed = cluster
        .kubectl(&["apply", "-n", &namespace, "-f", "-"], CONFIG_MAP)
        .unwrap();
    assert_eq!(printed.trim(), "configmap/colours created");
    for kind in ["cm", "configmap", "ConfigMap", "configmaps"] {
        let stored = cluster.get_json(kind, &namespace, "colours").unwrap();
        assert_eq!(stored.unwrap()["data"]["sky"], "blue", "{kind}");
    }
    let missing = cluster.get_json("cm", &namespace, "sounds").unwrap();
    assert!(missing.is_none());
}

#[test]
fn kubectl_reports_the_refusal_of_the_apiserver() {
    let cluster = ControlPlane::shared();
    let error = cluster.apply(&CONFIG_MAP.replace("\ndata:", "\ndate:"));
    let message = error.unwrap_err().to_string();
    assert!(message.contains("unknown field \"date\""), "{message}");
}

#[test]
fn a_kind_that_is_defined_later_is_found_without_a_restart() {
    let cluster = ControlPlane::shared();
    assert!(cluster.get_json("gadget", "", "a").is_err());
    cluster
        .apply(
            "
apiVersion: apiextensions.k8s.io/v1
kind: CustomResourceDefinition
metadata: {name: gadgets.harness.test}
spec:
  group: harness.test
  scope: Cluster
  names: {kind: Gadget, plural: gadgets, singular: gadget, shortNames: [gg]}
  versions:
  - {name: v1, served: true, storage: true, schema: {openAPIV3Schema: {type: object}}}
",
        )
        .unwrap();
    wait_for(SOON, "the new kind", || {
        cluster.apply("{apiVersion: harness.test/v1, kind: Gadget, metadata: {name: a}}")
    })
    .unwrap();
    let stored = cluster.get_json("gg", "", "a").unwrap();
    assert_eq!(stored.unwrap()["kind"], "Gadget");
    assert_eq!(cluster.list_json("gadgets.harness.test", "").unwrap().len(), 1);
}

#[test]
fn a_namespace_finishes_deleting_with_everything_in_it() {
    let cluster = ControlPlane::shared();
    assert!(cluster.has_controller_manager());
    let namespace = cluster.namespace("gone").unwrap();
    cluster
        .kubectl(&["apply", "-n", &namespace, "-f", "-"], CONFIG_MAP)
        .unwrap();
    cluster
        .kubectl(&["delete", "namespace", &namespace, "--wait=false"], "")
        .unwrap();
    wait_for(SOON, "the namespace to go", || {
        let left = cluster.get_json("namespace", "", &namespace).unwrap();
        left.is_none()
    })
    .unwrap();
}

#[test]
fn a_service_account_may_do_what_rbac_says_and_nothing_else() {
    let cluster = ControlPlane::shared();
    let namespace = cluster.namespace("account").unwrap();
    let run = |args: &[&str]| cluster.kubectl(args, "").unwrap();
    run(&["create", "serviceaccount", "reader", "-n", &namespace]);
    let grant = [
        "create",
        "role",
        "read",
        "--verb=get,list",
        "--resource=configmaps",
    ];
    run(&[&grant[..], &["-n", &namespace]].concat());
    let subject = format!("--serviceaccount={namespace}:reader");
    run(&[
        "create",
        "rolebinding",
        "read",
        "--role=read",
        &subject,
        "-n",
        &namespace,
    ]);

    let kubeconfig = cluster.service_account_kubeconfig(&namespace, "reader").unwrap();
    let reader = cluster.kubectl_with(&kubeconfig);
    // A role takes a moment to come into force.
    wait_for(SOON, "the role", || {
        reader.run(&["get", "configmaps", "-n", &namespace], "")
    })
    .unwrap();
    let refused = reader.run(&["get", "secrets", "-n", &namespace], "").unwrap_err();
    let name = format!("system:serviceaccount:{namespace}:reader");
    assert!(refused.to_string().contains(&name), "{refused}");
}

#[test]
fn the_audit_log_counts_every_write_once_and_hides_what_is_in_secrets() {
    let cluster = ControlPlane::shared();
    let namespace = cluster.namespace("audit").unwrap();
    let mut log = cluster.audit_from_now().unwrap();
    let secret = [
        "create",
        "secret",
        "generic",
        "key",
        "--from-literal=token=cXVpZXQ",
        "-n",
    ];
    cluster
        .kubectl(&[&secret[..], &[&namespace]].concat(), "")
        .unwrap();
    for colour in ["red", "green", "blue"] {
        let change = CONFIG_MAP.replace("blue", colour);
        cluster
            .kubectl(&["apply", "-n", &namespace, "-f", "-"], &change)
            .unwrap();
    }
    let mut writes = Vec::new();
    wait_for(SOON, "the last write in the audit log", || {
        let events = log.read().unwrap().into_iter();
        writes.extend(
            events.filter(|event| event.is_write() && event.namespace == namespace && event.user == "admin"),
        );
        writes.len() >= 4
    })
    .unwrap();
    let seen: Vec<_> = writes
        .iter()
        .map(|event| {
            (
                event.verb.as_str(),
                event.resource.as_str(),
                event.name.as_str(),
                event.code,
            )
        })
        .collect();
    assert_eq!(
        seen,
        [
            ("create", "secrets", "key", 201),
            ("create", "configmaps", "colours", 201),
            ("patch", "configmaps", "colours", 200),
            ("patch", "configmaps", "colours", 200),
        ]
    );
    assert!(writes.iter().all(|event| event.request_object.is_null()));
    assert_eq!(
        cluster
            .audit()
            .unwrap()
            .iter()
            .filter(|event| event.is_write() && event.namespace == namespace && event.user == "admin")
            .count(),
        4
    );
}

#[test]
fn everything_is_gone_after_drop() {
    let begun = Instant::now();
    let control_plane = ControlPlane::start(&Options {
        controller_manager: false,
        ..Options::default()
    })
    .unwrap();
    let took = begun.elapsed();
    assert!(!control_plane.has_controller_manager());
    let folder = control_plane.folder().to_owned();
    assert!(ps_lines(&folder) >= 2, "etcd and kube-apiserver run");
    drop(control_plane);
    assert_eq!(ps_lines(&folder), 0);
    assert!(!folder.exists());
    assert!(took < SOON, "ready after {took:?}");
}

#[test]
fn everything_is_gone_after_sigkill() {
    let out = tempfile::tempdir().unwrap();
    let out = out.path().join("cluster.json");
    let mut parent = Command::new(env!("CARGO_BIN_EXE_cluster"))
        .args(["run", "--out"])
        .arg(&out)
        .args(["--", "sleep", "600"])
        .spawn()
        .unwrap();
    let folder = wait_for(SOON, "the description of the control plane", || {
        Cluster::read(&out).map(|cluster| cluster.folder().to_owned())
    })
    .unwrap();
    assert!(ps_lines(&folder) >= 3);
    parent.kill().unwrap();
    parent.wait().unwrap();
    wait_for(SOON, "the processes to end and the folder to go", || {
        ps_lines(&folder) == 0 && !folder.exists()
    })
    .unwrap();
}

#[test]
fn a_control_plane_that_was_left_running_can_be_stopped_by_its_description() {
    let out = tempfile::tempdir().unwrap();
    let out = out.path().join("cluster.json");
    let cluster = |action: &str| {
        Command::new(env!("CARGO_BIN_EXE_cluster"))
            .args([action, "--out"])
            .arg(&out)
            .status()
            .unwrap()
    };
    assert!(cluster("up").success());
    let description = Cluster::read(&out).unwrap();
    description.namespace("up").unwrap();
    assert!(cluster("down").success());
    assert_eq!(ps_lines(description.folder()), 0);
    assert!(!description.folder().exists() && !out.exists());
}

/// How many processes name the folder in their command line.
#[expect(clippy::unwrap_used, reason = "part of the tests, as the tests themselves")]
fn ps_lines(folder: &std::path::Path) -> usize {
    let shown = Command::new("ps").args(["-wwA", "-o", "args="]).output();
    let shown = String::from_utf8(shown.unwrap().stdout).unwrap();
    let folder = folder.to_str().unwrap();
    shown.lines().filter(|line| line.contains(folder)).count()
}
