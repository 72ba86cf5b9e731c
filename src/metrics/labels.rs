//! The labels: enums and constants, so that no value from outside can become a series.

use std::fmt::{self, Write as _};

use prometheus_client::encoding::{EncodeLabelSet, EncodeLabelValue, LabelValueEncoder};

use crate::api::v1alpha1::ProviderType;
use crate::provider::http::Operation;

/// Which kind an object is of.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
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

/// Implements a label value by a table of texts.
macro_rules! label_values {
    ($type:ty { $($variant:ident => $text:literal),+ $(,)? }) => {
        impl EncodeLabelValue for $type {
            fn encode(&self, encoder: &mut LabelValueEncoder) -> fmt::Result {
                encoder.write_str(match self { $(Self::$variant => $text),+ })
            }
        }
    };
}

label_values!(Kind {
    Subscription => "WebhookSubscription",
    Provider => "WebhookProvider",
    ClusterProvider => "ClusterWebhookProvider",
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
