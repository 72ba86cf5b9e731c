//! How many objects are in which state, by what their stored status says. Made when metrics are read.

use std::sync::{Arc, Weak};

use kube::runtime::reflector::Store;
use kube::{Resource, ResourceExt};

use crate::api::v1alpha1::{Condition, WebhookProviderStatus, WebhookSubscription};
use crate::controller::context::{Context, ProviderKey};
use crate::controller::subscription::reconcile::object_name;
use crate::metrics::{Census, Counts, Kind};

/// Looks at the objects that are watched, for as long as the controllers run.
pub(super) struct Objects(pub(super) Weak<Context>);

impl Census for Objects {
    fn count(&self, counts: &mut Counts) {
        let Some(ctx) = self.0.upgrade() else { return };
        for object in ctx.stores.subscriptions.iter().flat_map(Store::state) {
            let object = object.0.as_ref().ok();
            if !ctx.counts(object) {
                continue;
            }
            let status = object.and_then(|object| object.status.as_ref());
            let conditions = status.map_or(&[][..], |status| &status.conditions);
            counts.object(Kind::Subscription, find(conditions, "Ready"));
            if let Some((healthy, _)) = find(conditions, "DeliveryHealthy") {
                counts.delivery(healthy);
            }
        }
        let mut provider = |kind, status: Option<&WebhookProviderStatus>| {
            let conditions = status.map_or(&[][..], |status| &status.conditions);
            counts.object(kind, find(conditions, "Ready"));
        };
        for object in ctx.stores.providers.iter().flat_map(Store::state) {
            if !ctx.is_ours(&ProviderKey::Namespaced(object_name(object.meta()))) {
                continue;
            }
            let object = object.0.as_ref().ok();
            provider(Kind::Provider, object.and_then(|object| object.status.as_ref()));
        }
        for object in ctx.stores.cluster_providers.iter().flat_map(Store::state) {
            if !ctx.is_ours(&ProviderKey::Cluster(object.name_any())) {
                continue;
            }
            let object = object.0.as_ref().ok();
            let status = object.and_then(|object| object.status.as_ref());
            provider(Kind::ClusterProvider, status);
        }
    }
}

fn find<'a>(conditions: &'a [Condition], type_: &str) -> Option<(&'a str, &'a str)> {
    let condition = conditions.iter().find(|condition| condition.type_ == type_)?;
    Some((&*condition.status, &*condition.reason))
}

impl Context {
    /// Whether a subscription is counted here: one of this shard, or where it has no provider or cannot be read, of
    /// operators without a shard.
    fn counts(&self, object: Option<&WebhookSubscription>) -> bool {
        let assigned = object.and_then(|object| self.assigned(&ProviderKey::of_subscription(object)));
        assigned.unwrap_or_default() == self.config.shard
    }

    /// Has the objects counted whenever metrics are read.
    pub(super) fn offer_census(self: &Arc<Self>) {
        self.metrics.ask(Arc::new(Objects(Arc::downgrade(self))));
    }
}
