//! The generated kustomization changes of the examples what it says, and nothing else.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use test_harness::{ControlPlane, Kustomization, SecretValues};

/// What kustomize makes of an example gets these lines in place of those, when `secret` gets a value under `key`.
fn check(example: &str, (secret, key): (&str, &str), added: &[&str], removed: &[&str]) {
    let cluster = ControlPlane::shared();
    let base = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("../../examples")
        .join(example);
    let folder = tempfile::tempdir().unwrap();
    let value = BTreeMap::from([(key.to_owned(), "a-value".to_owned())]);
    let secrets = SecretValues::from([(secret.to_owned(), value)]);
    let kustomization = Kustomization {
        base: &base,
        endpoint: "https://localhost:4711",
        ca_bundle: Some("provider-ca"),
        secrets: &secrets,
    };
    kustomization.write(folder.path()).unwrap();

    let lines = |path: &Path| -> BTreeSet<String> {
        let text = cluster.kubectl(&["kustomize", &path.to_string_lossy()], "");
        text.unwrap().lines().map(|line| line.trim().to_owned()).collect()
    };
    let (plain, patched) = (lines(&base), lines(folder.path()));
    let difference = |one: &BTreeSet<String>, other: &BTreeSet<String>| -> Vec<String> {
        one.difference(other).cloned().collect()
    };
    assert_eq!(difference(&patched, &plain), added, "{example}");
    assert_eq!(difference(&plain, &patched), removed, "{example}");
}

#[test]
fn the_examples_are_applied_as_they_are_but_for_endpoint_bundle_and_secret_values() {
    check(
        "dixa",
        ("dixa-api", "token"),
        &[
            "caBundleRef:",
            "endpoint: https://localhost:4711",
            "name: provider-ca",
            "token: a-value",
        ],
        &[
            "endpoint: https://dev.dixa.io",
            "token: replace-with-your-dixa-api-token",
        ],
    );
    // Its ConfigMap stays, and nothing refers to it.
    check(
        "babel",
        ("babel-api", "key"),
        &[
            "endpoint: https://localhost:4711",
            "key: a-value",
            "name: provider-ca",
        ],
        &[
            "endpoint: https://licensing.acme.example:5455",
            "key: replace-with-your-babel-api-key",
        ],
    );
    check(
        "bird",
        ("bird-api", "accessKey"),
        &[
            "accessKey: a-value",
            "caBundleRef:",
            "endpoint: https://localhost:4711",
            "name: provider-ca",
        ],
        &[
            "accessKey: replace-with-your-bird-access-key",
            "endpoint: https://api.bird.com",
        ],
    );
}
