//! Babel's installations, keys and subscriptions.

use crate::{
    babel::{
        access::{Guard, Key},
        event::{self, DeliveryResult, Event, Outcome},
        subscription::{Content, Subscription},
        switches::{Switches, TestDelivery},
    },
    frame::{clock, store::Store},
};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use std::{
    collections::{BTreeMap, HashMap},
    sync::Arc,
};

/// An event type that an installation knows.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct EventType {
    /// Name, for example `license.created`.
    pub name: String,
    /// What it is about.
    #[serde(default)]
    pub description: String,
}

impl EventType {
    /// An event type with a description that repeats its name.
    pub fn named(name: &str) -> Self {
        Self {
            name: name.to_owned(),
            description: name.replace('.', " "),
        }
    }
}

/// The event types of an installation that was given none.
const EVENT_TYPES: [&str; 8] = [
    "license.created",
    "license.updated",
    "license.activated",
    "license.deactivated",
    "license.expired",
    "license.revoked",
    "customer.created",
    "order.completed",
];

/// Everything behind the one lock.
#[derive(Debug)]
pub(crate) struct State {
    pub switches: Switches,
    pub keys: HashMap<String, Key>,
    pub store: Store<Subscription>,
    pub guard: Guard,
    event_types: BTreeMap<String, Vec<EventType>>,
    next_id: i32,
    next_event_id: i32,
}

impl Default for State {
    fn default() -> Self {
        Self {
            switches: Switches::default(),
            keys: HashMap::new(),
            store: Store::default(),
            guard: Guard::default(),
            event_types: BTreeMap::new(),
            next_id: 1,
            next_event_id: 9001,
        }
    }
}

fn after(id: i32) -> i32 {
    id.checked_add(1).unwrap_or(1)
}

impl State {
    pub(crate) fn event_types(&self, installation: &str) -> Vec<EventType> {
        self.event_types.get(installation).cloned().unwrap_or_else(|| {
            let named = EVENT_TYPES.iter();
            named.map(|name| EventType::named(name)).collect()
        })
    }

    pub(crate) fn set_event_types(&mut self, installation: &str, types: Vec<EventType>) {
        self.event_types.insert(installation.to_owned(), types);
    }

    /// The id that the next row gets, unless a row has it already.
    pub(crate) fn set_next_id(&mut self, id: i32) {
        self.next_id = id;
    }

    /// Adds a row under the next free id.
    pub(crate) fn create(
        &mut self,
        installation: &str,
        user_id: &str,
        content: Content,
    ) -> Arc<Subscription> {
        while self.store.find(self.next_id).is_some() {
            self.next_id = after(self.next_id);
        }
        let id = self.next_id;
        self.next_id = after(id);
        self.create_under(id, installation, user_id, content)
    }

    /// Adds a row under this id, as a restored database may have it.
    pub(crate) fn create_under(
        &mut self,
        id: i32,
        installation: &str,
        user_id: &str,
        content: Content,
    ) -> Arc<Subscription> {
        self.store.delete(id);
        let installation = installation.to_owned();
        let birth = self.store.birth(&installation);
        self.store.insert(Subscription {
            id,
            installation,
            user_id: user_id.to_owned(),
            content,
            created_ms: birth.ms,
            updated_ms: birth.ms,
            ordinal: birth.ordinal,
            created_at_request: birth.request,
            events: Vec::new(),
        })
    }

    /// Writes new content; the time of the change always grows.
    pub(crate) fn write(&mut self, id: i32, content: Content) -> Option<Arc<Subscription>> {
        self.store.change(id, |found| {
            found.content = content;
            found.updated_ms = clock::now_ms().max(found.updated_ms + 1);
        })
    }

    fn new_event(&mut self, event_type: String, payload: String, outcome: Option<Outcome>) -> Event {
        let id = self.next_event_id;
        self.next_event_id = after(id);
        Event {
            id,
            event_type,
            payload,
            created_ms: clock::now_ms(),
            outcome,
        }
    }

    /// Makes a test event of a subscription and returns its id.
    pub(crate) fn test(&mut self, found: &Subscription, payload: String) -> i32 {
        let outcome = match self.switches.test_delivery {
            TestDelivery::Manual => None,
            TestDelivery::After(ms) => Some(Outcome::of(&DeliveryResult {
                time_ms: Some(clock::now_ms() + ms),
                response: "OK".to_owned(),
                ..DeliveryResult::answered(200)
            })),
        };
        let made = self.new_event(found.content.event_type.clone(), payload, outcome);
        let id = made.id;
        self.store
            .change(found.id, |found| event::push(&mut found.events, made));
        id
    }

    /// Records the results of deliveries; `None` if there is no such subscription or event.
    pub(crate) fn record(&mut self, id: i32, result: &DeliveryResult) -> Option<()> {
        let found = Arc::clone(self.store.find(id)?);
        let Some(event_id) = result.event_id else {
            for _ in 0..result.times.unwrap_or(1) {
                let event_type = result.event_type.as_ref().unwrap_or(&found.content.event_type);
                let payload = result.payload.as_deref().unwrap_or(r#"{"example":true}"#);
                let outcome = Some(Outcome::of(result));
                let mut made = self.new_event(event_type.clone(), payload.to_owned(), outcome);
                // What was delivered then was there by then.
                made.created_ms = result.time_ms.unwrap_or(made.created_ms).min(made.created_ms);
                self.store
                    .change(id, |found| event::push(&mut found.events, made));
            }
            return Some(());
        };
        found.events.iter().find(|event| event.id == event_id)?;
        self.store.change(id, |found| {
            for event in found.events.iter_mut().filter(|event| event.id == event_id) {
                event.outcome = Some(Outcome::of(result));
                event.payload = result
                    .payload
                    .clone()
                    .unwrap_or(std::mem::take(&mut event.payload));
            }
        })?;
        Some(())
    }

    /// Removes an event; `None` if the subscription has none with this id.
    pub(crate) fn delete_event(&mut self, id: i32, event_id: i32) -> Option<()> {
        self.store
            .find(id)?
            .events
            .iter()
            .find(|event| event.id == event_id)?;
        self.store
            .change(id, |found| found.events.retain(|event| event.id != event_id))?;
        Some(())
    }

    pub(crate) fn snapshot(&self) -> Value {
        json!({
            "keys": self.keys,
            "subscriptions": self.store.all(),
            "switches": self.switches.values(),
            "requests": self.store.requests(),
            "eventTypes": self.event_types,
            "nextId": self.next_id,
            "nextEventId": self.next_event_id,
        })
    }

    pub(crate) fn restore(&mut self, snapshot: Value) -> Result<(), serde_json::Error> {
        let snapshot: Snapshot = serde_json::from_value(snapshot)?;
        *self = Self {
            keys: snapshot.keys,
            event_types: snapshot.event_types,
            next_id: snapshot.next_id,
            next_event_id: snapshot.next_event_id,
            switches: Switches::restored(&snapshot.switches)?,
            store: Store::restored(&snapshot.requests, snapshot.subscriptions),
            ..Self::default()
        };
        Ok(())
    }
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Snapshot {
    keys: HashMap<String, Key>,
    subscriptions: Vec<Subscription>,
    switches: BTreeMap<String, String>,
    requests: BTreeMap<String, u64>,
    event_types: BTreeMap<String, Vec<EventType>>,
    next_id: i32,
    next_event_id: i32,
}
