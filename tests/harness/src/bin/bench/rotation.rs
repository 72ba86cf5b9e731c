//! A Secret that many subscriptions use changes.

use std::thread;
use std::time::{Duration, Instant};

use serde_json::json;

use crate::Outcome;
use crate::manifests;
use crate::report::{Report, each};
use crate::stage::{Stage, settled};
use crate::watch;
use crate::world::World;

const DEADLINE: Duration = Duration::from_mins(3);

/// All objects send the same header, whose value changes once.
pub fn rotation(world: &World, count: usize, report: &mut Report) -> Outcome<()> {
    report.section(&format!("a Secret that {count} subscriptions use changes"));
    let mut stage = Stage::empty(world, "rotation", count)?;
    let secret = |value| manifests::secret("shared", "delivery", "token", value).to_string();
    world.apply(&stage.namespace, &secret("the-first-value"))?;
    let header =
        json!([{"name": "x-team", "valueFrom": {"secretKeyRef": {"name": "shared", "key": "token"}}}]);
    let objects = (0..count).map(|number| {
        let mut object = manifests::subscription(number, world.accounts, Some("0s"));
        object["spec"]["headers"] = header.clone();
        object
    });
    world.store(&stage.namespace, &objects.collect::<Vec<_>>())?;
    watch::all_ready(world, &stage.namespace, count, Instant::now())?
        .map_err(|missing| format!("Ready: {missing}"))?;
    let (before, _) = stage.rest()?;
    let begun = Instant::now();
    world.apply(&stage.namespace, &secret("the-second-value"))?;
    let all = loop {
        let updates = world.requests()?.since(&before).of("patch");
        if updates >= u64::try_from(count)? {
            break Ok(begun.elapsed());
        }
        if begun.elapsed() > DEADLINE {
            break Err(format!("{updates} of {count} were sent"));
        }
        thread::sleep(Duration::from_millis(20));
    };
    settled(report, "all sent again", &all);
    let (after, writes) = stage.rest()?;
    let requests = after.since(&before);
    report.figure(
        "provider requests an object",
        format!("{:.3}", each(requests.total(), count)),
    );
    report.detail("by operation", requests.text());
    report.figure(
        "apiserver writes an object",
        format!("{:.3}", each(writes.total(), count)),
    );
    report.detail("by verb and resource", writes.text());
    let waited = stage.clear()?;
    settled(report, "deleted again", &waited);
    Ok(())
}
