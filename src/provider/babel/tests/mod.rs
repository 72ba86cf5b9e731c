//! The adapter against servers that misbehave, and against the simulator.

use operator_core::settings::{Authorization, Filters};
use operator_core::url::DeliveryUrl;

use super::*;

mod events;
mod faults;
mod simulated;
mod switches;
mod updates;

/// A body as the documents show it.
macro_rules! fixture {
    ($name:literal) => {
        include_str!(concat!(
            env!("CARGO_MANIFEST_DIR"),
            "/tests/simulator/fixtures/babel/",
            $name
        ))
    };
}
pub(super) use fixture;

/// A marker, as the name of every row of ours ends.
pub(super) const MARKER: &str = "[wh1:aaaaaaaa-bbbbbbbb-cccccccc-dddddddd]";
/// Every secret of [`documented`], in the forms in which it can be seen.
pub(super) const SECRETS: [&str; 5] = [
    "canary-signing",
    "canary-header",
    "canary-password",
    "canary-user",
    "Y2FuYXJ5LXVzZXI6Y2FuYXJ5LXBhc3N3b3Jk",
];

/// Settings that use all that Babel has, with secrets that are recognised wherever they appear.
pub(super) fn documented() -> Settings {
    Settings {
        name: Some(format!("orders-relay {MARKER}")),
        url: DeliveryUrl::parse("https://hooks.example.com/babel").unwrap(),
        events: [EventName::parse("license.created").unwrap()].into(),
        enabled: true,
        filters: Filters::new(),
        authorization: Authorization::Basic {
            username: "canary-user".into(),
            password: "canary-password".into(),
        },
        headers: [("x-team".to_owned(), SecretString::from("canary-header"))].into(),
        signing_key: Some("canary-signing".into()),
        max_retries: Some(3),
    }
}

/// The settings that the documents' example of a create stands for.
pub(super) fn example() -> Settings {
    Settings {
        name: Some("orders-relay [wsub-3f9c1a]".into()),
        authorization: Authorization::None,
        headers: [("x-team".to_owned(), SecretString::from("orders"))].into(),
        signing_key: Some("example-signing-secret".into()),
        ..documented()
    }
}

fn shared() -> Shared {
    Shared {
        hash_key: Arc::new(HashKey::new([3; 32])),
    }
}

fn babel(connection: Connection, credential: &str) -> Babel {
    let config = Config {
        connection,
        scheme: Scheme::ApiKey(HeaderName::from_static(DEFAULT_HEADER)),
        credential: credential.into(),
    };
    Babel::new(config, &shared()).unwrap()
}

fn id(text: &str) -> ExternalId {
    ExternalId::parse(text).unwrap()
}
