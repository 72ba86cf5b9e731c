//! The objects that are applied.

use serde_json::{Value, json};

/// Name of the kind for kubectl and for paths.
pub const KIND: &str = "webhooksubscriptions.webhook-operator.io";

/// The rights that the operator has on a real cluster, and its Deployment, which nothing runs here.
pub const OPERATOR: &str = concat!(
    include_str!("../../../../../deploy/kustomize/namespace/namespace.yaml"),
    include_str!("../../../../../deploy/kustomize/base/operator.yaml")
);

/// Several objects as one file.
pub fn list(items: &[Value]) -> String {
    json!({"apiVersion": "v1", "kind": "List", "items": items}).to_string()
}

/// A provider object `dixa` with its Secret; without a limit the provider's default holds.
pub fn account(endpoint: &str, token: &str, per_minute: Option<u32>) -> Vec<Value> {
    let mut spec = json!({
        "type": "Dixa",
        "endpoint": endpoint,
        "credentials": {"secretRef": {"name": "dixa-api", "key": "token"}},
    });
    if let Some(per_minute) = per_minute {
        spec["rateLimit"] = json!({"requestsPerMinute": per_minute, "burst": 1000});
    }
    vec![
        json!({
            "apiVersion": "v1",
            "kind": "Secret",
            "metadata": {"name": "dixa-api", "labels": {"webhook-operator.io/use": "credentials"}},
            "stringData": {"token": token},
        }),
        json!({
            "apiVersion": "webhook-operator.io/v1alpha1",
            "kind": "WebhookProvider",
            "metadata": {"name": "dixa"},
            "spec": spec,
        }),
    ]
}

/// Subscriptions, each with a URL of its own. With an interval of `None` deliveries are watched as by default.
pub fn subscriptions(count: usize, delivery_interval: Option<&str>) -> Vec<Value> {
    let one = |number: usize| {
        let mut spec = json!({
            "providerRef": {"name": "dixa"},
            "url": url(number),
            "events": ["ConversationCreated", "ConversationAssigned", "ConversationClosed"],
        });
        if let Some(interval) = delivery_interval {
            spec["delivery"] = json!({"interval": interval});
        }
        json!({
            "apiVersion": "webhook-operator.io/v1alpha1",
            "kind": "WebhookSubscription",
            "metadata": {"name": name(number)},
            "spec": spec,
        })
    };
    (0..count).map(one).collect()
}

/// Name of the object with that number.
pub fn name(number: usize) -> String {
    format!("subscription-{number:05}")
}

/// Its URL.
pub fn url(number: usize) -> String {
    format!("https://hooks.acme.example/dixa/{number:05}")
}
