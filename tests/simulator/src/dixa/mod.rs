//! Dixa's webhook API under `/beta/webhooks` and `/v1/webhooks`.

mod delivery;
mod input;
mod operations;
mod render;
mod state;
mod subscription;
mod switches;

pub use delivery::DeliveryResult;
pub use state::Token;
pub use subscription::{Authorization, Condition, Content, Filter, Filters, Strategy, Subscription};

use crate::frame::{
    body::{Reply, json_bytes},
    input::EditRefusal,
    provider::{Call, Latency, Provider, Target},
    rate::Buckets,
    switch::{SwitchEntry, SwitchError},
};
use http::{HeaderMap, Method, StatusCode, header};
use input::Refusal;
use serde_json::Value;
use state::State;
use std::{
    sync::{Mutex, MutexGuard, PoisonError},
    time::Instant,
};
use switches::{AuthScheme, Switches};
use uuid::Uuid;

/// User that stands in `updatedBy` after an edit by hand.
pub const HAND_USER: Uuid = Uuid::from_u128(0xc1d2_e3f4_0000_4000_8000_0000_0000_00bb);

/// The simulated provider.
#[derive(Debug, Default)]
pub(crate) struct Dixa {
    state: Mutex<State>,
    buckets: Mutex<Buckets>,
}

impl Dixa {
    pub(crate) fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The token in an `Authorization` header, in the form the switch asks for.
fn credential(headers: &HeaderMap, scheme: AuthScheme) -> Option<&str> {
    let value = headers.get(header::AUTHORIZATION)?.to_str().ok()?;
    match (scheme, value.strip_prefix("Bearer ")) {
        (AuthScheme::Bare, Some(_)) | (AuthScheme::Bearer, None) => None,
        (AuthScheme::Bare | AuthScheme::Both, None) => Some(value),
        (AuthScheme::Bearer | AuthScheme::Both, Some(token)) => Some(token),
    }
}

impl Provider for Dixa {
    fn name(&self) -> &'static str {
        "dixa"
    }

    fn claims(&self, path: &str) -> bool {
        rest_of(path).is_some()
    }

    fn target(&self, method: &Method, path: &str) -> Target {
        rest_of(path).map_or_else(Target::unknown, |rest| operations::target(method, rest))
    }

    fn organization(&self, headers: &HeaderMap) -> Option<String> {
        let state = self.state();
        let token = credential(headers, state.switches.auth_scheme)?;
        state.tokens.get(token).map(|token| token.organization.clone())
    }

    fn is_credential(&self, _header: &str) -> bool {
        false
    }

    fn over_limit(&self, call: &Call) -> Option<Reply> {
        let state = self.state();
        let limit = state.switches.rate_limit?;
        let token = credential(&call.headers, state.switches.auth_scheme)
            .filter(|token| state.tokens.contains_key(*token))?;
        let mut buckets = self.buckets.lock().unwrap_or_else(PoisonError::into_inner);
        if buckets.take(token, limit, Instant::now()) {
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
            self.buckets
                .lock()
                .unwrap_or_else(PoisonError::into_inner)
                .clear();
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

/// What follows `/beta/webhooks` or `/v1/webhooks`, if the path is one of these.
fn rest_of(path: &str) -> Option<&str> {
    let rest = path
        .strip_prefix("/v1/webhooks")
        .or_else(|| path.strip_prefix("/beta/webhooks"))?;
    (rest.is_empty() || rest.starts_with('/')).then_some(rest)
}

impl From<Refusal> for EditRefusal {
    fn from(refusal: Refusal) -> Self {
        match refusal {
            Refusal::Decoding(text) | Refusal::Value(text) => Self(text),
        }
    }
}

impl Dixa {
    /// Reads the body of a create as the API would.
    pub(crate) fn content_from_body(&self, body: &Value) -> Result<Content, EditRefusal> {
        Ok(input::create(&json_bytes(body), &self.state().switches)?)
    }

    /// The content after an edit by hand.
    pub(crate) fn content_by_hand(
        patch: &Value,
        old: &Content,
        switches: &Switches,
    ) -> Result<Content, EditRefusal> {
        Ok(input::patch(&json_bytes(patch))?.by_hand(old, switches)?)
    }
}
