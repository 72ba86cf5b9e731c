//! Probes and metrics over HTTP.

mod readiness;

use std::fmt::Write as _;
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use axum::Router;
use axum::extract::State;
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;

use crate::metrics::{CONTENT_TYPE, Metrics};
pub use readiness::Readiness;

/// A watch that was not answered for this long is dead: three times the 200 s after which each is renewed.
const WATCH_STALE_AFTER: Duration = Duration::from_mins(10);

/// A watch that was not answered for this long is late: what it knows may be old, and readiness says so.
const WATCH_LATE_AFTER: Duration = Duration::from_mins(5);

/// Why probes and metrics cannot be served.
#[derive(Debug, thiserror::Error)]
pub enum ServerError {
    /// The address cannot be had.
    #[error("cannot listen on {address} (--listen)")]
    Bind {
        /// The address asked for.
        address: SocketAddr,
        /// What the system says.
        source: io::Error,
    },
    /// The server ended on its own.
    #[error("the server of probes and metrics failed")]
    Serve {
        /// What the system says.
        source: io::Error,
    },
}

/// A bound server that does not serve yet.
#[derive(Debug)]
pub struct Server {
    listener: TcpListener,
    address: SocketAddr,
}

impl Server {
    /// Binds `address` and logs what was bound as `listening`.
    ///
    /// # Errors
    /// [`ServerError::Bind`].
    pub async fn bind(address: SocketAddr) -> Result<Self, ServerError> {
        let bind = |source| ServerError::Bind { address, source };
        let listener = TcpListener::bind(address).await.map_err(bind)?;
        let bound = listener.local_addr().map_err(bind)?;
        tracing::info!(address = %bound, "listening");
        Ok(Self {
            listener,
            address: bound,
        })
    }

    /// The address that was bound.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Serves until `stop` is cancelled.
    ///
    /// # Errors
    /// [`ServerError::Serve`].
    pub async fn serve(
        self,
        readiness: Arc<Readiness>,
        metrics: Arc<Metrics>,
        stop: CancellationToken,
    ) -> Result<(), ServerError> {
        axum::serve(self.listener, router(readiness, metrics))
            .with_graceful_shutdown(stop.cancelled_owned())
            .await
            .map_err(|source| ServerError::Serve { source })
    }
}

fn router(readiness: Arc<Readiness>, metrics: Arc<Metrics>) -> Router {
    Router::new()
        .route("/livez", get(livez))
        .route("/readyz", get(readyz))
        .with_state(readiness)
        .merge(Router::new().route("/metrics", get(render)).with_state(metrics))
}

async fn livez(State(readiness): State<Arc<Readiness>>) -> Response {
    match unanswered(&readiness, WATCH_STALE_AFTER) {
        None => "ok\n".into_response(),
        Some(text) => (StatusCode::SERVICE_UNAVAILABLE, text).into_response(),
    }
}

async fn readyz(State(readiness): State<Arc<Readiness>>) -> Response {
    match (readiness.report(), unanswered(&readiness, WATCH_LATE_AFTER)) {
        ((true, text), None) => text.into_response(),
        ((true, _), Some(text)) | ((false, text), _) => {
            (StatusCode::SERVICE_UNAVAILABLE, text).into_response()
        }
    }
}

/// One line for each watch that was not answered for `limit`; `None` when there is none.
fn unanswered(readiness: &Readiness, limit: Duration) -> Option<String> {
    let mut text = String::new();
    for (watch, age) in readiness.stale_watches(Instant::now(), limit) {
        // Writing to a String cannot fail.
        let _ = writeln!(text, "watch of {watch}: last answered {} s ago", age.as_secs());
    }
    (!text.is_empty()).then_some(text)
}

async fn render(State(metrics): State<Arc<Metrics>>) -> Response {
    match metrics.render() {
        Ok(text) => ([(header::CONTENT_TYPE, CONTENT_TYPE)], text).into_response(),
        Err(_) => StatusCode::INTERNAL_SERVER_ERROR.into_response(),
    }
}

#[cfg(test)]
mod tests;
