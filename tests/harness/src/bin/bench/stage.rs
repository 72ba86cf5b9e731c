//! A namespace whose subscriptions an operator looks after.

use std::time::{Duration, Instant};

use test_harness::{AuditReader, Operator, wait_for};

use crate::Outcome;
use crate::counts::Counts;
use crate::manifests;
use crate::report::{Report, each, seconds};
use crate::watch::{self, Waited};
use crate::world::{UNLIMITED, World};

/// The objects of a measurement, with the operator that looks after them.
pub struct Stage<'a> {
    pub world: &'a World,
    pub count: usize,
    pub namespace: String,
    pub operator: Operator,
    pub audit: AuditReader,
}

impl<'a> Stage<'a> {
    /// Stores everything, then starts the operator; returns how long it took until all were Ready.
    pub fn stored(world: &'a World, name: &str, count: usize) -> Outcome<(Self, Waited)> {
        let namespace = world.namespace(name, Some(UNLIMITED))?;
        let objects = (0..count).map(|number| manifests::subscription(number, world.accounts, Some("0s")));
        world.store(&namespace, &objects.collect::<Vec<_>>())?;
        let audit = world.cluster.audit_from_now()?;
        let begun = Instant::now();
        let operator = world.operator()?;
        let waited = watch::all_ready(world, &namespace, count, begun)?;
        let stage = Self {
            world,
            count,
            namespace,
            operator,
            audit,
        };
        Ok((stage, waited))
    }

    /// Starts the operator with nothing to do but the providers.
    pub fn empty(world: &'a World, name: &str, count: usize) -> Outcome<Self> {
        let namespace = world.namespace(name, Some(UNLIMITED))?;
        let audit = world.cluster.audit_from_now()?;
        let mut operator = world.operator()?;
        let ready = || operator.readyz().is_ok_and(|reply| reply.status == 200);
        wait_for(Duration::from_secs(30), "the operator to be ready", ready)?;
        Ok(Self {
            world,
            count,
            namespace,
            operator,
            audit,
        })
    }

    /// Counts on until nothing happens any more; requests in all, and writes since the last look.
    pub fn rest(&mut self) -> Outcome<(Counts, Counts)> {
        watch::rest(self.world, &mut self.audit)
    }

    /// A minute in which nobody does anything: requests, writes, and the CPU in hundredths of a core.
    pub fn minute(&mut self) -> Outcome<(Counts, Counts, f64)> {
        let before = self.operator.cpu_seconds()?;
        let (requests, writes) = watch::minute(self.world, &mut self.audit)?;
        let cpu = (self.operator.cpu_seconds()? - before) / 60.0 * 100.0;
        Ok((requests, writes, cpu))
    }

    /// Deletes all objects, then the providers, then ends the operator.
    pub fn clear(mut self) -> Outcome<Waited> {
        let begun = Instant::now();
        self.world.delete_all(&self.namespace)?;
        let waited = watch::none_left(self.world, &self.namespace, begun)?;
        self.world.delete_providers(&self.namespace)?;
        self.operator.sigterm_and_wait(Duration::from_secs(30))?;
        Ok(waited)
    }
}

/// A time that must have come.
pub fn settled(report: &mut Report, measure: &str, waited: &Waited) {
    match waited {
        Ok(time) => report.must(measure, seconds(*time), "", true),
        Err(missing) => report.must(measure, format!("never: {missing}"), "", false),
    }
}

/// What the creation of all objects cost. Polls of deliveries go by time, not by objects created.
pub fn costs(report: &mut Report, count: usize, requests: &Counts, writes: &Counts) {
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

/// Nothing may be there twice.
pub fn duplicates(world: &World, count: usize, report: &mut Report) -> Outcome<()> {
    let (remote, duplicates) = world.remote()?;
    let text = format!("{duplicates} among {remote}");
    let holds = duplicates == 0 && remote == count;
    report.must("duplicates at the provider", text, "0", holds);
    Ok(())
}

/// The most memory that the process ever had: 25 MiB for 1,000 objects, 80 MiB for 10,000.
#[expect(clippy::cast_precision_loss, reason = "KiB and counts stay far below 2^52")]
pub fn memory(report: &mut Report, measure: &str, count: usize, operator: &Operator) -> Outcome<()> {
    let mib = operator.rss_peak_kib()? as f64 / 1024.0;
    let goal = 25.0 + count.saturating_sub(1000) as f64 * 55.0 / 9000.0;
    report.goal(
        measure,
        format!("{mib:.1} MiB"),
        &format!("≤ {goal:.0} MiB"),
        mib <= goal,
    );
    Ok(())
}
