//! What a Dixa subscription consists of.

use crate::{
    dixa::delivery::Deliveries,
    frame::store::{Birth, Stored},
};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use uuid::Uuid;

/// How deliveries authenticate themselves.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "_type", deny_unknown_fields)]
pub enum Authorization {
    /// `Authorization: Basic base64(username:password)`.
    BasicAuth {
        /// User name.
        username: String,
        /// Password, in clear.
        password: String,
    },
    /// `Authorization: Bearer <value>`.
    TokenAuth {
        /// Token, in clear.
        value: String,
    },
    /// No `Authorization` header.
    NoAuth {},
}

/// Filters by event family; `Conversation` is the only family.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Filters {
    /// Filter of the conversation events.
    #[serde(
        rename = "Conversation",
        default,
        deserialize_with = "crate::frame::input::present",
        skip_serializing_if = "Option::is_none"
    )]
    pub conversation: Option<Filter>,
}

/// The filter tree, which has one level.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "_type", deny_unknown_fields)]
pub enum Filter {
    /// Conditions joined by a strategy.
    CombinedFilters {
        /// All or any.
        strategy: Strategy,
        /// At least one.
        conditions: Vec<Condition>,
    },
}

/// How conditions are joined.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Strategy {
    /// Every condition must hold.
    All,
    /// One is enough.
    Any,
}

/// One condition on a field.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "_type", deny_unknown_fields)]
pub enum Condition {
    /// The field has one of the values.
    IsOneOf {
        /// Field name.
        field: String,
        /// At least one value.
        values: Vec<String>,
    },
    /// The field has none of the values.
    IsNotOneOf {
        /// Field name.
        field: String,
        /// At least one value.
        values: Vec<String>,
    },
}

/// The part of a subscription that its owner decides.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Content {
    /// Name, which carries the owner's marker.
    pub name: String,
    /// Target of the deliveries.
    pub url: String,
    /// Authentication of the deliveries.
    pub authorization: Authorization,
    /// Further headers of the deliveries.
    pub custom_headers: BTreeMap<String, String>,
    /// Events in the order sent.
    pub events: Vec<String>,
    /// Whether deliveries are made.
    pub enabled: bool,
    /// Which events are left out.
    pub filters: Option<Filters>,
}

/// A subscription as the simulator keeps it: the truth, whatever the API shows of it.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Subscription {
    /// Id in paths and answers.
    pub id: Uuid,
    /// Organization it belongs to.
    pub organization: String,
    /// What its owner decided.
    #[serde(flatten)]
    pub content: Content,
    /// Key of the delivery signatures, 64 hex digits.
    pub secret_key: String,
    /// Creation, in milliseconds since the epoch.
    pub created_ms: u64,
    /// Last change, in milliseconds since the epoch.
    pub updated_ms: u64,
    /// User of the creation.
    pub created_by: Uuid,
    /// User of the last change.
    pub updated_by: Uuid,
    /// Position in the list.
    pub ordinal: u64,
    /// The organization's request count at the creation; lag is counted from it.
    pub created_at_request: u64,
    /// Delivery results that were recorded.
    pub deliveries: Deliveries,
}

impl Stored for Subscription {
    type Id = Uuid;
    type Scope = String;

    fn id(&self) -> Uuid {
        self.id
    }

    fn scope(&self) -> &String {
        &self.organization
    }

    fn birth(&self) -> Birth {
        Birth {
            ordinal: self.ordinal,
            ms: self.created_ms,
            request: self.created_at_request,
        }
    }
}
