//! Answers that no provider should give, and refusals within a success: each becomes a typed error, and none of them
//! "there is nothing" where that would count.

use std::time::{Duration, Instant};

use super::*;
use crate::provider::http::Limits;
use crate::provider::test_server::{Reply as Answered, Server};

const CANARY: &str = "canary-credential";

fn at(server: &Server, limits: Limits) -> Babel {
    let connection = Connection {
        limits,
        ..Connection::local(server.endpoint())
    };
    babel(connection, CANARY)
}

async fn answering(status: u16, body: &str) -> (Server, Babel) {
    let server = Server::start(Answered::of(status, body.as_bytes())).await;
    let babel = at(&server, Limits::default());
    (server, babel)
}

/// The errors of every kind of call that is answered so; a read that finds nothing is none.
async fn each(reply: Answered, limits: Limits) -> Vec<ProviderError> {
    let server = Server::start(reply).await;
    let babel = at(&server, limits);
    let (one, url) = (id("41"), FieldSet::of(&[Field::Url]));
    let errors = vec![
        babel.list(None).await.unwrap_err(),
        babel.get(&one).await.unwrap_err(),
        babel.create(&documented()).await.unwrap_err(),
        babel.update(&one, &documented(), url).await.unwrap_err(),
        babel.delete(&one).await.unwrap_err(),
        babel.deliveries(&one, End::Newest, None).await.unwrap_err(),
        babel.catalogue().await.unwrap_err(),
        babel.test(&one).await.unwrap_err(),
        babel.delete_event(&one, "9001").await.unwrap_err(),
    ];
    let requests = server.requests().len();
    assert_eq!(
        requests,
        errors.len(),
        "each call is one request, whatever comes of it"
    );
    errors
}

#[tokio::test]
async fn a_body_that_is_not_babels_json_is_unintelligible() {
    let deep = format!(
        r#"{{"subscription": {}{}}}"#,
        "[".repeat(20_000),
        "]".repeat(20_000)
    );
    let bodies: [&[u8]; 10] = [
        b"<!DOCTYPE html><html>sign in</html>",
        b"",
        b"null",
        b"[]",
        br#"{"status": "down for maintenance"}"#,
        br#"{"success": "yes"}"#,
        br#"{"success": tru"#,
        b"\xef\xbb\xbf{\"success\": true}",
        br#"{"subscription": {"id": "\ud800"}, "subscriptions": 1, "events": 1, "eventTypes": 1}"#,
        deep.as_bytes(),
    ];
    for body in bodies {
        for error in each(Answered::of(200, body), Limits::default()).await {
            let head = String::from_utf8_lossy(&body[..body.len().min(40)]).into_owned();
            assert_eq!(error.reason(), "UnintelligibleAnswer", "{head}: {error:?}");
            assert!(error.may_have_taken_effect());
        }
    }
}

#[tokio::test]
async fn an_answer_that_breaks_off_or_never_comes_may_have_taken_effect() {
    let head = b"HTTP/1.1 200 OK\r\ncontent-length: 100\r\n\r\n{\"success\": true}";
    let short = Limits {
        call: Duration::from_millis(300),
        list: Duration::from_millis(300),
        ..Limits::default()
    };
    for (reply, limits, reason) in [
        (
            Answered::Bytes(Vec::new()),
            Limits::default(),
            "ProviderUnreachable",
        ),
        (
            Answered::Bytes(head.to_vec()),
            Limits::default(),
            "ProviderUnreachable",
        ),
        (Answered::Hang, short, "ProviderTimeout"),
    ] {
        let begun = Instant::now();
        for error in each(reply, limits).await {
            assert_eq!(error.reason(), reason);
            assert!(error.may_have_taken_effect());
        }
        assert!(begun.elapsed() < Duration::from_secs(25));
    }
}

#[tokio::test]
async fn statuses_follow_the_table_of_all_providers() {
    for (status, reason) in [
        (302, "ProviderRedirects"),
        (400, "RefusedByProvider"),
        (401, "Unauthenticated"),
        (403, "Forbidden"),
        (409, "ProviderConflict"),
        (429, "Throttled"),
        (500, "ProviderUnavailable"),
        (503, "ProviderUnavailable"),
    ] {
        let body = br#"{"success": false, "message": "no"}"#;
        for error in each(Answered::of(status, body), Limits::default()).await {
            assert_eq!(error.reason(), reason);
        }
    }
}

#[tokio::test]
async fn a_refusal_within_a_success_is_one_for_writes_and_no_list() {
    for body in ["{}", r#"{"success": false}"#, r#"{"message": "no"}"#] {
        let (server, babel) = answering(200, body).await;
        let one = id("41");
        let refused = [
            babel.create(&documented()).await.unwrap_err(),
            babel.test(&one).await.unwrap_err(),
            babel.delete_event(&one, "9001").await.unwrap_err(),
        ];
        let message = body.contains("message").then(|| "no".to_owned());
        for error in refused {
            assert_eq!(
                error,
                ProviderError::Rejected {
                    status: 200,
                    message: message.clone()
                }
            );
            assert!(!error.may_have_taken_effect());
        }
        assert_eq!(babel.get(&one).await, Ok(None));
        assert_eq!(babel.delete(&one).await, Ok(Deletion::Unconfirmed));
        let update = babel
            .update(&one, &documented(), FieldSet::of(&[Field::Url]))
            .await;
        assert_eq!(update.unwrap_err(), ProviderError::Vanished { status: 200 });
        for error in [
            babel.list(None).await.unwrap_err(),
            babel.deliveries(&one, End::Newest, None).await.unwrap_err(),
            babel.catalogue().await.unwrap_err(),
        ] {
            assert_eq!(error.reason(), "UnintelligibleAnswer");
        }
        assert!(!server.requests().iter().any(|request| request.starts_with("PUT")));
    }
}

#[tokio::test]
async fn a_success_without_what_it_should_show_proves_nothing() {
    let (_server, babel) = answering(200, r#"{"success": true}"#).await;
    let one = id("41");
    let made = babel.create(&documented()).await.unwrap_err();
    assert_eq!(made.reason(), "UnintelligibleAnswer");
    assert!(made.may_have_taken_effect());
    assert_eq!(
        babel.get(&one).await.unwrap_err().reason(),
        "UnintelligibleAnswer"
    );
    assert_eq!(babel.test(&one).await, Ok(None));
    assert_eq!(babel.delete(&one).await, Ok(Deletion::Done));
    assert_eq!(babel.delete_event(&one, "9001").await, Ok(()));
    assert!(babel.list(None).await.unwrap().remotes.is_empty());
    assert!(babel.catalogue().await.unwrap().is_empty());
    let deliveries = babel.deliveries(&one, End::Newest, None).await;
    assert_eq!(deliveries, Ok(Deliveries::default()));
}

#[tokio::test]
async fn only_the_provider_itself_can_say_that_something_is_not_there() {
    for body in [r#"{"success": false, "message": "not found"}"#, "{}", ""] {
        let (_server, babel) = answering(404, body).await;
        let one = id("41");
        assert_eq!(babel.get(&one).await, Ok(None));
        assert_eq!(babel.delete(&one).await, Ok(Deletion::Done));
        assert_eq!(babel.delete_event(&one, "9001").await, Ok(()));
        let update = babel
            .update(&one, &documented(), FieldSet::of(&[Field::Url]))
            .await;
        assert_eq!(update.unwrap_err(), ProviderError::Vanished { status: 404 });
        assert_eq!(babel.test(&one).await.unwrap_err().reason(), "RemoteVanished");
        assert_eq!(
            babel.list(None).await.unwrap_err().reason(),
            "UnintelligibleAnswer"
        );
    }
    for error in each(Answered::of(404, b"<html>not found</html>"), Limits::default()).await {
        assert_eq!(error.reason(), "UnintelligibleAnswer");
    }
}

#[tokio::test]
async fn an_answer_about_another_row_is_not_taken_for_this_one() {
    let row = format!(r#"{{"success": true, "subscription": {{"id": 42, "name": "{MARKER}"}}}}"#);
    let (server, babel) = answering(200, &row).await;
    assert_eq!(
        babel.get(&id("41")).await.unwrap_err().reason(),
        "UnintelligibleAnswer"
    );
    for fields in [&[Field::Url][..], &[Field::Name], Field::ALL] {
        let update = babel.update(&id("41"), &documented(), FieldSet::of(fields)).await;
        assert_eq!(update.unwrap_err().reason(), "UnintelligibleAnswer");
    }
    assert!(server.requests().iter().all(|request| request.starts_with("GET")));
    assert!(babel.get(&id("42")).await.unwrap().is_some());
}

#[tokio::test]
async fn an_id_that_is_no_plain_number_goes_into_no_path() {
    let (server, babel) = answering(200, r#"{"success": true}"#).await;
    let bad = [
        "0",
        "-1",
        "+1",
        "01",
        "1.0",
        "1e3",
        "2147483648",
        "..",
        "1/2",
        "1?x",
        "%31",
        "a",
    ];
    for bad in bad {
        let (one, url) = (id(bad), FieldSet::of(&[Field::Url]));
        for error in [
            babel.get(&one).await.unwrap_err(),
            babel.update(&one, &documented(), url).await.unwrap_err(),
            babel.delete(&one).await.unwrap_err(),
            babel.deliveries(&one, End::Newest, None).await.unwrap_err(),
            babel.test(&one).await.unwrap_err(),
            babel.delete_event(&one, "1").await.unwrap_err(),
            babel.delete_event(&id("1"), bad).await.unwrap_err(),
        ] {
            assert_eq!(error.reason(), "RequestNotSendable", "{bad}");
        }
    }
    let cursor = Cursor("100".into());
    let list = babel.list(Some(&cursor)).await.unwrap_err();
    let log = babel.deliveries(&id("1"), End::Newest, Some(&cursor)).await;
    assert_eq!((list.reason(), log.unwrap_err()), ("RequestNotSendable", list));
    assert!(server.requests().is_empty());
}

#[tokio::test]
async fn a_refusal_is_shown_without_any_secret() {
    let words = format!(
        "no {CANARY} {} \\u001b[31m {}",
        SECRETS.join(" "),
        "x".repeat(500)
    );
    let body = format!(r#"{{"success": false, "message": "{words}"}}"#);
    for status in [200, 400] {
        let (_server, babel) = answering(status, &body).await;
        let error = babel.create(&documented()).await.unwrap_err();
        let shown = format!("{error} {error:?} {}", error.message());
        for secret in SECRETS.iter().chain(&[CANARY, "\u{1b}"]) {
            assert!(!shown.contains(secret), "{shown}");
        }
        let start = format!("the provider refused the request (status {status}): no [redacted]");
        assert!(error.message().starts_with(&start), "{error}");
        assert!(error.message().chars().count() < 260);
    }
}

#[tokio::test]
async fn no_error_and_no_debug_holds_a_secret_a_url_or_an_id() {
    let secrets = SECRETS.join(" ");
    let row = format!(
        r#"{{"id": 777, "name": "{secrets}", "secret": "{secrets}", "headers": "{secrets}", "url": "{secrets}",
            "eventType": "a", "isActive": "{secrets}"}}"#
    );
    for body in [
        format!(
            r#"{{"success": true, "subscription": {row}, "subscriptions": [{row}], "events": 1, "eventTypes": 1}}"#
        ),
        format!(r#"{{"{secrets}": "{secrets}"}}"#),
        secrets.clone(),
    ] {
        for error in each(Answered::of(200, body.as_bytes()), Limits::default()).await {
            let shown = format!("{error} {error:?}");
            for part in ["http://", "127.0.0.1", "webhooks", "777", "41", "canary", "Y2Fu"] {
                assert!(!shown.contains(part), "{shown}");
            }
        }
    }
    let good = row.replace(&format!(r#", "isActive": "{secrets}""#), "");
    let body = format!(r#"{{"success": true, "subscription": {good}, "subscriptions": [{good}]}}"#);
    let (_server, babel) = answering(200, &body).await;
    let read = (
        babel.list(None).await.unwrap(),
        babel.get(&id("777")).await.unwrap(),
    );
    let shown = format!("{read:?} {babel:?} {:?}", documented());
    assert!(!shown.contains("canary") && !shown.contains("Y2Fu"), "{shown}");
}

#[tokio::test]
async fn lists_are_asked_for_with_take_and_skip_and_the_key_stands_where_it_is_told_to() {
    let rows: Vec<String> = (1..=100).map(|id| format!(r#"{{"id": {id}}}"#)).collect();
    let body = format!(r#"{{"success": true, "subscriptions": [{}]}}"#, rows.join(","));
    let server = Server::start(Answered::of(200, body.as_bytes())).await;
    let config = |scheme| Config {
        connection: Connection::local(server.endpoint()),
        scheme,
        credential: CANARY.into(),
    };
    let own = Scheme::ApiKey(HeaderName::from_static("x-own-key"));
    let babel = Babel::new(config(own), &shared()).unwrap();
    let page = babel.list(None).await.unwrap();
    let again = babel.list(page.next.as_ref()).await.unwrap_err();
    assert_eq!(again.reason(), "UnintelligibleAnswer", "the same page again");
    let bearer = Babel::new(config(Scheme::Bearer), &shared()).unwrap();
    bearer.list(None).await.unwrap();
    let requests = server.requests();
    let line = |request: &String| request.lines().next().unwrap().to_owned();
    let paths: Vec<_> = requests.iter().map(line).collect();
    let of = |skip| format!("GET /v1/webhooks/subscriptions?take=100&skip={skip} HTTP/1.1");
    assert_eq!(paths, [of(0), of(100), of(0)]);
    assert!(requests[0].contains(&format!("\r\nx-own-key: {CANARY}\r\n")));
    assert!(
        requests[2]
            .to_lowercase()
            .contains(&format!("\r\nauthorization: bearer {CANARY}\r\n"))
    );
}
