//! Bird's answers as its documents show them, and the forms that they leave open.

use operator_core::settings::Settings;
use operator_core::view::{Field, FieldSet, Part, View};
use serde_json::json;

use super::*;
use crate::provider::bird::tests::{documented, fixture};

fn key() -> HashKey {
    HashKey::new([3; 32])
}

/// The documented object with the given members in place of its own.
fn with(members: &Value) -> Subscription {
    let text = fixture!("get-response-signing-key.json");
    let mut subscription: Value = serde_json::from_str(text).unwrap();
    subscription
        .as_object_mut()
        .unwrap()
        .extend(members.as_object().unwrap().clone());
    serde_json::from_value(subscription).unwrap()
}

/// The object of which nothing but the id is shown.
fn bare() -> Subscription {
    serde_json::from_str(r#"{"id": "i"}"#).unwrap()
}

fn view(members: &Value) -> View {
    with(members).reading().view(&key())
}

fn differing(settings: &Settings, members: &Value) -> FieldSet {
    settings.view(&key()).differing(&view(members))
}

#[test]
fn the_documented_subscription_is_read_completely() {
    let read = with(&json!({})).reading();
    assert_eq!(
        read.url.as_ref().unwrap().expose_secret(),
        "https://hooks.example.com/bird/sms"
    );
    assert_eq!(
        read.events,
        Some([EventName::parse("channels/sms.outbound").unwrap()].into())
    );
    assert_eq!(read.enabled, Some(true));
    assert_eq!(read.filters, Some(Ok(documented().filters)));
    assert_eq!(
        read.signing_key.as_ref().unwrap().expose_secret(),
        "example-signing-key"
    );
    assert!(read.name.is_none() && read.authorization.is_none() && read.headers.is_none());
    assert!(read.max_retries.is_none());
}

#[test]
fn a_subscription_becomes_digests_without_marker() {
    let remote = with(&json!({})).into_remote(&key()).unwrap();
    assert_eq!(remote.id.as_str(), "44444444-0000-4000-8000-000000000004");
    assert_eq!((remote.marker, remote.created), (None, Some(1_767_225_600_000)));
    assert_eq!(remote.view, view(&json!({})));
}

#[test]
fn the_answers_to_a_create_and_a_patch_are_what_was_wanted() {
    let read = |text: &str| {
        let subscription: Subscription = serde_json::from_str(text).unwrap();
        subscription.into_remote(&key()).unwrap().view
    };
    let wanted = documented().view(&key());
    let made = read(fixture!("create-response.json"));
    assert_eq!(wanted.differing(&made), FieldSet::EMPTY);
    assert_eq!(made.get(Field::SigningKey), Part::Unknown);
    let patched = read(fixture!("patch-response.json"));
    assert_eq!(
        wanted.differing(&patched),
        FieldSet::of(&[Field::Url, Field::Enabled])
    );
    let bare = read(fixture!("create-response-no-filters.json"));
    assert_eq!(bare.get(Field::Filters), Part::Absent);
}

#[test]
fn what_is_wanted_equals_what_is_read_of_it() {
    assert_eq!(differing(&documented(), &json!({})), FieldSet::EMPTY);
    for (members, field) in [
        (json!({"url": "https://hooks.example.com/bird/other"}), Field::Url),
        (json!({"service": "numbers"}), Field::Events),
        (json!({"event": "sms.inbound"}), Field::Events),
        (json!({"status": "inactive"}), Field::Enabled),
        (json!({"eventFilters": []}), Field::Filters),
        (json!({"signingKey": "another"}), Field::SigningKey),
    ] {
        assert_eq!(
            differing(&documented(), &members),
            FieldSet::of(&[field]),
            "{members}"
        );
    }
}

#[test]
fn filters_are_a_set_and_the_three_forms_of_none_are_one() {
    let one = json!({"eventFilters": [{"key": "a", "value": "1"}, {"key": "b", "value": "2"}]});
    let two = json!({"eventFilters": [{"value": "2", "key": "b"}, {"key": "a", "value": "1"}, {"key": "a", "value": "1"}]});
    assert_eq!(view(&one), view(&two));
    let none = view(&json!({"eventFilters": null}));
    assert_eq!(none.get(Field::Filters), Part::Absent);
    assert_eq!(none, view(&json!({"eventFilters": []})));
    assert_eq!(bare().reading().filters, Some(Ok(Filters::new())));
}

#[test]
fn filters_of_another_form_differ_from_any_that_can_be_wanted() {
    for filters in [
        json!("all"),
        json!({"channelId": "x"}),
        json!([{"key": "a"}]),
        json!([{"key": "a", "value": 1}]),
        json!([{"key": "a", "value": null}]),
        json!(["a"]),
        json!(false),
    ] {
        let members = json!({"eventFilters": filters});
        assert!(with(&members).reading().filters.unwrap().is_err(), "{filters}");
        assert!(
            differing(&documented(), &members).contains(Field::Filters),
            "{filters}"
        );
    }
}

#[test]
fn a_signing_key_that_is_not_shown_is_unknown_and_not_absent() {
    for key in [json!(null), json!(""), json!(7)] {
        let view = view(&json!({"signingKey": key}));
        assert_eq!(view.get(Field::SigningKey), Part::Unknown, "{key}");
    }
    assert_eq!(
        bare().reading().view(&key()).get(Field::SigningKey),
        Part::Unknown
    );
}

#[test]
fn an_unknown_status_is_no_drift() {
    for status in [
        json!("suspended"),
        json!("Active"),
        json!(""),
        json!(null),
        json!(true),
    ] {
        let members = json!({"status": status});
        assert_eq!(with(&members).reading().enabled, None, "{status}");
        assert_eq!(differing(&documented(), &members), FieldSet::EMPTY, "{status}");
    }
}

#[test]
fn members_of_another_type_are_not_shown_and_the_row_is_read() {
    let odd = json!({
        "workspaceId": 1, "service": [], "event": {}, "url": 1, "status": [true], "signingKey": {"a": 1},
        "createdAt": 1_767_225_600, "updatedAt": false, "template": [[]], "new": {"id": 1},
    });
    let remote = with(&odd).into_remote(&key()).unwrap();
    assert_eq!(remote.created, None);
    let unknown = remote.view.fields_that_are(Part::Unknown);
    for field in [Field::Url, Field::Events, Field::Enabled, Field::SigningKey] {
        assert!(unknown.contains(field), "{field:?}");
    }
    let half = with(&json!({"service": null})).reading();
    assert_eq!(half.events, None, "an event without its service is none of ours");
}

#[test]
fn only_the_id_is_required_and_must_be_one() {
    assert!(bare().into_remote(&key()).is_ok());
    for text in [
        r"{}",
        r#"{"id": null}"#,
        r#"{"id": 1}"#,
        r#"{"id": "a", "id": "b"}"#,
        "null",
        "[1]",
    ] {
        assert!(serde_json::from_str::<Subscription>(text).is_err(), "{text}");
    }
    for id in [json!(""), json!("a b"), json!("x".repeat(300))] {
        assert!(with(&json!({"id": id})).into_remote(&key()).is_err(), "{id}");
    }
}

#[test]
fn an_event_name_that_cannot_be_ours_does_not_make_the_row_unreadable() {
    for event in ["sms outbound", "\u{e4}", &"x".repeat(300)] {
        let members = json!({"event": event});
        assert_eq!(with(&members).reading().events.unwrap().len(), 1);
        assert_eq!(differing(&documented(), &members), FieldSet::of(&[Field::Events]));
    }
}

#[test]
fn a_reading_shows_no_secret_in_its_debug() {
    let shown = format!(
        "{:?}",
        with(&json!({"url": "https://h.example.com/canary", "signingKey": "canary"})).reading()
    );
    assert!(!shown.contains("canary"), "{shown}");
}
