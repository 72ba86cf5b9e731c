use std::sync::Mutex;
use std::time::Instant;

use axum::Router;
use axum::body::Bytes;
use axum::http::{Method, StatusCode};
use axum::response::{IntoResponse, Response};
use serde_json::{Value, json};

use super::*;
use crate::gate::Gate;

/// An apiserver that keeps one Lease, or fails.
#[derive(Default)]
struct Apiserver {
    lease: Option<Value>,
    version: u64,
    /// What every request is refused with.
    fails: Option<StatusCode>,
    /// Whether creates are forbidden.
    create_forbidden: bool,
}

type Shared = Arc<Mutex<Apiserver>>;

fn answer(apiserver: &Shared, method: &Method, body: &Bytes) -> Response {
    let mut apiserver = apiserver.lock().unwrap();
    let refused = |code: StatusCode| {
        let reason = if code == StatusCode::NOT_FOUND {
            "NotFound"
        } else {
            ""
        };
        let status = json!({"kind": "Status", "status": "Failure", "code": code.as_u16(), "message": "", "reason": reason});
        let headers = [("content-type", "application/json"), ("retry-after", "86400")];
        (code, headers, status.to_string()).into_response()
    };
    if let Some(code) = apiserver.fails {
        return refused(code);
    }
    if method == Method::POST && apiserver.create_forbidden {
        return refused(StatusCode::FORBIDDEN);
    }
    if method != Method::GET {
        let mut lease: Value = serde_json::from_slice(body).unwrap();
        let version = lease["metadata"]["resourceVersion"].as_str().map(str::to_owned);
        let current = apiserver.lease.as_ref().map(|_| apiserver.version.to_string());
        if version != current {
            return refused(StatusCode::CONFLICT);
        }
        apiserver.version += 1;
        lease["metadata"]["resourceVersion"] = json!(apiserver.version.to_string());
        apiserver.lease = Some(lease);
    }
    match &apiserver.lease {
        None => refused(StatusCode::NOT_FOUND),
        Some(lease) => ([("content-type", "application/json")], lease.to_string()).into_response(),
    }
}

/// In milliseconds, the last as short as it may be.
fn terms(duration: u64, renew_deadline: u64) -> Terms {
    let millis = Duration::from_millis;
    Terms::new(millis(duration), millis(renew_deadline), millis(100)).unwrap()
}

/// The shortest terms there are.
fn shortest() -> Terms {
    terms(2_000, 1_000)
}

/// Terms that leave a busy machine seconds between what comes at once, the deadline and the takeover.
fn long() -> Terms {
    terms(6_000, 3_000)
}

fn candidate(
    apiserver: &Shared,
    identity: &str,
    first: bool,
    terms: Terms,
) -> (Candidacy, Leadership, Arc<Readiness>) {
    let (candidacy, leadership, readiness, _) = counted(apiserver, identity, first, terms);
    (candidacy, leadership, readiness)
}

fn counted(
    apiserver: &Shared,
    identity: &str,
    first: bool,
    terms: Terms,
) -> (Candidacy, Leadership, Arc<Readiness>, Arc<Metrics>) {
    let served = Arc::clone(apiserver);
    let router = Router::new()
        .fallback(move |method: Method, body: Bytes| std::future::ready(answer(&served, &method, &body)));
    let standing = Standing {
        client: Client::new(router, "operators"),
        namespace: "operators",
        name: "lease",
        identity: identity.to_owned(),
        terms,
        first,
    };
    let (leadership, readiness) = (Leadership::none(), Arc::new(Readiness::new()));
    let metrics = Arc::new(Metrics::new());
    let candidacy = stand(
        standing,
        leadership.clone(),
        Arc::clone(&metrics),
        Arc::clone(&readiness),
    );
    (candidacy, leadership, readiness, metrics)
}

#[tokio::test]
async fn an_apiserver_that_says_to_come_back_tomorrow_is_asked_again_and_ends_the_leader_before_anybody_else_could_begin()
 {
    let apiserver = Shared::default();
    let (mut leader, leadership, _) = candidate(&apiserver, "one", true, long());
    leadership.won().await;
    let (_other, other_leadership, _) = candidate(&apiserver, "two", false, long());
    apiserver.lock().unwrap().fails = Some(StatusCode::TOO_MANY_REQUESTS);
    let begun = Instant::now();
    let left = leadership.left().unwrap();
    assert!(left <= Duration::from_secs(3));
    assert_eq!(leader.lost().await, LeadershipLost::Deadline);
    assert!(
        begun.elapsed() <= left + Duration::from_millis(2_500),
        "{:?}",
        begun.elapsed()
    );
    assert!(!leadership.may_write());
    assert!(!other_leadership.may_write());
    // `Retry-After: 86400` is in every answer, and the next request came all the same.
    apiserver.lock().unwrap().fails = None;
    other_leadership.won().await;
}

#[tokio::test]
async fn what_is_given_up_is_taken_at_once_and_what_is_only_left_is_not() {
    let apiserver = Shared::default();
    let (first, leadership, _) = candidate(&apiserver, "one", true, long());
    leadership.won().await;
    let (second, waiting, readiness) = candidate(&apiserver, "two", false, long());
    while !readiness.is_ready() {
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    assert!(!waiting.may_write());
    let begun = Instant::now();
    first.release().await;
    assert!(!leadership.may_write());
    waiting.won().await;
    assert!(begun.elapsed() < Duration::from_secs(5), "{:?}", begun.elapsed());
    second.abandon();
    let (_third, waiting, _) = candidate(&apiserver, "three", false, long());
    let begun = Instant::now();
    waiting.won().await;
    assert!(begun.elapsed() >= Duration::from_secs(6), "{:?}", begun.elapsed());
    let transitions = apiserver.lock().unwrap().lease.as_ref().unwrap()["spec"]["leaseTransitions"].clone();
    assert_eq!(transitions, 3);
}

#[tokio::test]
async fn a_lease_that_cannot_be_read_is_said_at_the_probe() {
    let apiserver = Shared::default();
    apiserver.lock().unwrap().fails = Some(StatusCode::SERVICE_UNAVAILABLE);
    let (_candidacy, _, readiness) = candidate(&apiserver, "one", true, shortest());
    reported(&readiness, "cannot read it").await;
    assert!(!readiness.is_ready());
}

/// Waits until the report of the probes has `text`.
async fn reported(readiness: &Readiness, text: &str) {
    while !readiness.report().1.contains(text) {
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}

#[tokio::test]
async fn who_must_not_use_the_lease_says_so_and_leads_as_soon_as_it_may() {
    let apiserver = Shared::default();
    apiserver.lock().unwrap().fails = Some(StatusCode::FORBIDDEN);
    let (_candidacy, leadership, readiness, metrics) = counted(&apiserver, "one", true, shortest());
    reported(&readiness, "cannot read it").await;
    apiserver.lock().unwrap().fails = None;
    apiserver.lock().unwrap().create_forbidden = true;
    reported(&readiness, "cannot write it").await;
    assert!(!readiness.is_ready() && !leadership.may_write());
    let text = metrics.render().unwrap();
    assert!(
        !text.contains("webhook_operator_lease_failures_total 0\n"),
        "{text}"
    );
    apiserver.lock().unwrap().create_forbidden = false;
    leadership.won().await;
    assert!(readiness.is_ready());
}

#[tokio::test]
async fn who_must_not_create_the_lease_uses_one_that_somebody_else_created() {
    let apiserver = Shared::default();
    apiserver.lock().unwrap().create_forbidden = true;
    let (_candidacy, leadership, readiness) = candidate(&apiserver, "one", false, shortest());
    reported(&readiness, "cannot write it").await;
    {
        let mut apiserver = apiserver.lock().unwrap();
        apiserver.version += 1;
        let metadata = json!({"name": "lease", "namespace": "operators", "resourceVersion": apiserver.version.to_string()});
        apiserver.lease = Some(json!({"metadata": metadata, "spec": {}}));
    }
    leadership.won().await;
    assert!(readiness.is_ready());
}

#[tokio::test]
async fn renewals_come_in_time_beside_ten_thousand_busy_tasks() {
    let apiserver = Shared::default();
    // A deadline that a busy machine keeps as well; starved renewals would not keep it either.
    let (_candidacy, leadership, _) = candidate(&apiserver, "one", true, terms(20_000, 10_000));
    leadership.won().await;
    for _ in 0..10_000 {
        tokio::spawn(async {
            loop {
                tokio::task::yield_now().await;
            }
        });
    }
    let renewals = || apiserver.lock().unwrap().version;
    let before = renewals();
    while renewals() < before + 10 {
        assert!(leadership.may_write(), "after {} renewals", renewals() - before);
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}
