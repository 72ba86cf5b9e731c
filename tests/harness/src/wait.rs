//! Waiting for a condition, with a deadline and an error that says what was waited for.

use std::fmt::Display;
use std::thread;
use std::time::{Duration, Instant};

/// Pause between two looks: short beside everything that tests wait for, long beside a look's cost.
const PAUSE: Duration = Duration::from_millis(25);

/// The condition did not come true in time.
#[derive(Debug, thiserror::Error)]
#[error("waited {waited:.1?} in vain for {what}{last}")]
pub struct TimedOut {
    what: String,
    waited: Duration,
    /// Empty, or what the last look said.
    last: String,
}

/// One look at a condition: `bool`, `Option<T>` or `Result<T, E>`, where an `Err` is "not yet,
/// because …", and the last one ends up in the [`TimedOut`] message.
pub trait Look {
    /// What the wait returns in the end.
    type Value;

    /// The value, or what is still missing.
    ///
    /// # Errors
    /// The reason why the condition does not hold yet; may be empty.
    fn verdict(self) -> Result<Self::Value, String>;
}

impl Look for bool {
    type Value = ();

    fn verdict(self) -> Result<(), String> {
        if self { Ok(()) } else { Err(String::new()) }
    }
}

impl<T> Look for Option<T> {
    type Value = T;

    fn verdict(self) -> Result<T, String> {
        self.ok_or_else(String::new)
    }
}

impl<T, E: Display> Look for Result<T, E> {
    type Value = T;

    fn verdict(self) -> Result<T, String> {
        self.map_err(|error| error.to_string())
    }
}

/// Looks until the condition holds, and at least once.
///
/// # Errors
/// [`TimedOut`] when it does not hold within `deadline`; the message names `what` and, where the look
/// returns a `Result`, its last error.
pub fn wait_for<L: Look>(
    deadline: Duration,
    what: &str,
    mut look: impl FnMut() -> L,
) -> Result<L::Value, TimedOut> {
    let begun = Instant::now();
    loop {
        let missing = match look().verdict() {
            Ok(value) => return Ok(value),
            Err(missing) => missing,
        };
        if begun.elapsed() >= deadline {
            let last = if missing.is_empty() {
                String::new()
            } else {
                format!("; last seen: {missing}")
            };
            return Err(TimedOut {
                what: what.to_owned(),
                waited: begun.elapsed(),
                last,
            });
        }
        thread::sleep(PAUSE);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_condition_that_comes_true_ends_the_wait_with_its_value() {
        let mut looks = 0;
        let value = wait_for(Duration::from_secs(5), "the third look", || {
            looks += 1;
            (looks == 3).then_some(looks)
        });
        assert_eq!(value.unwrap(), 3);
    }

    #[test]
    fn a_condition_that_never_holds_ends_at_the_deadline_and_names_the_last_reason() {
        let answer: Result<(), _> = wait_for(Duration::ZERO, "a port", || Err::<(), _>("refused"));
        let message = answer.unwrap_err().to_string();
        assert!(message.contains("a port"), "{message}");
        assert!(message.ends_with("last seen: refused"), "{message}");
    }
}
