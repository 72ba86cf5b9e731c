//! Objects as users write and read them.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU32, Ordering};

use provider_simulator::Config;
use serde_json::{Value, json};
use test_harness::{AuditReader, Reply};

use super::{CLUSTER_PROVIDER, OPERATOR_USER, PROVIDER, SUBSCRIPTION, World};

/// RFC 7386: members of `change` replace those of `target`, `null` removes.
pub fn merge(target: &mut Value, change: &Value) {
    let Value::Object(members) = change else {
        target.clone_from(change);
        return;
    };
    if !target.is_object() {
        *target = json!({});
    }
    for (name, value) in members {
        if value.is_null() {
            target.as_object_mut().unwrap().remove(name);
        } else {
            merge(&mut target[name], value);
        }
    }
}

/// A condition of an object; `Null` where there is none.
pub fn condition(object: &Value, kind: &str) -> Value {
    let all = object["status"]["conditions"].as_array();
    let found = all
        .into_iter()
        .flatten()
        .find(|condition| condition["type"] == kind);
    found.cloned().unwrap_or_default()
}

/// All conditions as `type → status reason`.
pub fn conditions(object: &Value) -> BTreeMap<String, String> {
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let all = object["status"]["conditions"].as_array();
    all.into_iter()
        .flatten()
        .map(|found| {
            (
                text(&found["type"]),
                format!("{} {}", text(&found["status"]), text(&found["reason"])),
            )
        })
        .collect()
}

impl World {
    fn namespace_of(&self, kind: &str) -> &str {
        let cluster_scoped = kind == CLUSTER_PROVIDER || kind == "namespaces";
        if cluster_scoped { "" } else { &self.namespace }
    }

    fn path(&self, kind: &str, name: &str) -> String {
        let collection = self.cluster().path(kind, self.namespace_of(kind)).unwrap();
        format!("{collection}/{name}")
    }

    /// A Secret of the world's namespace, labelled for a use (`credentials`, `delivery`, `signing`; empty: not at
    /// all), with exactly these keys; made or replaced.
    pub fn secret(&self, name: &str, purpose: &str, data: &[(&str, &str)]) {
        self.secret_in(&self.namespace, name, purpose, data);
    }

    /// [`Self::secret`] in another namespace.
    pub fn secret_in(&self, namespace: &str, name: &str, purpose: &str, data: &[(&str, &str)]) {
        for (_, value) in data {
            self.watch_over(value);
        }
        let data: BTreeMap<&str, &str> = data.iter().copied().collect();
        let labels = if purpose.is_empty() {
            json!({})
        } else {
            json!({"webhook-operator.io/use": purpose})
        };
        let body = json!({
            "apiVersion": "v1",
            "kind": "Secret",
            "metadata": {"name": name, "labels": labels},
            "stringData": data,
        });
        let api = self.cluster().api().unwrap();
        let path = self.cluster().path("secrets", namespace).unwrap();
        let replaced = api.put(&format!("{path}/{name}"), &body).unwrap();
        if replaced.status == 404 {
            api.post(&path, &body).unwrap().ok().unwrap();
        } else {
            replaced.ok().unwrap();
        }
    }

    /// The ordinary provider: Secret `dixa-api` with the simulator's token, and `WebhookProvider` `dixa` at its
    /// plain address with a budget that tests do not notice.
    pub fn connect(&self) {
        self.connect_with(json!({}));
    }

    /// [`Self::connect`] with a change (RFC 7386) of the provider's spec.
    pub fn connect_with(&self, change: Value) {
        self.secret("dixa-api", "credentials", &[("token", Config::DIXA_TOKEN)]);
        self.apply(PROVIDER, "dixa", self.provider_spec(change));
    }

    /// The spec of the ordinary provider with a change (RFC 7386).
    #[expect(clippy::needless_pass_by_value, reason = "callers write json!({…})")]
    pub fn provider_spec(&self, change: Value) -> Value {
        let mut spec = json!({
            "type": "Dixa",
            "endpoint": self.provider_url(),
            "credentials": {"secretRef": {"name": "dixa-api", "key": "token"}},
            "rateLimit": {"requestsPerMinute": 60_000, "burst": 1000},
        });
        merge(&mut spec, &change);
        spec
    }

    /// The spec of an ordinary subscription with a change (RFC 7386). It polls no deliveries, so that every
    /// request has a reason that the test knows.
    #[expect(
        clippy::needless_pass_by_value,
        clippy::unused_self,
        reason = "callers write world.subscription_spec(json!({…}))"
    )]
    pub fn subscription_spec(&self, change: Value) -> Value {
        let mut spec = json!({
            "providerRef": {"name": "dixa"},
            "url": "https://hooks.acme.example/dixa",
            "events": ["ConversationCreated", "ConversationClosed"],
            "delivery": {"interval": "0s"},
        });
        merge(&mut spec, &change);
        spec
    }

    /// Applies a `WebhookSubscription` with [`Self::subscription_spec`]. What an earlier call set and this one
    /// does not is removed, as by `kubectl apply`.
    pub fn subscribe(&self, name: &str, change: Value) {
        self.apply(SUBSCRIPTION, name, self.subscription_spec(change));
    }

    /// Server-side apply of an object of one of our kinds with exactly this spec.
    pub fn apply(&self, kind: &str, name: &str, spec: Value) {
        self.try_apply(kind, name, spec).ok().unwrap();
    }

    /// [`Self::apply`], and what the apiserver answered.
    #[expect(clippy::needless_pass_by_value, reason = "callers write json!({…})")]
    pub fn try_apply(&self, kind: &str, name: &str, spec: Value) -> Reply {
        let singular = match kind {
            SUBSCRIPTION => "WebhookSubscription",
            PROVIDER => "WebhookProvider",
            CLUSTER_PROVIDER => "ClusterWebhookProvider",
            other => panic!("{other} is none of our kinds"),
        };
        let object = json!({
            "apiVersion": "webhook-operator.io/v1alpha1",
            "kind": singular,
            "metadata": {"name": name},
            "spec": spec,
        });
        let path = format!("{}?fieldManager=user&force=true", self.path(kind, name));
        let api = self.cluster().api().unwrap();
        api.send(
            "PATCH",
            &path,
            "application/apply-patch+yaml",
            Some(object.to_string()),
        )
        .unwrap()
    }

    /// Merge patch of an object.
    #[expect(clippy::needless_pass_by_value, reason = "callers write json!({…})")]
    pub fn patch(&self, kind: &str, name: &str, change: Value) {
        let api = self.cluster().api().unwrap();
        api.patch(&self.path(kind, name), &change).unwrap().ok().unwrap();
    }

    /// Merge patch of an object's status, as no user should do it.
    #[expect(clippy::needless_pass_by_value, reason = "callers write json!({…})")]
    pub fn patch_status(&self, kind: &str, name: &str, change: Value) {
        let api = self.cluster().api().unwrap();
        let path = format!("{}/status", self.path(kind, name));
        api.patch(&path, &change).unwrap().ok().unwrap();
    }

    /// Asks for the deletion of an object, and does not wait.
    pub fn delete(&self, kind: &str, name: &str) {
        let api = self.cluster().api().unwrap();
        api.delete(&self.path(kind, name)).unwrap().ok().unwrap();
    }

    /// An object, if it is there.
    pub fn find(&self, kind: &str, name: &str) -> Option<Value> {
        self.cluster()
            .get_json(kind, self.namespace_of(kind), name)
            .unwrap()
    }

    /// An object that must be there.
    pub fn object(&self, kind: &str, name: &str) -> Value {
        self.find(kind, name)
            .unwrap_or_else(|| panic!("no {kind} {name}"))
    }

    /// A `WebhookSubscription`.
    pub fn subscription(&self, name: &str) -> Value {
        self.object(SUBSCRIPTION, name)
    }

    /// The external id in the status of a subscription.
    pub fn external_id(&self, name: &str) -> String {
        let id = self
            .subscription(name)
            .pointer("/status/subscriptions/0/externalID")
            .cloned();
        id.unwrap_or_default().as_str().unwrap_or_default().to_owned()
    }

    /// Waits until a condition of the present generation has this status and reason (empty: any), and returns the
    /// object.
    pub fn becomes(&self, kind: &str, name: &str, wanted: &str, status: &str, reason: &str) -> Value {
        let what = format!("{kind} {name}: {wanted}={status} {reason}");
        self.eventually(&what, || {
            let Some(object) = self.find(kind, name) else {
                return Err("no such object".to_owned());
            };
            let found = condition(&object, wanted);
            let current = found["observedGeneration"] == object["metadata"]["generation"];
            let fits = found["status"] == status && (reason.is_empty() || found["reason"] == reason);
            if current && fits {
                Ok(object)
            } else {
                Err(format!(
                    "generation {}: {:#}",
                    object["metadata"]["generation"], object["status"]
                ))
            }
        })
    }

    /// Waits until a subscription is Ready and Synced at its present generation, and returns it.
    pub fn ready(&self, name: &str) -> Value {
        self.becomes(SUBSCRIPTION, name, "Synced", "True", "InSync");
        self.becomes(SUBSCRIPTION, name, "Ready", "True", "InSync")
    }

    /// Waits until a subscription is refused with this reason before anything is sent; returns the message.
    pub fn refused(&self, name: &str, reason: &str) -> String {
        let object = self.becomes(SUBSCRIPTION, name, "Accepted", "False", reason);
        let message = &condition(&object, "Accepted")["message"];
        message.as_str().unwrap_or_default().to_owned()
    }

    /// Waits until an object is gone.
    pub fn gone(&self, kind: &str, name: &str) {
        let what = format!("{kind} {name} to go");
        self.eventually(&what, || match self.find(kind, name) {
            None => Ok(()),
            Some(object) => Err(format!("{:#}", object["status"])),
        });
    }

    /// Events about an object, as `type reason: note`.
    pub fn events_about(&self, name: &str) -> Vec<String> {
        let all = self
            .cluster()
            .list_json("events.events.k8s.io", &self.namespace)
            .unwrap();
        let about = all.iter().filter(|event| event["regarding"]["name"] == name);
        about
            .map(|event| {
                let text = |field: &str| event[field].as_str().unwrap_or_default().to_owned();
                format!("{} {}: {}", text("type"), text("reason"), text("note"))
            })
            .collect()
    }

    /// Waits for an Event about an object that holds `text`: Events are written beside the work.
    pub fn told(&self, name: &str, text: &str) {
        self.eventually("an Event about it", || {
            let events = self.events_about(name);
            if events.iter().any(|event| event.contains(text)) {
                Ok(())
            } else {
                Err(format!("{text:?} is in none of {events:?}"))
            }
        });
    }

    /// Waits until a provider's status counts `managed` subscriptions. It follows the account's LISTs some seconds later, and
    /// is the last that is written before everything rests.
    pub fn counted(&self, provider: &str, managed: u32) {
        self.eventually("the counts", || {
            let counts = self.object(PROVIDER, provider)["status"]["subscriptions"].clone();
            if counts["managed"] == managed {
                Ok(())
            } else {
                Err(counts.to_string())
            }
        });
    }

    /// A reader of what is written from now on, for [`Self::operator_writes`]. The apiserver may write a line behind its
    /// answer: what came before is over once the line of a request that changes nothing is there.
    pub fn audit(&self) -> AuditReader {
        static COUNT: AtomicU32 = AtomicU32::new(0);
        let mut reader = self.cluster().audit_from_now().unwrap();
        let count = COUNT.fetch_add(1, Ordering::Relaxed);
        let absent = format!("{}-mark-{count}", self.namespace);
        let api = self.cluster().api().unwrap();
        let reply = api.patch(&self.path("namespaces", &absent), &json!({})).unwrap();
        assert_eq!(reply.status, 404, "{}", reply.body);
        self.eventually("the mark in the audit log", || {
            let events = reader.read().unwrap();
            events.iter().any(|event| event.name == absent)
        });
        reader
    }

    /// What this world's operator has written since the last call, as `verb resource/subresource name`.
    pub fn operator_writes(&self, audit: &mut AuditReader) -> Vec<String> {
        let events = audit.read().unwrap().into_iter();
        events
            .filter(|event| event.is_write() && event.user == OPERATOR_USER)
            .filter(|event| event.namespace == self.namespace || event.namespace.is_empty())
            .map(|event| {
                format!(
                    "{} {}/{} {}",
                    event.verb, event.resource, event.subresource, event.name
                )
            })
            .collect()
    }
}
