//! A small world: three provider objects, three shards, two accounts, and everything in any order.

use super::{Shard, Standing, Step, decide};

const NAMES: [&str; 3] = ["", "a", "b"];
const ACCOUNTS: [&str; 2] = ["x", "y"];
const OBJECTS: usize = 3;

/// A provider object at the apiserver. Its index is its age.
#[derive(Debug, Clone, Default, PartialEq)]
struct Object {
    version: u32,
    label: Shard,
    holder: Shard,
    claim: Option<&'static str>,
    /// What its credential leads to; not part of the object.
    account: Option<&'static str>,
}

/// What a process does for an object.
#[derive(Debug, Clone, Default)]
struct Seat {
    open: bool,
    account: Option<&'static str>,
    passes: u8,
}

/// One look at an object, step by step: others act in between.
#[derive(Debug, Clone)]
struct Look {
    of: usize,
    seen: Object,
    /// What was read of all objects, each at its own time.
    roll: Vec<Object>,
    /// Whether a shard was seen without a leader, each after the roll.
    leaderless: Vec<bool>,
}

/// The leader of a shard.
#[derive(Debug, Clone, Default)]
struct Process {
    seats: [Seat; OBJECTS],
    /// What its watch has told; it may be behind.
    watch: [Object; OBJECTS],
    look: Option<Look>,
}

#[derive(Debug)]
pub(super) struct World {
    objects: [Object; OBJECTS],
    processes: Vec<Option<Process>>,
}

impl Default for World {
    fn default() -> Self {
        let mut objects: [Object; OBJECTS] = Default::default();
        // One has an account to itself: there no other object's claim stands between two shards.
        for (object, account) in objects.iter_mut().zip([0, 1, 0]) {
            object.account = Some(ACCOUNTS[account]);
        }
        let process = Process {
            watch: objects.clone(),
            ..Process::default()
        };
        Self {
            objects,
            processes: vec![Some(process); NAMES.len()],
        }
    }
}

/// A write that fails on a stale copy.
fn write(objects: &mut [Object], look: &Look, change: impl FnOnce(&mut Object)) {
    let object = &mut objects[look.of];
    if object.version == look.seen.version {
        change(object);
        object.version += 1;
    }
}

fn shard(index: usize) -> Shard {
    Shard::parse(NAMES[index]).unwrap()
}

fn index(shard: &Shard) -> Option<usize> {
    NAMES.iter().position(|name| Shard::told(Some(name)) == *shard)
}

impl World {
    /// One event, told by a number.
    pub(super) fn step(&mut self, choice: u16) {
        let choice = usize::from(choice);
        let (who, what, of) = (choice % 3, choice / 3 % 16, choice / 48 % OBJECTS);
        let pick = choice / 144;
        match what {
            0 => self.edit(of, |object| object.label = shard(pick % 3)),
            1 => self.objects[of].account = [Some("x"), Some("y"), None][pick % 3],
            2 => {
                self.processes[who] = match self.processes[who] {
                    Some(_) if pick % 2 == 0 => None,
                    Some(_) => return,
                    // A replica whose watch stands where it stood long ago.
                    None => Some(Process::default()),
                }
            }
            3 | 4 => {
                let object = self.objects[of].clone();
                if let Some(process) = &mut self.processes[who] {
                    process.watch[of] = object;
                }
            }
            5 | 6 => {
                if let Some(process) = &mut self.processes[who] {
                    let seat = &mut process.seats[of];
                    // A pass begins only where the seat is open.
                    if seat.open && seat.passes < 2 && pick % 2 == 0 {
                        seat.passes += 1;
                    } else {
                        seat.passes = seat.passes.saturating_sub(1);
                    }
                }
            }
            // Often the watch is up to date and nobody comes in between, else nothing ever gets far.
            7..=10 => self.whole_look(who, of),
            _ => self.look(who, of),
        }
    }

    fn edit(&mut self, of: usize, change: impl FnOnce(&mut Object)) {
        change(&mut self.objects[of]);
        self.objects[of].version += 1;
    }

    /// A look from its beginning to its end at everything as it is.
    fn whole_look(&mut self, who: usize, of: usize) {
        if let Some(process) = &mut self.processes[who] {
            process.watch = self.objects.clone();
            process.look = None;
        }
        for _ in 0..OBJECTS + 3 {
            self.look(who, of);
        }
    }

    /// The next step of a process's look at some object; begins one at `of` where there is none.
    fn look(&mut self, who: usize, of: usize) {
        let leaderless: Vec<bool> = self.processes.iter().map(Option::is_none).collect();
        let Some(process) = &mut self.processes[who] else {
            return;
        };
        let Some(look) = &mut process.look else {
            let seen = process.watch[of].clone();
            process.look = Some(Look {
                of,
                seen,
                roll: Vec::new(),
                leaderless: Vec::new(),
            });
            return;
        };
        if look.roll.len() < OBJECTS {
            look.roll.push(self.objects[look.roll.len()].clone());
        } else if look.leaderless.is_empty() {
            look.leaderless = leaderless;
        } else {
            let look = look.clone();
            process.look = None;
            self.act(who, &look);
        }
    }

    fn act(&mut self, who: usize, look: &Look) {
        let Some(process) = &mut self.processes[who] else {
            return;
        };
        let (me, of) = (shard(who), look.of);
        let seat = &mut process.seats[of];
        let speaking = seat.account.is_some() && (seat.open || seat.passes > 0);
        let wanted = self.objects[of].account.or(seat.account.filter(|_| speaking));
        // Who speaks already goes by its watch; who is about to begin reads everything anew.
        let sight: &[Object] = if speaking { &process.watch } else { &look.roll };
        let rivals: Vec<(usize, &Object)> = sight
            .iter()
            .enumerate()
            .filter(|(other, rival)| {
                *other != of && rival.claim.is_some() && rival.claim == wanted && rival.holder != me
            })
            .collect();
        let leaderless = |shard: &Shard| index(shard).is_none_or(|index| look.leaderless[index]);
        let step = decide(&Standing {
            me: &me,
            assigned: &look.seen.label,
            holder: &look.seen.holder,
            claimed: look.seen.claim,
            wanted,
            speaking,
            working: seat.open || seat.passes > 0,
            orphaned: leaderless(&look.seen.holder),
            elder: rivals.iter().any(|(other, _)| *other < of),
            younger: rivals
                .iter()
                .any(|(other, rival)| *other > of && !leaderless(&rival.holder)),
        });
        match step {
            Step::Drain => seat.open = false,
            Step::Refuse => {
                *seat = Seat {
                    open: true,
                    account: None,
                    passes: seat.passes,
                }
            }
            // To begin, the object itself has to be as it was seen.
            Step::Serve if wanted.is_none() || speaking && seat.open => seat.open = true,
            Step::Serve if look.roll[of].version == look.seen.version => {
                seat.open = true;
                seat.account = wanted;
            }
            Step::HandOver => {
                *seat = Seat::default();
                let label = look.seen.label.clone();
                write(&mut self.objects, look, |object| {
                    (object.holder, object.claim) = (label, None);
                });
            }
            Step::TakeOver => write(&mut self.objects, look, |object| {
                (object.holder, object.claim) = (me, None);
            }),
            Step::Claim => {
                *seat = Seat::default();
                write(&mut self.objects, look, |object| object.claim = wanted);
            }
            Step::Yield => {
                *seat = Seat::default();
                write(&mut self.objects, look, |object| object.claim = None);
            }
            Step::Leave | Step::AwaitHolder | Step::AwaitRival | Step::Serve => {}
        }
    }

    /// What must never be.
    pub(super) fn fault(&self) -> Option<String> {
        let seats = |who: usize| {
            self.processes[who]
                .iter()
                .flat_map(|process| process.seats.iter())
        };
        for account in ACCOUNTS {
            let speaks = |who: &usize| {
                seats(*who).any(|seat| seat.account == Some(account) && (seat.open || seat.passes > 0))
            };
            let who: Vec<usize> = (0..NAMES.len()).filter(speaks).collect();
            if who.len() > 1 {
                return Some(format!("account {account} is spoken to by {who:?}"));
            }
        }
        None
    }

    /// Everybody runs, and nothing changes any more.
    pub(super) fn settle(&mut self) {
        for process in &mut self.processes {
            process.get_or_insert_default();
        }
        for _ in 0..60 {
            for who in 0..NAMES.len() {
                for of in 0..OBJECTS {
                    if let Some(process) = &mut self.processes[who] {
                        process.seats[of].passes = 0;
                    }
                    self.whole_look(who, of);
                }
            }
        }
    }

    /// The account that an object stands for: the one of its credential, or, where that is gone, the one that its shard
    /// goes on speaking to, as deletions want it.
    fn account(&self, of: usize) -> Option<&'static str> {
        let held = || {
            let speaker = index(&self.objects[of].holder)?;
            let seat = &self.processes[speaker].as_ref()?.seats[of];
            seat.account.filter(|_| seat.open)
        };
        self.objects[of].account.or_else(held)
    }

    /// The objects that are not served as they should be: each by its shard, save those of whose account an older
    /// object is another shard's.
    pub(super) fn unserved(&self) -> Vec<usize> {
        let wrong = |of: &usize| {
            let Some(account) = self.account(*of) else {
                return false;
            };
            let label = &self.objects[*of].label;
            let oldest = (0..OBJECTS).find(|other| self.account(*other) == Some(account));
            let expected = oldest.is_none_or(|oldest| self.objects[oldest].label == *label);
            let seat = self.processes.iter().enumerate().find(|(who, process)| {
                shard(*who) == *label
                    && process
                        .as_ref()
                        .is_some_and(|process| process.seats[*of].account == Some(account))
            });
            seat.is_some() != expected
        };
        (0..OBJECTS).filter(wrong).collect()
    }
}
