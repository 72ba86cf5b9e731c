//! What is wanted of an object that stays: the wish, and what is done once it has come to rest.

use operator_core::memory::Wanted;
use operator_core::plan::{Adoption, Intent, KeyState, Replace, Settled};
use operator_core::reason::Reason;
use operator_core::verdict::Phase;

use crate::api::v1alpha1 as api;
use crate::controller::dereference::{DereferenceError, object_name as check_name};
use crate::controller::events::Kind;
use crate::controller::provider::directory::Link;
use crate::controller::subscription::reconcile::{Pass, ReconcileError, Rest};
use crate::controller::subscription::validate::{self, Invalid};

impl Pass<'_> {
    /// `None`: something has to be known first, and whoever learns it wakes the object.
    pub(in crate::controller) async fn keep(&mut self) -> Result<Option<Phase>, ReconcileError> {
        if std::mem::take(&mut self.record.key_lost) {
            let note = "status was written with another hash key than the operator has now: what the provider does not \
                        show is sent once more, and what nothing marks there is no longer known to be this object's";
            self.tell(Kind::Warning, "HashKeyLost", "Reconcile", note.to_owned());
        }
        let link = match self.provider() {
            Some(Ok(link)) => link,
            Some(Err(invalid)) => return Err(DereferenceError::Invalid(invalid).into()),
            None => return Ok(None),
        };
        self.use_link(&link);
        if link.awaits_catalogue() {
            return Ok(None);
        }
        let key = self.provider_key();
        self.ctx
            .check_catalogue(&link, &key, &self.object.spec.events)
            .map_err(DereferenceError::Invalid)?;
        validate::signing_fits(self.object.spec.signing.as_deref(), self.capabilities())
            .map_err(DereferenceError::Invalid)?;
        if let Some(publish) = self
            .object
            .spec
            .signing
            .as_ref()
            .and_then(|s| s.publish_provider_key.as_ref())
        {
            check_name("spec.signing.publishProviderKey", &publish.secret_name)
                .map_err(DereferenceError::Invalid)?;
        }
        self.generate_signing_key().await?;
        let resolved = self.resolve(&link).await?;
        self.may_have(&resolved).map_err(DereferenceError::Invalid)?;
        self.record.withdrawn = false;
        self.warn_of_unknown_events(&link);
        let spec = &self.object.spec;
        let adoption = validate::adoption(spec.adoption.as_deref()).map_err(DereferenceError::Invalid)?;
        let wish = Wish {
            wanted: resolved.wanted,
            adoption,
            observe: spec.mode == Some(api::ManagementMode::Observe),
            correct_drift: spec.drift_policy != Some(api::DriftPolicy::Report),
            replace: validate::replace(spec.replace_policy),
        };
        let rest = self.drive_wish(&wish).await?;
        Ok(Some(match rest {
            Rest::Settled(mut settled) => self.after_settling(&link, &wish, &mut settled).await?,
            Rest::Parked(reason) => Phase::Parked(reason),
            Rest::Trouble(trouble) => Phase::Failed(trouble.reason, trouble.message),
            Rest::Released => Phase::Settled(Settled::default()),
        }))
    }

    /// What is only done for an object that has come to rest: publish the provider's key, poll deliveries, and
    /// see to the next comparison.
    async fn after_settling(
        &mut self,
        link: &Link,
        wish: &Wish,
        settled: &mut Settled,
    ) -> Result<Phase, ReconcileError> {
        self.wake = [self.wake, settled.wake].into_iter().flatten().min();
        self.publish_signing_key(link, wish.observe, settled).await?;
        self.rotate_signing_key(settled).await?;
        let there = settled.keys.values().all(|state| {
            matches!(
                state,
                KeyState::InSync { .. } | KeyState::Drifted(..) | KeyState::Off(_)
            )
        });
        // A dry run sends no test, and has no status to say in how deliveries go.
        if there && !self.rehearses() && !self.send_tests(link, wish.observe).await? {
            self.poll_deliveries(link).await;
        }
        if let Some(trouble) = self.schedule_comparison(link) {
            return Ok(Phase::Failed(trouble.reason, trouble.message));
        }
        Ok(Phase::Settled(std::mem::take(settled)))
    }

    async fn drive_wish(&mut self, wish: &Wish) -> Result<Rest, ReconcileError> {
        let Wish {
            wanted,
            adoption,
            observe,
            correct_drift,
            replace,
        } = wish;
        let (observe, correct_drift, replace) = (*observe, *correct_drift, *replace);
        self.drive(Intent::Keep {
            wanted,
            adoption,
            observe,
            correct_drift,
            replace,
        })
        .await
    }
}

/// What is wanted, with what the plan needs to know about it.
pub(in crate::controller) struct Wish {
    pub(in crate::controller) wanted: Vec<Wanted>,
    pub(in crate::controller) adoption: Adoption,
    pub(in crate::controller) observe: bool,
    pub(in crate::controller) correct_drift: bool,
    pub(in crate::controller) replace: Replace,
}

/// What may come by itself is waited for; what somebody has to change stalls.
pub(in crate::controller) fn phase_of(invalid: Invalid) -> Phase {
    match invalid.reason {
        Reason::SecretNotFound | Reason::ProviderNotFound | Reason::ProviderNotReady => {
            Phase::Blocked(invalid.reason, invalid.message)
        }
        reason => Phase::Rejected(reason, invalid.message),
    }
}
