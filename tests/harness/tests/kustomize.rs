//! The generated kustomization changes of the examples what it says, and nothing else.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use test_harness::{ControlPlane, Kustomization, SecretValues};

#[test]
fn the_examples_are_applied_as_they_are_but_for_endpoint_bundle_and_secret_values() {
    let cluster = ControlPlane::shared();
    let examples = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../examples/dixa");
    let folder = tempfile::tempdir().unwrap();
    let token = BTreeMap::from([("token".to_owned(), "a-token".to_owned())]);
    let secrets = SecretValues::from([("dixa-api".to_owned(), token)]);
    let kustomization = Kustomization {
        base: &examples,
        endpoint: "https://localhost:4711",
        ca_bundle: Some("provider-ca"),
        secrets: &secrets,
    };
    kustomization.write(folder.path()).unwrap();

    let lines = |path: &Path| -> BTreeSet<String> {
        let text = cluster.kubectl(&["kustomize", &path.to_string_lossy()], "");
        text.unwrap().lines().map(|line| line.trim().to_owned()).collect()
    };
    let (plain, patched) = (lines(&examples), lines(folder.path()));
    let added: Vec<&str> = patched.difference(&plain).map(String::as_str).collect();
    let removed: Vec<&str> = plain.difference(&patched).map(String::as_str).collect();
    let expected = [
        "caBundleRef:",
        "endpoint: https://localhost:4711",
        "name: provider-ca",
        "token: a-token",
    ];
    assert_eq!(added, expected);
    let expected = [
        "endpoint: https://dev.dixa.io",
        "token: replace-with-your-dixa-api-token",
    ];
    assert_eq!(removed, expected);
}
