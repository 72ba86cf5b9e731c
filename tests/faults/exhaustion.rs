//! Storms and long rows: what one object does is not paid by others, and nothing piles up.

use serde_json::json;

use crate::outage::descriptors;
use crate::support::{NOWHERE, SUBSCRIPTION, World};
use crate::{all_ready, count, subscribe_all};

#[test]
fn a_spec_that_goes_back_and_forth_holds_up_nobody_and_ends_as_its_last_edit_says() {
    let world = World::start();
    world.connect();
    world.subscribe("hot", json!({}));
    world.ready("hot");
    let url = |edit: usize| format!("https://hooks.acme.example/{}", edit % 2);
    let edit = |edit| json!({"spec": {"url": url(edit)}});
    let edits = world.storm("hot", edit, |storm| {
        let others = subscribe_all(&world, "cold", 5);
        all_ready(&world, &others);
        // However fast that was, it was a storm.
        storm.goes_on(10);
    });
    world.ready("hot");
    let id = world.external_id("hot");
    assert_eq!(world.remote_by_id(&id).unwrap().content.url, url(edits));
    let patches = count(&world, 0, "patch");
    assert!(patches <= edits, "{patches} requests for {edits} edits");
    assert_eq!(count(&world, 0, "create"), 6);
    let mark = world.mark();
    world.look_again(SUBSCRIPTION, "hot");
    assert_eq!(world.remote_writes_since(mark), [""; 0]);
}

#[test]
fn neither_descriptors_nor_threads_grow_with_the_number_of_turns() {
    let mut world = World::start();
    world.connect();
    let names = subscribe_all(&world, "crm", 5);
    all_ready(&world, &names);
    let pid = world.operator().id();
    let threads = || std::fs::read_dir(format!("/proc/{pid}/task")).unwrap().count();
    // Each round is answered, so that no two share a turn.
    let rounds = |count| {
        for _ in 0..count {
            world.look_at_all(SUBSCRIPTION, &names);
        }
    };
    rounds(6);
    let before = (descriptors(pid), threads());
    rounds(15);
    let after = (descriptors(pid), threads());
    // What a turn leaves behind would be there 75 times; some connections and workers come and go.
    assert!(
        after.0 <= before.0 + 20 && after.1 <= before.1 + 20,
        "descriptors and threads: {before:?} became {after:?}"
    );
}

/// Lines that are written where nobody asked for more.
fn lines(world: &World) -> usize {
    let log = world.operator_log();
    let shown = |line: &&str| {
        ["INFO", "WARN", "ERROR"]
            .iter()
            .any(|level| line.contains(&format!("\"level\":\"{level}\"")))
    };
    log.lines().filter(shown).count()
}

/// How many turns there were, of all objects.
fn reconciles(metrics: &str) -> f64 {
    let name = "webhook_operator_reconciles_total{";
    let lines = metrics.lines().filter(|line| line.starts_with(name));
    lines
        .filter_map(|line| line.rsplit_once(' ')?.1.parse::<f64>().ok())
        .sum()
}

#[test]
fn an_outage_writes_few_lines_and_few_events() {
    let mut world = World::start();
    world.connect_with(json!({"endpoint": NOWHERE}));
    let names = subscribe_all(&world, "crm", 10);
    for name in &names {
        world.becomes(SUBSCRIPTION, name, "Synced", "False", "ProviderUnreachable");
    }
    let settled = lines(&world);
    assert!((3..=30).contains(&settled), "{settled} lines for ten objects");
    let http = world.operator().http().unwrap();
    for round in 0..5 {
        let before = reconciles(&http.get("/metrics").unwrap().body);
        for name in &names {
            world.nudge(SUBSCRIPTION, name, &format!("outage-{round}"));
        }
        world.eventually("their turns", || {
            reconciles(&http.get("/metrics").unwrap().body) >= before + 10.0
        });
    }
    let more = lines(&world) - settled;
    assert!(more <= 10, "{more} lines more for five looks at ten objects");
    for name in &names {
        let told = world.events_about(name);
        assert!(told.len() <= 1, "{told:?}");
    }
}
