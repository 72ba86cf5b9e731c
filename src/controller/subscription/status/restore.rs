//! What a status tells a process that has not seen the object before.

use operator_core::delivery::{DeliveryResult, EventHealth, Health};
use operator_core::disabled::Disabled;
use operator_core::hash::HashKey;
use operator_core::memory::{Certainty, Content, Entry, Hold, Memory, Pending, Target};
use operator_core::names::{EventName, ExternalId, RemoteKey};
use operator_core::reason::Reason;
use operator_core::settings::events_part;
use operator_core::time::Moment;
use operator_core::verdict::Failure;
use operator_core::view::{Field, FieldSet, Part};

use super::hashes::{create_seal, decode_digest, decode_kept, held_seal, seal};
use crate::api::v1alpha1 as api;

/// The failure that a status tells of: an outage that began before a restart does not begin anew with it. What a
/// person has to act on, and an edit that is only reported, are none.
pub(in crate::controller) fn restore_failure(conditions: &[api::Condition], now: Moment) -> Option<Failure> {
    let find = |type_: &str| conditions.iter().find(|known| known.type_ == type_);
    let synced = find("Synced").filter(|synced| synced.status == "False")?;
    let reason = Reason::parse(&synced.reason)?;
    if find("Stalled").is_some() || matches!(reason, Reason::DriftDetected | Reason::DriftRepeats) {
        return None;
    }
    let elapsed = jiff::Timestamp::now().duration_since(synced.last_transition_time.0);
    let accepted = find("Accepted").is_some_and(|accepted| accepted.status == "True");
    Some(Failure {
        since: now.before(elapsed.unsigned_abs()),
        generation: synced.observed_generation.unwrap_or_default(),
        said: accepted.then(|| (reason, synced.message.to_string())),
    })
}

/// The memory that a status holds. Entries of another object, another cluster or an unknown account are not ours
/// and are left out; `ours` tells which identity is.
pub(in crate::controller) fn restore(
    status: Option<&api::WebhookSubscriptionStatus>,
    ours: impl FnOnce(&api::Identity) -> bool,
    key: &HashKey,
    now: Moment,
) -> Memory {
    let mut memory = Memory::default();
    let believed =
        |identity: &api::Identity| ours(identity) || operator_core::planted!(ForeignStatusBelieved);
    let Some(status) = status.filter(|status| status.identity.as_ref().is_some_and(believed)) else {
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
            disabled: Disabled {
                since: remote.disabled_at.as_ref().map(|at| at.0.as_millisecond()),
                again: remote
                    .reenabled_at
                    .iter()
                    .map(|at| at.0.as_millisecond())
                    .collect(),
                announced: false,
            },
            ..Entry::default()
        };
        if entry.id.is_some() {
            memory.entries.insert(remote_key, entry);
        }
    }
    for operation in &status.pending_operations {
        if operator_core::planted!(ForgetWriteAhead) {
            continue;
        }
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
        let uid = status
            .identity
            .as_ref()
            .map(|identity| identity.object_uid.as_str());
        memory.entry(&remote_key).pending = Some(Box::new(Pending {
            attempt: operation.attempt,
            target: announced(operation, uid.unwrap_or_default(), key),
            certainty: Certainty::Unknown { since: now },
        }));
    }
    memory
}

/// What an earlier process was about to send. An entry that this operator did not write for this object says nothing:
/// what it names could be anybody's. That a create may have been sent is believed all the same.
fn announced(operation: &api::PendingOperation, uid: &str, key: &HashKey) -> Target {
    let sealed = operation.target.as_ref().is_some_and(|target| {
        let seal = create_seal(uid, &operation.key, operation.attempt, target, key);
        operation.seal.as_ref() == Some(&seal)
    });
    if sealed {
        return target(operation.target.as_ref(), key);
    }
    let content = Content {
        url: Part::Unknown,
        events: Part::Unknown,
        filters: Part::Unknown,
    };
    Target {
        content,
        ..target(None, key)
    }
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

/// Whether a status that is this object's was written with another hash key: that key was lost.
pub(in crate::controller) fn is_of_another_key(
    status: &api::WebhookSubscriptionStatus,
    key: &HashKey,
) -> bool {
    let hashes = |remote: &api::RemoteSubscription| [remote.applied_hash.clone(), remote.secret_hash.clone()];
    let mut hashes = status.subscriptions.iter().flat_map(hashes).flatten();
    hashes.any(|text| super::hashes::is_of_another_key(&text, key))
}

/// That an id is proven to be this object's: only who has the key can have written the seal.
fn proof(
    remote: &api::RemoteSubscription,
    uid: &str,
    id: Option<&ExternalId>,
    key: &HashKey,
) -> Option<Part> {
    let event = EventName::parse(remote.event.as_deref()?).ok()?;
    let sealed = remote.seal.as_ref() == Some(&held_seal(uid, id?, &event, key));
    (sealed || operator_core::planted!(SealUnchecked)).then(|| events_part(key, &[event].into()))
}

/// The health that a status holds.
pub(in crate::controller) fn restore_health(status: Option<&api::DeliveryStatus>) -> Health {
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
