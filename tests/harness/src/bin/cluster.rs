//! Runs a command beside a control plane: `cluster run --out FILE -- COMMAND…`.

use std::error::Error;
use std::ffi::OsString;
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode};
use std::time::Instant;

use clap::{Parser, Subcommand};
use test_harness::{
    Cluster, ControlPlane, Options, SHARED_VARIABLE, chain, end_with_this_process, release_child,
};

/// A control plane for tests: etcd, kube-apiserver and kube-controller-manager
#[derive(Parser)]
struct Arguments {
    #[command(subcommand)]
    action: Action,
}

#[derive(Subcommand)]
#[expect(clippy::doc_markdown, reason = "the comments are the text of --help")]
enum Action {
    /// Start a control plane, run a command that uses it, end both, exit like the command
    ///
    /// The command finds the control plane by KUBECONFIG and, for tests that use the harness, by
    /// WEBHOOK_OPERATOR_TEST_CLUSTER.
    Run {
        /// Where to describe the control plane; by default in its own folder
        #[arg(long, value_name = "FILE")]
        out: Option<PathBuf>,
        /// The command with its arguments
        #[arg(last = true, required = true)]
        command: Vec<OsString>,
    },
    /// Start a control plane and leave it running
    Up {
        /// Where to describe it, for `down`
        #[arg(long, value_name = "FILE")]
        out: PathBuf,
    },
    /// End a control plane that was left running, and remove its files
    Down {
        /// Its description
        #[arg(long, value_name = "FILE")]
        out: PathBuf,
    },
}

fn main() -> ExitCode {
    let done = match Arguments::parse().action {
        Action::Run { out, command } => run(out, &command),
        Action::Up { out } => up(&out),
        Action::Down { out } => down(&out),
    };
    done.unwrap_or_else(|error| {
        say(&format!("error: {}", chain(&*error)));
        ExitCode::FAILURE
    })
}

fn run(out: Option<PathBuf>, command: &[OsString]) -> Result<ExitCode, Box<dyn Error>> {
    let mut control_plane = start()?;
    let out = out.unwrap_or_else(|| control_plane.folder().join("cluster.json"));
    control_plane.write(&out)?;
    let mut child = Command::new(&command[0])
        .args(&command[1..])
        .env(SHARED_VARIABLE, &out)
        .env("KUBECONFIG", control_plane.kubeconfig())
        .spawn()?;
    end_with_this_process(&child);
    let status = child.wait()?;
    release_child(&child);
    if status.success() {
        return Ok(ExitCode::SUCCESS);
    }
    let folder = control_plane.keep_logs().display();
    say(&format!(
        "the command failed ({status}); logs are kept in {folder}"
    ));
    let code = status.code().and_then(|code| u8::try_from(code).ok());
    Ok(code.map_or(ExitCode::FAILURE, ExitCode::from))
}

fn up(out: &Path) -> Result<ExitCode, Box<dyn Error>> {
    let control_plane = start()?;
    control_plane.write(out)?;
    let kubeconfig = control_plane.kubeconfig();
    say(&format!("export KUBECONFIG={}", kubeconfig.display()));
    control_plane.leave_running();
    Ok(ExitCode::SUCCESS)
}

fn down(out: &Path) -> Result<ExitCode, Box<dyn Error>> {
    ControlPlane::stop(&Cluster::read(out)?)?;
    std::fs::remove_file(out)?;
    Ok(ExitCode::SUCCESS)
}

fn start() -> Result<ControlPlane, Box<dyn Error>> {
    let begun = Instant::now();
    let control_plane = ControlPlane::start(&Options::default())?;
    let took = begun.elapsed().as_secs_f64();
    let server = control_plane.server();
    say(&format!("control plane ready after {took:.1} s at {server}"));
    Ok(control_plane)
}

/// To standard error: standard output belongs to the command.
fn say(text: &str) {
    let _ = writeln!(io::stderr(), "[cluster] {text}");
}
