//! The proxy that the operator was given. The environment's is never asked.

use std::fmt;

use ::http::{HeaderValue, Uri};
use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use percent_encoding::percent_decode_str;
use secrecy::zeroize::Zeroizing;
use url::Url;

/// Why a text is no proxy. None shows the text: it may hold a password.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum ProxyError {
    /// It does not parse, or has another scheme, or a path.
    #[error("is not a URL such as http://proxy.example.com:3128")]
    Form,
    /// Characters that cannot stand in a header.
    #[error("has a user name or password that is not valid UTF-8 or holds control characters")]
    Credentials,
}

/// An HTTP proxy that makes tunnels (`CONNECT`, RFC 9110, section 9.3.6).
#[derive(Clone, PartialEq, Eq)]
pub struct Proxy {
    uri: Uri,
    host: String,
    port: u16,
    authorization: Option<HeaderValue>,
}

impl Proxy {
    /// Reads `http://[user:password@]host[:port]`; the port is 80 if it is left out, as in every such URL.
    ///
    /// # Errors
    /// [`ProxyError`], which does not show the text.
    pub fn parse(text: &str) -> Result<Self, ProxyError> {
        let url = Url::parse(text).map_err(|_| ProxyError::Form)?;
        let plain = url.scheme() == "http" && url.path() == "/" && url.query().is_none();
        let (Some(host), true, None) = (url.host_str(), plain, url.fragment()) else {
            return Err(ProxyError::Form);
        };
        let port = url.port_or_known_default().unwrap_or(80);
        let uri = format!("http://{host}:{port}")
            .parse()
            .map_err(|_| ProxyError::Form)?;
        Ok(Self {
            uri,
            host: host.trim_matches(['[', ']']).to_owned(),
            port,
            authorization: authorization(&url)?,
        })
    }

    /// Whether the URL held a user name or a password.
    pub const fn has_credentials(&self) -> bool {
        self.authorization.is_some()
    }

    pub(super) fn host(&self) -> &str {
        &self.host
    }

    pub(super) const fn port(&self) -> u16 {
        self.port
    }

    pub(super) const fn uri(&self) -> &Uri {
        &self.uri
    }

    pub(super) const fn authorization(&self) -> Option<&HeaderValue> {
        self.authorization.as_ref()
    }
}

impl fmt::Debug for Proxy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Proxy")
            .field("uri", &self.uri)
            .finish_non_exhaustive()
    }
}

fn authorization(url: &Url) -> Result<Option<HeaderValue>, ProxyError> {
    if url.username().is_empty() && url.password().is_none() {
        return Ok(None);
    }
    let decoded = |text: &str| {
        let text = percent_decode_str(text)
            .decode_utf8()
            .map_err(|_| ProxyError::Credentials)?;
        if text.chars().any(char::is_control) {
            return Err(ProxyError::Credentials);
        }
        Ok(Zeroizing::new(text.into_owned()))
    };
    let (user, password) = (
        decoded(url.username())?,
        decoded(url.password().unwrap_or_default())?,
    );
    let pair = Zeroizing::new(format!("{}:{}", *user, *password));
    let text = Zeroizing::new(format!("Basic {}", BASE64_STANDARD.encode(pair.as_bytes())));
    let mut value = HeaderValue::from_str(&text).map_err(|_| ProxyError::Credentials)?;
    value.set_sensitive(true);
    Ok(Some(value))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn host_port_and_credentials_are_read_and_the_last_are_never_shown() {
        let proxy = Proxy::parse("http://us%40er:p%3Ass@Proxy.example.com:3128").unwrap();
        assert_eq!((proxy.host(), proxy.port()), ("proxy.example.com", 3128));
        let expected = format!("Basic {}", BASE64_STANDARD.encode("us@er:p:ss"));
        assert_eq!(proxy.authorization().unwrap(), expected.as_str());
        let shown = format!("{proxy:?}");
        assert!(
            !shown.contains("p:ss") && !shown.contains("us@er") && !shown.contains("Basic"),
            "{shown}"
        );
        let bare = Proxy::parse("http://[::1]").unwrap();
        assert_eq!(
            (bare.host(), bare.port(), bare.has_credentials()),
            ("::1", 80, false)
        );
    }

    #[test]
    fn what_is_no_proxy_is_refused_without_being_shown() {
        for text in [
            "",
            "canary",
            "proxy.example.com:3128",
            "https://canary@proxy.example.com",
            "socks5://canary@proxy.example.com",
            "http://canary@proxy.example.com/path",
            "http://canary@proxy.example.com/?q",
            "http://canary@proxy.example.com/#f",
        ] {
            let error = Proxy::parse(text).unwrap_err();
            assert_eq!(error, ProxyError::Form, "{text}");
            assert!(!format!("{error} {error:?}").contains("canary"));
        }
        for text in ["http://canary%0d%0ax@proxy", "http://u:canary%ff@proxy"] {
            let error = Proxy::parse(text).unwrap_err();
            assert_eq!(error, ProxyError::Credentials, "{text}");
            assert!(!format!("{error} {error:?}").contains("canary"));
        }
    }
}
