//! Outbound adapters: the only code that speaks to providers.
//!
//! An adapter turns [`Settings`](operator_core::settings::Settings) into the provider's requests and its answers
//! into digests ([`Remote`]); it knows nothing of Kubernetes and decides nothing. Each method sends exactly one
//! request, so that the caller can hold a budget permit for it.

pub mod account;
pub mod dixa;
pub mod error;
pub mod http;
#[cfg(test)]
mod test_server;

use std::sync::Arc;

use operator_core::capabilities::Capabilities;
use operator_core::delivery::{Delivery, DeliveryResult};
use operator_core::hash::HashKey;
use operator_core::names::{EventName, ExternalId};
use operator_core::remote::Remote;
use operator_core::settings::Settings;
use operator_core::view::FieldSet;
use secrecy::SecretString;

pub use error::ProviderError;

/// One page of a LIST.
#[derive(Debug)]
pub struct Page {
    /// What was listed, already reduced to digests.
    pub remotes: Vec<Remote>,
    /// Where the next page starts; `None` on the last.
    pub next: Option<Cursor>,
}

/// Where a page starts: opaque, and valid for the adapter that made it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Cursor(pub(crate) String);

/// A provider account: closed on purpose, so that a match over it is checked by the compiler.
#[derive(Debug)]
pub enum Adapter {
    /// Dixa.
    Dixa(dixa::Dixa),
}

impl Adapter {
    /// What this provider can do.
    pub fn capabilities(&self) -> &'static Capabilities {
        match self {
            Self::Dixa(_) => &dixa::CAPABILITIES,
        }
    }

    /// Reads one page of the account's subscriptions; the first where `from` is `None`.
    ///
    /// # Errors
    /// [`ProviderError`]; a list that failed on the way proves nothing about what is not in it.
    pub async fn list(&self, from: Option<&Cursor>) -> Result<Page, ProviderError> {
        match self {
            Self::Dixa(dixa) => dixa.list(from).await,
        }
    }

    /// Reads one subscription; `None` when the provider says that it does not exist.
    ///
    /// # Errors
    /// [`ProviderError`].
    pub async fn get(&self, id: &ExternalId) -> Result<Option<Remote>, ProviderError> {
        match self {
            Self::Dixa(dixa) => dixa.get(id).await,
        }
    }

    /// Creates a subscription. Never repeated by any layer below the caller.
    ///
    /// # Errors
    /// [`ProviderError`]; where [`ProviderError::may_have_taken_effect`] says so, the subscription may exist.
    pub async fn create(&self, settings: &Settings) -> Result<Remote, ProviderError> {
        match self {
            Self::Dixa(dixa) => dixa.create(settings).await,
        }
    }

    /// Changes the given fields of a subscription to what `settings` says, and returns what the provider made
    /// of it.
    ///
    /// # Errors
    /// [`ProviderError`].
    pub async fn update(
        &self,
        id: &ExternalId,
        settings: &Settings,
        fields: FieldSet,
    ) -> Result<Remote, ProviderError> {
        match self {
            Self::Dixa(dixa) => dixa.update(id, settings, fields).await,
        }
    }

    /// Deletes a subscription; one that does not exist counts as deleted.
    ///
    /// # Errors
    /// [`ProviderError`].
    pub async fn delete(&self, id: &ExternalId) -> Result<(), ProviderError> {
        match self {
            Self::Dixa(dixa) => dixa.delete(id).await,
        }
    }

    /// Reads the newest delivery of each event.
    ///
    /// # Errors
    /// [`ProviderError`].
    pub async fn deliveries(&self, id: &ExternalId) -> Result<Vec<Delivery>, ProviderError> {
        match self {
            Self::Dixa(dixa) => dixa.deliveries(id).await,
        }
    }

    /// Reads the log of one event's deliveries, newest first.
    ///
    /// # Errors
    /// [`ProviderError`].
    pub async fn delivery_log(
        &self,
        id: &ExternalId,
        event: &EventName,
    ) -> Result<Vec<DeliveryResult>, ProviderError> {
        match self {
            Self::Dixa(dixa) => dixa.delivery_log(id, event).await,
        }
    }

    /// Reads the key that the provider signs deliveries with; `None` where it is not shown.
    ///
    /// # Errors
    /// [`ProviderError`].
    pub async fn signing_key(&self, id: &ExternalId) -> Result<Option<SecretString>, ProviderError> {
        match self {
            Self::Dixa(dixa) => dixa.signing_key(id).await,
        }
    }
}

/// What every adapter is built from.
#[derive(Debug, Clone)]
pub struct Shared {
    /// Digests are made with this key.
    pub hash_key: Arc<HashKey>,
}
