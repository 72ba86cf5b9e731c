//! How long an edit takes from the apiserver to the provider.

use std::collections::BTreeMap;
use std::ops::Range;
use std::thread;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use serde_json::json;
use test_harness::Simulator;

use crate::Outcome;
use crate::manifests;
use crate::report::{Percentiles, Report};
use crate::stage::Stage;
use crate::world::World;

/// Edits of a measurement.
const EDITS: usize = 200;
/// Between two of them: one at a time is measured, not their crowd.
const APART: Duration = Duration::from_millis(50);
const DEADLINE: Duration = Duration::from_mins(1);
/// The goal for the slowest of a hundred, in milliseconds.
const P99_GOAL_MS: u64 = 100;

/// Edits one object after the other.
pub fn edits(stage: &mut Stage<'_>, report: &mut Report) -> Outcome<()> {
    report.section(&format!("edits of one among {}", stage.count));
    let spread = |edit: usize| edit * 7919 % stage.count;
    let latencies = latencies(
        stage.world,
        &stage.world.simulator,
        &stage.namespace,
        1..1 + EDITS,
        APART,
        spread,
    )?;
    report.latencies("from apply to the provider's PATCH", &latencies, P99_GOAL_MS);
    stage.rest()?;
    Ok(())
}

/// Changes the URL of objects, one each `apart`; the times until the provider was asked for it. No two edits of an object
/// may have one number: the second would change nothing.
pub fn latencies(
    world: &World,
    simulator: &Simulator,
    namespace: &str,
    edits: Range<usize>,
    apart: Duration,
    which: impl Fn(usize) -> usize,
) -> Outcome<Percentiles> {
    let state = simulator.admin_get("/admin/state")?;
    let since = state["lastSeq"].as_u64().unwrap_or(0);
    let mut sent = BTreeMap::new();
    let expected = edits.len();
    for edit in edits {
        let number = which(edit);
        let url = manifests::url(number, edit);
        sent.insert(url.clone(), now());
        world.edit(namespace, number, &json!({"url": url}))?;
        thread::sleep(apart);
    }
    let begun = Instant::now();
    loop {
        let log = simulator.admin_get(&format!("/admin/log?operation=patch&since={since}"))?;
        let arrived: Vec<u64> = log
            .as_array()
            .into_iter()
            .flatten()
            .filter_map(|entry| {
                Some(
                    entry["timeMs"]
                        .as_u64()?
                        .saturating_sub(*sent.get(entry["body"]["url"].as_str()?)?),
                )
            })
            .collect();
        if arrived.len() >= expected {
            return Ok(Percentiles::of(arrived));
        }
        if begun.elapsed() > DEADLINE {
            return Err(format!("{} of {expected} edits arrived", arrived.len()).into());
        }
        thread::sleep(Duration::from_millis(100));
    }
}

fn now() -> u64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    u64::try_from(since.as_millis()).unwrap_or(u64::MAX)
}
