//! What the owner of a cluster-wide account lets the namespaces do that may use it.

use kube::KubeSchema;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::patterns;

/// What the subscriptions of the allowed namespaces may ask for. What is not allowed, or no longer, is
/// `Accepted=False` with a reason: nothing is made or changed for it. Deletion always works.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, KubeSchema)]
#[serde(rename_all = "camelCase")]
pub struct ProviderPolicy {
    /// Hosts that deliveries may go to: a host name, an IP address, or `*.` and a host name, which stands for every
    /// name below that one and not for itself. Case, port and a dot at the end mean nothing. Unset: any host.
    /// Example: `[hooks.acme.example, "*.internal.acme.example"]`.
    #[schemars(length(min = 1, max = 64))]
    #[schemars(inner(length(min = 1, max = 255), regex(pattern = patterns::HOST)))]
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[x_kube(merge_strategy = ListMerge::Set)]
    pub allowed_hosts: Option<Vec<String>>,
    /// Events that may be asked for, as the provider spells them; at Bird one that names no service belongs to
    /// `channels`. Unset: any event. Example: `[ConversationCreated, ConversationClosed]`.
    #[schemars(length(min = 1, max = 256))]
    #[schemars(inner(length(min = 1, max = 128), regex(pattern = patterns::VISIBLE)))]
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[x_kube(merge_strategy = ListMerge::Set)]
    pub allowed_events: Option<Vec<String>>,
    /// Whether a subscription may take over or watch what it did not make, by `adoption.policy: ByID` or
    /// `IfMatches` or `mode: Observe`: `Allowed`, or `Refused`, as those who share an account could reach for what
    /// belongs to another namespace. What carries its own marker an object may always take back. Unset: `Refused`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub adoption: Option<AdoptionPermission>,
    /// The shortest `interval` and `delivery.interval` of a subscription: one that is shorter counts as this long, as
    /// `status.effective.interval` then shows. `0s` still switches off. Unset: no limit. Example: `5m`.
    #[schemars(length(max = patterns::DURATION_MAX), regex(pattern = patterns::DURATION))]
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[x_kube(validation = Rule::new("duration(self) >= duration('5s')")
        .message("spec.policy.minInterval: use 5s or more, or leave it out"))]
    pub min_interval: Option<String>,
    /// What happens to what exists at the provider for a subscription that is not allowed, or no longer: nothing
    /// (`Report`), or it is switched off until the subscription is allowed again (`Disable`), also while the
    /// subscription is suspended. A quota that is used up switches nothing off. Unset: `Report`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub on_violation: Option<OnViolation>,
}

/// How much of the account each namespace may use.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, KubeSchema)]
#[serde(rename_all = "camelCase")]
pub struct ProviderQuota {
    /// How many subscriptions at the provider the objects of one namespace may have altogether: an object needs one for
    /// each event where the provider has it so. An object that asks for more than is left is `Accepted=False` with the
    /// reason `QuotaExceeded`; what exists keeps its place, and of those that ask for more the older object comes first.
    /// Unset: no limit.
    #[schemars(range(min = 0, max = 1_000_000))]
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub per_namespace: Option<u32>,
}

/// Whether adoption is allowed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[schemars(description = "")]
pub enum AdoptionPermission {
    /// It is.
    Allowed,
    /// It is not.
    Refused,
}

/// What happens at the provider for what is not allowed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[schemars(description = "")]
pub enum OnViolation {
    /// Nothing.
    Report,
    /// It is switched off.
    Disable,
}
