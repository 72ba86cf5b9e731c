//! Several replicas of one install: exactly one works, another one takes over when it must, and what is at the
//! provider does not show that it changed hands.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    reason = "a test that cannot go on has failed"
)]

#[path = "../support/mod.rs"]
mod support;

mod failover;
mod lease;
mod partition;
mod relay;
mod shard;
mod stage;
