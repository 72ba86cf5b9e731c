//! Babel Licensing Service, self-hosted: <https://docs.babelfor.net/api/webhooks>, under `/v1/webhooks`.

use std::sync::Arc;

use ::http::HeaderName;
use ::http::header::AUTHORIZATION;
use operator_core::capabilities::{Capabilities, FanOut, Filtering, Identity, SigningKeys};
use operator_core::hash::HashKey;
use operator_core::names::{EventName, ExternalId};
use operator_core::remote::Remote;
use operator_core::settings::Settings;
use operator_core::view::{Field, FieldSet};
use secrecy::SecretString;

use super::error::ProviderError;
use super::http::{BuildError, Client, Connection};
use super::{Cursor, Deletion, Deliveries, End, Page, Shared};

/// The header that carries the API key, unless the installation calls it otherwise.
pub const DEFAULT_HEADER: &str = "x-api-key";

/// What Babel can do. It takes one event a subscription; how deliveries are authenticated is up to their headers.
pub const CAPABILITIES: Capabilities = Capabilities {
    identity: Identity::Marker,
    supports: FieldSet::of(&[
        Field::Name,
        Field::Url,
        Field::Events,
        Field::Enabled,
        Field::Authorization,
        Field::Headers,
        Field::SigningKey,
        Field::MaxRetries,
    ]),
    rendered: FieldSet::of(&[Field::Headers, Field::SigningKey]),
    late: FieldSet::EMPTY,
    fan_out: FanOut::EachEvent,
    filtering: Filtering::None,
    signing: SigningKeys::Client,
    services: &[],
    known_events: &[],
    catalogue: true,
    tests: true,
    identical_max: None,
    listed: &[
        "Catalogue",
        "CustomHeaders",
        "DeliveryLog",
        "DeliveryStatus",
        "SigningKey",
        "TestEvents",
    ],
};

/// How the key is sent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Scheme {
    /// In a header of its own.
    ApiKey(HeaderName),
    /// `Authorization: Bearer …`.
    Bearer,
}

/// What an account is reached with.
#[derive(Debug, Clone)]
pub struct Config {
    /// Address, trust and bounds.
    pub connection: Connection,
    /// How the key is sent.
    pub scheme: Scheme,
    /// The API key.
    pub credential: SecretString,
}

/// An installation of Babel.
#[derive(Debug)]
pub struct Babel {
    client: Client,
    key: Arc<HashKey>,
}

const TODO: ProviderError = ProviderError::NotSendable {
    why: "not written yet",
};

impl Babel {
    /// An account. Opens no connection.
    ///
    /// # Errors
    /// [`BuildError`], when the credential or the CA bundle cannot be used.
    pub fn new(config: Config, shared: &Shared) -> Result<Self, BuildError> {
        let (header, prefix) = match config.scheme {
            Scheme::ApiKey(header) => (header, ""),
            Scheme::Bearer => (AUTHORIZATION, "Bearer "),
        };
        let client = Client::new(config.connection, header, prefix, config.credential)?;
        Ok(Self {
            client,
            key: Arc::clone(&shared.hash_key),
        })
    }

    pub(super) async fn list(&self, _from: Option<&Cursor>) -> Result<Page, ProviderError> {
        let _ = (&self.client, &self.key);
        Err(TODO)
    }

    pub(super) async fn get(&self, _id: &ExternalId) -> Result<Option<Remote>, ProviderError> {
        Err(TODO)
    }

    pub(super) async fn create(&self, _settings: &Settings) -> Result<Remote, ProviderError> {
        Err(TODO)
    }

    pub(super) async fn update(
        &self,
        _id: &ExternalId,
        _settings: &Settings,
        _fields: FieldSet,
    ) -> Result<Remote, ProviderError> {
        Err(TODO)
    }

    pub(super) async fn delete(&self, _id: &ExternalId) -> Result<Deletion, ProviderError> {
        Err(TODO)
    }

    pub(super) async fn deliveries(
        &self,
        _id: &ExternalId,
        _end: End,
        _from: Option<&Cursor>,
    ) -> Result<Deliveries, ProviderError> {
        Err(TODO)
    }

    pub(super) async fn catalogue(&self) -> Result<Vec<EventName>, ProviderError> {
        Err(TODO)
    }

    pub(super) async fn test(&self, _id: &ExternalId) -> Result<Option<String>, ProviderError> {
        Err(TODO)
    }

    pub(super) async fn delete_event(&self, _id: &ExternalId, _event: &str) -> Result<(), ProviderError> {
        Err(TODO)
    }
}

/// What Babel is known to refuse. See [`Adapter::refuses`](super::Adapter::refuses).
pub(super) fn refuses(_settings: &Settings) -> Option<String> {
    None
}
