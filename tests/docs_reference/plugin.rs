//! The page about the command line of the plugin.

use std::fmt::Write as _;

use clap::{Arg, Command, CommandFactory};
use operator_core::reason::Reason;
use webhook_operator::plugin::{Cli, Exit, next_step};

use crate::pages::{GENERATED, cell};

/// Every verb with its arguments, the flags of all, the exit statuses, and the next step of each reason.
pub(crate) fn page() -> String {
    let command = Cli::command();
    let mut page = format!("# kubectl webhooks\n\n{GENERATED}\n\n");
    page.push_str("`kubectl webhooks --help` says the same. What it is for is told by [task](../kubectl-plugin.md).\n\n");
    page.push_str("| Verb | |\n|---|---|\n");
    for verb in command.get_subcommands() {
        let _ = writeln!(
            page,
            "| [`{0}`](#{0}) | {1} |",
            verb.get_name(),
            cell(&about(verb))
        );
    }
    page.push_str("\n## Flags of every verb\n\n");
    command
        .get_arguments()
        .filter(|argument| argument.is_global_set())
        .for_each(|argument| line(&mut page, argument));
    page.push_str("\n## Exit status\n\n| Status | Meaning |\n|---|---|\n");
    for (exit, meaning) in Exit::ALL {
        let _ = writeln!(page, "| {} | {} |", *exit as u8, cell(meaning));
    }
    for verb in command.get_subcommands() {
        let _ = writeln!(page, "\n## `{}`\n\n{}\n", verb.get_name(), about(verb));
        if let Some(more) = verb.get_long_about() {
            let more = more.to_string();
            if let Some((_, rest)) = more.split_once("\n\n") {
                let _ = writeln!(page, "{}\n", rest.trim());
            }
        }
        let own = verb.get_arguments().filter(|argument| !argument.is_global_set());
        own.filter(|argument| argument.get_id() != "help")
            .for_each(|argument| line(&mut page, argument));
    }
    page.push_str(
        "\n## The next step of each reason\n\n`status` tells it with the reason's meaning.\n\n| Reason | Next step |\n|---|---|\n",
    );
    for reason in Reason::ALL {
        let _ = writeln!(page, "| `{reason}` | {} |", cell(next_step(*reason)));
    }
    page
}

fn about(verb: &Command) -> String {
    verb.get_about().map(ToString::to_string).unwrap_or_default()
}

/// One argument with its help, default and values.
fn line(page: &mut String, argument: &Arg) {
    let values: Vec<&str> = argument
        .get_value_names()
        .into_iter()
        .flatten()
        .map(clap::builder::Str::as_str)
        .collect();
    let value = values.join(" ");
    let takes = argument.get_action().takes_values();
    let spelled = match (argument.get_short(), argument.get_long()) {
        (None, None) => value.clone(),
        (short, long) => {
            let names = [
                short.map(|short| format!("-{short}")),
                long.map(|long| format!("--{long}")),
            ];
            let names: Vec<String> = names.into_iter().flatten().collect();
            if takes {
                format!("{} {value}", names.join(", "))
            } else {
                names.join(", ")
            }
        }
    };
    let help = argument.get_help().map(ToString::to_string).unwrap_or_default();
    let defaults: Vec<String> = argument
        .get_default_values()
        .iter()
        .map(|value| value.to_string_lossy().into_owned())
        .collect();
    let _ = write!(page, "- `{spelled}`: {}", cell(&help).trim_end_matches('.'));
    if takes && !defaults.is_empty() {
        let _ = write!(page, "; default `{}`", defaults.join(","));
    }
    let possible: Vec<String> = argument
        .get_possible_values()
        .iter()
        .map(|value| format!("`{}`", value.get_name()))
        .collect();
    if takes && !possible.is_empty() {
        let _ = write!(page, "; one of {}", possible.join(", "));
    }
    page.push_str(".\n");
}
