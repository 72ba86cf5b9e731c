//! The plugin's command line, and the text of `--help`.

#![expect(
    clippy::doc_markdown,
    reason = "the doc comments are the help, which is shown as it is written"
)]

use std::path::PathBuf;
use std::time::Duration;

use clap::{Args, Parser, Subcommand, ValueEnum, ValueHint};

use super::output::{Document, Format};
use crate::cli::{self, Hidden, PrivateEndpoints};
use crate::duration::parse_duration;

/// Looks at webhook subscriptions and acts on them, as you and with your rights.
#[derive(Debug, Parser)]
#[command(
    name = "kubectl-webhooks",
    bin_name = "kubectl webhooks",
    version,
    max_term_width = 100,
    arg_required_else_help = true,
    after_help = AFTER_HELP
)]
pub struct Cli {
    /// Which cluster, and as whom.
    #[command(flatten)]
    pub global: Global,

    /// What to do.
    #[command(subcommand)]
    pub verb: Verb,
}

/// The flags of every verb.
#[derive(Debug, Clone, Args)]
pub struct Global {
    /// The kubeconfig; unset: KUBECONFIG, then ~/.kube/config.
    #[arg(
        long,
        global = true,
        value_name = "FILE",
        value_hint = ValueHint::FilePath,
        help_heading = "Cluster"
    )]
    pub kubeconfig: Option<PathBuf>,

    /// The context in the kubeconfig; unset: the current one.
    #[arg(long, global = true, value_name = "NAME", help_heading = "Cluster")]
    pub context: Option<String>,

    /// The namespace; unset: that of the context.
    #[arg(short, long, global = true, value_name = "NAME", help_heading = "Cluster")]
    pub namespace: Option<String>,

    /// The user to act as, where you may impersonate.
    #[arg(long = "as", global = true, value_name = "USER", help_heading = "Cluster")]
    pub impersonate: Option<String>,

    /// How long to wait for an answer, or for what was asked for to happen.
    #[arg(
        long,
        global = true,
        value_name = "DURATION",
        default_value = "60s",
        value_parser = parse_duration,
        help_heading = "Cluster"
    )]
    pub timeout: Duration,
}

/// What can be asked for.
#[derive(Debug, Subcommand)]
pub enum Verb {
    /// List subscriptions with their health.
    Get(GetArgs),
    /// Say why a subscription is not ready, in words, and the next step.
    Status(StatusArgs),
    /// Compare with the provider now, and wait until that is done.
    Reconcile(SomeArgs),
    /// Have the provider send a test event, and wait for what comes of it.
    Test(TestArgs),
    /// Have the operator exchange the signing key that it made, and wait until it has.
    ///
    /// The Secret of spec.signing.generate then holds the new key and, until the overlap ends, the previous one, so that
    /// receivers can accept both. While an overlap goes on, the next exchange waits for its end.
    Rotate(RotateArgs),
    /// Send nothing more for a subscription; what exists at the provider stays as it is.
    Suspend(SomeArgs),
    /// End what suspend began.
    Resume(SomeArgs),
    /// Show what a manifest would change at the provider, exactly, before it is applied.
    ///
    /// The operator's own plan is played on a copy of what the provider lists; nothing is changed anywhere. What would
    /// hold the change back is told: the policy and the quota of a lent account, a guard, what another object has. The exit
    /// status is 0 without changes, 1 with changes, and above 1 where it cannot be told. You need the right to get the
    /// Secrets that the manifest and the provider object refer to; where you may also get the operator's hash key, what
    /// the provider hides is compared too.
    Diff(DiffArgs),
    /// Show the provider's log of what it delivered for a subscription.
    ///
    /// The provider is asked by the plugin, from your machine, with the credential of the provider object: you need the
    /// right to get that Secret. The requests count against the account's limit, beside the operator's.
    Deliveries(DeliveriesArgs),
    /// Write manifests for what exists at a provider: watched only, nothing is changed there.
    ///
    /// Each manifest has spec.mode Observe, adoption by its id and deletionPolicy Orphan, so that applying and deleting
    /// it changes nothing at the provider. Secrets are not in it: references stand for them, and comments say what to
    /// fill in. What an operator manages already is left out.
    Import(ImportArgs),
    /// Find what this cluster left behind at a provider: its marker is on it, and its object is gone.
    Orphans(OrphansArgs),
    /// Look at what the operator needs: kinds, rights, providers that can be reached, a leader.
    ///
    /// Everything is judged as you see it: your rights, and the network of your machine. With --as and the name of the
    /// operator's ServiceAccount the rights are the operator's. Nothing is written, no Secret is read.
    Doctor(DoctorArgs),
    /// Print a script that completes the command line, for kubectl or a shell.
    Completion(CompletionArgs),
}

/// The arguments of `get`.
#[derive(Debug, Clone, Args)]
pub struct GetArgs {
    /// Only these; unset: all.
    #[arg(value_name = "NAME", conflicts_with = "all_namespaces")]
    pub names: Vec<String>,

    /// Of all namespaces.
    #[arg(short = 'A', long)]
    pub all_namespaces: bool,

    /// Only those with these labels.
    #[arg(short = 'l', long, value_name = "LABELS", conflicts_with = "names")]
    pub selector: Option<String>,

    /// Only those that are not healthy.
    #[arg(long)]
    pub unhealthy: bool,

    /// The form of the result; unset: a table.
    #[arg(short, long, value_name = "FORMAT")]
    pub output: Option<Format>,
}

/// The arguments of `status`.
#[derive(Debug, Clone, Args)]
pub struct StatusArgs {
    /// The subscription.
    #[arg(value_name = "NAME")]
    pub name: String,

    /// The form of the result; unset: text.
    #[arg(short, long, value_name = "FORMAT")]
    pub output: Option<Document>,
}

/// The arguments of `rotate`.
#[derive(Debug, Clone, Args)]
pub struct RotateArgs {
    /// The subscription.
    #[arg(value_name = "NAME")]
    pub name: String,
}

/// Some subscriptions of a namespace.
#[derive(Debug, Clone, Args)]
pub struct SomeArgs {
    /// The subscriptions.
    #[arg(value_name = "NAME", required_unless_present = "all", conflicts_with = "all")]
    pub names: Vec<String>,

    /// All subscriptions of the namespace.
    #[arg(long)]
    pub all: bool,
}

/// The arguments of `test`.
#[derive(Debug, Clone, Args)]
pub struct TestArgs {
    /// The subscription.
    #[arg(value_name = "NAME")]
    pub name: String,

    /// The form of the result; unset: a table.
    #[arg(short, long, value_name = "FORMAT")]
    pub output: Option<Document>,
}

/// The arguments of `doctor`: how the operator runs.
#[derive(Debug, Clone, Args)]
pub struct DoctorArgs {
    /// As text, a line a check, or as JSON.
    #[arg(short, long, value_name = "FORMAT", default_value = "text")]
    pub output: cli::OutputFormat,

    /// The operator's own namespace.
    #[arg(long, value_name = "NAME", default_value = "webhook-operator")]
    pub operator_namespace: String,

    /// The Lease of the operator's replicas.
    #[arg(long, value_name = "NAME", default_value = "webhook-operator")]
    pub lease_name: String,

    /// The namespaces that it watches, as its flag --watch-namespace says; unset: all.
    #[arg(long, value_name = "NAMESPACE", value_delimiter = ',')]
    pub watch_namespace: Vec<String>,

    /// How providers are reached.
    #[command(flatten)]
    pub reach: Reach,
}

/// How an account is spoken to.
#[derive(Debug, Clone, Args)]
pub struct AccountArgs {
    /// The operator's own namespace: the Secrets of a ClusterWebhookProvider are there.
    #[arg(
        long,
        value_name = "NAME",
        default_value = "webhook-operator",
        help_heading = "Providers"
    )]
    pub operator_namespace: String,

    /// Which addresses it may have.
    #[command(flatten)]
    pub reach: Reach,
}

/// The arguments of `deliveries`.
#[derive(Debug, Clone, Args)]
pub struct DeliveriesArgs {
    /// The subscription.
    #[arg(value_name = "NAME")]
    pub name: String,

    /// Only deliveries that failed; the exit status is 1 where there are any.
    #[arg(long)]
    pub failed: bool,

    /// At most so many, the newest first.
    #[arg(long, value_name = "N", default_value_t = 100)]
    pub limit: usize,

    /// The form of the result; unset: a table.
    #[arg(short, long, value_name = "FORMAT")]
    pub output: Option<Document>,

    /// How the provider is reached.
    #[command(flatten)]
    pub account: AccountArgs,
}

/// The arguments of `diff`.
#[derive(Debug, Clone, Args)]
pub struct DiffArgs {
    /// The manifests, a YAML stream; - is standard input.
    #[arg(short, long, value_name = "FILE", value_hint = ValueHint::FilePath)]
    pub filename: PathBuf,

    /// The operator's --cluster-id, where it has one; unset: the UID of namespace kube-system.
    #[arg(long, value_name = "ID")]
    pub cluster_id: Option<String>,

    /// The form of the result; unset: text.
    #[arg(short, long, value_name = "FORMAT")]
    pub output: Option<Document>,

    /// How the provider is reached.
    #[command(flatten)]
    pub account: AccountArgs,
}

/// The arguments of `import`.
#[derive(Debug, Clone, Args)]
pub struct ImportArgs {
    /// The provider object: the name of a WebhookProvider, or ClusterWebhookProvider/NAME.
    #[arg(long, value_name = "NAME", value_parser = provider)]
    pub provider: ProviderName,

    /// Only these ids; unset: all that nobody manages.
    #[arg(value_name = "ID")]
    pub ids: Vec<String>,

    /// How the provider is reached.
    #[command(flatten)]
    pub account: AccountArgs,
}

/// The arguments of `orphans`.
#[derive(Debug, Clone, Args)]
pub struct OrphansArgs {
    /// What to do with them.
    #[command(subcommand)]
    pub action: OrphansAction,
}

/// What to do with orphans.
#[derive(Debug, Clone, Subcommand)]
pub enum OrphansAction {
    /// Show them.
    List(OrphanListArgs),
    /// Write manifests of the objects that they belonged to; once applied, the operator takes them back by their marker.
    Adopt(OrphanIdsArgs),
    /// Delete them at the provider. Each is read once more just before, and only what is still an orphan goes.
    Delete(OrphanDeleteArgs),
}

/// Where orphans are looked for.
#[derive(Debug, Clone, Args)]
pub struct OrphanScope {
    /// The provider object: the name of a WebhookProvider, or ClusterWebhookProvider/NAME.
    #[arg(long, value_name = "NAME", value_parser = provider)]
    pub provider: ProviderName,

    /// The operator's --cluster-id, where it has one; unset: the UID of namespace kube-system.
    #[arg(long, value_name = "ID")]
    pub cluster_id: Option<String>,

    /// How the provider is reached.
    #[command(flatten)]
    pub account: AccountArgs,
}

/// The arguments of `orphans list`.
#[derive(Debug, Clone, Args)]
pub struct OrphanListArgs {
    /// Where to look.
    #[command(flatten)]
    pub scope: OrphanScope,

    /// The form of the result; unset: a table.
    #[arg(short, long, value_name = "FORMAT")]
    pub output: Option<Document>,
}

/// Some orphans.
#[derive(Debug, Clone, Args)]
pub struct OrphanIdsArgs {
    /// The provider's ids; unset: all orphans.
    #[arg(value_name = "ID")]
    pub ids: Vec<String>,

    /// Where to look.
    #[command(flatten)]
    pub scope: OrphanScope,
}

/// The arguments of `orphans delete`.
#[derive(Debug, Clone, Args)]
pub struct OrphanDeleteArgs {
    /// The provider's ids.
    #[arg(value_name = "ID", required = true)]
    pub ids: Vec<String>,

    /// Delete them; without it they are only shown.
    #[arg(long)]
    pub yes: bool,

    /// Where to look.
    #[command(flatten)]
    pub scope: OrphanScope,
}

/// Kind and name of a provider object.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ProviderName {
    /// `WebhookProvider` or `ClusterWebhookProvider`.
    pub kind: &'static str,
    /// Its name.
    pub name: String,
}

fn provider(text: &str) -> Result<ProviderName, String> {
    let (kind, name) = match text.split_once('/') {
        None => ("WebhookProvider", text),
        Some((kind, name)) => match kind.to_ascii_lowercase().as_str() {
            "webhookprovider" | "whprov" => ("WebhookProvider", name),
            "clusterwebhookprovider" | "cwhprov" => ("ClusterWebhookProvider", name),
            _ => return Err("use NAME, or ClusterWebhookProvider/NAME".to_owned()),
        },
    };
    if name.is_empty() || name.contains('/') {
        return Err("use NAME, or ClusterWebhookProvider/NAME".to_owned());
    }
    Ok(ProviderName {
        kind,
        name: name.to_owned(),
    })
}

/// Which addresses providers may have: the operator's flags of the same names.
#[derive(Debug, Clone, Args)]
pub struct Reach {
    /// Which providers may be in a private network.
    #[arg(
        long,
        value_name = "WHO",
        default_value = "ClusterProvidersOnly",
        ignore_case = true,
        help_heading = "Providers"
    )]
    pub private_endpoints: PrivateEndpoints,

    /// Accept plain http in subscriptions' URLs and, on loopback, in providers' endpoints.
    #[arg(long, help_heading = "Providers")]
    pub allow_insecure_http: bool,

    /// The HTTP proxy through which providers at public addresses are reached, as the operator's flag of this name says.
    /// A URL with a user name or password is accepted only from the environment.
    #[arg(
        long,
        env = "WEBHOOK_OPERATOR_PROVIDER_PROXY",
        value_name = "URL",
        hide_env_values = true,
        help_heading = "Providers"
    )]
    pub provider_proxy: Option<Hidden>,
}

/// The arguments of `completion`.
#[derive(Debug, Clone, Args)]
pub struct CompletionArgs {
    /// The shell; or kubectl, for a file kubectl_complete-webhooks in PATH, by which kubectl webhooks itself is completed.
    #[arg(value_name = "SHELL")]
    pub shell: Script,
}

/// For whom a script is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Script {
    /// kubectl, whatever the shell.
    Kubectl,
    /// Bash.
    Bash,
    /// Elvish.
    Elvish,
    /// Fish.
    Fish,
    /// PowerShell.
    Powershell,
    /// Z shell.
    Zsh,
}

const AFTER_HELP: &str = "\
Results go to standard output, progress to standard error. NO_COLOR switches colours off; they are used at a terminal
only.

Exit status: 0 done, 1 done and the answer is no (not ready, a failed test or check, changes to make), 2 wrong usage,
3 it could not be done, 4 no such object, 5 rights do not suffice, 6 not within --timeout.";

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::super::error::Exit;
    use super::*;

    #[test]
    fn the_definition_is_consistent_and_everything_has_a_help() {
        Cli::command().debug_assert();
        for verb in Cli::command().get_subcommands() {
            assert!(verb.get_about().is_some(), "{}", verb.get_name());
            for argument in verb.get_arguments() {
                assert!(
                    argument.get_help().is_some(),
                    "{} {}",
                    verb.get_name(),
                    argument.get_id()
                );
            }
        }
    }

    #[test]
    fn the_help_names_every_exit_status() {
        for (exit, _) in Exit::ALL {
            assert!(AFTER_HELP.contains(&format!("{} ", *exit as u8)), "{exit:?}");
        }
    }

    #[test]
    fn a_provider_is_named_with_or_without_its_kind() {
        assert_eq!(provider("dixa").unwrap().kind, "WebhookProvider");
        assert_eq!(provider("cwhprov/dixa").unwrap().kind, "ClusterWebhookProvider");
        for wrong in ["", "secret/dixa", "whprov/", "whprov/a/b"] {
            assert!(provider(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn a_verb_needs_to_know_which_objects() {
        for line in [
            &["kubectl-webhooks", "suspend"][..],
            &["kubectl-webhooks", "suspend", "crm", "--all"],
            &["kubectl-webhooks", "get", "crm", "-A"],
            &["kubectl-webhooks", "status"],
            &["kubectl-webhooks", "reconcile", "crm", "--timeout=5"],
        ] {
            assert_eq!(Cli::try_parse_from(line).unwrap_err().exit_code(), 2, "{line:?}");
        }
        let cli = Cli::try_parse_from(["kubectl-webhooks", "reconcile", "crm", "-n", "support"]).unwrap();
        assert_eq!(cli.global.namespace.as_deref(), Some("support"));
    }
}
