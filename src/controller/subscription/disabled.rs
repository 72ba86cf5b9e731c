//! What the provider has switched off: what is known of it, and what is told.

use std::collections::BTreeMap;

use jiff::Timestamp;
use operator_core::capabilities::Capabilities;
use operator_core::delivery::DeliveryResult;
use operator_core::disabled::{AGAIN_MAX, Known, OnDisabled, Rules};
use operator_core::hash::HashKey;
use operator_core::names::{ExternalId, RemoteKey};
use operator_core::reason::Reason;
use operator_core::settings::switched_off;
use operator_core::verdict::Phase;

use crate::api::v1alpha1 as api;
use crate::controller::events::Kind;
use crate::controller::subscription::reconcile::Pass;
use crate::provider::{Deliveries, Logged};

impl Pass<'_> {
    /// What decides about what is off.
    pub(in crate::controller) fn disabled_rules(&self) -> Rules {
        rules(&self.object.spec, &self.ctx.hash_key, self.capabilities())
    }

    /// What is known of the deliveries of each key.
    pub(in crate::controller) fn known_deliveries(&self) -> BTreeMap<RemoteKey, Known> {
        let deliveries = &self.record.deliveries;
        let mut known: BTreeMap<RemoteKey, Known> = BTreeMap::new();
        for ((key, _), health) in &deliveries.health {
            let of = known.entry(key.clone()).or_default();
            of.failing |= !health.result.success;
            of.arrived = of.arrived.max(arrived(&health.result));
        }
        for (key, at) in &deliveries.arrived {
            let of = known.entry(key.clone()).or_default();
            of.arrived = of.arrived.max(Some(*at));
        }
        known
    }

    /// Takes what an answer shows to have arrived. Where that may decide about what is off, the object is woken.
    pub(in crate::controller) fn note_arrivals(&mut self, key: &RemoteKey, read: &Deliveries) {
        let results = read.events.iter().filter_map(|delivery| delivery.result.as_ref());
        let newest = results.filter_map(arrived).max();
        let newest = newest.max(read.log.iter().filter_map(logged).max());
        let Some(newest) = newest else { return };
        let known = &mut self.record.deliveries.arrived;
        if known.get(key).is_some_and(|known| *known >= newest) {
            return;
        }
        known.insert(key.clone(), newest);
        let entry = self.record.memory.entries.get(key);
        let since = entry.and_then(|entry| entry.disabled.since);
        if since.is_some_and(|since| newest > since) {
            self.wake_at(self.ctx.clock.now());
        }
    }

    /// Whether the provider has switched the remote subscription of a key off.
    pub(in crate::controller) fn is_disabled(&self, key: &RemoteKey) -> bool {
        let entry = self.record.memory.entries.get(key);
        entry.is_some_and(|entry| entry.disabled.since.is_some())
    }

    /// What was last said of what is off, where a phase tells nothing new about it.
    pub(in crate::controller) fn said_of_off(&self, phase: &Phase) -> Option<String> {
        if !matches!(phase, Phase::Parked(_) | Phase::Failed(..)) {
            return None;
        }
        let mut entries = self.record.memory.entries.values();
        let known = self
            .known("Ready")
            .filter(|_| entries.any(|entry| entry.disabled.since.is_some()));
        known
            .filter(|ready| ready.reason == Reason::DisabledByProvider.as_str())
            .map(|ready| ready.message.to_string())
    }

    /// Tells that what was off is on again, and how often that was done.
    pub(in crate::controller) fn tell_reenabled(&self, key: &RemoteKey, id: &ExternalId) {
        let entry = self.record.memory.entries.get(key);
        let times = entry.map_or(0, |entry| entry.disabled.times(wall()));
        let note = if times == 0 {
            format!("switched subscription {id} on again, as the spec says")
        } else {
            format!(
                "switched subscription {id} on again, which the provider had switched off: a delivery or a test has \
                 arrived since; {times} of at most {AGAIN_MAX} times within 24 hours"
            )
        };
        self.tell(Kind::Normal, "Reenabled", "Update", note);
    }
}

/// What decides about what is off, of a spec and at a provider.
pub(in crate::controller) fn rules(
    spec: &api::WebhookSubscriptionSpec,
    key: &HashKey,
    able: &Capabilities,
) -> Rules {
    let delivery = spec.delivery.as_ref();
    let asked = delivery.and_then(|delivery| delivery.on_disabled);
    Rules {
        asked: asked.map(|asked| match asked {
            api::OnDisabled::Report => OnDisabled::Report,
            api::OnDisabled::Reenable => OnDisabled::Reenable,
        }),
        off: switched_off(key),
        wall: wall(),
        tests: able.tests,
    }
}

/// Now, in milliseconds of Unix time, as status can hold it: to the second above, so that nothing that was before counts
/// as later.
fn wall() -> i64 {
    let now = Timestamp::now().as_millisecond();
    now.saturating_add(999).div_euclid(1000).saturating_mul(1000)
}

/// When a delivery was accepted by the receiver; `None` where it was not, or nobody can read when.
fn arrived(result: &DeliveryResult) -> Option<i64> {
    let time = result.time.as_deref().filter(|_| result.success)?;
    let time = time.parse::<Timestamp>().ok()?;
    Some(time.as_millisecond())
}

fn logged(logged: &Logged) -> Option<i64> {
    arrived(logged.result.as_ref()?)
}
