//! Version `v1alpha1` of the contract.
//!
//! Doc comments of types and fields here are the users' documentation: they become the descriptions that
//! `kubectl explain` shows.

mod patterns;
mod provider;
mod provider_status;
mod refs;
mod schemas;
mod subscription;
mod subscription_status;

pub use provider::{
    AllowedNamespaces, CaBundleRef, ClusterWebhookProvider, ClusterWebhookProviderSpec, CredentialScheme,
    Credentials, DixaApiVersion, DixaOptions, GuardSpec, ProviderType, RateLimit, WebhookProvider,
    WebhookProviderSpec,
};
pub use provider_status::{AccountStatus, GuardStatus, RemoteCount, WebhookProviderStatus};
pub use refs::{SecretKeyRef, SecretKeySource};
pub use subscription::{
    Adoption, AdoptionPolicy, Authorization, BasicAuthorization, BasicSecretRef, BearerAuthorization,
    DeletionPolicy, Delivery, DriftPolicy, Filter, FilterCondition, FilterMatch, FilterOperator, Header,
    ManagementMode, ProviderKind, ProviderRef, PublishProviderKey, Signing, WebhookSubscription,
    WebhookSubscriptionSpec,
};
pub use subscription_status::{
    DeliveryStatus, EffectiveSettings, EventDelivery, Identity, Ownership, PendingOperation, PendingTarget,
    PendingVerb, RemoteState, RemoteSubscription, SubscriptionCount, WebhookSubscriptionStatus,
};
