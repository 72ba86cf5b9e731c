//! Where spans are sent.

use std::fmt;

use http::Uri;
use http::header::{HeaderMap, HeaderName, HeaderValue};
use percent_encoding::percent_decode_str;
use url::Url;

/// Why a collector cannot be reached as it was named. No text shows what was given: it may hold a password.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum TargetError {
    /// It does not parse, or has another scheme, or a query.
    #[error("--otlp-endpoint: the URL is not one such as http://collector.example.com:4318")]
    Form,
    /// A user name or password in it.
    #[error(
        "--otlp-endpoint: a command line can be read by others; leave user name and password out of the URL and give a \
         header in OTEL_EXPORTER_OTLP_HEADERS, from a Secret"
    )]
    Credentials,
    /// The headers do not parse.
    #[error("OTEL_EXPORTER_OTLP_HEADERS: use name=value, separated by commas, with percent-encoded values")]
    Headers,
}

/// A collector that takes OTLP over HTTP.
#[derive(Clone, PartialEq, Eq)]
pub struct Target {
    uri: Uri,
    headers: HeaderMap,
}

impl Target {
    /// Reads a base URL, to which the path of traces is added, and headers as `name=value,…`, as the OTLP exporter's
    /// specification has both.
    ///
    /// # Errors
    /// [`TargetError`], which shows neither.
    pub fn parse(endpoint: &str, headers: &str) -> Result<Self, TargetError> {
        let mut url = Url::parse(endpoint).map_err(|_| TargetError::Form)?;
        let fits =
            matches!(url.scheme(), "http" | "https") && url.query().is_none() && url.fragment().is_none();
        if !fits || url.host_str().is_none_or(str::is_empty) {
            return Err(TargetError::Form);
        }
        if !url.username().is_empty() || url.password().is_some() {
            return Err(TargetError::Credentials);
        }
        let path = format!("{}/v1/traces", url.path().trim_end_matches('/'));
        url.set_path(&path);
        Ok(Self {
            uri: url.as_str().parse().map_err(|_| TargetError::Form)?,
            headers: parse_headers(headers)?,
        })
    }

    pub(super) const fn uri(&self) -> &Uri {
        &self.uri
    }

    pub(super) const fn headers(&self) -> &HeaderMap {
        &self.headers
    }
}

fn parse_headers(text: &str) -> Result<HeaderMap, TargetError> {
    let mut headers = HeaderMap::new();
    for pair in text.split(',').map(str::trim).filter(|pair| !pair.is_empty()) {
        let (name, value) = pair.split_once('=').ok_or(TargetError::Headers)?;
        let value = percent_decode_str(value.trim())
            .decode_utf8()
            .map_err(|_| TargetError::Headers)?;
        let name = HeaderName::try_from(name.trim()).map_err(|_| TargetError::Headers)?;
        let mut value = HeaderValue::try_from(value.as_ref()).map_err(|_| TargetError::Headers)?;
        value.set_sensitive(true);
        headers.insert(name, value);
    }
    Ok(headers)
}

impl fmt::Debug for Target {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Target")
            .field("uri", &self.uri)
            .field("headers", &self.headers.len())
            .finish()
    }
}
