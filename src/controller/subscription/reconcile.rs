//! The driver of one subscription: dereference → validate → look / decide / act, again and again → publish.

use std::panic::AssertUnwindSafe;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use futures::FutureExt;
use kube::Resource;
use operator_core::capabilities::Capabilities;
use operator_core::marker::Owner;
use operator_core::names::{ObjectName, ObjectUid, RemoteKey};
use operator_core::plan::{Action, Intent, Restraint, Settled, Situation, Timing, next_action};
use operator_core::reason::Reason;
use operator_core::retry::backoff;
use operator_core::settings::Settings;
use operator_core::shard::Shard;
use operator_core::time::Moment;
use operator_core::verdict::Phase;

use crate::api::names::FINALIZER_REMOTE;
use crate::api::v1alpha1::WebhookSubscription;
use crate::controller::apiserver::{WriteError, holds};
use crate::controller::context::Context;
use crate::controller::dereference::DereferenceError;
use crate::controller::engine::Requeue;
use crate::controller::provider::directory::Link;
use crate::controller::received::Received;
use crate::controller::subscription::keep::phase_of;
use crate::controller::subscription::records::{Newest, Record};
use crate::metrics::Kind as Counted;
use crate::provider::account::Trouble;
use crate::provider::dixa;

/// The most actions of one pass: far above what any object needs, so that a mistake cannot spin.
const ACTIONS_MAX: usize = 512;
/// How long before an object that waits for an event looks by itself: events can be missed.
const SAFETY_NET: Duration = Duration::from_secs(300);
/// How long the watch may take to bring the state that a write was refused for, before the write is tried again.
const CATCH_UP: Duration = Duration::from_secs(5);
/// How long a new object waits for a LIST before that is told.
const WORTH_TELLING: Duration = Duration::from_secs(5);
/// How long a failure is kept out of `Ready`, and how long progress may take.
pub(in crate::controller) const GRACE: Duration = Duration::from_secs(300);

/// A reconcile that has to be tried again soon.
#[derive(Debug, thiserror::Error)]
pub(in crate::controller) enum ReconcileError {
    /// The apiserver.
    #[error(transparent)]
    Write(#[from] WriteError),
    /// A read of what the spec refers to.
    #[error(transparent)]
    Dereference(#[from] DereferenceError),
    /// The system.
    #[error("the system gives no random bytes for a signing key")]
    NoRandom,
    /// A bug. It costs this object its turn, and no other.
    #[error("the reconcile panicked")]
    Panicked,
}

/// Why a pass came to rest.
#[derive(Debug)]
pub(in crate::controller) enum Rest {
    /// The plan has nothing to do now.
    Settled(Settled),
    /// The object waits for its turn; it will be woken.
    Parked(Reason),
    /// The account does not work.
    Trouble(Trouble),
    /// Our finalizer is off.
    Released,
}

/// One pass over one object.
pub(in crate::controller) struct Pass<'a> {
    pub(in crate::controller) ctx: &'a Context,
    pub(in crate::controller) name: ObjectName,
    pub(in crate::controller) owner: Owner,
    /// The newest state of the object that this process knows.
    pub(in crate::controller) object: Newest<'a>,
    pub(in crate::controller) record: Record,
    pub(in crate::controller) link: Option<Arc<Link>>,
    /// The wish with its secrets, once an effect needs it.
    pub(in crate::controller) settings: Option<Vec<(RemoteKey, Settings)>>,
    pub(in crate::controller) account_unproven: bool,
    /// When to look again.
    pub(in crate::controller) wake: Option<Moment>,
}

/// Reconciles one object. A panic is turned into an error of this object.
pub(in crate::controller) async fn reconcile(
    watched: Arc<Received<WebhookSubscription>>,
    ctx: Arc<Context>,
) -> Result<Requeue, ReconcileError> {
    let work = pin!(async {
        let result = AssertUnwindSafe(attempt(&watched, &ctx)).catch_unwind().await;
        result.unwrap_or(Err(ReconcileError::Panicked))
    });
    let provider = || ctx.provider_type(watched.0.as_ref().ok()?);
    ctx.turn(Counted::Subscription, watched.meta(), provider, work)
        .await
}

/// The delay after a failed reconcile. Conflicts are ordinary: one of the object is over when the watch has caught up,
/// which wakes it.
pub(in crate::controller) fn retry(
    object: &Received<WebhookSubscription>,
    error: &ReconcileError,
    ctx: &Context,
) -> Requeue {
    match error {
        ReconcileError::Write(WriteError::Conflict) => return Requeue::after(CATCH_UP),
        ReconcileError::Write(WriteError::SecretConflict) => {
            return Requeue::after(Duration::from_millis(200));
        }
        _ => {}
    }
    let name = object_name(object.meta());
    let failures = ctx
        .records
        .peek(&name, |record| record.apiserver_failures)
        .unwrap_or(1);
    tracing::warn!(subscription = %name, failures, error = error as &dyn std::error::Error, "reconcile failed");
    Requeue::after(backoff(failures, seed(&name)))
}

pub(in crate::controller) fn object_name(metadata: &kube::core::ObjectMeta) -> ObjectName {
    ObjectName::new(
        metadata.namespace.as_deref().unwrap_or_default(),
        metadata.name.as_deref().unwrap_or_default(),
    )
}

/// A number that differs between objects and stays the same for one: spreads what would bunch.
pub(in crate::controller) fn seed(name: &ObjectName) -> u64 {
    let bytes = name.namespace.bytes().chain([b'/']).chain(name.name.bytes());
    bytes.fold(0xcbf2_9ce4_8422_2325, |hash, byte| {
        (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3)
    })
}

async fn attempt(watched: &Received<WebhookSubscription>, ctx: &Context) -> Result<Requeue, ReconcileError> {
    let object = match &watched.0 {
        Ok(object) => object,
        // Nobody knows whose it is.
        Err(_) if ctx.config.shard != Shard::UNNAMED => return Ok(Requeue::await_change()),
        Err(invalid) => return ctx.report_unreadable(invalid).await,
    };
    let Some(_admission) = ctx.admit(object) else {
        return Ok(Requeue::await_change());
    };
    let Some(mut pass) = Pass::begin(ctx, object) else {
        return Ok(Requeue::await_change());
    };
    let now = ctx.clock.now();
    if let Some(until) = pass.not_before(now) {
        ctx.records.put(&pass.name, pass.record);
        return Ok(Requeue::after(until.since(now)));
    }
    let result = pass.run().await;
    if matches!(result, Err(ReconcileError::Write(WriteError::Conflict))) {
        let until = ctx.clock.now().after(CATCH_UP);
        pass.record.outrun(&pass.object, until);
    }
    pass.record.apiserver_failures = match &result {
        Ok(_)
        | Err(ReconcileError::Write(WriteError::Conflict | WriteError::SecretConflict | WriteError::Gone)) => {
            0
        }
        Err(_) => pass.record.apiserver_failures.saturating_add(1),
    };
    match result {
        Ok(Some(requeue)) => {
            ctx.records.put(&pass.name, pass.record);
            Ok(requeue)
        }
        // Gone: nothing of it is kept.
        Ok(None) | Err(ReconcileError::Write(WriteError::Gone)) => {
            pass.leave();
            Ok(Requeue::await_change())
        }
        Err(error) => {
            ctx.records.put(&pass.name, pass.record);
            Err(error)
        }
    }
}

impl<'a> Pass<'a> {
    fn begin(ctx: &'a Context, watched: &'a WebhookSubscription) -> Option<Self> {
        let name = object_name(&watched.metadata);
        let uid = ObjectUid::parse(watched.metadata.uid.as_deref()?).ok()?;
        let mut record = match ctx.records.take(&name) {
            Some(record)
                if record.uid.as_ref() == Some(&uid) && record.speaks_for(watched, &ctx.hash_key) =>
            {
                record
            }
            known => {
                if let Some(record) = known {
                    ctx.left_behind(&record);
                }
                Record {
                    since: ctx.records.object_known_since(&uid, ctx.clock.now()),
                    ..ctx.first_sight(watched, &uid)
                }
            }
        };
        let object = record.newest(watched);
        record.memory.finalizer = holds(&object.metadata, FINALIZER_REMOTE);
        let owner = ctx.owner(&name, &uid);
        Some(Self {
            ctx,
            name,
            owner,
            object,
            record,
            link: None,
            settings: None,
            account_unproven: false,
            wake: None,
        })
    }

    /// When the pass may begin, if not now: a newer state of the object is known to come, or it is edited all the time. A
    /// deletion waits for no edits.
    fn not_before(&mut self, now: Moment) -> Option<Moment> {
        let outrun = self.record.outrun_until(&self.object, now);
        let going = self.object.metadata.deletion_timestamp.is_some();
        let generation = self.generation();
        outrun.or_else(|| (!going).then(|| self.record.pace.begin(generation, now))?)
    }

    /// `None`: the object is gone, or about to be, and nothing of it has to be kept.
    async fn run(&mut self) -> Result<Option<Requeue>, ReconcileError> {
        if self.object.metadata.deletion_timestamp.is_some() {
            return self.remove().await;
        }
        if self.object.spec.suspend == Some(true) && !operator_core::planted!(SuspendIgnored) {
            self.withdraw_while_suspended().await?;
            self.publish_suspended().await?;
            return Ok(Some(Requeue::await_change()));
        }
        let phase = match self.keep().await {
            Ok(Some(phase)) => phase,
            // The provider has not been looked at since the start: its first reconcile wakes this object.
            Ok(None) => return Ok(Some(Requeue::after(SAFETY_NET))),
            Err(ReconcileError::Dereference(DereferenceError::Invalid(invalid))) => {
                self.make_way(&invalid);
                self.withdraw(&invalid).await?;
                phase_of(invalid)
            }
            Err(ReconcileError::Dereference(error @ DereferenceError::Forbidden { .. })) => {
                let phase = Phase::Blocked(Reason::SecretForbidden, error.to_string());
                self.publish(&phase).await?;
                return Err(error.into());
            }
            Err(error) => return Err(error),
        };
        if !matches!(phase, Phase::Parked(_)) {
            self.record.since = self.ctx.clock.now();
        }
        if !self.is_told_already(&phase) && !self.will_be_told(&phase) {
            self.publish(&phase).await?;
        }
        Ok(Some(self.requeue()))
    }

    /// Before this process has learned anything of the object, what its status says of this generation stands: else a
    /// restart would write that work has begun, and a moment later that nothing was to be done.
    fn is_told_already(&self, phase: &Phase) -> bool {
        let status = self.object.status.as_ref();
        let observed = status.and_then(|status| status.observed_generation);
        matches!(phase, Phase::Parked(_))
            && !self.record.told
            && observed == Some(self.generation())
            && self.known("Ready").is_some()
    }

    /// That a new object waits for the account's first LIST is over before anybody has read it: it is only told where it
    /// lasts.
    fn will_be_told(&mut self, phase: &Phase) -> bool {
        if !matches!(phase, Phase::Parked(Reason::WaitingForList)) || self.known("Ready").is_some() {
            return false;
        }
        let now = self.ctx.clock.now();
        let due = self.record.waits_since.get_or_insert(now).after(WORTH_TELLING);
        let waits = now < due;
        self.wake = self.wake.or(Some(due).filter(|_| waits));
        waits
    }

    fn requeue(&self) -> Requeue {
        let now = self.ctx.clock.now();
        let delay = self.wake.map_or(SAFETY_NET, |wake| wake.since(now));
        Requeue::after(delay.max(Duration::from_millis(10)))
    }

    /// Decide, act, and again, until there is nothing to do or something to wait for.
    pub(in crate::controller) async fn drive(&mut self, intent: Intent<'_>) -> Result<Rest, ReconcileError> {
        let deliveries = self.known_deliveries();
        for _ in 0..ACTIONS_MAX {
            let snapshot = self.link.as_ref().and_then(|link| link.account.snapshot());
            let rivals = self.rivals(intent, snapshot.as_deref());
            let situation = Situation {
                now: self.ctx.clock.now(),
                intent,
                capabilities: self.capabilities(),
                rivals: &rivals,
                owner: &self.owner,
                memory: &self.record.memory,
                snapshot: snapshot.as_deref(),
                restraint: self.restraint(),
                timing: self.timing(),
                rules: self.disabled_rules(),
                deliveries: &deliveries,
            };
            let action = next_action(&situation);
            tracing::debug!(subscription = %self.name, ?action, "decided");
            if let Action::Settle(settled) = action {
                return Ok(Rest::Settled(settled));
            }
            if let Some(rest) = self.act(action, intent).await? {
                return Ok(rest);
            }
        }
        tracing::error!(subscription = %self.name, "the plan does not come to rest");
        Ok(Rest::Parked(Reason::Progressing))
    }

    /// What the provider can do. Where none is known nothing is sent, so that nothing depends on it.
    pub(in crate::controller) fn capabilities(&self) -> &'static Capabilities {
        self.link
            .as_ref()
            .map_or(&dixa::CAPABILITIES, |link| link.account.adapter().capabilities())
    }

    fn timing(&self) -> Timing {
        let timing = Timing::default();
        // What a slow LIST shows must still count as fresh when it is complete.
        let took = self
            .link
            .as_ref()
            .map(|link| link.account.list_took())
            .unwrap_or_default();
        Timing {
            settle: self.ctx.config.settle_time,
            fresh: timing.fresh.max(took * 2),
            ..timing
        }
    }

    fn restraint(&self) -> Restraint {
        let mut restraint = self
            .link
            .as_ref()
            .map(|link| link.restraint())
            .unwrap_or_default();
        restraint.account_unproven |= self.account_unproven;
        restraint
    }

    /// The object is gone: nothing waits for it any more.
    fn leave(&self) {
        self.ctx.left_behind(&self.record);
        self.ctx.forget(&self.name);
    }
}
