//! The operator has the rights that it needs and no others: the life of objects with the chart's own account asks for
//! each of them, is never refused, and breaks when any rule is taken away.

use std::collections::BTreeSet;
use std::sync::Mutex;
use std::thread;

use serde_json::{Value, json};
use test_harness::{Cluster, ControlPlane, Options, Simulator, wait_for};

use crate::chart::{Helm, in_checkout, of_kind};
use crate::lifecycle::{Asked, Install, SUBSCRIPTION, simulator};

/// Operators that run at once.
const AT_ONCE: usize = 4;

/// Values besides the defaults: the provider is on this machine, and nobody wants to wait.
pub const SET: &str = "operator.allowInsecureHttp=true,operator.settleTime=2s";

pub fn definitions(cluster: &Cluster) {
    let crds = in_checkout("dist/crds.yaml");
    cluster
        .kubectl(
            &[
                "apply",
                "--server-side",
                "--force-conflicts",
                "-f",
                crds.to_str().unwrap(),
            ],
            "",
        )
        .unwrap();
    wait_for(std::time::Duration::from_secs(120), "the kinds", || {
        cluster.list_json(SUBSCRIPTION, "")
    })
    .unwrap();
}

/// Roles of the operator, not those of people.
pub fn is_operators(role: &Value) -> bool {
    let kind = role["kind"].as_str().unwrap();
    let name = role["metadata"]["name"].as_str().unwrap();
    kind.ends_with("Role")
        && !["-view", "-edit", "-admin"]
            .iter()
            .any(|ending| name.ends_with(ending))
}

/// A rule: where it stands, and what it grants.
#[derive(Debug, Clone)]
pub struct Rule {
    pub object: usize,
    pub index: usize,
    pub grants: BTreeSet<(String, String)>,
}

/// All rules of the operator's roles.
pub fn rules(objects: &[Value]) -> Vec<Rule> {
    let mut all = Vec::new();
    for (object, role) in objects.iter().enumerate().filter(|(_, role)| is_operators(role)) {
        for (index, rule) in role["rules"].as_array().unwrap().iter().enumerate() {
            let texts =
                |member: &str| -> Vec<String> { serde_json::from_value(rule[member].clone()).unwrap() };
            let mut grants = BTreeSet::new();
            for group in texts("apiGroups") {
                for resource in texts("resources") {
                    for verb in texts("verbs") {
                        grants.insert((format!("{group}/{resource}"), verb));
                    }
                }
            }
            all.push(Rule {
                object,
                index,
                grants,
            });
        }
    }
    all
}

pub fn without(objects: &[Value], rule: &Rule) -> Vec<Value> {
    let mut objects = objects.to_vec();
    objects[rule.object]["rules"]
        .as_array_mut()
        .unwrap()
        .remove(rule.index);
    objects
}

fn pair(asked: &Asked) -> (String, String) {
    (asked.what.clone(), asked.verb.clone())
}

/// Every grant was used: in the namespace that a Role is for, or anywhere for a `ClusterRole`.
fn unused(objects: &[Value], asked: &BTreeSet<Asked>) -> Vec<(String, String, String)> {
    let mut left = Vec::new();
    for rule in rules(objects) {
        let role = &objects[rule.object];
        let namespace = role["metadata"]["namespace"].as_str().unwrap_or_default();
        for (what, verb) in rule.grants {
            let used = asked.iter().any(|one| {
                one.what == what && one.verb == verb && (namespace.is_empty() || one.namespace == namespace)
            });
            if !used {
                left.push((role["metadata"]["name"].to_string(), what, verb));
            }
        }
    }
    left
}

/// A release in two namespaces of its own.
pub struct Place {
    pub home: String,
    pub team: String,
}

pub fn place(cluster: &Cluster) -> Place {
    Place {
        home: cluster.namespace("home").unwrap(),
        team: cluster.namespace("team").unwrap(),
    }
}

pub fn namespaced(helm: &Helm, place: &Place) -> Vec<Value> {
    let set = format!(
        "watch.namespaces={{{}}},operator.clusterId={},{SET}",
        place.team, place.team
    );
    let all = helm
        .template(&place.home, &["--set", &set, "--set", "crds.enabled=false"])
        .unwrap();
    assert!(of_kind(&all, "ClusterRole").is_empty() && of_kind(&all, "ClusterRoleBinding").is_empty());
    all
}

fn play(cluster: &Cluster, simulator: &Simulator, objects: &[Value], place: &Place, lends: bool) -> Played {
    let mut install = Install::new(cluster, simulator, objects, &place.home, &place.team, lends);
    let result = install.play();
    install.stop();
    Played {
        result,
        asked: install.asked().clone(),
    }
}

struct Played {
    result: Result<(), Asked>,
    asked: BTreeSet<Asked>,
}

/// The run without `rule` must be refused something that the rule grants.
fn breaks(played: &Played, rule: &Rule) -> Result<(), String> {
    match &played.result {
        Err(refused) if rule.grants.contains(&pair(refused)) => Ok(()),
        other => Err(format!("without {:?}: {other:?}", rule.grants)),
    }
}

#[test]
fn in_listed_namespaces_every_right_is_used_and_none_can_be_left_out() {
    let cluster = ControlPlane::start(&Options::default()).unwrap();
    definitions(&cluster);
    let (helm, simulator) = (Helm::offline(), simulator());
    let whole = place(&cluster);
    let objects = namespaced(&helm, &whole);
    let played = play(&cluster, &simulator, &objects, &whole, false);
    assert_eq!(played.result, Ok(()));
    assert_eq!(unused(&objects, &played.asked), []);

    let places: Vec<(Place, Rule)> = rules(&objects)
        .into_iter()
        .map(|rule| (place(&cluster), rule))
        .collect();
    let waiting = Mutex::new(places);
    let failures = Mutex::new(Vec::new());
    thread::scope(|scope| {
        for _ in 0..AT_ONCE {
            scope.spawn(|| {
                loop {
                    let Some((place, rule)) = waiting.lock().unwrap().pop() else {
                        return;
                    };
                    let objects = without(&namespaced(&helm, &place), &rule);
                    let played = play(&cluster, &simulator, &objects, &place, false);
                    if let Err(failure) = breaks(&played, &rule) {
                        failures.lock().unwrap().push(failure);
                    }
                }
            });
        }
    });
    let failures = failures.into_inner().unwrap();
    assert!(failures.is_empty(), "{failures:#?}");
}

#[test]
fn in_the_whole_cluster_every_right_is_used_and_none_can_be_left_out() {
    let cluster = ControlPlane::start(&Options::default()).unwrap();
    definitions(&cluster);
    let (helm, simulator) = (Helm::offline(), simulator());
    let render = |place: &Place| {
        helm.template(&place.home, &["--set", SET, "--set", "crds.enabled=false"])
            .unwrap()
    };
    let whole = place(&cluster);
    let objects = render(&whole);
    let played = play(&cluster, &simulator, &objects, &whole, true);
    assert_eq!(played.result, Ok(()));
    let mut left = unused(&objects, &played.asked);
    // The ClusterRole has all that the operator's own Role has, where it is not narrowed.
    left.retain(|(role, ..)| !role.contains("-own"));
    assert_eq!(left, []);

    // What the whole cluster adds; the rest is the same list as above. One after the other: they would all see the
    // same objects.
    let file = crate::chart::read("charts/webhook-operator/files/rbac/cluster.yaml");
    let added: Value = serde_saphyr::from_str(&file).unwrap();
    let added = json!([{"kind": "ClusterRole", "metadata": {"name": "x"}, "rules": added}]);
    let added: Vec<BTreeSet<(String, String)>> = rules(added.as_array().unwrap())
        .into_iter()
        .map(|rule| rule.grants)
        .collect();
    let mut tried = 0;
    for rule in rules(&objects)
        .into_iter()
        .filter(|rule| added.contains(&rule.grants))
    {
        let place = place(&cluster);
        let played = play(
            &cluster,
            &simulator,
            &without(&render(&place), &rule),
            &place,
            true,
        );
        breaks(&played, &rule).unwrap();
        for kind in [
            SUBSCRIPTION,
            "webhookproviders.webhook-operator.io",
            "clusterwebhookproviders.webhook-operator.io",
        ] {
            leave_nothing(&cluster, kind);
        }
        tried += 1;
    }
    assert_eq!(tried, added.len());
}

/// Takes the objects of a run away that broke in the middle, finalizers and all.
fn leave_nothing(cluster: &Cluster, kind: &str) {
    for object in cluster.list_json(kind, "").unwrap() {
        let text = |member: &str| object["metadata"][member].as_str().unwrap_or_default().to_owned();
        let (namespace, name) = (text("namespace"), text("name"));
        let scope = if namespace.is_empty() {
            vec![]
        } else {
            vec!["-n", namespace.as_str()]
        };
        let delete = [&["delete", kind, &name, "--wait=false"][..], &scope].concat();
        let patch = [
            "patch",
            kind,
            &name,
            "--type=merge",
            "-p",
            r#"{"metadata":{"finalizers":null}}"#,
        ];
        cluster.kubectl(&delete, "").unwrap();
        let _ = cluster.kubectl(&[&patch[..], &scope].concat(), "");
    }
}
