//! What is applied stays as it was written: nothing is out of sync, an edit by hand is found and put back, and what is
//! pruned is gone at the provider too.

use serde_json::{Value, json};

use crate::judge::{ask_one, folder, health, kstatus, text};
use crate::repository::{LABEL, Repository, TRACKING, Way};
use crate::support::{PROVIDER, SUBSCRIPTION, Setup, Side, World};

fn world() -> World {
    Setup::new().start()
}

fn in_sync(world: &World, repository: &Repository, way: Way) {
    repository.sync(world, way);
    for name in repository.subscriptions() {
        let object = world.ready(&name);
        assert_eq!(kstatus(&object), "Current", "{way:?} {name}");
        assert_eq!(health(&object)["status"], "Healthy", "{way:?} {name}");
    }
    for object in &repository.objects {
        let kind = format!("{}s.webhook-operator.io", text(&object["kind"]).to_lowercase());
        let live = world.object(&kind, &text(&object["metadata"]["name"]));
        assert_eq!(live["spec"], object["spec"], "{way:?} {kind}");
    }
    assert_eq!(repository.out_of_sync(world), Vec::<String>::new(), "{way:?}");
}

fn remote(world: &World) -> usize {
    Side::ALL.iter().map(|side| side.rows(world).len()).sum()
}

/// Somebody edits by hand; the next sync puts it back, and the operator follows both.
fn heals(world: &World, repository: &Repository, way: Way) {
    world.patch(SUBSCRIPTION, "crm", json!({"spec": {"enabled": false}}));
    world.patch(
        SUBSCRIPTION,
        "billing",
        json!({"spec": {"events": ["license.created"]}}),
    );
    world.ready("crm");
    world.ready("billing");
    assert!(!Side::Dixa.only(world).enabled);
    assert_eq!(Side::Babel.rows(world).len(), 1);
    let different = repository.out_of_sync(world);
    // What is not in the repository is somebody else's, and no difference to Argo CD or Flux.
    assert!(
        !different.iter().any(|one| one.contains(" crm: ")),
        "{different:?}"
    );
    for compared in ["threeWay", "structuredMerge", "serverSide"] {
        let found = different
            .iter()
            .any(|one| one.contains(&format!(" billing: {compared}")) && one.contains("/spec/events"));
        assert!(found, "{way:?} {compared}: {different:?}");
    }
    repository.sync(world, way);
    world.ready("billing");
    assert_eq!(Side::Babel.rows(world).len(), 2);
    assert_eq!(repository.out_of_sync(world), Vec::<String>::new(), "{way:?}");
    world.patch(SUBSCRIPTION, "crm", json!({"spec": {"enabled": null}}));
    world.ready("crm");
}

/// What the operator makes for an object is none of the repository's: it would be pruned.
fn children_are_not_tracked(world: &World) {
    for name in ["crm-signing", "billing-signing"] {
        let secret = world
            .cluster()
            .get_json("secrets", &world.namespace, name)
            .unwrap();
        let metadata = secret.unwrap()["metadata"].clone();
        assert!(metadata["labels"].get(LABEL).is_none(), "{metadata}");
        assert!(metadata["annotations"].get(TRACKING).is_none(), "{metadata}");
    }
}

fn stays_and_heals(way: Way) {
    let world = world();
    let repository = Repository::of_examples(&world);
    in_sync(&world, &repository, way);
    children_are_not_tracked(&world);
    // A second sync of the same writes nothing that the operator has to act on.
    let versions = |world: &World| -> Vec<Value> {
        let all = world.cluster().list_json(SUBSCRIPTION, &world.namespace).unwrap();
        all.iter()
            .map(|object| object["metadata"]["generation"].clone())
            .collect()
    };
    let before = versions(&world);
    repository.sync(&world, way);
    assert_eq!(versions(&world), before, "{way:?}");
    heals(&world, &repository, way);
}

#[test]
fn what_kubectl_applies_stays_in_sync_and_an_edit_is_put_back() {
    stays_and_heals(Way::ClientSide);
}

#[test]
fn what_is_applied_on_the_server_stays_in_sync_and_an_edit_is_put_back() {
    stays_and_heals(Way::ServerSide);
}

#[test]
fn what_helm_installs_stays_in_sync_and_an_edit_is_put_back() {
    stays_and_heals(Way::Helm);
}

/// What Argo CD does for an action: the script makes a patch of the object.
fn act(world: &World, kind: &str, name: &str, action: &str) {
    let object = world.object(kind, name);
    let folder = folder(&text(&object["kind"]));
    let offered = ask_one(&["actions", &format!("{folder}/actions/discovery.lua")], &object);
    let offered = offered
        .as_array()
        .unwrap()
        .iter()
        .find(|one| one["name"] == action)
        .cloned();
    assert_eq!(offered, Some(json!({"name": action, "disabled": false})));
    let script = format!("{folder}/actions/{action}/action.lua");
    let answer = ask_one(&["action", &script], &object);
    world.patch(kind, name, answer["patch"].clone());
}

#[test]
fn every_action_does_what_it_says_and_leaves_nothing_out_of_sync() {
    let world = world();
    let repository = Repository::of_examples(&world);
    in_sync(&world, &repository, Way::ServerSide);
    let handled = |kind: &str, name: &str| {
        world.eventually(&format!("{kind} {name} to be looked at"), || {
            world.object(kind, name)["status"]["lastHandledReconcileAt"] == "2026-01-01T00:00:00Z"
        });
    };
    act(&world, SUBSCRIPTION, "crm", "reconcile");
    handled(SUBSCRIPTION, "crm");
    act(&world, PROVIDER, "dixa", "reconcile");
    handled(PROVIDER, "dixa");
    act(&world, SUBSCRIPTION, "billing", "test");
    world.eventually("the receipts of the test", || {
        let test = world.subscription("billing")["status"]["lastTest"].clone();
        test["results"]
            .as_array()
            .is_some_and(|results| results.len() == 2)
    });
    act(&world, SUBSCRIPTION, "crm", "suspend");
    let object = world.becomes(SUBSCRIPTION, "crm", "Suspended", "True", "");
    assert_eq!(health(&object)["status"], "Suspended");
    act(&world, SUBSCRIPTION, "crm", "resume");
    assert_eq!(health(&world.ready("crm"))["status"], "Healthy");
    assert_eq!(repository.out_of_sync(&world), Vec::<String>::new());
}

/// Deletes an object as Argo CD and Flux prune: with a policy, and without waiting.
fn prune(world: &World, kind: &str, name: &str, policy: &str) {
    let path = world.cluster().path(kind, &world.namespace).unwrap();
    let body = json!({"kind": "DeleteOptions", "apiVersion": "v1", "propagationPolicy": policy});
    let api = world.cluster().api().unwrap();
    let path = format!("{path}/{name}");
    api.send("DELETE", &path, "application/json", Some(body.to_string()))
        .unwrap()
        .ok()
        .unwrap();
}

#[test]
fn what_is_pruned_is_gone_at_the_provider() {
    let world = world();
    let repository = Repository::of_examples(&world);
    for policy in ["Foreground", "Background"] {
        in_sync(&world, &repository, Way::ServerSide);
        assert_eq!(remote(&world), 7, "one at Dixa, two at Babel, four at Bird");
        prune(&world, SUBSCRIPTION, "crm", policy);
        world.gone(SUBSCRIPTION, "crm");
        assert_eq!(Side::Dixa.rows(&world), [], "{policy}");
        // And everything at once, providers first, as a repository that was emptied.
        for object in repository
            .objects
            .iter()
            .filter(|object| object["metadata"]["name"] != "crm")
        {
            let kind = format!("{}s.webhook-operator.io", text(&object["kind"]).to_lowercase());
            prune(&world, &kind, &text(&object["metadata"]["name"]), policy);
        }
        for name in repository.subscriptions() {
            world.gone(SUBSCRIPTION, &name);
        }
        for side in Side::ALL {
            world.gone(PROVIDER, side.name());
        }
        assert_eq!(remote(&world), 0, "{policy}");
    }
}

#[test]
fn a_namespace_that_goes_with_provider_and_secret_leaves_nothing_at_the_provider() {
    let world = world();
    let repository = Repository::of_examples(&world);
    in_sync(&world, &repository, Way::ServerSide);
    assert_eq!(remote(&world), 7);
    // Secrets first, as `kubectl delete -k` has them, and then the namespace, with nobody waiting.
    world.kubectl(&["delete", "secret", "dixa-api", "bird-api", "--wait=false"]);
    world.kubectl(&["delete", "namespace", &world.namespace, "--wait=false"]);
    world.eventually("the namespace to go", || {
        let found = world
            .cluster()
            .get_json("namespaces", "", &world.namespace)
            .unwrap();
        found.map_or(Ok(()), |found| Err(format!("{:#}", found["status"])))
    });
    assert_eq!(remote(&world), 0);
}
