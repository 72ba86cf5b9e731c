//! The operator as a process.

use std::ffi::OsStr;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitStatus};
use std::time::Duration;

use serde_json::Value;

use crate::child::{ChildProcess, ProcessError};
use crate::http::{HttpClient, HttpError, Reply};
use crate::scratch::Scratch;

/// A debug build on a busy machine takes a second or two.
const START_DEADLINE: Duration = Duration::from_mins(1);

/// A running operator. Dropping it kills it with SIGKILL; when the thread panics its log stays and the
/// path is printed.
pub struct Operator {
    process: ChildProcess,
    scratch: Scratch,
}

impl Operator {
    /// Starts the operator's binary with a kubeconfig, without waiting for anything.
    ///
    /// It listens on a port of the loopback interface that the system chooses, logs JSON, and takes part
    /// in no election, so that one that is started after a kill need not wait for the Lease of the one
    /// before; unless `args` or `env` say otherwise. Other `WEBHOOK_OPERATOR_` variables of the caller don't reach it.
    ///
    /// # Errors
    /// [`ProcessError`] when there is no such program.
    pub fn start(
        binary: &Path,
        args: &[&str],
        env: &[(&str, &str)],
        kubeconfig: &Path,
    ) -> Result<Self, ProcessError> {
        let scratch = Scratch::new("webhook-operator-log-").map_err(ProcessError::Folder)?;
        let mut command = Command::new(binary);
        for (name, _) in std::env::vars_os() {
            let ours = name.to_string_lossy().starts_with("WEBHOOK_OPERATOR_");
            if ours || name == OsStr::new("RUST_LOG") {
                command.env_remove(name);
            }
        }
        command
            .args(args)
            .env("KUBECONFIG", kubeconfig)
            .env("WEBHOOK_OPERATOR_LISTEN", "127.0.0.1:0")
            .env("WEBHOOK_OPERATOR_LOG_FORMAT", "json")
            .env("WEBHOOK_OPERATOR_LEADER_ELECT", "false")
            .envs(env.iter().copied());
        let log = scratch.path().join("operator.log");
        let process = ChildProcess::start("the operator", &mut command, &log, None)?;
        Ok(Self { process, scratch })
    }

    /// Where it listens, `127.0.0.1:PORT`, from its log line `listening`; waits for that line.
    ///
    /// # Errors
    /// [`ProcessError::Ended`] or [`ProcessError::Late`], both with the end of its log.
    pub fn addr(&mut self) -> Result<String, ProcessError> {
        let log = self.log_path();
        let what = "the operator to listen";
        self.process.wait_until(START_DEADLINE, what, || {
            let text = fs::read_to_string(&log).ok()?;
            text.lines().find_map(listening_address)
        })
    }

    /// A client of its endpoints.
    ///
    /// # Errors
    /// As [`Self::addr`].
    pub fn http(&mut self) -> Result<HttpClient, ProcessError> {
        Ok(HttpClient::plain(&format!("http://{}", self.addr()?)))
    }

    /// The text of `/metrics`.
    ///
    /// # Errors
    /// [`OperatorError`] when it does not run or does not answer with 200.
    pub fn metrics(&mut self) -> Result<String, OperatorError> {
        Ok(self.http()?.get("/metrics")?.ok()?.body)
    }

    /// The answer of `/readyz`, whatever its status.
    ///
    /// # Errors
    /// [`OperatorError`] when it does not run or does not answer.
    pub fn readyz(&mut self) -> Result<Reply, OperatorError> {
        Ok(self.http()?.get("/readyz")?)
    }

    /// Ends it with SIGKILL, and returns when it is gone.
    pub fn kill9(&mut self) {
        self.process.kill();
    }

    /// Ends it with SIGTERM and returns how it ended.
    ///
    /// # Errors
    /// [`ProcessError::Late`] when it does not end within `deadline`.
    pub fn sigterm_and_wait(&mut self, deadline: Duration) -> Result<ExitStatus, ProcessError> {
        self.process.terminate(deadline)
    }

    /// How it ended, `None` while it runs.
    ///
    /// # Errors
    /// [`ProcessError::Inspect`].
    pub fn ended(&mut self) -> Result<Option<ExitStatus>, ProcessError> {
        self.process.ended()
    }

    /// Largest resident set so far in KiB (`VmHWM`; Linux only, and only while it runs).
    ///
    /// # Errors
    /// [`ProcessError::Inspect`].
    pub fn rss_peak_kib(&self) -> Result<u64, ProcessError> {
        self.process.rss_peak_kib()
    }

    /// CPU time so far in seconds, user and system (Linux only, and only while it runs).
    ///
    /// # Errors
    /// [`ProcessError::Inspect`].
    pub fn cpu_seconds(&self) -> Result<f64, ProcessError> {
        self.process.cpu_seconds()
    }

    /// Process id.
    pub fn id(&self) -> u32 {
        self.process.id()
    }

    /// Everything it has printed so far.
    pub fn log_text(&self) -> String {
        String::from_utf8_lossy(&fs::read(self.log_path()).unwrap_or_default()).into_owned()
    }

    /// Where its log is; it goes with this value.
    pub fn log_path(&self) -> PathBuf {
        self.scratch.path().join("operator.log")
    }

    /// Lets it outlive this process, with its log; returns its process id.
    pub fn leave_running(mut self) -> u32 {
        self.process.detach();
        self.scratch.keep();
        self.process.id()
    }
}

/// Why one of the operator's endpoints gave no answer.
#[derive(Debug, thiserror::Error)]
pub enum OperatorError {
    /// It does not run.
    #[error(transparent)]
    Process(#[from] ProcessError),
    /// It does not answer as asked.
    #[error(transparent)]
    Http(#[from] HttpError),
}

/// The `address` of the line `listening`, with the fields at the top or under `fields`.
fn listening_address(line: &str) -> Option<String> {
    let line: Value = serde_json::from_str(line).ok()?;
    let fields = line.get("fields").unwrap_or(&line);
    if fields.get("message")? != "listening" {
        return None;
    }
    Some(fields.get("address")?.as_str()?.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_address_is_found_in_both_shapes_of_a_json_log() {
        let nested = r#"{"level":"INFO","fields":{"message":"listening","address":"127.0.0.1:81"}}"#;
        let flat = r#"{"level":"INFO","message":"listening","address":"127.0.0.1:82"}"#;
        let other = r#"{"level":"INFO","message":"watching","address":"127.0.0.1:83"}"#;
        assert_eq!(listening_address(nested).as_deref(), Some("127.0.0.1:81"));
        assert_eq!(listening_address(flat).as_deref(), Some("127.0.0.1:82"));
        assert_eq!(listening_address(other), None);
        assert_eq!(listening_address("not json"), None);
    }
}
