//! Time as a value. The core never asks what time it is; it is told.

use std::time::Duration;

/// A reading of a clock that never goes back, in milliseconds since its zero, which lies at or before the start of the
/// process.
///
/// Moments of different processes must never be compared: what has to survive a restart is kept in status as
/// wall-clock text, and is used for display only.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Moment(u64);

impl Moment {
    /// The moment that lies `millis` after the clock's zero.
    pub const fn from_millis(millis: u64) -> Self {
        Self(millis)
    }

    /// Milliseconds since the clock's zero.
    pub const fn as_millis(self) -> u64 {
        self.0
    }

    /// This moment moved into the future; stops at the end of time.
    #[must_use]
    pub fn after(self, delay: Duration) -> Self {
        Self(
            self.0
                .saturating_add(u64::try_from(delay.as_millis()).unwrap_or(u64::MAX)),
        )
    }

    /// This moment moved into the past; stops at the clock's zero.
    #[must_use]
    pub fn before(self, span: Duration) -> Self {
        Self(
            self.0
                .saturating_sub(u64::try_from(span.as_millis()).unwrap_or(u64::MAX)),
        )
    }

    /// How long ago `earlier` was; zero when it lies ahead.
    pub fn since(self, earlier: Self) -> Duration {
        Duration::from_millis(self.0.saturating_sub(earlier.0))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn moments_and_spans_add_up() {
        let (moment, span) = (Moment::from_millis(5_000), Duration::from_millis(1_250));
        assert_eq!(moment.after(span), Moment::from_millis(6_250));
        assert_eq!(moment.before(span).as_millis(), 3_750);
        assert_eq!(moment.after(span).since(moment), span);
        assert_eq!(moment.before(Duration::MAX), Moment::default());
    }

    #[test]
    fn moments_saturate_instead_of_wrapping() {
        let end = Moment::from_millis(u64::MAX);
        assert_eq!(end.after(Duration::from_secs(1)), end);
        assert_eq!(Moment::from_millis(5).since(end), Duration::ZERO);
        assert_eq!(end.after(Duration::MAX), end);
    }
}
