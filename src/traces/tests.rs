use std::convert::Infallible;
use std::fmt::Write as _;
use std::sync::Mutex;

use bytes::Bytes;
use proptest::prelude::*;
use tokio_util::sync::CancellationToken;

use super::*;
use crate::provider::http::Operation;

const PROGRAM: (&str, &str) = ("webhook-operator", "0.1.0");

/// What a collector would read: fields by number, of one level.
fn fields(mut bytes: &[u8]) -> Vec<(u64, Field<'_>)> {
    fn varint(bytes: &mut &[u8]) -> u64 {
        let mut value = 0;
        for shift in (0..).step_by(7) {
            let byte = bytes[0];
            *bytes = &bytes[1..];
            value |= u64::from(byte & 0x7f) << shift;
            if byte < 0x80 {
                break;
            }
        }
        value
    }
    let mut found = Vec::new();
    while !bytes.is_empty() {
        let tag = varint(&mut bytes);
        let field = match tag & 7 {
            0 => Field::Number(varint(&mut bytes)),
            1 => {
                let (value, rest) = bytes.split_at(8);
                bytes = rest;
                Field::Number(u64::from_le_bytes(value.try_into().unwrap()))
            }
            2 => {
                let length = usize::try_from(varint(&mut bytes)).unwrap();
                let (value, rest) = bytes.split_at(length);
                bytes = rest;
                Field::Bytes(value)
            }
            other => panic!("form {other}"),
        };
        found.push((tag >> 3, field));
    }
    found
}

#[derive(Debug, Clone, Copy, PartialEq)]
enum Field<'a> {
    Number(u64),
    Bytes(&'a [u8]),
}

/// The messages in a field.
fn inner(bytes: &[u8], number: u64) -> Vec<&[u8]> {
    let all = fields(bytes).into_iter().filter(|(at, _)| *at == number);
    all.filter_map(|(_, field)| match field {
        Field::Bytes(bytes) => Some(bytes),
        Field::Number(_) => None,
    })
    .collect()
}

fn number(bytes: &[u8], number: u64) -> Option<u64> {
    fields(bytes).into_iter().find_map(|(at, field)| match field {
        Field::Number(value) if at == number => Some(value),
        _ => None,
    })
}

/// `key=value` of each attribute.
fn attributes(bytes: &[u8], field: u64) -> Vec<String> {
    let one = |pair: &&[u8]| {
        let key = String::from_utf8(inner(pair, 1)[0].to_vec()).unwrap();
        let any = inner(pair, 2)[0];
        let text = inner(any, 1)
            .first()
            .map(|text| String::from_utf8(text.to_vec()).unwrap());
        format!(
            "{key}={}",
            text.unwrap_or_else(|| number(any, 3).unwrap().to_string())
        )
    };
    inner(bytes, field).iter().map(one).collect()
}

fn object() -> ObjectName {
    ObjectName::new("support", "crm")
}

#[derive(Debug, Default)]
struct Heard(Mutex<u32>);

impl Observer for Heard {
    fn observed(&self, _: &Observation) {
        *self.0.lock().unwrap() += 1;
    }
}

fn call(error: Option<&'static str>) -> Observation {
    Observation {
        operation: Operation::Create,
        status: Some(201),
        error,
        elapsed: Duration::from_millis(5),
    }
}

fn turn(name: &ObjectName) -> Turn<'_> {
    Turn {
        kind: "WebhookSubscription",
        name,
        provider: Some("Dixa"),
        outcome: ReconcileOutcome::Settled,
    }
}

#[tokio::test]
async fn a_request_is_a_part_of_the_turn_that_sends_it_and_is_told_on() {
    let (tracer, mut spans) = Tracer::new(Arc::new(Metrics::new()), [7; 2]);
    let heard = Arc::new(Heard::default());
    let observer = tracer.observer("Dixa", Arc::clone(&heard) as _);
    let begun = tracer.begin();
    begun.around(async { observer.observed(&call(None)) }).await;
    begun.end(&turn(&object()));
    observer.observed(&call(Some("ProviderConflict")));
    let [request, turn, alone] = [(); 3].map(|()| spans.try_recv().unwrap());
    assert_eq!(
        (request.parent, request.ids.trace),
        (Some(turn.ids.span), turn.ids.trace)
    );
    assert!(request.ended >= request.began + 5_000_000);
    assert_eq!((turn.parent, alone.parent), (None, None));
    assert_ne!(alone.ids.trace, turn.ids.trace);
    assert!(alone.failed && !request.failed);
    assert_eq!(*heard.0.lock().unwrap(), 2);

    let body = wire::request(&[("service.name", "x")], PROGRAM, &[turn, request, alone]);
    let of_resource = inner(&body, 1)[0];
    assert_eq!(attributes(inner(of_resource, 1)[0], 1), ["service.name=x"]);
    let of_scope = inner(of_resource, 2)[0];
    assert_eq!(inner(inner(of_scope, 1)[0], 1), [b"webhook-operator"]);
    let spans = inner(of_scope, 2);
    assert_eq!(spans.len(), 3);
    assert_eq!(inner(spans[0], 5), [b"reconcile"]);
    let said = [
        "webhook_operator.kind=WebhookSubscription",
        "webhook_operator.name=crm",
        "k8s.namespace.name=support",
        "webhook_operator.provider=Dixa",
        "webhook_operator.outcome=settled",
    ];
    assert_eq!(attributes(spans[0], 9), said);
    assert_eq!(inner(spans[0], 2), inner(spans[1], 4), "the parent");
    assert_eq!((number(spans[0], 6), number(spans[1], 6)), (Some(1), Some(3)));
    assert!(attributes(spans[1], 9).contains(&"http.response.status_code=201".to_owned()));
    assert!(attributes(spans[2], 9).contains(&"error.type=ProviderConflict".to_owned()));
    assert_eq!(number(inner(spans[2], 15)[0], 3), Some(2));
    assert!(inner(spans[0], 15).is_empty());
}

/// What protobuf's own library for Python, with the definitions of OTLP 1, makes of the span below; in hexadecimal.
const REFERENCE: &str = "\
     0ae1010a240a220a0c736572766963652e6e616d6512120a10776562686f6f6b2d6f70657261746f7212b8010a190a10 \
     776562686f6f6b2d6f70657261746f721205302e312e30129a010a100101010101010101010101010101010112080202 \
     020202020202220803030303030303032a1070726f7669646572207265717565737430033901002a36fe9c9717412c01 \
     2a36fe9c97174a260a1a776562686f6f6b5f6f70657261746f722e6f7065726174696f6e12080a066372656174654a20 \
     0a19687474702e726573706f6e73652e7374617475735f636f6465120318f7037a021802";

#[test]
fn a_request_has_the_bytes_that_protobufs_own_library_writes() {
    let span = Span {
        ids: Ids {
            trace: [1; 16],
            span: [2; 8],
        },
        parent: Some([3; 8]),
        name: "provider request",
        role: Role::Client,
        began: 1_700_000_000_000_000_001,
        ended: 1_700_000_000_000_000_300,
        attributes: vec![
            ("webhook_operator.operation", Value::Word("create")),
            ("http.response.status_code", Value::Number(503)),
        ],
        failed: true,
    };
    let body = wire::request(&[("service.name", "webhook-operator")], PROGRAM, &[span]);
    let mut written = String::new();
    for byte in &body {
        write!(written, "{byte:02x}").unwrap();
    }
    assert_eq!(written, REFERENCE.replace(' ', ""));
}

#[test]
fn a_full_queue_loses_spans_counts_them_and_holds_nobody_up() {
    let metrics = Arc::new(Metrics::new());
    let (tracer, _spans) = Tracer::new(Arc::clone(&metrics), [0; 2]);
    for _ in 0..QUEUE + 3 {
        tracer.begin().end(&turn(&object()));
    }
    let text = metrics.render().unwrap();
    assert!(
        text.contains("webhook_operator_trace_spans_dropped_total 3\n"),
        "{text}"
    );
}

#[test]
fn ids_differ_and_none_is_zero() {
    let (tracer, _spans) = Tracer::new(Arc::new(Metrics::new()), [0; 2]);
    let ids: std::collections::HashSet<_> = (0..10_000).map(|_| tracer.ids.draw()).collect();
    assert_eq!(ids.len(), 10_000);
    assert!(!ids.contains(&[0; 8]));
}

#[test]
fn a_collector_is_named_as_the_specification_has_it_and_never_shown_with_its_headers() {
    let uri = |text: &str| Target::parse(text, "").map(|target| target.uri().to_string());
    assert_eq!(
        uri("http://c.example:4318").unwrap(),
        "http://c.example:4318/v1/traces"
    );
    assert_eq!(
        uri("https://c.example/otlp/").unwrap(),
        "https://c.example/otlp/v1/traces"
    );
    for wrong in [
        "",
        "c.example:4318",
        "grpc://c",
        "http://",
        "http://c/?canary=1",
        "http://c/#canary",
    ] {
        assert_eq!(uri(wrong), Err(TargetError::Form), "{wrong}");
    }
    assert_eq!(uri("http://me:canary@c"), Err(TargetError::Credentials));
    let target = Target::parse("http://c", "authorization=Bearer%20canary-1, x-team = a ,").unwrap();
    assert_eq!(target.headers()["authorization"], "Bearer canary-1");
    assert_eq!(target.headers()["x-team"], "a");
    assert!(!format!("{target:?}").contains("canary"), "{target:?}");
    for wrong in ["canary", "a b=canary", "a=canary%0a"] {
        let error = Target::parse("http://c", wrong).unwrap_err();
        assert!(error == TargetError::Headers && !error.to_string().contains("canary"));
    }
}

/// A collector that answers with a status, and keeps what it was sent.
async fn collector(status: u16) -> (String, Arc<Mutex<Vec<(Option<String>, Bytes)>>>) {
    let kept = Arc::<Mutex<Vec<(Option<String>, Bytes)>>>::default();
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let into = Arc::clone(&kept);
    let answer = move |headers: axum::http::HeaderMap, body: Bytes| {
        let into = Arc::clone(&into);
        async move {
            let key = headers.get("x-key").map(|key| key.to_str().unwrap().to_owned());
            into.lock().unwrap().push((key, body));
            Ok::<_, Infallible>(axum::http::StatusCode::from_u16(status).unwrap())
        }
    };
    let app = axum::Router::new().route("/v1/traces", axum::routing::post(answer));
    tokio::spawn(async move { axum::serve(listener, app).await });
    (format!("http://{address}"), kept)
}

#[tokio::test]
async fn spans_arrive_with_the_headers_and_the_last_ones_before_the_end() {
    let (address, kept) = collector(200).await;
    let metrics = Arc::new(Metrics::new());
    let (tracer, spans) = Tracer::new(Arc::clone(&metrics), [1; 2]);
    let target = Target::parse(&address, "x-key=k").unwrap();
    let exporter = Exporter::new(target, "pod-0".to_owned(), Arc::clone(&metrics)).unwrap();
    let shutdown = CancellationToken::new();
    let task = tokio::spawn(exporter.run(spans, shutdown.clone()));
    tracer.begin().end(&turn(&object()));
    shutdown.cancel();
    task.await.unwrap();
    let kept = kept.lock().unwrap();
    assert_eq!(kept.len(), 1);
    assert_eq!(kept[0].0.as_deref(), Some("k"));
    assert_eq!(inner(inner(inner(&kept[0].1, 1)[0], 2)[0], 2).len(), 1);
    assert!(
        metrics
            .render()
            .unwrap()
            .contains("trace_spans_dropped_total 0\n")
    );
}

#[tokio::test]
async fn what_is_refused_or_reaches_nobody_is_counted() {
    let (refusing, _) = collector(503).await;
    // Nobody listens there.
    for address in [refusing.as_str(), "http://127.0.0.1:9"] {
        let metrics = Arc::new(Metrics::new());
        let (tracer, spans) = Tracer::new(Arc::clone(&metrics), [1; 2]);
        let target = Target::parse(address, "").unwrap();
        let exporter = Exporter::new(target, String::new(), Arc::clone(&metrics)).unwrap();
        for _ in 0..3 {
            tracer.begin().end(&turn(&object()));
        }
        drop(tracer);
        exporter.run(spans, CancellationToken::new()).await;
        let text = metrics.render().unwrap();
        assert!(
            text.contains("webhook_operator_trace_spans_dropped_total 3\n"),
            "{address}"
        );
    }
}

proptest! {
    #[test]
    fn whatever_is_read_as_a_collector_shows_no_header(endpoint in ".{0,30}", headers in ".{0,40}") {
        if let Ok(target) = Target::parse(&endpoint, &format!("x=canary,{headers}")) {
            let shown = format!("{target:?}");
            prop_assert!(!shown.contains("canary"), "{}", shown);
        }
    }

    #[test]
    fn every_number_is_read_as_it_was_written(value in any::<i64>(), began in any::<u64>()) {
        let span = Span {
            ids: Ids { trace: [1; 16], span: [2; 8] },
            parent: None,
            name: "x",
            role: Role::Internal,
            began,
            ended: began,
            attributes: vec![("n", Value::Number(value))],
            failed: false,
        };
        let body = wire::request(&[], PROGRAM, &[span]);
        let span = inner(inner(inner(&body, 1)[0], 2)[0], 2)[0];
        prop_assert_eq!(number(span, 7), Some(began));
        let any = inner(inner(span, 9)[0], 2)[0];
        prop_assert_eq!(number(any, 3), Some(value.cast_unsigned()));
    }
}
