//! The two ways in which a thousand subscriptions meet the operator, and how they leave it.

use std::time::Instant;

use serde_json::Value;
use test_harness::{AuditReader, Operator};

use crate::Outcome;
use crate::counts::Counts;
use crate::manifests::{self, KIND};
use crate::report::{Report, each, seconds};
use crate::watch::{self, Waited};
use crate::world::{self, UNLIMITED, World};

/// MiB that the process may have in memory at its peak.
const RSS_GOAL_MIB: f64 = 40.0;
/// The provider's documented default, in requests a minute.
const DEFAULT_PER_MINUTE: u32 = 480;

/// All objects are stored before the operator starts. Returns one of them as it is in the end.
pub fn stored_first(world: &mut World, report: &mut Report) -> Outcome<Value> {
    let count = world.count;
    report.section(&format!(
        "{count} subscriptions stored before the start, delivery monitoring off"
    ));
    let namespace = world.namespace("stored", world.simulator.http(), Some(UNLIMITED))?;
    let objects = manifests::list(&manifests::subscriptions(count, Some("0s")));
    world.apply(&namespace, &objects)?;
    let mut audit = world.cluster.audit_from_now()?;

    let begun = Instant::now();
    let mut operator = world.operator()?;
    let waited = watch::all_ready(world, &namespace, begun)?;
    settled(report, "all Ready after the operator's start", &waited);
    world.time_to_ready = waited.ok();
    let (requests, writes) = watch::rest(world, &mut audit)?;
    costs(report, count, &requests, &writes);
    duplicates(world, report)?;
    report.figure("CPU of the operator", format!("{:.2} s", operator.cpu_seconds()?));
    memory(report, "peak memory (VmHWM)", &operator)?;
    if world.quiet {
        let (requests, writes) = watch::minute(world, &mut audit)?;
        let text = format!("{} ({})", requests.total(), requests.text());
        report.goal("quiet minute: requests", text, "≤ 2", requests.total() <= 2);
        let text = format!("{} ({})", writes.total(), writes.text());
        report.goal("quiet minute: writes", text, "0", writes.total() == 0);
    }
    let path = world.cluster.path(KIND, &namespace)?;
    let sample = format!("{path}/{}", manifests::name(0));
    let sample = world.cluster.api()?.get(&sample)?.ok()?.json()?;

    removal(world, report, &namespace, &mut audit)?;
    memory(report, "peak memory (VmHWM), deletion included", &operator)?;
    finish(world, &namespace, &mut operator)?;
    Ok(sample)
}

/// The operator runs already; the clock starts with kubectl. Deliveries are watched as by default.
pub fn operator_first(world: &mut World, report: &mut Report) -> Outcome<()> {
    let count = world.count;
    report.section(&format!(
        "{count} subscriptions applied to a running operator, delivery monitoring on (15m)"
    ));
    let namespace = world.namespace("applied", world.simulator.http(), Some(UNLIMITED))?;
    let mut operator = world.operator()?;
    let ready = || operator.readyz().is_ok_and(|reply| reply.status == 200);
    test_harness::wait_for(
        std::time::Duration::from_secs(30),
        "the operator to be ready",
        ready,
    )?;
    let mut audit = world.cluster.audit_from_now()?;
    let (before, _) = watch::rest(world, &mut audit)?;
    let objects = manifests::list(&manifests::subscriptions(count, None));

    let begun = Instant::now();
    let kubectl = world.apply(&namespace, &objects)?;
    let waited = watch::all_ready(world, &namespace, begun)?;
    settled(report, "all Ready after the start of kubectl apply", &waited);
    report.figure("of which kubectl itself took", seconds(kubectl));
    let (requests, writes) = (world.requests()?, world::writes(&mut audit)?);
    costs(report, count, &requests.since(&before), &writes);
    duplicates(world, report)?;
    report.figure("CPU of the operator", format!("{:.2} s", operator.cpu_seconds()?));
    memory(report, "peak memory (VmHWM)", &operator)?;
    if world.quiet {
        let (requests, writes) = watch::minute(world, &mut audit)?;
        let polls = requests.of("deliveryStatus") + requests.of("logs");
        let text = format!("{} ({})", requests.total(), requests.text());
        report.figure("minute with delivery on: requests", text);
        let share = each(polls * 100, usize::try_from(DEFAULT_PER_MINUTE)?);
        report.figure(
            &format!(
                "their share of the default budget ({DEFAULT_PER_MINUTE}/min; at most 10 % where it holds)"
            ),
            format!("{share:.1} %"),
        );
        let text = format!("{} ({})", writes.total(), writes.text());
        report.figure("minute with delivery on: writes", text);
    }
    let begun = Instant::now();
    world.delete_all(&namespace)?;
    let waited = watch::none_left(world, &namespace, begun)?;
    settled(report, "deleted again", &waited);
    finish(world, &namespace, &mut operator)
}

fn removal(world: &World, report: &mut Report, namespace: &str, audit: &mut AuditReader) -> Outcome<()> {
    let count = world.count;
    report.section(&format!("deletion of all {count}"));
    let before = world.requests()?;
    world::writes(audit)?;
    let begun = Instant::now();
    world.delete_all(namespace)?;
    let asked = begun.elapsed();
    let waited = watch::none_left(world, namespace, begun)?;
    settled(report, "none left after the request to delete", &waited);
    report.figure("of which the apiserver took to mark them", seconds(asked));
    let (requests, writes) = watch::rest(world, audit)?;
    let requests = requests.since(&before);
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
    let (remote, _) = world.remote()?;
    let (objects, _) = world.ready(namespace)?;
    let left = remote + objects;
    report.must("left, here and at the provider", left.to_string(), "0", left == 0);
    Ok(())
}

/// The provider goes before the operator does: its finalizer needs it.
fn finish(world: &World, namespace: &str, operator: &mut Operator) -> Outcome<()> {
    world.delete_provider(namespace)?;
    let gone = || {
        let providers = world
            .cluster
            .list_json("webhookproviders.webhook-operator.io", namespace);
        providers.is_ok_and(|providers| providers.is_empty())
    };
    test_harness::wait_for(
        std::time::Duration::from_secs(30),
        "the provider to be gone",
        gone,
    )?;
    operator.sigterm_and_wait(std::time::Duration::from_secs(30))?;
    Ok(())
}

fn settled(report: &mut Report, measure: &str, waited: &Waited) {
    match waited {
        Ok(time) => report.must(measure, seconds(*time), "", true),
        Err(missing) => report.must(measure, format!("never: {missing}"), "", false),
    }
}

/// What the creation of all objects cost. Polls of deliveries go by time, not by objects created.
fn costs(report: &mut Report, count: usize, requests: &Counts, writes: &Counts) {
    let (polls, needed) = requests.split("delivery");
    let per = each(needed.total(), count);
    report.goal(
        "provider requests an object",
        format!("{per:.3}"),
        "≤ 1.02",
        per <= 1.02,
    );
    report.detail("by operation", needed.text());
    if polls.total() > 0 {
        report.figure("delivery polls meanwhile", polls.total().to_string());
    }
    let (events, writes) = writes.split(" events");
    let (own, others) = writes.split(" webhooksubscriptions");
    let per = each(own.total(), count);
    report.goal(
        "apiserver writes an object",
        format!("{per:.3}"),
        "≤ 3",
        per <= 3.0,
    );
    report.detail("by verb and resource", own.text());
    let per = each(events.total(), count);
    report.goal("Events an object", format!("{per:.3}"), "≤ 1", per <= 1.0);
    report.figure("writes of other objects", others.total().to_string());
    report.detail("by verb and resource", others.text());
}

fn duplicates(world: &World, report: &mut Report) -> Outcome<()> {
    let (remote, duplicates) = world.remote()?;
    let text = format!("{duplicates} among {remote}");
    let holds = duplicates == 0 && remote == world.count;
    report.must("duplicates at the provider", text, "0", holds);
    Ok(())
}

#[expect(clippy::cast_precision_loss, reason = "KiB stay far below 2^52")]
fn memory(report: &mut Report, measure: &str, operator: &Operator) -> Outcome<()> {
    let mib = operator.rss_peak_kib()? as f64 / 1024.0;
    report.goal(measure, format!("{mib:.1} MiB"), "< 40 MiB", mib < RSS_GOAL_MIB);
    Ok(())
}
