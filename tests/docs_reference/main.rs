//! The documents: reference pages are what this build renders, links lead somewhere, the README's example is the
//! one in `examples/`. `UPDATE_DOCS=1` writes the pages instead of comparing them (`make docs`).

#![expect(
    clippy::unwrap_used,
    clippy::panic,
    reason = "a test that cannot go on has failed"
)]

mod catalogue;
mod fields;
mod links;
mod pages;
mod plugin;
mod troubleshooting;

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

/// Where the rendered pages are.
const REFERENCE: &str = "docs/reference";

fn in_checkout(path: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join(path)
}

fn read(path: &str) -> String {
    fs::read_to_string(in_checkout(path)).unwrap_or_else(|error| panic!("{path}: {error}"))
}

/// File name and text of every reference page.
fn rendered() -> Vec<(String, String)> {
    let mut pages = fields::pages();
    pages.extend([
        ("reasons.md".to_owned(), pages::reasons()),
        ("metrics.md".to_owned(), pages::metrics()),
        ("command-line.md".to_owned(), pages::command_line()),
        ("kubectl-webhooks.md".to_owned(), plugin::page()),
    ]);
    pages
}

#[test]
fn the_reference_pages_are_what_this_build_renders() {
    let update = std::env::var_os("UPDATE_DOCS").is_some_and(|value| !value.is_empty());
    let pages = rendered();
    for (name, text) in &pages {
        let path = in_checkout(REFERENCE).join(name);
        if update {
            fs::create_dir_all(in_checkout(REFERENCE)).unwrap();
            fs::write(&path, text).unwrap();
        }
        let stored = fs::read_to_string(&path).unwrap_or_default();
        assert!(
            stored == *text,
            "{} is out of date: run `make docs`",
            path.display()
        );
    }
    let expected: BTreeSet<&str> = pages.iter().map(|(name, _)| name.as_str()).collect();
    for entry in fs::read_dir(in_checkout(REFERENCE)).unwrap() {
        let name = entry.unwrap().file_name().into_string().unwrap();
        assert!(
            expected.contains(name.as_str()),
            "{REFERENCE}/{name} is rendered by nothing: remove it"
        );
    }
}

#[test]
fn the_readme_shows_the_example_that_users_apply() {
    let readme = read("README.md");
    for file in ["secrets.yaml", "provider.yaml", "subscription.yaml"] {
        let example = read(&format!("examples/dixa/{file}"));
        assert!(
            readme.contains(&format!("```yaml\n{example}```")),
            "README.md does not hold examples/dixa/{file} as it is"
        );
    }
}

#[test]
fn the_pages_of_the_other_providers_show_the_subscription_that_users_apply() {
    for provider in ["babel", "bird"] {
        let page = read(&format!("docs/providers/{provider}.md"));
        let example = read(&format!("examples/{provider}/subscription.yaml"));
        assert!(
            page.contains(&format!("```yaml\n{example}```")),
            "docs/providers/{provider}.md does not hold examples/{provider}/subscription.yaml as it is"
        );
    }
}

#[test]
fn each_provider_has_a_page_that_the_readme_leads_to_and_that_names_its_examples_and_limits() {
    let readme = read("README.md");
    for (provider, per_minute) in [("dixa", "480"), ("babel", "60"), ("bird", "2400")] {
        let path = format!("docs/providers/{provider}.md");
        assert!(
            readme.contains(&format!("({path})")),
            "README.md does not lead to {path}"
        );
        let page = read(&path);
        for named in [
            format!("`examples/{provider}`"),
            format!("`examples/{provider}/observe.yaml`"),
            format!("`examples/{provider}/cluster-provider.yaml`"),
            format!("{per_minute} a"),
        ] {
            assert!(page.contains(&named), "{path} does not name {named}");
        }
    }
}

#[test]
fn every_event_that_dixa_is_known_to_have_is_on_its_page() {
    let page = read("docs/providers/dixa.md");
    let missing: Vec<&&str> = webhook_operator::provider::dixa::KNOWN_EVENTS
        .iter()
        .filter(|event| !page.contains(&format!("`{event}`")))
        .collect();
    assert!(missing.is_empty(), "docs/providers/dixa.md lacks {missing:?}");
}
