//! `WebhookSubscription`: what should be registered at a provider.

#![expect(
    clippy::duplicated_attributes,
    reason = "each printer column names the same members"
)]

use kube::{CustomResource, KubeSchema};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{Authorization, Filter, Header, SecretKeySource, Signing, WebhookSubscriptionStatus, patterns};

const PROVIDER_IMMUTABLE: &str = "(has(self.providerRef.kind) ? self.providerRef.kind : 'WebhookProvider') == \
    (has(oldSelf.providerRef.kind) ? oldSelf.providerRef.kind : 'WebhookProvider') && \
    self.providerRef.name == oldSelf.providerRef.name";

const OBSERVE_NEEDS_ADOPTION: &str = "!has(self.mode) || self.mode != 'Observe' || (has(self.adoption) && \
    has(self.adoption.policy) && self.adoption.policy in ['ByID', 'IfMatches'])";

const SCOPES_UNIQUE: &str = "self.all(a, self.exists_one(b, (has(a.scope) ? a.scope : '') == \
    (has(b.scope) ? b.scope : '')))";

const HEADERS_UNIQUE: &str = "self.all(a, self.exists_one(b, a.name.lowerAscii() == b.name.lowerAscii()))";

const INTERVAL: &str = "duration(self) == duration('0s') || duration(self) >= duration('5s')";

/// What should be registered at the provider: which events, where they go, and how the provider authenticates.
#[derive(CustomResource, KubeSchema, Clone, Debug, PartialEq, Serialize, Deserialize)]
#[kube(
    group = "webhook-operator.io",
    version = "v1alpha1",
    kind = "WebhookSubscription",
    plural = "webhooksubscriptions",
    shortname = "whsub",
    category = "webhooks",
    namespaced,
    status = "WebhookSubscriptionStatus",
    derive = "PartialEq",
    doc = "A webhook registered at a SaaS provider: which events are delivered, where to, and how the provider \
        authenticates. The operator keeps the provider's side equal to it and shows the result in status.",
    printcolumn(name = "Provider", type_ = "string", json_path = ".spec.providerRef.name"),
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
        name = "Delivery",
        type_ = "string",
        json_path = ".status.conditions[?(@.type==\"DeliveryHealthy\")].status"
    ),
    printcolumn(
        name = "Synced",
        type_ = "string",
        json_path = ".status.subscriptionCount.summary"
    ),
    printcolumn(name = "Age", type_ = "date", json_path = ".metadata.creationTimestamp"),
    printcolumn(
        name = "ID",
        type_ = "string",
        json_path = ".status.subscriptions[*].externalID",
        priority = 1
    ),
    printcolumn(
        name = "Host",
        type_ = "string",
        json_path = ".status.effective.destinationHost",
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
    validation = Rule::new(PROVIDER_IMMUTABLE)
        .message("spec.providerRef is immutable: create another WebhookSubscription for the other provider, \
            then delete this one"),
    validation = Rule::new("has(self.url) != has(self.urlFrom)")
        .message("spec: set exactly one of url and urlFrom"),
    validation = Rule::new(OBSERVE_NEEDS_ADOPTION)
        .message("spec.mode: Observe watches what exists already; set adoption.policy to ByID (and externalIDs) \
            or to IfMatches"),
)]
pub struct WebhookSubscriptionSpec {
    /// The provider object that holds the account to register at. Immutable: the remote side would be left
    /// behind in the old account. Example: `{name: dixa}`.
    pub provider_ref: ProviderRef,
    /// How people recognise the subscription in the provider's own console: the readable part of its remote name,
    /// to which the operator adds a short mark of ownership. Cut where both are longer than the provider allows.
    /// Unset: `<namespace>/<name>` of this object. Example: `CRM, production`.
    #[schemars(length(min = 1, max = 100), regex(pattern = patterns::LINE))]
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub display_name: Option<String>,
    /// Where the provider delivers to. Set this or `urlFrom`. Plain http is refused unless the operator runs with
    /// `--allow-insecure-http`. Example: `https://hooks.acme.example/dixa`.
    #[schemars(length(min = 1, max = 2048), regex(pattern = patterns::URL))]
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub url: Option<String>,
    /// Where the provider delivers to, read from a Secret because the URL itself is confidential. Set this or
    /// `url`. Example: `{secretKeyRef: {name: crm-hook, key: url}}`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub url_from: Option<Box<SecretKeySource>>,
    /// The events to deliver, as the provider spells them; their order does not matter. Babel and Bird get a
    /// subscription for each. Example: `[ConversationCreated, ConversationClosed]`, for Bird `[sms.outbound]`.
    #[schemars(length(min = 1, max = 64))]
    #[schemars(inner(length(min = 1, max = 128), regex(pattern = patterns::VISIBLE)))]
    #[x_kube(merge_strategy = ListMerge::Set)]
    pub events: Vec<String>,
    /// Which of the events are delivered. Unset: all of them, and filters that somebody set at the provider are
    /// removed. Bird gets a subscription for each combination of values; Babel has no filters.
    /// Example: `[{conditions: [{field: InitialChannel, operator: In, values: [email]}]}]`.
    #[schemars(length(max = 8))]
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[x_kube(
        merge_strategy = ListMerge::Atomic,
        validation = Rule::new(SCOPES_UNIQUE)
            .message("spec.filters: each scope may appear once; put its conditions into one entry"),
    )]
    pub filters: Vec<Filter>,
    /// How the provider authenticates to the URL. Unset: not at all, and what somebody set at the provider is
    /// removed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub authorization: Option<Box<Authorization>>,
    /// Further headers of each delivery. Unset: none, and what somebody set at the provider is removed.
    /// Example: `[{name: X-Team, value: support}]`.
    #[schemars(length(max = 16))]
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[x_kube(
        merge_strategy = ListMerge::Map(vec!["name".into()]),
        validation = Rule::new(HEADERS_UNIQUE)
            .message("spec.headers: each name may appear once, whatever its case; remove the duplicate"),
    )]
    pub headers: Vec<Header>,
    /// The key that deliveries are signed with. Unset: not managed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub signing: Option<Box<Signing>>,
    /// Whether the subscription is switched on at the provider. Unset: true. With false it exists there and
    /// delivers nothing.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub enabled: Option<bool>,
    /// Whether the operator leaves this object alone. Unset: false. With true nothing is sent to the provider for
    /// it, except that deleting the object still removes the remote side.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub suspend: Option<bool>,
    /// Whether the operator changes the remote side (`Manage`) or only reports on it (`Observe`). Unset:
    /// `Manage`. `Observe` needs `adoption.policy` `ByID` or `IfMatches`, never writes to the provider, publishes no
    /// key, and leaves the remote side alone when the object is deleted.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub mode: Option<ManagementMode>,
    /// What to do with subscriptions that exist at the provider already. Unset: `{policy: IfOwned}`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub adoption: Option<Box<Adoption>>,
    /// What to do when somebody changed the remote side by hand: put it right (`Correct`) or only say so
    /// (`Report`). Unset: `Correct`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub drift_policy: Option<DriftPolicy>,
    /// What to do about a change that the provider cannot make in place: leave things as they are and say so
    /// (`Never`), make the new subscription before the old one is deleted, so that some events may be delivered twice
    /// (`CreateFirst`), or after that, so that some may be missed (`DeleteFirst`). Unset: `CreateFirst` where an
    /// event or (Bird) a filter is exchanged, `Never` for what merely cannot be cleared.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub replace_policy: Option<ReplacePolicy>,
    /// What happens to the remote side when this object is deleted: it is deleted too (`Delete`) or stays
    /// (`Orphan`). Unset: `Delete`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub deletion_policy: Option<DeletionPolicy>,
    /// How long a deletion that cannot be carried out holds the object, where its namespace is going away too or
    /// the annotation `webhook-operator.io/force-orphan: "true"` is set; after that it is let go and the remote
    /// side is recorded as left behind. Unset: `10m`.
    #[schemars(length(max = patterns::DURATION_MAX), regex(pattern = patterns::DURATION))]
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub deletion_grace_period: Option<String>,
    /// How often the remote side is compared with this object; `0s` switches it off. Unset: the provider
    /// object's `interval`. Example: `30m`.
    #[schemars(length(max = patterns::DURATION_MAX), regex(pattern = patterns::DURATION))]
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[x_kube(validation = Rule::new(INTERVAL)
        .message("spec.interval: use 0s to switch the comparison off, or 5s and more"))]
    pub interval: Option<String>,
    /// How deliveries are watched. Unset: all defaults.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub delivery: Option<Box<Delivery>>,
    /// Settings that only one provider has; they must fit the provider's type. Unset: all defaults.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub options: Option<Box<Options>>,
}

/// Which provider object a subscription belongs to.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, KubeSchema)]
#[serde(rename_all = "camelCase")]
pub struct ProviderRef {
    /// Kind of the provider object: a `WebhookProvider` in this namespace or a `ClusterWebhookProvider` that
    /// allows it. Unset: `WebhookProvider`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub kind: Option<ProviderKind>,
    /// Name of the provider object. Example: `dixa`.
    #[schemars(length(min = 1, max = 253), regex(pattern = patterns::OBJECT_NAME))]
    pub name: String,
}

/// Kinds that a subscription can refer to.
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize, JsonSchema,
)]
#[schemars(description = "")]
pub enum ProviderKind {
    /// In the namespace of the subscription.
    #[default]
    WebhookProvider,
    /// In the cluster, for the namespaces it allows.
    ClusterWebhookProvider,
}

/// Whether the operator writes to the provider.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[schemars(description = "")]
pub enum ManagementMode {
    /// It keeps the remote side equal to the spec.
    #[default]
    Manage,
    /// It reads and reports.
    Observe,
}

/// What to do with subscriptions that exist at the provider already.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, KubeSchema)]
#[serde(rename_all = "camelCase")]
#[x_kube(validation = Rule::new("(has(self.policy) && self.policy == 'ByID') == has(self.externalIDs)")
    .message("spec.adoption: externalIDs and policy ByID need each other; set both or neither"))]
pub struct Adoption {
    /// Which ones to take over: those that carry this object's mark, for example after a restore (`IfOwned`);
    /// also one with the same URL and events and nobody's mark (`IfMatches`); those in `externalIDs` (`ByID`);
    /// none at all (`Never`). One that carries the mark of another object is never taken. Unset: `IfOwned`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub policy: Option<AdoptionPolicy>,
    /// The provider's ids of the subscriptions to take over; required by policy `ByID`, and not allowed without
    /// it. Example: `[cb452b81-6748-40ab-af85-6559b371bc5d]`.
    #[schemars(length(min = 1, max = 64))]
    #[schemars(inner(length(min = 1, max = 256), regex(pattern = patterns::VISIBLE)))]
    #[serde(default, rename = "externalIDs", skip_serializing_if = "Vec::is_empty")]
    #[x_kube(merge_strategy = ListMerge::Set)]
    pub external_ids: Vec<String>,
    /// Whether taking over may clear what is set at the provider and not in this object, such as filters or
    /// headers. Unset: false; then the adoption is refused and the message names the fields.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub overwrite: Option<bool>,
}

/// Which existing subscriptions are taken over.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[schemars(description = "")]
pub enum AdoptionPolicy {
    /// Those that carry this object's mark.
    #[default]
    IfOwned,
    /// Also one with the same URL and events and nobody's mark.
    IfMatches,
    /// The listed ids.
    #[serde(rename = "ByID")]
    ById,
    /// None.
    Never,
}

/// What to do about changes by hand at the provider.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[schemars(description = "")]
pub enum DriftPolicy {
    /// Put them right.
    #[default]
    Correct,
    /// Say so.
    Report,
}

/// What to do about a change that the provider cannot make in place.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[schemars(description = "")]
pub enum ReplacePolicy {
    /// Leave things as they are.
    Never,
    /// The new one, then the old one goes.
    CreateFirst,
    /// The old one goes, then the new one.
    DeleteFirst,
}

/// Settings that only one provider has.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, KubeSchema)]
#[serde(rename_all = "camelCase")]
#[x_kube(validation = Rule::new("!(has(self.babel) && has(self.bird))")
    .message("spec.options: set the options of one provider only"))]
pub struct Options {
    /// For Babel. Set this or `bird`. Unset: all defaults.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub babel: Option<BabelSubscriptionOptions>,
    /// For Bird. Set this or `babel`. Unset: all defaults.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub bird: Option<BirdSubscriptionOptions>,
}

/// Settings that only Babel has.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, KubeSchema)]
#[serde(rename_all = "camelCase")]
pub struct BabelSubscriptionOptions {
    /// How often Babel repeats a delivery that failed. Unset: not managed, and what is set there stays. Example: `3`.
    #[schemars(range(min = 0, max = 1000))]
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub max_retry_count: Option<u32>,
    /// Delivered events that are older than this are deleted from Babel's own list of events, a few at a time. Unset:
    /// nothing is ever deleted there. Example: `720h`.
    #[schemars(length(max = patterns::DURATION_MAX), regex(pattern = patterns::DURATION))]
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[x_kube(validation = Rule::new("duration(self) >= duration('1h')")
        .message("spec.options.babel.eventRetention: use 1h and more; remove it to keep all events"))]
    pub event_retention: Option<String>,
}

/// Settings that only Bird has.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, KubeSchema)]
#[serde(rename_all = "camelCase")]
pub struct BirdSubscriptionOptions {
    /// The service of events that name none: `channels`, `conversations`, `numbers` or `payments`. An event may also be
    /// written as `service/event`. Unset: `channels`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub service: Option<BirdService>,
}

/// Services of Bird that have events.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[schemars(description = "")]
#[serde(rename_all = "lowercase")]
pub enum BirdService {
    /// `channels`.
    #[default]
    Channels,
    /// `conversations`.
    Conversations,
    /// `numbers`.
    Numbers,
    /// `payments`.
    Payments,
}

impl BirdService {
    /// The value as users and Bird write it.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Channels => "channels",
            Self::Conversations => "conversations",
            Self::Numbers => "numbers",
            Self::Payments => "payments",
        }
    }
}

/// What happens to the remote side when the object is deleted.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[schemars(description = "")]
pub enum DeletionPolicy {
    /// It is deleted too.
    #[default]
    Delete,
    /// It stays.
    Orphan,
}

/// How deliveries are watched.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, KubeSchema)]
#[serde(rename_all = "camelCase")]
pub struct Delivery {
    /// How often the provider is asked how deliveries went; `0s` switches it off. Unset: `15m`. As each
    /// question costs a request, it may be asked less often: all of them together take at most a tenth of
    /// the account's request budget.
    #[schemars(length(max = patterns::DURATION_MAX), regex(pattern = patterns::DURATION))]
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[x_kube(validation = Rule::new(INTERVAL)
        .message("spec.delivery.interval: use 0s to switch delivery monitoring off, or 5s and more"))]
    pub interval: Option<String>,
    /// After how many failed observations in a row of one event `DeliveryHealthy` becomes False. Unset: 5.
    #[schemars(range(min = 1, max = 1000))]
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub failure_threshold: Option<u32>,
    /// What to do when the provider has switched a subscription off: say so (`Report`), or switch it on again
    /// (`Reenable`). The latter is done only after a delivery or a test has arrived that is newer than the switching off,
    /// and at most three times within 24 hours. No provider says who switched it off: with this set, whatever the operator
    /// did not switch off itself counts. Unset: `Report`, and only where the newest known deliveries fail; else
    /// `driftPolicy` decides.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub on_disabled: Option<OnDisabled>,
}

/// What to do when the provider has switched a subscription off.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[schemars(description = "")]
pub enum OnDisabled {
    /// Say so.
    #[default]
    Report,
    /// Switch it on again, where that is safe.
    Reenable,
}
