//! kubectl, untouched by the settings of the person who runs the tests.

use std::io::{self, Write as _};
use std::path::{Path, PathBuf};
use std::process::{Command, ExitStatus, Output, Stdio};
use std::thread;

use crate::tools::Tool;

/// Why kubectl gave no result.
#[derive(Debug, thiserror::Error)]
pub enum KubectlError {
    /// It could not be started, or its pipes broke.
    #[error("run kubectl {args}")]
    Run {
        /// Its arguments.
        args: String,
        /// What the system said.
        source: io::Error,
    },
    /// It exited with another status than 0.
    #[error("kubectl {args} ({status}): {stderr}")]
    Failed {
        /// Its arguments.
        args: String,
        /// How it ended.
        status: ExitStatus,
        /// What it said.
        stderr: String,
    },
}

/// kubectl with a kubeconfig.
#[derive(Debug, Clone)]
pub struct Kubectl {
    tool: Tool,
    kubeconfig: PathBuf,
    cache: PathBuf,
}

impl Kubectl {
    pub(crate) fn new(tool: Tool, kubeconfig: PathBuf, cache: PathBuf) -> Self {
        Self {
            tool,
            kubeconfig,
            cache,
        }
    }

    /// The kubeconfig in use.
    pub fn kubeconfig(&self) -> &Path {
        &self.kubeconfig
    }

    /// The command with its environment set, for a caller with wishes of its own.
    pub fn command(&self) -> Command {
        let mut command = self.tool.command();
        command
            .env("KUBECONFIG", &self.kubeconfig)
            .env("KUBECACHEDIR", &self.cache)
            .env("KUBERC", "off")
            .env_remove("KUBECTL_EXTERNAL_DIFF");
        command
    }

    /// Runs kubectl and returns its standard output.
    ///
    /// # Errors
    /// [`KubectlError::Failed`] with its messages when it exits with another status than 0.
    pub fn run(&self, args: &[&str], stdin: &str) -> Result<String, KubectlError> {
        let output = self.output(args, stdin)?;
        if output.status.success() {
            return Ok(String::from_utf8_lossy(&output.stdout).into_owned());
        }
        Err(KubectlError::Failed {
            args: args.join(" "),
            status: output.status,
            stderr: String::from_utf8_lossy(&output.stderr).trim().to_owned(),
        })
    }

    /// Runs kubectl to its end, whatever its status: for tests of what a user sees when it refuses.
    ///
    /// # Errors
    /// [`KubectlError::Run`].
    pub fn output(&self, args: &[&str], stdin: &str) -> Result<Output, KubectlError> {
        let failed = |source| KubectlError::Run {
            args: args.join(" "),
            source,
        };
        let mut child = self
            .command()
            .args(args)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .map_err(failed)?;
        let pipe = child.stdin.take();
        // From a thread, since kubectl may print more than a pipe holds before it reads everything.
        // It may also end without reading: the exit status tells, not the broken pipe.
        thread::scope(|scope| {
            scope.spawn(move || pipe.map(|mut pipe| pipe.write_all(stdin.as_bytes())));
            child.wait_with_output()
        })
        .map_err(failed)
    }
}
