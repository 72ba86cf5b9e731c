//! The log as the documents show it, in each order in which it might come.

use serde_json::json;

use super::*;

/// 2026-01-01T12:00:00Z.
const NOW: i64 = 1_767_268_800_000;
const HOUR: i64 = 60 * 60 * 1000;

fn event() -> EventName {
    EventName::parse("channels/sms.outbound").unwrap()
}

fn read(members: &serde_json::Value) -> Entry {
    serde_json::from_value::<LogEntry>(members.clone())
        .unwrap()
        .into_entry()
}

/// A delivery so many minutes before [`NOW`].
fn at(minutes: i64, code: u16, attempts: u32) -> Entry {
    let created = NOW - minutes * 60 * 1000;
    let time = jiff::Timestamp::from_millisecond(created).unwrap().to_string();
    read(&json!({
        "requestId": format!("r{minutes}"),
        "attemptCount": attempts,
        "httpStatusCode": code,
        "executionStatus": if code == 200 { "succeeded" } else { "failed" },
        "createdAt": time,
    }))
}

fn page(entries: Vec<Entry>, next: Option<&str>, from: Option<&Cursor>) -> Deliveries {
    let place = from.map(Place::of);
    deliveries(entries, next.map(str::to_owned), place, Some(&event()), NOW)
}

/// Success, code and failures of the newest delivery.
fn newest_of(found: &Deliveries) -> Option<(bool, Option<u16>, Option<u32>)> {
    let [delivery] = found.events.as_slice() else {
        assert!(found.events.is_empty());
        return None;
    };
    assert_eq!(delivery.event, event());
    let result = delivery.result.as_ref().unwrap();
    Some((result.success, result.code, delivery.failures))
}

#[test]
fn the_documented_entry_is_read() {
    let entry = read(&json!({
        "requestId": "55555555-0000-4000-8000-000000000005",
        "attemptCount": 3,
        "httpStatusCode": 503,
        "executionStatus": "failed",
        "createdAt": "2026-01-01T11:05:00Z",
    }));
    let found = page(vec![entry], None, None);
    let result = DeliveryResult {
        success: false,
        code: Some(503),
        time: Some("2026-01-01T11:05:00Z".into()),
        next_retry: None,
    };
    let logged = Logged {
        id: "55555555-0000-4000-8000-000000000005".into(),
        result: Some(result.clone()),
        created: Some(1_767_265_500_000),
    };
    let delivery = Delivery {
        event: event(),
        result: Some(result),
        failures: Some(3),
    };
    let expected = Deliveries {
        events: vec![delivery],
        log: vec![logged],
        next: None,
    };
    assert_eq!(found, expected);
}

#[test]
fn the_word_decides_and_the_code_where_the_word_is_unknown() {
    for (word, code, success) in [
        (json!("succeeded"), json!(200), true),
        (json!("SUCCEEDED"), json!(503), true),
        (json!("failed"), json!(200), false),
        (json!("Failed"), json!(503), false),
        (json!("done"), json!(204), true),
        (json!("done"), json!(301), false),
        (json!(null), json!(200), true),
        (json!(null), json!(null), false),
        (json!(1), json!("200"), false),
    ] {
        let entry = read(&json!({"executionStatus": word, "httpStatusCode": code}));
        assert_eq!(entry.success, success, "{word} {code}");
    }
}

#[test]
fn odd_members_make_no_entry_unreadable() {
    let odd = read(
        &json!({"requestId": "a b", "attemptCount": "3", "httpStatusCode": 0, "createdAt": 5, "new": []}),
    );
    assert_eq!((odd.id.as_deref(), odd.code, odd.attempts), (None, None, 1));
    let found = page(vec![odd, read(&json!({}))], None, None);
    assert_eq!(found, Deliveries::default(), "nothing can be named or dated");
    let many = read(&json!({"attemptCount": i64::MAX, "createdAt": "2026-01-01T11:00:00Z"}));
    let found = page(vec![many.clone(), many], None, None);
    assert_eq!(
        newest_of(&found),
        Some((false, None, Some(u32::MAX))),
        "sums have an end"
    );
}

#[test]
fn what_was_not_tried_has_no_result_and_is_not_the_newest() {
    let waiting = read(&json!({"requestId": "w", "attemptCount": 0, "createdAt": "2026-01-01T11:59:00Z"}));
    let found = page(vec![at(10, 200, 1), waiting], None, None);
    assert_eq!(newest_of(&found), Some((true, Some(200), Some(0))));
    assert_eq!((found.log.len(), &found.log[1].result), (2, &None));
}

#[test]
fn the_newest_is_found_in_any_order_and_failures_in_a_row_are_summed() {
    let (old, failed, newest) = (at(30, 200, 1), at(20, 500, 4), at(10, 503, 3));
    for entries in [
        vec![old.clone(), failed.clone(), newest.clone()],
        vec![newest.clone(), failed.clone(), old.clone()],
        vec![failed.clone(), newest.clone(), old.clone()],
    ] {
        let found = page(entries, None, None);
        assert_eq!(newest_of(&found), Some((false, Some(503), Some(7))));
        assert_eq!(found.log.len(), 3);
    }
    let well = page(vec![at(5, 200, 2), newest, failed], None, None);
    assert_eq!(newest_of(&well), Some((true, Some(200), Some(0))));
}

#[test]
fn what_is_older_than_the_retries_says_nothing() {
    let minutes = 8 * 60;
    assert!(newest_of(&page(vec![at(minutes, 500, 1)], None, None)).is_some());
    let old = page(vec![at(minutes + 1, 500, 1)], None, None);
    assert_eq!((newest_of(&old), old.log.len()), (None, 1));
    assert_eq!(RECENT_MS, 8 * HOUR);
    // The provider's clock may be ahead of ours.
    assert!(newest_of(&page(vec![at(-30, 200, 1)], None, None)).is_some());
    assert_eq!(page(Vec::new(), None, None), Deliveries::default());
}

#[test]
fn a_page_in_ascending_order_is_followed_and_another_is_not() {
    let next = Some("token");
    let descending = page(vec![at(10, 500, 1), at(20, 200, 1)], next, None);
    assert_eq!(newest_of(&descending), Some((false, Some(500), Some(1))));
    assert_eq!(descending.next, None);
    let same = page(vec![at(10, 500, 1), at(10, 500, 1)], next, None);
    assert!(same.next.is_none() && newest_of(&same).is_some());
    let mixed = page(vec![at(20, 500, 1), at(10, 500, 1), at(15, 200, 1)], next, None);
    assert!(mixed.next.is_none() && newest_of(&mixed).is_some());
    let ascending = page(vec![at(20, 200, 1), at(10, 500, 1)], next, None);
    assert!(ascending.events.is_empty());
    assert_eq!(ascending.log.len(), 2);
    assert_eq!(Place::of(&ascending.next.unwrap()).token, "token");
    let empty = page(Vec::new(), next, None);
    assert!(
        empty.next.is_some(),
        "an empty page with a next one is not the newest"
    );
}

#[test]
fn the_end_of_a_log_in_ascending_order_is_judged_with_what_came_before() {
    let first = page(
        vec![at(50, 200, 1), at(40, 500, 2), at(30, 500, 3)],
        Some("2"),
        None,
    );
    let second = page(vec![at(20, 500, 4)], Some("3"), first.next.as_ref());
    assert!(second.events.is_empty());
    assert_eq!(second.log.len(), 1, "what was named before is not named again");
    let cursor = second.next.unwrap();
    let empty = page(Vec::new(), None, Some(&cursor));
    assert_eq!(newest_of(&empty), Some((false, Some(500), Some(9))));
    assert!(empty.log.is_empty());
    let worse = page(vec![at(10, 503, 1)], None, Some(&cursor));
    assert_eq!(newest_of(&worse), Some((false, Some(503), Some(10))));
    let well = page(vec![at(10, 200, 1)], None, Some(&cursor));
    assert_eq!(newest_of(&well), Some((true, Some(200), Some(0))));
}

#[test]
fn a_cursor_that_holds_a_token_alone_is_a_place() {
    let place = Place::of(&Cursor("token".into()));
    assert_eq!(place.token, "token");
    assert!(place.before.is_none());
}

#[test]
fn without_the_one_event_nothing_is_said_of_events() {
    let found = deliveries(vec![at(10, 500, 1)], None, None, None, NOW);
    assert_eq!((found.events.len(), found.log.len()), (0, 1));
}
