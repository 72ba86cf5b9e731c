//! One that cannot work does not hold up the others.

use serde_json::json;

use crate::support::{NOWHERE, PROVIDER, SUBSCRIPTION, World, condition};
use crate::{all_ready, count, names, subscribe_all};

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
