//! Entry point of the `webhook-operator` binary.

use std::io::{self, Write};
use std::path::PathBuf;

use clap::{Parser, Subcommand};
use webhook_operator::crd;

/// Manages webhook subscriptions at SaaS providers as custom resources.
#[derive(Parser)]
#[command(version)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Print the CustomResourceDefinitions as one YAML stream.
    Crd {
        /// Write one file a kind into this directory instead.
        #[arg(long, value_name = "DIR")]
        output_dir: Option<PathBuf>,
    },
}

fn main() -> Result<(), Box<dyn std::error::Error>> {
    match Cli::parse().command {
        Command::Crd {
            output_dir: Some(dir),
        } => {
            crd::write_files(&dir)?;
        }
        Command::Crd { output_dir: None } => io::stdout().write_all(crd::yaml_stream()?.as_bytes())?,
    }
    Ok(())
}
