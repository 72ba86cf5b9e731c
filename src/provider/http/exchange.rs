//! One request and its answer.

use std::io;
use std::time::{Instant, SystemTime, UNIX_EPOCH};

use ::http::header::{ACCEPT, CONTENT_TYPE, LOCATION, RETRY_AFTER, USER_AGENT};
use ::http::{HeaderMap, HeaderValue, Request, Response, StatusCode};
use bytes::Bytes;
use futures::stream::{self, Stream};
use http_body_util::{BodyExt, Full};
use hyper::body::{Body, Incoming};
use operator_core::retry;
use secrecy::ExposeSecret;
use secrecy::zeroize::Zeroizing;
use tokio::time::{self, timeout, timeout_at};
use tokio_util::io::{StreamReader, SyncIoBridge};
use tokio_util::sync::CancellationToken;

use super::listing::{Listing, read_list};
use super::{Answer, Call, Client, Fault, HEADERS_MAX, Observation, Operation, classify};
use crate::gate::{Closed, pass};
use crate::provider::error::{ProviderError, Refusal};

/// The most of a refusal's body that is looked at, in bytes.
const REFUSAL_MAX: u64 = 64 << 10;
const AGENT: HeaderValue = HeaderValue::from_static(concat!("webhook-operator/", env!("CARGO_PKG_VERSION")));
const JSON: HeaderValue = HeaderValue::from_static("application/json");

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
        let limited = async { timeout(self.limits.call, exchange).await.unwrap_or(late) };
        let result = match self.gate.as_deref() {
            None => limited.await,
            Some(gate) => match pass(gate, limited).await {
                Ok(result) => result,
                Err(Closed { begun: true }) => Err(ProviderError::DeadlineExceeded {
                    after: begun.elapsed(),
                }),
                Err(Closed { begun: false }) => Err(ProviderError::NotSendable {
                    why: "this replica does not lead",
                }),
            },
        };
        self.renew_after(result.as_ref().err());
        self.observe(operation, begun, status, result.as_ref().err());
        result
    }

    fn renew_after(&self, error: Option<&ProviderError>) {
        if matches!(error, Some(ProviderError::DeadlineExceeded { .. })) {
            self.connections.renew();
        }
    }

    /// Sends a request and reads its answer as a list, of which no more than one element is held at a time.
    pub(crate) async fn list<L: Listing>(&self, call: Call<'_>, listing: L) -> Result<L, ProviderError> {
        let (operation, begun, mut status) = (call.operation, Instant::now(), None);
        let result = self.read_list(call, listing, &mut status).await;
        self.renew_after(result.as_ref().err());
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
    async fn head(
        &self,
        call: &mut Call<'_>,
        status: &mut Option<u16>,
    ) -> Result<Response<Incoming>, ProviderError> {
        if self.read_only && !call.method.is_safe() {
            return Err(ProviderError::NotSendable {
                why: "the operator runs with --dry-run",
            });
        }
        let url = self.endpoint.at(&call.path, call.query);
        let (name, value) = self.header.clone();
        if operator_core::planted!(LogTheCredential) {
            tracing::info!(credential = self.credential.expose_secret(), "sending");
        }
        let mut request = Request::builder()
            .method(call.method.clone())
            .uri(url.as_str())
            .header(USER_AGENT, AGENT)
            .header(ACCEPT, JSON)
            .header(name, value);
        let body = call.body.take().map(Bytes::from_owner);
        if body.is_some() {
            request = request.header(CONTENT_TYPE, JSON);
        }
        let request =
            request
                .body(Full::new(body.unwrap_or_default()))
                .map_err(|_| ProviderError::NotSendable {
                    why: "it does not make a valid request",
                })?;
        let mut sent = self.connections.pool().request(request).await;
        if operator_core::planted!(FollowRedirects)
            && let Some(to) = sent.as_ref().ok().and_then(|sent| sent.headers().get(LOCATION))
        {
            let (name, value) = self.header.clone();
            let again = Request::builder().uri(to.as_bytes()).header(name, value);
            if let Ok(again) = again.body(Full::default()) {
                sent = self.connections.pool().request(again).await;
            }
        }
        let response = sent.map_err(|error| classify::of_transport(&error))?;
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

    async fn body(&self, response: Response<Incoming>) -> Result<Zeroizing<Vec<u8>>, ProviderError> {
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

fn check_length(response: &Response<Incoming>, what: &'static str, limit: u64) -> Result<(), ProviderError> {
    match response.body().size_hint().exact() {
        Some(length) if length > limit => Err(ProviderError::TooLarge { what, limit }),
        _ => Ok(()),
    }
}

/// The next piece of a body that is not empty; trailers mean nothing here.
async fn piece(body: &mut Incoming) -> Option<Result<Bytes, hyper::Error>> {
    loop {
        match body.frame().await?.map(hyper::body::Frame::into_data) {
            Ok(Ok(data)) => return Some(Ok(data)),
            Ok(Err(_trailers)) => {}
            Err(error) => return Some(Err(error)),
        }
    }
}

async fn read_capped(response: Response<Incoming>, limit: u64) -> Result<Zeroizing<Vec<u8>>, ProviderError> {
    let mut incoming = response.into_body();
    let mut body = Zeroizing::new(Vec::new());
    while let Some(chunk) = piece(&mut incoming).await {
        let chunk = chunk.map_err(|error| classify::of_body(&error))?;
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
    response: Response<Incoming>,
    deadline: time::Instant,
    stop: CancellationToken,
) -> impl Stream<Item = io::Result<Bytes>> {
    stream::unfold((response.into_body(), stop), move |(mut body, stop)| async move {
        let next = tokio::select! {
            () = stop.cancelled() => Some(Err(io::ErrorKind::ConnectionAborted.into())),
            next = timeout_at(deadline, piece(&mut body)) => match next {
                Err(_) => Some(Err(io::ErrorKind::TimedOut.into())),
                // Any kind will do but those that mean "late" or "try again".
                Ok(chunk) => chunk.map(|chunk| chunk.map_err(|_| io::ErrorKind::ConnectionAborted.into())),
            },
        };
        next.map(|chunk| (chunk, (body, stop)))
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
