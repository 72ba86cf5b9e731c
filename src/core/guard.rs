//! The brakes: what looks like an accident stops until a person says that it is none.

use std::collections::VecDeque;
use std::time::Duration;

use crate::hash::HashKey;
use crate::names::ExternalId;
use crate::time::Moment;

/// Vanished ids that are always tolerated.
const VANISHED_MIN: usize = 3;

/// What an account tolerates.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct GuardLimits {
    /// Deletions within the window; `None` = no limit.
    pub max_deletions: Option<u32>,
    /// Known ids that may be missing from one LIST; `None` = the larger of three and a tenth.
    pub max_vanished: Option<u32>,
    /// The window of `max_deletions`.
    pub window: Duration,
}

impl Default for GuardLimits {
    fn default() -> Self {
        Self {
            max_deletions: None,
            max_vanished: None,
            window: Duration::from_secs(3600),
        }
    }
}

impl GuardLimits {
    /// Whether `missing` of `known` ids are more than a LIST may lack.
    pub fn too_many_vanished(&self, missing: usize, known: usize) -> bool {
        let limit = self
            .max_vanished
            .map_or_else(|| VANISHED_MIN.max(known / 10), |max| max as usize);
        missing > limit && !crate::planted!(VanishedGuardOff)
    }
}

/// The token of a trip: the same for the same set of ids, so that a release that was given holds after a
/// restart, and does not hold for the next accident.
pub fn token<'a>(key: &HashKey, ids: impl IntoIterator<Item = &'a ExternalId>) -> String {
    let mut ids: Vec<_> = ids.into_iter().map(|id| id.as_str().as_bytes()).collect();
    ids.sort_unstable();
    format!("{:016x}", key.fingerprint("guard", ids).short())
}

/// The deletions of an account within the window.
#[derive(Debug, Default)]
pub struct Deletions(VecDeque<Moment>);

impl Deletions {
    /// Whether one more deletion is within the limit.
    pub fn allowed(&mut self, limits: &GuardLimits, now: Moment) -> bool {
        while self.0.front().is_some_and(|at| now.since(*at) >= limits.window) {
            self.0.pop_front();
        }
        crate::planted!(DeletionGuardOff)
            || limits.max_deletions.is_none_or(|max| self.0.len() < max as usize)
    }

    /// Counts one more deletion if it is within the limit; asked before it is sent, so that those which are sent side
    /// by side are counted too. Without a limit nothing has to be remembered.
    pub fn reserve(&mut self, limits: &GuardLimits, now: Moment) -> bool {
        let allowed = self.allowed(limits, now) || crate::planted!(DeletionGuardOff);
        if allowed && limits.max_deletions.is_some() {
            self.0.push_back(now);
        }
        allowed
    }

    /// A deletion that was counted had no effect.
    pub fn give_back(&mut self) {
        self.0.pop_back();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn few_may_vanish_and_a_tenth_of_many() {
        let limits = GuardLimits::default();
        assert!(!limits.too_many_vanished(3, 5));
        assert!(limits.too_many_vanished(4, 5));
        assert!(!limits.too_many_vanished(100, 1000));
        assert!(limits.too_many_vanished(101, 1000));
        assert!(
            GuardLimits {
                max_vanished: Some(0),
                ..limits
            }
            .too_many_vanished(1, 1000)
        );
    }

    #[test]
    fn the_token_names_the_set_and_not_its_order() {
        let key = HashKey::new([3; 32]);
        let [a, b] = ["a", "b"].map(|id| ExternalId::parse(id).unwrap());
        assert_eq!(token(&key, [&a, &b]), token(&key, [&b, &a]));
        assert_ne!(token(&key, [&a, &b]), token(&key, [&a]));
    }

    #[test]
    fn deletions_are_counted_within_the_window() {
        let limits = GuardLimits {
            max_deletions: Some(2),
            ..GuardLimits::default()
        };
        let mut deletions = Deletions::default();
        for minute in [0, 1] {
            let now = Moment::from_millis(minute * 60_000);
            assert!(deletions.reserve(&limits, now));
        }
        assert!(!deletions.allowed(&limits, Moment::from_millis(59 * 60_000)));
        assert!(deletions.allowed(&limits, Moment::from_millis(60 * 60_000)));
        assert!(deletions.reserve(&limits, Moment::from_millis(60 * 60_000)));
        assert!(!deletions.reserve(&limits, Moment::from_millis(60 * 60_000)));
        deletions.give_back();
        assert!(deletions.reserve(&limits, Moment::from_millis(60 * 60_000)));
    }

    #[test]
    fn what_was_refused_is_not_counted_and_without_a_limit_nothing_is() {
        let at = |minute: u64| Moment::from_millis(minute * 60_000);
        let limits = |max_deletions| GuardLimits {
            max_deletions,
            ..GuardLimits::default()
        };
        let mut deletions = Deletions::default();
        assert!(deletions.reserve(&limits(Some(1)), at(0)));
        assert!(!deletions.reserve(&limits(Some(1)), at(30)));
        assert!(deletions.reserve(&limits(Some(1)), at(60)));
        assert!(!deletions.reserve(&limits(Some(0)), at(500)));
        let mut deletions = Deletions::default();
        for _ in 0..5 {
            assert!(deletions.reserve(&limits(None), at(0)));
        }
        assert!(deletions.reserve(&limits(Some(1)), at(0)));
    }
}
