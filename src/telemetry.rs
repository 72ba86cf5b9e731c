//! Log lines: their form, and which are written.

use std::io::IsTerminal;
use std::panic::PanicHookInfo;

use tracing::Level;
use tracing_subscriber::EnvFilter;
use tracing_subscriber::filter::{FilterFn, ParseError, filter_fn};
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::util::{SubscriberInitExt, TryInitError};

use crate::cli::LogFormat;

/// Libraries whose lines matter only when something is wrong. At `debug` and below they write requests and
/// answers, so that they speak only when they are named.
const QUIET: [&str; 8] = [
    "kube",
    "kube_client",
    "kube_runtime",
    "hyper",
    "hyper_util",
    "reqwest",
    "rustls",
    "h2",
];

/// The client of kube writes the body of an answer that it cannot read, which may be a Secret's, and that as a
/// warning; the watcher writes such errors with a piece of the body. Above these levels neither is heard, whatever
/// `RUST_LOG` says.
const CEILINGS: [(&str, Level); 2] = [
    ("kube_client::client", Level::ERROR),
    ("kube_runtime::watcher", Level::ERROR),
];

/// Why logging cannot be started.
#[derive(Debug, thiserror::Error)]
pub enum TelemetryError {
    /// `RUST_LOG` cannot be read.
    #[error("RUST_LOG: use for example info or webhook_operator=debug")]
    Filter {
        /// What is wrong with it.
        source: ParseError,
    },
    /// `RUST_LOG` is no text.
    #[error("RUST_LOG is not valid UTF-8")]
    NotUnicode,
    /// Logging was started before.
    #[error("cannot start logging")]
    Start {
        /// What tracing says.
        source: TryInitError,
    },
}

/// Starts logging to standard output, and logs panics from here on.
///
/// # Errors
/// [`TelemetryError`].
pub fn start(format: LogFormat) -> Result<(), TelemetryError> {
    let directives = match std::env::var("RUST_LOG") {
        Ok(text) => text,
        Err(std::env::VarError::NotPresent) => String::new(),
        Err(std::env::VarError::NotUnicode(_)) => return Err(TelemetryError::NotUnicode),
    };
    let filter = filter(&directives)?;
    let registry = tracing_subscriber::registry().with(filter).with(ceilings());
    match format {
        LogFormat::Json => registry.with(json(std::io::stdout)).try_init(),
        LogFormat::Text => registry.with(text()).try_init(),
    }
    .map_err(|source| TelemetryError::Start { source })?;
    std::panic::set_hook(Box::new(log_panic));
    Ok(())
}

/// The layer that writes one JSON object a line, fields at its top.
fn json<S, W>(writer: W) -> impl tracing_subscriber::Layer<S>
where
    S: tracing::Subscriber + for<'a> tracing_subscriber::registry::LookupSpan<'a>,
    W: for<'a> tracing_subscriber::fmt::MakeWriter<'a> + 'static,
{
    tracing_subscriber::fmt::layer()
        .json()
        .flatten_event(true)
        .with_current_span(true)
        .with_span_list(false)
        .with_writer(writer)
}

/// The layer that writes plain lines, in colours where somebody looks at them.
fn text<S>() -> impl tracing_subscriber::Layer<S>
where
    S: tracing::Subscriber + for<'a> tracing_subscriber::registry::LookupSpan<'a>,
{
    tracing_subscriber::fmt::layer().with_ansi(std::io::stdout().is_terminal())
}

/// What `RUST_LOG` says, `info` where it says nothing; [`QUIET`] libraries from `warn` on unless it names them.
fn filter(directives: &str) -> Result<EnvFilter, TelemetryError> {
    let given = if directives.trim().is_empty() {
        "info"
    } else {
        directives
    };
    let mut text = given.to_owned();
    for target in QUIET.into_iter().filter(|target| !names(given, target)) {
        text.extend([",", target, "=warn"]);
    }
    EnvFilter::try_new(text).map_err(|source| TelemetryError::Filter { source })
}

/// Keeps out what may hold a secret.
fn ceilings() -> FilterFn {
    filter_fn(|line| {
        let ceiling = CEILINGS.iter().find(|(target, _)| *target == line.target());
        ceiling.is_none_or(|(_, most)| line.is_span() || line.level() <= most)
    })
}

/// Whether a directive is about `target` or something inside it.
fn names(directives: &str, target: &str) -> bool {
    directives.split(',').any(|directive| {
        let directive = directive.trim();
        let end = directive.find(['=', '[', ':']).unwrap_or(directive.len());
        directive[..end] == *target
    })
}

/// A panic's place always, its text only when it is a constant: a formatted one may hold a value from a request.
fn log_panic(info: &PanicHookInfo<'_>) {
    let message = info
        .payload()
        .downcast_ref::<&str>()
        .copied()
        .unwrap_or("formatted text, not shown");
    let location = info.location().map(tracing::field::display);
    tracing::error!(location, text = message, "panic");
}

#[cfg(test)]
mod tests {
    use std::io::{self, Write};
    use std::sync::{Arc, Mutex};

    use serde_json::Value;
    use tracing_subscriber::fmt::MakeWriter;

    use super::*;

    /// Keeps what is written.
    #[derive(Clone, Default)]
    struct Kept(Arc<Mutex<Vec<u8>>>);

    impl Write for Kept {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.0.lock().unwrap().extend_from_slice(bytes);
            Ok(bytes.len())
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    impl MakeWriter<'_> for Kept {
        type Writer = Self;

        fn make_writer(&self) -> Self {
            self.clone()
        }
    }

    /// The lines that `write` logs under `RUST_LOG=directives`.
    fn logged(directives: &str, write: impl FnOnce()) -> Vec<Value> {
        let kept = Kept::default();
        let subscriber = tracing_subscriber::registry()
            .with(filter(directives).unwrap())
            .with(ceilings())
            .with(json(kept.clone()));
        tracing::subscriber::with_default(subscriber, write);
        let bytes = kept.0.lock().unwrap().clone();
        let text = String::from_utf8(bytes).unwrap();
        text.lines()
            .map(|line| serde_json::from_str(line).unwrap())
            .collect()
    }

    #[test]
    fn a_json_line_has_its_fields_at_the_top() {
        let lines = logged("", || tracing::info!(address = %"127.0.0.1:81", "listening"));
        assert_eq!(lines.len(), 1);
        assert_eq!(lines[0]["message"], "listening");
        assert_eq!(lines[0]["address"], "127.0.0.1:81");
        assert_eq!(lines[0]["level"], "INFO");
    }

    fn messages(directives: &str) -> Vec<String> {
        logged(directives, || {
            tracing::debug!(target: "webhook_operator::run", "ours debug");
            tracing::info!(target: "webhook_operator::run", "ours info");
            tracing::info!(target: "kube_runtime::controller", "watcher info");
            tracing::warn!(target: "kube_runtime::controller", "watcher warn");
            tracing::debug!(target: "hyper_util::client", "hyper debug");
        })
        .iter()
        .map(|line| line["message"].as_str().unwrap().to_owned())
        .collect()
    }

    #[test]
    fn libraries_are_quiet_unless_they_are_named() {
        assert_eq!(messages(""), ["ours info", "watcher warn"]);
        assert_eq!(messages("debug"), ["ours debug", "ours info", "watcher warn"]);
        assert_eq!(
            messages("info,kube_runtime=info"),
            ["ours info", "watcher info", "watcher warn"]
        );
        assert_eq!(
            messages("error,hyper_util::client=debug"),
            ["watcher warn", "hyper debug"]
        );
    }

    #[test]
    fn what_may_hold_the_body_of_an_answer_is_not_heard_even_where_it_is_named() {
        let directives = "trace,kube_client=trace,kube_client::client=trace,kube_runtime::watcher=trace";
        let lines = logged(directives, || {
            tracing::warn!(target: "kube_client::client", "{{\"data\": \"canary\"}}");
            tracing::error!(target: "kube_client::client", "heard");
            tracing::trace!(target: "kube_client::client::builder", "requesting");
            tracing::warn!(target: "kube_runtime::watcher", "invalid type: canary");
        });
        let messages: Vec<_> = lines
            .iter()
            .map(|line| line["message"].as_str().unwrap())
            .collect();
        assert_eq!(messages, ["heard", "requesting"]);
    }

    #[test]
    fn a_panic_is_logged_with_its_place_and_without_a_value_that_it_was_formatted_with() {
        let secret = String::from("canary-in-a-panic");
        let before = std::panic::take_hook();
        std::panic::set_hook(Box::new(log_panic));
        let lines = logged("trace", || {
            for formatted in [true, false] {
                let panics = || {
                    assert!(!formatted, "cannot send {secret}");
                    panic!("a constant");
                };
                assert!(std::panic::catch_unwind(panics).is_err());
            }
        });
        std::panic::set_hook(before);
        let texts: Vec<_> = lines.iter().map(|line| line["text"].as_str().unwrap()).collect();
        assert_eq!(texts, ["formatted text, not shown", "a constant"]);
        for line in &lines {
            assert!(
                line["location"].as_str().unwrap().contains("telemetry.rs"),
                "{line}"
            );
            assert!(!line.to_string().contains("canary"), "{line}");
        }
    }

    #[test]
    fn a_filter_that_cannot_be_read_is_refused_with_an_example() {
        let error = filter("info,webhook_operator=loud").unwrap_err();
        assert!(error.to_string().contains("RUST_LOG: use for example"), "{error}");
    }
}
