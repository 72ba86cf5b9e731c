//! Order of start and stop.

use std::io;
use std::sync::Arc;
use std::time::Duration;

use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::task::JoinError;
use tokio_util::sync::CancellationToken;

use crate::cluster::{self, ClientError, ClusterIdError, HashKeyError};
use crate::config::Config;
use crate::controller::{self, Setup};
use crate::leader::Leadership;
use crate::metrics::Metrics;
use crate::provider::http::{Rules, System};
use crate::server::{Readiness, Server, ServerError};

/// How long turns that have begun may take to end after SIGTERM; a pod is killed after 30 s.
const DRAIN: Duration = Duration::from_secs(20);

/// The gate of [`Readiness`] that opens when the operator knows who it is; the controllers then close theirs.
const IDENTITY_GATE: &str = "hash key and cluster id";

/// Why the operator ended, or did not start.
#[derive(Debug, thiserror::Error)]
pub enum RunError {
    /// Signals cannot be received.
    #[error("cannot listen for signals")]
    Signals {
        /// What the system says.
        source: io::Error,
    },
    /// Probes and metrics.
    #[error(transparent)]
    Server(#[from] ServerError),
    /// The client of the apiserver.
    #[error(transparent)]
    Client(#[from] ClientError),
    /// The hash key.
    #[error(transparent)]
    HashKey(#[from] HashKeyError),
    /// The cluster id.
    #[error(transparent)]
    ClusterId(#[from] ClusterIdError),
    /// The server's task panicked.
    #[error("the server of probes and metrics panicked")]
    ServerPanicked {
        /// What the runtime says.
        source: JoinError,
    },
    /// The controllers failed.
    #[error(transparent)]
    Controllers(#[from] controller::RunError),
    /// The controllers ended although nobody asked them to: a restart is the way out.
    #[error("the controllers ended on their own")]
    ControllersEnded,
}

/// Runs the operator until SIGTERM or SIGINT. Logging must have been started.
///
/// The server comes first, so that probes can say what the rest waits for.
///
/// # Errors
/// [`RunError`]; a signal while it starts or runs is a success.
pub async fn run(config: Config) -> Result<(), RunError> {
    let shutdown = CancellationToken::new();
    tokio::spawn(cancel_on_signal(Signals::listen()?, shutdown.clone()));
    let config = Arc::new(config);
    let metrics = Arc::new(Metrics::new());
    let readiness = Arc::new(Readiness::new());

    let server = Server::bind(config.listen).await?;
    let stop_server = CancellationToken::new();
    let mut serving =
        tokio::spawn(server.serve(Arc::clone(&readiness), Arc::clone(&metrics), stop_server.clone()));
    let result = tokio::select! {
        ended = &mut serving => return served(ended),
        result = operate(config, metrics, readiness, &shutdown) => result,
    };
    stop_server.cancel();
    served(serving.await)?;
    result
}

/// Everything behind the server: prepares, runs the controllers, drains.
async fn operate(
    config: Arc<Config>,
    metrics: Arc<Metrics>,
    readiness: Arc<Readiness>,
    shutdown: &CancellationToken,
) -> Result<(), RunError> {
    let setup = prepare(config, metrics, readiness, shutdown.clone());
    let setup = match shutdown.run_until_cancelled(setup).await {
        Some(setup) => setup?,
        None => return Ok(()),
    };
    let mut controllers = std::pin::pin!(controller::run(setup));
    tokio::select! {
        biased;
        () = shutdown.cancelled() => {}
        ended = &mut controllers => return ended.map_err(RunError::from).and(Err(RunError::ControllersEnded)),
    }
    tracing::info!(seconds = DRAIN.as_secs(), "draining");
    if let Ok(ended) = tokio::time::timeout(DRAIN, controllers).await {
        ended?;
    } else {
        // Nothing is lost: what was begun is in status, and the next process goes on from there.
        tracing::warn!("some turns had not ended in time");
    }
    tracing::info!("stopped");
    Ok(())
}

/// What stands between a running server and running controllers, in order.
async fn prepare(
    config: Arc<Config>,
    metrics: Arc<Metrics>,
    readiness: Arc<Readiness>,
    shutdown: CancellationToken,
) -> Result<Setup, RunError> {
    readiness.require(IDENTITY_GATE);
    let client = cluster::connect(Arc::clone(&readiness)).await?;
    cluster::wait_for_crds(&client, config.is_namespaced(), &readiness).await;
    let hash_key = cluster::hash_key(client.clone(), &config.operator_namespace).await?;
    let cluster_id = cluster::cluster_id(client.clone(), config.cluster_id.as_ref()).await?;
    readiness.open(IDENTITY_GATE);
    let leadership = Leadership::sole();
    metrics.set_leader(true);
    let egress = Rules {
        private_endpoints: config.private_endpoints,
        allow_insecure_http: config.allow_insecure_http,
        proxy: config.provider_proxy.clone(),
        apiserver: Arc::new(cluster::apiserver().await?),
        network: Arc::new(System),
    };
    tracing::info!(%cluster_id, namespace = config.operator_namespace, "starting the controllers");
    Ok(Setup {
        client,
        egress,
        hash_key: Arc::new(hash_key),
        cluster_id,
        former_cluster_ids: config.former_cluster_ids.clone(),
        config,
        metrics,
        readiness,
        leadership,
        shutdown,
    })
}

/// The end of the server's task as a result.
fn served(ended: Result<Result<(), ServerError>, JoinError>) -> Result<(), RunError> {
    ended.map_err(|source| RunError::ServerPanicked { source })??;
    Ok(())
}

/// The signals that ask for an end.
struct Signals {
    terminate: Signal,
    interrupt: Signal,
}

impl Signals {
    fn listen() -> Result<Self, RunError> {
        let listen = |kind| signal(kind).map_err(|source| RunError::Signals { source });
        Ok(Self {
            terminate: listen(SignalKind::terminate())?,
            interrupt: listen(SignalKind::interrupt())?,
        })
    }
}

async fn cancel_on_signal(mut signals: Signals, shutdown: CancellationToken) {
    let name = tokio::select! {
        _ = signals.terminate.recv() => "SIGTERM",
        _ = signals.interrupt.recv() => "SIGINT",
    };
    tracing::info!(signal = name, "asked to stop");
    shutdown.cancel();
}

#[cfg(test)]
mod tests {
    use super::*;

    const MANIFEST: &str = include_str!("../deploy/operator.yaml");

    fn value_of(key: &str) -> &'static str {
        let mut values = MANIFEST
            .lines()
            .filter_map(|line| line.trim().strip_prefix(key)?.strip_prefix(": "));
        let value = values.next().unwrap();
        assert_eq!(values.next(), None, "{key} is there twice");
        value
    }

    #[test]
    fn the_manifest_runs_this_version_and_lets_the_drain_end() {
        let version = concat!(":", env!("CARGO_PKG_VERSION"));
        assert!(value_of("image").ends_with(version), "{}", value_of("image"));
        let grace = Duration::from_secs(value_of("terminationGracePeriodSeconds").parse().unwrap());
        assert!(grace >= DRAIN + Duration::from_secs(5), "{grace:?}");
    }

    #[test]
    fn the_manifest_grants_nothing_by_wildcard_and_no_deletion() {
        for line in MANIFEST
            .lines()
            .filter(|line| !line.trim_start().starts_with('#'))
        {
            assert!(!line.contains('*'), "{line}");
            assert!(!line.contains("delete"), "{line}");
        }
    }
}
