//! One that cannot work does not hold up the others.

use operator_core::budget::AT_ONCE;
use provider_simulator::{FaultAction, Release, When};
use serde_json::json;

use crate::support::{NOWHERE, PROVIDER, SUBSCRIPTION, Setup, Side, World, condition};
use crate::{all_ready, count, every, names, subscribe_all};

#[test]
fn a_dead_provider_and_a_refused_object_do_not_hold_up_the_others() {
    let world = World::start();
    world.connect();
    let dead = world.provider_spec(json!({"endpoint": NOWHERE}));
    world.apply(PROVIDER, "dead", dead);
    for number in 0..20 {
        let change =
            json!({"providerRef": {"name": "dead"}, "url": format!("https://hooks.acme.example/{number}")});
        world.subscribe(&format!("dead-{number}"), change);
    }
    world.subscribe("refused", json!({"events": ["NoSuchEvent"]}));
    let names = names("crm", 10);
    subscribe_all(&world, &names);
    all_ready(&world, &names);
    let refused = world.becomes(SUBSCRIPTION, "refused", "Stalled", "True", "RefusedByProvider");
    let message = condition(&refused, "Stalled")["message"].to_string();
    assert!(message.contains("Invalid value in request"), "{message}");
    world.becomes(SUBSCRIPTION, "dead-0", "Synced", "False", "ProviderUnreachable");
    world.becomes(PROVIDER, "dead", "Ready", "False", "");
    world.look_again(SUBSCRIPTION, "refused");
    world.look_again(SUBSCRIPTION, &names[0]);
    assert_eq!(
        count(&world, 0, "create"),
        11,
        "the refused one is sent exactly once"
    );
    assert_eq!(world.remote().len(), 10);

    world.subscribe("refused", json!({"events": ["ConversationAssigned"]}));
    world.ready("refused");
    assert_eq!(count(&world, 0, "create"), 12);
    // Deletion of what never reached the dead provider needs nobody.
    world.delete(SUBSCRIPTION, "dead-0");
    world.gone(SUBSCRIPTION, "dead-0");
}

#[test]
fn a_provider_that_does_not_answer_leaves_room_for_the_others() {
    let mut world = Setup::new().without_operator().start();
    world.connect_with(json!({"rateLimit": {"requestsPerMinute": 60_000, "burst": 1000}}));
    every(&world, "create", FaultAction::Hold { when: When::Applied });
    // Twice as many as are worked on at once, and one LIST serves them all.
    let names = names("crm", 4 * AT_ONCE);
    subscribe_all(&world, &names);
    world.start_operator();
    let on_their_way = || world.simulator.held().len();
    world.eventually("as many as may be", || on_their_way() >= AT_ONCE);
    Side::Babel.connect(&world, json!({}));
    Side::Babel.subscribe(&world, "other", json!({}));
    world.ready("other");
    // One that was given up meanwhile may be held there for a while longer.
    let held = on_their_way();
    assert!(held < AT_ONCE + 4, "{held}");
    world.simulator.clear_faults();
    world.simulator.release_all(Release::Continue);
    all_ready(&world, &names);
    assert_eq!(count(&world, 0, "create"), names.len());
    assert_eq!(world.remote().len(), names.len());
}
