//! How many remote subscriptions a namespace may have at a lent account.

use std::collections::{HashMap, HashSet};
use std::sync::{Mutex, MutexGuard, PoisonError};

use operator_core::names::ObjectName;
use operator_core::quota::{Share, admits};
use operator_core::reason::Reason;

use crate::api::v1alpha1::{PendingVerb, ProviderType, WebhookSubscription};
use crate::controller::context::{Context, ProviderKey};
use crate::controller::provider::lent::Lent;
use crate::controller::subscription::reconcile::{Pass, object_name};
use crate::controller::subscription::validate::{self, Invalid};

#[derive(Debug, Default)]
struct State {
    /// What this process let objects have.
    granted: HashMap<ObjectName, usize>,
    /// The generation of objects that are refused for another reason: they do not stand in anybody's way.
    refused: HashMap<ObjectName, i64>,
    /// Who was turned away.
    waiting: HashSet<ObjectName>,
}

/// What was granted, so that two that ask at the same time do not get the same room.
#[derive(Debug, Default)]
pub(in crate::controller) struct Quotas(Mutex<State>);

impl Quotas {
    fn lock(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The object is gone, or has nothing left to go for. Returns who should look again.
    ///
    /// It is told both, and whoever looks in between still finds the object in the store, with what its status says:
    /// so they are all sent again, whether or not this is the first time.
    pub(in crate::controller) fn forget(&self, name: &ObjectName) -> Vec<ObjectName> {
        let mut state = self.lock();
        state.waiting.remove(name);
        state.refused.remove(name);
        state.granted.remove(name);
        state.drain(&name.namespace)
    }

    /// The object is refused for another reason than the quota. Returns who should look again.
    fn refuse(&self, name: &ObjectName, generation: i64) -> Vec<ObjectName> {
        let mut state = self.lock();
        state.waiting.remove(name);
        if state.refused.insert(name.clone(), generation) == Some(generation) {
            return Vec::new();
        }
        state.drain(&name.namespace)
    }
}

impl State {
    fn drain(&mut self, namespace: &str) -> Vec<ObjectName> {
        self.waiting
            .extract_if(|name| *name.namespace == *namespace)
            .collect()
    }
}

impl Pass<'_> {
    /// Whether the namespace may have that many more.
    pub(in crate::controller) fn within_quota(&self, lent: &Lent, wants: usize) -> Result<(), Invalid> {
        let Some(quota) = lent.quota else { return Ok(()) };
        let key = self.provider_key();
        let name = &self.name;
        let holds = self.record.memory.ids().count();
        let mut state = self.ctx.quotas.lock();
        state.refused.remove(name);
        let mut shares = self.ctx.shares(&key, &name.namespace, lent.type_, &state);
        shares.retain(|share| share.name != *name);
        let created = created(&self.object);
        shares.push(Share {
            name: name.clone(),
            created,
            holds: holds.max(granted(&state, name)),
            wants,
        });
        let admitted = admits(quota, &shares, name);
        let now = if admitted { holds.max(wants) } else { holds };
        let before = state.granted.insert(name.clone(), now).unwrap_or(0);
        let wake = if now < before {
            state.drain(&name.namespace)
        } else {
            Vec::new()
        };
        if admitted {
            state.waiting.remove(name);
        } else {
            state.waiting.insert(name.clone());
        }
        drop(state);
        self.ctx.wake_objects(wake);
        if admitted {
            return Ok(());
        }
        Err(exceeded(wants, quota, &name.namespace, &key))
    }

    /// A refusal for another reason gives way to those that wait for room.
    pub(in crate::controller) fn make_way(&self, refusal: &Invalid) {
        if refusal.reason != Reason::QuotaExceeded && self.lent().is_some_and(|lent| lent.quota.is_some()) {
            let wake = self.ctx.quotas.refuse(&self.name, self.generation());
            self.ctx.wake_objects(wake);
        }
    }
}

impl Context {
    /// What the objects of a namespace have and want at a provider.
    fn shares(&self, key: &ProviderKey, namespace: &str, type_: ProviderType, state: &State) -> Vec<Share> {
        let mut shares = Vec::new();
        for object in self
            .stores
            .subscriptions
            .iter()
            .flat_map(kube::runtime::reflector::Store::state)
        {
            let Ok(object) = &object.0 else { continue };
            let name = object_name(&object.metadata);
            if *name.namespace != *namespace || ProviderKey::of(&object.spec.provider_ref, namespace) != *key
            {
                continue;
            }
            let refused = state.refused.get(&name).copied() == object.metadata.generation;
            shares.push(share(object, type_, granted(state, &name), refused));
        }
        shares
    }
}

/// The refusal of an object that wants more than there is room for.
pub(in crate::controller) fn exceeded(
    wants: usize,
    quota: usize,
    namespace: &str,
    key: &ProviderKey,
) -> Invalid {
    Invalid::new(
        Reason::QuotaExceeded,
        format!(
            "this needs {wants} subscriptions at the provider, and namespace {namespace} may have {quota} at {key} \
             altogether; delete others there, or ask its owner to raise spec.quota.perNamespace; what exists at the \
             provider stays as it is"
        ),
    )
}

/// What an object has and wants at a provider of this type: what it holds is at least what it was let have, and one that
/// is on its way out, suspended, or refused for another reason wants nothing. Pure.
pub(in crate::controller) fn share(
    object: &WebhookSubscription,
    type_: ProviderType,
    granted: usize,
    refused: bool,
) -> Share {
    let out = object.metadata.deletion_timestamp.is_some() || object.spec.suspend == Some(true) || refused;
    Share {
        created: created(object),
        name: object_name(&object.metadata),
        holds: held(object).max(granted),
        wants: if out {
            0
        } else {
            validate::demand(&object.spec, type_).unwrap_or(0)
        },
    }
}

fn granted(state: &State, name: &ObjectName) -> usize {
    state.granted.get(name).copied().unwrap_or(0)
}

fn created(object: &WebhookSubscription) -> i64 {
    let created = object.metadata.creation_timestamp.as_ref();
    created.map_or(i64::MAX, |time| time.0.as_second())
}

/// What a status tells to exist, or to have been begun.
fn held(object: &WebhookSubscription) -> usize {
    let Some(status) = &object.status else { return 0 };
    let there = status
        .subscriptions
        .iter()
        .filter(|remote| remote.external_id.is_some());
    let known = |key: &str| {
        status
            .subscriptions
            .iter()
            .any(|s| s.key == key && s.external_id.is_some())
    };
    let begun = status
        .pending_operations
        .iter()
        .filter(|operation| operation.verb == PendingVerb::Create && !known(&operation.key));
    there.count() + begun.count()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn name(name: &str) -> ObjectName {
        ObjectName::new("support", name)
    }

    #[test]
    fn who_waits_looks_again_when_the_last_remote_is_gone_and_when_the_object_is() {
        let quotas = Quotas::default();
        quotas.lock().granted.insert(name("old"), 1);
        for moment in ["released", "out of the store"] {
            quotas.lock().waiting.insert(name("young"));
            assert_eq!(quotas.forget(&name("old")), [name("young")], "{moment}");
        }
        assert_eq!(quotas.forget(&name("old")), []);
    }
}
