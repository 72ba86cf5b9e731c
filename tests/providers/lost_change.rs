//! A change whose answer is lost after it took effect.

use provider_simulator::FaultAction;
use serde_json::json;

use crate::support::{Side, World};

fn a_change_is_lost(side: Side) {
    let world = World::start();
    side.connect(&world, json!({}));
    side.subscribe(&world, "crm", json!({"events": side.events()[..1]}));
    world.ready("crm");
    let id = side.only(&world).id;
    side.next(&world, "update", FaultAction::ApplyThenDrop);
    let url = "https://hooks.acme.example/second";
    let mark = world.mark();
    side.subscribe(&world, "crm", json!({"events": side.events()[..1], "url": url}));
    world.ready("crm");
    let row = side.only(&world);
    assert_eq!((row.id.as_str(), row.url.as_str()), (id.as_str(), url));
    let changes = side.count(&world, mark, "update");
    assert_eq!(changes, 1, "{side:?}: it had arrived");
}

#[test]
fn a_change_whose_answer_is_lost_arrives_once_at_dixa() {
    a_change_is_lost(Side::Dixa);
}

#[test]
fn a_change_whose_answer_is_lost_arrives_once_at_babel() {
    a_change_is_lost(Side::Babel);
}

#[test]
fn a_change_whose_answer_is_lost_arrives_once_at_bird() {
    a_change_is_lost(Side::Bird);
}
