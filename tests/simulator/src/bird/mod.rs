//! Bird's Notifications API: `webhook-subscriptions` of a workspace, with or without the organization in
//! the path.

mod attempt;
mod input;
mod operations;
mod render;
mod state;
mod subscription;
mod switches;

pub use attempt::{Attempt, DeliveryResult};
pub use state::Key;
pub use subscription::{Content, Filter, Service, Status, Subscription};

use crate::frame::{
    body::{Reply, json_bytes},
    input::EditRefusal,
    provider::{Call, Latency, Provider, Target},
    rate::{Buckets, RateLimit},
    switch::{SwitchEntry, SwitchError},
};
use http::{HeaderMap, Method, StatusCode, header};
use input::Refusal;
use operations::Place;
use serde_json::Value;
use state::State;
use std::{
    sync::{Mutex, MutexGuard, PoisonError},
    time::Instant,
};
use switches::Switches;

/// How many times more changes than reads a workspace may send.
const CHANGES_PER_READ: f64 = 10.0;

/// The simulated provider.
#[derive(Debug, Default)]
pub(crate) struct Bird {
    state: Mutex<State>,
    buckets: Mutex<Buckets>,
}

impl Bird {
    pub(crate) fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn buckets(&self) -> MutexGuard<'_, Buckets> {
        self.buckets.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The access key in the headers.
fn credential(headers: &HeaderMap) -> Option<&str> {
    let value = headers.get(header::AUTHORIZATION)?.to_str().ok()?;
    value.strip_prefix("AccessKey ")
}

impl Provider for Bird {
    fn name(&self) -> &'static str {
        "bird"
    }

    fn claims(&self, path: &str) -> bool {
        Place::of(path).is_some()
    }

    fn target(&self, method: &Method, path: &str) -> Target {
        Place::of(path).map_or_else(Target::unknown, |place| operations::target(method, place))
    }

    fn organization(&self, headers: &HeaderMap) -> Option<String> {
        let state = self.state();
        let key = state.keys.get(credential(headers)?)?;
        Some(key.workspace.to_string())
    }

    fn is_credential(&self, _header: &str) -> bool {
        false
    }

    fn over_limit(&self, call: &Call) -> Option<Reply> {
        let state = self.state();
        let reads = state.switches.rate_limit?;
        let key = state.keys.get(credential(&call.headers)?)?;
        let (limit, kind) = if call.method == Method::GET {
            (reads, "reads")
        } else {
            let changes = RateLimit {
                per_second: reads.per_second * CHANGES_PER_READ,
                burst: reads.burst * CHANGES_PER_READ,
            };
            (changes, "changes")
        };
        let bucket = format!("{} {kind}", key.workspace);
        if self.buckets().take(&bucket, limit, Instant::now()) {
            return None;
        }
        let mut reply = Reply::message(
            StatusCode::TOO_MANY_REQUESTS,
            "Too many requests",
            "above the rate limit",
        );
        reply.retry_after.clone_from(&state.switches.retry_after);
        Some(reply)
    }

    fn apply(&self, call: &Call) -> Reply {
        let mut state = self.state();
        operations::apply(&mut state, call)
    }

    fn latency(&self) -> Latency {
        let state = self.state();
        Latency {
            fixed_ms: state.switches.latency_ms,
            jitter_ms: state.switches.latency_jitter_ms,
        }
    }

    fn object_count(&self) -> usize {
        self.state().store.count()
    }

    fn switches(&self) -> Vec<SwitchEntry> {
        self.state().switches.entries()
    }

    fn set_switch(&self, name: &str, value: &str) -> Result<(), SwitchError> {
        Switches::set(&mut self.state().switches, name, value)?;
        if name == "rateLimit" {
            self.buckets().clear();
        }
        Ok(())
    }

    fn snapshot(&self) -> Value {
        self.state().snapshot()
    }

    fn restore(&self, snapshot: Value) -> Result<(), serde_json::Error> {
        self.state().restore(snapshot)
    }
}

impl From<Refusal> for EditRefusal {
    fn from(refusal: Refusal) -> Self {
        Self(refusal.0)
    }
}

impl State {
    /// Reads the body of a create as the API would.
    pub(crate) fn content_from_body(&self, body: &Value) -> Result<Content, EditRefusal> {
        Ok(input::create(&json_bytes(body), &self.switches)?)
    }

    /// The content after an edit by hand.
    pub(crate) fn content_by_hand(&self, patch: &Value, old: &Content) -> Result<Content, EditRefusal> {
        Ok(input::patch(&json_bytes(patch))?.by_hand(old, &self.switches)?)
    }
}
