//! The world: what the apiserver stores, what the replicas know of it, what the provider holds, and which requests are
//! still under way though nobody waits for them any more.

use std::rc::Rc;

use crate::memory::Memory;
use crate::remote::Remote;
use crate::time::Moment;

use super::canon;
use super::things::{LIVES, Things, URLS, Whose, number_of, things};

/// Where a span of time is long enough to matter: what was read before is stale then, and after two of them a create
/// that took effect is certain to be listed. Everything that takes less only has an order.
pub const EPOCH: u64 = 10_000_000;
/// How many epochs a request can be under way, or a new remote subscription be missing from LISTs.
pub const SETTLED: u8 = 2;

/// What a world is like, and how much may happen in it.
#[derive(Debug, Clone, Copy)]
#[expect(clippy::struct_excessive_bools, reason = "each is a switch of its own")]
pub struct Setting {
    pub name: &'static str,
    /// The provider has names, and so a place for a marker.
    pub named: bool,
    pub objects: usize,
    /// Keys of each object.
    pub keys: usize,
    /// Both objects want the same.
    pub alike: bool,
    /// A deleted remote subscription may still be listed for a while.
    pub late_deletes: bool,
    /// Objects may be taken away with their finalizer on, and what they had is left behind; LISTs do not lag then.
    pub strips: bool,
    /// How many moves are looked ahead.
    pub depth: u32,
    /// Lost answers, refusals, ends of processes and changes of leader.
    pub faults: u8,
    /// Edits, deletions and returns of objects, and deletions by hand at the provider.
    pub edits: u8,
}

/// An object as the apiserver stores it.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Object {
    pub life: usize,
    /// Only compared, as the apiserver does: a write that is not based on the current one is refused.
    pub version: u16,
    pub url: usize,
    pub finalizer: bool,
    pub deleting: bool,
    /// What status tells.
    pub status: Memory,
}

/// A slot: an object of one name, which may come and go.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Slot {
    pub object: Option<Rc<Object>>,
    /// Lives so far.
    pub lives: usize,
}

/// What a process remembers of an object.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Record {
    pub life: usize,
    /// The wish, and since when this process knows it.
    pub url: usize,
    pub since: Moment,
    /// The status that was restored, until a write of this process has shown that it was the newest.
    pub unproven: Option<Rc<Memory>>,
    pub memory: Memory,
}

/// One complete LIST.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Listing {
    pub begun: Moment,
    pub remotes: Vec<Remote>,
}

/// The leading process. The other replica only watches.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Process {
    pub now: Moment,
    /// Since when it knows of the object in each slot; what was there when it began to lead it knows from the start.
    pub since: Vec<Moment>,
    pub listing: Option<Rc<Listing>>,
    pub records: Vec<Option<Rc<Record>>>,
}

/// One remote subscription.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Held {
    pub number: u8,
    /// Whose create made it.
    pub maker: Whose,
    /// Whose marker it carries.
    pub name: Whose,
    pub url: usize,
    /// It was there when somebody made an object under the name of the one that left it behind.
    pub inherited: bool,
    /// Epochs since its create was sent, while a LIST may miss it.
    pub fresh: Option<u8>,
    /// Epochs since it was deleted, while a LIST may still show it.
    pub deleted: Option<u8>,
}

/// A request that changes something.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Request {
    Create(Whose, usize),
    /// New URL; the name, if it is written too.
    Update(u8, Option<usize>, Option<Whose>),
    Delete(u8),
    /// Slot, the version that it is based on, and what it changes.
    Write(usize, u16, Change),
}

/// A change of an object.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Change {
    Finalizer(bool),
    Status(Rc<Memory>),
}

/// A request that nobody waits for any more: it takes effect within the settle time, or never.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Late {
    pub age: u8,
    pub request: Request,
}

/// Everything.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct World {
    pub slots: Vec<Slot>,
    /// What each replica's watch has shown it.
    pub caches: [Vec<Option<Rc<Object>>>; 2],
    pub leader: usize,
    pub process: Process,
    pub remotes: Vec<Held>,
    pub late: Vec<Late>,
    pub faults: u8,
    pub edits: u8,
    /// Writes to provider and apiserver since the world was last asked.
    pub writes: u8,
    /// A rule that was broken.
    pub broken: Option<String>,
}

/// How the effect of a step ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum End {
    Done,
    /// Without effect, and the process knows. For a LIST: what is new is missing from it.
    Refused,
    /// The process gives up waiting. The request may still take effect.
    Unknown,
    /// The process ends, or is deposed. The request may still take effect.
    Died,
}

/// One thing that may happen.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Move {
    /// The leader takes one step for an object.
    Step(u8, End),
    /// The user changes the URL.
    Edit(u8),
    /// The user deletes the object.
    Delete(u8),
    /// Somebody takes the object away by force, whatever holds it.
    Strip(u8),
    /// The user makes an object of that name again.
    Recreate(u8),
    /// Somebody deletes a remote subscription at the provider.
    Hand(u8),
    /// A replica's watch catches up with an object.
    Watch(u8, u8),
    /// An epoch goes by.
    Epoch,
    /// A late request takes effect.
    Land(u8),
    /// The leader's process ends and another begins.
    Restart,
    /// The other replica leads from now on.
    Elect,
}

impl World {
    /// All objects were just made.
    pub fn new(setting: &Setting) -> Self {
        let object = |slot: usize| {
            Some(Rc::new(Object {
                life: 0,
                version: 1,
                url: if setting.alike { 0 } else { slot % URLS },
                finalizer: false,
                deleting: false,
                status: Memory::default(),
            }))
        };
        let slots: Vec<_> = (0..setting.objects)
            .map(|slot| Slot {
                object: object(slot),
                lives: 1,
            })
            .collect();
        let cache: Vec<_> = slots.iter().map(|slot| slot.object.clone()).collect();
        Self {
            process: Process::new(slots.len()),
            slots,
            caches: [cache.clone(), cache],
            leader: 0,
            remotes: Vec::new(),
            late: Vec::new(),
            faults: setting.faults,
            edits: setting.edits,
            writes: 0,
            broken: None,
        }
    }

    /// All that might happen next; some of it cannot.
    pub fn moves(&self) -> Vec<Move> {
        let mut moves = Vec::new();
        let slots = || 0..u8::try_from(self.slots.len()).unwrap();
        for slot in slots() {
            moves.push(Move::Step(slot, End::Done));
            moves.extend([0, 1].map(|replica| Move::Watch(replica, slot)));
            if self.faults > 0 {
                for end in [End::Refused, End::Unknown, End::Died] {
                    moves.push(Move::Step(slot, end));
                }
            } else {
                moves.push(Move::Step(slot, End::Refused));
            }
            if self.edits > 0 {
                moves.extend([Move::Edit, Move::Delete, Move::Strip, Move::Recreate].map(|edit| edit(slot)));
            }
        }
        moves.push(Move::Epoch);
        moves.extend((0..u8::try_from(self.late.len()).unwrap()).map(Move::Land));
        if self.edits > 0 {
            moves.extend(self.remotes.iter().map(|held| Move::Hand(held.number)));
        }
        if self.faults > 0 {
            moves.extend([Move::Restart, Move::Elect]);
        }
        moves
    }

    /// The world after a move; `None` where it cannot happen or changes nothing.
    pub fn after(&self, setting: &Setting, what: Move) -> Option<Self> {
        let mut next = self.clone();
        next.writes = 0;
        match what {
            Move::Step(slot, end) => next.step(setting, usize::from(slot), end)?,
            Move::Edit(slot) => {
                next.edit(usize::from(slot), |object| object.url = (object.url + 1) % URLS)?;
            }
            Move::Delete(slot) => {
                next.edit(usize::from(slot), |object| object.deleting = true)?;
                next.bury(usize::from(slot));
            }
            Move::Strip(slot) => {
                setting.strips.then_some(())?;
                next.edits -= 1;
                next.slots[usize::from(slot)].object.take()?;
            }
            Move::Recreate(slot) => next.recreate(usize::from(slot))?,
            Move::Hand(number) => {
                next.edits -= 1;
                next.remotes
                    .iter()
                    .any(|held| held.number == number && held.deleted.is_none())
                    .then_some(())?;
                next.remove(setting, number);
            }
            Move::Watch(replica, slot) => next.watch(usize::from(replica), usize::from(slot))?,
            Move::Epoch => next.epoch(),
            Move::Land(index) => {
                let late = next.late.remove(usize::from(index));
                let _ = next.apply(setting, &late.request, late.age);
            }
            Move::Restart => {
                next.faults -= 1;
                next.end_process();
            }
            Move::Elect => {
                next.faults -= 1;
                next.elect();
            }
        }
        canon::canonical(&mut next);
        (next != *self).then_some(next)
    }

    pub fn things(setting: &Setting) -> &'static Things {
        things(setting.named)
    }

    fn edit(&mut self, slot: usize, change: impl FnOnce(&mut Object)) -> Option<()> {
        self.edits -= 1;
        let object = self.slots[slot].object.as_mut().filter(|o| !o.deleting)?;
        let object = Rc::make_mut(object);
        change(object);
        object.version += 1;
        Some(())
    }

    /// An object that is being deleted and has no finalizer is gone.
    pub fn bury(&mut self, slot: usize) {
        let going = |object: &Rc<Object>| object.deleting && !object.finalizer;
        if let Some(object) = self.slots[slot].object.take_if(|object| going(object)) {
            self.check_buried(slot, object.life);
        }
    }

    fn recreate(&mut self, slot: usize) -> Option<()> {
        self.edits -= 1;
        let place = &mut self.slots[slot];
        if place.object.is_some() || place.lives >= LIVES {
            return None;
        }
        place.object = Some(Rc::new(Object {
            life: place.lives,
            // Versions are the cluster's, not the object's: none comes back.
            version: 1000,
            url: 0,
            finalizer: false,
            deleting: false,
            status: Memory::default(),
        }));
        place.lives += 1;
        let left = self.remotes.iter_mut().filter(|held| held.name.slot == slot);
        for held in left.filter(|held| held.deleted.is_none()) {
            held.inherited = true;
        }
        Some(())
    }

    fn watch(&mut self, replica: usize, slot: usize) -> Option<()> {
        if replica != self.leader && self.faults == 0 {
            // It will never lead: what it knows does not matter.
            return None;
        }
        let current = &self.slots[slot].object;
        let cached = &mut self.caches[replica][slot];
        if cached == current {
            return None;
        }
        let life = |object: &Option<Rc<Object>>| object.as_ref().map(|object| object.life);
        if replica == self.leader {
            if life(cached) != life(current) {
                self.process.since[slot] = self.process.now;
            }
            if current.is_none() {
                self.process.records[slot] = None;
            }
        }
        cached.clone_from(current);
        Some(())
    }

    /// Time goes by for everybody. What has not taken effect by then never will; what is new is listed.
    fn epoch(&mut self) {
        self.process.now = Moment::from_millis(self.process.now.as_millis() + EPOCH);
        self.late.retain_mut(|late| {
            late.age += 1;
            late.age < SETTLED
        });
        let pass = |age: &mut Option<u8>| *age = age.map(|age| age + 1).filter(|age| *age < SETTLED);
        self.remotes.retain_mut(|held| {
            pass(&mut held.fresh);
            let was_deleted = held.deleted.is_some();
            pass(&mut held.deleted);
            !was_deleted || held.deleted.is_some()
        });
    }

    /// The next process of this replica begins with what the apiserver has.
    pub fn end_process(&mut self) {
        self.process = Process::new(self.slots.len());
        self.caches[self.leader] = self.slots.iter().map(|slot| slot.object.clone()).collect();
    }

    /// The other replica leads, with what its watch has shown it and nothing else.
    fn elect(&mut self) {
        self.process = Process::new(self.slots.len());
        self.leader = 1 - self.leader;
    }

    /// Performs a request. `age`: how long ago it was sent. Writes that were based on an old version are refused.
    pub fn apply(&mut self, setting: &Setting, request: &Request, age: u8) -> Result<Option<u8>, ()> {
        match *request {
            Request::Create(whose, url) => {
                let number = self.next_number();
                let fresh = Some(age).filter(|age| *age < SETTLED);
                self.remotes.push(Held {
                    number,
                    maker: whose,
                    name: whose,
                    url,
                    inherited: false,
                    fresh,
                    deleted: None,
                });
                self.check_single(whose);
                return Ok(Some(number));
            }
            Request::Update(number, url, name) => {
                let Some(held) = self.alive_mut(number) else {
                    return Err(());
                };
                held.url = url.unwrap_or(held.url);
                held.name = name.unwrap_or(held.name);
                let whose = held.name;
                self.check_single(whose);
            }
            Request::Delete(number) => self.remove(setting, number),
            Request::Write(slot, version, ref change) => {
                self.write(slot, version, change)?;
                if let (false, Change::Status(status)) = (setting.named, change) {
                    self.note_holder(setting, slot, status);
                }
            }
        }
        Ok(None)
    }

    fn write(&mut self, slot: usize, version: u16, change: &Change) -> Result<(), ()> {
        let object = self.slots[slot].object.as_mut().ok_or(())?;
        if object.version != version {
            return Err(());
        }
        let object = Rc::make_mut(object);
        match change {
            Change::Finalizer(there) => object.finalizer = *there,
            Change::Status(status) => object.status = Memory::clone(status),
        }
        object.version += 1;
        self.bury(slot);
        Ok(())
    }

    /// Where nothing can be marked, a remote subscription is whose status has its id.
    fn note_holder(&mut self, setting: &Setting, slot: usize, status: &Memory) {
        let things = Self::things(setting);
        let Some(life) = self.slots[slot].object.as_ref().map(|object| object.life) else {
            return;
        };
        for (key, entry) in &status.entries {
            let held = entry.id.as_ref().and_then(|id| self.alive_mut(number_of(id)));
            if let (Some(held), Some(key)) = (held, things.key_index(key)) {
                held.name = Whose { slot, life, key };
            }
        }
    }

    fn remove(&mut self, setting: &Setting, number: u8) {
        if setting.late_deletes {
            if let Some(held) = self.alive_mut(number) {
                held.deleted = Some(0);
            }
        } else {
            self.remotes.retain(|held| held.number != number);
        }
    }

    /// Those that exist.
    pub fn alive(&self) -> impl Iterator<Item = &Held> {
        self.remotes.iter().filter(|held| held.deleted.is_none())
    }

    pub fn alive_mut(&mut self, number: u8) -> Option<&mut Held> {
        self.remotes
            .iter_mut()
            .find(|held| held.number == number && held.deleted.is_none())
    }

    /// A number that nothing refers to.
    fn next_number(&self) -> u8 {
        canon::highest_number(self) + 1
    }
}

impl Process {
    pub fn new(slots: usize) -> Self {
        Self {
            now: Moment::from_millis(1),
            since: vec![Moment::default(); slots],
            listing: None,
            records: vec![None; slots],
        }
    }

    /// Some time goes by, too little to matter.
    pub fn tick(&mut self) {
        self.now = Moment::from_millis(self.now.as_millis() + 1);
    }
}
