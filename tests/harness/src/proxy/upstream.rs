//! The way from a proxy to the server behind it. Connections are kept for the next request.

use std::sync::{Mutex, PoisonError};

use bytes::Bytes;
use http_body_util::{BodyExt as _, Full};
use hyper::body::Incoming;
use hyper::client::conn::http1::{SendRequest, handshake};
use hyper::{Request, Response, header};
use hyper_util::rt::TokioIo;
use rustls::pki_types::ServerName;
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;

/// Why the server behind gave no answer; the client sees a reset.
pub(super) type Failure = Box<dyn std::error::Error + Send + Sync>;

type Sender = SendRequest<Full<Bytes>>;

/// A server on the loopback interface.
pub(super) struct Upstream {
    port: u16,
    tls: Option<TlsConnector>,
    idle: Mutex<Vec<Sender>>,
}

impl Upstream {
    pub(super) const fn new(port: u16, tls: Option<TlsConnector>) -> Self {
        Self {
            port,
            tls,
            idle: Mutex::new(Vec::new()),
        }
    }

    /// Sends a request and reads the whole answer.
    pub(super) async fn whole(&self, request: Request<Full<Bytes>>) -> Result<Response<Bytes>, Failure> {
        let mut sender = self.connection().await?;
        let answer = sender.send_request(prepared(request)?).await?;
        let (parts, body) = answer.into_parts();
        let body = body.collect().await?.to_bytes();
        self.keep(sender);
        Ok(Response::from_parts(parts, body))
    }

    /// Sends a request and leaves the body to be read, on a connection of its own.
    pub(super) async fn streamed(
        &self,
        request: Request<Full<Bytes>>,
    ) -> Result<Response<Incoming>, Failure> {
        let mut sender = self.connect().await?;
        Ok(sender.send_request(prepared(request)?).await?)
    }

    async fn connection(&self) -> Result<Sender, Failure> {
        loop {
            let kept = self.idle.lock().unwrap_or_else(PoisonError::into_inner).pop();
            match kept {
                Some(mut sender) if !sender.is_closed() => {
                    if sender.ready().await.is_ok() {
                        return Ok(sender);
                    }
                }
                Some(_) => {}
                None => return self.connect().await,
            }
        }
    }

    fn keep(&self, sender: Sender) {
        let mut idle = self.idle.lock().unwrap_or_else(PoisonError::into_inner);
        idle.push(sender);
    }

    async fn connect(&self) -> Result<Sender, Failure> {
        let stream = TcpStream::connect(("127.0.0.1", self.port)).await?;
        stream.set_nodelay(true)?;
        let Some(tls) = &self.tls else {
            let (sender, connection) = handshake(TokioIo::new(stream)).await?;
            tokio::spawn(connection);
            return Ok(sender);
        };
        let stream = tls.connect(ServerName::try_from("127.0.0.1")?, stream).await?;
        let (sender, connection) = handshake(TokioIo::new(stream)).await?;
        tokio::spawn(connection);
        Ok(sender)
    }
}

/// HTTP/1.1 with the path alone and a `Host`, whatever the client spoke.
fn prepared(request: Request<Full<Bytes>>) -> Result<Request<Full<Bytes>>, Failure> {
    let (mut parts, body) = request.into_parts();
    if let Some(authority) = parts.uri.authority() {
        let host = header::HeaderValue::from_str(authority.as_str())?;
        parts.headers.entry(header::HOST).or_insert(host);
    }
    let path = parts
        .uri
        .path_and_query()
        .map_or("/", hyper::http::uri::PathAndQuery::as_str);
    parts.uri = path.parse()?;
    parts.version = hyper::Version::HTTP_11;
    for hop in [
        header::CONNECTION,
        header::TRANSFER_ENCODING,
        header::CONTENT_LENGTH,
    ] {
        parts.headers.remove(hop);
    }
    // Bodies are looked at and swapped as they are.
    parts.headers.remove(header::ACCEPT_ENCODING);
    Ok(Request::from_parts(parts, body))
}
