//! The webhook part of the Babel Licensing Service's management API, under `/v1/webhooks/subscriptions`
//! and `/v1/webhooks/event-types`.

mod access;
mod event;
mod input;
mod operations;
mod render;
mod state;
mod subscription;
mod switches;

pub use access::{Key, Permission};
pub use event::{DeliveryResult, Event, Outcome};
pub use state::EventType;
pub use subscription::{Content, Subscription};

use crate::frame::{
    body::{Reply, json_bytes},
    input::EditRefusal,
    provider::{Call, Latency, Provider, Target},
    rate::Buckets,
    switch::{SwitchEntry, SwitchError},
};
use http::{HeaderMap, Method, StatusCode};
use input::Refusal;
use serde_json::Value;
use state::State;
use std::{
    sync::{Mutex, MutexGuard, PoisonError},
    time::Instant,
};

/// User that stands in `userId` of a row that was made by hand.
pub const HAND_USER: &str = "user-by-hand";

/// The simulated provider.
#[derive(Debug, Default)]
pub(crate) struct Babel {
    state: Mutex<State>,
    buckets: Mutex<Buckets>,
}

impl Babel {
    pub(crate) fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn buckets(&self) -> MutexGuard<'_, Buckets> {
        self.buckets.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Provider for Babel {
    fn name(&self) -> &'static str {
        "babel"
    }

    fn claims(&self, path: &str) -> bool {
        rest_of(path).is_some()
    }

    fn target(&self, method: &Method, path: &str) -> Target {
        rest_of(path).map_or_else(Target::unknown, |rest| operations::target(method, rest))
    }

    fn organization(&self, headers: &HeaderMap) -> Option<String> {
        let state = self.state();
        let key = access::credential(headers, &state.switches)?;
        state.keys.get(key).map(|key| key.installation.clone())
    }

    fn is_credential(&self, header: &str) -> bool {
        self.state().switches.header_name.name() == header
    }

    fn over_limit(&self, call: &Call) -> Option<Reply> {
        let state = self.state();
        let limit = state.switches.rate_limit?;
        let key =
            access::credential(&call.headers, &state.switches).filter(|key| state.keys.contains_key(*key))?;
        if self.buckets().take(key, limit, Instant::now()) {
            return None;
        }
        let mut reply = render::refusal(
            StatusCode::TOO_MANY_REQUESTS,
            "Too many requests",
            "above the rate limit",
            &state.switches,
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
        let mut state = self.state();
        state.switches.set(name, value)?;
        match name {
            "rateLimit" => self.buckets().clear(),
            "lockout" => state.guard.clear(),
            _ => {}
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

/// What follows `/v1/webhooks/`, if the path is one of Babel's.
fn rest_of(path: &str) -> Option<&str> {
    let rest = path.strip_prefix("/v1/webhooks/")?;
    let first = rest.split('/').next()?;
    matches!(first, "subscriptions" | "event-types").then_some(rest)
}

impl From<Refusal> for EditRefusal {
    fn from(refusal: Refusal) -> Self {
        match refusal {
            Refusal::Shape(text) | Refusal::Value(text) => Self(text),
        }
    }
}

impl State {
    /// Reads the body of a create as the API would.
    pub(crate) fn content_from_body(&self, installation: &str, body: &Value) -> Result<Content, EditRefusal> {
        let types = self.event_types(installation);
        Ok(input::whole(&json_bytes(body), &types, &self.switches)?)
    }

    /// The content after an edit by hand, which names only what it changes.
    pub(crate) fn content_by_hand(
        &self,
        installation: &str,
        members: &Value,
        old: Content,
    ) -> Result<Content, EditRefusal> {
        let types = self.event_types(installation);
        Ok(input::members(&json_bytes(members))?.over(old, &types, &self.switches)?)
    }
}
