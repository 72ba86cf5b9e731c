//! Traces for an OpenTelemetry collector: one span for each turn of an object, and one for each request to a provider.
//!
//! A span is made of words of this program, names of objects and numbers; there is no way to put anything else into one
//! ([`Value`]). Nothing waits for a collector: a span falls into a queue, and is lost and counted where that is full.
//! Without `--otlp-endpoint` there is no [`Tracer`], no task and no queue. Why by hand: `docs/adr/0023`.

mod export;
mod span;
mod target;
mod wire;

use std::future::Future;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use operator_core::names::ObjectName;
use tokio::sync::mpsc;

pub use export::Exporter;
pub use span::{Ids, Role, Span, Value};
pub use target::{Target, TargetError};

use crate::metrics::{Metrics, ReconcileOutcome};
use crate::provider::http::{Observation, Observer};

/// Spans that wait for being sent.
const QUEUE: usize = 4096;

tokio::task_local! {
    /// The span that this task works in.
    static CURRENT: Ids;
}

/// Where spans fall into. Never blocks.
#[derive(Debug, Clone)]
pub struct Tracer {
    queue: mpsc::Sender<Span>,
    metrics: Arc<Metrics>,
    ids: Arc<IdSource>,
}

/// Numbers that no other process has: a random start, and a step that visits every number once.
#[derive(Debug)]
struct IdSource {
    start: [u64; 2],
    next: AtomicU64,
}

impl IdSource {
    fn draw(&self) -> [u8; 8] {
        let count = self.next.fetch_add(0x9e37_79b9_7f4a_7c15, Ordering::Relaxed);
        // An id of zeros is none.
        mixed(self.start[0] ^ count).max(1).to_be_bytes()
    }

    fn trace(&self) -> [u8; 16] {
        let mut id = [0; 16];
        id[..8].copy_from_slice(&self.start[1].to_be_bytes());
        id[8..].copy_from_slice(&self.draw());
        id
    }
}

/// The finaliser of `SplitMix64`: a permutation, so that different numbers stay different.
const fn mixed(mut z: u64) -> u64 {
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}

/// A span that is under way.
#[derive(Debug)]
pub struct Begun<'a> {
    tracer: &'a Tracer,
    ids: Ids,
    began: SystemTime,
}

/// How a turn of an object ended.
#[derive(Debug, Clone, Copy)]
pub struct Turn<'a> {
    /// The kind of the object.
    pub kind: &'static str,
    /// Its name; the namespace of a cluster-scoped one is empty.
    pub name: &'a ObjectName,
    /// The type of its provider, where that is known.
    pub provider: Option<&'static str>,
    /// The outcome.
    pub outcome: ReconcileOutcome,
}

impl Tracer {
    /// A tracer, and what its spans fall into. `start` is where ids begin: random, so that no other process has them.
    pub fn new(metrics: Arc<Metrics>, start: [u64; 2]) -> (Self, mpsc::Receiver<Span>) {
        let (queue, spans) = mpsc::channel(QUEUE);
        let ids = Arc::new(IdSource {
            start,
            next: AtomicU64::new(0),
        });
        (Self { queue, metrics, ids }, spans)
    }

    /// Begins the span of a turn.
    pub fn begin(&self) -> Begun<'_> {
        let ids = Ids {
            trace: self.ids.trace(),
            span: self.ids.draw(),
        };
        Begun {
            tracer: self,
            ids,
            began: SystemTime::now(),
        }
    }

    /// What to give the HTTP client of an account as its observer, in front of another one.
    pub fn observer(&self, provider: &'static str, next: Arc<dyn Observer>) -> Arc<dyn Observer> {
        Arc::new(Requests {
            tracer: self.clone(),
            provider,
            next,
        })
    }

    fn record(&self, span: Span) {
        if self.queue.try_send(span).is_err() {
            self.metrics.spans_dropped(1);
        }
    }

    /// A request that has just ended, as a part of the turn that this task works in.
    fn requested(&self, provider: &'static str, call: &Observation) {
        let parent = CURRENT.try_with(|ids| *ids).ok();
        let ended = SystemTime::now();
        let mut attributes = vec![
            ("webhook_operator.provider", Value::Word(provider)),
            ("webhook_operator.operation", Value::Word(call.operation.as_str())),
            (
                "webhook_operator.outcome",
                Value::Word(if call.error.is_none() { "ok" } else { "failed" }),
            ),
        ];
        attributes.extend(call.error.map(|reason| ("error.type", Value::Word(reason))));
        let status = call.status.map(|status| Value::Number(status.into()));
        attributes.extend(status.map(|status| ("http.response.status_code", status)));
        self.record(Span {
            ids: Ids {
                trace: parent.map_or_else(|| self.ids.trace(), |parent| parent.trace),
                span: self.ids.draw(),
            },
            parent: parent.map(|parent| parent.span),
            name: "provider request",
            role: Role::Client,
            began: nanoseconds(ended.checked_sub(call.elapsed).unwrap_or(ended)),
            ended: nanoseconds(ended),
            attributes,
            failed: call.error.is_some(),
        });
    }
}

impl Begun<'_> {
    /// Works within the span: what is requested meanwhile is a part of it.
    pub async fn around<F: Future>(&self, work: F) -> F::Output {
        CURRENT.scope(self.ids, work).await
    }

    /// Ends the span.
    pub fn end(self, turn: &Turn<'_>) {
        let mut attributes = vec![
            ("webhook_operator.kind", Value::Word(turn.kind)),
            ("webhook_operator.name", Value::name(turn.name)),
        ];
        if let Some(namespace) = Value::namespace(turn.name) {
            attributes.push(("k8s.namespace.name", namespace));
        }
        let provider = turn.provider.map(Value::Word);
        attributes.extend(provider.map(|provider| ("webhook_operator.provider", provider)));
        attributes.push(("webhook_operator.outcome", Value::Word(turn.outcome.as_str())));
        self.tracer.record(Span {
            ids: self.ids,
            parent: None,
            name: "reconcile",
            role: Role::Internal,
            began: nanoseconds(self.began),
            ended: nanoseconds(SystemTime::now()),
            attributes,
            failed: turn.outcome != ReconcileOutcome::Settled,
        });
    }
}

/// Tells each request to a tracer, and to the observer behind it.
#[derive(Debug)]
struct Requests {
    tracer: Tracer,
    provider: &'static str,
    next: Arc<dyn Observer>,
}

impl Observer for Requests {
    fn observed(&self, call: &Observation) {
        self.next.observed(call);
        self.tracer.requested(self.provider, call);
    }
}

/// Since 1970; what is before that, or after the year 2554, counts as its border.
fn nanoseconds(time: SystemTime) -> u64 {
    let since: Duration = time.duration_since(UNIX_EPOCH).unwrap_or_default();
    u64::try_from(since.as_nanos()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests;
