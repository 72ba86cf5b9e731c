//! Argo CD and Flux: what they make of objects in every phase of their lives, by their own code, and what they do to
//! them, on a real control plane. `make test-packaging` runs it; the judge and Helm come from the tools cache.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    reason = "a test that cannot go on has failed"
)]

#[path = "../support/mod.rs"]
mod support;

mod applied;
mod customizations;
mod dumps;
mod judge;
mod phases;
mod provider_phases;
mod repository;
mod samples;
mod subscription_phases;
