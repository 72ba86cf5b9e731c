//! Bird's workspaces, keys and subscriptions.

use crate::{
    bird::{
        attempt::{self, DeliveryResult},
        subscription::{Content, Subscription},
        switches::Switches,
    },
    frame::{clock, store::Store},
};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use std::{
    collections::{BTreeMap, HashMap},
    sync::Arc,
};
use uuid::Uuid;

/// Subscriptions with the same service, event and filters that a workspace may have.
const EQUAL_AT_MOST: usize = 5;

/// What an access key stands for.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Key {
    /// Workspace whose subscriptions it reaches.
    pub workspace: Uuid,
    /// Organization of the workspace.
    pub organization: Uuid,
    /// Changes are refused with 403.
    #[serde(default)]
    pub read_only: bool,
}

impl Key {
    /// A key with all rights.
    pub fn of(workspace: Uuid, organization: Uuid) -> Self {
        Self {
            workspace,
            organization,
            read_only: false,
        }
    }
}

/// Everything behind the one lock.
#[derive(Debug, Default)]
pub(crate) struct State {
    pub switches: Switches,
    pub keys: HashMap<String, Key>,
    pub store: Store<Subscription>,
}

impl State {
    /// Adds a subscription with a new id.
    pub(crate) fn create(
        &mut self,
        workspace: Uuid,
        organization: Uuid,
        content: Content,
    ) -> Arc<Subscription> {
        let birth = self.store.birth(&workspace);
        self.store.insert(Subscription {
            id: Uuid::new_v4(),
            organization_id: organization,
            workspace_id: workspace,
            content,
            created_ms: birth.ms,
            updated_ms: birth.ms,
            ordinal: birth.ordinal,
            created_at_request: birth.request,
            attempts: Vec::new(),
        })
    }

    /// Writes new content; the time of the change always grows.
    pub(crate) fn write(&mut self, id: Uuid, content: Content) -> Option<Arc<Subscription>> {
        self.store.change(id, |found| {
            found.content = content;
            found.updated_ms = clock::now_ms().max(found.updated_ms + 1);
        })
    }

    /// Records deliveries; `None` if there is no such subscription.
    pub(crate) fn record(&mut self, id: Uuid, result: &DeliveryResult) -> Option<()> {
        self.store
            .change(id, |found| attempt::record(&mut found.attempts, result))?;
        Some(())
    }

    /// Whether the workspace has no room for one more that is equal by its filters.
    pub(crate) fn is_full_for(&self, workspace: Uuid, content: &Content) -> bool {
        let all = self.store.in_scope(&workspace);
        all.filter(|found| found.content.equals_by_filters(content))
            .count()
            >= EQUAL_AT_MOST
    }

    pub(crate) fn snapshot(&self) -> Value {
        json!({
            "keys": self.keys,
            "subscriptions": self.store.all(),
            "switches": self.switches.values(),
            "requests": self.store.requests(),
        })
    }

    pub(crate) fn restore(&mut self, snapshot: Value) -> Result<(), serde_json::Error> {
        let snapshot: Snapshot = serde_json::from_value(snapshot)?;
        *self = Self {
            keys: snapshot.keys,
            switches: Switches::restored(&snapshot.switches)?,
            store: Store::restored(&snapshot.requests, snapshot.subscriptions),
        };
        Ok(())
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Snapshot {
    keys: HashMap<String, Key>,
    subscriptions: Vec<Subscription>,
    switches: BTreeMap<String, String>,
    requests: BTreeMap<Uuid, u64>,
}
