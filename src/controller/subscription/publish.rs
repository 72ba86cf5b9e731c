//! Writes down what came of a pass: one status write that changes everything at once, or none at all.

use jiff::Timestamp;
use kube::Resource;
use operator_core::delivery::{Overall, overall};
use operator_core::plan::KeyState;
use operator_core::reason::Reason;
use operator_core::verdict::{self, Context as VerdictContext, Failure, Phase, Truth, Verdict};

use crate::api::v1alpha1 as api;
use crate::api::v1alpha1::WebhookSubscriptionStatus;
use crate::controller::events::{Kind, News};
use crate::controller::subscription::comparison::requested_value;
use crate::controller::subscription::reconcile::{GRACE, Pass, ReconcileError};
use crate::controller::subscription::records::Newest;
use crate::controller::subscription::status::{self, Report, set_condition};
use crate::duration::parse_duration;

/// Failures in a row before an event counts as failing, where the spec does not say.
pub(in crate::controller) const FAILURE_THRESHOLD: u32 = 5;

impl Pass<'_> {
    /// Publishes a phase. Nothing is written when nothing but time has changed.
    pub(in crate::controller) async fn publish(&mut self, phase: &Phase) -> Result<(), ReconcileError> {
        let (judged, context) = self.judged(phase);
        let mut verdict = verdict::verdict(judged.as_ref().unwrap_or(phase), &context);
        if let Some(said) = self.said_of_off(phase) {
            verdict = verdict.while_off(&said);
        }
        if let Some(failure) = &mut self.record.failure {
            failure.note(phase, verdict.synced.as_ref());
        }
        if self.rehearses() {
            self.rehearse_verdict(phase, &verdict);
            self.record.memory.stored();
            self.record.told = true;
            return Ok(());
        }
        let mut status = self.status(phase, &verdict);
        let now = Timestamp::now();
        let generation = self.generation();
        let mut set = |type_: &str, condition: Option<&verdict::Condition>| {
            set_condition(&mut status.conditions, type_, condition, generation, now);
        };
        set("Ready", Some(&verdict.ready));
        if let Some(accepted) = &verdict.accepted {
            set("Accepted", Some(accepted));
        }
        if let Some(synced) = &verdict.synced {
            set("Synced", Some(synced));
        }
        set("Reconciling", verdict.reconciling.as_ref());
        set("Stalled", verdict.stalled.as_ref());
        set("Suspended", None);
        let delivery = self.delivery_condition();
        set("DeliveryHealthy", Some(&delivery));
        if !self.is_publication_told(phase) {
            let published = self.published_condition(phase);
            set("SecretPublished", published.as_ref());
        }
        if verdict.in_sync {
            status.last_synced_generation = Some(generation);
        }
        let news = self.transitions(&verdict, &delivery);
        self.write_if_changed(status).await?;
        // Only what status remembers: a write that fails again and again would tell the same each time.
        for (kind, reason, action, note) in news {
            self.tell(kind, reason, action, note);
        }
        self.record.memory.stored();
        self.record.told = true;
        Ok(())
    }

    /// Stores the receipts of a test, and nothing else.
    pub(in crate::controller) async fn store_test(&mut self) -> Result<(), ReconcileError> {
        let status = WebhookSubscriptionStatus {
            last_test: self.record.test.clone(),
            ..self.before()
        };
        self.write_if_changed(status).await
    }

    /// A suspended object keeps its conditions; only `Suspended` is added.
    pub(in crate::controller) async fn publish_suspended(&mut self) -> Result<(), ReconcileError> {
        let (now, generation) = (Timestamp::now(), self.generation());
        let mut status = self.before();
        status.observed_generation = Some(generation);
        let suspended = verdict::Condition::new(
            Truth::True,
            Reason::SuspendedBySpec,
            "spec.suspend is true: nothing is sent for this object",
        );
        if status
            .conditions
            .iter()
            .all(|condition| condition.type_ != "Ready")
        {
            let ready = verdict::Condition {
                truth: Truth::Unknown,
                ..suspended.clone()
            };
            set_condition(&mut status.conditions, "Ready", Some(&ready), generation, now);
        }
        set_condition(&mut status.conditions, "Reconciling", None, generation, now);
        set_condition(
            &mut status.conditions,
            "Suspended",
            Some(&suspended),
            generation,
            now,
        );
        self.write_if_changed(status).await
    }

    pub(in crate::controller) fn generation(&self) -> i64 {
        self.object.metadata.generation.unwrap_or(0)
    }

    fn before(&self) -> WebhookSubscriptionStatus {
        self.object.status.clone().unwrap_or_default()
    }

    /// What is to be judged in place of a phase, if that is something else, and what the judgement needs to know.
    fn judged(&mut self, phase: &Phase) -> (Option<Phase>, VerdictContext) {
        let now = self.ctx.clock.now();
        let before = self.record.failure.take().map(|failure| *failure);
        let (judged, failure) = Failure::carry(before, phase, self.generation(), now);
        let failing_for = failure.as_ref().map(|failure| failure.lasted(now));
        if let Some(left) = failing_for.and_then(|lasted| GRACE.checked_sub(lasted))
            && !left.is_zero()
        {
            self.wake_at(now.after(left));
        }
        self.record.failure = failure.map(Box::new);
        let synced = self
            .object
            .status
            .as_ref()
            .and_then(|status| status.last_synced_generation);
        let context = VerdictContext {
            synced_before: synced == Some(self.generation()),
            ever_synced: synced.is_some(),
            failing_for: failing_for.unwrap_or_default(),
            grace: GRACE,
        };
        (judged, context)
    }

    fn status(&mut self, phase: &Phase, verdict: &Verdict) -> WebhookSubscriptionStatus {
        let before = self.before();
        let settled = match phase {
            Phase::Settled(settled) | Phase::Deleting(settled) => Some(settled),
            _ => None,
        };
        let key = &self.ctx.hash_key;
        let wanted = self.record.resolved.as_ref();
        let wanted = wanted.map_or(&[][..], |resolved| &resolved.wanted);
        let enabled = self.object.spec.enabled.unwrap_or(true) && !self.record.withdrawn;
        let generation = self.generation();
        let report = Report {
            memory: &self.record.memory,
            settled,
            wanted,
            able: self.link.as_ref().map(|_| self.capabilities()),
            enabled,
            generation,
            uid: self.object.metadata.uid.as_deref().unwrap_or_default(),
            key,
            before: &before,
        };
        let parked =
            matches!(phase, Phase::Parked(_) | Phase::Failed(..)) && !before.subscriptions.is_empty();
        // A process that has only seen the object go does not know what was wanted.
        let counts = settled.is_some() && self.record.resolved.is_some();
        let subscriptions = status::subscriptions(&report);
        let mut status = WebhookSubscriptionStatus {
            observed_generation: Some(generation),
            subscription_count: if counts || before.subscription_count.is_none() {
                Some(status::count(&report))
            } else {
                before.subscription_count.clone()
            },
            pending_operations: status::pending_operations(&report, Timestamp::now()),
            effective: self.effective(),
            last_test: self.record.test.clone(),
            identity: self.identity(&before),
            last_handled_reconcile_at: self.handled(phase, verdict, &before),
            last_handled_rotate_at: self.handled_rotation(before.last_handled_rotate_at.as_ref()),
            subscriptions: if parked && subscriptions.is_empty() {
                before.subscriptions.clone()
            } else {
                subscriptions
            },
            ..before
        };
        if std::mem::take(&mut self.record.deliveries.notable) {
            status.delivery = Some(Box::new(status::delivery(
                &self.record.deliveries.health,
                Timestamp::now(),
            )));
        }
        status
    }

    /// Whose ids these are. Kept as it is where nothing of the provider is known, so that ids are never claimed for
    /// an account that they were not seen in.
    fn identity(&self, before: &WebhookSubscriptionStatus) -> Option<api::Identity> {
        let link = self.link.as_ref().filter(|_| !self.account_unproven);
        let (Some(link), false) = (link, self.record.memory.entries.is_empty()) else {
            return before.identity.clone();
        };
        let known = before
            .identity
            .as_ref()
            .filter(|identity| link.knows(&identity.account));
        Some(api::Identity {
            object_uid: self.object.metadata.uid.clone().unwrap_or_default(),
            cluster_id: self.ctx.cluster_id.to_string(),
            account: known.map_or_else(
                || link.account.id().to_string(),
                |identity| identity.account.clone(),
            ),
        })
    }

    fn effective(&self) -> Option<api::EffectiveSettings> {
        let before = self
            .object
            .status
            .as_ref()
            .and_then(|status| status.effective.clone());
        let (Some(link), Some(resolved)) = (&self.link, &self.record.resolved) else {
            return before;
        };
        let spec = &self.object.spec;
        let interval = self.interval(link);
        // In the user's own words where it is what the user wrote.
        let own = spec
            .interval
            .clone()
            .filter(|own| parse_duration(own) == Ok(interval));
        Some(api::EffectiveSettings {
            destination_host: Some(resolved.host.name.clone()),
            interval: Some(own.unwrap_or_else(|| crate::duration::format_duration(interval))),
            deletion_policy: Some(match spec.mode {
                Some(api::ManagementMode::Observe) => api::DeletionPolicy::Orphan,
                Some(api::ManagementMode::Manage) | None => {
                    spec.deletion_policy.unwrap_or(api::DeletionPolicy::Delete)
                }
            }),
        })
    }

    /// A request is answered by a verdict that rests on a LIST which began after it was seen.
    fn handled(
        &mut self,
        phase: &Phase,
        verdict: &Verdict,
        before: &WebhookSubscriptionStatus,
    ) -> Option<String> {
        let handled = before.last_handled_reconcile_at.clone();
        let Some(at) = self.requested() else {
            return handled;
        };
        let looked = self
            .link
            .as_ref()
            .and_then(|link| link.account.snapshot())
            .is_some_and(|s| s.begun() > at);
        let at_rest = matches!(phase, Phase::Settled(_)) || verdict.stalled.is_some();
        if at_rest && (looked || verdict.stalled.is_some()) {
            return requested_value(&self.object);
        }
        handled
    }

    pub(in crate::controller) fn is_monitored(&self) -> bool {
        let interval = self
            .object
            .spec
            .delivery
            .as_ref()
            .and_then(|delivery| delivery.interval.as_deref());
        interval
            .and_then(|interval| parse_duration(interval).ok())
            .is_none_or(|interval| !interval.is_zero())
    }

    fn delivery_condition(&self) -> verdict::Condition {
        let health = &self.record.deliveries.health;
        let threshold = self.failure_threshold();
        let failing = health
            .iter()
            .filter(|(_, health)| health.failed_observations >= threshold);
        let failing: Vec<String> = failing
            .map(|((_, event), health)| match health.result.code {
                Some(code) => format!("{event} ({code})"),
                None => format!("{event} (no answer)"),
            })
            .collect();
        let state = if self.is_monitored() {
            overall(health, threshold)
        } else {
            Overall::Unknown
        };
        verdict::delivery_condition(state, self.is_monitored(), &failing)
    }

    pub(in crate::controller) fn failure_threshold(&self) -> u32 {
        let delivery = self.object.spec.delivery.as_ref();
        delivery
            .and_then(|delivery| delivery.failure_threshold)
            .unwrap_or(FAILURE_THRESHOLD)
    }

    /// Only a pass that comes to rest looks at the Secret of the provider's key: until then what is said of it stands.
    fn is_publication_told(&self, phase: &Phase) -> bool {
        let generation = Some(self.generation());
        let known = self.known("SecretPublished");
        !matches!(phase, Phase::Settled(_))
            && known.is_some_and(|known| known.observed_generation == generation)
    }

    /// A condition of the status so far.
    pub(super) fn known(&self, type_: &str) -> Option<&api::Condition> {
        let status = self.object.status.as_ref()?;
        status
            .conditions
            .iter()
            .find(|condition| condition.type_ == type_)
    }

    /// Whether the provider's key is in its Secret; absent where that was not asked for.
    fn published_condition(&self, phase: &Phase) -> Option<verdict::Condition> {
        let signing = self.object.spec.signing.as_ref()?;
        signing.publish_provider_key.as_ref()?;
        let settled = match phase {
            Phase::Settled(settled) => settled.keys.values().find_map(|state| match state {
                KeyState::Stalled(reason @ (Reason::SecretExists | Reason::KeyNotShown), message) => {
                    Some(verdict::Condition::new(Truth::False, *reason, message.as_str()))
                }
                _ => None,
            }),
            _ => None,
        };
        Some(settled.unwrap_or_else(|| match &self.record.published {
            Some(_) => verdict::Condition::new(Truth::True, Reason::KeyPublished, ""),
            None => verdict::Condition::new(
                Truth::Unknown,
                Reason::Progressing,
                "the key is published once the subscription exists",
            ),
        }))
    }

    /// Events for what changes with this status, and for nothing else: so they do not repeat.
    fn transitions(
        &self,
        verdict: &Verdict,
        delivery: &verdict::Condition,
    ) -> Vec<(Kind, &'static str, &'static str, String)> {
        let known = |type_: &str| self.known(type_);
        let mut news = Vec::new();
        if let Some(stalled) = &verdict.stalled
            && known("Stalled").is_none_or(|known| known.reason != stalled.reason.as_str())
        {
            let (reason, note) = (stalled.reason.as_str(), stalled.message.clone());
            news.push((Kind::Warning, reason, "Reconcile", note));
        }
        let disabled = Reason::DisabledByProvider;
        if verdict.ready.reason == disabled
            && known("Ready").is_none_or(|known| known.reason != disabled.as_str())
        {
            let note = verdict.ready.message.clone();
            news.push((Kind::Warning, disabled.as_str(), "Observe", note));
        }
        let was = known("DeliveryHealthy").map(|known| &*known.status);
        if delivery.truth == Truth::False && was != Some("False") {
            let note = delivery.message.clone();
            news.push((Kind::Warning, delivery.reason.as_str(), "Observe", note));
        }
        if delivery.truth == Truth::True && was == Some("False") {
            let note = "deliveries arrive again".to_owned();
            news.push((Kind::Normal, delivery.reason.as_str(), "Observe", note));
        }
        news
    }

    async fn write_if_changed(&mut self, status: WebhookSubscriptionStatus) -> Result<(), ReconcileError> {
        let same = self.object.status.as_ref() == Some(&status) && !operator_core::planted!(StatusEveryPass);
        if same || self.rehearses() {
            return Ok(());
        }
        let object = self.ctx.write_status(&self.object, &status).await?;
        self.record.wrote(object.clone());
        self.object = Newest::Written(object);
        Ok(())
    }

    /// One Event about this object, and a line in the log; in a dry run only if that was not said before.
    pub(in crate::controller) fn tell(
        &self,
        kind: Kind,
        reason: &'static str,
        action: &'static str,
        note: String,
    ) {
        let uid = self.object.metadata.uid.as_deref().unwrap_or_default();
        if let Some(rehearsal) = &self.ctx.rehearsal
            && !rehearsal.is_news(uid, reason, &note)
        {
            return;
        }
        tracing::info!(subscription = %self.name, reason, note = %note, "event");
        self.ctx.events.publish(News {
            about: self.object.object_ref(&()),
            kind,
            reason,
            action,
            note,
        });
    }
}
