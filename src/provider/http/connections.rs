//! The connections that are kept between calls.

use std::sync::{PoisonError, RwLock};
use std::time::Duration;

use bytes::Bytes;
use http_body_util::Full;
use hyper_util::client::legacy;
use hyper_util::rt::{TokioExecutor, TokioTimer};

use super::HEADERS_MAX;
use super::connect::Connector;

type Pool = legacy::Client<Connector, Full<Bytes>>;

/// The connections of a client: at most four that are idle, for at most 30 s.
pub(super) struct Connections {
    connector: Connector,
    pool: RwLock<Pool>,
}

impl Connections {
    pub(super) fn new(connector: Connector) -> Self {
        let pool = RwLock::new(pool(connector.clone()));
        Self { connector, pool }
    }

    /// What a call is sent with.
    pub(super) fn pool(&self) -> Pool {
        self.pool.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Lets go of all that are kept. One on which a call ran out of time is not used again: over HTTP/2 it would be, and
    /// a server that floods it with frames instead of answers would be listened to for as long as there are calls.
    pub(super) fn renew(&self) {
        *self.pool.write().unwrap_or_else(PoisonError::into_inner) = pool(self.connector.clone());
    }
}

fn pool(connector: Connector) -> Pool {
    legacy::Client::builder(TokioExecutor::new())
        .timer(TokioTimer::new())
        .pool_timer(TokioTimer::new())
        .pool_idle_timeout(Duration::from_secs(30))
        .pool_max_idle_per_host(4)
        .http2_keep_alive_interval(Duration::from_secs(20))
        .http2_keep_alive_timeout(Duration::from_secs(10))
        .http2_initial_stream_window_size(256 << 10)
        .http2_initial_connection_window_size(1 << 20)
        .http2_max_header_list_size(HEADERS_MAX)
        .build(connector)
}
