//! The account behind a provider object changes.

use provider_simulator::{Config, FaultAction, Token, When};
use serde_json::json;

use crate::support::{PROVIDER, SUBSCRIPTION, World, condition};
use crate::{all_ready, held, names, next, subscribe_all, text};

fn use_token(world: &World, token: &str) {
    world.secret("dixa-api", "credentials", &[("token", token)]);
}

#[test]
fn a_key_of_another_organization_changes_nothing_until_the_right_one_is_back() {
    let world = World::start();
    world
        .simulator
        .dixa()
        .add_token("token-of-others", Token::of("other-org"));
    world.connect();
    let names = names("crm", 3);
    subscribe_all(&world, &names);
    all_ready(&world, &names);
    let ids: Vec<String> = names.iter().map(|name| world.external_id(name)).collect();
    let mark = world.mark();

    use_token(&world, "token-of-others");
    world.becomes(PROVIDER, "dixa", "Guarded", "True", "AccountChanged");
    world.subscribe("late", json!({"url": "https://hooks.acme.example/late"}));
    world.delete(SUBSCRIPTION, &names[2]);
    for name in &names[..2] {
        world.nudge(SUBSCRIPTION, name, "while-it-is-another");
        world.becomes(SUBSCRIPTION, name, "Stalled", "True", "AccountChanged");
    }
    world.becomes(SUBSCRIPTION, "late", "Stalled", "True", "AccountChanged");
    world.becomes(SUBSCRIPTION, &names[2], "Stalled", "True", "DeletionBlocked");
    assert_eq!(world.remote_writes_since(mark), [""; 0]);
    for (name, id) in names.iter().zip(&ids) {
        assert_eq!(world.external_id(name), *id, "forgotten");
    }

    use_token(&world, Config::DIXA_TOKEN);
    all_ready(&world, &names[..2]);
    world.ready("late");
    world.gone(SUBSCRIPTION, &names[2]);
    assert_eq!(world.external_id(&names[0]), ids[0]);
    assert_eq!(world.remote().len(), 3);
    assert!(
        world
            .remote()
            .iter()
            .all(|remote| remote.organization == "example-org")
    );
    world.eventually("the provider to be well", || {
        let provider = world.object(PROVIDER, "dixa");
        condition(&provider, "Guarded").is_null() && condition(&provider, "Ready")["status"] == "True"
    });
}

#[test]
fn a_key_that_was_rotated_within_the_organization_goes_on_with_the_same_subscriptions() {
    let mut world = World::start();
    world
        .simulator
        .dixa()
        .add_token("rotated-token", Token::of("example-org"));
    world.connect();
    let names = names("crm", 3);
    subscribe_all(&world, &names);
    all_ready(&world, &names);
    let before = world.subscription(&names[0]);
    let mark = world.mark();
    use_token(&world, "rotated-token");
    world.requested("list", mark, 1);
    world.simulator.dixa().revoke_token(Config::DIXA_TOKEN);
    for name in &names {
        world.look_again(SUBSCRIPTION, name);
    }
    all_ready(&world, &names);
    assert_eq!(world.remote_writes_since(mark), [""; 0]);
    let after = world.subscription(&names[0]);
    assert_eq!(before["status"]["identity"], after["status"]["identity"]);
    assert_eq!(
        before["status"]["subscriptions"],
        after["status"]["subscriptions"]
    );

    // It is still known to be the same account after a restart, and by an edit.
    world.stop_operator();
    world.start_operator();
    world.subscribe(&names[0], json!({"url": "https://hooks.acme.example/new"}));
    world.ready(&names[0]);
    assert_eq!(
        world.external_id(&names[0]),
        text(&before, "/status/subscriptions/0/externalID")
    );
    assert_eq!(world.remote().len(), 3);
}

#[test]
fn a_lost_create_whose_key_was_rotated_meanwhile_waits_for_a_person_and_goes_on_with_the_token() {
    let mut world = World::start();
    world
        .simulator
        .dixa()
        .add_token("rotated-token", Token::of("example-org"));
    world.connect();
    world.becomes(PROVIDER, "dixa", "Ready", "True", "Connected");
    let waits = FaultAction::Hold { when: When::Before };
    next(&world, "create", waits);
    world.subscribe("crm", json!({}));
    held(&world);
    world.operator().kill9();
    use_token(&world, "rotated-token");
    world.start_operator();
    // Alone on its provider, nothing that is known can show that it is the same account.
    world.becomes(SUBSCRIPTION, "crm", "Stalled", "True", "AccountChanged");
    let provider = world.becomes(PROVIDER, "dixa", "Guarded", "True", "AccountChanged");
    let token = text(&provider, "/status/guard/token");
    world.patch(
        PROVIDER,
        "dixa",
        json!({"metadata": {"annotations": {"webhook-operator.io/guard-release": token}}}),
    );
    world.ready("crm");
    assert_eq!(world.external_id("crm"), world.only_remote().id.to_string());
}
