//! The core's memory and verdict as the API's status, and back. Pure.

use jiff::Timestamp;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::{Condition, Time};
use operator_core::delivery::{DeliveryResult, EventHealth, Health};
use operator_core::hash::{Fingerprint, HashKey};
use operator_core::memory::{Certainty, Entry, Hold, Memory, Pending, Target};
use operator_core::names::{EventName, ExternalId, RemoteKey};
use operator_core::plan::{KeyState, Settled};
use operator_core::reason::Reason;
use operator_core::time::Moment;
use operator_core::verdict;
use operator_core::view::{Field, FieldSet, Part, Sent};

use crate::api::v1alpha1 as api;

const VERSION: &str = "v1";
/// The fields whose last sent content is kept: those that some provider hides.
const REMEMBERED: &[(char, Field)] = &[
    ('a', Field::Authorization),
    ('f', Field::Filters),
    ('h', Field::Headers),
    ('s', Field::SigningKey),
];

/// The memory that a status holds. Entries of another object, another cluster or an unknown account are not ours
/// and are left out; `ours` tells which identity is.
pub(super) fn restore(
    status: Option<&api::WebhookSubscriptionStatus>,
    ours: impl FnOnce(&api::Identity) -> bool,
    key: &HashKey,
    now: Moment,
) -> Memory {
    let mut memory = Memory::default();
    let Some(status) = status.filter(|status| status.identity.as_ref().is_some_and(ours)) else {
        return memory;
    };
    for remote in &status.subscriptions {
        let Ok(remote_key) = RemoteKey::parse(&remote.key) else {
            continue;
        };
        let fields = |names: &[String]| {
            names
                .iter()
                .filter_map(|name| Field::parse(name))
                .collect::<FieldSet>()
        };
        let entry = Entry {
            id: remote
                .external_id
                .as_deref()
                .and_then(|id| ExternalId::parse(id).ok()),
            hold: match remote.ownership {
                Some(api::Ownership::Adopted) => Hold::Adopted,
                Some(api::Ownership::Observed) => Hold::Observed,
                Some(api::Ownership::Owned | api::Ownership::Foreign) | None => Hold::Owned,
            },
            applied: remote
                .applied_hash
                .as_deref()
                .and_then(|text| decode_digest(text, key)),
            sent: remote
                .secret_hash
                .as_deref()
                .and_then(|text| decode_sent(text, key)),
            not_kept: fields(&remote.cannot_clear),
            unverifiable: fields(&remote.unverifiable),
            ..Entry::default()
        };
        if entry.id.is_some() {
            memory.entries.insert(remote_key, entry);
        }
    }
    for operation in &status.pending_operations {
        let Ok(remote_key) = RemoteKey::parse(&operation.key) else {
            continue;
        };
        if operation.verb == api::PendingVerb::Delete {
            // Whoever may write status could name any id here; the seal shows that this operator wrote it.
            let uid = status
                .identity
                .as_ref()
                .map(|identity| identity.object_uid.as_str())
                .unwrap_or_default();
            let id = operation
                .external_id
                .as_deref()
                .and_then(|id| ExternalId::parse(id).ok());
            let sealed = |id: &ExternalId| operation.seal == Some(seal(uid, id, key));
            memory.entry(&remote_key).discard = id.filter(sealed);
            continue;
        }
        let target = operation.target.as_ref();
        let events = target.map(|target| target.events.as_slice()).unwrap_or_default();
        let url = target.and_then(|target| decode_digest(&target.url_hash, key));
        memory.entry(&remote_key).pending = Some(Pending {
            attempt: operation.attempt,
            target: Target {
                url: url.map_or(Part::Unknown, Part::Is),
                events: events
                    .iter()
                    .filter_map(|event| EventName::parse(event).ok())
                    .collect(),
                applied: target.and_then(|target| decode_digest(target.applied_hash.as_deref()?, key)),
                sent: target.and_then(|target| decode_sent(target.secret_hash.as_deref()?, key)),
            },
            certainty: Certainty::Unknown { since: now },
        });
    }
    memory
}

/// What goes into a status besides the conditions.
pub(super) struct Report<'a> {
    pub(super) memory: &'a Memory,
    pub(super) settled: Option<&'a Settled>,
    pub(super) desired: usize,
    pub(super) enabled: bool,
    pub(super) generation: i64,
    /// The object's UID.
    pub(super) uid: &'a str,
    pub(super) key: &'a HashKey,
    /// The status so far: entries that did not change keep their times.
    pub(super) before: &'a api::WebhookSubscriptionStatus,
}

/// The remote subscriptions, sorted by key.
pub(super) fn subscriptions(report: &Report<'_>) -> Vec<api::RemoteSubscription> {
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
        api::RemoteSubscription {
            key: key.to_string(),
            event: None,
            external_id: entry.id.as_ref().map(ToString::to_string),
            state: remote_state(entry, state, report.enabled),
            ownership: ownership(entry, state),
            applied_hash: entry.applied.map(|applied| encode_digest(applied, report.key)),
            secret_hash: entry.sent.as_ref().map(|sent| encode_sent(sent, report.key)),
            cannot_clear: names(entry.not_kept),
            unverifiable: names(entry.unverifiable),
        }
    };
    keys.into_iter().map(remote).collect()
}

fn remote_state(entry: &Entry, state: Option<&KeyState>, enabled: bool) -> api::RemoteState {
    match state {
        Some(KeyState::Stalled(
            Reason::ForeignMarker
            | Reason::OwnedByOtherCluster
            | Reason::MarkerMissing
            | Reason::AmbiguousMatch
            | Reason::AlreadyExists
            | Reason::AdoptionWouldClear,
            _,
        )) => api::RemoteState::Conflict,
        Some(KeyState::Waiting(Reason::RemoteMissing) | KeyState::Stalled(Reason::RemoteMissing, _)) => {
            api::RemoteState::Missing
        }
        _ if entry.id.is_none() => api::RemoteState::Pending,
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
pub(super) fn pending_operations(report: &Report<'_>, now: Timestamp) -> Vec<api::PendingOperation> {
    let entries = report
        .memory
        .entries
        .iter()
        .filter_map(|(key, entry)| Some((key, entry.pending.as_ref()?)));
    let discards = report
        .memory
        .entries
        .iter()
        .filter_map(|(key, entry)| Some((key, entry.discard.as_ref()?)));
    let discards = discards.map(|(key, id)| discard(report, key, id, now));
    let operation = |(key, pending): (&RemoteKey, &Pending)| {
        let fresh = api::PendingOperation {
            key: key.to_string(),
            verb: api::PendingVerb::Create,
            attempt: pending.attempt,
            generation: report.generation,
            started_at: Time(now),
            external_id: None,
            seal: None,
            target: Some(pending_target(pending, report.key)),
        };
        // An entry that was announced before keeps its time and generation, whatever was edited since.
        let before = report.before.pending_operations.iter().find(|known| {
            (&known.key, known.attempt, &known.target) == (&fresh.key, fresh.attempt, &fresh.target)
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

/// Ties an id to an object with the operator's own key.
fn seal(uid: &str, id: &ExternalId, key: &HashKey) -> String {
    encode_digest(
        key.fingerprint("discard", [uid, id.as_str()].map(str::as_bytes)),
        key,
    )
}

fn pending_target(pending: &Pending, key: &HashKey) -> api::PendingTarget {
    let target = &pending.target;
    api::PendingTarget {
        url_hash: match target.url {
            Part::Is(fingerprint) => encode_digest(fingerprint, key),
            Part::Unknown | Part::Absent => "unknown".to_owned(),
        },
        applied_hash: target.applied.map(|applied| encode_digest(applied, key)),
        secret_hash: target.sent.as_ref().map(|sent| encode_sent(sent, key)),
        events: target.events.iter().map(ToString::to_string).collect(),
    }
}

/// How many of the wanted remote subscriptions are there and as wanted.
pub(super) fn count(report: &Report<'_>) -> api::SubscriptionCount {
    let synced = report.settled.map_or(0, |settled| {
        let in_sync =
            |state: &&KeyState| matches!(state, KeyState::InSync { not_kept, .. } if not_kept.is_empty());
        settled.keys.values().filter(in_sync).count()
    });
    let number = |n: usize| u32::try_from(n).unwrap_or(u32::MAX);
    api::SubscriptionCount {
        desired: number(report.desired),
        synced: number(synced),
        summary: format!("{synced}/{}", report.desired),
    }
}

/// Sets or removes a condition. The transition time moves only when the status does.
pub(super) fn set_condition(
    conditions: &mut Vec<Condition>,
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
    let mut fresh = Condition {
        type_: type_.to_owned(),
        status: condition.truth.as_str().to_owned(),
        reason: condition.reason.as_str().to_owned(),
        message: condition.message.clone(),
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

/// The health that a status holds.
pub(super) fn restore_health(status: Option<&api::DeliveryStatus>) -> Health {
    let events = status.map(|status| status.events.as_slice()).unwrap_or_default();
    let health = events.iter().filter_map(|event| {
        let key = (
            RemoteKey::parse(&event.key).ok()?,
            EventName::parse(&event.event).ok()?,
        );
        let result = DeliveryResult {
            success: event.success,
            code: event.response_code,
            time: event.time.as_ref().map(|time| time.0.to_string()),
            next_retry: None,
        };
        Some((
            key,
            EventHealth {
                result,
                failed_observations: event.failed_observations.unwrap_or(0),
            },
        ))
    });
    health.collect()
}

/// Health as status shows it: failing events first, at most 64.
pub(super) fn delivery(health: &Health, now: Timestamp) -> api::DeliveryStatus {
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

fn encode_digest(digest: Fingerprint, key: &HashKey) -> String {
    format!("{VERSION}:{:08x}:{digest}", key.id())
}

/// The body of a hash that was made with `key`; anything else is unknown, which is not the same as different.
fn body<'a>(text: &'a str, key: &HashKey) -> Option<&'a str> {
    let (version, rest) = text.split_once(':')?;
    let (id, body) = rest.split_once(':')?;
    (version == VERSION && u32::from_str_radix(id, 16).ok()? == key.id()).then_some(body)
}

fn decode_digest(text: &str, key: &HashKey) -> Option<Fingerprint> {
    Fingerprint::parse(body(text, key)?)
}

fn encode_sent(sent: &Sent, key: &HashKey) -> String {
    let fields = REMEMBERED
        .iter()
        .filter_map(|(letter, field)| Some(format!("{letter}{:016x}", sent.get(*field)?)));
    format!("{VERSION}:{:08x}:{}", key.id(), fields.collect::<String>())
}

fn decode_sent(text: &str, key: &HashKey) -> Option<Sent> {
    let mut body = body(text, key)?;
    let mut sent = Sent::default();
    while let Some(letter) = body.chars().next() {
        let (_, field) = REMEMBERED.iter().find(|(known, _)| *known == letter)?;
        sent.set(*field, Some(u64::from_str_radix(body.get(1..17)?, 16).ok()?));
        body = &body[17..];
    }
    Some(sent)
}

#[cfg(test)]
mod tests;
