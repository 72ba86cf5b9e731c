//! `diff` tells what would hold a change back: the owner of a lent account, a guard, another object.

use serde_json::{Value, json};

use crate::diff::{deeds, diff, diff_of};
use crate::support::{
    CLUSTER_PROVIDER, OPERATOR_NAMESPACE, PROVIDER, SUBSCRIPTION, Setup, Side, World, merge,
};

/// Lends Babel's account to the world's namespace.
fn lend(world: &World, change: &Value) {
    let side = Side::Babel;
    let key = [("token", side.credential())];
    world.secret_in(OPERATOR_NAMESPACE, "babel-api", "credentials", &key);
    let mut spec = side.provider_spec(world, json!({"allowedNamespaces": {"names": [world.namespace]}}));
    merge(&mut spec, change);
    world.apply(CLUSTER_PROVIDER, side.name(), spec);
}

fn borrowing(path: &str) -> Value {
    let url = format!("https://hooks.acme.example/{path}");
    Side::Babel.spec(json!({"url": url, "providerRef": {"kind": "ClusterWebhookProvider"}}))
}

/// The reasons of what is blocked.
fn blocked(world: &World, name: &str, spec: &Value) -> Vec<String> {
    let said = diff(world, name, spec).ends(1).json();
    let changes = said["items"][0]["changes"].as_array().unwrap();
    let blocked = changes.iter().filter(|change| change["deed"] == "Blocked");
    blocked
        .map(|change| {
            assert_ne!(change["message"].as_str().unwrap_or_default(), "", "{change}");
            change["reason"].as_str().unwrap().to_owned()
        })
        .collect()
}

#[test]
fn the_owner_of_a_lent_account_is_asked_first() {
    let world = Setup::new().cluster_wide().start();
    lend(
        &world,
        &json!({"quota": {"perNamespace": 4}, "policy": {"allowedHosts": ["hooks.acme.example"]}}),
    );
    world.apply(SUBSCRIPTION, "old", borrowing("old"));
    world.ready("old");
    // Two of four are taken; each asks for two more.
    let young = borrowing("young");
    assert_eq!(deeds(&diff(&world, "young", &young).ends(1)).len(), 2);
    assert_eq!(blocked(&world, "young", &young), [""; 0]);
    // What comes first in one file takes the room from what comes after it.
    let said = diff_of(&world, &[("young", &young), ("younger", &borrowing("younger"))]).ends(1);
    let items = said.json()["items"].clone();
    assert_eq!(items[0]["changes"].as_array().unwrap().len(), 2, "{items:#}");
    assert_eq!(items[1]["changes"][0]["reason"], "QuotaExceeded", "{items:#}");
    // Two more events than before, and what there is counts.
    let mut larger = borrowing("old");
    larger["events"] = json!(Side::Babel.events());
    assert_eq!(blocked(&world, "old", &larger), [""; 0]);
    world.apply(SUBSCRIPTION, "young", young.clone());
    world.ready("young");
    assert_eq!(blocked(&world, "old", &larger), ["QuotaExceeded"]);
    // The operator says the same.
    world.apply(SUBSCRIPTION, "old", larger);
    world.refused("old", "QuotaExceeded");

    let elsewhere = json!({"url": "https://elsewhere.example/x"});
    let mut away = young.clone();
    merge(&mut away, &elsewhere);
    assert_eq!(blocked(&world, "young", &away), ["HostNotAllowed"]);
    lend(&world, &json!({"allowedNamespaces": {"names": ["another"]}}));
    assert_eq!(blocked(&world, "young", &young), ["NamespaceNotAllowed"]);
    let labels = json!({"matchLabels": {"kubernetes.io/metadata.name": world.namespace}});
    lend(
        &world,
        &json!({"allowedNamespaces": {"names": null, "selector": labels}}),
    );
    diff(&world, "young", &young).ends(0);
}

#[test]
fn a_guard_that_has_tripped_and_one_that_would_is_told() {
    let mut world = World::start();
    let side = Side::Babel;
    side.connect(&world, json!({"guard": {"maxDeletions": 1}}));
    side.subscribe(&world, "crm", json!({"events": side.events()}));
    world.ready("crm");
    let spec = |events: &[&str]| side.spec(json!({"events": events}));
    let [first, second, _] = side.events();
    assert_eq!(blocked(&world, "crm", &spec(&[first, second])), [""; 0]);
    let said = diff(&world, "crm", &spec(&[first])).ends(1);
    assert_eq!(
        deeds(&said)
            .iter()
            .filter(|deed| deed.starts_with("Delete "))
            .count(),
        1,
        "{said:#?}"
    );
    assert_eq!(blocked(&world, "crm", &spec(&[first])), ["DeletionsGuarded"]);

    side.connect(&world, json!({"guard": {"maxVanished": 0}}));
    world.becomes(PROVIDER, side.name(), "Ready", "True", "");
    let gone = side.row_of(&world, first).unwrap().id;
    side.delete(&world, &gone);
    world.nudge(SUBSCRIPTION, "crm", "vanished");
    world.becomes(SUBSCRIPTION, "crm", "Stalled", "True", "Guarded");
    let provider = world.becomes(PROVIDER, side.name(), "Ready", "False", "Guarded");
    assert_eq!(blocked(&world, "crm", &spec(&side.events())), ["Guarded"]);
    // Once it is released, the one that vanished would be made anew.
    world.stop_operator();
    let annotations = json!({"webhook-operator.io/guard-release": provider["status"]["guard"]["token"]});
    world.patch(
        PROVIDER,
        side.name(),
        json!({"metadata": {"annotations": annotations}}),
    );
    let said = diff(&world, "crm", &spec(&side.events())).ends(1);
    assert!(deeds(&said)[0].starts_with("Create "), "{said:#?}");
}

#[test]
fn what_another_object_has_or_asked_for_first_is_told() {
    let world = World::start();
    let side = Side::Bird;
    side.connect(&world, json!({}));
    let event = side.events()[0];
    let spec = |path: &str| {
        side.spec(json!({"events": [event], "url": format!("https://hooks.acme.example/{path}")}))
    };
    world.apply(SUBSCRIPTION, "crm", spec("one"));
    world.ready("crm");
    assert_eq!(blocked(&world, "erp", &spec("one")), ["IdenticalExists"]);
    let said = diff(&world, "erp", &spec("two")).ends(1);
    assert!(deeds(&said)[0].starts_with("Create "), "{said:#?}");
    // Of two in one file that ask for the same the first in the alphabet has it: neither is there yet.
    let said = diff_of(&world, &[("a", &spec("two")), ("b", &spec("two"))]).ends(1);
    let items = said.json()["items"].clone();
    assert_eq!(items[0]["changes"][0]["deed"], "Create", "{items:#}");
    assert_eq!(items[1]["changes"][0]["deed"], "Blocked", "{items:#}");
    // A sixth with the same event and filters is more than Bird takes.
    for path in ["2", "3", "4", "5"] {
        world.apply(SUBSCRIPTION, &format!("more-{path}"), spec(path));
        world.ready(&format!("more-{path}"));
    }
    assert_eq!(blocked(&world, "sixth", &spec("6")), ["TooManyIdentical"]);
    // The operator says the same.
    world.apply(SUBSCRIPTION, "sixth", spec("6"));
    world.becomes(SUBSCRIPTION, "sixth", "Ready", "False", "TooManyIdentical");
}
