//! The objects that are applied.

use serde_json::{Value, json};

/// Name of the kinds for kubectl and for paths.
pub const KIND: &str = "webhooksubscriptions.webhook-operator.io";
pub const PROVIDERS: &str = "webhookproviders.webhook-operator.io";

/// The rights that the operator has on a real cluster, and its Deployment, which nothing runs here.
pub const OPERATOR: &str = concat!(
    include_str!("../../../../../deploy/kustomize/namespace/namespace.yaml"),
    include_str!("../../../../../deploy/kustomize/base/operator.yaml")
);

/// Several objects as one file.
pub fn list(items: &[Value]) -> String {
    json!({"apiVersion": "v1", "kind": "List", "items": items}).to_string()
}

/// The name of an account's provider object.
pub fn account(number: usize) -> String {
    format!("dixa-{number:02}")
}

/// Its token at the simulated provider.
pub fn token(number: usize) -> String {
    format!("dixa-token-{number:02}")
}

/// The organization that the token belongs to.
pub fn organization(number: usize) -> String {
    format!("organization-{number:02}")
}

/// A provider object with its Secret; without a limit the provider's default holds.
pub fn provider(number: usize, endpoint: &str, per_minute: Option<u32>) -> Vec<Value> {
    let name = account(number);
    let mut spec = json!({
        "type": "Dixa",
        "endpoint": endpoint,
        "credentials": {"secretRef": {"name": name, "key": "token"}},
    });
    if let Some(per_minute) = per_minute {
        spec["rateLimit"] = json!({"requestsPerMinute": per_minute, "burst": 1000});
    }
    vec![
        secret(&name, "credentials", "token", &token(number)),
        json!({
            "apiVersion": "webhook-operator.io/v1alpha1",
            "kind": "WebhookProvider",
            "metadata": {"name": name},
            "spec": spec,
        }),
    ]
}

/// A Secret that is released for a use.
pub fn secret(name: &str, purpose: &str, key: &str, value: &str) -> Value {
    json!({
        "apiVersion": "v1",
        "kind": "Secret",
        "metadata": {"name": name, "labels": {"webhook-operator.io/use": purpose}},
        "stringData": {key: value},
    })
}

/// The subscription with that number, at the account whose turn it is. With an interval of `None` deliveries are watched
/// as by default.
pub fn subscription(number: usize, accounts: usize, delivery_interval: Option<&str>) -> Value {
    let mut spec = json!({
        "providerRef": {"name": account(number % accounts)},
        "url": url(number, 0),
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
}

/// Name of the object with that number.
pub fn name(number: usize) -> String {
    format!("subscription-{number:05}")
}

/// Its URL after so many edits.
pub fn url(number: usize, edit: usize) -> String {
    format!("https://hooks.acme.example/dixa/{number:05}/{edit}")
}
