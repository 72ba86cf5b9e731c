//! Plants one bug after the other and runs the tests that must notice it.
//!
//! `planted-bugs [NAME]…` runs the rows of these bugs, without a name all of them. The tests must have been built with
//! the feature `planted-bugs`; cargo's report of that build (`--message-format=json`) is read from standard input.
//! Where suites are run, a control plane must be there (`cluster run`).

#![expect(clippy::print_stdout, reason = "a program for people")]

use std::collections::BTreeMap;
use std::io::{BufRead, stdin};
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode, Stdio};
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Instant;

use planted_bugs::{Bug, Place, Row, TABLE, VARIABLE, named};
use serde_json::Value;

/// Most of a test's time is spent waiting.
const AT_ONCE: usize = 4;

/// How a test ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Outcome {
    Passed,
    Failed,
    /// It was not there, or its program did not work at all: that proves nothing.
    NotRun,
}

/// A program with tests, and the folder of its package.
struct Program {
    path: PathBuf,
    package: PathBuf,
}

/// One run: a test, with a bug or without.
#[derive(Clone, Copy)]
struct Run {
    row: Row,
    active: bool,
}

fn main() -> ExitCode {
    let wanted: Vec<String> = std::env::args().skip(1).collect();
    if let Some(unknown) = wanted.iter().find(|name| named(name).is_none()) {
        println!("no such bug: {unknown}; there are:");
        for bug in Bug::ALL {
            println!("  {}", bug.name());
        }
        return ExitCode::from(2);
    }
    let programs = programs(stdin().lock());
    let rows = TABLE
        .iter()
        .filter(|row| wanted.is_empty() || wanted.iter().any(|name| name == row.bug.name()));
    let runs: Vec<Run> = rows
        .flat_map(|row| [false, true].map(|active| Run { row: *row, active }))
        .collect();
    let begun = Instant::now();
    let wrong = play(&runs, &programs);
    let (bugs, seconds) = (runs.len() / 2, begun.elapsed().as_secs());
    println!(
        "{bugs} rows in {seconds} s, {} not as they should be",
        wrong.len()
    );
    for line in &wrong {
        println!("  {line}");
    }
    ExitCode::from(u8::from(!wrong.is_empty() || runs.is_empty()))
}

/// Plays all runs, some side by side, and returns a line for each that ended otherwise than it should.
fn play(runs: &[Run], programs: &BTreeMap<String, Program>) -> Vec<String> {
    let (next, wrong) = (AtomicUsize::new(0), Mutex::new(Vec::new()));
    let work = || {
        while let Some(run) = runs.get(next.fetch_add(1, Ordering::SeqCst)) {
            let begun = Instant::now();
            let outcome = play_one(run, programs);
            let expected = if run.active {
                Outcome::Failed
            } else {
                Outcome::Passed
            };
            let bug = if run.active { run.row.bug.name() } else { "no bug" };
            let (test, seconds) = (run.row.test, begun.elapsed().as_secs_f32());
            let line = format!("{bug}: {test} {outcome:?} ({seconds:.1} s)");
            println!("{} {line}", if outcome == expected { "ok" } else { "WRONG" });
            if outcome != expected
                && let Ok(mut wrong) = wrong.lock()
            {
                wrong.push(line);
            }
        }
    };
    std::thread::scope(|scope| (0..AT_ONCE).for_each(|_| drop(scope.spawn(work))));
    wrong.into_inner().unwrap_or_default()
}

fn play_one(run: &Run, programs: &BTreeMap<String, Program>) -> Outcome {
    let Some(program) = programs.get(&target(run.row.place)) else {
        return Outcome::NotRun;
    };
    let output = Command::new(&program.path)
        .args(["--exact", run.row.test])
        .current_dir(&program.package)
        .env("CARGO_MANIFEST_DIR", &program.package)
        // What fails on purpose is no regression to keep.
        .env("PROPTEST_DISABLE_FAILURE_PERSISTENCE", "1")
        .env(VARIABLE, if run.active { run.row.bug.name() } else { "" })
        .stderr(Stdio::null())
        .output();
    let Ok(output) = output else {
        return Outcome::NotRun;
    };
    let text = String::from_utf8_lossy(&output.stdout);
    if !text.contains("running 1 test") {
        Outcome::NotRun
    } else if output.status.success() {
        Outcome::Passed
    } else {
        Outcome::Failed
    }
}

/// What cargo calls the program of a place.
fn target(place: Place) -> String {
    match place {
        Place::Core => "webhook_operator_core".to_owned(),
        Place::Library => "webhook_operator".to_owned(),
        Place::Suite(name) => name.to_owned(),
    }
}

/// The programs with tests in cargo's report, by the name of their target.
fn programs(report: impl BufRead) -> BTreeMap<String, Program> {
    let mut found = BTreeMap::new();
    for line in report.lines().map_while(Result::ok) {
        let Ok(message) = serde_json::from_str::<Value>(&line) else {
            continue;
        };
        let text = |pointer: &str| message.pointer(pointer).and_then(Value::as_str);
        // The binary's own unit tests have the package's name with a dash.
        let (Some(program), Some(name), Some(manifest), Some(true)) = (
            text("/executable"),
            text("/target/name"),
            text("/manifest_path"),
            message.pointer("/profile/test").and_then(Value::as_bool),
        ) else {
            continue;
        };
        let package = Path::new(manifest).parent().unwrap_or(Path::new("."));
        let program = Program {
            path: PathBuf::from(program),
            package: package.to_owned(),
        };
        found.insert(name.to_owned(), program);
    }
    found
}
