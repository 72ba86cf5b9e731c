//! One form for all worlds that behave alike. Only the order of moments counts, and how many epochs lie between them;
//! only the order of versions; and ids that nothing can show any more are forgotten.

use std::rc::Rc;

use crate::memory::{Certainty, Entry, Failure, Memory};
use crate::time::Moment;

use super::things::number_of;
use super::world::{Change, EPOCH, Listing, Object, Record, Request, SETTLED, World};

/// Brings a world into that form.
pub fn canonical(world: &mut World) {
    if world.faults == 0 {
        world.caches[1 - world.leader] = vec![None; world.slots.len()];
    }
    prune(world);
    times(world);
    versions(world);
    world.remotes.sort();
}

/// The moments of an entry. Takes it apart field by field, so that a new one is not forgotten.
fn moments(entry: &mut Entry) -> Vec<&mut Moment> {
    let Entry {
        id: _,
        hold: _,
        proof: _,
        stored: _,
        applied: _,
        sent: _,
        rendering: _,
        not_kept: _,
        unverifiable: _,
        pending,
        seen,
        shown: _,
        doubted,
        missing_since,
        absent_at,
        discard: _,
        failure,
        repairs: _,
        disabled: _,
    } = entry;
    let mut found: Vec<&mut Moment> = [doubted, missing_since, absent_at]
        .into_iter()
        .flatten()
        .collect();
    if let Some(pending) = pending {
        found.push(match &mut pending.certainty {
            Certainty::NotSent { opened } => opened,
            Certainty::Unknown { since } => since,
        });
    }
    found.extend(seen.as_mut().map(|seen| &mut seen.at));
    found.extend(failure.as_mut().and_then(|failure| failure.until.as_mut()));
    found
}

/// What no decision depends on, or only beyond what happens here: counts of attempts and failures, and when something
/// was last repaired.
pub fn level(memory: &mut Memory) {
    for entry in memory.entries.values_mut() {
        if let Some(Failure { count, since, .. }) = &mut entry.failure {
            (*count, *since) = (1, Moment::default());
        }
        if let Some(pending) = &mut entry.pending {
            pending.attempt = 1;
        }
        entry.repairs.1 = Moment::default();
    }
}

fn times(world: &mut World) {
    let process = &mut world.process;
    // Since when a wish is known only matters for a LIST that there is.
    let begun = process
        .listing
        .as_ref()
        .map_or(Moment::from_millis(u64::MAX), |listing| listing.begun);
    let of_records = process
        .records
        .iter_mut()
        .flatten()
        .map(|record| &mut Rc::make_mut(record).since);
    for since in process.since.iter_mut().chain(of_records) {
        *since = if *since < begun { Moment::default() } else { begun };
    }
    let mut records: Vec<&mut Record> = process.records.iter_mut().flatten().map(Rc::make_mut).collect();
    let mut found = vec![&mut process.now];
    for record in &mut records {
        found.extend(record.memory.entries.values_mut().flat_map(moments));
        found.push(&mut record.since);
    }
    found.extend(&mut process.since);
    if let Some(listing) = &mut process.listing {
        found.push(&mut Rc::make_mut(listing).begun);
    }
    // Zero is before everything, and stays that.
    found.retain(|moment| **moment > Moment::default());
    found.sort();
    let (mut old, mut new) = (0, 1);
    for moment in found {
        let gap = moment.as_millis() - old;
        let epochs = (gap / EPOCH).min(u64::from(SETTLED));
        if old > 0 {
            new += epochs * EPOCH + u64::from(gap % EPOCH > 0);
        }
        old = moment.as_millis();
        *moment = Moment::from_millis(new);
    }
}

fn versions(world: &mut World) {
    for slot in 0..world.slots.len() {
        let based = world.late.iter_mut().filter_map(|late| match &mut late.request {
            Request::Write(of, version, _) if *of == slot => Some(version),
            _ => None,
        });
        let mut based: Vec<&mut u16> = based.collect();
        let caches = world.caches.iter_mut().filter_map(|cache| cache[slot].as_mut());
        let mut copies: Vec<&mut Rc<Object>> = world.slots[slot].object.iter_mut().chain(caches).collect();
        let known = copies.iter().map(|copy| copy.version);
        let mut known: Vec<u16> = known.chain(based.iter().map(|version| **version)).collect();
        known.sort_unstable();
        known.dedup();
        let rank = |version: u16| {
            let rank = known
                .iter()
                .position(|known| *known == version)
                .unwrap_or_default();
            u16::try_from(rank).unwrap() + 1
        };
        for version in &mut based {
            **version = rank(**version);
        }
        for copy in &mut copies {
            let rank = rank(copy.version);
            // What is shared stays so.
            if rank != copy.version {
                Rc::make_mut(copy).version = rank;
            }
        }
    }
}

fn prune(world: &mut World) {
    let remotes: Vec<u8> = world.remotes.iter().map(|held| held.number).collect();
    let listing = world.process.listing.clone();
    let shown = |listing: &Rc<Listing>, number: u8| {
        let mut remotes = listing.remotes.iter();
        remotes.any(|remote| number_of(&remote.id) == number)
    };
    for record in world.process.records.iter_mut().flatten() {
        Rc::make_mut(record).memory.gone.retain(|id| {
            let number = number_of(id);
            remotes.contains(&number) || listing.as_ref().is_some_and(|listing| shown(listing, number))
        });
    }
}

/// The highest number of a remote subscription that anything refers to.
pub fn highest_number(world: &World) -> u8 {
    let memory = |memory: &Memory| {
        let ids = memory.entries.values().flat_map(|entry| {
            let seen = entry.seen.as_ref().map(|seen| &seen.remote.id);
            entry.id.iter().chain(&entry.discard).chain(seen)
        });
        ids.chain(&memory.gone).map(number_of).max().unwrap_or(0)
    };
    let object = |object: &Option<Rc<Object>>| object.as_ref().map_or(0, |object| memory(&object.status));
    let slots = world.slots.iter().map(|slot| object(&slot.object));
    let caches = world.caches.iter().flatten().map(object);
    let records = world.process.records.iter().flatten();
    let records = records.map(|record| memory(&record.memory));
    let late = world.late.iter().map(|late| match &late.request {
        Request::Create(..) | Request::Write(_, _, Change::Finalizer(_)) => 0,
        Request::Update(number, ..) | Request::Delete(number) => *number,
        Request::Write(_, _, Change::Status(status)) => memory(status),
    });
    let listed = world.process.listing.iter().flat_map(|listing| &listing.remotes);
    let listed = listed
        .map(|remote| number_of(&remote.id))
        .filter(|number| *number < 200);
    let held = world.remotes.iter().map(|held| held.number);
    let all = slots
        .chain(caches)
        .chain(records)
        .chain(late)
        .chain(listed)
        .chain(held);
    all.max().unwrap_or(0)
}
