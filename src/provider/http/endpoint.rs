//! Where a provider's API is: scheme, host and port, and which of them are allowed.

use std::fmt;
use std::net::IpAddr;

use url::{Host, Url};

/// The longest endpoint accepted, in bytes.
const ENDPOINT_MAX: usize = 300;

/// Why a text is no endpoint. Shown to users beside the name of the field.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum EndpointError {
    /// Over 300 bytes, or not visible ASCII.
    #[error("must be at most {ENDPOINT_MAX} visible ASCII characters")]
    Text,
    /// It does not parse.
    #[error("is not a URL such as https://api.example.com")]
    Syntax,
    /// Neither https nor http.
    #[error("must start with https://")]
    Scheme,
    /// User information, path, query or fragment.
    #[error("may hold only scheme, host and port: no user name, path, query or fragment")]
    Extra,
    /// Plain http without the flag.
    #[error("must start with https:// (the operator's flag --allow-insecure-http permits http for loopback)")]
    InsecureHttp,
    /// Plain http to another host than loopback.
    #[error("may use http only for 127.0.0.0/8, [::1] and localhost")]
    NotLoopback,
}

/// A provider's address: scheme, host and port, and nothing else.
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct Endpoint(Url);

impl Endpoint {
    /// Parses `spec.endpoint`. Plain http is accepted for loopback hosts only, and only if `allow_insecure_http`.
    ///
    /// # Errors
    /// [`EndpointError`], which says what to write instead.
    pub fn parse(text: &str, allow_insecure_http: bool) -> Result<Self, EndpointError> {
        if text.len() > ENDPOINT_MAX || !text.bytes().all(|b| b.is_ascii_graphic()) {
            return Err(EndpointError::Text);
        }
        let url = Url::parse(text).map_err(|_| EndpointError::Syntax)?;
        // The parser forgives a missing `//` and drops empty user information and an empty query: look at the text.
        let (_, rest) = text.split_once("://").ok_or(EndpointError::Syntax)?;
        if rest.trim_end_matches('/').contains(['/', '\\', '?', '#', '@']) || url.path() != "/" {
            return Err(EndpointError::Extra);
        }
        let endpoint = Self(url);
        endpoint.check(allow_insecure_http)?;
        Ok(endpoint)
    }

    /// The one place that decides which schemes and hosts are allowed, before any name is resolved. What a name
    /// resolves to is decided by [`Self::permits`], at connect time.
    fn check(&self, allow_insecure_http: bool) -> Result<(), EndpointError> {
        let host = self.0.host().ok_or(EndpointError::Syntax)?;
        match self.0.scheme() {
            "https" => Ok(()),
            "http" if !allow_insecure_http => Err(EndpointError::InsecureHttp),
            "http" => {
                let loopback = match host {
                    Host::Domain(name) => name == "localhost",
                    Host::Ipv4(address) => address.is_loopback(),
                    Host::Ipv6(address) => address.is_loopback(),
                };
                if loopback {
                    Ok(())
                } else {
                    Err(EndpointError::NotLoopback)
                }
            }
            _ => Err(EndpointError::Scheme),
        }
    }

    /// Whether a connection to `address` is allowed for this endpoint: plain http never leaves the machine,
    /// whatever `localhost` resolves to.
    pub(crate) fn permits(&self, address: IpAddr) -> bool {
        self.is_https() || address.to_canonical().is_loopback()
    }

    /// Whether it is https.
    pub fn is_https(&self) -> bool {
        self.0.scheme() == "https"
    }

    /// The host, lower-cased.
    pub fn host(&self) -> &str {
        self.0.host_str().unwrap_or_default()
    }

    /// The canonical text without a slash at the end: the same for all spellings of one endpoint.
    pub fn as_str(&self) -> &str {
        self.0.as_str().trim_end_matches('/')
    }

    /// The URL of a path, which must start with a slash and be percent-encoded already.
    pub(crate) fn at(&self, path: &str, query: Option<&str>) -> Url {
        let mut url = self.0.clone();
        url.set_path(path);
        url.set_query(query);
        url
    }
}

impl fmt::Display for Endpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl fmt::Debug for Endpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_endpoint_is_scheme_host_and_port_in_one_spelling() {
        let endpoint = Endpoint::parse("HTTPS://Dev.Dixa.io:443/", false).unwrap();
        assert_eq!(endpoint.as_str(), "https://dev.dixa.io");
        assert_eq!(endpoint, Endpoint::parse("https://dev.dixa.io", false).unwrap());
        assert_eq!(endpoint.host(), "dev.dixa.io");
        let port = Endpoint::parse("https://[2001:db8::1]:8443", false).unwrap();
        assert_eq!(port.as_str(), "https://[2001:db8::1]:8443");
    }

    #[test]
    fn each_fault_is_named() {
        let cases = [
            ("dev.dixa.io", EndpointError::Syntax),
            ("https://", EndpointError::Syntax),
            ("ftp://dev.dixa.io", EndpointError::Scheme),
            ("file:///etc/passwd", EndpointError::Extra),
            ("https://good@bad", EndpointError::Extra),
            ("https://@bad", EndpointError::Extra),
            ("https:good@bad", EndpointError::Syntax),
            ("https://h/v1", EndpointError::Extra),
            ("https://h\\v1", EndpointError::Extra),
            ("https://h/?", EndpointError::Extra),
            ("https://h#x", EndpointError::Extra),
            ("https://h/ x", EndpointError::Text),
            ("http://127.0.0.1", EndpointError::InsecureHttp),
        ];
        for (text, error) in cases {
            assert_eq!(Endpoint::parse(text, false).err(), Some(error), "{text}");
        }
    }

    #[test]
    fn plain_http_is_for_loopback_only_however_it_is_spelt() {
        for text in [
            "http://127.0.0.1:8080",
            "http://127.9.9.9",
            "http://[::1]:80",
            "http://localhost:1",
        ] {
            assert!(Endpoint::parse(text, true).is_ok(), "{text}");
        }
        for text in [
            "http://169.254.169.254",
            "http://2852039166",
            "http://0xa9fea9fe",
            "http://0.0.0.0",
            "http://[::ffff:169.254.169.254]",
            "http://[fd00::1]",
            "http://localhost.example.com",
            "http://127.0.0.1.nip.io",
            "http://dev.dixa.io",
        ] {
            assert_eq!(
                Endpoint::parse(text, true).err(),
                Some(EndpointError::NotLoopback),
                "{text}"
            );
        }
    }

    #[test]
    fn a_plain_endpoint_permits_no_address_beyond_loopback() {
        let plain = Endpoint::parse("http://localhost", true).unwrap();
        assert!(plain.permits("127.0.0.1".parse().unwrap()) && plain.permits("::1".parse().unwrap()));
        assert!(plain.permits("::ffff:127.0.0.1".parse().unwrap()));
        assert!(!plain.permits("10.0.0.1".parse().unwrap()));
    }
}
