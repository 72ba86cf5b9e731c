//! The proxy that the operator was given.

use std::net::SocketAddr;
use std::sync::Mutex;

use operator_core::address::{PrivateEndpoints, Refusal, Scope};
use provider_simulator::{Config, Simulator, TlsListeners};
use tokio::io::{AsyncWriteExt, copy_bidirectional};
use tokio::net::{TcpListener, TcpStream};

use super::recorder::Recorder;
use super::*;

/// A proxy that answers a CONNECT with `answer`, and if that is a 200, leads to `end`, whatever it is asked for.
struct Tunnels {
    address: SocketAddr,
    heads: Arc<Mutex<Vec<String>>>,
    task: tokio::task::JoinHandle<()>,
}

impl Drop for Tunnels {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl Tunnels {
    async fn start(answer: &'static str, end: SocketAddr) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let heads = Arc::<Mutex<Vec<String>>>::default();
        let shared = Arc::clone(&heads);
        let task = tokio::spawn(async move {
            while let Ok((mut stream, _)) = listener.accept().await {
                let heads = Arc::clone(&shared);
                tokio::spawn(async move {
                    let Some(head) = read_request(&mut stream).await else {
                        return;
                    };
                    heads.lock().unwrap().push(head);
                    stream.write_all(answer.as_bytes()).await.unwrap();
                    if answer.contains(" 200 ") {
                        let mut onward = TcpStream::connect(end).await.unwrap();
                        let _ = copy_bidirectional(&mut stream, &mut onward).await;
                    }
                });
            }
        });
        Self { address, heads, task }
    }

    fn heads(&self) -> Vec<String> {
        self.heads.lock().unwrap().clone()
    }

    /// Rules that use this proxy; the recorder leads every connection to it.
    fn rules(&self, name: &str, addresses: &[&str]) -> (Rules, Arc<Recorder>) {
        let network = Recorder::ending_at(self.address)
            .name(name, &[addresses])
            .name("proxy.example", &[&["10.8.8.8"]]);
        let network = Arc::new(network);
        let proxy = Proxy::parse("http://us%20er:canary@proxy.example:3128").unwrap();
        let rules = Rules {
            proxy: Some(Arc::new(proxy)),
            network: Arc::<Recorder>::clone(&network),
            ..Rules::strict()
        };
        (rules, network)
    }
}

fn address_of(url: &str) -> SocketAddr {
    let port = url.rsplit(':').next().unwrap().parse().unwrap();
    SocketAddr::from(([127, 0, 0, 1], port))
}

async fn list(rules: &Rules, scope: Scope, url: &str, ca: &str) -> Result<(), ProviderError> {
    let connection = Connection {
        ca_bundle: Some(ca.as_bytes().to_vec()),
        ..Connection::new(Endpoint::parse(url).unwrap(), rules.of(scope))
    };
    let token = Config::DIXA_TOKEN.into();
    let client = Client::new(connection, ::http::header::AUTHORIZATION, "", token).unwrap();
    let call = Call::new(Operation::List, Method::GET, "/v1/webhooks".to_owned(), false);
    client.send(call, |_| Ok(())).await
}

async fn simulator() -> Simulator {
    let config = Config {
        tls: TlsListeners::Good,
        ..Config::default()
    };
    Simulator::start(config).await.unwrap()
}

#[tokio::test]
async fn the_proxy_is_asked_for_the_judged_address_and_tls_is_with_the_provider() {
    let simulator = simulator().await;
    let url = simulator.https_url();
    let proxy = Tunnels::start("HTTP/1.1 200 OK\r\n\r\n", address_of(&url)).await;
    // The certificate is for `localhost`, so that is what the provider is called here.
    let (rules, network) = proxy.rules("localhost", &["10.0.0.1", "1.2.3.4"]);
    list(&rules, Scope::Namespaced, &url, simulator.ca_pem())
        .await
        .unwrap();
    let port = address_of(&url).port();
    let [head] = proxy.heads().try_into().unwrap();
    assert!(
        head.starts_with(&format!("CONNECT 1.2.3.4:{port} HTTP/1.1\r\n")),
        "{head}"
    );
    let authorization = format!("proxy-authorization: Basic {}\r\n", "dXMgZXI6Y2FuYXJ5");
    assert!(
        head.to_lowercase().contains(&authorization.to_lowercase()),
        "{head}"
    );
    assert!(!head.contains(Config::DIXA_TOKEN), "the key is for the provider");
    assert_eq!(network.dialled(), [["10.8.8.8:3128"]]);
    assert_eq!(simulator.log().len(), 1);
}

#[tokio::test]
async fn what_may_not_be_reached_is_not_asked_of_the_proxy_and_the_inside_is_reached_directly() {
    let simulator = simulator().await;
    let url = simulator.https_url();
    let proxy = Tunnels::start("HTTP/1.1 200 OK\r\n\r\n", address_of(&url)).await;
    let (rules, network) = proxy.rules("localhost", &["10.0.0.1"]);
    let ca = simulator.ca_pem();
    let refused = list(&rules, Scope::Namespaced, &url, ca).await;
    let refusal = Refusal::PrivateForTenants;
    assert_eq!(refused, Err(ProviderError::NotAllowed { refusal }));
    assert_eq!((proxy.heads().len(), network.dialled().len()), (0, 0));
    let inside = Recorder::ending_at(address_of(&url)).name("localhost", &[&["10.0.0.1"]]);
    let inside = Arc::new(inside);
    let direct = Rules {
        private_endpoints: PrivateEndpoints::Allow,
        network: Arc::<Recorder>::clone(&inside),
        ..rules
    };
    list(&direct, Scope::Namespaced, &url, ca).await.unwrap();
    let port = address_of(&url).port();
    assert_eq!(inside.dialled(), [[format!("10.0.0.1:{port}")]]);
    assert_eq!((proxy.heads().len(), simulator.log().len()), (0, 1));
}

#[tokio::test]
async fn a_proxy_that_refuses_is_told_in_our_words_and_nothing_was_sent() {
    let simulator = simulator().await;
    let url = simulator.https_url();
    for answer in [
        "HTTP/1.1 407 canary\r\ncontent-length: 6\r\n\r\ncanary",
        "HTTP/1.1 403 canary\r\n\r\n",
        "HTTP/1.1 302 X\r\nlocation: http://canary\r\n\r\n",
        "canary\r\n\r\n",
    ] {
        let proxy = Tunnels::start(answer, address_of(&url)).await;
        let (rules, _) = proxy.rules("localhost", &["1.2.3.4", "1.2.3.5"]);
        let error = list(&rules, Scope::Namespaced, &url, simulator.ca_pem())
            .await
            .unwrap_err();
        assert_eq!(
            (error.reason(), error.may_have_taken_effect()),
            ("ProviderUnreachable", false)
        );
        let shown = format!("{error} {error:?}");
        assert!(
            shown.contains("--provider-proxy") && !shown.contains("canary"),
            "{shown}"
        );
        let asked: Vec<String> = proxy
            .heads()
            .iter()
            .map(|head| head.lines().next().unwrap().to_owned())
            .collect();
        let port = address_of(&url).port();
        assert_eq!(
            asked,
            ["1.2.3.4", "1.2.3.5"].map(|to| format!("CONNECT {to}:{port} HTTP/1.1"))
        );
    }
    assert_eq!(simulator.log().len(), 0);
}
