//! The driver of one provider object: credential → account → LIST → status.

pub(super) mod adapters;
pub(super) mod assess;
pub(super) mod catalogue;
pub(super) mod credentials;
pub(super) mod directory;
pub(super) mod guard;
pub(super) mod lent;
pub(super) mod roll;
mod shard;
pub(super) mod status;
pub(super) mod tally;

use std::sync::atomic::AtomicBool;
use std::sync::{Arc, Mutex, RwLock};
use std::time::Duration;

use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;
use kube::api::{ApiResource, DynamicObject};
use kube::{Api, Resource};
use operator_core::budget::Priority;
use operator_core::names::{AccountId, ObjectName};
use operator_core::plan::{Restraint, Settled};
use operator_core::reason::Reason;
use operator_core::retry::backoff;
use operator_core::verdict::Phase;

use crate::api::names::{
    ANNOTATION_FLUX_REQUESTED_AT, ANNOTATION_GUARD_RELEASE, ANNOTATION_RECONCILE_REQUESTED_AT,
    FINALIZER_IN_USE,
};
use crate::api::v1alpha1::{
    ClusterWebhookProvider, WebhookProvider, WebhookProviderSpec, WebhookProviderStatus,
};
use crate::controller::apiserver::{WriteError, finalizers, guarded, holds, params};
use crate::controller::context::{Context, Party, ProviderKey};
use crate::controller::engine::Requeue;
use crate::controller::provider::credentials::Connected;
use crate::controller::provider::directory::{Assessment, COUNT_EVERY, Link, Listed, Problem};
use crate::controller::provider::lent::Lent;
use crate::controller::provider::shard::Hold;
use crate::controller::received::Received;
use crate::controller::subscription::comparison::request;
use crate::controller::subscription::reconcile::{self, ReconcileError};
use crate::controller::triggers::Target;
use crate::metrics::Kind;
use crate::provider::account::{Look, Trouble};

/// How often a provider that refers to a ConfigMap, or that has a problem, is read again by itself.
const REREAD: Duration = Duration::from_secs(60);

/// A provider object of either kind.
pub(in crate::controller) struct Subject {
    pub(in crate::controller) key: ProviderKey,
    pub(in crate::controller) metadata: ObjectMeta,
    pub(in crate::controller) spec: WebhookProviderSpec,
    pub(in crate::controller) status: WebhookProviderStatus,
    pub(in crate::controller) lent: Option<Lent>,
    /// Where its Secrets and ConfigMaps are.
    namespace: String,
    resource: ApiResource,
}

/// Reconciles a `WebhookProvider`.
pub(in crate::controller) async fn reconcile(
    object: Arc<Received<WebhookProvider>>,
    ctx: Arc<Context>,
) -> Result<Requeue, ReconcileError> {
    let Ok(provider) = &object.0 else {
        tracing::warn!(provider = ?object.meta().name, "this provider object cannot be read by this version of the operator");
        return Ok(Requeue::await_change());
    };
    let namespace = provider.metadata.namespace.clone().unwrap_or_default();
    let name = provider.metadata.name.clone().unwrap_or_default();
    let subject = Subject {
        key: ProviderKey::Namespaced(ObjectName::new(&namespace, &name)),
        metadata: provider.metadata.clone(),
        spec: provider.spec.clone(),
        status: provider.status.clone().unwrap_or_default(),
        lent: None,
        namespace,
        resource: ApiResource::erase::<WebhookProvider>(&()),
    };
    turn(Kind::Provider, &ctx, &subject).await
}

/// Reconciles a `ClusterWebhookProvider`.
pub(in crate::controller) async fn reconcile_cluster(
    object: Arc<Received<ClusterWebhookProvider>>,
    ctx: Arc<Context>,
) -> Result<Requeue, ReconcileError> {
    let Ok(provider) = &object.0 else {
        tracing::warn!(provider = ?object.meta().name, "this provider object cannot be read by this version of the operator");
        return Ok(Requeue::await_change());
    };
    let subject = Subject {
        key: ProviderKey::Cluster(provider.metadata.name.clone().unwrap_or_default()),
        metadata: provider.metadata.clone(),
        spec: provider.spec.provider.clone(),
        status: provider.status.clone().unwrap_or_default(),
        lent: Some(Lent::new(&provider.spec)),
        namespace: ctx.config.operator_namespace.clone(),
        resource: ApiResource::erase::<ClusterWebhookProvider>(&()),
    };
    turn(Kind::ClusterProvider, &ctx, &subject).await
}

/// The delay after a failed reconcile of a provider.
pub(in crate::controller) fn retry<K: Resource<DynamicType = ()>>(
    object: &K,
    error: &ReconcileError,
    _: &Context,
) -> Requeue {
    if matches!(error, ReconcileError::Write(WriteError::Conflict)) {
        return Requeue::after(Duration::from_millis(200));
    }
    let metadata = object.meta();
    tracing::warn!(namespace = ?metadata.namespace, name = ?metadata.name, error = error as &dyn std::error::Error, "reconcile of a provider failed");
    Requeue::after(Duration::from_secs(5))
}

async fn turn(kind: Kind, ctx: &Context, subject: &Subject) -> Result<Requeue, ReconcileError> {
    let provider = || Some(subject.spec.type_);
    ctx.turn(kind, &subject.metadata, provider, attempt(subject, ctx))
        .await
}

async fn attempt(subject: &Subject, ctx: &Context) -> Result<Requeue, ReconcileError> {
    let party = Party::Provider(subject.key.clone());
    let secret = Target::Secret(ObjectName::new(
        &subject.namespace,
        &subject.spec.credentials.secret_ref.name,
    ));
    ctx.index.depends(&party, [secret].into());
    if let Some(requeue) = ctx.keep_apart(subject).await? {
        return Ok(requeue);
    }
    let in_use = ctx.in_use(&subject.key);
    if !keep_finalizer(subject, ctx, in_use).await? {
        ctx.forget_provider(&subject.key);
        return Ok(Requeue::await_change());
    }
    let connected = ctx
        .connect(&subject.spec, &subject.namespace, &subject.key)
        .await?;
    let wanted = account_of(connected.as_ref().ok(), ctx, &subject.key);
    let connected = match ctx.hold(subject, wanted.as_ref().map(AccountId::as_str)).await? {
        Hold::Ours => connected,
        Hold::Refused(problem) => Err(problem),
        Hold::Not(requeue) => return Ok(requeue),
    };
    let before = ctx.directory.get(&subject.key);
    let listed = list_provider(subject, ctx, before.as_ref(), connected);
    let news = before.as_ref().is_none_or(|before| changed(before, &listed));
    ctx.directory.set(&subject.key, listed.clone());
    if news {
        ctx.wake_dependents(&Target::Provider(subject.key.clone()));
    }
    ctx.see_to_catalogue(&listed, subject).await;
    let (phase, mut wake) = look(subject, ctx, &listed);
    // Before the first LIST nothing new is known: what the status says of this generation stands.
    let told = subject.status.observed_generation == subject.metadata.generation;
    if !(told && matches!(phase, Phase::Parked(_))) {
        let published = status::publish(subject, ctx, &listed, &phase).await?;
        if published == status::Told::Later {
            wake = wake.min(COUNT_EVERY);
        }
    }
    Ok(Requeue::after(wake))
}

/// Spreads the looks of different providers.
fn seed(key: &ProviderKey) -> u64 {
    match key {
        ProviderKey::Namespaced(name) => reconcile::seed(name),
        ProviderKey::Cluster(name) => reconcile::seed(&ObjectName::new("", name)),
    }
}

/// Whether dependents should look again.
fn changed(before: &Listed, now: &Listed) -> bool {
    let link = |listed: &Listed| listed.link.as_ref().map(Arc::as_ptr);
    link(before) != link(now) || before.problem != now.problem || before.lent != now.lent
}

/// Our finalizer holds the provider while subscriptions refer to it. `false`: it is going, and nothing holds it.
async fn keep_finalizer(subject: &Subject, ctx: &Context, in_use: bool) -> Result<bool, ReconcileError> {
    if ctx.rehearsal.is_some() {
        return Ok(subject.metadata.deletion_timestamp.is_none() || in_use);
    }
    let going = subject.metadata.deletion_timestamp.is_some();
    let held = holds(&subject.metadata, FINALIZER_IN_USE);
    // None can be put on an object that is going.
    if held == in_use || (in_use && going) {
        return Ok(!going || in_use);
    }
    let operation = finalizers(&subject.metadata, FINALIZER_IN_USE, in_use);
    let patch = guarded(subject.metadata.resource_version.as_deref(), vec![operation])?;
    match subject.api(ctx).patch(subject.name(), &params(), &patch).await {
        Ok(_) => {}
        Err(kube::Error::Api(status)) if status.code == 404 => return Ok(false),
        Err(error) => return Err(WriteError::of(error).into()),
    }
    if going && !in_use {
        return Ok(false);
    }
    // The write changed the object; its next reconcile goes on from the newer one.
    Err(ReconcileError::Write(WriteError::Conflict))
}

impl Subject {
    pub(in crate::controller) fn name(&self) -> &str {
        self.metadata.name.as_deref().unwrap_or_default()
    }

    pub(in crate::controller) fn api(&self, ctx: &Context) -> Api<DynamicObject> {
        match &self.key {
            ProviderKey::Namespaced(name) => {
                Api::namespaced_with(ctx.client.clone(), &name.namespace, &self.resource)
            }
            ProviderKey::Cluster(_) => Api::all_with(ctx.client.clone(), &self.resource),
        }
    }

    fn annotation(&self, name: &str) -> Option<&String> {
        self.metadata.annotations.as_ref()?.get(name)
    }

    /// A request for a comparison that has not been answered.
    pub(in crate::controller) fn requested(&self) -> Option<String> {
        let value = self
            .annotation(ANNOTATION_FLUX_REQUESTED_AT)
            .or_else(|| self.annotation(ANNOTATION_RECONCILE_REQUESTED_AT))?;
        Some(request(value)).filter(|value| self.status.last_handled_reconcile_at.as_ref() != Some(value))
    }
}

/// The account that its spec leads to; where its credential is gone, the one that it stood for.
fn account_of(connected: Option<&Connected>, ctx: &Context, key: &ProviderKey) -> Option<AccountId> {
    if let Some(connected) = connected {
        return Some(connected.driven.account.id().clone());
    }
    let link = ctx.directory.get(key)?.link?;
    Some(link.account.id().clone())
}

/// The provider as the directory lists it. A credential that is gone leaves the link, for deletions.
fn list_provider(
    subject: &Subject,
    ctx: &Context,
    before: Option<&Listed>,
    connected: Result<Connected, Problem>,
) -> Listed {
    let lent = subject.lent.clone();
    let known = before.and_then(|before| before.link.clone());
    let connected = match connected {
        Ok(connected) => connected,
        Err(problem) => {
            let looks = before.map_or(0, |before| before.looks);
            return Listed {
                link: known,
                problem: Some(problem),
                looks: looks.saturating_add(1),
                lent,
            };
        }
    };
    let released = subject.annotation(ANNOTATION_GUARD_RELEASE).cloned();
    if let Some(known) = known.filter(|known| {
        Arc::ptr_eq(&known.driven, &connected.driven)
            && (known.interval, known.guard) == (connected.interval, connected.guard)
            && known.released == released
    }) {
        return Listed {
            link: Some(known),
            lent,
            ..Listed::default()
        };
    }
    // A trip of the deletion guard outlives the process, until its token is given back.
    let tripped = subject
        .status
        .guard
        .clone()
        .filter(|guard| guard.reason == Reason::DeletionsGuarded.as_str());
    let tripped = tripped
        .map(|guard| guard.token)
        .filter(|token| released.as_ref() != Some(token));
    let account = subject.status.account.clone().unwrap_or_default();
    let id = connected.driven.account.id();
    let formerly = if account.current.as_deref() == Some(id.as_str()) {
        account.formerly
    } else {
        Vec::new()
    };
    let formerly = formerly
        .iter()
        .filter_map(|id| AccountId::parse(id).ok())
        .collect();
    if let Some((trouble, left)) = status::refused_lately(subject, id) {
        connected.driven.account.rest(trouble, left);
    }
    let link = Arc::new(Link {
        type_: subject.spec.type_,
        account: Arc::clone(&connected.driven.account),
        driven: connected.driven,
        realm: connected.realm,
        catalogue: Mutex::default(),
        catalogue_doubted: AtomicBool::default(),
        catalogue_awaited: AtomicBool::default(),
        formerly: RwLock::new(formerly),
        interval: connected.interval,
        guard: connected.guard,
        released,
        assessment: RwLock::new(Assessment::default()),
        deletions: Mutex::default(),
        tripped: Mutex::new(tripped),
        requested: Mutex::default(),
        tally: Mutex::default(),
        told: Mutex::default(),
        counted: Mutex::default(),
    });
    let unproven = ctx.has_claims(&subject.key, &link);
    link.assess(Assessment {
        restraint: Restraint {
            account_unproven: unproven,
            ..Restraint::default()
        },
        ..Assessment::default()
    });
    ctx.directory.set(
        &subject.key,
        Listed {
            link: Some(Arc::clone(&link)),
            lent: lent.clone(),
            ..Listed::default()
        },
    );
    if let Some(snapshot) = link.account.snapshot() {
        ctx.assess(link.account.id(), &snapshot);
    }
    // Set already; the wake must still happen, so the caller has to see a change.
    Listed {
        link: Some(link),
        lent,
        ..Listed::default()
    }
}

/// Sees to the LIST of the interval, and says how things stand.
fn look(subject: &Subject, ctx: &Context, listed: &Listed) -> (Phase, Duration) {
    if let Some(Problem { reason, message }) = &listed.problem {
        let phase = match reason {
            Reason::SecretNotFound | Reason::SecretForbidden | Reason::CABundleInvalid => {
                Phase::Blocked(*reason, message.clone())
            }
            reason => Phase::Rejected(*reason, message.clone()),
        };
        // A right comes back without anything to watch; for the others a watch is the rule and this the exception.
        let wake = match reason {
            Reason::SecretForbidden => backoff(listed.looks, seed(&subject.key)),
            _ => REREAD,
        };
        return (phase, wake);
    }
    let Some(link) = &listed.link else {
        return (Phase::Parked(Reason::Progressing), REREAD);
    };
    let party = Party::Provider(subject.key.clone());
    let now = ctx.clock.now();
    let begun = link.account.snapshot().map(|snapshot| snapshot.begun());
    let due = begun
        .filter(|_| !link.interval.is_zero())
        .map(|begun| begun.after(link.interval));
    let regular = due.filter(|due| *due <= now).map(|_| now.before(link.interval));
    let requested = subject.requested().map(|value| link.requested_at(&value, now));
    let after = [regular, requested].into_iter().flatten().max();
    let reread = if subject.spec.ca_bundle_ref.is_some() {
        REREAD
    } else {
        Duration::from_secs(3600)
    };
    let wake = due
        .map_or(reread, |due| due.since(now))
        .min(reread)
        .max(Duration::from_millis(100));
    let phase = match link.account.look(&party, after, Priority::Drift) {
        Look::Here(_) | Look::Later if begun.is_some() && link.account.trouble().is_none() => {
            Phase::Settled(Settled::default())
        }
        Look::Here(_) => Phase::Settled(Settled::default()),
        Look::Later => Phase::Parked(Reason::WaitingForList),
        Look::Trouble(Trouble { reason, message }) => Phase::Failed(reason, message),
    };
    let wake = if link.told_lately(now) {
        wake.min(COUNT_EVERY)
    } else {
        wake
    };
    match link.guard_token() {
        Some(token) => (guard::guarded_phase(subject, link, &token), wake),
        None => (phase, wake),
    }
}

impl Context {
    /// A provider object is gone.
    pub(in crate::controller) fn forget_provider(&self, key: &ProviderKey) {
        self.shards.seats.give_up(key);
        self.directory.remove(key);
        self.index.forget(&Party::Provider(key.clone()));
        self.wake_dependents(&Target::Provider(key.clone()));
    }
}
