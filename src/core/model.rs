//! A tiny world in which [`crate::plan::next_action`] has to hold its promises whatever happens: lost replies,
//! crashes between any two steps, LISTs that lag, people who edit at both ends.

mod driver;
mod provider;
mod schedule;
mod world;

use proptest::prelude::*;

use crate::marker::Ownership;
use crate::names::RemoteKey;
use crate::plan::{KeyState, Replace, Settled};
use crate::reason::Reason;
use crate::view::{Field, FieldSet, Part};

use schedule::{Event, Mishap, Schedule, schedules};
use world::{Round, World};

/// Rounds within which the world must come to rest once faults stop.
const PATIENCE: u32 = 300;
/// How many steps of a broken run are told.
const TOLD: usize = 60;
/// The interval of LISTs, in milliseconds.
const INTERVAL: u64 = 600_000;

fn play(schedule: &Schedule) -> World {
    let mut world = World::new(schedule);
    for event in &schedule.events {
        if !world.violations.is_empty() {
            break;
        }
        match event {
            Event::Round(mishap) => {
                world.round(*mishap);
            }
            Event::Edit(edit) => world.edit(edit),
            Event::DeleteObject => {
                world.trace.push("  the user deletes the object".into());
                world.object.deleting = true;
            }
            Event::Hand(hand) => world.hand(hand),
            Event::Wait(seconds) => world.wait(u64::from(*seconds) * 1000),
        }
    }
    world
}

/// Lets the controller work undisturbed until two intervals in a row change nothing.
fn come_to_rest(world: &mut World) -> Result<Option<Settled>, String> {
    world.trace.push("  peace".into());
    let mut quiet = 0;
    for _ in 0..PATIENCE {
        match world.round(Mishap::None) {
            Round::Over => return Ok(None),
            Round::Acted => quiet = 0,
            Round::Settled(settled) => {
                quiet += 1;
                match settled.wake {
                    Some(wake) => world.now = world.now.max(wake),
                    None if quiet > 2 => return Ok(Some(settled)),
                    None => {
                        world.wait(INTERVAL);
                        world.snapshot = Some(world.provider.list(world.now));
                    }
                }
            }
        }
    }
    Err("the world does not come to rest".into())
}

/// Ten further intervals: no request but the LIST, no write.
fn stays_quiet(world: &mut World) -> Result<(), String> {
    let before = (world.provider.writes, world.object.status_writes);
    for _ in 0..10 {
        world.wait(INTERVAL);
        world.snapshot = Some(world.provider.list(world.now));
        let round = world.round(Mishap::None);
        if !matches!(round, Round::Settled(_)) {
            return Err("something is done though all was settled".into());
        }
    }
    if before == (world.provider.writes, world.object.status_writes) {
        Ok(())
    } else {
        Err("something is written though all was settled".into())
    }
}

/// What a key may end as other than in sync: only what hands, or the policy, explain.
fn excused(world: &World, state: &KeyState) -> bool {
    let KeyState::Stalled(reason, _) = state else {
        return false;
    };
    match reason {
        Reason::MarkerMissing => world.stripped || !world.imports.is_empty(),
        Reason::AlreadyExists => world.cloned,
        Reason::IdenticalExists => world.cloned || !world.imports.is_empty(),
        Reason::AmbiguousMatch if world.cloned => true,
        Reason::NothingToAdopt
        | Reason::AmbiguousMatch
        | Reason::AdoptionWouldClear
        | Reason::ForeignMarker => !world.imports.is_empty() || policy_is_by_id(world),
        _ => false,
    }
}

fn policy_is_by_id(world: &World) -> bool {
    world.object.spec.policy == crate::plan::AdoptionPolicy::ById
}

fn marked<'a>(world: &'a World, key: &RemoteKey) -> Vec<&'a provider::Held> {
    let named = world.provider.nature.named;
    let ours = |held: &&provider::Held| {
        if !named {
            return held.is_of(key) && !held.lost;
        }
        held.marker()
            .is_some_and(|marker| world.owner.ownership(key, &marker) == Ownership::Ours)
    };
    world.provider.held.iter().filter(ours).collect()
}

/// Every wanted key has exactly one remote subscription, and it is as wanted.
fn as_wanted(world: &World, settled: &Settled) -> Result<(), String> {
    for wish in world.wanted() {
        let key = &wish.key;
        let state = settled.keys.get(key).ok_or(format!("nothing is said of {key}"))?;
        let marked = marked(world, key);
        if marked.len() > 1 && !world.cloned {
            return Err(format!("{key} has {} remote subscriptions", marked.len()));
        }
        if excused(world, state) {
            continue;
        }
        let KeyState::InSync { not_kept, .. } = state else {
            return Err(format!("{key} ends as {state:?}"));
        };
        let id = world.memory.entries.get(key).and_then(|entry| entry.id.as_ref());
        let held = marked
            .iter()
            .find(|held| Some(&held.id) == id)
            .ok_or(format!("{key} is in sync and {id:?} is not there and ours"))?;
        let mut truth = held.content;
        truth.set(
            Field::Name,
            held.show(&world.provider.nature).view.get(Field::Name),
        );
        let differs = wish
            .view
            .differing(&truth)
            .without(FieldSet::of(&[Field::Headers]));
        if differs != *not_kept || !differs.without(FieldSet::of(&[Field::Filters])).is_empty() {
            return Err(format!("{key}: {differs:?} differ, {not_kept:?} are known to"));
        }
        let hidden = wish.view.get(Field::Headers);
        if differs.contains(Field::Headers)
            && !held.hidden_is_anything
            && held.content.get(Field::Headers) != hidden
        {
            return Err(format!("{key}: the hidden headers are not as wanted"));
        }
        if matches!(hidden, Part::Unknown) {
            return Err("the model manages headers".into());
        }
    }
    let excuse = settled.keys.values().any(|state| excused(world, state));
    if excuse {
        // What is wanted instead is not there, so what was there before is kept.
        return Ok(());
    }
    let unwanted = settled
        .keys
        .keys()
        .find(|key| world.wanted().iter().all(|w| w.key != **key));
    unwanted.map_or(Ok(()), |key| Err(format!("{key} is still remembered")))
}

fn nothing_left(world: &World) -> Result<(), String> {
    let named = world.provider.nature.named;
    let ours = world.provider.held.iter().find(|held| {
        let marked = held.marker().is_some_and(|marker| world.owner.wrote(&marker));
        let made = matches!(held.maker, provider::Maker::Controller(_)) || held.taken.is_some();
        if named { marked } else { made && !held.lost }
    });
    match ours {
        Some(held) if !world.cloned => Err(format!("{} outlives the object", held.id)),
        _ => Ok(()),
    }
}

fn promises_hold(world: &mut World) -> Result<(), String> {
    if world.object.spec.observe && !world.object.deleting {
        come_to_rest(world)?;
        stays_quiet(world)?;
    }
    if !world.object.deleting {
        // Whoever was refused for good has changed the spec meanwhile.
        world.edit(&schedule::Edit::Url(7));
        world.edit(&schedule::Edit::Observe(false));
        world.edit(&schedule::Edit::CorrectDrift(true));
        if world.object.spec.replace == Replace::Never {
            world.edit(&schedule::Edit::Replace(Replace::KeysOnly));
        }
        if let Some(settled) = come_to_rest(world)? {
            as_wanted(world, &settled)?;
            stays_quiet(world)?;
        }
        world.trace.push("  the user deletes the object".into());
        world.object.deleting = true;
    }
    if let Some(settled) = come_to_rest(world)? {
        // Which of two that are the same was made by a lost create is for a person to say.
        let undecided = |state: &KeyState| matches!(state, KeyState::Stalled(Reason::AmbiguousMatch, _));
        if world.cloned && settled.keys.values().any(undecided) {
            return Ok(());
        }
        return Err(format!("the deletion ends as {settled:?}"));
    }
    if world.orphaned {
        Ok(())
    } else {
        nothing_left(world)
    }
}

fn check(schedule: &Schedule) -> Result<(), TestCaseError> {
    let mut world = play(schedule);
    let kept = match world.violations.first() {
        Some(_) => Ok(()),
        None => promises_hold(&mut world),
    };
    let broken = world.violations.first().cloned().or(kept.err());
    match broken {
        None => Ok(()),
        Some(rule) => {
            let steps: Vec<_> = world.trace.iter().take(TOLD).map(String::as_str).collect();
            Err(TestCaseError::fail(format!("{rule}\n{}\n", steps.join("\n"))))
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig {
        failure_persistence: None,
        max_shrink_iters: 20_000,
        ..ProptestConfig::default()
    })]

    #[test]
    fn whatever_happens_there_is_one_remote_subscription_for_a_key_and_none_after_deletion(
        schedule in schedules()
    ) {
        check(&schedule)?;
    }
}
