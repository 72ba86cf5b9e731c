//! Are the kinds that the apiserver serves those of this binary?
//!
//! What is compared is what the apiserver publishes as OpenAPI, which everybody may read: a namespaced install has no
//! right to the definitions themselves. Descriptions do not count.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Map, Value};

use super::report::{Check, Outcome};

/// A kind as this binary has it and as it is served.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Seen {
    /// `webhooksubscriptions.webhook-operator.io`.
    pub name: String,
    /// The schema of this binary.
    pub ours: Value,
    pub found: Found,
}

/// What the apiserver has.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Found {
    /// It does not say.
    Unknown(String),
    /// No such kind in this version.
    Missing,
    /// It is served, with this schema; `creates`: objects can be created, which ends when the definition is deleted.
    Served { creates: bool, schema: Option<Value> },
}

/// How two schemas differ.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Difference {
    None,
    /// The cluster lacks these fields.
    Older(BTreeSet<String>),
    /// The cluster has these fields besides.
    Newer(BTreeSet<String>),
    /// These fields are not the same.
    Other(BTreeSet<String>),
}

pub(super) fn judge(seen: &Seen) -> Check {
    const APPLY: &str = "apply crds/ of this version (chart: crds.enabled, or dist/crds.yaml)";
    let (outcome, message) = match &seen.found {
        Found::Unknown(why) => (Outcome::Failed, format!("cannot be looked at: {why}")),
        Found::Missing => (
            Outcome::Failed,
            format!("not installed, and the operator waits for it; {APPLY}"),
        ),
        Found::Served { creates: false, .. } => (
            Outcome::Failed,
            "its definition is being deleted, and all objects with it; nothing at a provider is deleted meanwhile. \
             See docs/operations.md, \"When a CRD is deleted by mistake\""
                .to_owned(),
        ),
        Found::Served { schema: None, .. } => (
            Outcome::Failed,
            "served, but the apiserver publishes no schema of it; ask again in a moment".to_owned(),
        ),
        Found::Served {
            schema: Some(theirs), ..
        } => match difference(&seen.ours, theirs) {
            Difference::None => (Outcome::Ok, "as in this version".to_owned()),
            Difference::Older(fields) => (
                Outcome::Failed,
                format!(
                    "older than this version: it lacks {}, which the apiserver drops from objects; {APPLY}",
                    listed(&fields)
                ),
            ),
            Difference::Newer(fields) => (
                Outcome::Note,
                format!(
                    "newer than this version, which knows nothing of {}; update the operator",
                    listed(&fields)
                ),
            ),
            Difference::Other(fields) => (
                Outcome::Failed,
                format!("differs from this version at {}; {APPLY}", listed(&fields)),
            ),
        },
    };
    Check::new("kind", seen.name.clone(), outcome, message)
}

/// The first few, and how many more.
fn listed(fields: &BTreeSet<String>) -> String {
    const SHOWN: usize = 4;
    let first: Vec<&str> = fields.iter().take(SHOWN).map(String::as_str).collect();
    let more = fields.len().saturating_sub(SHOWN);
    if more == 0 {
        return first.join(", ");
    }
    format!("{} and {more} more", first.join(", "))
}

fn difference(ours: &Value, theirs: &Value) -> Difference {
    let (ours, theirs) = (facts(ours), facts(theirs));
    // A field stands for all below it.
    let beyond = |a: &BTreeMap<String, Value>, b: &BTreeMap<String, Value>| -> BTreeSet<String> {
        let extra: Vec<&String> = a.keys().filter(|path| !b.contains_key(*path)).collect();
        let below = |path: &String| {
            extra
                .iter()
                .any(|other| path.len() > other.len() && path.starts_with(&format!("{other}.")))
        };
        extra
            .iter()
            .filter(|path| !below(path))
            .copied()
            .cloned()
            .collect()
    };
    let (lacking, more) = (beyond(&ours, &theirs), beyond(&theirs, &ours));
    let other: BTreeSet<String> = ours
        .iter()
        .filter(|(path, fact)| theirs.get(*path).is_some_and(|theirs| theirs != *fact))
        .map(|(path, _)| path.clone())
        .collect();
    match (lacking.is_empty(), more.is_empty(), other.is_empty()) {
        (true, true, true) => Difference::None,
        (false, true, _) => Difference::Older(lacking),
        (true, false, _) => Difference::Newer(more),
        (false, false, _) => Difference::Other(lacking.into_iter().chain(more).collect()),
        (true, true, false) => Difference::Other(other),
    }
}

/// Each field, by its path, with what the schema says of it alone.
fn facts(schema: &Value) -> BTreeMap<String, Value> {
    let mut facts = BTreeMap::new();
    collect("", schema, &mut facts);
    facts
}

fn collect(path: &str, schema: &Value, into: &mut BTreeMap<String, Value>) {
    let Some(members) = schema.as_object() else { return };
    let mut own = Map::new();
    for (member, value) in members {
        match member.as_str() {
            "properties" => {
                for (name, below) in value.as_object().into_iter().flatten() {
                    // Every kind has these, and the apiserver fills in what they are.
                    if !path.is_empty() || !matches!(name.as_str(), "apiVersion" | "kind" | "metadata") {
                        collect(&joined(path, name), below, into);
                    }
                }
            }
            "items" => collect(&format!("{path}[]"), value, into),
            "additionalProperties" if value.is_object() => collect(&format!("{path}{{}}"), value, into),
            // For people, or about the kind as a whole.
            "description" | "x-kubernetes-group-version-kind" | "x-kubernetes-selectable-fields" => {}
            "required" => {
                let mut names: Vec<&str> = value
                    .as_array()
                    .into_iter()
                    .flatten()
                    .filter_map(Value::as_str)
                    .collect();
                names.sort_unstable();
                own.insert(member.clone(), names.into());
            }
            _ => {
                own.insert(member.clone(), alike(value));
            }
        }
    }
    into.insert(path.to_owned(), Value::Object(own));
}

fn joined(path: &str, name: &str) -> String {
    if path.is_empty() {
        name.to_owned()
    } else {
        format!("{path}.{name}")
    }
}

/// Numbers as floating point numbers: one and the same bound is written in both ways.
fn alike(value: &Value) -> Value {
    match value {
        Value::Number(number) => number.as_f64().map_or_else(|| value.clone(), Value::from),
        Value::Array(items) => items.iter().map(alike).collect(),
        Value::Object(members) => members
            .iter()
            .map(|(name, value)| (name.clone(), alike(value)))
            .collect(),
        other => other.clone(),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn schema() -> Value {
        json!({
            "type": "object",
            "description": "words",
            "required": ["spec"],
            "properties": {
                "spec": {
                    "type": "object",
                    "required": ["b", "a"],
                    "properties": {
                        "a": {"type": "string", "description": "words", "maxLength": 3},
                        "b": {"type": "array", "items": {"type": "object", "properties": {"c": {"type": "integer", "maximum": 5.0}}}},
                        "description": {"type": "string"},
                    },
                },
            },
        })
    }

    fn judged(change: impl FnOnce(&mut Value)) -> Check {
        let mut theirs = schema();
        change(&mut theirs);
        judge(&Seen {
            name: "kinds.example".to_owned(),
            ours: schema(),
            found: Found::Served {
                creates: true,
                schema: Some(theirs),
            },
        })
    }

    #[test]
    fn words_and_spellings_do_not_count_and_neither_does_what_the_apiserver_adds() {
        let check = judged(|theirs| {
            theirs["description"] = "others".into();
            theirs["properties"]["kind"] = json!({"type": "string"});
            theirs["properties"]["metadata"] = json!({"$ref": "#/x"});
            theirs["x-kubernetes-group-version-kind"] = json!([]);
            theirs["properties"]["spec"]["required"] = json!(["a", "b"]);
            theirs["properties"]["spec"]["properties"]["b"]["items"]["properties"]["c"]["maximum"] = json!(5);
        });
        assert_eq!(check.outcome, Outcome::Ok, "{check:?}");
    }

    #[test]
    fn a_field_that_is_missing_makes_it_older_and_one_more_makes_it_newer() {
        let remove = |theirs: &mut Value, name: &str| {
            theirs["properties"]["spec"]["properties"]
                .as_object_mut()
                .unwrap()
                .remove(name);
        };
        let older = judged(|theirs| remove(theirs, "b"));
        assert_eq!(older.outcome, Outcome::Failed);
        assert!(older.message.contains("older"), "{older:?}");
        assert!(older.message.contains("lacks spec.b,"), "{older:?}");
        // A field of that name is a field.
        let older = judged(|theirs| remove(theirs, "description"));
        assert!(older.message.contains("spec.description"), "{older:?}");
        let newer = judged(|theirs| {
            theirs["properties"]["spec"]["properties"]["d"] = json!({"type": "string"});
        });
        assert_eq!(newer.outcome, Outcome::Note);
        assert!(newer.message.contains("spec.d"), "{newer:?}");
        let both = judged(|theirs| {
            remove(theirs, "a");
            theirs["properties"]["spec"]["properties"]["d"] = json!({"type": "string"});
        });
        assert_eq!(both.outcome, Outcome::Failed);
        assert!(both.message.contains("spec.a, spec.d"), "{both:?}");
    }

    #[test]
    fn every_other_difference_is_found_where_it_is() {
        let at = |pointer: &str, value: Value| {
            let check = judged(|theirs| *theirs.pointer_mut(pointer).unwrap() = value);
            assert_eq!(check.outcome, Outcome::Failed, "{pointer}");
            check.message
        };
        assert!(at("/properties/spec/properties/a/maxLength", json!(4)).contains("at spec.a;"));
        assert!(at("/properties/spec/required", json!(["a"])).contains("at spec;"));
        let bound = "/properties/spec/properties/b/items/properties/c/maximum";
        assert!(at(bound, json!(6)).contains("at spec.b[].c;"));
    }

    #[test]
    fn what_is_not_there_or_going_is_told() {
        let judged = |found| {
            judge(&Seen {
                name: "kinds.example".to_owned(),
                ours: schema(),
                found,
            })
        };
        let going = Found::Served {
            creates: false,
            schema: Some(schema()),
        };
        let blind = Found::Served {
            creates: true,
            schema: None,
        };
        for (found, word) in [
            (Found::Missing, "not installed"),
            (Found::Unknown("503".to_owned()), "503"),
            (going, "being deleted"),
            (blind, "no schema"),
        ] {
            let check = judged(found);
            assert_eq!(check.outcome, Outcome::Failed);
            assert!(check.message.contains(word), "{check:?}");
        }
    }
}
