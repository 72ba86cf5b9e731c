//! What the operator counts, as `OpenMetrics` text. Every label has a bounded set of values.

mod budgets;
mod census;
mod labels;
mod list_age;

use std::fmt;
use std::sync::Arc;
use std::time::{Duration, Instant};

use operator_core::budget::Priority;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::histogram::Histogram;
use prometheus_client::metrics::info::Info;
use prometheus_client::registry::Registry;

use crate::api::v1alpha1::ProviderType;
use crate::provider::http::{Observation, Observer};
use budgets::Budgets;
pub use budgets::Left;
use census::Objects;
pub use census::{Census, Counts};
use labels::{ByKind, ByOperation, ByPoll, ByPriority, ByProvider, ByReconcile, ByRequest};
pub use labels::{Kind, PollOutcome, ReconcileOutcome};
use list_age::ListAges;

/// The media type of [`Metrics::render`].
pub const CONTENT_TYPE: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";

/// Providers answer in tens of milliseconds to tens of seconds.
const REQUEST_BUCKETS: [f64; 10] = [0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0];
/// A turn is anything from a look at the cache to several requests in a row.
const RECONCILE_BUCKETS: [f64; 10] = [0.001, 0.005, 0.025, 0.1, 0.25, 0.5, 1.0, 5.0, 15.0, 60.0];

/// A turn in the budget comes at once, or after as long as a day's limit lasts.
const QUEUE_BUCKETS: [f64; 10] = [0.1, 0.5, 1.0, 5.0, 15.0, 60.0, 300.0, 900.0, 3600.0, 14400.0];

/// A histogram in seconds, made when its labels are first seen.
type Seconds<S> = Family<S, Histogram, fn() -> Histogram>;

/// All metrics. Cheap to update from any task; never blocks for long.
#[derive(Debug)]
pub struct Metrics {
    registry: Registry,
    provider_requests: Family<ByRequest, Counter>,
    provider_request_duration: Seconds<ByOperation>,
    queue: Seconds<ByPriority>,
    budgets: Arc<Budgets>,
    objects: Arc<Objects>,
    reconciles: Family<ByReconcile, Counter>,
    reconcile_duration: Seconds<ByKind>,
    reconcile_panics: Family<ByKind, Counter>,
    drift_corrected: Family<ByProvider, Counter>,
    remote_created: Family<ByProvider, Counter>,
    remote_deleted: Family<ByProvider, Counter>,
    remote_vanished: Family<ByProvider, Counter>,
    orphans: Counter,
    list_ages: Arc<ListAges>,
    delivery_polls: Family<ByPoll, Counter>,
    events_dropped: Counter,
    spans_dropped: Counter,
    leader: Gauge,
    lease_failures: Counter,
}

impl Default for Metrics {
    fn default() -> Self {
        Self::new()
    }
}

impl Metrics {
    /// All at zero; `leader` is 0 until [`Self::set_leader`].
    pub fn new() -> Self {
        let request_seconds: fn() -> Histogram = || Histogram::new(REQUEST_BUCKETS);
        let reconcile_seconds: fn() -> Histogram = || Histogram::new(RECONCILE_BUCKETS);
        let queue_seconds: fn() -> Histogram = || Histogram::new(QUEUE_BUCKETS);
        let mut metrics = Self {
            registry: Registry::with_prefix("webhook_operator"),
            provider_requests: Family::default(),
            provider_request_duration: Family::new_with_constructor(request_seconds),
            queue: Family::new_with_constructor(queue_seconds),
            budgets: Arc::default(),
            objects: Arc::default(),
            reconciles: Family::default(),
            reconcile_duration: Family::new_with_constructor(reconcile_seconds),
            reconcile_panics: Family::default(),
            drift_corrected: Family::default(),
            remote_created: Family::default(),
            remote_deleted: Family::default(),
            remote_vanished: Family::default(),
            orphans: Counter::default(),
            list_ages: Arc::default(),
            delivery_polls: Family::default(),
            events_dropped: Counter::default(),
            spans_dropped: Counter::default(),
            leader: Gauge::default(),
            lease_failures: Counter::default(),
        };
        metrics.register_requests();
        metrics.register_remote();
        metrics.register_process();
        metrics
    }

    // The encoder appends `_total` to the names of counters.
    fn register_requests(&mut self) {
        let r = &mut self.registry;
        r.register(
            "provider_requests",
            "Requests to providers by the reason they failed for; outcome success where they did not",
            self.provider_requests.clone(),
        );
        r.register(
            "provider_request_duration_seconds",
            "Time from the first step of a request to the last byte of its answer",
            self.provider_request_duration.clone(),
        );
        r.register_collector(Box::new(Arc::clone(&self.list_ages)));
        r.register_collector(Box::new(Arc::clone(&self.budgets)));
        r.register(
            "queue_seconds",
            "Time that an object waited for its turn in the budget of its account",
            self.queue.clone(),
        );
        r.register(
            "delivery_polls",
            "Looks at the deliveries of a subscription",
            self.delivery_polls.clone(),
        );
    }

    fn register_remote(&mut self) {
        let r = &mut self.registry;
        let counters = [
            ("drift_corrected", "Remote edits put right", &self.drift_corrected),
            (
                "remote_created",
                "Remote subscriptions created",
                &self.remote_created,
            ),
            (
                "remote_deleted",
                "Remote subscriptions deleted",
                &self.remote_deleted,
            ),
            (
                "remote_vanished",
                "Remote subscriptions found gone that the operator had not deleted",
                &self.remote_vanished,
            ),
        ];
        for (name, help, family) in counters {
            r.register(name, help, family.clone());
        }
    }

    fn register_process(&mut self) {
        let r = &mut self.registry;
        r.register_collector(Box::new(Arc::clone(&self.objects)));
        r.register("reconciles", "Turns of objects", self.reconciles.clone());
        r.register(
            "reconcile_duration_seconds",
            "Time that one turn of an object took, waiting included",
            self.reconcile_duration.clone(),
        );
        r.register(
            "reconcile_panics",
            "Turns of objects that panicked; each is a bug",
            self.reconcile_panics.clone(),
        );
        r.register(
            "orphans",
            "Remote subscriptions left behind when their object was let go",
            self.orphans.clone(),
        );
        r.register(
            "events_dropped",
            "Kubernetes Events that could not be written",
            self.events_dropped.clone(),
        );
        r.register(
            "trace_spans_dropped",
            "Spans of traces that the collector did not take, or that there was no room for",
            self.spans_dropped.clone(),
        );
        r.register(
            "leader",
            "1 while this replica may write, else 0",
            self.leader.clone(),
        );
        r.register(
            "lease_failures",
            "Requests for the Lease of the leader election that did not work",
            self.lease_failures.clone(),
        );
        r.register(
            "build",
            "The version that runs",
            Info::new(vec![("version", env!("CARGO_PKG_VERSION"))]),
        );
    }

    /// One request to a provider ended.
    pub fn provider_request(&self, provider: ProviderType, call: &Observation) {
        let operation = call.operation;
        let labels = ByRequest {
            provider,
            operation,
            outcome: call.error.unwrap_or("success"),
            code: labels::code(call.status),
        };
        self.provider_requests.get_or_create(&labels).inc();
        self.provider_request_duration
            .get_or_create(&ByOperation { provider, operation })
            .observe(call.elapsed.as_secs_f64());
    }

    /// An object got its turn in the budget of an account after `waited`.
    pub fn waited(&self, provider: ProviderType, priority: Priority, waited: Duration) {
        let priority = priority.as_str();
        self.queue
            .get_or_create(&ByPriority { provider, priority })
            .observe(waited.as_secs_f64());
    }

    /// From now on `left` tells how much of an account's budget is left. `account` tells accounts of one type apart.
    pub fn budget_opened(&self, provider: ProviderType, account: u64, left: Left) {
        self.budgets.opened((provider, account), left);
    }

    /// From now on `census` counts the objects whenever somebody asks.
    pub fn ask(&self, census: Arc<dyn Census>) {
        self.objects.ask(census);
    }

    /// What to give the HTTP client of an account as its observer.
    pub fn observer(self: &Arc<Self>, provider: ProviderType) -> Arc<dyn Observer> {
        Arc::new(RequestObserver {
            metrics: Arc::clone(self),
            provider,
        })
    }

    /// One turn of an object ended. [`ReconcileOutcome::Panicked`] counts as a panic too.
    pub fn reconciled(&self, kind: Kind, outcome: ReconcileOutcome, elapsed: Duration) {
        self.reconciles
            .get_or_create(&ByReconcile { kind, outcome })
            .inc();
        self.reconcile_duration
            .get_or_create(&ByKind { kind })
            .observe(elapsed.as_secs_f64());
        if outcome == ReconcileOutcome::Panicked {
            self.reconcile_panics.get_or_create(&ByKind { kind }).inc();
        }
    }

    /// An edit made at the provider was put right.
    pub fn drift_corrected(&self, provider: ProviderType) {
        self.drift_corrected.get_or_create(&ByProvider { provider }).inc();
    }

    /// A remote subscription was created.
    pub fn remote_created(&self, provider: ProviderType) {
        self.remote_created.get_or_create(&ByProvider { provider }).inc();
    }

    /// A remote subscription was deleted.
    pub fn remote_deleted(&self, provider: ProviderType) {
        self.remote_deleted.get_or_create(&ByProvider { provider }).inc();
    }

    /// A remote subscription is gone that the operator had not deleted.
    pub fn remote_vanished(&self, provider: ProviderType) {
        self.remote_vanished.get_or_create(&ByProvider { provider }).inc();
    }

    /// An object was let go and its remote subscription left behind. Not told apart by provider: that may be what is
    /// missing.
    pub fn orphaned(&self) {
        self.orphans.inc();
    }

    /// An account was listed completely just now. `account` tells accounts of one type apart.
    pub fn list_completed(&self, provider: ProviderType, account: u64) {
        self.list_ages.completed((provider, account), Instant::now());
    }

    /// An account is no longer used, and neither its age nor its budget of interest.
    pub fn account_forgotten(&self, provider: ProviderType, account: u64) {
        self.list_ages.forgotten((provider, account));
        self.budgets.forgotten((provider, account));
    }

    /// The deliveries of one subscription were looked at.
    pub fn deliveries_polled(&self, provider: ProviderType, outcome: PollOutcome) {
        self.delivery_polls
            .get_or_create(&ByPoll { provider, outcome })
            .inc();
    }

    /// A Kubernetes Event could not be written and is lost.
    pub fn event_dropped(&self) {
        self.events_dropped.inc();
    }

    /// Spans were lost.
    pub fn spans_dropped(&self, count: u64) {
        self.spans_dropped.inc_by(count);
    }

    /// Whether this replica may write.
    pub fn set_leader(&self, leads: bool) {
        self.leader.set(i64::from(leads));
    }

    /// A request for the Lease did not work.
    pub fn lease_failed(&self) {
        self.lease_failures.inc();
    }

    /// All metrics as `OpenMetrics` text, see [`CONTENT_TYPE`].
    ///
    /// # Errors
    /// [`fmt::Error`] if a metric cannot be written, which no metric here does.
    pub fn render(&self) -> Result<String, fmt::Error> {
        let mut text = String::new();
        prometheus_client::encoding::text::encode(&mut text, &self.registry)?;
        Ok(text)
    }
}

#[derive(Debug)]
struct RequestObserver {
    metrics: Arc<Metrics>,
    provider: ProviderType,
}

impl Observer for RequestObserver {
    fn observed(&self, call: &Observation) {
        self.metrics.provider_request(self.provider, call);
    }
}

#[cfg(test)]
mod tests;
