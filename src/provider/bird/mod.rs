//! Bird's Notifications API: <https://docs.bird.com>, `webhook-subscriptions` of a workspace.
//!
//! A subscription has one service and one event, written `service/event` here, and no name: it is recognised by its
//! id and its content. Whether a read holds the signing key is contradictory, so that answers become digests before
//! anything else sees them.

mod answer;
#[cfg(any(test, feature = "fuzzing"))]
pub(in crate::provider) mod fuzzing;
mod list;
mod log;
mod request;
mod url;

use std::sync::Arc;

use ::http::Method;
use ::http::header::AUTHORIZATION;
use operator_core::capabilities::{Capabilities, FanOut, Filtering, Identity, SigningKeys};
use operator_core::hash::HashKey;
use operator_core::names::{EventName, ExternalId};
use operator_core::remote::Remote;
use operator_core::settings::Settings;
use operator_core::view::{Field, FieldSet};
use secrecy::SecretString;
use secrecy::zeroize::Zeroizing;

use super::error::ProviderError;
use super::http::{Answer, BuildError, Call, Client, Connection, Operation, segment};
use super::wire::{UNDOCUMENTED, absent_as_none, acknowledged, another, json, parse, same, secrets};
use super::{Cursor, Deletion, Deliveries, Listed, Page, Shared};
use answer::Subscription;
use request::{Create, Patch};

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
    old_signatures: "Bird repeats failed deliveries for 8 hours with the signature of the first attempt: accept both keys for that long",
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
    workspace: String,
    organization: Option<String>,
    key: Arc<HashKey>,
}

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
            workspace: config.workspace,
            organization: config.organization,
            key: Arc::clone(&shared.hash_key),
        })
    }

    pub(super) async fn list(&self, from: Option<&Cursor>) -> Result<Page, ProviderError> {
        self.page(from, false).await.map(|(page, _)| page)
    }

    pub(super) async fn page(&self, from: Option<&Cursor>, whole: bool) -> Result<Listed, ProviderError> {
        let token = from.map(|cursor| cursor.0.as_str());
        let query = list::query(token);
        let mut call = Call::new(Operation::List, Method::GET, self.path()?, false);
        call.query = Some(&query);
        let mut listing = list::Subscriptions::new(Arc::clone(&self.key), self.workspace.clone());
        listing.readings = whole.then(Vec::new);
        let list = self.client.list(call, listing).await?;
        let page = Page {
            remotes: list.remotes,
            next: another(list.next, token)?.map(Cursor),
        };
        Ok((page, list.readings.unwrap_or_default()))
    }

    pub(super) async fn get(&self, id: &ExternalId) -> Result<Option<Remote>, ProviderError> {
        let call = Call::new(Operation::Get, Method::GET, self.path_of(id, "")?, true);
        let read = self.client.send(call, |answer| {
            same(id, one(answer, &[200])?.into_remote(&self.key)?)
        });
        absent_as_none(read.await)
    }

    pub(super) async fn create(&self, settings: &Settings) -> Result<Remote, ProviderError> {
        let body = Create::new(settings)?;
        let mut call = Call::new(Operation::Create, Method::POST, self.path()?, false);
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
        self.patch(id, &Patch::new(settings, fields)?, secrets(settings))
            .await
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
        let deleted = self
            .client
            .send(call, |answer| acknowledged(answer, &[204, 200, 202]));
        // Nothing is documented about a deletion, so that no status proves one.
        Ok(match absent_as_none(deleted.await)? {
            Some(()) => Deletion::Unconfirmed,
            None => Deletion::Done,
        })
    }

    pub(super) async fn deliveries(
        &self,
        id: &ExternalId,
        events: &[EventName],
        from: Option<&Cursor>,
    ) -> Result<Deliveries, ProviderError> {
        let place = from.map(log::Place::of);
        let token = place.as_ref().map(|place| place.token.as_str());
        let query = list::query(token);
        let path = self.path_of(id, "/logs")?;
        let mut call = Call::new(Operation::Deliveries, Method::GET, path, true);
        call.query = Some(&query);
        let page = self.client.list(call, list::Log::default()).await?;
        let next = another(page.next, token)?;
        // The log names no event; a subscription has only one.
        let event = match events {
            [event] => Some(event),
            _ => None,
        };
        let now = jiff::Timestamp::now().as_millisecond();
        Ok(log::deliveries(page.entries, next, place, event, now))
    }

    /// The path of all subscriptions.
    fn path(&self) -> Result<String, ProviderError> {
        let workspace = segment(&self.workspace)?;
        let below = format!("/workspaces/{workspace}/webhook-subscriptions");
        match &self.organization {
            Some(organization) => Ok(format!("/organizations/{}{below}", segment(organization)?)),
            None => Ok(below),
        }
    }

    fn path_of(&self, id: &ExternalId, below: &str) -> Result<String, ProviderError> {
        Ok(format!("{}/{}{below}", self.path()?, segment(id.as_str())?))
    }
}

/// An answer about one subscription.
fn one(answer: &Answer, documented: &[u16]) -> Result<Subscription, &'static str> {
    if !documented.contains(&answer.status) {
        return Err(UNDOCUMENTED);
    }
    parse(answer)
}

/// What Bird is known to refuse. See [`Adapter::refuses`](super::Adapter::refuses).
pub(super) fn refuses(settings: &Settings) -> Option<String> {
    url::fault(settings.url.expose()).map(|fault| format!("spec.url: {fault}"))
}

#[cfg(test)]
mod tests;
