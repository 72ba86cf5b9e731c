//! The providers' simulator as a process.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use serde::Deserialize;
use serde_json::Value;

use crate::child::{ChildProcess, ProcessError};
use crate::http::{HttpClient, HttpError};
use crate::scratch::Scratch;

/// A debug build makes its TLS keys in well under a second.
const START_DEADLINE: Duration = Duration::from_mins(1);

/// A running simulator. Dropping it kills it; when the thread panics its log stays and the path is
/// printed.
pub struct Simulator {
    process: ChildProcess,
    scratch: Scratch,
    announced: Announced,
    admin: HttpClient,
}

/// The line that the simulator prints once it listens.
#[derive(Deserialize, Clone)]
#[serde(rename_all = "camelCase")]
struct Announced {
    listening: Listening,
    ca_bundle: PathBuf,
}

#[derive(Deserialize, Clone)]
struct Listening {
    http: String,
    https: String,
    admin: String,
}

impl Simulator {
    /// Starts the simulator's binary and waits until it listens.
    ///
    /// # Errors
    /// [`ProcessError`], with the end of its log when it ended or said nothing.
    pub fn start(binary: &Path, args: &[&str]) -> Result<Self, ProcessError> {
        let scratch = Scratch::new("webhook-simulator-log-").map_err(ProcessError::Folder)?;
        let log = scratch.path().join("simulator.log");
        let output = scratch.path().join("simulator.out");
        let mut command = Command::new(binary);
        command.args(args);
        let mut process = ChildProcess::start("the simulator", &mut command, &log, Some(&output))?;
        let what = "the simulator to listen";
        let announced: Announced = process.wait_until(START_DEADLINE, what, || {
            let text = fs::read_to_string(&output).ok()?;
            text.lines().find_map(|line| serde_json::from_str(line).ok())
        })?;
        Ok(Self {
            process,
            scratch,
            admin: HttpClient::plain(&announced.listening.admin),
            announced,
        })
    }

    /// Address of the simulated providers without TLS, `http://127.0.0.1:PORT`.
    pub fn http(&self) -> &str {
        &self.announced.listening.http
    }

    /// Address of the simulated providers with TLS, `https://localhost:PORT`.
    pub fn https(&self) -> &str {
        &self.announced.listening.https
    }

    /// Address of the admin side.
    pub fn admin(&self) -> &str {
        self.admin.base()
    }

    /// PEM file of the authority that signed the certificate of [`Self::https`].
    pub fn ca_bundle(&self) -> &Path {
        &self.announced.ca_bundle
    }

    /// A client of the admin side, for answers that are not 2xx or not JSON.
    pub fn admin_client(&self) -> &HttpClient {
        &self.admin
    }

    /// `GET` at the admin side; the answer as JSON, `Null` when it is empty.
    ///
    /// # Errors
    /// [`HttpError`], also for every status but 2xx.
    pub fn admin_get(&self, path: &str) -> Result<Value, HttpError> {
        self.admin_call("GET", path, None)
    }

    /// `POST` at the admin side.
    ///
    /// # Errors
    /// As [`Self::admin_get`].
    pub fn admin_post(&self, path: &str, body: &Value) -> Result<Value, HttpError> {
        self.admin_call("POST", path, Some(body))
    }

    /// `PUT` at the admin side.
    ///
    /// # Errors
    /// As [`Self::admin_get`].
    pub fn admin_put(&self, path: &str, body: &Value) -> Result<Value, HttpError> {
        self.admin_call("PUT", path, Some(body))
    }

    /// `PATCH` at the admin side.
    ///
    /// # Errors
    /// As [`Self::admin_get`].
    pub fn admin_patch(&self, path: &str, body: &Value) -> Result<Value, HttpError> {
        self.admin_call("PATCH", path, Some(body))
    }

    /// `DELETE` at the admin side.
    ///
    /// # Errors
    /// As [`Self::admin_get`].
    pub fn admin_delete(&self, path: &str) -> Result<Value, HttpError> {
        self.admin_call("DELETE", path, None)
    }

    fn admin_call(&self, method: &str, path: &str, body: Option<&Value>) -> Result<Value, HttpError> {
        let body = body.map(Value::to_string);
        let reply = self.admin.send(method, path, "application/json", body)?.ok()?;
        if reply.body.is_empty() {
            return Ok(Value::Null);
        }
        reply.json()
    }

    /// Process id.
    pub fn id(&self) -> u32 {
        self.process.id()
    }

    /// Everything it has written to standard error so far.
    pub fn log_text(&self) -> String {
        String::from_utf8_lossy(&fs::read(self.process.log()).unwrap_or_default()).into_owned()
    }

    /// Where its log is; it goes with this value.
    pub fn log_path(&self) -> &Path {
        self.process.log()
    }

    /// Lets it outlive this process, with its log; returns its process id.
    pub fn leave_running(mut self) -> u32 {
        self.process.detach();
        self.scratch.keep();
        self.process.id()
    }
}
