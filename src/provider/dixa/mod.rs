//! Dixa: <https://docs.dixa.io>, under `/v1/webhooks` or `/beta/webhooks`.
//!
//! Every read holds secrets (the delivery credential, recoverable, and the signing key), so that answers become
//! digests before anything else sees them.

mod answer;
mod events;
mod filter;
#[cfg(any(test, feature = "fuzzing"))]
pub(in crate::provider) mod fuzzing;
mod list;
mod request;

use std::sync::Arc;

use ::http::Method;
use ::http::header::AUTHORIZATION;
use operator_core::capabilities::{Capabilities, FanOut, Filtering, Identity, SigningKeys};
use operator_core::delivery::DeliveryResult;
use operator_core::hash::HashKey;
use operator_core::names::{EventName, ExternalId};
use operator_core::remote::Remote;
use operator_core::settings::Settings;
use operator_core::view::{Field, FieldSet};
use secrecy::SecretString;
use secrecy::zeroize::Zeroizing;

pub use events::KNOWN_EVENTS;

use super::error::ProviderError;
use super::http::{Answer, BuildError, Call, Client, Connection, Operation, segment};
use super::wire::{
    ANOTHER, UNDOCUMENTED, absent_as_none, acknowledged, another, json, newest_first, parse, same, secrets,
};
use super::{Cursor, Deletion, Deliveries, Listed, Page, Shared};
use answer::{Envelope, Subscription};
use request::{Create, Patch};

/// Where Dixa is, unless the provider object says otherwise.
pub const DEFAULT_ENDPOINT: &str = "https://dev.dixa.io";
/// The one family of events that Dixa is known to filter.
pub const DEFAULT_FILTER_SCOPE: &str = "Conversation";

/// What Dixa can do. The signing key is Dixa's own: it can be published, and not be wanted.
pub const CAPABILITIES: Capabilities = Capabilities {
    identity: Identity::Marker,
    supports: FieldSet::of(&[
        Field::Name,
        Field::Url,
        Field::Events,
        Field::Enabled,
        Field::Filters,
        Field::Authorization,
        Field::Headers,
    ]),
    rendered: FieldSet::EMPTY,
    late: FieldSet::EMPTY,
    fan_out: FanOut::Together,
    filtering: Filtering::Trees {
        scope: DEFAULT_FILTER_SCOPE,
    },
    signing: SigningKeys::Provider,
    old_signatures: "",
    services: &[],
    known_events: &KNOWN_EVENTS,
    catalogue: false,
    tests: false,
    identical_max: None,
    listed: &[
        "CustomHeaders",
        "DeliveryLog",
        "DeliveryStatus",
        "Filters",
        "PublishesSigningKey",
    ],
};

/// Which of the two equal trees of paths is used.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum ApiVersion {
    /// `/beta/webhooks`.
    Beta,
    /// `/v1/webhooks`.
    #[default]
    V1,
}

impl ApiVersion {
    const fn path(self) -> &'static str {
        match self {
            Self::Beta => "/beta/webhooks",
            Self::V1 => "/v1/webhooks",
        }
    }
}

/// How the token is written into the header `Authorization`. The vendor's examples send it bare, the vendor's
/// prose calls it a bearer token.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Scheme {
    /// The token alone.
    #[default]
    Raw,
    /// `Bearer ` and the token.
    Bearer,
}

/// What an account is reached with.
#[derive(Debug, Clone)]
pub struct Config {
    /// Address, trust and bounds.
    pub connection: Connection,
    /// The tree of paths.
    pub version: ApiVersion,
    /// How the token is sent.
    pub scheme: Scheme,
    /// The API token.
    pub credential: SecretString,
}

/// A Dixa account.
#[derive(Debug)]
pub struct Dixa {
    client: Client,
    path: &'static str,
    key: Arc<HashKey>,
}

impl Dixa {
    /// An account. Opens no connection.
    ///
    /// # Errors
    /// [`BuildError`], when the credential or the CA bundle cannot be used.
    pub fn new(config: Config, shared: &Shared) -> Result<Self, BuildError> {
        let prefix = match config.scheme {
            Scheme::Raw => "",
            Scheme::Bearer => "Bearer ",
        };
        let client = Client::new(config.connection, AUTHORIZATION, prefix, config.credential)?;
        Ok(Self {
            client,
            path: config.version.path(),
            key: Arc::clone(&shared.hash_key),
        })
    }

    pub(super) async fn list(&self, from: Option<&Cursor>) -> Result<Page, ProviderError> {
        self.page(from, false).await.map(|(page, _)| page)
    }

    pub(super) async fn page(&self, from: Option<&Cursor>, whole: bool) -> Result<Listed, ProviderError> {
        let query = from.map(|cursor| cursor.0.as_str());
        let mut call = Call::new(Operation::List, Method::GET, self.path.to_owned(), false);
        call.query = query;
        let mut listing = list::Subscriptions::new(Arc::clone(&self.key));
        listing.readings = whole.then(Vec::new);
        let list = self.client.list(call, listing).await?;
        let page = Page {
            remotes: list.remotes,
            next: another(list.next, query)?.map(Cursor),
        };
        Ok((page, list.readings.unwrap_or_default()))
    }

    pub(super) async fn get(&self, id: &ExternalId) -> Result<Option<Remote>, ProviderError> {
        let read = |subscription: Subscription| subscription.into_remote(&self.key);
        absent_as_none(self.read_one(id, read).await)
    }

    pub(super) async fn signing_key(&self, id: &ExternalId) -> Result<Option<SecretString>, ProviderError> {
        let read = |subscription: Subscription| Ok(subscription.into_signing_key());
        absent_as_none(self.read_one(id, read).await).map(Option::flatten)
    }

    pub(super) async fn create(&self, settings: &Settings) -> Result<Remote, ProviderError> {
        let body = Create::new(settings).ok_or(ProviderError::NotSendable {
            why: "it has no name",
        })?;
        let mut call = Call::new(Operation::Create, Method::POST, self.path.to_owned(), false);
        call.body = Some(json(&body)?);
        call.secrets = secrets(settings);
        self.client
            .send(call, |answer| one(answer, &[201, 200])?.into_remote(&self.key))
            .await
    }

    pub(super) async fn update(
        &self,
        id: &ExternalId,
        settings: &Settings,
        fields: FieldSet,
    ) -> Result<Remote, ProviderError> {
        let body = Patch::new(settings, fields).ok_or(ProviderError::NotSendable {
            why: "it has no name",
        })?;
        self.patch(id, &body, secrets(settings)).await
    }

    pub(super) async fn switch_off(&self, id: &ExternalId) -> Result<Remote, ProviderError> {
        self.patch(id, &Patch::switch_off(), Vec::new()).await
    }

    async fn patch(
        &self,
        id: &ExternalId,
        body: &Patch<'_>,
        secrets: Vec<Zeroizing<String>>,
    ) -> Result<Remote, ProviderError> {
        let mut call = Call::new(Operation::Update, Method::PATCH, self.path_of(id, "")?, true);
        call.body = Some(json(body)?);
        call.secrets = secrets;
        self.client
            .send(call, |answer| {
                same(id, one(answer, &[200])?.into_remote(&self.key)?)
            })
            .await
    }

    pub(super) async fn delete(&self, id: &ExternalId) -> Result<Deletion, ProviderError> {
        let call = Call::new(Operation::Delete, Method::DELETE, self.path_of(id, "")?, true);
        // Only the 204 is documented; the others are harmless if it is the API that says so.
        let deleted = self.client.send(call, |answer| acknowledged(answer, &[204, 200]));
        absent_as_none(deleted.await).map(|_| Deletion::Done)
    }

    pub(super) async fn deliveries(&self, id: &ExternalId) -> Result<Deliveries, ProviderError> {
        let path = self.path_of(id, "/delivery-status")?;
        let call = Call::new(Operation::Deliveries, Method::GET, path, true);
        Ok(Deliveries {
            events: self.client.list(call, list::Deliveries::default()).await?.0,
            ..Deliveries::default()
        })
    }

    pub(super) async fn delivery_log(
        &self,
        id: &ExternalId,
        event: &EventName,
    ) -> Result<Vec<DeliveryResult>, ProviderError> {
        let path = self.path_of(id, &format!("/delivery-status/logs/{}", segment(event.as_str())?))?;
        let call = Call::new(Operation::DeliveryLog, Method::GET, path, true);
        let mut log = self.client.list(call, list::Log::default()).await?.0;
        newest_first(&mut log);
        Ok(log)
    }

    async fn read_one<T>(
        &self,
        id: &ExternalId,
        read: impl FnOnce(Subscription) -> Result<T, &'static str> + Send,
    ) -> Result<T, ProviderError> {
        let call = Call::new(Operation::Get, Method::GET, self.path_of(id, "")?, true);
        self.client
            .send(call, |answer| {
                let subscription = one(answer, &[200])?;
                if subscription.id() != id.as_str() {
                    return Err(ANOTHER);
                }
                read(subscription)
            })
            .await
    }

    fn path_of(&self, id: &ExternalId, below: &str) -> Result<String, ProviderError> {
        Ok(format!("{}/{}{below}", self.path, segment(id.as_str())?))
    }
}

/// An answer about one subscription.
fn one(answer: &Answer, documented: &[u16]) -> Result<Subscription, &'static str> {
    if !documented.contains(&answer.status) {
        return Err(UNDOCUMENTED);
    }
    Ok(parse::<Envelope<Subscription>>(answer)?.data)
}

#[cfg(test)]
pub(super) mod tests;
