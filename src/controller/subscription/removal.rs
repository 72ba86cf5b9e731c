//! The way out: what an object owns at the provider goes first, then our finalizer.

use std::collections::BTreeSet;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use jiff::Timestamp;
use k8s_openapi::api::core::v1::{Namespace, ObjectReference};
use kube::Api;
use operator_core::names::ExternalId;
use operator_core::plan::{Intent, KeyState, Settled};
use operator_core::reason::Reason;
use operator_core::time::Moment;
use operator_core::verdict::Phase;

use crate::api::names::{ANNOTATION_FORCE_ORPHAN, FINALIZER_REMOTE};
use crate::api::v1alpha1 as api;
use crate::controller::context::{Context, Party};
use crate::controller::engine::Requeue;
use crate::controller::events::{Kind, News};
use crate::controller::provider::directory::Link;
use crate::controller::subscription::reconcile::{Pass, ReconcileError, Rest};
use crate::duration::parse_duration;

const GRACE: Duration = Duration::from_secs(600);
/// How often a deletion that is blocked is looked at again by itself.
const BLOCKED_RETRY: Duration = Duration::from_secs(30);
const CRD_CHECKED_FOR: Duration = Duration::from_secs(1);

/// Why a deletion cannot go on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Cause {
    /// Nobody can speak to the account.
    NoCredential,
    /// The provider does not answer.
    Unreachable,
    /// A guard holds it.
    Stopped,
    /// Nobody can tell which remote subscription is this object's.
    Unproven,
}

impl Pass<'_> {
    /// `None`: the object is gone.
    pub(in crate::controller) async fn remove(&mut self) -> Result<Option<Requeue>, ReconcileError> {
        if !self.record.memory.finalizer {
            return Ok(None);
        }
        let spec = &self.object.spec;
        let orphan = !operator_core::planted!(OrphanPolicyIgnored)
            && spec.deletion_policy == Some(api::DeletionPolicy::Orphan)
            || spec.mode == Some(api::ManagementMode::Observe);
        if orphan {
            return self
                .finish(Intent::Remove {
                    orphan: true,
                    let_go: false,
                })
                .await;
        }
        let key = self.provider_key();
        self.depends(&key, BTreeSet::new());
        let listed = self.ctx.directory.get(&key);
        let Some(link) = listed.as_ref().and_then(|listed| listed.link.clone()) else {
            if listed.is_none() && self.ctx.provider_exists(&key) {
                return Ok(Some(Requeue::after(BLOCKED_RETRY)));
            }
            let why = match listed.and_then(|listed| listed.problem) {
                Some(problem) => format!("{key}: {}", problem.message),
                None => format!("{key} does not exist"),
            };
            return self.blocked(&why, Cause::NoCredential).await;
        };
        self.use_link(&link);
        match self
            .drive(Intent::Remove {
                orphan: false,
                let_go: false,
            })
            .await?
        {
            Rest::Released => Ok(None),
            Rest::Settled(settled) => {
                if let Some((why, cause)) = settled.keys.values().find_map(stalled) {
                    return self.blocked(&why, cause).await;
                }
                // What goes on failing does not hold an object that a person wants to let go.
                let failing = settled.keys.values().find_map(failing);
                if let Some(why) = failing.filter(|_| self.is_forced()) {
                    return self.blocked(&why, Cause::Unreachable).await;
                }
                let wake = settled.wake;
                self.publish(&Phase::Deleting(settled)).await?;
                Ok(Some(self.again(wake)))
            }
            // Its turn will come, and soon: not worth a write.
            Rest::Parked(_) => Ok(Some(Requeue::after(BLOCKED_RETRY))),
            Rest::Trouble(trouble) => {
                let refused = matches!(trouble.reason, Reason::Unauthenticated | Reason::Forbidden);
                let cause = if refused {
                    Cause::NoCredential
                } else {
                    Cause::Unreachable
                };
                self.blocked(&format!("{key}: {}", trouble.message), cause).await
            }
        }
    }

    /// Nothing can have been created for this object: its status never said that anything was begun, or this very
    /// process began it and has sent nothing since.
    fn never_sent(&self) -> bool {
        let status = self.object.status.as_ref();
        let begun = status.is_some_and(|status| status.identity.is_some());
        (!begun || self.record.nothing_sent) && self.record.memory.ids().next().is_none()
    }

    fn again(&self, wake: Option<Moment>) -> Requeue {
        let now = self.ctx.clock.now();
        let delay = wake
            .map_or(BLOCKED_RETRY, |wake| wake.since(now))
            .max(Duration::from_millis(10));
        Requeue::after(delay)
    }

    async fn finish(&mut self, intent: Intent<'_>) -> Result<Option<Requeue>, ReconcileError> {
        match self.drive(intent).await? {
            Rest::Released => Ok(None),
            _ => Ok(Some(Requeue::after(BLOCKED_RETRY))),
        }
    }

    /// The remote side cannot be deleted now. In a namespace that is going away (when there is no credential and
    /// never will be), or when the user says so, the object is let go after the grace period.
    async fn blocked(&mut self, why: &str, cause: Cause) -> Result<Option<Requeue>, ReconcileError> {
        if self.never_sent() {
            let intent = Intent::Remove {
                orphan: true,
                let_go: false,
            };
            return self.finish(intent).await;
        }
        let forced = self.is_forced();
        let grace = self.object.spec.deletion_grace_period.as_deref();
        let grace = grace
            .and_then(|grace| parse_duration(grace).ok())
            .unwrap_or(GRACE);
        let since = self
            .object
            .metadata
            .deletion_timestamp
            .as_ref()
            .map_or(Timestamp::now(), |time| time.0);
        let elapsed = Timestamp::now().duration_since(since);
        let over = elapsed.is_positive() && elapsed.unsigned_abs() >= grace;
        let hopeless = matches!(cause, Cause::NoCredential | Cause::Unproven);
        let may_go = forced || (hopeless && self.namespace_is_terminating().await?);
        if over && may_go {
            return self
                .finish(Intent::Remove {
                    orphan: false,
                    let_go: true,
                })
                .await;
        }
        let out = if may_go {
            format!(
                "the object is let go, and what it has at the provider left behind, {} after its deletion",
                humane(grace)
            )
        } else if cause == Cause::Stopped {
            "it goes on once that is released".to_owned()
        } else {
            let first = if cause == Cause::Unproven {
                "or"
            } else {
                "put back what is missing, or"
            };
            format!(
                "{first} let the object go with: kubectl annotate webhooksubscription --namespace {} {} {ANNOTATION_FORCE_ORPHAN}=true",
                self.name.namespace, self.name.name
            )
        };
        self.publish(&Phase::DeletionBlocked(format!("{why}; {out}")))
            .await?;
        let left = grace.saturating_sub(elapsed.unsigned_abs());
        let delay = if may_go && !over {
            left.min(BLOCKED_RETRY)
        } else {
            BLOCKED_RETRY
        };
        Ok(Some(Requeue::after(delay.max(Duration::from_millis(100)))))
    }

    /// Whether a person wants the object to go, whatever it leaves behind.
    fn is_forced(&self) -> bool {
        let annotations = self.object.metadata.annotations.as_ref();
        annotations
            .and_then(|annotations| annotations.get(ANNOTATION_FORCE_ORPHAN))
            .is_some_and(|value| value == "true")
    }

    async fn namespace_is_terminating(&self) -> Result<bool, ReconcileError> {
        let api = Api::<Namespace>::all(self.ctx.client.clone());
        match api.get_metadata_opt(&self.name.namespace).await {
            Ok(found) => Ok(found.is_none_or(|namespace| namespace.metadata.deletion_timestamp.is_some())),
            Err(kube::Error::Api(status)) if status.code == 403 => Ok(false),
            Err(error) => Err(crate::controller::apiserver::WriteError::of(error).into()),
        }
    }

    /// Takes the finalizer off; what stays at the provider is recorded where somebody will find it.
    pub(in crate::controller) async fn release(
        &mut self,
        orphaned: &[ExternalId],
    ) -> Result<Rest, ReconcileError> {
        // In the log before the object goes: afterwards nothing else would know the ids, should the process end here.
        for id in orphaned {
            tracing::warn!(subscription = %self.name, %id, "left behind at the provider");
        }
        self.ctx.release_finalizer(&self.object).await?;
        tracing::info!(subscription = %self.name, finalizer = FINALIZER_REMOTE, "released");
        for id in orphaned {
            self.ctx.metrics.orphaned();
            let note = format!(
                "subscription {id} of WebhookSubscription {} was left behind at the provider",
                self.name
            );
            self.tell(Kind::Warning, "Orphaned", "Delete", note.clone());
            // The object and perhaps its namespace are going: the operator's own namespace keeps the record.
            let about = ObjectReference {
                api_version: Some("v1".to_owned()),
                kind: Some("Pod".to_owned()),
                name: Some(
                    self.ctx
                        .config
                        .pod_name
                        .clone()
                        .unwrap_or_else(|| "webhook-operator".to_owned()),
                ),
                namespace: Some(self.ctx.config.operator_namespace.clone()),
                ..ObjectReference::default()
            };
            self.ctx.events.publish(News {
                about,
                kind: Kind::Warning,
                reason: "Orphaned",
                action: "Delete",
                note,
            });
        }
        Ok(Rest::Released)
    }

    /// Stops a deletion that looks like part of an accident.
    pub(in crate::controller) async fn brake(&self, link: &Link) -> Result<Option<Rest>, ReconcileError> {
        let message = if !link.may_delete(self.ctx.clock.now()) {
            // With the token that was given back last: who trips the guard twice gets another one.
            let released = link.released.as_deref();
            let released = released.and_then(|token| ExternalId::parse(token).ok());
            let ids = self.record.memory.ids().chain(&released);
            let token = operator_core::guard::token(&self.ctx.hash_key, ids);
            if link.trip_over(token) {
                self.ctx.triggers.wake(&Party::Provider(self.provider_key()));
            }
            "more deletions than spec.guard.maxDeletions of the provider allows; release them there"
        } else if !operator_core::planted!(DefinitionGuardOff) && self.ctx.crd_is_going().await {
            "the CRD itself is being deleted, which deletes every object: nothing is deleted at the provider"
        } else {
            return Ok(None);
        };
        let state = KeyState::Stalled(Reason::Guarded, message.to_owned());
        let keys = self
            .record
            .memory
            .entries
            .keys()
            .map(|key| (key.clone(), state.clone()))
            .collect();
        Ok(Some(Rest::Settled(Settled {
            keys,
            ..Settled::default()
        })))
    }
}

/// Remembers for a moment whether the CRD is being deleted, so that a thousand deletions ask once a second.
#[derive(Debug, Default)]
pub(in crate::controller) struct CrdGuard(Mutex<Option<(Moment, bool)>>);

impl Context {
    /// Whether the CRD itself is on its way out: then every object is being deleted, and nobody meant each of them.
    /// When that cannot be found out, nothing is deleted yet.
    async fn crd_is_going(&self) -> bool {
        let now = self.clock.now();
        let known = *self.crd.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((_, going)) = known.filter(|(at, _)| now.since(*at) < CRD_CHECKED_FOR) {
            return going;
        }
        let going = match crate::cluster::crd_terminating(&self.client, self.config.is_namespaced()).await {
            Ok(going) => going,
            Err(error) => {
                tracing::warn!(
                    error = &error as &dyn std::error::Error,
                    "cannot tell whether the CRD is being deleted"
                );
                return true;
            }
        };
        *self.crd.0.lock().unwrap_or_else(PoisonError::into_inner) = Some((now, going));
        going
    }
}

fn stalled(state: &KeyState) -> Option<(String, Cause)> {
    match state {
        KeyState::Stalled(Reason::MarkerMissing | Reason::AmbiguousMatch, message) => {
            Some((message.clone(), Cause::Unproven))
        }
        KeyState::Stalled(_, message) => Some((message.clone(), Cause::Stopped)),
        KeyState::InSync { .. }
        | KeyState::Drifted(..)
        | KeyState::Off(_)
        | KeyState::Waiting(_)
        | KeyState::Failing(..) => None,
    }
}

fn failing(state: &KeyState) -> Option<String> {
    match state {
        KeyState::Failing(_, message) => Some(message.clone()),
        _ => None,
    }
}

fn humane(duration: Duration) -> String {
    crate::duration::format_duration(duration)
}
