//! The clock that leadership is measured on.

use std::time::Duration;

use operator_core::time::Moment;

/// A clock that never goes back and that counts the time in which this process was stopped. On Linux it counts the
/// time in which the machine was suspended, too (`CLOCK_BOOTTIME`, `clock_gettime(2)`); tokio's timers do not, so they
/// only wake whoever then asks this clock. The time in which a hypervisor kept the whole machine from running is on no
/// clock of the guest.
#[derive(Debug, Clone, Copy)]
pub(super) struct Clock(Duration);

impl Clock {
    /// A clock that starts now. One per process: moments of two clocks must not be compared.
    pub(super) fn start() -> Self {
        Self(reading())
    }

    /// Now.
    pub(super) fn now(self) -> Moment {
        let elapsed = reading().saturating_sub(self.0);
        Moment::from_millis(u64::try_from(elapsed.as_millis()).unwrap_or(u64::MAX))
    }
}

#[cfg(target_os = "linux")]
fn reading() -> Duration {
    let time = rustix::time::clock_gettime(rustix::time::ClockId::Boottime);
    // The kernel gives a non-negative time.
    let (seconds, nanos) = (u64::try_from(time.tv_sec), u32::try_from(time.tv_nsec));
    Duration::new(seconds.unwrap_or_default(), nanos.unwrap_or_default())
}

#[cfg(not(target_os = "linux"))]
fn reading() -> Duration {
    static ORIGIN: std::sync::OnceLock<std::time::Instant> = std::sync::OnceLock::new();
    ORIGIN.get_or_init(std::time::Instant::now).elapsed()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_goes_on_while_nobody_looks() {
        let clock = Clock::start();
        let before = clock.now();
        std::thread::sleep(Duration::from_millis(20));
        assert!(clock.now() >= before.after(Duration::from_millis(19)));
    }
}
