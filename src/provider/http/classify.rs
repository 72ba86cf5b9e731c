//! What a failed exchange means.

use std::error::Error as StdError;
use std::io;

use hyper_util::client::legacy;
use operator_core::redact;
use rustls::CertificateError;
use serde_json::Value;

use super::Fault;
use super::connect::ConnectError;
use super::listing::{ELEMENT_MAX, ELEMENTS_MAX, ListFault};
use crate::provider::error::{ProviderError, Refusal};

/// The error of a request that has no answer. Nothing of `error` itself is kept: the text of some shows the request.
pub(super) fn of_transport(error: &legacy::Error) -> ProviderError {
    if find::<ConnectError>(error).is_none() && !error.is_connect() {
        return interrupted(error);
    }
    of_connection(error)
}

/// The error of a connection that was not made.
pub(super) fn of_connection(error: &(dyn StdError + 'static)) -> ProviderError {
    if let Some(failed) = find::<ConnectError>(error) {
        return of_connect(failed);
    }
    if let Some(tls) = find::<rustls::Error>(error) {
        return ProviderError::TlsInvalid { why: tls_fault(tls) };
    }
    let why = find::<io::Error>(error).map_or("no connection", |error| broken(cause(error)));
    ProviderError::Unreachable { why }
}

/// The error of an answer whose body ends too soon.
pub(super) fn of_body(error: &hyper::Error) -> ProviderError {
    interrupted(error)
}

fn interrupted(error: &(dyn StdError + 'static)) -> ProviderError {
    let kind = find::<io::Error>(error).map(cause);
    ProviderError::Interrupted {
        why: kind.map_or("no valid HTTP answer", broken),
    }
}

fn of_connect(error: &ConnectError) -> ProviderError {
    let why = match error {
        ConnectError::Refused(refusal) => return ProviderError::NotAllowed { refusal: *refusal },
        ConnectError::Name(_) => "its name cannot be resolved",
        ConnectError::NoAddress => "its name has no address",
        ConnectError::Late => "no connection within the time limit",
        ConnectError::Dial(error) => broken(cause(error)),
        ConnectError::Proxy(_) => "the proxy of --provider-proxy cannot be reached",
        ConnectError::Tunnel(_) => "the proxy of --provider-proxy makes no connection to it",
    };
    ProviderError::Unreachable { why }
}

/// The kind of the innermost error: libraries wrap one in another, of kind "other".
fn cause(error: &io::Error) -> io::ErrorKind {
    let inner = error.get_ref().and_then(|inner| find::<io::Error>(inner));
    inner.map_or(error.kind(), cause)
}

/// The first error of type `T` in the chain, with a look inside of `io::Error`, which hides what it wraps.
fn find<'a, T: StdError + 'static>(error: &'a (dyn StdError + 'static)) -> Option<&'a T> {
    let mut next = Some(error);
    while let Some(error) = next {
        if let Some(found) = error.downcast_ref::<T>() {
            return Some(found);
        }
        if let Some(inner) = error.downcast_ref::<io::Error>().and_then(io::Error::get_ref)
            && let Some(found) = find::<T>(inner)
        {
            return Some(found);
        }
        next = error.source();
    }
    None
}

fn broken(kind: io::ErrorKind) -> &'static str {
    match kind {
        io::ErrorKind::ConnectionRefused => "connection refused",
        io::ErrorKind::ConnectionReset => "connection reset",
        io::ErrorKind::ConnectionAborted => "connection aborted",
        io::ErrorKind::BrokenPipe | io::ErrorKind::UnexpectedEof => "connection closed",
        io::ErrorKind::TimedOut => "connection timed out",
        io::ErrorKind::HostUnreachable | io::ErrorKind::NetworkUnreachable => "no route to it",
        _ => "network error",
    }
}

fn tls_fault(error: &rustls::Error) -> &'static str {
    match error {
        rustls::Error::InvalidCertificate(fault) => match fault {
            CertificateError::Expired | CertificateError::ExpiredContext { .. } => {
                "the certificate has expired"
            }
            CertificateError::NotValidYet | CertificateError::NotValidYetContext { .. } => {
                "the certificate is not valid yet"
            }
            CertificateError::NotValidForName | CertificateError::NotValidForNameContext { .. } => {
                "the certificate is for another name"
            }
            CertificateError::UnknownIssuer => "the certificate is not from a trusted authority",
            CertificateError::Revoked => "the certificate is revoked",
            _ => "the certificate is not valid",
        },
        rustls::Error::NoCertificatesPresented => "there is no certificate",
        rustls::Error::InvalidMessage(_) => "the server does not speak TLS",
        rustls::Error::PeerIncompatible(_) | rustls::Error::AlertReceived(_) => {
            "no TLS version (1.2 or 1.3) and cipher in common, or the server refuses the handshake"
        }
        _ => "the handshake failed",
    }
}

/// What the body of a refusal is; the provider's message in it is made fit to be shown.
pub(super) fn refusal<'a>(body: &[u8], secrets: impl IntoIterator<Item = &'a str>) -> Refusal {
    if body.trim_ascii().is_empty() {
        return Refusal::Bare;
    }
    match serde_json::from_slice::<Value>(body) {
        Ok(Value::Object(members)) => match members.get("message") {
            Some(Value::String(message)) => Refusal::Documented(redact::shown(message, secrets)),
            _ => Refusal::Bare,
        },
        _ => Refusal::Foreign,
    }
}

/// The error of an answer with a status of success that is none.
pub(super) fn of_fault<'a>(
    fault: Fault,
    status: u16,
    secrets: impl IntoIterator<Item = &'a str>,
) -> ProviderError {
    match fault {
        Fault::Form(why) => ProviderError::Unintelligible { status, why },
        Fault::Refused(message) => ProviderError::Rejected {
            status,
            message: message.map(|message| redact::shown(&message, secrets)),
        },
    }
}

/// The error of a list that could not be read.
pub(super) fn of_list(fault: ListFault, status: u16, limits: &super::Limits) -> ProviderError {
    match fault {
        ListFault::Read(io::ErrorKind::TimedOut) => ProviderError::DeadlineExceeded { after: limits.list },
        ListFault::Read(_) => ProviderError::Interrupted {
            why: "the list is cut off",
        },
        ListFault::Body => ProviderError::TooLarge {
            what: "the list, in bytes,",
            limit: limits.list_body,
        },
        ListFault::Element => ProviderError::TooLarge {
            what: "one element, in bytes,",
            limit: ELEMENT_MAX,
        },
        ListFault::Elements => ProviderError::TooLarge {
            what: "the number of elements",
            limit: ELEMENTS_MAX,
        },
        ListFault::Form(why) => ProviderError::Unintelligible { status, why },
    }
}
