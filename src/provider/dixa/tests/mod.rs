//! The adapter against servers that misbehave, and against the simulator.

use operator_core::settings::{Authorization, Condition, Filter, Match, Operator};
use operator_core::url::DeliveryUrl;

use super::*;

mod faults;
mod simulated;
mod trust;

/// The settings that the documents' example of a create stands for.
pub(in crate::provider) fn documented() -> Settings {
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
    Settings {
        name: Some("orders-relay [wsub-3f9c1a]".into()),
        url: DeliveryUrl::parse("https://hooks.example.com/dixa").unwrap(),
        events: ["ConversationCreated", "ConversationClosed"]
            .map(|name| EventName::parse(name).unwrap())
            .into(),
        enabled: true,
        filters: [("Conversation".to_owned(), filter)].into(),
        authorization: Authorization::Basic {
            username: "relay".into(),
            password: "hunter2-example".into(),
        },
        headers: [("x-team".to_owned(), SecretString::from("orders"))].into(),
        signing_key: None,
        max_retries: None,
    }
}

fn shared() -> Shared {
    Shared {
        hash_key: Arc::new(HashKey::new([3; 32])),
    }
}

fn dixa(connection: Connection, credential: &str) -> Dixa {
    let (version, scheme) = (ApiVersion::V1, Scheme::Raw);
    Dixa::new(
        Config {
            connection,
            version,
            scheme,
            credential: credential.into(),
        },
        &shared(),
    )
    .unwrap()
}

fn id(text: &str) -> ExternalId {
    ExternalId::parse(text).unwrap()
}
