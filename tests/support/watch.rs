//! The watch that every world keeps over its secrets: when it ends, nothing that the operator has told anybody may
//! show one of them.
//!
//! Watched are the values of all Secrets that the test or the operator made, the keys that the provider shows, and a
//! text that every answer of the provider carries ([`PLANTED`]). Searched are the operator's log at trace, its metrics,
//! arguments and environment, the status of all objects, the Events, and what the audit log has of its writes.

use std::fs;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};

use super::leaks::{forms, leaks};
use super::{CLUSTER_PROVIDER, OPERATOR_USER, PROVIDER, SUBSCRIPTION, World};

/// What every answer of the simulator carries where nobody should look.
pub const PLANTED: &str = "canary-answer-5Gh/8+i=";

/// Shorter values are words of the test, which may stand anywhere.
const SHORTEST: usize = 12;

/// What was told, by where it was found.
pub type Told = Vec<(String, String)>;

/// Each secret that shows, as `place shows secret: line`.
pub fn shown(told: &Told, secrets: &[String]) -> Vec<String> {
    let mut found = Vec::new();
    for (place, text) in told {
        for secret in leaks(text, secrets) {
            let one = std::slice::from_ref(&secret);
            let line = text.lines().find(|line| !leaks(line, one).is_empty());
            let line: String = line.unwrap_or_default().chars().take(600).collect();
            found.push(format!("{place} shows {secret}: {line}"));
        }
    }
    found
}

impl World {
    /// Adds a value to what must not be shown.
    pub fn watch_over(&self, secret: &str) {
        self.secrets.lock().unwrap().insert(secret.to_owned());
    }

    /// The values that must not be shown.
    pub fn secrets(&self) -> Vec<String> {
        let mut all = self.secrets.lock().unwrap().clone();
        let scope = self.scope();
        for secret in self.cluster().list_json("secrets", scope).unwrap() {
            let data = secret["data"].as_object().cloned().unwrap_or_default();
            let values = data.values().filter_map(Value::as_str);
            let decoded = values.filter_map(|value| String::from_utf8(STANDARD.decode(value).ok()?).ok());
            all.extend(decoded);
        }
        all.extend(self.remote().into_iter().map(|remote| remote.secret_key));
        all.insert(PLANTED.to_owned());
        // What a spec says openly is no secret, even where a Secret says it too.
        let mut open = String::new();
        for kind in [SUBSCRIPTION, PROVIDER] {
            for object in self.cluster().list_json(kind, scope).unwrap() {
                open += &object["spec"].to_string();
            }
        }
        all.retain(|value| value.len() >= SHORTEST && !open.contains(value.as_str()));
        all.into_iter().collect()
    }

    /// The namespace that lists are asked of; all of them where the control plane is this world's alone.
    fn scope(&self) -> &str {
        if self.plane.is_own() { "" } else { &self.namespace }
    }

    /// No search at the end: for a test that lets something be told on purpose.
    pub fn unwatched(mut self) {
        self.watched = false;
    }

    /// Everything that the operator has told anybody but the provider.
    pub fn all_told(&mut self) -> Told {
        self.keep_what_was_told();
        let mut told = self.kept.clone();
        let scope = self.scope().to_owned();
        for kind in [SUBSCRIPTION, PROVIDER, CLUSTER_PROVIDER, "events.events.k8s.io"] {
            let scope = if kind == CLUSTER_PROVIDER {
                ""
            } else {
                scope.as_str()
            };
            let mut all = self.cluster().list_json(kind, scope).unwrap();
            if !kind.starts_with("events") {
                all = all.iter().map(|object| object["status"].clone()).collect();
            }
            told.push((kind.to_owned(), json!(all).to_string()));
        }
        let audit = self.audit_reader.read().unwrap();
        let ours = audit.iter().filter(|event| {
            event.user == OPERATOR_USER && (scope.is_empty() || event.namespace == self.namespace)
        });
        let bodies: Vec<&Value> = ours
            .flat_map(|event| [&event.request_object, &event.response_object])
            .filter(|body| !body.is_null())
            .collect();
        self.audited.extend(bodies.iter().map(ToString::to_string));
        told.push(("the audit log".to_owned(), self.audited.join("\n")));
        told
    }

    /// Keeps what the running operator has told so far, before it is ended.
    pub(super) fn keep_what_was_told(&mut self) {
        let Some(operator) = &mut self.operator else {
            return;
        };
        let name = format!("operator {}", operator.id());
        self.kept.retain(|(place, _)| !place.starts_with(&name));
        self.kept.push((format!("{name}: log"), operator.log_text()));
        // One that was killed has none.
        if let Ok(metrics) = operator.metrics() {
            self.kept.push((format!("{name}: metrics"), metrics));
        }
        for file in ["cmdline", "environ"] {
            let bytes = fs::read(format!("/proc/{}/{file}", operator.id())).unwrap_or_default();
            let text = String::from_utf8_lossy(&bytes).into_owned();
            self.kept.push((format!("{name}: {file}"), text));
        }
    }

    /// Panics if anything that was told shows a secret, or if the search would not have found it.
    pub(super) fn hold_secrets(&mut self) {
        let (told, secrets) = (self.all_told(), self.secrets());
        let found = shown(&told, &secrets);
        assert!(found.is_empty(), "\n{}", found.join("\n"));
        for (place, text) in told.iter().filter(|(place, _)| place.ends_with(": log")) {
            assert!(
                text.contains("\"TRACE\""),
                "{place} is not chatty: {} bytes",
                text.len()
            );
        }
        // A leak of each secret, planted in one place each, in one form each.
        for (number, secret) in secrets.iter().enumerate() {
            let (place, text) = &told[number % told.len()];
            let forms = forms(secret);
            let planted = format!("{text}\nleak: {}.", forms[number % forms.len()]);
            let found = shown(&vec![(place.clone(), planted)], std::slice::from_ref(secret));
            assert_eq!(found.len(), 1, "{secret} would not have been found in {place}");
        }
    }
}

impl Drop for World {
    fn drop(&mut self) {
        if !std::thread::panicking() && self.watched {
            self.hold_secrets();
        }
    }
}
