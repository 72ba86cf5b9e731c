//! The core's memory and verdict as the API's status, and back. Pure.

use jiff::Timestamp;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::{Condition, Time};
use operator_core::capabilities::{Capabilities, FanOut, Identity};
use operator_core::delivery::{DeliveryResult, EventHealth, Health};
use operator_core::hash::{Fingerprint, HashKey};
use operator_core::memory::{Certainty, Content, Entry, Hold, Memory, Pending, Target, Wanted};
use operator_core::names::{EventName, ExternalId, RemoteKey};
use operator_core::plan::{KeyState, Settled};
use operator_core::reason::Reason;
use operator_core::settings::events_part;
use operator_core::time::Moment;
use operator_core::verdict;
use operator_core::view::{Field, FieldSet, Part, Sent};

use crate::api::v1alpha1 as api;

const VERSION: &str = "v1";
/// The fields whose last sent content is kept: those that some provider hides. In upper case: what the provider shows
/// in their place.
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
        let id = remote
            .external_id
            .as_deref()
            .and_then(|id| ExternalId::parse(id).ok());
        let kept = remote
            .secret_hash
            .as_deref()
            .and_then(|text| decode_kept(text, key));
        let uid = status
            .identity
            .as_ref()
            .map(|identity| identity.object_uid.as_str());
        let entry = Entry {
            proof: proof(remote, uid.unwrap_or_default(), id.as_ref(), key),
            stored: id.is_some(),
            id,
            hold: match remote.ownership {
                Some(api::Ownership::Adopted) => Hold::Adopted,
                Some(api::Ownership::Observed) => Hold::Observed,
                Some(api::Ownership::Owned | api::Ownership::Foreign) | None => Hold::Owned,
            },
            applied: remote
                .applied_hash
                .as_deref()
                .and_then(|text| decode_digest(text, key)),
            sent: kept.map(|(sent, _)| sent),
            rendering: kept.map(|(_, rendering)| rendering).unwrap_or_default(),
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
        memory.entry(&remote_key).pending = Some(Pending {
            attempt: operation.attempt,
            target: target(operation.target.as_ref(), key),
            certainty: Certainty::Unknown { since: now },
        });
    }
    memory
}

/// What an earlier process was about to send.
fn target(target: Option<&api::PendingTarget>, key: &HashKey) -> Target {
    let names = target.map(|target| target.events.as_slice()).unwrap_or_default();
    let events: Vec<EventName> = names
        .iter()
        .filter_map(|event| EventName::parse(event).ok())
        .collect();
    let url = target.and_then(|target| decode_digest(&target.url_hash, key));
    let filters = target.and_then(|target| target.filters_hash.as_deref());
    Target {
        content: Content {
            url: url.map_or(Part::Unknown, Part::Is),
            events: events_part(key, &events.iter().cloned().collect()),
            filters: match filters {
                None => Part::Absent,
                Some(text) => decode_digest(text, key).map_or(Part::Unknown, Part::Is),
            },
        },
        events,
        applied: target.and_then(|target| decode_digest(target.applied_hash.as_deref()?, key)),
        sent: target
            .and_then(|target| decode_kept(target.secret_hash.as_deref()?, key))
            .map(|(sent, _)| sent),
    }
}

/// That an id is proven to be this object's: only who has the key can have written the seal.
fn proof(
    remote: &api::RemoteSubscription,
    uid: &str,
    id: Option<&ExternalId>,
    key: &HashKey,
) -> Option<Part> {
    let event = EventName::parse(remote.event.as_deref()?).ok()?;
    (remote.seal.as_ref()? == &held_seal(uid, id?, &event, key)).then(|| events_part(key, &[event].into()))
}

fn held_seal(uid: &str, id: &ExternalId, event: &EventName, key: &HashKey) -> String {
    let parts = [uid, id.as_str(), event.as_str()].map(str::as_bytes);
    encode_digest(key.fingerprint("held", parts), key)
}

/// What goes into a status besides the conditions.
pub(super) struct Report<'a> {
    pub(super) memory: &'a Memory,
    pub(super) settled: Option<&'a Settled>,
    pub(super) wanted: &'a [Wanted],
    pub(super) able: Option<&'a Capabilities>,
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
        let event = event(report, key);
        api::RemoteSubscription {
            key: key.to_string(),
            seal: seal_of(report, entry, event.as_ref()),
            event: event.map(|event| event.to_string()),
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
        }
    };
    keys.into_iter().map(remote).collect()
}

/// The event that a key stands for, where it stands for one.
fn event(report: &Report<'_>, key: &RemoteKey) -> Option<EventName> {
    report.able.filter(|able| able.fan_out != FanOut::Together)?;
    if let Some(wish) = report.wanted.iter().find(|wish| wish.key == *key) {
        return wish.events.first().cloned();
    }
    // No longer wanted, or given up for another one of the same event.
    let known = report.before.subscriptions.iter();
    let known =
        known.filter(|known| RemoteKey::parse(&known.key).is_ok_and(|k| k == *key || k.retired() == *key));
    known
        .filter_map(|known| EventName::parse(known.event.as_deref()?).ok())
        .next()
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
pub(super) fn count(report: &Report<'_>) -> api::SubscriptionCount {
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
            next_retry: event.next_retry_at.as_ref().map(|time| time.0.to_string()),
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

/// What was sent, and what the provider shows in its place.
fn encode_kept(sent: &Sent, rendering: &Sent, key: &HashKey) -> String {
    let fields = |of: &Sent, case: fn(&char) -> char| -> String {
        let fields = REMEMBERED.iter().filter_map(|(letter, field)| {
            let digest = of.get(*field)?;
            Some(format!("{}{digest:016x}", case(letter)))
        });
        fields.collect()
    };
    let sent = fields(sent, char::to_ascii_lowercase);
    let rendering = fields(rendering, char::to_ascii_uppercase);
    format!("{VERSION}:{:08x}:{sent}{rendering}", key.id())
}

fn decode_kept(text: &str, key: &HashKey) -> Option<(Sent, Sent)> {
    let mut body = body(text, key)?;
    let (mut sent, mut rendering) = (Sent::default(), Sent::default());
    while let Some(letter) = body.chars().next() {
        let (_, field) = REMEMBERED
            .iter()
            .find(|(known, _)| known.eq_ignore_ascii_case(&letter))?;
        let digest = Some(u64::from_str_radix(body.get(1..17)?, 16).ok()?);
        let of = if letter.is_ascii_lowercase() {
            &mut sent
        } else {
            &mut rendering
        };
        of.set(*field, digest);
        body = &body[17..];
    }
    Some((sent, rendering))
}

#[cfg(test)]
mod tests;
