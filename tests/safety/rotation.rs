//! A key is replaced while calls are on their way.

use provider_simulator::{Config, FaultAction, Release, Token, When, credential_hash};
use serde_json::json;

use crate::support::{SUBSCRIPTION, World};
use crate::{all_ready, held, names, next, subscribe_all};

const SUCCESSOR: &str = "canary-rotated-under-way-3Hn8";

#[test]
fn a_key_that_is_revoked_under_a_call_on_its_way_costs_at_most_two_refused_calls_among_200_objects() {
    let world = World::start();
    let dixa = world.simulator.dixa();
    dixa.add_token(SUCCESSOR, Token::of("example-org"));
    world.connect();
    let names = names("crm", 200);
    subscribe_all(&world, &names);
    all_ready(&world, &names);
    let remote = world.remote().len();
    // What the last LIST shows is complete and recent: nobody has to look before the edit.
    world.look_again(SUBSCRIPTION, &names[0]);

    next(&world, "patch", FaultAction::Hold { when: When::Before });
    let mark = world.mark();
    world.subscribe(&names[0], json!({"url": "https://hooks.acme.example/edited"}));
    let patch = held(&world);
    dixa.revoke_token(Config::DIXA_TOKEN);
    world.secret("dixa-api", "credentials", &[("token", SUCCESSOR)]);
    world.simulator.release(patch, Release::Continue);
    world.ready(&names[0]);
    // Everybody looks again at once.
    for name in &names {
        world.nudge(SUBSCRIPTION, name, "after-the-rotation");
    }
    for name in &names {
        world.eventually("the answer", || {
            let object = world.subscription(name);
            (object["status"]["lastHandledReconcileAt"] == "after-the-rotation").then_some(())
        });
    }
    all_ready(&world, &names);

    let requests = world.requests_since(mark, "");
    let (lists, others): (Vec<_>, Vec<_>) = requests.iter().partition(|entry| entry.operation == "list");
    let told: Vec<String> = others
        .iter()
        .map(|entry| format!("{} {} {:?}", entry.seq, entry.operation, entry.status))
        .collect();
    assert!(others.iter().all(|entry| entry.operation == "patch"), "{told:?}");
    let accepted = others.iter().filter(|entry| entry.status == Some(200)).count();
    assert!(accepted == 1 && others.len() <= 2, "{told:?}");
    // Objects share their LISTs, of which there is one a second at most.
    let seconds = requests
        .last()
        .map_or(0, |last| last.time_ms - requests[0].time_ms)
        / 1000;
    assert!(
        lists.len() as u64 <= seconds + 3,
        "{} LISTs in {seconds} s",
        lists.len()
    );
    let refused = requests.iter().filter(|entry| entry.status == Some(401)).count();
    assert!(refused <= 2, "{refused} calls were refused");
    let new = credential_hash(SUCCESSOR);
    let last = requests.last().unwrap();
    assert!(last.headers.values().any(|value| *value == new), "{last:?}");
    assert_eq!(world.remote().len(), remote);
}
