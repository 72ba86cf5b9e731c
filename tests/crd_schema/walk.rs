//! Goes through the schemas of the CRDs, for the tests that hold a rule for each of their fields.

use serde_json::Value;
use webhook_operator::crd;

/// One kind and its schema.
pub struct Kind {
    /// `WebhookSubscription` and so on.
    pub name: String,
    /// The whole definition, as it is installed.
    pub definition: Value,
}

impl Kind {
    /// The schema of an object of the kind.
    pub fn schema(&self) -> &Value {
        &self.definition["spec"]["versions"][0]["schema"]["openAPIV3Schema"]
    }

    /// The schema of a top-level member: `spec` or `status`.
    pub fn part(&self, member: &str) -> &Value {
        &self.schema()["properties"][member]
    }
}

/// Every kind of this build.
pub fn kinds() -> Vec<Kind> {
    let definitions = crd::definitions().unwrap();
    let kind = |definition| {
        let definition: Value = serde_json::to_value(definition).unwrap();
        Kind {
            name: definition["spec"]["names"]["kind"].as_str().unwrap().to_owned(),
            definition,
        }
    };
    definitions.iter().map(kind).collect()
}

/// Calls `visit` with every schema at and below `schema` and its path: `spec.filters[].match`, map values as
/// `{}`.
pub fn walk<'a>(path: &str, schema: &'a Value, visit: &mut dyn FnMut(&str, &'a Value)) {
    visit(path, schema);
    for (name, property) in properties(schema) {
        let below = if path.is_empty() {
            name.clone()
        } else {
            format!("{path}.{name}")
        };
        walk(&below, property, visit);
    }
    if let Some(items) = schema.get("items") {
        walk(&format!("{path}[]"), items, visit);
    }
    if let Some(values) = schema.get("additionalProperties") {
        walk(&format!("{path}{{}}"), values, visit);
    }
}

/// The members of an object's schema.
pub fn properties(schema: &Value) -> impl Iterator<Item = (&String, &Value)> {
    schema
        .get("properties")
        .and_then(Value::as_object)
        .into_iter()
        .flatten()
}

/// Whether an object's schema requires `member`.
pub fn requires(schema: &Value, member: &str) -> bool {
    strings(&schema["required"]).contains(&member)
}

/// The strings in a list, of which there may be none.
pub fn strings(list: &Value) -> Vec<&str> {
    list.as_array()
        .into_iter()
        .flatten()
        .filter_map(Value::as_str)
        .collect()
}
