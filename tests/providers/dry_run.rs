//! `--dry-run` at the providers: what each of them has besides is said, and nothing is sent or written.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};

use crate::support::{ELSEWHERE, SUBSCRIPTION, Side, World};

/// How often an Event with `text` was told about an object.
fn times(world: &World, name: &str, text: &str) -> usize {
    let events = world.events_about(name);
    events.iter().filter(|event| event.contains(text)).count()
}

/// A dry run of the objects as they are: each of `said`, an object's name and what is said of it, is said once, also
/// where everything is looked at again, and no request changed anything at the provider, nor any write but of Events in
/// the cluster.
fn rehearsed(world: &mut World, side: Side, said: &[(&str, String)]) {
    let (mut audit, mark) = (world.audit(), world.mark());
    world.restart_with(&["--dry-run"]);
    for (name, text) in said {
        world.told(name, text);
    }
    let mark_of_look = world.mark();
    for (name, _) in said {
        world.nudge(SUBSCRIPTION, name, "again");
    }
    world.eventually("another look at the account", || {
        (side.count(world, mark_of_look, "list") > 0).then_some(())
    });
    for (name, text) in said {
        assert_eq!(times(world, name, text), 1, "{:?}", world.events_about(name));
    }
    assert_eq!(side.writes(world, mark), [""; 0]);
    let writes = world.operator_writes(&mut audit);
    let others: Vec<&String> = writes
        .iter()
        .filter(|write| !write.starts_with("create events/"))
        .collect();
    assert!(others.is_empty(), "{others:?}");
}

#[test]
fn each_remote_subscription_of_a_fan_out_is_said_by_its_event() {
    for side in [Side::Babel, Side::Bird] {
        let mut world = World::start();
        let [first, second, third] = side.events();
        side.connect(&world, json!({}));
        side.subscribe(&world, "crm", json!({"events": [first, second]}));
        world.ready("crm");
        let dropped = side.row_of(&world, first).unwrap().id;
        world.stop_operator();
        side.subscribe(&world, "crm", json!({"events": [second, third]}));
        let fresh = json!({"events": [first, second], "url": "https://hooks.acme.example/fresh"});
        side.subscribe(&world, "fresh", fresh);
        let would_create = |event: &str| {
            let key = crate::key_of(side, event);
            format!("Normal WouldCreate: would create the subscription for {key}: ")
        };
        let said = [
            ("crm", would_create(third)),
            (
                "crm",
                format!("Normal WouldDelete: would delete subscription {dropped}"),
            ),
            ("fresh", would_create(first)),
            ("fresh", would_create(second)),
        ];
        rehearsed(&mut world, side, &said);
        let events = world.events_about("crm");
        assert!(
            !events.iter().any(|event| event.contains("WouldUpdate")),
            "what stays is left alone: {events:?}"
        );
        // A real one does what was said.
        world.restart_with(&[]);
        world.ready("crm");
        world.ready("fresh");
        assert_eq!(side.rows(&world).len(), 4);
        assert!(side.rows(&world).iter().all(|row| row.id != dropped));
    }
}

#[test]
fn what_would_be_taken_over_is_said_with_its_id_and_left_as_it_is() {
    for side in Side::ALL {
        let mut world = World::start();
        let event = side.events()[0];
        let by_hand = side.create_by_hand(&world, event, ELSEWHERE);
        let before = side.only(&world);
        side.connect(&world, json!({}));
        world.stop_operator();
        let adoption = json!({"policy": "ByID", "externalIDs": [by_hand]});
        side.subscribe(&world, "crm", json!({"events": [event], "adoption": adoption}));
        let said = [(
            "crm",
            format!("Normal WouldAdopt: would take over subscription {by_hand}"),
        )];
        rehearsed(&mut world, side, &said);
        assert_eq!(side.only(&world), before, "{side:?}");
        let status = &world.subscription("crm")["status"];
        assert_eq!(
            status["subscriptions"],
            Value::Null,
            "nothing is recorded: {status}"
        );
        world.restart_with(&[]);
        world.ready("crm");
        assert_eq!(side.only(&world).id, by_hand);
        assert_ne!(side.only(&world).url, ELSEWHERE);
    }
}

#[test]
fn an_exchange_of_the_key_that_the_operator_made_is_said_and_the_key_stays() {
    for side in [Side::Babel, Side::Bird] {
        let mut world = World::start();
        side.connect(&world, json!({}));
        let change = json!({"events": side.events()[..1], "signing": {"generate": {"secretName": "made"}}});
        side.subscribe(&world, "crm", change);
        world.ready("crm");
        let kept = |world: &World| {
            let secret = world.object("secrets", "made");
            let key = STANDARD
                .decode(secret["data"]["signingKey"].as_str().unwrap())
                .unwrap();
            world.watch_over(&String::from_utf8(key).unwrap());
            secret
        };
        let (secret, remote) = (kept(&world), side.only(&world));
        world.stop_operator();
        let annotations = json!({"webhook-operator.io/rotate-requested-at": "now"});
        let metadata = json!({"metadata": {"annotations": annotations}});
        world.patch(SUBSCRIPTION, "crm", metadata);
        let note = "Normal WouldWriteSecret: would exchange the signing key in Secret made";
        rehearsed(&mut world, side, &[("crm", note.to_owned())]);
        assert_eq!(kept(&world), secret);
        assert_eq!(side.only(&world), remote);
        assert_eq!(
            world.subscription("crm")["status"]["lastHandledRotateAt"],
            Value::Null
        );
        // A real one exchanges it.
        world.restart_with(&[]);
        world.told("crm", "Normal KeyRotated");
        world.ready("crm");
        assert_ne!(kept(&world)["data"]["signingKey"], secret["data"]["signingKey"]);
        assert_eq!(
            kept(&world)["data"]["signingKey.previous"],
            secret["data"]["signingKey"]
        );
    }
}
