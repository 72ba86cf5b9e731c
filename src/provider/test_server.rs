//! A server that answers whatever bytes a test wants, over plain TCP: for what no HTTP library would send.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinHandle;

use super::http::Endpoint;

/// What a connection is answered with, once a whole request was read.
#[derive(Clone)]
pub(crate) enum Reply {
    /// These bytes; then the connection is closed.
    Bytes(Vec<u8>),
    /// These bytes, one by one with a pause after each.
    Trickle(Vec<u8>, Duration),
    /// The first bytes once, then the second ones for ever.
    Endless(Vec<u8>, Vec<u8>),
    /// Nothing.
    Hang,
}

impl Reply {
    /// An answer with a JSON content type and a length.
    pub(crate) fn of(status: u16, body: &[u8]) -> Self {
        let head = format!(
            "HTTP/1.1 {status} X\r\ncontent-type: application/json\r\ncontent-length: {}\r\nconnection: close\r\n\r\n",
            body.len()
        );
        Self::Bytes([head.as_bytes(), body].concat())
    }
}

#[derive(Default)]
struct Record {
    requests: Vec<String>,
    sent: u64,
    gone: u64,
}

/// A listening server; it ends when this is dropped.
pub(crate) struct Server {
    url: String,
    record: Arc<Mutex<Record>>,
    task: JoinHandle<()>,
}

impl Server {
    pub(crate) async fn start(reply: Reply) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let record = Arc::<Mutex<Record>>::default();
        let shared = Arc::clone(&record);
        let task = tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                tokio::spawn(answer(stream, reply.clone(), Arc::clone(&shared)));
            }
        });
        Self { url, record, task }
    }

    pub(crate) fn url(&self) -> &str {
        &self.url
    }

    pub(crate) fn endpoint(&self) -> Endpoint {
        Endpoint::parse(&self.url).unwrap()
    }

    /// The requests so far, as they came over the wire.
    pub(crate) fn requests(&self) -> Vec<String> {
        self.record.lock().unwrap().requests.clone()
    }

    /// How many bytes of answers were taken by the system.
    pub(crate) fn sent(&self) -> u64 {
        self.record.lock().unwrap().sent
    }

    /// How many connections were closed by the client before the answer was complete.
    pub(crate) fn gone(&self) -> u64 {
        self.record.lock().unwrap().gone
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.task.abort();
    }
}

async fn answer(mut stream: TcpStream, reply: Reply, record: Arc<Mutex<Record>>) {
    let Some(request) = read_request(&mut stream).await else {
        return;
    };
    record.lock().unwrap().requests.push(request);
    let send = async |stream: &mut TcpStream, bytes: &[u8]| {
        let sent = stream.write_all(bytes).await;
        let mut record = record.lock().unwrap();
        match sent {
            Ok(()) => record.sent += bytes.len() as u64,
            Err(_) => record.gone += 1,
        }
        sent.is_ok()
    };
    match reply {
        Reply::Bytes(bytes) => {
            send(&mut stream, &bytes).await;
            let _ = stream.shutdown().await;
        }
        Reply::Trickle(bytes, pause) => {
            for byte in bytes {
                if !send(&mut stream, &[byte]).await {
                    return;
                }
                tokio::time::sleep(pause).await;
            }
        }
        Reply::Endless(head, piece) => {
            let mut more = send(&mut stream, &head).await;
            while more {
                more = send(&mut stream, &piece).await;
            }
        }
        Reply::Hang => std::future::pending().await,
    }
}

/// One whole request, head and body; `None` when the client closes instead.
pub(crate) async fn read_request(stream: &mut TcpStream) -> Option<String> {
    let mut bytes = Vec::new();
    loop {
        if stream.read_buf(&mut bytes).await.ok()? == 0 {
            return None;
        }
        let text = String::from_utf8_lossy(&bytes);
        let Some((head, body)) = text.split_once("\r\n\r\n") else {
            continue;
        };
        let length = head.lines().find_map(|line| {
            let (name, value) = line.split_once(':')?;
            name.eq_ignore_ascii_case("content-length")
                .then(|| value.trim().parse::<usize>().ok())?
        });
        if body.len() >= length.unwrap_or(0) {
            return Some(text.into_owned());
        }
    }
}
