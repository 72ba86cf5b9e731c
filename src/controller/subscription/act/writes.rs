//! The requests that change something at the provider, each after a fresh look that the plan has asked for.

use std::time::Duration;

use operator_core::budget::Priority;
use operator_core::marker::Marker;
use operator_core::memory::{Certainty, Fault, Hold, Wanted};
use operator_core::names::{ExternalId, RemoteKey};
use operator_core::plan::Intent;
use operator_core::reason::Reason;
use operator_core::remote::Remote;
use operator_core::retry::Disposition;
use operator_core::settings::{Settings, switched_off};
use operator_core::view::{Field, FieldSet};

use super::fault;
use crate::controller::events::Kind;
use crate::controller::subscription::reconcile::{Pass, ReconcileError, Rest, seed};
use crate::provider::{Deletion, ProviderError};

/// How soon a wish is worked out anew that does not fit what it was made from.
const RESOLVED_AGAIN: Duration = Duration::from_secs(1);

impl Pass<'_> {
    /// The settings of a key, read from the Secrets now if this pass has not done so yet.
    async fn settings(&mut self, key: &RemoteKey) -> Result<Option<Settings>, ReconcileError> {
        if self.settings.is_none()
            && let Some(link) = self.link.clone()
        {
            self.load_settings(&link).await?;
        }
        let settings = self.settings.iter().flatten().find(|(known, _)| known == key);
        Ok(settings.map(|(_, settings)| settings.clone()))
    }

    /// What was worked out names a key that nothing is wanted for any more: it is worked out anew, a moment later.
    fn resolve_anew(&mut self) -> Rest {
        self.record.resolved = None;
        self.wake_at(self.ctx.clock.now().after(RESOLVED_AGAIN));
        Rest::Parked(Reason::Progressing)
    }

    pub(super) async fn create(&mut self, wish: &Wanted) -> Result<Option<Rest>, ReconcileError> {
        let (Some(link), Some(settings)) = (self.link.clone(), self.settings(&wish.key).await?) else {
            return Ok(Some(self.resolve_anew()));
        };
        if self.wish_changed(wish, &settings) {
            return Ok(Some(Rest::Parked(Reason::Progressing)));
        }
        let permit = match self.turn(self.priority_of_keeping()) {
            Ok(permit) => permit,
            Err(rest) => return Ok(Some(rest)),
        };
        self.check_leadership()?;
        let at = self.ctx.clock.now();
        let mut result = link.account.adapter().create(&settings).await;
        let again = operator_core::planted!(RetryCreateOn504);
        if again && matches!(&result, Err(ProviderError::Unavailable { status: 504, .. })) {
            result = link.account.adapter().create(&settings).await;
        }
        permit.report(&result);
        let unsent = result
            .as_ref()
            .err()
            .is_some_and(|error| !error.may_have_taken_effect());
        self.record.nothing_sent &= unsent;
        let (now, seed) = (self.ctx.clock.now(), seed(&self.name));
        match result {
            Ok(remote) => {
                let marked = remote.marker == Some(self.owner.marker(&wish.key));
                self.ctx.metrics.remote_created(link.type_);
                let (key, id) = (self.provider_key(), remote.id.clone());
                self.ctx
                    .count_remote(&key, &link, |tally, now| tally.made(id, now));
                self.tell(
                    Kind::Normal,
                    "Created",
                    "Create",
                    format!("created subscription {} at the provider", remote.id),
                );
                let able = self.capabilities();
                self.record
                    .memory
                    .created(wish, remote, marked, now.max(at), able);
            }
            Err(error) => self.record.memory.create_failed(wish, fault(&error), now, seed),
        }
        Ok(None)
    }

    /// Before this process changes something at the provider for an object that it has not written to: a watch may be
    /// so far behind that the object is another one by now, or another leader has done what is about to be done.
    async fn prove(&mut self) -> Result<(), ReconcileError> {
        if self.record.unproven.is_some() {
            self.ctx.confirm(&self.object).await?;
            self.record.unproven = None;
        }
        Ok(())
    }

    /// A Secret may have changed between the decision and the read of its value: then the decision is stale.
    fn wish_changed(&mut self, wish: &Wanted, settings: &Settings) -> bool {
        let changed = settings
            .view(&self.ctx.hash_key)
            .only(self.capabilities().supports)
            != wish.view;
        if changed {
            self.wake_at(self.ctx.clock.now());
        }
        changed
    }

    pub(super) async fn adopt(
        &mut self,
        key: &RemoteKey,
        id: &ExternalId,
        stamp: bool,
        intent: Intent<'_>,
    ) -> Result<Option<Rest>, ReconcileError> {
        let Some(link) = self.link.clone() else {
            return Ok(Some(Rest::Parked(Reason::ProviderNotReady)));
        };
        let wish = match intent {
            Intent::Keep { wanted, .. } => wanted
                .iter()
                .find(|wish| wish.key == *key)
                .map(|wish| wish.digest),
            Intent::Remove { .. } | Intent::SwitchOff { .. } => None,
        };
        let observe = matches!(intent, Intent::Keep { observe: true, .. });
        let hold = if observe { Hold::Observed } else { Hold::Adopted };
        if !stamp {
            let snapshot = link.account.snapshot();
            let Some((remote, at)) = snapshot
                .as_ref()
                .and_then(|s| Some((s.get(id)?.clone(), s.begun())))
            else {
                return Ok(Some(Rest::Parked(Reason::WaitingForList)));
            };
            // Only a create that may have been sent says what the remote holds; an entry that was merely opened does not.
            let pending = self.record.memory.entry(key).pending.as_ref();
            let sent = pending.is_some_and(|pending| matches!(pending.certainty, Certainty::Unknown { .. }));
            self.record.memory.adopted(key, hold, sent, remote, at);
            let (reason, verb) = match (self.rehearses(), observe) {
                (false, false) => ("Adopted", "took over"),
                (false, true) => ("Adopted", "observing"),
                (true, false) => ("WouldAdopt", "would take over"),
                (true, true) => ("WouldAdopt", "would observe"),
            };
            self.tell(Kind::Normal, reason, "Adopt", format!("{verb} subscription {id}"));
            return Ok(None);
        }
        let Some(settings) = self.settings(key).await? else {
            return Ok(Some(self.resolve_anew()));
        };
        self.prove().await?;
        let permit = match self.turn(self.priority_of_keeping()) {
            Ok(permit) => permit,
            Err(rest) => return Ok(Some(rest)),
        };
        self.check_leadership()?;
        let result = link
            .account
            .adapter()
            .update(id, &settings, FieldSet::of(&[Field::Name]))
            .await;
        permit.charge(link.account.adapter().requests_of_an_update().saturating_sub(1));
        permit.report(&result);
        let (now, seed) = (self.ctx.clock.now(), seed(&self.name));
        match result {
            Ok(remote) if remote.marker == Some(self.owner.marker(key)) => {
                self.record.memory.adopted(key, hold, false, remote, now);
                self.tell(
                    Kind::Normal,
                    "Adopted",
                    "Adopt",
                    format!("took over subscription {id}"),
                );
            }
            Ok(_) => {
                let message = format!(
                    "the provider did not keep the ownership marker in the name of subscription {id}"
                );
                let disposition = Disposition::WaitForChange;
                let fault = Fault {
                    reason: Reason::MarkerNotPreserved,
                    message,
                    disposition,
                    may_have_taken_effect: false,
                };
                self.record.memory.failed(key, wish, fault, now, seed);
            }
            Err(error) => self.record.memory.failed(key, wish, fault(&error), now, seed),
        }
        Ok(None)
    }

    pub(super) async fn update(
        &mut self,
        wish: &Wanted,
        id: &ExternalId,
        fields: FieldSet,
        repair: bool,
    ) -> Result<Option<Rest>, ReconcileError> {
        let (Some(link), Some(mut settings)) = (self.link.clone(), self.settings(&wish.key).await?) else {
            return Ok(Some(self.resolve_anew()));
        };
        if self.wish_changed(wish, &settings) {
            return Ok(Some(Rest::Parked(Reason::Progressing)));
        }
        let switched_off = self.is_disabled(&wish.key);
        // Where the whole object is sent, other changes must not switch it on in passing.
        settings.enabled &= !switched_off || fields.contains(Field::Enabled);
        self.prove().await?;
        let permit = match self.turn(if repair { Priority::Drift } else { Priority::Edit }) {
            Ok(permit) => permit,
            Err(rest) => return Ok(Some(rest)),
        };
        self.check_leadership()?;
        let adapter = link.account.adapter();
        permit.charge(adapter.requests_of_an_update().saturating_sub(1));
        let result = adapter.update(id, &settings, fields).await;
        permit.report(&result);
        let (now, seed) = (self.ctx.clock.now(), seed(&self.name));
        match result {
            Ok(remote) => {
                let able = self.capabilities();
                self.record
                    .memory
                    .updated(wish, fields, remote, repair, now, able);
                // What the provider left as it was is told as that, and not as done.
                let entry = self.record.memory.entries.get(&wish.key);
                let changed = fields.without(entry.map(|entry| entry.not_kept).unwrap_or_default());
                if switched_off && changed.contains(Field::Enabled) {
                    self.tell_reenabled(&wish.key, id);
                } else if !changed.is_empty() {
                    self.tell_update(id, changed, repair);
                }
            }
            Err(error @ (ProviderError::Rejected { .. } | ProviderError::Vanished { .. })) => {
                // A refused PATCH does not say whether the id exists; a read does.
                return self.after_refused_update(wish, id, &error).await;
            }
            Err(error) => {
                self.record
                    .memory
                    .failed(&wish.key, Some(wish.digest), fault(&error), now, seed);
            }
        }
        Ok(None)
    }

    pub(super) async fn switch_off(
        &mut self,
        key: &RemoteKey,
        id: &ExternalId,
        marker: Option<Marker>,
    ) -> Result<Option<Rest>, ReconcileError> {
        let Some(link) = self.link.clone() else {
            return Ok(Some(Rest::Parked(Reason::ProviderNotReady)));
        };
        self.prove().await?;
        let permit = match self.turn(Priority::Edit) {
            Ok(permit) => permit,
            Err(rest) => return Ok(Some(rest)),
        };
        self.check_leadership()?;
        let adapter = link.account.adapter();
        permit.charge(adapter.requests_of_an_update().saturating_sub(1));
        let result = adapter.switch_off(id, marker).await;
        permit.report(&result);
        let (now, seed) = (self.ctx.clock.now(), seed(&self.name));
        match result {
            Ok(remote) => {
                let off = switched_off(&self.ctx.hash_key);
                self.record.memory.switched_off(key, remote, off, now);
                let note = format!("switched off subscription {id}: its object may no longer have it");
                self.tell(Kind::Warning, "SwitchedOff", "Update", note);
            }
            Err(error) => self.record.memory.failed(key, None, fault(&error), now, seed),
        }
        Ok(None)
    }

    async fn after_refused_update(
        &mut self,
        wish: &Wanted,
        id: &ExternalId,
        error: &ProviderError,
    ) -> Result<Option<Rest>, ReconcileError> {
        let Some(link) = self.link.clone() else {
            return Ok(Some(Rest::Parked(Reason::ProviderNotReady)));
        };
        let (now, seed) = (self.ctx.clock.now(), seed(&self.name));
        let mut refused = fault(error);
        let read: Option<Result<Option<Remote>, ProviderError>> = match self.turn(Priority::Edit) {
            Ok(permit) => {
                let read = link.account.adapter().get(id).await;
                permit.report(&read);
                Some(read)
            }
            Err(_) => None,
        };
        match read {
            Some(Ok(None)) => self.record.memory.read(&wish.key, None, now),
            Some(Ok(Some(_))) => self
                .record
                .memory
                .failed(&wish.key, Some(wish.digest), refused, now, seed),
            Some(Err(_)) | None => {
                refused.disposition = Disposition::Backoff;
                self.record
                    .memory
                    .failed(&wish.key, Some(wish.digest), refused, now, seed);
            }
        }
        Ok(None)
    }

    pub(super) async fn delete(
        &mut self,
        key: Option<&RemoteKey>,
        id: &ExternalId,
    ) -> Result<Option<Rest>, ReconcileError> {
        let Some(link) = self.link.clone() else {
            return Ok(Some(Rest::Parked(Reason::ProviderNotReady)));
        };
        if let Some(rest) = self.brake(&link).await? {
            return Ok(Some(rest));
        }
        self.prove().await?;
        let permit = match self.turn(Priority::Delete) {
            Ok(permit) => permit,
            Err(rest) => return Ok(Some(rest)),
        };
        self.check_leadership()?;
        if !link.reserve_deletion(self.ctx.clock.now()) {
            drop(permit);
            return self.brake(&link).await;
        }
        let result = link.account.adapter().delete(id).await;
        permit.report(&result);
        let (now, seed) = (self.ctx.clock.now(), seed(&self.name));
        match result {
            Ok(deletion) => {
                let entry = key.and_then(|key| self.record.memory.entries.get(key));
                let failure = entry.and_then(|entry| entry.failure.as_ref());
                // One that is asked for again, as nothing showed that it took place, is counted once.
                if failure.is_none_or(|failure| failure.reason != Reason::DeletionUnconfirmed) {
                    self.ctx.metrics.remote_deleted(link.type_);
                }
                let provider = self.provider_key();
                self.ctx
                    .count_remote(&provider, &link, |tally, now| tally.gone(id.clone(), now));
                tracing::info!(subscription = %self.name, %id, ?deletion, "deleted at the provider");
                match deletion {
                    Deletion::Done => self.record.memory.deleted(key, id),
                    Deletion::Unconfirmed => self.record.memory.deletion_unconfirmed(key, id, now, seed),
                }
            }
            Err(error) => {
                if !error.may_have_taken_effect() {
                    link.give_back_deletion();
                }
                let single = RemoteKey::single();
                self.record
                    .memory
                    .failed(key.unwrap_or(&single), None, fault(&error), now, seed);
            }
        }
        Ok(None)
    }

    fn tell_update(&mut self, id: &ExternalId, fields: FieldSet, repair: bool) {
        if repair {
            if let Some(link) = &self.link {
                self.ctx.metrics.drift_corrected(link.type_);
            }
            self.tell(
                Kind::Warning,
                "DriftCorrected",
                "Update",
                format!("somebody changed subscription {id}; repaired: {fields}"),
            );
        } else {
            self.tell(
                Kind::Normal,
                "Updated",
                "Update",
                format!("changed subscription {id}: {fields}"),
            );
        }
    }
}
