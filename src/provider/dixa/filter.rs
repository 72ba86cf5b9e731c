//! Dixa's filter trees, as they are read.

use std::collections::BTreeMap;

use operator_core::settings::{Condition, Filter, Filters, Match, Operator};
use serde::Deserialize;
use serde_json::Value;

/// A filter of one family of events.
#[derive(Deserialize)]
#[serde(tag = "_type")]
enum Tree {
    CombinedFilters {
        strategy: Strategy,
        conditions: Vec<Leaf>,
    },
}

#[derive(Deserialize)]
enum Strategy {
    All,
    Any,
}

#[derive(Deserialize)]
#[serde(tag = "_type")]
enum Leaf {
    IsOneOf { field: String, values: Vec<String> },
    IsNotOneOf { field: String, values: Vec<String> },
}

/// The filters by family, or their canonical text where there is one that ours cannot express (a nested tree, a
/// new kind of condition): then they differ from anything that can be wanted.
pub(super) fn read(families: BTreeMap<String, Value>) -> Result<Filters, String> {
    let mut filters = Filters::new();
    for (family, tree) in &families {
        match lift(tree) {
            Some(Lifted::Filter(filter)) => drop(filters.insert(family.clone(), filter)),
            Some(Lifted::Nothing) => {}
            None => return Err(canonical(&Value::Object(families.into_iter().collect()))),
        }
    }
    Ok(filters)
}

enum Lifted {
    Filter(Filter),
    /// It filters nothing.
    Nothing,
}

fn lift(tree: &Value) -> Option<Lifted> {
    if tree.is_null() {
        return Some(Lifted::Nothing);
    }
    let Tree::CombinedFilters { strategy, conditions } = Tree::deserialize(tree).ok()?;
    let combine = match strategy {
        Strategy::All => Match::All,
        Strategy::Any => Match::Any,
    };
    if conditions.is_empty() {
        // All of nothing is always true; any of nothing never is, and is not what "no filter" means.
        return (combine == Match::All).then_some(Lifted::Nothing);
    }
    let conditions = conditions.into_iter().map(condition).collect();
    Some(Lifted::Filter(Filter { combine, conditions }))
}

fn condition(leaf: Leaf) -> Condition {
    let (operator, field, values) = match leaf {
        Leaf::IsOneOf { field, values } => (Operator::In, field, values),
        Leaf::IsNotOneOf { field, values } => (Operator::NotIn, field, values),
    };
    Condition {
        field,
        operator,
        values: values.into_iter().collect(),
    }
}

/// JSON text with sorted members, whatever order the parser keeps.
fn canonical(value: &Value) -> String {
    match value {
        Value::Object(members) => {
            let sorted: BTreeMap<_, _> = members.iter().collect();
            let members = sorted
                .into_iter()
                .map(|(name, value)| format!("{}:{}", Value::String(name.clone()), canonical(value)));
            format!("{{{}}}", members.collect::<Vec<_>>().join(","))
        }
        Value::Array(items) => format!("[{}]", items.iter().map(canonical).collect::<Vec<_>>().join(",")),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => value.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn from(value: Value) -> Result<Filters, String> {
        read(serde_json::from_value(value).unwrap())
    }

    #[test]
    fn the_documented_tree_becomes_conditions_whatever_their_order() {
        let leaf = |kind: &str, values: &[&str]| json!({"_type": kind, "field": "QueueId", "values": values, "new": 1});
        let tree = |conditions: Vec<Value>| json!({"Conversation": {"_type": "CombinedFilters", "strategy": "Any", "conditions": conditions, "id": 7}});
        let one = from(tree(vec![
            leaf("IsOneOf", &["a", "b"]),
            leaf("IsNotOneOf", &["c"]),
        ]))
        .unwrap();
        let two = from(tree(vec![
            leaf("IsNotOneOf", &["c", "c"]),
            leaf("IsOneOf", &["b", "a"]),
        ]))
        .unwrap();
        assert_eq!(one, two);
        let filter = &one["Conversation"];
        assert_eq!((filter.combine, filter.conditions.len()), (Match::Any, 2));
    }

    #[test]
    fn what_filters_nothing_is_no_filter() {
        assert_eq!(from(json!({})), Ok(Filters::new()));
        assert_eq!(from(json!({"Conversation": null})), Ok(Filters::new()));
        let all = json!({"Conversation": {"_type": "CombinedFilters", "strategy": "All", "conditions": []}});
        assert_eq!(from(all), Ok(Filters::new()));
    }

    #[test]
    fn a_tree_of_another_form_is_kept_as_canonical_text() {
        let leaf = json!({"_type": "IsOneOf", "field": "QueueId", "values": ["a"]});
        let nested = json!({"_type": "CombinedFilters", "strategy": "All", "conditions": [leaf]});
        for tree in [
            json!({"_type": "CombinedFilters", "strategy": "All", "conditions": [nested]}),
            json!({"_type": "CombinedFilters", "strategy": "Any", "conditions": []}),
            json!({"_type": "CombinedFilters", "strategy": "Most", "conditions": [leaf]}),
            json!({"_type": "StartsWith", "field": "QueueId", "value": "a"}),
            json!("text"),
        ] {
            assert!(from(json!({"Conversation": tree})).is_err(), "{tree}");
        }
        let text = from(json!({"B": {"z": [1, "x"], "a": null}})).unwrap_err();
        assert_eq!(text, r#"{"B":{"a":null,"z":[1,"x"]}}"#);
    }
}
