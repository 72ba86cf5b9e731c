//! Answers that are none: never read as "there is nothing".

use std::io::ErrorKind;
use std::net::TcpListener;

use provider_simulator::{FaultAction, GarbageKind};
use serde_json::json;

use crate::support::{SUBSCRIPTION, World, condition};
use crate::{all_ready, every, names, subscribe_all};

fn garbage(kind: GarbageKind) -> FaultAction {
    FaultAction::Garbage { kind, apply: true }
}

/// Every LIST and every read is answered like this: nothing is written at the provider, the objects say that they
/// cannot be compared and stay Ready, and all is well again afterwards. Returns by how much the most memory that the
/// operator ever had has grown meanwhile, in KiB.
fn changes_nothing(answers: &[(&str, FaultAction, &str)]) -> u64 {
    let mut world = World::start();
    world.connect();
    let names = names("crm", 2);
    subscribe_all(&world, &names);
    all_ready(&world, &names);
    let mark = world.mark();
    let ids: Vec<String> = names.iter().map(|name| world.external_id(name)).collect();
    let peak = world.operator().rss_peak_kib().unwrap();
    for (what, action, reason) in answers {
        for operation in ["list", "get"] {
            every(&world, operation, action.clone());
        }
        for name in &names {
            world.nudge(SUBSCRIPTION, name, what);
            let object = world.becomes(SUBSCRIPTION, name, "Synced", "False", reason);
            assert_eq!(condition(&object, "Ready")["status"], "True", "{what}");
        }
        world.simulator.clear_faults();
        for name in &names {
            world.ready(name);
        }
        assert_eq!(world.remote_writes_since(mark), [""; 0], "{what}");
    }
    for (name, id) in names.iter().zip(&ids) {
        assert_eq!(world.external_id(name), *id);
    }
    world.operator().rss_peak_kib().unwrap() - peak
}

#[test]
fn pages_of_proxies_and_broken_json_change_nothing() {
    changes_nothing(&[
        ("a web page", garbage(GarbageKind::Html), "UnintelligibleAnswer"),
        ("no body", garbage(GarbageKind::Empty), "UnintelligibleAnswer"),
        (
            "half a listing",
            garbage(GarbageKind::TruncatedJson),
            "UnintelligibleAnswer",
        ),
        (
            "a connection that breaks",
            FaultAction::CutBody { after_bytes: 40 },
            "ProviderUnreachable",
        ),
    ]);
}

#[test]
fn answers_of_another_shape_change_nothing() {
    changes_nothing(&[
        (
            "wrong types",
            garbage(GarbageKind::WrongTypes),
            "UnintelligibleAnswer",
        ),
        (
            "another object",
            FaultAction::fail_with(200, json!({"items": []})),
            "UnintelligibleAnswer",
        ),
        (
            "null",
            FaultAction::fail_with(200, json!({"data": null})),
            "UnintelligibleAnswer",
        ),
        (
            "a list of nothing known",
            FaultAction::fail_with(200, json!({"data": [{}]})),
            "UnintelligibleAnswer",
        ),
        (
            "404 for the list",
            FaultAction::fail_with(404, json!({"message": "Not found"})),
            "UnintelligibleAnswer",
        ),
        (
            "204",
            FaultAction::fail_with(204, json!("")),
            "UnintelligibleAnswer",
        ),
    ]);
}

#[test]
fn an_answer_without_an_end_changes_nothing() {
    let grown = changes_nothing(&[(
        "65 MiB",
        FaultAction::Huge {
            bytes: 65 << 20,
            apply: true,
        },
        "AnswerTooLarge",
    )]);
    assert!(grown < 8 << 10, "{grown} KiB");
}

#[test]
fn a_redirect_is_not_followed_and_changes_nothing() {
    let elsewhere = TcpListener::bind("127.0.0.1:0").unwrap();
    elsewhere.set_nonblocking(true).unwrap();
    let location = format!("http://{}/v1/webhooks", elsewhere.local_addr().unwrap());
    let redirect = |status| FaultAction::Redirect {
        location: location.clone(),
        status,
    };
    changes_nothing(&[
        ("moved", redirect(301), "ProviderRedirects"),
        ("elsewhere for now", redirect(307), "ProviderRedirects"),
    ]);
    let followed = elsewhere.accept().map(|_| ()).map_err(|error| error.kind());
    assert_eq!(
        followed,
        Err(ErrorKind::WouldBlock),
        "the key was carried elsewhere"
    );
}

#[test]
fn a_slow_listing_is_waited_for() {
    let world = World::start();
    world.connect();
    let names = names("crm", 3);
    subscribe_all(&world, &names);
    all_ready(&world, &names);
    let mark = world.mark();
    every(
        &world,
        "list",
        FaultAction::Slow {
            bytes_per_second: 400,
        },
    );
    world.nudge(SUBSCRIPTION, &names[0], "slow");
    world.requested("list", mark, 1);
    world.eventually("the answer to the request", || {
        world.subscription(&names[0])["status"]["lastHandledReconcileAt"] == "slow"
    });
    all_ready(&world, &names);
    assert_eq!(world.remote_writes_since(mark), [""; 0]);
}

#[test]
fn a_deletion_whose_answer_is_nonsense_is_looked_after() {
    for action in [
        garbage(GarbageKind::Html),
        FaultAction::ApplyThenDrop,
        FaultAction::DropBefore,
        FaultAction::fail_with(404, json!("<html>not here</html>")),
    ] {
        let world = World::start();
        world.connect();
        world.subscribe("crm", json!({}));
        world.ready("crm");
        crate::next(&world, "delete", action.clone());
        world.delete(SUBSCRIPTION, "crm");
        world.gone(SUBSCRIPTION, "crm");
        assert_eq!(world.remote().len(), 0, "{action:?}");
    }
}
