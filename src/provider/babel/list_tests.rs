//! Pages of every length, order and honesty.

use proptest::prelude::*;
use serde_json::json;

use super::*;
use crate::provider::babel::tests::fixture;
use crate::provider::http::listing::{ListFault, read_list};

fn read(text: &str) -> Result<Subscriptions, ListFault> {
    let listing = Subscriptions::new(HashKey::new([3; 32]).into());
    read_list(text.as_bytes(), 1 << 20, listing)
}

/// Lists a server's rows, of which page number `n` is what `page` says; the ids, or why there are none.
fn list(page: impl Fn(u64, usize) -> (Vec<i32>, Option<u64>)) -> Result<(Vec<i32>, usize), &'static str> {
    let (mut listed, mut pages, mut cursor) = (Vec::new(), 0, None);
    loop {
        let progress = Progress::at(cursor.as_ref()).unwrap();
        let (ids, total) = page(progress.skip(), pages);
        pages += 1;
        cursor = progress.page(&ids, total)?;
        listed.extend(ids);
        if cursor.is_none() {
            return Ok((listed, pages));
        }
        assert!(pages < 1000, "a list without end");
    }
}

/// What `take` and `skip` give of `rows` where no more than `cap` come at once.
fn cut(rows: &[i32], skip: u64, cap: usize) -> Vec<i32> {
    let skip = usize::try_from(skip).unwrap();
    rows.iter().copied().skip(skip).take(cap.min(100)).collect()
}

proptest! {
    #[test]
    fn all_rows_are_listed_whatever_the_server_gives_at_once(
        rows in proptest::collection::hash_set(1..i32::MAX, 0..350), cap in 1_usize..130, total: bool,
    ) {
        let rows: Vec<i32> = rows.into_iter().collect();
        let total = total.then_some(rows.len() as u64);
        let (listed, pages) = list(|skip, _| (cut(&rows, skip, cap), total)).unwrap();
        prop_assert_eq!(listed, rows.clone());
        let needed = rows.len().div_ceil(cap.min(100)).max(1);
        prop_assert!(pages <= needed + usize::from(total.is_none()), "{} pages", pages);
    }

    #[test]
    fn a_set_of_ids_knows_each_once_and_survives_being_written(ids in proptest::collection::vec(1..60_i32, 1..80)) {
        let (mut set, mut expected) = (Ids::default(), BTreeSet::new());
        for id in ids {
            prop_assert_eq!(set.insert(id), expected.insert(id));
        }
        let text = set.to_string();
        let mut back = Ids::parse(&text).unwrap();
        prop_assert_eq!(&text, &back.to_string());
        prop_assert_eq!(back.len(), expected.len() as u64);
        for id in 1..60 {
            prop_assert_eq!(back.insert(id), !expected.contains(&id));
        }
    }

    #[test]
    fn a_cursor_that_is_not_ours_is_an_error_and_nothing_else(text in ".{0,40}") {
        let cursor = Cursor(text);
        let _ = Progress::at(Some(&cursor));
    }
}

#[test]
fn rows_that_move_while_they_are_listed_make_the_list_an_error() {
    let rows: Vec<i32> = (1..=150).collect();
    let shifted: Vec<i32> = (0..=150).map(|id| if id == 0 { 999 } else { id }).collect();
    let shrunk: Vec<i32> = (2..=150).collect();
    for total in [true, false] {
        let of = |rows: &[i32]| total.then_some(rows.len() as u64);
        // A new row before those that were read: the last of them comes again.
        let grown = list(|skip, n| {
            let rows = if n == 0 { &rows } else { &shifted };
            (cut(rows, skip, 100), of(rows))
        });
        assert_eq!(grown.unwrap_err(), MOVED);
        // The same page again, whatever is asked for.
        let again = list(|_, _| (cut(&rows, 0, 100), of(&rows)));
        assert_eq!(again.unwrap_err(), MOVED);
    }
    // A row that was read went away: the one after the page slipped into it.
    let slipped = list(|skip, n| {
        let rows = if n == 0 { &rows } else { &shrunk };
        (cut(rows, skip, 100), Some(rows.len() as u64))
    });
    assert_eq!(slipped.unwrap_err(), MOVED);
}

#[test]
fn fewer_or_more_rows_than_the_total_are_no_complete_list() {
    let rows: Vec<i32> = (1..=30).collect();
    let of = |total| list(move |skip, _| (cut(&(1..=30).collect::<Vec<_>>(), skip, 100), Some(total)));
    assert_eq!(of(30).unwrap(), (rows.clone(), 1));
    assert_eq!(of(31).unwrap_err(), MOVED);
    assert!(of(29).is_err());
    assert_eq!(list(|_, _| (Vec::new(), Some(1))).unwrap_err(), MOVED);
    assert_eq!(list(|_, _| (Vec::new(), Some(0))).unwrap(), (Vec::new(), 1));
    assert_eq!(list(|_, _| (vec![1, 1], None)).unwrap_err(), MOVED);
}

#[test]
fn a_row_that_is_added_behind_those_that_were_read_is_listed() {
    let rows: Vec<i32> = (1..=151).collect();
    let (listed, _) = list(|skip, n| {
        let rows = &rows[..150 + n.min(1)];
        (cut(rows, skip, 100), Some(rows.len() as u64))
    })
    .unwrap();
    assert_eq!(listed, rows);
}

#[test]
fn a_total_that_is_told_once_still_counts() {
    let rows: Vec<i32> = (1..=25).collect();
    let told = |skip, n| (cut(&rows, skip, 10), (n == 0).then_some(25));
    assert_eq!(list(told).unwrap().0, rows);
    let lost = |skip, n| (cut(&rows[..24], skip, 10), (n == 0).then_some(25));
    assert_eq!(list(lost).unwrap_err(), MOVED);
}

#[test]
fn the_documents_lists_are_read() {
    let one = read(fixture!("list-response.json")).unwrap();
    assert_eq!((one.ids, one.beside.total), (vec![41], Some(1)));
    let none = read(fixture!("list-response-empty-defaults-left-out.json")).unwrap();
    assert_eq!((none.ids, none.beside.total), (Vec::new(), None));
    let types = fixture!("event-types-response.json").as_bytes();
    let types = read_list(types, 1 << 20, EventTypes::default()).unwrap().names;
    let names: Vec<_> = types.iter().map(EventName::as_str).collect();
    assert_eq!(names, ["license.created", "license.revoked"]);
    for failure in [
        fixture!("failure-response.json"),
        fixture!("failure-response-default-left-out.json"),
    ] {
        assert!(read(failure).is_err());
    }
}

#[test]
fn an_empty_list_may_be_left_out_by_a_server_that_says_success() {
    for empty in [
        r#"{"success": true}"#,
        r#"{"success": true, "message": "", "totalSubscriptionsCount": 0}"#,
        r#"{"success": true, "totalSubscriptionsCount": null}"#,
        r#"{"success": true, "subscriptions": []}"#,
        r#"{"subscriptions": []}"#,
    ] {
        let read = read(empty).unwrap();
        assert!(read.remotes.is_empty() && read.beside.check().is_ok(), "{empty}");
    }
    for none in [
        "{}",
        r#"{"success": false}"#,
        r#"{"success": false, "message": "no"}"#,
        r#"{"message": "no"}"#,
        r#"{"totalSubscriptionsCount": 0}"#,
        r#"{"success": true, "totalSubscriptionsCount": 1}"#,
        r#"{"success": 1}"#,
        r#"{"success": "true"}"#,
        r#"{"success": true, "subscriptions": null}"#,
        r#"{"success": true, "subscriptions": [], "totalSubscriptionsCount": "0"}"#,
        r#"{"success": true, "subscriptions": [], "totalSubscriptionsCount": -1}"#,
        r#"{"success": true, "success": true, "subscriptions": []}"#,
    ] {
        assert!(matches!(read(none), Err(ListFault::Form(_))), "{none}");
    }
    let both = read(r#"{"success": false, "subscriptions": []}"#).unwrap();
    assert_eq!(both.beside.check().unwrap_err().reason(), "UnintelligibleAnswer");
}

#[test]
fn rows_become_digests_and_one_of_a_wrong_type_makes_the_list_an_error() {
    let good = json!({"subscriptions": [{"id": 41, "name": "a"}, {"id": 42}], "totalSubscriptionsCount": 2});
    let read_good = read(&good.to_string()).unwrap();
    assert_eq!((read_good.ids, read_good.beside.total), (vec![41, 42], Some(2)));
    assert_eq!(read_good.remotes[1].id.as_str(), "42");
    for row in [
        json!({}),
        json!(null),
        json!({"id": 0}),
        json!({"id": "41"}),
        json!({"id": 41, "isActive": "yes"}),
        json!({"id": 41, "headers": {"a": "b"}}),
    ] {
        let text = json!({"success": true, "subscriptions": [row]}).to_string();
        assert!(read(&text).is_err(), "{text}");
    }
}

#[test]
fn event_types_are_a_sorted_set_of_the_names_that_can_be_wanted() {
    let text = r#"{"success": true, "eventTypes": [
        {"name": "b", "description": "x"}, {"name": "a"}, {"name": "b"}, {"name": "no name"}, {"name": null}, {}]}"#;
    let types = read_list(text.as_bytes(), 1 << 20, EventTypes::default()).unwrap();
    let names: Vec<_> = types.names.iter().map(EventName::as_str).collect();
    assert_eq!(names, ["a", "b"]);
    let failed = read_list(&br#"{"success": false}"#[..], 1 << 20, EventTypes::default());
    assert!(failed.is_err());
}
