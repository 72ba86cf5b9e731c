//! The task that sends spans.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http::header::CONTENT_TYPE;
use http::{HeaderValue, Method, Request};
use http_body_util::{BodyExt, Full, Limited};
use hyper_rustls::{HttpsConnector, HttpsConnectorBuilder};
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::{TokioExecutor, TokioTimer};
use tokio::sync::mpsc;
use tokio::time::{Instant, timeout, timeout_at};
use tokio_util::sync::CancellationToken;

use super::span::Span;
use super::target::Target;
use super::wire;
use crate::metrics::Metrics;
use crate::provider::http::{BuildError, system_tls};

/// The most spans in one request, and how long the first of them waits for others.
const BATCH: usize = 512;
const GATHER: Duration = Duration::from_secs(5);
/// How long one request may take, and how long what is left may take when the process ends.
const PATIENCE: Duration = Duration::from_secs(10);
const FAREWELL: Duration = Duration::from_secs(2);
/// The most of an answer that is read, so that its connection can be used again.
const ANSWER_MAX: usize = 64 << 10;

/// Sends spans to a collector.
#[derive(Debug)]
pub struct Exporter {
    client: Client<HttpsConnector<HttpConnector>, Full<Bytes>>,
    target: Target,
    pod: String,
    metrics: Arc<Metrics>,
    /// The last request failed, and that was said.
    failing: bool,
}

impl Exporter {
    /// An exporter that has sent nothing yet. `pod` tells this process from others.
    ///
    /// # Errors
    /// [`BuildError`]: the system has no authorities that could be trusted.
    pub fn new(target: Target, pod: String, metrics: Arc<Metrics>) -> Result<Self, BuildError> {
        let connector = HttpsConnectorBuilder::new()
            .with_tls_config(system_tls()?)
            .https_or_http()
            .enable_http1()
            .build();
        let client = Client::builder(TokioExecutor::new())
            .pool_timer(TokioTimer::new())
            .pool_max_idle_per_host(1)
            .build(connector);
        Ok(Self {
            client,
            target,
            pod,
            metrics,
            failing: false,
        })
    }

    /// Sends what falls into the queue until `shutdown`, and then what is left, for two seconds at most.
    ///
    /// What a collector does not take is lost and counted; nothing is sent twice, and the first failure in a row is logged.
    pub async fn run(mut self, mut spans: mpsc::Receiver<Span>, shutdown: CancellationToken) {
        let mut batch = Vec::with_capacity(BATCH);
        while let Some(Some(first)) = shutdown.run_until_cancelled(spans.recv()).await {
            batch.push(first);
            let due = Instant::now() + GATHER;
            while batch.len() < BATCH {
                let room = BATCH - batch.len();
                let more = timeout_at(due, spans.recv_many(&mut batch, room));
                match shutdown.run_until_cancelled(more).await {
                    Some(Ok(1..)) => {}
                    _ => break,
                }
            }
            if shutdown.is_cancelled() {
                break;
            }
            self.send(&batch, PATIENCE).await;
            batch.clear();
        }
        while let Ok(span) = spans.try_recv() {
            batch.push(span);
        }
        for rest in batch.chunks(BATCH).take(2) {
            self.send(rest, FAREWELL / 2).await;
        }
    }

    async fn send(&mut self, spans: &[Span], patience: Duration) {
        let failure = match timeout(patience, self.post(spans)).await {
            Ok(Ok(())) => {
                if std::mem::take(&mut self.failing) {
                    tracing::info!("the collector of traces takes spans again");
                }
                return;
            }
            Ok(Err(why)) => why,
            Err(_) => Failure::Silent,
        };
        self.metrics.spans_dropped(spans.len() as u64);
        if !std::mem::replace(&mut self.failing, true) {
            tracing::warn!(
                why = %failure,
                "the collector of traces takes no spans; they are dropped and counted until it does"
            );
        }
    }

    async fn post(&self, spans: &[Span]) -> Result<(), Failure> {
        let program = (env!("CARGO_PKG_NAME"), env!("CARGO_PKG_VERSION"));
        let resource = [
            ("service.name", program.0),
            ("service.version", program.1),
            ("service.instance.id", self.pod.as_str()),
        ];
        let body = Full::new(Bytes::from(wire::request(&resource, program, spans)));
        let mut request = Request::new(body);
        *request.method_mut() = Method::POST;
        *request.uri_mut() = self.target.uri().clone();
        *request.headers_mut() = self.target.headers().clone();
        let protobuf = HeaderValue::from_static("application/x-protobuf");
        request.headers_mut().insert(CONTENT_TYPE, protobuf);
        let answer = self.client.request(request).await;
        let answer = answer.map_err(|_| Failure::Unreachable)?;
        let status = answer.status();
        // Its text is the collector's: nobody needs it here.
        let _ = Limited::new(answer.into_body(), ANSWER_MAX).collect().await;
        if status.is_success() {
            Ok(())
        } else {
            Err(Failure::Refused(status.as_u16()))
        }
    }
}

/// Why spans were not taken. No text is the collector's.
#[derive(Debug, thiserror::Error)]
enum Failure {
    #[error("it cannot be reached")]
    Unreachable,
    #[error("it does not answer in time")]
    Silent,
    #[error("it answers {0}")]
    Refused(u16),
}
