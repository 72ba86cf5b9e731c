//! Keys that the operator makes are exchanged: by age, on request, and whatever happens to the process in between.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use provider_simulator::{FaultAction, Release, When};
use serde_json::{Value, json};

use crate::held;
use crate::support::{SUBSCRIPTION, Side, World};

const OURS: [Side; 2] = [Side::Babel, Side::Bird];
const PREVIOUS: &str = "signingKey.previous";
const EXPIRES: &str = "signingKey.previous-expires";
const LONG_AGO: &str = "2020-01-01T00:00:00Z";

fn value(world: &World, key: &str) -> Option<String> {
    let secret = world.find("secrets", "made")?;
    let encoded = secret["data"][key].as_str()?.to_owned();
    let text = String::from_utf8(STANDARD.decode(encoded).unwrap()).unwrap();
    if key != EXPIRES {
        world.watch_over(&text);
    }
    Some(text)
}

fn rotating(side: Side) -> Value {
    json!({
        "events": side.events()[..1],
        "signing": {
            "generate": {"secretName": "made"},
            "rotation": {"interval": "2h", "overlap": "1h"},
        },
    })
}

/// The key is as old as can be.
fn age(world: &World) {
    let annotations = json!({"webhook-operator.io/key-made-at": LONG_AGO});
    world.patch(
        "secrets",
        "made",
        json!({"metadata": {"annotations": annotations}}),
    );
}

/// The overlap is over.
fn expire(world: &World) {
    world.patch("secrets", "made", json!({"stringData": {EXPIRES: LONG_AGO}}));
}

fn ask(world: &World, value: &str) {
    let annotations = json!({"webhook-operator.io/rotate-requested-at": value});
    let metadata = json!({"metadata": {"annotations": annotations}});
    world.patch(SUBSCRIPTION, "crm", metadata);
}

/// Waits until the provider signs with a key other than `before`, which is in the Secret, and `before` beside it.
fn exchanged(side: Side, world: &World, before: &str) -> String {
    world.eventually("another key at the provider", || {
        let key = value(world, "signingKey").unwrap();
        let sent = side.only(world).key == Some(key.clone());
        (key != before && sent && value(world, PREVIOUS).as_deref() == Some(before)).then_some(key)
    })
}

#[test]
fn a_key_is_exchanged_by_its_age_and_the_one_before_it_goes_after_the_overlap() {
    for side in OURS {
        let mut world = World::start();
        side.connect(&world, json!({}));
        side.subscribe(&world, "crm", rotating(side));
        world.ready("crm");
        let first = value(&world, "signingKey").unwrap();
        // Nothing is due: nothing is written, not by another process either.
        let mut audit = world.audit();
        world.look_again(SUBSCRIPTION, "crm");
        world.operator().kill9();
        world.start_operator();
        world.look_again(SUBSCRIPTION, "crm");
        let writes = world.operator_writes(&mut audit);
        assert!(
            !writes.iter().any(|write| write.contains("secrets")),
            "{writes:?}"
        );
        age(&world);
        let second = exchanged(side, &world, &first);
        world.ready("crm");
        world.told("crm", "Normal KeyRotated");
        let expires: jiff::Timestamp = value(&world, EXPIRES).unwrap().parse().unwrap();
        assert!(expires > jiff::Timestamp::now());
        // It is good until then, and the next exchange waits for that.
        ask(&world, "during the overlap");
        world.look_again(SUBSCRIPTION, "crm");
        assert_eq!(value(&world, PREVIOUS), Some(first));
        expire(&world);
        exchanged(side, &world, &second);
        world.told("crm", "Normal KeyRetired");
        let object = world.ready("crm");
        assert_eq!(object["status"]["lastHandledRotateAt"], "during the overlap");
        let log = world.operator_log();
        assert!(!log.contains(&second), "the key is in the log");
    }
}

#[test]
fn a_request_is_carried_out_once_whenever_the_process_ends() {
    for side in OURS {
        let mut world = World::start();
        side.connect(&world, json!({}));
        let change = json!({"events": side.events()[..1], "signing": {"generate": {"secretName": "made"}}});
        side.subscribe(&world, "crm", change);
        world.ready("crm");
        let first = value(&world, "signingKey").unwrap();
        side.next(&world, "update", FaultAction::Hold { when: When::Before });
        ask(&world, "now");
        let update = held(&world);
        // Both are stored before the new one is sent.
        let second = value(&world, "signingKey").unwrap();
        assert_eq!(value(&world, PREVIOUS), Some(first.clone()));
        assert_ne!(first, second);
        assert_eq!(side.only(&world).key, Some(first.clone()));
        world.operator().kill9();
        world.simulator.release(update, Release::Drop);
        // While the provider may still sign with it, the previous one does not go, whatever time it is.
        expire(&world);
        side.next(&world, "update", FaultAction::Hold { when: When::Before });
        world.start_operator();
        let update = held(&world);
        assert_eq!(value(&world, PREVIOUS), Some(first));
        world.simulator.release(update, Release::Continue);
        world.eventually("the previous key to go", || {
            value(&world, PREVIOUS).is_none().then_some(())
        });
        world.ready("crm");
        assert_eq!(side.only(&world).key, Some(second.clone()));
        world.look_again(SUBSCRIPTION, "crm");
        assert_eq!(value(&world, "signingKey"), Some(second), "exchanged once");
        assert_eq!(value(&world, EXPIRES), None);
        assert_eq!(world.subscription("crm")["status"]["lastHandledRotateAt"], "now");
    }
}

#[test]
fn what_the_provider_makes_is_not_exchanged_and_who_asks_is_told() {
    let world = World::start();
    Side::Dixa.connect(&world, json!({}));
    let publish = json!({"publishProviderKey": {"secretName": "made"}});
    let mut rotating = publish.clone();
    rotating["rotation"] = json!({"interval": "2h", "overlap": "1h"});
    Side::Dixa.subscribe(&world, "crm", json!({"signing": rotating}));
    let message = world.refused("crm", "UnsupportedByProvider");
    assert!(
        message.contains("spec.signing.rotation") && message.contains("anew"),
        "{message}"
    );
    assert_eq!(Side::Dixa.writes(&world, 0), [""; 0]);
    Side::Dixa.subscribe(&world, "crm", json!({"signing": publish}));
    world.ready("crm");
    ask(&world, "now");
    world.told("crm", "Warning RotationUnsupported");
}
