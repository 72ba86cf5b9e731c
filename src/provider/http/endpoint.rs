//! Where a provider's API is: scheme, host and port. Which of them are allowed is for [`Egress`](super::Egress) to say.

use std::fmt;

use url::Url;

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
    /// User information, path, query, fragment or percent-encoding.
    #[error("may hold only scheme, host and port: no user name, path, query, fragment or percent-encoding")]
    Extra,
}

/// A provider's address: scheme, host and port, and nothing else.
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct Endpoint(Url);

impl Endpoint {
    /// Parses `spec.endpoint`: https or http, a host, and nothing else but a port.
    ///
    /// # Errors
    /// [`EndpointError`], which says what to write instead.
    pub fn parse(text: &str) -> Result<Self, EndpointError> {
        if text.len() > ENDPOINT_MAX || !text.bytes().all(|b| b.is_ascii_graphic()) {
            return Err(EndpointError::Text);
        }
        let url = Url::parse(text).map_err(|_| EndpointError::Syntax)?;
        // The parser forgives a missing `//` and drops empty user information and an empty query: look at the text.
        let (scheme, rest) = text.split_once("://").ok_or(EndpointError::Syntax)?;
        if !scheme.eq_ignore_ascii_case(url.scheme()) {
            // `https:host?x://y`: what it takes for the scheme is not what stands before the first `://`.
            return Err(EndpointError::Syntax);
        }
        if rest
            .trim_end_matches('/')
            .contains(['/', '\\', '?', '#', '@', '%'])
            || url.path() != "/"
        {
            return Err(EndpointError::Extra);
        }
        if !matches!(url.scheme(), "https" | "http") {
            return Err(EndpointError::Scheme);
        }
        if url.host().is_none() {
            return Err(EndpointError::Syntax);
        }
        Ok(Self(url))
    }

    /// Whether it is https.
    pub fn is_https(&self) -> bool {
        self.0.scheme() == "https"
    }

    /// The port, also where the text leaves it to the scheme.
    pub(super) fn port(&self) -> u16 {
        self.0.port_or_known_default().unwrap_or(443)
    }

    /// The host, lower-cased; an IPv6 address is in brackets.
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
        let endpoint = Endpoint::parse("HTTPS://Dev.Dixa.io:443/").unwrap();
        assert_eq!(endpoint.as_str(), "https://dev.dixa.io");
        assert_eq!(endpoint, Endpoint::parse("https://dev.dixa.io").unwrap());
        assert_eq!(endpoint.host(), "dev.dixa.io");
        let port = Endpoint::parse("https://[2001:db8::1]:8443").unwrap();
        assert_eq!(port.as_str(), "https://[2001:db8::1]:8443");
        let ports =
            ["http://h", "https://h", "https://h:8443"].map(|text| Endpoint::parse(text).unwrap().port());
        assert_eq!(ports, [80, 443, 8443]);
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
            ("https:good?http://bad", EndpointError::Syntax),
            ("https://h/v1", EndpointError::Extra),
            ("https://h\\v1", EndpointError::Extra),
            ("https://h/?", EndpointError::Extra),
            ("https://h#x", EndpointError::Extra),
            // A host in percent-encoding may become a longer one than was written.
            ("https://%68", EndpointError::Extra),
            ("https://h/ x", EndpointError::Text),
        ];
        for (text, error) in cases {
            assert_eq!(Endpoint::parse(text).err(), Some(error), "{text}");
        }
    }
}
