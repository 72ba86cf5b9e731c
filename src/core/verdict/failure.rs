//! A failure that lasts from one attempt to the next.
//!
//! Between two attempts there is often nothing to say but that work waits: for a LIST, for a turn in the budget. That
//! must neither start the clock of the failure anew nor take back what was said of it, else an object that can never
//! be made looks for ever as if it were just being made.

use std::time::Duration;

use super::{Condition, Phase, Truth};
use crate::plan::{KeyState, Settled};
use crate::reason::Reason;
use crate::time::Moment;

/// A failure of one generation of an object.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Failure {
    /// When it began, which may be before this process did.
    pub since: Moment,
    /// The generation that fails.
    pub generation: i64,
    /// What was said of it last, which stays until something else is known. `None`: what the spec refers to was not
    /// there, and once it is that is not true any more.
    pub said: Option<(Reason, String)>,
}

impl Failure {
    /// How long it has lasted.
    pub fn lasted(&self, now: Moment) -> Duration {
        now.since(self.since)
    }

    /// What is to be judged in place of a phase, if that is something else; and the failure that lasts. Total.
    pub fn carry(
        known: Option<Self>,
        phase: &Phase,
        generation: i64,
        now: Moment,
    ) -> (Option<Phase>, Option<Self>) {
        let known = known.filter(|known| known.generation == generation);
        match Outcome::of(phase) {
            Outcome::Fails => {
                let fresh = Self {
                    since: now,
                    generation,
                    said: None,
                };
                (None, Some(known.unwrap_or(fresh)))
            }
            Outcome::Undecided => {
                let said = known.as_ref().and_then(|known| known.said.clone());
                let judged = said.map(|(reason, message)| Phase::Failed(reason, message));
                (judged, known)
            }
            Outcome::Over => (None, None),
        }
    }

    /// Notes what was said of it: the condition `Synced` that came of `phase`.
    pub fn note(&mut self, phase: &Phase, synced: Option<&Condition>) {
        if Outcome::of(phase) != Outcome::Fails {
            return;
        }
        let said =
            synced.filter(|synced| synced.truth == Truth::False && !matches!(phase, Phase::Blocked(..)));
        self.said = said.map(|synced| (synced.reason, synced.message.clone()));
    }
}

/// What a phase means to a failure.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Outcome {
    /// It is one.
    Fails,
    /// It may be over or not.
    Undecided,
    /// It is over.
    Over,
}

impl Outcome {
    fn of(phase: &Phase) -> Self {
        match phase {
            Phase::Failed(..) | Phase::Blocked(..) => Self::Fails,
            Phase::Settled(Settled { keys, .. }) => {
                keys.values().map(Self::of_key).fold(Self::Over, Self::worse)
            }
            Phase::Parked(_) => Self::Undecided,
            Phase::Rejected(..) | Phase::Deleting(_) | Phase::DeletionBlocked(_) => Self::Over,
        }
    }

    fn of_key(state: &KeyState) -> Self {
        match state {
            KeyState::Failing(..)
            | KeyState::Waiting(Reason::RemoteMissing | Reason::CreateOutcomeUnknown) => Self::Fails,
            KeyState::Waiting(_) => Self::Undecided,
            KeyState::InSync { .. } | KeyState::Drifted(..) | KeyState::Off(..) | KeyState::Stalled(..) => {
                Self::Over
            }
        }
    }

    fn worse(self, other: Self) -> Self {
        match (self, other) {
            (Self::Fails, _) | (_, Self::Fails) => Self::Fails,
            (Self::Undecided, _) | (_, Self::Undecided) => Self::Undecided,
            (Self::Over, Self::Over) => Self::Over,
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::super::tests::one;
    use super::*;

    const T: Moment = Moment::from_millis(1_000_000);

    fn failing() -> Phase {
        one(KeyState::Failing(
            Reason::ProviderUnavailable,
            "status 503".into(),
        ))
    }

    fn said(phase: &Phase, message: &str) -> Failure {
        let (_, failure) = Failure::carry(None, phase, 1, T);
        let mut failure = failure.unwrap();
        failure.note(
            phase,
            Some(&Condition::new(
                Truth::False,
                Reason::ProviderUnavailable,
                message,
            )),
        );
        failure
    }

    #[test]
    fn a_wait_between_two_attempts_takes_nothing_back() {
        let failure = said(&failing(), "status 503");
        for waiting in [
            Phase::Parked(Reason::WaitingForList),
            one(KeyState::Waiting(Reason::WaitingForList)),
        ] {
            let (judged, after) = Failure::carry(
                Some(failure.clone()),
                &waiting,
                1,
                T.after(Duration::from_secs(9)),
            );
            let expected = Phase::Failed(Reason::ProviderUnavailable, "status 503".into());
            assert_eq!(judged, Some(expected));
            assert_eq!(after, Some(failure.clone()));
        }
    }

    #[test]
    fn what_was_missing_is_not_said_to_be_missing_once_work_goes_on() {
        let blocked = Phase::Blocked(Reason::SecretNotFound, "no such Secret".into());
        let failure = said(&blocked, "no such Secret");
        let (judged, after) = Failure::carry(Some(failure), &Phase::Parked(Reason::Progressing), 1, T);
        assert_eq!((judged, after.map(|after| after.since)), (None, Some(T)));
    }

    #[test]
    fn what_lasted_before_this_process_counts() {
        let failure = Failure {
            since: T.before(Duration::from_secs(600)),
            ..said(&failing(), "status 503")
        };
        assert_eq!(
            failure.lasted(T.after(Duration::from_secs(1))),
            Duration::from_secs(601)
        );
    }

    #[test]
    fn another_generation_and_an_end_forget_it() {
        let later = T.after(Duration::from_secs(60));
        let failure = said(&failing(), "status 503");
        let (judged, after) = Failure::carry(
            Some(failure.clone()),
            &Phase::Parked(Reason::Progressing),
            2,
            later,
        );
        assert_eq!((judged, after), (None, None));
        let (_, after) = Failure::carry(Some(failure.clone()), &failing(), 2, later);
        assert_eq!(after.map(|after| after.since), Some(later));
        for over in [
            Phase::Settled(Settled::default()),
            one(KeyState::Stalled(Reason::RefusedByProvider, String::new())),
            Phase::Rejected(Reason::InsecureURL, String::new()),
        ] {
            assert_eq!(
                Failure::carry(Some(failure.clone()), &over, 1, later),
                (None, None)
            );
        }
    }

    proptest! {
        /// Whatever comes between, the clock is that of the first failure after the last good end.
        #[test]
        fn the_clock_is_that_of_the_first_failure(steps in proptest::collection::vec(0_u8..4, 1..40)) {
            let mut failure = None;
            let mut first = None;
            for (time, step) in (0_u64..).zip(steps) {
                let phase = match step {
                    0 => failing(),
                    1 => Phase::Parked(Reason::WaitingForList),
                    2 => one(KeyState::Waiting(Reason::Throttled)),
                    _ => Phase::Settled(Settled::default()),
                };
                let now = Moment::from_millis(time);
                first = match step {
                    0 => first.or(Some(now)),
                    1 | 2 => first,
                    _ => None,
                };
                failure = Failure::carry(failure, &phase, 1, now).1;
                prop_assert_eq!(failure.as_ref().map(|failure| failure.since), first);
            }
        }
    }
}
