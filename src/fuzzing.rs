//! Entry points of the fuzz targets in `fuzz/`. The same functions run in `make test` over the corpora that the targets
//! have left, and over bytes that are made up there.

use operator_core::marker::{MARKER_LEN, Marker, NAME_MAX, Owner, Ownership};
use operator_core::names::{ClusterId, ObjectName, ObjectUid, RemoteKey};
use operator_core::redact::shown;
use operator_core::url::{DeliveryUrl, canonical_url};

use crate::{controller, provider};

/// A target: it panics where a promise does not hold.
pub type Target = fn(&[u8]);

/// Every target by its name, which is that of its corpus.
pub const TARGETS: [(&str, Target); 10] = [
    ("dixa_answers", provider::fuzzing::dixa),
    ("babel_answers", provider::fuzzing::babel),
    ("bird_answers", provider::fuzzing::bird),
    ("retry_after", provider::fuzzing::retry_after),
    ("endpoint", provider::fuzzing::endpoint),
    ("address", provider::fuzzing::address),
    ("secret_value", controller::fuzzing::secret),
    ("delivery_url", delivery_url),
    ("marker", marker),
    ("redaction", redaction),
];

/// Runs the target of this name.
pub fn run(name: &str, data: &[u8]) {
    for (_, target) in TARGETS.iter().filter(|(known, _)| *known == name) {
        target(data);
    }
}

fn delivery_url(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else {
        return;
    };
    match DeliveryUrl::parse(text) {
        Ok(url) => {
            assert_eq!(url.expose(), text);
            let canonical = canonical_url(text);
            assert_eq!(canonical_url(&canonical), canonical, "not canonical yet");
            assert!(
                !url.host().is_empty() && !url.host().contains(['@', '/', '?', '#']),
                "{url:?}"
            );
            assert_eq!(format!("{url:?}"), format!("DeliveryUrl({})", url.host()));
        }
        // Long enough not to be a word of the message.
        Err(error) if text.len() > 12 => assert!(!error.to_string().contains(text), "{error}"),
        Err(_) => {}
    }
}

/// Four texts with line breaks between them: cluster, UID, key, and the human part of a name.
fn marker(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else {
        return;
    };
    if let Some(found) = Marker::parse(text) {
        let written = found.to_string();
        // One of another version is read as somebody's that no hash can give.
        let whole = text.trim_end().ends_with(&written) && written.len() == MARKER_LEN;
        assert!(whole || written.contains('?'));
        assert!(Marker::resembles(text), "a user could choose it");
    }
    let parts: Vec<&str> = text.splitn(4, '\n').collect();
    let &[cluster, uid, key, human] = parts.as_slice() else {
        return;
    };
    let (Ok(cluster), Ok(uid), Ok(key)) = (
        ClusterId::parse(cluster),
        ObjectUid::parse(uid),
        RemoteKey::parse(key),
    ) else {
        return;
    };
    let object = ObjectName::new("n", &human.chars().take(20).collect::<String>());
    let owner = Owner::new(&cluster, &[], &object, &uid);
    let (marker, name) = (owner.marker(&key), owner.remote_name(&key, human));
    assert!(name.chars().count() <= NAME_MAX);
    assert_eq!(Marker::parse(&name), Some(marker));
    assert_eq!(owner.ownership(&key, &marker), Ownership::Ours);
    // One marker to a name: that of somebody else behind it is the only one, and behind any text it is none.
    let other = ObjectUid::parse("other").map(|uid| Owner::new(&cluster, &[], &object, &uid).marker(&key));
    if let Ok(other) = other {
        assert_eq!(Marker::parse(&format!("{name} {other}")), Some(other));
        assert_eq!(owner.ownership(&key, &other) == Ownership::Ours, other == marker);
    }
    assert_eq!(Marker::parse(&format!("{name}.")), None);
    assert_eq!(Marker::parse(&name[..name.len() - 1]), None);
}

#[expect(clippy::format_collect, reason = "short texts, and easier to read")]
/// The first byte is the way of writing, the second the length of the secret, then it and the words around it.
fn redaction(data: &[u8]) {
    let Some((&[way, length], rest)) = data.split_first_chunk::<2>() else {
        return;
    };
    let (secret, around) = rest.split_at(rest.len().min(usize::from(length)));
    let (Ok(secret), Ok(around)) = (std::str::from_utf8(secret), std::str::from_utf8(around)) else {
        return;
    };
    let bytes = secret.bytes();
    let written: String = match way % 6 {
        0 => secret.to_owned(),
        1 => bytes.map(|byte| format!("%{byte:02X}")).collect(),
        2 => bytes.map(|byte| format!("%25{byte:02x}")).collect(),
        3 => secret
            .chars()
            .map(|c| format!("\\u{:04x}", u32::from(c)))
            .collect(),
        4 => secret.chars().map(|c| format!("&#{};", u32::from(c))).collect(),
        _ => secret.chars().flat_map(|c| [c, '\u{200b}']).collect(),
    };
    let text = format!("{written} {around}");
    let clean = shown(&text, [secret]);
    assert!(clean.chars().count() <= 200 && !clean.chars().any(char::is_control));
    let usual = secret.len() >= 4 && secret.bytes().all(|byte| byte.is_ascii_graphic());
    if usual && !"[redacted]".contains(&secret.to_lowercase()) {
        let left = clean.replace("[redacted]", "\n").to_lowercase();
        assert!(
            !left.contains(&secret.to_lowercase()),
            "{secret:?} is left in {clean:?}"
        );
        assert!(
            clean.starts_with("[redacted]"),
            "{secret:?} is not found in {text:?}"
        );
    }
    assert_eq!(clean, shown(&text, [secret]));
}

#[cfg(test)]
mod tests;
