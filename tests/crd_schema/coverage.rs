//! A field or a value of an enum is in the CRD because something works: each names the test that shows it.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

use crate::covered::COVERED;
use crate::in_checkout;
use crate::walk::{kinds, properties, strings, walk};

/// Fields whose test is still to be written.
const AWAITED: &[&str] = &[];

/// Every path that needs a test. What a `ClusterWebhookProvider` shares with a `WebhookProvider` is listed once, but
/// for its references, which it follows into another namespace.
fn settable() -> BTreeSet<String> {
    let mut paths = BTreeSet::new();
    for kind in kinds() {
        walk(
            &format!("{}.spec", kind.name),
            kind.part("spec"),
            &mut |path, schema| {
                let values = strings(&schema["enum"]);
                let below = schema.get("items").or(schema.get("additionalProperties"));
                if values.is_empty() && properties(schema).next().is_none() && below.is_none() {
                    paths.insert(path.to_owned());
                }
                paths.extend(values.iter().map(|value| format!("{path}={value}")));
            },
        );
    }
    let shared = |path: &String| {
        let twin = path.strip_prefix("Cluster");
        !path.contains("Ref.") && twin.is_some_and(|twin| paths.contains(twin))
    };
    paths.iter().filter(|path| !shared(path)).cloned().collect()
}

/// The text of all tests and sources.
fn sources(dir: &Path, text: &mut String) {
    for entry in fs::read_dir(dir).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            sources(&path, text);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            text.push_str(&fs::read_to_string(&path).unwrap());
        }
    }
}

#[test]
fn every_field_and_value_names_the_test_that_shows_what_it_does() {
    let listed: Vec<String> = COVERED
        .iter()
        .map(|(path, _)| *path)
        .chain(AWAITED.iter().copied())
        .map(str::to_owned)
        .collect();
    let unique: BTreeSet<String> = listed.iter().cloned().collect();
    assert_eq!(unique.len(), listed.len(), "a path is listed twice");
    let settable = settable();
    let missing: Vec<_> = settable.difference(&unique).collect();
    let stale: Vec<_> = unique.difference(&settable).collect();
    assert!(
        missing.is_empty(),
        "in the schema but not in the table: {missing:#?}"
    );
    assert!(stale.is_empty(), "in the table but not in the schema: {stale:#?}");
}

#[test]
fn the_named_tests_exist() {
    let mut text = String::new();
    sources(&in_checkout("src"), &mut text);
    sources(&in_checkout("tests"), &mut text);
    let lost: Vec<_> = COVERED
        .iter()
        .filter(|(_, test)| !text.contains(&format!("fn {test}(")))
        .collect();
    assert!(lost.is_empty(), "no such test: {lost:#?}");
}

#[test]
fn no_field_waits_for_its_test() {
    assert!(AWAITED.is_empty(), "{AWAITED:#?}");
}
