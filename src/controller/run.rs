//! Starts the watches and the controllers, and ends when one of them does.

use std::collections::BTreeMap;
use std::sync::Arc;

use futures::FutureExt;
use kube::Client;
use operator_core::hash::HashKey;
use operator_core::names::ClusterId;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

use crate::config::Config;
use crate::controller::context::Context;
use crate::controller::engine::{Asking, Queue, control, queue};
use crate::controller::events::EventSink;
use crate::controller::provider;
use crate::controller::provider::credentials::Accounts;
use crate::controller::provider::directory::Directory;
use crate::controller::provider::roll::Shards;
use crate::controller::rehearsal::Rehearsal;
use crate::controller::subscription::claims::Claims;
use crate::controller::subscription::quota::Quotas;
use crate::controller::subscription::reconcile;
use crate::controller::subscription::records::Records;
use crate::controller::triggers::{Index, Triggers, Waker};
use crate::controller::watches::{Namespaces, Watching, Writers};
use crate::leader::Leadership;
use crate::metrics::Metrics;
use crate::provider::clock::Clock;
use crate::provider::http::Rules;
use crate::server::Readiness;
use crate::traces::Tracer;

/// What the controllers are started with.
pub struct Setup {
    /// The apiserver.
    pub client: Client,
    /// The configuration.
    pub config: Arc<Config>,
    /// How providers are reached.
    pub egress: Rules,
    /// The key of all fingerprints.
    pub hash_key: Arc<HashKey>,
    /// Which cluster this is.
    pub cluster_id: ClusterId,
    /// Clusters that this one replaces.
    pub former_cluster_ids: Vec<ClusterId>,
    /// Where things are counted.
    pub metrics: Arc<Metrics>,
    /// Where spans fall into, if somebody wants them.
    pub traces: Option<Tracer>,
    /// What `/readyz` and `/livez` go by.
    pub readiness: Arc<Readiness>,
    /// Who may write.
    pub leadership: Leadership,
    /// Ends everything.
    pub shutdown: CancellationToken,
}

/// Why the controllers ended.
#[derive(Debug, thiserror::Error)]
pub enum RunError {
    /// A watch or a controller ended although nobody asked it to.
    #[error("{0} ended unexpectedly")]
    Ended(&'static str),
    /// A task panicked.
    #[error("a task of the controllers panicked")]
    Panicked(#[source] tokio::task::JoinError),
}

/// Runs until `setup.shutdown` is cancelled and what was begun is finished.
///
/// # Errors
/// [`RunError`], when something ends that must not: the process should end too, and be started anew.
pub async fn run(setup: Setup) -> Result<(), RunError> {
    let namespaces: Namespaces = if setup.config.watch_namespaces.is_empty() {
        vec![None]
    } else {
        setup.config.watch_namespaces.iter().cloned().map(Some).collect()
    };
    let cluster_wide = !setup.config.is_namespaced();
    let (triggers, mut queues) = channels(&namespaces, cluster_wide);
    let watching = Watching {
        client: setup.client.clone(),
        readiness: Arc::clone(&setup.readiness),
        shutdown: setup.shutdown.clone(),
    };
    let pod = setup
        .config
        .pod_name
        .clone()
        .unwrap_or_else(|| "webhook-operator".to_owned());
    let (events, write_events) = EventSink::new(setup.client.clone(), pod, Arc::clone(&setup.metrics));
    let mut writers = Writers::default();
    let stores = writers.stores(&namespaces, cluster_wide);
    let waker = Arc::new(Waker {
        triggers: triggers.clone(),
        ..Waker::default()
    });
    let context = Arc::new(Context {
        client: setup.client,
        egress: setup.egress,
        clock: Clock::start(),
        hash_key: setup.hash_key,
        cluster_id: setup.cluster_id,
        former_cluster_ids: setup.former_cluster_ids,
        leadership: setup.leadership,
        metrics: setup.metrics,
        traces: setup.traces,
        stores,
        directory: Directory::default(),
        accounts: Accounts::default(),
        records: Records::default(),
        claims: Claims::default(),
        quotas: Quotas::default(),
        index: Index::default(),
        shards: Shards::default(),
        crd: crate::controller::subscription::removal::CrdGuard::default(),
        triggers,
        waker: Arc::clone(&waker),
        events,
        rehearsal: setup.config.dry_run.then(Rehearsal::default),
        config: setup.config,
    });
    let _ = waker.context.set(Arc::downgrade(&context));
    context.offer_census();

    let mut tasks = JoinSet::new();
    writers.watch(&mut tasks, &watching, &context);
    let events_task = tokio::spawn(write_events);
    // What is not in a store that still fills is not missing: nobody decides anything before all are full.
    tokio::select! {
        () = setup.shutdown.cancelled() => {}
        ended = supervise(&mut tasks, &setup.shutdown) => return ended,
        () = context.stores.filled() => {}
    }
    tokio::select! {
        () = setup.shutdown.cancelled() => {}
        ended = supervise(&mut tasks, &setup.shutdown) => return ended,
        () = stand_by(&mut queues, &context) => {
            context.take_stock(true, |key| context.is_ours(key));
            context.remember_seats();
            start_controllers(&mut tasks, queues, &context, &setup.shutdown);
        }
    }
    let result = supervise(&mut tasks, &setup.shutdown).await;
    events_task.abort();
    result
}

/// Waits for the end of all tasks. The first that ends on its own ends everything: half a controller that looks
/// alive is worse than none.
async fn supervise(tasks: &mut JoinSet<&'static str>, shutdown: &CancellationToken) -> Result<(), RunError> {
    while let Some(ended) = tasks.join_next().await {
        let name = ended.map_err(RunError::Panicked)?;
        if !shutdown.is_cancelled() {
            return Err(RunError::Ended(name));
        }
    }
    Ok(())
}

/// Waits until this replica leads. Meanwhile the watches keep the stores up to date, so that it can begin at once, and
/// what they ask for is dropped: then all objects are looked at anyway.
async fn stand_by(queues: &mut Queues, ctx: &Context) {
    if ctx.leadership.may_write() {
        return;
    }
    tokio::select! {
        () = ctx.leadership.won() => {}
        () = queues.drain() => {}
    }
    ctx.wake_all();
}

struct Queues {
    subscriptions: Vec<Queue>,
    providers: Vec<Queue>,
    cluster_providers: Option<Queue>,
}

impl Queues {
    /// Drops what comes, for ever.
    async fn drain(&mut self) {
        let all = self.subscriptions.iter_mut().chain(&mut self.providers);
        let each = all.chain(&mut self.cluster_providers).map(Queue::drain);
        futures::future::join_all(each).await;
    }
}

fn channels(namespaces: &Namespaces, cluster_wide: bool) -> (Triggers, Queues) {
    let many = || -> (BTreeMap<Option<String>, Asking>, Vec<Queue>) {
        let pairs = namespaces.iter().map(|namespace| {
            let (sender, receiver) = queue();
            ((namespace.clone(), sender), receiver)
        });
        pairs.unzip()
    };
    let (subscriptions, subscription_queues) = many();
    let (providers, provider_queues) = many();
    let (cluster, cluster_queue) = if cluster_wide {
        let (sender, receiver) = queue();
        (Some(sender), Some(receiver))
    } else {
        (None, None)
    };
    let triggers = Triggers {
        subscriptions,
        providers,
        cluster_providers: cluster,
    };
    (
        triggers,
        Queues {
            subscriptions: subscription_queues,
            providers: provider_queues,
            cluster_providers: cluster_queue,
        },
    )
}

fn start_controllers(
    tasks: &mut JoinSet<&'static str>,
    queues: Queues,
    ctx: &Arc<Context>,
    shutdown: &CancellationToken,
) {
    let concurrency = ctx.config.concurrency;
    for (queue, store) in queues
        .subscriptions
        .into_iter()
        .zip(ctx.stores.subscriptions.clone())
    {
        let controller = control(
            queue,
            store,
            Arc::clone(ctx),
            shutdown.clone(),
            concurrency,
            reconcile::reconcile,
            reconcile::retry,
        );
        tasks.spawn(controller.map(|()| "the subscriptions controller"));
    }
    for (queue, store) in queues.providers.into_iter().zip(ctx.stores.providers.clone()) {
        let controller = control(
            queue,
            store,
            Arc::clone(ctx),
            shutdown.clone(),
            8,
            provider::reconcile,
            provider::retry,
        );
        tasks.spawn(controller.map(|()| "the providers controller"));
    }
    if let (Some(queue), Some(store)) = (queues.cluster_providers, ctx.stores.cluster_providers.clone()) {
        let controller = control(
            queue,
            store,
            Arc::clone(ctx),
            shutdown.clone(),
            8,
            provider::reconcile_cluster,
            provider::retry,
        );
        tasks.spawn(controller.map(|()| "the cluster providers controller"));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn one_task_that_ends_or_panics_ends_all_unless_they_were_asked_to() {
        let shutdown = CancellationToken::new();
        let mut tasks = JoinSet::new();
        tasks.spawn(std::future::pending());
        tasks.spawn(async { "the secrets watch" });
        let ended = supervise(&mut tasks, &shutdown).await;
        assert!(
            matches!(ended, Err(RunError::Ended("the secrets watch"))),
            "{ended:?}"
        );
        tasks.spawn(async { panic!("a bug") });
        let ended = supervise(&mut tasks, &shutdown).await;
        assert!(matches!(ended, Err(RunError::Panicked(_))), "{ended:?}");
        let mut tasks = JoinSet::new();
        tasks.spawn(async { "the secrets watch" });
        shutdown.cancel();
        assert!(supervise(&mut tasks, &shutdown).await.is_ok());
    }
}
