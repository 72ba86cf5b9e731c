//! What the user wrote, turned into what is wanted. Pure: everything it needs is fetched before.

use std::collections::{BTreeMap, BTreeSet};

use operator_core::capabilities::Capabilities;
use operator_core::marker::{Marker, Owner};
use operator_core::names::{EventName, ExternalId, ObjectName, RemoteKey};
use operator_core::plan::{Adoption, AdoptionPolicy};
use operator_core::reason::Reason;
use operator_core::settings::{
    Authorization, Condition, Filter, Filters, Headers, Match, Operator, Settings,
};
use operator_core::url::DeliveryUrl;
use operator_core::view::Field;
use secrecy::SecretString;

use crate::api::names::SecretUse;
use crate::api::v1alpha1 as api;

/// The scope of a filter that names none.
const DEFAULT_SCOPE: &str = "Conversation";

/// A spec that cannot be acted on: the reason, and a message that names the field and what to do.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Invalid {
    pub(super) reason: Reason,
    pub(super) message: String,
}

impl Invalid {
    pub(super) fn new(reason: Reason, message: impl Into<String>) -> Self {
        Self {
            reason,
            message: message.into(),
        }
    }
}

fn spec(message: impl Into<String>) -> Invalid {
    Invalid::new(Reason::InvalidSpec, message)
}

/// A Secret that a spec refers to.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct SecretReference {
    pub(super) name: String,
    pub(super) purpose: &'static str,
    pub(super) field: &'static str,
}

/// Values by (Secret, key).
pub(super) type Values = BTreeMap<(String, String), SecretString>;

/// The Secrets that the spec reads from, each with the use that its label must name.
pub(super) fn references(spec: &api::WebhookSubscriptionSpec) -> Vec<(SecretReference, Vec<String>)> {
    let delivery = SecretUse::Delivery.as_str();
    let mut found: BTreeMap<SecretReference, Vec<String>> = BTreeMap::new();
    let mut add = |name: &str, field, keys: &[&str]| {
        let reference = SecretReference {
            name: name.to_owned(),
            purpose: delivery,
            field,
        };
        found
            .entry(reference)
            .or_default()
            .extend(keys.iter().map(|key| (*key).to_owned()));
    };
    if let Some(source) = &spec.url_from {
        add(
            &source.secret_key_ref.name,
            "spec.urlFrom",
            &[&source.secret_key_ref.key],
        );
    }
    if let Some(authorization) = &spec.authorization {
        if let Some(basic) = &authorization.basic {
            add(
                &basic.secret_ref.name,
                "spec.authorization.basic",
                &[username_key(basic), password_key(basic)],
            );
        }
        if let Some(bearer) = &authorization.bearer {
            add(
                &bearer.secret_key_ref.name,
                "spec.authorization.bearer",
                &[&bearer.secret_key_ref.key],
            );
        }
    }
    for source in spec
        .headers
        .iter()
        .filter_map(|header| header.value_from.as_ref())
    {
        add(
            &source.secret_key_ref.name,
            "spec.headers",
            &[&source.secret_key_ref.key],
        );
    }
    found.into_iter().collect()
}

fn username_key(basic: &api::BasicAuthorization) -> &str {
    basic.secret_ref.username_key.as_deref().unwrap_or("username")
}

fn password_key(basic: &api::BasicAuthorization) -> &str {
    basic.secret_ref.password_key.as_deref().unwrap_or("password")
}

/// What validation depends on besides the spec.
pub(super) struct Surroundings<'a> {
    pub(super) name: &'a ObjectName,
    pub(super) owner: &'a Owner,
    pub(super) capabilities: &'a Capabilities,
    pub(super) allow_insecure_http: bool,
    pub(super) values: &'a Values,
}

impl Surroundings<'_> {
    fn supports_names(&self) -> bool {
        self.capabilities.supports.contains(Field::Name)
    }

    fn value(&self, secret: &str, key: &str) -> Result<SecretString, Invalid> {
        let value = self.values.get(&(secret.to_owned(), key.to_owned()));
        value.cloned().ok_or_else(|| {
            Invalid::new(
                Reason::SecretNotFound,
                format!("Secret {secret} has no key {key}; add it, or correct the reference"),
            )
        })
    }
}

/// The remote subscriptions that the spec asks for.
///
/// # Errors
/// [`Invalid`], for the first thing that is wrong.
pub(super) fn validate(
    spec: &api::WebhookSubscriptionSpec,
    around: &Surroundings<'_>,
) -> Result<Vec<(RemoteKey, Settings)>, Invalid> {
    let key = RemoteKey::single();
    let filters = filters(&spec.filters)?;
    if !filters.is_empty() && !around.capabilities.supports.contains(Field::Filters) {
        return Err(Invalid::new(
            Reason::UnsupportedByProvider,
            "spec.filters: this provider has no filters; remove them",
        ));
    }
    let settings = Settings {
        name: around
            .supports_names()
            .then(|| remote_name(spec, around, &key))
            .transpose()?,
        url: url(spec, around)?,
        events: events(&spec.events)?,
        enabled: spec.enabled.unwrap_or(true),
        filters,
        authorization: authorization(spec.authorization.as_ref(), around)?,
        headers: headers(&spec.headers, around)?,
        signing_key: None,
        max_retries: None,
    };
    Ok(vec![(key, settings)])
}

fn remote_name(
    spec: &api::WebhookSubscriptionSpec,
    around: &Surroundings<'_>,
    key: &RemoteKey,
) -> Result<String, Invalid> {
    let human = spec
        .display_name
        .clone()
        .unwrap_or_else(|| around.name.to_string());
    if Marker::resembles(&human) {
        return Err(self::spec(
            "spec.displayName: holds text that looks like the operator's own marker ([wh1:...]); remove it",
        ));
    }
    Ok(around.owner.remote_name(key, &human))
}

fn url(spec: &api::WebhookSubscriptionSpec, around: &Surroundings<'_>) -> Result<DeliveryUrl, Invalid> {
    let (field, parsed) = match (&spec.url, &spec.url_from) {
        (Some(url), None) => ("spec.url", DeliveryUrl::parse(url)),
        (None, Some(source)) => {
            let reference = &source.secret_key_ref;
            let value = around.value(&reference.name, &reference.key)?;
            (
                "spec.urlFrom",
                DeliveryUrl::parse(secrecy::ExposeSecret::expose_secret(&value)),
            )
        }
        _ => return Err(self::spec("spec: set exactly one of url and urlFrom")),
    };
    let url = parsed.map_err(|error| self::spec(format!("{field}: the URL {error}")))?;
    if url.is_https() || around.allow_insecure_http {
        return Ok(url);
    }
    Err(Invalid::new(
        Reason::InsecureURL,
        format!(
            "{field}: deliveries over plain http are refused; use https, or run the operator with --allow-insecure-http"
        ),
    ))
}

fn events(names: &[String]) -> Result<BTreeSet<EventName>, Invalid> {
    let parse = |name: &String| {
        EventName::parse(name).map_err(|error| spec(format!("spec.events: {name:?} {error}")))
    };
    let events: BTreeSet<_> = names.iter().map(parse).collect::<Result<_, _>>()?;
    if events.is_empty() {
        Err(spec("spec.events: name at least one event"))
    } else {
        Ok(events)
    }
}

fn filters(filters: &[api::Filter]) -> Result<Filters, Invalid> {
    let mut lowered = Filters::new();
    for filter in filters {
        let scope = filter.scope.clone().unwrap_or_else(|| DEFAULT_SCOPE.to_owned());
        let combine = match filter.match_ {
            None | Some(api::FilterMatch::All) => Match::All,
            Some(api::FilterMatch::Any) => Match::Any,
        };
        let conditions = filter.conditions.iter().map(|condition| Condition {
            field: condition.field.clone(),
            operator: match condition.operator {
                api::FilterOperator::In => Operator::In,
                api::FilterOperator::NotIn => Operator::NotIn,
            },
            values: condition.values.iter().cloned().collect(),
        });
        let entry = Filter {
            combine,
            conditions: conditions.collect(),
        };
        if lowered.insert(scope.clone(), entry).is_some() {
            return Err(spec(format!(
                "spec.filters: scope {scope} appears twice (unset means {DEFAULT_SCOPE}); join them"
            )));
        }
    }
    Ok(lowered)
}

fn authorization(
    spec: Option<&api::Authorization>,
    around: &Surroundings<'_>,
) -> Result<Authorization, Invalid> {
    match spec {
        None => Ok(Authorization::None),
        Some(api::Authorization {
            basic: Some(basic),
            bearer: None,
        }) => {
            let secret = &basic.secret_ref.name;
            let username = around.value(secret, username_key(basic))?;
            if secrecy::ExposeSecret::expose_secret(&username).contains(':') {
                return Err(Invalid::new(
                    Reason::SecretInvalid,
                    format!(
                        "spec.authorization.basic: the user name in Secret {secret} holds a colon, which Basic authentication cannot carry"
                    ),
                ));
            }
            Ok(Authorization::Basic {
                username,
                password: around.value(secret, password_key(basic))?,
            })
        }
        Some(api::Authorization {
            basic: None,
            bearer: Some(bearer),
        }) => {
            let reference = &bearer.secret_key_ref;
            Ok(Authorization::Bearer(
                around.value(&reference.name, &reference.key)?,
            ))
        }
        Some(_) => Err(self::spec(
            "spec.authorization: set exactly one of basic and bearer",
        )),
    }
}

fn headers(spec: &[api::Header], around: &Surroundings<'_>) -> Result<Headers, Invalid> {
    let mut headers = Headers::new();
    for header in spec {
        let value = match (&header.value, &header.value_from) {
            (Some(value), None) => SecretString::from(value.as_str()),
            (None, Some(source)) => around.value(&source.secret_key_ref.name, &source.secret_key_ref.key)?,
            _ => return Err(self::spec("spec.headers: set exactly one of value and valueFrom")),
        };
        if headers.insert(header.name.to_ascii_lowercase(), value).is_some() {
            return Err(self::spec(format!("spec.headers: {} appears twice", header.name)));
        }
    }
    Ok(headers)
}

/// What the spec says about adoption.
pub(super) fn adoption(spec: Option<&api::Adoption>) -> Result<Adoption, Invalid> {
    let Some(adoption) = spec else {
        return Ok(Adoption::default());
    };
    let ids = adoption.external_ids.iter().map(|id| {
        ExternalId::parse(id)
            .map_err(|error| self::spec(format!("spec.adoption.externalIDs: {id:?} {error}")))
    });
    Ok(Adoption {
        policy: match adoption.policy {
            None | Some(api::AdoptionPolicy::IfOwned) => AdoptionPolicy::IfOwned,
            Some(api::AdoptionPolicy::IfMatches) => AdoptionPolicy::IfMatches,
            Some(api::AdoptionPolicy::ById) => AdoptionPolicy::ById,
            Some(api::AdoptionPolicy::Never) => AdoptionPolicy::Never,
        },
        ids: ids.collect::<Result<_, _>>()?,
        overwrite: adoption.overwrite.unwrap_or(false),
    })
}

/// A Secret's value as it may be used: one trailing newline is dropped; the rest must be visible ASCII with inner
/// spaces, at most 4,096 bytes.
///
/// # Errors
/// What is wrong, without the value.
pub(super) fn secret_value(bytes: &[u8]) -> Result<SecretString, &'static str> {
    let bytes = bytes.strip_suffix(b"\n").unwrap_or(bytes);
    if bytes.is_empty() {
        return Err("is empty");
    }
    if bytes.len() > 4096 {
        return Err("is longer than 4096 bytes");
    }
    if bytes.starts_with(b" ") || bytes.ends_with(b" ") {
        return Err("begins or ends with a space");
    }
    if !bytes.iter().all(|b| b.is_ascii_graphic() || *b == b' ') {
        return Err("holds something else than visible ASCII characters and inner spaces");
    }
    std::str::from_utf8(bytes)
        .map(SecretString::from)
        .map_err(|_| "is not text")
}
