//! The world as a user of it sees it: kubectl and the simulator's admin side, with every change and every
//! answer shown.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;

use serde_json::Value;
use sha2::{Digest as _, Sha256};
use test_harness::{HttpClient, HttpError, Kubectl, KubectlError, KustomizeError, TimedOut, wait_for};

use crate::screen::{Screen, answer, typed};

/// Far longer than anything takes on an idle machine.
pub(crate) const PATIENCE: Duration = Duration::from_mins(1);

/// Why a step ended early.
#[derive(Debug, thiserror::Error)]
pub(crate) enum StepError {
    /// kubectl could not be run.
    #[error(transparent)]
    Kubectl(#[from] KubectlError),
    /// kubectl refused or waited in vain; its words are on the screen.
    #[error("kubectl failed ({0})")]
    Refused(std::process::ExitStatus),
    /// The simulator's admin side did not answer as asked.
    #[error(transparent)]
    Simulator(#[from] HttpError),
    /// Something did not happen in time.
    #[error(transparent)]
    Late(#[from] TimedOut),
    /// What the world answered is not what it should be.
    #[error("{0}")]
    Unexpected(String),
    /// The kustomization could not be written.
    #[error(transparent)]
    Kustomize(#[from] KustomizeError),
    /// A file could not be written or read.
    #[error("use {}", path.display())]
    File {
        /// Its path.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// kubectl printed no JSON where it was asked for it.
    #[error("understand what kubectl printed")]
    Json(#[from] serde_json::Error),
}

/// Fails with `message` unless `holds`.
pub(crate) fn ensure(holds: bool, message: impl FnOnce() -> String) -> Result<(), StepError> {
    if holds {
        Ok(())
    } else {
        Err(StepError::Unexpected(message()))
    }
}

/// Everything that the steps use.
pub(crate) struct World {
    pub(crate) screen: Screen,
    pub(crate) kubectl: Kubectl,
    pub(crate) admin: HttpClient,
    /// `spec.endpoint` of the provider.
    pub(crate) endpoint: String,
    /// The checkout: commands run here.
    pub(crate) root: PathBuf,
    /// The files of this run, inside the checkout.
    pub(crate) folder: PathBuf,
}

impl World {
    /// Runs kubectl, shows command and answer, and returns the answer.
    pub(crate) fn kubectl(&self, arguments: &[&str]) -> Result<String, StepError> {
        self.screen.command(&typed("kubectl", arguments));
        let output = self.run(arguments)?;
        let (said, complained) = (text(&output.stdout), text(&output.stderr));
        answer(&said);
        answer(&complained);
        if output.status.success() {
            Ok(said)
        } else {
            Err(StepError::Refused(output.status))
        }
    }

    /// An object, to check what is not shown; `None` when there is none.
    pub(crate) fn object(&self, kind: &str, name: &str) -> Result<Option<Value>, StepError> {
        let output = self.run(&["get", kind, name, "-o", "json", "--ignore-not-found"])?;
        if !output.status.success() {
            return Err(StepError::Unexpected(text(&output.stderr)));
        }
        if output.stdout.is_empty() {
            return Ok(None);
        }
        Ok(Some(serde_json::from_slice(&output.stdout)?))
    }

    /// An object that must be there.
    pub(crate) fn existing(&self, kind: &str, name: &str) -> Result<Value, StepError> {
        let found = self.object(kind, name)?;
        found.ok_or_else(|| StepError::Unexpected(format!("there is no {kind} {name}")))
    }

    /// The value of a Secret's key, to compare it; it is not shown. Empty where there is none.
    pub(crate) fn secret(&self, name: &str, key: &str) -> Result<String, StepError> {
        let template = format!("go-template={{{{index .data \"{key}\" | base64decode}}}}");
        let output = self.run(&["get", "secret", name, "-o", &template])?;
        ensure(output.status.success(), || text(&output.stderr))?;
        Ok(text(&output.stdout))
    }

    /// Waits until kubectl prints something for `arguments`, which select what must appear.
    pub(crate) fn until_found(&self, what: &str, arguments: &[&str]) -> Result<(), StepError> {
        wait_for(PATIENCE, what, || match self.run(arguments) {
            Ok(output) if !output.stdout.is_empty() => Ok(()),
            Ok(output) => Err(text(&output.stderr)),
            Err(error) => Err(error.to_string()),
        })?;
        Ok(())
    }

    fn run(&self, arguments: &[&str]) -> Result<std::process::Output, StepError> {
        let mut command = self.kubectl.command();
        command.args(arguments).current_dir(&self.root);
        command.stdin(std::process::Stdio::null());
        let failed = |source| KubectlError::Run {
            args: arguments.join(" "),
            source,
        };
        Ok(command.output().map_err(failed)?)
    }

    /// Asks the simulator's admin side for a change and shows the request as curl would make it.
    pub(crate) fn change_remote(&self, method: &str, path: &str, body: &Value) -> Result<(), StepError> {
        let (url, body) = (format!("{}{path}", self.admin.base()), body.to_string());
        let arguments = ["-s", "-X", method, &url, "-d", &body];
        self.screen.command(&typed("curl", &arguments));
        self.admin
            .send(method, path, "application/json", Some(body))?
            .ok()?;
        Ok(())
    }

    /// The subscriptions that a provider holds.
    pub(crate) fn remotes(&self, provider: &str) -> Result<Vec<Remote>, StepError> {
        let path = format!("/admin/subscriptions?provider={provider}");
        let all = self.admin.get(&path)?.ok()?.json()?;
        let all = all.as_array().cloned().unwrap_or_default();
        Ok(all.into_iter().map(Remote).collect())
    }

    /// The one subscription that Dixa holds.
    pub(crate) fn remote(&self) -> Result<Remote, StepError> {
        let mut all = self.remotes("dixa")?;
        let count = all.len();
        match (all.pop(), count) {
            (Some(remote), 1) => Ok(remote),
            _ => Err(StepError::Unexpected(format!(
                "the provider holds {count} subscriptions instead of one"
            ))),
        }
    }

    /// Waits until the one subscription at Dixa is as `look` wants it.
    pub(crate) fn until_remote(
        &self,
        what: &str,
        look: impl Fn(&Remote) -> bool,
    ) -> Result<Remote, StepError> {
        Ok(wait_for(PATIENCE, what, || match self.remote() {
            Ok(remote) if look(&remote) => Ok(remote),
            Ok(remote) => Err(remote.shown(&["events", "url", "enabled"])),
            Err(error) => Err(error.to_string()),
        })?)
    }

    /// Shows the subscriptions that a provider holds, a line each with these members, secrets as their hashes.
    pub(crate) fn show_remotes(&self, provider: &str, members: &[&str]) -> Result<Vec<Remote>, StepError> {
        let url = format!("{}/admin/subscriptions?provider={provider}", self.admin.base());
        self.screen.command(&typed("curl", &["-s", &url]));
        let remotes = self.remotes(provider)?;
        let lines: Vec<String> = remotes.iter().map(|remote| remote.line(members)).collect();
        answer(
            if lines.is_empty() {
                "[]".to_owned()
            } else {
                lines.join("\n")
            }
            .as_str(),
        );
        Ok(remotes)
    }

    /// Shows members of the subscription at Dixa, secrets as their hashes.
    pub(crate) fn show_remote(&self, remote: &Remote, members: &[&str]) {
        let url = format!(
            "{}/admin/dixa/subscriptions/{}",
            self.admin.base(),
            remote.text("id")
        );
        self.screen.command(&typed("curl", &["-s", &url]));
        answer(&remote.shown(members));
    }

    /// A path as a person in the checkout would write it.
    pub(crate) fn short(&self, path: &Path) -> String {
        let inside = path.strip_prefix(&self.root).unwrap_or(path);
        inside.display().to_string()
    }

    /// Writes a file of this run; only this user can read it.
    pub(crate) fn write(&self, name: &str, content: &str) -> Result<PathBuf, StepError> {
        let path = self.folder.join(name);
        match fs::write(&path, content) {
            Ok(()) => Ok(path),
            Err(source) => Err(StepError::File { path, source }),
        }
    }

    /// A folder for files of this run, made where it is missing.
    pub(crate) fn subfolder(&self, name: &str) -> Result<PathBuf, StepError> {
        let path = self.folder.join(name);
        match fs::create_dir_all(&path) {
            Ok(()) => Ok(path),
            Err(source) => Err(StepError::File { path, source }),
        }
    }
}

/// A subscription as the provider holds it: the simulator's truth, which has the secrets in clear.
pub(crate) struct Remote(Value);

impl Remote {
    /// Its id, which is a number at some providers.
    pub(crate) fn id(&self) -> String {
        plain(&self.0["id"])
    }

    /// The value of a member.
    pub(crate) fn get(&self, member: &str) -> &Value {
        &self.0[member]
    }

    /// The value at a JSON pointer without the first slash; empty where there is none.
    pub(crate) fn text(&self, pointer: &str) -> &str {
        let value = self.0.pointer(&format!("/{pointer}"));
        value.and_then(Value::as_str).unwrap_or_default()
    }

    pub(crate) fn is_enabled(&self) -> bool {
        self.0["enabled"] == true
    }

    pub(crate) fn filters(&self) -> &Value {
        &self.0["filters"]
    }

    /// The events, sorted: their order means nothing.
    pub(crate) fn events(&self) -> Vec<&str> {
        sorted(&self.0["events"])
    }

    /// One aligned line for each member, secrets as their hashes.
    pub(crate) fn shown(&self, members: &[&str]) -> String {
        let width = members.iter().map(|member| member.len()).max().unwrap_or(0);
        let line = |member: &&str| {
            let value = plain(&without_secrets(member, &self.0[*member]));
            format!("{member:width$}  {value}\n")
        };
        members.iter().map(line).collect()
    }

    /// The members in one line, secrets as their hashes.
    pub(crate) fn line(&self, members: &[&str]) -> String {
        let value = |member: &&str| plain(&without_secrets(member, &self.0[*member]));
        members.iter().map(value).collect::<Vec<_>>().join("  ")
    }
}

/// A text without quotes, anything else as JSON.
fn plain(value: &Value) -> String {
    value.as_str().map_or_else(|| value.to_string(), str::to_owned)
}

/// The strings of a list, sorted.
pub(crate) fn sorted(list: &Value) -> Vec<&str> {
    let items = list.as_array().map_or(&[][..], Vec::as_slice);
    let mut texts: Vec<&str> = items.iter().filter_map(Value::as_str).collect();
    texts.sort_unstable();
    texts
}

/// Members that hold a secret.
const SECRET: &[&str] = &["password", "value", "secretKey", "secret", "signingKey"];

/// Hashes the members that hold secrets. Header values count as such: some come from a Secret.
fn without_secrets(member: &str, value: &Value) -> Value {
    match value {
        Value::Object(members) if ["customHeaders", "headers"].contains(&member) => {
            let hashed = members.iter().map(|(name, value)| (name.clone(), hashed(value)));
            Value::Object(hashed.collect())
        }
        Value::Object(members) => {
            let shown = |(name, value): (&String, &Value)| (name.clone(), without_secrets(name, value));
            Value::Object(members.iter().map(shown).collect())
        }
        secret if SECRET.contains(&member) => hashed(secret),
        other => other.clone(),
    }
}

fn hashed(value: &Value) -> Value {
    value.as_str().map_or(Value::Null, |text| hash(text).into())
}

/// The first 12 hex digits of the SHA-256, as the simulator shows credentials.
pub(crate) fn hash(secret: &str) -> String {
    let digest = Sha256::digest(secret.as_bytes());
    let first = digest.iter().take(6);
    let number = first.fold(0_u64, |number, byte| number << 8 | u64::from(*byte));
    format!("sha256:{number:012x}")
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).trim_end().to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn no_secret_of_a_remote_subscription_is_shown() {
        let remote = Remote(json!({
            "name": "n",
            "authorization": {"_type": "BasicAuth", "username": "u", "password": "pass-word"},
            "customHeaders": {"X-Key": "tenant-key"},
            "secretKey": "signing-key",
        }));
        let shown = remote.shown(&["name", "authorization", "customHeaders", "secretKey"]);
        for secret in ["pass-word", "tenant-key", "signing-key"] {
            assert!(!shown.contains(secret), "{shown}");
            assert!(shown.contains(&hash(secret)), "{shown}");
        }
        assert!(shown.contains("\"username\":\"u\""), "{shown}");
        let bearer = Remote(json!({"authorization": {"_type": "TokenAuth", "value": "bear"}}));
        assert!(!bearer.shown(&["authorization"]).contains("\"bear\""));
        let babel = Remote(json!({"id": 41, "secret": "babel-key", "headers": {"X-Key": "tenant-key"}}));
        let line = babel.line(&["id", "secret", "headers"]);
        assert!(line.starts_with(&format!("41  {}", hash("babel-key"))), "{line}");
        assert!(!line.contains("tenant-key"), "{line}");
        let bird = Remote(json!({"signingKey": "bird-key"}));
        assert_eq!(bird.line(&["signingKey"]), hash("bird-key"));
    }

    #[test]
    fn the_hash_is_that_of_sha256sum() {
        assert_eq!(hash("dixa-token-example"), "sha256:8a56b07689e9");
    }
}
