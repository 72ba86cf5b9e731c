//! HTTP/2, which real providers speak and the simulator does not.

use std::sync::Mutex;

use h2::Reason;
use rcgen::{CertifiedKey, generate_simple_self_signed};
use rustls::ServerConfig;
use rustls::pki_types::PrivateKeyDer;
use tokio::net::{TcpListener, TcpStream};
use tokio_rustls::TlsAcceptor;
use tokio_rustls::server::TlsStream;

use super::*;

/// What becomes of a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Fate {
    /// 200 and `{}`.
    Answered,
    /// `RST_STREAM` before any answer.
    Refused,
    /// `RST_STREAM` after the head of a 200.
    Reset,
    /// GOAWAY, and the connection ends.
    GoAway,
}

/// A server whose requests have these fates in turn; the last one for ever.
struct Server2 {
    url: String,
    ca: String,
    seen: Arc<Mutex<Vec<String>>>,
    task: tokio::task::JoinHandle<()>,
}

impl Drop for Server2 {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl Server2 {
    async fn start(fates: Vec<Fate>) -> Self {
        let names = vec!["localhost".to_owned()];
        let CertifiedKey { cert, signing_key } = generate_simple_self_signed(names).unwrap();
        let key = PrivateKeyDer::try_from(signing_key.serialize_der()).unwrap();
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let mut config = ServerConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_no_client_auth()
            .with_single_cert(vec![cert.der().clone()], key)
            .unwrap();
        config.alpn_protocols = vec![b"h2".to_vec()];
        let acceptor = TlsAcceptor::from(Arc::new(config));
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("https://localhost:{}", listener.local_addr().unwrap().port());
        let seen = Arc::<Mutex<Vec<String>>>::default();
        let (shared, fates) = (Arc::clone(&seen), Arc::new(Mutex::new(fates)));
        let task = tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let (acceptor, seen, fates) = (acceptor.clone(), Arc::clone(&shared), Arc::clone(&fates));
                tokio::spawn(async move {
                    if let Ok(stream) = acceptor.accept(stream).await {
                        serve(stream, &seen, &fates).await;
                    }
                });
            }
        });
        Self {
            url,
            ca: cert.pem(),
            seen,
            task,
        }
    }

    fn client(&self) -> Client {
        let connection = Connection {
            ca_bundle: Some(self.ca.as_bytes().to_vec()),
            ..Connection::local(Endpoint::parse(&self.url).unwrap())
        };
        Client::new(connection, ::http::header::AUTHORIZATION, "", "the-key".into()).unwrap()
    }

    fn seen(&self) -> usize {
        self.seen.lock().unwrap().len()
    }
}

async fn serve(stream: TlsStream<TcpStream>, seen: &Mutex<Vec<String>>, fates: &Mutex<Vec<Fate>>) {
    let Ok(mut connection) = h2::server::handshake(stream).await else {
        return;
    };
    while let Some(Ok((request, mut respond))) = connection.accept().await {
        seen.lock().unwrap().push(request.method().to_string());
        let fate = {
            let mut fates = fates.lock().unwrap();
            if fates.len() > 1 {
                fates.remove(0)
            } else {
                fates[0]
            }
        };
        let head = ::http::Response::new(());
        match fate {
            Fate::Answered => {
                let mut body = respond.send_response(head, false).unwrap();
                body.send_data(Bytes::from_static(b"{}"), true).unwrap();
            }
            Fate::Refused => respond.send_reset(Reason::REFUSED_STREAM),
            Fate::Reset => {
                let mut body = respond.send_response(head, false).unwrap();
                body.send_reset(Reason::INTERNAL_ERROR);
            }
            Fate::GoAway => connection.abrupt_shutdown(Reason::ENHANCE_YOUR_CALM),
        }
    }
}

async fn post(client: &Client) -> Result<(), ProviderError> {
    let mut call = Call::new(Operation::Create, Method::POST, "/x".to_owned(), false);
    call.body = Some(Zeroizing::new(b"{}".to_vec()));
    client.send(call, |_| Ok(())).await
}

#[tokio::test]
async fn a_write_over_http2_that_is_refused_reset_or_sent_away_is_sent_once_and_may_have_taken_effect() {
    for fate in [Fate::Refused, Fate::Reset, Fate::GoAway] {
        let server = Server2::start(vec![Fate::Answered, fate, Fate::Answered]).await;
        let client = server.client();
        post(&client).await.unwrap();
        let error = post(&client).await.unwrap_err();
        assert!(
            matches!(error, ProviderError::Interrupted { .. }),
            "{fate:?}: {error:?}"
        );
        assert!(error.may_have_taken_effect());
        assert_eq!(server.seen(), 2, "{fate:?}");
        // Whatever became of the connection, the next call finds one.
        post(&client).await.unwrap();
        assert_eq!(server.seen(), 3, "{fate:?}");
    }
}
