//! What the user is told: conditions, from what was decided.
//!
//! The rules are those of kstatus, as Flux, Argo CD and Helm read them: `Ready` sums up; `Reconciling` and
//! `Stalled` are present only while true, and never both; an object that was in sync stays Ready through a short
//! outage, and says so in `Synced`.

use std::time::Duration;

mod failure;

pub use failure::Failure;

use crate::delivery::Overall;
use crate::names::RemoteKey;
use crate::plan::{KeyState, Settled};
use crate::reason::Reason;
use crate::view::FieldSet;

/// The longest condition message, in characters.
pub const MESSAGE_MAX: usize = 1024;

/// A condition's status.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Truth {
    /// `True`.
    True,
    /// `False`.
    False,
    /// `Unknown`.
    Unknown,
}

impl Truth {
    /// The text in the API.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::True => "True",
            Self::False => "False",
            Self::Unknown => "Unknown",
        }
    }
}

/// One condition, without its times.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Condition {
    /// Status.
    pub truth: Truth,
    /// Reason.
    pub reason: Reason,
    /// Message.
    pub message: String,
}

impl Condition {
    /// A condition; the message is cut at [`MESSAGE_MAX`].
    pub fn new(truth: Truth, reason: Reason, message: impl Into<String>) -> Self {
        let message: String = message.into();
        Self {
            truth,
            reason,
            message: message.chars().take(MESSAGE_MAX).collect(),
        }
    }

    /// The message of `Ready`: where a person is needed, with the address of what the documentation says about the reason.
    /// At most [`MESSAGE_MAX`] characters; what has the address already, as what was said before, stays as it is.
    pub fn message_of_ready(&self) -> String {
        let told = self.message.ends_with(&self.reason.address());
        if self.truth != Truth::False || self.reason.is_under_way() || told {
            return self.message.clone();
        }
        // A message may end with a command for the shell: what follows a semicolon is not part of it.
        let message = self.message.trim_end_matches('.');
        let joint = if message.is_empty() { "" } else { "; " };
        let address = format!("{joint}see {}", self.reason.address());
        let room = MESSAGE_MAX.saturating_sub(address.len());
        let kept: String = message.chars().take(room).collect();
        kept + &address
    }
}

/// What came out of a reconcile.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Phase {
    /// The spec cannot be acted on until somebody changes it, or what it refers to.
    Rejected(Reason, String),
    /// Something that the spec refers to is not there yet, or not usable; it may come by itself.
    Blocked(Reason, String),
    /// The plan came to rest.
    Settled(Settled),
    /// The plan waits for its turn.
    Parked(Reason),
    /// A step outside of the plan failed.
    Failed(Reason, String),
    /// The object is on its way out.
    Deleting(Settled),
    /// The object cannot go.
    DeletionBlocked(String),
}

/// What the verdict needs to know besides.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Context {
    /// The present generation was in sync before.
    pub synced_before: bool,
    /// Some generation was.
    pub ever_synced: bool,
    /// How long it has been failing.
    pub failing_for: Duration,
    /// How long a failure is not shown in `Ready`.
    pub grace: Duration,
}

/// The conditions that depend on the phase. `None` = absent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Verdict {
    /// The summary.
    pub ready: Condition,
    /// Whether the spec is valid and allowed; `None` = leave it as it is.
    pub accepted: Option<Condition>,
    /// Whether the remote is as the spec says; `None` = leave it as it is.
    pub synced: Option<Condition>,
    /// Work is under way.
    pub reconciling: Option<Condition>,
    /// Nothing will happen until somebody acts.
    pub stalled: Option<Condition>,
    /// The present generation is in sync.
    pub in_sync: bool,
}

impl Verdict {
    fn ready(message: &str) -> Self {
        Self {
            ready: Condition::new(Truth::True, Reason::InSync, message),
            accepted: Some(Condition::new(Truth::True, Reason::Valid, "")),
            synced: Some(Condition::new(Truth::True, Reason::InSync, message)),
            reconciling: None,
            stalled: None,
            in_sync: true,
        }
    }

    fn stalled(reason: Reason, message: &str) -> Self {
        Self {
            ready: Condition::new(Truth::False, reason, message),
            synced: Some(Condition::new(Truth::False, reason, message)),
            stalled: Some(Condition::new(Truth::True, reason, message)),
            in_sync: false,
            ..Self::ready("")
        }
    }

    /// It is there, it is ours, and it delivers nothing.
    fn off(message: &str) -> Self {
        let off = Condition::new(Truth::False, Reason::DisabledByProvider, message);
        Self {
            ready: off.clone(),
            synced: Some(off),
            in_sync: false,
            ..Self::ready("")
        }
    }

    /// While nothing new is known of what the provider has switched off, it stays told: `said` is what was said of it.
    #[must_use]
    pub fn while_off(self, said: &str) -> Self {
        if self.ready.truth != Truth::True {
            return self;
        }
        Self {
            ready: Condition::new(Truth::False, Reason::DisabledByProvider, said),
            ..self
        }
    }

    fn progressing(context: &Context, message: &str) -> Self {
        let truth = if context.ever_synced {
            Truth::False
        } else {
            Truth::Unknown
        };
        let reason = if context.ever_synced {
            Reason::ProgressingWithRetry
        } else {
            Reason::Progressing
        };
        Self {
            ready: Condition::new(truth, reason, message),
            synced: Some(Condition::new(Truth::Unknown, Reason::Progressing, message)),
            reconciling: Some(Condition::new(Truth::True, Reason::Progressing, message)),
            in_sync: false,
            ..Self::ready("")
        }
    }

    fn failing(context: &Context, reason: Reason, message: &str) -> Self {
        let late = context.failing_for >= context.grace;
        let synced = Some(Condition::new(Truth::False, reason, message));
        let base = Self {
            synced,
            in_sync: false,
            ..Self::ready("")
        };
        if late {
            return Self {
                ready: Condition::new(Truth::False, reason, message),
                ..base
            };
        }
        if context.synced_before {
            // Neither Ready nor Reconciling moves: a short outage of a provider must not turn every app red.
            return Self {
                ready: Condition::new(Truth::True, Reason::InSync, IN_SYNC),
                ..base
            };
        }
        let message = &format!("{reason}: {message}");
        Self {
            ready: Condition::new(Truth::False, Reason::ProgressingWithRetry, message),
            reconciling: Some(Condition::new(Truth::True, Reason::ProgressingWithRetry, message)),
            ..base
        }
    }
}

const IN_SYNC: &str = "the remote subscription is as specified";

/// The conditions of a phase. Total.
pub fn verdict(phase: &Phase, context: &Context) -> Verdict {
    match phase {
        Phase::Rejected(reason, message) => Verdict {
            accepted: Some(Condition::new(Truth::False, *reason, message.as_str())),
            synced: None,
            ..Verdict::stalled(*reason, message)
        },
        Phase::Blocked(reason, message) => Verdict {
            accepted: Some(Condition::new(Truth::False, *reason, message.as_str())),
            ..Verdict::failing(context, *reason, message)
        },
        Phase::Failed(reason, message) => Verdict::failing(context, *reason, message),
        Phase::Parked(_) => parked(context),
        Phase::Settled(settled) => settled_verdict(settled, context),
        Phase::Deleting(settled) => deleting(settled),
        Phase::DeletionBlocked(message) => Verdict {
            accepted: None,
            ..Verdict::stalled(Reason::DeletionBlocked, message)
        },
    }
}

/// One text for all that is waited for: a status write for each step of the queue would cost more than it tells.
fn parked(context: &Context) -> Verdict {
    if context.synced_before {
        // Nothing new is known: what was said of the remote subscription stays as it is.
        return Verdict {
            synced: None,
            ..Verdict::ready(IN_SYNC)
        };
    }
    Verdict::progressing(
        context,
        "work has begun; requests take their turn within the account's budget",
    )
}

fn deleting(settled: &Settled) -> Verdict {
    let stalled = settled.keys.iter().find_map(|(key, state)| match state {
        KeyState::Stalled(_, message) => Some(named(settled, key, message)),
        _ => None,
    });
    if let Some(message) = stalled {
        return Verdict {
            accepted: None,
            ..Verdict::stalled(Reason::DeletionBlocked, &message)
        };
    }
    let message = settled.keys.iter().find_map(|(key, state)| match state {
        KeyState::Failing(_, message) => Some(named(settled, key, message)),
        KeyState::Waiting(reason) => Some(reason.explanation().trim().to_owned()),
        _ => None,
    });
    let message = message.unwrap_or_else(|| "the remote subscription is being deleted".to_owned());
    Verdict {
        ready: Condition::new(Truth::False, Reason::Deleting, message.as_str()),
        accepted: None,
        synced: None,
        reconciling: Some(Condition::new(Truth::True, Reason::Deleting, message)),
        stalled: None,
        in_sync: false,
    }
}

/// The worst key speaks for the object; several keys are told apart by name.
fn settled_verdict(settled: &Settled, context: &Context) -> Verdict {
    let worst = settled
        .keys
        .iter()
        .max_by_key(|(_, state)| severity(state, context.synced_before));
    let Some((key, state)) = worst else {
        return Verdict::ready(IN_SYNC);
    };
    let named = |message: &str| named(settled, key, message);
    match state {
        KeyState::Stalled(reason, message) => Verdict::stalled(*reason, &named(message)),
        KeyState::Failing(reason, message) => Verdict::failing(context, *reason, &named(message)),
        KeyState::Waiting(reason) if context.synced_before && *reason != Reason::RemoteMissing => {
            parked(context)
        }
        KeyState::Waiting(reason @ (Reason::RemoteMissing | Reason::CreateOutcomeUnknown)) => {
            Verdict::failing(context, *reason, reason.explanation().trim())
        }
        KeyState::Waiting(_) => parked(context),
        KeyState::Drifted(fields, reason) => {
            let message = format!("{}: {fields}", reason.explanation().trim().trim_end_matches('.'));
            let synced = Condition::new(Truth::False, *reason, named(&message));
            Verdict {
                synced: Some(synced),
                ..Verdict::ready("the remote subscription differs from the spec; see Synced")
            }
        }
        KeyState::Off(message) => Verdict::off(&named(message)),
        KeyState::InSync { .. } => in_sync(settled),
    }
}

fn in_sync(settled: &Settled) -> Verdict {
    let sets = settled.keys.values().filter_map(|state| match state {
        KeyState::InSync {
            not_kept,
            unverifiable,
        } => Some((*not_kept, *unverifiable)),
        _ => None,
    });
    let (not_kept, unverifiable) = sets.fold((FieldSet::EMPTY, FieldSet::EMPTY), |(a, b), (c, d)| {
        (a.union(c), b.union(d))
    });
    if !not_kept.is_empty() {
        let message = format!("the provider did not change these fields as asked: {not_kept}");
        return Verdict::stalled(Reason::CannotClear, &message);
    }
    let ready = Verdict::ready(IN_SYNC);
    if unverifiable.is_empty() {
        return ready;
    }
    let message = format!(
        "these fields were removed, and the provider does not show whether they are gone: {unverifiable}"
    );
    Verdict {
        synced: Some(Condition::new(Truth::Unknown, Reason::Unverifiable, message)),
        ..ready
    }
}

fn severity(state: &KeyState, synced_before: bool) -> u8 {
    match state {
        KeyState::Stalled(..) => 6,
        KeyState::Off(..) => 5,
        KeyState::Failing(..) => 4,
        KeyState::Waiting(Reason::RemoteMissing | Reason::CreateOutcomeUnknown) => 3,
        KeyState::Waiting(_) if synced_before => 1,
        KeyState::Waiting(_) => 3,
        KeyState::Drifted(..) => 2,
        KeyState::InSync { .. } => 0,
    }
}

/// The message of one key; where there are several, with its name in front, and then the others that fail or stall:
/// those that do for the same reason together.
fn named(settled: &Settled, key: &RemoteKey, message: &str) -> String {
    if settled.keys.len() <= 1 {
        return message.to_owned();
    }
    let mut groups: Vec<(&str, Vec<&RemoteKey>)> = vec![(message, vec![key])];
    for (other, state) in &settled.keys {
        let (KeyState::Stalled(_, said) | KeyState::Failing(_, said) | KeyState::Off(said)) = state else {
            continue;
        };
        match groups.iter_mut().find(|(known, _)| known == said) {
            Some((_, keys)) if !keys.contains(&other) => keys.push(other),
            Some(_) => {}
            None => groups.push((said, vec![other])),
        }
    }
    let group = |(said, mut keys): (&str, Vec<&RemoteKey>)| {
        keys.sort();
        let keys: Vec<&str> = keys.into_iter().map(RemoteKey::as_str).collect();
        format!("{}: {said}", keys.join(", "))
    };
    groups.into_iter().map(group).collect::<Vec<_>>().join("; ")
}

/// `DeliveryHealthy`, which never gates Ready.
pub fn delivery_condition(overall: Overall, monitored: bool, failing: &[String]) -> Condition {
    match overall {
        _ if !monitored => Condition::new(
            Truth::Unknown,
            Reason::NotMonitored,
            "spec.delivery.interval is 0s",
        ),
        Overall::Unknown => Condition::new(
            Truth::Unknown,
            Reason::NoRecentDelivery,
            "nothing was delivered lately",
        ),
        Overall::Healthy => Condition::new(Truth::True, Reason::DeliveriesSucceeding, ""),
        Overall::Failing => {
            let message = format!("deliveries fail: {}", failing.join(", "));
            Condition::new(Truth::False, Reason::DeliveriesFailing, message)
        }
    }
}

#[cfg(test)]
mod tests;
