//! The way of an answer behind the socket, for fuzz targets.

use std::time::Duration;

use ::http::header::RETRY_AFTER;
use ::http::{HeaderMap, HeaderValue, StatusCode};
use secrecy::zeroize::Zeroizing;

use super::listing::{Listing, read_list};
use super::{Answer, Fault, Limits, classify, exchange};
use crate::provider::error::ProviderError;

/// What an answer about one thing comes to, as `Client::exchange` does it.
pub(in crate::provider) fn answered<T>(
    status: u16,
    body: &[u8],
    secret: &str,
    read: impl FnOnce(&Answer) -> Result<T, Fault>,
) -> Result<T, ProviderError> {
    if let Some(error) = refused(status, body, secret) {
        return Err(error);
    }
    let body = Zeroizing::new(body.to_vec());
    read(&Answer { status, body }).map_err(|fault| classify::of_fault(fault, status, [secret]))
}

/// What an answer that lists comes to, as `Client::list` does it.
pub(in crate::provider) fn listed<L: Listing>(
    status: u16,
    body: &[u8],
    secret: &str,
    listing: L,
) -> Result<L, ProviderError> {
    if let Some(error) = refused(status, body, secret) {
        return Err(error);
    }
    if status != 200 {
        return Err(exchange::unexpected(code(status)));
    }
    let limits = Limits::default();
    read_list(body, limits.list_body, listing).map_err(|fault| classify::of_list(fault, status, &limits))
}

fn refused(status: u16, body: &[u8], secret: &str) -> Option<ProviderError> {
    let code = code(status);
    ProviderError::of_status(code, None).or_else(|| {
        let refusal = || classify::refusal(body, [secret]);
        (!code.is_success()).then(|| ProviderError::of_refusal(code, true, refusal()))
    })
}

fn code(status: u16) -> StatusCode {
    StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR)
}

/// What `Retry-After` of an answer asks for; `None` too where that is no header.
pub(in crate::provider) fn retry_after(value: &[u8]) -> Option<Duration> {
    let mut headers = HeaderMap::new();
    headers.insert(RETRY_AFTER, HeaderValue::from_bytes(value).ok()?);
    exchange::retry_after(&headers)
}
