use proptest::prelude::*;

use super::*;

const AMPLE_DAY: u32 = 1_000_000;

fn at(millis: u64) -> Moment {
    Moment::from_millis(millis)
}

fn budget(per_minute: u32, burst: u32) -> Budget<u32> {
    Budget::new(
        Limits {
            per_minute,
            burst,
            per_day: AMPLE_DAY,
        },
        at(0),
    )
}

#[test]
fn a_request_beyond_the_turn_is_paid_by_who_comes_next() {
    let limits = Limits {
        per_minute: 60,
        burst: 1,
        per_day: 1000,
    };
    let at = |seconds: u64| Moment::from_millis(seconds * 1000);
    let mut budget = Budget::new(limits, at(0));
    assert!(budget.request(&1, Priority::Edit, at(0)));
    budget.charge(at(0));
    assert!(
        !budget.request(&2, Priority::Edit, at(1)),
        "the first second pays the debt"
    );
    assert_eq!(budget.next_wake(at(1)), Some(at(2)));
    assert_eq!(budget.advance(at(2)), [2]);
}

#[test]
fn an_edit_jumps_the_queue_and_equals_go_in_order() {
    let mut budget = budget(60, 1);
    assert!(budget.request(&0, Priority::Create, at(0)));
    assert!(!budget.request(&1, Priority::Create, at(0)));
    assert!(!budget.request(&2, Priority::Create, at(0)));
    assert!(!budget.request(&3, Priority::Edit, at(1)));
    assert_eq!(budget.next_wake(at(1)), Some(at(1000)));
    assert_eq!(budget.advance(at(1000)), [3]);
    assert_eq!(budget.advance(at(1500)), [], "a turn that is out keeps its token");
    assert_eq!(budget.next_wake(at(1500)), Some(at(31_000)), "when it expires");
    assert!(budget.request(&3, Priority::Edit, at(1500)));
    assert_eq!(budget.advance(at(2500)), [1]);
    assert!(budget.request(&1, Priority::Create, at(2500)));
    assert_eq!(budget.advance(at(3500)), [2]);
}

#[test]
fn hours_of_sleep_save_up_no_more_than_the_burst() {
    let mut budget = budget(600, 5);
    assert!(budget.request(&0, Priority::Drift, at(0)));
    let woken = at(8 * 3_600_000);
    let sent = (1..100).filter(|who| budget.request(who, Priority::Drift, woken));
    assert_eq!(sent.count(), 5);
}

#[test]
fn a_turn_that_nobody_takes_goes_to_the_next() {
    let mut budget = budget(60, 1);
    assert!(budget.request(&0, Priority::Create, at(0)));
    assert!(!budget.request(&1, Priority::Create, at(0)));
    assert_eq!(budget.advance(at(1000)), [1]);
    assert!(!budget.request(&2, Priority::Create, at(1001)));
    budget.withdraw(&1);
    assert_eq!(budget.advance(at(1001)), [2]);
}

#[test]
fn delivery_polls_take_a_tenth_even_of_an_idle_budget() {
    let mut budget = budget(600, 10);
    let mut sent = 0;
    for second in 0..60 {
        for who in 0..5 {
            sent += u32::from(budget.request(&who, Priority::Delivery, at(second * 1000)));
            budget.withdraw(&who);
        }
    }
    assert!((55..=61).contains(&sent), "{sent}");
}

#[test]
fn a_dead_provider_is_tried_by_one_request_at_a_time() {
    let mut budget = budget(6000, 100);
    for _ in 0..PAUSE_AFTER {
        assert!(budget.request(&0, Priority::Create, at(0)));
        budget.failed(&0, at(0), 1);
    }
    assert!(!budget.request(&1, Priority::Create, at(1)) && !budget.request(&2, Priority::Create, at(1)));
    assert!(budget.is_paused(at(1)));
    assert_eq!(budget.advance(at(60_000)).len(), 1, "one probe");
    assert!(budget.advance(at(60_001)).is_empty());
    budget.succeeded(&1);
    assert_eq!(budget.advance(at(60_002)), [2]);
}

#[test]
fn the_day_is_a_bound_of_its_own() {
    let mut budget = Budget::new(
        Limits {
            per_minute: 60_000,
            burst: 100,
            per_day: 10,
        },
        at(0),
    );
    let sent = (0_u32..50)
        .filter(|who| budget.request(who, Priority::Create, at(u64::from(*who))))
        .count();
    assert_eq!(sent, 10);
    let day = 24 * 3600 * 1000;
    assert_eq!(budget.next_wake(at(50)), Some(at(day)));
    assert_eq!(budget.advance(at(day)).len(), 10);
}

proptest! {
    #[test]
    fn never_more_than_burst_and_rate_and_never_idle_while_somebody_waits(
        per_minute in 1_u32..5_000, burst in 1_u32..20,
        steps in proptest::collection::vec((0_u64..3_000, 0_u32..6, any::<bool>()), 1..200),
    ) {
        let mut budget = budget(per_minute, burst);
        let (mut now, mut sent, mut out) = (0_u64, Vec::new(), Vec::new());
        for (gap, who, takes) in steps {
            now += gap;
            out.extend(budget.advance(at(now)).into_iter().map(|who| (who, now)));
            // Turns are taken late, and several at once.
            let taken = if takes { std::mem::take(&mut out) } else { Vec::new() };
            for (granted, since) in taken {
                let in_time = now - since < 30_000;
                let took = budget.request(&granted, Priority::Create, at(now));
                prop_assert!(took || !in_time, "a turn that was granted holds");
                sent.extend(took.then_some(now));
            }
            if budget.request(&who, Priority::Create, at(now)) {
                sent.push(now);
                out.retain(|(granted, _)| *granted != who);
            }
            let reserved = budget.reserved(None);
            prop_assert!(budget.waiting() == 0 || !budget.all.has_token(reserved));
        }
        // In any span no more than what a bucket of that size and rate lets through.
        for (i, first) in sent.iter().enumerate() {
            for (j, last) in sent.iter().enumerate().skip(i) {
                let allowed = u64::from(burst) + (last - first) * u64::from(per_minute) / 60_000;
                prop_assert!((j - i + 1) as u64 <= allowed, "{} within {} ms", j - i + 1, last - first);
            }
        }
    }
}
