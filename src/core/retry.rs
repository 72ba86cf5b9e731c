//! How long to wait before the next attempt.

use std::time::Duration;

/// What a failure asks for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Disposition {
    /// Try again after a delay that grows with each failure.
    Backoff,
    /// Try again no earlier than this long from now: the provider named a time.
    After(Duration),
    /// Nothing changes until the spec or a Secret does.
    WaitForChange,
}

/// The longest wait that a provider's `Retry-After` is obeyed for.
pub const RETRY_AFTER_MAX: Duration = Duration::from_secs(3600);
/// The longest delay between two attempts of ours.
pub const BACKOFF_MAX: Duration = Duration::from_secs(300);
const BACKOFF_MIN_MS: u64 = 1000;

/// The delay after the `failures`-th failure in a row: doubling from one second to [`BACKOFF_MAX`], spread over
/// the upper half by `seed`, so that objects that failed together do not come back together.
pub fn backoff(failures: u32, seed: u64) -> Duration {
    let failures = if crate::planted!(NoBackoff) { 1 } else { failures };
    let max = u64::try_from(BACKOFF_MAX.as_millis()).unwrap_or(u64::MAX);
    let full = BACKOFF_MIN_MS
        .saturating_mul(1 << failures.saturating_sub(1).min(20))
        .min(max);
    let half = full / 2;
    Duration::from_millis(half + scramble(seed ^ u64::from(failures)) % (full - half + 1))
}

/// A delay of `base`, moved by up to a tenth either way by `seed`: for regular work that should not bunch.
pub fn spread(base: Duration, seed: u64) -> Duration {
    let millis = u64::try_from(base.as_millis()).unwrap_or(u64::MAX / 2);
    let tenth = millis / 10;
    Duration::from_millis(millis - tenth + scramble(seed) % (2 * tenth + 1))
}

/// Reads a `Retry-After` value (RFC 9110, section 10.2.3): seconds, or an HTTP date relative to `now`, both in
/// Unix seconds. What makes no sense is ignored; what is too long is cut to [`RETRY_AFTER_MAX`].
pub fn retry_after(value: &str, parse_date: impl Fn(&str) -> Option<i64>, now: i64) -> Option<Duration> {
    let value = value.trim();
    let seconds = if value.bytes().all(|b| b.is_ascii_digit()) && !value.is_empty() {
        value.parse::<u64>().unwrap_or(u64::MAX)
    } else {
        u64::try_from(parse_date(value)?.saturating_sub(now)).ok()?
    };
    if crate::planted!(RetryAfterUnbounded) {
        return Some(Duration::from_secs(seconds));
    }
    Some(Duration::from_secs(seconds).min(RETRY_AFTER_MAX))
}

/// The finaliser of `SplitMix64`: spreads the bits of a seed.
fn scramble(seed: u64) -> u64 {
    let mut z = seed.wrapping_add(0x9e37_79b9_7f4a_7c15);
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn backoff_stays_between_half_a_second_and_the_cap(failures in any::<u32>(), seed in any::<u64>()) {
            let delay = backoff(failures, seed);
            prop_assert!(delay >= Duration::from_millis(500) && delay <= BACKOFF_MAX);
        }

        #[test]
        fn retry_after_is_never_longer_than_an_hour(value in ".{0,30}", date in any::<Option<i64>>(), now in any::<i64>()) {
            if let Some(delay) = retry_after(&value, |_| date, now) {
                prop_assert!(delay <= RETRY_AFTER_MAX);
            }
        }

        #[test]
        fn spreading_moves_by_at_most_a_tenth(base in 0_u64..1 << 40, seed in any::<u64>()) {
            let moved = spread(Duration::from_millis(base), seed).as_millis();
            let base = u128::from(base);
            prop_assert!(moved >= base - base / 10 && moved <= base + base / 10);
        }
    }

    #[test]
    fn retry_after_obeys_sense_and_ignores_nonsense() {
        let none = |_: &str| None;
        assert_eq!(retry_after("7", none, 0), Some(Duration::from_secs(7)));
        assert_eq!(retry_after("1000000000000", none, 0), Some(RETRY_AFTER_MAX));
        assert_eq!(
            retry_after("99999999999999999999999", none, 0),
            Some(RETRY_AFTER_MAX)
        );
        assert_eq!(retry_after("-5", none, 0), None);
        assert_eq!(retry_after("soon", none, 0), None);
        assert_eq!(retry_after("date", |_| Some(90), 100), None);
        assert_eq!(
            retry_after("date", |_| Some(130), 100),
            Some(Duration::from_secs(30))
        );
    }

    #[test]
    fn backoff_grows_until_the_cap() {
        assert!(backoff(1, 3) <= Duration::from_secs(1));
        assert!(backoff(4, 3) >= Duration::from_secs(4));
        assert!(backoff(40, 3) >= BACKOFF_MAX / 2);
    }
}
