//! The adapter against servers that misbehave, and against the simulator.

use operator_core::settings::pairs;
use operator_core::url::DeliveryUrl;

use super::*;

/// An example body of the simulator's.
macro_rules! fixture {
    ($name:literal) => {
        include_str!(concat!(
            env!("CARGO_MANIFEST_DIR"),
            "/tests/simulator/fixtures/bird/",
            $name
        ))
    };
}
pub(super) use fixture;

mod faults;
mod logs;
mod simulated;

const WORKSPACE: &str = "22222222-0000-4000-8000-000000000002";
const ORGANIZATION: &str = "11111111-0000-4000-8000-000000000001";

/// The settings that the documents' example of a create stands for.
pub(super) fn documented() -> Settings {
    let filter = ("channelId", "33333333-0000-4000-8000-000000000003");
    Settings {
        name: None,
        url: DeliveryUrl::parse("https://hooks.example.com/bird/sms").unwrap(),
        events: [event("channels/sms.outbound")].into(),
        enabled: true,
        filters: pairs([(filter.0.to_owned(), filter.1.to_owned())]),
        authorization: operator_core::settings::Authorization::None,
        headers: operator_core::settings::Headers::new(),
        signing_key: Some("example-signing-key".into()),
        max_retries: None,
    }
}

fn shared() -> Shared {
    Shared {
        hash_key: Arc::new(HashKey::new([3; 32])),
    }
}

fn config(connection: Connection, credential: &str) -> Config {
    Config {
        connection,
        workspace: WORKSPACE.to_owned(),
        organization: Some(ORGANIZATION.to_owned()),
        scheme: Scheme::AccessKey,
        credential: credential.into(),
    }
}

fn bird(connection: Connection, credential: &str) -> Bird {
    Bird::new(config(connection, credential), &shared()).unwrap()
}

fn id(text: &str) -> ExternalId {
    ExternalId::parse(text).unwrap()
}

fn event(text: &str) -> EventName {
    EventName::parse(text).unwrap()
}
