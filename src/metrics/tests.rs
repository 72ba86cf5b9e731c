use std::collections::BTreeMap;

use super::*;
use crate::provider::http::Operation;

const DIXA: ProviderType = ProviderType::Dixa;

/// The value of the line that starts with `series`, which includes its labels.
fn value(metrics: &Metrics, series: &str) -> Option<f64> {
    let text = metrics.render().unwrap();
    let line = text
        .lines()
        .find_map(|line| line.strip_prefix(series)?.strip_prefix(' ').map(str::to_owned))?;
    line.parse().ok()
}

/// A census of three objects, of which one has a reason that no version of the operator writes.
struct Three;

impl Census for Three {
    fn count(&self, counts: &mut Counts) {
        counts.object(Kind::Subscription, Some(("False", "InsecureURL")));
        counts.object(Kind::Subscription, Some(("Perhaps", "Invented")));
        counts.object(Kind::Provider, None);
        counts.delivery("False");
    }
}

#[test]
fn of_several_accounts_the_one_with_least_is_told_until_it_is_forgotten() {
    let metrics = Metrics::new();
    let series = r#"webhook_operator_budget_left_ratio{provider="Dixa"}"#;
    for (account, left) in [(1, Some(0.5)), (2, Some(0.25)), (3, None)] {
        metrics.budget_opened(DIXA, account, Arc::new(move || left));
    }
    assert_eq!(value(&metrics, series), Some(0.25));
    metrics.account_forgotten(DIXA, 2);
    assert_eq!(value(&metrics, series), Some(0.5));
    metrics.account_forgotten(DIXA, 1);
    assert_eq!(value(&metrics, series), None);
}

#[test]
fn everything_that_is_told_shows_under_its_documented_name() {
    let metrics = Arc::new(Metrics::new());
    let call = |status, error| Observation {
        operation: Operation::Create,
        status,
        error,
        elapsed: Duration::from_millis(5),
    };
    metrics.provider_request(DIXA, &call(Some(201), None));
    metrics.provider_request(DIXA, &call(Some(429), Some("Throttled")));
    metrics.provider_request(DIXA, &call(Some(418), Some("RefusedByProvider")));
    metrics.provider_request(DIXA, &call(None, Some("ProviderUnreachable")));
    metrics.waited(DIXA, Priority::Delete, Duration::from_secs(2));
    metrics.budget_opened(DIXA, 1, Arc::new(|| Some(1.0)));
    metrics.ask(Arc::new(Three));
    metrics.reconciled(
        Kind::Subscription,
        ReconcileOutcome::Settled,
        Duration::from_millis(2),
    );
    metrics.reconciled(
        Kind::ClusterProvider,
        ReconcileOutcome::Panicked,
        Duration::from_millis(2),
    );
    metrics.drift_corrected(DIXA);
    metrics.remote_created(DIXA);
    metrics.remote_deleted(DIXA);
    metrics.remote_vanished(DIXA);
    metrics.orphaned();
    metrics.deliveries_polled(DIXA, PollOutcome::Failing);
    metrics.event_dropped();
    metrics.spans_dropped(1);
    metrics.set_leader(true);
    metrics.lease_failed();
    for series in [
        r#"provider_requests_total{provider="Dixa",operation="create",outcome="success",code="201"}"#,
        r#"provider_requests_total{provider="Dixa",operation="create",outcome="Throttled",code="429"}"#,
        r#"provider_requests_total{provider="Dixa",operation="create",outcome="RefusedByProvider",code="4xx"}"#,
        r#"provider_requests_total{provider="Dixa",operation="create",outcome="ProviderUnreachable",code="none"}"#,
        r#"queue_seconds_count{provider="Dixa",priority="delete"}"#,
        r#"budget_left_ratio{provider="Dixa"}"#,
        r#"objects{kind="WebhookSubscription",ready="False",reason="InsecureURL"}"#,
        r#"objects{kind="WebhookProvider",ready="Unknown",reason="NotChecked"}"#,
        r#"objects{kind="WebhookSubscription",ready="Unknown",reason="other"}"#,
        r#"deliveries{healthy="False"}"#,
        r#"reconciles_total{kind="WebhookSubscription",outcome="settled"}"#,
        r#"reconciles_total{kind="ClusterWebhookProvider",outcome="panicked"}"#,
        r#"reconcile_duration_seconds_count{kind="WebhookSubscription"}"#,
        r#"reconcile_panics_total{kind="ClusterWebhookProvider"}"#,
        r#"drift_corrected_total{provider="Dixa"}"#,
        r#"remote_created_total{provider="Dixa"}"#,
        r#"remote_deleted_total{provider="Dixa"}"#,
        r#"remote_vanished_total{provider="Dixa"}"#,
        "orphans_total",
        r#"delivery_polls_total{provider="Dixa",outcome="failing"}"#,
        "events_dropped_total",
        "trace_spans_dropped_total",
        "leader",
        "lease_failures_total",
    ] {
        let series = format!("webhook_operator_{series}");
        assert_eq!(
            value(&metrics, &series),
            Some(1.0),
            "{series}\n{}",
            metrics.render().unwrap()
        );
    }
    let durations =
        r#"webhook_operator_provider_request_duration_seconds_count{provider="Dixa",operation="create"}"#;
    assert_eq!(value(&metrics, durations), Some(4.0));
    let build = format!(
        r#"webhook_operator_build_info{{version="{}"}}"#,
        env!("CARGO_PKG_VERSION")
    );
    assert_eq!(value(&metrics, &build), Some(1.0));
}

#[test]
fn the_text_ends_as_openmetrics_demands_and_every_name_has_the_prefix() {
    let metrics = Metrics::new();
    metrics.list_completed(DIXA, 1);
    let text = metrics.render().unwrap();
    assert!(text.ends_with("# EOF\n"), "{text}");
    for line in text.lines().filter(|line| *line != "# EOF") {
        let name = line.trim_start_matches("# HELP ").trim_start_matches("# TYPE ");
        assert!(name.starts_with("webhook_operator_"), "{line}");
    }
}

#[test]
fn the_observer_counts_a_call_for_its_provider_by_its_error() {
    let metrics = Arc::new(Metrics::new());
    let observer = metrics.observer(DIXA);
    let call = Observation {
        operation: Operation::List,
        status: Some(200),
        error: None,
        elapsed: Duration::from_millis(80),
    };
    observer.observed(&call);
    observer.observed(&Observation {
        status: None,
        error: Some("ProviderUnreachable"),
        ..call
    });
    let of = |outcome: &str, code: &str| {
        let labels = format!(r#"provider="Dixa",operation="list",outcome="{outcome}",code="{code}""#);
        value(
            &metrics,
            &format!("webhook_operator_provider_requests_total{{{labels}}}"),
        )
    };
    assert_eq!(of("success", "200"), Some(1.0));
    assert_eq!(of("ProviderUnreachable", "none"), Some(1.0));
}

#[test]
fn the_age_of_lists_is_that_of_the_account_listed_longest_ago() {
    let ages = ListAges::default();
    let start = Instant::now();
    ages.completed((DIXA, 1), start);
    ages.completed((DIXA, 2), start);
    ages.completed((DIXA, 2), start + Duration::from_secs(50));
    let now = start + Duration::from_mins(1);
    assert_eq!(ages.oldest(now), BTreeMap::from([(DIXA, Duration::from_mins(1))]));
    ages.forgotten((DIXA, 1));
    assert_eq!(
        ages.oldest(now),
        BTreeMap::from([(DIXA, Duration::from_secs(10))])
    );
    ages.forgotten((DIXA, 2));
    assert_eq!(ages.oldest(now), BTreeMap::new());
}

#[test]
fn the_age_of_lists_is_worked_out_when_it_is_asked_for() {
    let metrics = Metrics::new();
    let series = r#"webhook_operator_list_age_seconds{provider="Dixa"}"#;
    assert_eq!(value(&metrics, series), None);
    metrics.list_completed(DIXA, 1);
    let age = value(&metrics, series).unwrap();
    assert!((0.0..60.0).contains(&age), "{age}");
    metrics.account_forgotten(DIXA, 1);
    assert_eq!(value(&metrics, series), None);
}

/// What is told of one tenant: every call, with every outcome that there is.
fn everything_of(metrics: &Arc<Metrics>, tenant: u64) {
    let time = Duration::from_millis(2);
    for provider in [ProviderType::Dixa, ProviderType::Babel, ProviderType::Bird] {
        metrics.list_completed(provider, tenant);
        let observer = metrics.observer(provider);
        for operation in [
            Operation::List,
            Operation::Create,
            Operation::Update,
            Operation::Delete,
        ] {
            for error in [None, Some("Throttled"), Some("Unauthenticated")] {
                observer.observed(&Observation {
                    operation,
                    status: None,
                    error,
                    elapsed: time,
                });
            }
        }
        metrics.budget_opened(provider, tenant, Arc::new(|| Some(0.5)));
        for priority in [Priority::Edit, Priority::Delivery] {
            metrics.waited(provider, priority, time);
        }
        metrics.drift_corrected(provider);
        metrics.remote_created(provider);
        metrics.remote_deleted(provider);
        metrics.remote_vanished(provider);
        for outcome in [PollOutcome::Healthy, PollOutcome::Failing, PollOutcome::Error] {
            metrics.deliveries_polled(provider, outcome);
        }
    }
    for kind in [Kind::Subscription, Kind::Provider, Kind::ClusterProvider] {
        for outcome in [
            ReconcileOutcome::Settled,
            ReconcileOutcome::Retrying,
            ReconcileOutcome::Panicked,
        ] {
            metrics.reconciled(kind, outcome, time);
        }
    }
    metrics.orphaned();
    metrics.event_dropped();
    metrics.spans_dropped(1);
}

/// Every line without its value.
fn series(metrics: &Metrics) -> Vec<String> {
    let text = metrics.render().unwrap();
    let lines = text.lines().filter(|line| !line.starts_with('#'));
    let mut all: Vec<String> = lines
        .filter_map(|line| line.rsplit_once(' '))
        .map(|(name, _)| name.to_owned())
        .collect();
    all.sort();
    all
}

#[test]
fn ten_thousand_tenants_make_no_more_series_than_one() {
    let metrics = Arc::new(Metrics::new());
    everything_of(&metrics, 0);
    let of_one = series(&metrics);
    for tenant in 1..10_000 {
        everything_of(&metrics, tenant);
    }
    assert_eq!(series(&metrics), of_one);
    // No label is there that a tenant could fill.
    for line in &of_one {
        let labels = line.split_once('{').map_or("", |(_, labels)| labels);
        for label in labels
            .trim_end_matches('}')
            .split(',')
            .filter(|label| !label.is_empty())
        {
            let name = label.split('=').next().unwrap();
            assert!(
                [
                    "provider",
                    "operation",
                    "outcome",
                    "code",
                    "priority",
                    "kind",
                    "version",
                    "le"
                ]
                .contains(&name),
                "{line}"
            );
        }
    }
}

/// As many objects as an argument says, each with a reason of its own.
struct Many(u64);

impl Census for Many {
    fn count(&self, counts: &mut Counts) {
        for object in 0..self.0 {
            counts.object(Kind::Subscription, Some(("False", &format!("Invented{object}"))));
            counts.delivery(&format!("Perhaps{object}"));
        }
    }
}

#[test]
fn ten_thousand_objects_make_no_more_series_than_one() {
    let metrics = Metrics::new();
    metrics.ask(Arc::new(Many(1)));
    let of_one = series(&metrics);
    metrics.ask(Arc::new(Many(10_000)));
    assert_eq!(series(&metrics), of_one);
    let all = r#"webhook_operator_objects{kind="WebhookSubscription",ready="False",reason="other"}"#;
    assert_eq!(value(&metrics, all), Some(10_000.0));
}

#[test]
fn every_status_of_an_answer_is_one_of_a_few_codes() {
    let codes: std::collections::BTreeSet<&str> =
        (0..=u16::MAX).map(|status| labels::code(Some(status))).collect();
    assert!(codes.len() <= 20, "{codes:?}");
    assert_eq!(labels::code(Some(503)), "503");
    assert_eq!(labels::code(Some(418)), "4xx");
}
