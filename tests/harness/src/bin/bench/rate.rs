//! Whether the default budget is used up, and never more than that.

use std::thread;
use std::time::{Duration, Instant};

use serde_json::Value;
use test_harness::wait_for;

use crate::Outcome;
use crate::edits;
use crate::manifests::{self, KIND};
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

/// How long an edit may take from apply to PATCH while creations use up the budget, for the slowest of a hundred.
const P99_GOAL_MS: u64 = 2000;
/// Edits, one each so often: with the read before it an edit takes two of the eight requests of a second.
const EDITS: usize = 40;
const EDIT_EVERY: Duration = Duration::from_millis(800);

/// Objects enough for much more than a minute at the default budget, against a provider that enforces its
/// documented limit; edits in the second half of it.
pub fn default_budget(world: &World, count: usize, report: &mut Report) -> Outcome<()> {
    report.section(&format!(
        "default budget (480/min, burst 3) while {count} are created, provider with its limit of 10/s and burst 4 in force"
    ));
    let simulator = world.strict_simulator()?;
    let namespace = world.cluster.namespace("budget")?;
    let account = manifests::provider(0, simulator.http(), None);
    world.apply(&namespace, &manifests::list(&account))?;
    let objects = (0..count).map(|number| manifests::subscription(number, 1, Some("0s")));
    world.store(&namespace, &objects.collect::<Vec<_>>())?;
    let operator = world.operator()?;
    wait_for(BEGIN_WITHIN + WINDOW, "the first to be Ready", || {
        world.ready(&namespace).is_ok_and(|(_, ready)| ready > EDITS)
    })?;
    let first = ready_ones(world, &namespace)?;
    let edited = edits::latencies(world, &simulator, &namespace, 1..1 + EDITS, EDIT_EVERY, |edit| {
        first[edit % first.len()]
    })?;
    let begun = Instant::now();
    let log = loop {
        let log = simulator.admin_get("/admin/log")?;
        let arrivals = arrivals(&log);
        let span = arrivals
            .first()
            .zip(arrivals.last())
            .map_or(0, |(first, last)| last - first);
        if u128::from(span) > WINDOW.as_millis() || begun.elapsed() > WINDOW {
            break log;
        }
        thread::sleep(Duration::from_secs(1));
    };
    drop(operator);
    judge(report, &log);
    report.latencies("an edit meanwhile, from apply to PATCH", &edited, P99_GOAL_MS);
    Ok(())
}

/// The numbers of objects that are Ready by now.
fn ready_ones(world: &World, namespace: &str) -> Outcome<Vec<usize>> {
    let objects = world.cluster.list_json(KIND, namespace)?;
    let ready = |object: &&Value| {
        let conditions = object["status"]["conditions"].as_array().into_iter().flatten();
        conditions
            .into_iter()
            .any(|one| one["type"] == "Ready" && one["status"] == "True")
    };
    let number = |object: &Value| {
        let name = object["metadata"]["name"].as_str()?;
        name.rsplit_once('-')?.1.parse().ok()
    };
    Ok(objects.iter().filter(ready).filter_map(number).collect())
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
