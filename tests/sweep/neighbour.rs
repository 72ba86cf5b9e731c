//! Somebody else: an object at another provider, which goes on whatever happens to the others of its world.

use std::collections::BTreeSet;

use provider_simulator::credential_hash;
use serde_json::json;
use test_harness::proxy::ProcessEvent;

use crate::audit::key;
use crate::history::Neighbour;
use crate::support::{Side, World, now_ms};

/// Milliseconds after its start until a process has filled its caches on a busy machine.
const BEGINS: u64 = 5000;

/// What the provider's log calls these credentials.
pub fn names(credentials: &BTreeSet<String>) -> BTreeSet<String> {
    credentials
        .iter()
        .map(|credential| credential_hash(credential))
        .collect()
}

const fn other(side: Side) -> Side {
    match side {
        Side::Dixa => Side::Babel,
        Side::Babel => Side::Bird,
        Side::Bird => Side::Dixa,
    }
}

/// Makes it.
pub fn moves_in(side: Side, world: &World) {
    let other = other(side);
    other.connect(world, json!({}));
    other.subscribe(world, "neighbour", json!({"events": other.events()[..1]}));
    world.ready("neighbour");
}

/// How it went with the neighbour.
pub fn history(side: Side, world: &World, since: u64) -> Neighbour {
    let other = other(side);
    let lists = other.since(world, 0, "list").into_iter();
    let lists = lists.filter(|entry| entry.time_ms >= since);
    let mut down: Vec<(u64, u64)> = Vec::new();
    for (_, at, event) in world.switchboard().processes() {
        match event {
            ProcessEvent::Started => {
                if let Some((_, begun)) = down.last_mut() {
                    *begun = at + BEGINS;
                }
            }
            // What was killed has ended too.
            ProcessEvent::Killed | ProcessEvent::Ended
                if down.last().is_some_and(|last| last.1 == u64::MAX) => {}
            ProcessEvent::Killed | ProcessEvent::Ended => down.push((at, u64::MAX)),
        }
    }
    Neighbour {
        lists: lists.map(|entry| (entry.time_ms, key(&entry))).collect(),
        keys: names(&[other.credential().to_owned()].into()),
        watched: (since, now_ms()),
        down,
    }
}
