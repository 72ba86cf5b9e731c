//! Outbound adapters: the only code that speaks to providers.
//!
//! An adapter turns [`Settings`](operator_core::settings::Settings) into the provider's requests and its answers
//! into digests ([`Remote`]); it knows nothing of Kubernetes and decides nothing. A method sends one request for the
//! budget permit that its caller holds; where it sends more, it says so.

pub mod account;
pub mod babel;
pub mod bird;
pub mod clock;
pub mod dixa;
pub mod error;
#[cfg(any(test, feature = "fuzzing"))]
pub(crate) mod fuzzing;
pub mod http;
#[cfg(test)]
mod test_server;
mod wire;

use std::sync::Arc;

use operator_core::capabilities::Capabilities;
use operator_core::delivery::{Delivery, DeliveryResult};
use operator_core::hash::HashKey;
use operator_core::marker::Marker;
use operator_core::names::{EventName, ExternalId};
use operator_core::remote::Remote;
use operator_core::settings::{Reading, Settings};
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

/// A page, and what its elements were made of, in the same order; nothing where nobody asked for that.
type Listed = (Page, Vec<Reading>);

/// Where a page starts: opaque, and valid for the adapter that made it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Cursor(pub(crate) String);

/// What a request to delete came to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Deletion {
    /// It is gone, or was not there.
    Done,
    /// The answer does not tell: a read of the id does.
    Unconfirmed,
}

/// Which end of a log of deliveries is wanted; the order of the pages is the provider's.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum End {
    /// What was delivered last.
    Newest,
    /// What was delivered first.
    Oldest,
}

/// How deliveries went.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Deliveries {
    /// The newest delivery of each event. Empty while [`Self::next`] says that another page holds them.
    pub events: Vec<Delivery>,
    /// Single deliveries that can be named, in no order; empty where the provider does not name them.
    pub log: Vec<Logged>,
    /// What has to be asked for to see the wanted end.
    pub next: Option<Cursor>,
}

/// One delivery that can be named.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Logged {
    /// The provider's id of it.
    pub id: String,
    /// How it went; `None` while it has not been tried.
    pub result: Option<DeliveryResult>,
    /// When the event happened, in milliseconds of Unix time.
    pub created: Option<i64>,
}

/// A provider account: closed on purpose, so that a match over it is checked by the compiler.
#[derive(Debug)]
pub enum Adapter {
    /// Dixa.
    Dixa(dixa::Dixa),
    /// Babel Licensing Service.
    Babel(babel::Babel),
    /// Bird.
    Bird(bird::Bird),
}

/// The same expression for whichever adapter it is.
macro_rules! each {
    ($adapter:expr, $it:ident => $call:expr) => {
        match $adapter {
            Self::Dixa($it) => $call,
            Self::Babel($it) => $call,
            Self::Bird($it) => $call,
        }
    };
}

impl Adapter {
    /// What this provider can do.
    pub fn capabilities(&self) -> &'static Capabilities {
        match self {
            Self::Dixa(_) => &dixa::CAPABILITIES,
            Self::Babel(_) => &babel::CAPABILITIES,
            Self::Bird(_) => &bird::CAPABILITIES,
        }
    }

    /// What this provider is known to refuse in `settings`, before any call: a text that names the field and says
    /// what to do. `None`: nothing. What [`Self::capabilities`] says is not checked again.
    pub fn refuses(&self, settings: &Settings) -> Option<String> {
        match self {
            Self::Dixa(_) => None,
            Self::Babel(_) => babel::refuses(settings),
            Self::Bird(_) => bird::refuses(settings),
        }
    }

    /// Reads one page of the account's subscriptions; the first where `from` is `None`.
    ///
    /// # Errors
    /// [`ProviderError`]; a list that failed on the way proves nothing about what is not in it.
    pub async fn list(&self, from: Option<&Cursor>) -> Result<Page, ProviderError> {
        each!(self, it => it.list(from).await)
    }

    /// [`Self::list`] for a person who wants to see what is there: each element with what it was made of, which holds
    /// secrets. The operator itself never asks for it.
    ///
    /// # Errors
    /// Those of [`Self::list`].
    pub async fn list_whole(
        &self,
        from: Option<&Cursor>,
    ) -> Result<(Vec<(Remote, Reading)>, Option<Cursor>), ProviderError> {
        let (page, readings) = each!(self, it => it.page(from, true).await)?;
        Ok((page.remotes.into_iter().zip(readings).collect(), page.next))
    }

    /// Reads one subscription; `None` when the provider says that it does not exist.
    ///
    /// # Errors
    /// [`ProviderError`].
    pub async fn get(&self, id: &ExternalId) -> Result<Option<Remote>, ProviderError> {
        each!(self, it => it.get(id).await)
    }

    /// Creates a subscription. Never repeated by any layer below the caller.
    ///
    /// # Errors
    /// [`ProviderError`]; where [`ProviderError::may_have_taken_effect`] says so, the subscription may exist.
    pub async fn create(&self, settings: &Settings) -> Result<Remote, ProviderError> {
        each!(self, it => it.create(settings).await)
    }

    /// How many requests [`Self::update`] sends.
    pub fn requests_of_an_update(&self) -> u32 {
        match self {
            Self::Dixa(_) | Self::Bird(_) => 1,
            // The whole object is replaced, so it is read just before.
            Self::Babel(_) => 2,
        }
    }

    /// Changes the given fields of a subscription to what `settings` says, and returns what the provider made
    /// of it. Fields that are not managed stay as they are.
    ///
    /// # Errors
    /// [`ProviderError`].
    pub async fn update(
        &self,
        id: &ExternalId,
        settings: &Settings,
        fields: FieldSet,
    ) -> Result<Remote, ProviderError> {
        each!(self, it => it.update(id, settings, fields).await)
    }

    /// Switches a subscription off, and leaves everything else of it as it is. `marker` is what a fresh read showed: where
    /// the provider has a place for one and it is another by now, nothing is changed.
    ///
    /// # Errors
    /// [`ProviderError`]; [`ProviderError::NotSendable`] where the provider would need to be told what it does not show.
    pub async fn switch_off(&self, id: &ExternalId, marker: Option<Marker>) -> Result<Remote, ProviderError> {
        match self {
            Self::Dixa(dixa) => dixa.switch_off(id).await,
            Self::Babel(babel) => babel.switch_off(id, marker).await,
            Self::Bird(bird) => bird.switch_off(id).await,
        }
    }

    /// Deletes a subscription; one that does not exist counts as deleted.
    ///
    /// # Errors
    /// [`ProviderError`].
    pub async fn delete(&self, id: &ExternalId) -> Result<Deletion, ProviderError> {
        each!(self, it => it.delete(id).await)
    }

    /// Reads how the deliveries of a subscription went, whose events are `events`. `from` goes on where an answer
    /// to the same question said so.
    ///
    /// # Errors
    /// [`ProviderError`].
    pub async fn deliveries(
        &self,
        id: &ExternalId,
        events: &[EventName],
        end: End,
        from: Option<&Cursor>,
    ) -> Result<Deliveries, ProviderError> {
        match self {
            Self::Dixa(dixa) => dixa.deliveries(id).await,
            Self::Babel(babel) => babel.deliveries(id, end, from).await,
            Self::Bird(bird) => bird.deliveries(id, events, from).await,
        }
    }

    /// Reads the log of one event's deliveries, newest first. Nothing is sent where [`Self::deliveries`] tells it
    /// all.
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
            Self::Babel(_) | Self::Bird(_) => Ok(Vec::new()),
        }
    }

    /// Reads the key that the provider signs deliveries with; `None` where it is not shown, or not the provider's.
    ///
    /// # Errors
    /// [`ProviderError`].
    pub async fn signing_key(&self, id: &ExternalId) -> Result<Option<SecretString>, ProviderError> {
        match self {
            Self::Dixa(dixa) => dixa.signing_key(id).await,
            Self::Babel(_) | Self::Bird(_) => Ok(None),
        }
    }

    /// Reads the events that the account has. Nothing is sent where [`Capabilities::catalogue`] is false.
    ///
    /// # Errors
    /// [`ProviderError`].
    pub async fn catalogue(&self) -> Result<Vec<EventName>, ProviderError> {
        match self {
            Self::Babel(babel) => babel.catalogue().await,
            Self::Dixa(_) | Self::Bird(_) => Ok(Vec::new()),
        }
    }

    /// Has the provider deliver a test event, and returns the id under which [`Deliveries::log`] will show it.
    /// Never repeated by any layer below the caller.
    ///
    /// # Errors
    /// [`ProviderError`]; [`ProviderError::NotSendable`] where [`Capabilities::tests`] is false.
    pub async fn test(&self, id: &ExternalId) -> Result<Option<String>, ProviderError> {
        match self {
            Self::Babel(babel) => babel.test(id).await,
            Self::Dixa(_) | Self::Bird(_) => Err(ProviderError::NotSendable {
                why: "this provider has no test call",
            }),
        }
    }

    /// Deletes one delivery from the log of a subscription; one that does not exist counts as deleted. Nothing is
    /// sent where the provider has no such call.
    ///
    /// # Errors
    /// [`ProviderError`].
    pub async fn delete_logged(&self, id: &ExternalId, logged: &str) -> Result<(), ProviderError> {
        match self {
            Self::Babel(babel) => babel.delete_event(id, logged).await,
            Self::Dixa(_) | Self::Bird(_) => Ok(()),
        }
    }
}

/// What every adapter is built from.
#[derive(Debug, Clone)]
pub struct Shared {
    /// Digests are made with this key.
    pub hash_key: Arc<HashKey>,
}
