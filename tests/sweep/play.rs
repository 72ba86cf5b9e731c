//! The whole sweep: clean runs, then plans in several worlds at once.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::io::{self, Write as _};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::Instant;

use test_harness::ControlPlane;

use crate::audit::Book;
use crate::boundary::{self, Plan};
use crate::scenario::Scenario;
use crate::stage::Stage;
use crate::support::Side;

/// Worlds at once: most of a plan is waiting.
const WORLDS: usize = 12;
/// Plans in a world before it is watched for ten comparisons.
const ROUND: usize = 10;
/// So many failures are enough to know.
const ENOUGH: usize = 12;

fn say(text: &str) {
    // Not println!, which the test runner shows only when the test has failed.
    let _ = writeln!(io::stderr(), "{text}");
}

#[derive(Default)]
struct Results {
    played: usize,
    not_met: BTreeMap<String, usize>,
    met: BTreeSet<String>,
    failures: Vec<String>,
}

/// Records the boundaries of all scenarios, if asked to, then plays the plans that `choose` takes.
pub fn sweep(title: &str, record: bool, choose: impl FnOnce(Vec<Plan>) -> Vec<Plan>) {
    let begun = Instant::now();
    let book = Book::open(ControlPlane::shared());
    if record {
        compare(&clean_runs(&book));
        let (found, took) = (boundary::written_down().len(), begun.elapsed());
        say(&format!("sweep: {found} boundaries, recorded in {took:.0?}"));
    }
    let all = boundary::plans();
    let of = all.len();
    let plans = choose(all);
    say(&format!("sweep: {} of {of} plans, {title}", plans.len()));
    for plan in plans.iter().filter(|_| plans.len() < 400) {
        say(&format!("  {plan}"));
    }
    let results = play(&book, plans);
    let Results {
        played,
        not_met,
        failures,
        met,
    } = results;
    let took = begun.elapsed();
    let never: Vec<_> = not_met
        .iter()
        .filter(|(boundary, _)| !met.contains(*boundary))
        .collect();
    say(&format!(
        "sweep: {played} plans played in {took:.0?}; boundaries that were not met: {never:?}"
    ));
    assert!(
        failures.is_empty(),
        "{} plans failed:\n{}",
        failures.len(),
        failures.join("\n\n")
    );
}

/// The boundaries of a scenario. How many writes tell of the same may be a matter of time: what is not written down counts
/// once it was met twice.
fn boundaries_of(stage: &mut Stage<'_>, side: Side, scenario: Scenario) -> BTreeSet<String> {
    let mut record = || -> BTreeSet<String> {
        let met = stage.record(scenario);
        let met = met.unwrap_or_else(|wrong| panic!("{side:?} {scenario:?}: {wrong}"));
        met.iter().map(ToString::to_string).collect()
    };
    let (written, mut met) = (boundary::written_down(), record());
    if !met.is_subset(&written) {
        let again = record();
        met.retain(|name| written.contains(name) || again.contains(name));
    }
    met
}

fn clean_runs(book: &Book) -> BTreeSet<String> {
    let run = |side, scenarios: &[Scenario]| {
        let mut stage = Stage::new(side, book);
        let mut found = BTreeSet::new();
        for scenario in scenarios {
            if *scenario == Scenario::FanOut && side == Side::Dixa {
                continue;
            }
            found.extend(boundaries_of(&mut stage, side, *scenario));
        }
        let wrong = stage.quiet_and_clear().unwrap();
        assert!(wrong.is_empty(), "{side:?}: {wrong:#?}");
        found
    };
    thread::scope(|scope| {
        let halves = Scenario::ALL.split_at(Scenario::ALL.len() / 2);
        let of_side = |side| [halves.0, halves.1].map(|half| scope.spawn(move || run(side, half)));
        let runs: Vec<_> = Side::ALL.into_iter().flat_map(of_side).collect();
        runs.into_iter().flat_map(|run| run.join().unwrap()).collect()
    })
}

fn compare(met: &BTreeSet<String>) {
    let written = boundary::written_down();
    let new: Vec<_> = met.difference(&written).collect();
    if !new.is_empty() && std::env::var_os("UPDATE_BOUNDARIES").is_some() {
        boundary::write_down(&met.union(&written).cloned().collect());
        panic!("{} boundaries were written down; run again", new.len());
    }
    assert!(
        new.is_empty(),
        "boundaries without a plan, to be written down with UPDATE_BOUNDARIES=1: {new:#?}"
    );
}

fn play(book: &Book, plans: Vec<Plan>) -> Results {
    let of = plans.len();
    let mut queues = Queues::default();
    for plan in plans {
        queues.plans.entry(plan.parts().0).or_default().push_back(plan);
    }
    let queues = Mutex::new(queues);
    let results = Mutex::new(Results::default());
    let worlds = std::env::var("SWEEP_WORLDS").map_or(WORLDS, |text| text.parse().unwrap());
    thread::scope(|scope| {
        for _ in 0..worlds {
            scope.spawn(|| {
                while lock(&results).failures.len() < ENOUGH {
                    let Some(side) = lock(&queues).begin() else { break };
                    work(side, book, &queues, &results);
                    lock(&queues).end(side);
                }
            });
        }
    });
    let results = results.into_inner().unwrap();
    assert!(
        results.played == of || !results.failures.is_empty(),
        "of {of} plans {} were played",
        results.played
    );
    results
}

/// What is left to be played at each provider, and how many worlds are at it.
#[derive(Default)]
struct Queues {
    plans: BTreeMap<Side, VecDeque<Plan>>,
    at_it: BTreeMap<Side, usize>,
}

impl Queues {
    /// Where a world is needed most; `None` when nothing is left.
    fn begin(&mut self) -> Option<Side> {
        let share =
            |(side, plans): &(&Side, &VecDeque<Plan>)| plans.len() / (self.at_it.get(side).unwrap_or(&0) + 1);
        let left = self.plans.iter().filter(|(_, plans)| !plans.is_empty());
        let side = *left.max_by_key(share)?.0;
        *self.at_it.entry(side).or_default() += 1;
        Some(side)
    }

    fn end(&mut self, side: Side) {
        *self.at_it.entry(side).or_default() -= 1;
    }

    fn next(&mut self, side: Side) -> Option<Plan> {
        self.plans.get_mut(&side)?.pop_front()
    }
}

fn lock<T>(shared: &Mutex<T>) -> MutexGuard<'_, T> {
    shared.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Plays what is left at a provider.
fn work(side: Side, book: &Book, queues: &Mutex<Queues>, results: &Mutex<Results>) {
    let next = || lock(queues).next(side);
    let mut upcoming = next();
    while upcoming.is_some() && lock(results).failures.len() < ENOUGH {
        let mut round = Vec::new();
        let outcome = catch_unwind(AssertUnwindSafe(|| {
            let mut stage = Stage::new(side, book);
            while let Some(plan) = upcoming.take() {
                round.push(plan.to_string());
                let played = stage.play(&plan)?;
                let mut results = lock(results);
                results.played += 1;
                if results.played.is_multiple_of(100) {
                    say(&format!("sweep: {} plans played", results.played));
                }
                let boundary = plan.boundary.to_string();
                if played.met {
                    results.met.insert(boundary);
                } else {
                    *results.not_met.entry(boundary).or_default() += 1;
                }
                if !played.wrong.is_empty() {
                    return Err(played.wrong.join("; "));
                }
                drop(results);
                upcoming = next();
                if stage.len() >= ROUND || !stage.has_room() || upcoming.is_none() {
                    let wrong = stage.quiet_and_clear()?;
                    if !wrong.is_empty() {
                        return Err(format!("after {round:?}: {}", wrong.join("; ")));
                    }
                    round.clear();
                }
            }
            Ok(())
        }));
        let failed = match outcome {
            Ok(Ok(())) => None,
            Ok(Err(wrong)) => Some(wrong),
            Err(panic) => {
                let text = panic.downcast_ref::<String>().cloned();
                Some(text.unwrap_or_else(|| "it panicked".to_owned()))
            }
        };
        if let Some(wrong) = failed {
            let name = round.last().cloned().unwrap_or_default();
            say(&format!(
                "sweep: FAILED {name}: {}",
                wrong.lines().next().unwrap_or_default()
            ));
            lock(results)
                .failures
                .push(format!("SWEEP_PLAN='{name}'\n{wrong}"));
            if upcoming.is_none() {
                upcoming = next();
            }
        }
    }
}
