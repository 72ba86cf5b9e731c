//! The promises that must hold when things go wrong, on a real control plane: nothing is created twice, nothing of
//! others is touched, nothing is forgotten, nothing is told that is secret, and nobody is held up by others.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

#[path = "../support/mod.rs"]
mod support;

mod accounts;
mod addresses;
mod answers;
mod any_order;
mod at_rest;
mod budget;
mod definitions;
mod deletion;
mod guard;
mod isolation;
mod lost_create;
mod memory;
mod refusals;
mod restart;
mod rotation;
mod secret_types;
mod secrets;
mod traces;
mod vanished;
mod writers;

use provider_simulator::{FaultAction, FaultPlan, RequestFilter};
use serde_json::{Value, json};
use support::{SOON, World};
use test_harness::{ControlPlane, wait_for};

/// Requests of one operation.
fn requests(operation: &str) -> RequestFilter {
    RequestFilter::operation("dixa", operation)
}

/// Plans one fault for the next request of an operation.
fn next(world: &World, operation: &str, action: FaultAction) {
    world
        .simulator
        .add_fault(FaultPlan::nth(requests(operation), 1, action));
}

/// Plans a fault for every request of an operation from now on.
fn every(world: &World, operation: &str, action: FaultAction) {
    world
        .simulator
        .add_fault(FaultPlan::every(requests(operation), action));
}

/// Waits until a request is held, and returns its number.
fn held(world: &World) -> u64 {
    world.eventually("a request to be held", || {
        world.simulator.held().first().map(|held| held.seq)
    })
}

/// `prefix-0`, `prefix-1`, …
fn names(prefix: &str, count: usize) -> Vec<String> {
    (0..count).map(|number| format!("{prefix}-{number}")).collect()
}

/// Subscriptions of these names, each with an address of its own.
fn subscribe_all(world: &World, names: &[String]) {
    for name in names {
        world.subscribe(name, json!({"url": format!("https://hooks.acme.example/{name}")}));
    }
}

/// Waits until all are Ready.
fn all_ready(world: &World, names: &[String]) {
    for name in names {
        world.ready(name);
    }
}

/// How many requests of an operation the provider got since a mark.
fn count(world: &World, mark: u64, operation: &str) -> usize {
    world.requests_since(mark, operation).len()
}

/// The value of a metric: the sum over its labels.
fn metric(text: &str, name: &str) -> f64 {
    let lines = text.lines().filter(|line| !line.starts_with('#'));
    let values = lines.filter_map(|line| {
        let (labelled, value) = line.rsplit_once(' ')?;
        let found = labelled.split('{').next()?;
        if found == name {
            value.parse::<f64>().ok()
        } else {
            None
        }
    });
    values.sum()
}

/// Waits until a metric of the operator is as it should be.
fn counts(world: &mut World, name: &str, expected: impl Fn(f64) -> bool) {
    let operator = world.operator();
    let counted = wait_for(SOON, name, || {
        let text = operator.metrics().map_err(|error| error.to_string())?;
        let value = metric(&text, name);
        if expected(value) {
            Ok(())
        } else {
            Err(format!("{value}"))
        }
    });
    counted.unwrap();
}

/// Waits until the operator has had so many turns since its start.
fn turns(world: &mut World, least: u32) {
    counts(world, "webhook_operator_reconciles_total", |turns| {
        turns >= f64::from(least)
    });
}

/// Waits until so many remote subscriptions are recorded as left behind: they are counted once their object is gone.
fn orphans(world: &mut World, expected: f64) {
    counts(world, "webhook_operator_orphans_total", |orphans| {
        (orphans - expected).abs() < 0.5
    });
}

/// A member of an object as text.
fn text<'a>(object: &'a Value, pointer: &str) -> &'a str {
    object
        .pointer(pointer)
        .and_then(Value::as_str)
        .unwrap_or_default()
}

/// What needs namespaces to finish deleting.
fn has_controller_manager() -> bool {
    ControlPlane::shared().has_controller_manager()
}
