//! What a provider object's status says.

use std::sync::PoisonError;
use std::time::Duration;

use jiff::Timestamp;
use k8s_openapi::api::core::v1::ObjectReference;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;
use operator_core::names::AccountId;
use operator_core::reason::Reason;
use operator_core::verdict::{self, Context as VerdictContext, Phase, Truth};
use serde_json::json;

use crate::api::v1alpha1 as api;
use crate::api::v1alpha1::WebhookProviderStatus;
use crate::controller::apiserver::{WriteError, guarded, params};
use crate::controller::context::Context;
use crate::controller::events::{Kind, News};
use crate::controller::provider::Subject;
use crate::controller::provider::directory::{Assessment, Link, Listed};
use crate::controller::rehearsal::Rehearsal;
use crate::controller::subscription::reconcile::{GRACE, ReconcileError};
use crate::controller::subscription::status::set_condition;
use crate::provider::account::Trouble;
use crate::provider::error::CREDENTIAL_RETRY;

/// Whether the status says what there is to say.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::controller) enum Told {
    /// It does.
    Now,
    /// Only how many there are has changed, and that was written a moment ago.
    Later,
}

/// Writes the status of a provider, if anything but time has changed.
pub(in crate::controller) async fn publish(
    subject: &Subject,
    ctx: &Context,
    listed: &Listed,
    phase: &Phase,
) -> Result<Told, ReconcileError> {
    let generation = subject.metadata.generation.unwrap_or(0);
    let before = &subject.status;
    let now = Timestamp::now();
    let context = VerdictContext {
        // Objects stay Ready through a short outage, so that it is told at their provider, and at once.
        synced_before: false,
        ever_synced: before
            .account
            .as_ref()
            .is_some_and(|account| account.current.is_some()),
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
    if let Some(rehearsal) = &ctx.rehearsal {
        rehearse(subject, ctx, rehearsal, &verdict.ready);
        return Ok(Told::Now);
    }
    let mut status = before.clone();
    status.observed_generation = Some(generation);
    let trouble = listed.link.as_ref().and_then(|link| link.account.trouble());
    let conditions = &mut status.conditions;
    let mut set = |type_, condition: Option<&verdict::Condition>| {
        set_condition(conditions, type_, condition, generation, now);
    };
    set("Ready", Some(&verdict.ready));
    set("Reconciling", verdict.reconciling.as_ref());
    set("Stalled", verdict.stalled.as_ref());
    let authenticated = authenticated(listed, trouble.as_ref());
    set("Authenticated", Some(&authenticated));
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
    let token = listed.link.as_ref().and_then(|link| link.guard_token());
    set(
        "Guarded",
        verdict.stalled.clone().filter(|_| token.is_some()).as_ref(),
    );
    status.guard = token.map(|token| guard_status(token, &assessment, before, now));
    if let Some(link) = listed.link.as_ref().filter(|_| listed.problem.is_none()) {
        fill_in(&mut status, subject, link, &assessment);
        let refused = (authenticated.truth == Truth::False).then(|| link.account.id().to_string());
        if refused.is_some() || status.account.is_some() {
            status.account.get_or_insert_default().refused = refused;
        }
    }
    if status == *before {
        return Ok(Told::Now);
    }
    if status.subscriptions != before.subscriptions {
        let may_count = (listed.link.as_ref()).is_none_or(|link| link.may_count(ctx.clock.now()));
        let counts_alone = WebhookProviderStatus {
            subscriptions: before.subscriptions.clone(),
            ..status.clone()
        } == *before;
        if counts_alone && !may_count {
            return Ok(Told::Later);
        }
    }
    store(subject, ctx, &status).await?;
    Ok(Told::Now)
}

/// Writes a status in place of the one that the object was seen with.
pub(super) async fn store(
    subject: &Subject,
    ctx: &Context,
    status: &WebhookProviderStatus,
) -> Result<(), ReconcileError> {
    let operations = vec![json!({"op": "add", "path": "/status", "value": status})];
    let patch = guarded(subject.metadata.resource_version.as_deref(), operations)?;
    let api = subject.api(ctx);
    let written = api
        .patch_subresource("status", subject.name(), &params(), &patch)
        .await;
    written.map(drop).map_err(|error| WriteError::of(error).into())
}

/// Says in a dry run what keeps a provider from being used, once.
fn rehearse(subject: &Subject, ctx: &Context, rehearsal: &Rehearsal, ready: &verdict::Condition) {
    let metadata = &subject.metadata;
    let uid = metadata.uid.clone().unwrap_or_default();
    let (reason, note) = (ready.reason.as_str(), ready.message.clone());
    if ready.truth != Truth::False || ready.reason.is_under_way() || !rehearsal.is_news(&uid, reason, &note) {
        return;
    }
    tracing::info!(provider = %subject.key, reason, note = %note, "event");
    let about = ObjectReference {
        api_version: Some(subject.resource.api_version.clone()),
        kind: Some(subject.resource.kind.clone()),
        namespace: metadata.namespace.clone(),
        name: metadata.name.clone(),
        uid: Some(uid),
        ..ObjectReference::default()
    };
    ctx.events.publish(News {
        about,
        kind: Kind::Warning,
        reason,
        action: "DryRun",
        note,
    });
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
    status.catalogue = link.catalogue().map(|catalogue| api::CatalogueStatus {
        count: u32::try_from(catalogue.events.len()).unwrap_or(u32::MAX),
        names: catalogue
            .events
            .iter()
            .take(256)
            .map(ToString::to_string)
            .collect(),
    });
    let Some(snapshot) = link.account.snapshot() else {
        return;
    };
    let count = |n: usize| u32::try_from(n).unwrap_or(u32::MAX);
    // What was made and deleted since that LIST is counted in, so that nobody has to wait for the next one.
    let (remote, managed) = {
        let tally = link.tally();
        let now = |listed| count(tally.now(listed, &snapshot));
        (now(snapshot.len()), now(assessment.managed))
    };
    let managed = managed.min(remote);
    status.subscriptions = Some(api::RemoteCount {
        remote,
        managed,
        unmanaged: remote - managed,
    });
    if !assessment.restraint.account_unproven {
        let formerly = link.formerly.read().unwrap_or_else(PoisonError::into_inner);
        status.account = Some(api::AccountStatus {
            current: Some(link.account.id().to_string()),
            refused: None,
            formerly: formerly.iter().map(ToString::to_string).collect(),
        });
    }
    if let Some(requested) = subject.requested()
        && snapshot.begun() > link.requested_at(&requested, snapshot.begun())
    {
        status.last_handled_reconcile_at = Some(requested);
    }
}

fn guard_status(
    token: String,
    assessment: &Assessment,
    before: &WebhookProviderStatus,
    now: Timestamp,
) -> api::GuardStatus {
    let since = before
        .guard
        .as_ref()
        .filter(|guard| guard.token == token)
        .and_then(|guard| guard.since.clone());
    let reason = super::guard::guard_reason(assessment);
    api::GuardStatus {
        token,
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

/// Whether the provider refused this very credential so lately that it is not tried again yet, as the status tells: some
/// providers lock out an address after a few failures, and a process that restarts must not add to them.
pub(super) fn refused_lately(subject: &Subject, account: &AccountId) -> Option<(Trouble, Duration)> {
    let refused = subject.status.account.as_ref()?.refused.as_deref()?;
    let mut conditions = subject.status.conditions.iter();
    let condition =
        conditions.find(|condition| condition.type_ == "Authenticated" && condition.status == "False")?;
    let since = Timestamp::now().duration_since(condition.last_transition_time.0);
    let left = CREDENTIAL_RETRY.checked_sub(since.unsigned_abs())?;
    let trouble = Trouble {
        reason: Reason::parse(&condition.reason)?,
        message: condition.message.to_string(),
    };
    (refused == account.as_str()).then_some((trouble, left))
}

/// How long the provider has not been Ready, by its own condition: that survives a restart.
fn failing_for(conditions: &[api::Condition], now: Timestamp) -> Duration {
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
