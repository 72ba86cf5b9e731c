//! One request and its answer.

use std::io;
use std::time::{Instant, SystemTime, UNIX_EPOCH};

use ::http::header::{ACCEPT, CONTENT_TYPE, RETRY_AFTER};
use ::http::{HeaderMap, StatusCode};
use bytes::Bytes;
use futures::stream::{self, Stream};
use operator_core::retry;
use reqwest::Response;
use secrecy::ExposeSecret;
use secrecy::zeroize::Zeroizing;
use tokio::time::{self, timeout, timeout_at};
use tokio_util::io::{StreamReader, SyncIoBridge};
use tokio_util::sync::CancellationToken;

use super::listing::{Listing, read_list};
use super::{Answer, Call, Client, Fault, HEADERS_MAX, Observation, Operation, classify};
use crate::provider::error::{ProviderError, Refusal};

/// The most of a refusal's body that is looked at, in bytes.
const REFUSAL_MAX: u64 = 64 << 10;

impl Client {
    /// Sends a request and gives its whole answer to `read`, which says what it means, or what is wrong with it.
    pub(crate) async fn send<T>(
        &self,
        call: Call<'_>,
        read: impl FnOnce(&Answer) -> Result<T, &'static str> + Send,
    ) -> Result<T, ProviderError> {
        self.exchange(call, |answer| read(answer).map_err(Fault::Form))
            .await
    }

    /// The same for an API that says within a success that it refused.
    pub(crate) async fn exchange<T>(
        &self,
        mut call: Call<'_>,
        read: impl FnOnce(&Answer) -> Result<T, Fault> + Send,
    ) -> Result<T, ProviderError> {
        let (operation, begun, mut status) = (call.operation, Instant::now(), None);
        let exchange = async {
            let response = self.head(&mut call, &mut status).await?;
            let code = response.status().as_u16();
            let body = self.body(response).await?;
            let answer = Answer { status: code, body };
            read(&answer).map_err(|fault| classify::of_fault(fault, code, self.secrets(&call)))
        };
        let late = Err(ProviderError::DeadlineExceeded {
            after: self.limits.call,
        });
        let result = timeout(self.limits.call, exchange).await.unwrap_or(late);
        self.observe(operation, begun, status, result.as_ref().err());
        result
    }

    /// Sends a request and reads its answer as a list, of which no more than one element is held at a time.
    pub(crate) async fn list<L: Listing>(&self, call: Call<'_>, listing: L) -> Result<L, ProviderError> {
        let (operation, begun, mut status) = (call.operation, Instant::now(), None);
        let result = self.read_list(call, listing, &mut status).await;
        self.observe(operation, begun, status, result.as_ref().err());
        result
    }

    async fn read_list<L: Listing>(
        &self,
        mut call: Call<'_>,
        listing: L,
        status: &mut Option<u16>,
    ) -> Result<L, ProviderError> {
        let (limits, deadline) = (self.limits, time::Instant::now() + self.limits.list);
        let late = Err(ProviderError::DeadlineExceeded { after: limits.list });
        let response = timeout_at(deadline, self.head(&mut call, status))
            .await
            .unwrap_or(late)?;
        let code = response.status();
        if code != StatusCode::OK {
            return Err(unexpected(code));
        }
        check_length(&response, "the list, in bytes,", limits.list_body)?;
        // When the caller drops this future, the thread that reads must not go on until the deadline.
        let stop = CancellationToken::new();
        let _guard = stop.clone().drop_guard();
        let bytes = Box::pin(chunks(response, deadline, stop));
        let reading = tokio::task::spawn_blocking(move || {
            read_list(
                SyncIoBridge::new(StreamReader::new(bytes)),
                limits.list_body,
                listing,
            )
        });
        match reading.await {
            Ok(read) => read.map_err(|fault| classify::of_list(fault, code.as_u16(), &limits)),
            Err(_) => Err(ProviderError::Interrupted {
                why: "the reading task ended",
            }),
        }
    }

    /// Sends a request and returns its answer with the body unread, if the status is one of success.
    async fn head(&self, call: &mut Call<'_>, status: &mut Option<u16>) -> Result<Response, ProviderError> {
        let url = self.endpoint.at(&call.path, call.query);
        let (name, value) = self.header.clone();
        let mut request = self
            .http
            .request(call.method.clone(), url)
            .header(name, value)
            .header(ACCEPT, "application/json");
        if let Some(body) = call.body.take() {
            request = request
                .header(CONTENT_TYPE, "application/json")
                .body(Bytes::from_owner(body));
        }
        let response = request
            .send()
            .await
            .map_err(|error| classify::of_transport(&error))?;
        let code = response.status();
        *status = Some(code.as_u16());
        if let Some(error) = ProviderError::of_status(code, retry_after(response.headers())) {
            return Err(error);
        }
        check_headers(response.headers())?;
        if code.is_success() {
            return Ok(response);
        }
        let refusal = match read_capped(response, REFUSAL_MAX).await {
            Ok(body) => classify::refusal(&body, self.secrets(call)),
            Err(_) => Refusal::Foreign,
        };
        Err(ProviderError::of_refusal(code, call.names_an_id, refusal))
    }

    /// What must not be in a provider's words about this call.
    fn secrets<'a>(&'a self, call: &'a Call<'_>) -> impl Iterator<Item = &'a str> {
        let secrets = call.secrets.iter().map(|secret| secret.as_str());
        secrets.chain([self.credential.expose_secret()])
    }

    async fn body(&self, response: Response) -> Result<Zeroizing<Vec<u8>>, ProviderError> {
        check_length(&response, "the body, in bytes,", self.limits.body)?;
        read_capped(response, self.limits.body).await
    }

    fn observe(
        &self,
        operation: Operation,
        begun: Instant,
        status: Option<u16>,
        error: Option<&ProviderError>,
    ) {
        if let Some(observer) = &self.observer {
            let error = error.map(ProviderError::reason);
            observer.observed(&Observation {
                operation,
                status,
                error,
                elapsed: begun.elapsed(),
            });
        }
    }
}

/// A status of success that is not the documented one proves nothing.
pub(super) fn unexpected(code: StatusCode) -> ProviderError {
    ProviderError::Unintelligible {
        status: code.as_u16(),
        why: "this status is not documented here",
    }
}

fn check_headers(headers: &HeaderMap) -> Result<(), ProviderError> {
    let size: usize = headers
        .iter()
        .map(|(name, value)| name.as_str().len() + value.len() + 4)
        .sum();
    if size > HEADERS_MAX as usize {
        return Err(ProviderError::TooLarge {
            what: "the headers, in bytes,",
            limit: HEADERS_MAX.into(),
        });
    }
    Ok(())
}

fn check_length(response: &Response, what: &'static str, limit: u64) -> Result<(), ProviderError> {
    match response.content_length() {
        Some(length) if length > limit => Err(ProviderError::TooLarge { what, limit }),
        _ => Ok(()),
    }
}

async fn read_capped(mut response: Response, limit: u64) -> Result<Zeroizing<Vec<u8>>, ProviderError> {
    let mut body = Zeroizing::new(Vec::new());
    while let Some(chunk) = response
        .chunk()
        .await
        .map_err(|error| classify::of_transport(&error))?
    {
        if (body.len() + chunk.len()) as u64 > limit {
            return Err(ProviderError::TooLarge {
                what: "the body, in bytes,",
                limit,
            });
        }
        body.extend_from_slice(&chunk);
    }
    Ok(body)
}

/// The body piece by piece, until the deadline or until `stop`.
fn chunks(
    response: Response,
    deadline: time::Instant,
    stop: CancellationToken,
) -> impl Stream<Item = io::Result<Bytes>> {
    stream::unfold((response, stop), move |(mut response, stop)| async move {
        let next = tokio::select! {
            () = stop.cancelled() => Err(io::ErrorKind::ConnectionAborted.into()),
            next = timeout_at(deadline, response.chunk()) => match next {
                Err(_) => Err(io::ErrorKind::TimedOut.into()),
                // Any kind will do but those that mean "late" or "try again".
                Ok(chunk) => chunk.map_err(|_| io::ErrorKind::ConnectionAborted.into()),
            },
        };
        next.transpose().map(|chunk| (chunk, (response, stop)))
    })
}

/// How long `Retry-After` asks to wait, measured on our own clock: the answer's `Date` decides nothing.
pub(super) fn retry_after(headers: &HeaderMap) -> Option<std::time::Duration> {
    let value = headers.get(RETRY_AFTER)?.to_str().ok()?;
    let now = SystemTime::now().duration_since(UNIX_EPOCH).ok()?.as_secs();
    retry::retry_after(value, http_date, i64::try_from(now).ok()?)
}

/// Unix seconds of an HTTP date in the one form that may be sent (IMF-fixdate).
fn http_date(text: &str) -> Option<i64> {
    jiff::fmt::rfc2822::parse(text)
        .ok()
        .map(|date| date.timestamp().as_second())
}
