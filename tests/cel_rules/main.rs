//! Every CEL rule of the CRDs lets the right objects pass and refuses the wrong ones with its message: evaluated
//! here, and by a real apiserver, which must agree.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

mod apiserver;
mod cases;
mod installed;
#[expect(dead_code, reason = "the other test program needs more of it")]
#[path = "../crd_schema/walk.rs"]
mod walk;

use std::collections::BTreeSet;

use cases::{Story, valid_spec};
use kube::core::cel::{ValidationErrors, Validator};
use serde_json::{Value, json};
use walk::{Kind, kinds, walk};
use webhook_operator::api;

/// The group of the schemas that the cases run against: no operator looks at it.
pub(crate) const RULES_GROUP: &str = "without-operator.test";

/// The kinds in a group of their own.
pub(crate) fn rules_kinds() -> Vec<Kind> {
    let mut renamed = kinds();
    for kind in &mut renamed {
        let plural = kind.definition["spec"]["names"]["plural"].as_str().unwrap();
        kind.definition["metadata"]["name"] = json!(format!("{plural}.{RULES_GROUP}"));
        kind.definition["spec"]["group"] = json!(RULES_GROUP);
    }
    renamed
}

/// An object of `kind` with a valid spec into which `change` was merged.
pub(crate) fn object(kind: &str, name: &str, change: &Value) -> Value {
    let mut spec = valid_spec(kind);
    merge(&mut spec, change);
    json!({
        "apiVersion": format!("{RULES_GROUP}/{}", api::VERSION),
        "kind": kind,
        "metadata": {"name": name},
        "spec": spec,
    })
}

/// RFC 7386.
fn merge(target: &mut Value, change: &Value) {
    let Value::Object(members) = change else {
        target.clone_from(change);
        return;
    };
    if !target.is_object() {
        *target = json!({});
    }
    for (name, value) in members {
        if value.is_null() {
            target.as_object_mut().unwrap().remove(name);
        } else {
            merge(&mut target[name], value);
        }
    }
}

/// One rule that failed: where, and with which message.
pub(crate) type Refusal = (String, String);

/// What the rules say when they are evaluated here.
pub(crate) fn evaluated(kind: &Kind, story: &Story) -> BTreeSet<Refusal> {
    let verdict = match story {
        Story::Create(spec) => Validator::new().validate(kind.schema(), &object(&kind.name, "a", spec), None),
        Story::Change(old, new) => {
            let (old, new) = (object(&kind.name, "a", old), object(&kind.name, "a", new));
            Validator::new().validate(kind.schema(), &new, Some(&old))
        }
    };
    let errors = verdict.err().map(ValidationErrors::into_vec).unwrap_or_default();
    errors
        .into_iter()
        .map(|error| (error.field_path, error.message))
        .collect()
}

/// The rules of a kind: path and message.
fn rules(kind: &Kind) -> Vec<Refusal> {
    let mut rules = Vec::new();
    walk("", kind.schema(), &mut |path, schema| {
        for rule in schema["x-kubernetes-validations"]
            .as_array()
            .into_iter()
            .flatten()
        {
            let message = rule["message"].as_str().unwrap_or_default();
            rules.push((path.to_owned(), message.to_owned()));
        }
    });
    rules
}

#[test]
fn every_rule_has_a_case_that_it_accepts_and_one_that_it_rejects() {
    let all = cases::all();
    for kind in kinds() {
        let messages: Vec<String> = rules(&kind).into_iter().map(|(_, message)| message).collect();
        let unique: BTreeSet<&str> = messages.iter().map(String::as_str).collect();
        assert_eq!(
            unique.len(),
            messages.len(),
            "{}: two rules with one message",
            kind.name
        );
        let own = all
            .iter()
            .filter(|cases| cases.kinds.contains(&kind.name.as_str()));
        let tried: BTreeSet<&str> = own
            .filter(|cases| !cases.accepts.is_empty() && !cases.rejects.is_empty())
            .map(|cases| cases.message)
            .collect();
        assert_eq!(
            unique, tried,
            "{}: rules on the left, cases on the right",
            kind.name
        );
    }
}

#[test]
fn every_message_names_its_field() {
    for kind in kinds() {
        for (path, message) in rules(&kind) {
            let field = path.replace("[]", "");
            let named = field.strip_prefix("spec.").unwrap_or(&field);
            assert!(message.contains(named), "{} {path}: {message}", kind.name);
            assert!(
                message.split_whitespace().count() > 6,
                "{} {path} says not what to do: {message}",
                kind.name
            );
        }
    }
}

#[test]
fn evaluated_here_each_rule_accepts_and_rejects_its_cases() {
    let kinds = rules_kinds();
    for cases in cases::all() {
        for kind in kinds
            .iter()
            .filter(|kind| cases.kinds.contains(&kind.name.as_str()))
        {
            for story in &cases.accepts {
                assert_eq!(
                    evaluated(kind, story),
                    BTreeSet::new(),
                    "{}: {story:?}",
                    kind.name
                );
            }
            for story in &cases.rejects {
                let refusals = evaluated(kind, story);
                let messages: BTreeSet<&str> = refusals.iter().map(|(_, message)| message.as_str()).collect();
                assert_eq!(
                    messages,
                    BTreeSet::from([cases.message]),
                    "{}: {story:?}",
                    kind.name
                );
            }
        }
    }
}
