//! What objects cost from their creation to their deletion.

use std::thread;
use std::time::{Duration, Instant};

use crate::Outcome;
use crate::edits;
use crate::floor;
use crate::manifests::{self, KIND};
use crate::report::{Report, each, seconds};
use crate::stage::{Stage, costs, duplicates, memory, settled};
use crate::watch;
use crate::world::{self, World};

/// The provider's documented default, in requests a minute.
const DEFAULT_PER_MINUTE: u32 = 480;
/// The goal for the time beside the floor's.
const BESIDE_FLOOR: f64 = 1.5;

/// All objects are stored before the operator starts.
pub fn life(world: &World, count: usize, report: &mut Report) -> Outcome<()> {
    let accounts = world.accounts;
    report.section(&format!(
        "{count} subscriptions over {accounts} accounts, stored before the start, delivery monitoring off"
    ));
    let before = world.requests()?;
    let (mut stage, waited) = Stage::stored(world, "stored", count)?;
    settled(report, "all Ready after the operator's start", &waited);
    let (requests, writes) = stage.rest()?;
    costs(report, count, &requests.since(&before), &writes);
    duplicates(world, count, report)?;
    let cpu = stage.operator.cpu_seconds()?;
    report.figure("CPU of the operator", format!("{cpu:.2} s"));
    memory(report, "peak memory (VmHWM)", count, &stage.operator)?;
    let path = world.cluster.path(KIND, &stage.namespace)?;
    let sample = format!("{path}/{}", manifests::name(0));
    let sample = world.cluster.api()?.get(&sample)?.ok()?.json()?;

    restart(&mut stage, report)?;
    if world.quiet {
        quiet(&mut stage, report)?;
    }
    edits::edits(&mut stage, report)?;
    removal(stage, report)?;

    report.section(&format!(
        "floor: {count} times one POST and three writes by a bare loop, {} at once",
        world.concurrency
    ));
    let floor = floor::floor(world, count, &sample)?;
    report.figure("all done", seconds(floor));
    if let Ok(operator) = waited {
        let ratio = operator.as_secs_f64() / floor.as_secs_f64();
        report.goal(
            "the operator needs",
            format!("{ratio:.2} times as long"),
            &format!("≤ {BESIDE_FLOOR}"),
            ratio <= BESIDE_FLOOR,
        );
    }
    Ok(())
}

/// The operator ends and starts again, with everything in place.
fn restart(stage: &mut Stage<'_>, report: &mut Report) -> Outcome<()> {
    report.section(&format!("restart with {} in place", stage.count));
    stage.operator.sigterm_and_wait(Duration::from_secs(30))?;
    let (before, _) = stage.rest()?;
    let begun = Instant::now();
    stage.operator = stage.world.operator()?;
    let listed = loop {
        let lists = stage.world.requests()?.since(&before).of("list");
        if lists >= u64::try_from(stage.world.accounts)? {
            break begun.elapsed();
        }
        if begun.elapsed() > Duration::from_mins(1) {
            return Err(format!("{lists} LISTs within a minute of the restart").into());
        }
        thread::sleep(Duration::from_millis(10));
    };
    report.figure("all accounts compared", seconds(listed));
    let (after, writes) = stage.rest()?;
    let requests = after.since(&before);
    let accounts = u64::try_from(stage.world.accounts)?;
    report.goal(
        "provider requests",
        format!("{} ({})", requests.total(), requests.text()),
        &format!("≤ {accounts}"),
        requests.total() <= accounts,
    );
    let (_, writes) = writes.split("leases");
    report.goal("writes", writes.text(), "none", writes.total() == 0);
    let cpu = stage.operator.cpu_seconds()?;
    report.figure("CPU of the operator", format!("{cpu:.2} s"));
    memory(report, "peak memory (VmHWM)", stage.count, &stage.operator)
}

/// A minute in which nobody does anything.
fn quiet(stage: &mut Stage<'_>, report: &mut Report) -> Outcome<()> {
    report.section(&format!("a quiet minute with {} in place", stage.count));
    let (requests, writes, cpu) = stage.minute()?;
    let text = format!("{} ({})", requests.total(), requests.text());
    // One LIST an account in ten minutes, whenever its turn is.
    let accounts = u64::try_from(stage.world.accounts)?;
    report.goal(
        "provider requests",
        text,
        &format!("≤ {accounts}"),
        requests.total() <= accounts,
    );
    let (_, writes) = writes.split("leases");
    report.goal("writes", writes.text(), "none", writes.total() == 0);
    report.goal("CPU, of one core", format!("{cpu:.2} %"), "< 1 %", cpu < 1.0);
    Ok(())
}

fn removal(mut stage: Stage<'_>, report: &mut Report) -> Outcome<()> {
    let count = stage.count;
    report.section(&format!("deletion of all {count}"));
    let (before, _) = stage.rest()?;
    let (world, namespace) = (stage.world, stage.namespace.clone());
    memory(
        report,
        "peak memory (VmHWM), edits included",
        count,
        &stage.operator,
    )?;
    let mut audit = world.cluster.audit_from_now()?;
    let waited = stage.clear()?;
    settled(report, "none left after the request to delete", &waited);
    let (requests, writes) = watch::rest(world, &mut audit)?;
    let requests = requests.since(&before);
    let per = each(requests.total(), count);
    report.figure("provider requests an object", format!("{per:.3}"));
    report.detail("by operation", requests.text());
    let per = each(writes.total(), count);
    report.figure("apiserver writes an object", format!("{per:.3}"));
    report.detail("by verb and resource", writes.text());
    let left = world.remote()?.0 + world.ready(&namespace)?.0;
    report.must("left, here and at the provider", left.to_string(), "0", left == 0);
    Ok(())
}

/// The operator runs already; the clock starts with kubectl. Deliveries are watched as by default.
pub fn applied(world: &World, count: usize, report: &mut Report) -> Outcome<()> {
    report.section(&format!(
        "{count} subscriptions applied to a running operator, delivery monitoring on (15m)"
    ));
    let mut stage = Stage::empty(world, "applied", count)?;
    let (before, _) = stage.rest()?;
    let objects = (0..count).map(|number| manifests::subscription(number, world.accounts, None));
    let objects = manifests::list(&objects.collect::<Vec<_>>());
    let begun = Instant::now();
    world.apply(&stage.namespace, &objects)?;
    let kubectl = begun.elapsed();
    let waited = watch::all_ready(world, &stage.namespace, count, begun)?;
    settled(report, "all Ready after the start of kubectl apply", &waited);
    report.figure("of which kubectl itself took", seconds(kubectl));
    let (requests, writes) = (world.requests()?, world::writes(&mut stage.audit)?);
    costs(report, count, &requests.since(&before), &writes);
    duplicates(world, count, report)?;
    let cpu = stage.operator.cpu_seconds()?;
    report.figure("CPU of the operator", format!("{cpu:.2} s"));
    memory(report, "peak memory (VmHWM)", count, &stage.operator)?;
    if world.quiet {
        let (requests, writes, cpu) = stage.minute()?;
        let polls = requests.of("deliveryStatus") + requests.of("logs");
        let text = format!("{} ({})", requests.total(), requests.text());
        report.figure("minute with delivery on: requests", text);
        let accounts = usize::try_from(DEFAULT_PER_MINUTE)? * world.accounts;
        let share = each(polls * 100, accounts);
        report.figure(
            &format!("their share of the default budgets ({DEFAULT_PER_MINUTE}/min each; at most 10 %)"),
            format!("{share:.1} %"),
        );
        report.figure(
            "minute with delivery on: writes",
            format!("{} ({})", writes.total(), writes.text()),
        );
        report.figure("minute with delivery on: CPU, of one core", format!("{cpu:.2} %"));
    }
    let waited = stage.clear()?;
    settled(report, "deleted again", &waited);
    Ok(())
}
