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
    // Half of what fits, so that a tenth more does too.
    let most = u64::MAX / 2;
    let millis = u64::try_from(base.as_millis()).map_or(most, |millis| millis.min(most));
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
    use std::collections::BTreeSet;

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

    /// The shortest and the longest that any of many seeds gives.
    fn reach(delay: impl Fn(u64) -> Duration) -> (Duration, Duration) {
        let delays = (0..20_000).map(delay);
        delays.fold((Duration::MAX, Duration::ZERO), |(least, most), delay| {
            (least.min(delay), most.max(delay))
        })
    }

    #[test]
    fn backoff_doubles_from_a_second_to_the_cap_and_its_upper_half_is_used_whole() {
        let millis = Duration::from_millis;
        assert_eq!(reach(|seed| backoff(1, seed)), (millis(500), millis(1000)));
        assert_eq!(reach(|seed| backoff(2, seed)), (millis(1000), millis(2000)));
        let (least, most) = reach(|seed| backoff(4, seed));
        assert!(least >= millis(4000) && least < millis(4100) && most > millis(7900) && most <= millis(8000));
        for failures in [10, 40, u32::MAX] {
            let (least, most) = reach(|seed| backoff(failures, seed));
            assert!(
                least >= BACKOFF_MAX / 2 && most > BACKOFF_MAX * 9 / 10,
                "{failures}"
            );
        }
    }

    #[test]
    fn a_regular_delay_is_spread_over_a_tenth_to_either_side() {
        let millis = Duration::from_millis;
        assert_eq!(
            reach(|seed| spread(millis(1000), seed)),
            (millis(900), millis(1100))
        );
        assert_eq!(reach(|seed| spread(millis(9), seed)), (millis(9), millis(9)));
        for base in [u64::MAX - 1, u64::MAX]
            .map(millis)
            .into_iter()
            .chain([Duration::MAX])
        {
            assert!(spread(base, 3) > millis(u64::MAX / 4), "as good as never");
        }
    }

    /// Seeds that are near each other come out far apart. The expected values are the first ones of `SplitMix64`
    /// seeded with 0 and with 1234567, as they are published (Rosetta Code, "Pseudo-random numbers/Splitmix64").
    #[test]
    fn seeds_are_spread_as_the_reference_does() {
        assert_eq!(scramble(0), 0xe220_a839_7b1d_cdaf);
        assert_eq!(scramble(1_234_567), 6_457_827_717_110_365_317);
    }

    #[test]
    fn one_seed_gives_another_delay_after_each_failure() {
        let delays: BTreeSet<_> = (20..60).map(|failures| backoff(failures, 7)).collect();
        assert!(delays.len() > 30, "{delays:?}");
    }
}
