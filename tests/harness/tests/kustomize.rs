//! The generated kustomization changes of the examples what it says, and nothing else.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use test_harness::{ControlPlane, Kustomization, SecretValues};

/// What kustomize makes of an example has some lines in place of others, when a key of a Secret gets a value.
struct Case {
    example: &'static str,
    secret: &'static str,
    key: &'static str,
    added: &'static [&'static str],
    removed: &'static [&'static str],
}

const CASES: &[Case] = &[
    Case {
        example: "dixa",
        secret: "dixa-api",
        key: "token",
        added: &[
            "caBundleRef:",
            "endpoint: https://localhost:4711",
            "name: provider-ca",
            "token: a-value",
        ],
        removed: &[
            "endpoint: https://dev.dixa.io",
            "token: replace-with-your-dixa-api-token",
        ],
    },
    // It has a bundle already, and its ConfigMap stays.
    Case {
        example: "babel",
        secret: "babel-api",
        key: "key",
        added: &[
            "endpoint: https://localhost:4711",
            "key: a-value",
            "name: provider-ca",
        ],
        removed: &[
            "endpoint: https://licensing.acme.example:5455",
            "key: replace-with-your-babel-api-key",
        ],
    },
    Case {
        example: "bird",
        secret: "bird-api",
        key: "accessKey",
        added: &[
            "accessKey: a-value",
            "caBundleRef:",
            "endpoint: https://localhost:4711",
            "name: provider-ca",
        ],
        removed: &[
            "accessKey: replace-with-your-bird-access-key",
            "endpoint: https://api.bird.com",
        ],
    },
];

#[test]
fn the_examples_are_applied_as_they_are_but_for_endpoint_bundle_and_secret_values() {
    let cluster = ControlPlane::shared();
    let examples = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../examples");
    for case in CASES {
        let base = examples.join(case.example);
        let folder = tempfile::tempdir().unwrap();
        let value = BTreeMap::from([(case.key.to_owned(), "a-value".to_owned())]);
        let secrets = SecretValues::from([(case.secret.to_owned(), value)]);
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
        let added: Vec<&str> = patched.difference(&plain).map(String::as_str).collect();
        let removed: Vec<&str> = plain.difference(&patched).map(String::as_str).collect();
        assert_eq!((added.as_slice(), removed.as_slice()), (case.added, case.removed));
    }
}
