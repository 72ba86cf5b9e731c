//! The only HTTP client. Everything that reqwest would do on its own is decided here, once.
//!
//! - No redirect is followed: across hosts reqwest drops `Authorization`, but no other credential header, and a
//!   307 sends the body again. No `Referer`, no cookies, no proxy from the environment.
//! - No request is repeated. reqwest's retry of refused HTTP/2 streams is off; what remains is hyper's own use of
//!   a second connection when an idle one turns out to be closed before a byte of the request was written.
//! - One deadline for the whole call, bounds for headers and body, and no decompression, so that the bounds
//!   count what is kept.
//! - Errors say what went wrong in our words; reqwest's own print the URL, serde's quote the body.

mod classify;
mod endpoint;
mod exchange;
pub(crate) mod listing;
mod observe;
mod tls;

use std::fmt;
use std::io;
use std::sync::Arc;
use std::time::Duration;

use ::http::{HeaderName, HeaderValue, Method};
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use reqwest::dns::{Addrs, Name, Resolve, Resolving};
use reqwest::redirect::Policy;
use secrecy::zeroize::Zeroizing;
use secrecy::{ExposeSecret, SecretString};

pub use endpoint::{Endpoint, EndpointError};
pub use observe::{Observation, Observer, Operation};

use super::error::ProviderError;

/// The most that the headers of an answer may take, in bytes.
const HEADERS_MAX: u32 = 32 << 10;
const USER_AGENT: &str = concat!("webhook-operator/", env!("CARGO_PKG_VERSION"));

/// Why a client cannot be built: the configuration is at fault, and nothing was sent.
#[derive(Debug, thiserror::Error)]
pub enum BuildError {
    /// The system has no roots in any of the usual places.
    #[error("no CA certificates found on this system; install them, or set spec.caBundleRef")]
    NoSystemRoots,
    /// The system's roots cannot be read.
    #[error("the CA certificates of this system cannot be read")]
    SystemRoots(#[source] io::Error),
    /// The bundle holds no certificate.
    #[error("the CA bundle holds no PEM certificate")]
    CaBundleEmpty,
    /// The bundle is no PEM.
    #[error("the CA bundle is not valid PEM")]
    CaBundlePem(#[source] rustls::pki_types::pem::Error),
    /// A certificate in the bundle is of no use.
    #[error("the CA bundle holds a certificate that cannot be used")]
    CaBundleCertificate(#[source] rustls::Error),
    /// The TLS library refuses its own defaults.
    #[error("TLS cannot be set up")]
    Tls(#[source] rustls::Error),
    /// The credential cannot stand in a header.
    #[error("the credential may hold only visible ASCII characters and inner spaces")]
    Credential,
    /// The HTTP library refuses the settings.
    #[error("the HTTP client cannot be set up")]
    Client(#[source] reqwest::Error),
}

/// How long and how large anything may be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// Name resolution, TCP and TLS.
    pub connect: Duration,
    /// A whole call, from its first step to the last byte of its answer.
    pub call: Duration,
    /// A whole call that lists.
    pub list: Duration,
    /// The body of an answer, in bytes.
    pub body: u64,
    /// The body of an answer that lists, which is read as a stream.
    pub list_body: u64,
}

impl Default for Limits {
    /// 10 s to connect, 30 s a call, 120 s a list; 1 MiB a body, 64 MiB a list.
    fn default() -> Self {
        Self {
            connect: Duration::from_secs(10),
            call: Duration::from_secs(30),
            list: Duration::from_mins(2),
            body: 1 << 20,
            list_body: 64 << 20,
        }
    }
}

/// How to reach a provider: what all adapters have in common.
#[derive(Debug, Clone)]
pub struct Connection {
    /// Its address.
    pub endpoint: Endpoint,
    /// PEM certificates that are trusted instead of the system's.
    pub ca_bundle: Option<Vec<u8>>,
    /// Bounds.
    pub limits: Limits,
    /// Who is told of each call.
    pub observer: Option<Arc<dyn Observer>>,
}

impl Connection {
    /// A connection with the system's roots, the usual limits and no observer.
    pub fn new(endpoint: Endpoint) -> Self {
        Self {
            endpoint,
            ca_bundle: None,
            limits: Limits::default(),
            observer: None,
        }
    }
}

/// One request.
pub(crate) struct Call<'a> {
    /// What it is for.
    pub operation: Operation,
    /// The method.
    pub method: Method,
    /// The path, percent-encoded (see [`segment`]), with a slash in front.
    pub path: String,
    /// The query, percent-encoded, without `?`.
    pub query: Option<&'a str>,
    /// A JSON body, wiped when it was sent.
    pub body: Option<Zeroizing<Vec<u8>>>,
    /// The path names one subscription, so that 404 is about it.
    pub names_an_id: bool,
    /// Secrets of the body, to be kept out of what the provider says about it. The credential goes without
    /// saying.
    pub secrets: Vec<Zeroizing<String>>,
}

impl Call<'_> {
    /// A request without query, body and secrets.
    pub(crate) fn new(operation: Operation, method: Method, path: String, names_an_id: bool) -> Self {
        Self {
            operation,
            method,
            path,
            query: None,
            body: None,
            names_an_id,
            secrets: Vec::new(),
        }
    }
}

/// A complete answer with a status of success.
pub(crate) struct Answer {
    /// The status.
    pub status: u16,
    /// The body, wiped after use: it may hold secrets.
    pub body: Zeroizing<Vec<u8>>,
}

/// What is wrong with an answer that has a status of success.
pub(crate) enum Fault {
    /// It is not what is documented.
    Form(&'static str),
    /// The provider says in it that it refused, in these words; they are made fit to be shown by whoever gets this.
    Refused(Option<String>),
}

impl From<&'static str> for Fault {
    fn from(why: &'static str) -> Self {
        Self::Form(why)
    }
}

/// A client of one account.
pub(crate) struct Client {
    http: reqwest::Client,
    endpoint: Endpoint,
    credential: SecretString,
    header: (HeaderName, HeaderValue),
    limits: Limits,
    observer: Option<Arc<dyn Observer>>,
}

impl fmt::Debug for Client {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Client")
            .field("endpoint", &self.endpoint)
            .finish_non_exhaustive()
    }
}

impl Client {
    /// A client that sends `credential`, with `prefix` in front of it, in the header `name`.
    pub(crate) fn new(
        connection: Connection,
        name: HeaderName,
        prefix: &str,
        credential: SecretString,
    ) -> Result<Self, BuildError> {
        let Connection {
            endpoint,
            ca_bundle,
            limits,
            observer,
        } = connection;
        let text = Zeroizing::new(format!("{prefix}{}", credential.expose_secret()));
        // The check for visible ASCII is ours: a tab or a space at the end would pass as a header and fail as a key.
        if credential.expose_secret().trim().len() != credential.expose_secret().len()
            || !text.bytes().all(|b| b == b' ' || b.is_ascii_graphic())
        {
            return Err(BuildError::Credential);
        }
        let mut value = HeaderValue::from_str(&text).map_err(|_| BuildError::Credential)?;
        value.set_sensitive(true);
        let http = reqwest::Client::builder()
            .tls_backend_preconfigured(tls::client_config(ca_bundle.as_deref())?)
            .https_only(endpoint.is_https())
            .redirect(Policy::none())
            .referer(false)
            .no_proxy()
            .retry(reqwest::retry::never())
            .dns_resolver(Arc::new(Resolver(endpoint.clone())))
            .connect_timeout(limits.connect)
            .pool_idle_timeout(Duration::from_secs(30))
            .pool_max_idle_per_host(4)
            .tcp_keepalive(Duration::from_secs(30))
            .http2_keep_alive_interval(Duration::from_secs(20))
            .http2_keep_alive_timeout(Duration::from_secs(10))
            .http2_initial_stream_window_size(256 << 10)
            .http2_initial_connection_window_size(1 << 20)
            .http2_max_header_list_size(HEADERS_MAX)
            .user_agent(USER_AGENT)
            .build()
            .map_err(|error| BuildError::Client(error.without_url()))?;
        Ok(Self {
            http,
            endpoint,
            credential,
            header: (name, value),
            limits,
            observer,
        })
    }
}

/// Resolves names, and drops the addresses that the endpoint does not permit. An address written in the URL does
/// not come by here; [`Endpoint::parse`] judged it.
struct Resolver(Endpoint);

/// A name has addresses, but none that may be connected to.
#[derive(Debug, thiserror::Error)]
#[error("no permitted address")]
struct NoPermittedAddress;

impl Resolve for Resolver {
    fn resolve(&self, name: Name) -> Resolving {
        let endpoint = self.0.clone();
        Box::pin(async move {
            let found = tokio::net::lookup_host((name.as_str(), 0)).await?;
            let permitted: Vec<_> = found.filter(|address| endpoint.permits(address.ip())).collect();
            if permitted.is_empty() {
                return Err(NoPermittedAddress.into());
            }
            Ok::<Addrs, _>(Box::new(permitted.into_iter()))
        })
    }
}

/// Everything but the unreserved characters of RFC 3986.
const UNRESERVED: &AsciiSet = &NON_ALPHANUMERIC
    .remove(b'-')
    .remove(b'.')
    .remove(b'_')
    .remove(b'~');

/// `text` as one segment of a path, in which it cannot mean anything but itself.
pub(crate) fn segment(text: &str) -> Result<String, ProviderError> {
    // Dots need no escape, and escaped ones would be taken for dots all the same.
    if matches!(text, "" | "." | "..") {
        return Err(ProviderError::NotSendable {
            why: "the id cannot be written into a path",
        });
    }
    Ok(utf8_percent_encode(text, UNRESERVED).to_string())
}

#[cfg(test)]
mod tests;
