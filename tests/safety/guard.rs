//! The brakes: what looks like an accident stops until somebody says that it is none.

use serde_json::json;

use crate::support::{PROVIDER, SUBSCRIPTION, World, condition};
use crate::{all_ready, count, names, subscribe_all, text};

fn release(world: &World, token: &str) {
    let annotations = json!({"webhook-operator.io/guard-release": token});
    world.patch(
        PROVIDER,
        "dixa",
        json!({"metadata": {"annotations": annotations}}),
    );
}

#[test]
fn many_that_vanish_at_once_are_not_made_anew_before_the_guard_is_released_with_its_token() {
    let world = World::start();
    world.connect();
    let names = names("crm", 6);
    subscribe_all(&world, &names);
    all_ready(&world, &names);
    world.simulator.dixa().delete_all();
    let mark = world.mark();
    world.nudge(SUBSCRIPTION, &names[0], "after-the-accident");
    let provider = world.becomes(PROVIDER, "dixa", "Guarded", "True", "Guarded");
    let token = text(&provider, "/status/guard/token").to_owned();
    let message = condition(&provider, "Guarded")["message"].to_string();
    assert!(message.contains(&token), "{message}");
    for name in &names[1..] {
        world.nudge(SUBSCRIPTION, name, "after-the-accident");
    }
    for name in &names {
        world.becomes(SUBSCRIPTION, name, "Stalled", "True", "Guarded");
    }
    release(&world, "0123456789abcdef");
    for name in &names {
        world.look_again(SUBSCRIPTION, name);
    }
    world.becomes(PROVIDER, "dixa", "Guarded", "True", "Guarded");
    assert_eq!(count(&world, mark, "create"), 0);
    assert_eq!(
        text(&world.object(PROVIDER, "dixa"), "/status/guard/token"),
        token,
        "the token must hold"
    );

    release(&world, &token);
    all_ready(&world, &names);
    assert_eq!(count(&world, mark, "create"), 6);
    assert_eq!(world.remote().len(), 6);
    world.eventually("the guard to be off", || {
        let provider = world.object(PROVIDER, "dixa");
        condition(&provider, "Guarded").is_null() && provider["status"]["guard"].is_null()
    });
}

#[test]
fn more_deletions_than_the_guard_allows_wait_for_its_release() {
    let world = World::start();
    world.connect_with(json!({"guard": {"maxDeletions": 2, "window": "1h"}}));
    let names = names("crm", 5);
    subscribe_all(&world, &names);
    all_ready(&world, &names);
    for name in &names {
        world.delete(SUBSCRIPTION, name);
    }
    let provider = world.becomes(PROVIDER, "dixa", "Guarded", "True", "DeletionsGuarded");
    let blocked = |world: &World| {
        let left = names.iter().filter_map(|name| world.find(SUBSCRIPTION, name));
        left.filter(|object| condition(object, "Stalled")["status"] == "True")
            .count()
    };
    world.eventually("three deletions to be blocked", || blocked(&world) == 3);
    assert_eq!(world.remote().len(), 3);
    assert_eq!(count(&world, 0, "delete"), 2);
    release(&world, "0123456789abcdef");
    // One that is blocked; the others may be gone by now.
    let left = names.iter().find(|name| {
        let object = world.find(SUBSCRIPTION, name);
        object.is_some_and(|object| condition(&object, "Stalled")["status"] == "True")
    });
    world.nudge(SUBSCRIPTION, left.unwrap(), "wrong-token");
    world.becomes(PROVIDER, "dixa", "Guarded", "True", "DeletionsGuarded");
    assert_eq!(count(&world, 0, "delete"), 2);

    // Each release allows as many as the limit says once more.
    release(&world, text(&provider, "/status/guard/token"));
    world.eventually("two more deletions", || world.remote().len() == 1);
    let again = world.eventually("the guard to trip again", || {
        let found = world.object(PROVIDER, "dixa");
        let token = text(&found, "/status/guard/token").to_owned();
        (!token.is_empty() && token != text(&provider, "/status/guard/token")).then_some(token)
    });
    release(&world, &again);
    for name in &names {
        world.gone(SUBSCRIPTION, name);
    }
    assert_eq!(world.remote().len(), 0);
}
