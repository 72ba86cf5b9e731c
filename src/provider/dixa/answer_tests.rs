//! Dixa's answers as its documents show them, and the forms that they leave open.

use operator_core::names::EventName;
use operator_core::settings::{Authorization, Condition, Filter, Match, Operator};
use operator_core::url::DeliveryUrl;
use operator_core::view::{Field, Part};
use serde_json::{Value, json};

use super::*;
use crate::provider::dixa::list::{Deliveries, Log, Subscriptions};
use crate::provider::http::listing::{ListFault, Listing, read_list};
use crate::provider::wire::newest_first;

macro_rules! fixture {
    ($name:literal) => {
        include_str!(concat!(
            env!("CARGO_MANIFEST_DIR"),
            "/tests/simulator/fixtures/dixa/",
            $name
        ))
    };
}

fn key() -> HashKey {
    HashKey::new([3; 32])
}

fn reading(text: &str) -> Reading {
    serde_json::from_str::<Envelope<Subscription>>(text)
        .unwrap()
        .data
        .reading()
}

/// A subscription with the given members beside the required ones.
fn with(members: &Value) -> Reading {
    let mut subscription = json!({"id": "i", "name": "n"});
    subscription
        .as_object_mut()
        .unwrap()
        .extend(members.as_object().unwrap().clone());
    reading(&json!({"data": subscription}).to_string())
}

fn list<L: Listing>(text: &str, listing: L) -> Result<L, ListFault> {
    read_list(text.as_bytes(), 1 << 20, listing)
}

#[test]
fn the_documented_subscription_is_read_completely() {
    let read = reading(fixture!("get-response.json"));
    assert_eq!(read.name.as_deref(), Some("orders-relay [wsub-3f9c1a]"));
    assert_eq!(
        read.url.as_ref().unwrap().expose_secret(),
        "https://hooks.example.com/dixa"
    );
    let events = ["ConversationClosed", "ConversationCreated"].map(|name| EventName::parse(name).unwrap());
    assert_eq!(read.events, Some(events.into()));
    assert_eq!(read.enabled, Some(true));
    let condition = |operator, field: &str, value: &str| Condition {
        operator,
        field: field.into(),
        values: [value.to_owned()].into(),
    };
    let conditions = [
        condition(Operator::In, "InitialChannel", "email"),
        condition(Operator::NotIn, "QueueId", "5d0c8b5e-0000-4000-8000-00000000000a"),
    ];
    let filter = Filter {
        combine: Match::All,
        conditions: conditions.into(),
    };
    assert_eq!(
        read.filters,
        Some(Ok([("Conversation".to_owned(), filter)].into()))
    );
    let Some(Ok(Authorization::Basic { username, password })) = &read.authorization else {
        panic!("no basic authorization")
    };
    assert_eq!(
        (username.expose_secret(), password.expose_secret()),
        ("relay", "hunter2-example")
    );
    assert!(
        read.headers.is_none(),
        "custom headers that are not shown are unknown, not absent"
    );
    assert_eq!(read.signing_key.unwrap().expose_secret().len(), 64);
}

#[test]
fn one_echoed_custom_header_makes_the_headers_observable() {
    let headers = reading(fixture!("get-response-echoed-headers.json"))
        .headers
        .unwrap()
        .unwrap();
    assert_eq!(headers.len(), 1);
    assert_eq!(headers["x-team"].expose_secret(), "orders");
}

#[test]
fn headers_without_authorization_mean_that_there_is_none() {
    let read = reading(fixture!("get-response-no-auth.json"));
    assert!(matches!(read.authorization, Some(Ok(Authorization::None))));
    assert!(
        with(&json!({})).authorization.is_none(),
        "without the member nothing is known"
    );
}

#[test]
fn members_that_are_left_out_are_empty_or_unknown_as_the_schema_says() {
    let read = with(&json!({}));
    assert_eq!(read.events, Some(BTreeSet::new()));
    assert_eq!(read.filters, Some(Ok(BTreeMap::new())));
    let view = read.view(&key());
    for field in [
        Field::Url,
        Field::Enabled,
        Field::Authorization,
        Field::Headers,
        Field::SigningKey,
    ] {
        assert_eq!(view.get(field), Part::Unknown, "{field:?}");
    }
}

#[test]
fn authorization_is_recognised_in_any_case_and_other_schemes_are_told_apart() {
    let read = |headers: Value| with(&json!({"headers": headers})).authorization.unwrap();
    let bearer = |read| matches!(read, Ok(Authorization::Bearer(token)) if token.expose_secret() == "t");
    assert!(bearer(read(json!({"Authorization": "Bearer t"}))));
    assert!(bearer(read(json!({"AUTHORIZATION": "bearer t"}))));
    for other in ["Digest x", "Basic %%%", "Basic bm9jb2xvbg==", "token"] {
        let text = read(json!({"authorization": other})).unwrap_err();
        assert_eq!(text.expose_secret(), other);
    }
    assert!(read(json!({"authorization": "Bearer a", "Authorization": "Bearer b"})).is_err());
    // Unpadded base64 means the same.
    assert!(matches!(
        read(json!({"authorization": "Basic YTpiYw"})),
        Ok(Authorization::Basic { .. })
    ));
}

#[test]
fn a_header_twice_is_an_error_and_twice_in_other_case_a_list() {
    let twice = r#"{"data": {"id": "i", "name": "n", "headers": {"a": "1", "a": "2"}}}"#;
    assert!(serde_json::from_str::<Envelope<Subscription>>(twice).is_err());
    let headers = with(&json!({"headers": {"x-a": "2", "X-A": "1"}}))
        .headers
        .unwrap()
        .unwrap();
    assert!(["1, 2", "2, 1"].contains(&headers["x-a"].expose_secret()));
}

#[test]
fn an_event_name_that_cannot_be_ours_does_not_make_the_row_unreadable() {
    let odd = "x".repeat(300);
    let events = with(&json!({"subscribedEvents": ["A B", "\u{e4}", odd, "Known"]}))
        .events
        .unwrap();
    assert_eq!(events.len(), 4);
    assert!(events.contains(&EventName::parse("Known").unwrap()));
}

#[test]
fn the_list_becomes_digests_with_marker_and_age() {
    let subscriptions = || Subscriptions::new(key().into());
    let read = list(fixture!("list-response.json"), subscriptions()).unwrap();
    assert_eq!(read.remotes.len(), 1);
    assert_eq!(
        read.remotes[0].id.as_str(),
        "0b7e6a52-0000-4000-8000-000000000002"
    );
    assert_eq!(read.remotes[0].created, Some(1_767_225_600_000));
    assert_eq!((read.remotes[0].marker, read.next), (None, None));
    let paged = list(fixture!("list-response-paged.json"), subscriptions()).unwrap();
    assert_eq!(paged.next.as_deref(), Some("pageKey=1"));
    assert!(
        list(fixture!("list-response-empty.json"), subscriptions())
            .unwrap()
            .remotes
            .is_empty()
    );
    let numbered = r#"{"meta": {"next": 2}, "data": []}"#;
    assert!(
        list(numbered, subscriptions()).is_err(),
        "a next page that cannot be followed"
    );
}

#[test]
fn one_row_of_a_wrong_type_makes_the_list_an_error() {
    for row in [
        json!({}),
        json!({"id": "i"}),
        json!({"id": 1, "name": "n"}),
        json!({"id": "i", "name": null}),
        json!({"id": "", "name": "n"}),
        json!({"id": "a b", "name": "n"}),
        json!({"id": "i", "name": "n", "enabled": "yes"}),
        json!({"id": "i", "name": "n", "headers": {"a": 1}}),
        json!({"id": "i", "name": "n", "subscribedEvents": [1]}),
        json!(null),
    ] {
        let text = json!({"data": [row]}).to_string();
        assert!(list(&text, Subscriptions::new(key().into())).is_err(), "{text}");
    }
}

#[test]
fn the_marker_is_read_from_the_name() {
    let marker = "orders [wh1:aaaaaaaa-bbbbbbbb-cccccccc-dddddddd]";
    let text = json!({"data": {"id": "i", "name": marker}}).to_string();
    let subscription = serde_json::from_str::<Envelope<Subscription>>(&text)
        .unwrap()
        .data;
    assert_eq!(
        subscription.into_remote(&key()).unwrap().marker,
        Marker::parse(marker)
    );
    assert!(Marker::parse(marker).is_some());
}

#[test]
fn what_is_wanted_equals_what_is_read_of_it() {
    let read = reading(fixture!("get-response-echoed-headers.json"));
    let settings = crate::provider::dixa::tests::documented();
    let differing = settings.view(&key()).differing(&read.view(&key()));
    assert!(differing.is_empty(), "{differing}");
    let moved = operator_core::settings::Settings {
        url: DeliveryUrl::parse("https://other.example.com/").unwrap(),
        ..settings
    };
    assert_eq!(
        moved.view(&key()).differing(&read.view(&key())).to_string(),
        "url"
    );
}

#[test]
fn the_delivery_status_is_read_with_its_gaps() {
    let read = list(fixture!("delivery-status-response.json"), Deliveries::default())
        .unwrap()
        .0;
    let result = DeliveryResult {
        success: false,
        code: Some(503),
        time: Some("2026-01-01T00:05:00.000Z".into()),
        next_retry: None,
    };
    assert_eq!(
        read[0],
        Delivery {
            event: event_name("ConversationClosed"),
            result: Some(result),
            failures: None,
        }
    );
    assert_eq!(read[1].result, None);
    let odd = json!({"data": [
        {"event": "A", "deliveryStatus": {"_type": "Queued", "success": false}},
        {"event": "B", "deliveryStatus": {"_type": "DeliveryDetail"}},
        {"event": "C", "deliveryStatus": {"_type": "DeliveryDetail", "success": false, "responseCode": -1,
            "deliveryTimestamp": "\u{1b}[31m 2026"}},
    ]});
    let read = list(&odd.to_string(), Deliveries::default()).unwrap().0;
    assert_eq!((&read[0].result, &read[1].result), (&None, &None));
    assert_eq!(
        read[2].result,
        Some(DeliveryResult {
            success: false,
            code: None,
            time: Some("[31m2026".into()),
            next_retry: None,
        })
    );
    assert!(list(r#"{"data": [{"event": "A"}]}"#, Deliveries::default()).is_err());
}

#[test]
fn the_log_is_read_newest_first_without_its_payloads() {
    let read = list(fixture!("delivery-logs-response.json"), Log::default())
        .unwrap()
        .0;
    assert_eq!((read.len(), read[0].code), (1, Some(503)));
    let entry = |time: &str| DeliveryResult {
        success: true,
        code: None,
        time: Some(time.into()),
        next_retry: None,
    };
    let mut log = [
        entry("2026-01-01T00:00:00Z"),
        entry("2026-01-01T01:30:00+01:00"),
        entry("2026-01-02T00:00:00Z"),
    ];
    newest_first(&mut log);
    let times = log.clone().map(|entry| entry.time.unwrap());
    assert_eq!(
        times,
        [
            "2026-01-02T00:00:00Z",
            "2026-01-01T01:30:00+01:00",
            "2026-01-01T00:00:00Z"
        ]
    );
    let mut odd = [entry("yesterday"), entry("2026-01-02T00:00:00Z")];
    newest_first(&mut odd);
    assert_eq!(
        odd[0].time.as_deref(),
        Some("yesterday"),
        "times that cannot be read leave the order alone"
    );
}
