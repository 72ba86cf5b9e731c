//! Binaries of this workspace, for tests outside the package that they belong to.

use std::env;
use std::io;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitStatus, Stdio};

use serde_json::Value;

/// A folder with the workspace's binaries, already built; `make` sets it.
pub const BINARIES_VARIABLE: &str = "WEBHOOK_OPERATOR_BINARIES";

/// Why there is no such binary.
#[derive(Debug, thiserror::Error)]
pub enum BinaryError {
    /// The folder named by the environment lacks it.
    #[error("{BINARIES_VARIABLE} names a folder without {}", .0.display())]
    Missing(PathBuf),
    /// cargo could not be started.
    #[error("run cargo")]
    Cargo(#[source] io::Error),
    /// cargo failed; its messages went to standard error.
    #[error("cargo build of {name} failed ({status})")]
    Build {
        /// Name of the binary.
        name: String,
        /// How cargo ended.
        status: ExitStatus,
    },
    /// cargo built no such binary.
    #[error("package {package} has no binary {name}")]
    Unknown {
        /// Name of the package.
        package: String,
        /// Name of the binary.
        name: String,
    },
}

/// The path of a binary of the workspace: from [`BINARIES_VARIABLE`], else as cargo builds it now, so
/// that plain `cargo test` works and never uses an old one.
///
/// # Errors
/// [`BinaryError`].
pub fn binary(package: &str, name: &str) -> Result<PathBuf, BinaryError> {
    if let Some(folder) = env::var_os(BINARIES_VARIABLE).filter(|value| !value.is_empty()) {
        let path = Path::new(&folder).join(name);
        return if path.is_file() {
            Ok(path)
        } else {
            Err(BinaryError::Missing(path))
        };
    }
    let output = Command::new(env::var_os("CARGO").unwrap_or_else(|| "cargo".into()))
        .args(["build", "--quiet", "--message-format=json-render-diagnostics"])
        .args(["--package", package, "--bin", name])
        .current_dir(Path::new(env!("CARGO_MANIFEST_DIR")).join("../.."))
        .stdin(Stdio::null())
        .stderr(Stdio::inherit())
        .output()
        .map_err(BinaryError::Cargo)?;
    if !output.status.success() {
        return Err(BinaryError::Build {
            name: name.to_owned(),
            status: output.status,
        });
    }
    let messages = String::from_utf8_lossy(&output.stdout);
    let built = messages.lines().rev().find_map(|line| built_path(line, name));
    built.ok_or_else(|| BinaryError::Unknown {
        package: package.to_owned(),
        name: name.to_owned(),
    })
}

/// The path in cargo's message about an executable of that name.
fn built_path(message: &str, name: &str) -> Option<PathBuf> {
    let message: Value = serde_json::from_str(message).ok()?;
    if message["target"]["name"] != name {
        return None;
    }
    Some(PathBuf::from(message["executable"].as_str()?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cargo_tells_where_it_put_the_binary() {
        let message = r#"{"reason":"compiler-artifact","target":{"name":"sim"},"executable":"/t/sim"}"#;
        assert_eq!(built_path(message, "sim"), Some(PathBuf::from("/t/sim")));
        assert_eq!(built_path(message, "other"), None);
        let library = r#"{"reason":"compiler-artifact","target":{"name":"sim"},"executable":null}"#;
        assert_eq!(built_path(library, "sim"), None);
    }
}
