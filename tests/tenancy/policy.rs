//! What the owner of a shared account allows, and what happens when that is withdrawn.

use serde_json::{Value, json};

use crate::support::{SUBSCRIPTION, Side, World, condition};
use crate::{borrow, lend, named, shared};

/// The policy that fits what [`borrow`] asks for.
fn usual(side: Side) -> Value {
    json!({"policy": {"allowedHosts": ["*.ACME.example."], "allowedEvents": side.events()[..2]}})
}

/// Lends under the usual policy with one member changed.
fn lend_with(world: &World, side: Side, member: &str, value: Value) {
    let mut change = usual(side);
    change["policy"][member] = value;
    lend(world, side, change);
}

#[test]
fn a_policy_limits_hosts_events_and_adoption_and_a_withdrawal_stops_all_but_the_deletion() {
    let world = shared();
    for side in Side::ALL {
        lend(&world, side, usual(side));
        let crm = named(side, "crm");
        borrow(&world, side, &crm, json!({}));
        world.ready(&crm);
        let rows = side.rows(&world);
        let mark = world.mark();
        not_allowed(&world, side);
        assert_eq!(side.writes(&world, mark), Vec::<String>::new());
        assert_eq!(side.rows(&world), rows);
        allowed(&world, side);
        withdrawn(&world, side, &crm);
        assert_eq!(side.rows(&world), []);
    }
}

/// What the policy refuses, each with its reason.
fn not_allowed(world: &World, side: Side) {
    let secret = "https://hooks.evil.example/canary-path";
    let name = named(side, "evil");
    world.secret(&name, "delivery", &[("url", secret)]);
    let from_secret = json!({"url": null, "urlFrom": {"secretKeyRef": {"name": name, "key": "url"}}});
    let id = &side.ids(world)[0];
    let third = side.events()[2];
    let cases = [
        (
            json!({"url": "https://hooks.evil.example/x"}),
            "HostNotAllowed",
            "hooks.evil.example",
        ),
        (
            json!({"url": "https://acme.example/x"}),
            "HostNotAllowed",
            "acme.example",
        ),
        (
            json!({"url": "https://hooksacme.example/x"}),
            "HostNotAllowed",
            "allowedHosts",
        ),
        (
            json!({"url": "https://hooks%2Eacme.example/x"}),
            "HostNotAllowed",
            "spelled",
        ),
        (from_secret, "HostNotAllowed", "hooks.evil.example"),
        (json!({"events": [third]}), "EventNotAllowed", third),
        (
            json!({"adoption": {"policy": "IfMatches"}}),
            "AdoptionNotAllowed",
            "spec.adoption",
        ),
        (
            json!({"adoption": {"policy": "ByID", "externalIDs": [id]}}),
            "AdoptionNotAllowed",
            "spec.adoption",
        ),
        (
            json!({"mode": "Observe", "adoption": {"policy": "IfMatches"}}),
            "AdoptionNotAllowed",
            "Observe",
        ),
    ];
    for (change, reason, part) in cases {
        if side == Side::Bird && part == "spelled" {
            // Bird itself takes no such host.
            continue;
        }
        world.apply(SUBSCRIPTION, &name, spec(side, &json!({})));
        borrow(world, side, &name, change.clone());
        let message = world.refused(&name, reason);
        assert!(message.contains(part), "{change}: {message}");
        assert!(!message.contains("canary"), "{message}");
        world.delete(SUBSCRIPTION, &name);
        world.gone(SUBSCRIPTION, &name);
    }
}

/// A spec that is refused from the start, so that nothing is made before the case is applied.
fn spec(side: Side, change: &Value) -> Value {
    let mut spec = side.spec(json!({
        "providerRef": {"kind": "ClusterWebhookProvider"},
        "url": "https://hooks.evil.example/first",
    }));
    crate::merge(&mut spec, change);
    spec
}

/// What the policy allows, in other words than its own.
fn allowed(world: &World, side: Side) {
    let name = named(side, "good");
    world.secret(&name, "delivery", &[("url", "https://A.B.Acme.example/path")]);
    let from_secret = json!({
        "url": null,
        "urlFrom": {"secretKeyRef": {"name": name, "key": "url"}},
        "events": [side.events()[1]],
    });
    borrow(world, side, &name, from_secret);
    world.ready(&name);
    // With leave, what somebody made by hand is taken over.
    lend_with(world, side, "adoption", json!("Allowed"));
    let made = side.create_by_hand(world, side.events()[0], "https://byhand.acme.example/x");
    let adopted = named(side, "adopted");
    let change = json!({
        "url": "https://byhand.acme.example/x",
        "events": [side.events()[0]],
        "adoption": {"policy": "IfMatches", "overwrite": true},
    });
    borrow(world, side, &adopted, change);
    world.ready(&adopted);
    assert_eq!(world.external_id(&adopted), made);
    lend(world, side, usual(side));
    world.refused(&adopted, "AdoptionNotAllowed");
    for name in [adopted, name] {
        world.delete(SUBSCRIPTION, &name);
        world.gone(SUBSCRIPTION, &name);
    }
}

/// Each permission that is taken back: the object says so, no edit is sent, and it can be deleted.
fn withdrawn(world: &World, side: Side, name: &str) {
    let rows = side.rows(world);
    let ways = [
        (
            json!({"allowedNamespaces": {"names": ["another"]}}),
            "NamespaceNotAllowed",
        ),
        (
            json!({"policy": {"allowedHosts": ["elsewhere.example"]}}),
            "HostNotAllowed",
        ),
        (
            json!({"policy": {"allowedEvents": [side.events()[0]]}}),
            "EventNotAllowed",
        ),
    ];
    for (change, reason) in ways {
        lend(world, side, change);
        world.refused(name, reason);
        let mark = world.mark();
        borrow(world, side, name, json!({"enabled": false}));
        let message = world.refused(name, reason);
        assert!(message.contains("stays as it is"), "{message}");
        assert_eq!(side.writes(world, mark), Vec::<String>::new());
        assert_eq!(side.rows(world), rows);
        borrow(world, side, name, json!({}));
        lend(world, side, usual(side));
        world.ready(name);
    }
    lend(
        world,
        side,
        json!({"allowedNamespaces": null, "policy": {"allowedHosts": ["elsewhere.example"]}}),
    );
    world.refused(name, "NamespaceNotAllowed");
    world.delete(SUBSCRIPTION, name);
    world.gone(SUBSCRIPTION, name);
}

#[test]
fn a_shorter_interval_than_allowed_counts_as_the_shortest() {
    let world = shared();
    let side = Side::Dixa;
    lend(&world, side, json!({"policy": {"minInterval": "1h30m"}}));
    let effective = |own: &str, expected: &str| {
        borrow(
            &world,
            side,
            "crm",
            json!({"interval": own, "delivery": {"interval": own}}),
        );
        // The provider's reconcile, which reads the policy, may come after this one.
        world.eventually(own, || {
            let found = world.ready("crm")["status"]["effective"]["interval"].clone();
            if found == expected {
                Ok(())
            } else {
                Err(found.to_string())
            }
        });
    };
    effective("5s", "1h30m");
    effective("120m", "120m");
    effective("0s", "0s");
    // Far more than five seconds of work pass here, and nothing is looked at by itself.
    effective("5s", "1h30m");
    lend(&world, side, json!({}));
    effective("6s", "6s");
    let mark = world.mark();
    world.requested("list", mark, 1);
    world.requested("deliveryStatus", mark, 1);
}

#[test]
fn what_is_withdrawn_is_switched_off_where_the_owner_wants_that_and_comes_back_with_the_permission() {
    let mut world = shared();
    for side in Side::ALL {
        let crm = named(side, "crm");
        let disable = |more: Value| {
            let mut change = json!({"policy": {"onViolation": "Disable"}});
            crate::merge(&mut change, &more);
            change
        };
        lend(&world, side, disable(json!({})));
        borrow(&world, side, &crm, json!({"driftPolicy": "Report"}));
        world.ready(&crm);
        let rows = side.rows(&world);
        let off: Vec<_> = rows
            .iter()
            .cloned()
            .map(|row| crate::support::Row {
                enabled: false,
                ..row
            })
            .collect();
        let ways = [
            (
                json!({"allowedNamespaces": {"names": ["another"]}}),
                "NamespaceNotAllowed",
            ),
            (
                json!({"policy": {"allowedHosts": ["elsewhere.example"]}}),
                "HostNotAllowed",
            ),
            (
                json!({"policy": {"allowedEvents": ["something.else"]}}),
                "EventNotAllowed",
            ),
        ];
        for (change, reason) in ways {
            let mark = world.mark();
            lend(&world, side, disable(change));
            world.refused(&crm, reason);
            world.eventually("all to be off", || side.rows(&world) == off);
            let state = || world.subscription(&crm)["status"]["subscriptions"][0]["state"].clone();
            world.eventually("the state", || state() == "Disabled");
            assert_eq!(side.writes(&world, mark).len(), rows.len(), "one change each");
            // Off is off: nothing is said twice, not even by a new process.
            let mark = world.mark();
            world.restart_with(&[]);
            world.look_again(SUBSCRIPTION, &crm);
            assert_eq!(side.writes(&world, mark), Vec::<String>::new());
            lend(&world, side, disable(json!({})));
            let ready = world.ready(&crm);
            assert_eq!(side.rows(&world), rows);
            assert_eq!(ready["status"]["subscriptions"][0]["state"], "Active");
        }
        let events = world.events_about(&crm).join("\n");
        assert!(
            events.contains("SwitchedOff") && !events.contains("Drift"),
            "{events}"
        );

        // Suspension is no way around it, and the deletion works while it is off.
        borrow(&world, side, &crm, json!({"suspend": true}));
        world.becomes(SUBSCRIPTION, &crm, "Suspended", "True", "SuspendedBySpec");
        lend(
            &world,
            side,
            disable(json!({"policy": {"allowedHosts": ["elsewhere.example"]}})),
        );
        world.eventually("all to be off", || side.rows(&world) == off);
        world.eventually("the condition", || {
            condition(&world.subscription(&crm), "Suspended")["status"] == "True"
        });
        world.delete(SUBSCRIPTION, &crm);
        world.gone(SUBSCRIPTION, &crm);
        assert_eq!(side.rows(&world), []);
    }
}

#[test]
fn a_namespace_has_no_more_than_its_quota_and_of_those_that_wait_the_older_comes_first() {
    let mut world = shared();
    for side in Side::ALL {
        // Each object needs one at Dixa, and one for each of its two events elsewhere.
        let each = if side.fans_out() { 2 } else { 1 };
        let quota = |objects: usize| json!({"quota": {"perNamespace": objects * each}});
        lend(&world, side, quota(2));
        let names: Vec<String> = (0..4).map(|i| named(side, &format!("q{i}"))).collect();
        let url = |i: usize| json!({"url": format!("https://hooks.acme.example/{i}")});
        for (i, name) in names.iter().enumerate().take(3) {
            borrow(&world, side, name, url(i));
        }
        world.ready(&names[0]);
        world.ready(&names[1]);
        let message = world.refused(&names[2], "QuotaExceeded");
        assert!(message.contains("perNamespace"), "{message}");
        borrow(&world, side, &names[3], url(3));
        world.refused(&names[3], "QuotaExceeded");
        assert_eq!(side.rows(&world).len(), 2 * each);
        // A new process counts the same.
        world.restart_with(&[]);
        world.look_again(SUBSCRIPTION, &names[2]);
        world.refused(&names[2], "QuotaExceeded");
        assert_eq!(side.rows(&world).len(), 2 * each);
        // Room that is made goes to the older one that waits.
        world.delete(SUBSCRIPTION, &names[0]);
        world.gone(SUBSCRIPTION, &names[0]);
        world.ready(&names[2]);
        world.refused(&names[3], "QuotaExceeded");
        // Lowered: the younger can change nothing more, and keeps what it has until it goes.
        lend(&world, side, quota(1));
        world.refused(&names[2], "QuotaExceeded");
        world.ready(&names[1]);
        let rows = side.rows(&world);
        assert_eq!(rows.len(), 2 * each);
        let mark = world.mark();
        borrow(
            &world,
            side,
            &names[2],
            json!({"url": "https://hooks.acme.example/edited"}),
        );
        world.refused(&names[2], "QuotaExceeded");
        assert_eq!(side.writes(&world, mark), Vec::<String>::new());
        lend(&world, side, json!({"quota": {"perNamespace": 3 * each}}));
        for name in &names[1..] {
            world.ready(name);
        }
        assert_eq!(side.rows(&world).len(), 3 * each);
        for name in &names[1..] {
            world.delete(SUBSCRIPTION, name);
            world.gone(SUBSCRIPTION, name);
        }
        assert_eq!(side.rows(&world), []);
    }
}
