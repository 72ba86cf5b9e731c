//! The plays: which blocks are run in which cluster, and what must be true afterwards.

use std::collections::BTreeSet;

use serde_json::Value;
use test_harness::wait_for;

use crate::documents::{Substitutions, assert_all_are_run, commands};
use crate::stage::{SOON, Shell, Stage};

const README: &str = "README.md#Install it on a cluster";
const QUICK: &str = "docs/quickstart.md#Five commands";
const LOOK: &str = "docs/quickstart.md#Look at it, change it, remove it";
const BABEL: &str = "docs/quickstart.md#Babel";
const BIRD: &str = "docs/quickstart.md#Bird";
const KUBECTL: &str = "docs/quickstart.md#Install with kubectl";
const UPGRADE: &str = "docs/quickstart.md#Upgrade";
const BACK_UP: &str = "docs/quickstart.md#Back up";
const RESTORE: &str = "docs/quickstart.md#Restore";
const UNINSTALL: &str = "docs/quickstart.md#Uninstall";
const DRIFT: &str = "docs/how-it-works.md#Drift";
const DRY_RUN: &str = "docs/operations.md#Dry run";
const TRACES: &str = "docs/operations.md#Traces";
const SHARDS: &str = "docs/operations.md#Shards";
const ARGO_CD: &str = "docs/gitops.md#Argo CD";
const CHART: [&str; 3] = [
    "charts/webhook-operator/README.md#Install",
    "charts/webhook-operator/README.md#In some namespaces only",
    "charts/webhook-operator/README.md#Uninstall",
];
const DEFINITIONS: [&str; 2] = [
    "charts/webhook-operator-crds/README.md#Install",
    "charts/webhook-operator-crds/README.md#Hand over",
];
/// Of each provider: how its key gets there, the example, and what comes after it.
const PAGES: [(&str, &str, &[&str]); 3] = [
    (
        "docs/providers/dixa.md#Token",
        "docs/providers/dixa.md#Example",
        &[],
    ),
    (
        "docs/providers/babel.md#Key",
        "docs/providers/babel.md#Example",
        &[
            "docs/providers/babel.md#Events",
            "docs/providers/babel.md#Test events",
        ],
    ),
    (
        "docs/providers/bird.md#Key and workspace",
        "docs/providers/bird.md#Example",
        &[],
    ),
];
const CERTIFICATE: &str = "docs/providers/babel.md#Certificate";

#[test]
fn no_command_is_without_a_run() {
    let mut played = BTreeSet::from([
        README,
        QUICK,
        LOOK,
        BABEL,
        BIRD,
        KUBECTL,
        UPGRADE,
        BACK_UP,
        RESTORE,
        UNINSTALL,
        DRIFT,
        DRY_RUN,
        TRACES,
        SHARDS,
        ARGO_CD,
        CERTIFICATE,
    ]);
    played.extend(CHART);
    played.extend(DEFINITIONS);
    for (key, example, more) in PAGES {
        played.extend([key, example]);
        played.extend(more);
    }
    assert_all_are_run(&played);
}

#[test]
fn nothing_is_replaced_that_no_document_has() {
    let all = commands();
    for text in Substitutions::new("", "").replaced() {
        let used = all.values().flatten().any(|block| block.contains(text));
        assert!(used, "{text}");
    }
}

#[test]
fn the_readme_has_the_first_of_the_five_commands() {
    let all = commands();
    assert_eq!(all[QUICK].len(), 5, "a newcomer gets there in five commands");
    assert_eq!(all[README], all[QUICK][..1]);
}

fn ids(shell: &Shell<'_>) -> [Vec<String>; 3] {
    ["dixa", "babel", "bird"].map(|provider| shell.remote(provider))
}

const NOTHING: [Vec<String>; 3] = [Vec::new(), Vec::new(), Vec::new()];

fn nothing_is_left(shell: &Shell<'_>) {
    assert_eq!(ids(shell), NOTHING);
    for (kind, name) in [
        ("namespaces", "webhook-operator"),
        (
            "customresourcedefinitions",
            "webhooksubscriptions.webhook-operator.io",
        ),
        ("clusterroles", "webhook-operator"),
    ] {
        let found = shell.cluster.get_json(kind, "", name).unwrap();
        assert!(found.is_none(), "{kind} {name} is left");
    }
}

#[test]
fn with_helm_from_nothing_over_all_providers_and_the_loss_of_the_cluster_to_nothing() {
    let stage = Stage::new();
    let mut before = NOTHING;
    stage.in_new_cluster(|shell| {
        shell.all(QUICK);
        assert_eq!(shell.remote("dixa").len(), 1);
        shell.some(LOOK, 0..3);
        shell.all(DRIFT);
        shell.some(LOOK, 3..4);
        assert_eq!(ids(shell), NOTHING);
        shell.some(QUICK, 3..5);
        shell.all(BABEL);
        shell.all(BIRD);
        before = ids(shell);
        assert_eq!(before.each_ref().map(Vec::len), [1, 2, 1]);
        shell.kubectl(&["create", "namespace", "argocd"]);
        shell.kubectl(&["create", "configmap", "argocd-cm", "--namespace=argocd"]);
        shell.all(ARGO_CD);
        shell.some(UPGRADE, 0..2);
        assert_eq!(ids(shell), before, "an upgrade touches nothing");
        shell.all(BACK_UP);
    });
    // That cluster is gone, and what was at the providers is still there.
    stage.in_new_cluster(|shell| {
        shell.all(RESTORE);
        assert_eq!(ids(shell), before, "nothing was made anew");
        shell.some(UNINSTALL, 0..2);
        nothing_is_left(shell);
    });
}

#[test]
fn a_dry_run_says_what_would_be_done_and_nothing_has_to_be_undone_to_begin_in_earnest() {
    Stage::new().in_new_cluster(|shell| {
        shell.some(DRY_RUN, 0..1);
        shell.some(QUICK, 1..4);
        wait_for(SOON, "the Event", || {
            let events = shell.kubectl(&["get", "events", "--namespace=support"]);
            events.contains("WouldCreate")
        })
        .unwrap();
        shell.some(DRY_RUN, 1..2);
        assert_eq!(ids(shell), NOTHING);
        shell.some(DRY_RUN, 2..3);
        shell.some(QUICK, 4..5);
        assert_eq!(ids(shell).map(|ids| ids.len()), [1, 0, 0]);
    });
}

#[test]
fn a_collector_of_traces_is_named_and_its_headers_come_from_a_secret() {
    Stage::new().in_new_cluster(|shell| {
        shell.some(QUICK, 0..1);
        shell.all(TRACES);
        let deployment = shell.kubectl(&[
            "get",
            "deployment",
            "--namespace=webhook-operator",
            "--output=json",
        ]);
        for part in ["--otlp-endpoint=http://", "OTEL_EXPORTER_OTLP_HEADERS"] {
            assert!(deployment.contains(part), "{part}: {deployment}");
        }
        // It works whether or not anybody takes the spans.
        shell.some(QUICK, 1..5);
        assert_eq!(ids(shell).map(|ids| ids.len()), [1, 0, 0]);
    });
}

#[test]
fn a_provider_that_is_labelled_for_a_shard_is_handed_over_with_what_is_there() {
    Stage::new().in_new_cluster(|shell| {
        shell.some(QUICK, 0..5);
        let before = ids(shell);
        shell.all(SHARDS);
        shell.kubectl(&[
            "wait",
            "--namespace=support",
            "whprov/dixa",
            "--for=jsonpath={.status.servedBy.shard}=eu",
            "--timeout=60s",
        ]);
        assert_eq!(ids(shell), before);
    });
}

#[test]
fn with_kubectl_from_nothing_to_nothing() {
    let stage = Stage::new();
    stage.in_new_cluster(|shell| {
        shell.all(KUBECTL);
        shell.some(QUICK, 1..5);
        let before = ids(shell);
        assert_eq!(before[0].len(), 1);
        shell.some(UPGRADE, 2..3);
        let deployment = shell.kubectl(&[
            "get",
            "deployment",
            "--namespace=webhook-operator",
            "--output=json",
        ]);
        assert!(deployment.contains("acme-production"), "{deployment}");
        assert_eq!(ids(shell), before);
        shell.some(UNINSTALL, 0..1);
        shell.some(UNINSTALL, 2..3);
        nothing_is_left(shell);
    });
}

#[test]
fn the_pages_of_the_providers() {
    let mut stage = Stage::new();
    stage.aim("dixa", None, "dixa-api", "token", "dixa-token-example");
    stage.aim(
        "babel",
        Some("simulator-ca"),
        "babel-api",
        "key",
        "api_EXAMPLEEXAMPLEEXAMPLE0001",
    );
    stage.aim(
        "bird",
        None,
        "bird-api",
        "accessKey",
        "example-access-key-of-another",
    );
    stage.in_new_cluster(|shell| {
        shell.some(QUICK, 0..1);
        for ((key, example, more), namespace) in PAGES.into_iter().zip(["support", "licensing", "messaging"])
        {
            shell.kubectl(&["create", "namespace", namespace]);
            shell.all(key);
            let released = "--selector=webhook-operator.io/use=credentials";
            let found = shell.kubectl(&[
                "get",
                "secrets",
                released,
                "--namespace",
                namespace,
                "--output=name",
            ]);
            assert_eq!(found.lines().count(), 1, "{key}");
            if namespace == "licensing" {
                shell.all(CERTIFICATE);
            }
            // The example has the same objects, with keys of its own.
            shell.kubectl(&["delete", "namespace", namespace]);
            shell.all(example);
            if namespace == "licensing" {
                shell.trust_simulator(namespace, "simulator-ca");
                // ConfigMaps are not watched.
                let now = "webhook-operator.io/reconcile-requested-at=now";
                shell.kubectl(&["annotate", "whprov", "babel", now, "--namespace", namespace]);
            }
            let ready = ["wait", "whsub", "--all", "--for=condition=Ready", "--timeout=60s"];
            shell.kubectl(&[&ready[..], &["--namespace", namespace]].concat());
            for heading in more {
                shell.all(heading);
            }
        }
        assert_eq!(ids(shell).map(|ids| ids.len()), [1, 2, 4]);
    });
}

fn works(shell: &Shell<'_>) {
    wait_for(SOON, "the operator to work", || {
        let lease = shell
            .cluster
            .get_json("leases", "webhook-operator", "webhook-operator");
        lease.unwrap().is_some()
    })
    .unwrap();
}

fn definition(shell: &Shell<'_>) -> Value {
    let name = "webhooksubscriptions.webhook-operator.io";
    shell
        .cluster
        .get_json("customresourcedefinitions", "", name)
        .unwrap()
        .unwrap()["metadata"]
        .clone()
}

fn owner(metadata: &Value) -> &Value {
    &metadata["annotations"]["meta.helm.sh/release-name"]
}

#[test]
fn the_page_of_the_chart_of_definitions() {
    let stage = Stage::new();
    stage.in_new_cluster(|shell| {
        shell.all(DEFINITIONS[0]);
        works(shell);
        assert_eq!(owner(&definition(shell)), "webhook-operator-crds");
    });
    stage.in_new_cluster(|shell| {
        shell.all(QUICK);
        let before = definition(shell);
        assert_eq!(owner(&before), "webhook-operator");
        shell.all(DEFINITIONS[1]);
        let after = definition(shell);
        assert_eq!(owner(&after), "webhook-operator-crds");
        assert_eq!(after["uid"], before["uid"]);
        shell.some(QUICK, 4..5);
        assert_eq!(shell.remote("dixa").len(), 1);
    });
}

#[test]
fn the_page_of_the_chart() {
    let stage = Stage::new();
    stage.in_new_cluster(|shell| {
        shell.all(CHART[0]);
        works(shell);
        shell.all(CHART[2]);
        shell.kubectl(&["delete", "namespace", "webhook-operator"]);
        nothing_is_left(shell);
        for team in ["team-a", "team-b"] {
            shell.kubectl(&["create", "namespace", team]);
        }
        shell.all(CHART[1]);
        for team in ["team-a", "team-b"] {
            let role = shell.cluster.get_json("roles", team, "webhook-operator").unwrap();
            assert!(role.is_some(), "{team}");
        }
    });
}
