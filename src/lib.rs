//! A Kubernetes operator that manages webhook subscriptions at SaaS providers as custom resources.
//!
//! The modules, from the outside in; each may know those below it and none above:
//!
//! | module | what it is |
//! |---|---|
//! | [`plugin`] | `kubectl webhooks`: what people ask and do by hand, with their own rights |
//! | [`cli`], [`config`] | raw arguments and environment, and the checked configuration they become |
//! | [`run`] | order of start and stop: telemetry, server, client, kinds, hash key, controllers, drain |
//! | [`doctor`] | looks at what the operator needs, and changes nothing |
//! | [`duration`] | durations as people write them |
//! | [`wording`] | texts of others, fit for one line that a person reads |
//! | [`telemetry`], [`server`], [`metrics`], [`traces`] | what people and machines outside see: logs, probes, numbers, spans |
//! | [`cluster`], [`leader`] | which cluster this is, whether it is prepared, and who may write |
//! | [`gate`] | what stands before every request that changes something |
//! | [`controller`] | the shell: watches, reconciles, and writes down what came of it |
//! | [`provider`] | outbound adapters: the only code that speaks to providers; knows nothing of Kubernetes |
//! | [`api`], [`crd`] | the users' contract: the kinds, and their definitions rendered from them |
//! | [`operator_core`] | the decisions: pure functions of values, in a crate of their own |

pub mod api;
pub mod cli;
pub mod cluster;
pub mod config;
pub mod controller;
pub mod crd;
pub mod doctor;
pub mod duration;
#[cfg(any(test, feature = "fuzzing"))]
#[doc(hidden)]
pub mod fuzzing;
pub mod gate;
pub mod leader;
pub mod metrics;
pub mod plugin;
pub mod provider;
pub mod run;
pub mod server;
pub mod telemetry;
pub mod traces;
pub mod wording;
