//! The commands of the documents.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

/// Documents whose every command a user runs on a cluster.
pub const DOCUMENTS: [&str; 10] = [
    "README.md",
    "docs/quickstart.md",
    "docs/operations.md",
    "docs/gitops.md",
    "docs/how-it-works.md",
    "docs/providers/dixa.md",
    "docs/providers/babel.md",
    "docs/providers/bird.md",
    "charts/webhook-operator/README.md",
    "charts/webhook-operator-crds/README.md",
];

/// Blocks that are run elsewhere: `document#heading`, and where.
pub const ELSEWHERE: [(&str, &str); 2] = [
    ("README.md#Try it", "`make demo` is a step of its own in .ci/run"),
    (
        "charts/webhook-operator/README.md#Test",
        "a pod has to run; tests/packaging runs the command that is in it",
    ),
];

/// A path in the checkout.
pub fn in_checkout(path: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join(path)
}

/// The blocks of commands under each heading, as `document#heading`, in the order of the document.
pub fn commands() -> BTreeMap<String, Vec<String>> {
    let mut found: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for document in DOCUMENTS {
        let text = fs::read_to_string(in_checkout(document)).unwrap();
        let mut heading = String::new();
        let mut block: Option<Vec<&str>> = None;
        let mut fence = "";
        for line in text.lines() {
            match &mut block {
                Some(lines) if line == "```" => {
                    if fence == "sh" {
                        let key = format!("{document}#{heading}");
                        found.entry(key).or_default().push(lines.join("\n"));
                    }
                    block = None;
                }
                Some(lines) => lines.push(line),
                None if line.starts_with("```") => {
                    fence = line.trim_start_matches('`');
                    block = Some(Vec::new());
                }
                None if line.starts_with('#') => {
                    line.trim_start_matches(['#', ' ']).clone_into(&mut heading);
                }
                None => {}
            }
        }
        assert!(block.is_none(), "{document}: a fence is not closed");
    }
    found
}

/// What is put in the place of what only a user has.
pub struct Substitutions(Vec<(String, String)>);

impl Substitutions {
    /// For a simulator at these addresses, plain and with TLS.
    pub fn new(endpoint: &str, https: &str) -> Self {
        let checkout = |path: &str| in_checkout(path).display().to_string();
        let release = "https://github.com/webhook-operator/webhook-operator/releases/download";
        let version = env!("CARGO_PKG_VERSION");
        let pairs = [
            // Where things are fetched from.
            (
                "oci://ghcr.io/webhook-operator/charts/webhook-operator".to_owned(),
                checkout("charts/webhook-operator"),
            ),
            (
                format!("{release}/v{version}/install.yaml"),
                checkout("dist/install.yaml"),
            ),
            ("NAME-OF-YOUR-CLUSTER".to_owned(), "acme-production".to_owned()),
            // The providers.
            ("https://dev.dixa.io".to_owned(), endpoint.to_owned()),
            ("https://licensing.acme.example:5455".to_owned(), https.to_owned()),
            ("https://api.bird.com".to_owned(), endpoint.to_owned()),
            // The keys that the simulator knows.
            ("YOUR-DIXA-TOKEN".to_owned(), "dixa-token-example".to_owned()),
            (
                "YOUR-BABEL-KEY".to_owned(),
                "api_EXAMPLEEXAMPLEEXAMPLE0001".to_owned(),
            ),
            ("YOUR-BIRD-ACCESS-KEY".to_owned(), "example-access-key".to_owned()),
            // Of no collector: nobody takes the spans.
            (
                "YOUR-COLLECTOR-KEY".to_owned(),
                "example-collector-key".to_owned(),
            ),
        ];
        Self(pairs.into())
    }

    /// What is replaced; every one of them must be in a document.
    pub fn replaced(&self) -> impl Iterator<Item = &str> {
        self.0.iter().map(|(from, _)| from.as_str())
    }

    /// The block as it is run.
    pub fn apply(&self, block: &str) -> String {
        let replaced = self
            .0
            .iter()
            .fold(block.to_owned(), |text, (from, to)| text.replace(from, to));
        assert!(
            !replaced.contains("YOUR-") && !replaced.contains("NAME-OF-"),
            "nothing is known to put in a placeholder's place: {replaced}"
        );
        replaced
    }
}

/// Every heading with commands must be in one of the plays.
pub fn assert_all_are_run(played: &BTreeSet<&str>) {
    let found = commands();
    let elsewhere: BTreeSet<&str> = ELSEWHERE.iter().map(|(name, _)| *name).collect();
    let known: BTreeSet<&str> = played.union(&elsewhere).copied().collect();
    let present: BTreeSet<&str> = found.keys().map(String::as_str).collect();
    let without: Vec<&&str> = present.difference(&known).collect();
    assert!(without.is_empty(), "commands that no test runs: {without:?}");
    let stale: Vec<&&str> = known.difference(&present).collect();
    assert!(stale.is_empty(), "no commands are there any more: {stale:?}");
}
