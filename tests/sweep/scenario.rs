//! What happens to an object: how it is before, what a user does, and how it is in the end.

use provider_simulator::LogEntry;
use serde_json::{Value, json};

use crate::support::{SUBSCRIPTION, Side, World, condition};

/// A change in the life of an object.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Scenario {
    /// It is made, with a signing key that is made or published.
    Create,
    /// It is made, with two events.
    FanOut,
    /// Its URL changes.
    Update,
    /// It is deleted.
    Delete,
    /// The account gets another credential.
    Credential,
    /// The signing key is another one, or its published copy is lost.
    Key,
    /// It takes over what somebody made by hand.
    Adopt,
    /// It changes in a way that needs another remote subscription.
    Replace,
    /// The operator is killed and started again.
    Restart,
}

impl Scenario {
    /// All of them.
    pub const ALL: [Self; 9] = [
        Self::Create,
        Self::FanOut,
        Self::Update,
        Self::Delete,
        Self::Credential,
        Self::Key,
        Self::Adopt,
        Self::Replace,
        Self::Restart,
    ];

    /// In the names of plans.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Create => "create",
            Self::FanOut => "fan-out",
            Self::Update => "update",
            Self::Delete => "delete",
            Self::Credential => "credential",
            Self::Key => "key",
            Self::Adopt => "adopt",
            Self::Replace => "replace",
            Self::Restart => "restart",
        }
    }
}

/// One object in one scenario.
pub struct Case<'a> {
    /// The world it is in.
    pub world: &'a World,
    /// The provider.
    pub side: Side,
    /// The scenario.
    pub scenario: Scenario,
    /// Name of the object; its URL holds it too.
    pub name: String,
    /// The provider's log when the user began to act.
    pub mark: u64,
}

impl Case<'_> {
    fn url(&self, path: &str) -> String {
        format!("https://hooks.acme.example/{}/{path}", self.name)
    }

    fn signing_secret(&self) -> String {
        format!("{}-sign", self.name)
    }

    /// The spec of an object with the first event, which no other object's is like.
    fn spec(&self, change: &Value) -> Value {
        let mut spec = self.side.spec(json!({
            "url": self.url("first"),
            "events": self.side.events()[..1],
        }));
        if self.side == Side::Bird {
            // Bird has no more than five of one event and the same filters.
            spec["filters"] = filters("channelId", &self.name);
        }
        crate::support::merge(&mut spec, change);
        spec
    }

    fn apply(&self, change: &Value) {
        self.world.apply(SUBSCRIPTION, &self.name, self.spec(change));
    }

    fn keyed(&self) -> Value {
        let name = self.signing_secret();
        match self.side {
            Side::Dixa => json!({"signing": {"publishProviderKey": {"secretName": name}}}),
            Side::Babel | Side::Bird => json!({"signing": {"secretKeyRef": {"name": name, "key": "hmac"}}}),
        }
    }

    /// A key that is published from the provider, or made by us before the create.
    fn made_with_a_key(&self) -> Value {
        match self.side {
            Side::Dixa => self.keyed(),
            Side::Babel | Side::Bird => {
                json!({"signing": {"generate": {"secretName": self.signing_secret()}}})
            }
        }
    }

    fn key(&self, value: &str) {
        let key = format!("canary-key-{}-{value}", self.name);
        self.world
            .secret(&self.signing_secret(), "signing", &[("hmac", &key)]);
    }

    /// What is there before; returns ids at the provider that are given to the object, with their URL and event.
    pub fn prepare(&self) -> Vec<(String, String, String)> {
        match self.scenario {
            Scenario::Create | Scenario::FanOut => return Vec::new(),
            Scenario::Adopt => {
                let [event, ..] = self.side.events();
                let event = if self.side == Side::Bird {
                    "sms.inbound"
                } else {
                    event
                };
                let url = self.url("by-hand");
                let id = self.side.create_by_hand(self.world, event, &url);
                return vec![(id, url, event.to_owned())];
            }
            Scenario::Update | Scenario::Delete | Scenario::Credential | Scenario::Restart => {
                self.apply(&json!({}));
            }
            Scenario::Key => {
                if self.side != Side::Dixa {
                    self.key("one");
                }
                self.apply(&self.keyed());
            }
            Scenario::Replace => self.apply(&self.replaced(false)),
        }
        Vec::new()
    }

    /// What needs another remote subscription: another event where each has its own, else filters that go.
    fn replaced(&self, already: bool) -> Value {
        let policy = json!({"replacePolicy": "DeleteFirst"});
        let change = match (self.side, already) {
            (Side::Dixa, false) => json!({"filters": filters("QueueId", "q1")}),
            (Side::Dixa, true) | (_, false) => json!({}),
            (_, true) => json!({"events": self.side.events()[1..2]}),
        };
        let mut whole = policy;
        crate::support::merge(&mut whole, &change);
        whole
    }

    /// What a user does.
    pub fn act(&self, given: &[(String, String, String)]) {
        match self.scenario {
            Scenario::Create => self.apply(&self.made_with_a_key()),
            Scenario::FanOut => self.apply(&json!({"events": self.side.events()[..2]})),
            Scenario::Update => self.apply(&json!({"url": self.url("second")})),
            Scenario::Delete => self.world.delete(SUBSCRIPTION, &self.name),
            Scenario::Credential => {
                let credential = format!("api_canary-credential-{}", self.name);
                self.side.add_credential(self.world, &credential);
                self.side.credential_secret(self.world, &credential);
            }
            Scenario::Key if self.side == Side::Dixa => self.world.delete("secrets", &self.signing_secret()),
            Scenario::Key => self.key("two"),
            Scenario::Adopt => {
                let ids: Vec<&str> = given.iter().map(|(id, ..)| id.as_str()).collect();
                let mut change = json!({"adoption": {"policy": "ByID", "externalIDs": ids}});
                if self.side == Side::Bird {
                    // What was made by hand has no filters.
                    change["filters"] = Value::Null;
                }
                self.apply(&change);
            }
            Scenario::Replace => self.apply(&self.replaced(true)),
            // Not the user's doing.
            Scenario::Restart => {}
        }
    }

    /// Whether everything is as it is to be in the end.
    pub fn settled(&self) -> Result<(), String> {
        if self.scenario == Scenario::Delete {
            return self.is_gone();
        }
        let object = self.world.find(SUBSCRIPTION, &self.name).ok_or("no object")?;
        let (generation, status) = (&object["metadata"]["generation"], &object["status"]);
        for kind in ["Ready", "Synced"] {
            let found = condition(&object, kind);
            if found["status"] != "True" || found["observedGeneration"] != *generation {
                return Err(format!("{kind}: generation {generation}: {status:#}"));
            }
        }
        let pending = status["pendingOperations"]
            .as_array()
            .is_some_and(|all| !all.is_empty());
        if pending || status["observedGeneration"] != *generation {
            return Err(format!("{status:#}"));
        }
        if self.scenario == Scenario::Credential && !self.credential_is_used() {
            return Err("the new credential is not in use".to_owned());
        }
        if self.scenario == Scenario::Restart && self.side.count(self.world, self.mark, "list") == 0 {
            return Err("nothing was compared since".to_owned());
        }
        self.rows(&object["spec"])
    }

    /// Whether a list was asked for with a credential that is not the one from before. The log has hashes of them.
    fn credential_is_used(&self) -> bool {
        let lists = self.world.simulator.log_since(0, &self.side.requests("list"));
        let credential = |entry: &LogEntry| {
            let headers = ["authorization", "x-api-key"].map(|name| entry.headers.get(name).cloned());
            headers.into_iter().flatten().next()
        };
        let before = lists
            .iter()
            .rev()
            .find(|entry| entry.seq <= self.mark)
            .and_then(credential);
        let after = lists
            .iter()
            .filter(|entry| entry.seq > self.mark && entry.applied);
        after.filter_map(credential).any(|found| Some(found) != before)
    }

    /// The remote subscriptions are those of the spec, no more and no fewer.
    fn rows(&self, spec: &Value) -> Result<(), String> {
        let marked = format!("/{}/", self.name);
        let mine: Vec<_> = self
            .side
            .rows(self.world)
            .into_iter()
            .filter(|row| row.url.contains(&marked))
            .collect();
        let mut events: Vec<String> = mine.iter().flat_map(|row| row.events.clone()).collect();
        events.sort();
        let mut wanted: Vec<String> = spec["events"]
            .as_array()
            .into_iter()
            .flatten()
            .map(|event| self.side.spelled(event.as_str().unwrap_or_default()))
            .collect();
        wanted.sort();
        if events != wanted || mine.iter().any(|row| spec["url"] != row.url) {
            return Err(format!("wanted {spec}, found {mine:#?}"));
        }
        self.key_is_right(&mine)
    }

    fn key_is_right(&self, mine: &[crate::support::Row]) -> Result<(), String> {
        let secret = self.world.find("secrets", &self.signing_secret());
        match (self.scenario, self.side) {
            (Scenario::Key, Side::Babel | Side::Bird) => {
                let wanted = format!("canary-key-{}-two", self.name);
                let right = mine.iter().all(|row| row.key.as_deref() == Some(wanted.as_str()));
                right.then_some(()).ok_or_else(|| "the old key".to_owned())?;
                self.change_is_told()
            }
            (Scenario::Key | Scenario::Create, _) if secret.is_none() => Err("no Secret".to_owned()),
            _ => Ok(()),
        }
    }

    /// The last change at the provider is in status. Conditions do not say so where no generation has changed: an operator
    /// that died in between makes the change again.
    fn change_is_told(&self) -> Result<(), String> {
        let records = self.world.switchboard().records();
        let changes = ["put", "patch"].map(|operation| format!("{} {operation}", self.side.name()));
        let change = records
            .iter()
            .rposition(|record| changes.contains(&record.call.label()));
        let told = records[change.unwrap_or_default()..].iter().any(|record| {
            record.call.label() == "patch webhooksubscriptions/status"
                && record.call.name == self.name
                && record.applied.is_some_and(|mark| mark.status == 200)
        });
        told.then_some(())
            .ok_or_else(|| "a change that is not told".to_owned())
    }

    /// Neither the object nor anything of it at the provider.
    pub fn is_gone(&self) -> Result<(), String> {
        if let Some(object) = self.world.find(SUBSCRIPTION, &self.name) {
            return Err(format!("still there: {:#}", object["status"]));
        }
        let marked = format!("/{}/", self.name);
        let left: Vec<_> = self
            .side
            .rows(self.world)
            .into_iter()
            .filter(|row| row.url.contains(&marked))
            .collect();
        if left.is_empty() {
            Ok(())
        } else {
            Err(format!("orphans: {left:#?}"))
        }
    }
}

fn filters(field: &str, value: &str) -> Value {
    json!([{"conditions": [{"field": field, "operator": "In", "values": [value]}]}])
}
