//! Whether others notice a provider that is dead, and an object that somebody edits all the time.

use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::Duration;

use serde_json::json;

use crate::Outcome;
use crate::edits;
use crate::manifests::{self, PROVIDERS};
use crate::report::{Percentiles, Report};
use crate::stage::{Stage, settled};
use crate::world::World;

const EDITS: usize = 200;
const APART: Duration = Duration::from_millis(50);
/// Nobody listens there.
const NOWHERE: &str = "http://127.0.0.1:1";
/// How often the restless object is edited.
const RESTLESS: Duration = Duration::from_millis(50);
/// How much the slowest of a hundred may suffer, as a factor.
const GOAL: f64 = 1.1;

/// The same edits alone and beside trouble.
pub fn neighbours(world: &World, count: usize, report: &mut Report) -> Outcome<()> {
    report.section(&format!(
        "edits among {count} beside a dead provider and an object that is edited 20 times a second"
    ));
    let (stage, waited) = Stage::stored(world, "neighbours", count)?;
    waited.map_err(|missing| format!("Ready: {missing}"))?;
    // Neither of the first account, which dies, nor of the restless object.
    let calm = |edit: usize| {
        let number = edit * 7919 % count;
        if number.is_multiple_of(world.accounts) || number == 1 {
            (number + 2) % count
        } else {
            number
        }
    };
    let measure = |first| {
        let edits = first..first + EDITS;
        edits::latencies(world, &world.simulator, &stage.namespace, edits, APART, calm)
    };
    let alone = measure(1)?;
    let path = format!(
        "{}/{}",
        world.cluster.path(PROVIDERS, &stage.namespace)?,
        manifests::account(0)
    );
    world.patch(&path, &json!({"spec": {"endpoint": NOWHERE}}))?;
    let done = AtomicBool::new(false);
    let beside = thread::scope(|scope| -> Outcome<Percentiles> {
        scope.spawn(|| {
            let mut edit = 1_000_000;
            while !done.load(Ordering::Relaxed) {
                // A conflict or a slow answer is no matter: the next edit comes.
                let _ = world.edit(&stage.namespace, 1, &json!({"url": manifests::url(1, edit)}));
                edit += 1;
                thread::sleep(RESTLESS);
            }
        });
        let beside = measure(1 + EDITS);
        done.store(true, Ordering::Relaxed);
        beside
    })?;
    report.figure(
        "alone, p50 and p99",
        format!("{} and {} ms", alone.p50, alone.p99),
    );
    let ratio = beside.ratio(&alone);
    report.goal(
        "beside them",
        format!("{} and {} ms ({ratio:.2} times)", beside.p50, beside.p99),
        &format!("p99 ≤ {GOAL} times"),
        ratio <= GOAL,
    );
    world.patch(&path, &json!({"spec": {"endpoint": world.simulator.http()}}))?;
    let waited = stage.clear()?;
    settled(report, "deleted again", &waited);
    Ok(())
}
