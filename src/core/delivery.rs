//! Whether deliveries arrive.

use std::collections::BTreeMap;

use crate::names::{EventName, RemoteKey};

/// The newest delivery of one event, as the provider reports it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Delivery {
    /// The event.
    pub event: EventName,
    /// How it went; `None` when there was none lately.
    pub result: Option<DeliveryResult>,
    /// How many of the newest deliveries in a row failed at least, where the same answer tells that.
    pub failures: Option<u32>,
}

/// How one delivery went.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DeliveryResult {
    /// The receiver accepted it.
    pub success: bool,
    /// The receiver's status code; unset when there was no answer.
    pub code: Option<u16>,
    /// When, as the provider wrote it, cut to 40 visible ASCII characters.
    pub time: Option<String>,
    /// When the provider tries again, written likewise.
    pub next_retry: Option<String>,
}

/// What is reported of one event.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EventHealth {
    /// The newest result.
    pub result: DeliveryResult,
    /// How often in a row a failure was seen: by polls, or in the provider's log where that shows more.
    pub failed_observations: u32,
}

/// Health by remote subscription and event.
pub type Health = BTreeMap<(RemoteKey, EventName), EventHealth>;

/// What a poll changed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Update {
    /// The health after the poll.
    pub health: Health,
    /// Whether it is worth a status write: a success turned, the code's class did, or the threshold was crossed.
    pub notable: bool,
}

/// The state of all deliveries of an object.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Overall {
    /// Nothing was delivered lately, or nothing is known.
    Unknown,
    /// No event has failed as often as the threshold.
    Healthy,
    /// At least one has.
    Failing,
}

/// Takes the poll of one remote subscription into the health of its object.
pub fn observe(before: &Health, key: &RemoteKey, polled: &[Delivery], threshold: u32) -> Update {
    let mut health: Health = before
        .iter()
        .filter(|((k, _), _)| k != key)
        .map(clone_pair)
        .collect();
    let mut notable = false;
    for delivery in polled {
        let at = (key.clone(), delivery.event.clone());
        let known = before.get(&at);
        let Some(result) = delivery.result.clone() else {
            // "No recent delivery" says nothing new: a failure that is known stays known.
            if let Some(known) = known {
                health.insert(at, known.clone());
            }
            continue;
        };
        let failed = failed_observations(known, &result, delivery.failures);
        notable |= known.is_none_or(|known| {
            (known.result.success, class(known.result.code)) != (result.success, class(result.code))
                || (known.failed_observations >= threshold) != (failed >= threshold)
        });
        health.insert(
            at,
            EventHealth {
                result,
                failed_observations: failed,
            },
        );
    }
    notable |= health.len() != before.len();
    Update { health, notable }
}

/// Takes what the log of an event shows: that so many of its newest deliveries in a row failed. Tells whether that is worth
/// a status write.
pub fn deepen(
    health: &mut Health,
    key: &RemoteKey,
    event: &EventName,
    failures: u32,
    threshold: u32,
) -> bool {
    let Some(known) = health.get_mut(&(key.clone(), event.clone())) else {
        return false;
    };
    if known.result.success || known.failed_observations >= failures {
        return false;
    }
    let crossed = known.failed_observations < threshold && failures >= threshold;
    known.failed_observations = failures;
    crossed
}

/// Drops what is known of remote subscriptions that are not there any more; tells whether there was something.
pub fn retain(health: &mut Health, kept: impl Fn(&RemoteKey) -> bool) -> bool {
    let before = health.len();
    health.retain(|(key, _), _| kept(key));
    health.len() != before
}

/// How many deliveries in a row failed, as far as was seen: each other one counts once, however often it is seen; one
/// without a time counts each time. A log may show more of them at once.
fn failed_observations(known: Option<&EventHealth>, result: &DeliveryResult, in_log: Option<u32>) -> u32 {
    if result.success {
        return 0;
    }
    let counted = match known.filter(|known| !known.result.success) {
        Some(known) if result.time.is_some() && known.result.time == result.time => known.failed_observations,
        Some(known) => known.failed_observations.saturating_add(1),
        None => 1,
    };
    counted.max(in_log.unwrap_or(0))
}

fn clone_pair<K: Clone, V: Clone>((key, value): (&K, &V)) -> (K, V) {
    (key.clone(), value.clone())
}

fn class(code: Option<u16>) -> Option<u16> {
    code.map(|code| code / 100)
}

/// The state of all deliveries together.
pub fn overall(health: &Health, threshold: u32) -> Overall {
    if health.is_empty() {
        Overall::Unknown
    } else if health
        .values()
        .any(|event| event.failed_observations >= threshold)
    {
        Overall::Failing
    } else {
        Overall::Healthy
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn event(name: &str) -> EventName {
        EventName::parse(name).unwrap()
    }

    fn delivery(name: &str, success: bool, code: u16) -> Delivery {
        let result = DeliveryResult {
            success,
            code: Some(code),
            time: None,
            next_retry: None,
        };
        Delivery {
            event: event(name),
            result: Some(result),
            failures: None,
        }
    }

    fn poll(before: &Health, polled: &[Delivery]) -> Update {
        observe(before, &RemoteKey::single(), polled, 3)
    }

    #[test]
    fn the_third_failure_in_a_row_turns_health_and_only_notable_polls_are_written() {
        let first = poll(&Health::new(), &[delivery("A", true, 200)]);
        assert!(first.notable);
        assert_eq!(overall(&first.health, 3), Overall::Healthy);
        let mut state = first.health;
        let mut notable = Vec::new();
        for _ in 0..5 {
            let update = poll(&state, &[delivery("A", false, 503)]);
            notable.push(update.notable);
            state = update.health;
        }
        // The first failure and the crossing of the threshold; not the repetitions.
        assert_eq!(notable, [true, false, true, false, false]);
        assert_eq!(overall(&state, 3), Overall::Failing);
        let well = poll(&state, &[delivery("A", true, 204)]);
        assert!(well.notable);
        assert_eq!(overall(&well.health, 3), Overall::Healthy);
    }

    #[test]
    fn the_provider_log_makes_the_threshold_visible_at_once() {
        let (key, a) = (RemoteKey::single(), event("A"));
        let mut health = poll(
            &Health::new(),
            &[delivery("A", false, 500), delivery("B", true, 200)],
        )
        .health;
        assert_eq!(overall(&health, 3), Overall::Healthy);
        assert!(!deepen(&mut health, &key, &a, 2, 3), "not worth a write yet");
        assert!(deepen(&mut health, &key, &a, 9, 3));
        assert_eq!(overall(&health, 3), Overall::Failing);
        assert!(
            !deepen(&mut health, &key, &a, 4, 3),
            "a shorter row says nothing new"
        );
        assert!(
            !deepen(&mut health, &key, &event("B"), 9, 3),
            "it succeeded since"
        );
        // An answer that tells the row by itself needs no log.
        let told = Delivery {
            failures: Some(9),
            ..delivery("A", false, 500)
        };
        assert_eq!(
            overall(&poll(&Health::new(), &[told]).health, 3),
            Overall::Failing
        );
    }

    #[test]
    fn a_row_that_becomes_longer_than_the_threshold_is_told_once() {
        let (key, a) = (RemoteKey::single(), event("A"));
        let mut health = poll(&Health::new(), &[delivery("A", false, 500)]).health;
        let told = [3, 4, 5].map(|failures| deepen(&mut health, &key, &a, failures, 3));
        assert_eq!(told, [true, false, false]);
    }

    #[test]
    fn one_failed_delivery_is_not_a_row_however_often_it_is_seen() {
        let failed = |time: &str| {
            let mut delivery = delivery("A", false, 500);
            if let Some(result) = &mut delivery.result {
                result.time = Some(time.into());
            }
            delivery
        };
        let mut health = Health::new();
        for (time, expected) in [("1", 1), ("1", 1), ("2", 2), ("2", 2), ("3", 3)] {
            health = poll(&health, &[failed(time)]).health;
            let counts: Vec<_> = health.values().map(|event| event.failed_observations).collect();
            assert_eq!(counts, [expected], "at {time}");
        }
    }

    #[test]
    fn what_is_gone_is_not_reported_any_more() {
        let mut health = poll(&Health::new(), &[delivery("A", false, 500)]).health;
        assert!(!retain(&mut health, |_| true));
        assert!(retain(&mut health, |key| *key != RemoteKey::single()));
        assert_eq!(overall(&health, 1), Overall::Unknown);
    }

    #[test]
    fn no_recent_delivery_keeps_what_is_known_and_a_removed_event_is_forgotten() {
        let state = poll(
            &Health::new(),
            &[delivery("A", false, 500), delivery("B", true, 200)],
        )
        .health;
        let silent = Delivery {
            event: event("A"),
            result: None,
            failures: None,
        };
        let update = poll(&state, &[silent]);
        assert_eq!(update.health.len(), 1);
        assert!(update.notable);
    }

    #[test]
    fn a_change_of_the_code_within_its_class_is_not_worth_a_write() {
        let state = poll(&Health::new(), &[delivery("A", false, 500)]).health;
        assert!(!poll(&state, &[delivery("A", false, 503)]).notable);
        assert!(poll(&state, &[delivery("A", false, 404)]).notable);
    }
}
