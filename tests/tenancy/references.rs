//! No reference leads out of its namespace, whatever schema is installed: each field of the CRDs that names another object
//! is walked, and one that has no case here fails the test.

use std::collections::BTreeSet;

use serde_json::{Value, json};

use crate::support::{OPERATOR_USER, PROVIDER, SUBSCRIPTION, Side, World, merge};
use crate::walk::{kinds, properties, walk};
use crate::{lend, shared};

/// The pattern of what names an object.
const OBJECT_NAME: &str = r"^[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*$";
const CANARY: &str = "canary-of-another-namespace-4Tz";

/// One field that names another object.
struct Case {
    kind: &'static str,
    /// The provider whose account it is tried at.
    side: Side,
    /// The field.
    path: &'static str,
    /// What the spec needs besides, with `NAME` where the name goes.
    change: fn() -> Value,
}

fn key_ref() -> Value {
    json!({"secretKeyRef": {"name": "NAME", "key": "key"}})
}

const CASES: &[Case] = &[
    Case {
        kind: SUBSCRIPTION,
        side: Side::Dixa,
        path: "spec.providerRef.name",
        change: || json!({"providerRef": {"name": "NAME"}}),
    },
    Case {
        kind: SUBSCRIPTION,
        side: Side::Dixa,
        path: "spec.urlFrom.secretKeyRef.name",
        change: || json!({"url": null, "urlFrom": key_ref()}),
    },
    Case {
        kind: SUBSCRIPTION,
        side: Side::Dixa,
        path: "spec.headers[].valueFrom.secretKeyRef.name",
        change: || json!({"headers": [{"name": "x-key", "valueFrom": key_ref()}]}),
    },
    Case {
        kind: SUBSCRIPTION,
        side: Side::Dixa,
        path: "spec.authorization.basic.secretRef.name",
        change: || {
            let basic = json!({"name": "NAME", "usernameKey": "key", "passwordKey": "key"});
            json!({"authorization": {"basic": {"secretRef": basic}}})
        },
    },
    Case {
        kind: SUBSCRIPTION,
        side: Side::Dixa,
        path: "spec.authorization.bearer.secretKeyRef.name",
        change: || json!({"authorization": {"bearer": key_ref()}}),
    },
    Case {
        kind: SUBSCRIPTION,
        side: Side::Babel,
        path: "spec.signing.secretKeyRef.name",
        change: || json!({"signing": key_ref()}),
    },
    Case {
        kind: SUBSCRIPTION,
        side: Side::Babel,
        path: "spec.signing.generate.secretName",
        change: || json!({"signing": {"generate": {"secretName": "NAME", "key": "key"}}}),
    },
    Case {
        kind: SUBSCRIPTION,
        side: Side::Dixa,
        path: "spec.signing.publishProviderKey.secretName",
        change: || json!({"signing": {"publishProviderKey": {"secretName": "NAME", "key": "key"}}}),
    },
    Case {
        kind: PROVIDER,
        side: Side::Dixa,
        path: "spec.credentials.secretRef.name",
        change: || json!({"credentials": {"secretRef": {"name": "NAME", "key": "key"}}}),
    },
    Case {
        kind: PROVIDER,
        side: Side::Dixa,
        path: "spec.caBundleRef.name",
        change: || json!({"caBundleRef": {"name": "NAME", "key": "key"}}),
    },
];

/// Every field of a spec that names another object: by its pattern, or by its own name.
fn references() -> BTreeSet<String> {
    let mut found = BTreeSet::new();
    for kind in kinds() {
        walk("spec", kind.part("spec"), &mut |path, schema| {
            for (name, property) in properties(schema) {
                let lower = name.to_lowercase();
                let names = property["type"] == "string"
                    && (property["pattern"] == OBJECT_NAME
                        || ["secret", "configmap"].iter().any(|word| lower.contains(word)));
                if names {
                    found.insert(format!("{path}.{name}"));
                }
                // A reference is an object with a name, or it is not understood here.
                if lower.ends_with("ref") {
                    assert!(property["properties"]["name"].is_object(), "{path}.{name}");
                }
            }
        });
    }
    found
}

#[test]
fn every_field_that_names_an_object_has_a_case() {
    let cases: BTreeSet<String> = CASES.iter().map(|case| case.path.to_owned()).collect();
    assert_eq!(references(), cases);
}

/// Installs the definitions without rules, patterns and limits, and with any member allowed in a spec.
fn loosen(world: &World) {
    fn strip(schema: &mut Value) {
        if let Some(schema) = schema.as_object_mut() {
            for rule in ["pattern", "x-kubernetes-validations", "maxLength", "minLength"] {
                schema.remove(rule);
            }
            if schema.get("type") == Some(&json!("object")) && schema.contains_key("properties") {
                schema.insert("x-kubernetes-preserve-unknown-fields".into(), json!(true));
            }
            for (member, below) in schema.iter_mut() {
                match member.as_str() {
                    "properties" => below.as_object_mut().unwrap().values_mut().for_each(strip),
                    "items" | "additionalProperties" => strip(below),
                    _ => {}
                }
            }
        }
    }
    let api = world.cluster().api().unwrap();
    for kind in kinds() {
        let name = kind.definition["metadata"]["name"].as_str().unwrap();
        let path = format!("/apis/apiextensions.k8s.io/v1/customresourcedefinitions/{name}");
        let mut definition = api.get(&path).unwrap().ok().unwrap().json().unwrap();
        let schema = &mut definition["spec"]["versions"][0]["schema"]["openAPIV3Schema"];
        strip(&mut schema["properties"]["spec"]);
        api.put(&path, &definition).unwrap().ok().unwrap();
    }
}

/// Puts a name in, and a namespace beside it.
fn aim(spec: &mut Value, name: &str, namespace: &str) {
    match spec {
        Value::Object(members) => {
            let named = members.values().any(|value| value == "NAME");
            members.values_mut().for_each(|value| aim(value, name, namespace));
            if named {
                members.insert("namespace".into(), json!(namespace));
            }
        }
        Value::Array(items) => items.iter_mut().for_each(|item| aim(item, name, namespace)),
        Value::String(text) if text == "NAME" => name.clone_into(text),
        _ => {}
    }
}

#[test]
fn no_reference_finds_an_object_of_another_namespace_also_without_any_rule_of_the_schema() {
    let world = shared();
    let other = world.cluster().namespace("other").unwrap();
    let api = world.cluster().api().unwrap();
    for purpose in ["credentials", "delivery", "signing"] {
        let data = [("key", CANARY), ("username", CANARY), ("password", CANARY)];
        world.secret_in(&other, &format!("canary-{purpose}"), purpose, &data);
    }
    let bundle = json!({"metadata": {"name": "canary-bundle"}, "data": {"key": world.simulator.ca_pem()}});
    let path = world.cluster().path("configmaps", &other).unwrap();
    api.post(&path, &bundle).unwrap().ok().unwrap();
    for side in Side::ALL {
        lend(&world, side, json!({}));
        side.connect(&world, json!({}));
    }
    loosen(&world);
    let mut audit = world.audit();
    let mark = world.mark();
    let mut tried = 0;
    for case in CASES {
        let leaf = match (case.kind, case.path) {
            (_, "spec.providerRef.name") => Side::Dixa.name(),
            (_, "spec.caBundleRef.name") => "canary-bundle",
            (PROVIDER, _) => "canary-credentials",
            (_, path) if path.contains("signing") => "canary-signing",
            _ => "canary-delivery",
        };
        let plural = if leaf == "canary-bundle" {
            "configmaps"
        } else {
            "secrets"
        };
        let spellings = [
            leaf.to_owned(),
            format!("{other}/{leaf}"),
            format!("../../{other}/{plural}/{leaf}"),
            format!("..%2f..%2f{other}%2f{plural}%2f{leaf}"),
            format!("x/../../../{other}/{plural}/{leaf}?"),
        ];
        for spelling in spellings {
            tried += 1;
            let mut spec = match case.kind {
                PROVIDER => case.side.provider_spec(&world, json!({})),
                _ => case.side.spec(json!({})),
            };
            merge(&mut spec, &(case.change)());
            aim(&mut spec, &spelling, &other);
            // The provider of the own namespace is no canary: it is reached by its plain name.
            if case.path == "spec.providerRef.name" && spelling == leaf {
                spec["providerRef"]["name"] = json!("elsewhere");
            }
            // The Secrets that keys go to may be made: in the own namespace only.
            let writes = case.path.ends_with("secretName") && spelling == leaf;
            let name = format!("try-{tried}");
            // The apiserver takes a moment to serve a schema that was changed.
            world.eventually("the loosened schema", || {
                world.try_apply(case.kind, &name, spec.clone()).ok()
            });
            if writes {
                world.ready(&name);
                world
                    .cluster()
                    .get_json("secrets", &world.namespace, leaf)
                    .unwrap()
                    .unwrap();
            } else {
                world.becomes(case.kind, &name, "Ready", "False", "");
            }
            world.delete(case.kind, &name);
            world.gone(case.kind, &name);
            if writes {
                let path = world.cluster().path("secrets", &world.namespace).unwrap();
                let _ = api.delete(&format!("{path}/{leaf}")).unwrap();
            }
        }
    }
    assert_eq!(tried, CASES.len() * 5);
    let sent = world
        .simulator
        .log_since(mark, &provider_simulator::RequestFilter::default());
    assert!(!sent.is_empty(), "there is something to search");
    for entry in &sent {
        let text = format!("{:?} {}", entry.headers, String::from_utf8_lossy(&entry.body));
        assert!(!text.contains(CANARY), "{} {}", entry.method, entry.path);
    }
    let asked = audit.read().unwrap();
    let mine = asked.iter().filter(|event| event.user == OPERATOR_USER);
    let there: Vec<String> = mine
        .filter(|event| event.namespace == other && !["list", "watch"].contains(&event.verb.as_str()))
        .map(|event| format!("{} {}/{}", event.verb, event.resource, event.name))
        .collect();
    assert_eq!(there, Vec::<String>::new());
}
