//! The same promises at every provider, on a real control plane: one life for each thing that the documents leave
//! open, then what each provider has besides.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

#[path = "../support/mod.rs"]
mod support;

mod life;
mod table;
