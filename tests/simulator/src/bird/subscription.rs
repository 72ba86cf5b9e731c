//! What Bird keeps of a subscription.

use crate::{
    bird::attempt::Attempt,
    frame::store::{Birth, Stored},
};
use serde::{Deserialize, Serialize};
use std::fmt;
use uuid::Uuid;

/// The part of Bird that makes the events.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Service {
    /// Messages and channels.
    Channels,
    /// Phone numbers.
    Numbers,
    /// Payments.
    Payments,
    /// Conversations.
    Conversations,
}

impl fmt::Display for Service {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(match self {
            Self::Channels => "channels",
            Self::Numbers => "numbers",
            Self::Payments => "payments",
            Self::Conversations => "conversations",
        })
    }
}

/// Whether deliveries are made.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Status {
    /// They are.
    Active,
    /// They are not.
    Inactive,
}

/// One condition on an event; all conditions of a subscription must hold.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Filter {
    /// Property of the event.
    pub key: String,
    /// Value that it must have.
    pub value: String,
}

/// The part of a subscription that its owner decides.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Content {
    /// Service.
    pub service: Service,
    /// The one event, for example `sms.outbound`.
    pub event: String,
    /// Target of the deliveries.
    pub url: String,
    /// Conditions in the order sent.
    #[serde(rename = "eventFilters")]
    pub filters: Vec<Filter>,
    /// Template.
    pub template: Option<String>,
    /// Key of the delivery signatures, in clear; without one, deliveries are not signed.
    pub signing_key: Option<String>,
    /// On or off.
    pub status: Status,
}

impl Content {
    /// Whether both count as one against the limit for equal subscriptions.
    pub(crate) fn equals_by_filters(&self, other: &Self) -> bool {
        let as_set = |filters: &[Filter]| {
            let mut sorted = filters.to_vec();
            sorted.sort_unstable();
            sorted.dedup();
            sorted
        };
        self.service == other.service
            && self.event == other.event
            && as_set(&self.filters) == as_set(&other.filters)
    }
}

/// A subscription as the simulator keeps it: the truth, whatever the API shows of it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Subscription {
    /// Id in paths and answers.
    pub id: Uuid,
    /// Organization of the workspace.
    pub organization_id: Uuid,
    /// Workspace it belongs to.
    pub workspace_id: Uuid,
    /// What its owner decided.
    #[serde(flatten)]
    pub content: Content,
    /// Creation, in milliseconds since the epoch.
    pub created_ms: u64,
    /// Last change, in milliseconds since the epoch.
    pub updated_ms: u64,
    /// Position in the order of creation.
    pub ordinal: u64,
    /// The workspace's request count at the creation; lag is counted from it.
    pub created_at_request: u64,
    /// Deliveries that were recorded, oldest first.
    pub attempts: Vec<Attempt>,
}

impl Stored for Subscription {
    type Id = Uuid;
    type Scope = Uuid;

    fn id(&self) -> Uuid {
        self.id
    }

    fn scope(&self) -> &Uuid {
        &self.workspace_id
    }

    fn birth(&self) -> Birth {
        Birth {
            ordinal: self.ordinal,
            ms: self.created_ms,
            request: self.created_at_request,
        }
    }
}
