use proptest::prelude::*;

use super::*;

#[test]
fn durations_are_read_as_go_writes_them() {
    for (text, millis) in [
        ("0s", 0),
        ("75s", 75_000),
        ("10m", 600_000),
        ("1h30m", 5_400_000),
        ("1h30m5s250ms", 5_405_250),
        ("1.5h", 5_400_000),
        ("0.5s", 500),
        ("1.25m", 75_000),
        ("007s", 7_000),
        ("1s1s", 2_000),
        ("30m1h", 5_400_000),
        ("100ms", 100),
    ] {
        assert_eq!(parse_duration(text), Ok(Duration::from_millis(millis)), "{text}");
    }
    assert_eq!(parse_duration("0.0000000019s"), Ok(Duration::from_nanos(1)));
}

#[test]
fn what_is_no_duration_is_refused() {
    for text in [
        "", "0", "10", "s", "m10", "-5s", "+5s", " 5s", "5s ", "5 s", "1.s", ".5s", "1..5s", "1d", "5S",
        "5sec", "1h30", "1µs", "5us", "5ns", "１s", "1e3s", "1,5s",
    ] {
        assert_eq!(parse_duration(text), Err(DurationError::Form), "{text:?}");
    }
    for text in ["99999999999h", "99999999999999999999s", "5000000h5000000h"] {
        assert_eq!(parse_duration(text), Err(DurationError::TooLong), "{text:?}");
    }
}

#[test]
fn durations_are_written_with_whole_units_from_the_largest_down() {
    for text in ["0s", "10m", "1h30m", "75ms", "1m15s", "25h"] {
        assert_eq!(format_duration(parse_duration(text).unwrap()), text);
    }
    assert_eq!(format_duration(Duration::from_secs(75)), "1m15s");
}

proptest! {
    #[test]
    fn any_text_is_read_or_refused_without_a_panic(text in any::<String>()) {
        let _ = parse_duration(&text);
    }

    #[test]
    fn the_accepted_form_is_exactly_the_documented_one(text in "[0-9.hms]{0,8}") {
        prop_assert_eq!(parse_duration(&text) != Err(DurationError::Form), has_the_form(&text), "{}", text);
    }

    #[test]
    fn every_text_of_the_documented_form_is_a_duration(text in "([0-9]{1,4}(\\.[0-9]{1,12})?(ms|s|m|h)){1,4}") {
        prop_assert!(parse_duration(&text).is_ok(), "{}", text);
    }

    #[test]
    fn what_is_written_is_read_back_the_same(millis in 0_u64..10_000_000_000) {
        let duration = Duration::from_millis(millis);
        prop_assert_eq!(parse_duration(&format_duration(duration)), Ok(duration));
    }

    #[test]
    fn the_sum_of_the_terms_is_read(h in 0_u32..1000, m in 0_u32..1000, s in 0_u32..1000, ms in 0_u32..1000) {
        let expected = Duration::from_secs(u64::from(h) * 3600 + u64::from(m) * 60 + u64::from(s))
            + Duration::from_millis(u64::from(ms));
        prop_assert_eq!(parse_duration(&format!("{h}h{m}m{s}s{ms}ms")), Ok(expected));
    }
}

/// `^([0-9]+(\.[0-9]+)?(ms|s|m|h))+$`, as a state machine over the characters.
fn has_the_form(text: &str) -> bool {
    #[derive(PartialEq)]
    enum At {
        Start,
        Whole,
        Dot,
        Fraction,
        AfterM,
        AfterUnit,
    }
    let mut at = At::Start;
    for c in text.chars() {
        at = match (at, c) {
            (At::Start | At::Whole | At::AfterM | At::AfterUnit, '0'..='9') => At::Whole,
            (At::Whole, '.') => At::Dot,
            (At::Dot | At::Fraction, '0'..='9') => At::Fraction,
            (At::Whole | At::Fraction, 'm') => At::AfterM,
            (At::Whole | At::Fraction, 's' | 'h') | (At::AfterM, 's') => At::AfterUnit,
            _ => return false,
        };
    }
    matches!(at, At::AfterM | At::AfterUnit)
}
