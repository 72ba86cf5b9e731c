//! What a provider can do, as data: the core asks this, and never which provider it is.

use crate::view::FieldSet;

/// How a remote subscription is recognised as ours.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Identity {
    /// By the marker at the end of its name.
    Marker,
    /// There is no place for a marker: by the id that we hold, and by its content where none is held yet.
    Content,
}

/// How many remote subscriptions an object needs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FanOut {
    /// One for all of its events.
    Together,
    /// One for each event.
    EachEvent,
    /// One for each event and each combination of the filters' values.
    EachEventAndFilter,
}

/// What filters a provider can express.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Filtering {
    /// None.
    None,
    /// A tree of conditions for each family of events; the family of a filter that names none.
    Trees {
        /// The family that is meant where none is named.
        scope: &'static str,
    },
    /// Pairs of field and value, all of which must hold.
    Pairs,
}

/// Who makes the key that deliveries are signed with.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SigningKeys {
    /// The provider: the key can be published, and not be chosen.
    Provider,
    /// The client: the key is sent with the subscription.
    Client,
}

/// What distinguishes one provider from another, as far as decisions are concerned.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Capabilities {
    /// How a remote subscription is recognised as ours.
    pub identity: Identity,
    /// Fields that can be wanted at this provider; others are refused before any call.
    pub supports: FieldSet,
    /// Fields that the provider may show in a form of its own: masked, or written in a way that cannot be read back.
    /// What is shown right after a write stands for what was written, until it changes.
    pub rendered: FieldSet,
    /// Fields that a create cannot set, and an update can.
    pub late: FieldSet,
    /// How many remote subscriptions an object needs.
    pub fan_out: FanOut,
    /// What filters can be expressed.
    pub filtering: Filtering,
    /// Who makes the signing key.
    pub signing: SigningKeys,
    /// Where the client makes the key: how long what was signed with the key before goes on being sent, for people.
    pub old_signatures: &'static str,
    /// The services that an event belongs to, written `service/event`; empty where events have none.
    pub services: &'static [&'static str],
    /// Events that are known to exist, sorted. The set is open: others get a warning and are sent. Empty: nothing is
    /// known, and nothing is said.
    pub known_events: &'static [&'static str],
    /// The account lists the events that it has ([`Self::known_events`] says nothing then); others are refused
    /// before any call.
    pub catalogue: bool,
    /// The provider sends a test event on request.
    pub tests: bool,
    /// How many remote subscriptions of an account may have the same event and filters.
    pub identical_max: Option<usize>,
    /// Names of the capabilities for `status.capabilities`, sorted.
    pub listed: &'static [&'static str],
}

#[cfg(test)]
pub(crate) mod examples {
    //! Providers of the tests.

    use super::{Capabilities, FanOut, Filtering, Identity, SigningKeys};
    use crate::view::{Field, FieldSet};

    /// A provider with names.
    pub(crate) const NAMED: Capabilities = Capabilities {
        identity: Identity::Marker,
        supports: FieldSet::of(Field::ALL),
        rendered: FieldSet::EMPTY,
        late: FieldSet::EMPTY,
        fan_out: FanOut::EachEvent,
        filtering: Filtering::Trees { scope: "All" },
        signing: SigningKeys::Client,
        old_signatures: "",
        services: &[],
        known_events: &[],
        catalogue: false,
        tests: false,
        identical_max: None,
        listed: &[],
    };

    /// A provider without names.
    pub(crate) const NAMELESS: Capabilities = Capabilities {
        identity: Identity::Content,
        ..NAMED
    };
}
