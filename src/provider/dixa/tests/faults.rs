//! Answers that no provider should give: each becomes a typed error, within its bounds, and none of them
//! "there is nothing".

use std::time::{Duration, Instant};

use super::*;
use crate::provider::http::Limits;
use crate::provider::test_server::{Reply, Server};

const CANARY: &str = "canary-credential";

/// Limits small enough for a test to run into them.
fn small() -> Limits {
    let short = Duration::from_millis(400);
    Limits {
        connect: short,
        call: short,
        list: short,
        ..Limits::default()
    }
}

fn at(server: &Server, limits: Limits) -> Dixa {
    dixa(
        Connection {
            limits,
            ..Connection::local(server.endpoint())
        },
        CANARY,
    )
}

/// The errors of a list, a get and a create that are answered so.
async fn each(reply: Reply, limits: Limits) -> [ProviderError; 3] {
    let server = Server::start(reply).await;
    let dixa = at(&server, limits);
    let errors = [
        dixa.list(None).await.unwrap_err(),
        dixa.get(&id("i")).await.unwrap_err(),
        dixa.create(&documented()).await.unwrap_err(),
    ];
    assert_eq!(
        server.requests().len(),
        3,
        "each call is one request, whatever comes of it"
    );
    errors
}

fn raw(head: &str, body: &[u8]) -> Reply {
    Reply::Bytes([head.as_bytes(), b"\r\n\r\n", body].concat())
}

#[tokio::test]
async fn a_body_that_is_not_the_documented_json_is_unintelligible() {
    let deep = format!(r#"{{"data": {}{}}}"#, "[".repeat(20_000), "]".repeat(20_000));
    let bodies: [&[u8]; 14] = [
        b"<!DOCTYPE html><html>sign in</html>",
        b"",
        b"null",
        b"[]",
        b"{}",
        br#"{"data": null}"#,
        br#"{"data": NaN}"#,
        br#"{"data": [{"id": "i", "name": "n"}"#,
        br#"{"data": {"id": "i", "name": "n""#,
        b"\xef\xbb\xbf{\"data\": []}",
        br#"{"data": {"id": "i", "id": "j", "name": "n"}}"#,
        br#"{"data": {"id": "i", "name": "\ud800"}}"#,
        b"{\"data\": {\"id\": \"i\", \"name\": \"\xff\"}}",
        deep.as_bytes(),
    ];
    for body in bodies {
        for error in each(Reply::of(200, body), Limits::default()).await {
            let head = String::from_utf8_lossy(&body[..body.len().min(40)]).into_owned();
            assert_eq!(error.reason(), "UnintelligibleAnswer", "{head}");
            assert!(error.may_have_taken_effect());
        }
    }
}

#[tokio::test]
async fn duplicate_members_make_no_list() {
    let row = r#"{"id": "i", "name": "n"}"#;
    for body in [
        format!(r#"{{"data": [{row}], "data": []}}"#),
        r#"{"data": [{"id": "i", "id": "j", "name": "n"}]}"#.to_owned(),
        r#"{"data": [{"id": "i", "name": "\ud800"}]}"#.to_owned(),
        format!(r#"{{"data": [{row}, "#),
    ] {
        let server = Server::start(Reply::of(200, body.as_bytes())).await;
        let error = at(&server, Limits::default()).list(None).await.unwrap_err();
        assert_eq!(error.reason(), "UnintelligibleAnswer", "{body}");
    }
}

#[tokio::test]
async fn an_answer_that_breaks_off_is_interrupted() {
    let json = "HTTP/1.1 200 OK\r\ncontent-type: application/json";
    let cut = raw(&format!("{json}\r\ncontent-length: 100"), br#"{"data": []}"#);
    let chunked = raw(
        &format!("{json}\r\ntransfer-encoding: chunked"),
        b"c\r\n{\"data\": []}\r\n",
    );
    for reply in [
        Reply::Bytes(Vec::new()),
        Reply::Bytes(b"HTTP/1.1 200".to_vec()),
        cut,
        chunked,
    ] {
        for error in each(reply, Limits::default()).await {
            assert!(matches!(error, ProviderError::Interrupted { .. }), "{error:?}");
            assert!(error.may_have_taken_effect());
        }
    }
}

#[tokio::test]
async fn a_slow_answer_meets_the_deadline_of_the_whole_call() {
    let answer = b"HTTP/1.1 200 OK\r\ncontent-length: 12\r\n\r\n{\"data\": []}".to_vec();
    let pause = Duration::from_millis(40);
    let head = Reply::Trickle(answer.clone(), pause);
    let body = Reply::Endless(b"HTTP/1.1 200 OK\r\n\r\n{\"data\": [".to_vec(), b" ".to_vec());
    for reply in [head, Reply::Hang, body] {
        let limits = Limits {
            body: u64::MAX,
            list_body: u64::MAX,
            ..small()
        };
        let begun = Instant::now();
        for error in each(reply.clone(), limits).await {
            let endless = matches!(reply, Reply::Endless(..)) && error.reason() == "AnswerTooLarge";
            assert!(endless || error.reason() == "ProviderTimeout", "{error:?}");
            assert!(error.may_have_taken_effect());
        }
        assert!(begun.elapsed() < Duration::from_secs(25), "three calls of 0.4 s");
    }
}

#[tokio::test]
async fn an_endless_body_is_cut_at_the_cap() {
    let chunk = |piece: &str| format!("{:x}\r\n{piece}\r\n", piece.len()).into_bytes();
    let head = |start: &str| {
        let head = b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n".to_vec();
        [head, chunk(start)].concat()
    };
    // A string without end, then a list without end.
    let text = Reply::Endless(head(r#"{"data": [{"id": ""#), chunk(&"x".repeat(8000)));
    let rows = r#"{"id": "i", "name": "n"}, "#.repeat(400);
    let rows = Reply::Endless(head(r#"{"data": ["#), chunk(&rows));
    for reply in [text, rows] {
        let server = Server::start(reply).await;
        let limits = Limits {
            list_body: 2 << 20,
            ..Limits::default()
        };
        let dixa = at(&server, limits);
        for error in [
            dixa.list(None).await.unwrap_err(),
            dixa.create(&documented()).await.unwrap_err(),
        ] {
            assert_eq!(error.reason(), "AnswerTooLarge", "{error:?}");
        }
        // What the system buffers on the way comes on top of the caps of 2 and 1 MiB.
        assert!(server.sent() < 24 << 20, "{} bytes were taken", server.sent());
    }
    let announced = raw("HTTP/1.1 200 OK\r\ncontent-length: 10737418240", b"{");
    for error in each(announced, Limits::default()).await {
        assert_eq!(error.reason(), "AnswerTooLarge", "{error:?}");
    }
}

#[tokio::test]
async fn too_many_or_too_large_headers_are_refused() {
    let ok = "HTTP/1.1 200 OK\r\ncontent-length: 12";
    let large = format!("{ok}\r\nx-a: {}", "a".repeat(64 << 10));
    let many = format!("{ok}{}", "\r\nx-a: 1".repeat(10_000));
    for head in [large, many] {
        for error in each(raw(&head, br#"{"data": []}"#), Limits::default()).await {
            assert!(
                matches!(error.reason(), "AnswerTooLarge" | "ProviderUnreachable"),
                "{error:?}"
            );
            assert!(error.may_have_taken_effect());
        }
    }
}

#[tokio::test]
async fn a_redirect_is_an_error_and_nobody_else_sees_the_request() {
    let other = Server::start(Reply::of(200, br#"{"data": []}"#)).await;
    for status in [301, 302, 303, 307, 308] {
        for location in [format!("{}/v1/webhooks", other.url()), "/v1/webhooks".to_owned()] {
            let head = format!("HTTP/1.1 {status} X\r\nlocation: {location}\r\ncontent-length: 0");
            for error in each(raw(&head, b""), Limits::default()).await {
                assert_eq!(error, ProviderError::Redirected { status });
                assert!(!error.message().contains(&location));
            }
        }
    }
    assert!(other.requests().is_empty());
}

#[tokio::test]
async fn compressed_answers_are_neither_asked_for_nor_decoded() {
    // The start of a gzip stream; what it would grow to does not matter, as nobody looks.
    let gzip = [0x1f, 0x8b, 0x08, 0, 0, 0, 0, 0, 0, 0x03, 0xec, 0xc1];
    let head = format!(
        "HTTP/1.1 200 OK\r\ncontent-encoding: gzip\r\ncontent-length: {}",
        gzip.len()
    );
    let server = Server::start(raw(&head, &gzip)).await;
    let error = at(&server, Limits::default()).list(None).await.unwrap_err();
    assert_eq!(error.reason(), "UnintelligibleAnswer");
    assert!(!server.requests()[0].to_lowercase().contains("accept-encoding"));
}

#[tokio::test]
async fn only_the_provider_itself_can_say_that_something_is_not_there() {
    for body in [
        &br#"{"message": "The requested resource could not be found"}"#[..],
        b"{}",
        b"",
    ] {
        let server = Server::start(Reply::of(404, body)).await;
        let dixa = at(&server, Limits::default());
        assert_eq!(dixa.get(&id("i")).await, Ok(None));
        assert_eq!(dixa.delete(&id("i")).await, Ok(Deletion::Done));
        assert_eq!(
            dixa.list(None).await.unwrap_err().reason(),
            "UnintelligibleAnswer"
        );
        assert_eq!(
            dixa.deliveries(&id("i")).await.unwrap_err().reason(),
            "RemoteVanished"
        );
    }
    let page = Server::start(Reply::of(404, b"<html>not found</html>")).await;
    let dixa = at(&page, Limits::default());
    assert_eq!(
        dixa.get(&id("i")).await.unwrap_err().reason(),
        "UnintelligibleAnswer"
    );
    assert_eq!(
        dixa.delete(&id("i")).await.unwrap_err().reason(),
        "UnintelligibleAnswer"
    );
    let page = Server::start(Reply::of(200, b"<html>sign in</html>")).await;
    let dixa = at(&page, Limits::default());
    assert_eq!(
        dixa.delete(&id("i")).await.unwrap_err().reason(),
        "UnintelligibleAnswer"
    );
}

#[tokio::test]
async fn an_answer_about_another_subscription_is_not_taken_for_this_one() {
    let server = Server::start(Reply::of(200, br#"{"data": {"id": "j", "name": "n"}}"#)).await;
    let dixa = at(&server, Limits::default());
    assert!(dixa.get(&id("i")).await.is_err());
    assert!(
        dixa.update(&id("i"), &documented(), FieldSet::of(&[Field::Url]))
            .await
            .is_err()
    );
    assert!(dixa.get(&id("j")).await.unwrap().is_some());
}

#[tokio::test]
async fn a_refusal_is_shown_without_any_secret() {
    let echo = format!(
        r#"{{"message": "no {CANARY} hunter2-example cmVsYXk6aHVudGVyMi1leGFtcGxl orders\u001b[31m {}"}}"#,
        "x".repeat(500)
    );
    let server = Server::start(Reply::of(400, echo.as_bytes())).await;
    let error = at(&server, Limits::default())
        .create(&documented())
        .await
        .unwrap_err();
    let shown = format!("{error} {error:?} {}", error.message());
    for secret in [CANARY, "hunter2", "cmVsYXk", "orders", "\u{1b}"] {
        assert!(!shown.contains(secret), "{shown}");
    }
    assert!(
        error
            .message()
            .starts_with("the provider refused the request (status 400): no [redacted]"),
        "{error}"
    );
    assert!(error.message().chars().count() < 260);
    let page = Server::start(Reply::of(500, format!(r#"{{"message": "{CANARY}"}}"#).as_bytes())).await;
    let error = at(&page, Limits::default())
        .create(&documented())
        .await
        .unwrap_err();
    assert_eq!(error.message(), "the provider is not available (status 500)");
}

#[tokio::test]
async fn no_error_holds_url_header_or_credential() {
    let closed = Server::start(Reply::Hang).await;
    let endpoint = closed.endpoint();
    drop(closed);
    let nobody = dixa(Connection::local(endpoint), CANARY);
    let hang = Server::start(Reply::Hang).await;
    let broken = Server::start(Reply::Bytes(b"nonsense".to_vec())).await;
    let errors = [
        nobody.create(&documented()).await.unwrap_err(),
        at(&hang, small()).get(&id("secret-id")).await.unwrap_err(),
        at(&broken, Limits::default()).list(None).await.unwrap_err(),
    ];
    for error in &errors {
        let shown = format!("{error} {error:?}");
        for part in [
            "http://",
            "127.0.0.1",
            "webhooks",
            "secret-id",
            CANARY,
            "hunter2",
            "nonsense",
        ] {
            assert!(!shown.contains(part), "{shown}");
        }
        assert!(std::error::Error::source(error).is_none());
    }
    assert!(!errors[0].may_have_taken_effect(), "{:?}", errors[0]);
    assert_eq!(errors[0].reason(), "ProviderUnreachable");
}

#[tokio::test]
async fn a_list_that_nobody_waits_for_stops_reading() {
    let head = "HTTP/1.1 200 OK\r\n\r\n{\"data\": [";
    let answer = format!("{head}{}", " ".repeat(100_000));
    let server = Server::start(Reply::Trickle(answer.into_bytes(), Duration::from_millis(1))).await;
    let dixa = at(&server, Limits::default());
    let reading = tokio::time::timeout(Duration::from_millis(200), dixa.list(None)).await;
    assert!(reading.is_err(), "the answer takes far longer");
    let deadline = Instant::now() + Duration::from_secs(20);
    while server.gone() == 0 {
        assert!(Instant::now() < deadline, "the connection is still read from");
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}
