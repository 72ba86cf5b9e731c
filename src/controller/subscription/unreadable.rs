//! Objects that this version of the operator cannot read: said so on the object itself, and the others go on.

use jiff::Timestamp;
use k8s_openapi::api::core::v1::ObjectReference;
use kube::Resource;
use kube::core::error_boundary::InvalidObject;
use operator_core::reason::Reason;
use operator_core::verdict::{Condition, Truth};
use serde_json::json;

use crate::api::v1alpha1::WebhookSubscription;
use crate::controller::apiserver::{WriteError, params};
use crate::controller::context::Context;
use crate::controller::engine::Requeue;
use crate::controller::events::{Kind, News};
use crate::controller::subscription::reconcile::ReconcileError;

impl Context {
    /// An object that this version cannot read is said so on the object itself; the others go on.
    pub(in crate::controller) async fn report_unreadable(
        &self,
        invalid: &InvalidObject,
    ) -> Result<Requeue, ReconcileError> {
        let metadata = &invalid.metadata;
        let name = crate::controller::subscription::reconcile::object_name(metadata);
        let version = metadata.resource_version.clone();
        let generation = metadata.generation.unwrap_or(0);
        if self.records.unreadable_told(&name, generation) {
            return Ok(Requeue::await_change());
        }
        // serde's text can quote what it did not understand; a spec holds no secrets but may hold anything.
        tracing::warn!(subscription = %name, "this object cannot be read by this version of the operator");
        let message = "this version of the operator cannot read the object: a field has a value of an unknown kind; \
                       compare it with `kubectl explain webhooksubscription.spec`";
        let time = Timestamp::now().to_string();
        let told = Condition::new(Truth::False, Reason::InvalidSpec, message).message_of_ready();
        let condition = |type_: &str, status: &str, message: &str| {
            json!({"type": type_, "status": status, "reason": Reason::InvalidSpec.as_str(), "message": message,
                   "observedGeneration": generation, "lastTransitionTime": time})
        };
        let conditions = json!([
            condition("Ready", "False", &told),
            condition("Stalled", "True", message)
        ]);
        // By merge, because an object may come without any status; the version makes it fail on a stale copy.
        let patch = kube::api::Patch::Merge(json!({
            "metadata": {"resourceVersion": version},
            "status": {"observedGeneration": generation, "conditions": conditions},
        }));
        let api = kube::Api::<kube::api::DynamicObject>::namespaced_with(
            self.client.clone(),
            &name.namespace,
            &kube::api::ApiResource::erase::<WebhookSubscription>(&()),
        );
        if self.rehearsal.is_none() {
            api.patch_subresource("status", &name.name, &params(), &patch)
                .await
                .map_err(WriteError::of)?;
        }
        self.records.tell_unreadable(&name, generation);
        let about = ObjectReference {
            api_version: Some(WebhookSubscription::api_version(&()).into_owned()),
            kind: Some(WebhookSubscription::kind(&()).into_owned()),
            namespace: metadata.namespace.clone(),
            name: metadata.name.clone(),
            uid: metadata.uid.clone(),
            ..ObjectReference::default()
        };
        let note = message.to_owned();
        self.events.publish(News {
            about,
            kind: Kind::Warning,
            reason: "InvalidSpec",
            action: "Reconcile",
            note,
        });
        Ok(Requeue::await_change())
    }
}
