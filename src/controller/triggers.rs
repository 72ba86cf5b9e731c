//! Turns changes into work: which object has to be looked at when something that it depends on moves.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError, Weak};

use kube::runtime::reflector::Store;
use kube::{Resource, ResourceExt};
use operator_core::names::{AccountId, ObjectName};
use operator_core::remote::Snapshot;
use tokio::sync::mpsc::UnboundedSender;

use crate::controller::context::{Context, Party, ProviderKey};
use crate::controller::subscription::reconcile::object_name;
use crate::provider::account::Wake;

/// Where requests to reconcile go. Unbounded, but every queue behind it keeps one entry an object.
#[derive(Debug, Clone, Default)]
pub(super) struct Triggers {
    /// By watched namespace; `None` where all are watched.
    pub(super) subscriptions: BTreeMap<Option<String>, UnboundedSender<ObjectName>>,
    pub(super) providers: BTreeMap<Option<String>, UnboundedSender<ObjectName>>,
    pub(super) cluster_providers: Option<UnboundedSender<ObjectName>>,
}

impl Triggers {
    /// Asks for a reconcile of `party`. Nobody listens any more when the process is about to end.
    pub(super) fn wake(&self, party: &Party) {
        let (sender, name) = match party {
            Party::Subscription(name) => (of_namespace(&self.subscriptions, name), name.clone()),
            Party::Provider(ProviderKey::Namespaced(name)) => {
                (of_namespace(&self.providers, name), name.clone())
            }
            Party::Provider(ProviderKey::Cluster(name)) => {
                (self.cluster_providers.as_ref(), ObjectName::new("", name))
            }
        };
        if let Some(sender) = sender {
            let _ = sender.send(name);
        }
    }
}

fn of_namespace<'a>(
    senders: &'a BTreeMap<Option<String>, UnboundedSender<ObjectName>>,
    name: &ObjectName,
) -> Option<&'a UnboundedSender<ObjectName>> {
    senders
        .get(&Some(name.namespace.to_string()))
        .or_else(|| senders.get(&None))
}

/// Something in a namespace that objects refer to.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) enum Target {
    /// A Secret.
    Secret(ObjectName),
    /// A provider object.
    Provider(ProviderKey),
}

#[derive(Debug, Default)]
struct State {
    dependents: HashMap<Target, HashSet<Party>>,
    /// Sorted. There are two or three to an object.
    targets: HashMap<Party, Box<[Target]>>,
}

/// Who depends on what, as the reconciles found it.
#[derive(Debug, Default)]
pub(super) struct Index(Mutex<State>);

impl Index {
    /// Records what `party` depends on; replaces what was recorded before. Tells whether `party` is new here.
    pub(super) fn depends(&self, party: &Party, targets: HashSet<Target>) -> bool {
        let mut targets: Box<[Target]> = targets.into_iter().collect();
        targets.sort();
        let mut state = self.lock();
        if state.targets.get(party) == Some(&targets) {
            return false;
        }
        for target in &targets {
            let dependents = state.dependents.entry(target.clone()).or_default();
            dependents.insert(party.clone());
        }
        let before = state.targets.insert(party.clone(), targets.clone());
        let new = before.is_none();
        for gone in before.iter().flatten().filter(|target| !targets.contains(target)) {
            remove(&mut state.dependents, gone, party);
        }
        new
    }

    /// `party` is gone. Returns what it depended on.
    pub(super) fn forget(&self, party: &Party) -> Box<[Target]> {
        let mut state = self.lock();
        let targets = state.targets.remove(party).unwrap_or_default();
        for target in &targets {
            remove(&mut state.dependents, target, party);
        }
        targets
    }

    /// Who depends on `target`.
    pub(super) fn dependents(&self, target: &Target) -> Vec<Party> {
        self.lock()
            .dependents
            .get(target)
            .into_iter()
            .flatten()
            .cloned()
            .collect()
    }

    /// Whether anybody depends on `target`.
    pub(super) fn is_needed(&self, target: &Target) -> bool {
        self.lock().dependents.contains_key(target)
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn remove(dependents: &mut HashMap<Target, HashSet<Party>>, target: &Target, party: &Party) {
    if let Some(parties) = dependents.get_mut(target) {
        parties.remove(party);
        if parties.is_empty() {
            dependents.remove(target);
        }
    }
}

/// What accounts call back: it wakes who waited, and applies the brakes to a new LIST before anybody sees it.
#[derive(Default)]
pub(super) struct Waker {
    pub(super) triggers: Triggers,
    pub(super) context: OnceLock<Weak<Context>>,
}

impl Wake<Party> for Waker {
    fn wake(&self, party: &Party) {
        self.triggers.wake(party);
    }

    fn changed(&self, account: &AccountId) {
        let Some(context) = self.context.get().and_then(Weak::upgrade) else {
            return;
        };
        for (key, _) in context.directory.of_account(account) {
            self.triggers.wake(&Party::Provider(key));
        }
    }

    fn inspect(&self, account: &AccountId, snapshot: &Snapshot) {
        if let Some(context) = self.context.get().and_then(Weak::upgrade) {
            context.assess(account, snapshot);
        }
    }
}

impl Context {
    /// The labels of namespaces changed: providers that are lent by label may be lent otherwise now.
    pub(super) fn wake_lent(&self) {
        let lent = self.directory.lent();
        for key in lent {
            self.wake_dependents(&Target::Provider(key));
        }
    }

    /// Wakes every object that is in the stores.
    pub(super) fn wake_all(&self) {
        for object in self.stores.subscriptions.iter().flat_map(Store::state) {
            self.triggers
                .wake(&Party::Subscription(object_name(object.meta())));
        }
        for object in self.stores.providers.iter().flat_map(Store::state) {
            let key = ProviderKey::Namespaced(object_name(object.meta()));
            self.triggers.wake(&Party::Provider(key));
        }
        for object in self.stores.cluster_providers.iter().flat_map(Store::state) {
            let key = ProviderKey::Cluster(object.name_any());
            self.triggers.wake(&Party::Provider(key));
        }
    }

    /// Wakes everything that depends on `target`.
    pub(super) fn wake_dependents(&self, target: &Target) {
        for party in self.index.dependents(target) {
            self.triggers.wake(&party);
        }
    }

    /// Whether the provider object exists, as far as the watch knows.
    pub(super) fn provider_exists(&self, key: &ProviderKey) -> bool {
        match key {
            ProviderKey::Namespaced(name) => {
                let reference = kube::runtime::reflector::ObjectRef::new(&name.name).within(&name.namespace);
                self.stores
                    .providers
                    .iter()
                    .any(|store| store.get(&reference).is_some())
            }
            ProviderKey::Cluster(name) => {
                let reference = kube::runtime::reflector::ObjectRef::new(name);
                self.stores
                    .cluster_providers
                    .as_ref()
                    .is_some_and(|store| store.get(&reference).is_some())
            }
        }
    }

    /// Whether any subscription that exists refers to a provider. By the watch, which is complete before the first
    /// reconcile: what was reconciled so far would be nothing after a restart.
    pub(super) fn in_use(&self, key: &ProviderKey) -> bool {
        self.stores.subscriptions.iter().any(|store| {
            store.state().iter().any(|object| {
                let object = object.0.as_ref();
                object.is_ok_and(|object| ProviderKey::of_subscription(object) == *key)
            })
        })
    }
}

/// Shared ownership of the waker, as accounts want it.
pub(super) type SharedWaker = Arc<Waker>;

#[cfg(test)]
mod tests {
    use super::*;

    fn name(name: &str) -> ObjectName {
        ObjectName::new("ns", name)
    }

    #[test]
    fn an_object_is_woken_for_what_it_depends_on_now_and_not_for_what_it_did_before() {
        let index = Index::default();
        let party = Party::Subscription(name("a"));
        let [old, new] = ["old", "new"].map(|secret| Target::Secret(name(secret)));
        index.depends(&party, [old.clone()].into());
        index.depends(&party, [new.clone()].into());
        assert!(index.dependents(&old).is_empty());
        assert_eq!(index.dependents(&new), std::slice::from_ref(&party));
        assert!(index.is_needed(&new) && !index.is_needed(&old));
        index.forget(&party);
        assert!(index.dependents(&new).is_empty());
        assert!(!index.is_needed(&new));
    }
}
