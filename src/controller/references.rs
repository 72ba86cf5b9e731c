//! Which Secrets a spec refers to, and what their values may be. Pure.

use std::collections::BTreeMap;

use secrecy::SecretString;

use crate::api::names::SecretUse;
use crate::api::v1alpha1 as api;

/// The key in a Secret's data that holds a signing key, where the spec names none.
const SIGNING_KEY: &str = "signingKey";

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
    let mut found: BTreeMap<SecretReference, Vec<String>> = BTreeMap::new();
    let mut add = |name: &str, purpose: SecretUse, field, keys: &[&str]| {
        let reference = SecretReference {
            name: name.to_owned(),
            purpose: purpose.as_str(),
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
            SecretUse::Delivery,
            "spec.urlFrom",
            &[&source.secret_key_ref.key],
        );
    }
    if let Some(authorization) = &spec.authorization {
        if let Some(basic) = &authorization.basic {
            add(
                &basic.secret_ref.name,
                SecretUse::Delivery,
                "spec.authorization.basic",
                &[username_key(basic), password_key(basic)],
            );
        }
        if let Some(bearer) = &authorization.bearer {
            add(
                &bearer.secret_key_ref.name,
                SecretUse::Delivery,
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
            SecretUse::Delivery,
            "spec.headers",
            &[&source.secret_key_ref.key],
        );
    }
    if let Some((name, key, field)) = spec.signing.as_deref().and_then(signing_key) {
        add(name, SecretUse::Signing, field, &[key]);
    }
    found.into_iter().collect()
}

/// The Secret and the key in it that hold the signing key that is sent, and the field that says so.
pub(super) fn signing_key(signing: &api::Signing) -> Option<(&str, &str, &'static str)> {
    if let Some(reference) = &signing.secret_key_ref {
        return Some((&reference.name, &reference.key, "spec.signing.secretKeyRef"));
    }
    let generate = signing.generate.as_ref()?;
    Some((
        &generate.secret_name,
        data_key(generate.key.as_deref()),
        "spec.signing.generate",
    ))
}

/// The key in a Secret's data that the operator keeps a signing key under.
pub(super) fn data_key(named: Option<&str>) -> &str {
    named.unwrap_or(SIGNING_KEY)
}

pub(super) fn username_key(basic: &api::BasicAuthorization) -> &str {
    basic.secret_ref.username_key.as_deref().unwrap_or("username")
}

pub(super) fn password_key(basic: &api::BasicAuthorization) -> &str {
    basic.secret_ref.password_key.as_deref().unwrap_or("password")
}

/// Whether a text can be the name of a Secret or a `ConfigMap`: an RFC 1123 subdomain. The schema says so too; here it
/// keeps a name from leading to another path than its own, whatever schema is installed.
pub(super) fn is_object_name(text: &str) -> bool {
    let inner = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-';
    let label = |label: &str| {
        !label.is_empty() && label.bytes().all(inner) && !label.starts_with('-') && !label.ends_with('-')
    };
    text.len() <= 253 && text.split('.').all(label)
}

/// A Secret's value as it may be used: one trailing newline is dropped; the rest must be visible ASCII with inner
/// spaces, at most 4,096 bytes.
///
/// # Errors
/// What is wrong, without the value.
pub(crate) fn secret_value(bytes: &[u8]) -> Result<SecretString, &'static str> {
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

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use secrecy::ExposeSecret;

    use super::*;

    #[test]
    fn a_name_leads_to_its_own_path_and_to_no_other() {
        for name in ["a", "dixa-api", "a.b-c.9", &"x".repeat(253)] {
            assert!(is_object_name(name), "{name}");
        }
        let paths = [
            "",
            ".",
            "..",
            "a/b",
            "../a",
            "a?x",
            "a#x",
            "a%2fb",
            "a..b",
            "-a",
            "a-",
            "A",
            "a b",
            "\u{e4}",
            &"x".repeat(254),
        ];
        for name in paths {
            assert!(!is_object_name(name), "{name}");
        }
    }

    #[test]
    fn a_value_is_used_as_it_is_or_refused_with_a_reason() {
        let empty = Err("is empty");
        let space = Err("begins or ends with a space");
        let other = Err("holds something else than visible ASCII characters and inner spaces");
        let table: [(&[u8], Result<&str, &str>); 14] = [
            (b"token", Ok("token")),
            (b"two words", Ok("two words")),
            // One line break, as `echo` and editors leave it, and no more.
            (b"token\n", Ok("token")),
            (b"token\n\n", other),
            (b"token\r\n", other),
            (b"", empty),
            (b"\n", empty),
            (b"   ", space),
            (b" token", space),
            (b"token ", space),
            (b"to\0ken", other),
            (b"to\nken: x", other),
            (b"caf\xc3\xa9", other),
            (b"\xff\xfe", other),
        ];
        for (bytes, expected) in table {
            let value = secret_value(bytes);
            let value = value
                .as_ref()
                .map(ExposeSecret::expose_secret)
                .map_err(|why| *why);
            assert_eq!(value, expected, "{bytes:?}");
        }
        assert!(secret_value(&[b'x'; 4096]).is_ok());
        assert_eq!(
            secret_value(&vec![b'x'; 1 << 20]).err(),
            Some("is longer than 4096 bytes")
        );
    }

    proptest! {
        #[test]
        fn what_may_be_used_is_a_header_as_it_stands(bytes in prop::collection::vec(any::<u8>(), 0..40)) {
            if let Ok(value) = secret_value(&bytes) {
                let header = http::HeaderValue::from_str(value.expose_secret()).unwrap();
                prop_assert_eq!(header.as_bytes(), bytes.strip_suffix(b"\n").unwrap_or(&bytes));
            }
        }
    }
}
