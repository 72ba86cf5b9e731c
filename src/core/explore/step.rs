//! The leader's side: asks the core for one action and performs it as the controller does, up to one effect.

use std::collections::BTreeMap;
use std::rc::Rc;

use crate::disabled::Rules;
use crate::memory::{Certainty, Content, Fault, Hold, Memory, Wanted};
use crate::names::{ExternalId, RemoteKey};
use crate::plan::{
    Action, Adoption, AdoptionPolicy, Intent, Replace, Restraint, Rivals, Settled, Situation, Timing,
    next_action,
};
use crate::reason::Reason;
use crate::remote::{Remote, Snapshot};
use crate::retry::Disposition;
use crate::time::Moment;
use crate::view::{Field, FieldSet};

use super::canon::level;
use super::things::{Things, Whose, number_of, strangers};
use super::world::{Change, EPOCH, End, Late, Listing, Object, Record, Request, Setting, World};

/// Steps that change memory only: more of them in a row than this is a loop.
const LOCAL_MAX: u32 = 20;
const SEED: u64 = 3;

/// The durations in the world's measure: an epoch makes a read stale, and two of them settle a create.
const fn timing() -> Timing {
    let half = std::time::Duration::from_millis(EPOCH / 2);
    Timing {
        settle: std::time::Duration::from_millis(EPOCH + EPOCH / 2),
        confirm: half,
        fresh: half,
    }
}

/// What of a memory is in status.
fn durable(memory: &Memory) -> Memory {
    let mut durable = memory.clone().after_restart(Moment::default());
    durable.finalizer = false;
    level(&mut durable);
    durable
}

/// The contents that may have been made, and are in no entry as made yet.
fn may_have_made(memory: &Memory) -> impl Iterator<Item = Content> {
    let pending = memory.entries.values().filter_map(|entry| entry.pending.as_ref());
    pending.map(|pending| pending.target.content)
}

/// What became of a request, as far as the process knows.
enum Outcome {
    /// It took effect, and made that.
    Applied(Option<u8>),
    /// There is nothing that it could change, or its base is stale.
    Denied,
    /// It failed without effect.
    Refused,
    /// Nobody knows.
    Unknown,
}

/// One step, with what it works on.
struct Step<'a> {
    setting: &'a Setting,
    things: &'static Things,
    slot: usize,
    end: End,
    /// The object as this process last saw it.
    object: Rc<Object>,
    wanted: Vec<Wanted>,
    since: Moment,
    memory: Memory,
    unproven: Option<Rc<Memory>>,
}

impl World {
    /// What the leader would do next for an object.
    pub fn intention(&self, setting: &Setting, slot: usize) -> String {
        let mut world = self.clone();
        let Some(mut step) = world.begin(setting, slot, End::Done) else {
            return "nothing".into();
        };
        format!("{:?}", step.decide_effect(&mut world))
    }

    /// One step of the leader: `None` where this end is not possible.
    pub fn step(&mut self, setting: &Setting, slot: usize, end: End) -> Option<()> {
        let mut step = self.begin(setting, slot, end)?;
        let action = step.decide_effect(self);
        step.perform(self, action)
    }

    fn begin<'a>(&mut self, setting: &'a Setting, slot: usize, end: End) -> Option<Step<'a>> {
        let object = self.caches[self.leader][slot].clone()?;
        self.process.tick();
        let things = Self::things(setting);
        let known = self.process.records[slot].clone();
        let fresh = known.is_none();
        let record = known
            .filter(|record| record.life == object.life)
            .filter(|record| {
                record
                    .unproven
                    .as_deref()
                    .is_none_or(|status| *status == object.status)
            });
        let now = self.process.now;
        let since = match &record {
            Some(record) if record.url == object.url => record.since,
            None if fresh => self.process.since[slot],
            Some(_) | None => now,
        };
        let (mut memory, unproven) = record.map_or_else(
            || {
                (
                    object.status.clone().after_restart(now),
                    Some(Rc::new(object.status.clone())),
                )
            },
            |record| (record.memory.clone(), record.unproven.clone()),
        );
        memory.finalizer = object.finalizer;
        if object.deleting && !object.finalizer {
            return None;
        }
        let wanted = things.wanted(slot, object.life, setting.keys, object.url);
        Some(Step {
            setting,
            things,
            slot,
            end,
            object,
            wanted,
            since,
            memory,
            unproven,
        })
    }

    /// What a LIST shows; `missing` is what it is too early for.
    fn list(&self, setting: &Setting, lagging: bool) -> Listing {
        let things = Self::things(setting);
        let listed = self
            .remotes
            .iter()
            .filter(|held| match (held.deleted, held.fresh) {
                (None, None) => true,
                (None, Some(_)) => !lagging,
                (Some(_), _) => lagging,
            });
        let mut remotes: Vec<_> = listed
            .map(|held| things.shown(held.number, held.name, held.url))
            .collect();
        remotes.extend(strangers(things));
        Listing {
            begun: self.process.now,
            remotes,
        }
    }

    fn snapshot(&self) -> Option<Snapshot> {
        let listing = self.process.listing.as_ref()?;
        Some(Snapshot::new(listing.begun, listing.remotes.iter().cloned()))
    }

    /// A read of one id.
    fn get(&self, things: &Things, id: &ExternalId) -> Option<Remote> {
        let number = number_of(id);
        let held = self.alive().find(|held| held.number == number);
        held.map(|held| things.shown(held.number, held.name, held.url))
    }

    /// What the other objects of this process have a hold on, where nothing at the provider tells: the table that the
    /// controller keeps, computed anew.
    fn rivals(&self, step: &Step<'_>) -> Rivals {
        let mut rivals = Rivals::default();
        if step.things.named() {
            return rivals;
        }
        let mine: Vec<Content> = may_have_made(&step.memory).collect();
        for slot in (0..self.slots.len()).filter(|slot| *slot != step.slot) {
            let cached = self.caches[self.leader][slot].as_ref();
            let record = self.process.records[slot].as_ref();
            let known = cached.map(|object| &object.status);
            let memories = known.into_iter().chain(record.map(|record| &record.memory));
            rivals.held.extend(memories.flat_map(Memory::ids).cloned());
            // A create whose outcome is open keeps others away, whatever its object wants by now.
            let memory = record.map(|record| &record.memory).or(known);
            let open: Vec<Content> = memory.into_iter().flat_map(may_have_made).collect();
            let kept = |wish: &&Wanted| {
                let content = Content::of(&wish.view);
                open.contains(&content) && (slot < step.slot || !mine.contains(&content))
            };
            let who = |wish: &Wanted| (wish.key.clone(), "another".to_owned());
            rivals.claimed.extend(step.wanted.iter().filter(kept).map(who));
            let (Some(object), Some(record)) = (cached, record) else {
                continue;
            };
            let begun = |memory: &Memory| {
                let mut entries = memory.entries.values();
                entries.any(|entry| entry.id.is_some() || entry.pending.is_some())
            };
            let first = begun(&record.memory) || (slot < step.slot && !begun(&step.memory));
            if object.url == step.object.url && !object.deleting && first {
                rivals.claimed.extend(step.wanted.iter().map(who));
            }
        }
        rivals
    }
}

impl Step<'_> {
    fn decide(&self, world: &World) -> Action {
        let adoption = Adoption {
            policy: AdoptionPolicy::IfOwned,
            ..Adoption::default()
        };
        let intent = if self.object.deleting {
            Intent::Remove {
                orphan: false,
                let_go: false,
            }
        } else {
            Intent::Keep {
                wanted: &self.wanted,
                adoption: &adoption,
                observe: false,
                correct_drift: true,
                replace: Replace::KeysOnly,
            }
        };
        let snapshot = world.snapshot();
        next_action(&Situation {
            now: world.process.now,
            intent,
            capabilities: &self.things.capabilities,
            owner: self.things.owner(self.slot, self.object.life),
            memory: &self.memory,
            snapshot: snapshot.as_ref(),
            rivals: &world.rivals(self),
            restraint: Restraint::default(),
            timing: timing(),
            rules: Rules::NONE,
            deliveries: &BTreeMap::new(),
        })
    }

    /// Performs what changes memory only, and gives the first action that has an effect.
    fn decide_effect(&mut self, world: &mut World) -> Action {
        for _ in 0..LOCAL_MAX {
            match self.decide(world) {
                Action::Note(note) => self.memory.note(&note, &self.wanted, world.process.now),
                Action::Adopt {
                    key,
                    id,
                    stamp: false,
                } => self.take_over(world, &key, &id),
                action => return action,
            }
        }
        world.broken = Some("the plan does not come to an effect".into());
        Action::Settle(Settled::default())
    }

    fn take_over(&mut self, world: &mut World, key: &RemoteKey, id: &ExternalId) {
        let snapshot = world.snapshot();
        let Some((remote, begun)) = snapshot
            .as_ref()
            .and_then(|s| Some((s.get(id)?.clone(), s.begun())))
        else {
            world.broken = Some(format!("{id} is taken over and no LIST shows it"));
            return;
        };
        let pending = self.memory.entry(key).pending.as_ref();
        let sent = pending.is_some_and(|pending| matches!(pending.certainty, Certainty::Unknown { .. }));
        self.memory.adopted(key, Hold::Adopted, sent, remote, begun);
    }

    fn perform(mut self, world: &mut World, action: Action) -> Option<()> {
        world.process.tick();
        let changes_remotes = matches!(
            action,
            Action::Update { .. } | Action::Delete(..) | Action::Adopt { stamp: true, .. }
        );
        if changes_remotes && self.unproven.is_some() {
            // Before the first of them the object itself is read: nothing is changed on the word of an old watch.
            (self.end == End::Done).then_some(())?;
            let current = world.slots[self.slot].object.as_ref()?;
            ((current.life, current.version) == (self.object.life, self.object.version)).then_some(())?;
            self.unproven = None;
            self.remember(world);
            return Some(());
        }
        match action {
            Action::Note(_) | Action::Adopt { stamp: false, .. } => {}
            Action::SwitchOff { key, .. } => {
                world.require(false, || format!("{key} is switched off, and nobody withdrew it"));
            }
            Action::ClaimFinalizer => {
                if self.write(world, Change::Finalizer(true))? {
                    self.memory.finalizer = true;
                }
            }
            Action::RecordIntent(keys) => self.record_intent(world, &keys)?,
            Action::Store => self.publish(world)?,
            Action::Look(after) => {
                world.require(after.is_none_or(|after| world.process.now > after), || {
                    format!("a LIST is to begin after {after:?}")
                });
                self.look(world)?;
            }
            Action::Read(key, id) => self.read(world, &key, &id)?,
            Action::Create(key) => self.create(world, &key)?,
            Action::Adopt { key, id, .. } => self.stamp(world, &key, &id)?,
            Action::Update {
                key,
                id,
                fields,
                repair,
            } => self.update(world, &key, &id, fields, repair)?,
            Action::Delete(key, id) => self.delete(world, key.as_ref(), &id)?,
            Action::ReleaseFinalizer { orphaned } => {
                world.require(orphaned.is_empty(), || format!("{orphaned:?} are left behind"));
                self.write(world, Change::Finalizer(false))?;
            }
            Action::Settle(settled) if settled.gone => return None,
            Action::Settle(_) => {
                if durable(&self.memory) == self.object.status {
                    // At rest: the next LIST comes by itself.
                    let stale =
                        |listing: &Rc<Listing>| world.process.now.since(listing.begun) > timing().fresh;
                    if world.process.listing.as_ref().is_none_or(stale) {
                        self.look(world)?;
                    } else if self.end != End::Done {
                        return None;
                    }
                } else {
                    self.publish(world)?;
                }
            }
        }
        if self.end != End::Died {
            self.remember(world);
        }
        Some(())
    }

    fn remember(mut self, world: &mut World) {
        level(&mut self.memory);
        if world.caches[world.leader][self.slot].is_some() {
            world.process.records[self.slot] = Some(Rc::new(Record {
                life: self.object.life,
                url: self.object.url,
                since: self.since,
                unproven: self.unproven,
                memory: self.memory,
            }));
        }
    }

    fn look(&mut self, world: &mut World) -> Option<()> {
        let lagging = match self.end {
            End::Done => false,
            // Costs no fault: lists lag every day.
            End::Refused if !self.setting.strips => true,
            _ => return None,
        };
        let lags = world
            .remotes
            .iter()
            .any(|held| held.fresh.is_some() || held.deleted.is_some());
        (lags || !lagging).then_some(())?;
        world.process.listing = Some(Rc::new(world.list(self.setting, lagging)));
        Some(())
    }

    /// Sends a request; `None` where it cannot end in this way.
    fn send(&self, world: &mut World, request: Request) -> Option<Outcome> {
        if self.end != End::Done {
            world.faults = world.faults.checked_sub(1)?;
        }
        Some(match self.end {
            End::Done => {
                world.writes += 1;
                let result = world.apply(self.setting, &request, 0);
                world.process.tick();
                result.map_or(Outcome::Denied, Outcome::Applied)
            }
            End::Refused => Outcome::Refused,
            End::Unknown => {
                world.late.push(Late { age: 0, request });
                world.process.tick();
                Outcome::Unknown
            }
            End::Died => {
                world.late.push(Late { age: 0, request });
                world.end_process();
                Outcome::Unknown
            }
        })
    }

    fn fault(&self) -> Fault {
        Fault {
            reason: Reason::ProviderUnavailable,
            message: String::new(),
            disposition: Disposition::Backoff,
            may_have_taken_effect: self.end == End::Unknown,
        }
    }

    /// A write to the apiserver, and whether it is known to be done.
    fn write(&mut self, world: &mut World, change: Change) -> Option<bool> {
        let request = Request::Write(self.slot, self.object.version, change);
        let done = matches!(self.send(world, request)?, Outcome::Applied(_));
        if done {
            self.unproven = None;
            // What an own write returned counts until the watch has it.
            let current = world.slots[self.slot].object.clone();
            if let Some(current) = &current {
                self.object = Rc::clone(current);
                world.caches[world.leader][self.slot] = Some(Rc::clone(current));
            }
        }
        Some(done)
    }

    /// Writes status, if that changes it.
    fn publish(&mut self, world: &mut World) -> Option<()> {
        let status = durable(&self.memory);
        if status == self.object.status {
            (self.end == End::Done).then_some(())?;
            self.memory.stored();
        } else if self.write(world, Change::Status(Rc::new(status)))? {
            self.memory.stored();
        }
        Some(())
    }

    fn record_intent(&mut self, world: &mut World, keys: &[RemoteKey]) -> Option<()> {
        let before = self.memory.clone();
        let wishes: Vec<_> = keys
            .iter()
            .filter_map(|key| self.wanted.iter().find(|wish| wish.key == *key))
            .collect();
        let intended = world.process.now;
        self.memory.intend(&wishes, self.since, intended);
        let status = Change::Status(Rc::new(durable(&self.memory)));
        if !self.write(world, status)? {
            self.memory = before;
            self.memory.intend_failed(keys);
            return Some(());
        }
        self.memory.stored();
        self.memory.intent_stored(intended, world.process.now);
        Some(())
    }

    fn whose(&self, key: &RemoteKey) -> Option<Whose> {
        let key = self.things.key_index(key)?;
        Some(Whose {
            slot: self.slot,
            life: self.object.life,
            key,
        })
    }

    fn read(&mut self, world: &mut World, key: &RemoteKey, id: &ExternalId) -> Option<()> {
        (self.end == End::Done).then_some(())?;
        let seen = world.get(self.things, id);
        self.memory.read(key, seen, world.process.now);
        Some(())
    }

    fn create(&mut self, world: &mut World, key: &RemoteKey) -> Option<()> {
        let wish = self.wanted.iter().find(|wish| wish.key == *key)?.clone();
        let whose = self.whose(key)?;
        world.check_create(self.setting, whose, wish.digest);
        let result = self.send(world, Request::Create(whose, self.object.url))?;
        let now = world.process.now;
        match result {
            Outcome::Applied(Some(number)) => {
                let remote = self.things.shown(number, whose, self.object.url);
                let able = &self.things.capabilities;
                self.memory.created(&wish, remote, true, now, able);
            }
            _ => self.memory.create_failed(&wish, self.fault(), now, SEED),
        }
        Some(())
    }

    fn stamp(&mut self, world: &mut World, key: &RemoteKey, id: &ExternalId) -> Option<()> {
        let whose = self.whose(key)?;
        world.check_touch(self.setting, self.slot, self.object.life, id, true);
        let result = self.send(world, Request::Update(number_of(id), None, Some(whose)))?;
        let now = world.process.now;
        let wish = self.wanted.iter().find(|wish| wish.key == *key).map(|w| w.digest);
        match result {
            Outcome::Applied(_) => {
                let remote = world.get(self.things, id)?;
                self.memory.adopted(key, Hold::Adopted, false, remote, now);
            }
            Outcome::Denied => self.memory.deleted(None, id),
            _ => self.memory.failed(key, wish, self.fault(), now, SEED),
        }
        Some(())
    }

    fn update(
        &mut self,
        world: &mut World,
        key: &RemoteKey,
        id: &ExternalId,
        fields: FieldSet,
        repair: bool,
    ) -> Option<()> {
        let wish = self.wanted.iter().find(|wish| wish.key == *key)?.clone();
        world.check_touch(self.setting, self.slot, self.object.life, id, false);
        let name = self.whose(key).filter(|_| fields.contains(Field::Name));
        let url = Some(self.object.url).filter(|_| fields.contains(Field::Url));
        let result = self.send(world, Request::Update(number_of(id), url, name))?;
        let now = world.process.now;
        match result {
            Outcome::Applied(_) => {
                let remote = world.get(self.things, id)?;
                let able = &self.things.capabilities;
                self.memory.updated(&wish, fields, remote, repair, now, able);
            }
            // It vanished: a refused change is followed by a read.
            Outcome::Denied => self.memory.read(key, None, now),
            _ => self
                .memory
                .failed(key, Some(wish.digest), self.fault(), now, SEED),
        }
        Some(())
    }

    fn delete(&mut self, world: &mut World, key: Option<&RemoteKey>, id: &ExternalId) -> Option<()> {
        world.check_touch(self.setting, self.slot, self.object.life, id, false);
        let result = self.send(world, Request::Delete(number_of(id)))?;
        let now = world.process.now;
        if let Outcome::Applied(_) = result {
            self.memory.deleted(key, id);
        } else {
            let single = RemoteKey::single();
            self.memory
                .failed(key.unwrap_or(&single), None, self.fault(), now, SEED);
        }
        Some(())
    }
}
