use clap::Parser;
use proptest::prelude::*;

use super::*;
use crate::cli::{Cli, Command};

fn args(flags: &[&str]) -> RunArgs {
    let line = ["webhook-operator", "run"].iter().chain(flags);
    match Cli::try_parse_from(line).unwrap().command {
        Command::Run(args) => args,
        other => panic!("{other:?}"),
    }
}

fn config(flags: &[&str]) -> Result<Config, ConfigError> {
    Config::new(&args(flags), Environment::default())
}

fn refusal(flags: &[&str]) -> String {
    config(flags).unwrap_err().to_string()
}

#[test]
fn without_flags_the_documented_defaults_hold() {
    let config = config(&[]).unwrap();
    assert_eq!(
        config,
        Config {
            listen: "0.0.0.0:8080".parse().unwrap(),
            allow_insecure_http: false,
            cluster_id: None,
            former_cluster_ids: vec![],
            watch_namespaces: vec![],
            concurrency: 64,
            interval: Duration::from_mins(10),
            settle_time: Duration::from_secs(75),
            log_format: LogFormat::Json,
            operator_namespace: "default".into(),
            pod_name: None,
        }
    );
    assert!(!config.is_namespaced());
}

#[test]
fn a_namespaced_install_without_a_cluster_id_is_told_what_to_set() {
    let text = refusal(&["--watch-namespace", "team-a"]);
    assert!(text.contains("--watch-namespace needs --cluster-id"), "{text}");
    assert!(refusal(&["--watch-namespace=team-a", "--cluster-id="]).contains("needs --cluster-id"));
    let config = config(&["--watch-namespace", "team-a", "--cluster-id", "prod"]).unwrap();
    assert!(config.is_namespaced());
    assert_eq!(config.cluster_id, Some(ClusterId::parse("prod").unwrap()));
}

#[test]
fn lists_are_split_at_commas_collected_over_repeats_and_without_empty_members() {
    let config = config(&[
        "--cluster-id=c",
        "--watch-namespace=b,a,",
        "--watch-namespace=c",
        "--watch-namespace=a",
        "--former-cluster-ids=one,two",
        "--former-cluster-ids=three",
        "--former-cluster-ids=",
    ])
    .unwrap();
    assert_eq!(config.watch_namespaces, ["a", "b", "c"]);
    let former: Vec<&str> = config.former_cluster_ids.iter().map(ClusterId::as_str).collect();
    assert_eq!(former, ["one", "two", "three"]);
}

#[test]
fn empty_values_as_a_chart_renders_them_count_as_unset() {
    let config = config(&["--cluster-id=", "--watch-namespace=", "--former-cluster-ids="]).unwrap();
    assert_eq!(config.cluster_id, None);
    assert!(config.watch_namespaces.is_empty() && config.former_cluster_ids.is_empty());
}

#[test]
fn a_wrong_value_is_refused_with_the_name_of_its_flag() {
    for (flag, says) in [
        (
            "--cluster-id=with space",
            "--cluster-id: an id may hold only visible ASCII",
        ),
        (
            "--former-cluster-ids=ok,käse",
            "--former-cluster-ids: an id may hold only visible ASCII",
        ),
        ("--interval=1s", "--interval: use 0s"),
        ("--interval=4999ms", "--interval: use 0s"),
    ] {
        let text = refusal(&[flag]);
        assert!(text.contains(says), "{flag}: {text}");
    }
    for name in ["Team", "-a", "a-", "a.b", "a_b", &"a".repeat(64)] {
        let text = refusal(&["--cluster-id=c", &format!("--watch-namespace={name}")]);
        assert!(
            text.contains("--watch-namespace") && text.contains("is no name"),
            "{name}: {text}"
        );
    }
}

#[test]
fn an_interval_of_zero_or_at_least_five_seconds_is_accepted() {
    assert_eq!(config(&["--interval=0s"]).unwrap().interval, Duration::ZERO);
    assert_eq!(
        config(&["--interval=5s"]).unwrap().interval,
        Duration::from_secs(5)
    );
    assert_eq!(config(&["--settle-time=0s"]).unwrap().settle_time, Duration::ZERO);
}

#[test]
fn the_own_namespace_is_the_variable_then_the_service_accounts_then_default() {
    let of = |variable: Option<&str>, account: Option<&str>| {
        let environment = Environment {
            pod_name: Some("operator-0".into()),
            pod_namespace: variable.map(Into::into),
            service_account_namespace: account.map(Into::into),
        };
        let config = Config::new(&args(&[]), environment).unwrap();
        assert_eq!(config.pod_name.as_deref(), Some("operator-0"));
        config.operator_namespace
    };
    assert_eq!(of(Some("one"), Some("two")), "one");
    assert_eq!(of(None, Some("two")), "two");
    assert_eq!(of(None, None), "default");
}

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
