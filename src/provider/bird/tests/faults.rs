//! Answers that Bird should not give: each becomes a typed error, and none of them "there is nothing". What the
//! HTTP client itself does with endless, slow and broken answers is shown with Dixa's adapter.

use std::time::Duration;

use super::*;
use crate::provider::http::Limits;
use crate::provider::test_server::{Reply, Server};

const CANARY: &str = "canary-credential";
const KEY: &str = "canary-signing-key";

fn at(server: &Server) -> Bird {
    bird(Connection::local(server.endpoint()), CANARY)
}

/// Settings whose URL and key are secrets.
fn secret() -> Settings {
    Settings {
        url: DeliveryUrl::parse("https://hooks.example.com/canary-path-of-the-url?canary=q").unwrap(),
        signing_key: Some(KEY.into()),
        ..documented()
    }
}

const fn fields() -> FieldSet {
    FieldSet::of(&[Field::Url, Field::SigningKey])
}

/// The errors of a list, a get, a create, an update and a read of the log that are answered so.
async fn each(reply: Reply) -> [ProviderError; 5] {
    let server = Server::start(reply).await;
    let bird = at(&server);
    let errors = [
        bird.list(None).await.unwrap_err(),
        bird.get(&id("i")).await.unwrap_err(),
        bird.create(&secret()).await.unwrap_err(),
        bird.update(&id("i"), &secret(), fields()).await.unwrap_err(),
        bird.deliveries(&id("i"), &[], None).await.unwrap_err(),
    ];
    assert_eq!(
        server.requests().len(),
        5,
        "each call is one request, whatever comes of it"
    );
    errors
}

#[tokio::test]
async fn a_body_that_is_not_the_documented_json_is_unintelligible() {
    let deep = format!(r#"{{"results": {}{}}}"#, "[".repeat(20_000), "]".repeat(20_000));
    let bodies: [&[u8]; 14] = [
        b"<!DOCTYPE html><html>sign in</html>",
        b"",
        b"null",
        b"[]",
        b"{}",
        br#"{"results": null}"#,
        br#"{"results": {}}"#,
        br#"{"results": [{"id": "i"}"#,
        br#"{"id": "i""#,
        br#"{"data": {"id": "i"}}"#,
        br#"{"id": "i", "id": "j"}"#,
        br#"{"id": "i", "url": "\ud800"}"#,
        b"{\"id\": \"i\", \"url\": \"\xff\"}",
        deep.as_bytes(),
    ];
    for body in bodies {
        for error in each(Reply::of(200, body)).await {
            let head = String::from_utf8_lossy(&body[..body.len().min(40)]).into_owned();
            assert_eq!(error.reason(), "UnintelligibleAnswer", "{head}");
            assert!(error.may_have_taken_effect());
        }
    }
}

#[tokio::test]
async fn one_row_that_cannot_be_identified_makes_no_list() {
    for body in [
        r#"{"results": [{"id": "i"}], "results": []}"#,
        r#"{"results": [{"id": "i"}, {"url": "https://hooks.example.com/"}]}"#,
        r#"{"results": [{"id": "i"}, {"id": ""}]}"#,
        r#"{"results": [{"id": "i"}, null]}"#,
        r#"{"results": [{"id": "i"}, "#,
        r#"{"results": [{"id": "i"}], "nextPageToken": 2}"#,
        r#"{"results": [{"id": "i"}], "nextPageToken": "a", "nextPageToken": "b"}"#,
    ] {
        let server = Server::start(Reply::of(200, body.as_bytes())).await;
        let error = at(&server).list(None).await.unwrap_err();
        assert_eq!(error.reason(), "UnintelligibleAnswer", "{body}");
    }
    let odd = r#"{"results": [{"id": "i", "url": 1, "eventFilters": "all", "status": {}}, {"id": "j"}]}"#;
    let server = Server::start(Reply::of(200, odd.as_bytes())).await;
    assert_eq!(at(&server).list(None).await.unwrap().remotes.len(), 2);
}

#[tokio::test]
async fn a_page_that_names_itself_as_the_next_is_an_error() {
    let body = br#"{"results": [], "nextPageToken": "same"}"#;
    let server = Server::start(Reply::of(200, body)).await;
    let bird = at(&server);
    let next = bird.list(None).await.unwrap().next;
    assert_eq!(next, Some(Cursor("same".into())));
    let error = bird.list(next.as_ref()).await.unwrap_err();
    assert_eq!(error.reason(), "UnintelligibleAnswer");
    let next = bird.deliveries(&id("i"), &[], None).await.unwrap().next;
    let error = bird.deliveries(&id("i"), &[], next.as_ref()).await.unwrap_err();
    assert_eq!(error.reason(), "UnintelligibleAnswer");
    let sent: Vec<_> = server.requests();
    assert!(
        sent[1].contains("?limit=100&pageToken=same HTTP/1.1"),
        "{}",
        sent[1]
    );
    assert!(
        sent[3].contains("/i/logs?limit=100&pageToken=same HTTP/1.1"),
        "{}",
        sent[3]
    );
}

#[tokio::test]
async fn paths_hold_workspace_organization_and_id_as_one_segment_each() {
    let server = Server::start(Reply::of(404, b"{}")).await;
    let given = Config {
        workspace: "w/../x".into(),
        organization: Some("o/?".into()),
        ..config(Connection::local(server.endpoint()), CANARY)
    };
    let long = Bird::new(given.clone(), &shared()).unwrap();
    assert_eq!(long.get(&id("a/b#c")).await, Ok(None));
    let organization = None;
    let short = Bird::new(
        Config {
            organization,
            ..given
        },
        &shared(),
    )
    .unwrap();
    assert_eq!(short.delete(&id("i")).await, Ok(Deletion::Done));
    let sent = server.requests();
    let path = "/workspaces/w%2F..%2Fx/webhook-subscriptions";
    assert!(sent[0].starts_with(&format!(
        "GET /organizations/o%2F%3F{path}/a%2Fb%23c HTTP/1.1\r\n"
    )));
    assert!(
        sent[1].starts_with(&format!("DELETE {path}/i HTTP/1.1\r\n")),
        "{}",
        sent[1]
    );
    let nowhere = Config {
        workspace: "..".into(),
        ..config(Connection::local(server.endpoint()), CANARY)
    };
    let nowhere = Bird::new(nowhere, &shared()).unwrap();
    assert_eq!(
        nowhere.list(None).await.unwrap_err().reason(),
        "RequestNotSendable"
    );
    assert_eq!(server.requests().len(), 2);
}

#[tokio::test]
async fn the_key_is_sent_in_the_scheme_that_was_chosen() {
    let server = Server::start(Reply::of(200, br#"{"results": []}"#)).await;
    for (scheme, header) in [
        (
            Scheme::AccessKey,
            "authorization: AccessKey canary-credential\r\n",
        ),
        (Scheme::Bearer, "authorization: Bearer canary-credential\r\n"),
    ] {
        let connection = Connection::local(server.endpoint());
        let given = Config {
            scheme,
            ..config(connection, CANARY)
        };
        Bird::new(given, &shared()).unwrap().list(None).await.unwrap();
        let sent = server.requests().pop().unwrap();
        assert!(sent.contains(header), "{sent}");
    }
}

#[tokio::test]
async fn what_cannot_be_sent_is_not_sent() {
    let server = Server::start(Reply::of(500, b"")).await;
    let bird = at(&server);
    let without_service = Settings {
        events: [event("sms.outbound")].into(),
        ..documented()
    };
    let one = id("i");
    for error in [
        bird.create(&without_service).await.unwrap_err(),
        bird.update(&one, &documented(), FieldSet::EMPTY)
            .await
            .unwrap_err(),
        bird.update(&one, &documented(), FieldSet::of(&[Field::Events]))
            .await
            .unwrap_err(),
        bird.get(&id("..")).await.unwrap_err(),
    ] {
        assert_eq!(error.reason(), "RequestNotSendable");
        assert!(!error.may_have_taken_effect());
    }
    assert!(server.requests().is_empty());
}

#[tokio::test]
async fn no_status_of_success_proves_a_deletion() {
    for (status, body, expected) in [
        (200, "", Ok(Deletion::Unconfirmed)),
        (200, "{}", Ok(Deletion::Unconfirmed)),
        (202, r#"{"id": "i"}"#, Ok(Deletion::Unconfirmed)),
        (204, "", Ok(Deletion::Unconfirmed)),
        (404, r#"{"message": "not found"}"#, Ok(Deletion::Done)),
        (404, "", Ok(Deletion::Done)),
        (404, "<html>not found</html>", Err("UnintelligibleAnswer")),
        (200, "<html>sign in</html>", Err("UnintelligibleAnswer")),
        (201, "{}", Err("UnintelligibleAnswer")),
        (403, "{}", Err("Forbidden")),
        (500, "{}", Err("ProviderUnavailable")),
    ] {
        let server = Server::start(Reply::of(status, body.as_bytes())).await;
        let deleted = at(&server).delete(&id("i")).await;
        assert_eq!(
            deleted.map_err(|error| error.reason()),
            expected,
            "{status} {body}"
        );
    }
}

#[tokio::test]
async fn only_the_provider_itself_can_say_that_something_is_not_there() {
    for body in [&br#"{"message": "not found"}"#[..], b"{}", b""] {
        let server = Server::start(Reply::of(404, body)).await;
        let bird = at(&server);
        assert_eq!(bird.get(&id("i")).await, Ok(None));
        let updated = bird.update(&id("i"), &secret(), fields()).await;
        assert_eq!(updated.unwrap_err().reason(), "RemoteVanished");
        let log = bird.deliveries(&id("i"), &[], None).await;
        assert_eq!(log.unwrap_err().reason(), "RemoteVanished");
        let listed = bird.list(None).await;
        assert_eq!(listed.unwrap_err().reason(), "UnintelligibleAnswer");
    }
    for error in each(Reply::of(404, b"<html>not found</html>")).await {
        assert_eq!(error.reason(), "UnintelligibleAnswer");
    }
}

#[tokio::test]
async fn only_documented_statuses_are_taken_for_success() {
    let one = br#"{"id": "i"}"#;
    for (status, created, read) in [(200, true, true), (201, true, false), (202, false, false)] {
        let server = Server::start(Reply::of(status, one)).await;
        let bird = at(&server);
        assert_eq!(bird.create(&documented()).await.is_ok(), created, "{status}");
        assert_eq!(bird.get(&id("i")).await.is_ok(), read, "{status}");
        let updated = bird.update(&id("i"), &documented(), fields()).await;
        assert_eq!(updated.is_ok(), read, "{status}");
    }
}

#[tokio::test]
async fn an_answer_about_another_subscription_is_not_taken_for_this_one() {
    let server = Server::start(Reply::of(200, br#"{"id": "j"}"#)).await;
    let bird = at(&server);
    assert!(bird.get(&id("i")).await.is_err());
    assert!(bird.update(&id("i"), &documented(), fields()).await.is_err());
    assert!(bird.get(&id("j")).await.unwrap().is_some());
    assert!(bird.update(&id("j"), &documented(), fields()).await.is_ok());
}

#[tokio::test]
async fn a_refusal_is_shown_without_any_secret() {
    let secrets = "canary-credential canary-signing-key Y2FuYXJ5LXNpZ25pbmcta2V5";
    let url = "https://hooks.example.com/canary-path-of-the-url?canary=q";
    let echo =
        format!(r#"{{"message": "no {secrets} {url} /canary-path-of-the-url\u001b[31m", "code": "x"}}"#);
    let server = Server::start(Reply::of(422, echo.as_bytes())).await;
    let bird = at(&server);
    for error in [
        bird.create(&secret()).await.unwrap_err(),
        bird.update(&id("i"), &secret(), fields()).await.unwrap_err(),
    ] {
        let shown = format!("{error} {error:?} {} {bird:?}", error.message());
        for part in ["canary", "Y2FuYXJ5", "\u{1b}"] {
            assert!(!shown.contains(part), "{shown}");
        }
        assert!(
            error
                .message()
                .starts_with("the provider refused the request (status 422): no [redacted]"),
            "{error}"
        );
    }
}

#[tokio::test]
async fn no_error_holds_url_header_or_credential() {
    let page = format!(r#"{{"id": "i", "url": "{CANARY}", "signingKey": "{KEY}", "eventFilters": "#);
    for reply in [
        Reply::Bytes(b"nonsense".to_vec()),
        Reply::of(200, page.as_bytes()),
        Reply::of(500, page.as_bytes()),
        Reply::of(403, format!(r#"{{"message": "{KEY}"}}"#).as_bytes()),
        Reply::of(307, page.as_bytes()),
    ] {
        for error in each(reply).await {
            let shown = format!("{error} {error:?}");
            for part in [
                "http://",
                "127.0.0.1",
                "webhook-subscriptions",
                "canary",
                "nonsense",
            ] {
                assert!(!shown.contains(part), "{shown}");
            }
            assert!(std::error::Error::source(&error).is_none());
        }
    }
}

#[tokio::test]
async fn a_server_that_hangs_meets_the_deadline_with_every_call() {
    let server = Server::start(Reply::Hang).await;
    let short = Duration::from_millis(200);
    let limits = Limits {
        call: short,
        list: short,
        ..Limits::default()
    };
    let connection = Connection {
        limits,
        ..Connection::local(server.endpoint())
    };
    let bird = bird(connection, CANARY);
    for error in [
        bird.list(None).await.unwrap_err(),
        bird.create(&documented()).await.unwrap_err(),
        bird.delete(&id("i")).await.unwrap_err(),
        bird.deliveries(&id("i"), &[], None).await.unwrap_err(),
    ] {
        assert_eq!(error.reason(), "ProviderTimeout", "{error:?}");
        assert!(error.may_have_taken_effect());
    }
}
