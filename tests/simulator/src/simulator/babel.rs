//! What a person at a Babel installation, or a test, can do by hand.

use super::EditError;
use crate::babel::{Babel, Content, DeliveryResult, EventType, HAND_USER, Key, Subscription};
use crate::frame::clock;
use serde_json::Value;
use std::{collections::BTreeMap, sync::Arc};

/// Access to the simulated Babel past its API: no key, no rate limit, no log, no faults.
#[derive(Clone)]
pub struct BabelControl {
    babel: Arc<Babel>,
}

impl BabelControl {
    pub(crate) fn new(babel: Arc<Babel>) -> Self {
        Self { babel }
    }

    /// Every subscription of every installation, oldest first.
    pub fn subscriptions(&self) -> Vec<Subscription> {
        self.babel.state().store.all()
    }

    /// How many subscriptions there are.
    pub fn count(&self) -> usize {
        self.babel.state().store.count()
    }

    /// One subscription.
    pub fn subscription(&self, id: i32) -> Option<Subscription> {
        self.babel.state().store.find(id).map(|found| (**found).clone())
    }

    /// Makes a subscription as a person would; the content is not checked.
    pub fn create(&self, installation: &str, content: Content) -> Subscription {
        (*self.babel.state().create(installation, HAND_USER, content)).clone()
    }

    /// Makes a subscription under a given id, such as one that another row had before a database was
    /// restored; the content is not checked.
    ///
    /// # Errors
    /// When a subscription has the id at present.
    pub fn create_with_id(
        &self,
        id: i32,
        installation: &str,
        content: Content,
    ) -> Result<Subscription, EditError> {
        let mut state = self.babel.state();
        if state.store.find(id).is_some() {
            return Err(EditError::Invalid(format!("a subscription has the id {id}")));
        }
        Ok((*state.create_under(id, installation, HAND_USER, content)).clone())
    }

    /// Makes a subscription from the body of a create request, `{"subscription": …}`.
    ///
    /// # Errors
    /// When the API would refuse the body or a subscription has the id at present.
    pub fn create_from_body(
        &self,
        installation: &str,
        id: Option<i32>,
        body: &Value,
    ) -> Result<Subscription, EditError> {
        let content = self.babel.state().content_from_body(installation, body)?;
        match id {
            Some(id) => self.create_with_id(id, installation, content),
            None => Ok(self.create(installation, content)),
        }
    }

    /// Sets the id of the next row; ids that rows have at present are passed over.
    pub fn set_next_id(&self, id: i32) {
        self.babel.state().set_next_id(id);
    }

    /// Edits a subscription by hand. `members` are those of a request's `subscription`; what it leaves
    /// out stays as it is.
    ///
    /// # Errors
    /// When no subscription has the id or the API would refuse a member.
    pub fn edit(&self, id: i32, members: &Value) -> Result<Subscription, EditError> {
        let mut state = self.babel.state();
        let Some(found) = state.store.find(id) else {
            return Err(EditError::absent(id));
        };
        let content = state.content_by_hand(&found.installation, members, found.content.clone())?;
        let changed = state.write(id, content).ok_or_else(|| EditError::absent(id))?;
        Ok((*changed).clone())
    }

    /// Deletes a subscription by hand, as the removal of its user does.
    ///
    /// # Errors
    /// When no subscription has the id.
    pub fn delete(&self, id: i32) -> Result<(), EditError> {
        let deleted = self.babel.state().store.delete(id);
        deleted.map(|_| ()).ok_or_else(|| EditError::absent(id))
    }

    /// Deletes everything and says how many there were.
    pub fn delete_all(&self) -> usize {
        self.babel.state().store.delete_all()
    }

    /// Copies a subscription, its name and so its marker included, under a new id, in the same
    /// installation or another.
    ///
    /// # Errors
    /// When no subscription has the id.
    pub fn clone_subscription(&self, id: i32, installation: Option<&str>) -> Result<Subscription, EditError> {
        let mut state = self.babel.state();
        let Some(found) = state.store.find(id) else {
            return Err(EditError::absent(id));
        };
        let (content, own) = (found.content.clone(), found.installation.clone());
        Ok((*state.create(installation.unwrap_or(&own), HAND_USER, content)).clone())
    }

    /// Records delivery results, as events of the subscription or of one event that it has.
    ///
    /// # Errors
    /// When no subscription has the id, or it has no such event.
    pub fn record_delivery(&self, id: i32, result: &DeliveryResult) -> Result<(), EditError> {
        self.babel
            .state()
            .record(id, result)
            .ok_or_else(|| EditError::absent(id))
    }

    /// The event types of an installation.
    pub fn event_types(&self, installation: &str) -> Vec<EventType> {
        self.babel.state().event_types(installation)
    }

    /// Replaces the event types of an installation; subscriptions stay as they are.
    pub fn set_event_types(&self, installation: &str, types: Vec<EventType>) {
        self.babel.state().set_event_types(installation, types);
    }

    /// Hosts that are locked out after failed authentications, with the end of each lock-out in
    /// milliseconds since the epoch.
    pub fn lockouts(&self) -> BTreeMap<String, u64> {
        self.babel.state().guard.locked(clock::now_ms())
    }

    /// Ends all lock-outs and forgets failed authentications.
    pub fn end_lockouts(&self) {
        self.babel.state().guard.clear();
    }

    /// Adds a key or gives it another meaning.
    pub fn add_key(&self, key: &str, meaning: Key) {
        self.babel.state().keys.insert(key.to_owned(), meaning);
    }

    /// Takes a key out of use; `false` if it was not in use.
    pub fn remove_key(&self, key: &str) -> bool {
        self.babel.state().keys.remove(key).is_some()
    }

    /// The keys in use.
    pub fn keys(&self) -> BTreeMap<String, Key> {
        self.babel.state().keys.clone().into_iter().collect()
    }
}
