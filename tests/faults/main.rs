//! What the cluster does to the operator, and what runs out: on a real control plane, with a fault proxy before it
//! where it has to lie.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    reason = "a test that cannot go on has failed"
)]

#[path = "../support/mod.rs"]
mod support;

mod apiserver;
mod exhaustion;
mod objects;
mod outage;
mod process;

use serde_json::json;
use support::World;

/// `prefix-0`, `prefix-1`, …, each with an address of its own.
fn subscribe_all(world: &World, prefix: &str, count: usize) -> Vec<String> {
    let names: Vec<String> = (0..count).map(|number| format!("{prefix}-{number}")).collect();
    for name in &names {
        world.subscribe(name, json!({"url": format!("https://hooks.acme.example/{name}")}));
    }
    names
}

fn all_ready(world: &World, names: &[String]) {
    for name in names {
        world.ready(name);
    }
}

/// How many requests of an operation the provider got since a mark.
fn count(world: &World, mark: u64, operation: &str) -> usize {
    world.requests_since(mark, operation).len()
}
