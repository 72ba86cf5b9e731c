//! Status of both provider kinds.

use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;
use kube::KubeSchema;
use serde::{Deserialize, Serialize};

use super::Condition;

/// What the operator found out about the account. Written by the operator only.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, KubeSchema)]
#[serde(rename_all = "camelCase")]
pub struct WebhookProviderStatus {
    /// The `metadata.generation` that this status speaks of; -1 until the operator has seen the object.
    #[schemars(range(min = -1))]
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub observed_generation: Option<i64>,
    /// The account's state, one aspect each: `Ready`, `Authenticated`, `Throttled`, `Guarded`.
    #[schemars(schema_with = "super::schemas::conditions")]
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub conditions: Vec<Condition>,
    /// What this provider's API can do. Example: `[Filters, Headers, DeliveryStatus]`.
    #[schemars(length(max = 32), inner(length(min = 1, max = 63)))]
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[x_kube(merge_strategy = ListMerge::Set)]
    pub capabilities: Vec<String>,
    /// How many subscriptions the account holds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub subscriptions: Option<RemoteCount>,
    /// The events that the account has, where the provider lists them (Babel).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub catalogue: Option<CatalogueStatus>,
    /// The guard that stopped changes, while it does.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub guard: Option<GuardStatus>,
    /// How the account is recognised after its key or address changed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub account: Option<AccountStatus>,
    /// Who serves it. Another shard begins only when this one has let go.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub served_by: Option<ServedBy>,
    /// The value of the annotation `webhook-operator.io/reconcile-requested-at` (or Flux's
    /// `reconcile.fluxcd.io/requestedAt`) that was last acted on.
    #[schemars(length(max = 128))]
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last_handled_reconcile_at: Option<String>,
}

/// Who serves a provider, and what it may be speaking to.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, KubeSchema)]
#[serde(rename_all = "camelCase")]
pub struct ServedBy {
    /// The shard that holds it, as `--shard` names it; unset: operators without `--shard`.
    #[schemars(length(max = 63))]
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub shard: Option<String>,
    /// Keyed hash of the account that may be spoken to for it; unset: nothing is sent.
    #[schemars(length(max = 80))]
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub account: Option<String>,
}

/// How many subscriptions an account holds.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, KubeSchema)]
#[serde(rename_all = "camelCase")]
pub struct RemoteCount {
    /// All that the provider lists.
    #[schemars(range(min = 0, max = 2_147_483_647))]
    pub remote: u32,
    /// Those of them that objects of this cluster manage.
    #[schemars(range(min = 0, max = 2_147_483_647))]
    pub managed: u32,
    /// The others.
    #[schemars(range(min = 0, max = 2_147_483_647))]
    pub unmanaged: u32,
}

/// The events that an account has.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, KubeSchema)]
#[serde(rename_all = "camelCase")]
pub struct CatalogueStatus {
    /// How many there are.
    #[schemars(range(min = 0, max = 2_147_483_647))]
    pub count: u32,
    /// Their names, sorted; the first 256 of them.
    #[schemars(length(max = 256), inner(length(min = 1, max = 128)))]
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[x_kube(merge_strategy = ListMerge::Atomic)]
    pub names: Vec<String>,
}

/// A guard that stopped changes.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, KubeSchema)]
#[serde(rename_all = "camelCase")]
pub struct GuardStatus {
    /// Repeat this value in the annotation `webhook-operator.io/guard-release` to let the changes happen.
    #[schemars(length(min = 1, max = 64))]
    pub token: String,
    /// What tripped it. Example: `TooManyVanished`.
    #[schemars(length(min = 1, max = 63))]
    pub reason: String,
    /// When it tripped.
    #[schemars(schema_with = "super::schemas::time")]
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub since: Option<Time>,
}

/// How an account is recognised.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, KubeSchema)]
#[serde(rename_all = "camelCase")]
pub struct AccountStatus {
    /// Keyed hash of provider type, address and key in use.
    #[schemars(length(max = 80))]
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub current: Option<String>,
    /// The hash that stands for the key which the provider refused last, while it does: a restart does not try it again at
    /// once.
    #[schemars(length(max = 80))]
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub refused: Option<String>,
    /// Hashes that stood for the same account before, the latest first.
    #[schemars(length(max = 8), inner(length(min = 1, max = 80)))]
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[x_kube(merge_strategy = ListMerge::Atomic)]
    pub formerly: Vec<String>,
}
