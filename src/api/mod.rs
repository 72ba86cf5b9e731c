//! The user's contract: the kinds, their fields and the names that users write by hand.
//!
//! Nothing here knows the rest of the program. The group is [`GROUP`]; the kinds' `#[kube(group = …)]`
//! attributes take literals only, and a test holds them to it.

pub mod names;
pub mod v1alpha1;

pub use names::{FIELD_MANAGER, GROUP, VERSION};
