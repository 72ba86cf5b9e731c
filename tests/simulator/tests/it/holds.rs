//! Holding requests at a boundary, and waiting for requests.

use crate::rig::{DEADLINE, Rig, body};
use http::Method;
use provider_simulator::{FaultAction, FaultPlan, Milestone, Phase, Release, RequestFilter, Wait, When};
use std::time::Duration;

fn hold(rig: &Rig, nth: u64, when: When) {
    let plan = FaultPlan::nth(
        RequestFilter::operation("dixa", "create"),
        nth,
        FaultAction::Hold { when },
    );
    rig.simulator.add_fault(plan);
}

fn until(milestone: Milestone) -> Wait {
    Wait {
        requests: RequestFilter::operation("dixa", "create"),
        milestone,
        ..Wait::default()
    }
}

#[tokio::test]
async fn a_request_held_before_its_change_goes_on_when_released() {
    let rig = Rig::start().await;
    hold(&rig, 2, When::Before);
    rig.create("a").await;
    let test = async {
        let held = rig
            .simulator
            .wait_for(&until(Milestone::Held), DEADLINE)
            .await
            .unwrap();
        assert_eq!(
            (held.seq, held.held, held.applied),
            (2, Some(When::Before), false)
        );
        assert_eq!(rig.simulator.dixa().count(), 1);
        assert_eq!(rig.simulator.held().len(), 1);
        assert!(rig.simulator.release(2, Release::Continue));
    };
    let create = body("b");
    let (answer, ()) = tokio::join!(rig.post(&create), test);
    assert_eq!(answer.status, 201);
    assert!(rig.simulator.held().is_empty() && !rig.simulator.release(2, Release::Continue));
}

#[tokio::test]
async fn a_request_held_after_its_change_has_changed_the_state_and_is_not_answered() {
    let rig = Rig::start().await;
    hold(&rig, 1, When::Applied);
    let test = async {
        let held = rig
            .simulator
            .wait_for(&until(Milestone::Held), DEADLINE)
            .await
            .unwrap();
        assert_eq!(
            (held.applied, held.phase, held.status),
            (true, Phase::Applied, None)
        );
        assert_eq!(rig.simulator.dixa().count(), 1);
        assert_eq!(rig.simulator.release_all(Release::Drop), 1);
    };
    let create = body("a");
    let (answer, ()) = tokio::join!(rig.try_send(Method::POST, "/v1/webhooks", Some(&create)), test);
    assert!(answer.is_err());
    assert_eq!(rig.listed().await, ["a"]);
}

#[tokio::test]
async fn a_request_dropped_before_its_change_changes_nothing() {
    let rig = Rig::start().await;
    hold(&rig, 1, When::Before);
    let test = async {
        rig.simulator
            .wait_for(&until(Milestone::Held), DEADLINE)
            .await
            .unwrap();
        rig.simulator.release_all(Release::Drop);
    };
    let create = body("a");
    let (answer, ()) = tokio::join!(rig.try_send(Method::POST, "/v1/webhooks", Some(&create)), test);
    assert!(answer.is_err());
    assert_eq!(rig.simulator.dixa().count(), 0);
}

#[tokio::test]
async fn a_held_request_takes_effect_after_its_client_has_gone() {
    let rig = Rig::start().await;
    hold(&rig, 1, When::Before);
    let request = rig.request(Method::POST, "/v1/webhooks", Some(&body("a")));
    let sent = tokio::spawn(request.send());
    rig.simulator
        .wait_for(&until(Milestone::Held), DEADLINE)
        .await
        .unwrap();
    sent.abort();
    assert!(sent.await.is_err(), "nobody answers what is held");
    assert_eq!(rig.simulator.dixa().count(), 0);
    assert_eq!(rig.simulator.release_all(Release::Continue), 1);
    assert!(
        rig.simulator
            .wait_for(&until(Milestone::Applied), DEADLINE)
            .await
            .is_some()
    );
    assert_eq!(rig.simulator.dixa().count(), 1);
}

#[tokio::test]
async fn waiting_counts_matching_requests_and_ends_at_its_deadline() {
    let rig = Rig::start().await;
    for name in ["a", "b", "c"] {
        rig.create(name).await;
        rig.listed().await;
    }
    let third = Wait {
        count: 3,
        ..until(Milestone::Answered)
    };
    assert_eq!(rig.simulator.wait_for(&third, DEADLINE).await.unwrap().seq, 5);
    let after = Wait {
        since: 3,
        ..until(Milestone::Finished)
    };
    assert_eq!(rig.simulator.wait_for(&after, DEADLINE).await.unwrap().seq, 5);
    let one = Wait {
        seq: Some(2),
        ..Wait::default()
    };
    assert_eq!(
        rig.simulator.wait_for(&one, DEADLINE).await.unwrap().operation,
        "list"
    );
    let fourth = Wait {
        count: 4,
        ..until(Milestone::Received)
    };
    assert!(
        rig.simulator
            .wait_for(&fourth, Duration::from_millis(20))
            .await
            .is_none()
    );
}
