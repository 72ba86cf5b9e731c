//! Babel Licensing Service, self-hosted: <https://docs.babelfor.net/api/webhooks>, under `/v1/webhooks`.
//!
//! A read may hold the signing key and the delivery headers in clear, so that answers become digests before anything
//! else sees them. A change replaces the whole object, which is read just before: that read lives until it is sent
//! back, and no longer.

mod answer;
#[cfg(any(test, feature = "fuzzing"))]
pub(in crate::provider) mod fuzzing;
mod list;
mod log;
mod request;

use std::sync::Arc;

use ::http::header::AUTHORIZATION;
use ::http::{HeaderName, Method};
use operator_core::capabilities::{Capabilities, FanOut, Filtering, Identity, SigningKeys};
use operator_core::hash::HashKey;
use operator_core::marker::Marker;
use operator_core::names::{EventName, ExternalId};
use operator_core::remote::Remote;
use operator_core::settings::Settings;
use operator_core::view::{Field, FieldSet};
use secrecy::SecretString;
use secrecy::zeroize::Zeroizing;

use super::error::ProviderError;
use super::http::{BuildError, Call, Client, Connection, Fault, Operation};
use super::wire::{ANOTHER, HeaderList, absent_as_none, json, same, secrets};
use super::{Cursor, Deletion, Deliveries, End, Listed, Page, Shared};
use answer::{Reply, Subscription};
use list::{EventTypes, Progress, Subscriptions, query, unintelligible};
use log::{Log, Seek};
use request::Body;

const SUBSCRIPTIONS: &str = "/v1/webhooks/subscriptions";
const EVENT_TYPES: &str = "/v1/webhooks/event-types";

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
    rendered: FieldSet::of(&[Field::Authorization, Field::Headers, Field::SigningKey]),
    late: FieldSet::EMPTY,
    fan_out: FanOut::EachEvent,
    filtering: Filtering::None,
    signing: SigningKeys::Client,
    old_signatures: "Babel does not say whether what it repeats is signed anew: accept both keys until its last retry, as many as maxRetryCount, every 5 minutes by default",
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

    pub(super) async fn list(&self, from: Option<&Cursor>) -> Result<Page, ProviderError> {
        self.page(from, false).await.map(|(page, _)| page)
    }

    pub(super) async fn page(&self, from: Option<&Cursor>, whole: bool) -> Result<Listed, ProviderError> {
        let progress = Progress::at(from)?;
        let query = query(progress.skip());
        let mut call = Call::new(Operation::List, Method::GET, SUBSCRIPTIONS.to_owned(), false);
        call.query = Some(&query);
        let mut rows = Subscriptions::new(Arc::clone(&self.key));
        rows.readings = whole.then(Vec::new);
        let list = self.client.list(call, rows).await?;
        list.beside.check()?;
        let next = progress.page(&list.ids, list.beside.total);
        let page = Page {
            remotes: list.remotes,
            next: next.map_err(unintelligible)?,
        };
        Ok((page, list.readings.unwrap_or_default()))
    }

    /// A refusal within a success may mean anything, and counts as "not there" all the same, for it is one of the
    /// two forms that an absent id may have. That is safe because the plan takes a subscription for gone only after
    /// a complete LIST without it.
    pub(super) async fn get(&self, id: &ExternalId) -> Result<Option<Remote>, ProviderError> {
        let read = |row: Subscription| Ok(row.into_remote(&self.key)?);
        absent_as_none(self.read_one(id, read).await).map(Option::flatten)
    }

    pub(super) async fn create(&self, settings: &Settings) -> Result<Remote, ProviderError> {
        let body = json(&Body::create(settings)?)?;
        let mut call = Call::new(Operation::Create, Method::POST, SUBSCRIPTIONS.to_owned(), false);
        call.body = Some(body);
        call.secrets = secrets(settings);
        self.client
            .exchange(call, |answer| {
                let row = Reply::read(answer)?.into_subscription()?;
                Ok(row.into_remote(&self.key)?)
            })
            .await
    }

    /// Two requests: the object is replaced as a whole, so that what is not to change has to be known.
    pub(super) async fn update(
        &self,
        id: &ExternalId,
        settings: &Settings,
        fields: FieldSet,
    ) -> Result<Remote, ProviderError> {
        let row = self.read_one(id, Ok).await?;
        let row = row.ok_or(ProviderError::Vanished { status: 200 })?;
        // After a restore of Babel's database an id can be another row's. Only who writes a name may change whose
        // row it is.
        let ours = settings.name.as_deref().and_then(Marker::parse);
        if !fields.contains(Field::Name) && (ours.is_none() || row.marker() != ours) {
            return Err(ProviderError::Replaced);
        }
        let body = if fields == FieldSet::of(&[Field::Name]) {
            json(&Body::rename(settings, &row, &sendable_headers(&row)?)?)?
        } else {
            json(&Body::replace(settings, &row)?)?
        };
        self.put(id, row, body, secrets(settings)).await
    }

    /// Switches off the row that carries this marker, and changes nothing else of it.
    pub(super) async fn switch_off(
        &self,
        id: &ExternalId,
        marker: Option<Marker>,
    ) -> Result<Remote, ProviderError> {
        let row = self.read_one(id, Ok).await?;
        let row = row.ok_or(ProviderError::Vanished { status: 200 })?;
        if marker.is_none() || row.marker() != marker {
            return Err(ProviderError::Replaced);
        }
        let body = json(&Body::switch_off(&row, &sendable_headers(&row)?)?)?;
        self.put(id, row, body, Vec::new()).await
    }

    async fn put(
        &self,
        id: &ExternalId,
        row: Subscription,
        body: Zeroizing<Vec<u8>>,
        secrets: Vec<Zeroizing<String>>,
    ) -> Result<Remote, ProviderError> {
        let mut call = Call::new(Operation::Update, Method::PUT, path_of(id, "")?, true);
        call.body = Some(body);
        call.secrets = secrets;
        call.secrets.extend(row.secrets());
        drop(row);
        self.client
            .exchange(call, |answer| {
                let row = Reply::read(answer)?.into_subscription()?;
                Ok(same(id, row.into_remote(&self.key)?)?)
            })
            .await
    }

    pub(super) async fn delete(&self, id: &ExternalId) -> Result<Deletion, ProviderError> {
        let call = Call::new(Operation::Delete, Method::DELETE, path_of(id, "")?, true);
        let deleted = self.client.exchange(call, |answer| {
            Ok(if Reply::read(answer)?.succeeded() {
                Deletion::Done
            } else {
                // Refused, or not there.
                Deletion::Unconfirmed
            })
        });
        let deleted = absent_as_none(deleted.await)?;
        Ok(deleted.unwrap_or(Deletion::Done))
    }

    pub(super) async fn deliveries(
        &self,
        id: &ExternalId,
        end: End,
        from: Option<&Cursor>,
    ) -> Result<Deliveries, ProviderError> {
        let seek = Seek::at(from)?;
        let query = query(seek.skip);
        let mut call = Call::new(Operation::Deliveries, Method::GET, path_of(id, "/events")?, true);
        call.query = Some(&query);
        let log = self.client.list(call, Log::default()).await?;
        log.beside.check()?;
        Ok(log.conclude(end, seek))
    }

    pub(super) async fn catalogue(&self) -> Result<Vec<EventName>, ProviderError> {
        let call = Call::new(Operation::Catalogue, Method::GET, EVENT_TYPES.to_owned(), false);
        let types = self.client.list(call, EventTypes::default()).await?;
        types.beside.check()?;
        Ok(types.names.into_iter().collect())
    }

    pub(super) async fn test(&self, id: &ExternalId) -> Result<Option<String>, ProviderError> {
        let mut call = Call::new(Operation::Test, Method::POST, path_of(id, "/test")?, true);
        call.body = Some(json(&serde_json::json!({"payload": null}))?);
        self.client
            .exchange(call, |answer| {
                let event = Reply::read(answer)?.event_id()?;
                Ok(event.map(|event| event.to_string()))
            })
            .await
    }

    pub(super) async fn delete_event(&self, id: &ExternalId, event: &str) -> Result<(), ProviderError> {
        let path = path_of(id, &format!("/events/{}", number(event)?))?;
        let call = Call::new(Operation::DeleteLogged, Method::DELETE, path, true);
        let deleted = self.client.exchange(call, |answer| {
            let reply = Reply::read(answer)?;
            if reply.succeeded() {
                Ok(())
            } else {
                Err(reply.refusal())
            }
        });
        absent_as_none(deleted.await).map(|_| ())
    }

    /// Reads a row; `None` where Babel refuses within a success.
    async fn read_one<T>(
        &self,
        id: &ExternalId,
        read: impl FnOnce(Subscription) -> Result<T, Fault> + Send,
    ) -> Result<Option<T>, ProviderError> {
        let call = Call::new(Operation::Get, Method::GET, path_of(id, "")?, true);
        self.client
            .exchange(call, |answer| match Reply::read(answer)?.into_subscription() {
                Ok(row) if row.id.to_string() != id.as_str() => Err(ANOTHER.into()),
                Ok(row) => read(row).map(Some),
                Err(Fault::Refused(_)) => Ok(None),
                Err(fault) => Err(fault),
            })
            .await
    }
}

/// The headers of a row, where they can be sent back.
fn sendable_headers(row: &Subscription) -> Result<HeaderList, ProviderError> {
    row.headers().map_err(|_| ProviderError::NotSendable {
        why: "the provider does not show headers in a form that can be sent back",
    })
}

fn path_of(id: &ExternalId, below: &str) -> Result<String, ProviderError> {
    Ok(format!("{SUBSCRIPTIONS}/{}{below}", number(id.as_str())?))
}

/// An id of Babel's, which is all that may stand in a path.
fn number(text: &str) -> Result<i32, ProviderError> {
    let number = text.parse::<i32>().ok();
    // In one spelling only: no sign, no zeros in front.
    number
        .filter(|number| *number > 0 && number.to_string() == text)
        .ok_or(ProviderError::NotSendable {
            why: "the id is not a number from 1 to 2147483647",
        })
}

/// What Babel is known to refuse. See [`Adapter::refuses`](super::Adapter::refuses). Which values it does not take is
/// not documented.
pub(super) fn refuses(_settings: &Settings) -> Option<String> {
    None
}

#[cfg(test)]
mod tests;
