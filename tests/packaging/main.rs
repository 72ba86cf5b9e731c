//! What is installed: the chart, the manifests and the alerts, with the real Helm and on a real control plane.
//! `make test-packaging` runs it; tools come from the tools cache.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    reason = "a test that cannot go on has failed"
)]

mod chart;
mod doctor;
mod lifecycle;
mod manifests;
mod monitoring;
mod people;
mod plugin;
mod pods;
mod releases;
mod rights;
mod scenarios;
mod values;
