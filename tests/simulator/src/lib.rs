//! A stateful stand-in for webhook providers, for tests and demonstrations.
//!
//! It keeps subscriptions as a provider does, refuses what the documents do not allow, and has a
//! switch for everything that they leave open. Faults can be planned for chosen requests, requests
//! can be held at a boundary, and every request is logged in one global order. All of that is
//! reachable in process through [`Simulator`] and over HTTP through its admin side (see the README).
//!
//! It shares no code with the operator: a mistake in reading the providers' documents shows as a
//! disagreement between the two.

mod admin;
pub mod babel;
pub mod bird;
mod config;
mod dixa;
mod frame;
mod net;
mod simulator;

pub use config::{Config, Ports, TlsListeners};
pub use dixa::{
    Authorization, Condition, Content, DeliveryResult, Filter, Filters, HAND_USER, Strategy, Subscription,
    Token,
};
pub use frame::{
    clock::now_ms,
    credential::credential_hash,
    fault::{ActiveFault, FaultAction, FaultPlan, GarbageKind, RequestFilter, When},
    hold::{Held, Release},
    log::{Counters, LogEntry, Milestone, OperationCount, Phase, Retention, Wait},
    switch::{SwitchEntry, SwitchError},
};
pub use net::certificate::CertificateError;
pub use simulator::{
    BabelControl, BirdControl, DixaControl, EditError, Simulator, StartError, StateFileError,
};
