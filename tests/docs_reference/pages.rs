//! The pages about the process: reasons, metrics, command line.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::sync::Arc;
use std::time::Duration;

use clap::CommandFactory;
use operator_core::budget::Priority;
use operator_core::reason::Reason;
use webhook_operator::api::v1alpha1::ProviderType;
use webhook_operator::cli::Cli;
use webhook_operator::metrics::{Census, Counts, Kind, Metrics, PollOutcome, ReconcileOutcome};
use webhook_operator::provider::http::{Observation, Operation};

/// The first line of every rendered page.
pub(crate) const GENERATED: &str = "<!-- Rendered from the code. Change it there and run `make docs`. -->";

/// A text as it may stand in a cell of a table.
pub(crate) fn cell(text: &str) -> String {
    text.replace("\n\n", " ").replace('\n', " ").replace('|', "\\|")
}

/// Every reason of a condition.
pub(crate) fn reasons() -> String {
    let mut page = format!("# Reasons\n\n{GENERATED}\n\n");
    page.push_str(
        "The reason of a condition is one of these and no other. They are stable: alerts may rely on them. The \
         condition's message has the details, names the field or object, and says what to do. Each reason leads to \
         its entry in [Troubleshooting](../troubleshooting.md).\n\n\
         | Reason | Meaning |\n|---|---|\n",
    );
    for reason in Reason::ALL {
        let explanation: Vec<&str> = reason.explanation().split_whitespace().collect();
        let anchor = reason.as_str().to_lowercase();
        let _ = writeln!(
            page,
            "| [`{reason}`](../troubleshooting.md#{anchor}) | {} |",
            cell(&explanation.join(" "))
        );
    }
    page
}

/// One metric family as the text format describes it.
#[derive(Default)]
struct Family {
    kind: String,
    help: String,
    labels: BTreeSet<String>,
}

/// Every metric.
pub(crate) fn metrics() -> String {
    let mut page = format!("# Metrics\n\n{GENERATED}\n\n");
    page.push_str(
        "Served at `/metrics` as OpenMetrics text. The names of counters end in `_total` there. Every label has a \
         bounded set of values: no name of an object, no id and no URL is ever one. A metric with labels appears \
         when it is first counted.\n\n| Metric | Type | Labels | Meaning |\n|---|---|---|---|\n",
    );
    for (name, family) in families(&counted().render().unwrap()) {
        let labels: Vec<String> = family.labels.iter().map(|label| format!("`{label}`")).collect();
        let name = match family.kind.as_str() {
            "counter" => format!("{name}_total"),
            "info" => format!("{name}_info"),
            _ => name,
        };
        let _ = writeln!(
            page,
            "| `{name}` | {} | {} | {} |",
            family.kind,
            labels.join(", "),
            cell(&family.help)
        );
    }
    page.push_str("\n`provider` is a provider's type. `operation` is one of ");
    let operations: Vec<String> = Operation::ALL
        .iter()
        .map(|operation| format!("`{}`", operation.as_str()))
        .collect();
    page.push_str(&operations.join(", "));
    page.push_str(
        ". The `outcome` of a request is `success` or a [reason](reasons.md), its `code` the status of the answer: one \
         that is known, a class such as `5xx`, or `none`. `priority` is `edit`, `delete`, `create`, `drift` or \
         `delivery`. `kind` is the kind of an object, `reason` one of the [reasons](reasons.md) or `other`. \
         `ready` and `healthy` are `True`, `False` or `Unknown`. What every replica counts is the same at each of them: \
         take the maximum, not the sum.\n",
    );
    page
}

/// Metrics in which everything was counted once, so that all of them show.
fn counted() -> Metrics {
    let metrics = Metrics::new();
    let dixa = ProviderType::Dixa;
    let second = Duration::from_secs(1);
    let call = Observation {
        operation: Operation::List,
        status: Some(200),
        error: None,
        elapsed: second,
    };
    metrics.provider_request(dixa, &call);
    metrics.waited(dixa, Priority::Create, second);
    metrics.budget_opened(dixa, 1, Arc::new(|| Some(1.0)));
    metrics.ask(Arc::new(One));
    metrics.reconciled(Kind::Subscription, ReconcileOutcome::Panicked, second);
    metrics.drift_corrected(dixa);
    metrics.remote_created(dixa);
    metrics.remote_deleted(dixa);
    metrics.remote_vanished(dixa);
    metrics.orphaned();
    metrics.list_completed(dixa, 1);
    metrics.deliveries_polled(dixa, PollOutcome::Healthy);
    metrics.event_dropped();
    metrics.set_leader(true);
    metrics.lease_failed();
    metrics
}

/// A census that counts one object.
struct One;

impl Census for One {
    fn count(&self, counts: &mut Counts) {
        counts.object(Kind::Subscription, Some(("True", "InSync")));
        counts.delivery("True");
    }
}

fn families(text: &str) -> BTreeMap<String, Family> {
    let mut families: BTreeMap<String, Family> = BTreeMap::new();
    for line in text.lines() {
        if let Some((name, help)) = line.strip_prefix("# HELP ").and_then(|rest| rest.split_once(' ')) {
            help.clone_into(&mut families.entry(name.to_owned()).or_default().help);
        } else if let Some((name, kind)) = line.strip_prefix("# TYPE ").and_then(|rest| rest.split_once(' '))
        {
            kind.clone_into(&mut families.entry(name.to_owned()).or_default().kind);
        } else if let Some((sample, labels)) = line.split_once('{') {
            let family = families
                .iter_mut()
                .filter(|(name, _)| sample.starts_with(name.as_str()))
                .max_by_key(|(name, _)| name.len());
            let labels = labels.split_once('}').map_or("", |(labels, _)| labels);
            let names = labels
                .split(',')
                .filter_map(|label| Some(label.split_once('=')?.0));
            // The bounds of a histogram's buckets are part of the format.
            let names = names.filter(|name| *name != "le").map(str::to_owned);
            if let Some((_, family)) = family {
                family.labels.extend(names);
            }
        }
    }
    families
}

/// The commands and the flags of `run`.
pub(crate) fn command_line() -> String {
    let command = Cli::command();
    let mut page = format!("# Command line\n\n{GENERATED}\n\n");
    page.push_str("`webhook-operator --help` and `webhook-operator run --help` say the same.\n\n");
    page.push_str("| Command | |\n|---|---|\n");
    for sub in command.get_subcommands() {
        let about = sub.get_about().map(ToString::to_string).unwrap_or_default();
        let _ = writeln!(
            page,
            "| `webhook-operator {}` | {} |",
            sub.get_name(),
            cell(&about)
        );
    }
    page.push_str("\n## Flags of `run`\n\n");
    let run = command.find_subcommand("run").unwrap();
    for argument in run.get_arguments() {
        let (Some(long), Some(env)) = (argument.get_long(), argument.get_env()) else {
            continue;
        };
        let value = argument
            .get_value_names()
            .filter(|_| argument.get_action().takes_values())
            .map(|names| format!(" {}", names.join(" ")));
        let _ = writeln!(page, "### `--{long}{}`\n", value.unwrap_or_default());
        let help = argument.get_long_help().or_else(|| argument.get_help());
        let _ = writeln!(
            page,
            "{}\n",
            help.map(ToString::to_string).unwrap_or_default().trim()
        );
        let _ = write!(page, "Environment: `{}`.", env.to_string_lossy());
        let defaults: Vec<String> = argument
            .get_default_values()
            .iter()
            .map(|value| format!("`{}`", value.to_string_lossy()))
            .collect();
        // A switch is off; nothing more is to be said.
        if argument.get_action().takes_values() && !defaults.is_empty() {
            let _ = write!(page, " Default: {}.", defaults.join(", "));
        }
        let values: Vec<String> = argument
            .get_possible_values()
            .iter()
            .map(|value| format!("`{}`", value.get_name()))
            .collect();
        if argument.get_action().takes_values() && !values.is_empty() {
            let _ = write!(page, " Values: {}.", values.join(", "));
        }
        page.push_str("\n\n");
    }
    page.push_str("## Flags of `doctor`\n\nThose of `run`, and:\n\n");
    let doctor = command.find_subcommand("doctor").unwrap();
    let own = |argument: &&clap::Arg| argument.get_env().is_none() && argument.get_id() != "help";
    for argument in doctor.get_arguments().filter(own) {
        let help = argument.get_help().map(ToString::to_string).unwrap_or_default();
        let _ = writeln!(
            page,
            "- `-{}`, `--{}`: {help}",
            argument.get_short().unwrap(),
            argument.get_long().unwrap()
        );
    }
    let after = doctor
        .get_after_help()
        .map(ToString::to_string)
        .unwrap_or_default();
    let _ = writeln!(page, "\n{}\n", after.trim());
    page.push_str("## Besides\n\n```text\n");
    let after = run.get_after_help().map(ToString::to_string).unwrap_or_default();
    let _ = writeln!(page, "{}\n```", after.trim());
    page
}
