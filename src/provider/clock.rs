//! What time it is for everything that waits for a provider.

use std::time::Duration;

use operator_core::time::Moment;

/// How far back before its start a process can name moments: what has failed for longer has failed for this long.
const BEFORE_START: Duration = Duration::from_secs(24 * 3600);

/// The process's monotonic clock.
#[derive(Debug, Clone, Copy)]
pub struct Clock(tokio::time::Instant);

impl Clock {
    /// A clock that starts now. One per process: moments of two clocks must not be compared.
    pub fn start() -> Self {
        Self(tokio::time::Instant::now())
    }

    /// Now.
    pub fn now(&self) -> Moment {
        Moment::default().after(BEFORE_START).after(self.0.elapsed())
    }

    pub(super) async fn sleep_until(&self, moment: Moment) {
        let start = Moment::default().after(BEFORE_START);
        tokio::time::sleep_until(self.0 + moment.since(start)).await;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_began_a_day_before_the_process_has_a_moment() {
        let now = Clock::start().now();
        for span in [Duration::ZERO, Duration::from_secs(3600), BEFORE_START] {
            assert_eq!(now.since(now.before(span)), span);
        }
    }
}
