//! A wall that sees nothing holds nothing: each is shown the ways in which it could be broken.

use crate::sources::Source;
use crate::walls;

/// A wall, a file behind it, and a text that breaches it.
type Breach = (fn(&Source) -> Vec<String>, &'static str, &'static str);

const BREACHES: &[Breach] = &[
    (walls::core, "src/core/plan.rs", "use std::time::Instant;"),
    (
        walls::core,
        "src/core/plan.rs",
        "use std::{time::{Duration, SystemTime}};",
    ),
    (
        walls::core,
        "src/core/plan.rs",
        "fn now() -> u64 { let at = std::time::Instant::now(); 0 }",
    ),
    (
        walls::core,
        "src/core/plan.rs",
        "fn now() { assert!(std::time::SystemTime::now() > before); }",
    ),
    (walls::core, "src/core/plan.rs", "async fn decide() {}"),
    (
        walls::core,
        "src/core/plan/keep.rs",
        "fn decide() { let later = async { 1 }; }",
    ),
    (
        walls::core,
        "src/core/hash.rs",
        "fn read() { let text = std::fs::read(\"a\"); }",
    ),
    (walls::core, "src/core/hash.rs", "use std::env::var as look;"),
    (
        walls::core,
        "src/core/hash.rs",
        "fn say() { tracing::info!(\"a\"); }",
    ),
    (
        walls::core,
        "src/core/hash.rs",
        "fn f(object: &kube::core::ObjectMeta) {}",
    ),
    (walls::provider, "src/provider/dixa/mod.rs", "use kube::Api;"),
    (
        walls::provider,
        "src/provider/dixa/mod.rs",
        "fn f() -> Option<k8s_openapi::api::core::v1::Secret> { None }",
    ),
    (
        walls::provider,
        "src/provider/http/mod.rs",
        "use crate::{api::v1alpha1::Filter, provider::error};",
    ),
    (
        walls::provider,
        "src/provider/account.rs",
        "use super::super::controller::run;",
    ),
    (
        walls::provider,
        "src/provider/error.rs",
        "mod inner { use super::super::super::metrics::Metrics; }",
    ),
    (
        walls::provider,
        "src/provider/error.rs",
        "#[derive(kube::CustomResource)] struct A;",
    ),
    (
        walls::provider,
        "src/provider/error.rs",
        "fn f() { debug_assert!(crate::config::ready()); }",
    ),
    (
        walls::controller,
        "src/controller/watches.rs",
        "use reqwest as http;",
    ),
    (
        walls::controller,
        "src/controller/watches.rs",
        "use super::super::provider::dixa::answer::Body;",
    ),
    (
        walls::controller,
        "src/controller/watches.rs",
        "use crate::provider::{dixa::{request}, Adapter};",
    ),
    (
        walls::controller,
        "src/controller/watches.rs",
        "fn f() { let x = crate::provider::http::tls::roots(); }",
    ),
    (
        walls::controller,
        "src/controller/run.rs",
        "use crate::cli::RunArgs;",
    ),
    (
        walls::plugin,
        "src/controller/run.rs",
        "use crate::plugin::next_step;",
    ),
    (walls::plugin, "src/main.rs", "use webhook_operator::plugin;"),
    (walls::plugin, "src/plugin/get.rs", "use crate::run::run;"),
    (
        walls::plugin,
        "src/plugin/get.rs",
        "use crate::controller::subscription::validate;",
    ),
    (walls::plugin, "src/plugin/get.rs", "use crate::controller::run;"),
    (
        walls::api,
        "src/api/v1alpha1/provider.rs",
        "use crate::provider::ProviderError;",
    ),
    (
        walls::api,
        "src/api/v1alpha1/provider.rs",
        "use super::super::super::duration::parse_duration;",
    ),
    (
        walls::api,
        "src/api/names.rs",
        "fn f() -> operator_core::reason::Reason { todo!() }",
    ),
    (walls::process, "src/server.rs", "fn f() { println!(\"a\"); }"),
    (
        walls::process,
        "src/server.rs",
        "fn f() { std::eprintln!(\"a\"); }",
    ),
    (
        walls::process,
        "src/server.rs",
        "fn f() { vec![{ print!(\"a\"); 1 }]; }",
    ),
    (walls::process, "src/server.rs", "use std::process::Command;"),
    (
        walls::process,
        "src/main.rs",
        "use std::process::{Command, ExitCode};",
    ),
    (walls::process, "src/run.rs", "fn f() { std::process::exit(1); }"),
    (
        walls::process,
        "src/plugin/get.rs",
        "fn f() { std::io::stdout(); }",
    ),
    (
        walls::process,
        "src/run.rs",
        "fn f() { let _ = write!(std::io::stdout(), \"a\"); }",
    ),
    (walls::process, "src/cluster.rs", "use tokio::process::Command;"),
];

#[test]
fn every_wall_sees_a_breach_in_whatever_form_it_is_written() {
    for (wall, path, text) in BREACHES {
        assert!(
            !wall(&Source::parse(path, text)).is_empty(),
            "not seen in {path}: {text}"
        );
    }
}

#[test]
fn what_is_allowed_is_no_breach() {
    let allowed: &[Breach] = &[
        (
            walls::core,
            "src/core/time.rs",
            "use std::time::Duration; use crate::reason::Reason;",
        ),
        (
            walls::core,
            "src/provider/account.rs",
            "use std::time::Instant; async fn f() {}",
        ),
        (
            walls::provider,
            "src/provider/account.rs",
            "use super::ProviderError; use operator_core::time::Moment;",
        ),
        (
            walls::provider,
            "src/provider/account.rs",
            "use crate::provider::http; fn f(kubes: u8) {}",
        ),
        (
            walls::controller,
            "src/controller/watches.rs",
            "use crate::provider::dixa::KNOWN_EVENTS; use kube::Api;",
        ),
        (
            walls::plugin,
            "src/plugin/get.rs",
            "use crate::controller::ca_bundle; use crate::provider::Adapter;",
        ),
        (
            walls::plugin,
            "src/bin/kubectl-webhooks.rs",
            "use webhook_operator::plugin::run;",
        ),
        (
            walls::api,
            "src/api/v1alpha1/provider.rs",
            "use super::refs::SecretKeyRef; use crate::api::names::GROUP;",
        ),
        (
            walls::process,
            "src/main.rs",
            "use std::process::ExitCode; fn f() { std::io::stdout(); }",
        ),
        (
            walls::process,
            "src/run.rs",
            "fn f() { tracing::info!(\"println! std::process::Command\"); }",
        ),
    ];
    for (wall, path, text) in allowed {
        assert_eq!(wall(&Source::parse(path, text)), [""; 0], "{path}: {text}");
    }
}

#[test]
fn code_is_counted_without_comments_blank_lines_and_tests() {
    let text =
        "//! A.\n\n/// B.\nfn f() {\n    // c\n    g();\n}\n\n#[cfg(test)]\nmod tests {\n    fn h() {}\n}\n";
    assert_eq!(Source::parse("src/run.rs", text).lines_of_code(), 3);
    assert_eq!(Source::parse("src/metrics/tests.rs", text).lines_of_code(), 0);
}
