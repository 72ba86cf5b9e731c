//! Who may write.
//!
//! Every outbound write, to a provider or to the apiserver, asks [`Leadership::may_write`] first, and gives the
//! write a deadline no later than [`Leadership::until`]. An answer is a point in time and not a yes: a replica that
//! was paused finds out by looking at its own clock, without hearing from anybody.
//!
//! Today one replica runs and it leads for good ([`Leadership::sole`]). Election by a Lease takes the place of that
//! constructor: it moves `until` forward with each renewal, and nothing that asks has to change.

use operator_core::time::Moment;

/// The right to write, and when it ends.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Leadership {
    until: Moment,
}

impl Leadership {
    /// The leadership of the only replica: it never ends.
    pub const fn sole() -> Self {
        Self::held_until(Moment::from_millis(u64::MAX))
    }

    /// A leadership that ends at `until`, on this process's clock.
    pub const fn held_until(until: Moment) -> Self {
        Self { until }
    }

    /// When it ends; a write must have ended by then.
    pub const fn until(&self) -> Moment {
        self.until
    }

    /// Whether a write may begin at `now`.
    pub fn may_write(&self, now: Moment) -> bool {
        now < self.until
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_right_to_write_ends_at_the_moment_it_was_held_until() {
        let held = Leadership::held_until(Moment::from_millis(10));
        assert!(held.may_write(Moment::from_millis(9)));
        assert!(!held.may_write(Moment::from_millis(10)));
        assert!(!held.may_write(Moment::from_millis(11)));
    }

    #[test]
    fn a_sole_replica_may_always_write() {
        let sole = Leadership::sole();
        assert!(sole.may_write(Moment::from_millis(0)));
        assert!(sole.may_write(Moment::from_millis(u64::MAX - 1)));
    }
}
