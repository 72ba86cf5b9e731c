//! Keys of ours that deliveries are signed with: taken from a Secret, or made.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use provider_simulator::{FaultAction, Release, When};
use serde_json::{Value, json};

use crate::held;
use crate::support::{SUBSCRIPTION, Setup, Side, World};

/// The providers whose key is ours to choose.
const OURS: [Side; 2] = [Side::Babel, Side::Bird];

/// A key of a Secret of the world.
fn value(world: &World, secret: &str, key: &str) -> Option<String> {
    let secret = world.find("secrets", secret)?;
    let encoded = secret["data"][key].as_str()?.to_owned();
    Some(String::from_utf8(STANDARD.decode(encoded).unwrap()).unwrap())
}

fn generate(side: Side, change: &Value) -> Value {
    json!({"events": side.events()[..1], "signing": {"generate": change}})
}

#[test]
fn a_key_from_a_secret_signs_every_remote_subscription_and_follows_the_secret() {
    for side in OURS {
        let world = World::start();
        side.connect(&world, json!({}));
        let signing = json!({"signing": {"secretKeyRef": {"name": "sign", "key": "hmac"}}});
        side.subscribe(&world, "crm", signing);
        let message = world.eventually("the missing Secret to be named", || {
            let object = world.subscription("crm");
            let text = object["status"]["conditions"].to_string();
            text.contains("SecretNotFound").then_some(text)
        });
        assert!(message.contains("sign"), "{message}");
        // One that was released for another use is not used.
        world.secret("sign", "delivery", &[("hmac", "first-key")]);
        world.refused("crm", "SecretNotReleased");
        assert_eq!(side.writes(&world, 0), [""; 0]);
        for key in ["first-key", "second-key"] {
            world.secret("sign", "signing", &[("hmac", key)]);
            world.eventually("the key", || {
                let rows = side.rows(&world);
                (rows.len() == 2 && rows.iter().all(|row| row.key.as_deref() == Some(key))).then_some(())
            });
        }
        world.ready("crm");
        // Signing that is not managed any more stays as it is.
        side.subscribe(&world, "crm", json!({}));
        world.ready("crm");
        assert!(
            side.rows(&world)
                .iter()
                .all(|row| row.key.as_deref() == Some("second-key"))
        );
    }
}

fn generated(side: Side) {
    let mut world = World::start();
    side.next(&world, "create", FaultAction::Hold { when: When::Before });
    side.connect(&world, json!({}));
    side.subscribe(
        &world,
        "crm",
        generate(side, &json!({"secretName": "made", "key": "hmac"})),
    );
    let create = held(&world);
    let key = value(&world, "made", "hmac").expect("the key is stored before anything is signed with it");
    assert!(key.len() >= 32, "{}", key.len());
    world.operator().kill9();
    world.simulator.release(create, Release::Drop);
    world.start_operator();
    world.ready("crm");
    let stored = value(&world, "made", "hmac").unwrap();
    assert_eq!(stored, key, "made twice");
    assert_eq!(side.only(&world).key, Some(key.clone()));
    let secret = world.object("secrets", "made");
    assert_eq!(secret["metadata"]["ownerReferences"], Value::Null);
    assert_eq!(secret["metadata"]["labels"]["webhook-operator.io/use"], "signing");
    world.delete(SUBSCRIPTION, "crm");
    world.gone(SUBSCRIPTION, "crm");
    assert_eq!(
        value(&world, "made", "hmac"),
        Some(key.clone()),
        "a restore needs it"
    );
    // The object of that name comes back, and signs as before.
    side.subscribe(
        &world,
        "crm",
        generate(side, &json!({"secretName": "made", "key": "hmac"})),
    );
    world.ready("crm");
    assert_eq!(side.only(&world).key, Some(key));
    let log = world.operator_log();
    assert!(!log.contains(&stored), "the key is in the log");
}

#[test]
fn a_generated_key_is_stored_before_the_first_create_and_stays_when_the_object_goes() {
    generated(Side::Babel);
}

#[test]
fn a_generated_key_is_stored_before_the_first_create_and_stays_at_bird_too() {
    generated(Side::Bird);
}

#[test]
fn a_generated_key_never_replaces_the_secret_of_somebody_else() {
    for side in OURS {
        let world = World::start();
        side.connect(&world, json!({}));
        world.secret("made", "signing", &[("signingKey", "of somebody else")]);
        side.subscribe(&world, "crm", generate(side, &json!({"secretName": "made"})));
        let message = world.refused("crm", "SecretExists");
        assert!(
            message.contains("made") && message.contains("secretKeyRef"),
            "{message}"
        );
        assert_eq!(value(&world, "made", "signingKey").unwrap(), "of somebody else");
        assert_eq!(side.writes(&world, 0), [""; 0]);
        side.subscribe(&world, "crm", generate(side, &json!({"secretName": "another"})));
        world.ready("crm");
        let key = value(&world, "another", "signingKey");
        assert_eq!(side.only(&world).key, key);
        assert_eq!(value(&world, "made", "signingKey").unwrap(), "of somebody else");
    }
}

#[test]
fn what_deletes_the_generated_key_makes_a_new_one_that_is_sent() {
    let world = Setup::new().start();
    let side = Side::Babel;
    side.connect(&world, json!({}));
    side.subscribe(&world, "crm", generate(side, &json!({"secretName": "made"})));
    world.ready("crm");
    let before = side.only(&world).key;
    world.delete("secrets", "made");
    world.eventually("another key", || {
        let key = value(&world, "made", "signingKey");
        key.is_some() && key != before && side.only(&world).key == key
    });
    world.ready("crm");
}

#[test]
fn dixa_makes_its_own_key_and_takes_none() {
    let world = World::start();
    Side::Dixa.connect(&world, json!({}));
    world.secret("sign", "signing", &[("hmac", "first-key")]);
    let cases = [
        (
            "taken",
            json!({"secretKeyRef": {"name": "sign", "key": "hmac"}}),
            "spec.signing.secretKeyRef",
        ),
        (
            "made",
            json!({"generate": {"secretName": "made"}}),
            "spec.signing.generate",
        ),
    ];
    for (name, signing, field) in cases {
        Side::Dixa.subscribe(&world, name, json!({"signing": signing}));
        let message = world.refused(name, "UnsupportedByProvider");
        assert!(
            message.contains(field) && message.contains("publishProviderKey"),
            "{message}"
        );
    }
    assert_eq!(
        value(&world, "made", "signingKey"),
        None,
        "a key that nobody can use was stored"
    );
    assert_eq!(Side::Dixa.writes(&world, 0), [""; 0]);
}
