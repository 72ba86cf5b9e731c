//! Measures the operator from outside, on real parts: what subscriptions cost to create, to keep, to change and to
//! delete, beside what any program would pay for the same.
//!
//! Requests are counted by the simulator, writes by the apiserver's audit log, memory and CPU by the
//! system. Nothing is taken from the operator's own word. docs/performance.md explains the figures.

mod counts;
mod edits;
mod floor;
mod life;
mod manifests;
mod neighbours;
mod rate;
mod report;
mod rotation;
mod stage;
mod watch;
mod world;

use std::error::Error;
use std::io::{self, Write as _};
use std::path::PathBuf;
use std::process::ExitCode;

use clap::Parser;
use test_harness::chain;

use report::Report;
use world::World;

type Outcome<T> = Result<T, Box<dyn Error>>;

/// Measures the operator from outside: requests, writes, memory and time
///
/// Exits with 1 when something is wrong: duplicates, objects that do not become Ready, anything left after
/// a deletion, a limit exceeded. A goal that is missed is only said.
#[derive(Parser)]
struct Arguments {
    /// The operator's binary
    #[arg(long, value_name = "FILE")]
    operator: PathBuf,
    /// The simulator's binary
    #[arg(long, value_name = "FILE")]
    simulator: PathBuf,
    /// How many subscriptions; one size after the other
    #[arg(long, value_name = "N", value_delimiter = ',', default_value = "1000,10000")]
    counts: Vec<usize>,
    /// Accounts that they are spread over
    #[arg(long, value_name = "N", default_value_t = 20)]
    accounts: usize,
    /// Objects worked on at once, by the operator and by the floor
    #[arg(long, value_name = "N", default_value_t = 32)]
    concurrency: usize,
    /// Only what this names may be repeated: life, applied, rotation, neighbours, budget. Unset: all of them
    #[arg(long, value_name = "PART")]
    part: Vec<Part>,
    /// Leave out the quiet minutes
    #[arg(long)]
    skip_quiet: bool,
    /// Write the table as Markdown, too
    #[arg(long, value_name = "FILE")]
    markdown: Option<PathBuf>,
}

#[derive(Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
enum Part {
    /// Creation, restart, a quiet minute, edits and deletion, and the floor, at each size
    Life,
    /// Objects that are applied to a running operator, with delivery monitoring on
    Applied,
    /// A Secret that all use changes
    Rotation,
    /// A provider that is dead and an object that somebody edits all the time
    Neighbours,
    /// The default budget, and edits while it is used up
    Budget,
}

fn main() -> ExitCode {
    let arguments = Arguments::parse();
    let mut report = Report::default();
    let measured = measure(&arguments, &mut report);
    let _ = write!(io::stdout(), "\n{}", report.text());
    if let Some(path) = &arguments.markdown
        && let Err(error) = std::fs::write(path, report.markdown())
    {
        say(&format!("error: write {}: {error}", path.display()));
        return ExitCode::FAILURE;
    }
    if let Err(error) = measured {
        say(&format!("error: {}", chain(&*error)));
        return ExitCode::FAILURE;
    }
    if report.is_wrong() {
        say("something is wrong: see the lines marked WRONG");
        return ExitCode::FAILURE;
    }
    ExitCode::SUCCESS
}

/// Fills the report as far as it comes.
fn measure(arguments: &Arguments, report: &mut Report) -> Outcome<()> {
    let world = World::start(arguments)?;
    let wanted = |part| arguments.part.is_empty() || arguments.part.contains(&part);
    let smallest = arguments.counts.iter().copied().min().unwrap_or(1000);
    if wanted(Part::Life) {
        for count in &arguments.counts {
            life::life(&world, *count, report)?;
        }
    }
    if wanted(Part::Applied) {
        life::applied(&world, smallest, report)?;
    }
    if wanted(Part::Rotation) {
        rotation::rotation(&world, smallest, report)?;
    }
    if wanted(Part::Neighbours) {
        neighbours::neighbours(&world, smallest, report)?;
    }
    if wanted(Part::Budget) {
        let largest = arguments.counts.iter().copied().max().unwrap_or(smallest);
        rate::default_budget(&world, largest, report)?;
    }
    Ok(())
}

/// To standard error: standard output is the table.
fn say(text: &str) {
    let _ = writeln!(io::stderr(), "[bench] {text}");
}
