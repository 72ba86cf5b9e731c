//! Checks that the request bodies of several providers need.

use http::{HeaderName, HeaderValue, Uri};
use serde::{Deserialize, Deserializer};
use std::str::FromStr;

/// Why an edit by hand does not fit.
#[derive(Debug)]
pub(crate) struct EditRefusal(pub String);

/// Reads a member that may be absent but, when it is there, may not be `null`.
pub(crate) fn present<'de, D: Deserializer<'de>, T: Deserialize<'de>>(
    input: D,
) -> Result<Option<T>, D::Error> {
    T::deserialize(input).map(Some)
}

/// The host of an absolute http or https URL.
pub(crate) fn web_host(url: &str) -> Option<String> {
    let uri = Uri::from_str(url).ok()?;
    let host = uri.host().filter(|host| !host.is_empty())?;
    matches!(uri.scheme_str(), Some("http" | "https")).then(|| host.to_owned())
}

/// Whether this is an absolute http or https URL.
pub(crate) fn is_web_url(url: &str) -> bool {
    web_host(url).is_some()
}

/// Whether deliveries could carry this header.
pub(crate) fn sendable_header(name: &str, value: &str) -> bool {
    HeaderName::from_str(name).is_ok() && HeaderValue::from_str(value).is_ok()
}

/// The text cut to so many characters.
pub(crate) fn shortened(text: &str, limit: Option<u64>) -> String {
    let most = limit.map_or(usize::MAX, |limit| usize::try_from(limit).unwrap_or(usize::MAX));
    text.chars().take(most).collect()
}
