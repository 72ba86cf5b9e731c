//! Entry point of the `kubectl-webhooks` binary, which `kubectl webhooks` starts: arguments in, exit status out.

use std::alloc::System;
use std::io::{self, IsTerminal, Write};
use std::process::ExitCode;

use clap::Parser;
use webhook_operator::plugin::{self, Cli, Exit, PluginError, Screen};
use webhook_operator::wording::{one_line, with_causes, without_gaps};
use zeroizing_alloc::ZeroAlloc;

/// What is freed is wiped: credentials pass through buffers of libraries that wipe nothing themselves.
#[global_allocator]
static ALLOCATOR: ZeroAlloc<System> = ZeroAlloc(System);

fn main() -> ExitCode {
    let exit = run().unwrap_or_else(|error| {
        // Where standard error is gone too there is nobody left to tell.
        let _ = writeln!(
            io::stderr(),
            "error: {}",
            without_gaps(&one_line(&with_causes(&error)))
        );
        error.exit()
    });
    ExitCode::from(exit as u8)
}

fn run() -> Result<Exit, PluginError> {
    let arguments = std::env::args_os().skip(1);
    let arguments: Vec<String> = arguments
        .map(|word| word.to_string_lossy().into_owned())
        .collect();
    let words = plugin::words_to_complete(&arguments);
    let cli = if words.is_none() { Some(Cli::parse()) } else { None };
    // The one TLS stack. It fails only where a provider is set already, which nothing before this does.
    let _ = rustls::crypto::ring::default_provider().install_default();
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?;
    let (mut out, mut notes) = (io::stdout(), io::stderr());
    let plain = std::env::var_os("NO_COLOR").is_some_and(|value| !value.is_empty());
    let colour = out.is_terminal() && !plain;
    let mut screen = Screen::new(&mut out, &mut notes, colour);
    let result = match (&cli, words) {
        (Some(cli), _) => runtime.block_on(plugin::run(cli, &mut screen)),
        (None, words) => runtime.block_on(plugin::complete(words.unwrap_or_default(), &mut screen)),
    };
    // A look-up of a name that hangs must not keep the process.
    runtime.shutdown_background();
    result
}
