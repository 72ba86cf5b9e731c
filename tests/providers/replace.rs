//! Changes that a provider cannot make in place.

use provider_simulator::{FaultAction, Release, When};
use serde_json::{Value, json};

use crate::held;
use crate::support::{SUBSCRIPTION, Setup, Side, World, condition};

/// An object of one event, and the id of its remote subscription.
fn made(world: &World, side: Side, policy: &str, change: Value) -> String {
    side.connect(world, json!({}));
    side.subscribe(world, "crm", with(policy, change));
    world.ready("crm");
    side.only(world).id
}

fn with(policy: &str, mut change: Value) -> Value {
    if !policy.is_empty() {
        change["replacePolicy"] = json!(policy);
    }
    change
}

/// The operations that change something, in order.
fn order(world: &World, side: Side, mark: u64) -> Vec<&'static str> {
    let all = side.since(world, mark, "");
    let writes = all.iter().filter(|entry| entry.method != "GET");
    writes.map(|entry| entry.operation).collect()
}

fn exchanged(side: Side, policy: &str, expected: [&str; 2]) {
    let world = World::start();
    let [first, second, _] = side.events();
    let old = made(&world, side, policy, json!({"events": [first]}));
    let mark = world.mark();
    side.subscribe(&world, "crm", with(policy, json!({"events": [second]})));
    world.eventually("the exchange", || {
        let rows = side.rows(&world);
        rows.len() == 1 && rows[0].events == [side.spelled(second)]
    });
    world.ready("crm");
    assert_ne!(side.only(&world).id, old);
    assert_eq!(order(&world, side, mark), expected, "{side:?} {policy:?}");
}

#[test]
fn an_event_is_exchanged_in_the_order_that_the_policy_says() {
    exchanged(Side::Bird, "CreateFirst", ["create", "delete"]);
    exchanged(Side::Bird, "DeleteFirst", ["delete", "create"]);
}

#[test]
fn an_event_is_exchanged_in_the_order_that_the_policy_says_at_babel_too() {
    exchanged(Side::Babel, "CreateFirst", ["create", "delete"]);
    exchanged(Side::Babel, "DeleteFirst", ["delete", "create"]);
}

#[test]
fn without_a_policy_the_new_one_is_made_before_the_old_one_goes() {
    for side in [Side::Babel, Side::Bird] {
        exchanged(side, "", ["create", "delete"]);
    }
}

#[test]
fn the_old_one_stays_while_the_new_one_is_refused() {
    for side in [Side::Babel, Side::Bird] {
        let world = World::start();
        let [first, second, _] = side.events();
        let old = made(&world, side, "CreateFirst", json!({"events": [first]}));
        let refusal = FaultAction::fail_with(400, json!({"success": false, "message": "no room"}));
        side.next(&world, "create", refusal);
        side.subscribe(&world, "crm", with("CreateFirst", json!({"events": [second]})));
        let object = world.becomes(SUBSCRIPTION, "crm", "Ready", "False", "RefusedByProvider");
        assert!(object["status"].to_string().contains("no room"), "{object:#}");
        world.look_again(SUBSCRIPTION, "crm");
        assert_eq!(side.only(&world).id, old, "nothing is missed meanwhile");
        assert_eq!(side.count(&world, 0, "delete"), 0);
        // Taken back, all is as before.
        side.subscribe(&world, "crm", with("CreateFirst", json!({"events": [first]})));
        world.ready("crm");
        assert_eq!(side.only(&world).id, old);
    }
}

#[test]
fn a_death_between_the_two_halves_of_an_exchange_leaves_the_new_one_only() {
    for (policy, operation) in [("CreateFirst", "create"), ("DeleteFirst", "delete")] {
        let mut world = World::start();
        let [first, second, _] = Side::Bird.events();
        made(&world, Side::Bird, policy, json!({"events": [first]}));
        Side::Bird.next(&world, operation, FaultAction::Hold { when: When::Applied });
        Side::Bird.subscribe(&world, "crm", with(policy, json!({"events": [second]})));
        let request = held(&world);
        world.operator().kill9();
        world.simulator.release(request, Release::Drop);
        world.start_operator();
        world.ready("crm");
        let row = Side::Bird.only(&world);
        assert_eq!(row.events, [Side::Bird.spelled(second)], "{policy}");
        assert_eq!(world.external_id("crm"), row.id);
    }
}

#[test]
fn an_exchange_that_the_policy_forbids_is_refused_and_healed_by_another_policy() {
    for side in [Side::Babel, Side::Bird] {
        let world = World::start();
        let [first, second, _] = side.events();
        let old = made(&world, side, "Never", json!({"events": [first]}));
        let mark = world.mark();
        side.subscribe(&world, "crm", with("Never", json!({"events": [second]})));
        let object = world.becomes(SUBSCRIPTION, "crm", "Ready", "False", "ReplacementRefused");
        let message = condition(&object, "Ready")["message"].to_string();
        assert!(message.contains("spec.replacePolicy"), "{message}");
        world.look_again(SUBSCRIPTION, "crm");
        assert_eq!(order(&world, side, mark), [""; 0]);
        // Taking the change back heals as well.
        side.subscribe(&world, "crm", with("Never", json!({"events": [first]})));
        world.ready("crm");
        assert_eq!(side.only(&world).id, old);
        side.subscribe(&world, "crm", with("DeleteFirst", json!({"events": [second]})));
        world.eventually("the exchange", || side.ids(&world).iter().all(|id| *id != old));
        world.ready("crm");
        assert_eq!(order(&world, side, mark), ["delete", "create"]);
    }
}

#[test]
fn filters_that_bird_cannot_change_in_place_make_another_subscription() {
    for switch in ["yes", "no"] {
        let world = Setup::new().switch("bird.patchFilters", switch).start();
        let condition = |value: &str| json!({"field": "channelId", "operator": "In", "values": [value]});
        let filters = |value: &str| {
            let conditions = [condition(value)];
            json!({"events": ["sms.inbound"], "filters": [{"conditions": conditions}]})
        };
        let old = made(&world, Side::Bird, "", filters("c1"));
        let mark = world.mark();
        Side::Bird.subscribe(&world, "crm", filters("c2"));
        world.eventually("the exchange", || {
            Side::Bird.ids(&world).iter().all(|id| *id != old)
        });
        world.ready("crm");
        assert_eq!(Side::Bird.only(&world).filters, "channelId=c2");
        assert_eq!(order(&world, Side::Bird, mark), ["create", "delete"]);
    }
}

fn filtered() -> Value {
    let condition = json!({"field": "QueueId", "operator": "In", "values": ["q1"]});
    json!({"filters": [{"conditions": [condition]}]})
}

#[test]
fn filters_that_dixa_does_not_clear_go_with_the_subscription_where_the_policy_allows_it() {
    let dixa = Side::Dixa;
    for (policy, expected) in [
        ("CreateFirst", ["patch", "create", "delete"]),
        ("DeleteFirst", ["patch", "delete", "create"]),
    ] {
        let world = World::start();
        let old = made(&world, dixa, policy, filtered());
        let mark = world.mark();
        dixa.subscribe(&world, "crm", with(policy, json!({})));
        world.eventually("another one", || {
            let rows = dixa.rows(&world);
            rows.len() == 1 && rows[0].id != old
        });
        world.ready("crm");
        assert_eq!(dixa.only(&world).filters, "");
        assert_eq!(order(&world, dixa, mark), expected, "{policy}");
        world.look_again(SUBSCRIPTION, "crm");
        assert_eq!(order(&world, dixa, mark).len(), 3, "replaced once for a wish");
        world.delete(SUBSCRIPTION, "crm");
        world.gone(SUBSCRIPTION, "crm");
        assert_eq!(dixa.rows(&world), []);
    }
}

#[test]
fn filters_that_dixa_does_not_clear_stay_where_the_policy_says_never_or_nothing() {
    for policy in ["Never", ""] {
        let world = World::start();
        let old = made(&world, Side::Dixa, policy, filtered());
        Side::Dixa.subscribe(&world, "crm", with(policy, json!({})));
        world.becomes(SUBSCRIPTION, "crm", "Synced", "False", "CannotClear");
        world.look_again(SUBSCRIPTION, "crm");
        assert_eq!(Side::Dixa.only(&world).id, old);
        assert_eq!(Side::Dixa.count(&world, 0, "create"), 1);
    }
}
