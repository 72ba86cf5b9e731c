//! The walls that Cargo holds: what the crates may depend on.

use std::collections::BTreeSet;
use std::env;
use std::process::Command;

use serde_json::Value;

fn cargo(args: &[&str]) -> String {
    let output = Command::new(env::var_os("CARGO").unwrap_or_else(|| "cargo".into()))
        .args(args)
        .current_dir(env!("CARGO_MANIFEST_DIR"))
        .output()
        .unwrap();
    assert!(
        output.status.success(),
        "cargo {args:?}: {}",
        String::from_utf8_lossy(&output.stderr)
    );
    String::from_utf8(output.stdout).unwrap()
}

/// `name version` of everything in the tree of a package as it is shipped.
fn tree(package: &str) -> BTreeSet<(String, String)> {
    let text = cargo(&[
        "tree",
        "--package",
        package,
        "--edges",
        "normal",
        "--prefix",
        "none",
        "--format",
        "{p}",
    ]);
    let mut found = BTreeSet::new();
    for line in text.lines().filter(|line| !line.is_empty()) {
        let mut words = line.split(' ').map(str::to_owned);
        found.insert((words.next().unwrap(), words.next().unwrap()));
    }
    found
}

fn versions<'a>(tree: &'a BTreeSet<(String, String)>, name: &str) -> Vec<&'a str> {
    let same = tree.iter().filter(|(found, _)| found == name);
    same.map(|(_, version)| version.as_str()).collect()
}

#[test]
fn the_core_depends_on_nothing_but_text_and_hashes() {
    let metadata: Value =
        serde_json::from_str(&cargo(&["metadata", "--no-deps", "--format-version", "1"])).unwrap();
    let packages = metadata["packages"].as_array().unwrap();
    let core = packages
        .iter()
        .find(|package| package["name"] == "webhook-operator-core")
        .unwrap();
    // Planted bugs are an option of test builds.
    let shipped = |dependency: &&Value| dependency["kind"] != "dev" && dependency["optional"] != true;
    let dependencies = core["dependencies"].as_array().unwrap().iter().filter(shipped);
    let names: Vec<&str> = dependencies
        .filter_map(|dependency| dependency["name"].as_str())
        .collect();
    let allowed = [
        "base64",
        "hmac",
        "percent-encoding",
        "secrecy",
        "sha2",
        "thiserror",
        "url",
    ];
    assert_eq!(
        names, allowed,
        "a decision needs values; what fetches them belongs to another module"
    );
}

#[test]
fn neither_runtime_nor_client_nor_clock_comes_into_the_core_through_others() {
    let tree = tree("webhook-operator-core");
    assert!(
        versions(&tree, "sha2").len() == 1,
        "the tree was not read: {tree:?}"
    );
    for name in [
        "tokio",
        "futures",
        "hyper",
        "reqwest",
        "kube",
        "kube-client",
        "k8s-openapi",
        "jiff",
        "chrono",
        "rand",
        "getrandom",
    ] {
        assert!(versions(&tree, name).is_empty(), "{name} is in the core's tree");
    }
}

#[test]
fn there_is_one_tls_stack_one_http_stack_and_one_kube() {
    let tree = tree("webhook-operator");
    for name in [
        "rustls",
        "ring",
        "tokio-rustls",
        "hyper-rustls",
        "hyper",
        "h2",
        "kube",
        "kube-client",
        "kube-runtime",
        "k8s-openapi",
        "tokio",
    ] {
        assert_eq!(
            versions(&tree, name).len(),
            1,
            "{name}: {:?}",
            versions(&tree, name)
        );
    }
    for name in [
        "openssl",
        "openssl-sys",
        "native-tls",
        "reqwest",
        "aws-lc-rs",
        "aws-lc-sys",
        "webpki-roots",
        "chrono",
    ] {
        assert!(versions(&tree, name).is_empty(), "{name} is in the tree");
    }
}
