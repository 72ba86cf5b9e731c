//! Credentials in headers, which nobody needs to see whole.

use http::{HeaderMap, HeaderName, HeaderValue};
use sha2::{Digest, Sha256};
use std::{collections::BTreeMap, fmt::Write as _};

/// A short name for a credential: the first 12 hex digits of its SHA-256, as
/// `printf %s "$TOKEN" | sha256sum` shows them.
pub fn credential_hash(credential: &str) -> String {
    let digest = Sha256::digest(credential.as_bytes());
    digest
        .iter()
        .take(6)
        .fold(String::from("sha256:"), |mut text, byte| {
            let _ = write!(text, "{byte:02x}");
            text
        })
}

/// Credentials are replaced by a hash; a scheme in front of them stays.
pub(crate) fn visible_headers(
    headers: &HeaderMap,
    is_credential: &dyn Fn(&str) -> bool,
) -> BTreeMap<String, String> {
    let hashed = |text: &str| match text.split_once(' ') {
        Some((scheme @ ("Bearer" | "AccessKey"), credential)) => {
            format!("{scheme} {}", credential_hash(credential))
        }
        _ => credential_hash(text),
    };
    let show = |(name, value): (&HeaderName, &HeaderValue)| {
        let text = String::from_utf8_lossy(value.as_bytes());
        let secret = matches!(
            name.as_str(),
            "authorization" | "x-api-key" | "proxy-authorization" | "cookie"
        ) || is_credential(name.as_str());
        (
            name.to_string(),
            if secret { hashed(&text) } else { text.into_owned() },
        )
    };
    headers.iter().map(show).collect()
}
