//! What must hold for every field of the CRDs, checked on the schemas alone: no control plane is needed.

#![expect(
    clippy::unwrap_used,
    clippy::panic,
    reason = "a test that cannot go on has failed"
)]

mod coverage;
mod covered;
mod examples;
mod walk;

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use serde_json::{Value, json};
use walk::{Kind, kinds, properties, requires, strings, walk};
use webhook_operator::api::v1alpha1::{ClusterWebhookProvider, WebhookProvider, WebhookSubscription};
use webhook_operator::{api, crd};

fn in_checkout(path: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join(path)
}

/// Calls `complain` with every schema of every kind; it returns what is wrong with one.
fn assert_everywhere(complain: impl Fn(&str, &Value) -> Option<String>) {
    let mut complaints = Vec::new();
    for kind in kinds() {
        walk("", kind.schema(), &mut |path, schema| {
            complaints.extend(complain(path, schema).map(|text| format!("{} {path}: {text}", kind.name)));
        });
    }
    assert!(complaints.is_empty(), "{}", complaints.join("\n"));
}

#[test]
fn every_list_map_string_and_number_is_bounded() {
    assert_everywhere(|_, schema| {
        let missing = |bound: &str| schema.get(bound).is_none().then(|| format!("has no {bound}"));
        if schema.get("x-kubernetes-preserve-unknown-fields").is_some() {
            return Some("accepts anything".into());
        }
        match schema["type"].as_str() {
            Some("string") if schema.get("enum").is_some() => None,
            Some("string") => missing("maxLength"),
            Some("array") => missing("maxItems"),
            Some("object") if schema.get("additionalProperties").is_some() => missing("maxProperties"),
            Some("object") if properties(schema).next().is_none() => Some("has no members".into()),
            Some("integer") if schema["format"] == "int64" => missing("minimum"),
            Some("integer") => missing("minimum").or_else(|| missing("maximum")),
            Some("object" | "boolean") => None,
            other => Some(format!("has the type {other:?}")),
        }
    });
}

#[test]
fn every_field_is_described() {
    assert_everywhere(|_, schema| {
        let bad = properties(schema).filter(|(_, property)| {
            let text = property["description"].as_str().unwrap_or_default();
            !text.ends_with('.') || text.split_whitespace().count() < 2
        });
        let names: Vec<&str> = bad
            .map(|(name, _)| name.as_str())
            .filter(|name| *name != "spec")
            .collect();
        (!names.is_empty()).then(|| format!("no full sentence describes {names:?}"))
    });
}

#[test]
fn every_optional_field_of_a_spec_says_what_unset_means() {
    for kind in kinds() {
        walk("spec", kind.part("spec"), &mut |path, schema| {
            for (name, property) in properties(schema).filter(|(name, _)| !requires(schema, name)) {
                let text = property["description"].as_str().unwrap();
                let said = ["Unset: ", "Unset for Dixa: ", "Set this or ", "not allowed with"];
                assert!(
                    said.iter().any(|words| text.contains(words)),
                    "{} {path}.{name}: {text}",
                    kind.name
                );
            }
        });
    }
}

#[test]
fn every_value_of_an_enum_is_explained_where_it_is_chosen() {
    assert_everywhere(|_, schema| {
        let text = schema["description"].as_str().unwrap_or_default();
        let silent: Vec<&str> = strings(&schema["enum"])
            .into_iter()
            .filter(|value| !text.contains(&format!("`{value}`")))
            .collect();
        (!silent.is_empty()).then(|| format!("the description does not name {silent:?}"))
    });
}

#[test]
fn every_list_says_how_server_side_apply_merges_it() {
    assert_everywhere(|_, schema| {
        let keys = strings(&schema["x-kubernetes-list-map-keys"]);
        match (schema["type"].as_str(), schema["x-kubernetes-list-type"].as_str()) {
            (Some("array"), Some("set" | "atomic")) if keys.is_empty() => None,
            (Some("array"), Some("map")) if !keys.is_empty() => {
                let optional = keys.iter().find(|key| !requires(&schema["items"], key));
                optional.map(|key| format!("the key {key} is not required"))
            }
            (Some("array"), other) => Some(format!("list type {other:?} with keys {keys:?}")),
            _ => None,
        }
    });
}

#[test]
fn no_reference_can_name_another_namespace() {
    assert_everywhere(|_, schema| {
        properties(schema)
            .any(|(name, _)| name == "namespace")
            .then(|| "has a namespace member".into())
    });
}

#[test]
fn only_status_has_a_default_and_nothing_may_be_null() {
    assert_everywhere(|path, schema| {
        let default = schema.get("default");
        if path == "status" {
            (default != Some(&json!({"observedGeneration": -1}))).then(|| format!("defaults to {default:?}"))
        } else {
            (default.is_some() || schema.get("nullable").is_some())
                .then(|| "has a default or is nullable".into())
        }
    });
}

#[test]
fn each_crd_is_far_below_the_size_that_clients_refuse() {
    for kind in kinds() {
        let size = kind.definition.to_string().len();
        assert!(size < 150 * 1024, "{}: {size} bytes", kind.name);
    }
}

#[test]
fn the_generated_files_are_what_this_build_renders() {
    let definitions = crd::definitions().unwrap();
    let expected: BTreeSet<String> = definitions.iter().map(crd::file_name).collect();
    let found: BTreeSet<String> = fs::read_dir(in_checkout("crds"))
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    assert_eq!(found, expected);
    for definition in &definitions {
        let path = in_checkout("crds").join(crd::file_name(definition));
        let stored = fs::read_to_string(&path).unwrap();
        assert!(
            stored == crd::yaml(definition).unwrap(),
            "{} is out of date: run `make crds`",
            path.display()
        );
    }
}

#[test]
fn the_yaml_stream_holds_every_definition_unchanged() {
    let stream: Vec<Value> = serde_saphyr::from_multiple(&crd::yaml_stream().unwrap()).unwrap();
    let whole = |value: &Value| value.to_string().replace(".0,", ",").replace(".0}", "}");
    let expected: Vec<String> = kinds().iter().map(|kind| whole(&kind.definition)).collect();
    assert_eq!(stream.iter().map(whole).collect::<Vec<_>>(), expected);
}

#[test]
fn files_are_named_after_the_plural() {
    let dir = tempfile::tempdir().unwrap();
    let paths = crd::write_files(&dir.path().join("new")).unwrap();
    let names: Vec<&str> = paths
        .iter()
        .map(|path| path.file_name().unwrap().to_str().unwrap())
        .collect();
    assert_eq!(
        names,
        [
            "webhooksubscriptions.yaml",
            "webhookproviders.yaml",
            "clusterwebhookproviders.yaml"
        ]
    );
}

#[test]
fn names_scopes_and_columns_are_those_of_the_contract() {
    let subscription = [
        "Provider", "Ready", "Reason", "Delivery", "Synced", "Age", "+ID", "+Host", "+Message",
    ];
    let provider = [
        "Type",
        "Ready",
        "Reason",
        "Remote",
        "Managed",
        "Age",
        "+Endpoint",
        "+Message",
    ];
    let expected: [(&str, &str, &str, &str, &[&str]); 3] = [
        (
            "WebhookSubscription",
            "webhooksubscriptions",
            "whsub",
            "Namespaced",
            &subscription,
        ),
        (
            "WebhookProvider",
            "webhookproviders",
            "whprov",
            "Namespaced",
            &provider,
        ),
        (
            "ClusterWebhookProvider",
            "clusterwebhookproviders",
            "cwhprov",
            "Cluster",
            &provider,
        ),
    ];
    let kinds = kinds();
    assert_eq!(kinds.len(), expected.len());
    for (kind, (name, plural, short, scope, columns)) in kinds.iter().zip(expected) {
        let spec = &kind.definition["spec"];
        assert_eq!(kind.name, name);
        assert_eq!(
            kind.definition["metadata"]["name"],
            format!("{plural}.{}", api::GROUP)
        );
        assert_eq!(spec["group"], api::GROUP);
        assert_eq!(spec["scope"], scope);
        assert_eq!(spec["names"]["shortNames"], json!([short]));
        assert_eq!(spec["names"]["categories"], json!([api::names::CATEGORY]));
        let version = &spec["versions"][0];
        assert_eq!(version["name"], api::VERSION);
        assert_eq!(version["subresources"], json!({"status": {}}));
        let shown = version["additionalPrinterColumns"]
            .as_array()
            .unwrap()
            .iter()
            .map(|column| {
                let wide = if column["priority"] == 1 { "+" } else { "" };
                format!("{wide}{}", column["name"].as_str().unwrap())
            });
        assert_eq!(shown.collect::<Vec<_>>(), columns);
    }
}

/// A value that fills every field of a schema; strings are as long as `length` says.
fn filled(schema: &Value, length: &dyn Fn(&Value) -> usize) -> Value {
    if let Some(value) = schema.get("enum") {
        return value[0].clone();
    }
    match schema["type"].as_str().unwrap() {
        "string" if schema["format"] == "date-time" => json!("2026-01-01T00:00:00Z"),
        "string" => json!("x".repeat(length(schema))),
        "integer" => json!(
            schema
                .get("maximum")
                .and_then(Value::as_f64)
                .map_or(i64::MAX, |n| format!("{n}").parse().unwrap())
        ),
        "boolean" => json!(true),
        "array" => json!([filled(&schema["items"], length)]),
        _ => match schema.get("additionalProperties") {
            Some(values) => json!({"x": filled(values, length)}),
            None => properties(schema)
                .map(|(name, below)| (name.clone(), filled(below, length)))
                .collect(),
        },
    }
}

fn read_and_written(kind: &str, object: Value) -> Value {
    match kind {
        "WebhookSubscription" => rewritten::<WebhookSubscription>(object),
        "WebhookProvider" => rewritten::<WebhookProvider>(object),
        "ClusterWebhookProvider" => rewritten::<ClusterWebhookProvider>(object),
        other => panic!("{other} has no type here"),
    }
}

fn rewritten<T: serde::de::DeserializeOwned + serde::Serialize>(object: Value) -> Value {
    serde_json::to_value(serde_json::from_value::<T>(object).unwrap()).unwrap()
}

fn object(kind: &Kind, length: &dyn Fn(&Value) -> usize) -> Value {
    json!({
        "apiVersion": format!("{}/{}", api::GROUP, api::VERSION),
        "kind": kind.name,
        "metadata": {"name": "x"},
        "spec": filled(kind.part("spec"), length),
        "status": filled(kind.part("status"), length),
    })
}

#[test]
fn the_types_lose_no_field_of_the_schema() {
    for kind in kinds() {
        let full = object(&kind, &|_| 1);
        assert_eq!(read_and_written(&kind.name, full.clone()), full);
    }
}

#[test]
fn the_types_read_every_value_of_every_enum() {
    for kind in kinds() {
        let full = object(&kind, &|_| 1);
        walk("", kind.schema(), &mut |path, schema| {
            for value in strings(&schema["enum"]) {
                let pointer = format!("/{}", path.replace("[]", ".0").replace('.', "/"));
                let mut changed = full.clone();
                *changed.pointer_mut(&pointer).unwrap() = json!(value);
                assert_eq!(read_and_written(&kind.name, changed.clone()), changed);
            }
        });
    }
}

/// The operator gives each event of a subscription to one remote subscription, so the announced requests of one
/// object name at most 64 events together; the schema alone would allow 64 in each of them.
#[test]
fn the_largest_status_stays_far_below_what_etcd_takes() {
    for kind in kinds() {
        let longest = |schema: &Value| usize::try_from(schema["maxLength"].as_u64().unwrap()).unwrap();
        let mut status = filled(kind.part("status"), &longest);
        let mut multiply = |pointer: &str, schema: &str| {
            let limit = kind.part("status").pointer(schema).unwrap()["maxItems"]
                .as_u64()
                .unwrap();
            let Some(Value::Array(list)) = status.pointer_mut(pointer) else {
                panic!("{pointer} is no list")
            };
            *list = vec![list[0].clone(); usize::try_from(limit).unwrap()];
        };
        multiply("/conditions", "/properties/conditions");
        if kind.name == "WebhookSubscription" {
            let below = "/properties/subscriptions/items/properties";
            multiply("/subscriptions/0/cannotClear", &format!("{below}/cannotClear"));
            multiply("/subscriptions/0/unverifiable", &format!("{below}/unverifiable"));
            multiply("/subscriptions/0/reenabledAt", &format!("{below}/reenabledAt"));
            multiply("/subscriptions", "/properties/subscriptions");
            multiply("/pendingOperations", "/properties/pendingOperations");
            multiply("/delivery/events", "/properties/delivery/properties/events");
            multiply("/lastTest/results", "/properties/lastTest/properties/results");
        } else {
            multiply("/capabilities", "/properties/capabilities");
            multiply("/account/formerly", "/properties/account/properties/formerly");
            multiply("/catalogue/names", "/properties/catalogue/properties/names");
        }
        let size = status.to_string().len();
        assert!(size < 256 * 1024, "{}: {size} bytes", kind.name);
    }
}
