//! What every simulated provider shares: the request log, fault plans, holds, switches and the
//! order in which a request meets them. A provider module adds only its own paths and state.

pub(crate) mod body;
pub(crate) mod clock;
pub(crate) mod credential;
pub(crate) mod engine;
pub(crate) mod fault;
pub(crate) mod hold;
pub(crate) mod input;
pub(crate) mod log;
pub(crate) mod page;
pub(crate) mod plant;
pub(crate) mod provider;
pub(crate) mod rate;
pub(crate) mod store;
pub(crate) mod switch;
