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
/// Short spans must not be overdrawn either; much shorter ones would show how late requests arrive.
const SPAN: Duration = Duration::from_secs(10);
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
    let (most, allowed) = (
        most_within(&arrivals, SPAN),
        BURST + PER_SECOND * SPAN.as_secs_f64(),
    );
    let goal = format!("≤ {allowed:.0}");
    report.goal(
        "most requests in any 10 s",
        most.to_string(),
        &goal,
        most as f64 <= allowed,
    );
    report.detail("by operation", by_operation(log));
    let longest = arrivals.windows(2).map(|pair| pair[1] - pair[0]).max();
    report.figure("longest gap", format!("{} ms", longest.unwrap_or(0)));
}

/// `create 470, list 5`.
fn by_operation(log: &Value) -> String {
    let mut counts = std::collections::BTreeMap::<&str, u64>::new();
    for entry in log.as_array().into_iter().flatten() {
        *counts
            .entry(entry["operation"].as_str().unwrap_or("?"))
            .or_default() += 1;
    }
    let texts: Vec<String> = counts
        .iter()
        .map(|(name, count)| format!("{name} {count}"))
        .collect();
    texts.join(", ")
}

/// The most arrivals within any span of that length.
fn most_within(arrivals: &[u64], span: Duration) -> usize {
    let span = u64::try_from(span.as_millis()).unwrap_or(u64::MAX);
    let from = |(index, begun): (usize, &u64)| arrivals[index..].partition_point(|at| at - begun < span);
    arrivals.iter().enumerate().map(from).max().unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_busiest_span_is_found_wherever_it_begins() {
        let arrivals = [0, 900, 1000, 1100, 1899, 1900, 5000];
        assert_eq!(most_within(&arrivals, Duration::from_secs(1)), 4);
        assert_eq!(most_within(&[], Duration::from_secs(1)), 0);
    }
}
