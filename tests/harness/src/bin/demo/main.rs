//! Plays the main job on real parts: a Kubernetes control plane, the operator, simulated providers.
//!
//! Every line about the world is what kubectl or the simulator answered; it fails when that is not what it
//! should be.

mod babel;
mod background;
mod bird;
mod example;
mod parts;
mod screen;
mod steps;
mod world;

use std::error::Error;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::Instant;

use clap::{Parser, Subcommand};
use test_harness::chain;

use background::State;
use parts::{Parts, Plan};
use screen::Screen;

/// The operator at work: the life of webhook subscriptions, from kubectl apply to kubectl delete
#[derive(Parser)]
struct Arguments {
    /// The operator's binary
    #[arg(long, value_name = "FILE")]
    operator: PathBuf,
    /// The simulator's binary
    #[arg(long, value_name = "FILE")]
    simulator: PathBuf,
    /// Where files of a run are kept: a folder of the checkout
    #[arg(long, value_name = "DIR", global = true, default_value = ".demo")]
    state: PathBuf,
    #[command(subcommand)]
    action: Action,
}

#[derive(Subcommand)]
enum Action {
    /// Start everything, play all steps, end everything
    Play,
    /// Start everything, apply the examples of all providers, and leave it running
    Up,
    /// End what was left running
    Down,
    /// What runs in the background between up and down
    #[command(hide = true)]
    Serve {
        /// Write colours, though standard output is no terminal
        #[arg(long)]
        coloured: bool,
    },
}

fn main() -> ExitCode {
    let arguments = Arguments::parse();
    let coloured = matches!(arguments.action, Action::Serve { coloured: true });
    let screen = Screen::new(coloured);
    match act(&arguments, screen) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            screen.failed(&chain(&*error));
            ExitCode::FAILURE
        }
    }
}

fn act(arguments: &Arguments, screen: Screen) -> Result<(), Box<dyn Error>> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("../..")
        .canonicalize()?;
    let folder = std::path::absolute(&arguments.state)?;
    let state = State::new(folder.clone());
    let found = |binary: &Path| {
        let path = binary.canonicalize();
        path.map_err(|error| format!("find {}: {error}; make demo-build builds it", binary.display()))
    };
    let plan = |folder: PathBuf| -> Result<Plan, String> {
        Ok(Plan {
            operator: found(&arguments.operator)?,
            simulator: found(&arguments.simulator)?,
            root,
            folder,
        })
    };
    match arguments.action {
        // Several may run at once.
        Action::Play => play(
            &plan(folder.join(format!("play-{}", std::process::id())))?,
            screen,
        )?,
        Action::Up => background::up(&state, &plan(state.files())?, screen)?,
        Action::Down => background::down(&state)?,
        Action::Serve { .. } => background::serve(&state, &plan(state.files())?, screen)?,
    }
    Ok(())
}

fn play(plan: &Plan, screen: Screen) -> Result<(), Box<dyn Error>> {
    let begun = Instant::now();
    let mut parts = Parts::start(plan, screen)?;
    if let Err(error) = play_steps(&mut parts) {
        parts.show_log();
        return Err(error);
    }
    parts.stop()?;
    screen.checked("the operator ended by itself on SIGTERM, and everything else with it");
    screen.title(&format!(
        "All as it should be, after {:.0} s.",
        begun.elapsed().as_secs_f64()
    ));
    Ok(())
}

fn play_steps(parts: &mut Parts) -> Result<(), Box<dyn Error>> {
    parts.ready()?;
    let world = &parts.world;
    let mut given = steps::become_ready(world)?;
    steps::edit_spec(world)?;
    steps::repair_drift(world)?;
    steps::rotate_secret(world, &mut given)?;
    steps::report_deliveries(world)?;
    steps::delete(world)?;
    babel::play(world, &mut given)?;
    bird::play(world, &mut given)?;
    steps::keep_secrets(world, &given, &parts.operator.log_text())?;
    Ok(())
}
