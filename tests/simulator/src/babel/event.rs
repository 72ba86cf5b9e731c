//! Events of a subscription with the results of their deliveries. The simulator sends none itself.

use crate::frame::clock;
use serde::{Deserialize, Serialize};

/// Events kept for each subscription; the oldest go first.
const KEPT: usize = 1000;

/// The result of a delivery, as a test states it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct DeliveryResult {
    /// Event whose delivery is meant, such as one that the API's test call made; unset: a new event.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub event_id: Option<i32>,
    /// Event type of a new event; unset: the subscription's.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub event_type: Option<String>,
    /// Body of the delivery; unset: an example, or what the event has already.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub payload: Option<String>,
    /// Whether the target took it.
    pub is_success: bool,
    /// HTTP status of the target; unset: there was none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub status_code: Option<i32>,
    /// What the target answered.
    #[serde(default)]
    pub response: String,
    /// Why there was no answer.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub error_message: Option<String>,
    /// How often it was tried again.
    #[serde(default)]
    pub retry_count: i32,
    /// When it is tried next, in milliseconds since the epoch.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub next_retry_at_ms: Option<u64>,
    /// How many such events; unset: 1.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub times: Option<u32>,
    /// When it was sent, in milliseconds since the epoch; unset: now.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub time_ms: Option<u64>,
}

impl DeliveryResult {
    /// One delivery that the target answered with this status.
    pub fn answered(status_code: i32) -> Self {
        Self {
            event_id: None,
            event_type: None,
            payload: None,
            is_success: (200..300).contains(&status_code),
            status_code: Some(status_code),
            response: String::new(),
            error_message: None,
            retry_count: 0,
            next_retry_at_ms: None,
            times: None,
            time_ms: None,
        }
    }
}

/// What became of a delivery.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Outcome {
    /// When it was sent, in milliseconds since the epoch. Until then the event shows as not sent.
    pub sent_ms: u64,
    /// Whether the target took it.
    pub is_success: bool,
    /// HTTP status of the target.
    pub status_code: Option<i32>,
    /// What the target answered.
    pub response: String,
    /// Why there was no answer.
    pub error_message: Option<String>,
    /// How often it was tried again.
    pub retry_count: i32,
    /// When it is tried next, in milliseconds since the epoch.
    pub next_retry_ms: Option<u64>,
}

/// One event.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Event {
    /// Id in paths and answers.
    pub id: i32,
    /// Event type.
    pub event_type: String,
    /// Body of the delivery.
    pub payload: String,
    /// When it happened, in milliseconds since the epoch.
    pub created_ms: u64,
    /// What became of its delivery, once there was one.
    pub outcome: Option<Outcome>,
}

impl Event {
    /// The outcome as it is known at this time.
    pub(crate) fn outcome_at(&self, now_ms: u64) -> Option<&Outcome> {
        self.outcome.as_ref().filter(|outcome| outcome.sent_ms <= now_ms)
    }
}

impl Outcome {
    pub(crate) fn of(result: &DeliveryResult) -> Self {
        Self {
            sent_ms: result.time_ms.unwrap_or_else(clock::now_ms),
            is_success: result.is_success,
            status_code: result.status_code,
            response: result.response.clone(),
            error_message: result.error_message.clone(),
            retry_count: result.retry_count,
            next_retry_ms: result.next_retry_at_ms,
        }
    }
}

/// Adds an event and lets the oldest go.
pub(crate) fn push(events: &mut Vec<Event>, event: Event) {
    events.push(event);
    let surplus = events.len().saturating_sub(KEPT);
    events.drain(..surplus);
}
