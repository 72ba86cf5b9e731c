//! How a simulator is started.

use crate::{babel, bird, dixa::Token, frame::log::Retention};
use std::net::{IpAddr, Ipv4Addr};
use std::path::PathBuf;
use uuid::Uuid;

/// Ports; 0 lets the system choose.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Ports {
    /// Plain HTTP for the providers' clients.
    pub http: u16,
    /// TLS with a good certificate.
    pub https: u16,
    /// Plain HTTP for the admin side.
    pub admin: u16,
    /// TLS with an expired certificate.
    pub https_expired: u16,
    /// TLS with a certificate for another name.
    pub https_wrong_name: u16,
    /// TLS with a certificate of an authority that is not in the bundle.
    pub https_unknown_ca: u16,
}

/// Which TLS listeners there are.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum TlsListeners {
    /// None; nothing is spent on keys.
    None,
    /// The good one.
    Good,
    /// The good one and those that a client must refuse.
    #[default]
    All,
}

/// Everything that is decided before the start.
#[derive(Debug, Clone)]
pub struct Config {
    /// Ports.
    pub ports: Ports,
    /// The address that all ports are on: loopback, unless clients are elsewhere.
    pub address: IpAddr,
    /// TLS listeners.
    pub tls: TlsListeners,
    /// Names in the good certificate, besides `localhost`.
    pub tls_names: Vec<String>,
    /// Switches as `(<provider>.<switch>, value)`, set in order.
    pub switches: Vec<(String, String)>,
    /// Dixa's tokens.
    pub dixa_tokens: Vec<(String, Token)>,
    /// Babel's keys.
    pub babel_keys: Vec<(String, babel::Key)>,
    /// Bird's access keys.
    pub bird_keys: Vec<(String, bird::Key)>,
    /// How much of the request log is kept.
    pub retention: Retention,
    /// File from which the state is read at the start if it exists, and to which a snapshot is written.
    pub state_file: Option<PathBuf>,
    /// A text that every answer of a provider carries in an undocumented member and header, whatever it says.
    pub planted: Option<String>,
}

impl Config {
    /// The Dixa token of the default configuration; it belongs to `example-org`.
    pub const DIXA_TOKEN: &'static str = "dixa-token-example";
    /// The Babel key of the default configuration; it belongs to [`Self::BABEL_INSTALLATION`].
    pub const BABEL_KEY: &'static str = "api_EXAMPLEEXAMPLEEXAMPLE0001";
    /// The Babel installation of the default configuration.
    pub const BABEL_INSTALLATION: &'static str = "example-installation";
    /// The Bird access key of the default configuration; it belongs to [`Self::BIRD_WORKSPACE`].
    pub const BIRD_KEY: &'static str = "example-access-key";
    /// The Bird organization of the default configuration.
    pub const BIRD_ORGANIZATION: Uuid = Uuid::from_u128(0x1111_1111_0000_4000_8000_0000_0000_0001);
    /// The Bird workspace of the default configuration.
    pub const BIRD_WORKSPACE: Uuid = Uuid::from_u128(0x2222_2222_0000_4000_8000_0000_0000_0002);

    /// Adds a switch.
    #[must_use]
    pub fn with_switch(mut self, name: &str, value: &str) -> Self {
        self.switches.push((name.to_owned(), value.to_owned()));
        self
    }
}

impl Default for Config {
    fn default() -> Self {
        Self {
            ports: Ports::default(),
            address: Ipv4Addr::LOCALHOST.into(),
            tls: TlsListeners::default(),
            tls_names: Vec::new(),
            switches: Vec::new(),
            dixa_tokens: vec![(Self::DIXA_TOKEN.to_owned(), Token::of("example-org"))],
            babel_keys: vec![(
                Self::BABEL_KEY.to_owned(),
                babel::Key::of(Self::BABEL_INSTALLATION),
            )],
            bird_keys: vec![(
                Self::BIRD_KEY.to_owned(),
                bird::Key::of(Self::BIRD_WORKSPACE, Self::BIRD_ORGANIZATION),
            )],
            retention: Retention::Entries(200_000),
            state_file: None,
            planted: None,
        }
    }
}
