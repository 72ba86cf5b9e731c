//! What each part of the product may not name. A wall is given one file and returns its breaches.

use crate::sources::Source;

/// Crates that bring Kubernetes.
const KUBERNETES: &[&str] = &["kube", "k8s_openapi"];

/// Modules of our own that are above the providers, or beside them.
const ABOVE_PROVIDERS: &[&str] = &[
    "crate::api",
    "crate::cli",
    "crate::cluster",
    "crate::config",
    "crate::controller",
    "crate::crd",
    "crate::leader",
    "crate::metrics",
    "crate::plugin",
    "crate::run",
    "crate::server",
    "crate::telemetry",
    "crate::traces",
];

/// Decisions are functions of values: nothing that has effects, or that differs from call to call.
pub(crate) fn core(source: &Source) -> Vec<String> {
    // The exploration is a test: it reads a seed from the environment, and tells how long it took.
    if !source.path.starts_with("src/core/") || source.path.starts_with("src/core/explore") {
        return Vec::new();
    }
    let effects = [
        "std::env",
        "std::fs",
        "std::io",
        "std::net",
        "std::os",
        "std::process",
        "std::thread",
        "std::time::Instant",
        "std::time::SystemTime",
        "Instant::now",
        "SystemTime::now",
        "std::collections::hash_map::RandomState",
        "rand",
        "getrandom",
        "jiff",
        "tokio",
        "futures",
        "reqwest",
        "tracing",
    ];
    let mut breaches = named(source, &effects);
    breaches.extend(named(source, KUBERNETES));
    // A lock or a lazy value is state between calls, a text that copies share is not; tests may share what is dear to make.
    if !source.is_test() {
        breaches.extend(named_but(source, &["std::sync"], &["std::sync::Arc"]));
    }
    if source.asyncs > 0 {
        breaches.push(format!("{} is async", source.path));
    }
    breaches
}

/// Adapters speak to providers and know nothing of Kubernetes or of who calls them.
pub(crate) fn provider(source: &Source) -> Vec<String> {
    if !source.is_in("provider") {
        return Vec::new();
    }
    let mut breaches = named(source, KUBERNETES);
    breaches.extend(named(source, ABOVE_PROVIDERS));
    breaches
}

/// Controllers speak to providers through the adapters' interface: no client, no path, no body of a request.
pub(crate) fn controller(source: &Source) -> Vec<String> {
    if !source.is_in("controller") {
        return Vec::new();
    }
    let wire =
        ["answer", "filter", "list", "request"].map(|module| format!("crate::provider::dixa::{module}"));
    let transport =
        ["classify", "exchange", "listing", "tls"].map(|module| format!("crate::provider::http::{module}"));
    let others = [
        "reqwest",
        "hyper",
        "rustls",
        "crate::cli",
        "crate::run",
        "crate::telemetry",
    ];
    let forbidden: Vec<&str> = wire
        .iter()
        .chain(&transport)
        .map(String::as_str)
        .chain(others)
        .collect();
    named(source, &forbidden)
}

/// The plugin is a person's tool: it speaks to no provider but through the adapters, takes of the operator's shell only
/// what that offers to all, and runs no controller. Nothing of the operator knows it.
pub(crate) fn plugin(source: &Source) -> Vec<String> {
    if !source.is_in("plugin") {
        return if source.path == "src/bin/kubectl-webhooks.rs" {
            Vec::new()
        } else {
            named(source, &["crate::plugin", "webhook_operator::plugin"])
        };
    }
    let forbidden = [
        "hyper",
        "rustls",
        "crate::gate",
        "crate::leader",
        "crate::metrics",
        "crate::run",
        "crate::server",
        "crate::telemetry",
        "crate::traces",
    ];
    let mut breaches = named(source, &forbidden);
    // What is below the controllers' root is theirs.
    let inside = |name: &&String| {
        name.strip_prefix("crate::controller::")
            .is_some_and(|rest| rest == "run" || rest.contains("::"))
    };
    let found = source.names.iter().filter(inside);
    breaches.extend(found.map(|name| format!("{} names {name}", source.path)));
    breaches
}

/// The users' contract stands alone, so that it can be read, and published, without the operator.
pub(crate) fn api(source: &Source) -> Vec<String> {
    if !source.is_in("api") {
        return Vec::new();
    }
    let own = |name: &&String| {
        name.starts_with("crate::") && !is_below(name, "crate::api") || is_below(name, "operator_core")
    };
    let breaches = source.names.iter().filter(own);
    breaches
        .map(|name| format!("{} names {name}", source.path))
        .collect()
}

/// Output belongs to the entry points and the log; the operator starts no other program.
pub(crate) fn process(source: &Source) -> Vec<String> {
    let mut breaches = Vec::new();
    if source.is_test() {
        return breaches;
    }
    let entry = ["src/main.rs", "src/bin/kubectl-webhooks.rs"].contains(&source.path.as_str());
    let log = source.is_in("telemetry");
    if !entry && !log {
        breaches.extend(named(
            source,
            &["std::io::stdout", "std::io::stderr", "io::stdout", "io::stderr"],
        ));
    }
    if !entry {
        breaches.extend(named(
            source,
            &["std::process", "process::exit", "process::abort"],
        ));
    }
    let programs = [
        "std::process::Command",
        "process::Command",
        "tokio::process",
        "rustix::runtime",
    ];
    breaches.extend(named(source, &programs));
    for printing in ["print", "println", "eprint", "eprintln", "dbg"] {
        if source.macros.contains(printing) {
            breaches.push(format!("{} prints with {printing}!", source.path));
        }
    }
    breaches
}

fn named(source: &Source, forbidden: &[&str]) -> Vec<String> {
    named_but(source, forbidden, &[])
}

fn named_but(source: &Source, forbidden: &[&str], allowed: &[&str]) -> Vec<String> {
    let below = |name: &str, list: &[&str]| list.iter().any(|prefix| is_below(name, prefix));
    let names = source.names.iter();
    let found = names.filter(|name| below(name, forbidden) && !below(name, allowed));
    found
        .map(|name| format!("{} names {name}", source.path))
        .collect()
}

/// Whether `name` is `prefix` or something in it.
fn is_below(name: &str, prefix: &str) -> bool {
    name.strip_prefix(prefix)
        .is_some_and(|rest| rest.is_empty() || rest.starts_with("::"))
}
