//! The crash sweep: a fault at every request that the operator makes, at every provider.
//!
//! A clean run of each scenario records its *boundaries*: the requests to apiserver and provider, by their canonical
//! names. They are written down in `boundaries.txt`, and one that is met and not written down fails the run. A *plan*
//! is a boundary with a fault: the process is killed before the server sees the request, once it was applied, or behind
//! the answer; the connection breaks, hangs or stalls; the server refuses; the body is another one. Events of watches are
//! held up, repeated, left out, or lost with their watch: a few plans for each scenario, as
//! [`boundary::plans`] tells. Each plan is played on an object of its own, with a neighbour at another provider; what
//! died is started again, and once everything is settled, [`history::check`] judges the provider's log and the audit
//! log. After some plans a world is watched for ten comparisons in which nobody may write.
//!
//! - `SWEEP_SEED=7` chooses another sample, `SWEEP_PLANS=20` another size of it.
//! - `SWEEP_PLAN='dixa:create:dixa create#1:applied:kill'` plays this plan alone; several are separated by `;`.
//! - `UPDATE_BOUNDARIES=1` adds what was met to `boundaries.txt`.
//! - `make sweep` plays all plans.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    reason = "a test that cannot go on has failed"
)]

#[path = "../support/mod.rs"]
mod support;

mod apiserver;
mod audit;
mod boundary;
mod history;
mod neighbour;
mod play;
mod repeated;
mod scenario;
mod stage;

use boundary::Plan;

/// How many plans `make test` plays besides the named ones.
const SAMPLE: usize = 90;

#[test]
fn a_sample_of_all_plans_leaves_every_promise_kept() {
    let number = |name: &str| std::env::var(name).ok().map(|text| text.parse::<u64>().unwrap());
    let chosen = std::env::var("SWEEP_PLAN").ok();
    let seed = number("SWEEP_SEED").unwrap_or(1);
    let size = number("SWEEP_PLANS").map_or(SAMPLE, |size| usize::try_from(size).unwrap());
    let choose = |all: Vec<Plan>| match &chosen {
        Some(names) => boundary::named(&all, names),
        None => boundary::sample(all, seed, size),
    };
    play::sweep(&format!("seed {seed}"), chosen.is_none(), choose);
}

#[test]
#[ignore = "takes as long as everything else together: make sweep"]
fn all_plans_leave_every_promise_kept() {
    play::sweep("all", true, |all| boundary::sample(all, 1, usize::MAX));
}
