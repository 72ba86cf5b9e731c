//! Dixa's organizations, tokens and subscriptions.

use crate::{
    dixa::{
        delivery::Deliveries,
        subscription::{Content, Subscription},
        switches::Switches,
    },
    frame::clock,
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

#[derive(Debug, Default)]
pub(crate) struct Organization {
    subscriptions: BTreeMap<u64, Arc<Subscription>>,
    /// Requests that came with one of its tokens.
    pub requests: u64,
}

/// Everything behind the one lock.
#[derive(Debug, Default)]
pub(crate) struct State {
    pub switches: Switches,
    pub tokens: HashMap<String, Token>,
    organizations: HashMap<String, Organization>,
    positions: HashMap<Uuid, (String, u64)>,
    last_ordinal: u64,
}

impl State {
    pub(crate) fn count(&self) -> usize {
        self.positions.len()
    }

    pub(crate) fn organization(&mut self, name: &str) -> &mut Organization {
        if !self.organizations.contains_key(name) {
            self.organizations
                .insert(name.to_owned(), Organization::default());
        }
        self.organizations.entry(name.to_owned()).or_default()
    }

    /// Any subscription, whatever its organization.
    pub(crate) fn find(&self, id: Uuid) -> Option<&Arc<Subscription>> {
        let (organization, ordinal) = self.positions.get(&id)?;
        self.organizations.get(organization)?.subscriptions.get(ordinal)
    }

    /// A subscription as a token of this organization sees it.
    pub(crate) fn find_in(&self, organization: &str, id: Uuid) -> Option<&Arc<Subscription>> {
        self.find(id).filter(|found| found.organization == organization)
    }

    /// The organization's subscriptions with a higher ordinal, oldest first.
    pub(crate) fn after(&self, organization: &str, ordinal: u64) -> impl Iterator<Item = &Arc<Subscription>> {
        let found = self.organizations.get(organization);
        found
            .into_iter()
            .flat_map(move |found| found.subscriptions.range(ordinal + 1..).map(|(_, found)| found))
    }

    /// All subscriptions in the order of their creation.
    pub(crate) fn all(&self) -> Vec<Subscription> {
        let organizations = self.organizations.values();
        let mut all: Vec<Subscription> = organizations
            .flat_map(|one| one.subscriptions.values().map(|found| (**found).clone()))
            .collect();
        all.sort_unstable_by_key(|found| found.ordinal);
        all
    }

    /// Adds a subscription with a new id and a new key.
    pub(crate) fn create(&mut self, organization: &str, user: Uuid, content: Content) -> Arc<Subscription> {
        let now = clock::now_ms();
        self.last_ordinal += 1;
        let subscription = Subscription {
            id: Uuid::new_v4(),
            organization: organization.to_owned(),
            content,
            secret_key: format!("{}{}", Uuid::new_v4().simple(), Uuid::new_v4().simple()),
            created_ms: now,
            updated_ms: now,
            created_by: user,
            updated_by: user,
            ordinal: self.last_ordinal,
            created_at_request: self.organization(organization).requests,
            deliveries: Deliveries::default(),
        };
        self.insert(subscription)
    }

    fn insert(&mut self, subscription: Subscription) -> Arc<Subscription> {
        let subscription = Arc::new(subscription);
        let place = (subscription.organization.clone(), subscription.ordinal);
        self.positions.insert(subscription.id, place);
        let organization = self.organization(&subscription.organization);
        organization
            .subscriptions
            .insert(subscription.ordinal, Arc::clone(&subscription));
        subscription
    }

    /// Changes a subscription in place.
    pub(crate) fn change(
        &mut self,
        id: Uuid,
        change: impl FnOnce(&mut Subscription),
    ) -> Option<Arc<Subscription>> {
        let (organization, ordinal) = self.positions.get(&id)?;
        let found = self
            .organizations
            .get_mut(organization)?
            .subscriptions
            .get_mut(ordinal)?;
        change(Arc::make_mut(found));
        Some(Arc::clone(found))
    }

    /// Writes new content and says who did it; the time of the change always grows.
    pub(crate) fn write(&mut self, id: Uuid, user: Uuid, content: Content) -> Option<Arc<Subscription>> {
        self.change(id, |found| {
            found.content = content;
            found.updated_by = user;
            found.updated_ms = clock::now_ms().max(found.updated_ms + 1);
        })
    }

    pub(crate) fn delete(&mut self, id: Uuid) -> Option<Arc<Subscription>> {
        let (organization, ordinal) = self.positions.remove(&id)?;
        self.organizations
            .get_mut(&organization)?
            .subscriptions
            .remove(&ordinal)
    }

    /// Removes all subscriptions and says how many there were.
    pub(crate) fn delete_all(&mut self) -> usize {
        for organization in self.organizations.values_mut() {
            organization.subscriptions.clear();
        }
        let count = self.positions.len();
        self.positions.clear();
        count
    }

    pub(crate) fn snapshot(&self) -> Value {
        let switches: BTreeMap<_, _> = self
            .switches
            .entries()
            .into_iter()
            .map(|entry| (entry.name, entry.value))
            .collect();
        let requests: BTreeMap<_, _> = self
            .organizations
            .iter()
            .map(|(name, one)| (name, one.requests))
            .collect();
        json!({ "tokens": self.tokens, "subscriptions": self.all(), "switches": switches, "requests": requests })
    }

    pub(crate) fn restore(&mut self, snapshot: Value) -> Result<(), serde_json::Error> {
        let snapshot: Snapshot = serde_json::from_value(snapshot)?;
        let mut restored = Self {
            tokens: snapshot.tokens,
            ..Self::default()
        };
        for (name, value) in &snapshot.switches {
            restored
                .switches
                .set(name, value)
                .map_err(serde::de::Error::custom)?;
        }
        for (name, requests) in &snapshot.requests {
            restored.organization(name).requests = *requests;
        }
        for subscription in snapshot.subscriptions {
            restored.last_ordinal = restored.last_ordinal.max(subscription.ordinal);
            restored.insert(subscription);
        }
        *self = restored;
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
