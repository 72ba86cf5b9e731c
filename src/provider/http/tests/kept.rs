//! Connections that are kept, that say much and mean little, or that never come about.

use std::net::IpAddr;
use std::time::Instant;

use operator_core::address::Scope;
use tokio::io::AsyncWriteExt;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::mpsc;

use super::*;

const ANSWER: &[u8] = b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\n{}";

async fn post(client: &Client) -> Result<(), ProviderError> {
    let mut call = Call::new(Operation::Create, Method::POST, "/x".to_owned(), false);
    call.body = Some(Zeroizing::new(b"{}".to_vec()));
    client.send(call, |_| Ok(())).await
}

fn with(limits: Limits, endpoint: Endpoint) -> Client {
    let connection = Connection {
        limits,
        ..Connection::local(endpoint)
    };
    Client::new(connection, ::http::header::AUTHORIZATION, "", "the-key".into()).unwrap()
}

pub(super) fn short() -> Limits {
    Limits {
        connect: Duration::from_millis(200),
        call: Duration::from_millis(400),
        ..Limits::default()
    }
}

/// The server answers one request a connection and closes it, without having said that it will.
#[tokio::test]
async fn a_write_after_its_kept_connection_was_closed_is_sent_once() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let (seen, mut requests) = mpsc::unbounded_channel();
    let (closed, mut ends) = mpsc::unbounded_channel();
    let server = tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            let Some(request) = read_request(&mut stream).await else {
                continue;
            };
            seen.send(request).unwrap();
            stream.write_all(ANSWER).await.unwrap();
            drop(stream);
            closed.send(()).unwrap();
        }
    });
    let client = client(Endpoint::parse(&url).unwrap(), "the-key").unwrap();
    for call in 1..=20 {
        // Whether the client has noticed the end of the connection before is a race, which is the point.
        let sent = post(&client).await;
        assert!(
            matches!(sent, Ok(()) | Err(ProviderError::Interrupted { .. })),
            "call {call}: {sent:?}"
        );
        ends.recv().await.unwrap();
    }
    server.abort();
    let mut count = 0;
    while requests.try_recv().is_ok() {
        count += 1;
    }
    assert_eq!(count, 20, "one request for each call, whatever became of it");
}

#[tokio::test]
async fn interim_answers_are_passed_over_and_a_flood_of_them_meets_the_deadline() {
    let interim = b"HTTP/1.1 103 Early Hints\r\nlink: <x>\r\n\r\n".to_vec();
    let few = Server::start(Reply::Bytes([interim.repeat(3), ANSWER.to_vec()].concat())).await;
    post(&client(few.endpoint(), "the-key").unwrap()).await.unwrap();
    let flood = Server::start(Reply::Endless(Vec::new(), interim)).await;
    let begun = Instant::now();
    let error = post(&with(short(), flood.endpoint())).await.unwrap_err();
    assert_eq!(
        (error.reason(), error.may_have_taken_effect()),
        ("ProviderTimeout", true)
    );
    assert!(begun.elapsed() < Duration::from_secs(25));
    assert_eq!(flood.requests().len(), 1);
}

/// A resolver that never answers.
#[derive(Debug)]
struct Silent;

impl Network for Silent {
    fn resolve(&self, _: &str) -> Opening<Vec<IpAddr>> {
        Box::pin(std::future::pending())
    }

    fn dial(&self, _: Vec<std::net::SocketAddr>, _: Duration) -> Opening<TcpStream> {
        Box::pin(std::future::ready(Err(std::io::ErrorKind::Unsupported.into())))
    }
}

#[tokio::test]
async fn a_name_server_that_never_answers_meets_the_limit_of_a_connection() {
    let rules = Rules {
        network: Arc::new(Silent),
        ..Rules::strict()
    };
    let connection = Connection {
        limits: short(),
        ..Connection::new(somewhere(), rules.of(Scope::Namespaced))
    };
    let client = Client::new(connection, ::http::header::AUTHORIZATION, "", "the-key".into()).unwrap();
    let why = "no connection within the time limit";
    assert_eq!(post(&client).await, Err(ProviderError::Unreachable { why }));
}
