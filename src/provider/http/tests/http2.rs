//! HTTP/2, which real providers speak and the simulator does not.

use std::sync::Mutex;

use bytes::Bytes;
use h2::Reason;
use rcgen::{CertifiedKey, generate_simple_self_signed};
use rustls::ServerConfig;
use rustls::pki_types::PrivateKeyDer;
use tokio::io::AsyncWriteExt;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::mpsc;
use tokio::time::timeout;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::server::TlsStream;

use super::kept::short;
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
    /// PING after PING, and no answer.
    Pings,
    /// SETTINGS after SETTINGS, and no answer.
    Settings,
}

impl Fate {
    /// The frame that comes for ever (RFC 9113, sections 6.5 and 6.7).
    fn flood(self) -> Option<Vec<u8>> {
        match self {
            Self::Pings => Some([&[0, 0, 8, 6, 0, 0, 0, 0, 0][..], b"floodpng"].concat()),
            Self::Settings => Some(vec![0, 0, 6, 4, 0, 0, 0, 0, 0, 0, 3, 0, 0, 0, 100]),
            _ => None,
        }
    }
}

/// A server whose requests have these fates in turn; the last one for ever.
struct Server2 {
    url: String,
    ca: String,
    seen: Arc<Mutex<Vec<String>>>,
    /// The bytes of each flood that ended, because nobody took more.
    floods: mpsc::UnboundedReceiver<usize>,
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
        let (ended, floods) = mpsc::unbounded_channel();
        let task = tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let (acceptor, seen, fates) = (acceptor.clone(), Arc::clone(&shared), Arc::clone(&fates));
                let ended = ended.clone();
                tokio::spawn(async move {
                    let Ok(stream) = acceptor.accept(stream).await else {
                        return;
                    };
                    let frame = fates.lock().unwrap()[0].flood();
                    if let Some(frame) = frame {
                        fates.lock().unwrap().remove(0);
                        let _ = ended.send(flood(stream, &frame).await);
                    } else {
                        serve(stream, &seen, &fates).await;
                    }
                });
            }
        });
        Self {
            url,
            ca: cert.pem(),
            seen,
            floods,
            task,
        }
    }

    fn client(&self, limits: Limits) -> Client {
        let connection = Connection {
            limits,
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
            Fate::Pings | Fate::Settings => unreachable!("poured by who has no frames of its own"),
            Fate::GoAway => connection.abrupt_shutdown(Reason::ENHANCE_YOUR_CALM),
        }
    }
}

/// Reads all that comes, and sends a frame for as long as anybody takes it; how many bytes went out.
async fn flood(stream: TlsStream<TcpStream>, frame: &[u8]) -> usize {
    let (mut reader, mut writer) = tokio::io::split(stream);
    let reads = tokio::spawn(async move { tokio::io::copy(&mut reader, &mut tokio::io::sink()).await });
    let nothing_to_set = [0, 0, 0, 4, 0, 0, 0, 0, 0];
    let many = frame.repeat(64);
    let (mut next, mut poured): (&[u8], usize) = (&nothing_to_set, 0);
    while writer.write_all(next).await.is_ok() && writer.flush().await.is_ok() {
        poured += next.len();
        next = &many;
    }
    reads.abort();
    poured
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
        let client = server.client(Limits::default());
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

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_flood_of_pings_or_settings_meets_the_deadline_and_does_not_go_on_behind_it() {
    for fate in [Fate::Pings, Fate::Settings] {
        let mut server = Server2::start(vec![fate, Fate::Answered]).await;
        let client = server.client(short());
        let error = post(&client).await.unwrap_err();
        assert_eq!(error.reason(), "ProviderTimeout", "{fate:?}");
        assert!(error.may_have_taken_effect());
        // A new connection serves the next call, and nobody listens to the old one.
        post(&client).await.unwrap();
        let poured = timeout(Duration::from_secs(20), server.floods.recv()).await;
        let poured = poured.unwrap_or_else(|_| panic!("{fate:?}: it goes on")).unwrap();
        assert!(poured > 1000, "{fate:?}: {poured} bytes are no flood");
    }
}
