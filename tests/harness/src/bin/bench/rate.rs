//! Whether the default budget is used up, and never more than that.

use std::thread;
use std::time::{Duration, Instant};

use serde_json::Value;

use crate::Outcome;
use crate::manifests;
use crate::report::Report;
use crate::world::World;

/// The provider's default in requests a second, and at once.
const PER_SECOND: f64 = 8.0;
const BURST: f64 = 3.0;
/// How long is measured, and how long until the operator has begun at the latest.
const WINDOW: Duration = Duration::from_mins(1);
const BEGIN_WITHIN: Duration = Duration::from_secs(30);

/// Objects enough for more than a minute at the default budget, against a provider that enforces its
/// documented limit.
pub fn default_budget(world: &mut World, report: &mut Report) -> Outcome<()> {
    report.section("default budget (480/min, burst 3), provider with its limit of 10/s and burst 4 in force");
    let simulator = world.strict_simulator()?;
    let namespace = world.namespace("budget", simulator.http(), None)?;
    let objects = manifests::subscriptions(600, Some("0s"));
    world.apply(&namespace, &manifests::list(&objects))?;
    let operator = world.operator()?;
    let begun = Instant::now();
    let log = loop {
        thread::sleep(Duration::from_secs(1));
        let log = simulator.admin_get("/admin/log")?;
        let arrivals = arrivals(&log);
        let window_is_over = arrivals
            .first()
            .zip(arrivals.last())
            .is_some_and(|(first, last)| {
                let window = u64::try_from(WINDOW.as_millis()).unwrap_or(u64::MAX);
                last - first > window
            });
        if window_is_over || begun.elapsed() > WINDOW + BEGIN_WITHIN {
            break log;
        }
    };
    drop(operator);
    judge(report, &log);
    Ok(())
}

/// When requests arrived, in milliseconds, in order.
fn arrivals(log: &Value) -> Vec<u64> {
    let entries = log.as_array().into_iter().flatten();
    entries.filter_map(|entry| entry["timeMs"].as_u64()).collect()
}

#[expect(
    clippy::cast_precision_loss,
    reason = "counts and milliseconds of a minute are small"
)]
fn judge(report: &mut Report, log: &Value) {
    let arrivals = arrivals(log);
    let Some(first) = arrivals.first().copied() else {
        report.must("requests in a minute", "none came", "480", false);
        return;
    };
    let window = u64::try_from(WINDOW.as_millis()).unwrap_or(u64::MAX);
    let within = arrivals.iter().filter(|at| **at - first < window).count();
    let used = within as f64 / (PER_SECOND * WINDOW.as_secs_f64()) * 100.0;
    let text = format!("{within} ({used:.1} %)");
    report.goal(
        "requests in the first minute",
        text,
        "≥ 95 % of 480",
        used >= 95.0,
    );
    let throttled = log.as_array().into_iter().flatten();
    let throttled = throttled.filter(|entry| entry["status"] == 429).count();
    report.must(
        "refused by the provider with 429",
        throttled.to_string(),
        "0",
        throttled == 0,
    );
    let excess = excess(&arrivals);
    // A request that left in time may arrive late, together with the next.
    let text = format!("{excess:.2} requests");
    report.goal("most above burst 3 + 8/s, at arrival", text, "≤ 1", excess <= 1.0);
    let longest = arrivals.windows(2).map(|pair| pair[1] - pair[0]).max();
    report.figure("longest gap", format!("{} ms", longest.unwrap_or(0)));
}

/// By how many requests a bucket of that size would have been overdrawn at worst.
#[expect(clippy::cast_precision_loss, reason = "milliseconds of a minute are small")]
fn excess(arrivals: &[u64]) -> f64 {
    let (mut level, mut worst) = (BURST, 0.0_f64);
    let mut before = arrivals.first().copied().unwrap_or(0);
    for at in arrivals {
        level = (level + (at - before) as f64 / 1000.0 * PER_SECOND).min(BURST) - 1.0;
        worst = worst.max(-level);
        before = *at;
    }
    worst
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_burst_and_then_one_in_each_interval_stay_within_the_bucket() {
        let arrivals: Vec<u64> = [0, 0, 0].into_iter().chain((1..100).map(|n| n * 125)).collect();
        assert!(excess(&arrivals) < 1e-9);
    }

    #[test]
    fn one_too_many_at_once_is_an_excess_of_one() {
        assert!((excess(&[0, 0, 0, 0]) - 1.0).abs() < 1e-9);
    }
}
