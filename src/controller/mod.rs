//! The shell: watches objects, asks the core what to do, does it and writes down what came of it.
//!
//! [`subscription`] and [`provider`] hold one room for each thing that is done for an object of that kind; their drivers
//! ([`subscription::reconcile`], [`provider`] itself) read like tables of contents. [`triggers`] turns changes of
//! Secrets, Namespaces, providers and accounts into work for the objects that depend on them; [`context`] holds what
//! all reconciles share; [`references`] and [`dereference`] what a spec refers to.

mod apiserver;
mod census;
mod context;
mod dereference;
mod engine;
mod events;
#[cfg(any(test, feature = "fuzzing"))]
pub(crate) mod fuzzing;
mod holds;
mod provider;
mod received;
mod references;
mod rehearsal;
mod run;
mod seats;
mod subscription;
mod triggers;
mod watches;
mod wish;

pub(crate) use holds::{Borrower, Contest, Entrant, Standing};
pub(crate) use provider::adapters::{adapter, endpoint, realm};
pub(crate) use provider::credentials::ca_bundle;
pub(crate) use references::secret_value;
pub use run::{RunError, Setup, run};
pub(crate) use wish::{Asking, Wish, remembered, secrets, wish};
