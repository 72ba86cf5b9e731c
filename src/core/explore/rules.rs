//! What has to be true after every step, and what once the world is at rest.

use crate::hash::Fingerprint;
use crate::names::ExternalId;

use super::things::{Whose, id_of, number_of};
use super::world::{Held, Request, Setting, World};

impl World {
    pub fn require(&mut self, holds: bool, rule: impl FnOnce() -> String) {
        if !holds && self.broken.is_none() {
            self.broken = Some(rule());
        }
    }

    /// Those that exist for a key of an object. Where nothing can be marked, another object that began to make the same
    /// may have taken it for its own meanwhile.
    fn made_for(&self, whose: Whose) -> impl Iterator<Item = &Held> {
        let taken = move |held: &Held| {
            let others = self.process.records.iter().enumerate();
            let mut others = others
                .filter(|(slot, _)| *slot != whose.slot)
                .filter_map(|(_, record)| record.as_ref());
            others.any(|record| record.memory.ids().any(|id| number_of(id) == held.number))
        };
        self.alive()
            .filter(move |held| held.name == whose && !taken(held))
    }

    /// What an object's predecessors left behind for a key, and was there before the object.
    fn inherited(&self, whose: Whose) -> impl Iterator<Item = &Held> {
        let left = move |held: &&Held| {
            held.inherited
                && (held.name.slot, held.name.key) == (whose.slot, whose.key)
                && held.name.life < whose.life
        };
        self.alive().filter(left)
    }

    /// At most one remote subscription exists for a key of an object.
    pub fn check_single(&mut self, whose: Whose) {
        let count = self.made_for(whose).count();
        self.require(count <= 1, || {
            format!("{count} remote subscriptions exist for {whose:?}")
        });
    }

    /// A create is sent when no earlier one may still take effect, no other exists, the object has our finalizer, and
    /// the apiserver holds what a later process must know. Who takes the object away by force takes that along.
    pub fn check_create(&mut self, setting: &Setting, whose: Whose, digest: Fingerprint) {
        let outstanding = |request: &Request| matches!(request, Request::Create(other, _) if *other == whose);
        let unknown = self.late.iter().any(|late| outstanding(&late.request));
        self.require(!unknown, || {
            format!("a create for {whose:?} is sent while the outcome of another is unknown")
        });
        let exists = self.made_for(whose).next().is_some();
        self.require(!exists, || {
            format!("a create for {whose:?} is sent and there is one")
        });
        let inherited = self.inherited(whose).next().is_some();
        self.require(!inherited, || {
            format!("a create for {whose:?} is sent and an object of that name left one behind")
        });
        let object = self.slots[whose.slot]
            .object
            .as_ref()
            .filter(|object| object.life == whose.life);
        let said = object.is_some_and(|object| {
            let mut entries = object.status.entries.values();
            object.finalizer
                && entries.any(|entry| {
                    let pending = entry.pending.as_ref();
                    pending.is_some_and(|pending| pending.target.applied == Some(digest))
                })
        });
        let taken = setting.strips && object.is_none();
        self.require(said || taken, || {
            format!("a create for {whose:?} is sent without finalizer or write-ahead entry")
        });
    }

    /// Only what carries the object's marker is changed or deleted; `stamp` writes it on what carries that of an
    /// object of the same name which is no more. Where nothing can be marked: only what no other object holds.
    pub fn check_touch(&mut self, setting: &Setting, slot: usize, life: usize, id: &ExternalId, stamp: bool) {
        let number = number_of(id);
        let Some(held) = self.remotes.iter().find(|held| held.number == number) else {
            let stranger = number >= 200;
            return self.require(!stranger, || format!("{id} is a stranger's and is written to"));
        };
        if !setting.named {
            let holds = |at: &usize| {
                let object = self.slots[*at].object.as_ref();
                object.is_some_and(|object| {
                    (*at, object.life) != (slot, life) && object.status.ids().any(|held| held == id)
                })
            };
            let holder = (0..self.slots.len()).find(holds);
            return self.require(holder.is_none(), || {
                format!("{id} is held by slot {holder:?} and is written to by slot {slot} in life {life}")
            });
        }
        let (name, current) = (held.name, held.name.life == life);
        let former = stamp && name.life < life;
        self.require(name.slot == slot && (current || former), || {
            format!("{id} carries the marker of {name:?} and is written to by slot {slot} in life {life}")
        });
    }

    /// What an object had at the provider is gone when it goes, and nothing is under way that would make more.
    pub fn check_buried(&mut self, slot: usize, life: usize) {
        let of = |whose: &Whose| whose.slot == slot && whose.life == life;
        let left = self.alive().find(|held| of(&held.name)).map(|held| held.number);
        self.require(left.is_none(), || {
            format!("{:?} outlives its object, slot {slot}", left.map(id_of))
        });
        let coming = self
            .late
            .iter()
            .any(|late| matches!(&late.request, Request::Create(whose, _) if of(whose)));
        self.require(!coming, || {
            format!("the object of slot {slot} goes while a create of it is under way")
        });
    }

    /// What is true once nothing happens any more.
    pub fn check_rest(&mut self, setting: &Setting) {
        for slot in 0..self.slots.len() {
            let object = self.slots[slot].object.clone();
            let Some(object) = object else { continue };
            self.require(!object.deleting, || {
                format!("the deletion of slot {slot} has no end")
            });
            if self.has_rival(setting, slot, &object) {
                continue;
            }
            let wanted = Self::things(setting).wanted(slot, object.life, setting.keys, object.url);
            for (key, wish) in wanted.iter().enumerate() {
                let whose = Whose {
                    slot,
                    life: object.life,
                    key,
                };
                let entry = object.status.entries.get(&wish.key);
                let id = entry.and_then(|entry| entry.id.as_ref());
                let there = self
                    .alive()
                    .find(|held| held.name == whose)
                    .map(|held| (held.number, held.url));
                let as_wanted = there.is_some_and(|(number, url)| {
                    url == object.url && id.is_some_and(|id| number_of(id) == number)
                });
                self.require(as_wanted, || {
                    format!(
                        "{whose:?} is to have URL {}: {there:?} is there, and status says {id:?}",
                        object.url
                    )
                });
                let open = entry.is_some_and(|entry| entry.pending.is_some());
                self.require(!open, || format!("{whose:?} has an open entry at rest"));
            }
        }
        let outlives = |held: &&Held| {
            let object = self.slots[held.name.slot].object.as_ref();
            let life = object.map(|object| object.life);
            // Who takes an object away by force leaves something behind, until an object of that name is there again.
            let left = setting.strips && (life.is_none() || !held.inherited);
            life != Some(held.name.life) && !left
        };
        let outliving = self.alive().find(outlives).map(|held| held.name);
        self.require(outliving.is_none(), || {
            format!("what was made for {outliving:?} outlives it")
        });
    }

    /// Where nothing can be marked, one of two objects that want the same has to stand back.
    fn has_rival(&self, setting: &Setting, slot: usize, object: &super::world::Object) -> bool {
        let others = (0..self.slots.len()).filter(|other| *other != slot);
        let mut others = others.filter_map(|other| self.slots[other].object.as_ref());
        !setting.named && others.any(|other| other.url == object.url)
    }
}
