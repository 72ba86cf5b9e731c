//! The table of planted bugs against the sources: it is complete, its tests exist, and nothing of it is shipped.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

use std::fs;
use std::path::{Path, PathBuf};

use planted_bugs::{Bug, Place, TABLE};

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

fn sources(folder: &Path) -> String {
    let mut text = String::new();
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            text += &sources(&path);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            text += &fs::read_to_string(&path).unwrap();
        }
    }
    text
}

#[test]
fn there_are_at_least_25_bugs_and_each_has_a_test_and_a_name_of_its_own() {
    assert!(Bug::ALL.len() >= 25);
    for (index, bug) in Bug::ALL.iter().enumerate() {
        assert!(
            TABLE.iter().any(|row| row.bug == *bug),
            "no test notices {}",
            bug.name()
        );
        assert_eq!(
            Bug::ALL.iter().position(|other| other.name() == bug.name()),
            Some(index)
        );
    }
}

#[test]
fn every_bug_is_planted_somewhere() {
    let sources = sources(&root().join("src"));
    for bug in Bug::ALL {
        assert!(
            sources.contains(&format!("planted!({bug:?})")),
            "{bug:?} is planted nowhere"
        );
    }
}

#[test]
fn every_test_of_the_table_exists() {
    for row in TABLE {
        let folder = match row.place {
            Place::Core => "src/core".to_owned(),
            Place::Library => "src".to_owned(),
            Place::Suite(name) => format!("tests/{name}"),
        };
        let name = row.test.rsplit("::").next().unwrap();
        let found = sources(&root().join(folder));
        assert!(
            found.contains(&format!("fn {name}(")),
            "{} is not there",
            row.test
        );
    }
}

#[test]
fn no_build_holds_a_bug_unless_it_is_asked_for() {
    for manifest in ["Cargo.toml", "src/core/Cargo.toml"] {
        let text = fs::read_to_string(root().join(manifest)).unwrap();
        assert!(
            !text.lines().any(|line| line.starts_with("default =")),
            "{manifest} has default features"
        );
    }
    let shipped = ["Dockerfile", "Makefile"].map(|file| fs::read_to_string(root().join(file)).unwrap());
    for line in shipped.iter().flat_map(|text| text.lines()) {
        assert!(
            !(line.contains("--release") && line.contains("planted")),
            "{line}"
        );
    }
}
