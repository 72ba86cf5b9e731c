//! The labels: enums and constants, so that no value from outside can become a series.

use std::fmt::{self, Write as _};

use prometheus_client::encoding::{EncodeLabelSet, EncodeLabelValue, LabelValueEncoder};

use crate::api::v1alpha1::ProviderType;
use crate::provider::http::Operation;

/// Which kind an object is of.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Kind {
    /// `WebhookSubscription`.
    Subscription,
    /// `WebhookProvider`.
    Provider,
    /// `ClusterWebhookProvider`.
    ClusterProvider,
}

/// How one turn of one object ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum ReconcileOutcome {
    /// Nothing is left to do until something changes or the interval is over.
    Settled,
    /// A step failed and is repeated later.
    Retrying,
    /// The turn panicked.
    Panicked,
}

/// What a look at the deliveries of one subscription found.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum PollOutcome {
    /// No event fails.
    Healthy,
    /// At least one event fails.
    Failing,
    /// The provider could not be asked.
    Error,
}

/// The status of a condition.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) enum Truth {
    True,
    False,
    Unknown,
}

impl Truth {
    /// What is neither of the two is unknown.
    pub(super) fn of(status: &str) -> Self {
        match status {
            "True" => Self::True,
            "False" => Self::False,
            _ => Self::Unknown,
        }
    }
}

/// The status of an answer as a label: the ones that mean something here by themselves, the others by their class, so
/// that no provider can make more than these.
pub(super) const fn code(status: Option<u16>) -> &'static str {
    match status {
        None => "none",
        Some(200) => "200",
        Some(201) => "201",
        Some(204) => "204",
        Some(400) => "400",
        Some(401) => "401",
        Some(403) => "403",
        Some(404) => "404",
        Some(409) => "409",
        Some(410) => "410",
        Some(422) => "422",
        Some(429) => "429",
        Some(500) => "500",
        Some(502) => "502",
        Some(503) => "503",
        Some(504) => "504",
        Some(200..=299) => "2xx",
        Some(300..=399) => "3xx",
        Some(400..=499) => "4xx",
        Some(500..=599) => "5xx",
        Some(_) => "other",
    }
}

/// Implements a label value by a table of texts.
macro_rules! label_values {
    ($type:ty { $($variant:ident => $text:literal),+ $(,)? }) => {
        impl $type {
            /// The text.
            pub const fn as_str(self) -> &'static str {
                match self { $(Self::$variant => $text),+ }
            }
        }

        impl EncodeLabelValue for $type {
            fn encode(&self, encoder: &mut LabelValueEncoder) -> fmt::Result {
                encoder.write_str(self.as_str())
            }
        }
    };
}

label_values!(Kind {
    Subscription => "WebhookSubscription",
    Provider => "WebhookProvider",
    ClusterProvider => "ClusterWebhookProvider",
});
label_values!(Truth {
    True => "True",
    False => "False",
    Unknown => "Unknown",
});
label_values!(ReconcileOutcome {
    Settled => "settled",
    Retrying => "retrying",
    Panicked => "panicked",
});
label_values!(PollOutcome {
    Healthy => "healthy",
    Failing => "failing",
    Error => "error",
});

impl EncodeLabelValue for ProviderType {
    fn encode(&self, encoder: &mut LabelValueEncoder) -> fmt::Result {
        encoder.write_str(self.as_str())
    }
}

impl EncodeLabelValue for Operation {
    fn encode(&self, encoder: &mut LabelValueEncoder) -> fmt::Result {
        encoder.write_str(self.as_str())
    }
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
pub(super) struct ByRequest {
    pub(super) provider: ProviderType,
    pub(super) operation: Operation,
    pub(super) outcome: &'static str,
    pub(super) code: &'static str,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
pub(super) struct ByPriority {
    pub(super) provider: ProviderType,
    pub(super) priority: &'static str,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
pub(super) struct ByCondition {
    pub(super) kind: Kind,
    pub(super) ready: Truth,
    pub(super) reason: &'static str,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
pub(super) struct ByHealth {
    pub(super) healthy: Truth,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
pub(super) struct ByOperation {
    pub(super) provider: ProviderType,
    pub(super) operation: Operation,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
pub(super) struct ByReconcile {
    pub(super) kind: Kind,
    pub(super) outcome: ReconcileOutcome,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
pub(super) struct ByKind {
    pub(super) kind: Kind,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
pub(super) struct ByProvider {
    pub(super) provider: ProviderType,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
pub(super) struct ByPoll {
    pub(super) provider: ProviderType,
    pub(super) outcome: PollOutcome,
}
