use clap::Parser;

use super::*;
use crate::cli::{Cli, Command};

fn args(flags: &[&str]) -> RunArgs {
    let line = ["webhook-operator", "run"].iter().chain(flags);
    match Cli::try_parse_from(line).unwrap().command {
        Command::Run(args) => *args,
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
            private_endpoints: PrivateEndpoints::ClusterProvidersOnly,
            provider_proxy: None,
            cluster_id: None,
            former_cluster_ids: vec![],
            watch_namespaces: vec![],
            concurrency: 32,
            interval: Duration::from_mins(10),
            settle_time: Duration::from_secs(75),
            election: Some(ElectionConfig {
                lease_name: "webhook-operator".to_owned(),
                terms: Terms::new(
                    Duration::from_secs(15),
                    Duration::from_secs(10),
                    Duration::from_secs(2)
                )
                .unwrap(),
            }),
            shard: Shard::UNNAMED,
            lease_base: "webhook-operator".to_owned(),
            dry_run: false,
            traces: None,
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
fn a_password_of_the_proxy_is_taken_from_the_environment_only_and_never_shown() {
    let url = "http://user:canary@proxy.example.com:3128";
    let from = |variable: Option<&str>| {
        let environment = Environment {
            provider_proxy: variable.map(|text| Hidden(text.into())),
            ..Environment::default()
        };
        Config::new(&args(&["--provider-proxy", url]), environment)
    };
    let config = from(Some(url)).unwrap();
    assert!(
        config
            .provider_proxy
            .as_ref()
            .is_some_and(|proxy| proxy.has_credentials())
    );
    assert!(!format!("{config:?}").contains("canary"));
    for variable in [None, Some("http://other")] {
        let text = from(variable).unwrap_err().to_string();
        assert!(
            text.contains("WEBHOOK_OPERATOR_PROVIDER_PROXY") && !text.contains("canary"),
            "{text}"
        );
    }
    assert!(
        config_of_proxy("http://proxy.example.com:3128")
            .unwrap()
            .provider_proxy
            .is_some()
    );
    assert!(config_of_proxy("").unwrap().provider_proxy.is_none());
    let text = config_of_proxy("canary:3128").unwrap_err().to_string();
    assert!(
        text.contains("--provider-proxy: the URL is not") && !text.contains("canary"),
        "{text}"
    );
}

fn config_of_proxy(url: &str) -> Result<Config, ConfigError> {
    config(&[&format!("--provider-proxy={url}")])
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
            ..Environment::default()
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
fn the_terms_of_the_lease_are_checked_and_the_message_names_the_flag() {
    let refused = |flags: &[&str]| config(flags).unwrap_err().to_string();
    for (flag, text) in [
        ("--lease-duration=1s", "--lease-duration: "),
        ("--lease-duration=6m", "--lease-duration: "),
        ("--lease-duration=10s", "--lease-renew-deadline: "),
        ("--lease-renew-deadline=15s", "--lease-renew-deadline: "),
        ("--lease-retry-period=6s", "--lease-retry-period: "),
        ("--lease-name=Lease", "--lease-name: "),
        ("--lease-name=", "--lease-name: "),
        ("--lease-name=a.", "--lease-name: "),
    ] {
        assert!(refused(&[flag]).starts_with(text), "{flag}");
    }
    let off = config(&["--leader-elect=false", "--lease-duration=1s"]).unwrap();
    assert_eq!(off.election, None);
    let dry = config(&["--dry-run", "--leader-elect"]).unwrap();
    assert_eq!((dry.election, dry.dry_run), (None, true));
}

#[test]
fn a_shard_has_a_lease_of_its_own_and_elects_its_leader() {
    let named = config(&["--shard=eu", "--lease-name=hooks"]).unwrap();
    assert_eq!(named.election.unwrap().lease_name, "hooks-eu");
    assert_eq!(
        (named.shard.name(), named.lease_base.as_str()),
        (Some("eu"), "hooks")
    );
    let none = config(&["--shard="]).unwrap();
    assert_eq!(none.election.unwrap().lease_name, "webhook-operator");
    let refused = |flags: &[&str]| config(flags).unwrap_err().to_string();
    assert!(refused(&["--shard=EU"]).starts_with("--shard: "));
    assert!(refused(&["--shard=eu", "--leader-elect=false"]).starts_with("--shard needs"));
    let long = format!("--lease-name={}", "a".repeat(251));
    assert!(refused(&["--shard=eu", &long]).starts_with("--lease-name: "));
}

#[test]
fn a_collector_is_named_by_the_flag_or_as_is_usual_and_its_headers_are_never_shown() {
    let environment = || Environment {
        otlp_endpoint: Some(Hidden("http://usual:4318".into())),
        otlp_headers: Some(Hidden("authorization=canary-0123".into())),
        ..Environment::default()
    };
    let of = |flags: &[&str], environment| Config::new(&args(flags), environment).map(|config| config.traces);
    assert_eq!(of(&[], Environment::default()).unwrap(), None);
    let usual = of(&[], environment()).unwrap();
    assert_eq!(
        usual,
        Target::parse("http://usual:4318", "authorization=canary-0123").ok()
    );
    assert!(!format!("{usual:?} {:?}", environment()).contains("canary"));
    let named = of(&["--otlp-endpoint=http://named:4318"], environment()).unwrap();
    assert_eq!(
        named,
        Target::parse("http://named:4318", "authorization=canary-0123").ok()
    );
    assert_eq!(of(&["--otlp-endpoint="], Environment::default()).unwrap(), None);
    for wrong in ["http://me:canary@c", "canary", "http://c/?canary"] {
        let text = refusal(&["--otlp-endpoint", wrong]);
        assert!(
            text.contains("--otlp-endpoint") && !text.contains("canary"),
            "{text}"
        );
    }
}
