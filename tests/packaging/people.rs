//! What people may do: the roles that are added to view, edit and admin, and the policy that asks whether a writer may
//! read the Secrets that he names.

use std::path::PathBuf;
use std::time::Duration;

use serde_json::{Value, json};
use test_harness::{Cluster, ControlPlane, Kubectl, Options, wait_for};

use crate::chart::Helm;

const SOON: Duration = Duration::from_secs(120);

/// Everything that a release makes, without Helm.
fn install(cluster: &Cluster, args: &[&str]) {
    cluster
        .kubectl(&["create", "namespace", "webhook-operator"], "")
        .unwrap();
    let objects = Helm::offline().render(args);
    let list = json!({"apiVersion": "v1", "kind": "List", "items": objects}).to_string();
    cluster
        .kubectl(&["apply", "--server-side", "-f", "-"], &list)
        .unwrap();
    for kind in [
        "webhooksubscriptions",
        "webhookproviders",
        "clusterwebhookproviders",
    ] {
        let name = format!("{kind}.webhook-operator.io");
        wait_for(SOON, kind, || cluster.list_json(&name, "")).unwrap();
    }
}

/// Somebody with one of the cluster's own roles in a namespace.
fn person(cluster: &Cluster, namespace: &str, role: &str) -> PathBuf {
    cluster
        .kubectl(&["create", "serviceaccount", role, "-n", namespace], "")
        .unwrap();
    let account = format!("--serviceaccount={namespace}:{role}");
    let role_flag = format!("--clusterrole={role}");
    cluster
        .kubectl(
            &[
                "create",
                "rolebinding",
                role,
                &role_flag,
                &account,
                "-n",
                namespace,
            ],
            "",
        )
        .unwrap();
    cluster.service_account_kubeconfig(namespace, role).unwrap()
}

fn can(kubectl: &Kubectl, args: &[&str]) -> bool {
    let answer = kubectl.output(&[&["auth", "can-i"], args].concat(), "").unwrap();
    String::from_utf8_lossy(&answer.stdout).trim() == "yes"
}

fn may(kubectl: &Kubectl, verb: &str, resource: &str, namespace: &str) -> bool {
    can(kubectl, &[verb, resource, "-n", namespace])
}

#[test]
fn view_edit_and_admin_get_what_is_theirs_and_no_more() {
    let cluster = ControlPlane::start(&Options::default()).unwrap();
    install(&cluster, &[]);
    let namespace = cluster.namespace("people").unwrap();
    let group = ".webhook-operator.io";
    let (subscriptions, providers) = (
        format!("webhooksubscriptions{group}"),
        format!("webhookproviders{group}"),
    );
    let lent = format!("clusterwebhookproviders{group}");
    // Reads, writes subscriptions, writes providers.
    for (role, expected) in [
        ("view", [true, false, false]),
        ("edit", [true, true, false]),
        ("admin", [true, true, true]),
    ] {
        let kubectl = cluster.kubectl_with(&person(&cluster, &namespace, role));
        // The controller manager adds the rules to the roles.
        wait_for(SOON, role, || may(&kubectl, "list", &providers, &namespace)).unwrap();
        wait_for(SOON, role, || {
            [
                may(&kubectl, "get", &subscriptions, &namespace),
                may(&kubectl, "create", &subscriptions, &namespace),
                may(&kubectl, "patch", &providers, &namespace),
            ] == expected
        })
        .unwrap();
        for verb in ["update", "patch"] {
            for kind in [&subscriptions, &providers] {
                let status = [verb, kind, "--subresource=status", "-n", &namespace];
                assert!(!can(&kubectl, &status), "{role} {verb} {kind}/status");
            }
            assert!(!can(&kubectl, &[verb, &lent, "-A"]), "{role} {verb} {lent}");
        }
    }
}

fn subscription(name: &str, change: &Value) -> Value {
    let mut spec = json!({
        "providerRef": {"name": "dixa"},
        "url": "https://hooks.acme.example/dixa",
        "events": ["ConversationClosed"],
    });
    let members = change.as_object().unwrap().clone();
    let spec_members = spec.as_object_mut().unwrap();
    if members.contains_key("urlFrom") {
        spec_members.remove("url");
    }
    spec_members.extend(members);
    json!({"apiVersion": "webhook-operator.io/v1alpha1", "kind": "WebhookSubscription", "metadata": {"name": name}, "spec": spec})
}

fn provider(kind: &str, secret: &str) -> Value {
    json!({
        "apiVersion": "webhook-operator.io/v1alpha1",
        "kind": kind,
        "metadata": {"name": "dixa"},
        "spec": {"type": "Dixa", "credentials": {"secretRef": {"name": secret, "key": "token"}}},
    })
}

/// One of each field by which an object reads a Secret.
fn references(secret: &str) -> Vec<Value> {
    let reference = json!({"name": secret, "key": "k"});
    let header =
        |number: usize| json!({"name": format!("X-{number}"), "valueFrom": {"secretKeyRef": reference}});
    let mut plain: Vec<Value> = (0..15)
        .map(|number| json!({"name": format!("X-{number}"), "value": "v"}))
        .collect();
    plain.push(header(15));
    vec![
        json!({"urlFrom": {"secretKeyRef": reference}}),
        json!({"authorization": {"basic": {"secretRef": {"name": secret}}}}),
        json!({"authorization": {"bearer": {"secretKeyRef": reference}}}),
        json!({"signing": {"secretKeyRef": reference}}),
        json!({"headers": [header(0)]}),
        json!({"headers": plain}),
    ]
}

/// Somebody who may write every kind of ours, and of the Secrets of the namespace may read one, `mine`.
fn tenant(cluster: &Cluster, namespace: &str) -> Kubectl {
    let rules = json!({
        "apiVersion": "v1",
        "kind": "List",
        "items": [
            {
                "apiVersion": "rbac.authorization.k8s.io/v1",
                "kind": "ClusterRole",
                "metadata": {"name": "author"},
                "rules": [{
                    "apiGroups": ["webhook-operator.io"],
                    "resources": ["webhooksubscriptions", "webhookproviders", "clusterwebhookproviders"],
                    "verbs": ["get", "create", "update", "patch", "delete"],
                }],
            },
            {
                "apiVersion": "rbac.authorization.k8s.io/v1",
                "kind": "Role",
                "metadata": {"name": "reader", "namespace": namespace},
                "rules": [{"apiGroups": [""], "resources": ["secrets"], "resourceNames": ["mine"], "verbs": ["get"]}],
            },
        ],
    });
    cluster.apply(&rules.to_string()).unwrap();
    cluster
        .kubectl(&["create", "serviceaccount", "tenant", "-n", namespace], "")
        .unwrap();
    let account = format!("--serviceaccount={namespace}:tenant");
    cluster
        .kubectl(
            &[
                "create",
                "clusterrolebinding",
                "author",
                "--clusterrole=author",
                &account,
            ],
            "",
        )
        .unwrap();
    cluster
        .kubectl(
            &[
                "create",
                "rolebinding",
                "reader",
                "--role=reader",
                &account,
                "-n",
                namespace,
            ],
            "",
        )
        .unwrap();
    cluster.kubectl_with(&cluster.service_account_kubeconfig(namespace, "tenant").unwrap())
}

#[test]
fn the_policy_refuses_a_secret_that_the_writer_may_not_read() {
    let cluster = ControlPlane::start(&Options::default()).unwrap();
    install(&cluster, &["--set", "admissionPolicy.enabled=true"]);
    let namespace = cluster.namespace("tenant").unwrap();
    let tenant = tenant(&cluster, &namespace);
    let write = |object: &Value, dry: bool| {
        let mut args = vec!["apply", "-n", &namespace, "-f", "-"];
        args.extend(dry.then_some("--dry-run=server"));
        tenant
            .run(&args, &object.to_string())
            .map_err(|error| error.to_string())
    };

    // A policy takes a moment to come into force.
    let foreign = subscription("a", &references("theirs")[0]);
    let message = wait_for(SOON, "the policy", || match write(&foreign, true) {
        Err(message) if message.contains("you may not get the Secret") => Ok(message),
        other => Err(format!("{other:?}")),
    })
    .unwrap();
    assert!(
        message.contains("spec.urlFrom.secretKeyRef: you may not get the Secret"),
        "{message}"
    );
    for change in references("theirs") {
        let refused = write(&subscription("a", &change), true).unwrap_err();
        assert!(refused.contains("/theirs"), "{change}: {refused}");
    }
    // So does the role that lets the tenant read its own.
    let own = subscription("a", &references("mine")[0]);
    wait_for(SOON, "the role of the tenant", || write(&own, true)).unwrap();
    for change in references("mine") {
        write(&subscription("a", &change), true).unwrap_or_else(|error| panic!("{change}: {error}"));
    }
    // All sixteen headers at once, each asked for by itself.
    let header = |number: usize| json!({"name": format!("X-{number}"), "valueFrom": {"secretKeyRef": {"name": "mine", "key": "k"}}});
    let full = json!({"headers": (0..16).map(header).collect::<Vec<Value>>(), "signing": references("mine")[3]["signing"]});
    write(&subscription("full", &full), true).unwrap();

    write(&provider("WebhookProvider", "theirs"), true).unwrap_err();
    write(&provider("WebhookProvider", "mine"), true).unwrap();
    // A cluster-wide one reads in the operator's own namespace, where the tenant may read nothing.
    let refused = write(&provider("ClusterWebhookProvider", "mine"), true).unwrap_err();
    assert!(refused.contains("webhook-operator/mine"), "{refused}");

    // What does not touch the spec is not asked about.
    cluster
        .kubectl(&["apply", "-n", &namespace, "-f", "-"], &foreign.to_string())
        .unwrap();
    let kind = "webhooksubscriptions.webhook-operator.io/a";
    tenant
        .run(
            &[
                "annotate",
                "-n",
                &namespace,
                kind,
                "webhook-operator.io/reconcile-requested-at=now",
            ],
            "",
        )
        .unwrap();
    let patch = r#"{"spec":{"events":["ConversationCreated"]}}"#;
    let refused = tenant
        .run(
            &["patch", "-n", &namespace, kind, "--type=merge", "-p", patch],
            "",
        )
        .unwrap_err();
    assert!(refused.to_string().contains("/theirs"), "{refused}");
}
