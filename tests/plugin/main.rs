//! `kubectl webhooks` as a person runs it: the binary, with a kubeconfig, beside an operator that works and a provider
//! that answers. Whatever it prints, no secret is in it.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    reason = "a test that cannot go on has failed"
)]

#[path = "../support/mod.rs"]
mod support;

mod act;
mod diff;
mod holds;
mod look;
mod person;
mod provider;
