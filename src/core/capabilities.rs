//! What a provider can do, as data: the core asks this, and never which provider it is.

use crate::view::FieldSet;

/// What distinguishes one provider from another, as far as decisions are concerned.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Capabilities {
    /// There is a free-text name, so that the ownership marker has a place.
    pub names: bool,
    /// Fields that can be wanted at this provider; others are refused before any call.
    pub supports: FieldSet,
    /// Names of the capabilities for `status.capabilities`, sorted.
    pub listed: &'static [&'static str],
}
