//! The three providers seen in one way, so that one suite can ask the same of each.

use provider_simulator::{
    Config, DeliveryResult, FaultAction, FaultPlan, LogEntry, RequestFilter, Token, babel, bird,
};
use serde_json::{Value, json};

use super::row::{Row, babel_row, bird_row, dixa_row};
use super::{PLANTED, PROVIDER, SUBSCRIPTION, World, merge};

/// A provider.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Side {
    /// One remote subscription for all events, with a name.
    Dixa,
    /// One for each event, with a name.
    Babel,
    /// One for each event and combination of filters, without a name.
    Bird,
}

/// An address that nobody asked for.
pub const ELSEWHERE: &str = "https://elsewhere.example/x";

impl Side {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::Dixa, Self::Babel, Self::Bird];

    /// The name in the simulator, and of the provider object that [`Self::connect`] makes.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Dixa => "dixa",
            Self::Babel => "babel",
            Self::Bird => "bird",
        }
    }

    /// `spec.type` of a provider object.
    pub const fn type_name(self) -> &'static str {
        match self {
            Self::Dixa => "Dixa",
            Self::Babel => "Babel",
            Self::Bird => "Bird",
        }
    }

    /// The credential that the simulator has from the start.
    pub const fn credential(self) -> &'static str {
        match self {
            Self::Dixa => Config::DIXA_TOKEN,
            Self::Babel => Config::BABEL_KEY,
            Self::Bird => Config::BIRD_KEY,
        }
    }

    /// Three events that the provider has.
    pub const fn events(self) -> [&'static str; 3] {
        match self {
            Self::Dixa => [
                "ConversationClosed",
                "ConversationCreated",
                "ConversationAssigned",
            ],
            Self::Babel => ["license.created", "license.expired", "license.revoked"],
            Self::Bird => ["sms.inbound", "sms.outbound", "voice.inbound"],
        }
    }

    /// Events as [`Row::events`] spells them.
    pub fn spelled(self, event: &str) -> String {
        match self {
            Self::Bird if !event.contains('/') => format!("channels/{event}"),
            _ => event.to_owned(),
        }
    }

    /// Whether each event is a remote subscription of its own.
    pub fn fans_out(self) -> bool {
        self != Self::Dixa
    }

    /// The spec of the ordinary provider object with a change (RFC 7386).
    #[expect(clippy::needless_pass_by_value, reason = "callers write json!({…})")]
    pub fn provider_spec(self, world: &World, change: Value) -> Value {
        let mut spec = json!({
            "type": self.type_name(),
            "endpoint": world.provider_url(),
            "credentials": {"secretRef": {"name": format!("{}-api", self.name()), "key": "token"}},
            "rateLimit": {"requestsPerMinute": 60_000, "burst": 1000},
        });
        if self == Self::Bird {
            spec["bird"] = json!({"workspaceID": Config::BIRD_WORKSPACE.to_string()});
        }
        merge(&mut spec, &change);
        spec
    }

    /// The ordinary account: its Secret, and a provider object of [`Self::name`].
    pub fn connect(self, world: &World, change: Value) {
        self.credential_secret(world, self.credential());
        world.apply(PROVIDER, self.name(), self.provider_spec(world, change));
    }

    /// Writes the Secret with the credential.
    pub fn credential_secret(self, world: &World, credential: &str) {
        let name = format!("{}-api", self.name());
        world.secret(&name, "credentials", &[("token", credential)]);
    }

    /// Lets the provider take another credential for the same account.
    pub fn add_credential(self, world: &World, credential: &str) {
        match self {
            Self::Dixa => {
                let token = Token::of("example-org");
                world.simulator.dixa().add_token(credential, token);
            }
            Self::Babel => {
                let key = babel::Key::of(Config::BABEL_INSTALLATION);
                world.simulator.babel().add_key(credential, key);
            }
            Self::Bird => {
                let key = bird::Key::of(Config::BIRD_WORKSPACE, Config::BIRD_ORGANIZATION);
                world.simulator.bird().add_key(credential, key);
            }
        }
    }

    /// Takes a credential out of use.
    pub fn remove_credential(self, world: &World, credential: &str) {
        let removed = match self {
            Self::Dixa => world.simulator.dixa().revoke_token(credential),
            Self::Babel => world.simulator.babel().remove_key(credential),
            Self::Bird => world.simulator.bird().remove_key(credential),
        };
        assert!(removed, "{credential} was not in use");
    }

    /// The spec of an ordinary subscription, of the first two events, with a change (RFC 7386).
    #[expect(clippy::needless_pass_by_value, reason = "callers write json!({…})")]
    pub fn spec(self, change: Value) -> Value {
        let mut spec = json!({
            "providerRef": {"name": self.name()},
            "url": format!("https://hooks.acme.example/{}", self.name()),
            "events": self.events()[..2],
            "delivery": {"interval": "0s"},
        });
        merge(&mut spec, &change);
        spec
    }

    /// Applies a `WebhookSubscription` with [`Self::spec`].
    pub fn subscribe(self, world: &World, name: &str, change: Value) {
        world.apply(SUBSCRIPTION, name, self.spec(change));
    }

    /// The rows, sorted by events, filters and URL.
    pub fn rows(self, world: &World) -> Vec<Row> {
        let simulator = &world.simulator;
        let mut rows: Vec<Row> = match self {
            Self::Dixa => simulator.dixa().subscriptions().iter().map(dixa_row).collect(),
            Self::Babel => simulator.babel().subscriptions().iter().map(babel_row).collect(),
            Self::Bird => simulator.bird().subscriptions().iter().map(bird_row).collect(),
        };
        rows.sort();
        rows
    }

    /// The ids, sorted as [`Self::rows`].
    pub fn ids(self, world: &World) -> Vec<String> {
        self.rows(world).into_iter().map(|row| row.id).collect()
    }

    /// The one row.
    pub fn only(self, world: &World) -> Row {
        let mut rows = self.rows(world);
        assert_eq!(rows.len(), 1, "{rows:#?}");
        rows.remove(0)
    }

    /// The row whose only event is this one.
    pub fn row_of(self, world: &World, event: &str) -> Option<Row> {
        let event = self.spelled(event);
        self.rows(world)
            .into_iter()
            .find(|row| row.events == [event.as_str()])
    }

    /// Edits a row by hand; `members` are those of a PATCH or PUT of this provider.
    #[expect(clippy::needless_pass_by_value, reason = "callers write json!({…})")]
    pub fn edit(self, world: &World, id: &str, members: Value) {
        let simulator = &world.simulator;
        match self {
            Self::Dixa => drop(simulator.dixa().edit(id.parse().unwrap(), &members).unwrap()),
            Self::Babel => drop(simulator.babel().edit(id.parse().unwrap(), &members).unwrap()),
            Self::Bird => drop(simulator.bird().edit(id.parse().unwrap(), &members).unwrap()),
        }
    }

    /// Deletes a row by hand.
    pub fn delete(self, world: &World, id: &str) {
        let simulator = &world.simulator;
        match self {
            Self::Dixa => simulator.dixa().delete(id.parse().unwrap()).unwrap(),
            Self::Babel => simulator.babel().delete(id.parse().unwrap()).unwrap(),
            Self::Bird => simulator.bird().delete(id.parse().unwrap()).unwrap(),
        }
    }

    /// Makes a row by hand: this event, without filters, and this address. Returns its id.
    pub fn create_by_hand(self, world: &World, event: &str, url: &str) -> String {
        let simulator = &world.simulator;
        match self {
            Self::Dixa => {
                let body = json!({"name": "by hand", "url": url, "events": [event], "customHeaders": {},
                    "authorization": {"_type": "NoAuth"}});
                let made = simulator.dixa().create_from_body("example-org", &body);
                made.unwrap().id.to_string()
            }
            Self::Babel => {
                let row = json!({"name": "by hand", "eventType": event, "url": url, "isActive": true});
                let body = json!({"subscription": row});
                let made = simulator
                    .babel()
                    .create_from_body(Config::BABEL_INSTALLATION, None, &body);
                made.unwrap().id.to_string()
            }
            Self::Bird => {
                let body = json!({"service": "channels", "event": event, "url": url});
                let (workspace, organization) = (Config::BIRD_WORKSPACE, Config::BIRD_ORGANIZATION);
                let made = simulator.bird().create_from_body(workspace, organization, &body);
                made.unwrap().id.to_string()
            }
        }
    }

    /// Records deliveries of an event with a status, so many in a row.
    pub fn delivered(self, world: &World, id: &str, event: &str, code: u16, times: u32) {
        let success = (200..300).contains(&code);
        let code = i32::from(code);
        match self {
            Self::Dixa => {
                let result = DeliveryResult {
                    event: event.to_owned(),
                    success,
                    response_code: code,
                    response_text: PLANTED.to_owned(),
                    times: Some(times),
                    time_ms: None,
                };
                let dixa = world.simulator.dixa();
                dixa.record_delivery(id.parse().unwrap(), &result).unwrap();
            }
            Self::Babel => {
                let result = babel::DeliveryResult {
                    response: PLANTED.to_owned(),
                    times: Some(times),
                    ..babel::DeliveryResult::answered(code)
                };
                let babel = world.simulator.babel();
                babel.record_delivery(id.parse().unwrap(), &result).unwrap();
            }
            Self::Bird => {
                let result = bird::DeliveryResult {
                    times: Some(times),
                    ..bird::DeliveryResult::answered(code)
                };
                let bird = world.simulator.bird();
                bird.record_delivery(id.parse().unwrap(), &result).unwrap();
            }
        }
    }

    /// Requests of one operation (empty: all); `update` is what this provider calls a change.
    pub fn requests(self, operation: &str) -> RequestFilter {
        let operation = match (self, operation) {
            (Self::Babel, "update") => "put",
            (_, "update") => "patch",
            (_, other) => other,
        };
        if operation.is_empty() {
            return RequestFilter {
                provider: Some(self.name().to_owned()),
                ..RequestFilter::default()
            };
        }
        RequestFilter::operation(self.name(), operation)
    }

    /// Requests since a mark, see [`Self::requests`].
    pub fn since(self, world: &World, mark: u64, operation: &str) -> Vec<LogEntry> {
        world.simulator.log_since(mark, &self.requests(operation))
    }

    /// How many requests there were since a mark, see [`Self::requests`].
    pub fn count(self, world: &World, mark: u64, operation: &str) -> usize {
        self.since(world, mark, operation).len()
    }

    /// Requests since a mark that ask for a change, as `operation id`.
    pub fn writes(self, world: &World, mark: u64) -> Vec<String> {
        let all = self.since(world, mark, "");
        let writes = all.iter().filter(|entry| entry.method != "GET");
        writes
            .map(|entry| format!("{} {}", entry.operation, entry.id.as_deref().unwrap_or_default()))
            .collect()
    }

    /// Plans a fault for the next request of an operation.
    pub fn next(self, world: &World, operation: &str, action: FaultAction) {
        let plan = FaultPlan::nth(self.requests(operation), 1, action);
        world.simulator.add_fault(plan);
    }
}

impl World {
    /// A `ConfigMap` `authority` with the certificate authority of the simulator.
    pub fn trust_simulator(&self) {
        let body = json!({"metadata": {"name": "authority"}, "data": {"ca.crt": self.simulator.ca_pem()}});
        let path = self.cluster().path("configmaps", &self.namespace).unwrap();
        let api = self.cluster().api().unwrap();
        api.post(&path, &body).unwrap().ok().unwrap();
    }
}
