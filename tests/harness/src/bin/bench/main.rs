//! Measures the operator from outside, on real parts: what a thousand subscriptions cost to create, to
//! keep and to delete, beside what any program would pay for the same.
//!
//! Requests are counted by the simulator, writes by the apiserver's audit log, memory and CPU by the
//! system. Nothing is taken from the operator's own word.

mod counts;
mod floor;
mod manifests;
mod rate;
mod report;
mod scenarios;
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
    /// How many subscriptions
    #[arg(long, value_name = "N", default_value_t = 1000)]
    count: usize,
    /// Objects worked on at once, by the operator and by the floor
    #[arg(long, value_name = "N", default_value_t = 64)]
    concurrency: usize,
    /// Leave out the quiet minutes
    #[arg(long)]
    skip_quiet: bool,
    /// Leave out the minute under the default budget
    #[arg(long)]
    skip_budget: bool,
    /// Write the table as Markdown, too
    #[arg(long, value_name = "FILE")]
    markdown: Option<PathBuf>,
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
    let mut world = World::start(arguments)?;
    let sample = scenarios::stored_first(&mut world, report)?;
    scenarios::operator_first(&mut world, report)?;
    if !arguments.skip_budget {
        rate::default_budget(&mut world, report)?;
    }
    floor::floor(&mut world, &sample, report)
}

/// To standard error: standard output is the table.
fn say(text: &str) {
    let _ = writeln!(io::stderr(), "[bench] {text}");
}
