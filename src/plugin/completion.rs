//! What a shell needs to complete the command line.

use clap::CommandFactory;

use super::args::{Cli, CompletionArgs};
use super::error::{Exit, PluginError};
use super::screen::Screen;

pub(super) fn run(args: &CompletionArgs, screen: &mut Screen<'_>) -> Result<Exit, PluginError> {
    let mut script = Vec::new();
    // A completion function is named after the program that the shell starts.
    let mut command = Cli::command().bin_name("kubectl-webhooks");
    clap_complete::generate(args.shell, &mut command, "kubectl-webhooks", &mut script);
    screen.print(&String::from_utf8_lossy(&script))?;
    Ok(Exit::Done)
}
