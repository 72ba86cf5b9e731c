//! Status of a `WebhookSubscription`: a report, and the little that nothing else can tell.

use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;
use kube::KubeSchema;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{Condition, DeletionPolicy};

/// What the operator found and did. Written by the operator only.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, KubeSchema)]
#[serde(rename_all = "camelCase")]
pub struct WebhookSubscriptionStatus {
    /// The `metadata.generation` that this status speaks of; -1 until the operator has seen the object.
    #[schemars(range(min = -1))]
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub observed_generation: Option<i64>,
    /// The last `metadata.generation` that the provider's side was brought in line with.
    #[schemars(range(min = 0))]
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last_synced_generation: Option<i64>,
    /// The object's state, one aspect each. `Ready` sums it up.
    #[schemars(schema_with = "super::schemas::conditions")]
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub conditions: Vec<Condition>,
    /// Which object, cluster and account the ids below belong to. In an object that was restored or copied it
    /// does not match, and the ids are not trusted.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub identity: Option<Identity>,
    /// What exists at the provider for this object.
    #[schemars(length(max = 64))]
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[x_kube(merge_strategy = ListMerge::Map(vec!["key".into()]))]
    pub subscriptions: Vec<RemoteSubscription>,
    /// How many remote subscriptions there should be and how many are in line.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub subscription_count: Option<SubscriptionCount>,
    /// Requests that were announced before they were sent and whose outcome is not recorded yet.
    #[schemars(length(max = 64))]
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[x_kube(merge_strategy = ListMerge::Map(vec!["key".into()]))]
    pub pending_operations: Vec<PendingOperation>,
    /// How deliveries went, as the provider tells it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub delivery: Option<Box<DeliveryStatus>>,
    /// The test that was last asked for with the annotation `webhook-operator.io/test-requested-at`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last_test: Option<Box<TestStatus>>,
    /// What unset fields came to.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub effective: Option<EffectiveSettings>,
    /// The value of the annotation `webhook-operator.io/reconcile-requested-at` (or Flux's
    /// `reconcile.fluxcd.io/requestedAt`) that was last acted on.
    #[schemars(length(max = 128))]
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last_handled_reconcile_at: Option<String>,
    /// The value of the annotation `webhook-operator.io/rotate-requested-at` that was last acted on.
    #[schemars(length(max = 128))]
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last_handled_rotate_at: Option<String>,
}

/// Whom the ids in a status belong to.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, KubeSchema)]
#[serde(rename_all = "camelCase")]
pub struct Identity {
    /// The `metadata.uid` of the object that wrote them.
    #[schemars(length(max = 64))]
    #[serde(rename = "objectUID")]
    pub object_uid: String,
    /// The cluster that wrote them.
    #[schemars(length(max = 128))]
    #[serde(rename = "clusterID")]
    pub cluster_id: String,
    /// The account at the provider, as a keyed hash.
    #[schemars(length(max = 80))]
    pub account: String,
}

/// One subscription at the provider.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, KubeSchema)]
#[serde(rename_all = "camelCase")]
pub struct RemoteSubscription {
    /// Which of the object's remote subscriptions this is: `default` where the provider needs only one.
    #[schemars(length(min = 1, max = 200))]
    pub key: String,
    /// The event, where a key stands for one event.
    #[schemars(length(min = 1, max = 128))]
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub event: Option<String>,
    /// The provider's id.
    #[schemars(length(min = 1, max = 256))]
    #[serde(default, rename = "externalID", skip_serializing_if = "Option::is_none")]
    pub external_id: Option<String>,
    /// Its state: not there yet (`Pending`), delivering (`Active`), switched off by `enabled: false` (`Disabled`)
    /// or by the provider (`DisabledByProvider`), in the way of another one (`Conflict`), gone without our doing
    /// (`Missing`), on its way out (`Deleting`).
    pub state: RemoteState,
    /// How it came to this object: made by it (`Owned`), taken over (`Adopted`), only watched (`Observed`),
    /// somebody else's (`Foreign`). A report, not what the operator acts by.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ownership: Option<Ownership>,
    /// Keyed hash of this object, the id and the event: only the operator to which it became known as this object's
    /// can have written it. Only where the provider has no place for a mark.
    #[schemars(length(max = 64))]
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub seal: Option<String>,
    /// Keyed hashes of what was last sent, for the fields that the provider does not show.
    #[schemars(length(max = 64))]
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub applied_hash: Option<String>,
    /// Keyed hashes of the secret values that were last sent, and of what the provider shows in their place.
    #[schemars(length(max = 160))]
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub secret_hash: Option<String>,
    /// Fields that the provider kept although they were to be cleared. Example: `[filters]`.
    #[schemars(length(max = 8), inner(length(min = 1, max = 32)))]
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[x_kube(merge_strategy = ListMerge::Set)]
    pub cannot_clear: Vec<String>,
    /// Fields that were cleared and that the provider does not show, so that nobody can tell. Example:
    /// `[headers]`.
    #[schemars(length(max = 8), inner(length(min = 1, max = 32)))]
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[x_kube(merge_strategy = ListMerge::Set)]
    pub unverifiable: Vec<String>,
    /// When it was first seen switched off by the provider. Unset: it is not.
    #[schemars(schema_with = "super::schemas::time")]
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub disabled_at: Option<Time>,
    /// When it was switched on again because `delivery.onDisabled` is `Reenable`, oldest first. Written before the request
    /// is sent; those older than a day go with the next one.
    #[schemars(schema_with = "super::schemas::three_times")]
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub reenabled_at: Vec<Time>,
}

/// State of a remote subscription.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[schemars(description = "")]
pub enum RemoteState {
    /// Not there yet.
    #[default]
    Pending,
    /// Delivering.
    Active,
    /// Switched off because the spec says so.
    Disabled,
    /// Switched off by the provider.
    DisabledByProvider,
    /// In the way of another one.
    Conflict,
    /// Gone without our doing.
    Missing,
    /// On its way out.
    Deleting,
}

/// How a remote subscription came to an object.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[schemars(description = "")]
pub enum Ownership {
    /// Made by it.
    Owned,
    /// Taken over.
    Adopted,
    /// Only watched.
    Observed,
    /// Somebody else's.
    Foreign,
}

/// How many remote subscriptions there should be and how many are in line.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, KubeSchema)]
#[serde(rename_all = "camelCase")]
pub struct SubscriptionCount {
    /// How many there should be.
    #[schemars(range(min = 0, max = 64))]
    pub desired: u32,
    /// How many are in line.
    #[schemars(range(min = 0, max = 64))]
    pub synced: u32,
    /// Both, as `kubectl get` shows them. Example: `2/3`.
    #[schemars(length(max = 16))]
    pub summary: String,
}

/// A request that was announced before it was sent.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, KubeSchema)]
#[serde(rename_all = "camelCase")]
pub struct PendingOperation {
    /// Which of the object's remote subscriptions it is about.
    #[schemars(length(min = 1, max = 200))]
    pub key: String,
    /// What was asked for: `Create`, or `Delete` for what was made a moment ago and did not keep its marker.
    pub verb: PendingVerb,
    /// Which attempt this is, from 1.
    #[schemars(range(min = 1, max = 2_147_483_647))]
    pub attempt: u32,
    /// The `metadata.generation` it was for.
    #[schemars(range(min = 0))]
    pub generation: i64,
    /// When it was announced.
    #[schemars(schema_with = "super::schemas::time")]
    pub started_at: Time,
    /// The provider's id, where it is known.
    #[schemars(length(min = 1, max = 256))]
    #[serde(default, rename = "externalID", skip_serializing_if = "Option::is_none")]
    pub external_id: Option<String>,
    /// Keyed hash of the object and of what the entry names: only the operator can have announced it for this object.
    #[schemars(length(max = 64))]
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub seal: Option<String>,
    /// What was sent, as far as it is needed to find it again.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub target: Option<PendingTarget>,
}

/// Verbs of announced requests.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[schemars(description = "")]
pub enum PendingVerb {
    /// A subscription was to be made.
    Create,
    /// A subscription that was made without our marker was to be removed.
    Delete,
}

/// What an announced request said, as far as it is needed to find its result.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, KubeSchema)]
#[serde(rename_all = "camelCase")]
pub struct PendingTarget {
    /// Keyed hash of the URL.
    #[schemars(length(min = 1, max = 64))]
    pub url_hash: String,
    /// Keyed hash of the filters. Unset: none.
    #[schemars(length(max = 64))]
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub filters_hash: Option<String>,
    /// Keyed hash of everything that was sent.
    #[schemars(length(max = 64))]
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub applied_hash: Option<String>,
    /// Keyed hashes of the parts that a provider may hide.
    #[schemars(length(max = 128))]
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub secret_hash: Option<String>,
    /// The events.
    #[schemars(length(max = 64), inner(length(min = 1, max = 128)))]
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[x_kube(merge_strategy = ListMerge::Set)]
    pub events: Vec<String>,
}

/// How deliveries went.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, KubeSchema)]
#[serde(rename_all = "camelCase")]
pub struct DeliveryStatus {
    /// When the entries below were read; moves only when one of them changes.
    #[schemars(schema_with = "super::schemas::time")]
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub observed_at: Option<Time>,
    /// The last delivery of each event, failing ones first.
    #[schemars(length(max = 64))]
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[x_kube(merge_strategy = ListMerge::Map(vec!["key".into(), "event".into()]))]
    pub events: Vec<EventDelivery>,
}

/// The last delivery of one event.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, KubeSchema)]
#[serde(rename_all = "camelCase")]
pub struct EventDelivery {
    /// Which of the object's remote subscriptions delivered it.
    #[schemars(length(min = 1, max = 200))]
    pub key: String,
    /// The event.
    #[schemars(length(min = 1, max = 128))]
    pub event: String,
    /// Whether the receiver accepted it.
    pub success: bool,
    /// The status code the receiver answered with. Unset: it did not answer.
    #[schemars(range(min = 0, max = 65535))]
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub response_code: Option<u16>,
    /// When it was delivered, as the provider says.
    #[schemars(schema_with = "super::schemas::time")]
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub time: Option<Time>,
    /// When the provider tries again, as it said when this was read.
    #[schemars(schema_with = "super::schemas::time")]
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub next_retry_at: Option<Time>,
    /// How many observations in a row found a failure; not counted beyond the threshold.
    #[schemars(range(min = 0, max = 1000))]
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub failed_observations: Option<u32>,
}

/// A test that was asked for.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, KubeSchema)]
#[serde(rename_all = "camelCase")]
pub struct TestStatus {
    /// The value of the annotation that asked for it.
    #[schemars(length(max = 128))]
    pub requested_at: String,
    /// What came of it, for each remote subscription.
    #[schemars(length(max = 64))]
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[x_kube(merge_strategy = ListMerge::Map(vec!["key".into()]))]
    pub results: Vec<TestReceipt>,
}

/// What came of the test of one remote subscription.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, KubeSchema)]
#[serde(rename_all = "camelCase")]
pub struct TestReceipt {
    /// Which of the object's remote subscriptions was tested.
    #[schemars(length(min = 1, max = 200))]
    pub key: String,
    /// What came of it: not sent yet (`Requested`), sent and on its way (`Sent`), delivered (`Succeeded`), tried and
    /// not accepted by the receiver (`Failed`), refused by the provider (`Refused`), perhaps sent, and not sent again
    /// (`Unknown`), not possible at this provider (`Unsupported`).
    pub result: TestResult,
    /// The provider's id of the test event.
    #[schemars(length(min = 1, max = 64))]
    #[serde(default, rename = "eventID", skip_serializing_if = "Option::is_none")]
    pub event_id: Option<String>,
    /// The status code the receiver answered with.
    #[schemars(range(min = 0, max = 65535))]
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub response_code: Option<u16>,
}

/// What came of a test.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[schemars(description = "")]
pub enum TestResult {
    /// Not sent yet.
    Requested,
    /// Sent, and on its way.
    Sent,
    /// Delivered.
    Succeeded,
    /// Tried, and not accepted by the receiver.
    Failed,
    /// Refused by the provider.
    Refused,
    /// Perhaps sent.
    Unknown,
    /// Not possible at this provider.
    Unsupported,
}

/// What unset fields came to.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, KubeSchema)]
#[serde(rename_all = "camelCase")]
pub struct EffectiveSettings {
    /// Host of the delivery URL; the rest of it may be confidential.
    #[schemars(length(max = 260))]
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub destination_host: Option<String>,
    /// How often the remote side is compared. Example: `10m`.
    #[schemars(length(max = 32))]
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub interval: Option<String>,
    /// What happens to the remote side when this object is deleted: `Delete` or `Orphan`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub deletion_policy: Option<DeletionPolicy>,
}
