//! `--dry-run`: what would be done is said, and nothing is done.

use serde_json::json;

use crate::support::{OPERATOR_NAMESPACE, SUBSCRIPTION, Setup, World};

fn dry(world: &World) -> [String; 3] {
    // A Lease of its own, so that its absence tells something.
    let lease = format!("--lease-name={}", world.namespace);
    ["--dry-run".to_owned(), "--leader-elect=true".to_owned(), lease]
}

fn times(world: &World, name: &str, text: &str) -> usize {
    let events = world.events_about(name);
    events.iter().filter(|event| event.contains(text)).count()
}

#[test]
fn a_create_a_change_and_a_deletion_are_said_once_and_nothing_is_written_but_events() {
    let mut world = Setup::new().start();
    world.connect();
    for name in ["kept", "edited", "removed"] {
        world.subscribe(name, json!({"url": format!("https://hooks.acme.example/{name}")}));
        world.ready(name);
    }
    let ids = ["kept", "edited", "removed"].map(|name| world.external_id(name));
    world.stop_operator();
    world.subscribe("fresh", json!({"url": "https://hooks.acme.example/fresh"}));
    world.subscribe("edited", json!({"url": "https://hooks.acme.example/elsewhere"}));
    world.delete(SUBSCRIPTION, "removed");
    let names = ["fresh", "kept", "edited", "removed"];
    let before = names.map(|name| world.subscription(name));
    let (mut audit, mark) = (world.audit(), world.mark());

    let flags = dry(&world);
    world.restart_with(&flags.each_ref().map(String::as_str));
    let said = [
        (
            "fresh",
            "Normal WouldCreate: would create a subscription: ".to_owned(),
        ),
        ("kept", "Normal WouldKeep: nothing would be sent".to_owned()),
        (
            "edited",
            format!("Normal WouldUpdate: would change subscription {}: url", ids[1]),
        ),
        (
            "removed",
            format!("Normal WouldDelete: would delete subscription {}", ids[2]),
        ),
    ];
    for (name, text) in &said {
        world.told(name, text);
    }
    // Everything is looked at again, and nothing is said again. With the second LIST what follows from the first has
    // been said.
    for round in ["1", "2"] {
        let mark_of_look = world.mark();
        for name in ["fresh", "kept", "edited"] {
            world.nudge(SUBSCRIPTION, name, round);
        }
        world.requested("list", mark_of_look, 1);
    }
    for (name, text) in &said {
        assert_eq!(times(&world, name, text), 1, "{:?}", world.events_about(name));
    }

    assert!(
        !world.requests_since(mark, "list").is_empty(),
        "the account is read"
    );
    assert_eq!(world.remote_writes_since(mark), Vec::<String>::new());
    let writes = world.operator_writes(&mut audit);
    assert!(writes.len() >= said.len(), "{writes:?}");
    let others: Vec<&String> = writes
        .iter()
        .filter(|write| !write.starts_with("create events/"))
        .collect();
    assert!(others.is_empty(), "{others:?}");
    for (name, before) in names.iter().zip(&before) {
        let after = world.subscription(name);
        assert_eq!(after["status"], before["status"], "{name}");
        assert_eq!(
            after["metadata"]["finalizers"], before["metadata"]["finalizers"],
            "{name}"
        );
    }
    let lease = world
        .cluster()
        .get_json("leases.coordination.k8s.io", OPERATOR_NAMESPACE, &world.namespace);
    assert_eq!(lease.unwrap(), None);

    // A real one goes on from there, as if the dry run had not been.
    world.restart_with(&[]);
    world.ready("fresh");
    world.ready("edited");
    world.gone(SUBSCRIPTION, "removed");
    assert_eq!(
        world.remote_by_id(&ids[1]).unwrap().content.url,
        "https://hooks.acme.example/elsewhere"
    );
}
