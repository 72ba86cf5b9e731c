//! The watches: each fills a store and says which object was touched.

mod prune;

use std::collections::HashSet;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use futures::{FutureExt, Stream, StreamExt, stream};
use k8s_openapi::NamespaceResourceScope;
use k8s_openapi::api::core::v1::{Namespace, Secret};
use kube::core::{ObjectMeta, PartialObjectMeta};
use kube::runtime::WatchStreamExt;
use kube::runtime::reflector::{self, ObjectRef, Store};
use kube::runtime::utils::Backoff;
use kube::runtime::watcher::{self, DefaultBackoff, Event};
use kube::{Api, Client, Resource, ResourceExt};
use operator_core::names::ObjectName;
use serde::de::DeserializeOwned;
use tokio::task::JoinSet;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use crate::api::names::LABEL_USE;
use crate::api::v1alpha1::{ClusterWebhookProvider, WebhookProvider, WebhookSubscription};
use crate::cluster::WATCH_TIMEOUT;
use crate::controller::context::{Context, Party, ProviderKey, Stores};
use crate::controller::provider::roll::Entry;
use crate::controller::received::Received;
use crate::controller::subscription::reconcile;
use crate::controller::triggers::Target;
use crate::server::Readiness;

/// The watched namespaces; `None` stands for all of them.
pub(super) type Namespaces = Vec<Option<String>>;

/// What every watch needs.
#[derive(Clone)]
pub(super) struct Watching {
    pub(super) client: Client,
    pub(super) readiness: Arc<Readiness>,
    pub(super) shutdown: CancellationToken,
}

type Writer<K> = reflector::store::Writer<K>;

/// The writing ends of the stores, until their watches are started.
#[derive(Default)]
pub(super) struct Writers {
    subscriptions: Vec<(Option<String>, Writer<Received<WebhookSubscription>>)>,
    providers: Vec<(Option<String>, Writer<Received<WebhookProvider>>)>,
    cluster_providers: Option<Writer<Received<ClusterWebhookProvider>>>,
    secrets: Vec<(Option<String>, Writer<PartialObjectMeta<Secret>>)>,
    namespaces: Option<Writer<PartialObjectMeta<Namespace>>>,
}

fn stores<K>(namespaces: &Namespaces, writers: &mut Vec<(Option<String>, Writer<K>)>) -> Vec<Store<K>>
where
    K: Resource<DynamicType = ()> + Clone + 'static,
{
    let open = namespaces.iter().map(|namespace| {
        let (store, writer) = reflector::store();
        writers.push((namespace.clone(), writer));
        store
    });
    open.collect()
}

fn store<K: Resource<DynamicType = ()> + Clone + 'static>(writer: &mut Option<Writer<K>>) -> Store<K> {
    let (store, open) = reflector::store();
    *writer = Some(open);
    store
}

impl Writers {
    pub(super) fn stores(&mut self, namespaces: &Namespaces, cluster_wide: bool) -> Stores {
        Stores {
            subscriptions: stores(namespaces, &mut self.subscriptions),
            providers: stores(namespaces, &mut self.providers),
            cluster_providers: cluster_wide.then(|| store(&mut self.cluster_providers)),
            secrets: stores(namespaces, &mut self.secrets),
            namespaces: cluster_wide.then(|| store(&mut self.namespaces)),
        }
    }

    pub(super) fn watch(self, tasks: &mut JoinSet<&'static str>, watching: &Watching, ctx: &Arc<Context>) {
        for (namespace, writer) in self.subscriptions {
            let (api, ctx) = (watching.api(namespace.as_deref()), Arc::clone(ctx));
            let config = watcher_config();
            let stream = watching.stream(
                "subscriptions watch",
                api,
                writer,
                config,
                prune::unread_of_subscription,
            );
            let change = move |event| {
                changed_subscription(&ctx, &event);
                std::future::ready(())
            };
            tasks.spawn(stream.for_each(change).map(|()| "the subscriptions watch"));
        }
        for (namespace, writer) in self.providers {
            let (api, ctx) = (watching.api(namespace.as_deref()), Arc::clone(ctx));
            let stream = watching.stream("providers watch", api, writer, watcher_config(), prune::unread);
            let change = move |event: Change<Received<WebhookProvider>>| {
                let key = ProviderKey::Namespaced(reconcile::object_name(event.object.meta()));
                changed_provider(&ctx, &Entry::watched(key, &event.object), event.deleted);
                std::future::ready(())
            };
            tasks.spawn(stream.for_each(change).map(|()| "the providers watch"));
        }
        if let Some(writer) = self.cluster_providers {
            let ctx = Arc::clone(ctx);
            let api = Api::all(watching.client.clone());
            let stream = watching.stream(
                "cluster providers watch",
                api,
                writer,
                watcher_config(),
                prune::unread,
            );
            let change = move |event: Change<Received<ClusterWebhookProvider>>| {
                let key = ProviderKey::Cluster(event.object.name_any());
                changed_provider(&ctx, &Entry::watched(key, &event.object), event.deleted);
                std::future::ready(())
            };
            tasks.spawn(stream.for_each(change).map(|()| "the cluster providers watch"));
        }
        for (namespace, writer) in self.secrets {
            let (api, ctx) = (watching.api(namespace.as_deref()), Arc::clone(ctx));
            let config = watcher_config().labels(LABEL_USE);
            let stream = watching.stream("secrets watch", api, writer, config, prune::unread);
            let change = move |event: Change<PartialObjectMeta<Secret>>| {
                ctx.wake_dependents(&Target::Secret(reconcile::object_name(event.object.meta())));
                std::future::ready(())
            };
            tasks.spawn(stream.for_each(change).map(|()| "the secrets watch"));
        }
        if let Some(writer) = self.namespaces {
            let ctx = Arc::clone(ctx);
            let api = Api::all(watching.client.clone());
            let stream = watching.stream("namespaces watch", api, writer, watcher_config(), prune::unread);
            let change = move |_: Change<PartialObjectMeta<Namespace>>| {
                ctx.wake_lent();
                std::future::ready(())
            };
            tasks.spawn(stream.for_each(change).map(|()| "the namespaces watch"));
        }
    }
}

fn watcher_config() -> watcher::Config {
    let config = watcher::Config::default().page_size(PAGE);
    config.timeout(u32::try_from(WATCH_TIMEOUT.as_secs()).unwrap_or(u32::MAX))
}

/// Objects read at once when a watch begins. A page is in memory with all that is dropped before it is stored, of
/// which the managed fields alone are several times the rest: it is what sets the peak.
const PAGE: u32 = 50;

/// An object that was touched. Unless it was deleted, the store has it.
struct Change<K> {
    object: Arc<K>,
    deleted: bool,
    /// Told by a list, with all others.
    listed: bool,
}

/// Fills a store with what a watch tells, and says which objects that touches.
///
/// An object that was deleted while there was no watch is in no event: it is only missing from the list with which
/// the next watch begins. It counts as deleted then, so that whoever depends on it learns of it. What a list shows is
/// told once the store has all of it: whoever is sent to an object that is not there yet does not come again. An event
/// that is no newer than what is known, as one that is repeated or comes late, touches nothing: an older spec must not
/// come back.
struct Changes<K: Resource<DynamicType = ()> + Clone + 'static> {
    writer: Writer<K>,
    store: Store<K>,
    /// The objects of a list that is being read.
    listed: HashSet<ObjectName>,
}

impl<K: Resource<DynamicType = ()> + Clone + 'static> Changes<K> {
    fn new(writer: Writer<K>) -> Self {
        Self {
            store: writer.as_reader(),
            writer,
            listed: HashSet::new(),
        }
    }

    fn take(&mut self, event: Event<K>) -> Vec<Change<K>> {
        if self.is_late(&event) {
            return Vec::new();
        }
        let missing = match &event {
            Event::Init => {
                self.listed.clear();
                Vec::new()
            }
            Event::InitApply(object) => {
                self.listed.insert(reconcile::object_name(object.meta()));
                Vec::new()
            }
            Event::InitDone => {
                let listed = std::mem::take(&mut self.listed);
                let mut known = self.store.state();
                known.retain(|object| !listed.contains(&reconcile::object_name(object.meta())));
                known
            }
            Event::Apply(_) | Event::Delete(_) => Vec::new(),
        };
        self.writer.apply_watcher_event(&event);
        let change = |deleted, listed| {
            move |object| Change {
                object,
                deleted,
                listed,
            }
        };
        match event {
            Event::Init | Event::InitApply(_) => Vec::new(),
            Event::InitDone => {
                let listed = self.store.state().into_iter().map(change(false, true));
                listed
                    .chain(missing.into_iter().map(change(true, true)))
                    .collect()
            }
            Event::Apply(object) => vec![change(false, false)(Arc::new(object))],
            Event::Delete(object) => vec![change(true, false)(Arc::new(object))],
        }
    }

    /// Whether an event tells nothing newer than the store has. Versions of one resource can be compared (KEP-5504).
    fn is_late(&self, event: &Event<K>) -> bool {
        let (Event::Apply(object) | Event::Delete(object)) = event else {
            return false;
        };
        let known = self.store.get(&ObjectRef::from_obj(object));
        let known = known.and_then(|known| version(known.meta()));
        known.is_some_and(|known| version(object.meta()).is_some_and(|told| told <= known))
    }
}

/// The version of an object as a number, which versions of the same resource can be compared by (KEP-5504).
pub(super) fn version(metadata: &ObjectMeta) -> Option<u64> {
    metadata.resource_version.as_deref()?.parse().ok()
}

/// A watch that begins anew with a list when its place is gone, however it is told: as an event of the watch, which
/// kube's watcher knows, or as the answer to its request, with which that would ask for the same place for ever.
fn relisting<K>(api: Api<K>, config: watcher::Config) -> impl Stream<Item = watcher::Result<Event<K>>> + Send
where
    K: Resource + Clone + DeserializeOwned + fmt::Debug + Send + 'static,
{
    let first = watcher::watcher(api.clone(), config.clone()).boxed();
    stream::unfold(first, move |mut current| {
        let (api, config) = (api.clone(), config.clone());
        async move {
            let event = current.next().await?;
            if matches!(&event, Err(error) if refused_as_gone(error)) {
                current = watcher::watcher(api, config).boxed();
            }
            Some((event, current))
        }
    })
}

/// How long a watch has been well before its next failure counts as the first.
const WELL: Duration = Duration::from_secs(30);

/// kube's default delays, which it begins anew with every list that works: a place that is gone each time would be
/// followed by a list of everything each second. These grow until the watch has been well for a while.
#[derive(Default)]
struct Patience {
    delays: DefaultBackoff,
    over: Option<Instant>,
}

impl Iterator for Patience {
    type Item = Duration;

    fn next(&mut self) -> Option<Duration> {
        let now = Instant::now();
        if self.over.is_some_and(|over| now > over + WELL) {
            self.delays.reset();
        }
        let delay = self.delays.next()?;
        self.over = Some(now + delay);
        Some(delay)
    }
}

impl Backoff for Patience {
    fn reset(&mut self) {}
}

fn refused_as_gone(error: &watcher::Error) -> bool {
    matches!(error, watcher::Error::WatchStartFailed(kube::Error::Api(status)) if status.code == 410)
}

impl Watching {
    fn api<K>(&self, namespace: Option<&str>) -> Api<K>
    where
        K: Resource<DynamicType = (), Scope = NamespaceResourceScope>,
    {
        match namespace {
            Some(namespace) => Api::namespaced(self.client.clone(), namespace),
            None => Api::all(self.client.clone()),
        }
    }

    /// One watch with a backoff of its own. What is not needed is dropped before it is stored.
    fn stream<K>(
        &self,
        gate: &'static str,
        api: Api<K>,
        writer: Writer<K>,
        config: watcher::Config,
        drop_unread: fn(&mut K),
    ) -> impl Stream<Item = Change<K>> + Send + 'static
    where
        K: Resource<DynamicType = ()> + Clone + DeserializeOwned + fmt::Debug + Send + Sync + 'static,
    {
        self.readiness.require(gate);
        let readiness = Arc::clone(&self.readiness);
        let notice = move |event: &watcher::Result<Event<K>>| match event {
            Ok(Event::InitDone) => readiness.open(gate),
            Ok(_) => {}
            // The parser quotes what it did not expect, which may be a part of a Secret.
            Err(error) if is_about_form(error) => {
                tracing::warn!(watch = gate, "watch interrupted: an answer of another form");
            }
            Err(error) => {
                tracing::warn!(
                    watch = gate,
                    error = error as &dyn std::error::Error,
                    "watch interrupted"
                );
            }
        };
        let mut changes = Changes::new(writer);
        relisting(api, config)
            .backoff(Patience::default())
            .inspect(notice)
            .modify(drop_unread)
            .filter_map(|event| std::future::ready(event.ok()))
            .flat_map(move |event| stream::iter(changes.take(event)))
            .take_until(self.shutdown.clone().cancelled_owned())
    }
}

/// Whether an answer could be received and not be understood.
fn is_about_form(error: &watcher::Error) -> bool {
    let mut causes = std::iter::successors(Some(error as &dyn std::error::Error), |error| error.source());
    causes.any(|cause| {
        let kube = cause.downcast_ref::<kube::Error>();
        cause.is::<serde_json::Error>() || matches!(kube, Some(kube::Error::SerdeError(_)))
    })
}

fn changed_subscription(ctx: &Arc<Context>, change: &Change<Received<WebhookSubscription>>) {
    let name = reconcile::object_name(change.object.meta());
    if !change.deleted {
        let party = Party::Subscription(name);
        if change.listed {
            ctx.triggers.wake_together(&party);
        } else {
            ctx.triggers.wake(&party);
        }
        return;
    }
    ctx.forget(&name);
    // It may have held its provider without having been looked at by this process.
    if let Ok(object) = &change.object.0 {
        let provider = ProviderKey::of_subscription(object);
        if !ctx.index.is_needed(&Target::Provider(provider.clone())) {
            ctx.triggers.wake(&Party::Provider(provider));
        }
    }
}

fn changed_provider(ctx: &Arc<Context>, entry: &Entry, deleted: bool) {
    if deleted {
        ctx.forget_provider(&entry.key);
    } else {
        ctx.triggers.wake(&Party::Provider(entry.key.clone()));
    }
    ctx.wake_concerned(entry);
}

#[cfg(test)]
mod tests;
