//! Every command of the documents that a user runs on a cluster, as it stands there, with the real Helm and kubectl on
//! a real control plane. `make test-packaging` runs it.
//!
//! What is put in its place is listed in `documents.rs` (where things are fetched from, the addresses of the providers
//! and their keys) and in `node.rs` (there is no node, so a process takes the place of the pods).

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    reason = "a test that cannot go on has failed"
)]

mod documents;
mod node;
mod play;
mod stage;
