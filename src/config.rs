//! From arguments and environment to a configuration that needs no further checks.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;
use std::{fs, io};

use operator_core::address::PrivateEndpoints;
use operator_core::leadership::{Terms, TermsError};
use operator_core::names::{ClusterId, NameError};
use operator_core::shard::Shard;

use crate::cli::{self, Hidden, LogFormat, RunArgs};
use crate::provider::http::{Proxy, ProxyError};
use crate::traces::{Target, TargetError};

/// Where the namespace of the pod's service account is mounted.
const SERVICE_ACCOUNT_NAMESPACE: &str = "/var/run/secrets/kubernetes.io/serviceaccount/namespace";

/// Nobody gains from comparing more often than this; the same bound holds for `spec.interval`.
const MIN_INTERVAL: Duration = Duration::from_secs(5);

/// How the operator runs. Everything in it has been checked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Config {
    /// Where probes and metrics are served.
    pub listen: SocketAddr,
    /// Whether subscriptions may have a plain `http` URL and providers a plain `http` endpoint.
    pub allow_insecure_http: bool,
    /// Which providers may be in a private network.
    pub private_endpoints: PrivateEndpoints,
    /// Through what providers at public addresses are reached.
    pub provider_proxy: Option<Arc<Proxy>>,
    /// The cluster id that the user gave; unset: the UID of namespace `kube-system`.
    pub cluster_id: Option<ClusterId>,
    /// Cluster ids whose markers count as this cluster's.
    pub former_cluster_ids: Vec<ClusterId>,
    /// The namespaces that are watched, sorted and each once; empty: all, and the cluster-scoped kind too.
    pub watch_namespaces: Vec<String>,
    /// How many objects of a kind are worked on at once; at least 1.
    pub concurrency: u16,
    /// How often remote subscriptions are compared where no object says so; zero: only when something changes.
    pub interval: Duration,
    /// How long a create with unknown outcome may take to show at the provider before it is repeated.
    pub settle_time: Duration,
    /// How this replica stands for election; `None`: it is the only one, or a dry run.
    pub election: Option<ElectionConfig>,
    /// The shard whose providers are served.
    pub shard: Shard,
    /// The name of the Lease of operators without a shard; those of the others begin with it.
    pub lease_base: String,
    /// Nothing is written but Events that say what would be.
    pub dry_run: bool,
    /// Where spans are sent; `None`: nothing is traced.
    pub traces: Option<Target>,
    /// How log lines are written.
    pub log_format: LogFormat,
    /// The operator's own namespace: the hash key and the Secrets of cluster-scoped providers are there.
    pub operator_namespace: String,
    /// This replica's name, where the environment tells it.
    pub pod_name: Option<String>,
}

impl Config {
    /// Checks what the user gave.
    ///
    /// # Errors
    /// [`ConfigError`], which names the flag and says what to do.
    pub fn new(args: &RunArgs, environment: Environment) -> Result<Self, ConfigError> {
        let cluster_id = args.cluster_id.as_deref().filter(|id| !id.is_empty());
        let watch_namespaces = namespaces(&args.watch_namespace)?;
        if !watch_namespaces.is_empty() && cluster_id.is_none() {
            return Err(ConfigError::ClusterIdRequired);
        }
        if !args.interval.is_zero() && args.interval < MIN_INTERVAL {
            return Err(ConfigError::IntervalTooShort);
        }
        let shard = shard(args)?;
        Ok(Self {
            listen: args.listen,
            allow_insecure_http: args.allow_insecure_http,
            private_endpoints: args.private_endpoints.into(),
            provider_proxy: proxy(args.provider_proxy.as_ref(), environment.provider_proxy.as_ref())?,
            cluster_id: cluster_id
                .map(|id| cluster_id_of("--cluster-id", id))
                .transpose()?,
            former_cluster_ids: args
                .former_cluster_ids
                .iter()
                .filter(|id| !id.is_empty())
                .map(|id| cluster_id_of("--former-cluster-ids", id))
                .collect::<Result<_, _>>()?,
            watch_namespaces,
            concurrency: args.concurrency,
            interval: args.interval,
            settle_time: args.settle_time,
            election: (args.leader_elect && !args.dry_run)
                .then(|| election(args, &shard))
                .transpose()?,
            shard,
            lease_base: args.lease_name.clone(),
            dry_run: args.dry_run,
            traces: traces(args.otlp_endpoint.as_ref(), &environment)?,
            log_format: args.log_format,
            operator_namespace: environment
                .pod_namespace
                .or(environment.service_account_namespace)
                .unwrap_or_else(|| "default".to_owned()),
            pod_name: environment.pod_name,
        })
    }

    /// Whether only some namespaces are watched, so that nothing cluster-scoped may be asked for.
    pub fn is_namespaced(&self) -> bool {
        !self.watch_namespaces.is_empty()
    }
}

impl From<cli::PrivateEndpoints> for PrivateEndpoints {
    fn from(flag: cli::PrivateEndpoints) -> Self {
        match flag {
            cli::PrivateEndpoints::Allow => Self::Allow,
            cli::PrivateEndpoints::ClusterProvidersOnly => Self::ClusterProvidersOnly,
            cli::PrivateEndpoints::Deny => Self::Deny,
        }
    }
}

/// How the replicas of an install elect the one that works.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ElectionConfig {
    /// The Lease's name.
    pub lease_name: String,
    /// How long it lasts.
    pub terms: Terms,
}

/// The shard; without election nobody would know whether it may be taken from it.
fn shard(args: &RunArgs) -> Result<Shard, ConfigError> {
    let name = &args.shard;
    let shard = Shard::parse(name).ok_or_else(|| ConfigError::Shard { name: name.clone() })?;
    if shard.name().is_some() && !args.leader_elect {
        return Err(ConfigError::ShardNeedsElection);
    }
    Ok(shard)
}

fn election(args: &RunArgs, shard: &Shard) -> Result<ElectionConfig, ConfigError> {
    let name = &shard.lease(&args.lease_name);
    let inner = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || matches!(b, b'-' | b'.');
    let edges = [name.chars().next(), name.chars().last()];
    let alphanumeric = |c: Option<char>| c.is_some_and(|c| c.is_ascii_alphanumeric());
    if name.len() > 253 || !name.bytes().all(inner) || !edges.into_iter().all(alphanumeric) {
        return Err(ConfigError::LeaseName { name: name.clone() });
    }
    let terms = Terms::new(
        args.lease_duration,
        args.lease_renew_deadline,
        args.lease_retry_period,
    );
    Ok(ElectionConfig {
        lease_name: name.clone(),
        terms: terms.map_err(|error| match error {
            TermsError::Duration => ConfigError::LeaseDuration,
            TermsError::RenewDeadline => ConfigError::LeaseRenewDeadline,
            TermsError::RetryPeriod => ConfigError::LeaseRetryPeriod,
        })?,
    })
}

/// What the pod's surroundings say about it. Empty values count as unset.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Environment {
    /// `POD_NAME`.
    pub pod_name: Option<String>,
    /// `POD_NAMESPACE`.
    pub pod_namespace: Option<String>,
    /// The namespace of the mounted service account.
    pub service_account_namespace: Option<String>,
    /// The twin of `--provider-proxy`, to tell it from the flag.
    pub provider_proxy: Option<Hidden>,
    /// `OTEL_EXPORTER_OTLP_ENDPOINT`, for where `--otlp-endpoint` is unset.
    pub otlp_endpoint: Option<Hidden>,
    /// `OTEL_EXPORTER_OTLP_HEADERS`.
    pub otlp_headers: Option<Hidden>,
}

impl Environment {
    /// Reads the variables and the service account's file.
    ///
    /// # Errors
    /// [`ConfigError::ServiceAccountNamespace`] when the file is there and cannot be read.
    pub fn read() -> Result<Self, ConfigError> {
        let service_account_namespace = match fs::read_to_string(SERVICE_ACCOUNT_NAMESPACE) {
            Ok(text) => filled(text.trim()),
            Err(error) if error.kind() == io::ErrorKind::NotFound => None,
            Err(source) => return Err(ConfigError::ServiceAccountNamespace { source }),
        };
        let variable = |name| std::env::var(name).ok().and_then(|value| filled(&value));
        Ok(Self {
            pod_name: variable("POD_NAME"),
            pod_namespace: variable("POD_NAMESPACE"),
            service_account_namespace,
            provider_proxy: proxy_variable(),
            otlp_endpoint: variable("OTEL_EXPORTER_OTLP_ENDPOINT").map(Hidden),
            otlp_headers: variable("OTEL_EXPORTER_OTLP_HEADERS").map(Hidden),
        })
    }
}

/// `WEBHOOK_OPERATOR_PROVIDER_PROXY` of this process.
pub(crate) fn proxy_variable() -> Option<Hidden> {
    let value = std::env::var("WEBHOOK_OPERATOR_PROVIDER_PROXY").ok();
    value.and_then(|value| filled(&value)).map(Hidden)
}

/// The proxy that a flag `--provider-proxy`, or its variable in this process, names.
///
/// # Errors
/// [`ConfigError::Proxy`], and [`ConfigError::ProxyPasswordInArguments`] where a password came over the command line.
pub(crate) fn provider_proxy(given: Option<&Hidden>) -> Result<Option<Arc<Proxy>>, ConfigError> {
    proxy(given, proxy_variable().as_ref())
}

fn filled(text: &str) -> Option<String> {
    (!text.is_empty()).then(|| text.to_owned())
}

fn cluster_id_of(flag: &'static str, text: &str) -> Result<ClusterId, ConfigError> {
    ClusterId::parse(text).map_err(|source| ConfigError::ClusterId { flag, source })
}

/// The proxy; one with a password must not have come over the command line, which everybody on the machine can read.
fn proxy(given: Option<&Hidden>, variable: Option<&Hidden>) -> Result<Option<Arc<Proxy>>, ConfigError> {
    let Some(url) = given.filter(|url| !url.0.is_empty()) else {
        return Ok(None);
    };
    let proxy = Proxy::parse(&url.0).map_err(|source| ConfigError::Proxy { source })?;
    if proxy.has_credentials() && variable != Some(url) {
        return Err(ConfigError::ProxyPasswordInArguments);
    }
    Ok(Some(Arc::new(proxy)))
}

/// The collector that is named, or the one of the environment.
fn traces(given: Option<&Hidden>, environment: &Environment) -> Result<Option<Target>, ConfigError> {
    let given = given.filter(|url| !url.0.is_empty());
    let Some(url) = given.or(environment.otlp_endpoint.as_ref()) else {
        return Ok(None);
    };
    let headers = environment.otlp_headers.as_ref();
    let headers = headers.map(|headers| headers.0.as_str()).unwrap_or_default();
    Ok(Some(Target::parse(&url.0, headers)?))
}

fn namespaces(given: &[String]) -> Result<Vec<String>, ConfigError> {
    let mut names: Vec<String> = given.iter().filter(|name| !name.is_empty()).cloned().collect();
    if let Some(name) = names.iter().find(|name| !is_dns_label(name)) {
        return Err(ConfigError::Namespace { name: name.clone() });
    }
    names.sort_unstable();
    names.dedup();
    Ok(names)
}

/// RFC 1123, section 2.1, in lower case: what Kubernetes accepts as the name of a namespace.
fn is_dns_label(text: &str) -> bool {
    let inner = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-';
    text.len() <= 63 && !text.starts_with('-') && !text.ends_with('-') && text.bytes().all(inner)
}

/// Why the operator cannot run as it was asked to.
#[derive(Debug, thiserror::Error)]
pub enum ConfigError {
    /// A namespaced install cannot read the namespace that gives the cluster its default id.
    #[error(
        "--watch-namespace needs --cluster-id: without rights on the whole cluster the operator cannot derive \
         an id; choose one that no other cluster uses and keep it for ever (for example the cluster's name)"
    )]
    ClusterIdRequired,
    /// A cluster id that cannot be one.
    #[error("{flag}: an id {source}")]
    ClusterId {
        /// The flag that holds it.
        flag: &'static str,
        /// What is wrong with it.
        source: NameError,
    },
    /// A namespace that cannot exist.
    #[error(
        "--watch-namespace: {name:?} is no name of a namespace: use lower-case letters, digits and '-', \
         at most 63 characters, and no '-' at either end"
    )]
    Namespace {
        /// The name as given.
        name: String,
    },
    /// A proxy that cannot be one. The URL is not shown: it may hold a password.
    #[error("--provider-proxy: the URL {source}")]
    Proxy {
        /// What is wrong with it.
        source: ProxyError,
    },
    /// A password on the command line.
    #[error(
        "--provider-proxy: a command line can be read by others; give a URL with a user name or password in \
         WEBHOOK_OPERATOR_PROVIDER_PROXY, from a Secret"
    )]
    ProxyPasswordInArguments,
    /// A collector that cannot be one.
    #[error(transparent)]
    Traces(#[from] TargetError),
    /// An interval that would only wear the provider out.
    #[error("--interval: use 0s (compare only when something changes) or at least 5s")]
    IntervalTooShort,
    /// A Lease that cannot exist.
    #[error(
        "--lease-name: {name:?} is no name of a Lease: use lower-case letters, digits, '-' and '.', at most 253 \
         characters, and a letter or digit at either end"
    )]
    LeaseName {
        /// The name as given.
        name: String,
    },
    /// A shard that no label can name.
    #[error(
        "--shard: {name:?} is no name of a shard: use lower-case letters, digits and '-', at most 63 characters, \
         and no '-' at either end"
    )]
    Shard {
        /// The name as given.
        name: String,
    },
    /// Shards hand over by their Leases.
    #[error("--shard needs leader election: leave out --leader-elect=false")]
    ShardNeedsElection,
    /// Too short for the apiserver, or too long for anybody who waits.
    #[error("--lease-duration: use 2s to 5m")]
    LeaseDuration,
    /// The leader would write for too long, or not at all.
    #[error("--lease-renew-deadline: use at least 1s, and at least 1s less than --lease-duration")]
    LeaseRenewDeadline,
    /// There would be no second attempt.
    #[error("--lease-retry-period: use at least 100ms, and at most half of --lease-renew-deadline")]
    LeaseRetryPeriod,
    /// The service account's namespace is mounted and unreadable.
    #[error("cannot read {SERVICE_ACCOUNT_NAMESPACE}; set POD_NAMESPACE instead")]
    ServiceAccountNamespace {
        /// What the system says.
        source: io::Error,
    },
}

#[cfg(test)]
mod tests;
