//! Turns changes into work: which object has to be looked at when something that it depends on moves.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError, Weak};

use kube::runtime::reflector::Store;
use kube::{Resource, ResourceExt};
use operator_core::names::{AccountId, ObjectName};
use operator_core::remote::Snapshot;

use crate::controller::context::{Context, Party, ProviderKey};
use crate::controller::engine::Asking;
use crate::controller::subscription::reconcile::object_name;
use crate::provider::account::Wake;

/// Where requests to reconcile go.
#[derive(Debug, Clone, Default)]
pub(super) struct Triggers {
    /// By watched namespace; `None` where all are watched.
    pub(super) subscriptions: BTreeMap<Option<String>, Asking>,
    pub(super) providers: BTreeMap<Option<String>, Asking>,
    pub(super) cluster_providers: Option<Asking>,
}

impl Triggers {
    /// Asks for a reconcile of `party`.
    pub(super) fn wake(&self, party: &Party) {
        if let Some((asking, name)) = self.find(party) {
            asking.ask(name);
        }
    }

    /// Asks for a reconcile of `party`, which is one of many.
    pub(super) fn wake_together(&self, party: &Party) {
        if let Some((asking, name)) = self.find(party) {
            asking.ask_together(name);
        }
    }

    fn find(&self, party: &Party) -> Option<(&Asking, ObjectName)> {
        let (asking, name) = match party {
            Party::Subscription(name) => (of_namespace(&self.subscriptions, name), name.clone()),
            Party::Provider(ProviderKey::Namespaced(name)) => {
                (of_namespace(&self.providers, name), name.clone())
            }
            Party::Provider(ProviderKey::Cluster(name)) => {
                (self.cluster_providers.as_ref(), ObjectName::new("", name))
            }
        };
        Some((asking?, name))
    }
}

fn of_namespace<'a>(senders: &'a BTreeMap<Option<String>, Asking>, name: &ObjectName) -> Option<&'a Asking> {
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
    /// Records what `party` depends on; replaces what was recorded before. Returns what it is the first to depend on, and
    /// what it was the last to.
    pub(super) fn depends(&self, party: &Party, targets: HashSet<Target>) -> Vec<Target> {
        let mut targets: Box<[Target]> = targets.into_iter().collect();
        targets.sort();
        let mut state = self.lock();
        if state.targets.get(party) == Some(&targets) {
            return Vec::new();
        }
        let mut changed = Vec::new();
        for target in &targets {
            let dependents = state.dependents.entry(target.clone()).or_default();
            if dependents.is_empty() {
                changed.push(target.clone());
            }
            dependents.insert(party.clone());
        }
        let before = state.targets.insert(party.clone(), targets.clone());
        let gone = before.into_iter().flatten();
        let gone = gone.filter(|target| !targets.contains(target));
        changed.extend(gone.filter(|target| remove(&mut state.dependents, target, party)));
        changed
    }

    /// `party` is gone. Returns what it was the last to depend on.
    pub(super) fn forget(&self, party: &Party) -> Vec<Target> {
        let mut state = self.lock();
        let targets = state.targets.remove(party).unwrap_or_default().into_iter();
        targets
            .filter(|target| remove(&mut state.dependents, target, party))
            .collect()
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

/// Tells whether it was the last one.
fn remove(dependents: &mut HashMap<Target, HashSet<Party>>, target: &Target, party: &Party) -> bool {
    let Some(parties) = dependents.get_mut(target) else {
        return false;
    };
    parties.remove(party);
    let last = parties.is_empty();
    if last {
        dependents.remove(target);
    }
    last
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

    fn wake_together(&self, party: &Party) {
        self.triggers.wake_together(party);
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
    /// Records what `party` depends on. The finalizer of a provider depends on whether anybody does.
    pub(super) fn depend(&self, party: &Party, targets: HashSet<Target>) {
        self.wake_providers(self.index.depends(party, targets));
    }

    /// `party` is gone, and depends on nothing any more.
    pub(super) fn depend_on_nothing(&self, party: &Party) {
        self.wake_providers(self.index.forget(party));
    }

    fn wake_providers(&self, targets: Vec<Target>) {
        for target in targets {
            if let Target::Provider(key) = target {
                self.triggers.wake(&Party::Provider(key));
            }
        }
    }

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
                .wake_together(&Party::Subscription(object_name(object.meta())));
        }
        for object in self.stores.providers.iter().flat_map(Store::state) {
            let key = ProviderKey::Namespaced(object_name(object.meta()));
            self.triggers.wake_together(&Party::Provider(key));
        }
        for object in self.stores.cluster_providers.iter().flat_map(Store::state) {
            let key = ProviderKey::Cluster(object.name_any());
            self.triggers.wake_together(&Party::Provider(key));
        }
    }

    /// Wakes everything that depends on `target`.
    pub(super) fn wake_dependents(&self, target: &Target) {
        for party in self.index.dependents(target) {
            self.triggers.wake_together(&party);
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

    #[test]
    fn only_the_first_that_comes_and_the_last_that_goes_change_whether_something_is_needed() {
        let index = Index::default();
        let [a, b] = ["a", "b"].map(|object| Party::Subscription(name(object)));
        let [one, other] = ["one", "other"].map(|secret| Target::Secret(name(secret)));
        assert_eq!(
            index.depends(&a, [one.clone()].into()),
            std::slice::from_ref(&one)
        );
        assert_eq!(index.depends(&a, [one.clone()].into()), []);
        assert_eq!(index.depends(&b, [one.clone()].into()), []);
        assert_eq!(
            index.depends(&a, [other.clone()].into()),
            std::slice::from_ref(&other)
        );
        assert_eq!(
            index.depends(&b, [other.clone()].into()),
            std::slice::from_ref(&one)
        );
        assert_eq!(index.forget(&a), []);
        assert_eq!(index.forget(&b), [other]);
    }
}
