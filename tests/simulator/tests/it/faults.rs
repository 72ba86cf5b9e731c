//! Every fault action, and which requests a plan hits.

use crate::rig::{DEADLINE, Rig, body};
use http::Method;
use provider_simulator::{FaultAction, FaultPlan, GarbageKind, Milestone, Phase, RequestFilter, Wait, When};
use serde_json::json;
use std::time::{Duration, Instant};

fn creates() -> RequestFilter {
    RequestFilter::operation("dixa", "create")
}

fn lists() -> RequestFilter {
    RequestFilter::operation("dixa", "list")
}

#[tokio::test]
async fn fail_before_answers_the_error_and_changes_nothing() {
    let rig = Rig::start().await;
    let action = FaultAction::FailBefore {
        status: 503,
        body: None,
        retry_after: Some("7".to_owned()),
    };
    rig.simulator.add_fault(FaultPlan::nth(creates(), 1, action));
    let failed = rig.post(&body("a")).await;
    assert_eq!(
        (failed.status.as_u16(), &failed.headers["retry-after"]),
        (503, &"7".parse().unwrap())
    );
    assert_eq!(rig.simulator.dixa().count(), 0);
    assert_eq!(rig.post(&body("a")).await.status, 201);
    let log = rig.simulator.log();
    assert_eq!(
        (log[0].status, log[0].provider_status, log[0].applied),
        (Some(503), None, false)
    );
    assert_eq!(log[0].faults, [1]);
}

#[tokio::test]
async fn fail_before_sends_the_body_it_was_given() {
    let rig = Rig::start().await;
    let text = FaultAction::fail_with(502, json!("<h1>no</h1>"));
    rig.simulator.add_fault(FaultPlan::nth(lists(), 1, text));
    let object = FaultAction::fail_with(400, json!({"message": "own"}));
    rig.simulator.add_fault(FaultPlan::nth(lists(), 2, object));
    assert_eq!(rig.get("/v1/webhooks").await.body, "<h1>no</h1>");
    assert_eq!(rig.get("/v1/webhooks").await.json(), json!({"message": "own"}));
}

#[tokio::test]
async fn apply_then_drop_changes_the_state_and_closes_without_an_answer() {
    let rig = Rig::start().await;
    rig.simulator
        .add_fault(FaultPlan::nth(creates(), 1, FaultAction::ApplyThenDrop));
    assert!(
        rig.try_send(Method::POST, "/v1/webhooks", Some(&body("a")))
            .await
            .is_err()
    );
    assert_eq!(rig.listed().await, ["a"]);
    let entry = &rig.simulator.log()[0];
    assert_eq!(
        (entry.phase, entry.applied, entry.status),
        (Phase::Dropped, true, None)
    );
    assert_eq!(entry.provider_status, Some(201));
    assert_eq!(
        entry.id,
        Some(rig.simulator.dixa().subscriptions()[0].id.to_string())
    );
}

#[tokio::test]
async fn apply_then_status_changes_the_state_and_answers_an_error() {
    let rig = Rig::start().await;
    let action = FaultAction::ApplyThenStatus {
        status: 500,
        body: None,
        retry_after: None,
    };
    rig.simulator.add_fault(FaultPlan::nth(creates(), 1, action));
    assert_eq!(rig.post(&body("a")).await.status, 500);
    assert_eq!(rig.listed().await, ["a"]);
    let entry = &rig.simulator.log()[0];
    assert_eq!((entry.provider_status, entry.status), (Some(201), Some(500)));
}

#[tokio::test]
async fn drop_before_changes_nothing() {
    let rig = Rig::start().await;
    rig.simulator
        .add_fault(FaultPlan::nth(creates(), 1, FaultAction::DropBefore));
    assert!(
        rig.try_send(Method::POST, "/v1/webhooks", Some(&body("a")))
            .await
            .is_err()
    );
    assert!(rig.listed().await.is_empty());
}

#[tokio::test]
async fn a_delay_before_holds_the_change_back_and_one_after_only_the_answer() {
    let rig = Rig::start().await;
    for when in [When::Before, When::Applied] {
        // What is not held back must be there far earlier, also on a busy machine.
        let ms = if when == When::Before { 150 } else { 5_000 };
        let delay = Duration::from_millis(ms);
        rig.simulator.dixa().delete_all();
        rig.simulator.clear_faults();
        rig.simulator
            .add_fault(FaultPlan::every(creates(), FaultAction::Delay { ms, when }));
        let since = rig.simulator.last_seq();
        let start = Instant::now();
        let wait = Wait {
            requests: creates(),
            since,
            milestone: Milestone::Received,
            ..Wait::default()
        };
        let observe = async {
            rig.simulator.wait_for(&wait, DEADLINE).await.unwrap();
            let applied = Wait {
                milestone: Milestone::Applied,
                ..wait.clone()
            };
            rig.simulator.wait_for(&applied, DEADLINE).await.unwrap();
            start.elapsed()
        };
        let create = body("a");
        let (answer, applied_after) = tokio::join!(rig.post(&create), observe);
        assert_eq!(answer.status, 201);
        assert!(start.elapsed() >= delay);
        assert_eq!(applied_after >= delay, when == When::Before, "{when:?}");
    }
}

#[tokio::test]
async fn a_client_that_gives_up_during_a_delay_does_not_undo_its_request() {
    let rig = Rig::start().await;
    rig.simulator.add_fault(FaultPlan::every(
        creates(),
        FaultAction::Delay {
            ms: 1_000,
            when: When::Before,
        },
    ));
    let request = rig.request(Method::POST, "/v1/webhooks", Some(&body("a")));
    let sent = tokio::spawn(request.send());
    let received = Wait {
        requests: creates(),
        ..Wait::default()
    };
    rig.simulator.wait_for(&received, DEADLINE).await.unwrap();
    sent.abort();
    assert!(sent.await.is_err(), "it was answered before its client gave up");
    let applied = Wait {
        milestone: Milestone::Applied,
        ..received
    };
    assert!(rig.simulator.wait_for(&applied, DEADLINE).await.is_some());
    assert_eq!(rig.listed().await, ["a"]);
}

#[tokio::test]
async fn garbage_is_a_200_without_the_answer() {
    let rig = Rig::start().await;
    for (kind, apply) in [
        (GarbageKind::Html, true),
        (GarbageKind::TruncatedJson, true),
        (GarbageKind::TruncatedJson, false),
        (GarbageKind::WrongTypes, true),
        (GarbageKind::Empty, false),
    ] {
        rig.simulator.dixa().delete_all();
        rig.simulator.clear_faults();
        rig.simulator
            .add_fault(FaultPlan::nth(creates(), 1, FaultAction::Garbage { kind, apply }));
        let answer = rig.post(&body("a")).await;
        assert_eq!(answer.status, 200);
        assert_eq!(rig.simulator.dixa().count(), usize::from(apply), "{kind:?}");
        let parsed = serde_json::from_slice::<serde_json::Value>(&answer.body);
        match kind {
            GarbageKind::Html => assert!(answer.body.starts_with(b"<!doctype html>")),
            GarbageKind::TruncatedJson => assert!(parsed.is_err() && answer.body.starts_with(b"{\"data\"")),
            GarbageKind::WrongTypes => {
                let data = &parsed.unwrap()["data"];
                assert!(data["id"].is_number() && data["enabled"].is_string() && data["headers"].is_object());
            }
            GarbageKind::Empty => assert!(answer.body.is_empty()),
        }
    }
}

#[tokio::test]
async fn a_huge_answer_has_the_length_that_was_asked_for() {
    let rig = Rig::start().await;
    rig.simulator.add_fault(FaultPlan::nth(
        lists(),
        1,
        FaultAction::Huge {
            bytes: 3_000_000,
            apply: true,
        },
    ));
    let answer = rig.get("/v1/webhooks").await;
    assert!(
        (3_000_000..3_000_100).contains(&answer.body.len()),
        "{}",
        answer.body.len()
    );
    assert!(answer.json()["data"].is_string());
}

#[tokio::test]
async fn a_slow_answer_is_complete_and_takes_its_time() {
    let rig = Rig::start().await;
    rig.create("a").await;
    let whole = rig.get("/v1/webhooks").await.body;
    let rate = u64::try_from(whole.len()).unwrap() * 3;
    rig.simulator.add_fault(FaultPlan::every(
        lists(),
        FaultAction::Slow {
            bytes_per_second: rate,
        },
    ));
    let start = Instant::now();
    assert_eq!(rig.get("/v1/webhooks").await.body, whole);
    assert!(
        start.elapsed() >= Duration::from_millis(250),
        "{:?}",
        start.elapsed()
    );
}

#[tokio::test]
async fn a_cut_body_breaks_the_connection_in_the_middle() {
    let rig = Rig::start().await;
    rig.create("a").await;
    rig.simulator.add_fault(FaultPlan::nth(
        lists(),
        1,
        FaultAction::CutBody { after_bytes: 20 },
    ));
    let mut response = rig
        .request(Method::GET, "/v1/webhooks", None)
        .send()
        .await
        .unwrap();
    assert_eq!(response.status(), 200);
    assert_eq!(response.chunk().await.unwrap().unwrap().len(), 20);
    assert!(response.chunk().await.is_err());
}

#[tokio::test]
async fn a_hanging_request_is_never_answered() {
    let rig = Rig::start().await;
    for apply in [false, true] {
        rig.simulator.dixa().delete_all();
        rig.simulator.clear_faults();
        rig.simulator
            .add_fault(FaultPlan::nth(creates(), 1, FaultAction::Hang { apply }));
        let arrived = Wait {
            requests: creates(),
            since: rig.simulator.last_seq(),
            milestone: if apply {
                Milestone::Applied
            } else {
                Milestone::Received
            },
            ..Wait::default()
        };
        let request = rig.request(Method::POST, "/v1/webhooks", Some(&body("a")));
        let mut sent = tokio::spawn(request.send());
        rig.simulator.wait_for(&arrived, DEADLINE).await.unwrap();
        let answer = tokio::time::timeout(Duration::from_millis(100), &mut sent).await;
        assert!(answer.is_err(), "{answer:?}");
        sent.abort();
        assert_eq!(rig.simulator.dixa().count(), usize::from(apply));
    }
    assert_eq!(rig.simulator.counters()["dixa"]["create"].answered, 0);
}

#[tokio::test]
async fn a_redirect_carries_its_location() {
    let rig = Rig::start().await;
    let location = "https://elsewhere.example.com/v1/webhooks".to_owned();
    let action = FaultAction::Redirect {
        location: location.clone(),
        status: 307,
    };
    rig.simulator.add_fault(FaultPlan::nth(creates(), 1, action));
    let answer = rig.post(&body("a")).await;
    assert_eq!(
        (answer.status.as_u16(), &answer.headers["location"]),
        (307, &location.parse().unwrap())
    );
    assert_eq!(rig.simulator.dixa().count(), 0);
}

#[tokio::test]
async fn a_plan_hits_the_requests_it_names_and_no_others() {
    let rig = Rig::start().await;
    let (a, b) = (rig.create("a").await, rig.create("b").await);
    let fail = || FaultAction::fail(500);
    let of_b = RequestFilter {
        id: Some(b.to_string()),
        method: Some("GET".to_owned()),
        ..RequestFilter::default()
    };
    let plan = FaultPlan {
        requests: of_b,
        nth: Some(2),
        every: None,
        count: Some(2),
        action: fail(),
    };
    let number = rig.simulator.add_fault(plan);
    let mut seen = Vec::new();
    for id in [b, a, b, b, b] {
        seen.push(rig.get(&format!("/v1/webhooks/{id}")).await.status.as_u16());
    }
    assert_eq!(seen, [200, 200, 500, 500, 200]);
    let faults = rig.simulator.faults();
    assert_eq!((faults[0].matched, faults[0].fired), (4, 2));
    assert!(rig.simulator.remove_fault(number) && !rig.simulator.remove_fault(number));
    let other = RequestFilter {
        organization: Some("other-org".to_owned()),
        ..RequestFilter::default()
    };
    rig.simulator.add_fault(FaultPlan::every(other, fail()));
    assert_eq!(rig.get("/v1/webhooks").await.status, 200);
}

#[tokio::test]
async fn a_request_above_the_rate_limit_does_not_use_up_a_fault() {
    let rig = Rig::with(&[("dixa.rateLimit", "0.001/1")]).await;
    assert_eq!(rig.get("/v1/webhooks").await.status, 200);
    let fail = FaultAction::fail(500);
    rig.simulator.add_fault(FaultPlan::nth(lists(), 1, fail));
    assert_eq!(rig.get("/v1/webhooks").await.status, 429);
    rig.switch("dixa.rateLimit", "off");
    assert_eq!(rig.get("/v1/webhooks").await.status, 500);
}
