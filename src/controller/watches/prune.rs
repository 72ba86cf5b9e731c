//! What of an object is not worth its memory: taken out before the object is stored.

use kube::Resource;

use crate::api::names::ANNOTATION_FLUX_REQUESTED_AT;
use crate::api::v1alpha1::WebhookSubscription;
use crate::controller::received::Received;

/// Drops managed fields, and all annotations but ours and Flux's: those that are never looked at may hold anything,
/// like the plain values of a Secret that `kubectl apply` leaves there.
pub(super) fn unread<K: Resource>(object: &mut K) {
    let metadata = object.meta_mut();
    metadata.managed_fields = None;
    if let Some(annotations) = &mut metadata.annotations {
        annotations.retain(|name, _| {
            name.starts_with(concat!("webhook-operator.io", "/")) || name == ANNOTATION_FLUX_REQUESTED_AT
        });
    }
}

/// The same of a subscription, of which there are many: its labels too, which nothing looks at.
pub(super) fn unread_of_subscription(object: &mut Received<WebhookSubscription>) {
    unread(object);
    object.meta_mut().labels = None;
}
