//! Entry point of the `webhook-operator` binary: arguments in, exit status out.

use std::alloc::System;
use std::error::Error;
use std::io::{self, Write};
use std::process::ExitCode;

use clap::Parser;
use webhook_operator::cli::{Cli, Command, DoctorArgs, OutputFormat, RunArgs};
use webhook_operator::cluster::Access;
use webhook_operator::config::{Config, ConfigError, Environment};
use webhook_operator::wording::{with_causes, without_gaps};
use webhook_operator::{crd, doctor, run, telemetry};
use zeroizing_alloc::ZeroAlloc;

/// What is freed is wiped: credentials and answers pass through buffers of libraries that wipe nothing themselves.
#[global_allocator]
static ALLOCATOR: ZeroAlloc<System> = ZeroAlloc(System);

fn main() -> ExitCode {
    let result = match Cli::parse().command {
        Command::Run(args) => operate(&args),
        Command::Doctor(args) => match examine(&args) {
            Ok(true) => Ok(()),
            Ok(false) => return ExitCode::from(3),
            Err(error) => Err(error),
        },
        Command::Crd {
            output_dir: Some(dir),
        } => crd::write_files(&dir).map(drop).map_err(Box::from),
        Command::Crd { output_dir: None } => crd::yaml_stream()
            .map_err(Box::from)
            .and_then(|text| print(&text)),
        Command::Version => print(concat!("webhook-operator ", env!("CARGO_PKG_VERSION"), "\n")),
    };
    let Err(error) = result else {
        return ExitCode::SUCCESS;
    };
    // Where standard error is gone too there is nobody left to tell.
    let _ = writeln!(io::stderr(), "error: {}", one_line(&*error));
    // clap ends wrong usage with 2 as well.
    ExitCode::from(if error.is::<ConfigError>() { 2 } else { 1 })
}

fn operate(args: &RunArgs) -> Result<(), Box<dyn Error>> {
    let config = Config::new(args, Environment::read()?)?;
    forbid_core_dumps()?;
    telemetry::start(config.log_format)?;
    // The one TLS stack. It fails only where a provider is set already, which nothing before this does.
    let _ = rustls::crypto::ring::default_provider().install_default();
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    let result = runtime.block_on(run::run(config));
    // A turn that hangs past the drain must not keep the process.
    runtime.shutdown_background();
    Ok(result?)
}

/// Prints what was found; whether nothing failed.
fn examine(args: &DoctorArgs) -> Result<bool, Box<dyn Error>> {
    let config = Config::new(&args.run, Environment::read()?)?;
    let _ = rustls::crypto::ring::default_provider().install_default();
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?;
    let report = runtime.block_on(doctor::examine(&config, &Access::default()))?;
    // A look-up of a name that hangs must not keep the process.
    runtime.shutdown_background();
    match args.output {
        OutputFormat::Text => print(&report.text())?,
        OutputFormat::Json => print(&report.json()?)?,
    }
    Ok(report.ok)
}

/// API keys pass through this process: neither a core file nor another process of the same user may read them.
#[cfg(target_os = "linux")]
fn forbid_core_dumps() -> io::Result<()> {
    use rustix::process::{DumpableBehavior, set_dumpable_behavior};
    Ok(set_dumpable_behavior(DumpableBehavior::NotDumpable)?)
}

#[cfg(not(target_os = "linux"))]
fn forbid_core_dumps() -> io::Result<()> {
    Ok(())
}

fn print(text: &str) -> Result<(), Box<dyn Error>> {
    match io::stdout().write_all(text.as_bytes()) {
        // Whoever reads may stop early, as `head` does.
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Ok(()),
        result => Ok(result?),
    }
}

/// An error and its causes on one line.
fn one_line(error: &dyn Error) -> String {
    without_gaps(&with_causes(error))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Debug, thiserror::Error)]
    #[error("{text}")]
    struct Step {
        text: &'static str,
        source: Option<Box<Self>>,
    }

    fn step(text: &'static str, source: Option<Step>) -> Step {
        Step {
            text,
            source: source.map(Box::new),
        }
    }

    #[test]
    fn an_error_is_told_with_its_causes_on_one_line_and_nothing_twice() {
        let error = step(
            "cannot start",
            Some(step("refused: no\n right", Some(step("no\n right", None)))),
        );
        assert_eq!(one_line(&error), "cannot start: refused: no right");
        assert_eq!(one_line(&step("alone", None)), "alone");
    }
}
