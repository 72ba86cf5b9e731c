//! Storms and long rows: what one object does is not paid by others, and nothing piles up.

use std::sync::atomic::AtomicU32;
use std::sync::atomic::Ordering::SeqCst;
use std::sync::mpsc::{RecvTimeoutError, channel};
use std::thread;
use std::time::Duration;

use serde_json::json;

use crate::outage::descriptors;
use crate::support::{SUBSCRIPTION, World};
use crate::{all_ready, count, nudge, subscribe_all};

#[test]
fn a_spec_that_goes_back_and_forth_holds_up_nobody_and_ends_as_its_last_edit_says() {
    let world = World::start();
    world.connect();
    world.subscribe("hot", json!({}));
    world.ready("hot");
    let (stop, stopped) = channel::<()>();
    let url = |edit: u32| format!("https://hooks.acme.example/{}", edit % 2);
    let edits = AtomicU32::new(0);
    thread::scope(|scope| {
        let (world, edits) = (&world, &edits);
        // Dropped with the scope's closure, so that a failure below ends the storm as well.
        let _storm = stop;
        scope.spawn(move || {
            while stopped.recv_timeout(Duration::from_millis(50)) == Err(RecvTimeoutError::Timeout) {
                let edit = edits.load(SeqCst) + 1;
                world.patch(SUBSCRIPTION, "hot", json!({"spec": {"url": url(edit)}}));
                edits.store(edit, SeqCst);
            }
        });
        let others = subscribe_all(world, "cold", 5);
        all_ready(world, &others);
        // However fast that was, it was a storm.
        world.eventually("ten edits", || edits.load(SeqCst) >= 10);
    });
    let edits = edits.into_inner();
    world.ready("hot");
    let id = world.external_id("hot");
    assert_eq!(world.remote_by_id(&id).unwrap().content.url, url(edits));
    let patches = count(&world, 0, "patch");
    let edits = usize::try_from(edits).unwrap();
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
    let rounds = |count: u32, from: u32| {
        for round in from..from + count {
            let value = format!("round-{round}");
            for name in &names {
                nudge(&world, name, &value);
            }
            // Each is answered, so that no two rounds share a turn.
            for name in &names {
                world.eventually("its answer", || {
                    world.subscription(name)["status"]["lastHandledReconcileAt"] == value
                });
            }
        }
    };
    rounds(6, 0);
    let before = (descriptors(pid), threads());
    rounds(15, 6);
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
    // Nobody listens there, and the system gives the port to nobody who asks for any.
    world.connect_with(json!({"endpoint": "http://127.0.0.1:1"}));
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
            nudge(&world, name, &format!("outage-{round}"));
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
