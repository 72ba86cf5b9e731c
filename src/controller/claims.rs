//! Which object asked first, where nothing at the provider tells whose a subscription is.
//!
//! Two objects that ask for the same events, URL and filters in one place would find each other's subscription and
//! take it for their own. Of two that have nothing there yet the older wins; who has begun keeps it.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::sync::{Mutex, MutexGuard, PoisonError};

use jiff::Timestamp;
use operator_core::memory::{Content, Entry, Memory, Wanted};
use operator_core::names::{ExternalId, ObjectName, RemoteKey};
use operator_core::plan::Rivals;
use operator_core::view::Part;

/// Where contents must differ: a provider, an address and a workspace, whatever the key it is reached with.
pub(super) type Realm = String;

/// Who asks.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Claimant {
    pub(super) name: ObjectName,
    pub(super) created: Timestamp,
}

impl Claimant {
    /// The order in which objects win.
    fn is_older(&self, other: &Self) -> bool {
        (self.created, &self.name) < (other.created, &other.name)
    }
}

#[derive(Debug)]
struct Claim {
    by: Claimant,
    key: RemoteKey,
    /// It is about to make the subscription, or has it.
    begun: bool,
}

#[derive(Debug, Default)]
struct State {
    claims: HashMap<(Realm, Content), Claim>,
    /// Ids by the object that holds them.
    held: HashMap<ExternalId, ObjectName>,
    /// What each object claims.
    by_object: HashMap<ObjectName, HashSet<(Realm, Content)>>,
    /// Who was turned away.
    waiting: HashSet<ObjectName>,
}

/// All claims of this process. An object that is deleted or no longer asks makes room.
#[derive(Debug, Default)]
pub(super) struct Claims(Mutex<State>);

/// What came of a claim.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Outcome {
    /// What the plan has to respect.
    pub(super) rivals: Rivals,
    /// Who should look again: room was made, or it was older than who had claimed.
    pub(super) wake: Vec<ObjectName>,
}

impl Claims {
    /// Takes what statuses tell of an object before any object is looked at: ids that are held, and creates whose
    /// outcome is unknown.
    pub(super) fn remember(&self, name: &ObjectName, memory: &Memory) {
        let mut state = self.lock();
        for id in memory.ids() {
            state.held.insert(id.clone(), name.clone());
        }
    }

    /// Claims what an object wants in `realm`, in place of what it claimed before. `room` is how many of an account may
    /// have the same events and filters.
    pub(super) fn claim(
        &self,
        realm: &Realm,
        me: &Claimant,
        wanted: &[Wanted],
        memory: &Memory,
        room: Option<usize>,
    ) -> Outcome {
        let mut state = self.lock();
        let mut outcome = Outcome::default();
        let contents: HashSet<_> = wanted
            .iter()
            .map(|wish| (realm.clone(), Content::of(&wish.view)))
            .collect();
        if state.release(&me.name, |claim| !contents.contains(claim)) {
            outcome.wake.extend(state.waiting.drain());
        }
        state.hold(&me.name, memory);
        for wish in wanted {
            let entry = memory.entries.get(&wish.key);
            let begun = entry.is_some_and(|entry| entry.id.is_some() || entry.pending.is_some());
            if let Some(other) = state.take(realm, me, wish, begun, &mut outcome.wake) {
                let who = if other.namespace == me.name.namespace {
                    format!("WebhookSubscription {other}")
                } else {
                    "an object of another namespace".to_owned()
                };
                outcome.rivals.claimed.insert(wish.key.clone(), who);
            } else if entry.is_none_or(|entry| entry.id.is_none())
                && let Some(others) = state.crowd(realm, me, wish).filter(|others| room.is_some_and(|room| *others >= room))
            {
                outcome.rivals.crowded.insert(wish.key.clone(), others);
            }
        }
        let turned_away = !outcome.rivals.claimed.is_empty() || !outcome.rivals.crowded.is_empty();
        if turned_away {
            state.waiting.insert(me.name.clone());
        }
        let others = state.held.iter().filter(|(_, by)| **by != me.name);
        outcome.rivals.held = others.map(|(id, _)| id.clone()).collect();
        outcome
    }

    /// The object is gone. Returns who should look again.
    pub(super) fn forget(&self, name: &ObjectName) -> Vec<ObjectName> {
        let mut state = self.lock();
        state.waiting.remove(name);
        state.held.retain(|_, by| by != name);
        if state.release(name, |_| true) {
            state.waiting.drain().collect()
        } else {
            Vec::new()
        }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    /// Gives up the claims of an object for which `test` holds; tells whether there were any.
    fn release(&mut self, name: &ObjectName, test: impl Fn(&(Realm, Content)) -> bool) -> bool {
        let Some(mine) = self.by_object.get_mut(name) else {
            return false;
        };
        let gone: Vec<_> = mine.iter().filter(|claim| test(claim)).cloned().collect();
        for claim in &gone {
            mine.remove(claim);
            self.claims.remove(claim);
        }
        !gone.is_empty()
    }

    fn hold(&mut self, name: &ObjectName, memory: &Memory) {
        let ids: HashSet<&ExternalId> = memory.ids().collect();
        self.held.retain(|id, by| by != name || ids.contains(id));
        for id in ids {
            if !self.held.contains_key(id) {
                self.held.insert(id.clone(), name.clone());
            }
        }
    }

    /// Takes a content for `me`, or tells who came first.
    fn take(
        &mut self,
        realm: &Realm,
        me: &Claimant,
        wish: &Wanted,
        begun: bool,
        wake: &mut Vec<ObjectName>,
    ) -> Option<ObjectName> {
        let at = (realm.clone(), Content::of(&wish.view));
        if let Some(claim) = self.claims.get_mut(&at) {
            if claim.by.name == me.name {
                claim.begun |= begun;
                return None;
            }
            if claim.begun || !(begun || me.is_older(&claim.by)) {
                return Some(claim.by.name.clone());
            }
            wake.push(claim.by.name.clone());
            if let Some(theirs) = self.by_object.get_mut(&claim.by.name) {
                theirs.remove(&at);
            }
        }
        let claim = Claim {
            by: me.clone(),
            key: wish.key.clone(),
            begun,
        };
        self.claims.insert(at.clone(), claim);
        self.by_object.entry(me.name.clone()).or_default().insert(at);
        None
    }

    /// How many others have the same events and filters.
    fn crowd(&self, realm: &Realm, me: &Claimant, wish: &Wanted) -> Option<usize> {
        let (events, filters) = group(&Content::of(&wish.view));
        let same = |((r, content), claim): &(&(Realm, Content), &Claim)| {
            r == realm
                && group(content) == (events, filters)
                && (claim.by.name != me.name || claim.key != wish.key)
        };
        Some(self.claims.iter().filter(same).count())
    }
}

fn group(content: &Content) -> (Part, Part) {
    (content.events, content.filters)
}

/// What a status may tell of an entry that others must respect.
pub(super) fn tells(entry: &Entry) -> bool {
    entry.id.is_some()
}

/// Keys by which the tests tell outcomes apart.
#[cfg(test)]
fn refused(outcome: &Outcome) -> BTreeMap<String, String> {
    let claimed = outcome.rivals.claimed.iter();
    claimed.map(|(key, who)| (key.to_string(), who.clone())).collect()
}
