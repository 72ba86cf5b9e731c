//! How long parties wait for a turn.

use std::collections::HashMap;
use std::time::Duration;

use operator_core::time::Moment;

use super::Party;

/// Since when each party waits that did not get its turn at once, and when that was handed out.
#[derive(Debug)]
pub(super) struct Waits<P>(HashMap<P, (Moment, Option<Moment>)>);

impl<P> Default for Waits<P> {
    fn default() -> Self {
        Self(HashMap::new())
    }
}

impl<P: Party> Waits<P> {
    /// The party has asked and has to wait. Who waits already has waited since then; a turn that was handed out and not
    /// taken is over, and so is the wait for it.
    pub(super) fn begins(&mut self, party: &P, now: Moment) {
        let waits = self.0.get(party).is_some_and(|(_, granted)| granted.is_none());
        if !waits {
            self.0.insert(party.clone(), (now, None));
        }
    }

    /// The party is told that it may come.
    pub(super) fn granted(&mut self, party: &P, now: Moment) {
        if let Some((_, granted)) = self.0.get_mut(party) {
            *granted = Some(now);
        }
    }

    /// The party took its turn. Returns how long it was kept from it, which ends when it could have come.
    pub(super) fn took(&mut self, party: &P, now: Moment) -> Duration {
        let (asked, granted) = self.0.remove(party).unwrap_or((now, None));
        granted.unwrap_or(now).since(asked)
    }

    /// The party wants no turn any more.
    pub(super) fn leaves(&mut self, party: &P) {
        self.0.remove(party);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(seconds: u64) -> Moment {
        Moment::from_millis(seconds * 1000)
    }

    #[test]
    fn a_wait_ends_when_the_turn_is_handed_out_and_begins_anew_after_one_that_was_not_taken() {
        let mut waits = Waits::default();
        assert_eq!(waits.took(&"a", at(1)), Duration::ZERO, "at once");
        waits.begins(&"a", at(1));
        waits.begins(&"a", at(3));
        waits.granted(&"a", at(5));
        assert_eq!(waits.took(&"a", at(9)), Duration::from_secs(4));
        waits.begins(&"a", at(10));
        waits.granted(&"a", at(11));
        waits.begins(&"a", at(100));
        waits.granted(&"a", at(102));
        assert_eq!(waits.took(&"a", at(102)), Duration::from_secs(2));
        waits.begins(&"a", at(110));
        waits.leaves(&"a");
        assert_eq!(waits.took(&"a", at(200)), Duration::ZERO);
    }
}
