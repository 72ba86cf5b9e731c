//! What the user wrote, turned into what is wanted. Pure: everything it needs is fetched before.

use std::collections::BTreeSet;
use std::time::Duration;

use operator_core::capabilities::{Capabilities, SigningKeys};
use operator_core::fan_out::{self, fan_out};
use operator_core::marker::{Marker, Owner};
use operator_core::names::{EventName, ExternalId, ObjectName, RemoteKey};
use operator_core::plan::{Adoption, AdoptionPolicy, Replace};
use operator_core::reason::Reason;
use operator_core::settings::{
    Authorization, Condition, Filter, Filters, Headers, Match, ONLY_SCOPE, Operator, Settings,
};
use operator_core::url::DeliveryUrl;
use secrecy::SecretString;

use crate::api::v1alpha1 as api;
use crate::api::v1alpha1::ProviderType;
use crate::controller::provider::adapters;
use crate::controller::references::{Values, password_key, signing_key, username_key};
use crate::duration::parse_duration;

/// A spec that cannot be acted on: the reason, and a message that names the field and what to do.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::controller) struct Invalid {
    pub(in crate::controller) reason: Reason,
    pub(in crate::controller) message: String,
}

impl Invalid {
    pub(in crate::controller) fn new(reason: Reason, message: impl Into<String>) -> Self {
        Self {
            reason,
            message: message.into(),
        }
    }
}

fn spec(message: impl Into<String>) -> Invalid {
    Invalid::new(Reason::InvalidSpec, message)
}

/// What validation depends on besides the spec.
pub(in crate::controller) struct Surroundings<'a> {
    pub(in crate::controller) name: &'a ObjectName,
    pub(in crate::controller) owner: &'a Owner,
    pub(in crate::controller) capabilities: &'a Capabilities,
    pub(in crate::controller) type_: ProviderType,
    pub(in crate::controller) allow_insecure_http: bool,
    pub(in crate::controller) values: &'a Values,
}

impl Surroundings<'_> {
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
pub(in crate::controller) fn validate(
    spec: &api::WebhookSubscriptionSpec,
    around: &Surroundings<'_>,
) -> Result<Vec<(RemoteKey, Settings)>, Invalid> {
    let options = options(spec, around.type_)?;
    let whole = Settings {
        name: None,
        url: url(spec, around)?,
        events: events(&spec.events)?,
        enabled: spec.enabled.unwrap_or(true),
        filters: filters(&spec.filters)?,
        authorization: authorization(spec.authorization.as_deref(), around)?,
        headers: headers(&spec.headers, around)?,
        signing_key: signing(spec.signing.as_deref(), around)?,
        max_retries: options.max_retries,
    };
    let human = human_name(spec, around)?;
    fan_out(&whole, options.service, around.owner, &human, around.capabilities)
        .map_err(|error| Invalid::new(Reason::UnsupportedByProvider, error.to_string()))
}

/// How many remote subscriptions the spec asks for at a provider of a type, without its Secrets; `None` where it cannot be
/// acted on.
pub(in crate::controller) fn demand(
    spec: &api::WebhookSubscriptionSpec,
    type_: ProviderType,
) -> Option<usize> {
    let service = options(spec, type_).ok()?.service;
    let (events, filters) = (events(&spec.events).ok()?, filters(&spec.filters).ok()?);
    fan_out::demand(&events, service, &filters, adapters::capabilities(type_))
}

struct ProviderOptions {
    service: &'static str,
    max_retries: Option<u32>,
}

/// The options of the provider's own type; those of another type are refused.
fn options(spec: &api::WebhookSubscriptionSpec, type_: ProviderType) -> Result<ProviderOptions, Invalid> {
    let options = spec.options.as_ref();
    let (babel, bird) = (
        options.and_then(|options| options.babel.as_ref()),
        options.and_then(|options| options.bird.as_ref()),
    );
    let stray = match type_ {
        ProviderType::Babel => bird.map(|_| "bird"),
        ProviderType::Bird => babel.map(|_| "babel"),
        ProviderType::Dixa => babel.map(|_| "babel").or(bird.map(|_| "bird")),
    };
    if let Some(stray) = stray {
        return Err(self::spec(format!(
            "spec.options.{stray}: the provider is of type {}; remove it",
            type_.as_str()
        )));
    }
    Ok(ProviderOptions {
        service: bird.and_then(|bird| bird.service).unwrap_or_default().as_str(),
        max_retries: babel.and_then(|babel| babel.max_retry_count),
    })
}

/// Whether the provider takes a key in the way that the spec says: known before one is made or read.
///
/// # Errors
/// [`Invalid`], when it does not.
pub(in crate::controller) fn signing_fits(
    signing: Option<&api::Signing>,
    able: &Capabilities,
) -> Result<(), Invalid> {
    let Some(signing) = signing else { return Ok(()) };
    let message = match (able.signing, signing_key(signing)) {
        (SigningKeys::Provider, None) if signing.rotation.is_some() => {
            "spec.signing.rotation: this provider makes its own key, and cannot exchange it in place; remove the field. To \
             get another key, make the subscription anew"
                .to_owned()
        }
        (SigningKeys::Provider, None) => return Ok(()),
        (SigningKeys::Client, Some(_)) => return rotation_fits(signing),
        (SigningKeys::Provider, Some((_, _, field))) => {
            format!("{field}: this provider makes its own key; use spec.signing.publishProviderKey")
        }
        (SigningKeys::Client, None) => {
            "spec.signing.publishProviderKey: this provider takes its key from you; use \
            spec.signing.secretKeyRef or spec.signing.generate"
                .to_owned()
        }
    };
    Err(Invalid::new(Reason::UnsupportedByProvider, message))
}

/// The shortest age of a key that is exchanged, and the shortest time for which the one before it stays good.
const ROTATION_MIN: Duration = Duration::from_secs(60 * 60);
const OVERLAP_MIN: Duration = Duration::from_secs(60);

/// Whether a rotation can be kept to, also where the object is older than the rules of its schema.
fn rotation_fits(signing: &api::Signing) -> Result<(), Invalid> {
    let Some(rotation) = &signing.rotation else {
        return Ok(());
    };
    if signing.generate.is_none() {
        return Err(spec(
            "spec.signing.rotation: only a key that the operator makes is rotated; use generate",
        ));
    }
    let length = |field: &str, text: &str, least: Duration| {
        let length = parse_duration(text).ok().filter(|length| *length >= least);
        length.ok_or_else(|| {
            spec(format!(
                "spec.signing.rotation.{field}: use {}s and more",
                least.as_secs()
            ))
        })
    };
    let interval = length("interval", &rotation.interval, ROTATION_MIN)?;
    let overlap = length("overlap", &rotation.overlap, OVERLAP_MIN)?;
    if overlap < interval {
        return Ok(());
    }
    Err(spec(
        "spec.signing.rotation: overlap must be shorter than interval",
    ))
}

/// The key to sign with, where it is ours to choose.
fn signing(
    signing: Option<&api::Signing>,
    around: &Surroundings<'_>,
) -> Result<Option<SecretString>, Invalid> {
    signing_fits(signing, around.capabilities)?;
    match signing.and_then(signing_key) {
        Some((secret, key, _)) => around.value(secret, key).map(Some),
        None => Ok(None),
    }
}

/// What the spec says about changes that cannot be made in place.
pub(in crate::controller) fn replace(policy: Option<api::ReplacePolicy>) -> Replace {
    match policy {
        None => Replace::KeysOnly,
        Some(api::ReplacePolicy::Never) => Replace::Never,
        Some(api::ReplacePolicy::CreateFirst) => Replace::CreateFirst,
        Some(api::ReplacePolicy::DeleteFirst) => Replace::DeleteFirst,
    }
}

fn human_name(spec: &api::WebhookSubscriptionSpec, around: &Surroundings<'_>) -> Result<String, Invalid> {
    let human = spec
        .display_name
        .clone()
        .unwrap_or_else(|| around.name.to_string());
    if Marker::resembles(&human) {
        return Err(self::spec(
            "spec.displayName: holds text that looks like the operator's own marker ([wh1:...]); remove it",
        ));
    }
    Ok(human)
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
        let scope = filter.scope.clone().unwrap_or_else(|| ONLY_SCOPE.to_owned());
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
            return Err(spec(
                "spec.filters: each scope may appear once; put its conditions into one entry",
            ));
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
pub(in crate::controller) fn adoption(spec: Option<&api::Adoption>) -> Result<Adoption, Invalid> {
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
