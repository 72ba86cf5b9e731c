//! Names of the contract that are not fields: group, finalizers, annotations, labels, field manager.

/// The API group as a literal, for `concat!`.
macro_rules! group {
    () => {
        "webhook-operator.io"
    };
}

/// The API group of every kind, and the prefix of every annotation, label and finalizer.
pub const GROUP: &str = group!();

/// The version that is served and stored.
pub const VERSION: &str = "v1alpha1";

/// The category that lists all kinds at once: `kubectl get webhooks`.
pub const CATEGORY: &str = "webhooks";

/// The manager's name in `managedFields` of everything the operator writes.
pub const FIELD_MANAGER: &str = "webhook-operator";

/// Finalizer of a subscription: holds the object until what it owns at the provider is gone or let go.
pub const FINALIZER_REMOTE: &str = concat!(group!(), "/remote");

/// Finalizer of a provider: holds the object while subscriptions refer to it.
pub const FINALIZER_IN_USE: &str = concat!(group!(), "/in-use");

/// Annotation: a new value asks for a comparison with the provider now.
pub const ANNOTATION_RECONCILE_REQUESTED_AT: &str = concat!(group!(), "/reconcile-requested-at");

/// Flux's spelling of [`ANNOTATION_RECONCILE_REQUESTED_AT`], set by `flux reconcile`; it wins where both are set.
pub const ANNOTATION_FLUX_REQUESTED_AT: &str = "reconcile.fluxcd.io/requestedAt";

/// Annotation: a new value asks for a test event from the provider, once for each remote subscription.
pub const ANNOTATION_TEST_REQUESTED_AT: &str = concat!(group!(), "/test-requested-at");

/// Annotation: a new value asks for another key where the operator makes it (`spec.signing.generate`).
pub const ANNOTATION_ROTATE_REQUESTED_AT: &str = concat!(group!(), "/rotate-requested-at");

/// Annotation of a Secret that the operator wrote: when its key was made, RFC 3339. Unset: with the Secret.
pub const ANNOTATION_KEY_MADE_AT: &str = concat!(group!(), "/key-made-at");

/// Annotation of a Secret that the operator wrote: the last request for another key that was carried out.
pub const ANNOTATION_KEY_REQUEST: &str = concat!(group!(), "/key-request");

/// Annotation: `"true"` lets a blocked deletion go after the grace period, leaving the remote side behind.
pub const ANNOTATION_FORCE_ORPHAN: &str = concat!(group!(), "/force-orphan");

/// Annotation of a provider: repeats `status.guard.token` to release a tripped guard.
pub const ANNOTATION_GUARD_RELEASE: &str = concat!(group!(), "/guard-release");

/// Annotation of a Secret that the operator wrote: the name of the subscription that it was written for.
pub const ANNOTATION_SUBSCRIPTION: &str = concat!(group!(), "/subscription");

/// Label of a Secret: what the operator may use it for, one of [`SecretUse`].
pub const LABEL_USE: &str = concat!(group!(), "/use");

/// Label of a provider: the shard that serves its account, as `--shard` names it. Unset or empty: operators without it.
pub const LABEL_SHARD: &str = concat!(group!(), "/shard");

/// Values of the label [`LABEL_USE`]: a Secret is used only for what its owner released it for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum SecretUse {
    /// The API key of a provider: `spec.credentials`.
    Credentials,
    /// What the provider sends along or where to: headers, authorization, URL.
    Delivery,
    /// The key that deliveries are signed with.
    Signing,
}

impl SecretUse {
    /// The label's value.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Credentials => "credentials",
            Self::Delivery => "delivery",
            Self::Signing => "signing",
        }
    }
}

#[cfg(test)]
mod tests {
    use kube::Resource;

    use super::*;
    use crate::api::v1alpha1::{ClusterWebhookProvider, WebhookProvider, WebhookSubscription};

    #[test]
    fn every_kind_is_in_the_one_group_and_version() {
        let api_version = format!("{GROUP}/{VERSION}");
        assert_eq!(WebhookSubscription::api_version(&()), api_version);
        assert_eq!(WebhookProvider::api_version(&()), api_version);
        assert_eq!(ClusterWebhookProvider::api_version(&()), api_version);
    }
}
