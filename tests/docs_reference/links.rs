//! Links and paths in the documents lead somewhere.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use crate::in_checkout;

/// Folders in which no document of ours is.
const SKIPPED: &[&str] = &["target", "node_modules"];
/// A path in backticks is checked where it begins with one of these.
const ROOTS: &[&str] = &[
    "src/",
    "tests/",
    "docs/",
    "charts/",
    "crds/",
    "deploy/",
    "dist/",
    "examples/",
    "tools/",
];

fn documents(folder: &Path, found: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        let name = path.file_name().unwrap().to_string_lossy().into_owned();
        if path.is_dir() {
            if !name.starts_with('.') && !SKIPPED.contains(&name.as_str()) {
                documents(&path, found);
            }
        } else if path.extension().is_some_and(|extension| extension == "md") {
            found.push(path);
        }
    }
}

/// The text without fenced blocks: what is in them is shown, not linked.
fn prose(text: &str) -> String {
    let mut fenced = false;
    let mut kept = String::new();
    for line in text.lines() {
        if line.trim_start().starts_with("```") {
            fenced = !fenced;
        } else if !fenced {
            kept.push_str(line);
            kept.push('\n');
        }
    }
    kept
}

/// What stands between `open` and `close`, each time.
fn between<'a>(text: &'a str, open: &'a str, close: char) -> impl Iterator<Item = &'a str> {
    text.split(open)
        .skip(1)
        .filter_map(move |rest| Some(rest.split_once(close)?.0))
}

/// The anchors of a document's headings.
fn anchors(text: &str) -> BTreeSet<String> {
    let headings = prose(text);
    let headings = headings.lines().filter(|line| line.starts_with('#'));
    let anchor = |line: &str| {
        let title = line.trim_start_matches('#').trim().to_lowercase();
        let kept = title
            .chars()
            .filter(|c| c.is_alphanumeric() || " -_".contains(*c));
        kept.map(|c| if c == ' ' { '-' } else { c }).collect()
    };
    headings.map(anchor).collect()
}

fn broken(document: &Path, link: &str) -> Option<String> {
    if link.contains("://") || link.starts_with("mailto:") {
        return None;
    }
    let (path, anchor) = link.split_once('#').unwrap_or((link, ""));
    let target = if path.is_empty() {
        document.to_owned()
    } else {
        document.parent().unwrap().join(path)
    };
    if !target.exists() {
        return Some(format!("{}: {link} does not exist", document.display()));
    }
    if anchor.is_empty() || target.extension().is_none_or(|extension| extension != "md") {
        return None;
    }
    let known = anchors(&fs::read_to_string(&target).unwrap()).contains(anchor);
    (!known).then(|| format!("{}: {link} has no such heading", document.display()))
}

#[test]
fn every_relative_link_leads_to_a_file_and_heading_that_exist() {
    let mut found = Vec::new();
    documents(&in_checkout(""), &mut found);
    assert!(found.len() > 5, "too few documents were found: {found:?}");
    let mut wrong = Vec::new();
    for document in &found {
        let text = prose(&fs::read_to_string(document).unwrap());
        wrong.extend(between(&text, "](", ')').filter_map(|link| broken(document, link)));
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn every_path_of_the_checkout_that_a_document_names_exists() {
    let mut found = Vec::new();
    documents(&in_checkout(""), &mut found);
    let mut wrong = Vec::new();
    for document in &found {
        // A crate's own document names paths of the crate.
        if document.strip_prefix(in_checkout("tests")).is_ok() {
            continue;
        }
        let text = prose(&fs::read_to_string(document).unwrap());
        for quoted in text.split('`').skip(1).step_by(2) {
            let plain = !quoted.contains([' ', '*', '<', '{', '\n']);
            if plain && ROOTS.iter().any(|root| quoted.starts_with(root)) && !in_checkout(quoted).exists() {
                wrong.push(format!("{}: `{quoted}` does not exist", document.display()));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn a_broken_link_is_found() {
    let here = in_checkout("README.md");
    assert!(broken(&here, "LICENSE").is_none());
    assert!(broken(&here, "https://example.com/nothing").is_none());
    assert!(broken(&here, "docs/no-such-page.md").is_some());
    assert!(broken(&here, "CHANGELOG.md#unreleased").is_none());
    assert!(broken(&here, "CHANGELOG.md#no-such-heading").is_some());
}
