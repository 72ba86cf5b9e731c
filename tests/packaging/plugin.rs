//! The plugin as people install it: the archive, and krew's manifest of it.

use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use serde_json::Value;
use sha2::{Digest, Sha256};
use tempfile::TempDir;
use test_harness::binary;

use crate::chart::{in_checkout, read, tool};

fn run(command: &mut Command) -> String {
    let output = command.stdin(Stdio::null()).output().unwrap();
    let (out, notes) = (
        String::from_utf8_lossy(&output.stdout),
        String::from_utf8_lossy(&output.stderr),
    );
    assert!(output.status.success(), "{command:?}: {out}{notes}");
    out.into_owned()
}

/// The names of this machine, as Go has them.
fn platform() -> (&'static str, &'static str) {
    let os = if cfg!(target_os = "macos") {
        "darwin"
    } else {
        "linux"
    };
    let architecture = if cfg!(target_arch = "aarch64") {
        "arm64"
    } else {
        "amd64"
    };
    (os, architecture)
}

/// The archive of the binary under test, in a folder.
fn packed() -> (TempDir, PathBuf) {
    let folder = tempfile::tempdir().unwrap();
    let (os, architecture) = platform();
    let archive = run(Command::new(in_checkout("tools/plugin-archive"))
        .arg("pack")
        .arg(binary("webhook-operator", "kubectl-webhooks").unwrap())
        .args([os, architecture])
        .arg(folder.path()));
    (folder, PathBuf::from(archive.trim()))
}

fn manifest(folder: &Path) -> String {
    run(Command::new(in_checkout("tools/plugin-archive"))
        .arg("manifest")
        .arg(folder))
}

fn version() -> String {
    let chart: Value = serde_saphyr::from_str(&read("charts/webhook-operator/Chart.yaml")).unwrap();
    chart["appVersion"].as_str().unwrap().to_owned()
}

#[test]
fn the_manifest_names_the_archive_its_sum_and_a_binary_in_it_that_runs() {
    let (folder, archive) = packed();
    let manifest: Value = serde_saphyr::from_str(&manifest(folder.path())).unwrap();
    let version = version();
    assert_eq!(
        manifest["apiVersion"],
        "krew.googlecontainertools.github.com/v1alpha2"
    );
    assert_eq!(manifest["kind"], "Plugin");
    assert_eq!(manifest["metadata"]["name"], "webhooks");
    assert_eq!(manifest["spec"]["version"], format!("v{version}"));
    for text in ["shortDescription", "description", "homepage", "caveats"] {
        assert!(
            manifest["spec"][text]
                .as_str()
                .is_some_and(|text| !text.is_empty()),
            "{text}"
        );
    }
    // krew lists it in one line of a table.
    assert!(manifest["spec"]["shortDescription"].as_str().unwrap().len() <= 50);
    let platforms = manifest["spec"]["platforms"].as_array().unwrap();
    assert_eq!(platforms.len(), 1, "{manifest:#}");
    let (os, architecture) = platform();
    let labels = &platforms[0]["selector"]["matchLabels"];
    assert_eq!(
        (&labels["os"], &labels["arch"]),
        (&os.into(), &architecture.into())
    );
    let name = archive.file_name().unwrap().to_str().unwrap();
    let uri = platforms[0]["uri"].as_str().unwrap();
    assert!(
        uri.ends_with(&format!("/releases/download/v{version}/{name}")),
        "{uri}"
    );
    let mut sum = String::new();
    for byte in Sha256::digest(fs::read(&archive).unwrap()) {
        write!(sum, "{byte:02x}").unwrap();
    }
    assert_eq!(platforms[0]["sha256"], sum);

    let unpacked = tempfile::tempdir().unwrap();
    run(Command::new("tar")
        .arg("-xzf")
        .arg(&archive)
        .arg("-C")
        .arg(unpacked.path()));
    let file = |name: &str| unpacked.path().join(name);
    assert_eq!(fs::read_to_string(file("LICENSE")).unwrap(), read("LICENSE"));
    let bin = platforms[0]["bin"].as_str().unwrap();
    let told = run(Command::new(file(bin)).arg("--version"));
    assert_eq!(told.trim(), format!("kubectl-webhooks {version}"));
    let completed = run(Command::new(file("kubectl_complete-webhooks"))
        .arg("doc")
        .env("PATH", unpacked.path()));
    assert!(
        completed.starts_with("doctor\t") && completed.ends_with(":4\n"),
        "{completed}"
    );
}

#[test]
fn krew_installs_it() {
    let (folder, archive) = packed();
    let file = folder.path().join("webhooks.yaml");
    fs::write(&file, manifest(folder.path())).unwrap();
    let root = tempfile::tempdir().unwrap();
    run(Command::new(tool("WEBHOOK_OPERATOR_KREW", "krew"))
        .arg("install")
        .arg(format!("--manifest={}", file.display()))
        .arg(format!("--archive={}", archive.display()))
        .env("KREW_ROOT", root.path()));
    let told = run(Command::new(root.path().join("bin/kubectl-webhooks")).arg("--version"));
    assert!(told.contains(&version()), "{told}");
    // A byte more, and it is not what the manifest speaks of.
    let mut bytes = fs::read(&archive).unwrap();
    bytes.push(0);
    fs::write(&archive, bytes).unwrap();
    let elsewhere = tempfile::tempdir().unwrap();
    let refused = Command::new(tool("WEBHOOK_OPERATOR_KREW", "krew"))
        .arg("install")
        .arg(format!("--manifest={}", file.display()))
        .arg(format!("--archive={}", archive.display()))
        .env("KREW_ROOT", elsewhere.path())
        .output()
        .unwrap();
    assert!(!refused.status.success(), "{refused:?}");
}

#[test]
fn the_release_packs_every_platform_and_attaches_the_manifest() {
    let workflow: Value = serde_saphyr::from_str(&read(".github/workflows/release.yaml")).unwrap();
    let include = workflow["jobs"]["plugin"]["strategy"]["matrix"]["include"]
        .as_array()
        .unwrap();
    let platforms: Vec<String> = include
        .iter()
        .map(|one| {
            format!(
                "{}-{}",
                one["os"].as_str().unwrap(),
                one["architecture"].as_str().unwrap()
            )
        })
        .collect();
    assert_eq!(
        platforms,
        ["linux-amd64", "linux-arm64", "darwin-amd64", "darwin-arm64"]
    );
    let text = read(".github/workflows/release.yaml");
    for part in [
        "tools/plugin-archive pack",
        "tools/plugin-archive manifest assets >assets/webhooks.yaml",
    ] {
        assert!(text.contains(part), "{part}");
    }
}
