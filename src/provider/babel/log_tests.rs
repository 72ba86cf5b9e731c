//! Logs of every length and order.

use proptest::prelude::*;
use serde_json::{Value, json};

use super::*;
use crate::provider::babel::tests::fixture;
use crate::provider::http::listing::read_list;

/// Rows of one event, number `n` being made at second `n`; the outcome is its status.
fn row(n: i32, status: i64) -> Value {
    json!({
        "id": n,
        "eventType": "license.created",
        "createdAt": moment(n),
        "sentAt": moment(n),
        "statusCode": status,
        "isSuccess": status < 300,
    })
}

fn moment(n: i32) -> String {
    let moment = jiff::Timestamp::from_second(1_767_225_600 + i64::from(n)).unwrap();
    moment.to_string().trim_end_matches('Z').to_owned()
}

fn read(rows: &[Value], total: Option<u64>) -> Log {
    let text = json!({"success": true, "events": rows, "totalEventsCount": total}).to_string();
    read_list(text.as_bytes(), 1 << 22, Log::default()).unwrap()
}

fn whole(rows: &[Value]) -> Deliveries {
    read(rows, Some(rows.len() as u64)).conclude(End::Newest, Seek::default())
}

/// Follows a log of `rows` to the wanted end: what was concluded, and by how many pages.
fn follow(rows: &[Value], cap: usize, total: bool, end: End) -> (Deliveries, usize) {
    let (mut cursor, mut pages) = (None, 0);
    loop {
        let seek = Seek::at(cursor.as_ref()).unwrap();
        let skip = usize::try_from(seek.skip).unwrap();
        let page: Vec<_> = rows.iter().skip(skip).take(cap.min(100)).cloned().collect();
        let deliveries = read(&page, total.then_some(rows.len() as u64)).conclude(end, seek);
        pages += 1;
        if deliveries.next.is_none() {
            return (deliveries, pages);
        }
        assert!(deliveries.events.is_empty() && !deliveries.log.is_empty());
        assert!(pages < 30, "no end");
        cursor = deliveries.next;
    }
}

fn ids(deliveries: &Deliveries) -> Vec<i32> {
    deliveries
        .log
        .iter()
        .map(|logged| logged.id.parse().unwrap())
        .collect()
}

proptest! {
    #[test]
    fn the_wanted_end_is_found_in_either_order_with_and_without_a_total(
        count in 2_i32..320, cap in 45_usize..120, rising: bool, total: bool, newest: bool,
    ) {
        let mut rows: Vec<Value> = (1..=count).map(|n| row(n, i64::from(n % 400 + 100))).collect();
        if !rising {
            rows.reverse();
        }
        let end = if newest { End::Newest } else { End::Oldest };
        let (found, pages) = follow(&rows, cap, total, end);
        let wanted = if newest { count } else { 1 };
        prop_assert!(ids(&found).contains(&wanted));
        prop_assert!(!total || pages <= 2, "{} pages", pages);
        if newest {
            let newest = found.events[0].result.as_ref().unwrap();
            prop_assert_eq!(newest.time.clone(), Some(format!("{}Z", moment(count))));
        }
    }

    #[test]
    fn a_cursor_that_is_not_ours_is_an_error_and_nothing_else(text in "[ 0-9a-z-]{0,30}") {
        let _ = Seek::at(Some(&Cursor(text)));
    }
}

#[test]
fn the_documents_events_are_read() {
    let read = |text: &str| {
        let log = read_list(text.as_bytes(), 1 << 20, Log::default()).unwrap();
        log.conclude(End::Newest, Seek::default())
    };
    let tried = read(fixture!("events-response.json"));
    let result = DeliveryResult {
        success: false,
        code: Some(503),
        time: Some("2026-01-01T00:00:00.000Z".into()),
        next_retry: Some("2026-01-01T00:00:00.000Z".into()),
    };
    let logged = |result| Logged {
        id: "9001".into(),
        result,
        created: Some(1_767_225_600_000),
    };
    assert_eq!(tried.log, [logged(Some(result.clone()))]);
    assert_eq!(
        (&tried.events[0].result, tried.events[0].failures),
        (&Some(result), Some(2))
    );
    let pending = read(fixture!("events-response-pending.json"));
    assert_eq!(pending.log, [logged(None)]);
    assert_eq!(
        (&pending.events[0].result, pending.events[0].failures),
        (&None, None)
    );
}

#[test]
fn the_newest_attempt_and_the_failures_before_it_are_told_for_each_event() {
    let other = json!({
        "id": 9, "eventType": "license.revoked", "statusCode": 204, "isSuccess": true,
        "sentAt": "2026-01-01T00:00:09", "createdAt": "2026-01-01T00:00:09",
    });
    let mut retried = row(4, 503);
    retried["retryCount"] = json!(2);
    retried["nextRetryAt"] = json!("2026-01-01T00:05:04");
    let waiting = json!({"id": 5, "eventType": "license.created", "createdAt": moment(5)});
    let rows = [row(1, 500), row(2, 200), row(3, 503), retried, waiting, other];
    let mut shuffled = rows.to_vec();
    shuffled.swap(0, 3);
    shuffled.swap(1, 4);
    for rows in [&rows[..], &shuffled] {
        let found = whole(rows);
        let result = DeliveryResult {
            success: false,
            code: Some(503),
            // Without a zone, UTC is meant.
            time: Some(format!("{}Z", moment(4))),
            next_retry: Some("2026-01-01T00:05:04Z".into()),
        };
        let created = Delivery {
            event: event_name("license.created"),
            result: Some(result.clone()),
            failures: Some(4),
        };
        assert_eq!(found.events.len(), 2);
        assert_eq!(found.events[0], created);
        assert_eq!(found.events[1].failures, Some(0));
        assert!(found.events[1].result.as_ref().unwrap().success);
        assert_eq!((found.log.len(), &found.next), (6, &None));
        let logged = |id: &str| found.log.iter().find(|logged| logged.id == id).unwrap();
        assert_eq!(logged("4").result, Some(result));
        assert_eq!(logged("5").result, None);
        assert_eq!(logged("5").created, Some(1_767_225_605_000));
    }
}

#[test]
fn members_that_are_left_out_hold_their_types_default() {
    let sent = json!({"id": 1, "eventType": "a", "sentAt": "2026-01-01T00:00:30Z"});
    let succeeded =
        json!({"id": 2, "eventType": "b", "isSuccess": true, "createdAt": "2026-01-01T00:00:00Z"});
    let waiting = json!({"id": 3, "eventType": "c", "statusCode": null, "sentAt": null, "retryCount": 0});
    let found = whole(&[sent, succeeded, waiting]);
    let of = |event: &str| {
        found
            .events
            .iter()
            .find(|d| d.event.as_str() == event)
            .unwrap()
            .clone()
    };
    let failed = of("a").result.unwrap();
    assert_eq!((failed.success, failed.code), (false, None));
    assert_eq!(of("a").failures, Some(1));
    let success = of("b").result.unwrap();
    assert_eq!(
        (success.success, success.time.as_deref()),
        (true, Some("2026-01-01T00:00:00Z"))
    );
    assert_eq!((of("c").result, of("c").failures), (None, None));
    assert_eq!(whole(&[]), Deliveries::default());
}

#[test]
fn rows_in_no_order_say_nothing_about_the_newest() {
    let rows = [row(2, 500), row(1, 200), row(3, 500)];
    let page = read(&rows, Some(500)).conclude(End::Newest, Seek::default());
    assert_eq!((page.next, page.events[0].result.clone()), (None, None));
    assert_eq!(page.log.len(), 3);
}

#[test]
fn the_oldest_page_says_nothing_about_how_deliveries_go_now() {
    let rows: Vec<Value> = (1..=20).map(|n| row(n, 500)).collect();
    let (found, pages) = follow(&rows, 10, true, End::Oldest);
    assert_eq!((pages, found.events[0].result.clone()), (1, None));
    let (found, pages) = follow(&rows, 100, true, End::Oldest);
    assert_eq!((pages, found.events[0].failures), (1, Some(20)));
}

#[test]
fn a_log_that_is_too_long_to_be_followed_without_a_total_ends_the_search() {
    let rows: Vec<Value> = (1..=3000).map(|n| row(n, 500)).collect();
    let (found, pages) = follow(&rows, 100, false, End::Newest);
    assert_eq!(pages, PAGES_MAX as usize);
    assert_eq!(found.events[0].result, None);
    let (found, pages) = follow(&rows, 100, true, End::Newest);
    assert_eq!((pages, found.events[0].failures), (2, Some(100)));
}

#[test]
fn a_log_that_changes_on_the_way_is_still_followed() {
    let rows: Vec<Value> = (1..=120).map(|n| row(n, 500)).collect();
    let first = read(&rows[..100], Some(110)).conclude(End::Newest, Seek::default());
    let seek = Seek::parse(&first.next.unwrap().0).unwrap();
    assert_eq!(seek.skip, 10);
    // Ten more came.
    let second = read(&rows[10..110], Some(120)).conclude(End::Newest, seek);
    assert_eq!(Seek::parse(&second.next.unwrap().0).unwrap().skip, 20);
    // All but five were removed.
    let second = read(&[], Some(5)).conclude(End::Newest, seek);
    assert_eq!(Seek::parse(&second.next.unwrap().0).unwrap().skip, 0);
}

#[test]
fn order_is_told_by_moments_or_by_ids_where_moments_are_equal_or_missing() {
    let order = |rows: &[(i32, Option<i32>)]| {
        let rows = rows
            .iter()
            .map(|(id, at)| json!({"id": id, "createdAt": at.map(moment)}));
        let log = read(&rows.collect::<Vec<_>>(), None);
        Order::of(&log.rows).map(|order| matches!(order, Order::Rising))
    };
    assert_eq!(order(&[(1, Some(1)), (2, Some(2))]), Some(true));
    assert_eq!(order(&[(2, Some(2)), (1, Some(1))]), Some(false));
    assert_eq!(order(&[(2, Some(1)), (1, Some(1)), (3, Some(2))]), Some(true));
    assert_eq!(order(&[(1, Some(1)), (2, Some(1))]), Some(true));
    assert_eq!(order(&[(1, None), (2, None)]), Some(true));
    assert_eq!(order(&[(2, None), (1, None)]), Some(false));
    assert_eq!(order(&[(1, Some(1)), (3, Some(3)), (2, Some(2))]), None);
    assert_eq!((order(&[(1, Some(1))]), order(&[])), (None, None));
}

#[test]
fn what_was_delivered_and_answered_is_not_read() {
    let mut secret = row(1, 500);
    for member in ["payload", "response", "errorMessage"] {
        secret[member] = json!("canary");
    }
    assert!(!format!("{:?}", whole(&[secret])).contains("canary"));
    let odd = json!({"id": 1, "eventType": "a", "payload": {"a": 1}, "response": 5, "retryCount": -3, "statusCode": -1});
    let found = whole(&[odd]);
    assert_eq!(found.events[0].failures, Some(1));
}
