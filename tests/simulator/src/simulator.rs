//! Starting, stopping and driving a simulator from within the same process.

use crate::{
    admin,
    babel::Babel,
    bird::Bird,
    config::{Config, TlsListeners},
    dixa::Dixa,
    frame::{
        engine::{self, Core},
        fault::{ActiveFault, FaultBoard, FaultPlan, RequestFilter},
        hold::{Held, Holds, Release},
        log::{Counters, LogEntry, RequestLog, Wait},
        provider::Provider,
        switch::SwitchError,
    },
    net::{
        certificate::{Authority, CertificateError, Flaw},
        connection::{ConnectionHandle, Connections},
        listener::SimulatorListener,
    },
};
use axum::Router;
use serde_json::Value;
use std::{io, net::IpAddr, path::PathBuf, sync::Arc, time::Duration};
use thiserror::Error;
use tokio::task::AbortHandle;
use tokio_rustls::TlsAcceptor;

mod babel;
mod bird;
mod control;
mod shared;
pub use babel::BabelControl;
pub use bird::BirdControl;
pub use control::{DixaControl, EditError};
pub(crate) use shared::Shared;

/// Why a simulator did not start.
#[derive(Debug, Error)]
pub enum StartError {
    /// A port is taken, most likely.
    #[error("listening on port {port}")]
    Listen {
        /// The port asked for.
        port: u16,
        /// What the system said.
        source: io::Error,
    },
    /// The certificates could not be made.
    #[error(transparent)]
    Certificate(#[from] CertificateError),
    /// A switch of the configuration does not exist or does not take the value.
    #[error(transparent)]
    Switch(#[from] SwitchError),
    /// The state file is there and cannot be used.
    #[error(transparent)]
    State(#[from] StateFileError),
}

/// Why a snapshot could not be written or read.
#[derive(Debug, Error)]
pub enum StateFileError {
    /// The simulator was started without a state file.
    #[error("no state file was named at the start")]
    NotNamed,
    /// The file could not be read or written.
    #[error("state file {}", path.display())]
    File {
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// The content is not a snapshot.
    #[error("the snapshot of {provider} does not fit: {source}")]
    Content {
        /// The provider whose part is wrong, or `all`.
        provider: &'static str,
        /// What is wrong.
        source: serde_json::Error,
    },
}

/// A running simulator; dropping it closes its ports and connections.
pub struct Simulator {
    shared: Arc<Shared>,
    ca_pem: String,
    address: IpAddr,
    ports: crate::config::Ports,
    tls: TlsListeners,
    connections: Arc<Connections>,
    servers: Vec<AbortHandle>,
}

impl Simulator {
    /// Starts on the present Tokio runtime. Once this returns, every port answers.
    ///
    /// # Errors
    /// See [`StartError`].
    pub async fn start(config: Config) -> Result<Self, StartError> {
        let dixa = Arc::new(Dixa::default());
        dixa.state().tokens.extend(config.dixa_tokens);
        let babel = Arc::new(Babel::default());
        babel.state().keys.extend(config.babel_keys);
        let bird = Arc::new(Bird::default());
        bird.state().keys.extend(config.bird_keys);
        let core = Arc::new(Core {
            log: RequestLog::new(config.retention),
            faults: FaultBoard::default(),
            holds: Holds::default(),
            // Babel first: its paths lie inside Dixa's.
            providers: vec![
                Arc::clone(&babel) as Arc<dyn Provider>,
                Arc::clone(&dixa) as Arc<dyn Provider>,
                Arc::clone(&bird) as Arc<dyn Provider>,
            ],
            planted: config.planted,
        });
        let shared = Arc::new(Shared {
            core,
            dixa,
            babel,
            bird,
            state_file: config.state_file,
        });
        if shared.state_file.as_ref().is_some_and(|path| path.exists()) {
            shared.restore_file()?;
        }
        for (name, value) in &config.switches {
            shared.set_switch(name, value)?;
        }
        let authority = Authority::new(config.tls_names)?;
        let mut simulator = Self {
            shared,
            ca_pem: authority.pem(),
            address: config.address,
            ports: config.ports,
            tls: config.tls,
            connections: Arc::default(),
            servers: Vec::new(),
        };
        simulator.listen(&authority).await?;
        Ok(simulator)
    }

    async fn listen(&mut self, authority: &Authority) -> Result<(), StartError> {
        let api = Router::new()
            .fallback(engine::serve)
            .with_state(Arc::clone(&self.shared.core));
        let admin = admin::router(Arc::clone(&self.shared));
        let wanted = self.ports;
        self.ports.http = self.serve(wanted.http, None, api.clone()).await?;
        self.ports.admin = self.serve(wanted.admin, None, admin).await?;
        if self.tls == TlsListeners::None {
            return Ok(());
        }
        let tls = |flaw| authority.acceptor(flaw).map(Some);
        self.ports.https = self.serve(wanted.https, tls(Flaw::None)?, api.clone()).await?;
        if self.tls == TlsListeners::All {
            let (expired, wrong, unknown) =
                (tls(Flaw::Expired)?, tls(Flaw::WrongName)?, tls(Flaw::UnknownCa)?);
            self.ports.https_expired = self.serve(wanted.https_expired, expired, api.clone()).await?;
            self.ports.https_wrong_name = self.serve(wanted.https_wrong_name, wrong, api.clone()).await?;
            self.ports.https_unknown_ca = self.serve(wanted.https_unknown_ca, unknown, api).await?;
        }
        Ok(())
    }

    async fn serve(
        &mut self,
        port: u16,
        tls: Option<TlsAcceptor>,
        router: Router,
    ) -> Result<u16, StartError> {
        let listener = SimulatorListener::bind((self.address, port), tls, Arc::clone(&self.connections))
            .await
            .map_err(|source| StartError::Listen { port, source })?;
        let port = listener.port();
        let service = router.into_make_service_with_connect_info::<ConnectionHandle>();
        let server = tokio::spawn(async move { axum::serve(listener, service).await });
        self.servers.push(server.abort_handle());
        Ok(port)
    }

    /// Base URL of the plain listener, without a slash at the end.
    pub fn http_url(&self) -> String {
        format!("http://127.0.0.1:{}", self.ports.http)
    }

    /// Base URL of the TLS listener, without a slash at the end.
    pub fn https_url(&self) -> String {
        format!("https://localhost:{}", self.ports.https)
    }

    /// Base URL of the admin side, without a slash at the end.
    pub fn admin_url(&self) -> String {
        format!("http://127.0.0.1:{}", self.ports.admin)
    }

    /// Base URL of the listener whose certificate has expired.
    pub fn https_expired_url(&self) -> String {
        format!("https://localhost:{}", self.ports.https_expired)
    }

    /// Base URL of the listener whose certificate is for another name.
    pub fn https_wrong_name_url(&self) -> String {
        format!("https://localhost:{}", self.ports.https_wrong_name)
    }

    /// Base URL of the listener whose certificate comes from an unknown authority.
    pub fn https_unknown_ca_url(&self) -> String {
        format!("https://localhost:{}", self.ports.https_unknown_ca)
    }

    /// Which TLS listeners there are.
    pub fn tls_listeners(&self) -> TlsListeners {
        self.tls
    }

    /// The certificate authority that a client has to trust, as PEM.
    pub fn ca_pem(&self) -> &str {
        &self.ca_pem
    }

    /// Typed access to the simulated Dixa.
    pub fn dixa(&self) -> DixaControl {
        DixaControl::new(Arc::clone(&self.shared.dixa))
    }

    /// Typed access to the simulated Babel.
    pub fn babel(&self) -> BabelControl {
        BabelControl::new(Arc::clone(&self.shared.babel))
    }

    /// Typed access to the simulated Bird.
    pub fn bird(&self) -> BirdControl {
        BirdControl::new(Arc::clone(&self.shared.bird))
    }

    /// Sets a switch, for example `dixa.echoCustomHeaders` to `yes`.
    ///
    /// # Errors
    /// When there is no such switch or it does not take the value; nothing changes then.
    pub fn set_switch(&self, name: &str, value: &str) -> Result<(), SwitchError> {
        self.shared.set_switch(name, value)
    }

    /// Adds a fault plan and returns its number.
    pub fn add_fault(&self, plan: FaultPlan) -> u64 {
        self.shared.core.faults.add(plan)
    }

    /// All fault plans with what became of them.
    pub fn faults(&self) -> Vec<ActiveFault> {
        self.shared.core.faults.list()
    }

    /// Removes one fault plan; `false` if there is none with this number.
    pub fn remove_fault(&self, id: u64) -> bool {
        self.shared.core.faults.remove(id)
    }

    /// Removes all fault plans. Requests that are held stay held.
    pub fn clear_faults(&self) {
        self.shared.core.faults.clear();
    }

    /// The requests that are held at present.
    pub fn held(&self) -> Vec<Held> {
        self.shared.core.holds.list()
    }

    /// Lets a held request go; `false` if it is not held.
    pub fn release(&self, seq: u64, release: Release) -> bool {
        self.shared.core.holds.release(seq, release)
    }

    /// Lets all held requests go and says how many there were.
    pub fn release_all(&self, release: Release) -> usize {
        self.shared.core.holds.release_all(release)
    }

    /// Waits until a request has come to a milestone; `None` when the time is over first.
    /// Needs a log that keeps entries.
    pub async fn wait_for(&self, wanted: &Wait, timeout: Duration) -> Option<LogEntry> {
        self.shared.core.log.wait(wanted, timeout).await
    }

    /// The whole request log, oldest first.
    pub fn log(&self) -> Vec<LogEntry> {
        self.log_since(0, &RequestFilter::default())
    }

    /// Matching requests with a number above `since`, oldest first.
    pub fn log_since(&self, since: u64, requests: &RequestFilter) -> Vec<LogEntry> {
        self.shared.core.log.since(since, usize::MAX, requests)
    }

    /// Number of the newest request, 0 before the first.
    pub fn last_seq(&self) -> u64 {
        self.shared.core.log.last_seq()
    }

    /// Forgets the log's entries; numbering and counters go on.
    pub fn clear_log(&self) {
        self.shared.core.log.clear_entries();
    }

    /// Counts by provider and operation since the start or the last reset.
    pub fn counters(&self) -> Counters {
        self.shared.core.log.counters()
    }

    /// Sets all counters to zero.
    pub fn clear_counters(&self) {
        self.shared.core.log.clear_counters();
    }

    /// The state of every provider, for [`Self::restore`]; also written to the state file if one is named.
    ///
    /// # Errors
    /// When the state file cannot be written.
    pub fn snapshot(&self) -> Result<Value, StateFileError> {
        self.shared.snapshot()
    }

    /// Replaces the state by a snapshot.
    ///
    /// # Errors
    /// When the snapshot does not fit; the state of the provider named in the error is unchanged then.
    pub fn restore(&self, snapshot: Value) -> Result<(), StateFileError> {
        self.shared.restore(snapshot)
    }
}

impl Drop for Simulator {
    fn drop(&mut self) {
        for server in &self.servers {
            server.abort();
        }
        self.connections.close_all();
        self.release_all(Release::Drop);
    }
}
