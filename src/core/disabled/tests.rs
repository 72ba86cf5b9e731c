//! The guard, over days of switching off and on.

use proptest::prelude::*;

use super::*;

fn rules(asked: Option<OnDisabled>, wall: i64) -> Rules {
    Rules {
        asked,
        wall,
        ..Rules::NONE
    }
}

fn arrived(at: i64) -> Known {
    Known {
        failing: false,
        arrived: Some(at),
    }
}

const REENABLE: Option<OnDisabled> = Some(OnDisabled::Reenable);

#[test]
fn only_what_arrived_since_it_is_off_speaks_for_the_receiver() {
    let off = Disabled::default();
    let rule = |known| off.rule(100, &rules(REENABLE, 200), known);
    assert_eq!(rule(Known::default()), Ruling::Left(Why::NothingArrived));
    assert_eq!(rule(arrived(100)), Ruling::Left(Why::NothingArrived));
    assert_eq!(rule(arrived(101)), Ruling::Count);
}

#[test]
fn the_fourth_time_within_a_day_waits_until_the_first_no_longer_counts() {
    let mut off = Disabled::default();
    for wall in [10, 20, 30] {
        assert_eq!(off.rule(1, &rules(REENABLE, wall), arrived(5)), Ruling::Count);
        off.count(wall);
        assert_eq!(off.rule(1, &rules(REENABLE, wall), arrived(5)), Ruling::SwitchOn);
        off.over();
    }
    let rule = |wall| off.rule(1, &rules(REENABLE, wall), arrived(5));
    assert_eq!(rule(COUNTS + 9), Ruling::Left(Why::Spent(COUNTS + 10)));
    assert_eq!(rule(COUNTS + 10), Ruling::Count);
}

#[test]
fn who_says_nothing_is_asked_only_where_deliveries_fail() {
    let failing = Known {
        failing: true,
        arrived: None,
    };
    let off = Disabled::default();
    assert!(!off.counts(&rules(None, 0), Known::default()));
    assert!(off.counts(&rules(None, 0), failing));
    assert!(off.counts(&rules(Some(OnDisabled::Report), 0), Known::default()));
    let known = Disabled {
        since: Some(1),
        ..Disabled::default()
    };
    assert!(
        known.counts(&rules(None, 0), Known::default()),
        "it stays what it was taken for"
    );
    assert_eq!(
        known.rule(1, &rules(None, 9), arrived(5)),
        Ruling::Left(Why::Reported)
    );
}

#[test]
fn the_message_says_why_and_when_and_how_to_get_out() {
    let with = |tests| Rules { tests, ..Rules::NONE };
    for (why, text) in [
        (Why::Reported, "not Reenable"),
        (Why::NothingArrived, "sends no test"),
        (Why::Spent(1_767_225_600_001), "at 2026-01-01T00:00:01Z"),
    ] {
        let message = why.message(&with(false));
        assert!(
            message.contains(text) && message.contains("spec.enabled"),
            "{message}"
        );
        assert!(
            message.starts_with("The provider has switched the subscription off;"),
            "{message}"
        );
    }
    assert!(
        Why::NothingArrived
            .message(&with(true))
            .contains("test-requested-at")
    );
}

#[test]
fn times_are_written_as_calendars_have_them() {
    for (millis, text) in [
        (0, "1970-01-01T00:00:00Z"),
        (951_782_400_000, "2000-02-29T00:00:00Z"),
        (1_709_251_199_000, "2024-02-29T23:59:59Z"),
        (4_107_542_400_000, "2100-03-01T00:00:00Z"),
        (-1000, "1969-12-31T23:59:59Z"),
    ] {
        assert_eq!(utc(millis), text);
    }
}

#[test]
fn what_was_counted_may_be_sent_for_ten_minutes_and_counts_for_a_day_more() {
    const HOUR: i64 = 3_600_000;
    let mut off = Disabled::default();
    off.count(10);
    let rule = |off: &Disabled, wall| off.rule(1, &rules(REENABLE, wall), arrived(5));
    assert_eq!(rule(&off, 10 + HOUR / 6 - 1), Ruling::SwitchOn);
    assert_eq!(rule(&off, 10 + HOUR / 6), Ruling::Count);
    assert_eq!(DAY, 24 * HOUR);
    off.count(20);
    let last = 10 + DAY + HOUR / 6;
    let times = [19, last - 1, last, last + 9, last + 10].map(|wall| off.times(wall));
    assert_eq!(times, [2, 2, 1, 1, 0], "a time that lies ahead counts too");
}

/// One thing that happens, some time after the one before.
#[derive(Debug, Clone, Copy)]
enum Happens {
    TurnedOff,
    Arrived,
    Asked(Option<OnDisabled>),
    Restart,
    /// The request is sent; whether it worked.
    Sent(bool),
}

fn happens() -> impl Strategy<Value = (i64, Happens)> {
    let later = prop_oneof![1..HOLD, 1..DAY / 8];
    let asked = prop_oneof![
        1 => Just(None),
        1 => Just(Some(OnDisabled::Report)),
        3 => Just(REENABLE),
    ];
    let what = prop_oneof![
        3 => Just(Happens::TurnedOff),
        3 => Just(Happens::Arrived),
        1 => asked.prop_map(Happens::Asked),
        1 => Just(Happens::Restart),
        3 => any::<bool>().prop_map(Happens::Sent),
    ];
    (later, what)
}

proptest! {
    #[test]
    fn no_day_sees_more_than_three_and_none_without_an_arrival(steps in prop::collection::vec(happens(), 0..120)) {
        let (mut off, mut wall, mut asked) = (Disabled::default(), 1_000_000_000_000_i64, REENABLE);
        let (mut known, mut sent) = (Known::default(), Vec::new());
        for (later, step) in steps {
            wall += later;
            match step {
                Happens::TurnedOff => off.since = off.since.or(Some(wall)),
                Happens::Arrived => known.arrived = Some(wall),
                Happens::Asked(now) => asked = now,
                Happens::Restart => off.announced = false,
                Happens::Sent(_) => {}
            }
            let Some(since) = off.since else { continue };
            let rules = rules(asked, wall);
            if off.rule(since, &rules, known) == Ruling::Count {
                prop_assert!(asked == REENABLE && known.arrived > Some(since));
                off.count(wall);
                prop_assert!(off.again.len() <= AGAIN_MAX);
            }
            if let (Happens::Sent(worked), Ruling::SwitchOn) = (step, off.rule(since, &rules, known)) {
                prop_assert!(off.announced && asked == REENABLE);
                sent.push(wall);
                off.announced = false;
                if worked { off.over() }
            }
        }
        for window in sent.windows(AGAIN_MAX + 1) {
            prop_assert!(window[AGAIN_MAX] - window[0] >= DAY, "{window:?}");
        }
    }

    #[test]
    fn every_situation_has_an_answer(since: i64, wall: i64, again: Vec<i64>, announced: bool, at: Option<i64>) {
        let off = Disabled { since: Some(since), again, announced };
        let known = Known { failing: true, arrived: at };
        for asked in [None, Some(OnDisabled::Report), REENABLE] {
            let rules = rules(asked, wall);
            match off.rule(since, &rules, known) {
                Ruling::Left(why) => prop_assert!(!why.message(&rules).is_empty()),
                Ruling::Count | Ruling::SwitchOn => prop_assert_eq!(asked, REENABLE),
            }
        }
    }
}
