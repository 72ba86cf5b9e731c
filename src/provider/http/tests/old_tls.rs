//! Servers that speak nothing newer than TLS 1.1 (RFC 8996 says that nobody should), by hand: no library has them.

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;

use super::*;

/// A record of a version, of which TLS 1.0 is (3, 1) and TLS 1.1 (3, 2).
fn record(kind: u8, minor: u8, body: &[u8]) -> Vec<u8> {
    let length = u16::try_from(body.len()).unwrap().to_be_bytes();
    [&[kind, 3, minor][..], &length, body].concat()
}

/// A `ServerHello` that chooses this version and `TLS_RSA_WITH_AES_128_CBC_SHA` (RFC 2246, section 7.4.1.3).
fn server_hello(minor: u8) -> Vec<u8> {
    let hello = [&[3, minor][..], &[7; 32], &[0, 0, 0x2f, 0]].concat();
    let length = u8::try_from(hello.len()).unwrap();
    record(22, minor, &[&[2, 0, 0, length][..], &hello].concat())
}

/// The fatal alert `protocol_version`, from who does not want what was offered.
fn alert(minor: u8) -> Vec<u8> {
    record(21, minor, &[2, 70])
}

/// Answers one connection so, and returns all that was sent to it.
async fn answered_by(answer: Vec<u8>) -> (ProviderError, Vec<u8>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("https://localhost:{}", listener.local_addr().unwrap().port());
    let server = tokio::spawn(async move {
        let (mut stream, _) = listener.accept().await.unwrap();
        let mut sent = vec![0; 4096];
        let read = stream.read(&mut sent).await.unwrap();
        sent.truncate(read);
        stream.write_all(&answer).await.unwrap();
        let _ = stream.read_to_end(&mut sent).await;
        sent
    });
    let client = client(Endpoint::parse(&url).unwrap(), "the-key").unwrap();
    let call = Call::new(Operation::List, Method::GET, "/x".to_owned(), false);
    let error = client.send(call, |_| Ok(())).await.unwrap_err();
    drop(client);
    (error, server.await.unwrap())
}

#[tokio::test]
async fn a_server_that_speaks_only_old_versions_of_tls_is_refused_and_gets_no_request() {
    for minor in [1, 2] {
        for answer in [server_hello(minor), alert(minor)] {
            let (error, sent) = answered_by(answer).await;
            assert_eq!(error.reason(), "TLSInvalid", "{error:?}");
            assert!(!error.may_have_taken_effect());
            let shown = |text: &str| sent.windows(text.len()).any(|window| window == text.as_bytes());
            assert!(shown("localhost"), "the greeting was not read");
            assert!(!shown("the-key") && !shown("GET"));
        }
    }
}
