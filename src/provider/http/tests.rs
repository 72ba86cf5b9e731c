mod guard;
mod http2;
mod kept;
mod old_tls;
mod proxied;
pub(crate) mod recorder;

use std::process::Command;

use operator_core::retry::RETRY_AFTER_MAX;
use proptest::prelude::*;

use super::*;
use crate::provider::test_server::{Reply, Server, read_request};

fn client(endpoint: Endpoint, credential: &str) -> Result<Client, BuildError> {
    Client::new(
        Connection::local(endpoint),
        ::http::header::AUTHORIZATION,
        "",
        credential.into(),
    )
}

fn somewhere() -> Endpoint {
    Endpoint::parse("https://api.example.com").unwrap()
}

proptest! {
    #[test]
    fn an_id_is_always_one_segment_that_means_itself(id in "[!-~]{1,40}") {
        let Ok(segment) = segment(&id) else {
            prop_assert!(id == "." || id == "..");
            return Ok(());
        };
        let url = somewhere().at(&format!("/v1/webhooks/{segment}"), None);
        let segments: Vec<_> = url.path_segments().unwrap().collect();
        prop_assert_eq!(segments.len(), 3);
        prop_assert_eq!(url.query(), None);
        let back = percent_encoding::percent_decode_str(segments[2]).decode_utf8().unwrap();
        prop_assert_eq!(back, id);
    }

    #[test]
    fn a_cursor_changes_nothing_but_the_query(query in "[!-~]{1,60}") {
        let url = somewhere().at("/v1/webhooks", Some(&query));
        prop_assert_eq!(url.path(), "/v1/webhooks");
        prop_assert_eq!(url.host_str(), Some("api.example.com"));
    }

    #[test]
    fn retry_after_is_at_most_an_hour_whatever_it_says(value in "[ -~]{0,40}") {
        let mut headers = ::http::HeaderMap::new();
        headers.insert("retry-after", HeaderValue::from_str(&value).unwrap());
        prop_assert!(exchange::retry_after(&headers).is_none_or(|delay| delay <= RETRY_AFTER_MAX));
    }

    #[test]
    fn debug_and_errors_show_no_credential(credential in "canary[!-~]{0,30}") {
        let connection = Connection::local(somewhere());
        let client = client(somewhere(), &credential).unwrap();
        let shown = format!("{connection:?}{client:?}{:?}", client.header);
        prop_assert!(!shown.contains("canary"));
    }

    #[test]
    fn a_credential_that_is_no_header_is_refused_unseen(credential in ".{0,3}[\r\n\0\t\u{e4}\u{7f}].{0,10}canary") {
        let error = client(somewhere(), &credential).unwrap_err();
        prop_assert!(matches!(error, BuildError::Credential));
        let shown = format!("{error} {error:?}");
        prop_assert!(!shown.contains("canary"));
    }
}

#[test]
fn dots_are_refused_as_ids_and_look_alikes_are_escaped() {
    for id in ["", ".", ".."] {
        assert_eq!(segment(id).unwrap_err().reason(), "RequestNotSendable");
    }
    assert_eq!(segment("%2e%2e").unwrap(), "%252e%252e");
    assert_eq!(segment("../admin?x=1#y").unwrap(), "..%2Fadmin%3Fx%3D1%23y");
}

#[test]
fn spaces_around_a_credential_are_refused_and_inside_allowed() {
    for bad in [" key", "key ", "key\n"] {
        assert!(
            matches!(client(somewhere(), bad), Err(BuildError::Credential)),
            "{bad:?}"
        );
    }
    assert!(client(somewhere(), "inner space").is_ok());
}

#[test]
fn an_http_date_counts_from_our_own_clock() {
    let mut headers = ::http::HeaderMap::new();
    let mut of = |value: &'static str| {
        headers.insert("retry-after", HeaderValue::from_static(value));
        exchange::retry_after(&headers)
    };
    assert_eq!(of("Tue, 31 Dec 2999 23:59:59 GMT"), Some(RETRY_AFTER_MAX));
    assert_eq!(of("Sun, 06 Nov 1994 08:49:37 GMT"), None);
    assert_eq!(of("120"), Some(Duration::from_mins(2)));
}

#[tokio::test]
async fn a_request_says_who_sends_it_and_carries_the_key_once() {
    let server = Server::start(Reply::of(200, b"{}")).await;
    let client = client(server.endpoint(), "the-key").unwrap();
    let call = Call::new(Operation::Get, Method::GET, "/x".to_owned(), true);
    client.send(call, |_| Ok(())).await.unwrap();
    let request = server.requests()[0].to_lowercase();
    assert_eq!(request.matches("the-key").count(), 1);
    assert!(request.contains("\r\nauthorization: the-key\r\n"));
    assert!(request.contains(&format!(
        "\r\nuser-agent: webhook-operator/{}\r\n",
        env!("CARGO_PKG_VERSION")
    )));
    for header in ["referer", "cookie", "accept-encoding"] {
        assert!(!request.contains(header), "{request}");
    }
}

#[tokio::test]
async fn a_refusal_within_a_success_is_shown_without_the_secrets_of_the_call() {
    let server = Server::start(Reply::of(200, b"{}")).await;
    let client = client(server.endpoint(), "the-key").unwrap();
    for (fault, expected) in [
        (
            Fault::Refused(Some("no\n the-key, no body-secret".to_owned())),
            ProviderError::Rejected {
                status: 200,
                message: Some("no [redacted], no [redacted]".to_owned()),
            },
        ),
        (
            Fault::Refused(None),
            ProviderError::Rejected {
                status: 200,
                message: None,
            },
        ),
        (
            Fault::from("odd"),
            ProviderError::Unintelligible {
                status: 200,
                why: "odd",
            },
        ),
    ] {
        let mut call = Call::new(Operation::Create, Method::POST, "/x".to_owned(), false);
        call.secrets = vec![Zeroizing::new("body-secret".to_owned())];
        let sent = client.exchange(call, |_| Err::<(), _>(fault)).await;
        assert_eq!(sent, Err(expected));
    }
}

#[tokio::test]
async fn a_write_on_a_kept_connection_that_breaks_is_not_sent_again() {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let (seen, mut requests) = tokio::sync::mpsc::unbounded_channel();
    let server = tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            // The first request of a connection is answered; the second one is read, and the connection closed.
            for answered in [true, false] {
                let Some(request) = read_request(&mut stream).await else {
                    break;
                };
                seen.send(request).unwrap();
                if answered {
                    let answer = b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\n{}";
                    tokio::io::AsyncWriteExt::write_all(&mut stream, answer)
                        .await
                        .unwrap();
                }
            }
        }
    });
    let client = client(Endpoint::parse(&url).unwrap(), "the-key").unwrap();
    let post = || {
        let mut call = Call::new(Operation::Create, Method::POST, "/x".to_owned(), false);
        call.body = Some(Zeroizing::new(b"{}".to_vec()));
        client.send(call, |_| Ok(()))
    };
    post().await.unwrap();
    let error = post().await.unwrap_err();
    assert!(matches!(error, ProviderError::Interrupted { .. }), "{error:?}");
    server.abort();
    let mut count = 0;
    while requests.try_recv().is_ok() {
        count += 1;
    }
    assert_eq!(count, 2, "one request for each call");
}

const TARGET: &str = "TEST_PROXY_TARGET";
const TLS_TARGET: &str = "TEST_TLS_TARGET";

#[tokio::test]
async fn in_an_environment_with_a_proxy() {
    let Ok(target) = std::env::var(TARGET) else { return };
    let client = client(Endpoint::parse(&target).unwrap(), "the-key").unwrap();
    let call = Call::new(Operation::Get, Method::GET, "/x".to_owned(), true);
    client.send(call, |_| Ok(())).await.unwrap();
    // The bundle in SSL_CERT_FILE holds the authority of this one, and nobody asked for it.
    let target = std::env::var(TLS_TARGET).unwrap();
    let client = self::client(Endpoint::parse(&target).unwrap(), "the-key").unwrap();
    let call = Call::new(Operation::Get, Method::GET, "/x".to_owned(), true);
    let error = client.send(call, |_| Ok(())).await.unwrap_err();
    assert_eq!(error.reason(), "TLSInvalid", "{error}");
}

#[tokio::test]
async fn proxies_and_certificates_of_the_environment_are_ignored() {
    let config = provider_simulator::Config {
        tls: provider_simulator::TlsListeners::Good,
        ..provider_simulator::Config::default()
    };
    let simulator = provider_simulator::Simulator::start(config).await.unwrap();
    let bundle = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(bundle.path(), simulator.ca_pem()).unwrap();
    let target = Server::start(Reply::of(200, b"{}")).await;
    let proxy = Server::start(Reply::of(200, b"{}")).await;
    let mut child = Command::new(std::env::current_exe().unwrap());
    child.args(["--exact", "provider::http::tests::in_an_environment_with_a_proxy"]);
    for name in [
        "HTTP_PROXY",
        "http_proxy",
        "ALL_PROXY",
        "all_proxy",
        "HTTPS_PROXY",
    ] {
        child.env(name, proxy.url());
    }
    child
        .env("SSL_CERT_FILE", bundle.path())
        .env("SSL_CERT_DIR", bundle.path().parent().unwrap())
        .env(TLS_TARGET, simulator.https_url())
        .env_remove("NO_PROXY")
        .env_remove("no_proxy")
        .env(TARGET, target.url());
    let output = tokio::task::spawn_blocking(move || child.output())
        .await
        .unwrap()
        .unwrap();
    assert!(
        output.status.success(),
        "{}",
        String::from_utf8_lossy(&output.stdout)
    );
    assert_eq!((target.requests().len(), proxy.requests().len()), (1, 0));
}

/// Never open.
#[derive(Debug)]
struct Shut;

impl Gate for Shut {
    fn left(&self) -> Option<Duration> {
        None
    }
}

#[tokio::test]
async fn over_a_connection_that_only_reads_nothing_but_a_read_is_sent() {
    let server = Server::start(Reply::of(200, b"{}")).await;
    let connection = Connection {
        read_only: true,
        ..Connection::local(server.endpoint())
    };
    let client = Client::new(connection, ::http::header::AUTHORIZATION, "", "key".into()).unwrap();
    for method in [Method::POST, Method::PATCH, Method::PUT, Method::DELETE] {
        // Whatever it says that it is for.
        let call = Call::new(Operation::Get, method, "/v1/webhooks".to_owned(), false);
        let error = client.send(call, |_| Ok(())).await.unwrap_err();
        assert_eq!(error.reason(), "RequestNotSendable");
        assert!(!error.may_have_taken_effect(), "{error}");
    }
    assert_eq!(server.requests(), [""; 0]);
    let call = Call::new(Operation::Get, Method::GET, "/v1/webhooks".to_owned(), false);
    client.send(call, |_| Ok(())).await.unwrap();
    assert_eq!(server.requests().len(), 1);
}

#[tokio::test]
async fn behind_a_closed_gate_nothing_is_sent() {
    let server = Server::start(Reply::of(200, b"{}")).await;
    let connection = Connection {
        gate: Some(Arc::new(Shut)),
        ..Connection::local(server.endpoint())
    };
    let client = Client::new(connection, ::http::header::AUTHORIZATION, "", "key".into()).unwrap();
    for (operation, method) in [
        (Operation::Create, Method::POST),
        (Operation::Update, Method::PATCH),
        (Operation::Update, Method::PUT),
        (Operation::Delete, Method::DELETE),
        (Operation::Test, Method::POST),
        (Operation::DeleteLogged, Method::DELETE),
        (Operation::Get, Method::GET),
    ] {
        let call = Call::new(operation, method, "/v1/webhooks".to_owned(), false);
        let error = client.send(call, |_| Ok(())).await.unwrap_err();
        assert!(!error.may_have_taken_effect(), "{error}");
    }
    assert_eq!(server.requests(), [""; 0]);
}
