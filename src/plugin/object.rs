//! A subscription as it was read, whatever version wrote it. Pure.

use std::collections::BTreeMap;

use jiff::Timestamp;
use kube::ResourceExt;
use kube::api::DynamicObject;
use serde_json::Value;

use crate::api::v1alpha1::{Condition, WebhookSubscriptionStatus};

/// What the plugin looks at. What cannot be read as this version writes it counts as not there.
#[derive(Debug, Clone, Default)]
pub(super) struct Subscription {
    pub(super) namespace: String,
    pub(super) name: String,
    pub(super) uid: String,
    pub(super) created: Option<Timestamp>,
    pub(super) generation: i64,
    pub(super) deleting: bool,
    pub(super) annotations: BTreeMap<String, String>,
    pub(super) spec: Value,
    pub(super) status: WebhookSubscriptionStatus,
}

impl Subscription {
    pub(super) fn of(object: &DynamicObject) -> Self {
        let status = object.data.get("status").cloned().unwrap_or_default();
        Self {
            namespace: object.namespace().unwrap_or_default(),
            name: object.name_any(),
            uid: object.uid().unwrap_or_default(),
            created: object.metadata.creation_timestamp.as_ref().map(|time| time.0),
            generation: object.metadata.generation.unwrap_or(0),
            deleting: object.metadata.deletion_timestamp.is_some(),
            annotations: object.metadata.annotations.clone().unwrap_or_default(),
            spec: object.data.get("spec").cloned().unwrap_or_default(),
            status: serde_json::from_value(status).unwrap_or_default(),
        }
    }

    /// `namespace/name`.
    pub(super) fn path(&self) -> String {
        format!("{}/{}", self.namespace, self.name)
    }

    /// As other commands take it.
    pub(super) fn resource_name(&self) -> String {
        format!("webhooksubscription.{}/{}", crate::api::GROUP, self.name)
    }

    pub(super) fn condition(&self, kind: &str) -> Option<&Condition> {
        self.status
            .conditions
            .iter()
            .find(|condition| condition.type_ == kind)
    }

    /// Whether a condition has this status.
    pub(super) fn is(&self, kind: &str, status: &str) -> bool {
        self.condition(kind)
            .is_some_and(|condition| condition.status == status)
    }

    /// Whether status speaks of the present generation.
    pub(super) fn observed(&self) -> bool {
        self.status.observed_generation == Some(self.generation)
    }

    pub(super) fn suspended(&self) -> bool {
        self.spec["suspend"] == true
    }

    /// Kind and name of the provider object.
    pub(super) fn provider(&self) -> (&str, &str) {
        let reference = &self.spec["providerRef"];
        (
            reference["kind"].as_str().unwrap_or("WebhookProvider"),
            reference["name"].as_str().unwrap_or_default(),
        )
    }

    /// The ids at the provider.
    pub(super) fn external_ids(&self) -> Vec<&str> {
        let remotes = self.status.subscriptions.iter();
        remotes
            .filter_map(|remote| remote.external_id.as_deref())
            .collect()
    }
}
