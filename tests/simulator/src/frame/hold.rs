//! Requests that wait until a test lets them go.

use crate::frame::fault::When;
use serde::{Deserialize, Serialize};
use std::{
    collections::BTreeMap,
    sync::{Mutex, MutexGuard, PoisonError},
};
use tokio::sync::oneshot;

/// What a held request does when it is released.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Release {
    /// Goes on as if it had not been held.
    #[default]
    Continue,
    /// The connection closes. Held before the change, the change does not happen.
    Drop,
}

/// A request that is being held.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct Held {
    /// Its number in the log.
    pub seq: u64,
    /// Where it waits.
    pub when: When,
}

/// All held requests of a simulator.
#[derive(Debug, Default)]
pub(crate) struct Holds {
    waiting: Mutex<BTreeMap<u64, (When, oneshot::Sender<Release>)>>,
}

impl Holds {
    fn waiting(&self) -> MutexGuard<'_, BTreeMap<u64, (When, oneshot::Sender<Release>)>> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Registers a request; the receiver answers when it is released.
    pub(crate) fn enter(&self, seq: u64, when: When) -> oneshot::Receiver<Release> {
        let (sender, receiver) = oneshot::channel();
        self.waiting().insert(seq, (when, sender));
        receiver
    }

    pub(crate) fn list(&self) -> Vec<Held> {
        self.waiting()
            .iter()
            .map(|(seq, (when, _))| Held {
                seq: *seq,
                when: *when,
            })
            .collect()
    }

    /// Lets one request go; `false` if it is not held.
    pub(crate) fn release(&self, seq: u64, release: Release) -> bool {
        let entry = self.waiting().remove(&seq);
        entry.is_some_and(|(_, sender)| sender.send(release).is_ok())
    }

    /// Lets all go and says how many there were.
    pub(crate) fn release_all(&self, release: Release) -> usize {
        let entries = std::mem::take(&mut *self.waiting());
        entries
            .into_values()
            .filter_map(|(_, sender)| sender.send(release).ok())
            .count()
    }
}
