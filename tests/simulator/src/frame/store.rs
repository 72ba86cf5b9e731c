//! Objects by scope: each belongs to one organization, installation or workspace.

use crate::frame::clock;
use std::{
    collections::{BTreeMap, HashMap},
    fmt::Debug,
    hash::Hash,
    sync::Arc,
};

/// What the store has to know of an object.
pub(crate) trait Stored: Clone + Debug {
    type Id: Copy + Eq + Hash + Debug;
    type Scope: Clone + Ord + Hash + Debug;
    fn id(&self) -> Self::Id;
    fn scope(&self) -> &Self::Scope;
    fn birth(&self) -> Birth;
}

/// When an object was made.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Birth {
    /// Position among all objects of the provider, from 1.
    pub ordinal: u64,
    /// Milliseconds since the epoch.
    pub ms: u64,
    /// The scope's request count at that time.
    pub request: u64,
}

/// How long a young object stays invisible: so many further requests of its scope, and milliseconds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Lag {
    pub requests: u64,
    pub ms: u64,
}

#[derive(Debug)]
struct Shelf<T> {
    objects: BTreeMap<u64, Arc<T>>,
    requests: u64,
}

impl<T> Default for Shelf<T> {
    fn default() -> Self {
        Self {
            objects: BTreeMap::new(),
            requests: 0,
        }
    }
}

/// All objects of a provider.
#[derive(Debug)]
pub(crate) struct Store<T: Stored> {
    shelves: HashMap<T::Scope, Shelf<T>>,
    positions: HashMap<T::Id, (T::Scope, u64)>,
    last_ordinal: u64,
}

impl<T: Stored> Default for Store<T> {
    fn default() -> Self {
        Self {
            shelves: HashMap::new(),
            positions: HashMap::new(),
            last_ordinal: 0,
        }
    }
}

impl<T: Stored> Store<T> {
    /// The store of a snapshot: request counts by scope, and all objects.
    pub(crate) fn restored(requests: &BTreeMap<T::Scope, u64>, objects: Vec<T>) -> Self {
        let mut store = Self::default();
        for (scope, requests) in requests {
            store.shelf(scope).requests = *requests;
        }
        for object in objects {
            store.insert(object);
        }
        store
    }

    fn shelf(&mut self, scope: &T::Scope) -> &mut Shelf<T> {
        if !self.shelves.contains_key(scope) {
            self.shelves.insert(scope.clone(), Shelf::default());
        }
        self.shelves.entry(scope.clone()).or_default()
    }

    pub(crate) fn count(&self) -> usize {
        self.positions.len()
    }

    /// Counts a request that came with a credential of the scope.
    pub(crate) fn count_request(&mut self, scope: &T::Scope) {
        self.shelf(scope).requests += 1;
    }

    /// Requests by scope.
    pub(crate) fn requests(&self) -> BTreeMap<&T::Scope, u64> {
        self.shelves
            .iter()
            .map(|(scope, shelf)| (scope, shelf.requests))
            .collect()
    }

    /// Any object, whatever its scope.
    pub(crate) fn find(&self, id: T::Id) -> Option<&Arc<T>> {
        let (scope, ordinal) = self.positions.get(&id)?;
        self.shelves.get(scope)?.objects.get(ordinal)
    }

    /// An object as a credential of this scope sees it.
    pub(crate) fn find_in(&self, scope: &T::Scope, id: T::Id) -> Option<&Arc<T>> {
        self.find(id).filter(|found| found.scope() == scope)
    }

    /// The same, unless the object is too young to be seen.
    pub(crate) fn see(&self, scope: &T::Scope, id: T::Id, lag: Lag) -> Option<&Arc<T>> {
        let requests = self.shelves.get(scope)?.requests;
        self.find_in(scope, id)
            .filter(|found| visible(found.birth(), requests, lag))
    }

    /// The scope's objects with a higher ordinal that are old enough to be seen, oldest first.
    pub(crate) fn see_after(
        &self,
        scope: &T::Scope,
        ordinal: u64,
        lag: Lag,
    ) -> impl Iterator<Item = &Arc<T>> {
        let place = self.shelves.get(scope);
        place.into_iter().flat_map(move |shelf| {
            let later = shelf.objects.range(ordinal.saturating_add(1)..);
            later
                .map(|(_, found)| found)
                .filter(move |found| visible(found.birth(), shelf.requests, lag))
        })
    }

    /// All of the scope's objects, oldest first.
    pub(crate) fn in_scope(&self, scope: &T::Scope) -> impl Iterator<Item = &Arc<T>> {
        self.see_after(scope, 0, Lag { requests: 0, ms: 0 })
    }

    /// All objects in the order of their creation.
    pub(crate) fn all(&self) -> Vec<T> {
        let shelves = self.shelves.values();
        let mut all: Vec<T> = shelves
            .flat_map(|shelf| shelf.objects.values().map(|found| (**found).clone()))
            .collect();
        all.sort_unstable_by_key(|found| found.birth().ordinal);
        all
    }

    /// The birth of an object that is made now.
    pub(crate) fn birth(&mut self, scope: &T::Scope) -> Birth {
        self.last_ordinal += 1;
        Birth {
            ordinal: self.last_ordinal,
            ms: clock::now_ms(),
            request: self.shelf(scope).requests,
        }
    }

    pub(crate) fn insert(&mut self, object: T) -> Arc<T> {
        let object = Arc::new(object);
        let (scope, ordinal) = (object.scope().clone(), object.birth().ordinal);
        self.last_ordinal = self.last_ordinal.max(ordinal);
        self.shelf(&scope).objects.insert(ordinal, Arc::clone(&object));
        self.positions.insert(object.id(), (scope, ordinal));
        object
    }

    /// Changes an object in place.
    pub(crate) fn change(&mut self, id: T::Id, change: impl FnOnce(&mut T)) -> Option<Arc<T>> {
        let (scope, ordinal) = self.positions.get(&id)?;
        let found = self.shelves.get_mut(scope)?.objects.get_mut(ordinal)?;
        change(Arc::make_mut(found));
        Some(Arc::clone(found))
    }

    pub(crate) fn delete(&mut self, id: T::Id) -> Option<Arc<T>> {
        let (scope, ordinal) = self.positions.remove(&id)?;
        self.shelves.get_mut(&scope)?.objects.remove(&ordinal)
    }

    /// Removes all objects and says how many there were.
    pub(crate) fn delete_all(&mut self) -> usize {
        for shelf in self.shelves.values_mut() {
            shelf.objects.clear();
        }
        let count = self.positions.len();
        self.positions.clear();
        count
    }
}

fn visible(birth: Birth, requests: u64, lag: Lag) -> bool {
    (lag.requests == 0 || requests.saturating_sub(birth.request) > lag.requests)
        && (lag.ms == 0 || clock::now_ms().saturating_sub(birth.ms) >= lag.ms)
}
