//! The account's budget, as the provider sees it.

use serde_json::json;

use crate::support::{World, now_ms};
use crate::{all_ready, names, subscribe_all};

#[test]
fn the_budget_is_never_exceeded_and_an_edit_does_not_queue_behind_creates() {
    let world = World::start();
    // Two a second, five at once.
    world.connect_with(json!({"rateLimit": {"requestsPerMinute": 120, "burst": 5}}));
    world.subscribe("urgent", json!({}));
    world.ready("urgent");
    let (anchor, mark) = (now_ms(), world.mark());
    let names = names("crm", 60);
    subscribe_all(&world, &names);
    // The second when what is known of it is too old to be changed without a read, which must not wait either.
    for (created, url) in [(5, "edited"), (36, "edited-again")] {
        world.requested("create", mark, created);
        let edited_at = world.mark();
        let url = format!("https://hooks.acme.example/{url}");
        world.subscribe("urgent", json!({"url": url}));
        let edit = world.requested("patch", edited_at, 1);
        let before = world.requests_since(edited_at, "create");
        let waited_for = before.iter().filter(|create| create.seq < edit.seq).count();
        assert!(waited_for <= 15, "{url} waited for {waited_for} creates");
    }
    let reads = world.requests_since(mark, "get").len() + world.requests_since(mark, "list").len();
    assert!(reads > 1, "nothing was read for the second edit");
    all_ready(&world, &names);
    assert_eq!(world.remote().len(), 61);

    // Since one moment no more than what a full bucket and its refill allow, however long each was on the way; one
    // more may have been sent before it.
    for (number, request) in (1_u64..).zip(world.requests_since(mark, "")) {
        let after = request.time_ms.saturating_sub(anchor);
        assert!(
            number <= 5 + after / 500 + 1,
            "{number} requests in the first {after} ms"
        );
    }
    // The same in any span of time. Some more, because requests are stamped on arrival and may bunch on the way.
    let times: Vec<u64> = world
        .requests_since(0, "")
        .iter()
        .map(|entry| entry.time_ms)
        .collect();
    for (first, from) in times.iter().enumerate() {
        for (last, to) in times.iter().enumerate().skip(first) {
            let sent = u64::try_from(last - first + 1).unwrap();
            let allowed = 5 + (to - from) / 500 + 20;
            assert!(sent <= allowed, "{sent} requests within {} ms", to - from);
        }
    }
}
