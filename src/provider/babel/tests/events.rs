//! The adapter against the simulated Babel: its event types, test events and the log.

use provider_simulator::babel::{DeliveryResult as Recorded, EventType};

use super::simulated::{INSTALLATION, switch, with};
use super::*;

#[tokio::test]
async fn the_catalogue_is_what_the_installation_has() {
    let (simulator, babel) = with(&[]).await;
    let types = ["b", "a"].map(EventType::named);
    simulator.babel().set_event_types(INSTALLATION, types.into());
    let catalogue = babel.catalogue().await.unwrap();
    let names: Vec<_> = catalogue.iter().map(EventName::as_str).collect();
    assert_eq!(names, ["a", "b"]);
    simulator.babel().set_event_types(INSTALLATION, Vec::new());
    assert!(babel.catalogue().await.unwrap().is_empty());
}

#[tokio::test]
async fn a_test_event_is_asked_for_found_in_the_log_and_deleted() {
    let (simulator, babel) = with(&[]).await;
    let made = babel.create(&documented()).await.unwrap();
    let event = babel.test(&made.id).await.unwrap().unwrap();
    let waiting = babel.deliveries(&made.id, End::Newest, None).await.unwrap();
    assert_eq!((waiting.log.len(), &waiting.log[0].id), (1, &event));
    assert_eq!(
        (&waiting.log[0].result, &waiting.events[0].result),
        (&None, &None)
    );
    let result = Recorded {
        event_id: Some(event.parse().unwrap()),
        response: "canary".to_owned(),
        payload: Some("canary".to_owned()),
        ..Recorded::answered(204)
    };
    let number = made.id.as_str().parse().unwrap();
    simulator.babel().record_delivery(number, &result).unwrap();
    let tried = babel.deliveries(&made.id, End::Newest, None).await.unwrap();
    let logged = tried.log[0].result.clone().unwrap();
    assert_eq!((logged.success, logged.code), (true, Some(204)));
    assert!(tried.log[0].created.is_some());
    assert!(!format!("{tried:?}").contains("canary"));
    babel.delete_event(&made.id, &event).await.unwrap();
    assert!(
        babel
            .deliveries(&made.id, End::Newest, None)
            .await
            .unwrap()
            .log
            .is_empty()
    );
    switch(&simulator, "deleteAbsent", "404");
    assert_eq!(babel.delete_event(&made.id, &event).await, Ok(()));
    switch(&simulator, "deleteAbsent", "success-false");
    let error = babel.delete_event(&made.id, &event).await.unwrap_err();
    assert_eq!(
        (error.reason(), error.may_have_taken_effect()),
        ("RefusedByProvider", false)
    );
}

#[tokio::test]
async fn a_long_log_is_followed_to_its_newest_end() {
    for order in ["oldest", "newest"] {
        for total in ["present", "absent"] {
            for cap in ["off", "30"] {
                let switches = [("eventsOrder", order), ("total", total), ("takeCap", cap)];
                let (simulator, babel) = with(&switches).await;
                let made = babel.create(&documented()).await.unwrap();
                let number = made.id.as_str().parse().unwrap();
                for (code, times) in [(200, 117), (503, 3)] {
                    let result = Recorded {
                        times: Some(times),
                        retry_count: 1,
                        ..Recorded::answered(code)
                    };
                    simulator.babel().record_delivery(number, &result).unwrap();
                }
                let mut from = None;
                let found = loop {
                    let page = babel
                        .deliveries(&made.id, End::Newest, from.as_ref())
                        .await
                        .unwrap();
                    from = page.next.clone();
                    if from.is_none() {
                        break page;
                    }
                };
                let newest = found.events[0].result.clone().unwrap();
                let seen = (newest.success, newest.code, found.events[0].failures);
                assert_eq!(seen, (false, Some(503), Some(6)), "{order} {total} {cap}");
            }
        }
    }
}
