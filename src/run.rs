//! Order of start and stop.

use std::io;
use std::sync::Arc;
use std::time::Duration;

use operator_core::hash::HashKey;
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::task::{JoinError, JoinHandle};
use tokio_util::sync::CancellationToken;

use crate::cluster::{self, ClientError, ClusterIdError, HashKeyError};
use crate::config::Config;
use crate::controller::{self, Setup};
use crate::leader::{self, Candidacy, Leadership, LeadershipLost, Standing};
use crate::metrics::Metrics;
use crate::provider::http::{BuildError, Rules, System};
use crate::server::{Readiness, Server, ServerError};
use crate::traces::{Exporter, Tracer};

/// How long turns that have begun may take to end after SIGTERM; a pod is killed after 30 s.
pub const DRAIN: Duration = Duration::from_secs(20);

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
    /// Traces cannot be sent.
    #[error("cannot send traces")]
    Traces {
        /// What is missing.
        source: BuildError,
    },
    /// The cluster id.
    #[error(transparent)]
    ClusterId(#[from] ClusterIdError),
    /// Another replica leads, or may soon.
    #[error(transparent)]
    LeadershipLost(#[from] LeadershipLost),
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
    let (tracer, exporting) = trace(&config, &metrics)?.unzip();
    let result = tokio::select! {
        ended = &mut serving => return served(ended),
        result = operate(config, metrics, tracer, readiness, &shutdown) => result,
    };
    // Who has lost the leadership ends at once.
    if let (Ok(()), Some((stop, task))) = (&result, exporting) {
        stop.cancel();
        let _ = task.await;
    }
    stop_server.cancel();
    served(serving.await)?;
    result
}

/// What spans are sent by: the task, and what ends it.
type Exporting = (CancellationToken, JoinHandle<()>);

/// Starts to send spans, if somebody wants them.
fn trace(config: &Config, metrics: &Arc<Metrics>) -> Result<Option<(Tracer, Exporting)>, RunError> {
    let Some(target) = &config.traces else {
        return Ok(None);
    };
    let mut random = [[0; 8]; 2];
    cluster::fill_random(random.as_flattened_mut()).map_err(HashKeyError::from)?;
    let pod = config.pod_name.clone().unwrap_or_default();
    let exporter = Exporter::new(target.clone(), pod, Arc::clone(metrics));
    let exporter = exporter.map_err(|source| RunError::Traces { source })?;
    let (tracer, spans) = Tracer::new(Arc::clone(metrics), random.map(u64::from_be_bytes));
    let stop = CancellationToken::new();
    let task = tokio::spawn(exporter.run(spans, stop.clone()));
    Ok(Some((tracer, (stop, task))))
}

/// Everything behind the server, for as long as this replica may work.
async fn operate(
    config: Arc<Config>,
    metrics: Arc<Metrics>,
    tracer: Option<Tracer>,
    readiness: Arc<Readiness>,
    shutdown: &CancellationToken,
) -> Result<(), RunError> {
    let leadership = if config.election.is_some() {
        Leadership::none()
    } else {
        // A dry run leads nobody, and what it may send is decided by the clients themselves.
        metrics.set_leader(!config.dry_run);
        Leadership::sole()
    };
    let start = start(&config, &readiness, &metrics, &leadership);
    let Some(started) = shutdown.run_until_cancelled(start).await else {
        return Ok(());
    };
    let (client, hash_key, mut candidacy) = started?;
    let started = Started { client, hash_key };
    let work = work(
        started,
        config,
        (metrics, tracer),
        readiness,
        leadership,
        shutdown,
    );
    let lost = async {
        match &mut candidacy {
            Some(candidacy) => candidacy.lost().await,
            None => std::future::pending().await,
        }
    };
    let ended = tokio::select! {
        // Its turns are still there, but nothing that they send passes any more; the process ends now.
        lost = lost => return Err(lost.into()),
        ended = work => ended,
    };
    match (candidacy, &ended) {
        // Somebody else may begin at once, because nothing is on its way.
        (Some(candidacy), Ok(Drained::Wholly)) => candidacy.release().await,
        (Some(candidacy), _) => candidacy.abandon(),
        (None, _) => {}
    }
    tracing::info!("stopped");
    ended.map(drop)
}

/// The first contact with the cluster, and the beginning of the election.
async fn start(
    config: &Config,
    readiness: &Arc<Readiness>,
    metrics: &Arc<Metrics>,
    leadership: &Leadership,
) -> Result<(kube::Client, Option<HashKey>, Option<Candidacy>), RunError> {
    readiness.require(IDENTITY_GATE);
    let client = cluster::connect(Arc::clone(readiness), leadership.clone(), config.dry_run).await?;
    cluster::wait_for_crds(&client, config.is_namespaced(), readiness).await;
    let namespace = &config.operator_namespace;
    let hash_key = cluster::find_hash_key(client.clone(), namespace).await?;
    let Some(election) = &config.election else {
        return Ok((client, hash_key, None));
    };
    let standing = Standing {
        client: cluster::connect_for_lease(election.terms.renew_deadline()).await?,
        namespace,
        name: &election.lease_name,
        identity: identity(config)?,
        terms: election.terms,
        // Whoever leads creates the hash key before it does anything else.
        first: hash_key.is_none(),
    };
    let candidacy = leader::stand(
        standing,
        leadership.clone(),
        Arc::clone(metrics),
        Arc::clone(readiness),
    );
    Ok((client, hash_key, Some(candidacy)))
}

/// This process's name in the election: the pod's, and what no other process has, because a container that is started
/// anew has the same pod.
fn identity(config: &Config) -> Result<String, RunError> {
    let mut bytes = [0; 8];
    cluster::fill_random(&mut bytes).map_err(HashKeyError::from)?;
    let pod = config.pod_name.as_deref().unwrap_or("webhook-operator");
    Ok(format!("{pod}_{:016x}", u64::from_be_bytes(bytes)))
}

/// How the work ended.
enum Drained {
    /// Nothing is on its way any more.
    Wholly,
    /// Some turns have not ended.
    InPart,
}

/// What the start found.
struct Started {
    client: kube::Client,
    hash_key: Option<HashKey>,
}

/// Runs the controllers until shutdown, and drains.
async fn work(
    started: Started,
    config: Arc<Config>,
    seen: (Arc<Metrics>, Option<Tracer>),
    readiness: Arc<Readiness>,
    leadership: Leadership,
    shutdown: &CancellationToken,
) -> Result<Drained, RunError> {
    let setup = prepare(started, config, seen, readiness, leadership, shutdown.clone());
    let setup = match shutdown.run_until_cancelled(setup).await {
        Some(setup) => setup?,
        None => return Ok(Drained::Wholly),
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
        return Ok(Drained::Wholly);
    }
    // Nothing is lost: what was begun is in status, and the next process goes on from there.
    tracing::warn!("some turns had not ended in time");
    Ok(Drained::InPart)
}

/// What stands between the first contact and running controllers, in order.
async fn prepare(
    started: Started,
    config: Arc<Config>,
    (metrics, traces): (Arc<Metrics>, Option<Tracer>),
    readiness: Arc<Readiness>,
    leadership: Leadership,
    shutdown: CancellationToken,
) -> Result<Setup, RunError> {
    let client = started.client;
    let hash_key = match started.hash_key {
        Some(key) => key,
        None if config.dry_run => cluster::passing_hash_key()?,
        None => first_hash_key(&client, &config.operator_namespace, &leadership).await?,
    };
    let cluster_id = cluster::cluster_id(client.clone(), config.cluster_id.as_ref()).await?;
    readiness.open(IDENTITY_GATE);
    let egress = Rules {
        private_endpoints: config.private_endpoints,
        allow_insecure_http: config.allow_insecure_http,
        proxy: config.provider_proxy.clone(),
        apiserver: Arc::new(cluster::apiserver(&cluster::Access::default()).await?),
        network: Arc::new(System),
    };
    if config.dry_run {
        tracing::warn!("dry run: nothing is written to a provider, and nothing but Events to the cluster");
    }
    tracing::info!(%cluster_id, namespace = config.operator_namespace, "starting the controllers");
    Ok(Setup {
        client,
        egress,
        hash_key: Arc::new(hash_key),
        cluster_id,
        former_cluster_ids: config.former_cluster_ids.clone(),
        config,
        metrics,
        traces,
        readiness,
        leadership,
        shutdown,
    })
}

/// The hash key of a new install: the leader creates it, the others wait for it.
async fn first_hash_key(
    client: &kube::Client,
    namespace: &str,
    leadership: &Leadership,
) -> Result<HashKey, RunError> {
    loop {
        if leadership.may_write() {
            return Ok(cluster::create_hash_key(client.clone(), namespace).await?);
        }
        let wait = tokio::time::timeout(Duration::from_secs(1), leadership.won());
        if wait.await.is_err()
            && let Some(key) = cluster::find_hash_key(client.clone(), namespace).await?
        {
            return Ok(key);
        }
    }
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
