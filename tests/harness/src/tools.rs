//! Where the programs of the control plane are.

use std::env;
use std::io;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitStatus, Stdio};

use serde::{Deserialize, Serialize};

/// A folder with `etcd`, `kube-apiserver` and `kubectl`, as other operators' tests use it.
pub const ASSETS_VARIABLE: &str = "KUBEBUILDER_ASSETS";

/// The multi-call binary of `tests/controlplane`; `make` sets it.
pub const BINARY_VARIABLE: &str = "WEBHOOK_OPERATOR_CONTROLPLANE";

/// Why the programs could not be found.
#[derive(Debug, thiserror::Error)]
pub enum ToolsError {
    /// The folder named by the environment lacks a program.
    #[error("{ASSETS_VARIABLE} is {}, which has no {program}", folder.display())]
    Incomplete {
        /// The folder.
        folder: PathBuf,
        /// What it lacks.
        program: &'static str,
    },
    /// The script that fills the tools cache could not be started.
    #[error("run {}", script.display())]
    Run {
        /// The script.
        script: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// The script failed; its messages went to standard error.
    #[error("{} failed ({status}): see its messages above", script.display())]
    Build {
        /// The script.
        script: PathBuf,
        /// How it ended.
        status: ExitStatus,
    },
}

/// A way to run a program: its path, and for the multi-call binary the word that selects the command.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Tool(Vec<PathBuf>);

impl Tool {
    /// The program with no arguments of its own yet.
    pub(crate) fn command(&self) -> Command {
        let mut command = Command::new(&self.0[0]);
        command.args(&self.0[1..]);
        command
    }

    fn file(path: PathBuf) -> Self {
        Self(vec![path])
    }

    fn part(binary: &Path, name: &str) -> Self {
        Self(vec![binary.into(), name.into()])
    }
}

/// The programs of a control plane.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Tools {
    pub etcd: Tool,
    pub apiserver: Tool,
    pub kubectl: Tool,
    /// Not among the programs that [`ASSETS_VARIABLE`] promises.
    pub controller_manager: Option<Tool>,
}

impl Tools {
    /// From [`ASSETS_VARIABLE`], else [`BINARY_VARIABLE`], else the tools cache, which is filled first
    /// when it has to be (minutes, once a machine).
    pub(crate) fn find() -> Result<Self, ToolsError> {
        let set = |name| env::var_os(name).filter(|value| !value.is_empty());
        if let Some(folder) = set(ASSETS_VARIABLE) {
            return Self::in_folder(Path::new(&folder));
        }
        if let Some(binary) = set(BINARY_VARIABLE) {
            return Ok(Self::of_binary(Path::new(&binary)));
        }
        Ok(Self::of_binary(&cached("controlplane")?))
    }

    fn in_folder(folder: &Path) -> Result<Self, ToolsError> {
        let find = |program: &'static str| {
            let path = folder.join(program);
            path.is_file()
                .then(|| Tool::file(path))
                .ok_or_else(|| ToolsError::Incomplete {
                    folder: folder.to_owned(),
                    program,
                })
        };
        Ok(Self {
            etcd: find("etcd")?,
            apiserver: find("kube-apiserver")?,
            kubectl: find("kubectl")?,
            controller_manager: find("kube-controller-manager").ok(),
        })
    }

    fn of_binary(binary: &Path) -> Self {
        Self {
            etcd: Tool::part(binary, "etcd"),
            apiserver: Tool::part(binary, "kube-apiserver"),
            kubectl: Tool::part(binary, "kubectl"),
            controller_manager: Some(Tool::part(binary, "kube-controller-manager")),
        }
    }
}

/// The path of a tool in the tools cache, by the script that `make` uses too.
fn cached(tool: &str) -> Result<PathBuf, ToolsError> {
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tools/tool-path");
    let output = Command::new(&script)
        .arg(tool)
        .stdin(Stdio::null())
        .stderr(Stdio::inherit())
        .output()
        .map_err(|source| ToolsError::Run {
            script: script.clone(),
            source,
        })?;
    if !output.status.success() {
        let status = output.status;
        return Err(ToolsError::Build { script, status });
    }
    let path = String::from_utf8_lossy(&output.stdout);
    Ok(PathBuf::from(path.trim()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;

    #[test]
    fn a_folder_without_a_controller_manager_is_enough() {
        let folder = tempfile::tempdir().unwrap();
        for program in ["etcd", "kube-apiserver", "kubectl"] {
            fs::write(folder.path().join(program), "").unwrap();
        }
        let tools = Tools::in_folder(folder.path()).unwrap();
        assert_eq!(tools.controller_manager, None);
        assert_eq!(tools.etcd, Tool::file(folder.path().join("etcd")));
    }

    #[test]
    fn a_folder_without_kubectl_is_refused_by_name() {
        let folder = tempfile::tempdir().unwrap();
        for program in ["etcd", "kube-apiserver"] {
            fs::write(folder.path().join(program), "").unwrap();
        }
        let error = Tools::in_folder(folder.path()).unwrap_err();
        assert!(error.to_string().contains("no kubectl"), "{error}");
    }
}
