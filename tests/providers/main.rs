//! The same promises at every provider, on a real control plane: one life for each thing that the documents leave
//! open, then what each provider has besides.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

#[path = "../support/mod.rs"]
mod support;

mod babel;
mod bird;
mod claims;
mod deliveries;
mod disabled;
mod dry_run;
mod fan_out;
mod life;
mod lost_change;
mod replace;
mod rotation;
mod signing;
mod table;
mod test_events;

use support::{Side, World};

/// Waits until a request is held, and returns its number.
fn held(world: &World) -> u64 {
    world.eventually("a request to be held", || {
        world.simulator.held().first().map(|held| held.seq)
    })
}

/// How status calls the remote subscription of an event without filters.
fn key_of(side: Side, event: &str) -> String {
    match side {
        Side::Dixa => "default".to_owned(),
        Side::Babel | Side::Bird => side.spelled(event),
    }
}
