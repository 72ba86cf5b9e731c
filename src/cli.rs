//! The command line: what can be asked of the binary, and the text of `--help`.

#![expect(
    clippy::doc_markdown,
    reason = "the doc comments are the help, which is shown as it is written"
)]

use std::fmt;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use clap::builder::BoolishValueParser;
use clap::{ArgAction, Args, Parser, Subcommand, ValueEnum};

use crate::duration::parse_duration;

/// Manages webhook subscriptions at SaaS providers as custom resources.
///
/// Runs in a Kubernetes cluster, watches objects of the group webhook-operator.io and makes the providers'
/// accounts match them.
#[derive(Debug, Parser)]
#[command(
    name = "webhook-operator",
    version,
    max_term_width = 100,
    arg_required_else_help = true
)]
pub struct Cli {
    /// What to do.
    #[command(subcommand)]
    pub command: Command,
}

/// What can be asked of the binary.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Run the operator until SIGTERM.
    Run(Box<RunArgs>),
    /// Print the CustomResourceDefinitions as one YAML stream.
    ///
    /// Install them with `webhook-operator crd | kubectl apply --server-side -f -`. The operator itself never
    /// creates or changes them.
    Crd {
        /// Write one file a kind into this directory instead; it is made where it is missing.
        #[arg(long, value_name = "DIR")]
        output_dir: Option<PathBuf>,
    },
    /// Look at what the operator needs: kinds, rights, providers that can be reached, a leader.
    ///
    /// Run it with the flags, in the environment and as the ServiceAccount of `run`; `helm test` does. It prints a
    /// line for each thing with what to do about it. It writes nothing, reads no Secret, and sends providers no
    /// request, only a TLS handshake.
    #[command(after_help = DOCTOR_AFTER_HELP)]
    Doctor(Box<DoctorArgs>),
    /// Print the version.
    Version,
}

/// The flags of `doctor`: those of `run`, which tell what is needed, and how to print.
#[derive(Debug, Clone, PartialEq, Eq, Args)]
pub struct DoctorArgs {
    /// As text, a line a check, or as JSON.
    #[arg(short, long, value_name = "FORMAT", default_value = "text")]
    pub output: OutputFormat,

    /// How the operator runs.
    #[command(flatten)]
    pub run: RunArgs,
}

/// How findings are printed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum OutputFormat {
    /// A line a check.
    Text,
    /// An object with `ok` and `checks`.
    Json,
}

const DOCTOR_AFTER_HELP: &str = "\
Exit status: 0 when nothing failed, 1 when nothing could be looked at, 2 on wrong usage, 3 when a check failed.";

/// The flags of `run`. Each has a twin in the environment, WEBHOOK_OPERATOR_<FLAG>; the flag wins.
#[derive(Debug, Clone, PartialEq, Eq, Args)]
#[command(after_help = AFTER_HELP)]
pub struct RunArgs {
    /// Where /livez, /readyz and /metrics are served.
    ///
    /// Change it to bind one interface only, or to 127.0.0.1:0 for any free port; the address that was bound is
    /// logged as "listening".
    #[arg(
        long,
        env = "WEBHOOK_OPERATOR_LISTEN",
        value_name = "ADDRESS",
        default_value = "0.0.0.0:8080"
    )]
    pub listen: SocketAddr,

    /// Accept plain http in subscriptions' URLs and, on loopback, in providers' endpoints.
    ///
    /// Off by default: deliveries and API keys would cross the network in clear. Meant for tests and for
    /// development on one machine: providers on loopback are accepted with it, over https too. Where
    /// --private-endpoints allows a private network, providers there may use plain http as well; public addresses
    /// never.
    #[arg(
        long,
        env = "WEBHOOK_OPERATOR_ALLOW_INSECURE_HTTP",
        action = ArgAction::SetTrue,
        value_parser = BoolishValueParser::new()
    )]
    pub allow_insecure_http: bool,

    /// Which providers may be in a private network.
    ///
    /// Private are 10.0.0.0/8, 172.16.0.0/12, 192.168.0.0/16, 100.64.0.0/10 and fc00::/7. What is judged is the
    /// address that is connected to, whatever its name. By default only a ClusterWebhookProvider may have such an
    /// address, because whoever may write a WebhookProvider would otherwise reach, through the operator, services that
    /// are closed to him. Link-local addresses, clouds' metadata services, reserved addresses and the Kubernetes API
    /// server are never connected to.
    #[arg(
        long,
        env = "WEBHOOK_OPERATOR_PRIVATE_ENDPOINTS",
        value_name = "WHO",
        default_value = "ClusterProvidersOnly",
        ignore_case = true
    )]
    pub private_endpoints: PrivateEndpoints,

    /// The HTTP proxy through which providers at public addresses are reached.
    ///
    /// For clusters whose pods have no way out of their own. The operator looks up and judges a provider's address
    /// itself and asks the proxy for a tunnel (CONNECT) to that address; TLS is between the operator and the provider.
    /// Private and loopback addresses are connected to directly. A URL with a user name or password is accepted only
    /// from the environment, because a command line can be read by others. The variables HTTP_PROXY, HTTPS_PROXY,
    /// ALL_PROXY and NO_PROXY mean nothing to the operator.
    #[arg(
        long,
        env = "WEBHOOK_OPERATOR_PROVIDER_PROXY",
        value_name = "URL",
        hide_env_values = true
    )]
    pub provider_proxy: Option<Hidden>,

    /// What this cluster is called in the markers that the operator writes at providers.
    ///
    /// Default: the UID of namespace kube-system. Set it, before the first use, if the cluster may ever be rebuilt
    /// or restored elsewhere: only then are the existing remote subscriptions recognised as its own. No two
    /// clusters may share an id. Required with --watch-namespace.
    #[arg(long, env = "WEBHOOK_OPERATOR_CLUSTER_ID", value_name = "ID")]
    pub cluster_id: Option<String>,

    /// Ids that this cluster had before; remote subscriptions that carry them are taken over.
    ///
    /// Set it after --cluster-id was changed or the cluster was rebuilt. Separate several by commas, or repeat the
    /// flag. Never name a cluster that still runs.
    #[arg(
        long,
        env = "WEBHOOK_OPERATOR_FORMER_CLUSTER_IDS",
        value_name = "ID",
        value_delimiter = ','
    )]
    pub former_cluster_ids: Vec<String>,

    /// Watch only this namespace; repeat it, or separate several by commas.
    ///
    /// Default: all namespaces. Set it where the operator has Roles in some namespaces and no ClusterRole;
    /// ClusterWebhookProvider is then not watched, and --cluster-id is required.
    #[arg(
        long,
        env = "WEBHOOK_OPERATOR_WATCH_NAMESPACE",
        value_name = "NAMESPACE",
        value_delimiter = ','
    )]
    pub watch_namespace: Vec<String>,

    /// How many objects of a kind are worked on at once.
    ///
    /// The work is waiting for answers, so it is not bound by cores, and an object that waits for its turn at the
    /// provider does not count. Lower it to spare a small apiserver; raise it for many accounts with slow providers:
    /// each at once costs some 100 KiB of memory. The request budget of an account is not affected.
    #[arg(
        long,
        env = "WEBHOOK_OPERATOR_CONCURRENCY",
        value_name = "N",
        default_value_t = 32,
        value_parser = clap::value_parser!(u16).range(1..=1024)
    )]
    pub concurrency: u16,

    /// How often remote subscriptions are compared with their objects.
    ///
    /// Holds where neither the subscription nor its provider sets spec.interval. One LIST an account serves all its
    /// subscriptions. Shorter finds edits by hand sooner and costs requests; 0s compares only when something
    /// changes.
    #[arg(
        long,
        env = "WEBHOOK_OPERATOR_INTERVAL",
        value_name = "DURATION",
        default_value = "10m",
        value_parser = parse_duration
    )]
    pub interval: Duration,

    /// How long a create whose outcome is unknown may take to show up at the provider.
    ///
    /// After a crash or a lost answer in the middle of a create, the operator looks for the result; not found after
    /// this time, it creates again. Too short risks a duplicate, too long only delays such a rare case.
    #[arg(
        long,
        env = "WEBHOOK_OPERATOR_SETTLE_TIME",
        value_name = "DURATION",
        default_value = "75s",
        value_parser = parse_duration
    )]
    pub settle_time: Duration,

    /// Write only while this replica leads.
    ///
    /// On by default, so that a second replica, or an old and a new one during an update, can do no harm. One of them
    /// leads and works; the others keep their caches warm. Turn it off (--leader-elect=false) only where it is certain
    /// that a second process never runs: then a crash need not be waited for.
    #[arg(
        long,
        env = "WEBHOOK_OPERATOR_LEADER_ELECT",
        value_name = "BOOL",
        default_value = "true",
        default_missing_value = "true",
        num_args = 0..=1,
        require_equals = true,
        action = ArgAction::Set,
        value_parser = BoolishValueParser::new()
    )]
    pub leader_elect: bool,

    /// The Lease that the replicas of one install share, in the operator's own namespace.
    ///
    /// Change it where several installs, with different --watch-namespace, have the same namespace of their own.
    /// Never during an update: old and new replicas would not know of each other.
    #[arg(
        long,
        env = "WEBHOOK_OPERATOR_LEASE_NAME",
        value_name = "NAME",
        default_value = "webhook-operator"
    )]
    pub lease_name: String,

    /// Serve the providers with this label, and no others.
    ///
    /// For more accounts than one operator can serve. An operator with --shard=NAME serves the providers whose label
    /// webhook-operator.io/shard is NAME, with their subscriptions; one without it serves those without the label. Each
    /// shard elects a leader of its own, by a Lease with the name of --lease-name, a dash and NAME. All shards of an
    /// install need the same flags otherwise. Needs leader election, in all of them.
    #[arg(long, env = "WEBHOOK_OPERATOR_SHARD", value_name = "NAME", default_value = "")]
    pub shard: String,

    /// How long the others wait for a leader that is not heard of any more.
    ///
    /// From 2s to 5m. A shorter one gives a faster failover, and leaves less time for a slow apiserver.
    #[arg(
        long,
        env = "WEBHOOK_OPERATOR_LEASE_DURATION",
        value_name = "DURATION",
        default_value = "15s",
        value_parser = parse_duration
    )]
    pub lease_duration: Duration,

    /// How long the leader writes without a renewal; then it ends, to be started anew.
    ///
    /// At least 1s, and at least 1s shorter than --lease-duration: that time is for requests that are on their way.
    #[arg(
        long,
        env = "WEBHOOK_OPERATOR_LEASE_RENEW_DEADLINE",
        value_name = "DURATION",
        default_value = "10s",
        value_parser = parse_duration
    )]
    pub lease_renew_deadline: Duration,

    /// How often the leader renews the Lease; the others look at it twice as often.
    ///
    /// At least 100ms, and at most half of --lease-renew-deadline. Longer spares the apiserver; the leader then has
    /// fewer attempts, and a failover takes up to half of it longer.
    #[arg(
        long,
        env = "WEBHOOK_OPERATOR_LEASE_RETRY_PERIOD",
        value_name = "DURATION",
        default_value = "2s",
        value_parser = parse_duration
    )]
    pub lease_retry_period: Duration,

    /// Only say what would be done.
    ///
    /// For a first look at an account that is in use. Objects and accounts are read; nothing is written to any
    /// provider, and to the cluster nothing but Events, which say what would be created, changed, taken over or deleted:
    /// no status, no finalizer, no Secret, no Lease. It stands for no election, so it may run beside an operator that
    /// works.
    #[arg(
        long,
        env = "WEBHOOK_OPERATOR_DRY_RUN",
        action = ArgAction::SetTrue,
        value_parser = BoolishValueParser::new()
    )]
    pub dry_run: bool,

    /// The collector that spans of turns and of requests to providers are sent to, by OTLP over HTTP (protobuf).
    ///
    /// Its base URL, such as http://collector.monitoring:4318; /v1/traces is added. Unset, OTEL_EXPORTER_OTLP_ENDPOINT
    /// counts, and without that nothing is traced. A header such as a key comes from OTEL_EXPORTER_OTLP_HEADERS, because
    /// a command line can be read by others. Spans hold names of objects, outcomes and codes; no URL, no answer, no id.
    /// What the collector does not take is dropped and counted, and nothing waits for it.
    #[arg(
        long,
        env = "WEBHOOK_OPERATOR_OTLP_ENDPOINT",
        value_name = "URL",
        hide_env_values = true
    )]
    pub otlp_endpoint: Option<Hidden>,

    /// How log lines are written to standard output.
    #[arg(
        long,
        env = "WEBHOOK_OPERATOR_LOG_FORMAT",
        value_name = "FORMAT",
        default_value = "json"
    )]
    pub log_format: LogFormat,
}

/// Who may have a provider in a private network.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
#[value(rename_all = "PascalCase")]
pub enum PrivateEndpoints {
    /// Every provider; loopback addresses too.
    Allow,
    /// Every ClusterWebhookProvider.
    ClusterProvidersOnly,
    /// None.
    Deny,
}

/// A text that is never shown: it may hold a password.
#[derive(Clone, PartialEq, Eq)]
pub struct Hidden(pub String);

impl From<String> for Hidden {
    fn from(text: String) -> Self {
        Self(text)
    }
}

impl fmt::Debug for Hidden {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("[hidden]")
    }
}

/// How log lines are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum LogFormat {
    /// One JSON object a line, for log collectors.
    Json,
    /// Plain text, for people.
    Text,
}

const AFTER_HELP: &str = "\
Durations are numbers with units (ms, s, m, h), for example 75s, 10m or 1h30m.

Environment, besides the twins of the flags:
  KUBECONFIG     which cluster; unset: ~/.kube/config, then the cluster the pod runs in
  RUST_LOG       what is logged, as tracing-subscriber's EnvFilter reads it; unset: info
  POD_NAME       this replica's name
  POD_NAMESPACE  the operator's own namespace; unset: the service account's, else default

Exit status: 0 after SIGTERM or SIGINT, 1 on an error (the loss of leadership is one), 2 on wrong usage.";

#[cfg(test)]
mod tests {
    use clap::CommandFactory;
    use clap::error::ErrorKind;

    use super::*;

    fn run(flags: &[&str]) -> Result<RunArgs, clap::Error> {
        let line = ["webhook-operator", "run"].iter().chain(flags);
        match Cli::try_parse_from(line)?.command {
            Command::Run(args) => Ok(*args),
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn the_definition_is_consistent() {
        Cli::command().debug_assert();
    }

    #[test]
    fn run_has_exactly_the_documented_flags_each_with_its_twin_and_a_long_help() {
        let command = Cli::command();
        let run = command.find_subcommand("run").unwrap();
        let flags: Vec<&str> = run.get_arguments().filter_map(clap::Arg::get_long).collect();
        let documented = [
            "listen",
            "allow-insecure-http",
            "private-endpoints",
            "provider-proxy",
            "cluster-id",
            "former-cluster-ids",
            "watch-namespace",
            "concurrency",
            "interval",
            "settle-time",
            "leader-elect",
            "lease-name",
            "shard",
            "lease-duration",
            "lease-renew-deadline",
            "lease-retry-period",
            "dry-run",
            "otlp-endpoint",
            "log-format",
        ];
        assert_eq!(flags, documented);
        for arg in run.get_arguments() {
            let long = arg.get_long().unwrap();
            let twin = format!("WEBHOOK_OPERATOR_{}", long.replace('-', "_").to_uppercase());
            assert_eq!(arg.get_env().and_then(|name| name.to_str()), Some(twin.as_str()));
            assert!(arg.get_help().is_some(), "{long}");
            if long != "log-format" {
                assert!(
                    arg.get_long_help().is_some(),
                    "--{long} does not say when to change it"
                );
            }
        }
    }

    #[test]
    fn wrong_values_are_refused_and_the_message_names_the_flag() {
        for flags in [
            ["--listen", "nowhere"],
            ["--concurrency", "0"],
            ["--concurrency", "1025"],
            ["--interval", "10"],
            ["--settle-time", "75"],
            ["--private-endpoints", "Some"],
            ["--log-format", "xml"],
        ] {
            let error = run(&flags).unwrap_err();
            assert_eq!(error.exit_code(), 2);
            assert!(error.to_string().contains(flags[0]), "{error}");
        }
    }

    #[test]
    fn a_duration_without_a_unit_is_told_the_form() {
        let text = run(&["--interval", "10"]).unwrap_err().to_string();
        assert!(text.contains("for example 10m"), "{text}");
    }

    #[test]
    fn an_unknown_flag_is_wrong_usage() {
        assert_eq!(
            run(&["--no-such-flag"]).unwrap_err().kind(),
            ErrorKind::UnknownArgument
        );
    }

    #[test]
    fn flags_are_read_into_their_types() {
        let args = run(&[
            "--listen=127.0.0.1:0",
            "--allow-insecure-http",
            "--private-endpoints=deny",
            "--provider-proxy=http://user:canary@proxy",
            "--log-format=text",
        ])
        .unwrap();
        assert_eq!(args.private_endpoints, PrivateEndpoints::Deny);
        assert_eq!(
            args.provider_proxy,
            Some(Hidden("http://user:canary@proxy".into()))
        );
        assert!(!format!("{args:?}").contains("canary"));
        assert_eq!(args.listen, "127.0.0.1:0".parse().unwrap());
        assert!(args.allow_insecure_http);
        assert_eq!(args.log_format, LogFormat::Text);
    }

    #[test]
    fn the_election_is_on_unless_it_is_turned_off() {
        assert!(run(&[]).unwrap().leader_elect);
        assert!(run(&["--leader-elect"]).unwrap().leader_elect);
        assert!(!run(&["--leader-elect=false"]).unwrap().leader_elect);
        let error = run(&["--leader-elect=perhaps"]).unwrap_err().to_string();
        assert!(error.contains("--leader-elect"), "{error}");
    }

    #[test]
    fn crd_and_version_are_subcommands() {
        let crd = Cli::try_parse_from(["webhook-operator", "crd", "--output-dir", "crds"]).unwrap();
        assert!(matches!(crd.command, Command::Crd { output_dir: Some(dir) } if dir.as_os_str() == "crds"));
        let crd = Cli::try_parse_from(["webhook-operator", "crd"]).unwrap();
        assert!(matches!(crd.command, Command::Crd { output_dir: None }));
        let version = Cli::try_parse_from(["webhook-operator", "version"]).unwrap();
        assert!(matches!(version.command, Command::Version));
    }
}
