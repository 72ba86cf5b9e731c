//! The log of deliveries, read from the simulated Bird.

use provider_simulator::bird::DeliveryResult as Recorded;
use provider_simulator::{Simulator, now_ms};

use super::simulated::{ABSENT, at, simulator};
use super::*;

const EVENT: &str = "channels/sms.outbound";

/// Records a delivery, so many minutes ago, for the only subscription.
fn record(simulator: &Simulator, code: i32, attempts: i32, minutes: u64) {
    let remote = simulator.bird().subscriptions()[0].id;
    let result = Recorded {
        attempt_count: Some(attempts),
        time_ms: Some(now_ms() - minutes * 60_000),
        ..Recorded::answered(code)
    };
    simulator.bird().record_delivery(remote, &result).unwrap();
}

#[tokio::test]
async fn the_log_is_read_and_judged() {
    let simulator = simulator().await;
    let bird = at(&simulator);
    let made = bird.create(&documented()).await.unwrap();
    let events = [event(EVENT)];
    let quiet = bird.deliveries(&made.id, &events, None).await.unwrap();
    assert_eq!(quiet, Deliveries::default());
    for (code, attempts, minutes) in [(503, 36, 600), (200, 1, 40), (500, 2, 30), (0, 3, 20)] {
        record(&simulator, code, attempts, minutes);
    }
    simulator.set_switch("bird.logs", "all").unwrap();
    for last in ["absent", "empty"] {
        simulator.set_switch("bird.lastPage", last).unwrap();
        let read = bird.deliveries(&made.id, &events, None).await.unwrap();
        assert_eq!((read.events.len(), read.log.len(), read.next), (1, 4, None));
        let result = read.events[0].result.clone().unwrap();
        let judged = (result.success, result.code, read.events[0].failures);
        assert_eq!(judged, (false, None, Some(5)), "{last}");
    }
    record(&simulator, 200, 1, 0);
    let read = bird.deliveries(&made.id, &events, None).await.unwrap();
    let success = read.events[0].result.as_ref().unwrap().success;
    assert_eq!((success, read.events[0].failures), (true, Some(0)));
    let gone = bird.deliveries(&id(ABSENT), &events, None).await.unwrap_err();
    assert_eq!(gone.reason(), "RemoteVanished");
}

#[tokio::test]
async fn a_log_of_failures_alone_tells_of_failures_until_they_are_old() {
    let simulator = simulator().await;
    let bird = at(&simulator);
    let made = bird.create(&documented()).await.unwrap();
    let events = [event(EVENT)];
    record(&simulator, 503, 36, 600);
    let old = bird.deliveries(&made.id, &events, None).await.unwrap();
    assert_eq!((old.events.len(), old.log.len()), (0, 1));
    record(&simulator, 503, 2, 60);
    // It went well since then, which such a log does not show.
    record(&simulator, 200, 1, 10);
    let read = bird.deliveries(&made.id, &events, None).await.unwrap();
    assert_eq!((read.events[0].failures, read.log.len()), (Some(38), 2));
}

#[tokio::test]
async fn a_long_log_is_not_followed_past_its_newest_page() {
    let simulator = simulator().await;
    let bird = at(&simulator);
    let made = bird.create(&documented()).await.unwrap();
    for number in 0..150 {
        record(&simulator, 503, 1, 200 - number);
    }
    let read = bird.deliveries(&made.id, &[event(EVENT)], None).await.unwrap();
    assert_eq!((read.log.len(), read.next), (100, None));
    assert_eq!(read.events[0].failures, Some(100));
}
