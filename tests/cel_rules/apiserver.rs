//! The cases of [`crate::cases`] at a real apiserver.

use std::collections::BTreeSet;
use std::time::Duration;

use serde_json::Value;
use test_harness::{ControlPlane, Reply, wait_for};
use webhook_operator::api;

use crate::cases::{self, Story};
use crate::walk::Kind;
use crate::{Refusal, evaluated, object, rules_kinds};

/// Installs the definitions of `kinds`, given as YAML, and waits until objects of the kinds can be made.
pub fn install(cluster: &ControlPlane, definitions: &str, kinds: &[Kind]) {
    // Other tests install the same at the same time, and then one of them is told that it exists already.
    let apply = || cluster.apply(definitions);
    wait_for(Duration::from_secs(30), "the definitions to be installed", apply).unwrap();
    for kind in kinds {
        let path = collection(kind, "");
        wait_for(Duration::from_secs(30), &path, || {
            cluster
                .api()
                .unwrap()
                .get(&path)
                .is_ok_and(|reply| reply.status == 200)
                .then_some(())
        })
        .unwrap();
    }
}

/// The path of a kind's objects.
pub fn collection(kind: &Kind, namespace: &str) -> String {
    let spec = &kind.definition["spec"];
    let (group, plural) = (
        spec["group"].as_str().unwrap(),
        spec["names"]["plural"].as_str().unwrap(),
    );
    let within = match spec["scope"].as_str() {
        Some("Namespaced") if !namespace.is_empty() => format!("namespaces/{namespace}/"),
        _ => String::new(),
    };
    format!("/apis/{group}/{}/{within}{plural}", api::VERSION)
}

/// What the apiserver finds wrong: fields and messages; nothing where it accepts.
pub fn refusals(reply: &Reply) -> BTreeSet<Refusal> {
    let body = reply.json().unwrap();
    if reply.status < 300 {
        return BTreeSet::new();
    }
    assert_eq!(reply.status, 422, "{body}");
    let causes = body["details"]["causes"].as_array().unwrap().iter();
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    causes
        .map(|cause| (text(&cause["field"]), text(&cause["message"])))
        .collect()
}

/// Tries a story without storing its outcome.
fn tried(
    cluster: &ControlPlane,
    kind: &Kind,
    namespace: &str,
    name: &str,
    story: &Story,
) -> BTreeSet<Refusal> {
    let (api, path) = (cluster.api().unwrap(), collection(kind, namespace));
    match story {
        Story::Create(spec) => refusals(
            &api.post(&format!("{path}?dryRun=All"), &object(&kind.name, name, spec))
                .unwrap(),
        ),
        Story::Change(old, new) => {
            let stored = api
                .post(&path, &object(&kind.name, name, old))
                .unwrap()
                .ok()
                .unwrap()
                .json()
                .unwrap();
            let mut changed = object(&kind.name, name, new);
            changed["metadata"] = stored["metadata"].clone();
            let path = format!("{path}/{name}");
            let found = refusals(&api.put(&format!("{path}?dryRun=All"), &changed).unwrap());
            api.delete(&path).unwrap().ok().unwrap();
            found
        }
    }
}

#[test]
fn the_apiserver_agrees_with_the_local_verdict_on_every_case() {
    let cluster = ControlPlane::shared();
    let kinds = rules_kinds();
    let definitions: Vec<String> = kinds.iter().map(|kind| kind.definition.to_string()).collect();
    install(cluster, &definitions.join("\n---\n"), &kinds);
    let namespace = cluster.namespace("cel-rules").unwrap();
    let mut disagreements = Vec::new();
    let mut count = 0;
    for cases in cases::all() {
        for kind in kinds
            .iter()
            .filter(|kind| cases.kinds.contains(&kind.name.as_str()))
        {
            for story in cases.accepts.iter().chain(&cases.rejects) {
                count += 1;
                // The namespace's name makes that of a cluster-wide object unique.
                let theirs = tried(cluster, kind, &namespace, &format!("{namespace}-{count}"), story);
                let ours = evaluated(kind, story);
                // The apiserver puts the offending value before the message.
                let agree = ours.len() == theirs.len()
                    && ours
                        .iter()
                        .zip(&theirs)
                        .all(|(a, b)| a.0 == b.0 && b.1.ends_with(&a.1));
                if !agree {
                    disagreements.push(format!(
                        "{} {story:?}: here {ours:?}, there {theirs:?}",
                        kind.name
                    ));
                }
            }
        }
    }
    assert!(disagreements.is_empty(), "{}", disagreements.join("\n"));
}
