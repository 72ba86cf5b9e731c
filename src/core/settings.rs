//! What one remote subscription looks like, in terms that all providers share.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use secrecy::{ExposeSecret, SecretString};

use crate::hash::HashKey;
use crate::names::EventName;
use crate::url::{DeliveryUrl, canonical_url};
use crate::view::{Field, Part, View};

/// How the provider authenticates to the delivery URL.
#[derive(Debug, Clone, Default)]
pub enum Authorization {
    /// Not at all.
    #[default]
    None,
    /// `Authorization: Basic …`.
    Basic {
        /// User name; a secret too, as it comes from the same Secret.
        username: SecretString,
        /// Password.
        password: SecretString,
    },
    /// `Authorization: Bearer …`.
    Bearer(SecretString),
}

/// Headers by lower-cased name.
pub type Headers = BTreeMap<String, SecretString>;

/// Whether all conditions of a filter must hold, or one of them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Match {
    /// All of them.
    All,
    /// At least one.
    Any,
}

/// How a field is compared with the values of a condition.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Operator {
    /// It is one of them.
    In,
    /// It is none of them.
    NotIn,
}

/// One condition on one field of an event.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Condition {
    /// The provider's name of the field.
    pub field: String,
    /// How it is compared.
    pub operator: Operator,
    /// The values, of which order and repetition mean nothing.
    pub values: BTreeSet<String>,
}

/// The conditions for one family of events.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Filter {
    /// How the conditions combine.
    pub combine: Match,
    /// The conditions, of which order and repetition mean nothing.
    pub conditions: BTreeSet<Condition>,
}

/// Filters by scope (Dixa: `Conversation`). Empty means that everything is delivered.
pub type Filters = BTreeMap<String, Filter>;

/// The scope of filters where the provider has no families of events.
pub const ONLY_SCOPE: &str = "";

/// Filters that are pairs of field and value, all of which must hold.
pub fn pairs(pairs: impl IntoIterator<Item = (String, String)>) -> Filters {
    let conditions = pairs.into_iter().map(|(field, value)| Condition {
        field,
        operator: Operator::In,
        values: [value].into(),
    });
    let conditions: BTreeSet<_> = conditions.collect();
    if conditions.is_empty() {
        return Filters::new();
    }
    let filter = Filter {
        combine: Match::All,
        conditions,
    };
    [(ONLY_SCOPE.to_owned(), filter)].into()
}

/// The pairs that [`pairs`] was given, sorted and each once.
pub fn as_pairs(filters: &Filters) -> impl Iterator<Item = (&str, &str)> {
    let conditions = filters.values().flat_map(|filter| &filter.conditions);
    conditions.flat_map(|condition| {
        let field = condition.field.as_str();
        condition.values.iter().map(move |value| (field, value.as_str()))
    })
}

/// What should be registered, complete. Holds secrets; has no `Display` and a `Debug` that shows none.
#[derive(Debug, Clone)]
pub struct Settings {
    /// The remote name with its marker; unset where the provider has no names.
    pub name: Option<String>,
    /// Where deliveries go.
    pub url: DeliveryUrl,
    /// What is delivered.
    pub events: BTreeSet<EventName>,
    /// Whether it is switched on.
    pub enabled: bool,
    /// Which of the events are delivered.
    pub filters: Filters,
    /// How the provider authenticates to the URL.
    pub authorization: Authorization,
    /// Further headers of a delivery.
    pub headers: Headers,
    /// The key that the provider shall sign with; unset = not managed.
    pub signing_key: Option<SecretString>,
    /// How often a failed delivery is repeated; unset = not managed.
    pub max_retries: Option<u32>,
}

/// What an adapter read of one remote subscription. `None` stands for "the provider does not show it".
///
/// Short-lived: it holds secrets, and becomes a [`View`] as soon as it is complete.
#[derive(Debug, Default)]
pub struct Reading {
    /// The remote name.
    pub name: Option<String>,
    /// Where deliveries go, as text, since a provider may hold one that we would refuse.
    pub url: Option<SecretString>,
    /// What is delivered.
    pub events: Option<BTreeSet<EventName>>,
    /// Whether it is switched on.
    pub enabled: Option<bool>,
    /// Which of the events are delivered, or `Err` with the provider's text where it is a form that cannot be
    /// expressed in ours: then it differs from anything we could want.
    pub filters: Option<Result<Filters, String>>,
    /// How the provider authenticates; `Err` as for filters.
    pub authorization: Option<Result<Authorization, SecretString>>,
    /// Further headers; `Err` with the provider's text where that cannot be read back.
    pub headers: Option<Result<Headers, SecretString>>,
    /// The signing key, as it is shown: perhaps masked.
    pub signing_key: Option<SecretString>,
    /// How often a failed delivery is repeated.
    pub max_retries: Option<u32>,
}

/// Turns values into digests. One place for both sides, so that wanted and observed agree on what is equal.
#[derive(Debug, Clone, Copy)]
struct Canon<'a>(&'a HashKey);

impl Canon<'_> {
    fn text(self, field: Field, text: &str) -> Part {
        Part::Is(self.0.fingerprint(field.as_str(), [text.as_bytes()]))
    }

    fn url(self, text: &str) -> Part {
        self.text(Field::Url, &canonical_url(text))
    }

    fn events(self, events: &BTreeSet<EventName>) -> Part {
        if events.is_empty() {
            return Part::Absent;
        }
        let parts = events.iter().map(|event| event.as_str().as_bytes());
        Part::Is(self.0.fingerprint(Field::Events.as_str(), parts))
    }

    fn enabled(self, enabled: bool) -> Part {
        self.text(Field::Enabled, if enabled { "true" } else { "false" })
    }

    fn max_retries(self, count: u32) -> Part {
        self.text(Field::MaxRetries, &count.to_string())
    }

    fn filters(self, filters: &Filters) -> Part {
        if filters.is_empty() {
            return Part::Absent;
        }
        // Debug of ordered collections of strings is unambiguous: quotes inside strings are escaped.
        self.text(Field::Filters, &format!("{filters:?}"))
    }

    fn authorization(self, authorization: &Authorization) -> Part {
        let field = Field::Authorization.as_str();
        match authorization {
            Authorization::None => Part::Absent,
            Authorization::Basic { username, password } => {
                let parts = ["basic", username.expose_secret(), password.expose_secret()];
                Part::Is(self.0.fingerprint(field, parts.map(str::as_bytes)))
            }
            Authorization::Bearer(token) => Part::Is(
                self.0
                    .fingerprint(field, ["bearer", token.expose_secret()].map(str::as_bytes)),
            ),
        }
    }

    fn headers(self, headers: &Headers) -> Part {
        if headers.is_empty() {
            return Part::Absent;
        }
        let parts = headers
            .iter()
            .flat_map(|(name, value)| [name.as_bytes(), value.expose_secret().as_bytes()]);
        Part::Is(self.0.fingerprint(Field::Headers.as_str(), parts))
    }
}

/// The digest of events, as it stands in a [`View`].
pub fn events_part(key: &HashKey, events: &BTreeSet<EventName>) -> Part {
    Canon(key).events(events)
}

/// The digest of a signing key, as it stands in a [`View`].
pub fn signing_key_part(key: &HashKey, signing_key: &str) -> Part {
    Canon(key).text(Field::SigningKey, signing_key)
}

impl Settings {
    /// What is wanted, as digests.
    pub fn view(&self, key: &HashKey) -> View {
        let canon = Canon(key);
        let mut view = View::default();
        view.set(
            Field::Name,
            self.name
                .as_deref()
                .map_or(Part::Unknown, |name| canon.text(Field::Name, name)),
        );
        view.set(Field::Url, canon.url(self.url.expose()));
        view.set(Field::Events, canon.events(&self.events));
        view.set(Field::Enabled, canon.enabled(self.enabled));
        view.set(Field::Filters, canon.filters(&self.filters));
        view.set(Field::Authorization, canon.authorization(&self.authorization));
        view.set(Field::Headers, canon.headers(&self.headers));
        if let Some(signing) = &self.signing_key {
            view.set(
                Field::SigningKey,
                canon.text(Field::SigningKey, signing.expose_secret()),
            );
        }
        if let Some(count) = self.max_retries {
            view.set(Field::MaxRetries, canon.max_retries(count));
        }
        view
    }
}

/// [`Field::Enabled`] of a subscription that is switched off.
pub fn switched_off(key: &HashKey) -> Part {
    Canon(key).enabled(false)
}

impl Reading {
    /// What was read, as digests.
    pub fn view(&self, key: &HashKey) -> View {
        let canon = Canon(key);
        let mut view = View::default();
        let mut set = |field, part: Option<Part>| view.set(field, part.unwrap_or_default());
        set(
            Field::Name,
            self.name.as_deref().map(|name| canon.text(Field::Name, name)),
        );
        set(
            Field::Url,
            self.url.as_ref().map(|url| canon.url(url.expose_secret())),
        );
        set(
            Field::Events,
            self.events.as_ref().map(|events| canon.events(events)),
        );
        set(Field::Enabled, self.enabled.map(|enabled| canon.enabled(enabled)));
        let filters = self.filters.as_ref().map(|filters| match filters {
            Ok(filters) => canon.filters(filters),
            Err(text) => canon.text(Field::Filters, text),
        });
        set(Field::Filters, filters);
        let authorization = self
            .authorization
            .as_ref()
            .map(|authorization| match authorization {
                Ok(authorization) => canon.authorization(authorization),
                Err(text) => canon.text(Field::Authorization, text.expose_secret()),
            });
        set(Field::Authorization, authorization);
        let headers = self.headers.as_ref().map(|headers| match headers {
            Ok(headers) => canon.headers(headers),
            Err(text) => canon.text(Field::Headers, text.expose_secret()),
        });
        set(Field::Headers, headers);
        let signing = self.signing_key.as_ref();
        set(
            Field::SigningKey,
            signing.map(|signing| match signing.expose_secret() {
                "" => Part::Absent,
                signing => canon.text(Field::SigningKey, signing),
            }),
        );
        set(
            Field::MaxRetries,
            self.max_retries.map(|count| canon.max_retries(count)),
        );
        view
    }
}

impl fmt::Display for Match {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::All => "All",
            Self::Any => "Any",
        })
    }
}

#[cfg(test)]
mod tests;
