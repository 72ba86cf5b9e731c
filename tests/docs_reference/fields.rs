//! One page a kind: every field with its type, its bounds and its description, from the CRD.

use std::fmt::Write as _;

use serde_json::Value;
use webhook_operator::crd;

use crate::pages::{GENERATED, cell};

/// The page of every kind.
pub(crate) fn pages() -> Vec<(String, String)> {
    let definitions = crd::definitions().unwrap();
    let page = |definition| {
        let definition: Value = serde_json::to_value(definition).unwrap();
        let name = text(&definition["spec"]["names"]["singular"]);
        (format!("{name}.md"), kind(&definition))
    };
    definitions.iter().map(page).collect()
}

fn kind(definition: &Value) -> String {
    let (spec, names) = (&definition["spec"], &definition["spec"]["names"]);
    let version = &spec["versions"][0];
    let schema = &version["schema"]["openAPIV3Schema"];
    let mut page = format!("# {}\n\n{GENERATED}\n\n", text(&names["kind"]));
    let _ = writeln!(page, "{}\n", text(&schema["description"]));
    let scope = text(&spec["scope"]).to_lowercase();
    let _ = writeln!(
        page,
        "`apiVersion: {}/{}`, {scope}. `kubectl get {}`, short `{}`; `kubectl get {}` lists all kinds at once.\n",
        text(&spec["group"]),
        text(&version["name"]),
        text(&names["plural"]),
        list(&names["shortNames"]).join("`, `"),
        list(&names["categories"]).join("`, `"),
    );
    for part in ["spec", "status"] {
        let _ = writeln!(page, "## {part}\n");
        let below = &schema["properties"][part];
        let _ = writeln!(page, "{}\n", text(&below["description"]));
        page.push_str("| Field | Type | Description |\n|---|---|---|\n");
        rows("", below, &mut page);
        page.push('\n');
    }
    rules(schema, &mut page);
    columns(version, &mut page);
    page
}

/// A row for every member at and below an object's schema.
fn rows(path: &str, schema: &Value, page: &mut String) {
    for (name, member) in schema["properties"].as_object().into_iter().flatten() {
        let (mut below, mut at) = (member, format!("{path}{name}"));
        let required = list(&schema["required"]).contains(&name.as_str());
        let _ = writeln!(
            page,
            "| `{at}`{} | {} | {} |",
            if required { " (required)" } else { "" },
            cell(&type_of(member)),
            cell(text(&member["description"])),
        );
        while let Some(items) = below.get("items") {
            (below, at) = (items, format!("{at}[]"));
        }
        // What a condition holds is the same in every kind of Kubernetes.
        if name != "conditions" || !path.is_empty() {
            rows(&format!("{at}."), below, page);
        }
    }
}

/// The type of a field with its bounds, in words.
fn type_of(schema: &Value) -> String {
    let values = list(&schema["enum"]);
    if !values.is_empty() {
        return format!("`{}`", values.join("`, `"));
    }
    let range = |low: &str, high: &str, unit: &str| match (schema[low].as_f64(), schema[high].as_f64()) {
        (Some(low), Some(high)) => format!(", {low} to {high}{unit}"),
        (Some(low), None) => format!(", at least {low}{unit}"),
        (None, Some(high)) => format!(", at most {high}{unit}"),
        (None, None) => String::new(),
    };
    match text(&schema["type"]) {
        "array" => {
            let bounds = range("minItems", "maxItems", "");
            let bounds = bounds.strip_prefix(", ").map(|bounds| format!(" ({bounds})"));
            format!(
                "list{} of {}",
                bounds.unwrap_or_default(),
                type_of(&schema["items"])
            )
        }
        "string" if schema["format"] == "date-time" => "time".to_owned(),
        "string" => format!("string{}", range("minLength", "maxLength", " characters")),
        "object" if schema.get("additionalProperties").is_some() => {
            format!("map of {}", type_of(&schema["additionalProperties"]))
        }
        other => format!("{other}{}", range("minimum", "maximum", "")),
    }
}

/// What the apiserver refuses beyond types and bounds.
fn rules(schema: &Value, page: &mut String) {
    let mut messages = Vec::new();
    collect(schema, &mut messages);
    if messages.is_empty() {
        return;
    }
    page.push_str("## Rules\n\nWhat the apiserver refuses besides, in its own words:\n\n");
    for message in messages {
        let _ = writeln!(page, "- {}", cell(&message));
    }
    page.push('\n');
}

fn collect(schema: &Value, messages: &mut Vec<String>) {
    for rule in schema["x-kubernetes-validations"]
        .as_array()
        .into_iter()
        .flatten()
    {
        let message = text(&rule["message"]).to_owned();
        if !messages.contains(&message) {
            messages.push(message);
        }
    }
    for (_, below) in schema["properties"].as_object().into_iter().flatten() {
        collect(below, messages);
    }
    for below in ["items", "additionalProperties"] {
        if let Some(below) = schema.get(below) {
            collect(below, messages);
        }
    }
}

fn columns(version: &Value, page: &mut String) {
    page.push_str("## Columns\n\n| Column | From | Shown |\n|---|---|---|\n");
    for column in version["additionalPrinterColumns"]
        .as_array()
        .into_iter()
        .flatten()
    {
        let wide = column["priority"].as_i64().unwrap_or_default() > 0;
        let _ = writeln!(
            page,
            "| {} | `{}` | {} |",
            text(&column["name"]),
            cell(text(&column["jsonPath"])),
            if wide { "with `-o wide`" } else { "always" },
        );
    }
}

fn text(value: &Value) -> &str {
    value.as_str().unwrap_or_default()
}

fn list(value: &Value) -> Vec<&str> {
    value.as_array().into_iter().flatten().map(text).collect()
}
