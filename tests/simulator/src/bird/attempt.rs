//! Recorded deliveries. The simulator sends none itself.

use crate::frame::clock;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

/// Deliveries kept for each subscription; the oldest go first.
const KEPT: usize = 1000;
/// How long a delivery shows in the logs: seven days, in milliseconds.
const SHOWN_MS: u64 = 7 * 24 * 60 * 60 * 1000;

/// `executionStatus` of a delivery that the target took.
pub(crate) const SUCCEEDED: &str = "succeeded";
/// `executionStatus` of any other, unless the test says something else.
const FAILED: &str = "failed";

/// The result of a delivery, as a test states it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct DeliveryResult {
    /// HTTP status of the target's last answer; unset: there was none, which shows as 0.
    #[serde(default)]
    pub http_status_code: i32,
    /// How often it was tried; unset: once.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub attempt_count: Option<i32>,
    /// Unset: `succeeded` for a status from 200 to 299, otherwise `failed`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub execution_status: Option<String>,
    /// Id of the delivery; unset: a new one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub request_id: Option<Uuid>,
    /// How many such deliveries; unset: 1.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub times: Option<u32>,
    /// When, in milliseconds since the epoch; unset: now.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub time_ms: Option<u64>,
}

impl DeliveryResult {
    /// One delivery that the target answered with this status.
    pub fn answered(http_status_code: i32) -> Self {
        Self {
            http_status_code,
            attempt_count: None,
            execution_status: None,
            request_id: None,
            times: None,
            time_ms: None,
        }
    }
}

/// One delivery.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Attempt {
    /// Position among all deliveries of the subscription, from 1.
    pub number: u64,
    /// Id that the delivery carries.
    pub request_id: Uuid,
    /// How often it was tried.
    pub attempt_count: i32,
    /// HTTP status of the target's last answer.
    pub http_status_code: i32,
    /// How it ended.
    pub execution_status: String,
    /// When, in milliseconds since the epoch.
    pub time_ms: u64,
}

impl Attempt {
    pub(crate) fn is_shown_at(&self, now_ms: u64) -> bool {
        now_ms.saturating_sub(self.time_ms) < SHOWN_MS
    }
}

/// Adds deliveries and lets the oldest go.
pub(crate) fn record(attempts: &mut Vec<Attempt>, result: &DeliveryResult) {
    let success = (200..300).contains(&result.http_status_code);
    let by_status = if success { SUCCEEDED } else { FAILED };
    for _ in 0..result.times.unwrap_or(1) {
        attempts.push(Attempt {
            number: attempts.last().map_or(1, |last| last.number + 1),
            request_id: result.request_id.unwrap_or_else(Uuid::new_v4),
            attempt_count: result.attempt_count.unwrap_or(1),
            http_status_code: result.http_status_code,
            execution_status: result
                .execution_status
                .clone()
                .unwrap_or_else(|| by_status.to_owned()),
            time_ms: result.time_ms.unwrap_or_else(clock::now_ms),
        });
    }
    let surplus = attempts.len().saturating_sub(KEPT);
    attempts.drain(..surplus);
}
