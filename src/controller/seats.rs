//! Which provider objects this process works for, and what is under way for each of them.
//!
//! A pass of a subscription begins only where the seat of its provider is open ([`Context::admit`]), and is counted
//! until it ends. So a provider object can be given away at a moment at which nothing is on its way.

use std::collections::{HashMap, HashSet};
use std::sync::{Mutex, MutexGuard, PoisonError};

use operator_core::shard::Shard;

use crate::api::v1alpha1::WebhookSubscription;
use crate::controller::context::{Context, Party, ProviderKey};

/// What this process does for a provider object.
#[derive(Debug, Default)]
struct Seat {
    /// Passes may begin.
    open: bool,
    /// The account that may be spoken to.
    account: Option<String>,
    /// Passes that have begun and not ended.
    passes: usize,
}

#[derive(Debug, Default)]
struct State {
    seats: HashMap<ProviderKey, Seat>,
    /// Those that wait for another shard's object of the same account.
    contested: HashSet<ProviderKey>,
}

/// All seats.
#[derive(Debug, Default)]
pub(super) struct Seats(Mutex<State>);

/// What is under way for a provider object.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct UnderWay {
    /// Passes may begin, or have not ended.
    pub(super) working: bool,
    /// They may speak to an account.
    pub(super) speaking: bool,
}

impl Seats {
    /// Lets passes begin, which may speak to `account`. Tells whether they could not before.
    pub(super) fn open(&self, key: &ProviderKey, account: Option<&str>) -> bool {
        let mut state = self.lock();
        let seat = state.seats.entry(key.clone()).or_default();
        let news = !seat.open || seat.account.as_deref() != account;
        seat.open = true;
        seat.account = account.map(ToOwned::to_owned);
        news
    }

    /// Lets no pass begin any more.
    pub(super) fn close(&self, key: &ProviderKey) {
        if let Some(seat) = self.lock().seats.get_mut(key) {
            seat.open = false;
        }
    }

    /// Closes the seat, and forgets it as soon as nothing is under way. Tells whether there was one.
    pub(super) fn give_up(&self, key: &ProviderKey) -> bool {
        let mut state = self.lock();
        state.contested.remove(key);
        let Some(seat) = state.seats.get_mut(key) else {
            return false;
        };
        seat.open = false;
        if seat.passes == 0 {
            state.seats.remove(key);
        }
        true
    }

    /// What is under way.
    pub(super) fn under_way(&self, key: &ProviderKey) -> UnderWay {
        let state = self.lock();
        let seat = state.seats.get(key);
        let working = seat.is_some_and(|seat| seat.open || seat.passes > 0);
        let speaking = working && seat.is_some_and(|seat| seat.account.is_some());
        UnderWay { working, speaking }
    }

    /// Whether passes may begin, and those that have may go on.
    pub(super) fn is_open(&self, key: &ProviderKey) -> bool {
        self.lock().seats.get(key).is_some_and(|seat| seat.open)
    }

    /// Notes whether the object waits for another shard's.
    pub(super) fn contest(&self, key: &ProviderKey, contested: bool) {
        let mut state = self.lock();
        if contested {
            state.contested.insert(key.clone());
        } else {
            state.contested.remove(key);
        }
    }

    /// Whom a change of another shard's object concerns, which claims `account`.
    pub(super) fn concerned(&self, account: Option<&str>) -> Vec<ProviderKey> {
        let state = self.lock();
        let same = |seat: &Seat| account.is_some() && seat.account.as_deref() == account;
        let open = state.seats.iter().filter(|(_, seat)| same(seat));
        open.map(|(key, _)| key)
            .chain(&state.contested)
            .cloned()
            .collect()
    }

    fn enter(&self, key: &ProviderKey) -> bool {
        let mut state = self.lock();
        let seat = state.seats.get_mut(key).filter(|seat| seat.open);
        if let Some(seat) = seat {
            seat.passes += 1;
            return true;
        }
        false
    }

    /// A pass has ended. Tells whether it was the last one for which somebody waits.
    fn leave(&self, key: &ProviderKey) -> bool {
        let mut state = self.lock();
        let Some(seat) = state.seats.get_mut(key) else {
            return false;
        };
        seat.passes = seat.passes.saturating_sub(1);
        !seat.open && seat.passes == 0
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The right to one pass; given back when it is dropped.
pub(super) struct Admission<'a> {
    ctx: &'a Context,
    /// The provider; `None`: it does not exist, so that nothing can be sent.
    key: Option<ProviderKey>,
}

impl Drop for Admission<'_> {
    fn drop(&mut self) {
        let Some(key) = &self.key else { return };
        if self.ctx.shards.seats.leave(key) {
            self.ctx.triggers.wake(&Party::Provider(key.clone()));
        }
    }
}

impl Context {
    /// Whether a pass for the object may begin. Where not, it is woken when one may. Who has no provider is spoken to by
    /// operators without a shard.
    pub(super) fn admit(&self, object: &WebhookSubscription) -> Option<Admission<'_>> {
        let key = ProviderKey::of_subscription(object);
        let key = if self.provider_exists(&key) {
            if !self.shards.seats.enter(&key) {
                return None;
            }
            Some(key)
        } else if self.config.shard == Shard::UNNAMED {
            None
        } else {
            return None;
        };
        Some(Admission { ctx: self, key })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_seat_that_is_closed_lets_nobody_in_and_tells_when_the_last_one_has_left() {
        let (seats, key) = (Seats::default(), ProviderKey::Cluster("p".to_owned()));
        assert!(!seats.enter(&key));
        assert!(seats.open(&key, Some("x")));
        assert!(!seats.open(&key, Some("x")), "nothing new");
        assert!(seats.enter(&key) && seats.enter(&key));
        assert!(!seats.leave(&key), "nobody waits for it");
        seats.close(&key);
        assert!(!seats.enter(&key) && !seats.is_open(&key));
        let under_way = seats.under_way(&key);
        assert!(under_way.working && under_way.speaking);
        assert!(seats.give_up(&key));
        assert!(
            seats.under_way(&key).speaking,
            "it is not forgotten before its last pass has ended"
        );
        assert!(seats.leave(&key));
        assert_eq!(seats.under_way(&key), UnderWay::default());
        assert!(seats.give_up(&key));
        assert!(!seats.give_up(&key));
    }

    #[test]
    fn another_shards_claim_concerns_who_speaks_to_that_account_and_who_waits() {
        let seats = Seats::default();
        let [a, b, c] = ["a", "b", "c"].map(|name| ProviderKey::Cluster(name.to_owned()));
        seats.open(&a, Some("x"));
        seats.open(&b, Some("y"));
        seats.contest(&c, true);
        let mut concerned = seats.concerned(Some("x"));
        concerned.sort();
        assert_eq!(concerned, [a, c.clone()]);
        assert_eq!(seats.concerned(None), std::slice::from_ref(&c));
        seats.contest(&c, false);
        assert!(seats.concerned(None).is_empty());
    }
}
