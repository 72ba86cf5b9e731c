//! What is sent, and what is not.

use operator_core::settings;
use serde_json::{Value, json};

use super::*;
use crate::provider::babel::tests::{self, MARKER, documented, fixture};

const BASIC: &str = "Basic Y2FuYXJ5LXVzZXI6Y2FuYXJ5LXBhc3N3b3Jk";

fn row(members: Value) -> Subscription {
    serde_json::from_value(members).unwrap()
}

fn sent(body: Result<Body<'_>, ProviderError>) -> Value {
    serde_json::to_value(body.unwrap()).unwrap()["subscription"].clone()
}

fn renamed(settings: &Settings, row: &Subscription) -> Value {
    let headers = row.headers().unwrap_or_default();
    sent(Body::rename(settings, row, &headers))
}

fn why(body: Result<Body<'_>, ProviderError>) -> &'static str {
    match body.err().unwrap() {
        ProviderError::NotSendable { why } => why,
        error => panic!("{error:?}"),
    }
}

/// Without a signing key and a number of retries.
fn unmanaged() -> Settings {
    Settings {
        signing_key: None,
        max_retries: None,
        ..documented()
    }
}

/// A row that differs from [`documented`] in everything.
fn other() -> Value {
    json!({
        "id": 41,
        "name": "by hand",
        "eventType": "license.revoked",
        "url": "https://other.example.com/",
        "secret": "another-secret",
        "headers": r#"{"X-Own":"a","x-own":"b","Authorization":"Digest x"}"#,
        "maxRetryCount": 9,
    })
}

/// A documented body; names of headers are the same in any case.
fn shown(text: &str) -> Value {
    let mut body: Value = serde_json::from_str(text).unwrap();
    let mut body = body["subscription"].take();
    if let Some(headers) = body.get_mut("headers").and_then(Value::as_object_mut) {
        *headers = headers
            .iter()
            .map(|(name, value)| (name.to_lowercase(), value.clone()))
            .collect();
    }
    body
}

#[test]
fn a_create_and_a_replacement_are_what_the_documents_show() {
    let wanted = tests::example();
    assert_eq!(
        sent(Body::create(&wanted)),
        shown(fixture!("create-request.json"))
    );
    let changed = Settings {
        name: Some("orders-relay v2 [wsub-3f9c1a]".into()),
        headers: settings::Headers::new(),
        max_retries: Some(0),
        enabled: false,
        signing_key: None,
        ..wanted
    };
    let row = row(shown(fixture!("create-response.json")));
    assert_eq!(
        sent(Body::replace(&changed, &row)),
        shown(fixture!("put-request.json"))
    );
}

#[test]
fn the_authorization_is_one_of_the_headers() {
    let expected = json!({
        "name": format!("orders-relay {MARKER}"),
        "eventType": "license.created",
        "url": "https://hooks.example.com/babel",
        "secret": "canary-signing",
        "headers": {"Authorization": BASIC, "x-team": "canary-header"},
        "maxRetryCount": 3,
        "isActive": true,
    });
    assert_eq!(sent(Body::create(&documented())), expected);
    let bearer = Settings {
        authorization: settings::Authorization::Bearer("t".into()),
        ..documented()
    };
    assert_eq!(
        sent(Body::create(&bearer))["headers"]["Authorization"],
        "Bearer t"
    );
}

#[test]
fn a_create_leaves_out_what_is_not_managed_and_says_that_there_are_no_headers() {
    let bare = Settings {
        authorization: settings::Authorization::None,
        headers: settings::Headers::new(),
        enabled: false,
        ..unmanaged()
    };
    let expected = json!({
        "name": format!("orders-relay {MARKER}"),
        "eventType": "license.created",
        "url": "https://hooks.example.com/babel",
        "headers": {},
        "isActive": false,
    });
    assert_eq!(sent(Body::create(&bare)), expected);
}

#[test]
fn what_babel_has_no_room_for_is_not_sent() {
    let two = ["a", "b"].map(|name| EventName::parse(name).unwrap());
    for settings in [
        Settings {
            events: two.into(),
            ..documented()
        },
        Settings {
            events: [].into(),
            ..documented()
        },
        Settings {
            name: None,
            ..documented()
        },
        Settings {
            max_retries: Some(1 << 31),
            ..documented()
        },
        Settings {
            headers: [("authorization".to_owned(), "x".into())].into(),
            ..documented()
        },
    ] {
        assert_eq!(
            Body::create(&settings).err().unwrap().reason(),
            "RequestNotSendable"
        );
        let row = row(other());
        let error = Body::replace(&settings, &row).err().unwrap();
        assert_eq!(error.reason(), "RequestNotSendable");
    }
}

#[test]
fn a_replacement_always_has_all_seven_members() {
    let row = row(other());
    assert_eq!(
        sent(Body::replace(&documented(), &row)),
        sent(Body::create(&documented()))
    );
    let kept = sent(Body::replace(&unmanaged(), &row));
    assert_eq!(
        (&kept["secret"], &kept["maxRetryCount"]),
        (&json!("another-secret"), &json!(9))
    );
    assert_eq!(
        kept["headers"],
        json!({"Authorization": BASIC, "x-team": "canary-header"})
    );
    let blank = self::row(json!({"id": 1}));
    let kept = sent(Body::replace(&unmanaged(), &blank));
    assert_eq!((&kept["secret"], &kept["maxRetryCount"]), (&json!(""), &json!(0)));
    assert_eq!(kept.as_object().unwrap().len(), 7);
}

#[test]
fn a_new_name_leaves_everything_else_as_it_was_read() {
    let expected = json!({
        "name": format!("orders-relay {MARKER}"),
        "eventType": "license.revoked",
        "url": "https://other.example.com/",
        "secret": "another-secret",
        "headers": {"X-Own": "a", "x-own": "b", "Authorization": "Digest x"},
        "maxRetryCount": 9,
        "isActive": false,
    });
    for settings in [documented(), unmanaged()] {
        assert_eq!(renamed(&settings, &row(other())), expected);
    }
    let blank = renamed(&unmanaged(), &row(json!({"id": 1})));
    let expected = json!({
        "name": format!("orders-relay {MARKER}"),
        "eventType": "", "url": "", "secret": "", "headers": {}, "maxRetryCount": 0, "isActive": false,
    });
    assert_eq!(blank, expected);
}

#[test]
fn a_mask_is_never_sent_back() {
    for mask in [
        "********",
        "*",
        "\u{2022}\u{2022}",
        "xxxxxxxx",
        "XXXX",
        "abc***",
        "a\u{2022}\u{2022}\u{2022}b",
        "...",
    ] {
        let masked = row(json!({"id": 1, "secret": mask, "headers": ""}));
        let expected = "the provider masks the secret; set spec.signing so that it can be sent";
        assert_eq!(why(Body::replace(&unmanaged(), &masked)), expected, "{mask}");
        let headers = HeaderList::default();
        assert_eq!(
            why(Body::rename(&unmanaged(), &masked, &headers)),
            expected,
            "{mask}"
        );
        // One that is known is sent in its place.
        assert_eq!(renamed(&documented(), &masked)["secret"], "canary-signing");
        assert_eq!(
            sent(Body::replace(&documented(), &masked))["secret"],
            "canary-signing"
        );
    }
    for secret in ["a", "x1", "sk_live*1", "a**b"] {
        let shown = row(json!({"id": 1, "secret": secret}));
        assert_eq!(renamed(&documented(), &shown)["secret"], secret, "{secret}");
        assert_eq!(sent(Body::replace(&unmanaged(), &shown))["secret"], secret);
    }
    let hidden = row(json!({"id": 1}));
    assert_eq!(renamed(&documented(), &hidden)["secret"], "canary-signing");
    assert_eq!(renamed(&unmanaged(), &hidden)["secret"], "");
}
