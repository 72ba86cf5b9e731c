//! Parts of a `WebhookSubscription`'s spec that say what a delivery is: filters, authorization, headers, signing.

use kube::KubeSchema;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{SecretKeyRef, SecretKeySource, patterns};

const HEADER_ALLOWED: &str = "!(self.name.lowerAscii() in ['authorization', 'connection', 'content-length', \
    'host', 'keep-alive', 'proxy-authenticate', 'proxy-authorization', 'proxy-connection', 'te', 'trailer', \
    'transfer-encoding', 'upgrade', 'x-dixa-signature']) && !self.name.lowerAscii().startsWith('messagebird-')";

const OURS_TO_ROTATE: &str = "!has(self.rotation) || !has(self.secretKeyRef)";

const OVERLAP_SHORTER: &str = "duration(self.overlap) < duration(self.interval)";

const ONE_KEY: &str = "[has(self.secretKeyRef), has(self.generate), has(self.publishProviderKey)]\
    .filter(set, set).size() == 1";

/// A condition tree for one family of events.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, KubeSchema)]
#[serde(rename_all = "camelCase")]
pub struct Filter {
    /// The family of events that the conditions are for. Unset: the provider's only one (Dixa: `Conversation`).
    #[schemars(length(min = 1, max = 128), regex(pattern = patterns::VISIBLE))]
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub scope: Option<String>,
    /// Whether all conditions must hold (`All`) or at least one (`Any`). Unset: `All`.
    #[serde(default, rename = "match", skip_serializing_if = "Option::is_none")]
    pub match_: Option<FilterMatch>,
    /// The conditions.
    #[schemars(length(min = 1, max = 16))]
    #[x_kube(merge_strategy = ListMerge::Atomic)]
    pub conditions: Vec<FilterCondition>,
}

/// How the conditions of a filter combine.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[schemars(description = "")]
pub enum FilterMatch {
    /// All must hold.
    #[default]
    All,
    /// At least one must hold.
    Any,
}

/// One condition on one field of an event.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, KubeSchema)]
#[serde(rename_all = "camelCase")]
pub struct FilterCondition {
    /// The field, as the provider spells it. Example for Dixa: `InitialChannel` or `QueueId`.
    #[schemars(length(min = 1, max = 128), regex(pattern = patterns::VISIBLE))]
    pub field: String,
    /// Whether the field must be one of the values (`In`) or none of them (`NotIn`).
    pub operator: FilterOperator,
    /// The values; their order does not matter. Example: `[email]`.
    #[schemars(length(min = 1, max = 32))]
    #[schemars(inner(length(min = 1, max = 256), regex(pattern = patterns::LINE)))]
    #[x_kube(merge_strategy = ListMerge::Set)]
    pub values: Vec<String>,
}

/// How a field is compared with the values of a condition.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[schemars(description = "")]
pub enum FilterOperator {
    /// It is one of them.
    In,
    /// It is none of them.
    NotIn,
}

/// How the provider authenticates to the URL.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, KubeSchema)]
#[serde(rename_all = "camelCase")]
#[x_kube(validation = Rule::new("has(self.basic) != has(self.bearer)")
    .message("spec.authorization: set exactly one of basic and bearer; leave authorization out for none"))]
pub struct Authorization {
    /// HTTP Basic, with user name and password from a Secret. Set this or `bearer`.
    /// Example: `{secretRef: {name: crm-login}}`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub basic: Option<BasicAuthorization>,
    /// `Authorization: Bearer …`, with the token from a Secret. Set this or `basic`.
    /// Example: `{secretKeyRef: {name: crm-token, key: token}}`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub bearer: Option<BearerAuthorization>,
}

/// HTTP Basic.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, KubeSchema)]
#[serde(rename_all = "camelCase")]
pub struct BasicAuthorization {
    /// The Secret with user name and password, in the namespace of this object; type `kubernetes.io/basic-auth`
    /// fits as it is. It needs the label `webhook-operator.io/use: delivery`.
    pub secret_ref: BasicSecretRef,
}

/// A Secret that holds a user name and a password.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, KubeSchema)]
#[serde(rename_all = "camelCase")]
pub struct BasicSecretRef {
    /// Name of the Secret. Example: `crm-login`.
    #[schemars(length(min = 1, max = 253), regex(pattern = patterns::OBJECT_NAME))]
    pub name: String,
    /// Key that holds the user name. Unset: `username`.
    #[schemars(length(min = 1, max = 253), regex(pattern = patterns::DATA_KEY))]
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub username_key: Option<String>,
    /// Key that holds the password. Unset: `password`.
    #[schemars(length(min = 1, max = 253), regex(pattern = patterns::DATA_KEY))]
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub password_key: Option<String>,
}

/// A bearer token.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, KubeSchema)]
#[serde(rename_all = "camelCase")]
pub struct BearerAuthorization {
    /// The Secret, in the namespace of this object, and the key that holds the token, without the word `Bearer`.
    /// The Secret needs the label `webhook-operator.io/use: delivery`.
    pub secret_key_ref: SecretKeyRef,
}

/// A header of each delivery.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, KubeSchema)]
#[serde(rename_all = "camelCase")]
#[x_kube(
    validation = Rule::new("has(self.value) != has(self.valueFrom)")
        .message("spec.headers: set exactly one of value and valueFrom"),
    validation = Rule::new(HEADER_ALLOWED)
        .message("spec.headers: this name is not yours to set: use authorization for Authorization, and leave out \
            Host, Content-Length, hop-by-hop headers (Connection, Keep-Alive, Proxy-*, TE, Trailer, \
            Transfer-Encoding, Upgrade) and the providers' own (X-Dixa-Signature, MessageBird-*)"),
)]
pub struct Header {
    /// Name of the header; case does not matter. Example: `X-Team`.
    #[schemars(length(min = 1, max = 128), regex(pattern = patterns::HEADER_NAME))]
    pub name: String,
    /// The value, for all to see who may read this object. Set this or `valueFrom`. Example: `support`.
    #[schemars(length(min = 1, max = 4096), regex(pattern = patterns::HEADER_VALUE))]
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub value: Option<String>,
    /// The value, from a Secret. Set this or `value`. Example: `{secretKeyRef: {name: crm-hook, key: team}}`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub value_from: Option<SecretKeySource>,
}

/// The key that deliveries are signed with.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, KubeSchema)]
#[serde(rename_all = "camelCase")]
#[x_kube(
    validation = Rule::new(ONE_KEY)
        .message("spec.signing: set exactly one of secretKeyRef, generate and publishProviderKey"),
    validation = Rule::new(OURS_TO_ROTATE)
        .message("spec.signing.rotation: only a key that the operator makes is rotated; use generate, or change the key \
            in the Secret of secretKeyRef yourself"),
)]
pub struct Signing {
    /// Sign with the key in this Secret (Babel, Bird). The Secret needs the label
    /// `webhook-operator.io/use: signing`. Set this or one of `generate` and `publishProviderKey`.
    /// Example: `{name: crm-signing, key: signingKey}`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub secret_key_ref: Option<SecretKeyRef>,
    /// Sign with a key that the operator makes and writes into a Secret of this namespace (Babel, Bird), before the
    /// first subscription is made. Set this or one of `secretKeyRef` and `publishProviderKey`. Example:
    /// `{secretName: crm-signing}`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub generate: Option<GenerateKey>,
    /// Write the key that the provider made into a Secret of this namespace (Dixa), so that the receiver can verify
    /// signatures. Set this or one of `secretKeyRef` and `generate`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub publish_provider_key: Option<PublishProviderKey>,
    /// How often the key of `generate` is exchanged for a new one (Babel, Bird). Unset: only on request, with the
    /// annotation `webhook-operator.io/rotate-requested-at`. Example: `{interval: 720h, overlap: 24h}`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rotation: Option<Rotation>,
}

/// How often a key is exchanged.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, KubeSchema)]
#[serde(rename_all = "camelCase")]
#[x_kube(validation = Rule::new(OVERLAP_SHORTER)
    .message("spec.signing.rotation: overlap must be shorter than interval"))]
pub struct Rotation {
    /// How old a key becomes before it is exchanged, `1h` and more. Example: `720h`.
    #[schemars(length(max = patterns::DURATION_MAX), regex(pattern = patterns::DURATION))]
    #[x_kube(validation = Rule::new("duration(self) >= duration('1h')")
        .message("spec.signing.rotation.interval: use 1h and more; receivers need time to follow"))]
    pub interval: String,
    /// How long the previous key stays in the Secret beside the new one, so that the receiver can accept both, `1m` and
    /// more: what is on its way, or repeated, may be signed with it for that long (Bird: 8 hours). Example: `24h`.
    #[schemars(length(max = patterns::DURATION_MAX), regex(pattern = patterns::DURATION))]
    #[x_kube(validation = Rule::new("duration(self) >= duration('1m')")
        .message("spec.signing.rotation.overlap: use 1m and more; what is on its way is signed with the old key"))]
    pub overlap: String,
}

/// Where a key goes that the operator makes.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, KubeSchema)]
#[serde(rename_all = "camelCase")]
pub struct GenerateKey {
    /// Name of the Secret to write. The operator creates it; one that exists and is not this object's is never
    /// overwritten. It stays when this object goes, so that a restore finds the key again. Example: `crm-signing`.
    #[schemars(length(min = 1, max = 253), regex(pattern = patterns::OBJECT_NAME))]
    pub secret_name: String,
    /// Key to write to in the Secret's data. Unset: `signingKey`.
    #[schemars(length(min = 1, max = 253), regex(pattern = patterns::DATA_KEY))]
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub key: Option<String>,
}

/// Where the provider's key goes.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, KubeSchema)]
#[serde(rename_all = "camelCase")]
pub struct PublishProviderKey {
    /// Name of the Secret to write. The operator creates it; one that exists and is not this object's is never
    /// overwritten. Example: `crm-signing`.
    #[schemars(length(min = 1, max = 253), regex(pattern = patterns::OBJECT_NAME))]
    pub secret_name: String,
    /// Key to write to in the Secret's data. Unset: `signingKey`.
    #[schemars(length(min = 1, max = 253), regex(pattern = patterns::DATA_KEY))]
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub key: Option<String>,
}
