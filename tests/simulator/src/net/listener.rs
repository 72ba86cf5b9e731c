//! One listener type for plain and encrypted connections.

use crate::net::connection::{Connections, GuardedStream, Stream};
use axum::serve::Listener;
use std::{
    future::pending,
    io,
    net::{IpAddr, SocketAddr},
    sync::Arc,
    time::Duration,
};
use tokio::{
    net::TcpListener,
    sync::mpsc,
    task::{AbortHandle, JoinSet},
};
use tokio_rustls::TlsAcceptor;

/// How long a client may take over a TLS handshake.
const HANDSHAKE_LIMIT: Duration = Duration::from_secs(10);

/// Accepts connections in the background; handshakes run beside each other.
pub(crate) struct SimulatorListener {
    address: SocketAddr,
    accepted: mpsc::Receiver<(GuardedStream, SocketAddr)>,
    acceptor: AbortHandle,
}

impl SimulatorListener {
    /// Listens; port 0 lets the system choose.
    pub(crate) async fn bind(
        at: (IpAddr, u16),
        tls: Option<TlsAcceptor>,
        connections: Arc<Connections>,
    ) -> io::Result<Self> {
        let listener = TcpListener::bind(at).await?;
        let address = listener.local_addr()?;
        let (sender, accepted) = mpsc::channel(64);
        let acceptor = tokio::spawn(accept_all(listener, tls, connections, sender)).abort_handle();
        Ok(Self {
            address,
            accepted,
            acceptor,
        })
    }

    pub(crate) fn port(&self) -> u16 {
        self.address.port()
    }
}

impl Drop for SimulatorListener {
    fn drop(&mut self) {
        self.acceptor.abort();
    }
}

type Accepted = mpsc::Sender<(GuardedStream, SocketAddr)>;

async fn accept_all(
    listener: TcpListener,
    tls: Option<TlsAcceptor>,
    connections: Arc<Connections>,
    sender: Accepted,
) {
    let mut handshakes = JoinSet::new();
    loop {
        while handshakes.try_join_next().is_some() {}
        let Ok((stream, peer)) = listener.accept().await else {
            // Out of file descriptors, most likely: give the open connections time to end.
            tokio::time::sleep(Duration::from_millis(50)).await;
            continue;
        };
        // Small answers must not wait for the client's acknowledgement; without it they are only slower.
        let _ = stream.set_nodelay(true);
        let Some(tls) = tls.clone() else {
            let guarded = connections.guard(Stream::Plain(stream));
            if sender.send((guarded, peer)).await.is_err() {
                return;
            }
            continue;
        };
        let (sender, connections) = (sender.clone(), Arc::clone(&connections));
        handshakes.spawn(async move {
            // A client that refuses the certificate ends the handshake; that is no event here.
            if let Ok(Ok(stream)) = tokio::time::timeout(HANDSHAKE_LIMIT, tls.accept(stream)).await {
                let guarded = connections.guard(Stream::Tls(Box::new(stream)));
                let _ = sender.send((guarded, peer)).await;
            }
        });
    }
}

impl Listener for SimulatorListener {
    type Io = GuardedStream;
    type Addr = SocketAddr;

    async fn accept(&mut self) -> (Self::Io, Self::Addr) {
        match self.accepted.recv().await {
            Some(connection) => connection,
            None => pending().await,
        }
    }

    fn local_addr(&self) -> io::Result<SocketAddr> {
        Ok(self.address)
    }
}
