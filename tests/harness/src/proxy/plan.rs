//! Fault plans: which request, at which moment, and what goes wrong then.

use std::fmt;
use std::time::Duration;

use super::classify::{Call, Side};

/// Which requests are meant. A member that is absent matches everything.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Pattern {
    /// Where it goes.
    pub side: Option<Side>,
    /// [`Call::label`].
    pub label: Option<String>,
    /// [`Call::verb`].
    pub verb: Option<String>,
    /// [`Call::resource`].
    pub resource: Option<String>,
    /// [`Call::namespace`].
    pub namespace: Option<String>,
    /// [`Call::name`].
    pub name: Option<String>,
}

impl Pattern {
    /// Requests of one kind: [`Call::label`].
    pub fn label(label: &str) -> Self {
        Self {
            label: Some(label.to_owned()),
            ..Self::default()
        }
    }

    /// All requests to one side.
    pub fn side(side: Side) -> Self {
        Self {
            side: Some(side),
            ..Self::default()
        }
    }

    /// Watches of a resource.
    pub fn watch(resource: &str) -> Self {
        Self {
            side: Some(Side::Apiserver),
            verb: Some("watch".to_owned()),
            resource: Some(resource.to_owned()),
            ..Self::default()
        }
    }

    pub(super) fn matches(&self, call: &Call) -> bool {
        let fits =
            |wanted: &Option<String>, found: &str| wanted.as_deref().is_none_or(|wanted| wanted == found);
        self.side.is_none_or(|side| side == call.side)
            && self.label.as_ref().is_none_or(|label| *label == call.label())
            && fits(&self.verb, &call.verb)
            && fits(&self.resource, &call.resource)
            && fits(&self.namespace, &call.namespace)
            && fits(&self.name, &call.name)
    }
}

/// The moment of a request at which a fault strikes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum At {
    /// It was read, and the server knows nothing of it.
    Before,
    /// The server has answered, and the client knows nothing of that.
    Applied,
    /// The whole answer was handed to the client's connection.
    After,
}

/// What is in an answer instead of the server's own body. The status stays.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Swap {
    /// A web page, as a captive portal sends it.
    Html,
    /// No bytes.
    Empty,
    /// The first half of the real body.
    Truncated,
    /// The JSON value `null`.
    Null,
    /// This text.
    Text(String),
}

/// What goes wrong.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Action {
    /// SIGKILL to the operator that was named to the switchboard, and the connection is reset.
    Kill,
    /// The connection is reset (TCP RST).
    Reset,
    /// Nothing more comes; ends when the client goes away.
    Hang,
    /// This status is answered, in the form of the side's own errors.
    Status {
        /// HTTP status.
        code: u16,
        /// Value of `Retry-After`.
        retry_after: Option<String>,
    },
    /// Waits, then goes on as usual.
    Delay(Duration),
    /// Waits until it is released.
    Hold,
    /// The body of the answer is another one.
    Body(Swap),
    /// The answer's body comes in pieces of so many bytes with a pause between them.
    Slice {
        /// Bytes in a piece.
        bytes: usize,
        /// Pause before each piece.
        pause: Duration,
    },
    /// The answer's body comes up to a byte, and then the connection is reset.
    Cut {
        /// Bytes that are sent.
        after: usize,
    },
}

impl Action {
    /// This status without `Retry-After`.
    pub fn status(code: u16) -> Self {
        Self::Status {
            code,
            retry_after: None,
        }
    }

    fn fits(&self, at: At) -> bool {
        match self {
            Self::Kill | Self::Reset => true,
            Self::Hang | Self::Status { .. } | Self::Delay(_) | Self::Hold => at != At::After,
            Self::Body(_) | Self::Slice { .. } | Self::Cut { .. } => at == At::Applied,
        }
    }
}

/// A fault with the request that it is meant for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Plan {
    /// The requests that count as matches.
    pub requests: Pattern,
    /// The first match that is hit, counted from 1 since the plan was added.
    pub nth: u64,
    /// How many matches in a row are hit, from that one on.
    pub times: u64,
    /// When.
    pub at: At,
    /// What happens.
    pub action: Action,
}

/// The plan makes no sense.
#[derive(Debug, thiserror::Error)]
#[error("a plan {0}")]
pub struct PlanError(&'static str);

impl Plan {
    /// Hits the first match.
    pub fn first(requests: Pattern, at: At, action: Action) -> Self {
        Self::nth(requests, 1, at, action)
    }

    /// Hits the n-th match, counted from 1.
    pub fn nth(requests: Pattern, nth: u64, at: At, action: Action) -> Self {
        Self {
            requests,
            nth,
            times: 1,
            at,
            action,
        }
    }

    /// Hits every match, as long as the plan is there.
    pub fn every(requests: Pattern, at: At, action: Action) -> Self {
        Self {
            times: u64::MAX,
            ..Self::first(requests, at, action)
        }
    }

    pub(super) fn check(&self) -> Result<(), PlanError> {
        if self.nth == 0 || self.times == 0 {
            return Err(PlanError("counts from 1, and hits at least once"));
        }
        if !self.action.fits(self.at) {
            return Err(PlanError("asks for an action that its moment does not have"));
        }
        match self.action {
            Action::Status { code, .. } if !(200..600).contains(&code) => {
                Err(PlanError("answers with a status from 200 to 599"))
            }
            Action::Slice { bytes: 0, .. } => Err(PlanError("sends at least a byte in a piece")),
            _ => Ok(()),
        }
    }
}

impl fmt::Display for At {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Before => "before",
            Self::Applied => "applied",
            Self::After => "after",
        })
    }
}

/// Which events of a watch are meant.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct EventPattern {
    /// `ADDED`, `MODIFIED`, `DELETED`, `BOOKMARK` or `ERROR`; any if unset.
    pub kind: Option<String>,
    /// Name of the object; any if unset.
    pub name: Option<String>,
}

impl EventPattern {
    /// Events of an object.
    pub fn of(name: &str) -> Self {
        Self {
            kind: None,
            name: Some(name.to_owned()),
        }
    }

    /// Events of one type about an object.
    pub fn kind(kind: &str, name: &str) -> Self {
        Self {
            kind: Some(kind.to_owned()),
            name: Some(name.to_owned()),
        }
    }

    pub(super) fn matches(&self, kind: &str, name: &str) -> bool {
        self.kind.as_deref().is_none_or(|wanted| wanted == kind)
            && self.name.as_deref().is_none_or(|wanted| wanted == name)
    }
}

/// What happens to an event of a watch.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum WatchAction {
    /// It and all that follow on its watch wait until they are released.
    Hold,
    /// It is left out.
    Drop,
    /// It comes so many times more, at once.
    Replay(usize),
    /// It comes behind the next so many events.
    Late(usize),
    /// In its place comes `410 Gone` (an `ERROR` event), and the watch ends.
    Gone,
    /// Neither it nor anything else comes; the connection stays open.
    Mute,
    /// The watch ends without it.
    End,
}

/// A fault in the events of watches.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WatchPlan {
    /// The watches.
    pub requests: Pattern,
    /// The events that count as matches.
    pub event: EventPattern,
    /// The first match that is hit, counted from 1 since the plan was added.
    pub nth: u64,
    /// How many matches in a row are hit, from that one on.
    pub times: u64,
    /// What happens.
    pub action: WatchAction,
}

impl WatchPlan {
    /// Hits the first matching event on a watch of this resource.
    pub fn first(resource: &str, event: EventPattern, action: WatchAction) -> Self {
        Self {
            requests: Pattern::watch(resource),
            event,
            nth: 1,
            times: 1,
            action,
        }
    }

    /// Hits every matching event.
    #[must_use]
    pub fn every(mut self) -> Self {
        self.times = u64::MAX;
        self
    }
}

/// Whether the match of this number, counted from 1, is hit.
pub(super) fn hits(nth: u64, times: u64, matched: u64) -> bool {
    matched >= nth && matched - nth < times
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_plan_hits_its_run_of_matches() {
        let hit = |nth, times| {
            (1..=6)
                .filter(|matched| hits(nth, times, *matched))
                .collect::<Vec<_>>()
        };
        assert_eq!(hit(3, 1), [3]);
        assert_eq!(hit(2, 3), [2, 3, 4]);
        assert_eq!(hit(5, u64::MAX), [5, 6]);
    }

    #[test]
    fn a_plan_that_cannot_happen_is_refused() {
        let plan = |at, action| Plan::first(Pattern::default(), at, action).check();
        assert!(plan(At::After, Action::Kill).is_ok());
        assert!(plan(At::After, Action::Hang).is_err());
        assert!(plan(At::Before, Action::Body(Swap::Html)).is_err());
        assert!(plan(At::Before, Action::status(99)).is_err());
        assert!(
            Plan::nth(Pattern::default(), 0, At::Before, Action::Reset)
                .check()
                .is_err()
        );
    }
}
