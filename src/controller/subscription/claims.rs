//! Which object asked first, where nothing at the provider tells whose a subscription is.
//!
//! Two objects that ask for the same events, URL and filters in one place would find each other's subscription and
//! take it for their own. Of two that have nothing there yet the older wins; who has begun keeps it. A create whose
//! outcome is open keeps its place too, whatever its object wants by now: if it took effect, only its content tells.

use std::collections::{HashMap, HashSet};
use std::sync::{Mutex, MutexGuard, PoisonError};

use jiff::Timestamp;
use operator_core::memory::{Content, Memory, Pending, Wanted};
use operator_core::names::{ExternalId, ObjectName, RemoteKey};
use operator_core::plan::Rivals;

use crate::controller::context::ProviderKey;

/// Where contents must differ: a provider, an address and a workspace, whatever the key it is reached with.
pub(in crate::controller) type Realm = String;

/// Who asks.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::controller) struct Claimant {
    pub(in crate::controller) name: ObjectName,
    pub(in crate::controller) created: Timestamp,
}

impl Claimant {
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

type Place = (Realm, Content);

#[derive(Debug, Default)]
struct State {
    claims: HashMap<Place, Claim>,
    by_object: HashMap<ObjectName, HashSet<Place>>,
    held: HashMap<ExternalId, ObjectName>,
    /// Creates of earlier processes whose outcome is open, of objects that were not looked at yet.
    open: HashMap<ObjectName, (ProviderKey, Vec<Content>)>,
    /// Who was turned away.
    waiting: HashSet<ObjectName>,
}

/// All claims of this process. An object that is deleted, or no longer asks, makes room.
#[derive(Debug, Default)]
pub(in crate::controller) struct Claims(Mutex<State>);

/// What came of a claim.
#[derive(Debug, Default, PartialEq, Eq)]
pub(in crate::controller) struct Outcome {
    /// What the plan has to respect.
    pub(in crate::controller) rivals: Rivals,
    /// Who should look again: room was made, or it has lost its claim to an older object.
    pub(in crate::controller) wake: Vec<ObjectName>,
}

/// What an object asks for.
pub(in crate::controller) struct Ask<'a> {
    pub(in crate::controller) realm: &'a Realm,
    /// The provider object that it refers to: open creates are kept by it. With none, only contents claimed and ids held
    /// are looked at.
    pub(in crate::controller) provider: Option<&'a ProviderKey>,
    pub(in crate::controller) me: &'a Claimant,
    pub(in crate::controller) wanted: &'a [Wanted],
    pub(in crate::controller) memory: &'a Memory,
    /// How many of an account may have the same event and filters.
    pub(in crate::controller) room: Option<usize>,
}

impl Claims {
    /// Takes what a status tells of, before any object is looked at: what is held is not free, and neither is what may
    /// have been made.
    pub(in crate::controller) fn remember(&self, name: &ObjectName, provider: &ProviderKey, memory: &Memory) {
        let mut state = self.lock();
        state.hold(name, memory);
        let open: Vec<Content> = open(memory).map(|(_, content)| content).collect();
        if !open.is_empty() {
            state.open.insert(name.clone(), (provider.clone(), open));
        }
    }

    /// Claims what an object wants, in place of what it claimed before. `candidates` are remote subscriptions that it
    /// might take over.
    pub(in crate::controller) fn claim<'a>(
        &self,
        ask: &Ask<'_>,
        candidates: impl IntoIterator<Item = &'a ExternalId>,
    ) -> Outcome {
        let mut state = self.lock();
        let mut outcome = Outcome::default();
        let name = &ask.me.name;
        let places: HashSet<Place> = ask
            .wanted
            .iter()
            .map(|wish| Content::of(&wish.view))
            .chain(open(ask.memory).map(|(_, content)| content))
            .map(|content| (ask.realm.clone(), content))
            .collect();
        let known = state.open.remove(name).is_some();
        if state.release(name, |place| !places.contains(place)) || known {
            outcome.wake.extend(state.waiting.drain());
        }
        state.hold(name, ask.memory);
        for (key, content) in open(ask.memory) {
            state.take(ask, key, content, true, &mut outcome.wake);
        }
        for wish in ask.wanted {
            let entry = ask.memory.entries.get(&wish.key);
            // Whoever may write status could name any id, or say that anything was begun: only what this operator wrote
            // counts against others.
            let there = entry.is_some_and(|entry| entry.id.is_some() && entry.proof.is_some());
            let begun = there || entry.is_some_and(|entry| entry.pending.as_deref().is_some_and(announced));
            let content = Content::of(&wish.view);
            if let Some(other) = state.take(ask, &wish.key, content, begun, &mut outcome.wake) {
                let who = if other.namespace == name.namespace {
                    format!("WebhookSubscription {other}")
                } else {
                    "an object of another namespace".to_owned()
                };
                outcome.rivals.claimed.insert(wish.key.clone(), who);
            } else if let Some(room) = ask.room.filter(|_| !there) {
                let others = state.others_alike(ask, wish);
                if others >= room {
                    outcome.rivals.crowded.insert(wish.key.clone(), others);
                }
            }
        }
        if !outcome.rivals.claimed.is_empty() || !outcome.rivals.crowded.is_empty() {
            state.waiting.insert(name.clone());
        }
        let others = |id: &&ExternalId| state.held.get(*id).is_some_and(|by| by != name);
        outcome.rivals.held = candidates.into_iter().filter(others).cloned().collect();
        outcome
    }

    /// The object is gone. Returns who should look again.
    pub(in crate::controller) fn forget(&self, name: &ObjectName) -> Vec<ObjectName> {
        let mut state = self.lock();
        state.waiting.remove(name);
        state.held.retain(|_, by| by != name);
        let known = state.open.remove(name).is_some();
        if state.release(name, |_| true) || known {
            state.waiting.drain().collect()
        } else {
            Vec::new()
        }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Whether this operator stored the write-ahead entry, and nobody else.
fn announced(pending: &Pending) -> bool {
    pending.target.applied.is_some()
}

/// What may have been made, and is in no entry as made yet.
fn open(memory: &Memory) -> impl Iterator<Item = (&RemoteKey, Content)> {
    memory.entries.iter().filter_map(|(key, entry)| {
        let pending = entry.pending.as_deref().filter(|pending| announced(pending))?;
        Some((key, pending.target.content))
    })
}

impl State {
    /// Gives up the claims of an object for which `test` holds; tells whether there were any.
    fn release(&mut self, name: &ObjectName, test: impl Fn(&Place) -> bool) -> bool {
        let Some(mine) = self.by_object.get_mut(name) else {
            return false;
        };
        let gone: Vec<Place> = mine.iter().filter(|place| test(place)).cloned().collect();
        for place in &gone {
            mine.remove(place);
            self.claims.remove(place);
        }
        !gone.is_empty()
    }

    /// Notes the ids that an object holds. What it held and holds no more is gone, and its id does not come back.
    fn hold(&mut self, name: &ObjectName, memory: &Memory) {
        let proven = memory.entries.values().filter(|entry| entry.proof.is_some());
        for id in proven.filter_map(|entry| entry.id.as_ref()) {
            if self.held.get(id) != Some(name) {
                self.held.insert(id.clone(), name.clone());
            }
        }
    }

    /// Takes a place for who asks, or tells who came first.
    fn take(
        &mut self,
        ask: &Ask<'_>,
        key: &RemoteKey,
        content: Content,
        begun: bool,
        wake: &mut Vec<ObjectName>,
    ) -> Option<ObjectName> {
        let same = |(provider, contents): &(ProviderKey, Vec<Content>)| {
            ask.provider == Some(provider) && contents.contains(&content)
        };
        let mut open = self.open.iter().filter(|_| !begun);
        if let Some((other, _)) = open.find(|(_, open)| same(open)) {
            return Some(other.clone());
        }
        let place = (ask.realm.clone(), content);
        if let Some(claim) = self.claims.get_mut(&place) {
            if claim.by.name == ask.me.name {
                claim.begun |= begun;
                return None;
            }
            if claim.begun || !(begun || ask.me.is_older(&claim.by)) {
                return Some(claim.by.name.clone());
            }
            wake.push(claim.by.name.clone());
            if let Some(theirs) = self.by_object.get_mut(&claim.by.name) {
                theirs.remove(&place);
            }
        }
        let claim = Claim {
            by: ask.me.clone(),
            key: key.clone(),
            begun,
        };
        self.claims.insert(place.clone(), claim);
        let mine = self.by_object.entry(ask.me.name.clone()).or_default();
        mine.insert(place);
        None
    }

    /// How many others have the same events and filters.
    fn others_alike(&self, ask: &Ask<'_>, wish: &Wanted) -> usize {
        let wanted = Content::of(&wish.view);
        let alike = |((realm, content), claim): &(&Place, &Claim)| {
            realm == ask.realm
                && (content.events, content.filters) == (wanted.events, wanted.filters)
                && (claim.by.name != ask.me.name || claim.key != wish.key)
        };
        self.claims.iter().filter(alike).count()
    }
}

#[cfg(test)]
mod tests {
    use operator_core::hash::HashKey;
    use operator_core::time::Moment;
    use operator_core::view::{Field, Part, View};

    use super::*;

    fn claimant(name: &str, created: i64) -> Claimant {
        Claimant {
            name: ObjectName::new("ns", name),
            created: Timestamp::from_second(created).unwrap(),
        }
    }

    fn wish(key: &str, url: &str) -> Wanted {
        let hash = HashKey::new([1; 32]);
        let is = |text: &str| Part::Is(hash.fingerprint("t", [text.as_bytes()]));
        let mut view = View::default();
        view.set(Field::Url, is(url));
        view.set(Field::Events, is(key));
        view.set(Field::Filters, Part::Absent);
        Wanted {
            key: RemoteKey::parse(key).unwrap(),
            view,
            digest: view.digest(&hash),
            events: Vec::new(),
        }
    }

    fn provider() -> ProviderKey {
        ProviderKey::Cluster("bird".into())
    }

    fn creating(wish: &Wanted) -> Memory {
        let mut memory = Memory::default();
        memory.intend(&[wish], Moment::default(), Moment::default());
        memory
    }

    fn holding(key: &str, id: &str) -> Memory {
        let mut memory = Memory::default();
        let entry = memory.entry(&RemoteKey::parse(key).unwrap());
        entry.id = Some(ExternalId::parse(id).unwrap());
        entry.proof = Some(Part::Absent);
        memory
    }

    fn claim(claims: &Claims, me: &Claimant, wanted: &[Wanted], memory: &Memory) -> Outcome {
        let realm = "bird".to_owned();
        let room = Some(2);
        let ask = Ask {
            realm: &realm,
            provider: Some(&provider()),
            me,
            wanted,
            memory,
            room,
        };
        claims.claim(&ask, [&ExternalId::parse("r1").unwrap()])
    }

    fn is_refused(outcome: &Outcome) -> bool {
        !outcome.rivals.claimed.is_empty()
    }

    #[test]
    fn of_two_that_have_nothing_yet_the_older_wins_whoever_comes_first() {
        let (old, young) = (claimant("old", 1), claimant("young", 2));
        for young_first in [true, false] {
            let claims = Claims::default();
            let ask = |me| claim(&claims, me, &[wish("e", "u")], &Memory::default());
            if young_first {
                assert!(!is_refused(&ask(&young)));
                let outcome = ask(&old);
                assert!(!is_refused(&outcome));
                assert!(outcome.wake.contains(&young.name), "who lost its claim is woken");
            } else {
                assert!(!is_refused(&ask(&old)));
            }
            assert!(is_refused(&ask(&young)));
            assert!(!is_refused(&ask(&old)));
        }
    }

    #[test]
    fn who_has_begun_keeps_it_from_an_older_one_until_it_goes() {
        let claims = Claims::default();
        let (old, young) = (claimant("old", 1), claimant("young", 2));
        assert!(!is_refused(&claim(
            &claims,
            &young,
            &[wish("e", "u")],
            &holding("e", "r1")
        )));
        let outcome = claim(&claims, &old, &[wish("e", "u")], &Memory::default());
        assert!(is_refused(&outcome));
        assert_eq!(outcome.rivals.held.len(), 1, "what another holds is not free");
        let woken = claims.forget(&young.name);
        assert!(woken.contains(&old.name), "who was turned away is woken");
        let outcome = claim(&claims, &old, &[wish("e", "u")], &Memory::default());
        assert_eq!(outcome, Outcome::default());
    }

    #[test]
    fn an_id_that_nobody_has_sealed_holds_nothing_and_keeps_nobody_away() {
        let claims = Claims::default();
        let (old, young) = (claimant("old", 1), claimant("young", 2));
        let mut forged = holding("e", "r1");
        forged.entry(&RemoteKey::parse("e").unwrap()).proof = None;
        claim(&claims, &young, &[wish("e", "u")], &forged);
        let outcome = claim(&claims, &old, &[wish("e", "u")], &Memory::default());
        assert!(!is_refused(&outcome));
        assert!(outcome.rivals.held.is_empty());
    }

    #[test]
    fn a_create_whose_outcome_is_open_keeps_others_away_also_when_its_object_wants_nothing_any_more() {
        let (old, young) = (claimant("old", 1), claimant("young", 2));
        let (wish, none) = (wish("e", "u"), Memory::default());
        let wanted = std::slice::from_ref(&wish);
        // By an earlier process, and its object was not looked at yet.
        let claims = Claims::default();
        claims.remember(&young.name, &provider(), &creating(&wish));
        assert!(is_refused(&claim(&claims, &old, wanted, &none)));
        // It is being deleted.
        let outcome = claim(&claims, &young, &[], &creating(&wish));
        assert!(outcome.wake.contains(&old.name));
        assert!(is_refused(&claim(&claims, &old, wanted, &none)));
        // What it made is found, or nothing was made.
        let outcome = claim(&claims, &young, &[], &none);
        assert!(outcome.wake.contains(&old.name));
        assert!(!is_refused(&claim(&claims, &old, wanted, &none)));
        // Other accounts do not wait for it.
        let claims = Claims::default();
        claims.remember(
            &young.name,
            &ProviderKey::Cluster("other".into()),
            &creating(&wish),
        );
        assert!(!is_refused(&claim(&claims, &old, wanted, &none)));
        // It goes before it was looked at.
        let claims = Claims::default();
        claims.remember(&young.name, &provider(), &creating(&wish));
        assert!(is_refused(&claim(&claims, &old, wanted, &none)));
        assert!(claims.forget(&young.name).contains(&old.name));
        assert!(!is_refused(&claim(&claims, &old, wanted, &none)));
    }

    #[test]
    fn an_edit_gives_up_what_is_no_longer_asked_for() {
        let claims = Claims::default();
        let (a, b) = (claimant("a", 1), claimant("b", 2));
        claim(&claims, &a, &[wish("e", "u")], &Memory::default());
        assert!(is_refused(&claim(
            &claims,
            &b,
            &[wish("e", "u")],
            &Memory::default()
        )));
        let outcome = claim(&claims, &a, &[wish("e", "v")], &Memory::default());
        assert!(outcome.wake.contains(&b.name));
        assert!(!is_refused(&claim(
            &claims,
            &b,
            &[wish("e", "u")],
            &Memory::default()
        )));
    }

    #[test]
    fn there_is_room_for_so_many_with_the_same_event_and_filters_and_who_has_its_own_keeps_it() {
        let claims = Claims::default();
        let names: Vec<Claimant> = (1..=3).map(|i| claimant(&format!("o{i}"), i)).collect();
        let url = |i: usize| format!("u{i}");
        for (i, name) in names.iter().enumerate().take(2) {
            let outcome = claim(&claims, name, &[wish("e", &url(i))], &Memory::default());
            assert!(outcome.rivals.crowded.is_empty());
        }
        let third = || claim(&claims, &names[2], &[wish("e", &url(2))], &Memory::default());
        let crowded = third();
        assert_eq!(crowded.rivals.crowded.values().collect::<Vec<_>>(), [&2]);
        let kept = claim(&claims, &names[2], &[wish("e", &url(2))], &holding("e", "r3"));
        assert!(kept.rivals.crowded.is_empty());
        assert!(claims.forget(&names[0].name).contains(&names[2].name));
        assert!(third().rivals.crowded.is_empty());
    }
}
