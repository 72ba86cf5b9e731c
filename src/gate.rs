//! What stands before every request that changes something.

use std::fmt;
use std::future::{Future, poll_fn};
use std::pin::pin;
use std::task::Poll;
use std::time::Duration;

use tokio::time::{Instant, sleep};

/// Says for how long requests that change something may be on their way.
pub trait Gate: Send + Sync + fmt::Debug {
    /// The time that is left, or `None`: nothing may be sent. It may grow while a request is on its way.
    fn left(&self) -> Option<Duration>;
}

/// The gate closed before the request had ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("this replica does not lead{}", if *begun { " any more" } else { "" })]
pub struct Closed {
    /// The request had begun, and may have taken effect.
    pub begun: bool,
}

/// Drives `request` for as long as the gate is open. It is asked each time **before** the request goes on, so that a
/// process that was stopped in the middle of one does not go on with it when its time is over.
///
/// # Errors
/// [`Closed`]; the request is then dropped.
pub async fn pass<F: Future>(gate: &dyn Gate, request: F) -> Result<F::Output, Closed> {
    let (mut request, mut begun) = (pin!(request), false);
    let mut alarm = pin!(sleep(Duration::ZERO));
    poll_fn(|cx| {
        loop {
            let Some(left) = gate.left().or_else(unguarded) else {
                return Poll::Ready(Err(Closed { begun }));
            };
            begun = true;
            if let Poll::Ready(answer) = request.as_mut().poll(cx) {
                return Poll::Ready(Ok(answer));
            }
            if alarm.as_mut().poll(cx).is_pending() {
                return Poll::Pending;
            }
            let far = Duration::from_secs(3600);
            alarm
                .as_mut()
                .reset(Instant::now() + left.min(far) + Duration::from_millis(1));
            if alarm.as_mut().poll(cx).is_pending() {
                return Poll::Pending;
            }
        }
    })
    .await
}

fn unguarded() -> Option<Duration> {
    operator_core::planted!(GateIgnored).then_some(Duration::MAX)
}

#[cfg(test)]
mod tests {
    use std::sync::Mutex;
    use std::sync::atomic::{AtomicU32, Ordering};

    use super::*;

    /// Open until a moment.
    #[derive(Debug)]
    struct Until(Mutex<Option<Instant>>);

    impl Until {
        fn after(millis: u64) -> Self {
            Self(Mutex::new(Some(Instant::now() + Duration::from_millis(millis))))
        }
    }

    impl Gate for Until {
        fn left(&self) -> Option<Duration> {
            let until = (*self.0.lock().unwrap())?;
            let left = until.saturating_duration_since(Instant::now());
            (!left.is_zero()).then_some(left)
        }
    }

    #[tokio::test(start_paused = true)]
    async fn a_closed_gate_lets_nothing_begin() {
        let polls = AtomicU32::new(0);
        let request = async { polls.fetch_add(1, Ordering::SeqCst) };
        let closed = Until(Mutex::new(None));
        assert_eq!(pass(&closed, request).await, Err(Closed { begun: false }));
        assert_eq!(polls.into_inner(), 0);
    }

    #[tokio::test(start_paused = true)]
    async fn a_request_ends_with_its_gate_and_not_before() {
        let (open, begun) = (Until::after(1_000), Instant::now());
        let long = sleep(Duration::from_secs(5));
        assert_eq!(pass(&open, long).await, Err(Closed { begun: true }));
        assert!(begun.elapsed() < Duration::from_millis(1_010));
        let short = sleep(Duration::from_millis(900));
        assert_eq!(pass(&Until::after(1_000), short).await, Ok(()));
    }

    #[tokio::test(start_paused = true)]
    async fn a_gate_that_stays_open_longer_gives_the_request_more_time() {
        let open = Until::after(1_000);
        let renew = async {
            sleep(Duration::from_millis(900)).await;
            *open.0.lock().unwrap() = Some(Instant::now() + Duration::from_secs(10));
        };
        let request = pass(&open, sleep(Duration::from_secs(5)));
        assert_eq!(tokio::join!(request, renew).0, Ok(()));
    }

    #[tokio::test(start_paused = true)]
    async fn who_slept_past_the_end_does_not_go_on_even_if_the_request_could() {
        let (open, steps) = (Until::after(1_000), AtomicU32::new(0));
        let request = async {
            sleep(Duration::from_millis(500)).await;
            steps.fetch_add(1, Ordering::SeqCst);
        };
        let mut request = pin!(pass(&open, request));
        assert!(futures::poll!(request.as_mut()).is_pending());
        // Both are due now, as after SIGSTOP and SIGCONT.
        tokio::time::advance(Duration::from_secs(3)).await;
        assert_eq!(request.await, Err(Closed { begun: true }));
        assert_eq!(steps.load(Ordering::SeqCst), 0);
    }
}
