//! The driver of one provider object: credential → account → LIST → status.

use std::collections::BTreeMap;
use std::sync::{Arc, PoisonError, RwLock};
use std::time::{Duration, Instant};

use jiff::Timestamp;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::{Condition, LabelSelector, ObjectMeta, Time};
use kube::api::{ApiResource, DynamicObject};
use kube::core::{DeserializeGuard, Selector, SelectorExt};
use kube::runtime::controller::Action as Requeue;
use kube::{Api, Resource};
use operator_core::budget::Priority;
use operator_core::names::ObjectName;
use operator_core::plan::{Restraint, Settled};
use operator_core::reason::Reason;
use operator_core::verdict::{self, Context as VerdictContext, Phase, Truth};
use serde_json::json;

use super::apiserver::{WriteError, guarded, params};
use super::context::{Context, Party, ProviderKey};
use super::directory::{Assessment, Link, Listed, Problem};
use super::reconcile::{GRACE, ReconcileError};
use super::status::set_condition;
use super::triggers::Target;
use crate::api::names::{
    ANNOTATION_FLUX_REQUESTED_AT, ANNOTATION_GUARD_RELEASE, ANNOTATION_RECONCILE_REQUESTED_AT,
    FINALIZER_IN_USE,
};
use crate::api::v1alpha1 as api;
use crate::api::v1alpha1::{
    ClusterWebhookProvider, WebhookProvider, WebhookProviderSpec, WebhookProviderStatus,
};
use crate::metrics::{Kind, ReconcileOutcome};
use crate::provider::account::{Look, Trouble};

/// How often a provider that refers to a ConfigMap, or that has a problem, is read again by itself.
const REREAD: Duration = Duration::from_secs(60);

/// To which namespaces a cluster-wide provider is lent.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Lent {
    names: Vec<String>,
    selector: Option<Selector>,
}

impl Lent {
    fn new(allowed: Option<&api::AllowedNamespaces>) -> Self {
        let names = allowed.map(|allowed| allowed.names.clone()).unwrap_or_default();
        let selector = allowed
            .and_then(|allowed| allowed.selector.clone())
            .filter(says_something);
        // A selector that cannot be read allows nobody.
        Self {
            names,
            selector: selector.and_then(|selector| Selector::try_from(selector).ok()),
        }
    }

    /// Whether `namespace`, which has these labels, may use the provider. Absent lists allow nobody.
    pub(super) fn to(&self, namespace: &str, labels: Option<&BTreeMap<String, String>>) -> bool {
        let none = BTreeMap::new();
        self.names.iter().any(|name| name == namespace)
            || self
                .selector
                .as_ref()
                .is_some_and(|selector| selector.matches(labels.unwrap_or(&none)))
    }
}

/// An empty selector matches everything in Kubernetes; here it must not be the result of a forgotten value.
fn says_something(selector: &LabelSelector) -> bool {
    selector
        .match_labels
        .as_ref()
        .is_some_and(|labels| !labels.is_empty())
        || selector
            .match_expressions
            .as_ref()
            .is_some_and(|expressions| !expressions.is_empty())
}

/// A provider object of either kind.
struct Subject {
    key: ProviderKey,
    metadata: ObjectMeta,
    spec: WebhookProviderSpec,
    status: WebhookProviderStatus,
    lent: Option<Lent>,
    /// Where its Secrets and ConfigMaps are.
    namespace: String,
    resource: ApiResource,
}

/// Reconciles a `WebhookProvider`.
pub(super) async fn reconcile(
    object: Arc<DeserializeGuard<WebhookProvider>>,
    ctx: Arc<Context>,
) -> Result<Requeue, ReconcileError> {
    let Ok(provider) = &object.0 else {
        tracing::warn!(provider = ?object.meta().name, "this provider object cannot be read by this version of the operator");
        return Ok(Requeue::await_change());
    };
    let namespace = provider.metadata.namespace.clone().unwrap_or_default();
    let name = provider.metadata.name.clone().unwrap_or_default();
    let subject = Subject {
        key: ProviderKey::Namespaced(ObjectName {
            namespace: namespace.clone(),
            name,
        }),
        metadata: provider.metadata.clone(),
        spec: provider.spec.clone(),
        status: provider.status.clone().unwrap_or_default(),
        lent: None,
        namespace,
        resource: ApiResource::erase::<WebhookProvider>(&()),
    };
    timed(Kind::Provider, &ctx, attempt(&subject, &ctx)).await
}

/// Reconciles a `ClusterWebhookProvider`.
pub(super) async fn reconcile_cluster(
    object: Arc<DeserializeGuard<ClusterWebhookProvider>>,
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
        lent: Some(Lent::new(provider.spec.allowed_namespaces.as_ref())),
        namespace: ctx.config.operator_namespace.clone(),
        resource: ApiResource::erase::<ClusterWebhookProvider>(&()),
    };
    timed(Kind::ClusterProvider, &ctx, attempt(&subject, &ctx)).await
}

/// The delay after a failed reconcile of a provider.
pub(super) fn retry<K: Resource<DynamicType = ()>>(
    object: &K,
    error: &ReconcileError,
    _: &Context,
) -> Requeue {
    if matches!(error, ReconcileError::Write(WriteError::Conflict)) {
        return Requeue::requeue(Duration::from_millis(200));
    }
    let metadata = object.meta();
    tracing::warn!(namespace = ?metadata.namespace, name = ?metadata.name, error = error as &dyn std::error::Error, "reconcile of a provider failed");
    Requeue::requeue(Duration::from_secs(5))
}

async fn timed(
    kind: Kind,
    ctx: &Context,
    attempt: impl Future<Output = Result<Requeue, ReconcileError>>,
) -> Result<Requeue, ReconcileError> {
    let started = Instant::now();
    let result = attempt.await;
    let outcome = if result.is_ok() {
        ReconcileOutcome::Settled
    } else {
        ReconcileOutcome::Retrying
    };
    ctx.metrics.reconciled(kind, outcome, started.elapsed());
    result
}

async fn attempt(subject: &Subject, ctx: &Context) -> Result<Requeue, ReconcileError> {
    let party = Party::Provider(subject.key.clone());
    let secret = Target::Secret(ObjectName {
        namespace: subject.namespace.clone(),
        name: subject.spec.credentials.secret_ref.name.clone(),
    });
    ctx.index.depends(&party, [secret].into());
    let in_use = !ctx.users(&subject.key).is_empty();
    if !keep_finalizer(subject, ctx, in_use).await? {
        ctx.forget_provider(&subject.key);
        return Ok(Requeue::await_change());
    }
    let before = ctx.directory.get(&subject.key);
    let listed = list_provider(subject, ctx, before.as_ref()).await?;
    if before.as_ref().is_none_or(|before| changed(before, &listed)) {
        ctx.directory.set(&subject.key, listed.clone());
        ctx.wake_dependents(&Target::Provider(subject.key.clone()));
    }
    let (phase, wake) = look(subject, ctx, &listed);
    publish(subject, ctx, &listed, &phase).await?;
    Ok(Requeue::requeue(wake))
}

/// Whether dependents should look again.
fn changed(before: &Listed, now: &Listed) -> bool {
    let link = |listed: &Listed| listed.link.as_ref().map(Arc::as_ptr);
    link(before) != link(now) || before.problem != now.problem || before.lent != now.lent
}

/// Our finalizer holds the provider while subscriptions refer to it. `false`: it is going, and nothing holds it.
async fn keep_finalizer(subject: &Subject, ctx: &Context, in_use: bool) -> Result<bool, ReconcileError> {
    let finalizers = subject.metadata.finalizers.as_deref().unwrap_or_default();
    let at = finalizers
        .iter()
        .position(|finalizer| finalizer == FINALIZER_IN_USE);
    let going = subject.metadata.deletion_timestamp.is_some();
    let operations = match (at, in_use) {
        (None, true) if !going && finalizers.is_empty() => {
            vec![json!({"op": "add", "path": "/metadata/finalizers", "value": [FINALIZER_IN_USE]})]
        }
        (None, true) if !going => {
            vec![json!({"op": "add", "path": "/metadata/finalizers/-", "value": FINALIZER_IN_USE})]
        }
        (Some(index), false) => {
            vec![json!({"op": "remove", "path": format!("/metadata/finalizers/{index}")})]
        }
        _ => return Ok(!going || in_use),
    };
    let patch = guarded(subject.metadata.resource_version.as_deref(), operations)?;
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
    fn name(&self) -> &str {
        self.metadata.name.as_deref().unwrap_or_default()
    }

    fn api(&self, ctx: &Context) -> Api<DynamicObject> {
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

    fn requested(&self) -> Option<&String> {
        self.annotation(ANNOTATION_FLUX_REQUESTED_AT)
            .or_else(|| self.annotation(ANNOTATION_RECONCILE_REQUESTED_AT))
    }
}

/// The provider as the directory lists it. A credential that is gone leaves the link, for deletions.
async fn list_provider(
    subject: &Subject,
    ctx: &Context,
    before: Option<&Listed>,
) -> Result<Listed, ReconcileError> {
    let lent = subject.lent.clone();
    let known = before.and_then(|before| before.link.clone());
    let connected = match ctx.connect(&subject.spec, &subject.namespace).await? {
        Ok(connected) => connected,
        Err(problem) => {
            return Ok(Listed {
                link: known,
                problem: Some(problem),
                lent,
            });
        }
    };
    let released = subject.annotation(ANNOTATION_GUARD_RELEASE).cloned();
    if let Some(known) = known.filter(|known| {
        Arc::ptr_eq(&known.driven, &connected.driven)
            && (known.interval, known.guard) == (connected.interval, connected.guard)
            && known.released == released
    }) {
        return Ok(Listed {
            link: Some(known),
            problem: None,
            lent,
        });
    }
    let account = subject.status.account.clone().unwrap_or_default();
    let id = connected.driven.account.id();
    let formerly = if account.current.as_deref() == Some(id.as_str()) {
        account.formerly
    } else {
        Vec::new()
    };
    let formerly = formerly
        .iter()
        .filter_map(|id| operator_core::names::AccountId::parse(id).ok())
        .collect();
    let link = Arc::new(Link {
        type_: subject.spec.type_,
        account: Arc::clone(&connected.driven.account),
        driven: connected.driven,
        formerly: RwLock::new(formerly),
        interval: connected.interval,
        guard: connected.guard,
        released,
        assessment: RwLock::new(Assessment::default()),
        deletions: std::sync::Mutex::default(),
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
            problem: None,
            lent: lent.clone(),
        },
    );
    if let Some(snapshot) = link.account.snapshot() {
        ctx.assess(link.account.id(), &snapshot);
    }
    // Set already; the wake must still happen, so the caller has to see a change.
    Ok(Listed {
        link: Some(link),
        problem: None,
        lent,
    })
}

/// Sees to the LIST of the interval, and says how things stand.
fn look(subject: &Subject, ctx: &Context, listed: &Listed) -> (Phase, Duration) {
    if let Some(Problem { reason, message }) = &listed.problem {
        let phase = match reason {
            Reason::SecretNotFound | Reason::CABundleInvalid => Phase::Blocked(*reason, message.clone()),
            reason => Phase::Rejected(*reason, message.clone()),
        };
        return (phase, REREAD);
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
    let after = due.filter(|due| *due <= now).map(|_| now.before(link.interval));
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
    let assessment = link.assessment();
    if let Some(token) = &assessment.token {
        return (guarded_phase(subject, &assessment, token), wake);
    }
    (phase, wake)
}

fn guarded_phase(subject: &Subject, assessment: &Assessment, token: &str) -> Phase {
    let (reason, what) = if assessment.restraint.account_unproven {
        (
            Reason::AccountChanged,
            "the account shows none of the known subscriptions; it seems to be another account",
        )
    } else {
        (
            Reason::Guarded,
            "too many known subscriptions are missing from one LIST",
        )
    };
    let kind = &subject.resource.kind;
    let message = format!(
        "{what} ({} of {} missing). Nothing is made anew or forgotten. If this is as it should be, release it with: kubectl annotate --overwrite {} {} {}{ANNOTATION_GUARD_RELEASE}={token}",
        assessment.missing.len(),
        assessment.known,
        kind.to_lowercase(),
        subject.name(),
        match &subject.key {
            ProviderKey::Namespaced(name) => format!("--namespace {} ", name.namespace),
            ProviderKey::Cluster(_) => String::new(),
        },
    );
    Phase::Rejected(reason, message)
}

async fn publish(
    subject: &Subject,
    ctx: &Context,
    listed: &Listed,
    phase: &Phase,
) -> Result<(), ReconcileError> {
    let generation = subject.metadata.generation.unwrap_or(0);
    let before = &subject.status;
    let ready = before
        .conditions
        .iter()
        .find(|condition| condition.type_ == "Ready");
    let was_ready = ready.is_some_and(|ready| ready.status == "True");
    let now = Timestamp::now();
    let context = VerdictContext {
        synced_before: was_ready && before.observed_generation == Some(generation),
        ever_synced: before.account.is_some(),
        failing_for: failing_for(&before.conditions, now),
        grace: GRACE,
    };
    let mut verdict = verdict::verdict(phase, &context);
    if verdict.ready.truth == Truth::True {
        verdict.ready = verdict::Condition::new(
            Truth::True,
            Reason::Connected,
            "the provider answers and the credential works",
        );
    }
    let mut status = before.clone();
    status.observed_generation = Some(generation);
    let trouble = listed.link.as_ref().and_then(|link| link.account.trouble());
    let conditions = &mut status.conditions;
    let mut set = |type_, condition: Option<&verdict::Condition>| {
        set_condition(conditions, type_, condition, generation, now)
    };
    set("Ready", Some(&verdict.ready));
    set("Reconciling", verdict.reconciling.as_ref());
    set("Stalled", verdict.stalled.as_ref());
    set("Authenticated", Some(&authenticated(listed, trouble.as_ref())));
    let throttled = trouble
        .as_ref()
        .filter(|trouble| trouble.reason == Reason::Throttled);
    set(
        "Throttled",
        throttled
            .map(|trouble| verdict::Condition::new(Truth::True, trouble.reason, trouble.message.as_str()))
            .as_ref(),
    );
    let assessment = listed
        .link
        .as_ref()
        .map(|link| link.assessment())
        .unwrap_or_default();
    let tripped = assessment.token.is_some();
    set("Guarded", verdict.stalled.clone().filter(|_| tripped).as_ref());
    status.guard = assessment
        .token
        .as_ref()
        .map(|token| guard_status(token, &assessment, before, now));
    if let Some(link) = listed.link.as_ref().filter(|_| listed.problem.is_none()) {
        fill_in(&mut status, subject, link, &assessment);
    }
    if status == *before {
        return Ok(());
    }
    let operations = vec![json!({"op": "add", "path": "/status", "value": status})];
    let patch = guarded(subject.metadata.resource_version.as_deref(), operations)?;
    subject
        .api(ctx)
        .patch_subresource("status", subject.name(), &params(), &patch)
        .await
        .map_err(WriteError::of)?;
    Ok(())
}

/// What only a LIST can tell.
fn fill_in(status: &mut WebhookProviderStatus, subject: &Subject, link: &Link, assessment: &Assessment) {
    status.capabilities = link
        .account
        .adapter()
        .capabilities()
        .listed
        .iter()
        .map(|&name| name.to_owned())
        .collect();
    let Some(snapshot) = link.account.snapshot() else {
        return;
    };
    let count = |n: usize| u32::try_from(n).unwrap_or(u32::MAX);
    let remote = count(snapshot.len());
    let managed = count(assessment.managed).min(remote);
    status.subscriptions = Some(api::RemoteCount {
        remote,
        managed,
        unmanaged: remote - managed,
    });
    if !assessment.restraint.account_unproven {
        let formerly = link.formerly.read().unwrap_or_else(PoisonError::into_inner);
        status.account = Some(api::AccountStatus {
            current: Some(link.account.id().to_string()),
            formerly: formerly.iter().map(ToString::to_string).collect(),
        });
    }
    let looked = snapshot.begun();
    if let Some(requested) = subject.requested()
        && looked.as_millis() > 0
    {
        status.last_handled_reconcile_at = Some(requested.clone());
    }
}

fn guard_status(
    token: &str,
    assessment: &Assessment,
    before: &WebhookProviderStatus,
    now: Timestamp,
) -> api::GuardStatus {
    let since = before
        .guard
        .as_ref()
        .filter(|guard| guard.token == token)
        .and_then(|guard| guard.since.clone());
    let reason = if assessment.restraint.account_unproven {
        Reason::AccountChanged
    } else {
        Reason::Guarded
    };
    api::GuardStatus {
        token: token.to_owned(),
        reason: reason.to_string(),
        since: Some(since.unwrap_or(Time(now))),
    }
}

fn authenticated(listed: &Listed, trouble: Option<&Trouble>) -> verdict::Condition {
    if let Some(trouble) = trouble.filter(|t| matches!(t.reason, Reason::Unauthenticated | Reason::Forbidden))
    {
        return verdict::Condition::new(Truth::False, trouble.reason, trouble.message.as_str());
    }
    let looked = listed.problem.is_none()
        && listed
            .link
            .as_ref()
            .is_some_and(|link| link.account.snapshot().is_some());
    if looked {
        return verdict::Condition::new(Truth::True, Reason::Connected, "");
    }
    verdict::Condition::new(Truth::Unknown, Reason::NotChecked, "")
}

/// How long the provider has not been Ready, by its own condition: that survives a restart.
fn failing_for(conditions: &[Condition], now: Timestamp) -> Duration {
    let failing = conditions
        .iter()
        .find(|condition| condition.type_ == "Ready" && condition.status == "False");
    failing
        .map(|condition| {
            now.duration_since(condition.last_transition_time.0)
                .unsigned_abs()
        })
        .unwrap_or_default()
}

impl Context {
    /// A provider object is gone.
    pub(super) fn forget_provider(&self, key: &ProviderKey) {
        self.directory.remove(key);
        self.index.forget(&Party::Provider(key.clone()));
        self.wake_dependents(&Target::Provider(key.clone()));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn allowed(names: &[&str], labels: &[(&str, &str)]) -> api::AllowedNamespaces {
        let match_labels = labels
            .iter()
            .map(|(k, v)| ((*k).to_owned(), (*v).to_owned()))
            .collect();
        api::AllowedNamespaces {
            names: names.iter().map(|&name| name.to_owned()).collect(),
            selector: Some(LabelSelector {
                match_labels: Some(match_labels),
                match_expressions: None,
            }),
        }
    }

    #[test]
    fn a_provider_is_lent_by_name_or_label_and_to_nobody_by_default() {
        let team = BTreeMap::from([("team".to_owned(), "a".to_owned())]);
        let lent = Lent::new(Some(&allowed(&["x"], &[("team", "a")])));
        assert!(lent.to("x", None) && lent.to("y", Some(&team)));
        assert!(!lent.to("y", None));
        assert!(!Lent::new(None).to("x", Some(&team)));
        assert!(
            !Lent::new(Some(&allowed(&[], &[]))).to("x", Some(&team)),
            "an empty selector lends to nobody"
        );
    }
}
