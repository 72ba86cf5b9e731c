//! What happens to objects that nobody planned.

use std::time::Duration;

use serde_json::{Value, json};

use crate::count;
use crate::support::{PROVIDER, SUBSCRIPTION, Setup, World};

#[test]
fn an_object_under_another_name_gets_a_remote_of_its_own_and_the_old_one_goes() {
    let world = World::start();
    world.connect();
    world.subscribe("before", json!({}));
    world.ready("before");
    let before = world.only_remote().id;
    // First the new one, then the deletion, as a renaming in Git does it.
    world.subscribe("after", json!({"adoption": {"policy": "IfOwned"}}));
    world.ready("after");
    world.delete(SUBSCRIPTION, "before");
    world.gone(SUBSCRIPTION, "before");
    let after = world.only_remote();
    assert_ne!(after.id, before);
    assert_eq!(world.external_id("after"), after.id.to_string());
    assert!(after.content.name.contains("/after "), "{}", after.content.name);
    assert_eq!(count(&world, 0, "create"), 2);
}

/// Deletes with a policy of propagation.
fn delete_as(world: &World, name: &str, policy: &str) {
    let collection = world.cluster().path(SUBSCRIPTION, &world.namespace).unwrap();
    let path = format!("{collection}/{name}?propagationPolicy={policy}");
    world
        .cluster()
        .api()
        .unwrap()
        .delete(&path)
        .unwrap()
        .ok()
        .unwrap();
}

#[test]
fn however_an_object_is_deleted_its_remote_goes_with_it() {
    let world = World::start();
    world.connect();
    let policies = ["Foreground", "Background", "Orphan"];
    let name = |policy: &str| format!("crm-{}", policy.to_lowercase());
    for policy in policies {
        let url = format!("https://hooks.acme.example/{policy}");
        world.subscribe(&name(policy), json!({"url": url}));
    }
    // One more is owned by an object of another kind, and goes with it.
    let maps = world.cluster().path("configmaps", &world.namespace).unwrap();
    let api = world.cluster().api().unwrap();
    let owner = json!({"metadata": {"name": "owner"}});
    let owner: Value = api.post(&maps, &owner).unwrap().ok().unwrap().json().unwrap();
    world.subscribe("owned", json!({"url": "https://hooks.acme.example/owned"}));
    let reference = json!({"apiVersion": "v1", "kind": "ConfigMap", "name": "owner",
        "uid": owner["metadata"]["uid"]});
    world.patch(
        SUBSCRIPTION,
        "owned",
        json!({"metadata": {"ownerReferences": [reference]}}),
    );
    for policy in policies {
        world.ready(&name(policy));
    }
    world.ready("owned");
    assert_eq!(world.remote().len(), 4);
    for policy in policies {
        delete_as(&world, &name(policy), policy);
    }
    api.delete(&format!("{maps}/owner")).unwrap().ok().unwrap();
    let names = policies.map(name);
    for name in names.iter().map(String::as_str).chain(["owned"]) {
        // The garbage collector has a part in it, and takes its time.
        world.within(Duration::from_secs(180), &format!("{name} to go"), || {
            let left = world.find(SUBSCRIPTION, name);
            left.map_or(Ok(()), |left| Err(format!("{:#}", left["status"])))
        });
    }
    assert_eq!(world.remote().len(), 0);
    assert_eq!(count(&world, 0, "delete"), 4);
}

#[test]
fn what_was_left_behind_by_a_stripped_finalizer_is_counted_at_the_provider_and_left_alone() {
    let mut world = World::start();
    world.connect();
    world.subscribe("kept", json!({"url": "https://hooks.acme.example/kept"}));
    world.subscribe("lost", json!({}));
    world.ready("kept");
    world.ready("lost");
    world.operator().kill9();
    world.delete(SUBSCRIPTION, "lost");
    world.patch(SUBSCRIPTION, "lost", json!({"metadata": {"finalizers": null}}));
    world.gone(SUBSCRIPTION, "lost");
    let mark = world.mark();
    world.start_operator();
    world.ready("kept");
    world.eventually("the provider to count what is left", || {
        let provider = world.look_again(PROVIDER, "dixa");
        let counted = &provider["status"]["subscriptions"];
        let seen = counted["remote"] == 2 && counted["managed"] == 1;
        if seen { Ok(()) } else { Err(counted.to_string()) }
    });
    assert_eq!(world.remote_writes_since(mark), [""; 0]);
    assert_eq!(world.remote().len(), 2);
}

#[test]
fn an_object_with_as_much_annotation_as_the_apiserver_takes_lives_and_goes() {
    let world = World::start();
    world.connect();
    world.subscribe("crm", json!({}));
    // 256 KiB is all that the annotations of an object may have.
    let note = json!({"example.com/note": "x".repeat(250 << 10)});
    world.patch(SUBSCRIPTION, "crm", json!({"metadata": {"annotations": note}}));
    world.ready("crm");
    world.subscribe("crm", json!({"url": "https://hooks.acme.example/edited"}));
    world.ready("crm");
    assert_eq!(
        world.only_remote().content.url,
        "https://hooks.acme.example/edited"
    );
    world.delete(SUBSCRIPTION, "crm");
    world.gone(SUBSCRIPTION, "crm");
    assert_eq!(world.remote().len(), 0);
}

#[test]
fn a_provider_that_shows_what_is_new_late_gets_one_create() {
    let mut world = Setup::new()
        .switch("dixa.listLagRequests", "6")
        .switch("dixa.getLagRequests", "3")
        .start();
    world.connect();
    world.subscribe("crm", json!({}));
    world.ready("crm");
    let id = world.only_remote().id;
    // The next process has only status to go by, and the list may still lack it.
    world.operator().kill9();
    world.start_operator();
    for _ in 0..4 {
        world.look_again(SUBSCRIPTION, "crm");
    }
    world.ready("crm");
    assert_eq!(count(&world, 0, "create"), 1);
    assert_eq!(world.only_remote().id, id);
    assert_eq!(world.external_id("crm"), id.to_string());
}

#[test]
fn what_must_not_change_and_is_changed_where_no_rule_says_so_loses_nothing() {
    let world = Setup::new().cluster_wide().start();
    world.connect();
    world.subscribe("crm", json!({}));
    world.ready("crm");
    let id = world.external_id("crm");
    // An admin's definition without our rules.
    let definitions = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions";
    let anything = json!({"type": "object", "x-kubernetes-preserve-unknown-fields": true});
    for kind in [PROVIDER, SUBSCRIPTION] {
        let change =
            json!([{"op": "replace", "path": "/spec/versions/0/schema/openAPIV3Schema", "value": anything}]);
        let api = world.cluster().api().unwrap();
        let path = format!("{definitions}/{kind}");
        let media_type = "application/json-patch+json";
        let reply = api.send("PATCH", &path, media_type, Some(change.to_string()));
        reply.unwrap().ok().unwrap();
    }
    let mark = world.mark();
    world.eventually("another type to be taken", || {
        let spec = world.provider_spec(json!({"type": "Babel"}));
        let reply = world.try_apply(PROVIDER, "dixa", spec);
        if reply.status < 300 {
            Ok(())
        } else {
            Err(reply.body)
        }
    });
    world.eventually("the provider not to be Ready", || {
        let provider = world.object(PROVIDER, "dixa");
        crate::support::condition(&provider, "Ready")["status"] != "True"
    });
    world.subscribe("crm", json!({"url": "https://hooks.acme.example/edited"}));
    world.eventually("the edit to be seen", || {
        let crm = world.subscription("crm");
        crm["status"]["observedGeneration"] == crm["metadata"]["generation"]
    });
    assert_eq!(world.remote_writes_since(mark), [""; 0]);
    assert_eq!(world.remote().len(), 1);
    world.apply(PROVIDER, "dixa", world.provider_spec(json!({})));
    world.ready("crm");
    assert_eq!(world.external_id("crm"), id);
    let remote = world.only_remote();
    assert_eq!(remote.id.to_string(), id);
    assert_eq!(remote.content.url, "https://hooks.acme.example/edited");
}
