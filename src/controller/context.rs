//! What all reconciles share.

use std::fmt;
use std::sync::Arc;
use std::time::Instant;

use k8s_openapi::api::core::v1::{Namespace, Secret};
use kube::core::{ObjectMeta, PartialObjectMeta};
use kube::runtime::reflector::{ObjectRef, Store};
use kube::{Api, Client, Resource};
use operator_core::address::Scope;
use operator_core::hash::HashKey;
use operator_core::marker::Owner;
use operator_core::names::{ClusterId, ObjectName, ObjectUid};

use crate::api::v1alpha1::{
    ClusterWebhookProvider, ProviderKind, ProviderRef, ProviderType, WebhookProvider, WebhookSubscription,
};
use crate::config::Config;
use crate::controller::events::EventSink;
use crate::controller::provider::credentials::Accounts;
use crate::controller::provider::directory::Directory;
use crate::controller::provider::roll::Shards;
use crate::controller::received::Received;
use crate::controller::rehearsal::Rehearsal;
use crate::controller::subscription::claims::Claims;
use crate::controller::subscription::quota::Quotas;
use crate::controller::subscription::reconcile::{ReconcileError, object_name};
use crate::controller::subscription::records::Records;
use crate::controller::subscription::removal::CrdGuard;
use crate::controller::triggers::{Index, SharedWaker, Triggers};
use crate::leader::Leadership;
use crate::metrics::{Kind, Metrics, ReconcileOutcome};
use crate::provider::clock::Clock;
use crate::provider::http::Rules;
use crate::traces::{Tracer, Turn};

/// Which provider object is meant.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) enum ProviderKey {
    /// A `WebhookProvider`.
    Namespaced(ObjectName),
    /// A `ClusterWebhookProvider`.
    Cluster(String),
}

impl ProviderKey {
    /// The provider that a subscription of `namespace` refers to.
    pub(super) fn of(reference: &ProviderRef, namespace: &str) -> Self {
        match reference.kind.unwrap_or_default() {
            ProviderKind::WebhookProvider => Self::Namespaced(ObjectName::new(namespace, &reference.name)),
            ProviderKind::ClusterWebhookProvider => Self::Cluster(reference.name.clone()),
        }
    }
}

impl ProviderKey {
    /// The provider that a subscription refers to.
    pub(super) fn of_subscription(object: &WebhookSubscription) -> Self {
        let namespace = object.metadata.namespace.as_deref().unwrap_or_default();
        Self::of(&object.spec.provider_ref, namespace)
    }

    /// Who writes such an object.
    pub(super) const fn scope(&self) -> Scope {
        match self {
            Self::Namespaced(_) => Scope::Namespaced,
            Self::Cluster(_) => Scope::Cluster,
        }
    }
}

impl fmt::Display for ProviderKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Namespaced(name) => write!(f, "WebhookProvider {name}"),
            Self::Cluster(name) => write!(f, "ClusterWebhookProvider {name}"),
        }
    }
}

impl Context {
    /// The type of the provider that a subscription refers to, where that is known.
    pub(super) fn provider_type(&self, object: &WebhookSubscription) -> Option<ProviderType> {
        let key = ProviderKey::of_subscription(object);
        Some(self.directory.get(&key)?.link?.type_)
    }

    /// Visits the subscriptions whose provider `of` picks, as far as they can be read.
    pub(super) fn visit_subscriptions(
        &self,
        of: impl Fn(&ProviderKey) -> bool,
        mut visit: impl FnMut(&WebhookSubscription),
    ) {
        for object in self.stores.subscriptions.iter().flat_map(Store::state) {
            if let Ok(object) = &object.0
                && of(&ProviderKey::of_subscription(object))
            {
                visit(object);
            }
        }
    }

    /// One turn of an object: it is timed and counted, and has a span where somebody wants that.
    pub(super) async fn turn<T>(
        &self,
        kind: Kind,
        metadata: &ObjectMeta,
        provider: impl FnOnce() -> Option<ProviderType>,
        work: impl Future<Output = Result<T, ReconcileError>>,
    ) -> Result<T, ReconcileError> {
        let started = Instant::now();
        let span = self.traces.as_ref().map(Tracer::begin);
        let result = match &span {
            None => work.await,
            Some(span) => span.around(work).await,
        };
        let outcome = match &result {
            Ok(_) => ReconcileOutcome::Settled,
            Err(ReconcileError::Panicked) => ReconcileOutcome::Panicked,
            Err(_) => ReconcileOutcome::Retrying,
        };
        self.metrics.reconciled(kind, outcome, started.elapsed());
        if let Some(span) = span {
            span.end(&Turn {
                kind: kind.as_str(),
                name: &object_name(metadata),
                provider: provider().map(ProviderType::as_str),
                outcome,
            });
        }
        result
    }
}

/// Who waits for an account.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(super) enum Party {
    /// A subscription object.
    Subscription(ObjectName),
    /// A provider object.
    Provider(ProviderKey),
}

/// An account, as this controller waits for it.
pub(super) type Account = crate::provider::account::Account<Party>;

/// The objects that are watched.
pub(super) struct Stores {
    pub(super) subscriptions: Vec<Store<Received<WebhookSubscription>>>,
    pub(super) providers: Vec<Store<Received<WebhookProvider>>>,
    pub(super) cluster_providers: Option<Store<Received<ClusterWebhookProvider>>>,
    /// Metadata of the Secrets that carry the label; no values, no annotations.
    pub(super) secrets: Vec<Store<PartialObjectMeta<Secret>>>,
    pub(super) namespaces: Option<Store<PartialObjectMeta<Namespace>>>,
}

impl Stores {
    /// Waits until each store holds what its first LIST found. A watch that ends before that ends the process.
    pub(super) async fn filled(&self) {
        async fn fill<K: Resource<DynamicType = ()> + Clone + 'static>(
            stores: impl IntoIterator<Item = &Store<K>>,
        ) {
            for store in stores {
                if store.wait_until_ready().await.is_err() {
                    std::future::pending::<()>().await;
                }
            }
        }
        fill(&self.subscriptions).await;
        fill(&self.providers).await;
        fill(&self.cluster_providers).await;
        fill(&self.secrets).await;
        fill(&self.namespaces).await;
    }
}

/// What all reconciles share.
pub(super) struct Context {
    pub(super) client: Client,
    pub(super) config: Arc<Config>,
    /// How providers are reached.
    pub(super) egress: Rules,
    pub(super) clock: Clock,
    pub(super) hash_key: Arc<HashKey>,
    pub(super) cluster_id: ClusterId,
    pub(super) former_cluster_ids: Vec<ClusterId>,
    pub(super) leadership: Leadership,
    pub(super) metrics: Arc<Metrics>,
    /// Where spans fall into, if somebody wants them.
    pub(super) traces: Option<Tracer>,
    pub(super) stores: Stores,
    pub(super) directory: Directory,
    pub(super) accounts: Accounts,
    pub(super) records: Records,
    pub(super) claims: Claims,
    pub(super) quotas: Quotas,
    pub(super) index: Index,
    /// Who serves what.
    pub(super) shards: Shards,
    pub(super) crd: CrdGuard,
    pub(super) triggers: Triggers,
    pub(super) waker: SharedWaker,
    pub(super) events: EventSink,
    /// In a dry run: what was said.
    pub(super) rehearsal: Option<Rehearsal>,
}

impl Context {
    /// The marker identity of an object.
    pub(super) fn owner(&self, name: &ObjectName, uid: &ObjectUid) -> Owner {
        Owner::new(&self.cluster_id, &self.former_cluster_ids, name, uid)
    }

    /// The subscriptions of a namespace.
    pub(super) fn subscriptions(&self, namespace: &str) -> Api<Received<WebhookSubscription>> {
        Api::namespaced(self.client.clone(), namespace)
    }

    /// The metadata of a Secret that carries the operator's label.
    pub(super) fn labelled_secret(
        &self,
        namespace: &str,
        name: &str,
    ) -> Option<Arc<PartialObjectMeta<Secret>>> {
        let key = ObjectRef::<PartialObjectMeta<Secret>>::new(name).within(namespace);
        self.stores.secrets.iter().find_map(|store| store.get(&key))
    }

    /// The labels of a namespace; `None` where namespaces are not watched or it does not exist.
    pub(super) fn namespace_labels(&self, name: &str) -> Option<std::collections::BTreeMap<String, String>> {
        let key = ObjectRef::<PartialObjectMeta<Namespace>>::new(name);
        let namespace = self.stores.namespaces.as_ref()?.get(&key)?;
        Some(namespace.metadata.labels.clone().unwrap_or_default())
    }
}
