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
fn each_priority_has_a_word_for_dashboards() {
    let all = [
        Priority::Edit,
        Priority::Delete,
        Priority::Create,
        Priority::Drift,
        Priority::Delivery,
    ];
    assert!(all.is_sorted(), "the most urgent first");
    assert_eq!(
        all.map(Priority::as_str),
        ["edit", "delete", "create", "drift", "delivery"]
    );
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
fn it_is_crowded_where_several_come_before_a_new_one_and_those_behind_do_not_count() {
    let mut budget = budget(1, 1);
    assert!(budget.request(&0, Priority::Edit, at(0)));
    for who in 1..=3 {
        assert!(!budget.request(&who, Priority::Create, at(0)));
    }
    assert!(!budget.request(&4, Priority::Edit, at(0)));
    let crowded = [Priority::Edit, Priority::Create, Priority::Drift].map(|one| budget.is_crowded(one));
    assert_eq!(crowded, [false, true, true]);
    assert!(!budget.request(&5, Priority::Edit, at(0)));
    assert!(budget.is_crowded(Priority::Edit));
}

#[test]
fn what_is_left_is_the_smaller_share_of_the_burst_and_of_the_day() {
    let left = |budget: &mut Budget<u32>, now| (budget.left(now) * 1000.0).round() / 1000.0;
    let mut budget = Budget::new(
        Limits {
            per_minute: 60,
            burst: 4,
            per_day: 10,
        },
        at(0),
    );
    assert!((left(&mut budget, at(0)) - 1.0).abs() < f64::EPSILON);
    assert!(budget.request(&1, Priority::Edit, at(0)));
    assert!((left(&mut budget, at(0)) - 0.75).abs() < f64::EPSILON);
    assert!(
        (left(&mut budget, at(60_000)) - 0.9).abs() < f64::EPSILON,
        "of the day"
    );
    budget.pause(&1, Duration::from_secs(60), at(60_000));
    assert!(left(&mut budget, at(60_001)).abs() < f64::EPSILON);
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

/// Ample but for a pause of a second, in which `count` have come to wait for `priority`.
fn waiting(count: u32, priority: Priority, limits: Limits) -> Budget<u32> {
    let mut budget = Budget::new(limits, at(0));
    budget.pause(&99, Duration::from_secs(1), at(0));
    for who in 1..=count {
        assert!(!budget.request(&who, priority, at(0)));
    }
    assert_eq!(budget.waiting(), count as usize);
    budget
}

const AMPLE: Limits = Limits {
    per_minute: 6000,
    burst: 100,
    per_day: AMPLE_DAY,
};

#[test]
fn a_pause_ends_at_its_end_and_not_before() {
    let mut budget = waiting(3, Priority::Drift, AMPLE);
    assert!(budget.is_paused(at(999)) && !budget.is_paused(at(1000)));
    assert_eq!(budget.next_wake(at(0)), Some(at(1000)));
    assert_eq!(budget.advance(at(999)), []);
    assert_eq!(budget.advance(at(1000)), [1, 2, 3]);
    assert_eq!(budget.waiting(), 0);
}

#[test]
fn the_longer_of_two_pauses_counts() {
    let mut budget = waiting(1, Priority::Drift, AMPLE);
    budget.pause(&99, Duration::from_secs(5), at(0));
    budget.pause(&99, Duration::from_secs(2), at(0));
    assert_eq!(budget.next_wake(at(0)), Some(at(5000)));
}

#[test]
fn a_turn_is_kept_for_half_a_minute() {
    let mut budget = budget(60, 1);
    assert!(budget.request(&0, Priority::Create, at(0)));
    assert!(!budget.request(&1, Priority::Create, at(0)));
    assert_eq!(budget.advance(at(1000)), [1]);
    assert!(!budget.request(&2, Priority::Create, at(2000)));
    assert_eq!(budget.advance(at(30_999)), []);
    assert_eq!(budget.advance(at(31_000)), [2]);
}

#[test]
fn nobody_overtakes_who_waits_for_the_same_and_who_is_more_urgent_does() {
    let queued = || {
        let mut budget = budget(60, 1);
        assert!(budget.request(&0, Priority::Create, at(0)));
        assert!(!budget.request(&1, Priority::Create, at(0)));
        budget
    };
    // The token is there, and has not been handed out yet.
    assert!(!queued().request(&2, Priority::Create, at(1000)));
    assert!(!queued().request(&2, Priority::Drift, at(1000)));
    assert!(queued().request(&2, Priority::Edit, at(1000)));
}

#[test]
fn who_asks_again_keeps_the_better_place() {
    let mut budget = waiting(2, Priority::Drift, AMPLE);
    assert!(!budget.request(&3, Priority::Create, at(0)));
    assert!(!budget.request(&2, Priority::Edit, at(0)));
    assert!(!budget.request(&2, Priority::Delivery, at(0)));
    assert!(!budget.request(&1, Priority::Drift, at(0)));
    assert_eq!(budget.waiting(), 3);
    assert_eq!(budget.advance(at(1000)), [2, 3, 1]);
}

#[test]
fn what_is_used_stays_used_when_limits_change() {
    let limits = |per_minute, burst| Limits {
        per_minute,
        burst,
        per_day: AMPLE_DAY,
    };
    let mut budget = budget(60, 2);
    assert!(budget.request(&0, Priority::Edit, at(0)));
    assert!(budget.request(&0, Priority::Delivery, at(0)));
    budget.charge(at(0));
    assert!(!budget.request(&1, Priority::Edit, at(0)));
    budget.set_limits(limits(60, 9), at(0));
    assert_eq!(budget.waiting(), 1);
    assert_eq!(
        budget.next_wake(at(0)),
        Some(at(2000)),
        "what is owed and one more"
    );
    budget.set_limits(limits(120, 9), at(0));
    assert_eq!(budget.next_wake(at(0)), Some(at(1000)));
    assert_eq!(budget.advance(at(1000)), [1]);
    assert!(budget.request(&1, Priority::Edit, at(1000)));
    assert!(
        !budget.request(&2, Priority::Delivery, at(4000)),
        "a tenth of 120: one in five seconds"
    );
    // A smaller burst takes effect at once.
    let mut budget = Budget::new(AMPLE, at(0));
    budget.set_limits(limits(60, 1), at(0));
    assert!(budget.request(&1, Priority::Edit, at(0)) && !budget.request(&2, Priority::Edit, at(0)));
}

#[test]
fn what_was_sent_on_top_is_owed_to_the_part_of_a_token() {
    let mut budget = budget(60, 1);
    assert!(budget.request(&0, Priority::Edit, at(0)));
    budget.charge(at(500));
    assert!(!budget.request(&1, Priority::Edit, at(500)));
    assert_eq!(budget.next_wake(at(500)), Some(at(2000)));
    budget.charge(at(600));
    assert_eq!(budget.next_wake(at(600)), Some(at(3000)));
}

#[test]
fn the_day_is_counted_in_quarters_of_an_hour_with_turns_and_further_requests() {
    const DAY: u64 = 24 * 3600 * 1000;
    let limits = Limits { per_day: 2, ..AMPLE };
    let used_at = |first, second| {
        let mut budget = Budget::new(limits, at(0));
        assert!(budget.request(&0, Priority::Edit, at(first)));
        assert!(budget.request(&0, Priority::Edit, at(second)));
        assert!(!budget.request(&1, Priority::Edit, at(second)));
        assert!(!budget.request(&2, Priority::Edit, at(second)));
        assert_eq!(budget.next_wake(at(second)), Some(at(first + DAY)));
        assert_eq!(budget.advance(at(first + DAY - 1)), []);
        let back = budget.advance(at(first + DAY)).len();
        (back, budget.advance(at(second + DAY)).len())
    };
    let quarter = 15 * 60 * 1000;
    assert_eq!(used_at(0, quarter - 1), (2, 0));
    assert_eq!(used_at(0, quarter), (1, 1));
    assert_eq!(used_at(5000, 5 * quarter), (1, 1));
    // Turns that are out count.
    assert_eq!(waiting(3, Priority::Edit, limits).advance(at(1000)).len(), 2);
    // And what was sent within a turn.
    let mut budget = Budget::new(limits, at(0));
    assert!(budget.request(&0, Priority::Edit, at(0)));
    budget.charge(at(0));
    assert!(!budget.request(&0, Priority::Edit, at(1)));
}

#[test]
fn a_delivery_poll_waits_for_the_tenth_and_nothing_else_does() {
    let mut budget = budget(600, 10);
    assert!(budget.request(&0, Priority::Create, at(0)));
    assert!(
        budget.request(&1, Priority::Delivery, at(0)),
        "a create uses nothing of the tenth"
    );
    assert!(!budget.request(&2, Priority::Delivery, at(0)));
    assert_eq!(budget.next_wake(at(0)), Some(at(1000)));
    assert!(
        budget.request(&3, Priority::Create, at(0)),
        "who waits for the tenth is in nobody's way"
    );
    assert_eq!(budget.advance(at(999)), []);
    assert_eq!(budget.advance(at(1000)), [2]);
    assert!(
        !budget.request(&4, Priority::Delivery, at(1500)),
        "the tenth is handed out"
    );
    assert_eq!(
        budget.next_wake(at(1500)),
        Some(at(31_000)),
        "when that turn expires"
    );
    // Other turns that are out take nothing of the tenth.
    let mut budget = waiting(1, Priority::Create, AMPLE);
    assert_eq!(budget.advance(at(1000)), [1]);
    assert!(budget.request(&2, Priority::Delivery, at(1000)));
}

/// The credential was refused, and two wait for its end: the first of them tries.
fn tried() -> Budget<u32> {
    let mut budget = Budget::new(AMPLE, at(0));
    budget.refused(&0, Duration::from_secs(1), at(0));
    for who in [1, 2] {
        assert!(!budget.request(&who, Priority::Drift, at(0)));
    }
    assert_eq!(budget.advance(at(1000)), [1]);
    assert_eq!(
        budget.next_wake(at(1000)),
        Some(at(31_000)),
        "its answer or its end, not the clock"
    );
    budget
}

#[test]
fn only_the_answer_to_the_one_that_tries_lets_others_go_on() {
    let mut budget = tried();
    assert!(budget.request(&1, Priority::Drift, at(1000)));
    assert_eq!(budget.next_wake(at(1000)), None);
    // Late answers to requests from before.
    budget.pause(&7, Duration::ZERO, at(1001));
    budget.succeeded(&7);
    assert_eq!(budget.advance(at(1001)), []);
    budget.succeeded(&1);
    assert_eq!(budget.advance(at(1002)), [2]);
}

#[test]
fn the_next_one_tries_when_the_first_fails_or_gives_up() {
    let mut budget = tried();
    budget.withdraw(&2);
    assert!(!budget.request(&2, Priority::Drift, at(1000)));
    assert_eq!(budget.advance(at(1000)), [], "the other's turn is not over");
    budget.withdraw(&1);
    assert_eq!(budget.advance(at(1000)), [2]);
    let mut budget = tried();
    assert!(budget.request(&1, Priority::Drift, at(1000)));
    budget.failed(&1, at(1000), 3);
    assert!(budget.is_paused(at(1001)));
    assert_eq!(budget.advance(at(1001)), []);
    assert_eq!(budget.advance(at(60_000)), [2]);
    // Nobody waits: whoever comes tries, and is the only one.
    let mut budget = Budget::new(AMPLE, at(0));
    budget.refused(&0, Duration::from_secs(1), at(0));
    assert!(budget.request(&1, Priority::Drift, at(1000)) && !budget.request(&2, Priority::Edit, at(1000)));
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

#[test]
fn only_so_many_requests_are_on_their_way_at_once() {
    let mut budget = budget(60_000, 1000);
    let many = u32::try_from(AT_ONCE).unwrap();
    for who in 0..many {
        assert!(budget.request(&who, Priority::Edit, at(0)), "{who}");
        budget.sent();
    }
    assert!(!budget.request(&100, Priority::Edit, at(0)));
    assert!(!budget.request(&101, Priority::Edit, at(0)));
    assert_eq!(budget.advance(at(1000)), [0; 0]);
    assert_eq!(budget.next_wake(at(1000)), None, "an answer decides");
    budget.came_back();
    assert!(budget.next_wake(at(1000)).is_some());
    assert_eq!(budget.advance(at(1000)), [100]);
    assert_eq!(
        budget.advance(at(1000)),
        [0; 0],
        "a turn that is out has its place"
    );
    assert!(budget.request(&100, Priority::Edit, at(1000)));
    budget.sent();
    assert_eq!(budget.advance(at(1000)), [0; 0]);
    budget.came_back();
    assert_eq!(budget.advance(at(1000)), [101]);
}

#[test]
fn an_answer_too_many_makes_no_room() {
    let mut budget = budget(60_000, 1000);
    budget.came_back();
    let many = u32::try_from(AT_ONCE).unwrap();
    let sent = (0..2 * many).filter(|who| {
        let turn = budget.request(who, Priority::Edit, at(0));
        if turn {
            budget.sent();
        }
        turn
    });
    assert_eq!(sent.count(), AT_ONCE);
}
