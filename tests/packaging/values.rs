//! What values do, without a cluster.

use std::collections::{BTreeMap, BTreeSet};

use clap::CommandFactory as _;
use serde_json::Value;
use webhook_operator::cli::{Cli, Command};

use crate::chart::{Helm, arguments, arguments_of, container, find, in_checkout, of_kind, read, scenarios};

fn flag_of(argument: &str) -> Option<&str> {
    Some(argument.strip_prefix("--")?.split('=').next().unwrap_or_default())
}

#[test]
fn every_flag_of_the_operator_can_be_set_and_no_other_is_there() {
    let helm = Helm::offline();
    let everything = in_checkout("charts/webhook-operator/ci/everything-values.yaml");
    let everything = helm.render(&["-f", everything.to_str().unwrap()]);
    let namespaced = helm.render(&["--set", "watch.namespaces={a,b},operator.clusterId=x"]);
    let single = helm.render(&["--set", "replicas=1,leaderElection.enabled=false"]);
    let shards = helm.render(&["--set", "shards={eu}"]);
    let shard = arguments_of(find(&shards, "Deployment", "webhook-operator-eu"));
    let rendered = [
        arguments(&everything),
        arguments(&namespaced),
        arguments(&single),
        shard,
    ]
    .concat();
    let mut set: BTreeSet<&str> = rendered.iter().filter_map(|argument| flag_of(argument)).collect();
    let variables: Vec<&str> = container(&everything)["env"]
        .as_array()
        .unwrap()
        .iter()
        .filter_map(|variable| variable["name"].as_str()?.strip_prefix("WEBHOOK_OPERATOR_"))
        .collect();
    let from_environment: Vec<String> = variables
        .iter()
        .map(|variable| variable.to_lowercase().replace('_', "-"))
        .collect();
    set.extend(from_environment.iter().map(String::as_str));

    let command = Cli::command();
    let run = command.find_subcommand("run").unwrap();
    let flags: BTreeSet<&str> = run.get_arguments().filter_map(clap::Arg::get_long).collect();
    assert_eq!(set, flags);
}

#[test]
fn the_operator_takes_what_each_scenario_renders() {
    let helm = Helm::offline();
    for (name, file) in scenarios() {
        let arguments = arguments(&helm.render(&["-f", file.to_str().unwrap()]));
        let line = std::iter::once("webhook-operator").chain(arguments.iter().map(String::as_str));
        let parsed =
            <Cli as clap::Parser>::try_parse_from(line).unwrap_or_else(|error| panic!("{name}: {error}"));
        assert!(matches!(parsed.command, Command::Run(_)), "{name}: {arguments:?}");
    }
}

#[test]
fn a_misspelt_key_is_refused_and_named_at_every_level() {
    let helm = Helm::offline();
    let values: Value = serde_saphyr::from_str(&read("charts/webhook-operator/values.yaml")).unwrap();
    for (section, content) in values.as_object().unwrap() {
        let known = content.as_object().is_some_and(|content| !content.is_empty());
        if section != "global" && known {
            let set = format!("{section}.misspelt=1");
            // What Kubernetes defines is checked by Kubernetes.
            if ["resources", "podSecurityContext", "securityContext"].contains(&section.as_str()) {
                continue;
            }
            assert!(helm.refusal(&["--set", &set]).contains("misspelt"), "{set}");
        }
    }
    assert!(helm.refusal(&["--set", "relicas=3"]).contains("relicas"));
}

#[test]
fn what_cannot_work_is_refused_with_what_to_do() {
    let helm = Helm::offline();
    let cases = [
        ("watch.namespaces={a}", "operator.clusterId"),
        ("leaderElection.enabled=false", "leaderElection.enabled=true"),
        ("podDisruptionBudget.minAvailable=2", "less than replicas"),
        ("podDisruptionBudget.minAvailable=100%", "drained"),
        ("podDisruptionBudget.maxUnavailable=0", "drained"),
        (
            "podDisruptionBudget.minAvailable=1,podDisruptionBudget.maxUnavailable=1",
            "not both",
        ),
        ("serviceAccount.create=false", "serviceAccount.name"),
        ("image.digest=abc", "digest"),
        ("operator.interval=10", "interval"),
        ("operator.concurrency=0", "concurrency"),
        ("watch.namespaces={A},operator.clusterId=x", "namespaces"),
        (
            "terminationGracePeriodSeconds=10",
            "terminationGracePeriodSeconds",
        ),
        (
            "metrics.renderMode=failIfMissing,metrics.podMonitor.enabled=true",
            "PodMonitor",
        ),
        (
            "metrics.renderMode=alwaysRender,metrics.podMonitor.enabled=true,metrics.serviceMonitor.enabled=true",
            "not both",
        ),
        (
            "metrics.renderMode=alwaysRender,metrics.serviceMonitor.enabled=true,metrics.service.enabled=false",
            "metrics.service.enabled",
        ),
        (
            "metrics.renderMode=alwaysRender,metrics.prometheusRule.enabled=true,\
             metrics.prometheusRule.overrides.Nothing.for=1m",
            "no such alert",
        ),
    ];
    for (set, message) in cases {
        let refusal = helm.refusal(&["--set", set]);
        assert!(refusal.contains(message), "{set}: {refusal}");
    }
}

#[test]
fn kinds_of_the_prometheus_operator_are_left_out_where_the_cluster_lacks_them() {
    let helm = Helm::offline();
    let on = "metrics.serviceMonitor.enabled=true,metrics.prometheusRule.enabled=true";
    let kinds = |args: &[&str]| {
        let objects = helm.render(&[&["--set", on], args].concat());
        ["ServiceMonitor", "PrometheusRule"].map(|kind| of_kind(&objects, kind).len())
    };
    assert_eq!(kinds(&[]), [0, 0]);
    assert_eq!(kinds(&["--set", "metrics.renderMode=alwaysRender"]), [1, 1]);
    let known = "monitoring.coreos.com/v1/ServiceMonitor";
    assert_eq!(kinds(&["--api-versions", known]), [1, 0]);
}

#[test]
fn a_digest_decides_and_a_mirror_takes_the_registrys_place() {
    let helm = Helm::offline();
    let image = |set: &str| {
        let objects = helm.render(&["--set", set]);
        container(&objects)["image"].as_str().unwrap().to_owned()
    };
    let digest = format!("sha256:{}", "a".repeat(64));
    let name = "webhook-operator/webhook-operator";
    let version = env!("CARGO_PKG_VERSION");
    assert_eq!(image(""), format!("ghcr.io/{name}:{version}"));
    assert_eq!(
        image(&format!("image.digest={digest}")),
        format!("ghcr.io/{name}@{digest}")
    );
    assert_eq!(
        image(&format!("image.digest={digest},image.tag=1.2.3")),
        format!("ghcr.io/{name}:1.2.3@{digest}")
    );
    assert_eq!(
        image("global.imageRegistry=mirror.example"),
        format!("mirror.example/{name}:{version}")
    );
}

#[test]
fn labels_of_everybody_are_on_every_object_and_in_no_selector() {
    let helm = Helm::offline();
    let everything = in_checkout("charts/webhook-operator/ci/everything-values.yaml");
    let objects = helm.render(&["-f", everything.to_str().unwrap()]);
    for object in &objects {
        let name = &object["metadata"]["name"];
        if name != "webhook-operator-extra" {
            assert_eq!(object["metadata"]["labels"]["team"], "platform", "{name}");
            assert_eq!(
                object["metadata"]["annotations"]["example.com/owner"], "platform",
                "{name}"
            );
        }
    }
    let deployment = find(&objects, "Deployment", "hooks-operator");
    assert!(deployment["spec"]["selector"]["matchLabels"]["team"].is_null());
}

/// A value of the default file is `a.b.c`; those below maps that are open are the user's own.
fn paths(prefix: &str, value: &Value, into: &mut Vec<String>) {
    match value.as_object().filter(|members| !members.is_empty()) {
        Some(members) => {
            for (key, value) in members {
                paths(&format!("{prefix}.{key}"), value, into);
            }
        }
        None => into.push(prefix.to_owned()),
    }
}

#[test]
fn every_value_is_described_in_the_readme_and_known_to_the_schema() {
    let values: Value = serde_saphyr::from_str(&read("charts/webhook-operator/values.yaml")).unwrap();
    let readme = read("charts/webhook-operator/README.md");
    let schema: Value = serde_json::from_str(&read("charts/webhook-operator/values.schema.json")).unwrap();
    let mut all = Vec::new();
    paths("", &values, &mut all);
    for path in all {
        let path = path.trim_start_matches('.');
        let mut node = &schema;
        let mut open = false;
        for key in path.split('.') {
            if node["properties"][key].is_null() {
                open = node["additionalProperties"] != false;
                break;
            }
            node = &node["properties"][key];
        }
        assert!(
            open || !node["type"].is_null() || !node["enum"].is_null(),
            "{path}"
        );
        let row = readme.lines().find(|line| {
            let key = line.strip_prefix("| `").and_then(|rest| rest.split('`').next());
            key.is_some_and(|key| path == key || path.starts_with(&format!("{key}.")))
        });
        let described = row.is_some_and(|row| !row.trim_end_matches([' ', '|']).ends_with('|'));
        assert!(described, "{path} has no description");
    }
}

#[test]
fn chart_and_operator_have_one_version_and_the_annotations_say_so_too() {
    let chart: Value = serde_saphyr::from_str(&read("charts/webhook-operator/Chart.yaml")).unwrap();
    let version = env!("CARGO_PKG_VERSION");
    assert_eq!(
        (&chart["version"], &chart["appVersion"]),
        (&version.into(), &version.into())
    );
    let definitions: Value =
        serde_saphyr::from_str(&read("charts/webhook-operator-crds/Chart.yaml")).unwrap();
    for member in ["version", "appVersion", "kubeVersion"] {
        assert_eq!(definitions[member], chart[member], "{member}");
    }
    let annotation = |name: &str| -> Vec<Value> {
        let text = chart["annotations"][format!("artifacthub.io/{name}")]
            .as_str()
            .unwrap();
        serde_saphyr::from_str(text).unwrap()
    };
    let image = format!("ghcr.io/webhook-operator/webhook-operator:{version}");
    assert_eq!(annotation("images")[0]["image"], image);

    let helm = Helm::offline();
    let objects = helm.render(&[]);
    let names = |kinds: Vec<&Value>| -> BTreeMap<String, String> {
        let text = |value: &Value| value.as_str().unwrap().to_owned();
        kinds
            .into_iter()
            .map(|crd| {
                (
                    text(&crd["metadata"]["name"]),
                    text(&crd["spec"]["names"]["kind"]),
                )
            })
            .collect()
    };
    let listed: BTreeMap<String, String> = annotation("crds")
        .iter()
        .map(|crd| {
            (
                crd["name"].as_str().unwrap().into(),
                crd["kind"].as_str().unwrap().into(),
            )
        })
        .collect();
    assert_eq!(names(of_kind(&objects, "CustomResourceDefinition")), listed);
}

#[test]
fn the_definitions_in_the_chart_are_those_of_the_operator_and_are_kept() {
    let helm = Helm::offline();
    let objects = helm.render(&[]);
    let rendered = of_kind(&objects, "CustomResourceDefinition");
    let ours: Vec<Value> =
        serde_saphyr::from_multiple(&webhook_operator::crd::yaml_stream().unwrap()).unwrap();
    assert_eq!(rendered.len(), ours.len());
    for crd in ours {
        let name = crd["metadata"]["name"].as_str().unwrap();
        let rendered = find(&objects, "CustomResourceDefinition", name);
        assert_eq!(rendered["spec"], crd["spec"], "{name}");
        assert_eq!(
            rendered["metadata"]["annotations"]["helm.sh/resource-policy"],
            "keep"
        );
        // Larger ones would not fit into the annotation of a client-side apply.
        let size = rendered.to_string().len();
        assert!(size < 150 * 1024, "{name} has {size} bytes");
    }
    let gone = helm.render(&["--set", "crds.keep=false"]);
    let annotations = &of_kind(&gone, "CustomResourceDefinition")[0]["metadata"]["annotations"];
    assert!(annotations["helm.sh/resource-policy"].is_null());
}

#[test]
fn the_pods_end_of_grace_lets_the_drain_end_and_nothing_is_granted_by_wildcard() {
    let objects = Helm::offline().render(&[]);
    let pod = &find(&objects, "Deployment", "webhook-operator")["spec"]["template"]["spec"];
    let grace = pod["terminationGracePeriodSeconds"].as_u64().unwrap();
    assert!(grace >= webhook_operator::run::DRAIN.as_secs() + 5);
    for role in of_kind(&objects, "ClusterRole")
        .into_iter()
        .chain(of_kind(&objects, "Role"))
    {
        let people = role["metadata"]["labels"]
            .as_object()
            .unwrap()
            .keys()
            .any(|label| label.contains("aggregate-to"));
        let text = role["rules"].to_string();
        assert!(!text.contains('*'), "{text}");
        assert!(people || !text.contains("delete"), "{text}");
    }
}

#[test]
fn each_shard_has_pods_and_a_budget_of_its_own_and_may_read_the_leases_of_all() {
    let helm = Helm::offline();
    let objects = helm.render(&["--set", "shards={eu,us}"]);
    for shard in ["eu", "us"] {
        let name = format!("webhook-operator-{shard}");
        let deployment = find(&objects, "Deployment", &name);
        assert!(arguments_of(deployment).contains(&format!("--shard={shard}")));
        let budget = find(&objects, "PodDisruptionBudget", &name);
        for selector in [&deployment["spec"]["selector"], &budget["spec"]["selector"]] {
            assert_eq!(selector["matchLabels"]["webhook-operator.io/shard"], shard);
        }
    }
    let others = find(&objects, "PodDisruptionBudget", "webhook-operator");
    let without = &others["spec"]["selector"]["matchExpressions"][0];
    assert_eq!(
        without["operator"], "DoesNotExist",
        "no pod may be in two budgets"
    );
    let role = find(&objects, "Role", "webhook-operator-own");
    let rules = role["rules"].as_array().unwrap();
    let leases = rules
        .iter()
        .find(|rule| rule["resources"][0] == "leases")
        .unwrap();
    let names = ["webhook-operator", "webhook-operator-eu", "webhook-operator-us"];
    assert_eq!(leases["resourceNames"], serde_json::json!(names));
    let refusal = helm.refusal(&["--set", "shards={eu},replicas=1,leaderElection.enabled=false"]);
    assert!(refusal.contains("leaderElection.enabled=true"), "{refusal}");
}
