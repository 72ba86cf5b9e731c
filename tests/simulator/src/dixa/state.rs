//! Dixa's organizations, tokens and subscriptions.

use crate::{
    dixa::{
        delivery::Deliveries,
        subscription::{Content, Subscription},
        switches::Switches,
    },
    frame::{clock, store::Store},
};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use sha2::{Digest, Sha256};
use std::{
    collections::{BTreeMap, HashMap},
    sync::Arc,
};
use uuid::Uuid;

/// What a token stands for.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Token {
    /// Organization whose subscriptions it reaches.
    pub organization: String,
    /// User that stands in `createdBy` and `updatedBy`.
    pub user: Uuid,
    /// Changes are refused with 403.
    #[serde(default)]
    pub read_only: bool,
}

impl Token {
    /// A token with all rights; its user follows from the organization's name.
    pub fn of(organization: &str) -> Self {
        let digest = Sha256::digest(organization.as_bytes());
        let mut bytes = [0; 16];
        bytes.copy_from_slice(&digest[..16]);
        let user = uuid::Builder::from_random_bytes(bytes).into_uuid();
        Self {
            organization: organization.to_owned(),
            user,
            read_only: false,
        }
    }
}

/// Everything behind the one lock.
#[derive(Debug, Default)]
pub(crate) struct State {
    pub switches: Switches,
    pub tokens: HashMap<String, Token>,
    pub store: Store<Subscription>,
}

impl State {
    /// Adds a subscription with a new id and a new key.
    pub(crate) fn create(&mut self, organization: &str, user: Uuid, content: Content) -> Arc<Subscription> {
        let organization = organization.to_owned();
        let birth = self.store.birth(&organization);
        self.store.insert(Subscription {
            id: Uuid::new_v4(),
            organization,
            content,
            secret_key: format!("{}{}", Uuid::new_v4().simple(), Uuid::new_v4().simple()),
            created_ms: birth.ms,
            updated_ms: birth.ms,
            created_by: user,
            updated_by: user,
            ordinal: birth.ordinal,
            created_at_request: birth.request,
            deliveries: Deliveries::default(),
        })
    }

    /// Writes new content and says who did it; the time of the change always grows.
    pub(crate) fn write(&mut self, id: Uuid, user: Uuid, content: Content) -> Option<Arc<Subscription>> {
        self.store.change(id, |found| {
            found.content = content;
            found.updated_by = user;
            found.updated_ms = clock::now_ms().max(found.updated_ms + 1);
        })
    }

    pub(crate) fn snapshot(&self) -> Value {
        json!({
            "tokens": self.tokens,
            "subscriptions": self.store.all(),
            "switches": self.switches.values(),
            "requests": self.store.requests(),
        })
    }

    pub(crate) fn restore(&mut self, snapshot: Value) -> Result<(), serde_json::Error> {
        let snapshot: Snapshot = serde_json::from_value(snapshot)?;
        *self = Self {
            tokens: snapshot.tokens,
            switches: Switches::restored(&snapshot.switches)?,
            store: Store::restored(&snapshot.requests, snapshot.subscriptions),
        };
        Ok(())
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Snapshot {
    tokens: HashMap<String, Token>,
    subscriptions: Vec<Subscription>,
    switches: BTreeMap<String, String>,
    requests: BTreeMap<String, u64>,
}
