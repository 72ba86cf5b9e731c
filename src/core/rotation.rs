//! When a signing key that the operator made is exchanged for another one.
//!
//! What is stored beside the key decides, and nothing that a process remembers: when the key was made, and until when the
//! one before it is good. Times are milliseconds of Unix time.

/// How long the previous key stays good where nobody says.
pub const OVERLAP: i64 = 24 * 60 * 60 * 1000;

/// What is stored beside the key.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Stored {
    /// When the key was made.
    pub made: i64,
    /// The previous key is there, and is good until then.
    pub previous: Option<i64>,
}

/// What the user wants.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Rhythm {
    /// How old a key becomes; `None`: it is exchanged on request only.
    pub interval: Option<i64>,
    /// How long the previous key stays good.
    pub overlap: i64,
    /// Somebody asks for another key now.
    pub requested: bool,
}

/// What to do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Turn {
    /// Make another key. The present one becomes the previous one, good until then.
    Rotate {
        /// Until when.
        until: i64,
    },
    /// The previous key is not good any longer, and nobody can say that the provider no longer signs with it: it stays
    /// good until then.
    Extend {
        /// Until when.
        until: i64,
    },
    /// Take the previous key away.
    Drop,
    /// Nothing, until then; `None`: until something else happens.
    Wait(Option<i64>),
}

/// What to do at `wall`. `sent` tells that the provider signs with the key that is stored. Total.
///
/// A key is exchanged only when the provider has it and the one before it is gone, so that there are never more than two,
/// and the provider signs with one of them.
pub fn turn(stored: Stored, rhythm: Rhythm, sent: bool, wall: i64) -> Turn {
    let until = wall.saturating_add(rhythm.overlap);
    match stored.previous {
        Some(good) if wall < good => return Turn::Wait(Some(good)),
        Some(_) if sent => return Turn::Drop,
        Some(_) => return Turn::Extend { until },
        None if !sent => return Turn::Wait(None),
        None if rhythm.requested => return Turn::Rotate { until },
        None => {}
    }
    match rhythm
        .interval
        .map(|interval| stored.made.saturating_add(interval))
    {
        Some(due) if due <= wall => Turn::Rotate { until },
        due => Turn::Wait(due),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const HOUR: i64 = 60 * 60 * 1000;

    fn rhythm(requested: bool) -> Rhythm {
        Rhythm {
            interval: Some(24 * HOUR),
            overlap: 8 * HOUR,
            requested,
        }
    }

    fn stored(previous: Option<i64>) -> Stored {
        Stored { made: 0, previous }
    }

    #[test]
    fn a_key_is_exchanged_at_its_age_or_on_request_once_the_one_before_it_is_gone() {
        let early = |requested| turn(stored(None), rhythm(requested), true, HOUR);
        assert_eq!(early(false), Turn::Wait(Some(24 * HOUR)));
        assert_eq!(early(true), Turn::Rotate { until: 9 * HOUR });
        let due = turn(stored(None), rhythm(false), true, 24 * HOUR);
        assert_eq!(due, Turn::Rotate { until: 32 * HOUR });
        let overlap = turn(stored(Some(9 * HOUR)), rhythm(true), true, 2 * HOUR);
        assert_eq!(overlap, Turn::Wait(Some(9 * HOUR)));
    }

    #[test]
    fn the_previous_key_goes_after_the_overlap_and_not_before_the_provider_has_the_new_one() {
        let turn = |sent| turn(stored(Some(9 * HOUR)), rhythm(false), sent, 9 * HOUR);
        assert_eq!(turn(true), Turn::Drop);
        assert_eq!(turn(false), Turn::Extend { until: 17 * HOUR });
    }

    #[test]
    fn a_key_that_the_provider_does_not_have_yet_is_not_exchanged() {
        for (requested, wall) in [(false, HOUR), (true, HOUR), (false, 24 * HOUR), (true, 24 * HOUR)] {
            let turn = turn(stored(None), rhythm(requested), false, wall);
            assert_eq!(turn, Turn::Wait(None));
        }
    }

    #[test]
    fn where_nobody_says_the_previous_key_stays_good_for_a_day() {
        assert_eq!(OVERLAP, 24 * HOUR);
    }

    proptest! {
        /// Keys are numbers here: each rotation makes the next one.
        #[test]
        fn the_key_that_the_provider_signs_with_is_always_stored(
            steps in prop::collection::vec((0..HOUR * 30, any::<bool>(), any::<bool>(), any::<bool>()), 0..80),
        ) {
            let (mut wall, mut stored) = (0, stored(None));
            let (mut current, mut previous, mut provider) = (1, None, 1);
            for (later, pushed, requested, stale) in steps {
                wall += later;
                if pushed {
                    provider = current;
                }
                // Whether it was sent may be known too late, and never too early.
                let sent = provider == current && !stale;
                match turn(stored, rhythm(requested), sent, wall) {
                    Turn::Rotate { until } => {
                        prop_assert!(previous.is_none());
                        (previous, current) = (Some(current), current + 1);
                        stored = Stored { made: wall, previous: Some(until) };
                    }
                    Turn::Extend { until } => {
                        prop_assert!(until > wall);
                        stored.previous = Some(until);
                    }
                    Turn::Drop => (previous, stored.previous) = (None, None),
                    Turn::Wait(until) => prop_assert!(until.is_none_or(|until| until > wall)),
                }
                prop_assert!(provider == current || previous == Some(provider));
            }
        }
    }
}
