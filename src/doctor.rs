//! `webhook-operator doctor`: is everything here that the operator needs?
//!
//! It looks ([`look`]) with the operator's own flags and the rights of whoever runs it, and judges what it saw: a total
//! function of values for each kind of question ([`kinds`], [`rights`], [`endpoints`], [`election`]). It changes
//! nothing, reads no Secret, and sends nothing to a provider beyond the TLS handshake.

mod election;
mod endpoints;
mod kinds;
mod look;
mod report;
mod rights;

pub use look::{DoctorError, examine};
pub use report::{Check, Outcome, Report};
pub use rights::{Place, Right, wanted};
