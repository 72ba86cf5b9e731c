//! Bird's Notifications API: <https://docs.bird.com>, `webhook-subscriptions` of a workspace.

use std::sync::Arc;

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
use super::{Cursor, Deletion, Deliveries, Page, Shared};

/// Where Bird is, unless the provider object says otherwise.
pub const DEFAULT_ENDPOINT: &str = "https://api.bird.com";
/// The service of an event that names none.
pub const DEFAULT_SERVICE: &str = "channels";

/// What Bird can do. It has no names, one event a subscription, and a signing key that is written and not read.
pub const CAPABILITIES: Capabilities = Capabilities {
    identity: Identity::Content,
    supports: FieldSet::of(&[
        Field::Url,
        Field::Events,
        Field::Enabled,
        Field::Filters,
        Field::SigningKey,
    ]),
    rendered: FieldSet::of(&[Field::SigningKey]),
    late: FieldSet::of(&[Field::Enabled]),
    fan_out: FanOut::EachEventAndFilter,
    filtering: Filtering::Pairs,
    signing: SigningKeys::Client,
    services: &["channels", "conversations", "numbers", "payments"],
    known_events: &[],
    catalogue: false,
    tests: false,
    identical_max: Some(5),
    listed: &["DeliveryLog", "DeliveryStatus", "Filters", "SigningKey"],
};

/// How the key is written into the header `Authorization`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Scheme {
    /// `AccessKey …`.
    #[default]
    AccessKey,
    /// `Bearer …`.
    Bearer,
}

/// What an account is reached with.
#[derive(Debug, Clone)]
pub struct Config {
    /// Address, trust and bounds.
    pub connection: Connection,
    /// The workspace, a UUID.
    pub workspace: String,
    /// The organization, a UUID; with it the longer form of the paths is used.
    pub organization: Option<String>,
    /// How the key is sent.
    pub scheme: Scheme,
    /// The access key.
    pub credential: SecretString,
}

/// A workspace at Bird.
#[derive(Debug)]
pub struct Bird {
    client: Client,
    key: Arc<HashKey>,
}

const TODO: ProviderError = ProviderError::NotSendable {
    why: "not written yet",
};

impl Bird {
    /// An account. Opens no connection.
    ///
    /// # Errors
    /// [`BuildError`], when the credential or the CA bundle cannot be used.
    pub fn new(config: Config, shared: &Shared) -> Result<Self, BuildError> {
        let prefix = match config.scheme {
            Scheme::AccessKey => "AccessKey ",
            Scheme::Bearer => "Bearer ",
        };
        let client = Client::new(config.connection, AUTHORIZATION, prefix, config.credential)?;
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
        _events: &[EventName],
        _from: Option<&Cursor>,
    ) -> Result<Deliveries, ProviderError> {
        Err(TODO)
    }
}

/// What Bird is known to refuse. See [`Adapter::refuses`](super::Adapter::refuses).
pub(super) fn refuses(_settings: &Settings) -> Option<String> {
    None
}
