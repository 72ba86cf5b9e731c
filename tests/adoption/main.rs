//! What exists at the provider already: taken back, taken over, watched, or left alone.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::missing_panics_doc,
    reason = "a test that cannot go on has failed"
)]

#[path = "../support/mod.rs"]
mod support;

mod observed;
mod owned;
mod taken_over;

use provider_simulator::Subscription;
use serde_json::{Value, json};
use support::{World, merge};

/// A subscription that a person made, with a change (RFC 7386) of the request's body. It has the URL and events
/// that [`World::subscribe`] asks for, and no marker.
pub fn made_by_hand(world: &World, change: &Value) -> Subscription {
    let mut body = json!({
        "name": "made by hand",
        "url": "https://hooks.acme.example/dixa",
        "authorization": {"_type": "NoAuth"},
        "customHeaders": {},
        "events": ["ConversationCreated", "ConversationClosed"],
        "enabled": true,
    });
    merge(&mut body, change);
    let dixa = world.simulator.dixa();
    dixa.create_from_body("example-org", &body).unwrap()
}

/// The spec of an adoption by id.
pub fn by_id(remote: &Subscription) -> Value {
    json!({"adoption": {"policy": "ByID", "externalIDs": [remote.id.to_string()]}})
}
