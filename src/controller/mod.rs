//! The shell: watches objects, asks the core what to do, does it and writes down what came of it.
//!
//! [`reconcile`] is the driver and reads like a table of contents. [`triggers`] turns changes of Secrets,
//! ConfigMaps, Namespaces, providers and accounts into work for the objects that depend on them; [`context`]
//! holds what all reconciles share; [`records`] what is remembered of each object between two of them.

mod act;
mod adapters;
mod apiserver;
mod assess;
mod catalogue;
mod claims;
mod comparison;
mod context;
mod credentials;
mod deliveries;
mod dereference;
mod directory;
mod events;
mod lent;
mod provider;
mod provider_status;
mod publish;
mod reconcile;
mod records;
mod references;
mod removal;
mod resolve;
mod rivals;
mod run;
mod signing;
mod signing_key;
mod status;
mod test_events;
mod triggers;
mod unreadable;
mod validate;
mod watches;

pub use run::{RunError, Setup, run};
