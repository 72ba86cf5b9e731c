//! All provider objects, as far as shards look at them; and whether another shard has a leader.

use std::collections::HashMap;
use std::sync::{Arc, MutexGuard, PoisonError};
use std::time::Duration;

use kube::api::{ApiResource, DynamicObject, ListParams};
use kube::core::ObjectMeta;
use kube::core::object::HasStatus;
use kube::runtime::reflector::Store;
use kube::{Api, Resource, ResourceExt};
use operator_core::shard::{Shard, Vigil};
use operator_core::time::Moment;
use tokio::sync::Mutex;

use crate::api::names::LABEL_SHARD;
use crate::api::v1alpha1::{ClusterWebhookProvider, ServedBy, WebhookProvider, WebhookProviderStatus};
use crate::controller::apiserver::WriteError;
use crate::controller::context::{Context, ProviderKey};
use crate::controller::received::Received;
use crate::controller::seats::Seats;
use crate::controller::subscription::reconcile::{ReconcileError, object_name};
use crate::leader::read_lease;

/// How long the Lease of another shard has to stand still where this operator has none of its own.
const PATIENCE: Duration = Duration::from_secs(15);

/// A provider object.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::controller) struct Entry {
    pub(in crate::controller) key: ProviderKey,
    /// When it was made, in seconds, and its UID: the smaller, the older.
    pub(in crate::controller) age: (i64, String),
    pub(in crate::controller) assigned: Shard,
    pub(in crate::controller) holder: Shard,
    /// The account that it has a claim on.
    pub(in crate::controller) account: Option<String>,
}

impl Entry {
    pub(in crate::controller) fn new(
        key: ProviderKey,
        metadata: &ObjectMeta,
        served_by: Option<&ServedBy>,
    ) -> Self {
        let created = metadata.creation_timestamp.as_ref();
        let holder = served_by.and_then(|by| by.shard.as_deref());
        Self {
            key,
            age: (
                created.map_or(i64::MAX, |time| time.0.as_second()),
                metadata.uid.clone().unwrap_or_default(),
            ),
            assigned: assigned_by(metadata),
            holder: Shard::told(holder),
            account: served_by.and_then(|by| by.account.clone()),
        }
    }

    /// As the watch tells of an object, whether or not the rest of it can be read.
    pub(in crate::controller) fn watched<K>(key: ProviderKey, object: &Received<K>) -> Self
    where
        K: HasStatus<Status = WebhookProviderStatus>,
        Received<K>: Resource,
    {
        let status = object.0.as_ref().ok().and_then(K::status);
        Self::new(
            key,
            object.meta(),
            status.and_then(|status| status.served_by.as_ref()),
        )
    }

    /// From an object that this version may not be able to read otherwise.
    fn of(key: ProviderKey, object: &DynamicObject) -> Self {
        let served_by = serde_json::from_value(object.data["status"]["servedBy"].clone()).ok();
        Self::new(key, &object.metadata, served_by.as_ref())
    }
}

/// The shard that an object's label assigns it to.
pub(super) fn assigned_by(metadata: &ObjectMeta) -> Shard {
    let labels = metadata.labels.as_ref();
    let label = labels.and_then(|labels| labels.get(LABEL_SHARD));
    Shard::told(label.map(String::as_str))
}

/// What is known of shards.
#[derive(Debug, Default)]
pub(in crate::controller) struct Shards {
    pub(in crate::controller) seats: Seats,
    /// All provider objects as they were last read from the apiserver, and when that began.
    roll: Mutex<Option<(Moment, Arc<Vec<Entry>>)>>,
    /// What was seen of other shards' Leases, and when the last look began.
    vigils: Mutex<HashMap<Shard, (Moment, Vigil)>>,
    /// What this shard held when the process began to work, and when that was.
    found: std::sync::Mutex<(Moment, HashMap<ProviderKey, Entry>)>,
    /// Since when objects wait for another shard.
    pub(super) waits: std::sync::Mutex<HashMap<ProviderKey, Moment>>,
}

impl Shards {
    fn found(&self) -> MutexGuard<'_, (Moment, HashMap<ProviderKey, Entry>)> {
        self.found.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Context {
    /// All provider objects that the watches tell of.
    pub(in crate::controller) fn provider_entries(&self) -> Vec<Entry> {
        let namespaced = self.stores.providers.iter().flat_map(Store::state);
        let namespaced = namespaced.map(|object| {
            let key = ProviderKey::Namespaced(object_name(object.meta()));
            Entry::watched(key, &object)
        });
        let cluster = self.stores.cluster_providers.iter().flat_map(Store::state);
        let cluster = cluster.map(|object| Entry::watched(ProviderKey::Cluster(object.name_any()), &object));
        namespaced.chain(cluster).collect()
    }

    /// Notes what this shard holds when the process begins to work: one reading of all objects will do for them.
    pub(in crate::controller) fn remember_seats(&self) {
        let ours = |entry: &Entry| {
            [&entry.assigned, &entry.holder]
                .into_iter()
                .all(|shard| *shard == self.config.shard)
        };
        let held = self.provider_entries().into_iter().filter(ours);
        let held = held.map(|entry| (entry.key.clone(), entry)).collect();
        *self.shards.found() = (self.clock.now(), held);
    }

    /// Since when an object of ours is known to be as it is. The first time this is asked, that may be the beginning of
    /// the work; the second value tells.
    pub(super) fn known_since(&self, entry: &Entry) -> (Moment, bool) {
        let mut found = self.shards.found();
        let at = found.0;
        match found.1.remove(&entry.key).filter(|known| known == entry) {
            Some(_) => (at, true),
            None => (self.clock.now(), false),
        }
    }

    /// All provider objects, as the apiserver had them after `after`. Who needs that at the same time shares a reading.
    ///
    /// # Errors
    /// The apiserver.
    pub(super) async fn roll(&self, after: Moment) -> Result<Arc<Vec<Entry>>, ReconcileError> {
        let mut last = self.shards.roll.lock().await;
        if let Some((begun, roll)) = last.as_ref().filter(|(begun, _)| *begun > after) {
            tracing::debug!(?begun, "a reading of all providers serves another one");
            return Ok(Arc::clone(roll));
        }
        let begun = self.clock.now();
        let roll = Arc::new(self.read_roll().await?);
        *last = Some((begun, Arc::clone(&roll)));
        Ok(roll)
    }

    async fn read_roll(&self) -> Result<Vec<Entry>, ReconcileError> {
        let (params, client) = (ListParams::default(), || self.client.clone());
        let kind = ApiResource::erase::<WebhookProvider>(&());
        let namespaces = &self.config.watch_namespaces;
        let mut apis: Vec<Api<DynamicObject>> = namespaces
            .iter()
            .map(|namespace| Api::namespaced_with(client(), namespace, &kind))
            .collect();
        if apis.is_empty() {
            apis.push(Api::all_with(client(), &kind));
        }
        let mut entries = Vec::new();
        for api in apis {
            let listed = api.list(&params).await.map_err(WriteError::of)?;
            let entry = |object: &DynamicObject| {
                Entry::of(ProviderKey::Namespaced(object_name(&object.metadata)), object)
            };
            entries.extend(listed.items.iter().map(entry));
        }
        if !self.config.is_namespaced() {
            let kind = ApiResource::erase::<ClusterWebhookProvider>(&());
            let api = Api::<DynamicObject>::all_with(client(), &kind);
            let listed = api.list(&params).await.map_err(WriteError::of)?;
            let entry = |object: &DynamicObject| Entry::of(ProviderKey::Cluster(object.name_any()), object);
            entries.extend(listed.items.iter().map(entry));
        }
        Ok(entries)
    }

    /// How long a Lease has to stand still.
    pub(super) fn patience(&self) -> Duration {
        let election = self.config.election.as_ref();
        election.map_or(PATIENCE, |election| election.terms.duration())
    }

    /// Whether a look at the Lease of `shard` that begins after `after` shows that nobody leads it. Where it cannot be
    /// read, somebody may.
    pub(super) async fn is_leaderless(&self, shard: &Shard, after: Moment) -> bool {
        let mut vigils = self.shards.vigils.lock().await;
        let known = vigils.get(shard).map(|(begun, _)| *begun);
        if known.is_none_or(|begun| begun <= after) {
            let begun = self.clock.now();
            let name = shard.lease(&self.config.lease_base);
            let read = read_lease(self.client.clone(), &self.config.operator_namespace, &name).await;
            let Ok(record) = read else {
                tracing::debug!(lease = name, "the Lease of another shard cannot be read");
                vigils.remove(shard);
                return false;
            };
            let vigil = vigils.entry(shard.clone()).or_default();
            vigil.0 = begun;
            vigil.1.observe(record, self.clock.now());
        }
        let vigil = vigils.get(shard);
        vigil.is_some_and(|(begun, vigil)| vigil.is_over(*begun, self.patience()))
    }
}
