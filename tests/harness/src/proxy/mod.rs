//! A fault proxy: it stands before the apiserver or before a provider, passes everything on, records every
//! request in one order, and lets happen to chosen ones what happens in bad hours.
//!
//! ```no_run
//! use std::time::Duration;
//! use test_harness::ControlPlane;
//! use test_harness::proxy::{Action, At, FaultProxy, Pattern, Plan, Switchboard};
//!
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let cluster = ControlPlane::shared();
//! let switchboard = Switchboard::default();
//! let proxy = FaultProxy::before_apiserver(cluster, &cluster.kubeconfig(), &switchboard)?;
//! // An operator that is started with proxy.kubeconfig(), and told by switchboard.aim(operator.id()), dies once
//! // its first write of status was applied and before it knows.
//! let status = Pattern::label("update webhooksubscriptions/status");
//! let plan = switchboard.add(Plan::first(status, At::Applied, Action::Kill))?;
//! switchboard.wait_fired(plan, Duration::from_secs(40))?;
//! # Ok(())
//! # }
//! ```

mod body;
mod classify;
mod link;
mod plan;
mod serve;
mod switchboard;
mod tls;
mod upstream;
mod watch;

use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Arc, OnceLock};

use hyper::server::conn::{http1, http2};
use hyper::service::service_fn;
use hyper_util::rt::{TokioExecutor, TokioIo};
use serde_json::Value;
use tokio::net::TcpListener;
use tokio::runtime::{Builder, Runtime};
use tokio::task::{AbortHandle, JoinSet};
use tokio_rustls::TlsAcceptor;

pub use classify::{Call, Side};
pub use link::Link;
pub use plan::{Action, At, EventPattern, Pattern, Plan, PlanError, Swap, WatchAction, WatchPlan};
pub use switchboard::{Mark, ProcessEvent, Record, Release, Switchboard};
pub use tls::TlsError;

use crate::cluster::Cluster;
use crate::scratch::Scratch;
use link::{Links, Tap};
use serve::Front;
use upstream::Upstream;

/// Why there is no proxy.
#[derive(Debug, thiserror::Error)]
pub enum ProxyError {
    /// It cannot listen, or has no threads.
    #[error("start a proxy")]
    Start(#[source] io::Error),
    /// A file cannot be read or written.
    #[error("use {}", path.display())]
    File {
        /// Its path.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// The kubeconfig is not JSON with one cluster, as the harness writes it.
    #[error("understand the kubeconfig {}", path.display())]
    Kubeconfig {
        /// Its path.
        path: PathBuf,
    },
    /// The address to forward to has no port.
    #[error("{0} has no port")]
    Address(String),
    /// No TLS.
    #[error(transparent)]
    Tls(#[from] TlsError),
}

/// A running proxy. Dropping it closes its port and its connections.
pub struct FaultProxy {
    port: u16,
    tls: bool,
    authority: Option<String>,
    links: Arc<Links>,
    acceptor: AbortHandle,
    folder: Option<(Scratch, PathBuf)>,
}

impl FaultProxy {
    /// Before the apiserver: with TLS under an authority of its own, which [`Self::kubeconfig`] trusts. Tokens
    /// pass through.
    ///
    /// # Errors
    /// [`ProxyError`].
    pub fn before_apiserver(
        cluster: &Cluster,
        kubeconfig: &Path,
        switchboard: &Switchboard,
    ) -> Result<Self, ProxyError> {
        let path = cluster.authority();
        let authority = fs::read(&path).map_err(|source| ProxyError::File { path, source })?;
        let upstream = Upstream::new(port_of(cluster.server())?, Some(tls::back(&authority)?));
        let mut proxy = Self::start(Side::Apiserver, upstream, true, switchboard)?;
        proxy.folder = Some(proxy.write_kubeconfig(kubeconfig)?);
        Ok(proxy)
    }

    /// Before a provider that listens on the loopback interface without TLS, `http://127.0.0.1:PORT`.
    ///
    /// # Errors
    /// [`ProxyError`].
    pub fn before_provider(server: &str, switchboard: &Switchboard) -> Result<Self, ProxyError> {
        let upstream = Upstream::new(port_of(server)?, None);
        Self::start(Side::Provider, upstream, false, switchboard)
    }

    /// The same, with TLS (HTTP/2 and HTTP/1.1) towards the client, under [`Self::authority`].
    ///
    /// # Errors
    /// [`ProxyError`].
    pub fn before_provider_with_tls(server: &str, switchboard: &Switchboard) -> Result<Self, ProxyError> {
        let upstream = Upstream::new(port_of(server)?, None);
        Self::start(Side::Provider, upstream, true, switchboard)
    }

    fn start(
        side: Side,
        upstream: Upstream,
        tls: bool,
        switchboard: &Switchboard,
    ) -> Result<Self, ProxyError> {
        let (authority, acceptor) = if tls {
            let (authority, acceptor) = tls::front()?;
            (Some(authority), Some(acceptor))
        } else {
            (None, None)
        };
        let front = Arc::new(Front {
            side,
            switchboard: switchboard.clone(),
            upstream,
        });
        let runtime = runtime().map_err(ProxyError::Start)?;
        let listener = runtime
            .block_on(TcpListener::bind(("127.0.0.1", 0)))
            .map_err(ProxyError::Start)?;
        let port = listener.local_addr().map_err(ProxyError::Start)?.port();
        let links = Arc::new(Links::default());
        let accepting = accept_all(listener, acceptor, Arc::clone(&links), front);
        Ok(Self {
            port,
            tls,
            authority,
            links,
            acceptor: runtime.spawn(accepting).abort_handle(),
            folder: None,
        })
    }

    /// Its address, `http://127.0.0.1:PORT` or `https://127.0.0.1:PORT`.
    pub fn url(&self) -> String {
        let scheme = if self.tls { "https" } else { "http" };
        format!("{scheme}://127.0.0.1:{}", self.port)
    }

    /// The authority that a client has to trust, as PEM; `None` without TLS.
    pub fn authority(&self) -> Option<&str> {
        self.authority.as_deref()
    }

    /// The kubeconfig that leads through the proxy; empty before a provider.
    pub fn kubeconfig(&self) -> &Path {
        self.folder
            .as_ref()
            .map_or(Path::new(""), |(_, kubeconfig)| kubeconfig)
    }

    /// Cuts all connections, lets them go mute, or lets them work again.
    pub fn link(&self, link: Link) {
        self.links.set(link);
    }

    fn write_kubeconfig(&self, original: &Path) -> Result<(Scratch, PathBuf), ProxyError> {
        let file = |path: &Path| {
            let path = path.to_owned();
            move |source| ProxyError::File { path, source }
        };
        let odd = || ProxyError::Kubeconfig {
            path: original.to_owned(),
        };
        let text = fs::read(original).map_err(file(original))?;
        let mut config: Value = serde_json::from_slice(&text).map_err(|_| odd())?;
        let cluster = config.pointer_mut("/clusters/0/cluster").ok_or_else(odd)?;
        let folder = Scratch::new("webhook-proxy-").map_err(ProxyError::Start)?;
        let authority = folder.path().join("ca.crt");
        fs::write(&authority, self.authority.as_deref().unwrap_or_default()).map_err(file(&authority))?;
        cluster["server"] = self.url().into();
        cluster["certificate-authority"] = authority.to_string_lossy().into();
        let kubeconfig = folder.path().join("kubeconfig");
        fs::write(&kubeconfig, config.to_string()).map_err(file(&kubeconfig))?;
        Ok((folder, kubeconfig))
    }
}

impl Drop for FaultProxy {
    fn drop(&mut self) {
        // Connections are tasks of the acceptor's and end with it.
        self.acceptor.abort();
    }
}

/// The threads of all proxies of this process.
fn runtime() -> io::Result<&'static Runtime> {
    static RUNTIME: OnceLock<Runtime> = OnceLock::new();
    if let Some(runtime) = RUNTIME.get() {
        return Ok(runtime);
    }
    let made = Builder::new_multi_thread()
        .worker_threads(2)
        .thread_name("fault-proxy")
        .enable_all()
        .build()?;
    Ok(RUNTIME.get_or_init(|| made))
}

fn port_of(address: &str) -> Result<u16, ProxyError> {
    let port = address.trim_end_matches('/').rsplit(':').next();
    let port = port.and_then(|port| port.parse().ok());
    port.ok_or_else(|| ProxyError::Address(address.to_owned()))
}

async fn accept_all(listener: TcpListener, tls: Option<TlsAcceptor>, links: Arc<Links>, front: Arc<Front>) {
    let mut connections = JoinSet::new();
    loop {
        while connections.try_join_next().is_some() {}
        // An error here is that of a client that has gone already.
        let Ok((stream, _)) = listener.accept().await else {
            continue;
        };
        let _ = stream.set_nodelay(true);
        connections.spawn(connection(links.wrap(stream), tls.clone(), Arc::clone(&front)));
    }
}

/// Serves a connection to its end. Every error here is one of the connection, which the client sees.
async fn connection(tap: Tap, tls: Option<TlsAcceptor>, front: Arc<Front>) {
    let handle = tap.handle();
    let service = service_fn(move |request| serve::serve(Arc::clone(&front), handle.clone(), request));
    let Some(tls) = tls else {
        let _ = http1::Builder::new()
            .serve_connection(TokioIo::new(tap), service)
            .await;
        return;
    };
    let Ok(stream) = tls.accept(tap).await else { return };
    if stream.get_ref().1.alpn_protocol() == Some(b"h2") {
        let served = http2::Builder::new(TokioExecutor::new());
        let _ = served.serve_connection(TokioIo::new(stream), service).await;
    } else {
        let _ = http1::Builder::new()
            .serve_connection(TokioIo::new(stream), service)
            .await;
    }
}
