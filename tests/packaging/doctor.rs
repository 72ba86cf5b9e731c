//! `webhook-operator doctor`, with the flags and the account that the chart gives to the operator: everything is well, and
//! each thing that can be wrong is told, and told as what it is.

use std::collections::BTreeSet;
use std::fs;
use std::time::Duration;

use clap::Parser as _;
use serde_json::{Value, json};
use test_harness::{Cluster, ControlPlane, Options, wait_for};
use webhook_operator::cli::{Cli, Command};
use webhook_operator::config::{Config, Environment};
use webhook_operator::doctor::{Place, wanted};

use crate::chart::{Helm, arguments, find, of_kind, scenarios};
use crate::lifecycle::{Diagnosis, Install, simulator};
use crate::rights::{self, SET, definitions, is_operators, place, rules, without};

const SOON: Duration = Duration::from_secs(60);
const SHARED: &str = "clusterwebhookproviders.webhook-operator.io";

/// The lines that begin with this outcome.
fn lines<'a>(diagnosis: &'a Diagnosis, outcome: &str) -> Vec<&'a str> {
    let begins = |line: &&str| line.starts_with(outcome);
    diagnosis.printed.lines().filter(begins).collect()
}

fn assert_well(diagnosis: &Diagnosis) {
    assert_eq!(diagnosis.status, 0, "{diagnosis:?}");
    assert_eq!(lines(diagnosis, "failed"), Vec::<&str>::new());
    assert_eq!(lines(diagnosis, "note"), Vec::<&str>::new());
}

/// Looks until exactly these have failed, each with this in its line.
fn fails_with(install: &Install<'_>, expected: &[&str]) {
    let looked = wait_for(SOON, "the doctor to see it", || {
        let diagnosis = install.doctor(&[]);
        let failed = lines(&diagnosis, "failed");
        let as_expected = failed.len() == expected.len()
            && expected
                .iter()
                .all(|text| failed.iter().any(|line| line.contains(text)));
        if as_expected && diagnosis.status == 3 {
            Ok(())
        } else {
            Err(format!("{expected:#?} expected of {diagnosis:#?}"))
        }
    });
    looked.unwrap();
}

#[test]
fn the_pod_of_helm_test_is_the_operators_but_for_the_command() {
    let helm = Helm::offline();
    for (name, file) in scenarios() {
        let objects = helm.render(&["-f", file.to_str().unwrap()]);
        let pods = of_kind(&objects, "Pod");
        assert_eq!(pods.len(), 1, "{name}");
        let (pod, operator) = (pods[0], of_kind(&objects, "Deployment")[0]);
        let operator = &operator["spec"]["template"];
        let (mine, theirs) = (&pod["spec"]["containers"][0], &operator["spec"]["containers"][0]);
        for member in ["image", "env", "envFrom", "securityContext", "volumeMounts"] {
            assert_eq!(mine[member], theirs[member], "{name}: {member}");
        }
        for member in ["serviceAccountName", "securityContext", "volumes"] {
            assert_eq!(pod["spec"][member], operator["spec"][member], "{name}: {member}");
        }
        let mut expected = arguments(&objects);
        "doctor".clone_into(&mut expected[0]);
        assert_eq!(mine["args"], json!(expected), "{name}");
        Cli::try_parse_from(std::iter::once("webhook-operator".to_owned()).chain(expected)).unwrap();

        // No selector but the network policy's takes it.
        let labels = pod["metadata"]["labels"].as_object().unwrap();
        let selector = &of_kind(&objects, "Deployment")[0]["spec"]["selector"]["matchLabels"];
        let taken = |(label, value): (&String, &Value)| labels.get(label) == Some(value);
        assert!(!selector.as_object().unwrap().iter().all(taken), "{name}");
        for policy in of_kind(&objects, "NetworkPolicy") {
            let terms = policy["spec"]["podSelector"]["matchExpressions"]
                .as_array()
                .unwrap();
            for labels in [labels, operator["metadata"]["labels"].as_object().unwrap()] {
                assert!(terms.iter().all(|term| {
                    let value = &labels[term["key"].as_str().unwrap()];
                    term["values"].as_array().unwrap().contains(value)
                }));
            }
        }
    }
    let none = helm.render(&["--set", "tests.enabled=false"]);
    assert!(of_kind(&none, "Pod").is_empty());
}

#[test]
fn providers_kinds_and_the_leader_are_told_as_they_are() {
    let cluster = ControlPlane::start(&Options::default()).unwrap();
    definitions(&cluster);
    let (helm, simulator) = (Helm::offline(), simulator());
    let place = place(&cluster);
    let objects = helm
        .template(&place.home, &["--set", SET, "--set", "crds.enabled=false"])
        .unwrap();
    let mut install = Install::new(&cluster, &simulator, &objects, &place.home, &place.team, true);

    // Nothing runs yet.
    fails_with(&install, &["there is no such Lease"]);
    install.settle().unwrap();
    let secure = json!({"endpoint": simulator.https()});
    install.provide("WebhookProvider", "secure", &secure);
    let well = install.doctor(&[]);
    assert_well(&well);
    for expected in [
        "kind      webhooksubscriptions.webhook-operator.io: as in this version".to_owned(),
        "rights    all namespaces: all ".to_owned(),
        format!("rights    namespace {}: all ", place.home),
        format!(
            "endpoint  WebhookProvider {}/dixa: {} can be reached",
            place.team,
            simulator.http()
        ),
        format!(
            "endpoint  WebhookProvider {}/secure: {} can be reached",
            place.team,
            simulator.https()
        ),
        "endpoint  ClusterWebhookProvider: there is no provider object yet".to_owned(),
        format!("leader    Lease {}/webhook-operator: ", place.home),
    ] {
        assert!(
            lines(&well, "ok").iter().any(|line| line.contains(&expected)),
            "{expected}: {well:#?}"
        );
    }
    assert!(!format!("{well:?}").contains("dixa-token-example"));
    let json: Value = serde_json::from_str(&install.doctor(&["--output=json"]).printed).unwrap();
    assert_eq!(json["ok"], true);
    assert_eq!(
        json["checks"].as_array().unwrap().len(),
        well.printed.lines().count() - 1
    );

    providers(&install, simulator.https());
    kinds(&cluster, &install);
    install.stop();
    fails_with(&install, &["nobody holds it"]);
}

fn providers(install: &Install<'_>, https: &str) {
    let untrusted = json!({"endpoint": https, "caBundleRef": null});
    install.provide("WebhookProvider", "secure", &untrusted);
    fails_with(install, &["/secure: https://localhost"]);
    let absent = json!({"endpoint": https, "caBundleRef": {"name": "absent"}});
    install.provide("WebhookProvider", "secure", &absent);
    fails_with(install, &["ConfigMap absent with key ca.crt does not exist"]);
    for (endpoint, why) in [
        ("http://127.0.0.1:9", "connection refused"),
        ("https://nowhere.invalid", "its name cannot be resolved"),
        ("https://10.1.2.3", "--private-endpoints"),
        ("https://kubernetes.default.svc", "is the Kubernetes API server"),
    ] {
        install.provide("WebhookProvider", "secure", &json!({"endpoint": endpoint}));
        fails_with(install, &[why]);
    }
    install.provide("WebhookProvider", "secure", &json!({"endpoint": https}));
}

fn patch(cluster: &Cluster, name: &str, patch: &Value) {
    let text = patch.to_string();
    let args = ["patch", "crd", name, "--type=json", "-p", &text];
    cluster.kubectl(&args, "").unwrap();
}

fn kinds(cluster: &Cluster, install: &Install<'_>) {
    let spec = "/spec/versions/0/schema/openAPIV3Schema/properties/spec/properties";
    let old = json!([{"op": "remove", "path": format!("{spec}/quota")}]);
    patch(cluster, SHARED, &old);
    fails_with(install, &["older than this version: it lacks spec.quota,"]);
    let quota = json!({"type": "object"});
    let other = json!([{"op": "add", "path": format!("{spec}/quota"), "value": quota},
                       {"op": "replace", "path": format!("{spec}/endpoint/maxLength"), "value": 100}]);
    patch(cluster, SHARED, &other);
    fails_with(
        install,
        &["older than this version: it lacks spec.quota.perNamespace,"],
    );
    definitions(cluster);
    let stricter = json!([{"op": "replace", "path": format!("{spec}/endpoint/maxLength"), "value": 100}]);
    patch(cluster, SHARED, &stricter);
    fails_with(install, &["differs from this version at spec.endpoint;"]);
    definitions(cluster);
    let newer = json!([{"op": "add", "path": format!("{spec}/brandNew"), "value": {"type": "string"}}]);
    patch(cluster, SHARED, &newer);
    wait_for(SOON, "the newer kind", || {
        let diagnosis = install.doctor(&[]);
        let told = lines(&diagnosis, "note")
            .iter()
            .any(|line| line.contains("spec.brandNew"));
        told && diagnosis.status == 0
    })
    .unwrap();
    cluster.kubectl(&["delete", "crd", SHARED], "").unwrap();
    fails_with(
        install,
        &["clusterwebhookproviders.webhook-operator.io: not installed"],
    );
    definitions(cluster);
    wait_for(SOON, "all to be well again", || install.doctor(&[]).status == 0).unwrap();
}

/// `(place, group/resource, verb, name)`.
type Granted = (Place, String, String, Option<String>);

/// What the rendered roles grant to the operator.
fn granted(objects: &[Value]) -> BTreeSet<Granted> {
    let mut all = BTreeSet::new();
    for rule in rules(objects) {
        let role = &objects[rule.object];
        let place = match role["metadata"]["namespace"].as_str() {
            Some(namespace) => Place::Namespace(namespace.to_owned()),
            None => Place::Everywhere,
        };
        let names = role["rules"][rule.index]["resourceNames"].as_array().cloned();
        let names: Vec<Option<String>> = match names {
            None => vec![None],
            Some(names) => names
                .iter()
                .map(|name| name.as_str().map(str::to_owned))
                .collect(),
        };
        for (what, verb) in rule.grants {
            let each = names
                .iter()
                .map(|name| (place.clone(), what.clone(), verb.clone(), name.clone()));
            all.extend(each);
        }
    }
    all
}

fn asked_about(objects: &[Value], home: &str) -> BTreeSet<Granted> {
    let line = std::iter::once("webhook-operator".to_owned()).chain(arguments(objects));
    let Command::Run(args) = Cli::try_parse_from(line).unwrap().command else {
        panic!("not run");
    };
    let environment = Environment {
        pod_namespace: Some(home.to_owned()),
        ..Environment::default()
    };
    let config = Config::new(&args, environment).unwrap();
    let rights = wanted(&config).unwrap().into_iter();
    rights
        .map(|right| {
            let what = format!("{}/{}", right.group, right.resource);
            (right.place, what, right.verb, right.name)
        })
        .collect()
}

#[test]
fn what_is_asked_about_is_what_the_chart_grants() {
    let helm = Helm::offline();
    for set in [
        "leaderElection.leaseName=mine",
        "watch.namespaces={a,b},operator.clusterId=x",
        "replicas=1,leaderElection.enabled=false",
    ] {
        let objects = helm.render(&["--set", set]);
        assert_eq!(
            granted(&objects),
            asked_about(&objects, "webhook-operator"),
            "{set}"
        );
    }
}

/// Puts the operator's roles in place, and nothing else.
fn grant(cluster: &Cluster, objects: &[Value]) {
    let roles: Vec<&Value> = objects.iter().filter(|object| is_operators(object)).collect();
    let list = json!({"apiVersion": "v1", "kind": "List", "items": roles}).to_string();
    let apply = ["apply", "--server-side", "--force-conflicts", "-f", "-"];
    cluster.kubectl(&apply, &list).unwrap();
}

#[test]
fn each_rule_that_is_missing_is_named_and_nothing_is_written() {
    let cluster = ControlPlane::start(&Options::default()).unwrap();
    definitions(&cluster);
    let (helm, simulator) = (Helm::offline(), simulator());
    let place = place(&cluster);
    let cluster_wide = helm
        .template(&place.home, &["--set", SET, "--set", "crds.enabled=false"])
        .unwrap();
    let listed = rights::namespaced(&helm, &place);
    let mut audit = cluster.audit_from_now().unwrap();
    // First the one with less: what was granted stays.
    for (objects, everywhere) in [(listed, false), (cluster_wide, true)] {
        let install = Install::new(
            &cluster,
            &simulator,
            &objects,
            &place.home,
            &place.team,
            everywhere,
        );
        for rule in rules(&objects) {
            let own = objects[rule.object]["metadata"]["name"]
                .as_str()
                .unwrap()
                .ends_with("-own");
            // What both roles grant is not missing without one of them.
            if everywhere && own {
                continue;
            }
            grant(&cluster, &without(&objects, &rule));
            let optional = rule.grants.contains(&("/secrets".to_owned(), "patch".to_owned()));
            let missing: BTreeSet<String> = rule
                .grants
                .iter()
                .map(|(what, verb)| phrase(what, verb))
                .collect();
            wait_for(SOON, "the missing rights", || {
                let diagnosis = install.doctor(&[]);
                let outcome = if optional { "note" } else { "failed" };
                let told = lines(&diagnosis, outcome);
                let named =
                    |right: &String| told.iter().any(|line| line.contains(&format!("may not {right}")));
                let count = told.iter().filter(|line| line.contains("may not ")).count();
                if missing.iter().all(named) && count == missing.len() {
                    Ok(())
                } else {
                    Err(format!("{missing:?} expected of {diagnosis:#?}"))
                }
            })
            .unwrap();
        }
        grant(&cluster, &objects);
        fails_with(&install, &["there is no such Lease"]);
    }
    let account = format!("system:serviceaccount:{}:webhook-operator", place.home);
    for event in audit.read().unwrap() {
        let question = event.resource == "selfsubjectaccessreviews" && event.verb == "create";
        let read = ["get", "list"].contains(&event.verb.as_str()) && event.resource != "secrets";
        assert!(event.user != account || question || read, "{event:?}");
    }
}

/// `patch webhooksubscriptions.webhook-operator.io/status`.
fn phrase(what: &str, verb: &str) -> String {
    let (group, resource) = what.split_once('/').unwrap();
    let (resource, sub) = match resource.split_once('/') {
        Some((resource, sub)) => (resource, format!("/{sub}")),
        None => (resource, String::new()),
    };
    if group.is_empty() {
        format!("{verb} {resource}{sub}")
    } else {
        format!("{verb} {resource}.{group}{sub}")
    }
}

#[test]
fn without_a_cluster_nothing_is_judged() {
    let cluster = ControlPlane::shared();
    let (helm, simulator) = (Helm::offline(), simulator());
    let place = place(cluster);
    let objects = helm
        .template(&place.home, &["--set", SET, "--set", "crds.enabled=false"])
        .unwrap();
    let account = find(&objects, "ServiceAccount", "webhook-operator").clone();
    let deployment = of_kind(&objects, "Deployment")[0].clone();
    let mut install = Install::new(
        cluster,
        &simulator,
        &[account, deployment],
        &place.home,
        &place.team,
        true,
    );
    let broken = tempfile::NamedTempFile::new().unwrap();
    let text = fs::read_to_string(cluster.kubeconfig()).unwrap();
    let nowhere = text.replace(cluster.server(), "https://127.0.0.1:9");
    assert_ne!(text, nowhere);
    fs::write(broken.path(), nowhere).unwrap();
    install.use_kubeconfig(broken.path());
    let diagnosis = install.doctor(&[]);
    assert_eq!(
        (diagnosis.status, diagnosis.printed.as_str()),
        (1, ""),
        "{diagnosis:?}"
    );
    assert!(
        diagnosis.complaint.contains("the apiserver does not answer"),
        "{diagnosis:?}"
    );
    let wrong = install.doctor(&["--interval=1s"]);
    assert_eq!(wrong.status, 2, "{wrong:?}");
}
