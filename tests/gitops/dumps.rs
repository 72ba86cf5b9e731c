//! The test data of Argo CD's scripts: dumps of real objects, without what is another one in each run. A test that
//! has made the same objects anew holds them to it; with `UPDATE_TESTDATA=1` it writes them.

use std::collections::BTreeSet;
use std::fs;

use serde_json::{Map, Value, json};

use crate::judge::{folder, health, in_checkout};
use crate::phases::Seen;

const HEAD: &str = "# Dumps of real objects; 'make testdata' writes them.\n";

/// An object without what differs between two runs: names of namespaces, ids, times, digests, addresses, bookkeeping.
fn normal(object: &Value) -> Value {
    let mut object = object.clone();
    let metadata = object["metadata"].as_object_mut().unwrap();
    metadata.remove("managedFields");
    metadata.insert("resourceVersion".to_owned(), "1000".into());
    let known = |pointer: &str| {
        object
            .pointer(pointer)
            .and_then(Value::as_str)
            .unwrap_or_default()
            .to_owned()
    };
    let namespace = object
        .pointer("/spec/allowedNamespaces/names/0")
        .and_then(Value::as_str)
        .map_or_else(|| known("/metadata/namespace"), str::to_owned);
    let replaced = [
        (namespace, "support"),
        (known("/metadata/uid"), "5d1f5f4e-0000-4000-8000-000000000001"),
        (
            known("/status/subscriptions/0/externalID"),
            "8ff2f892-0000-4000-8000-000000000002",
        ),
        (known("/status/identity/clusterID"), "acme"),
        (known("/status/guard/token"), "0123456789abcdef"),
        (
            known("/metadata/annotations/webhook-operator.io~1guard-release"),
            "0123456789abcdef",
        ),
    ];
    walk(&mut object, &mut |text| {
        for (from, to) in &replaced {
            if !from.is_empty() {
                *text = text.replace(from.as_str(), to);
            }
        }
        if text.starts_with("http://127.0.0.1:") || text.starts_with("http://localhost:") {
            "https://dev.dixa.io".clone_into(text);
        }
        if text.parse::<jiff::Timestamp>().is_ok() {
            "2026-01-01T00:00:00Z".clone_into(text);
        }
        if text.starts_with("v1:") && !text.contains(' ') {
            "v1:00000000".clone_into(text);
        }
    });
    object
}

fn walk(value: &mut Value, visit: &mut impl FnMut(&mut String)) {
    match value {
        Value::String(text) => visit(text),
        Value::Array(items) => items.iter_mut().for_each(|item| walk(item, visit)),
        Value::Object(members) => members.values_mut().for_each(|member| walk(member, visit)),
        _ => {}
    }
}

/// Compares dumps and expectations of a kind with those of the checkout.
pub fn hold(kind: &str, seen: &[Seen]) {
    let dumps: Vec<Value> = seen.iter().map(|seen| normal(&seen.object)).collect();
    let tests: Vec<Value> = seen
        .iter()
        .zip(&dumps)
        .map(|(seen, dump)| {
            let judged = health(dump);
            assert_eq!(judged["status"], seen.health, "{kind} {}", seen.phase);
            json!({"healthStatus": judged, "inputPath": format!("testdata/{}.yaml", seen.phase)})
        })
        .collect();
    let folder = in_checkout(&folder(kind));
    let mut wanted: Vec<(String, String)> = seen
        .iter()
        .zip(&dumps)
        .map(|(seen, dump)| (format!("testdata/{}.yaml", seen.phase), yaml(dump)))
        .collect();
    wanted.push(("health_test.yaml".to_owned(), yaml(&json!({"tests": tests}))));
    if std::env::var_os("UPDATE_TESTDATA").is_some() {
        fs::remove_dir_all(folder.join("testdata")).unwrap();
        fs::create_dir(folder.join("testdata")).unwrap();
        for (name, text) in &wanted {
            fs::write(folder.join(name), text).unwrap();
        }
        return;
    }
    let kept: BTreeSet<String> = fs::read_dir(folder.join("testdata"))
        .unwrap()
        .map(|entry| format!("testdata/{}", entry.unwrap().file_name().to_string_lossy()))
        .chain(["health_test.yaml".to_owned()])
        .collect();
    let names: BTreeSet<String> = wanted.iter().map(|(name, _)| name.clone()).collect();
    assert_eq!(kept, names, "{kind}: run 'make testdata'");
    for (name, text) in &wanted {
        let present = fs::read_to_string(folder.join(name)).unwrap();
        let [present, made]: [Value; 2] =
            [&present, text].map(|text| without_moving(serde_saphyr::from_str(text).unwrap()));
        assert!(
            present == made,
            "{kind} {name} is not what the operator writes now; if it is right, run 'make testdata':\n{}",
            differences("", &present, &made).join("\n")
        );
    }
}

/// Which attempt was under way at that moment is another one in each run, and counts are written a moment later.
fn without_moving(mut object: Value) -> Value {
    if let Some(status) = object["status"].as_object_mut() {
        status.remove("pendingOperations");
        if status.get("subscriptions").is_some_and(Value::is_object) {
            status.remove("subscriptions");
        }
    }
    object
}

/// A dump as a file.
pub fn yaml(value: &Value) -> String {
    format!("{HEAD}{}", serde_saphyr::to_string(value).unwrap())
}

/// Where two values differ, one a line.
pub fn differences(path: &str, one: &Value, other: &Value) -> Vec<String> {
    match (one, other) {
        (Value::Object(a), Value::Object(b)) => {
            let names: BTreeSet<&String> = a.keys().chain(b.keys()).collect();
            let member =
                |object: &Map<String, Value>, name: &String| object.get(name).cloned().unwrap_or_default();
            names
                .into_iter()
                .flat_map(|name| differences(&format!("{path}/{name}"), &member(a, name), &member(b, name)))
                .collect()
        }
        (Value::Array(a), Value::Array(b)) if a.len() == b.len() => (0..a.len())
            .flat_map(|index| differences(&format!("{path}/{index}"), &a[index], &b[index]))
            .collect(),
        _ if one == other => Vec::new(),
        _ => vec![format!("{path}: {one} → {other}")],
    }
}
