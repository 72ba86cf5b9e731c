//! What a person at Bird, or a test, can do by hand.

use super::EditError;
use crate::bird::{Bird, Content, DeliveryResult, Key, Subscription};
use serde_json::Value;
use std::{collections::BTreeMap, sync::Arc};
use uuid::Uuid;

/// Access to the simulated Bird past its API: no key, no rate limit, no log, no faults.
#[derive(Clone)]
pub struct BirdControl {
    bird: Arc<Bird>,
}

impl BirdControl {
    pub(crate) fn new(bird: Arc<Bird>) -> Self {
        Self { bird }
    }

    /// Every subscription of every workspace, oldest first.
    pub fn subscriptions(&self) -> Vec<Subscription> {
        self.bird.state().store.all()
    }

    /// How many subscriptions there are.
    pub fn count(&self) -> usize {
        self.bird.state().store.count()
    }

    /// One subscription.
    pub fn subscription(&self, id: Uuid) -> Option<Subscription> {
        self.bird.state().store.find(id).map(|found| (**found).clone())
    }

    /// Makes a subscription as a person would; neither the content nor the limit for equal
    /// subscriptions is checked.
    pub fn create(&self, workspace: Uuid, organization: Uuid, content: Content) -> Subscription {
        (*self.bird.state().create(workspace, organization, content)).clone()
    }

    /// Makes a subscription from the body of a create request; the limit for equal subscriptions is
    /// not checked.
    ///
    /// # Errors
    /// When the API would refuse the body.
    pub fn create_from_body(
        &self,
        workspace: Uuid,
        organization: Uuid,
        body: &Value,
    ) -> Result<Subscription, EditError> {
        let content = self.bird.state().content_from_body(body)?;
        Ok(self.create(workspace, organization, content))
    }

    /// Edits a subscription by hand with the members of a PATCH body; `eventFilters` as `null` or `[]`
    /// clears them whatever the switches say.
    ///
    /// # Errors
    /// When no subscription has the id or the API would refuse the body.
    pub fn edit(&self, id: Uuid, patch: &Value) -> Result<Subscription, EditError> {
        let mut state = self.bird.state();
        let Some(found) = state.store.find(id) else {
            return Err(EditError::absent(id));
        };
        let content = state.content_by_hand(patch, &found.content)?;
        let changed = state.write(id, content).ok_or_else(|| EditError::absent(id))?;
        Ok((*changed).clone())
    }

    /// Deletes a subscription by hand.
    ///
    /// # Errors
    /// When no subscription has the id.
    pub fn delete(&self, id: Uuid) -> Result<(), EditError> {
        let deleted = self.bird.state().store.delete(id);
        deleted.map(|_| ()).ok_or_else(|| EditError::absent(id))
    }

    /// Deletes everything and says how many there were.
    pub fn delete_all(&self) -> usize {
        self.bird.state().store.delete_all()
    }

    /// Copies a subscription under a new id in the same workspace, whatever the limit for equal ones.
    ///
    /// # Errors
    /// When no subscription has the id.
    pub fn clone_subscription(&self, id: Uuid) -> Result<Subscription, EditError> {
        let mut state = self.bird.state();
        let Some(found) = state.store.find(id).cloned() else {
            return Err(EditError::absent(id));
        };
        let content = found.content.clone();
        Ok((*state.create(found.workspace_id, found.organization_id, content)).clone())
    }

    /// Records deliveries, as the logs will show them.
    ///
    /// # Errors
    /// When no subscription has the id.
    pub fn record_delivery(&self, id: Uuid, result: &DeliveryResult) -> Result<(), EditError> {
        self.bird
            .state()
            .record(id, result)
            .ok_or_else(|| EditError::absent(id))
    }

    /// Adds an access key or gives it another meaning.
    pub fn add_key(&self, key: &str, meaning: Key) {
        self.bird.state().keys.insert(key.to_owned(), meaning);
    }

    /// Takes a key out of use; `false` if it was not in use.
    pub fn remove_key(&self, key: &str) -> bool {
        self.bird.state().keys.remove(key).is_some()
    }

    /// The keys in use.
    pub fn keys(&self) -> BTreeMap<String, Key> {
        self.bird.state().keys.clone().into_iter().collect()
    }
}
