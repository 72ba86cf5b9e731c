//! What is sent to Dixa. No type here has `Debug`: they hold secrets, and live as long as one serialisation.

use std::collections::{BTreeMap, BTreeSet};

use operator_core::names::EventName;
use operator_core::settings::{self, Filters, Match, Operator, Settings};
use operator_core::view::{Field, FieldSet};
use secrecy::ExposeSecret;
use serde::Serialize;

/// The body of a create. Dixa requires `authorization` and `customHeaders` even where there are none.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Create<'a> {
    name: &'a str,
    url: &'a str,
    authorization: Authorization<'a>,
    custom_headers: BTreeMap<&'a str, &'a str>,
    events: Vec<&'a str>,
    enabled: bool,
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    filters: BTreeMap<&'a str, Filter<'a>>,
}

impl<'a> Create<'a> {
    /// Everything that is wanted; `None` without a name, which Dixa requires.
    pub(super) fn new(settings: &'a Settings) -> Option<Self> {
        Some(Self {
            name: settings.name.as_deref()?,
            url: settings.url.expose(),
            authorization: Authorization::new(&settings.authorization),
            custom_headers: custom_headers(settings),
            events: events(&settings.events),
            enabled: settings.enabled,
            filters: filters(&settings.filters),
        })
    }
}

/// The body of a patch: a member that is left out stays as it is.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Patch<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    name: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    url: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    authorization: Option<Authorization<'a>>,
    /// Sent whole. Whether Dixa replaces or merges is not documented.
    #[serde(skip_serializing_if = "Option::is_none")]
    custom_headers: Option<BTreeMap<&'a str, &'a str>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    events: Option<Vec<&'a str>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    enabled: Option<bool>,
    /// To have no filters, `{}` is sent. Whether that, `null` or nothing at all clears them is not documented;
    /// `{}` is the one form that the documented type allows, so it is refused by no strict decoder. The answer
    /// shows what came of it.
    #[serde(skip_serializing_if = "Option::is_none")]
    filters: Option<BTreeMap<&'a str, Filter<'a>>>,
}

impl Patch<'_> {
    /// Off, and everything else as it is.
    pub(super) const fn switch_off() -> Self {
        Self {
            name: None,
            url: None,
            authorization: None,
            custom_headers: None,
            events: None,
            enabled: Some(false),
            filters: None,
        }
    }
}

impl<'a> Patch<'a> {
    /// The given fields of what is wanted; `None` where a name is to be changed to none. The signing key is
    /// Dixa's own, so that it is never sent.
    pub(super) fn new(settings: &'a Settings, fields: FieldSet) -> Option<Self> {
        let given = |field| fields.contains(field).then_some(());
        let name = match given(Field::Name) {
            Some(()) => Some(settings.name.as_deref()?),
            None => None,
        };
        Some(Self {
            name,
            url: given(Field::Url).map(|()| settings.url.expose()),
            authorization: given(Field::Authorization).map(|()| Authorization::new(&settings.authorization)),
            custom_headers: given(Field::Headers).map(|()| custom_headers(settings)),
            events: given(Field::Events).map(|()| events(&settings.events)),
            enabled: given(Field::Enabled).map(|()| settings.enabled),
            filters: given(Field::Filters).map(|()| filters(&settings.filters)),
        })
    }
}

#[derive(Serialize)]
#[serde(tag = "_type")]
enum Authorization<'a> {
    #[serde(rename = "BasicAuth")]
    Basic { username: &'a str, password: &'a str },
    #[serde(rename = "TokenAuth")]
    Token { value: &'a str },
    /// The schema's name without members; how it is tagged is inferred from the other two.
    #[serde(rename = "NoAuth")]
    None,
}

impl<'a> Authorization<'a> {
    fn new(authorization: &'a settings::Authorization) -> Self {
        match authorization {
            settings::Authorization::None => Self::None,
            settings::Authorization::Basic { username, password } => Self::Basic {
                username: username.expose_secret(),
                password: password.expose_secret(),
            },
            settings::Authorization::Bearer(token) => Self::Token {
                value: token.expose_secret(),
            },
        }
    }
}

#[derive(Serialize)]
struct Filter<'a> {
    #[serde(rename = "_type")]
    kind: &'static str,
    strategy: &'static str,
    conditions: Vec<Condition<'a>>,
}

#[derive(Serialize)]
#[serde(tag = "_type")]
enum Condition<'a> {
    IsOneOf {
        field: &'a str,
        values: &'a BTreeSet<String>,
    },
    IsNotOneOf {
        field: &'a str,
        values: &'a BTreeSet<String>,
    },
}

fn filters(filters: &Filters) -> BTreeMap<&str, Filter<'_>> {
    filters
        .iter()
        .map(|(scope, filter)| (scope.as_str(), tree(filter)))
        .collect()
}

fn tree(filter: &settings::Filter) -> Filter<'_> {
    let strategy = match filter.combine {
        Match::All => "All",
        Match::Any => "Any",
    };
    let conditions = filter.conditions.iter().map(|condition| {
        let (field, values) = (condition.field.as_str(), &condition.values);
        match condition.operator {
            Operator::In => Condition::IsOneOf { field, values },
            Operator::NotIn => Condition::IsNotOneOf { field, values },
        }
    });
    Filter {
        kind: "CombinedFilters",
        strategy,
        conditions: conditions.collect(),
    }
}

fn custom_headers(settings: &Settings) -> BTreeMap<&str, &str> {
    settings
        .headers
        .iter()
        .map(|(name, value)| (name.as_str(), value.expose_secret()))
        .collect()
}

fn events(events: &BTreeSet<EventName>) -> Vec<&str> {
    events.iter().map(EventName::as_str).collect()
}

#[cfg(test)]
mod tests {
    use operator_core::url::DeliveryUrl;
    use serde_json::{Value, json};

    use super::*;
    use crate::provider::dixa::tests::documented;

    macro_rules! fixture {
        ($name:literal) => {{
            let text = include_str!(concat!(
                env!("CARGO_MANIFEST_DIR"),
                "/tests/simulator/fixtures/dixa/",
                $name
            ));
            serde_json::from_str::<Value>(text).unwrap()
        }};
    }

    /// Sets mean the same in any order, and so do names of headers in any case.
    fn normal(mut body: Value) -> Value {
        if let Some(events) = body.get_mut("events").and_then(Value::as_array_mut) {
            events.sort_by_key(Value::to_string);
        }
        if let Some(headers) = body.get_mut("customHeaders").and_then(Value::as_object_mut) {
            *headers = headers
                .iter()
                .map(|(name, value)| (name.to_lowercase(), value.clone()))
                .collect();
        }
        body
    }

    fn create(settings: &Settings) -> Value {
        normal(serde_json::to_value(Create::new(settings).unwrap()).unwrap())
    }

    fn patch(settings: &Settings, fields: &[Field]) -> Value {
        normal(serde_json::to_value(Patch::new(settings, FieldSet::of(fields)).unwrap()).unwrap())
    }

    #[test]
    fn a_create_is_what_the_documents_show() {
        assert_eq!(create(&documented()), normal(fixture!("create-request.json")));
        let token = settings::Authorization::Bearer("delivery-token-example".into());
        let sent = create(&Settings {
            authorization: token,
            ..documented()
        });
        assert_eq!(
            sent["authorization"],
            fixture!("create-request-token.json")["authorization"]
        );
    }

    #[test]
    fn a_create_without_authorization_and_headers_says_so_in_full() {
        let open = Settings {
            name: Some("open".into()),
            url: DeliveryUrl::parse("https://hooks.example.com/open").unwrap(),
            authorization: settings::Authorization::None,
            headers: settings::Headers::new(),
            filters: Filters::new(),
            events: [EventName::parse("ConversationCreated").unwrap()].into(),
            ..documented()
        };
        let mut expected = fixture!("create-request-no-auth.json");
        expected["enabled"] = json!(true);
        assert_eq!(create(&open), expected);
    }

    #[test]
    fn a_patch_holds_the_given_fields_and_no_others() {
        let settings = Settings {
            enabled: false,
            events: [EventName::parse("ConversationClosed").unwrap()].into(),
            ..documented()
        };
        assert_eq!(
            patch(&settings, &[Field::Events, Field::Enabled]),
            fixture!("patch-request.json")
        );
        assert_eq!(patch(&settings, &[]), json!({}));
        assert_eq!(
            patch(&settings, &[Field::SigningKey]),
            json!({}),
            "the key is Dixa's own"
        );
        let whole = patch(&documented(), Field::ALL);
        assert_eq!(whole, create(&documented()));
    }

    #[test]
    fn what_is_cleared_is_sent_empty() {
        let bare = Settings {
            authorization: settings::Authorization::None,
            headers: settings::Headers::new(),
            filters: Filters::new(),
            ..documented()
        };
        let sent = patch(&bare, &[Field::Authorization, Field::Headers, Field::Filters]);
        assert_eq!(
            sent,
            json!({"authorization": {"_type": "NoAuth"}, "customHeaders": {}, "filters": {}})
        );
    }

    #[test]
    fn without_a_name_nothing_is_made_and_no_name_taken_away() {
        let nameless = Settings {
            name: None,
            ..documented()
        };
        assert!(Create::new(&nameless).is_none());
        assert!(Patch::new(&nameless, FieldSet::of(&[Field::Name])).is_none());
        assert!(Patch::new(&nameless, FieldSet::of(&[Field::Url])).is_some());
    }
}
