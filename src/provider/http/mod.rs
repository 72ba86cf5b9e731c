//! The only HTTP client: hyper's, with a connector of our own (docs/adr/0014). What a comfortable client would do on its
//! own is not there: no redirect is followed, nothing is repeated, no proxy or certificate of the environment is
//! asked for, nothing is decompressed, so that the bounds count what is kept.
//!
//! - Every address is judged before it is connected to (see [`Egress`]).
//! - The one repetition below is a second connection when an idle one turns out to be closed before a byte of the
//!   request was written.
//! - One deadline for the whole call, bounds for headers and body.
//! - Errors say what went wrong in our words; the libraries' own may print the URL, serde's quote the body.

mod classify;
mod connect;
mod connections;
mod egress;
mod endpoint;
mod exchange;
#[cfg(any(test, feature = "fuzzing"))]
pub(in crate::provider) mod fuzzing;
mod gated;
pub(crate) mod listing;
mod network;
mod observe;
mod proxy;
mod reach;
mod tls;

use std::fmt;
use std::io;
use std::sync::Arc;
use std::time::Duration;

use ::http::{HeaderName, HeaderValue, Method};
#[cfg(test)]
use operator_core::address::Scope;
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use secrecy::zeroize::Zeroizing;
use secrecy::{ExposeSecret, SecretString};

pub use egress::{Egress, Rules};
pub use endpoint::{Endpoint, EndpointError};
pub use network::{Network, Opening, System};
pub use observe::{Observation, Observer, Operation};
pub use proxy::{Proxy, ProxyError};
pub use reach::{ReachError, reach};
pub(crate) use tls::system_tls;

use connect::Connector;
use connections::Connections;

use super::error::ProviderError;
use crate::gate::Gate;

/// The most that the headers of an answer may take, in bytes.
const HEADERS_MAX: u32 = 32 << 10;

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
    /// What may be reached, and through what.
    pub egress: Egress,
    /// PEM certificates that are trusted instead of the system's.
    pub ca_bundle: Option<Vec<u8>>,
    /// Bounds.
    pub limits: Limits,
    /// Who is told of each call.
    pub observer: Option<Arc<dyn Observer>>,
    /// What all requests have to pass.
    pub gate: Option<Arc<dyn Gate>>,
    /// What would change something is not sent.
    pub read_only: bool,
}

impl Connection {
    /// A connection with the system's roots, the usual limits, no observer and no gate, over which anything may be sent.
    pub fn new(endpoint: Endpoint, egress: Egress) -> Self {
        Self {
            endpoint,
            egress,
            ca_bundle: None,
            limits: Limits::default(),
            observer: None,
            gate: None,
            read_only: false,
        }
    }

    /// The same to a server of the test, on this machine.
    #[cfg(test)]
    pub(crate) fn local(endpoint: Endpoint) -> Self {
        let rules = Rules {
            allow_insecure_http: true,
            ..Rules::strict()
        };
        Self::new(endpoint, rules.of(Scope::Namespaced))
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
    connections: Connections,
    endpoint: Endpoint,
    credential: SecretString,
    header: (HeaderName, HeaderValue),
    limits: Limits,
    observer: Option<Arc<dyn Observer>>,
    gate: Option<Arc<dyn Gate>>,
    read_only: bool,
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
            egress,
            ca_bundle,
            limits,
            observer,
            gate,
            read_only,
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
        let tls = tls::client_config(ca_bundle.as_deref())?;
        let connector = Connector::new(egress, tls, endpoint.is_https(), limits.connect, gate.clone());
        Ok(Self {
            connections: Connections::new(connector),
            endpoint,
            credential,
            header: (name, value),
            limits,
            observer,
            gate,
            read_only,
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
    if operator_core::planted!(RawIdsInPaths) {
        return Ok(text.to_owned());
    }
    if matches!(text, "" | "." | "..") {
        return Err(ProviderError::NotSendable {
            why: "the id cannot be written into a path",
        });
    }
    Ok(utf8_percent_encode(text, UNRESERVED).to_string())
}

#[cfg(test)]
mod tests;
