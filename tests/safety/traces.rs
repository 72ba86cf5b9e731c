//! `--otlp-endpoint`: spans say what was done and nothing that is secret, and nobody waits for who takes them.

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::sync::{Arc, Mutex};
use std::thread;

use serde_json::json;

use crate::secrets::{canaries, misfortunes, prepare};
use crate::support::{NOWHERE, SUBSCRIPTION, Setup, World, leaks};
use crate::{counts, metric};

const DROPPED: &str = "webhook_operator_trace_spans_dropped_total";

/// A collector: it takes whatever comes, and keeps it.
struct Collector {
    endpoint: String,
    bodies: Arc<Mutex<Vec<Vec<u8>>>>,
}

impl Collector {
    fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let endpoint = format!("--otlp-endpoint=http://{}", listener.local_addr().unwrap());
        let bodies = Arc::<Mutex<Vec<Vec<u8>>>>::default();
        let kept = Arc::clone(&bodies);
        thread::spawn(move || {
            for stream in listener.incoming() {
                let (stream, kept) = (stream.unwrap(), Arc::clone(&kept));
                thread::spawn(move || take(stream, &kept));
            }
        });
        Self { endpoint, bodies }
    }

    /// Everything that came, the heads of the requests too.
    fn bytes(&self) -> Vec<u8> {
        self.bodies.lock().unwrap().concat()
    }
}

/// Reads requests until the other side closes.
fn take(mut stream: TcpStream, kept: &Mutex<Vec<Vec<u8>>>) {
    let mut reader = BufReader::new(stream.try_clone().unwrap());
    loop {
        let (mut head, mut length) = (String::new(), 0);
        loop {
            let mut line = String::new();
            if reader.read_line(&mut line).unwrap_or(0) == 0 {
                return;
            }
            let lower = line.to_lowercase();
            if let Some(value) = lower.strip_prefix("content-length:") {
                length = value.trim().parse().unwrap();
            }
            head.push_str(&line);
            if line == "\r\n" {
                break;
            }
        }
        let mut body = head.clone().into_bytes();
        let begin = body.len();
        body.resize(begin + length, 0);
        reader.read_exact(&mut body[begin..]).unwrap();
        assert!(head.starts_with("POST /v1/traces "), "{head}");
        assert!(
            head.to_lowercase()
                .contains("content-type: application/x-protobuf"),
            "{head}"
        );
        kept.lock().unwrap().push(body);
        stream
            .write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n")
            .unwrap();
    }
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

#[test]
fn spans_say_what_was_done_and_no_secret_no_address_and_no_id() {
    let collector = Collector::start();
    let mut world = Setup::new().flag(&collector.endpoint).start();
    prepare(&world);
    world.ready("basic");
    world.ready("bearer");
    let ids = ["basic", "bearer"].map(|name| world.external_id(name));
    misfortunes(&world);
    for secret in canaries() {
        world.watch_over(&secret);
    }
    let account = world.subscription("basic")["status"]["identity"]["account"].to_string();
    // Before its end, which gives the last batch only little time.
    for word in [
        "reconcile",
        "provider request",
        "WebhookSubscription",
        "WebhookProvider",
        world.namespace.as_str(),
        "basic",
        "Dixa",
        "create",
        "list",
        "settled",
        "RefusedByProvider",
        "http.response.status_code",
    ] {
        world.eventually(&format!("{word} in a span"), || {
            text(&collector.bytes()).contains(word)
        });
    }
    world.stop_operator();
    let bytes = collector.bytes();
    let said = text(&bytes);
    let secrets = world.secrets();
    assert!(secrets.len() >= canaries().len() + 3, "{secrets:?}");
    assert_eq!(leaks(&said, &secrets), [""; 0]);
    let url = world.provider_url();
    let at = url.split_once("://").unwrap().1.trim_end_matches('/').to_owned();
    let bodies: Vec<Vec<u8>> = collector.bodies.lock().unwrap().clone();
    let spans: String = bodies
        .iter()
        .map(|body| {
            let begin = body.windows(4).position(|at| at == b"\r\n\r\n").unwrap();
            text(&body[begin..])
        })
        .collect();
    let addresses = ["://".to_owned(), "hooks.acme.example".to_owned(), at];
    let numbers = [account.trim_matches('"').to_owned()];
    for hidden in addresses.iter().chain(&ids).chain(&numbers) {
        assert!(!spans.contains(hidden.as_str()), "{hidden} is in a span");
    }
    // The search finds each of them where it is planted, wherever that is.
    for secret in &secrets {
        let mut planted = bytes.clone();
        let middle = planted.len() / 2;
        planted.splice(middle..middle, secret.bytes());
        assert!(leaks(&text(&planted), &secrets).contains(secret), "{secret}");
    }
}

fn dropped(world: &mut World) -> f64 {
    metric(&world.operator().metrics().unwrap(), DROPPED)
}

/// A subscription is made and changed, and the process ends well.
fn works(world: &mut World) {
    world.connect();
    world.subscribe("crm", json!({}));
    world.ready("crm");
    world.subscribe("crm", json!({"url": "https://hooks.acme.example/moved"}));
    world.ready("crm");
    world.look_again(SUBSCRIPTION, "crm");
}

#[test]
fn a_collector_that_is_away_is_told_once_and_what_it_misses_is_counted() {
    let mut world = Setup::new().flag(&format!("--otlp-endpoint={NOWHERE}")).start();
    works(&mut world);
    counts(&mut world, DROPPED, |dropped| dropped > 2.0);
    // Another batch, which fails too, and nobody is told again.
    world.look_again(SUBSCRIPTION, "crm");
    let seen = dropped(&mut world);
    world.look_again(SUBSCRIPTION, "crm");
    counts(&mut world, DROPPED, |now| now > seen);
    let log = world.operator_log();
    assert_eq!(log.matches("the collector of traces takes no spans").count(), 1);
}

#[test]
fn a_collector_that_never_answers_holds_up_neither_the_work_nor_the_end() {
    // It is connected to, and nobody reads.
    let silent = TcpListener::bind("127.0.0.1:0").unwrap();
    let endpoint = format!("--otlp-endpoint=http://{}", silent.local_addr().unwrap());
    let mut world = Setup::new().flag(&endpoint).start();
    works(&mut world);
    world.stop_operator();
    drop(silent);
}
