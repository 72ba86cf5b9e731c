//! What users see: objects applied to a real control plane, the operator as a process with its own rights, and a
//! provider that answers as the documents say.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

#[path = "../support/mod.rs"]
mod support;

mod create;
