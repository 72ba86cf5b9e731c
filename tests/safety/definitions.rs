//! The definitions of the kinds come, go and change. Each test has a control plane of its own.

use serde_json::{Value, json};
use webhook_operator::crd;

use crate::support::{CLUSTER_PROVIDER, PROVIDER, SUBSCRIPTION, Setup, World, condition};
use crate::{all_ready, names, subscribe_all, turns};

const DEFINITIONS: &str = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions";

fn delete_definition(world: &World, kind: &str) {
    let api = world.cluster().api().unwrap();
    api.delete(&format!("{DEFINITIONS}/{kind}"))
        .unwrap()
        .ok()
        .unwrap();
}

fn definition(world: &World, kind: &str) -> Option<Value> {
    let reply = world
        .cluster()
        .api()
        .unwrap()
        .get(&format!("{DEFINITIONS}/{kind}"))
        .unwrap();
    (reply.status == 200).then(|| reply.json().unwrap())
}

#[test]
fn a_definition_that_is_deleted_takes_nothing_at_the_provider_along() {
    let mut world = Setup::new().cluster_wide().start();
    world.connect();
    let names = names("crm", 3);
    subscribe_all(&world, &names);
    all_ready(&world, &names);
    let mark = world.mark();
    delete_definition(&world, SUBSCRIPTION);
    for name in &names {
        world.eventually("the deletion to be stopped", || {
            let object = world.subscription(name);
            let stalled = condition(&object, "Stalled");
            let message = stalled["message"].as_str().unwrap_or_default();
            if stalled["status"] == "True" && message.contains("CRD") {
                Ok(())
            } else {
                Err(format!("{:#}", object["status"]))
            }
        });
    }
    assert!(
        definition(&world, SUBSCRIPTION).is_some(),
        "the finalizers hold it"
    );
    assert_eq!(world.remote_writes_since(mark), [""; 0]);
    assert_eq!(world.operator().ended().unwrap(), None);
    // Nor after a restart.
    world.stop_operator();
    let mark = world.mark();
    world.start_operator();
    world.requested("list", mark, 1);
    turns(&mut world, 4);
    assert_eq!(world.remote_writes_since(mark), [""; 0]);
    assert_eq!(world.remote().len(), 3);
}

#[test]
fn without_the_definitions_it_waits_says_which_are_missing_and_goes_on_when_they_come() {
    let mut world = Setup::new().cluster_wide().without_operator().start();
    for kind in [SUBSCRIPTION, PROVIDER, CLUSTER_PROVIDER] {
        delete_definition(&world, kind);
    }
    for kind in [SUBSCRIPTION, PROVIDER, CLUSTER_PROVIDER] {
        world.eventually("the definition to go", || definition(&world, kind).is_none());
    }
    world.start_operator();
    let operator = world.operator();
    let missing = test_harness::wait_for(crate::support::SOON, "/readyz to name what is missing", || {
        let reply = operator.readyz().unwrap();
        let named = [
            "webhooksubscriptions",
            "webhookproviders",
            "clusterwebhookproviders",
        ]
        .iter()
        .all(|kind| reply.body.contains(kind));
        if named { Ok(reply.status) } else { Err(reply.body) }
    });
    assert_eq!(missing.unwrap(), 503);
    assert_eq!(
        operator.http().unwrap().get("/livez").unwrap().status,
        200,
        "it must not be restarted for that"
    );
    let definitions = crd::yaml_stream().unwrap();
    world
        .cluster()
        .kubectl(&["apply", "--server-side", "-f", "-"], &definitions)
        .unwrap();
    let operator = world.operator();
    let ready = test_harness::wait_for(crate::support::SOON, "/readyz", || {
        let reply = operator.readyz().unwrap();
        if reply.status == 200 {
            Ok(())
        } else {
            Err(reply.body)
        }
    });
    ready.unwrap();
    world.connect();
    world.subscribe("crm", json!({}));
    world.ready("crm");
}

/// Takes the schema away, as an older or newer definition may have had another.
fn loosen(world: &World, kind: &str) {
    let anything = json!({"type": "object", "x-kubernetes-preserve-unknown-fields": true});
    let change =
        json!([{"op": "replace", "path": "/spec/versions/0/schema/openAPIV3Schema", "value": anything}]);
    let api = world.cluster().api().unwrap();
    let path = format!("{DEFINITIONS}/{kind}");
    let reply = api.send(
        "PATCH",
        &path,
        "application/json-patch+json",
        Some(change.to_string()),
    );
    reply.unwrap().ok().unwrap();
}

#[test]
fn an_object_that_cannot_be_read_says_so_and_does_not_hold_up_the_others() {
    let mut world = Setup::new().cluster_wide().start();
    world.connect();
    world.subscribe("before", json!({}));
    world.ready("before");
    loosen(&world, SUBSCRIPTION);
    loosen(&world, PROVIDER);
    world.eventually("the broken object to be taken", || {
        let reply = world.try_apply(
            SUBSCRIPTION,
            "broken",
            json!({"providerRef": {"name": 7}, "events": "all of them"}),
        );
        if reply.status < 300 {
            Ok(())
        } else {
            Err(reply.body)
        }
    });
    world.eventually("the broken provider to be taken", || {
        let reply = world.try_apply(PROVIDER, "broken", json!({"type": "Unheard-of"}));
        if reply.status < 300 {
            Ok(())
        } else {
            Err(reply.body)
        }
    });
    world.becomes(SUBSCRIPTION, "broken", "Stalled", "True", "InvalidSpec");
    world.subscribe("after", json!({"url": "https://hooks.acme.example/after"}));
    world.ready("after");
    world.subscribe("before", json!({"url": "https://hooks.acme.example/changed"}));
    world.ready("before");
    // The next process reads the list with the broken ones in it.
    world.stop_operator();
    world.start_operator();
    world.subscribe("later", json!({"url": "https://hooks.acme.example/later"}));
    world.ready("later");
    assert_eq!(world.remote().len(), 3);
    // Mended, it works.
    world.subscribe("broken", json!({"url": "https://hooks.acme.example/mended"}));
    world.ready("broken");
    assert_eq!(world.remote().len(), 4);
}
