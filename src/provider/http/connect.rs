//! From a URL to a connection: look up once, judge every address, connect to a judged one, then TLS.

use std::future::Future;
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use ::http::Uri;
use hyper_rustls::{HttpsConnector, HttpsConnectorBuilder, MaybeHttpsStream};
use hyper_util::client::legacy::connect::proxy::Tunnel;
use hyper_util::rt::TokioIo;
use operator_core::address::Refusal;
use rustls::ClientConfig;
use tokio::net::TcpStream;
use tokio::time::timeout;
use tower::Service;

use super::egress::{Egress, address};
use super::gated::Gated;
use super::proxy::Proxy;
use crate::gate::Gate;

/// How many addresses of one name a proxy is asked for.
const PROXY_TRIES: usize = 4;

type BoxError = Box<dyn std::error::Error + Send + Sync>;
type Connecting<T> = Pin<Box<dyn Future<Output = Result<T, BoxError>> + Send>>;
type Plain = TokioIo<TcpStream>;

/// Why there is no connection. Nothing of a request was sent.
#[derive(Debug, thiserror::Error)]
pub(super) enum ConnectError {
    #[error("no such name")]
    Name(#[source] io::Error),
    #[error("a name without addresses")]
    NoAddress,
    #[error("it {0}")]
    Refused(Refusal),
    #[error("no connection")]
    Dial(#[source] io::Error),
    #[error("the proxy cannot be reached")]
    Proxy(#[source] io::Error),
    #[error("the proxy makes no tunnel")]
    Tunnel(#[source] BoxError),
    #[error("no connection in time")]
    Late,
}

/// Connects within a time limit, with TLS where the URL says https.
#[derive(Clone)]
pub(super) struct Connector {
    https: HttpsConnector<Guarded>,
    within: Duration,
    gate: Option<Arc<dyn Gate>>,
}

impl Connector {
    pub(super) fn new(
        egress: Egress,
        tls: ClientConfig,
        https_only: bool,
        within: Duration,
        gate: Option<Arc<dyn Gate>>,
    ) -> Self {
        let builder = HttpsConnectorBuilder::new().with_tls_config(tls);
        let builder = if https_only {
            builder.https_only()
        } else {
            builder.https_or_http()
        };
        let guarded = Guarded {
            egress: Arc::new(egress),
            within,
        };
        Self {
            https: builder.enable_all_versions().wrap_connector(guarded),
            within,
            gate,
        }
    }
}

impl Service<Uri> for Connector {
    type Response = Gated<MaybeHttpsStream<Plain>>;
    type Error = BoxError;
    type Future = Connecting<Self::Response>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), BoxError>> {
        self.https.poll_ready(cx)
    }

    fn call(&mut self, to: Uri) -> Self::Future {
        let connecting = timeout(self.within, self.https.call(to));
        let gate = self.gate.clone();
        Box::pin(async move {
            let stream = connecting
                .await
                .unwrap_or_else(|_| Err(ConnectError::Late.into()));
            stream.map(|stream| Gated::new(stream, gate))
        })
    }
}

/// Opens sockets to addresses that may be connected to.
#[derive(Clone)]
struct Guarded {
    egress: Arc<Egress>,
    within: Duration,
}

impl Service<Uri> for Guarded {
    type Response = Plain;
    type Error = ConnectError;
    type Future = Pin<Box<dyn Future<Output = Result<Plain, ConnectError>> + Send>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), ConnectError>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, to: Uri) -> Self::Future {
        let (egress, within) = (Arc::clone(&self.egress), self.within);
        Box::pin(async move {
            let https = to.scheme_str() != Some("http");
            let host = to.host().unwrap_or_default();
            let port = to.port_u16().unwrap_or(if https { 443 } else { 80 });
            let judged = judged(&egress, host, port, https).await?;
            if let Some((proxy, public)) = proxied(&egress, &judged) {
                return tunnel(&egress, proxy, &public, within).await;
            }
            let stream = egress.network.dial(judged, within).await;
            stream.map(TokioIo::new).map_err(ConnectError::Dial)
        })
    }
}

/// The addresses of a host that may be connected to; there is at least one.
async fn judged(
    egress: &Egress,
    host: &str,
    port: u16,
    https: bool,
) -> Result<Vec<SocketAddr>, ConnectError> {
    if egress.apiserver.is_called(host, port) {
        return Err(ConnectError::Refused(Refusal::Apiserver));
    }
    let found = match address(host) {
        Some(address) => vec![address],
        None => egress.network.resolve(host).await.map_err(ConnectError::Name)?,
    };
    let apiserver = apiserver(egress, port).await;
    let mut refused = None;
    let mut judged = Vec::new();
    for address in found {
        let verdict = if apiserver.contains(&address) {
            Err(Refusal::Apiserver)
        } else {
            match egress.judge(address, port, https) {
                Err(_) if operator_core::planted!(AddressesOfNamesUnjudged) => Ok(()),
                verdict => verdict,
            }
        };
        match verdict {
            Ok(()) => judged.push(SocketAddr::new(address, port)),
            Err(refusal) => refused = refused.or(Some(refusal)),
        }
    }
    if judged.is_empty() {
        return Err(refused.map_or(ConnectError::NoAddress, ConnectError::Refused));
    }
    Ok(judged)
}

/// The addresses of the API server at a port, where it is known by a name only. One that cannot be looked up now is not
/// reached by the operator itself.
async fn apiserver(egress: &Egress, port: u16) -> Vec<IpAddr> {
    let mut found = Vec::new();
    for name in egress.apiserver.names_at(port) {
        found.extend(egress.network.resolve(name).await.unwrap_or_default());
    }
    found
}

fn proxied<'a>(egress: &'a Egress, judged: &[SocketAddr]) -> Option<(&'a Arc<Proxy>, Vec<SocketAddr>)> {
    let through = |to: &&SocketAddr| egress.proxy_for(to.ip()).is_some();
    let public: Vec<SocketAddr> = judged.iter().filter(through).copied().collect();
    let proxy = egress.proxy_for(public.first()?.ip())?;
    Some((proxy, public))
}

/// A tunnel to the first of these addresses that the proxy makes one to. It is asked for addresses, not for the name: it
/// could resolve that to something else than what was judged.
async fn tunnel(
    egress: &Arc<Egress>,
    proxy: &Arc<Proxy>,
    public: &[SocketAddr],
    within: Duration,
) -> Result<Plain, ConnectError> {
    let inner = ToProxy {
        egress: Arc::clone(egress),
        proxy: Arc::clone(proxy),
        within,
    };
    let mut tunnel = Tunnel::new(proxy.uri().clone(), inner);
    if let Some(authorization) = proxy.authorization() {
        tunnel = tunnel.with_auth(authorization.clone());
    }
    let mut failed = ConnectError::NoAddress;
    for to in public.iter().take(PROXY_TRIES) {
        let to: Uri = format!("http://{to}")
            .parse()
            .map_err(|error| ConnectError::Tunnel(Box::new(error)))?;
        match tunnel.call(to).await {
            Ok(stream) => return Ok(stream),
            Err(error) => failed = ConnectError::Tunnel(error.into()),
        }
    }
    Err(failed)
}

/// Opens sockets to the proxy. Its address is not judged: whoever sets the flag sets the switches too.
#[derive(Clone)]
struct ToProxy {
    egress: Arc<Egress>,
    proxy: Arc<Proxy>,
    within: Duration,
}

impl Service<Uri> for ToProxy {
    type Response = Plain;
    type Error = ConnectError;
    type Future = Pin<Box<dyn Future<Output = Result<Plain, ConnectError>> + Send>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), ConnectError>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, _: Uri) -> Self::Future {
        let Self {
            egress,
            proxy,
            within,
        } = self.clone();
        Box::pin(async move {
            let found = match address(proxy.host()) {
                Some(address) => vec![address],
                None => egress
                    .network
                    .resolve(proxy.host())
                    .await
                    .map_err(ConnectError::Proxy)?,
            };
            let to = found
                .into_iter()
                .map(|address| SocketAddr::new(address, proxy.port()));
            let stream = egress.network.dial(to.collect(), within).await;
            stream.map(TokioIo::new).map_err(ConnectError::Proxy)
        })
    }
}
