//! What is told about each call, for metrics.

use std::fmt;
use std::time::Duration;

/// What a call is for: a bounded set, fit for a metric's label.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Operation {
    /// Reading a page of all subscriptions.
    List,
    /// Reading one.
    Get,
    /// Creating one.
    Create,
    /// Changing one.
    Update,
    /// Deleting one.
    Delete,
    /// Reading the newest delivery of each event.
    Deliveries,
    /// Reading the log of one event's deliveries.
    DeliveryLog,
    /// Reading the events that the account has.
    Catalogue,
    /// Asking for a test event.
    Test,
    /// Deleting one delivery from the log.
    DeleteLogged,
}

impl Operation {
    /// Every operation.
    pub const ALL: &[Self] = &[
        Self::List,
        Self::Get,
        Self::Create,
        Self::Update,
        Self::Delete,
        Self::Deliveries,
        Self::DeliveryLog,
        Self::Catalogue,
        Self::Test,
        Self::DeleteLogged,
    ];

    /// The label.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::List => "list",
            Self::Get => "get",
            Self::Create => "create",
            Self::Update => "update",
            Self::Delete => "delete",
            Self::Deliveries => "deliveries",
            Self::DeliveryLog => "delivery_log",
            Self::Catalogue => "catalogue",
            Self::Test => "test",
            Self::DeleteLogged => "delete_logged",
        }
    }
}

/// One call as it went.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Observation {
    /// What it was for.
    pub operation: Operation,
    /// The status of the answer, if there was one.
    pub status: Option<u16>,
    /// The reason of the error that the call ended with (see
    /// [`ProviderError::reason`](crate::provider::ProviderError::reason)); `None` for success.
    pub error: Option<&'static str>,
    /// From the first step of the request to the last byte of the answer.
    pub elapsed: Duration,
}

/// Is told of every call when it ends. Called on the task of the call: it must not block.
pub trait Observer: Send + Sync + fmt::Debug {
    /// One call ended.
    fn observed(&self, call: &Observation);
}
