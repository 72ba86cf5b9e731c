//! `WebhookProvider` and `ClusterWebhookProvider`: accounts at providers.

#![expect(
    clippy::duplicated_attributes,
    reason = "each printer column names the same members"
)]

use k8s_openapi::apimachinery::pkg::apis::meta::v1::LabelSelector;
use kube::{CustomResource, KubeSchema};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{ProviderPolicy, ProviderQuota, SecretKeyRef, WebhookProviderStatus, patterns};

const SCHEME_FITS: &str = "!has(self.credentials.scheme) || self.credentials.scheme == 'Bearer' || \
    self.credentials.scheme == (self.type == 'Dixa' ? 'Raw' : self.type == 'Babel' ? 'ApiKey' : 'AccessKey')";

const INTERVAL: &str = "duration(self) == duration('0s') || duration(self) >= duration('5s')";

/// The account: which provider, where, with which key and within which limits.
#[derive(CustomResource, KubeSchema, Clone, Debug, PartialEq, Serialize, Deserialize)]
#[kube(
    group = "webhook-operator.io",
    version = "v1alpha1",
    kind = "WebhookProvider",
    plural = "webhookproviders",
    shortname = "whprov",
    category = "webhooks",
    namespaced,
    status = "WebhookProviderStatus",
    derive = "PartialEq",
    doc = "An account at a webhook provider, for the WebhookSubscriptions of its namespace.",
    printcolumn(name = "Type", type_ = "string", json_path = ".spec.type"),
    printcolumn(
        name = "Ready",
        type_ = "string",
        json_path = ".status.conditions[?(@.type==\"Ready\")].status"
    ),
    printcolumn(
        name = "Reason",
        type_ = "string",
        json_path = ".status.conditions[?(@.type==\"Ready\")].reason"
    ),
    printcolumn(
        name = "Remote",
        type_ = "integer",
        json_path = ".status.subscriptions.remote"
    ),
    printcolumn(
        name = "Managed",
        type_ = "integer",
        json_path = ".status.subscriptions.managed"
    ),
    printcolumn(name = "Age", type_ = "date", json_path = ".metadata.creationTimestamp"),
    printcolumn(
        name = "Endpoint",
        type_ = "string",
        json_path = ".spec.endpoint",
        priority = 1
    ),
    printcolumn(
        name = "Message",
        type_ = "string",
        json_path = ".status.conditions[?(@.type==\"Ready\")].message",
        priority = 1
    )
)]
#[serde(rename_all = "camelCase")]
#[x_kube(
    validation = Rule::new("self.type == oldSelf.type")
        .message("spec.type is immutable: create another provider object"),
    validation = Rule::new("self.type != 'Babel' || has(self.endpoint)")
        .message("spec.endpoint: Babel is self-hosted and has no public address; set endpoint"),
    validation = Rule::new("(self.type == 'Bird') == has(self.bird)")
        .message("spec.bird: type Bird needs bird.workspaceID, and no other type has bird"),
    validation = Rule::new("self.type == 'Dixa' || !has(self.dixa)")
        .message("spec.dixa: only type Dixa has dixa; remove it"),
    validation = Rule::new("self.type == 'Babel' || !has(self.babel)")
        .message("spec.babel: only type Babel has babel; remove it"),
    validation = Rule::new("!has(self.bird) || !has(oldSelf.bird) || self.bird == oldSelf.bird")
        .message("spec.bird is immutable: create another provider object"),
    validation = Rule::new(SCHEME_FITS)
        .message("spec.credentials.scheme: use Raw or Bearer for Dixa, ApiKey or Bearer for Babel, AccessKey or \
            Bearer for Bird, or leave it out"),
)]
pub struct WebhookProviderSpec {
    /// Which provider's API this is: `Dixa`, `Babel` (Babel Licensing Service) or `Bird`. Immutable.
    #[serde(rename = "type")]
    pub type_: ProviderType,
    /// Where the API is: scheme, host and port, without the API's own path. Required for Babel, which is self-hosted.
    /// Unset: the provider's public address (Dixa: `https://dev.dixa.io`, Bird: `https://api.bird.com`).
    /// An address in a private network or on loopback is reached only as far as the operator's flag
    /// `--private-endpoints` allows. Example: `https://licensing.acme.example:5455`.
    #[schemars(length(min = 1, max = 512), regex(pattern = patterns::ENDPOINT))]
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub endpoint: Option<String>,
    /// The API key.
    pub credentials: Credentials,
    /// Settings that only Dixa has. Unset: all defaults.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub dixa: Option<DixaOptions>,
    /// Settings that only Babel has. Unset: all defaults.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub babel: Option<BabelOptions>,
    /// Which workspace at Bird. Required for Bird, not allowed with any other type. Immutable.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub bird: Option<BirdOptions>,
    /// Certificate authorities to trust for `endpoint`, in PEM. Unset: the public ones.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ca_bundle_ref: Option<CaBundleRef>,
    /// How many requests the operator may send to the account, whatever the number of its objects. Unset: a
    /// good deal below what the provider documents.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rate_limit: Option<RateLimit>,
    /// How often the account's subscriptions are compared with their objects; `0s` switches it off. A
    /// subscription's own `interval` wins. Unset: the operator's `--interval` (10m).
    #[schemars(length(max = patterns::DURATION_MAX), regex(pattern = patterns::DURATION))]
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[x_kube(validation = Rule::new(INTERVAL)
        .message("spec.interval: use 0s to switch the comparison off, or 5s and more"))]
    pub interval: Option<String>,
    /// When to stop and ask a person. Unset: all defaults.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub guard: Option<GuardSpec>,
}

/// The account, and the namespaces that may use it.
#[derive(CustomResource, KubeSchema, Clone, Debug, PartialEq, Serialize, Deserialize)]
#[kube(
    group = "webhook-operator.io",
    version = "v1alpha1",
    kind = "ClusterWebhookProvider",
    plural = "clusterwebhookproviders",
    shortname = "cwhprov",
    category = "webhooks",
    status = "WebhookProviderStatus",
    derive = "PartialEq",
    doc = "An account at a webhook provider that is owned by the platform and lent to the namespaces it names.",
    printcolumn(name = "Type", type_ = "string", json_path = ".spec.type"),
    printcolumn(
        name = "Ready",
        type_ = "string",
        json_path = ".status.conditions[?(@.type==\"Ready\")].status"
    ),
    printcolumn(
        name = "Reason",
        type_ = "string",
        json_path = ".status.conditions[?(@.type==\"Ready\")].reason"
    ),
    printcolumn(
        name = "Remote",
        type_ = "integer",
        json_path = ".status.subscriptions.remote"
    ),
    printcolumn(
        name = "Managed",
        type_ = "integer",
        json_path = ".status.subscriptions.managed"
    ),
    printcolumn(name = "Age", type_ = "date", json_path = ".metadata.creationTimestamp"),
    printcolumn(
        name = "Endpoint",
        type_ = "string",
        json_path = ".spec.endpoint",
        priority = 1
    ),
    printcolumn(
        name = "Message",
        type_ = "string",
        json_path = ".status.conditions[?(@.type==\"Ready\")].message",
        priority = 1
    )
)]
#[serde(rename_all = "camelCase")]
pub struct ClusterWebhookProviderSpec {
    /// The account. Its Secret and `ConfigMap` are read in the operator's own namespace.
    #[serde(flatten)]
    pub provider: WebhookProviderSpec,
    /// The namespaces whose subscriptions may use this account: those named and those selected. Unset: none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub allowed_namespaces: Option<AllowedNamespaces>,
    /// What their subscriptions may ask for. Unset: anything but adoption.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub policy: Option<ProviderPolicy>,
    /// How much of the account each of the namespaces may use. Unset: no limit.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub quota: Option<ProviderQuota>,
}

/// Providers whose API the operator speaks.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
#[schemars(description = "")]
pub enum ProviderType {
    /// Dixa's webhook subscriptions.
    Dixa,
    /// The webhooks of a Babel Licensing Service.
    Babel,
    /// Bird's webhook subscriptions.
    Bird,
}

impl ProviderType {
    /// The value as users write it.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Dixa => "Dixa",
            Self::Babel => "Babel",
            Self::Bird => "Bird",
        }
    }
}

/// The API key of an account.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, KubeSchema)]
#[serde(rename_all = "camelCase")]
pub struct Credentials {
    /// The Secret and the key that holds the API key. The Secret is read in the namespace of this object, for a
    /// `ClusterWebhookProvider` in the operator's own, and needs the label
    /// `webhook-operator.io/use: credentials`. Example: `{name: dixa-api, key: token}`.
    pub secret_ref: SecretKeyRef,
    /// How the key is sent: as the whole `Authorization` header (`Raw`), in it after the word Bearer (`Bearer`) or
    /// `AccessKey`, or in a header of its own (`ApiKey`). Unset: what the provider's own examples do (Dixa: `Raw`,
    /// Babel: `ApiKey`, Bird: `AccessKey`).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub scheme: Option<CredentialScheme>,
}

/// How an API key is sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[schemars(description = "")]
pub enum CredentialScheme {
    /// As the whole `Authorization` header.
    Raw,
    /// In a header of its own.
    ApiKey,
    /// In the `Authorization` header, after the word `AccessKey`.
    AccessKey,
    /// In the `Authorization` header, after the word `Bearer`.
    Bearer,
}

/// Settings that only Dixa has.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, KubeSchema)]
#[serde(rename_all = "camelCase")]
pub struct DixaOptions {
    /// Which version of the API is used: `beta` or `v1`. Unset: `v1`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub api_version: Option<DixaApiVersion>,
}

/// Versions of Dixa's API: the first part of its paths.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[schemars(description = "")]
#[serde(rename_all = "lowercase")]
pub enum DixaApiVersion {
    /// `/beta`.
    Beta,
    /// `/v1`.
    #[default]
    V1,
}

/// Settings that only Babel has.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, KubeSchema)]
#[serde(rename_all = "camelCase")]
pub struct BabelOptions {
    /// The header that carries the API key, where the installation has renamed it. Unset: `x-api-key`.
    #[schemars(length(min = 1, max = 128), regex(pattern = patterns::HEADER_NAME))]
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub header_name: Option<String>,
}

/// A workspace at Bird.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, KubeSchema)]
#[serde(rename_all = "camelCase")]
pub struct BirdOptions {
    /// The workspace's id, a UUID. Example: `22222222-0000-4000-8000-000000000002`.
    #[schemars(length(min = 36, max = 36), regex(pattern = patterns::UUID))]
    #[serde(rename = "workspaceID")]
    pub workspace_id: String,
    /// The organization's id, a UUID. Set it where Bird answers 403 without it: then the longer form of its paths is
    /// used. Unset: the shorter form. Example: `11111111-0000-4000-8000-000000000001`.
    #[schemars(length(min = 36, max = 36), regex(pattern = patterns::UUID))]
    #[serde(default, rename = "organizationID", skip_serializing_if = "Option::is_none")]
    pub organization_id: Option<String>,
}

/// A `ConfigMap` that holds certificates.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, KubeSchema)]
#[serde(rename_all = "camelCase")]
pub struct CaBundleRef {
    /// Name of the `ConfigMap`, in the namespace of this object, for a `ClusterWebhookProvider` in the operator's
    /// own. Example: `internal-ca`.
    #[schemars(length(min = 1, max = 253), regex(pattern = patterns::OBJECT_NAME))]
    pub name: String,
    /// Key in the `ConfigMap`'s data. Unset: `ca.crt`.
    #[schemars(length(min = 1, max = 253), regex(pattern = patterns::DATA_KEY))]
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub key: Option<String>,
}

/// The request budget of an account.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, KubeSchema)]
#[serde(rename_all = "camelCase")]
pub struct RateLimit {
    /// Requests a minute on average. Unset: Dixa 480, Babel 60,
    /// Bird 2400.
    #[schemars(range(min = 1, max = 1_000_000))]
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub requests_per_minute: Option<u32>,
    /// Requests that may follow each other at once. Unset: Dixa 3, Babel 5, Bird 20.
    #[schemars(range(min = 1, max = 100_000))]
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub burst: Option<u32>,
    /// Requests a day. Unset: 690000 for Dixa, no limit for the others.
    #[schemars(range(min = 1, max = 2_147_483_647))]
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub requests_per_day: Option<u32>,
}

/// When to stop and ask a person: nothing irreversible happens until `status.guard.token` is repeated in the
/// annotation `webhook-operator.io/guard-release`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, KubeSchema)]
#[serde(rename_all = "camelCase")]
pub struct GuardSpec {
    /// How many subscriptions may be deleted at the provider within `window`. Unset: no limit. With 0 each
    /// deletion waits for a release.
    #[schemars(range(min = 0, max = 1_000_000))]
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub max_deletions: Option<u32>,
    /// How many known subscriptions may be missing from one listing before it is doubted. Unset: 3, or a tenth of
    /// them where that is more.
    #[schemars(range(min = 0, max = 1_000_000))]
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub max_vanished: Option<u32>,
    /// The time over which deletions are counted for `maxDeletions`. Unset: `1h`.
    #[schemars(length(max = patterns::DURATION_MAX), regex(pattern = patterns::DURATION))]
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[x_kube(validation = Rule::new("duration(self) > duration('0s')")
        .message("spec.guard.window must be longer than 0s; remove guard.maxDeletions to switch the limit off"))]
    pub window: Option<String>,
}

/// Which namespaces may use a cluster-wide account. One that is named or selected is allowed.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, KubeSchema)]
#[serde(rename_all = "camelCase")]
pub struct AllowedNamespaces {
    /// Namespaces by name. Unset: none by name. Example: `[support, sales]`.
    #[schemars(length(max = 256))]
    #[schemars(inner(length(min = 1, max = 63), regex(pattern = patterns::NAMESPACE)))]
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[x_kube(merge_strategy = ListMerge::Set)]
    pub names: Vec<String>,
    /// Namespaces by their labels. Unset: none by label; `{}` allows every namespace. Example:
    /// `{matchLabels: {webhooks: allowed}}`.
    #[schemars(schema_with = "super::schemas::label_selector")]
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub selector: Option<LabelSelector>,
}
