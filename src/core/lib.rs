//! The decisions of webhook-operator.
//!
//! Everything here is a function of values: no I/O, no clock, no randomness, no async. The controller
//! observes the world, asks [`plan::next_action`] for one action, performs it and asks again; what the user
//! sees is computed by [`verdict::verdict`]. The crate's dependency list is the wall that keeps it so: there
//! is no kube, no HTTP client and no runtime to reach for.
//!
//! Read in this order: [`names`] and [`marker`] (what things are called and how ownership is written at the
//! provider), [`settings`] (what one remote subscription looks like), [`fan_out`] (how many of them an object needs), [`view`] (the same as digests, which is
//! all that comparison needs), [`memory`] (what status must remember), [`disabled`] (what becomes of what the provider has switched off), [`plan`] (the heart).

pub mod address;
pub mod budget;
pub mod capabilities;
pub mod delivery;
pub mod disabled;
#[cfg(test)]
mod explore;
pub mod fan_out;
pub mod guard;
pub mod hash;
pub mod leadership;
pub mod marker;
pub mod memory;
#[cfg(test)]
mod model;
pub mod names;
pub mod pace;
pub mod plan;
mod planted;
pub mod policy;
pub mod quota;
pub mod reason;
pub mod redact;
pub mod remote;
pub mod retry;
pub mod rotation;
pub mod settings;
pub mod shard;
pub mod time;
pub mod url;
pub mod verdict;
pub mod view;

#[cfg(feature = "planted-bugs")]
#[doc(hidden)]
pub use planted_bugs;
