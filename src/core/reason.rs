//! Why an object is in the state it is in: the closed list that users, alerts and docs can rely on.

use std::fmt;

macro_rules! reasons {
    ($($(#[doc = $doc:literal])+ $reason:ident),+ $(,)?) => {
        /// The reason of a condition: stable text in `PascalCase`.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum Reason { $($(#[doc = $doc])+ $reason),+ }

        impl Reason {
            /// Every reason, in the order of the reference page.
            pub const ALL: &[Self] = &[$(Self::$reason),+];

            /// The text in a condition.
            pub const fn as_str(self) -> &'static str {
                match self { $(Self::$reason => stringify!($reason)),+ }
            }

            /// What it means and what to do, for the reference page.
            pub const fn explanation(self) -> &'static str {
                match self { $(Self::$reason => concat!($($doc),+)),+ }
            }

            /// The reason of that text.
            pub fn parse(text: &str) -> Option<Self> {
                Self::ALL.iter().copied().find(|reason| reason.as_str() == text)
            }
        }
    };
}

reasons! {
    /// The remote subscription is as the spec says.
    InSync,
    /// Work on this generation has begun; nothing has failed.
    Progressing,
    /// Something failed and is tried again; within the progress deadline.
    ProgressingWithRetry,
    /// The spec is valid, allowed, and everything that it refers to is there.
    Valid,
    /// Nothing is sent, because `spec.suspend` is true.
    SuspendedBySpec,
    /// The object is being deleted, and its remote subscriptions before it.
    Deleting,
    /// The remote subscriptions cannot be deleted: the message says why and how to get out.
    DeletionBlocked,
    /// A field has a value that cannot be used; the message names it.
    InvalidSpec,
    /// The URL is plain http and the operator runs without `--allow-insecure-http`.
    InsecureURL,
    /// The provider has no such feature; the message names the field.
    UnsupportedByProvider,
    /// A Secret or one of its keys is missing. Nothing is sent until it is there.
    SecretNotFound,
    /// The Secret does not carry the label that releases it for this use; the message has the command.
    SecretNotReleased,
    /// The apiserver does not let the operator read the Secret; it is tried again. Whoever administers the cluster has to
    /// give the operator the right to get it.
    SecretForbidden,
    /// The content of a Secret cannot be used; it is never shown.
    SecretInvalid,
    /// The ConfigMap of a CA bundle, or its key, is missing or may not be read, or it holds no certificate.
    CABundleInvalid,
    /// The provider object does not exist.
    ProviderNotFound,
    /// The provider object is there and cannot be used yet; its own conditions say why.
    ProviderNotReady,
    /// The cluster-wide provider is not lent to this namespace.
    NamespaceNotAllowed,
    /// The owner of the cluster-wide provider does not allow deliveries to this host (`spec.policy.allowedHosts` there).
    HostNotAllowed,
    /// The owner of the cluster-wide provider does not lend one of these events (`spec.policy.allowedEvents` there).
    EventNotAllowed,
    /// At this cluster-wide provider nothing is taken over or watched that the object did not make: neither
    /// `spec.adoption.policy` `ByID` or `IfMatches` nor `spec.mode` `Observe`, unless its `spec.policy.adoption` is
    /// `Allowed`.
    AdoptionNotAllowed,
    /// The namespace may not have that many subscriptions at the cluster-wide provider (`spec.quota.perNamespace` there).
    /// What exists keeps its place; of those that ask for more, the older object comes first.
    QuotaExceeded,
    /// The provider refused the request. It is not repeated until the spec or a Secret changes.
    RefusedByProvider,
    /// The provider answered 401: the credential is wrong. Nothing is sent until the Secret changes, or for ten
    /// minutes.
    Unauthenticated,
    /// The provider answered 403: the credential may not do this.
    Forbidden,
    /// The provider asked to slow down.
    Throttled,
    /// No connection, or no answer in time.
    ProviderUnreachable,
    /// The provider answered with a server error.
    ProviderUnavailable,
    /// The provider's certificate is not trusted.
    TLSInvalid,
    /// The operator does not connect to the provider's address: the message says why, and which of the operator's flags
    /// `--private-endpoints` and `--allow-insecure-http` would permit it.
    EndpointNotAllowed,
    /// The answer is not what the provider documents: perhaps something else answered in its place.
    UnintelligibleAnswer,
    /// A value cannot stand in a request; the message names it.
    RequestNotSendable,
    /// No complete answer in time.
    ProviderTimeout,
    /// The provider reports a conflict with what it holds.
    ProviderConflict,
    /// The provider says that the subscription does not exist.
    RemoteVanished,
    /// The provider's address answers with a redirect, which is never followed; correct `spec.endpoint`.
    ProviderRedirects,
    /// The answer is longer than any that makes sense.
    AnswerTooLarge,
    /// An earlier create may have taken effect. The operator looks for it before it tries again.
    CreateOutcomeUnknown,
    /// A LIST of the account is awaited; objects share it.
    WaitingForList,
    /// The account's request budget is used up for the moment.
    WaitingForBudget,
    /// A remote subscription carries the marker of the same object in another cluster.
    OwnedByOtherCluster,
    /// The remote subscription carries somebody else's marker and is left alone.
    ForeignMarker,
    /// The remote subscription has lost our marker, or (where the provider has no place for one) nothing proves that it
    /// is this object's: it is not ours to change.
    MarkerMissing,
    /// The provider did not keep the marker in the name; what was created has been deleted again.
    MarkerNotPreserved,
    /// Several remote subscriptions match; say which with `spec.adoption.externalIDs`.
    AmbiguousMatch,
    /// Adoption would empty fields that are set remotely; the message names them.
    AdoptionWouldClear,
    /// A remote subscription of this object exists, and `spec.adoption.policy` is Never.
    AlreadyExists,
    /// A subscription with the same events, URL and filters exists already, or another object asks for it. The message
    /// names it; adopt it with `spec.adoption`, or change one of the two.
    IdenticalExists,
    /// The provider allows no more subscriptions with the same event and filters.
    TooManyIdentical,
    /// The change needs another remote subscription in place of the present one, and `spec.replacePolicy` is Never.
    ReplacementRefused,
    /// One remote subscription takes the place of another: the second half of the change waits for the first.
    Replacing,
    /// The provider did not say whether a deletion took place; it is looked after and tried again.
    DeletionUnconfirmed,
    /// The provider does not have this event; the message has the nearest names.
    UnknownEvent,
    /// None of `spec.adoption.externalIDs`, or nothing that matches, exists at the provider.
    NothingToAdopt,
    /// The remote subscription disappeared; it is made anew when a second look confirms that.
    RemoteMissing,
    /// The remote subscription differs from the spec, and `spec.driftPolicy` is Report.
    DriftDetected,
    /// The remote subscription was repaired again and again; somebody else keeps changing it.
    DriftRepeats,
    /// The provider has switched the subscription off. The message says what is done about it and how to get out;
    /// `spec.delivery.onDisabled` decides.
    DisabledByProvider,
    /// The provider did not clear a field that the spec no longer sets; the message names it.
    CannotClear,
    /// A field was removed, and the provider does not show whether it is gone.
    Unverifiable,
    /// The guard stopped: too much vanished or was deleted at once. The provider object has the token.
    Guarded,
    /// More was deleted within the window than `spec.guard.maxDeletions` allows. The provider object has the token.
    DeletionsGuarded,
    /// The provider's account shows none of the known subscriptions: it seems to be another account.
    AccountChanged,
    /// The newest deliveries arrived.
    DeliveriesSucceeding,
    /// An event's deliveries failed as often in a row as `spec.delivery.failureThreshold` says.
    DeliveriesFailing,
    /// There was no delivery lately.
    NoRecentDelivery,
    /// Delivery monitoring is off, or has not looked yet.
    NotMonitored,
    /// The provider's signing key is in the Secret.
    KeyPublished,
    /// The Secret for the key exists and is not marked as this object's; it is left alone.
    SecretExists,
    /// The provider does not show the key.
    KeyNotShown,
    /// Another shard still serves the provider, or the one that it was handed to has not begun. The message names it.
    ShardHandover,
    /// Another shard serves this very account for an older provider object, which the message names. Nothing is sent for
    /// this one until both have the same label `webhook-operator.io/shard`.
    ShardConflict,
    /// The provider was reached and the credential works.
    Connected,
    /// Not looked at yet.
    NotChecked,
}

/// The page with an entry for each reason.
const ENTRIES: &str =
    "https://github.com/webhook-operator/webhook-operator/blob/main/docs/troubleshooting.md";

impl Reason {
    /// Where the documentation says what to do about it.
    pub fn address(self) -> String {
        format!("{ENTRIES}#{}", self.as_str().to_lowercase())
    }

    /// Whether it stands for work that goes on by itself, so that nobody has to do anything.
    pub const fn is_under_way(self) -> bool {
        matches!(
            self,
            Self::Progressing
                | Self::ProgressingWithRetry
                | Self::Deleting
                | Self::DeletionUnconfirmed
                | Self::CreateOutcomeUnknown
                | Self::WaitingForList
                | Self::WaitingForBudget
                | Self::Replacing
                | Self::ShardHandover
        )
    }
}

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_reason_reads_as_it_is_written_and_has_an_entry_of_its_own() {
        for reason in Reason::ALL {
            let written = reason.to_string();
            assert_eq!(Reason::parse(&written), Some(*reason));
            let entry = format!("/docs/troubleshooting.md#{}", written.to_lowercase());
            assert!(reason.address().ends_with(&entry), "{}", reason.address());
        }
    }

    #[test]
    fn what_goes_on_by_itself_is_told_from_what_needs_a_person() {
        for (reason, goes_on) in [
            (Reason::Progressing, true),
            (Reason::WaitingForBudget, true),
            (Reason::DeletionBlocked, false),
            (Reason::InvalidSpec, false),
        ] {
            assert_eq!(reason.is_under_way(), goes_on, "{reason}");
        }
    }
}
