//! Performs what was decided, as the controller does, and holds every effect against the rules.

use crate::marker::Ownership;
use crate::memory::{Certainty, Fault, Hold, Memory, Wanted};
use crate::names::{ExternalId, RemoteKey};
use crate::plan::{Action, AdoptionPolicy, Timing};
use crate::reason::Reason;
use crate::retry::Disposition;
use crate::time::Moment;
use crate::view::{Field, FieldSet, View};

use super::provider::Maker;
use super::schedule::Mishap;
use super::world::{Round, World};

const SEED: u64 = 11;

impl World {
    pub fn perform(&mut self, action: Action, wanted: &[Wanted], mishap: Mishap) -> Round {
        let carried_out = !matches!(mishap, Mishap::RefusedBefore | Mishap::RefusedForGood);
        let known = carried_out && mishap != Mishap::ReplyLost;
        let wish = |key: &RemoteKey| wanted.iter().find(|wish| wish.key == *key);
        match action {
            Action::ClaimFinalizer => {
                self.object.finalizer |= carried_out;
                self.memory.finalizer |= known;
            }
            Action::RecordIntent(keys) => {
                let mut memory = self.memory.clone();
                let wishes: Vec<_> = keys.iter().filter_map(wish).collect();
                memory.intend(&wishes, self.since, self.now);
                if carried_out {
                    self.store(&memory);
                }
                if known {
                    self.memory = memory;
                    self.memory.stored();
                } else {
                    self.memory.intend_failed(&keys);
                }
            }
            Action::Store => {
                if carried_out {
                    let memory = self.memory.clone();
                    self.store(&memory);
                }
                if known {
                    self.memory.stored();
                }
            }
            Action::Look(after) => {
                self.wait(1);
                let begun = self.now;
                let late_enough = after.is_none_or(|after| begun > after);
                self.require(late_enough, || format!("a LIST can begin after {after:?}"));
                if known {
                    self.snapshot = Some(self.provider.list(begun));
                }
                self.wait(300);
            }
            Action::Read(key, id) if known => self.read(&key, &id),
            Action::Read(key, _) => self.fail(&key, wish(&key), mishap),
            Action::Create(key) => {
                let wish = wish(&key);
                self.require(wish.is_some(), || format!("{key} is created and not wanted"));
                if let Some(wish) = wish {
                    self.create(wish, mishap);
                }
            }
            Action::Adopt { key, id, stamp } => self.adopt(&key, &id, stamp, wish(&key), mishap),
            Action::Update {
                key,
                id,
                fields,
                repair,
            } => {
                let wish = wish(&key);
                self.require(wish.is_some(), || format!("{key} is updated and not wanted"));
                if let Some(wish) = wish {
                    self.update(wish, &id, fields, repair, mishap);
                }
            }
            Action::SwitchOff { key, .. } => {
                self.require(false, || format!("{key} is switched off, and nobody withdrew it"));
            }
            Action::Delete(key, id) => self.delete(key, &id, mishap),
            Action::Note(note) => self.memory.note(&note, wanted, self.now),
            Action::ReleaseFinalizer { orphaned } => {
                self.orphaned |= self.object.spec.observe;
                let explained = orphaned.is_empty() || self.object.spec.observe;
                self.require(explained, || format!("{orphaned:?} orphaned unasked"));
                self.object.finalizer &= !carried_out;
                self.memory.finalizer &= !known;
                self.object.gone = self.object.deleting && !self.object.finalizer;
            }
            Action::Settle(settled) => {
                if carried_out {
                    let memory = self.memory.clone();
                    self.store(&memory);
                }
                if known {
                    self.memory.stored();
                }
                if settled.gone {
                    self.require(self.object.deleting, || "gone without deletion".into());
                    self.object.gone = true;
                    return Round::Over;
                }
                return Round::Settled(settled);
            }
        }
        self.wait(100);
        Round::Acted
    }

    fn read(&mut self, key: &RemoteKey, id: &ExternalId) {
        let held = self.provider.get(id);
        let seen = held.map(|held| held.show(&self.provider.nature));
        self.memory.read(key, seen, self.now);
    }

    fn delete(&mut self, key: Option<RemoteKey>, id: &ExternalId, mishap: Mishap) {
        self.check_delete(key.as_ref(), id);
        let carried_out = !matches!(mishap, Mishap::RefusedBefore | Mishap::RefusedForGood);
        if carried_out {
            self.provider.delete(id);
        }
        if self.provider.nature.mute && mishap != Mishap::ReplyLost {
            self.memory.deletion_unconfirmed(key.as_ref(), id, self.now, SEED);
        } else if carried_out && mishap != Mishap::ReplyLost {
            self.memory.deleted(key.as_ref(), id);
        } else {
            let key = key.unwrap_or_else(RemoteKey::single);
            self.fail(&key, None, mishap);
        }
    }

    /// Writes status, if that changes it.
    fn store(&mut self, memory: &Memory) {
        let durable = memory.clone().after_restart(Moment::default());
        if self.object.status != durable {
            self.object.status = durable;
            self.object.status_writes += 1;
        }
    }

    fn fail(&mut self, key: &RemoteKey, wish: Option<&Wanted>, mishap: Mishap) {
        self.memory
            .failed(key, wish.map(|wish| wish.digest), fault(mishap), self.now, SEED);
    }

    fn create(&mut self, wish: &Wanted, mishap: Mishap) {
        let key = &wish.key;
        let stored = self
            .object
            .status
            .entries
            .get(key)
            .and_then(|e| e.pending.clone());
        let said = stored.is_some_and(|pending| pending.target.applied == Some(wish.digest));
        self.require(said, || {
            format!("{key} is created and status does not say what is sent")
        });
        let finalizer = self.object.finalizer;
        self.require(finalizer, || format!("{key} is created without finalizer"));
        let looked = match self
            .memory
            .entries
            .get(key)
            .and_then(|e| e.pending.as_ref())
            .map(|p| p.certainty)
        {
            Some(Certainty::NotSent { opened }) => self.snapshot.as_ref().is_some_and(|s| s.begun() > opened),
            _ => false,
        };
        self.require(looked, || format!("{key} is created without a look"));
        self.require_may_write("create");
        let by_id = self.object.spec.policy == AdoptionPolicy::ById;
        self.require(!by_id, || format!("{key} is created under policy ByID"));
        if matches!(mishap, Mishap::RefusedBefore | Mishap::RefusedForGood) {
            self.memory.create_failed(wish, fault(mishap), self.now, SEED);
            return;
        }
        let name = if mishap == Mishap::MarkerCut {
            "cut".into()
        } else {
            self.name(key)
        };
        let remote = self.provider.create(wish, name, self.now);
        let mut alive = self.provider.held.iter().filter(|held| {
            let nature = &self.provider.nature;
            let remembered = self
                .memory
                .entries
                .values()
                .any(|entry| entry.id.as_ref() == Some(&held.id));
            let marked = held
                .marker()
                .is_some_and(|m| self.owner.ownership(key, &m) == Ownership::Ours);
            // One that is on its way out, to make room, is no duplicate.
            held.maker == Maker::Controller(key.clone())
                && !remembered
                && !held.lost
                && (marked || !nature.named)
        });
        let single = (alive.next(), alive.next()).1.is_none();
        self.require(single, || {
            format!("a second remote subscription was made for {key}")
        });
        if mishap == Mishap::ReplyLost {
            self.memory.create_failed(wish, fault(mishap), self.now, SEED);
        } else {
            let marked = remote.marker.is_some();
            self.memory
                .created(wish, remote, marked, self.now, &self.capabilities);
        }
    }

    fn adopt(
        &mut self,
        key: &RemoteKey,
        id: &ExternalId,
        stamp: bool,
        wish: Option<&Wanted>,
        mishap: Mishap,
    ) {
        let carried_out = !matches!(mishap, Mishap::RefusedBefore | Mishap::RefusedForGood);
        if stamp {
            self.require_may_write("stamp");
            self.check_stamp(key, id);
        }
        let held_twice = self
            .memory
            .entries
            .iter()
            .any(|(k, e)| k != key && e.id.as_ref() == Some(id));
        self.require(!held_twice, || format!("{id} is held by two keys"));
        let remote = if stamp && carried_out {
            let name = self.name(key);
            self.provider
                .update(id, FieldSet::EMPTY, &View::default(), Some(name))
        } else {
            self.check_taken(key, id);
            self.provider.get(id).map(|held| held.show(&self.provider.nature))
        };
        let digest = wish.map(|wish| wish.digest);
        match remote {
            Some(remote) if carried_out && mishap != Mishap::ReplyLost => {
                let entry = self.memory.entries.get(key);
                let sent_by_entry = !stamp
                    && entry
                        .and_then(|e| e.pending.as_ref())
                        .is_some_and(|p| matches!(p.certainty, Certainty::Unknown { .. }));
                let hold = if self.object.spec.observe {
                    Hold::Observed
                } else {
                    Hold::Adopted
                };
                self.memory.adopted(key, hold, sent_by_entry, remote, self.now);
                let entry = self.memory.entries.get(key);
                if entry.map(|entry| entry.hold) != Some(Hold::Observed)
                    && let Some(held) = self.provider.get_mut(id)
                {
                    held.taken = Some(key.clone());
                    held.lost = false;
                }
            }
            Some(_) => self.memory.failed(key, digest, fault(mishap), self.now, SEED),
            None => self.memory.deleted(None, id),
        }
    }

    fn update(&mut self, wish: &Wanted, id: &ExternalId, fields: FieldSet, repair: bool, mishap: Mishap) {
        self.require_may_write("update");
        self.check_marked(&wish.key, id, "updated");
        if matches!(mishap, Mishap::RefusedBefore | Mishap::RefusedForGood) {
            return self.fail(&wish.key, Some(wish), mishap);
        }
        let name = fields.contains(Field::Name).then(|| self.name(&wish.key));
        let remote = self.provider.update(id, fields, &wish.view, name);
        match remote {
            _ if mishap == Mishap::ReplyLost => self.fail(&wish.key, Some(wish), mishap),
            Some(remote) => {
                let able = self.capabilities;
                self.memory.updated(wish, fields, remote, repair, self.now, &able);
            }
            None => self.memory.read(&wish.key, None, self.now),
        }
    }

    fn require_may_write(&mut self, what: &str) {
        let observe = self.object.spec.observe;
        self.require(!observe, || format!("a {what} while only observing"));
        let finalizer = self.object.finalizer;
        self.require(finalizer, || format!("a {what} without finalizer"));
    }

    /// The marker is ours, or a hand took it off so lately that a fresh read could not know.
    fn check_marked(&mut self, key: &RemoteKey, id: &ExternalId, what: &str) {
        let Some(held) = self.provider.get(id) else { return };
        if !self.provider.nature.named {
            let ours = held.is_of(key);
            return self.require(ours, || format!("{id} is {what} and not ours"));
        }
        let ours = held
            .marker()
            .is_some_and(|marker| self.owner.ownership(key, &marker) == Ownership::Ours);
        let lately = held
            .stripped
            .is_some_and(|at| self.now.since(at) <= Timing::default().fresh);
        self.require(ours || lately, || format!("{id} is {what} and not marked"));
    }

    fn check_delete(&mut self, key: Option<&RemoteKey>, id: &ExternalId) {
        let discard = key
            .and_then(|key| self.memory.entries.get(key))
            .is_some_and(|entry| entry.discard.as_ref() == Some(id));
        if discard {
            let created_by_us = self.provider.get(id).is_none_or(|held| held.maker != Maker::Hand);
            self.require(created_by_us, || {
                format!("{id} is discarded and was not made by us")
            });
            return;
        }
        let observe = self.object.spec.observe;
        self.require(!observe, || format!("{id} is deleted while only observing"));
        let Some(held) = self.provider.get(id) else { return };
        if !self.provider.nature.named {
            let ours = matches!(held.maker, Maker::Controller(_)) || held.taken.is_some();
            return self.require(ours, || format!("{id} is deleted and not ours"));
        }
        let ours = held.marker().is_some_and(|marker| self.owner.wrote(&marker));
        let lately = held
            .stripped
            .is_some_and(|at| self.now.since(at) <= Timing::default().fresh);
        self.require(ours || lately, || format!("{id} is deleted and not marked"));
    }

    /// What carries no mark is taken over only where the policy asks for it, or where our own create made it.
    fn check_taken(&mut self, key: &RemoteKey, id: &ExternalId) {
        let Some(held) = self.provider.get(id) else { return };
        let asked = self.adoption_is_asked(id);
        let allowed = self.provider.nature.named || asked || held.is_of(key) || self.cloned;
        self.require(allowed, || format!("{id} is taken over unasked"));
    }

    fn adoption_is_asked(&self, id: &ExternalId) -> bool {
        match self.object.spec.policy {
            AdoptionPolicy::ById => self.imports.contains(id),
            AdoptionPolicy::IfMatches => true,
            AdoptionPolicy::IfOwned | AdoptionPolicy::Never => false,
        }
    }

    /// Only adoption that was asked for writes on what is not marked.
    fn check_stamp(&mut self, key: &RemoteKey, id: &ExternalId) {
        let Some(held) = self.provider.get(id) else { return };
        let asked = self.adoption_is_asked(id);
        let allowed = match held.marker().map(|m| self.owner.ownership(key, &m)) {
            None => asked,
            Some(Ownership::Ours | Ownership::Former) => true,
            Some(Ownership::OtherCluster | Ownership::Foreign) => false,
        };
        self.require(allowed, || format!("{id} is taken over unasked"));
    }
}

fn fault(mishap: Mishap) -> Fault {
    let lost = mishap == Mishap::ReplyLost;
    let for_good = mishap == Mishap::RefusedForGood;
    Fault {
        reason: if for_good {
            Reason::RefusedByProvider
        } else {
            Reason::ProviderUnavailable
        },
        message: format!("{mishap:?}"),
        disposition: if for_good {
            Disposition::WaitForChange
        } else {
            Disposition::Backoff
        },
        may_have_taken_effect: lost,
    }
}
