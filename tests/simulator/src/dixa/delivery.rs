//! Recorded results of deliveries. The simulator sends none itself.

use crate::frame::clock;
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, VecDeque};
use uuid::Uuid;

/// Log entries kept for each event of a subscription.
const KEPT: usize = 50;

/// The result of a delivery, as a test states it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct DeliveryResult {
    /// Event, for example `ConversationClosed`.
    pub event: String,
    /// Whether the target took it.
    pub success: bool,
    /// HTTP status of the target.
    #[serde(rename = "code")]
    pub response_code: i32,
    /// Reason phrase of the target.
    #[serde(rename = "text", default)]
    pub response_text: String,
    /// How many such deliveries; unset: 1.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub times: Option<u32>,
    /// When, in milliseconds since the epoch; unset: now.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub time_ms: Option<u64>,
}

/// One delivery that was made.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Delivery {
    pub time_ms: u64,
    pub success: bool,
    pub response_code: i32,
    pub response_text: String,
    pub payload: String,
}

/// Deliveries by event, newest first.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Deliveries {
    by_event: BTreeMap<String, VecDeque<Delivery>>,
}

impl Deliveries {
    pub(crate) fn record(&mut self, result: &DeliveryResult) {
        let log = self.by_event.entry(result.event.clone()).or_default();
        for _ in 0..result.times.unwrap_or(1) {
            log.push_front(Delivery {
                time_ms: result.time_ms.unwrap_or_else(clock::now_ms),
                success: result.success,
                response_code: result.response_code,
                response_text: result.response_text.clone(),
                payload: payload(&result.event),
            });
        }
        log.truncate(KEPT);
    }

    pub(crate) fn of(&self, event: &str) -> impl Iterator<Item = &Delivery> {
        self.by_event.get(event).into_iter().flatten()
    }

    pub(crate) fn latest(&self, event: &str) -> Option<&Delivery> {
        self.of(event).next()
    }
}

/// The body of a delivery, as text; only the members that every event has.
fn payload(event: &str) -> String {
    let mut name = String::new();
    for (position, letter) in event.chars().enumerate() {
        if letter.is_uppercase() && position > 0 {
            name.push('_');
        }
        name.extend(letter.to_uppercase());
    }
    format!(
        r#"{{"event_id":"{}","event_fqn":"{name}","event_version":"1"}}"#,
        Uuid::new_v4()
    )
}
