//! Breadth-first through all worlds that can be reached, each looked at once; the shortest way to a broken rule is told.

use std::collections::hash_map::DefaultHasher;
use std::collections::{HashMap, HashSet, VecDeque};
use std::hash::{Hash, Hasher};
use std::time::{Duration, Instant};

use super::canon;
use super::world::{End, Move, Setting, World};

/// Steps within which a world left in peace must come to rest.
const PATIENCE: u32 = 400;

/// What a search has seen.
#[derive(Debug, Default)]
pub struct Found {
    pub states: usize,
    pub depth: u32,
    /// More depth would show nothing new.
    pub complete: bool,
    pub took: Duration,
    /// The broken rule and the way to it.
    pub broken: Option<String>,
}

/// 64 bits are enough: that two of some millions of worlds share them is less likely than one in a million.
fn fingerprint(world: &World) -> u64 {
    let mut hasher = DefaultHasher::new();
    world.hash(&mut hasher);
    hasher.finish()
}

/// Looks at every world that can be reached.
pub fn search(setting: &Setting) -> Found {
    let begun = Instant::now();
    let mut found = Found::default();
    let first = World::new(setting);
    let mut cameby: HashMap<u64, (u64, Move)> = HashMap::new();
    let start = fingerprint(&first);
    let mut seen = HashSet::from([start]);
    let mut calm = HashSet::new();
    let mut level = VecDeque::from([(start, first)]);
    found.complete = true;
    while !level.is_empty() {
        found.states += level.len();
        let last = found.depth == setting.depth;
        found.complete &= !last;
        let mut next = VecDeque::new();
        for (print, world) in level {
            if let Err(rule) = settles(setting, &world, &mut calm) {
                found.broken = Some(tell(setting, &cameby, print, None, &rule));
                (found.took, found.complete) = (begun.elapsed(), false);
                return found;
            }
            for what in world.moves().into_iter().filter(|_| !last) {
                let Some(after) = world.after(setting, what) else {
                    continue;
                };
                if let Some(rule) = &after.broken {
                    found.broken = Some(tell(setting, &cameby, print, Some(what), rule));
                    (found.took, found.complete) = (begun.elapsed(), false);
                    return found;
                }
                let mark = fingerprint(&after);
                if seen.insert(mark) {
                    cameby.insert(mark, (print, what));
                    next.push_back((mark, after));
                }
            }
        }
        found.depth += u32::from(!next.is_empty());
        level = next;
    }
    found.took = begun.elapsed();
    found
}

/// The moves from the first world to that one, with what the leader decides at each step.
fn tell(
    setting: &Setting,
    cameby: &HashMap<u64, (u64, Move)>,
    mut at: u64,
    last: Option<Move>,
    rule: &str,
) -> String {
    let mut moves: Vec<Move> = last.into_iter().collect();
    while let Some((before, what)) = cameby.get(&at) {
        moves.push(*what);
        at = *before;
    }
    moves.reverse();
    format!("{}: {rule}\n{}", setting.name, story(setting, &moves))
}

/// What happens in a world, in words.
pub fn story(setting: &Setting, moves: &[Move]) -> String {
    let mut world = World::new(setting);
    let mut lines = Vec::new();
    for what in moves {
        let why = match what {
            Move::Step(slot, _) => world.intention(setting, usize::from(*slot)),
            Move::Land(index) => format!(
                "{:?}",
                world.late.get(usize::from(*index)).map(|late| &late.request)
            ),
            _ => String::new(),
        };
        lines.push(format!("  {what:?} {why}"));
        match world.after(setting, *what) {
            Some(after) => world = after,
            None => lines.push("    cannot happen".into()),
        }
    }
    lines.join("\n")
}

/// Lets the world run in peace until it comes back to where it was. If it has written meanwhile it never comes to rest;
/// if not, it never writes again, and what is there then is held against the rules. `calm` are worlds of which that is
/// known.
pub fn settles(setting: &Setting, world: &World, calm: &mut HashSet<u64>) -> Result<(), String> {
    let mut world = World {
        faults: 0,
        edits: 0,
        ..world.clone()
    };
    canon::canonical(&mut world);
    let mut writes = 0_u32;
    let mut on_the_way = HashMap::new();
    for _ in 0..PATIENCE {
        writes += u32::from(std::mem::take(&mut world.writes));
        let mark = fingerprint(&world);
        if calm.contains(&mark) {
            calm.extend(on_the_way.into_keys());
            return Ok(());
        }
        let before = on_the_way.insert(mark, writes);
        let next = before.is_none().then(|| in_peace(setting, &world)).flatten();
        let Some(next) = next else {
            if before.is_some_and(|before| before != writes) {
                return Err("left in peace, the world writes without end".into());
            }
            world.check_rest(setting);
            calm.extend(on_the_way.into_keys());
            return world
                .broken
                .map_or(Ok(()), |rule| Err(format!("at rest: {rule}")));
        };
        if let Some(rule) = next.broken {
            return Err(format!("left in peace: {rule}"));
        }
        world = next;
    }
    Err("left in peace, the world does not come to rest".into())
}

/// What happens next when nobody does anything: watches catch up, late requests arrive, the leader works, time passes.
fn in_peace(setting: &Setting, world: &World) -> Option<World> {
    peace_move(setting, world).map(|(_, next)| next)
}

pub fn peace_move(setting: &Setting, world: &World) -> Option<(Move, World)> {
    let slots = || 0..u8::try_from(world.slots.len()).unwrap();
    let leader = u8::try_from(world.leader).unwrap();
    let watches = slots().map(|slot| Move::Watch(leader, slot));
    let late = (!world.late.is_empty()).then_some(Move::Land(0));
    let steps = slots().map(|slot| Move::Step(slot, End::Done));
    let mut moves = watches.chain(late).chain(steps).chain([Move::Epoch]);
    moves.find_map(|what| Some((what, world.after(setting, what)?)))
}
