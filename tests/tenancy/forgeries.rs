//! A tenant who may write subscriptions and their status claims what is another tenant's, in every way that status, spec
//! and the provider leave open. Nothing of the other one is read out, changed or deleted.

use provider_simulator::{FaultAction, FaultPlan};
use serde_json::{Value, json};

use crate::support::{SUBSCRIPTION, Side, World, condition};
use crate::{borrow, lend, named, shared};

/// Does something in the namespace of another tenant.
fn within<T>(world: &mut World, namespace: &str, act: impl FnOnce(&mut World) -> T) -> T {
    let own = std::mem::replace(&mut world.namespace, namespace.to_owned());
    let done = act(world);
    world.namespace = own;
    done
}

/// Two namespaces that borrow the same accounts: the world's own, and the one that is returned.
fn two_tenants() -> (World, String) {
    let world = shared();
    let other = world.cluster().namespace("mallory").unwrap();
    for side in Side::ALL {
        lend(
            &world,
            side,
            json!({"allowedNamespaces": {"names": [world.namespace, other]}}),
        );
    }
    (world, other)
}

fn url(side: Side) -> String {
    format!("https://hooks.acme.example/{}", side.name())
}

/// What a status would say if the victim's remote subscriptions were this object's, with seals and hashes as copied.
fn claimed(victim: &Value, mallory: &Value) -> Value {
    let mut status = victim["status"].clone();
    status["identity"]["objectUID"] = mallory["metadata"]["uid"].clone();
    status["lastTest"] = json!({"requestedAt": "now", "key": "default", "eventID": "1", "result": "Pending"});
    status
}

/// An entry that says that something is to be deleted.
fn discards(victim: &Value, mallory: &Value) -> Value {
    let mut status = claimed(victim, mallory);
    let remotes = status["subscriptions"].as_array().unwrap();
    let one = |remote: &Value| {
        json!({"key": remote["key"], "verb": "Delete", "attempt": 1, "generation": 1,
            "startedAt": "2026-01-01T00:00:00Z", "externalID": remote["externalID"],
            "seal": remote.get("seal").cloned().unwrap_or_else(|| json!("v1:00000000:0"))})
    };
    status["pendingOperations"] = remotes.iter().map(one).collect();
    status["subscriptions"] = json!([]);
    status
}

/// What a create of exactly the victim's content announces, learnt from an entry of the attacker's own.
fn announced(status: &Value, mallory: &Value) -> Value {
    json!({
        "identity": {
            "objectUID": mallory["metadata"]["uid"],
            "clusterID": status["identity"]["clusterID"],
            "account": status["identity"]["account"],
        },
        "pendingOperations": status["pendingOperations"],
    })
}

/// Ids that would lead to another path.
fn crooked(victim: &Value, mallory: &Value) -> Value {
    let mut status = claimed(victim, mallory);
    let id = victim["status"]["subscriptions"][0]["externalID"]
        .as_str()
        .unwrap()
        .to_owned();
    let spellings = [
        format!("../webhooks/{id}"),
        format!("{id}?x=1"),
        format!("%2e%2e/{id}"),
        format!("{id}/../{id}"),
        format!("{id}#x"),
        "..".to_owned(),
    ];
    let remote = victim["status"]["subscriptions"][0].clone();
    let one = |(i, spelling): (usize, &String)| {
        let mut remote = remote.clone();
        remote["key"] = json!(format!("k{i}"));
        remote["externalID"] = json!(spelling);
        remote
    };
    status["subscriptions"] = spellings.iter().enumerate().map(one).collect();
    status
}

#[test]
fn no_forged_status_lets_a_tenant_read_change_or_delete_what_is_another_ones() {
    let (mut world, other) = two_tenants();
    for side in Side::ALL {
        // The attacker learns how a create of this very content is announced, before the victim makes it.
        let learnt = within(&mut world, &other, |world| learn(world, side));
        let victim = named(side, "victim");
        borrow(&world, side, &victim, json!({}));
        let ready = world.ready(&victim);
        // One that nobody manages, which somebody made by hand.
        let by_hand = side.create_by_hand(&world, side.events()[2], "https://byhand.example/x");
        let rows = side.rows(&world);
        let ids = side.ids(&world);
        world.operator().kill9();

        let mark = world.mark();
        let forged = within(&mut world, &other, |world| {
            forge(world, side, &ready, &learnt, &by_hand)
        });
        world.start_operator();
        within(&mut world, &other, |world| {
            for name in &forged {
                world.look_again(SUBSCRIPTION, name);
            }
        });
        world.look_again(SUBSCRIPTION, &victim);
        let untouched = |world: &World| -> Vec<_> {
            let all = side.rows(world).into_iter();
            all.filter(|row| ids.contains(&row.id)).collect()
        };
        assert_eq!(untouched(&world), rows);
        assert_eq!(
            world.ready(&victim)["status"]["subscriptions"],
            ready["status"]["subscriptions"]
        );
        unread(&world, side, mark, &ids);

        // Their deletion reaches nothing either, also where somebody insists.
        within(&mut world, &other, |world| {
            for name in &forged {
                let force =
                    json!({"metadata": {"annotations": {"webhook-operator.io/force-orphan": "true"}}});
                world.patch(SUBSCRIPTION, name, force);
                world.delete(SUBSCRIPTION, name);
            }
            for name in &forged {
                world.gone(SUBSCRIPTION, name);
            }
        });
        assert_eq!(side.rows(&world), rows);
        unread(&world, side, mark, &ids);
        let kept = world.ready(&victim);
        assert_eq!(
            condition(&kept, "Ready")["lastTransitionTime"],
            condition(&ready, "Ready")["lastTransitionTime"]
        );
        world.delete(SUBSCRIPTION, &victim);
        world.gone(SUBSCRIPTION, &victim);
        side.delete(&world, &by_hand);
        assert_eq!(side.rows(&world), []);
    }
}

/// Announces creates of the content that the victim and the one made by hand will have, and takes them back.
fn learn(world: &mut World, side: Side) -> Vec<Value> {
    let mut learnt = Vec::new();
    for (url, events) in [
        (url(side), json!(&side.events()[..2])),
        ("https://byhand.example/x".to_owned(), json!([side.events()[2]])),
    ] {
        // Every one fails until the entry was seen.
        let failing = FaultAction::fail(503);
        world
            .simulator
            .add_fault(FaultPlan::every(side.requests("create"), failing));
        let name = named(side, "oracle");
        borrow(world, side, &name, json!({"url": url, "events": events}));
        let status = world.eventually("an entry", || {
            let status = world.subscription(&name)["status"].clone();
            let open = status["pendingOperations"]
                .as_array()
                .is_some_and(|all| !all.is_empty());
            open.then_some(status)
        });
        learnt.push(status);
        world.simulator.clear_faults();
        world.ready(&name);
        world.delete(SUBSCRIPTION, &name);
        world.gone(SUBSCRIPTION, &name);
    }
    learnt
}

/// Objects of the attacker whose status says that what is the victim's is theirs.
fn forge(world: &World, side: Side, victim: &Value, learnt: &[Value], by_hand: &str) -> Vec<String> {
    let mut forged = Vec::new();
    let mut add = |what: &str, change: Value, status: &dyn Fn(&Value) -> Value| {
        let name = named(side, what);
        let mut spec = json!({
            "url": format!("https://mallory.example/{what}"),
            "deletionGracePeriod": "0s",
        });
        crate::merge(&mut spec, &change);
        borrow(world, side, &name, spec);
        let object = world.subscription(&name);
        world.patch_status(SUBSCRIPTION, &name, json!({"status": status(&object)}));
        forged.push(name);
    };
    let publish = if side == Side::Dixa {
        json!({"signing": {"publishProviderKey": {"secretName": "stolen"}}})
    } else {
        json!({})
    };
    add("ids", publish, &|own| claimed(victim, own));
    add("same", json!({"url": url(side)}), &|own| claimed(victim, own));
    add("whole", json!({}), &|_| victim["status"].clone());
    add("discard", json!({}), &|own| discards(victim, own));
    add("crooked", json!({}), &|own| crooked(victim, own));
    add("going", json!({"enabled": false}), &|own| claimed(victim, own));
    add(
        "entry",
        json!({"url": url(side), "events": &side.events()[..2]}),
        &|own| announced(&learnt[0], own),
    );
    let mine = json!({"url": "https://byhand.example/x", "events": [side.events()[2]]});
    add("byhand", mine.clone(), &|own| announced(&learnt[1], own));
    add("byid", mine, &|own| {
        let mut status = claimed(victim, own);
        status["subscriptions"][0]["externalID"] = json!(by_hand);
        status
    });
    forged
}

/// Nothing was asked of these ids that could tell somebody about them, and no path was led astray.
fn unread(world: &World, side: Side, mark: u64, ids: &[String]) {
    for entry in side.since(world, mark, "") {
        let about = entry.id.as_ref().is_some_and(|id| ids.contains(id));
        // Whose it is can only be seen by looking at it; nothing of that goes anywhere.
        assert!(
            !about || entry.operation == "get",
            "{} {}",
            entry.method,
            entry.path
        );
        // One segment, whatever is in it: no route but those of the adapter.
        let known = ["list", "get", "create", "patch", "put", "delete", "event-types"];
        assert!(
            known.contains(&entry.operation) || entry.operation.contains("vent"),
            "{} {}",
            entry.operation,
            entry.path
        );
        let path = entry.path.split('?').next().unwrap_or_default();
        let crooked = path.split('/').any(|part| [".", ".."].contains(&part));
        assert!(!crooked, "{} {}", entry.method, entry.path);
    }
    let stolen = world.cluster().list_json("secrets", "").unwrap();
    let stolen = stolen
        .iter()
        .filter(|secret| secret["metadata"]["name"] == "stolen");
    for secret in stolen {
        let key = secret["data"]["signingKey"].as_str().unwrap_or_default();
        let victims = world.simulator.dixa().subscriptions();
        let victims = victims.iter().filter(|one| ids.contains(&one.id.to_string()));
        for victim in victims {
            assert_ne!(key, base64(&victim.secret_key));
        }
    }
}

fn base64(text: &str) -> String {
    use base64::Engine as _;
    base64::engine::general_purpose::STANDARD.encode(text)
}

#[test]
fn a_marker_in_the_display_name_is_refused_and_a_copied_one_moves_nothing() {
    let (mut world, other) = two_tenants();
    for side in [Side::Dixa, Side::Babel] {
        let victim = named(side, "victim");
        borrow(&world, side, &victim, json!({}));
        world.ready(&victim);
        let rows = side.rows(&world);
        let name = remote_names(&world, side).remove(0);
        let mark = world.mark();
        within(&mut world, &other, |world| {
            for (i, text) in [name.clone(), format!("{name} x"), name.to_uppercase()]
                .iter()
                .enumerate()
            {
                let object = named(side, &format!("name{i}"));
                borrow(
                    world,
                    side,
                    &object,
                    json!({"displayName": text, "url": "https://mallory.example/"}),
                );
                world.refused(&object, "InvalidSpec");
                world.delete(SUBSCRIPTION, &object);
                world.gone(SUBSCRIPTION, &object);
            }
        });
        assert_eq!(side.writes(&world, mark), Vec::<String>::new());

        // One of the attacker's own gets the victim's name at the provider, by a call that the provider allows.
        let mallory = named(side, "copy");
        within(&mut world, &other, |world| {
            borrow(world, side, &mallory, json!({"url": "https://mallory.example/"}));
            world.ready(&mallory);
        });
        let copied = side
            .rows(&world)
            .into_iter()
            .find(|row| row.url == "https://mallory.example/")
            .unwrap();
        side.edit(&world, &copied.id, json!({"name": name}));
        world.look_again(SUBSCRIPTION, &victim);
        within(&mut world, &other, |world| {
            drop(world.look_again(SUBSCRIPTION, &mallory));
        });
        let kept = |world: &World| -> Vec<_> {
            side.rows(world)
                .into_iter()
                .filter(|row| row.url != "https://mallory.example/")
                .collect()
        };
        assert_eq!(kept(&world), rows);
        let id = world.ready(&victim)["status"]["subscriptions"][0]["externalID"].clone();
        assert!(rows.iter().any(|row| id == row.id));
        within(&mut world, &other, |world| {
            world.delete(SUBSCRIPTION, &mallory);
            world.gone(SUBSCRIPTION, &mallory);
        });
        assert_eq!(kept(&world), rows);
    }
}

/// The remote names with their markers.
fn remote_names(world: &World, side: Side) -> Vec<String> {
    let simulator = &world.simulator;
    match side {
        Side::Dixa => simulator
            .dixa()
            .subscriptions()
            .into_iter()
            .map(|one| one.content.name)
            .collect(),
        Side::Babel => simulator
            .babel()
            .subscriptions()
            .into_iter()
            .map(|one| one.content.name)
            .collect(),
        Side::Bird => Vec::new(),
    }
}
