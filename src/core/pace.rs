//! How often an object that is edited all the time is worked on.
//!
//! Ten edits are carried out as they come; of more than that one a second, always the newest: what is wanted is a state, and
//! the states between are nobody's loss. So a loop that fights with the operator over an object, or a person's script, does
//! not take the account's budget and the apiserver's time from the others.

use std::time::Duration;

use crate::time::Moment;

/// Edits that are carried out as they come, after a quiet time.
const AT_ONCE: u32 = 10;
/// After them one in this time.
const EVERY: Duration = Duration::from_secs(1);

/// The edits of one object so far.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Pace {
    generation: i64,
    /// When the edits so far would be over, at one in [`EVERY`].
    over: Moment,
}

impl Pace {
    /// The object is about to be worked on in this generation. Returns when that may begin, if not now; an edit counts when
    /// it does.
    pub fn begin(&mut self, generation: i64, now: Moment) -> Option<Moment> {
        if generation == self.generation {
            return None;
        }
        let earliest = self.over.before(EVERY * AT_ONCE);
        if now < earliest {
            return Some(earliest);
        }
        self.generation = generation;
        self.over = self.over.max(now).after(EVERY);
        None
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn ten_edits_in_a_moment_are_carried_out_and_the_next_after_a_second() {
        let (mut pace, now) = (Pace::default(), Moment::from_millis(100_000));
        for generation in 1..=11 {
            assert_eq!(pace.begin(generation, now), None, "{generation}");
            assert_eq!(pace.begin(generation, now), None, "what was begun goes on");
        }
        let next = now.after(EVERY);
        assert_eq!(pace.begin(12, now), Some(next));
        assert_eq!(pace.begin(13, now.after(EVERY / 2)), Some(next));
        assert_eq!(pace.begin(13, next), None);
        assert!(pace.begin(14, next).is_some());
    }

    proptest! {
        #[test]
        fn no_more_than_the_rate_begin_and_none_waits_longer_than_for_its_turn(
            gaps in prop::collection::vec(0_u64..3000, 1..200),
        ) {
            let (mut pace, mut now, mut begun) = (Pace::default(), Moment::from_millis(1_000_000), Vec::new());
            for (generation, gap) in (1..).zip(gaps) {
                now = now.after(Duration::from_millis(gap));
                match pace.begin(generation, now) {
                    None => begun.push(now),
                    Some(until) => {
                        prop_assert!(now < until && until <= now.after(EVERY));
                        let mut later = pace;
                        prop_assert_eq!(later.begin(generation, until), None);
                    }
                }
            }
            for (first, from) in begun.iter().enumerate() {
                for (last, to) in begun.iter().enumerate().skip(first) {
                    let allowed = u64::from(AT_ONCE) + 1 + to.since(*from).as_secs();
                    prop_assert!((last - first + 1) as u64 <= allowed);
                }
            }
        }
    }
}
