//! Providers behind a certificate authority of one's own.

use provider_simulator::TlsListeners;
use serde_json::json;

use crate::support::{PROVIDER, SUBSCRIPTION, Setup, World, condition};

/// A `ConfigMap` `authority` with the certificate authority of the simulator.
pub fn trust(world: &World) {
    bundle(world, "authority", "ca.crt", world.simulator.ca_pem());
}

fn bundle(world: &World, name: &str, key: &str, text: &str) {
    let body = json!({"metadata": {"name": name}, "data": {key: text}});
    let path = world.cluster().path("configmaps", &world.namespace).unwrap();
    let api = world.cluster().api().unwrap();
    api.post(&path, &body).unwrap().ok().unwrap();
}

#[test]
fn a_whole_life_over_https_with_a_bundle() {
    let world = Setup::new().https_only().tls(TlsListeners::Good).start();
    trust(&world);
    world.connect_with(json!({
        "endpoint": world.simulator.https_url(),
        "caBundleRef": {"name": "authority"},
    }));
    world.subscribe("crm", json!({}));
    world.ready("crm");
    world.subscribe("crm", json!({"events": ["ConversationClosed"]}));
    world.ready("crm");
    let id = world.only_remote().id;
    let edit = json!({"url": "https://elsewhere.example/x"});
    world.simulator.dixa().edit(id, &edit).unwrap();
    world.look_again(SUBSCRIPTION, "crm");
    world.ready("crm");
    let content = world.only_remote().content;
    assert_eq!(content.url, "https://hooks.acme.example/dixa");
    assert_eq!(content.events, ["ConversationClosed"]);
    world.delete(SUBSCRIPTION, "crm");
    world.gone(SUBSCRIPTION, "crm");
    assert_eq!(world.remote().len(), 0);
}

#[test]
fn a_bundle_may_be_under_another_key_and_come_later() {
    let world = Setup::new().tls(TlsListeners::Good).start();
    world.connect_with(json!({
        "endpoint": world.simulator.https_url(),
        "caBundleRef": {"name": "authority", "key": "root.pem"},
    }));
    let object = world.becomes(PROVIDER, "dixa", "Ready", "False", "");
    let message = condition(&object, "Ready")["message"].to_string();
    assert!(
        message.contains("authority") && message.contains("root.pem"),
        "{message}"
    );
    bundle(&world, "authority", "root.pem", world.simulator.ca_pem());
    // Nobody watches ConfigMaps; a person asks, or the next interval does.
    world.nudge(PROVIDER, "dixa", "now");
    world.becomes(PROVIDER, "dixa", "Ready", "True", "Connected");
}

#[test]
fn certificates_that_do_not_fit_are_refused_and_the_reason_is_said() {
    let world = Setup::new().tls(TlsListeners::All).start();
    trust(&world);
    world.secret(
        "dixa-api",
        "credentials",
        &[("token", provider_simulator::Config::DIXA_TOKEN)],
    );
    let simulator = &world.simulator;
    let cases = [
        ("wrong-name", simulator.https_wrong_name_url(), true),
        ("expired", simulator.https_expired_url(), true),
        ("unknown-ca", simulator.https_unknown_ca_url(), true),
        // The good one, whose authority the public roots do not know.
        ("no-bundle", simulator.https_url(), false),
    ];
    for (name, endpoint, bundle) in cases {
        let reference = if bundle {
            json!({"name": "authority"})
        } else {
            json!(null)
        };
        let spec = world.provider_spec(json!({"endpoint": endpoint, "caBundleRef": reference}));
        world.apply(PROVIDER, name, spec);
        world.subscribe(name, json!({"providerRef": {"name": name}}));
    }
    for name in ["wrong-name", "expired", "unknown-ca", "no-bundle"] {
        let object = world.becomes(PROVIDER, name, "Ready", "False", "");
        let message = condition(&object, "Ready").to_string();
        assert!(message.contains("TLSInvalid"), "{name}: {message}");
        assert_ne!(condition(&world.subscription(name), "Ready")["status"], "True");
    }
    assert_eq!(world.simulator.log().len(), 0, "no request got through");
}
