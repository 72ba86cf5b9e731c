//! A `WebhookSubscription`: from its spec to what the provider holds for it, and back to its status.
//!
//! [`reconcile`] drives, by way of [`keep`] or [`removal`]: [`resolve`] and [`validate`] make the wish, the core decides, [`act`] performs, [`publish`] and
//! [`status`] write down. [`records`] is what is remembered of each object between two passes.

pub(super) mod act;
pub(super) mod claims;
pub(super) mod comparison;
pub(super) mod deliveries;
pub(super) mod disabled;
pub(super) mod generated_key;
pub(super) mod keep;
pub(super) mod permission;
pub(super) mod publish;
pub(super) mod published_key;
pub(super) mod quota;
pub(super) mod reconcile;
pub(super) mod records;
pub(super) mod removal;
pub(super) mod resolve;
pub(super) mod rivals;
pub(super) mod rotation;
mod signing_secret;
pub(super) mod status;
pub(super) mod test_events;
pub(super) mod unreadable;
pub(super) mod validate;
