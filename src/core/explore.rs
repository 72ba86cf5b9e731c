//! A second small world, looked at whole: not some schedules but all of them.
//!
//! [`crate::model`] throws many kinds of trouble at one object, at random. Here are two replicas of which one leads, two
//! objects that come and go, watches that lag, LISTs that lag, and requests that take effect after whoever sent them
//! has given up, died or been deposed; and every order of all that, until nothing new is found. It is the same
//! [`crate::plan::next_action`] and the same [`crate::memory::Memory`] as in the operator.

mod canon;
mod rules;
mod search;
mod step;
mod things;
mod world;

use proptest::prelude::*;
use proptest::test_runner::{Config, RngSeed, TestRunner};

use search::{search, settles, story};
use world::{Move, Setting, World};

/// Faults and edits that are added to every setting: how deep the search goes.
const DEEPER: &str = "WEBHOOK_OPERATOR_MODEL_DEEPER";
/// The seed of the random schedules, as a failing run printed it.
const SEED: &str = "WEBHOOK_OPERATOR_MODEL_SEED";
/// How many random schedules are played.
const SCHEDULES: &str = "WEBHOOK_OPERATOR_MODEL_SCHEDULES";

const ONE: Setting = Setting {
    name: "one object",
    named: true,
    objects: 1,
    keys: 1,
    alike: false,
    late_deletes: true,
    strips: false,
    depth: u32::MAX,
    faults: 1,
    edits: 2,
};
const TWO: Setting = Setting {
    name: "two objects that want the same",
    objects: 2,
    alike: true,
    late_deletes: false,
    depth: 12,
    edits: 0,
    ..ONE
};

fn number(variable: &str) -> Option<u64> {
    std::env::var(variable).ok()?.parse().ok()
}

/// Looks at every world that can be reached, and tells how many there are.
#[expect(clippy::print_stderr, reason = "the figures, for who asks with --nocapture")]
fn explore(setting: &Setting) {
    let more = number(DEEPER)
        .and_then(|more| u8::try_from(more).ok())
        .unwrap_or(0);
    let setting = Setting {
        faults: setting.faults + more,
        edits: setting.edits + more,
        depth: setting.depth.saturating_add(4 * u32::from(more)),
        ..*setting
    };
    let found = search(&setting);
    let Setting {
        name, faults, edits, ..
    } = setting;
    let (states, depth, took) = (found.states, found.depth, found.took.as_secs_f32());
    let end = if found.complete {
        "all there are"
    } else {
        "and no further"
    };
    eprintln!("{name}, {faults} faults, {edits} edits: {states} states, depth {depth} {end}, {took:.1} s");
    if let Some(broken) = found.broken {
        panic!("{broken}");
    }
}

#[test]
fn one_object_with_more_edits() {
    explore(&ONE);
}

#[test]
fn one_object_with_more_faults() {
    explore(&Setting {
        faults: 2,
        edits: 1,
        late_deletes: false,
        ..ONE
    });
}

#[test]
fn one_object_with_two_keys() {
    explore(&Setting {
        name: "one object with two keys",
        keys: 2,
        edits: 0,
        late_deletes: false,
        ..ONE
    });
}

#[test]
fn one_object_that_is_taken_away_by_force() {
    explore(&Setting {
        name: "one object that is taken away by force",
        strips: true,
        late_deletes: false,
        ..ONE
    });
}

#[test]
fn one_object_where_nothing_can_be_marked() {
    explore(&Setting {
        name: "one object without marker",
        named: false,
        late_deletes: false,
        ..ONE
    });
}

#[test]
fn two_objects() {
    explore(&TWO);
}

#[test]
fn two_rivals_where_nothing_can_be_marked() {
    explore(&Setting {
        name: "two rivals without marker",
        named: false,
        depth: u32::MAX,
        ..TWO
    });
}

/// More of everything than can be looked at whole.
fn rich(named: bool) -> Setting {
    Setting {
        name: "random",
        named,
        keys: 2,
        late_deletes: true,
        faults: 8,
        edits: 8,
        ..TWO
    }
}

/// Plays a schedule: each number picks one of the moves that are possible then.
fn play(named: bool, picks: &[u16]) -> Result<(), String> {
    let setting = rich(named);
    let mut world = World::new(&setting);
    let mut played: Vec<Move> = Vec::new();
    let mut rule = None;
    for pick in picks {
        let possible = world.moves();
        let start = usize::from(*pick) % possible.len();
        let mut order = possible.iter().cycle().skip(start).take(possible.len());
        let Some((what, next)) = order.find_map(|what| Some((*what, world.after(&setting, *what)?))) else {
            break;
        };
        played.push(what);
        world = next;
        if let Some(broken) = world.broken.clone() {
            rule = Some(broken);
            break;
        }
    }
    let settled = settles(&setting, &world, &mut std::collections::HashSet::new());
    let rule = rule.or(settled.err());
    rule.map_or(Ok(()), |rule| {
        Err(format!("{rule}\n{}", story(&setting, &played)))
    })
}

#[test]
#[expect(clippy::print_stderr, reason = "the seed plays a failing run again")]
fn random_schedules() {
    let seed = number(SEED).unwrap_or_else(|| {
        let since = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH);
        u64::from(since.unwrap_or_default().subsec_nanos())
    });
    let cases = number(SCHEDULES)
        .and_then(|count| u32::try_from(count).ok())
        .unwrap_or(1500);
    eprintln!("{cases} schedules, {SEED}={seed}");
    let mut runner = TestRunner::new(Config {
        cases,
        rng_seed: RngSeed::Fixed(seed),
        failure_persistence: None,
        max_shrink_iters: 20_000,
        ..Config::default()
    });
    let picks = prop::collection::vec(any::<u16>(), 0..150);
    let result = runner.run(&(any::<bool>(), picks), |(named, picks)| {
        play(named, &picks).map_err(TestCaseError::fail)
    });
    if let Err(error) = result {
        panic!("{SEED}={seed} plays this again\n{error}");
    }
}
