//! A cluster that comes back from a backup: objects under new UIDs, without their status, while everything is still at the
//! provider.

use serde_json::{Value, json};

use crate::support::{SUBSCRIPTION, Setup, Side, World, condition, merge};
use crate::{OPERATOR_NAMESPACE, borrow, lend, named, shared};

const MANY: usize = 20;

/// Takes all subscriptions of the world away without their operator noticing, and gives what a backup holds of them.
fn back_up_and_lose(world: &mut World) -> Vec<Value> {
    world.stop_operator();
    let all = world.cluster().list_json(SUBSCRIPTION, &world.namespace).unwrap();
    for object in &all {
        let name = object["metadata"]["name"].as_str().unwrap();
        world.patch(SUBSCRIPTION, name, json!({"metadata": {"finalizers": null}}));
        world.delete(SUBSCRIPTION, name);
        world.gone(SUBSCRIPTION, name);
    }
    all
}

/// Makes them anew, as a restore does it: names, labels, annotations and spec; status only where the tool restores it.
fn restore(world: &World, backup: &[Value], with_status: bool) {
    let api = world.cluster().api().unwrap();
    let path = world.cluster().path(SUBSCRIPTION, &world.namespace).unwrap();
    for object in backup {
        let metadata = &object["metadata"];
        let mut kept = json!({"name": metadata["name"]});
        for member in ["labels", "annotations", "finalizers"] {
            if !metadata[member].is_null() {
                kept[member] = metadata[member].clone();
            }
        }
        let fresh = json!({
            "apiVersion": object["apiVersion"], "kind": object["kind"], "metadata": kept, "spec": object["spec"],
        });
        let made = api.post(&path, &fresh).unwrap().ok().unwrap().json().unwrap();
        assert_ne!(made["metadata"]["uid"], metadata["uid"]);
        if with_status {
            let name = metadata["name"].as_str().unwrap();
            world.patch_status(SUBSCRIPTION, name, json!({"status": object["status"]}));
        }
    }
}

fn name_of(i: usize) -> String {
    format!("app-{i}")
}

/// What one of them asks for. Bird allows five with the same event and filters.
fn asks(side: Side, i: usize, more: &Value) -> Value {
    let mut change = json!({"url": format!("https://hooks.acme.example/app-{i}")});
    if side == Side::Bird {
        let condition = json!({"field": "channelId", "operator": "In", "values": [format!("channel-{i}")]});
        change["filters"] = json!([{"conditions": [condition]}]);
    }
    merge(&mut change, more);
    change
}

/// Many objects that are all in sync; at Babel one of them with a key that was made for it.
fn many(world: &World, side: Side) {
    side.connect(world, json!({}));
    for i in 0..MANY {
        let mut change = asks(side, i, &json!({}));
        if side == Side::Babel && i == 0 {
            change["signing"] = json!({"generate": {"secretName": "made"}});
        }
        side.subscribe(world, &name_of(i), change);
    }
    for i in 0..MANY {
        world.ready(&name_of(i));
    }
}

#[test]
fn what_is_restored_takes_everything_back_by_its_marker_and_creates_nothing() {
    for side in [Side::Dixa, Side::Babel] {
        let mut world = World::start();
        many(&world, side);
        let rows = side.rows(&world);
        for with_status in [false, true] {
            let backup = back_up_and_lose(&mut world);
            assert_eq!(backup.len(), MANY);
            restore(&world, &backup, with_status);
            let mark = world.mark();
            world.start_operator();
            for i in 0..MANY {
                let uid = world.subscription(&name_of(i))["metadata"]["uid"].clone();
                world.eventually("the identity", || {
                    world.subscription(&name_of(i))["status"]["identity"]["objectUID"] == uid
                });
                world.ready(&name_of(i));
            }
            // A status that was restored says Ready before its marker is rewritten.
            let names: Vec<String> = (0..MANY).map(name_of).collect();
            world.look_at_all(SUBSCRIPTION, &names);
            assert_eq!(side.count(&world, mark, "create"), 0);
            assert_eq!(side.count(&world, mark, "delete"), 0);
            assert_eq!(side.rows(&world), rows);
            // Its marker is rewritten once, and then there is peace.
            let mark = world.mark();
            world.look_again(SUBSCRIPTION, &name_of(0));
            assert_eq!(side.writes(&world, mark), Vec::<String>::new());
        }
        for i in 0..MANY {
            world.delete(SUBSCRIPTION, &name_of(i));
        }
        for i in 0..MANY {
            world.gone(SUBSCRIPTION, &name_of(i));
        }
        assert_eq!(side.rows(&world), []);
    }
}

#[test]
fn where_nothing_is_marked_a_restore_waits_for_a_person_and_then_takes_everything_back() {
    let side = Side::Bird;
    let mut world = World::start();
    many(&world, side);
    let rows = side.rows(&world);
    for with_status in [false, true] {
        let backup = back_up_and_lose(&mut world);
        restore(&world, &backup, with_status);
        let mark = world.mark();
        world.start_operator();
        for i in 0..MANY {
            let stalled = world.becomes(SUBSCRIPTION, &name_of(i), "Stalled", "True", "IdenticalExists");
            let message = condition(&stalled, "Stalled")["message"].to_string();
            assert!(rows.iter().any(|row| message.contains(&row.id)), "{message}");
            assert!(message.contains("IfMatches"), "{message}");
        }
        assert_eq!(side.writes(&world, mark), Vec::<String>::new());
        // The message says how.
        for i in 0..MANY {
            let change = asks(side, i, &json!({"adoption": {"policy": "IfMatches"}}));
            side.subscribe(&world, &name_of(i), change);
        }
        for i in 0..MANY {
            world.ready(&name_of(i));
        }
        assert_eq!(side.count(&world, mark, "create"), 0);
        assert_eq!(side.rows(&world), rows);
        // As before, for the second time.
        for i in 0..MANY {
            let change = asks(side, i, &json!({}));
            side.subscribe(&world, &name_of(i), change);
            world.ready(&name_of(i));
        }
    }
}

#[test]
fn a_second_cluster_on_the_account_touches_nothing_of_the_first_until_it_is_told_to_replace_it() {
    for side in Side::ALL {
        let mut world = Setup::new().flag("--cluster-id=first").start();
        side.connect(&world, json!({}));
        side.subscribe(&world, "app", json!({"interval": "5s"}));
        world.ready("app");
        let rows = side.rows(&world);
        let backup = back_up_and_lose(&mut world);

        // The same objects in a cluster of another id.
        restore(&world, &backup, true);
        let mark = world.mark();
        world.restart_with(&["--cluster-id=second"]);
        let reason = if side == Side::Bird {
            "IdenticalExists"
        } else {
            "OwnedByOtherCluster"
        };
        world.becomes(SUBSCRIPTION, "app", "Stalled", "True", reason);
        // Asked again, and at its interval.
        world.look_again(SUBSCRIPTION, "app");
        let lists = side.count(&world, mark, "list");
        world.eventually("the next comparison", || side.count(&world, mark, "list") > lists);
        world.delete(SUBSCRIPTION, "app");
        world.gone(SUBSCRIPTION, "app");
        assert_eq!(side.writes(&world, mark), Vec::<String>::new());
        assert_eq!(side.rows(&world), rows);

        // One that replaces the first says so; where nothing is marked, a person says it of each object.
        restore(&world, &backup, false);
        world.restart_with(&["--cluster-id=second", "--former-cluster-ids=first"]);
        if side == Side::Bird {
            side.subscribe(&world, "app", json!({"adoption": {"policy": "IfMatches"}}));
        }
        world.ready("app");
        assert_eq!(side.count(&world, mark, "create"), 0);
        assert_eq!(
            side.ids(&world),
            rows.iter().map(|row| row.id.clone()).collect::<Vec<_>>()
        );
        world.delete(SUBSCRIPTION, "app");
        world.gone(SUBSCRIPTION, "app");
        assert_eq!(side.rows(&world), []);
    }
}

#[test]
fn without_the_hash_key_what_nobody_can_see_is_sent_once_more_and_nothing_is_made_twice() {
    let mut world = shared();
    for side in Side::ALL {
        lend(&world, side, json!({"policy": {"adoption": "Allowed"}}));
        let headers = json!({"headers": [{"name": "x-team", "value": "crm"}]});
        borrow(
            &world,
            side,
            &named(side, "app"),
            if side == Side::Bird { json!({}) } else { headers },
        );
        world.ready(&named(side, "app"));
    }
    let rows: Vec<_> = Side::ALL.iter().map(|side| side.rows(&world)).collect();
    world.stop_operator();
    let secrets = world.cluster().path("secrets", OPERATOR_NAMESPACE).unwrap();
    let key = format!("{secrets}/webhook-operator-hash-key");
    let delete = |world: &World| drop(world.cluster().api().unwrap().delete(&key).unwrap().ok().unwrap());
    delete(&world);

    let mark = world.mark();
    world.restart_with(&[]);
    for (side, rows) in Side::ALL.iter().zip(&rows) {
        let app = named(*side, "app");
        world.look_again(SUBSCRIPTION, &app);
        if *side == Side::Bird {
            // All seals are lost: nothing proves what is whose.
            world.becomes(SUBSCRIPTION, &app, "Stalled", "True", "MarkerMissing");
            borrow(&world, *side, &app, json!({"adoption": {"policy": "IfMatches"}}));
        }
        world.ready(&app);
        world.told(&app, "HashKeyLost");
        assert_eq!(side.count(&world, mark, "create"), 0);
        assert_eq!(side.rows(&world), *rows);
    }
    // Dixa hides headers: they are sent once.
    assert_eq!(Side::Dixa.writes(&world, mark).len(), 1);
    let mark = world.mark();
    world.restart_with(&[]);
    for side in Side::ALL {
        world.look_again(SUBSCRIPTION, &named(side, "app"));
        assert_eq!(side.writes(&world, mark), Vec::<String>::new());
    }
    // Lost once more, and this time everything is to go: the markers are enough for that.
    world.stop_operator();
    delete(&world);
    for side in Side::ALL {
        world.delete(SUBSCRIPTION, &named(side, "app"));
    }
    world.start_operator();
    for side in [Side::Dixa, Side::Babel] {
        world.gone(SUBSCRIPTION, &named(side, "app"));
        assert_eq!(side.rows(&world), []);
    }
    // Where there are none, what nobody can prove is left, and said.
    let app = named(Side::Bird, "app");
    let blocked = world.becomes(SUBSCRIPTION, &app, "Stalled", "True", "DeletionBlocked");
    let message = condition(&blocked, "Stalled")["message"].to_string();
    assert!(
        message.contains(&rows[2][0].id) || message.contains(&rows[2][1].id),
        "{message}"
    );
    assert_eq!(Side::Bird.rows(&world), rows[2]);
}
