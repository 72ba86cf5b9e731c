//! The core's memory and verdict as the API's status, and back. Pure.

use jiff::Timestamp;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;
use operator_core::capabilities::{Capabilities, FanOut, Identity};
use operator_core::delivery::Health;
use operator_core::hash::HashKey;
use operator_core::memory::{Entry, Hold, Memory, Pending, Wanted};
use operator_core::names::{EventName, ExternalId, RemoteKey};
use operator_core::plan::{KeyState, Settled};
use operator_core::reason::Reason;
use operator_core::verdict;
use operator_core::view::{FieldSet, Part, Sent};

mod hashes;
mod restore;

use hashes::{create_seal, encode_digest, encode_kept, held_seal, seal};
pub(in crate::controller) use restore::{is_of_another_key, restore, restore_failure, restore_health};

use crate::api::v1alpha1 as api;

/// What goes into a status besides the conditions.
pub(in crate::controller) struct Report<'a> {
    pub(in crate::controller) memory: &'a Memory,
    pub(in crate::controller) settled: Option<&'a Settled>,
    pub(in crate::controller) wanted: &'a [Wanted],
    pub(in crate::controller) able: Option<&'a Capabilities>,
    pub(in crate::controller) enabled: bool,
    pub(in crate::controller) generation: i64,
    /// The object's UID.
    pub(in crate::controller) uid: &'a str,
    pub(in crate::controller) key: &'a HashKey,
    /// The status so far: entries that did not change keep their times.
    pub(in crate::controller) before: &'a api::WebhookSubscriptionStatus,
}

/// The remote subscriptions, sorted by key.
pub(in crate::controller) fn subscriptions(report: &Report<'_>) -> Vec<api::RemoteSubscription> {
    let states = report.settled.map(|settled| &settled.keys);
    let mut keys: Vec<&RemoteKey> = report
        .memory
        .entries
        .keys()
        .chain(states.into_iter().flat_map(|s| s.keys()))
        .collect();
    keys.sort();
    keys.dedup();
    let blank = Entry::default();
    let remote = |key: &RemoteKey| {
        let entry = report.memory.entries.get(key).unwrap_or(&blank);
        let state = states.and_then(|states| states.get(key));
        let names = |fields: FieldSet| fields.iter().map(|field| field.as_str().to_owned()).collect();
        let (event, seal) = event_and_seal(report, key, entry);
        api::RemoteSubscription {
            key: key.to_string(),
            seal,
            event,
            external_id: entry.id.as_ref().map(ToString::to_string),
            state: remote_state(entry, state, report.enabled),
            ownership: ownership(entry, state),
            applied_hash: entry.applied.map(|applied| encode_digest(applied, report.key)),
            secret_hash: entry
                .sent
                .as_ref()
                .map(|sent| encode_kept(sent, &entry.rendering, report.key)),
            cannot_clear: names(entry.not_kept),
            unverifiable: names(entry.unverifiable),
            disabled_at: entry.disabled.since.and_then(time),
            reenabled_at: entry.disabled.again.iter().copied().filter_map(time).collect(),
        }
    };
    keys.into_iter().map(remote).collect()
}

fn time(millis: i64) -> Option<Time> {
    Timestamp::from_millisecond(millis).ok().map(Time)
}

/// The event that a key stands for, and the proof that its id is the object's. While the provider cannot be used nothing
/// new is known of them, and they stay: later processes have no other proof.
fn event_and_seal(report: &Report<'_>, key: &RemoteKey, entry: &Entry) -> (Option<String>, Option<String>) {
    if report.able.is_some() {
        let event = event(report, key);
        let seal = seal_of(report, entry, event.as_ref());
        return (event.map(|event| event.to_string()), seal);
    }
    let id = entry.id.as_ref().map(ExternalId::as_str);
    let mut known = report.before.subscriptions.iter();
    known
        .find(|known| known.key == key.as_str() && known.external_id.as_deref() == id)
        .map(|known| (known.event.clone(), known.seal.clone()))
        .unwrap_or_default()
}

/// The event that a key stands for, where it stands for one.
fn event(report: &Report<'_>, key: &RemoteKey) -> Option<EventName> {
    report.able.filter(|able| able.fan_out != FanOut::Together)?;
    if let Some(wish) = report.wanted.iter().find(|wish| wish.key == *key) {
        return wish.events.first().cloned();
    }
    // No longer wanted, or given up for another one of the same event.
    report.before.subscriptions.iter().find_map(|known| {
        let stood = RemoteKey::parse(&known.key).ok()?;
        let event = EventName::parse(known.event.as_deref()?).ok()?;
        (stood == *key || stood.retired() == *key).then_some(event)
    })
}

fn seal_of(report: &Report<'_>, entry: &Entry, event: Option<&EventName>) -> Option<String> {
    report.able.filter(|able| able.identity == Identity::Content)?;
    entry.proof?;
    Some(held_seal(report.uid, entry.id.as_ref()?, event?, report.key))
}

fn remote_state(entry: &Entry, state: Option<&KeyState>, enabled: bool) -> api::RemoteState {
    match state {
        Some(KeyState::Stalled(
            Reason::ForeignMarker
            | Reason::OwnedByOtherCluster
            | Reason::MarkerMissing
            | Reason::AmbiguousMatch
            | Reason::AlreadyExists
            | Reason::IdenticalExists
            | Reason::AdoptionWouldClear,
            _,
        )) => api::RemoteState::Conflict,
        Some(KeyState::Waiting(Reason::RemoteMissing) | KeyState::Stalled(Reason::RemoteMissing, _)) => {
            api::RemoteState::Missing
        }
        _ if entry.id.is_none() => api::RemoteState::Pending,
        _ if enabled && entry.disabled.since.is_some() => api::RemoteState::DisabledByProvider,
        _ if enabled => api::RemoteState::Active,
        _ => api::RemoteState::Disabled,
    }
}

fn ownership(entry: &Entry, state: Option<&KeyState>) -> Option<api::Ownership> {
    if matches!(
        state,
        Some(KeyState::Stalled(
            Reason::ForeignMarker | Reason::OwnedByOtherCluster,
            _
        ))
    ) {
        return Some(api::Ownership::Foreign);
    }
    entry.id.as_ref()?;
    Some(match entry.hold {
        Hold::Owned => api::Ownership::Owned,
        Hold::Adopted => api::Ownership::Adopted,
        Hold::Observed => api::Ownership::Observed,
    })
}

/// The open write-ahead entries.
pub(in crate::controller) fn pending_operations(
    report: &Report<'_>,
    now: Timestamp,
) -> Vec<api::PendingOperation> {
    let entries = report
        .memory
        .entries
        .iter()
        .filter_map(|(key, entry)| Some((key, entry.pending.as_deref()?)));
    let discards = report
        .memory
        .entries
        .iter()
        .filter_map(|(key, entry)| Some((key, entry.discard.as_ref()?)));
    let discards = discards.map(|(key, id)| discard(report, key, id, now));
    let operation = |(key, pending): (&RemoteKey, &Pending)| {
        let target = pending_target(pending, report.key);
        let seal = create_seal(report.uid, key.as_str(), pending.attempt, &target, report.key);
        let fresh = api::PendingOperation {
            key: key.to_string(),
            verb: api::PendingVerb::Create,
            attempt: pending.attempt,
            generation: report.generation,
            started_at: Time(now),
            external_id: None,
            seal: Some(seal),
            target: Some(target),
        };
        // An entry that was announced before keeps its time and generation, whatever was edited since.
        let before = report.before.pending_operations.iter().find(|known| {
            (&known.key, known.attempt, &known.target, &known.seal)
                == (&fresh.key, fresh.attempt, &fresh.target, &fresh.seal)
        });
        before.cloned().unwrap_or(fresh)
    };
    entries.map(operation).chain(discards).collect()
}

fn discard(report: &Report<'_>, key: &RemoteKey, id: &ExternalId, now: Timestamp) -> api::PendingOperation {
    let known = report.before.pending_operations.iter().find(|known| {
        (known.key.as_str(), known.verb, known.external_id.as_deref())
            == (key.as_str(), api::PendingVerb::Delete, Some(id.as_str()))
    });
    known.cloned().unwrap_or_else(|| api::PendingOperation {
        key: key.to_string(),
        verb: api::PendingVerb::Delete,
        attempt: 1,
        generation: report.generation,
        started_at: Time(now),
        external_id: Some(id.to_string()),
        seal: Some(seal(report.uid, id, report.key)),
        target: None,
    })
}

fn pending_target(pending: &Pending, key: &HashKey) -> api::PendingTarget {
    let target = &pending.target;
    api::PendingTarget {
        url_hash: match target.content.url {
            Part::Is(fingerprint) => encode_digest(fingerprint, key),
            Part::Unknown | Part::Absent => "unknown".to_owned(),
        },
        filters_hash: match target.content.filters {
            Part::Is(fingerprint) => Some(encode_digest(fingerprint, key)),
            Part::Unknown | Part::Absent => None,
        },
        applied_hash: target.applied.map(|applied| encode_digest(applied, key)),
        secret_hash: target
            .sent
            .as_ref()
            .map(|sent| encode_kept(sent, &Sent::default(), key)),
        events: target.events.iter().map(ToString::to_string).collect(),
    }
}

/// How many of the wanted remote subscriptions are there and as wanted.
pub(in crate::controller) fn count(report: &Report<'_>) -> api::SubscriptionCount {
    let synced = report.settled.map_or(0, |settled| {
        let in_sync = |wish: &&Wanted| {
            let state = settled.keys.get(&wish.key);
            matches!(state, Some(KeyState::InSync { not_kept, .. }) if not_kept.is_empty())
        };
        report.wanted.iter().filter(in_sync).count()
    });
    let desired = report.wanted.len();
    let number = |n: usize| u32::try_from(n).unwrap_or(u32::MAX);
    api::SubscriptionCount {
        desired: number(desired),
        synced: number(synced),
        summary: format!("{synced}/{desired}"),
    }
}

/// Sets or removes a condition. The transition time moves only when the status does.
pub(in crate::controller) fn set_condition(
    conditions: &mut Vec<api::Condition>,
    type_: &str,
    condition: Option<&verdict::Condition>,
    generation: i64,
    now: Timestamp,
) {
    let known = conditions.iter().position(|known| known.type_ == type_);
    let Some(condition) = condition else {
        if let Some(known) = known {
            conditions.remove(known);
        }
        return;
    };
    let mut fresh = api::Condition {
        type_: type_.into(),
        status: condition.truth.as_str().into(),
        reason: condition.reason.as_str().into(),
        message: match type_ {
            "Ready" => condition.message_of_ready().as_str().into(),
            _ => condition.message.as_str().into(),
        },
        observed_generation: Some(generation),
        last_transition_time: Time(now),
    };
    match known {
        Some(known) => {
            let known = &mut conditions[known];
            if known.status == fresh.status {
                fresh.last_transition_time = known.last_transition_time.clone();
            }
            *known = fresh;
        }
        None => conditions.push(fresh),
    }
}

/// Health as status shows it: failing events first, at most 64.
pub(in crate::controller) fn delivery(health: &Health, now: Timestamp) -> api::DeliveryStatus {
    let mut events: Vec<_> = health
        .iter()
        .map(|((key, event), health)| api::EventDelivery {
            key: key.to_string(),
            event: event.to_string(),
            success: health.result.success,
            response_code: health.result.code,
            time: health
                .result
                .time
                .as_deref()
                .and_then(|time| time.parse().ok())
                .map(Time),
            next_retry_at: health
                .result
                .next_retry
                .as_deref()
                .and_then(|time| time.parse().ok())
                .map(Time),
            failed_observations: Some(health.failed_observations.min(1000)),
        })
        .collect();
    events.sort_by_key(|event| event.success);
    events.truncate(64);
    api::DeliveryStatus {
        observed_at: Some(Time(now)),
        events,
    }
}

#[cfg(test)]
mod tests;
