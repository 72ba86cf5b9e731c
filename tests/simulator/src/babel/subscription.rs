//! What Babel keeps of a subscription.

use crate::{
    babel::event::Event,
    frame::store::{Birth, Stored},
};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// The part of a subscription that its owner decides. What a request leaves out is blank.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Content {
    /// Name, which carries the owner's marker.
    pub name: String,
    /// The one event type.
    pub event_type: String,
    /// Target of the deliveries.
    pub url: String,
    /// Secret of the deliveries, in clear.
    pub secret: String,
    /// Further headers of the deliveries.
    pub headers: BTreeMap<String, String>,
    /// How often a failed delivery is tried again.
    pub max_retry_count: i32,
    /// Whether deliveries are made.
    pub is_active: bool,
}

/// A subscription as the simulator keeps it: the truth, whatever the API shows of it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Subscription {
    /// Id in paths and answers.
    pub id: i32,
    /// Installation it belongs to.
    pub installation: String,
    /// User who owns the row.
    pub user_id: String,
    /// What its owner decided.
    #[serde(flatten)]
    pub content: Content,
    /// Creation, in milliseconds since the epoch.
    pub created_ms: u64,
    /// Last change, in milliseconds since the epoch; the same as the creation if there was none.
    pub updated_ms: u64,
    /// Position in the order of creation.
    pub ordinal: u64,
    /// The installation's request count at the creation; lag is counted from it.
    pub created_at_request: u64,
    /// Events, oldest first.
    pub events: Vec<Event>,
}

impl Stored for Subscription {
    type Id = i32;
    type Scope = String;

    fn id(&self) -> i32 {
        self.id
    }

    fn scope(&self) -> &String {
        &self.installation
    }

    fn birth(&self) -> Birth {
        Birth {
            ordinal: self.ordinal,
            ms: self.created_ms,
            request: self.created_at_request,
        }
    }
}
