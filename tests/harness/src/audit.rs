//! The apiserver's audit log: who wrote what, and how often.

use std::fs::File;
use std::io::{self, Read as _, Seek as _, SeekFrom};
use std::path::{Path, PathBuf};

use serde::Deserialize;
use serde_json::Value;

/// What the apiserver logs. Our own kinds and Events with their bodies, because tests look at what was
/// written; Secrets never with theirs; every other write by its metadata, so that writes can be
/// counted; reads of our kinds and of Secrets by their metadata, and what else a `ServiceAccount` reads that an
/// operator might. Not: the reads by which the control plane keeps itself informed.
pub(crate) const POLICY: &str = r#"apiVersion: audit.k8s.io/v1
kind: Policy
omitStages: [RequestReceived, ResponseStarted]
omitManagedFields: true
rules:
- level: Metadata
  resources: [{group: "", resources: [secrets, "serviceaccounts/token"]}]
- level: RequestResponse
  verbs: [create, update, patch, delete, deletecollection]
  resources:
  - group: webhook-operator.io
  - {group: "", resources: [events]}
  - group: events.k8s.io
- level: Metadata
  verbs: [create, update, patch, delete, deletecollection]
- level: Metadata
  resources: [{group: webhook-operator.io}]
- level: None
  userGroups: ["system:serviceaccounts:kube-system"]
- level: Metadata
  userGroups: ["system:serviceaccounts"]
  resources:
  - {group: "", resources: [configmaps, namespaces]}
  - {group: apiextensions.k8s.io, resources: [customresourcedefinitions]}
  - {group: coordination.k8s.io}
  - {group: events.k8s.io}
- level: None
"#;

/// Why the audit log could not be read.
#[derive(Debug, thiserror::Error)]
pub enum AuditError {
    /// The file could not be read.
    #[error("read the audit log {}", path.display())]
    Read {
        /// Its path.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// A whole line is not an audit event.
    #[error("understand a line of the audit log: {line}")]
    Line {
        /// The line, cut to its first 200 characters.
        line: String,
        /// What the parser said.
        source: serde_json::Error,
    },
}

/// One answered request (`audit.k8s.io/v1` `Event`).
#[derive(Debug, Clone)]
pub struct AuditEvent {
    /// `create`, `update`, `patch`, `delete`, `get`, `list`, `watch`, …
    pub verb: String,
    /// Who: `system:serviceaccount:<namespace>:<name>`, `admin`, …
    pub user: String,
    /// The client's `User-Agent`.
    pub user_agent: String,
    /// API group; empty for core.
    pub group: String,
    /// Plural of the kind.
    pub resource: String,
    /// `status`, `token`, … or empty.
    pub subresource: String,
    /// Empty for objects without one.
    pub namespace: String,
    /// Of the object; with `generateName` the one that the apiserver made up, where the answer's body
    /// is logged.
    pub name: String,
    /// HTTP status of the answer; 0 when there was none.
    pub code: u16,
    /// What was sent, `Null` where only metadata is logged.
    pub request_object: Value,
    /// What was answered, likewise.
    pub response_object: Value,
    /// When the request arrived, RFC 3339 with microseconds.
    pub received_at: String,
    /// When it was answered.
    pub answered_at: String,
}

impl AuditEvent {
    /// Whether it asked for a change, successfully or not.
    pub fn is_write(&self) -> bool {
        let writes = ["create", "update", "patch", "delete", "deletecollection"];
        writes.contains(&self.verb.as_str())
    }
}

/// Reads an audit log from where it stopped the last time.
#[derive(Debug)]
pub struct AuditReader {
    path: PathBuf,
    offset: u64,
}

impl AuditReader {
    pub(crate) fn from_start(path: &Path) -> Self {
        Self {
            path: path.to_owned(),
            offset: 0,
        }
    }

    /// Starts behind the last whole line.
    pub(crate) fn from_end(path: &Path) -> Result<Self, AuditError> {
        let mut reader = Self::from_start(path);
        reader.unread()?;
        Ok(reader)
    }

    /// The events since the last call. A line that is not written to its end yet is left for the next.
    ///
    /// # Errors
    /// [`AuditError`]; the position is then behind what could be read.
    pub fn read(&mut self) -> Result<Vec<AuditEvent>, AuditError> {
        let text = self.unread()?;
        let lines = text.split(|byte| *byte == b'\n');
        lines.filter(|line| !line.is_empty()).map(parse).collect()
    }

    /// The whole lines behind the position, which moves past them. No log yet is an empty log.
    fn unread(&mut self) -> Result<Vec<u8>, AuditError> {
        let failed = |source| AuditError::Read {
            path: self.path.clone(),
            source,
        };
        let mut file = match File::open(&self.path) {
            Ok(file) => file,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
            Err(error) => return Err(failed(error)),
        };
        let mut text = Vec::new();
        file.seek(SeekFrom::Start(self.offset)).map_err(failed)?;
        file.read_to_end(&mut text).map_err(failed)?;
        let whole = text.iter().rposition(|byte| *byte == b'\n');
        text.truncate(whole.map_or(0, |last| last + 1));
        self.offset += text.len() as u64;
        Ok(text)
    }
}

#[derive(Deserialize, Default)]
#[serde(rename_all = "camelCase", default)]
struct Wire {
    verb: String,
    user: WireUser,
    user_agent: String,
    object_ref: WireRef,
    response_status: WireStatus,
    request_object: Value,
    response_object: Value,
    request_received_timestamp: String,
    stage_timestamp: String,
}

#[derive(Deserialize, Default)]
#[serde(default)]
struct WireUser {
    username: String,
}

#[derive(Deserialize, Default)]
#[serde(rename_all = "camelCase", default)]
struct WireRef {
    api_group: String,
    resource: String,
    subresource: String,
    namespace: String,
    name: String,
}

#[derive(Deserialize, Default)]
#[serde(default)]
struct WireStatus {
    code: u16,
}

fn parse(line: &[u8]) -> Result<AuditEvent, AuditError> {
    let wire: Wire = serde_json::from_slice(line).map_err(|source| AuditError::Line {
        line: String::from_utf8_lossy(line).chars().take(200).collect(),
        source,
    })?;
    let made_up = wire.response_object.pointer("/metadata/name");
    let made_up = made_up.and_then(Value::as_str).unwrap_or_default();
    let name = Some(wire.object_ref.name).filter(|name| !name.is_empty());
    let name = name.unwrap_or_else(|| made_up.to_owned());
    Ok(AuditEvent {
        verb: wire.verb,
        user: wire.user.username,
        user_agent: wire.user_agent,
        group: wire.object_ref.api_group,
        resource: wire.object_ref.resource,
        subresource: wire.object_ref.subresource,
        namespace: wire.object_ref.namespace,
        name,
        code: wire.response_status.code,
        request_object: wire.request_object,
        response_object: wire.response_object,
        received_at: wire.request_received_timestamp,
        answered_at: wire.stage_timestamp,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs::OpenOptions;
    use std::io::Write as _;

    const LINE: &str = r#"{"verb":"create","user":{"username":"admin"},"objectRef":{"resource":"events","namespace":"a"},"responseStatus":{"metadata":{},"code":201},"responseObject":{"metadata":{"name":"x.1"}}}"#;

    #[test]
    fn a_line_that_is_half_written_is_read_once_it_is_whole() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("audit.log");
        let mut file = OpenOptions::new().create(true).append(true).open(&path).unwrap();
        let mut reader = AuditReader::from_start(&path);
        let (first, second) = LINE.split_at(40);

        write!(file, "{LINE}\n{first}").unwrap();
        assert_eq!(reader.read().unwrap().len(), 1);
        assert_eq!(reader.read().unwrap().len(), 0);
        writeln!(file, "{second}").unwrap();
        let events = reader.read().unwrap();
        assert_eq!(events.len(), 1);
        assert_eq!(events[0].name, "x.1");
        assert_eq!((events[0].code, events[0].group.as_str()), (201, ""));
    }

    #[test]
    fn a_reader_from_the_end_sees_nothing_old() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("audit.log");
        std::fs::write(&path, format!("{LINE}\n{LINE}\n")).unwrap();
        let mut reader = AuditReader::from_end(&path).unwrap();
        assert!(reader.read().unwrap().is_empty());
    }
}
