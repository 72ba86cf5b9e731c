//! From one wish to the remote subscriptions that a provider needs for it.

use std::collections::{BTreeMap, BTreeSet};

use crate::capabilities::{Capabilities, FanOut, Filtering};
use crate::hash::short_tag;
use crate::marker::Owner;
use crate::names::{EventName, RemoteKey};
use crate::settings::{Authorization, Filters, Match, ONLY_SCOPE, Operator, Settings, as_pairs, pairs};
use crate::view::Field;

/// The most remote subscriptions that one object may have.
pub const REMOTES_MAX: usize = 64;

/// What the provider cannot do, as a text that names the field and says what to do.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct Unsupported(String);

fn unsupported<T>(message: impl Into<String>) -> Result<T, Unsupported> {
    Err(Unsupported(message.into()))
}

/// The remote subscriptions that `whole` asks for, each with its key: one for all, one for each event, or one for each
/// event and combination of the filters' values, as the provider has it.
///
/// `whole` holds all events and filters and no name; `human` is the readable part of the names. An event that names no
/// service is one of `service`, where events have services.
///
/// # Errors
/// [`Unsupported`], for the first thing that cannot be said at this provider.
pub fn fan_out(
    whole: &Settings,
    service: &str,
    owner: &Owner,
    human: &str,
    able: &Capabilities,
) -> Result<Vec<(RemoteKey, Settings)>, Unsupported> {
    supported(whole, able)?;
    let events = whole
        .events
        .iter()
        .map(|event| with_service(event, service, able.services))
        .collect::<Result<BTreeSet<_>, _>>()?;
    let filters = lower(&whole.filters, able.filtering)?;
    let groups: Vec<BTreeSet<EventName>> = match able.fan_out {
        FanOut::Together => vec![events],
        FanOut::EachEvent | FanOut::EachEventAndFilter => {
            events.into_iter().map(|event| [event].into()).collect()
        }
    };
    let count = groups.len() * filters.len();
    if count > REMOTES_MAX {
        return unsupported(format!(
            "spec: this needs more than the {REMOTES_MAX} subscriptions at the provider that one object may have (one \
             for each event and combination of filter values); spread it over several objects"
        ));
    }
    let names = able.supports.contains(Field::Name);
    let mut wanted = Vec::with_capacity(count);
    for events in groups {
        for filters in &filters {
            let key = key(&events, filters, able.fan_out)?;
            let settings = Settings {
                name: names.then(|| owner.remote_name(&key, human)),
                events: events.clone(),
                filters: filters.clone(),
                ..whole.clone()
            };
            wanted.push((key, settings));
        }
    }
    Ok(wanted)
}

/// How many remote subscriptions these events and filters need; `None` where they cannot be said at this provider.
pub fn demand(
    events: &BTreeSet<EventName>,
    service: &str,
    filters: &Filters,
    able: &Capabilities,
) -> Option<usize> {
    let events = events
        .iter()
        .map(|event| with_service(event, service, able.services));
    let events = events.collect::<Result<BTreeSet<_>, _>>().ok()?;
    let groups = match able.fan_out {
        FanOut::Together => 1,
        FanOut::EachEvent | FanOut::EachEventAndFilter => events.len(),
    };
    Some(groups * lower(filters, able.filtering).ok()?.len())
}

/// Fields that are set and that this provider does not have.
fn supported(whole: &Settings, able: &Capabilities) -> Result<(), Unsupported> {
    let authorized = !matches!(whole.authorization, Authorization::None);
    let checks = [
        (authorized, Field::Authorization, "spec.authorization"),
        (!whole.headers.is_empty(), Field::Headers, "spec.headers"),
        (!whole.filters.is_empty(), Field::Filters, "spec.filters"),
        (whole.signing_key.is_some(), Field::SigningKey, "spec.signing"),
        (whole.max_retries.is_some(), Field::MaxRetries, "spec.options"),
    ];
    let lacking = checks
        .iter()
        .find(|(set, field, _)| *set && !able.supports.contains(*field));
    match lacking {
        Some((_, _, name)) => unsupported(format!("{name}: this provider has no such setting; remove it")),
        None => Ok(()),
    }
}

/// An event with the service that it belongs to, where events have services: its own, or else `service`.
///
/// # Errors
/// [`Unsupported`], where it names a service that there is not.
pub fn with_service(event: &EventName, service: &str, services: &[&str]) -> Result<EventName, Unsupported> {
    if services.is_empty() {
        return Ok(event.clone());
    }
    let whole = match event.as_str().split_once('/') {
        Some((named, _)) if services.contains(&named) => return Ok(event.clone()),
        Some((named, _)) => {
            return unsupported(format!(
                "spec.events: {event} names the service {named}; an event of another service is written service/event, \
                 with one of: {}",
                services.join(", ")
            ));
        }
        None => format!("{service}/{event}"),
    };
    EventName::parse(&whole).or_else(|error| unsupported(format!("spec.events: {whole} {error}")))
}

/// The combinations of filters, each for a remote subscription of its own; without filters one that is empty.
fn lower(filters: &Filters, filtering: Filtering) -> Result<Vec<Filters>, Unsupported> {
    match filtering {
        Filtering::None => Ok(vec![Filters::new()]),
        Filtering::Trees { scope } => trees(filters, scope).map(|filters| vec![filters]),
        Filtering::Pairs => combinations(filters),
    }
}

fn trees(filters: &Filters, default: &str) -> Result<Filters, Unsupported> {
    let mut named = Filters::new();
    for (scope, filter) in filters {
        let scope = if scope == ONLY_SCOPE { default } else { scope };
        if named.insert(scope.to_owned(), filter.clone()).is_some() {
            return unsupported(format!(
                "spec.filters: scope {scope} appears twice (unset means {default}); join them"
            ));
        }
    }
    Ok(named)
}

fn combinations(filters: &Filters) -> Result<Vec<Filters>, Unsupported> {
    let mut values: BTreeMap<&str, &BTreeSet<String>> = BTreeMap::new();
    for (scope, filter) in filters {
        if scope != ONLY_SCOPE {
            return unsupported("spec.filters: this provider has no scopes; leave scope out");
        }
        if filter.combine == Match::Any && filter.conditions.len() > 1 {
            return unsupported(
                "spec.filters: this provider cannot join conditions with Any; use one object for each of them",
            );
        }
        for condition in &filter.conditions {
            let field = condition.field.as_str();
            if condition.operator == Operator::NotIn {
                return unsupported(format!(
                    "spec.filters: this provider has no NotIn; name the values of {field} that are wanted"
                ));
            }
            if values.insert(field, &condition.values).is_some() {
                return unsupported(format!(
                    "spec.filters: {field} has two conditions; put their values into one"
                ));
            }
        }
    }
    let mut combined: Vec<Vec<(String, String)>> = vec![Vec::new()];
    for (field, values) in values {
        let grown = combined.iter().flat_map(|pairs| {
            values.iter().map(move |value| {
                let mut pairs = pairs.clone();
                pairs.push((field.to_owned(), value.clone()));
                pairs
            })
        });
        // One more than an object may have is enough to see that it is too many.
        combined = grown.take(REMOTES_MAX + 1).collect();
    }
    Ok(combined.into_iter().map(pairs).collect())
}

fn key(events: &BTreeSet<EventName>, filters: &Filters, fan_out: FanOut) -> Result<RemoteKey, Unsupported> {
    let event = match (fan_out, events.first()) {
        (FanOut::Together, _) | (_, None) => return Ok(RemoteKey::single()),
        (FanOut::EachEvent | FanOut::EachEventAndFilter, Some(event)) => event,
    };
    let parts: Vec<&str> = as_pairs(filters)
        .flat_map(|(field, value)| [field, value])
        .collect();
    let text = if parts.is_empty() {
        event.to_string()
    } else {
        let tag = short_tag("filters", &parts);
        format!("{event}#{}", String::from_utf8_lossy(&tag))
    };
    RemoteKey::parse(&text).or_else(|error| unsupported(format!("spec.events: {event} {error}")))
}

#[cfg(test)]
mod tests;
