//! The URL that a provider delivers to.

use std::fmt;

use secrecy::{ExposeSecret, SecretString};

/// Why a text is no delivery URL. The texts name no part of the input: it may come from a Secret.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum UrlError {
    /// Over 2,048 bytes.
    #[error("is longer than 2048 bytes")]
    TooLong,
    /// Not visible ASCII.
    #[error("may hold only visible ASCII characters; percent-encode the others")]
    NotVisibleAscii,
    /// Not `http://` or `https://`.
    #[error("must start with https://")]
    Scheme,
    /// User and password in the URL.
    #[error("must not hold a user name or password before the host; use spec.authorization")]
    UserInfo,
    /// `#…`, which is never sent.
    #[error("must not hold a fragment (#...)")]
    Fragment,
    /// No host, or one that is none.
    #[error("has no valid host name")]
    Host,
}

/// A delivery URL: absolute, http or https, without user information and fragment, at most 2,048 bytes.
///
/// The whole text may be a secret (some receivers put a token into the path), so `Debug` shows the host only.
#[derive(Clone)]
pub struct DeliveryUrl {
    text: SecretString,
    host: Box<str>,
    https: bool,
    plain: bool,
}

impl DeliveryUrl {
    /// Parses what the user wrote. The text is kept as written; comparison is by meaning.
    ///
    /// # Errors
    /// [`UrlError`], without any part of the text.
    pub fn parse(text: &str) -> Result<Self, UrlError> {
        if text.len() > 2048 {
            return Err(UrlError::TooLong);
        }
        if !text.bytes().all(|b| b.is_ascii_graphic()) {
            return Err(UrlError::NotVisibleAscii);
        }
        let rest = text
            .strip_prefix("https://")
            .or_else(|| text.strip_prefix("http://"));
        let rest = rest.ok_or(UrlError::Scheme)?;
        let authority = rest.split(['/', '?', '#']).next().unwrap_or_default();
        if authority.is_empty() {
            return Err(UrlError::Host);
        }
        if authority.contains('@') {
            return Err(UrlError::UserInfo);
        }
        if rest.contains('#') {
            return Err(UrlError::Fragment);
        }
        let url = url::Url::parse(text).map_err(|_| UrlError::Host)?;
        let host = url
            .host_str()
            .filter(|host| !host.is_empty())
            .ok_or(UrlError::Host)?;
        Ok(Self {
            text: text.into(),
            plain: written_host(authority).eq_ignore_ascii_case(host),
            host: host.into(),
            https: url.scheme() == "https",
        })
    }

    /// The URL as the user wrote it.
    pub fn expose(&self) -> &str {
        self.text.expose_secret()
    }

    /// The host, lower-cased: the one part that may be shown.
    pub fn host(&self) -> &str {
        &self.host
    }

    /// Whether the host is written as it is read, save for its case: then every parser of URLs finds the same one.
    /// It is not where it is percent-encoded, an IPv4 address in octal, or followed by a backslash.
    pub fn is_plain(&self) -> bool {
        self.plain
    }

    /// Whether deliveries are encrypted.
    pub fn is_https(&self) -> bool {
        self.https
    }
}

/// The host of an authority without user information, as it is written.
fn written_host(authority: &str) -> &str {
    match authority.rsplit_once(':') {
        Some((host, port)) if port.bytes().all(|b| b.is_ascii_digit()) => host,
        _ => authority,
    }
}

impl fmt::Debug for DeliveryUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "DeliveryUrl({})", self.host)
    }
}

/// The form in which two URLs are compared: scheme and host lower-cased, default port and an empty path
/// written the same way. A text that is no URL stands for itself.
pub fn canonical_url(text: &str) -> String {
    url::Url::parse(text).map_or_else(|_| text.to_owned(), String::from)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn each_fault_is_named() {
        let cases = [
            ("ftp://a/", UrlError::Scheme),
            ("hooks.example.com", UrlError::Scheme),
            ("https://u:p@h/", UrlError::UserInfo),
            ("https://h/#x", UrlError::Fragment),
            ("https://", UrlError::Host),
            ("https:///x", UrlError::Host),
            ("https://h/\u{e4}", UrlError::NotVisibleAscii),
            ("https://h/ x", UrlError::NotVisibleAscii),
        ];
        for (text, error) in cases {
            assert_eq!(DeliveryUrl::parse(text).err(), Some(error), "{text}");
        }
        assert_eq!(
            DeliveryUrl::parse(&format!("https://h/{}", "x".repeat(2048))).err(),
            Some(UrlError::TooLong)
        );
    }

    #[test]
    fn the_longest_url_is_kept_as_it_was_written() {
        let text = format!("HTTPS://h.example/{}", "x".repeat(2048 - 18)).replace("HTTPS", "https");
        assert_eq!(text.len(), 2048);
        let url = DeliveryUrl::parse(&text).unwrap();
        assert_eq!(
            (url.expose(), url.host(), url.is_https()),
            (text.as_str(), "h.example", true)
        );
        assert!(!DeliveryUrl::parse("http://h.example:80x/").is_ok_and(|url| url.is_plain()));
        assert!(!DeliveryUrl::parse("http://h.example/").unwrap().is_https());
    }

    #[test]
    fn a_host_is_plain_where_it_is_written_as_it_is_read() {
        for (text, plain) in [
            ("https://h.example:8443/x", true),
            ("https://H.Example/", true),
            ("https://[2001:db8::1]/", true),
            ("https://[2001:db8::1]:443/", true),
            ("https://h%2eexample/", false),
            ("https://010.0.2.1/", false),
        ] {
            assert_eq!(DeliveryUrl::parse(text).unwrap().is_plain(), plain, "{text}");
        }
    }

    #[test]
    fn a_text_that_is_no_url_stands_for_itself() {
        assert_eq!(canonical_url("no url"), "no url");
        assert_eq!(canonical_url("HTTPS://H.example"), "https://h.example/");
    }

    #[test]
    fn urls_of_one_meaning_have_one_canonical_form() {
        assert_eq!(
            canonical_url("https://Hooks.Example.com:443"),
            canonical_url("https://hooks.example.com/")
        );
        assert_ne!(
            canonical_url("https://hooks.example.com/A"),
            canonical_url("https://hooks.example.com/a")
        );
    }

    #[test]
    fn debug_shows_the_host_and_nothing_more() {
        let url = DeliveryUrl::parse("https://h.example/secret?token=x").unwrap();
        assert_eq!(format!("{url:?}"), "DeliveryUrl(h.example)");
    }

    proptest! {
        #[test]
        fn parsing_never_panics(text in "(https?://)?.{0,80}") {
            let _ = DeliveryUrl::parse(&text);
        }
    }
}
