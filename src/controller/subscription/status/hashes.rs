//! Keyed hashes as a status holds them: each names the key that it was made with.

use operator_core::hash::{Fingerprint, HashKey};
use operator_core::names::{EventName, ExternalId};
use operator_core::view::{Field, Sent};

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

pub(in crate::controller) fn encode_digest(digest: Fingerprint, key: &HashKey) -> String {
    format!("{VERSION}:{:08x}:{digest}", key.id())
}

/// The body of a hash that was made with `key`; anything else is unknown, which is not the same as different.
pub(in crate::controller) fn body<'a>(text: &'a str, key: &HashKey) -> Option<&'a str> {
    let (version, rest) = text.split_once(':')?;
    let (id, body) = rest.split_once(':')?;
    (version == VERSION && u32::from_str_radix(id, 16).ok()? == key.id()).then_some(body)
}

/// Whether a hash was made with another key than `key`.
pub(in crate::controller) fn is_of_another_key(text: &str, key: &HashKey) -> bool {
    text.starts_with(VERSION) && body(text, key).is_none()
}

pub(in crate::controller) fn decode_digest(text: &str, key: &HashKey) -> Option<Fingerprint> {
    Fingerprint::parse(body(text, key)?)
}

/// What was sent, and what the provider shows in its place.
pub(in crate::controller) fn encode_kept(sent: &Sent, rendering: &Sent, key: &HashKey) -> String {
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

pub(in crate::controller) fn decode_kept(text: &str, key: &HashKey) -> Option<(Sent, Sent)> {
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

/// Ties an id to an object with the operator's own key.
pub(in crate::controller) fn seal(uid: &str, id: &ExternalId, key: &HashKey) -> String {
    encode_digest(
        key.fingerprint("discard", [uid, id.as_str()].map(str::as_bytes)),
        key,
    )
}

/// Ties what a create was to send to the object and the key that it was for: what it says has been sent is taken for this
/// object's where nothing marks it, so that nobody else may say it.
pub(in crate::controller) fn create_seal(
    uid: &str,
    remote_key: &str,
    attempt: u32,
    target: &api::PendingTarget,
    key: &HashKey,
) -> String {
    let attempt = attempt.to_string();
    let filters = target.filters_hash.as_deref().unwrap_or_default();
    let parts = [uid, remote_key, &attempt, &target.url_hash, filters];
    let parts = parts.into_iter().chain(target.events.iter().map(String::as_str));
    encode_digest(key.fingerprint("create", parts.map(str::as_bytes)), key)
}

/// Ties an id and its event to the object that they became known to belong to.
pub(in crate::controller) fn held_seal(
    uid: &str,
    id: &ExternalId,
    event: &EventName,
    key: &HashKey,
) -> String {
    let parts = [uid, id.as_str(), event.as_str()].map(str::as_bytes);
    encode_digest(key.fingerprint("held", parts), key)
}
