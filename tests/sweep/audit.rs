//! The audit log of the shared control plane, read once for all worlds, and the provider's log: both as the checker
//! wants them.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Mutex, PoisonError};

use jiff::Timestamp;
use provider_simulator::LogEntry;
use serde_json::Value;
use test_harness::{AuditEvent, AuditReader, Cluster};

use crate::history::{Asked, RemoteCall, Stored};
use crate::support::{OPERATOR_USER, Side, condition};

/// Lines of the audit log by namespace.
pub struct Book {
    inner: Mutex<(AuditReader, BTreeMap<String, Vec<AuditEvent>>)>,
}

impl Book {
    /// From now on.
    pub fn open(cluster: &Cluster) -> Self {
        let reader = cluster.audit_from_now().unwrap();
        Self {
            inner: Mutex::new((reader, BTreeMap::new())),
        }
    }

    /// Writes in a namespace since the last call.
    pub fn take(&self, namespace: &str) -> Vec<AuditEvent> {
        let mut inner = self.inner.lock().unwrap_or_else(PoisonError::into_inner);
        let (reader, by_namespace) = &mut *inner;
        for event in reader.read().unwrap() {
            if event.is_write() && !event.namespace.is_empty() {
                by_namespace
                    .entry(event.namespace.clone())
                    .or_default()
                    .push(event);
            }
        }
        by_namespace.remove(namespace).unwrap_or_default()
    }
}

fn millis(text: &str) -> u64 {
    let time: Timestamp = text.parse().unwrap();
    u64::try_from(time.as_millisecond()).unwrap()
}

/// What was stored of an object.
pub fn stored(side: Side, name: &str, audit: &[AuditEvent]) -> Vec<Stored> {
    let mine = audit.iter().filter(|event| {
        let carried_out = event.name == name && (200..300).contains(&event.code);
        carried_out && event.resource == "webhooksubscriptions"
    });
    let mine = mine.filter(|event| event.response_object["kind"] == "WebhookSubscription");
    let mut all: Vec<Stored> = mine.map(|event| one(side, event)).collect();
    all.sort_by_key(|write| write.at);
    all
}

fn one(side: Side, event: &AuditEvent) -> Stored {
    let object = &event.response_object;
    let finalizers = object["metadata"]["finalizers"].as_array();
    let ready = condition(object, "Ready");
    let events = object["spec"]["events"].as_array().into_iter().flatten();
    Stored {
        at: millis(&event.received_at),
        ours: event.user == OPERATOR_USER,
        generation: object["metadata"]["generation"].as_i64().unwrap_or(0),
        held: finalizers.is_some_and(|all| !all.is_empty()),
        url: object["spec"]["url"].as_str().unwrap_or_default().to_owned(),
        events: events
            .map(|event| side.spelled(event.as_str().unwrap_or_default()))
            .collect(),
        observed: object["status"]["observedGeneration"].as_i64(),
        ready: (ready["status"] == "True").then(|| ready["observedGeneration"].as_i64().unwrap_or(0)),
    }
}

/// What was asked of the provider about an object: everything that names its URL or one of its ids, and every list.
pub fn remote(side: Side, name: &str, log: &[LogEntry], ids: &BTreeSet<String>) -> Vec<RemoteCall> {
    let marked = format!("/{name}/");
    let mut ids = ids.clone();
    let mut all = Vec::new();
    for entry in log {
        let asked = match entry.operation {
            "create" => Asked::Create,
            "patch" | "put" => Asked::Change,
            "delete" => Asked::Delete,
            "list" => Asked::Read,
            _ => continue,
        };
        let body = entry.json().unwrap_or_default();
        let body = body.get("subscription").cloned().unwrap_or(body);
        let url = body["url"].as_str().map(str::to_owned);
        let id = entry.id.clone().unwrap_or_default();
        let named = url.as_ref().is_some_and(|url| url.contains(&marked));
        if asked != Asked::Read && !named && !ids.contains(&id) {
            continue;
        }
        if asked == Asked::Create && entry.applied {
            ids.insert(id.clone());
        }
        all.push(RemoteCall {
            at: entry.time_ms,
            asked,
            id,
            url,
            events: events(side, &body),
            applied: entry.applied,
            refused: !entry.applied && entry.provider_status.is_some(),
            key: key(entry),
        });
    }
    all
}

/// Name of the credential of a request: the log has a hash of it, behind its scheme.
pub fn key(entry: &LogEntry) -> String {
    let headers = ["authorization", "x-api-key"];
    let value = headers.iter().find_map(|name| entry.headers.get(*name));
    let name = value.and_then(|value| value.rsplit(' ').next());
    name.unwrap_or_default().to_owned()
}

fn events(side: Side, body: &Value) -> Option<BTreeSet<String>> {
    match side {
        Side::Dixa => {
            let all = body["events"]
                .as_array()
                .or(body["subscribedEvents"].as_array())?;
            Some(all.iter().filter_map(Value::as_str).map(str::to_owned).collect())
        }
        Side::Babel => Some([body["eventType"].as_str()?.to_owned()].into()),
        Side::Bird => {
            let (service, event) = (body["service"].as_str()?, body["event"].as_str()?);
            Some([format!("{service}/{event}")].into())
        }
    }
}
