//! Version `v1alpha1` of the contract.
//!
//! Doc comments of types and fields here are the users' documentation: they become the descriptions that
//! `kubectl explain` shows.

mod condition;
mod patterns;
mod provider;
mod provider_policy;
mod provider_status;
mod refs;
mod schemas;
mod subscription;
mod subscription_delivery;
mod subscription_status;

pub use condition::{Condition, Text};
pub use provider::{
    AllowedNamespaces, BabelOptions, BirdOptions, CaBundleRef, ClusterWebhookProvider,
    ClusterWebhookProviderSpec, CredentialScheme, Credentials, DixaApiVersion, DixaOptions, GuardSpec,
    ProviderType, RateLimit, WebhookProvider, WebhookProviderSpec,
};
pub use provider_policy::{AdoptionPermission, OnViolation, ProviderPolicy, ProviderQuota};
pub use provider_status::{
    AccountStatus, CatalogueStatus, GuardStatus, RemoteCount, ServedBy, WebhookProviderStatus,
};
pub use refs::{SecretKeyRef, SecretKeySource};
pub use subscription::{
    Adoption, AdoptionPolicy, BabelSubscriptionOptions, BirdService, BirdSubscriptionOptions, DeletionPolicy,
    Delivery, DriftPolicy, ManagementMode, OnDisabled, Options, ProviderKind, ProviderRef, ReplacePolicy,
    WebhookSubscription, WebhookSubscriptionSpec,
};
pub use subscription_delivery::{
    Authorization, BasicAuthorization, BasicSecretRef, BearerAuthorization, Filter, FilterCondition,
    FilterMatch, FilterOperator, GenerateKey, Header, PublishProviderKey, Rotation, Signing,
};
pub use subscription_status::{
    DeliveryStatus, EffectiveSettings, EventDelivery, Identity, Ownership, PendingOperation, PendingTarget,
    PendingVerb, RemoteState, RemoteSubscription, SubscriptionCount, TestReceipt, TestResult, TestStatus,
    WebhookSubscriptionStatus,
};
