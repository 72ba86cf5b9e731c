//! What is sent to Bird. No type here has `Debug`: they hold secrets, and live as long as one serialisation.
//! Bird refuses members that it does not know, so that each body holds what is documented for it and no more.

use operator_core::settings::{Settings, as_pairs};
use operator_core::view::{Field, FieldSet};
use secrecy::ExposeSecret;
use serde::Serialize;

use crate::provider::error::ProviderError;

/// What an update can change. The service and the event of a subscription are fixed when it is made.
const CHANGEABLE: FieldSet = FieldSet::of(&[Field::Url, Field::Enabled, Field::Filters, Field::SigningKey]);

const fn not_sendable(why: &'static str) -> ProviderError {
    ProviderError::NotSendable { why }
}

/// The body of a create. There is no member for the status: what is made is active.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Create<'a> {
    service: &'a str,
    event: &'a str,
    url: &'a str,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    event_filters: Vec<EventFilter<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    signing_key: Option<&'a str>,
}

impl<'a> Create<'a> {
    /// Everything that is wanted and that a create can say.
    ///
    /// # Errors
    /// [`ProviderError::NotSendable`] where it is not one event, written `service/event`, or the key is empty.
    pub(super) fn new(settings: &'a Settings) -> Result<Self, ProviderError> {
        let mut events = settings.events.iter();
        let (Some(event), None) = (events.next(), events.next()) else {
            return Err(not_sendable("a subscription at Bird has exactly one event"));
        };
        let (service, event) = event
            .as_str()
            .split_once('/')
            .filter(|(service, event)| !service.is_empty() && !event.is_empty())
            .ok_or(not_sendable("its event is not written service/event"))?;
        Ok(Self {
            service,
            event,
            url: settings.url.expose(),
            event_filters: event_filters(settings),
            signing_key: signing_key(settings)?,
        })
    }
}

/// The body of a patch: a member that is left out stays as it is.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Patch<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    url: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    status: Option<&'static str>,
    /// To have no filters, `[]` is sent. Whether that or `null` clears them is not documented; both are of the
    /// documented type (an array that may be null). `[]` says it in so many words, while many servers decode
    /// `null` as "left out". The answer shows what came of it.
    #[serde(skip_serializing_if = "Option::is_none")]
    event_filters: Option<Vec<EventFilter<'a>>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    signing_key: Option<&'a str>,
}

impl Patch<'_> {
    /// Off, and everything else as it is.
    pub(super) fn switch_off() -> Self {
        Self {
            url: None,
            status: Some(status(false)),
            event_filters: None,
            signing_key: None,
        }
    }
}

impl<'a> Patch<'a> {
    /// The given fields of what is wanted. A key that is not managed is left out: there is no way to take one
    /// away, and without one, deliveries would not be signed.
    ///
    /// # Errors
    /// [`ProviderError::NotSendable`] where a field cannot be changed, or nothing is left to change: Bird refuses
    /// an empty patch.
    pub(super) fn new(settings: &'a Settings, fields: FieldSet) -> Result<Self, ProviderError> {
        let fixed = fields.without(CHANGEABLE);
        if fixed.contains(Field::Events) {
            return Err(not_sendable("Bird fixes the event when a subscription is made"));
        }
        if !fixed.is_empty() {
            return Err(not_sendable("a subscription at Bird has no such field"));
        }
        let given = |field| fields.contains(field).then_some(());
        let patch = Self {
            url: given(Field::Url).map(|()| settings.url.expose()),
            status: given(Field::Enabled).map(|()| status(settings.enabled)),
            event_filters: given(Field::Filters).map(|()| event_filters(settings)),
            signing_key: match given(Field::SigningKey) {
                Some(()) => signing_key(settings)?,
                None => None,
            },
        };
        if patch.is_empty() {
            return Err(not_sendable("there is nothing to change"));
        }
        Ok(patch)
    }

    fn is_empty(&self) -> bool {
        self.url.is_none()
            && self.status.is_none()
            && self.event_filters.is_none()
            && self.signing_key.is_none()
    }
}

/// One condition; all of a subscription must hold.
#[derive(Serialize)]
struct EventFilter<'a> {
    key: &'a str,
    value: &'a str,
}

fn event_filters(settings: &Settings) -> Vec<EventFilter<'_>> {
    as_pairs(&settings.filters)
        .map(|(key, value)| EventFilter { key, value })
        .collect()
}

fn status(enabled: bool) -> &'static str {
    if enabled { "active" } else { "inactive" }
}

/// The key to sign with. An empty one might be taken for none, which would leave deliveries unsigned.
fn signing_key(settings: &Settings) -> Result<Option<&str>, ProviderError> {
    match settings.signing_key.as_ref().map(ExposeSecret::expose_secret) {
        Some("") => Err(not_sendable("its signing key is empty")),
        key => Ok(key),
    }
}

#[cfg(test)]
mod tests {
    use operator_core::names::EventName;
    use operator_core::settings::{Filters, pairs};
    use operator_core::url::DeliveryUrl;
    use serde_json::{Value, json};

    use super::*;
    use crate::provider::bird::tests::{documented, fixture};

    fn create(settings: &Settings) -> Value {
        let Ok(body) = Create::new(settings) else {
            panic!("not sendable")
        };
        serde_json::to_value(body).unwrap()
    }

    fn patch(settings: &Settings, fields: &[Field]) -> Value {
        let Ok(body) = Patch::new(settings, FieldSet::of(fields)) else {
            panic!("not sendable")
        };
        serde_json::to_value(body).unwrap()
    }

    fn events(names: &[&str]) -> Settings {
        Settings {
            events: names.iter().map(|name| EventName::parse(name).unwrap()).collect(),
            ..documented()
        }
    }

    fn example(text: &str) -> Value {
        serde_json::from_str(text).unwrap()
    }

    #[test]
    fn a_create_is_what_the_documents_show() {
        let expected = example(fixture!("create-request.json"));
        assert_eq!(create(&documented()), expected);
        let off = Settings {
            enabled: false,
            ..documented()
        };
        assert_eq!(create(&off), expected, "the status is not a create's to set");
    }

    #[test]
    fn a_create_leaves_out_what_there_is_not() {
        let bare = Settings {
            url: DeliveryUrl::parse("https://hooks.example.com/").unwrap(),
            filters: Filters::new(),
            signing_key: None,
            ..events(&["conversations/conversation.created"])
        };
        assert_eq!(create(&bare), example(fixture!("create-request-no-filters.json")));
    }

    #[test]
    fn the_service_ends_at_the_first_slash() {
        let sent = create(&events(&["conversations/conversation/created"]));
        assert_eq!(
            (&sent["service"], &sent["event"]),
            (&json!("conversations"), &json!("conversation/created"))
        );
    }

    #[test]
    fn what_is_not_one_event_of_a_service_is_not_sent() {
        for names in [
            &[][..],
            &["channels/sms.outbound", "channels/sms.inbound"],
            &["sms.outbound"],
            &["/sms.outbound"],
            &["channels/"],
        ] {
            let error = Create::new(&events(names)).err().map(|error| error.reason());
            assert_eq!(error, Some("RequestNotSendable"), "{names:?}");
        }
    }

    #[test]
    fn an_empty_key_is_not_sent() {
        let unsigned = Settings {
            signing_key: Some("".into()),
            ..documented()
        };
        assert!(Create::new(&unsigned).is_err());
        assert!(Patch::new(&unsigned, FieldSet::of(&[Field::SigningKey])).is_err());
        assert!(Patch::new(&unsigned, FieldSet::of(&[Field::Url])).is_ok());
    }

    #[test]
    fn a_patch_holds_the_given_fields_and_no_others() {
        let settings = Settings {
            enabled: false,
            filters: pairs(
                [("a", "1"), ("a", "0"), ("b", "2")].map(|(key, value)| (key.into(), value.into())),
            ),
            ..documented()
        };
        assert_eq!(patch(&settings, &[Field::Enabled]), json!({"status": "inactive"}));
        assert_eq!(
            patch(&documented(), &[Field::Enabled, Field::SigningKey]),
            json!({"status": "active", "signingKey": "example-signing-key"})
        );
        let filters = json!([
            {"key": "a", "value": "0"},
            {"key": "a", "value": "1"},
            {"key": "b", "value": "2"},
        ]);
        assert_eq!(
            patch(&settings, &[Field::Url, Field::Filters]),
            json!({"url": "https://hooks.example.com/bird/sms", "eventFilters": filters})
        );
    }

    #[test]
    fn filters_are_cleared_with_an_empty_array() {
        let bare = Settings {
            filters: Filters::new(),
            ..documented()
        };
        assert_eq!(patch(&bare, &[Field::Filters]), json!({"eventFilters": []}));
    }

    #[test]
    fn what_cannot_be_changed_and_what_changes_nothing_is_not_sent() {
        let keyless = Settings {
            signing_key: None,
            ..documented()
        };
        for fields in [
            &[][..],
            &[Field::Events],
            &[Field::Url, Field::Events],
            &[Field::Name],
            &[Field::Headers],
            &[Field::SigningKey],
        ] {
            let error = Patch::new(&keyless, FieldSet::of(fields)).err();
            let error = error.map(|error| error.reason());
            assert_eq!(error, Some("RequestNotSendable"), "{fields:?}");
        }
    }
}
