//! Babel's answers as its documents show them, and the forms that they leave open.

use operator_core::settings::{Authorization, Headers, Settings};
use operator_core::view::{Field, Part};
use serde_json::json;

use super::*;
use crate::provider::babel::tests::{self, MARKER, documented, fixture};

fn key() -> HashKey {
    HashKey::new([3; 32])
}

fn row(members: Value) -> Subscription {
    serde_json::from_value(members).unwrap()
}

/// The row that the documents show, with the authorization among its headers.
fn example() -> Value {
    json!({
        "id": 41,
        "name": format!("orders-relay {MARKER}"),
        "eventType": "license.created",
        "url": "https://hooks.example.com/babel",
        "secret": "canary-signing",
        "headers": r#"{"X-Team":"canary-header","Authorization":"Basic Y2FuYXJ5LXVzZXI6Y2FuYXJ5LXBhc3N3b3Jk"}"#,
        "maxRetryCount": 3,
        "isActive": true,
        "userId": "example-user-id",
        "createdAt": "2026-01-01T00:00:00Z",
        "updatedAt": "2026-01-01T00:00:00Z",
        "webhookEvents": [],
    })
}

fn headers(text: &str) -> Reading {
    row(json!({"id": 1, "headers": text})).reading()
}

fn reply(status: u16, body: &str) -> Result<Reply, Fault> {
    Reply::read(&Answer {
        status,
        body: Zeroizing::new(body.as_bytes().to_vec()),
    })
}

/// What an answer comes to that should show a subscription.
fn outcome(body: &str) -> String {
    match reply(200, body).and_then(Reply::into_subscription) {
        Ok(row) => format!("row {}", row.id),
        Err(Fault::Form(_)) => "form".to_owned(),
        Err(Fault::Refused(message)) => format!("refused {}", message.unwrap_or_default()),
    }
}

#[test]
fn what_is_wanted_equals_what_is_read_of_it() {
    let remote = row(example()).into_remote(&key()).unwrap();
    let wanted = documented().view(&key());
    assert_eq!(wanted.differing(&remote.view).to_string(), "");
    assert_eq!(remote.id.as_str(), "41");
    assert_eq!(remote.marker, Marker::parse(MARKER));
    assert!(remote.marker.is_some());
    assert_eq!(remote.created, Some(1_767_225_600_000));
    for field in [
        Field::Name,
        Field::Url,
        Field::Events,
        Field::Enabled,
        Field::Authorization,
        Field::Headers,
        Field::SigningKey,
        Field::MaxRetries,
    ] {
        assert_ne!(remote.view.get(field), Part::Unknown, "{field:?}");
    }
    assert_eq!(remote.view.get(Field::Filters), Part::Unknown);
}

#[test]
fn the_documents_examples_are_read_as_what_they_were_made_from() {
    let read = |body| {
        let row = reply(200, body).and_then(Reply::into_subscription).ok();
        row.unwrap().into_remote(&key()).unwrap()
    };
    let wanted = tests::example();
    let made = read(fixture!("create-response.json"));
    assert_eq!(wanted.view(&key()).differing(&made.view).to_string(), "");
    assert_eq!((made.id.as_str(), made.created), ("41", Some(1_767_225_600_000)));
    let changed = Settings {
        name: Some("orders-relay v2 [wsub-3f9c1a]".into()),
        headers: Headers::new(),
        max_retries: Some(0),
        enabled: false,
        ..wanted
    };
    let put = read(fixture!("put-response.json"));
    assert_eq!(changed.view(&key()).differing(&put.view).to_string(), "");
    let paused = Settings {
        name: Some("paused [wsub-77aa10]".into()),
        signing_key: None,
        ..changed
    };
    let left_out = read(fixture!("create-response-defaults-left-out.json"));
    assert_eq!(paused.view(&key()).differing(&left_out.view).to_string(), "");
    assert_eq!(
        (left_out.id.as_str(), left_out.created),
        ("42", Some(1_767_225_600_000))
    );
}

#[test]
fn the_documents_failures_are_refusals_and_their_successes_are_none() {
    for failure in [
        fixture!("failure-response.json"),
        fixture!("failure-response-default-left-out.json"),
    ] {
        assert_eq!(outcome(failure), "refused Webhook subscription not found.");
    }
    let success = reply(200, fixture!("success-response.json"));
    assert!(success.is_ok_and(|reply| reply.succeeded()));
    let test = reply(200, fixture!("test-response.json")).and_then(|reply| reply.event_id());
    assert!(matches!(test, Ok(Some(9001))));
}

#[test]
fn members_that_are_left_out_or_null_hold_their_types_default() {
    let null = json!({
        "id": 1, "name": null, "eventType": null, "url": null, "secret": null, "headers": null,
        "maxRetryCount": null, "isActive": null, "createdAt": null,
    });
    for members in [json!({"id": 1}), null] {
        let read = row(members).reading();
        assert_eq!(read.name.as_deref(), Some(""));
        assert_eq!(read.url.unwrap().expose_secret(), "");
        assert_eq!(read.events.unwrap().len(), 0);
        assert_eq!((read.enabled, read.max_retries), (Some(false), Some(0)));
        assert!(matches!(read.authorization, Some(Ok(Authorization::None))));
        assert!(matches!(read.headers, Some(Ok(headers)) if headers.is_empty()));
        assert_eq!(read.signing_key.unwrap().expose_secret(), "");
        assert!(read.filters.is_none());
    }
}

#[test]
fn a_date_without_a_zone_is_read() {
    let created = |text: &str| {
        row(json!({"id": 1, "createdAt": text}))
            .into_remote(&key())
            .unwrap()
    };
    assert_eq!(created("2026-01-01T00:00:00").created, Some(1_767_225_600_000));
    assert_eq!(
        created("2026-01-01T00:00:00.1234567").created,
        Some(1_767_225_600_123)
    );
    assert_eq!(created("today").created, None);
}

#[test]
fn an_id_is_a_number_from_one() {
    for bad in [json!({"id": 0}), json!({"id": -1})] {
        assert!(row(bad).into_remote(&key()).is_err());
    }
    for bad in [
        json!({}),
        json!({"id": "1"}),
        json!({"id": 1.5}),
        json!({"id": 2_147_483_648_i64}),
    ] {
        assert!(serde_json::from_value::<Subscription>(bad).is_err());
    }
    let most = row(json!({"id": i32::MAX})).into_remote(&key()).unwrap();
    assert_eq!(most.id.as_str(), "2147483647");
}

#[test]
fn headers_are_parted_from_the_authorization_whatever_its_case() {
    let read = headers(r#"{"X-Team": "a", "AUTHORIZATION": "bearer t"}"#);
    assert!(
        matches!(read.authorization, Some(Ok(Authorization::Bearer(token))) if token.expose_secret() == "t")
    );
    let headers_read = read.headers.unwrap().unwrap();
    assert_eq!(headers_read.len(), 1);
    assert_eq!(headers_read["x-team"].expose_secret(), "a");
    let other = headers(r#"{"authorization": "Digest x"}"#);
    assert_eq!(
        other.authorization.unwrap().unwrap_err().expose_secret(),
        "Digest x"
    );
    assert!(other.headers.unwrap().unwrap().is_empty());
}

#[test]
fn headers_that_are_empty_are_known_to_be_and_another_text_is_only_known_to_be_that_text() {
    for empty in ["", "  ", "null", "{}"] {
        let read = headers(empty);
        assert!(
            matches!(read.authorization, Some(Ok(Authorization::None))),
            "{empty}"
        );
        assert!(
            matches!(read.headers, Some(Ok(headers)) if headers.is_empty()),
            "{empty}"
        );
    }
    for other in [
        "X-Team: a\nAuthorization: Bearer t",
        "[]",
        r#"{"a": 1}"#,
        r#"{"a": "1", "a": "2"}"#,
        r#"{"a": "1""#,
        "********",
    ] {
        let read = headers(other);
        assert!(read.authorization.is_none(), "{other}");
        assert_eq!(read.headers.unwrap().unwrap_err().expose_secret(), other);
    }
}

#[test]
fn what_ours_cannot_hold_differs_from_all_that_can_be_wanted() {
    let odd = row(json!({"id": 1, "eventType": "a b", "maxRetryCount": -1})).reading();
    assert_eq!(odd.events.unwrap().len(), 1);
    assert_eq!(odd.max_retries, Some(u32::MAX));
}

#[test]
fn status_success_and_payload_together_are_the_outcome() {
    for (body, expected) in [
        (r#"{"success": true, "subscription": {"id": 7}}"#, "row 7"),
        (r#"{"subscription": {"id": 7}}"#, "row 7"),
        (
            r#"{"success": null, "subscription": {"id": 7}, "more": [1]}"#,
            "row 7",
        ),
        (r#"{"success": false, "subscription": {"id": 7}}"#, "form"),
        (r#"{"success": true}"#, "form"),
        (r#"{"success": true, "subscription": null}"#, "form"),
        (r#"{"success": false, "message": "no"}"#, "refused no"),
        (r#"{"message": "no"}"#, "refused no"),
        (r#"{"success": false, "message": 5}"#, "refused "),
        (r#"{"success": false, "traceId": "x"}"#, "refused "),
        ("{}", "refused "),
        (r#"{"status": "maintenance"}"#, "form"),
        (r#"{"success": "true"}"#, "form"),
        (
            r#"{"success": true, "success": true, "subscription": {"id": 7}}"#,
            "form",
        ),
        ("[]", "form"),
        ("null", "form"),
        ("", "form"),
    ] {
        assert_eq!(outcome(body), expected, "{body}");
    }
    assert!(matches!(reply(201, r#"{"success": true}"#), Err(Fault::Form(_))));
}

#[test]
fn an_event_that_was_made_may_stay_without_a_name() {
    let event = |body: &str| reply(200, body).and_then(|reply| reply.event_id());
    assert!(matches!(
        event(r#"{"success": true, "eventId": 9001}"#),
        Ok(Some(9001))
    ));
    assert!(matches!(event(r#"{"eventId": 9001}"#), Ok(Some(9001))));
    assert!(matches!(event(r#"{"success": true}"#), Ok(None)));
    assert!(matches!(event("{}"), Err(Fault::Refused(None))));
    assert!(matches!(
        event(r#"{"success": false, "eventId": 9001}"#),
        Err(Fault::Form(_))
    ));
}

#[test]
fn what_is_sent_back_is_known_to_the_redaction() {
    let secrets = row(example()).secrets();
    for secret in [
        "https://hooks.example.com/babel",
        "canary-signing",
        "canary-header",
        "Y2FuYXJ5LXVzZXI6Y2FuYXJ5LXBhc3N3b3Jk",
    ] {
        assert!(secrets.iter().any(|known| known.as_str() == secret), "{secret}");
    }
}
