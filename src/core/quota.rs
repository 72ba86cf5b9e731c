//! Who may have more, where what may be had is limited.
//!
//! What exists stays its owner's. Of those that ask for more the older comes first, and nobody gets a part.

use crate::names::ObjectName;

/// What one object has and wants of what is limited.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Share {
    /// Who.
    pub name: ObjectName,
    /// When it was made, in any unit.
    pub created: i64,
    /// How many it has, or was allowed to make.
    pub holds: usize,
    /// How many it asks for.
    pub wants: usize,
}

impl Share {
    fn growth(&self) -> usize {
        self.wants.saturating_sub(self.holds)
    }
}

/// Whether `me`, which is one of `shares`, may have all that it asks for within `quota`.
///
/// Where the quota was lowered below what exists, the older keep their leave. Of two that were made in the same moment
/// the one counts as older whose name comes first.
pub fn admits(quota: usize, shares: &[Share], me: &ObjectName) -> bool {
    let mut order: Vec<&Share> = shares.iter().collect();
    order.sort_by_key(|share| (share.created, &share.name));
    let (mut kept, mut room) = (quota, quota);
    for share in &order {
        room = room.saturating_sub(share.holds);
    }
    for share in order {
        let keeps = share.holds.min(share.wants);
        let stays = keeps <= kept;
        if stays {
            kept -= keeps;
        }
        let fits = stays && share.growth() <= room || crate::planted!(QuotaIgnored);
        if share.name == *me {
            return fits;
        }
        if fits {
            room -= share.growth();
        }
    }
    false
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn share(name: &str, created: i64, holds: usize, wants: usize) -> Share {
        let name = ObjectName::new("ns", name);
        Share {
            name,
            created,
            holds,
            wants,
        }
    }

    fn admitted(quota: usize, shares: &[Share]) -> Vec<&str> {
        let admitted = shares.iter().filter(|share| admits(quota, shares, &share.name));
        admitted.map(|share| &*share.name.name).collect()
    }

    #[test]
    fn of_those_that_have_nothing_the_older_wins() {
        let shares = [share("c", 3, 0, 1), share("a", 1, 0, 1), share("b", 2, 0, 1)];
        assert_eq!(admitted(2, &shares), ["a", "b"]);
        assert_eq!(admitted(0, &shares), [""; 0]);
        let twins = [share("b", 1, 0, 1), share("a", 1, 0, 1)];
        assert_eq!(admitted(1, &twins), ["a"]);
    }

    #[test]
    fn what_exists_is_not_taken_away_by_an_older_one_that_wants_more() {
        let shares = [share("old", 1, 1, 2), share("young", 2, 1, 1)];
        assert_eq!(admitted(2, &shares), ["young"]);
        assert_eq!(admitted(3, &shares), ["old", "young"]);
    }

    #[test]
    fn a_quota_that_was_lowered_leaves_the_older_their_leave() {
        let shares = [share("a", 1, 2, 2), share("b", 2, 2, 2), share("c", 3, 1, 1)];
        assert_eq!(admitted(3, &shares), ["a", "c"]);
        assert_eq!(admitted(1, &shares), ["c"]);
        // Nothing grows before there is room again; giving up is always allowed.
        let shares = [share("a", 1, 2, 3), share("b", 2, 4, 1)];
        assert_eq!(admitted(5, &shares), ["b"]);
    }

    #[test]
    fn nobody_gets_a_part_and_who_asks_for_less_may_fit() {
        let shares = [share("large", 1, 0, 5), share("small", 2, 0, 1)];
        assert_eq!(admitted(3, &shares), ["small"]);
    }

    fn shares() -> impl Strategy<Value = Vec<Share>> {
        let one = (0..4_i64, 0..4_usize, 0..4_usize);
        prop::collection::vec(one, 0..6).prop_map(|all| {
            let one = |(i, (created, holds, wants))| share(&format!("o{i}"), created, holds, wants);
            all.into_iter().enumerate().map(one).collect()
        })
    }

    proptest! {
        #[test]
        fn growth_never_leads_beyond_the_quota(quota in 0..10_usize, shares in shares()) {
            let held: usize = shares.iter().map(|share| share.holds).sum();
            let grown = shares.iter().filter(|share| admits(quota, &shares, &share.name));
            let growth: usize = grown.map(Share::growth).sum();
            prop_assert!(growth == 0 || held + growth <= quota);
        }

        #[test]
        fn the_order_in_which_objects_are_seen_means_nothing(quota in 0..10_usize, shares in shares()) {
            let reversed: Vec<Share> = shares.iter().rev().cloned().collect();
            for share in &shares {
                prop_assert_eq!(admits(quota, &shares, &share.name), admits(quota, &reversed, &share.name));
            }
        }

        #[test]
        fn who_was_let_in_stays_in(quota in 0..10_usize, shares in shares()) {
            let fits: usize = shares.iter().map(|share| share.holds).sum();
            prop_assume!(fits <= quota);
            let mut later = shares.clone();
            for share in &mut later {
                if admits(quota, &shares, &share.name) {
                    share.holds = share.holds.max(share.wants);
                }
            }
            for share in &shares {
                if admits(quota, &shares, &share.name) {
                    prop_assert!(admits(quota, &later, &share.name), "{:?}", share);
                }
            }
        }
    }
}
