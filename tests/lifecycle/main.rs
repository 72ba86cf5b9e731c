//! What users see: objects applied to a real control plane, the operator as a process with its own rights, and a
//! provider that answers as the documents say.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    reason = "a test that cannot go on has failed"
)]

#[path = "../support/mod.rs"]
mod support;

mod bad_input;
mod cluster_wide;
mod create;
mod delivery;
mod drift;
mod dry_run;
mod guard;
mod provider;
mod quiet;
mod removal;
mod secrets;
mod signing;
mod suspend;
mod tls;
mod update;
