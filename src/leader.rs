//! Who may write.
//!
//! Every write, to a provider or to the apiserver, passes a [`Gate`]: [`Leadership`]. It is asked where the request is
//! sent, by the two clients themselves ([`Fence`] for the apiserver's, `Connection::gate` for the providers'), so that
//! no writer can forget to; and where a decision to write is taken, to stop early. An answer is a time that is left and
//! not a yes: a replica that was paused finds out by looking at its own clock, without hearing from anybody.
//!
//! Leadership is won and kept by a Lease ([`stand`]); what may be done when is decided in
//! [`operator_core::leadership`]. Without election ([`Leadership::sole`]) it never ends.

mod candidate;
mod clock;
mod fence;
mod lease;

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use operator_core::time::Moment;
use tokio::sync::watch;

pub use candidate::{Candidacy, LeadershipLost, Standing, stand};
pub use fence::Fence;
pub use lease::read as read_lease;

use crate::gate::Gate;
use clock::Clock;

/// The right to write, and when it ends. Clones share it.
#[derive(Debug, Clone)]
pub struct Leadership(Arc<Shared>);

#[derive(Debug)]
struct Shared {
    clock: Clock,
    /// A [`Moment`] of the clock, in milliseconds.
    until: AtomicU64,
    /// Whether it was held at least once.
    won: watch::Sender<bool>,
}

impl Leadership {
    /// The leadership of the only replica: it never ends.
    pub fn sole() -> Self {
        let leadership = Self::none();
        leadership.hold(Moment::from_millis(u64::MAX));
        leadership
    }

    /// Not held until [`stand`] wins it.
    pub fn none() -> Self {
        Self(Arc::new(Shared {
            clock: Clock::start(),
            until: AtomicU64::new(0),
            won: watch::Sender::new(false),
        }))
    }

    /// Whether a write may begin now.
    pub fn may_write(&self) -> bool {
        self.left().is_some()
    }

    /// Waits until it is held for the first time.
    pub async fn won(&self) {
        let mut won = self.0.won.subscribe();
        // The sender lives in `self`, so this cannot fail.
        let _ = won.wait_for(|won| *won).await;
    }

    /// Now, on the clock that `until` is measured on.
    fn now(&self) -> Moment {
        self.0.clock.now()
    }

    /// Held until `until`.
    fn hold(&self, until: Moment) {
        self.0.until.store(until.as_millis(), Ordering::SeqCst);
        if self.may_write() {
            self.0.won.send_replace(true);
        }
    }
}

impl Gate for Leadership {
    fn left(&self) -> Option<Duration> {
        let until = Moment::from_millis(self.0.until.load(Ordering::SeqCst));
        let left = until.since(self.now());
        (!left.is_zero()).then_some(left)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn the_right_to_write_ends_at_the_moment_it_was_held_until() {
        let leadership = Leadership::none();
        assert!(!leadership.may_write());
        leadership.hold(leadership.now().after(Duration::from_secs(3600)));
        assert!(leadership.may_write());
        leadership.won().await;
        let left = leadership.left().unwrap();
        assert!(left > Duration::from_secs(3500) && left <= Duration::from_secs(3600));
        leadership.clone().hold(leadership.now());
        assert!(!leadership.may_write(), "clones share it");
    }

    #[tokio::test]
    async fn a_sole_replica_may_always_write() {
        let sole = Leadership::sole();
        sole.won().await;
        assert!(sole.left().unwrap() > Duration::from_secs(1 << 40));
    }
}
