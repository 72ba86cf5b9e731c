//! The failure catalogue is compared with the code: every case is there once, and each names tests that exist or says
//! why there is none.

use std::collections::BTreeMap;
use std::fs;

use crate::{in_checkout, read};

const PAGE: &str = "docs/failure-catalogue.md";
/// The number of cases.
const CASES: usize = 137;
/// What a line may begin with that names no test.
const REASONS: &[&str] = &["By design: ", "Does not apply: ", "Measured: ", "Not yet"];

/// The lines below each case, by its number.
fn entries(page: &str) -> Result<BTreeMap<usize, Vec<String>>, String> {
    let mut entries: BTreeMap<usize, Vec<String>> = BTreeMap::new();
    let mut current = None;
    for line in page.lines() {
        if let Some((number, _)) = line.strip_prefix("**").and_then(|rest| rest.split_once(". ")) {
            if let Ok(number) = number.parse() {
                if entries.insert(number, Vec::new()).is_some() {
                    return Err(format!("{number} is there twice"));
                }
                current = Some(number);
            }
        } else if line.starts_with('#') {
            current = None;
        } else if let (Some(number), Some(text)) = (current, line.strip_prefix("- ")) {
            entries.entry(number).or_default().push(text.to_owned());
        }
    }
    Ok(entries)
}

/// The name of a test that a line is about, if it is about one.
fn named(line: &str) -> Option<&str> {
    line.strip_prefix('`')?.strip_suffix('`')
}

/// The files in which a test of this path can be.
fn files(path: &str) -> Vec<String> {
    let module = path.rsplit_once("::").map_or("", |(module, _)| module);
    let module = module.replace("::", "/");
    vec![
        format!("tests/{module}.rs"),
        format!("tests/{module}/main.rs"),
        format!("src/{module}.rs"),
        format!("src/{module}/mod.rs"),
        format!("tests/harness/src/{module}.rs"),
    ]
}

/// Whether a source has a test of this name: a function, with `test` in an attribute above it.
fn has_test(source: &str, name: &str) -> bool {
    let Some(at) = source.find(&format!("fn {name}(")) else {
        return false;
    };
    let line = source[..at].rfind('\n').unwrap_or(0);
    let above = source[..line].lines().rev();
    let mut attributes = above
        .map(str::trim)
        .take_while(|line| !line.is_empty() && *line != "}");
    attributes.any(|line| line.starts_with("#[") && line.contains("test"))
}

fn exists(path: &str) -> bool {
    let name = path.rsplit("::").next().unwrap_or(path);
    files(path)
        .iter()
        .filter_map(|file| fs::read_to_string(in_checkout(file)).ok())
        .any(|source| has_test(&source, name))
}

/// What is wrong with an entry.
fn faults(number: usize, lines: &[String]) -> Vec<String> {
    let mut faults = Vec::new();
    if lines.is_empty() {
        faults.push(format!("{number} has neither a test nor a reason"));
    }
    for line in lines {
        match named(line) {
            Some(path) if !exists(path) => faults.push(format!("{number}: there is no test {path}")),
            None if !REASONS.iter().any(|reason| line.starts_with(reason)) => {
                faults.push(format!(
                    "{number}: neither a test in backticks nor a reason: {line}"
                ));
            }
            _ => {}
        }
    }
    faults
}

#[test]
fn every_case_of_the_catalogue_is_there_once_and_names_tests_that_exist_or_a_reason() {
    let entries = entries(&read(PAGE)).unwrap();
    let numbers: Vec<usize> = entries.keys().copied().collect();
    assert_eq!(numbers, (1..=CASES).collect::<Vec<_>>());
    let faults: Vec<String> = entries
        .iter()
        .flat_map(|(number, lines)| faults(*number, lines))
        .collect();
    assert!(faults.is_empty(), "{PAGE}: {faults:#?}");
}

#[test]
fn a_fault_of_the_catalogue_is_found() {
    let good = "docs_reference::catalogue::a_fault_of_the_catalogue_is_found";
    let page = format!("**1. A.** Text.\n- `{good}`\n\n**2. B.** Text.\nmore\n\n## Next\n- no line of 2\n");
    let read = entries(&page).unwrap();
    assert_eq!(read[&1], [format!("`{good}`")]);
    assert_eq!(faults(1, &read[&1]), [""; 0]);
    assert_eq!(faults(2, &read[&2]), ["2 has neither a test nor a reason"]);
    let lost = "docs_reference::catalogue::no_such_test";
    assert!(!exists(lost));
    assert!(
        !exists("docs_reference::links::a_fault_of_the_catalogue_is_found"),
        "another file"
    );
    assert!(
        !exists("docs_reference::catalogue::entries"),
        "a function is no test"
    );
    assert_eq!(faults(3, &[format!("`{lost}`")]).len(), 1);
    assert_eq!(faults(3, &["some words".to_owned()]).len(), 1);
    assert_eq!(faults(3, &["By design: there is none.".to_owned()]), [""; 0]);
    assert!(entries("**1. A.** x\n**1. B.** y\n").is_err());
}
