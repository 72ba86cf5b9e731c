//! What a person at Dixa, or a test, can do by hand.

use crate::{
    dixa::{Content, DeliveryResult, Dixa, HAND_USER, Subscription, Token},
    frame::input::EditRefusal,
};
use serde_json::Value;
use std::{collections::BTreeMap, sync::Arc};
use thiserror::Error;
use uuid::Uuid;

/// Why an edit by hand was refused.
#[derive(Debug, Error, PartialEq, Eq)]
pub enum EditError {
    /// No subscription has the id.
    #[error("no subscription has the id {0}")]
    Absent(String),
    /// The edit is not one that the API's own rules allow.
    #[error("the edit does not fit: {0}")]
    Invalid(String),
}

impl EditError {
    pub(super) fn absent<Id: ToString + Copy>(id: Id) -> Self {
        Self::Absent(id.to_string())
    }
}

impl From<EditRefusal> for EditError {
    fn from(refusal: EditRefusal) -> Self {
        Self::Invalid(refusal.0)
    }
}

/// Access to the simulated Dixa past its API: no token, no rate limit, no log, no faults.
#[derive(Clone)]
pub struct DixaControl {
    dixa: Arc<Dixa>,
}

impl DixaControl {
    pub(crate) fn new(dixa: Arc<Dixa>) -> Self {
        Self { dixa }
    }

    /// Every subscription of every organization, oldest first.
    pub fn subscriptions(&self) -> Vec<Subscription> {
        self.dixa.state().store.all()
    }

    /// How many subscriptions there are.
    pub fn count(&self) -> usize {
        self.dixa.state().store.count()
    }

    /// One subscription.
    pub fn subscription(&self, id: Uuid) -> Option<Subscription> {
        self.dixa.state().store.find(id).map(|found| (**found).clone())
    }

    /// Makes a subscription as a person would; the content is not checked.
    pub fn create(&self, organization: &str, content: Content) -> Subscription {
        (*self.dixa.state().create(organization, HAND_USER, content)).clone()
    }

    /// Makes a subscription from the body of a create request.
    ///
    /// # Errors
    /// When the API would refuse the body.
    pub fn create_from_body(&self, organization: &str, body: &Value) -> Result<Subscription, EditError> {
        let content = self.dixa.content_from_body(body)?;
        Ok(self.create(organization, content))
    }

    /// Edits a subscription by hand with the members of a PATCH body; `filters` as `null` or `{}` clears
    /// them whatever the switch says, `customHeaders` replaces. `updatedBy` becomes another user.
    ///
    /// # Errors
    /// When no subscription has the id or the API would refuse the body.
    pub fn edit(&self, id: Uuid, patch: &Value) -> Result<Subscription, EditError> {
        let mut state = self.dixa.state();
        let Some(found) = state.store.find(id) else {
            return Err(EditError::absent(id));
        };
        let content = Dixa::content_by_hand(patch, &found.content, &state.switches)?;
        let changed = state
            .write(id, HAND_USER, content)
            .ok_or_else(|| EditError::absent(id))?;
        Ok((*changed).clone())
    }

    /// Deletes a subscription by hand.
    ///
    /// # Errors
    /// When no subscription has the id.
    pub fn delete(&self, id: Uuid) -> Result<(), EditError> {
        self.dixa
            .state()
            .store
            .delete(id)
            .map(|_| ())
            .ok_or_else(|| EditError::absent(id))
    }

    /// Deletes everything and says how many there were.
    pub fn delete_all(&self) -> usize {
        self.dixa.state().store.delete_all()
    }

    /// Copies a subscription, its name and so its marker included, under a new id and key, in the same
    /// organization or another.
    ///
    /// # Errors
    /// When no subscription has the id.
    pub fn clone_subscription(
        &self,
        id: Uuid,
        organization: Option<&str>,
    ) -> Result<Subscription, EditError> {
        let mut state = self.dixa.state();
        let Some(found) = state.store.find(id) else {
            return Err(EditError::absent(id));
        };
        let (content, own) = (found.content.clone(), found.organization.clone());
        Ok((*state.create(organization.unwrap_or(&own), HAND_USER, content)).clone())
    }

    /// Records delivery results, as delivery-status and logs will show them.
    ///
    /// # Errors
    /// When no subscription has the id.
    pub fn record_delivery(&self, id: Uuid, result: &DeliveryResult) -> Result<(), EditError> {
        let changed = self
            .dixa
            .state()
            .store
            .change(id, |found| found.deliveries.record(result));
        changed.map(|_| ()).ok_or_else(|| EditError::absent(id))
    }

    /// Adds a token or gives it another meaning.
    pub fn add_token(&self, token: &str, meaning: Token) {
        self.dixa.state().tokens.insert(token.to_owned(), meaning);
    }

    /// Takes a token out of use; `false` if it was not in use.
    pub fn revoke_token(&self, token: &str) -> bool {
        self.dixa.state().tokens.remove(token).is_some()
    }

    /// The tokens in use.
    pub fn tokens(&self) -> BTreeMap<String, Token> {
        self.dixa
            .state()
            .tokens
            .iter()
            .map(|(token, meaning)| (token.clone(), meaning.clone()))
            .collect()
    }
}
