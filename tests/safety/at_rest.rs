//! A restart writes nothing about what has come to rest, in whatever state that is.

use provider_simulator::FaultAction;
use serde_json::{Value, json};
use test_harness::AuditReader;

use crate::every;
use crate::support::{ELSEWHERE, SUBSCRIPTION, Setup, Side, World, condition, merge};

/// One provider, with an object in each state in which it can rest.
struct Stage {
    world: World,
    side: Side,
    audit: AuditReader,
}

impl Stage {
    fn new(side: Side) -> Self {
        let world = Setup::new().flag("--interval=5s").start();
        side.connect(&world, json!({}));
        let audit = world.audit();
        Self { world, side, audit }
    }

    fn url(name: &str) -> String {
        format!("https://hooks.acme.example/{name}")
    }

    /// A spec with an address of its own, and at Bird with filters of its own, of which it has few that are alike.
    fn spec(&self, name: &str, change: &Value) -> Value {
        let mut spec = self
            .side
            .spec(json!({"url": Self::url(name), "events": self.side.events()[..1]}));
        if self.side == Side::Bird {
            let condition = json!({"field": "channelId", "operator": "In", "values": [name]});
            spec["filters"] = json!([{"conditions": [condition]}]);
        }
        merge(&mut spec, change);
        spec
    }

    #[expect(clippy::needless_pass_by_value, reason = "callers write json!({…})")]
    fn apply(&self, name: &str, change: Value) {
        self.world.apply(SUBSCRIPTION, name, self.spec(name, &change));
    }

    fn ready(&self, name: &str, change: Value) {
        self.apply(name, change);
        self.world.ready(name);
    }

    /// The first of its remote subscriptions.
    fn id_of(&self, name: &str) -> String {
        let all = self.side.rows(&self.world);
        let found = all.into_iter().find(|row| row.url == Self::url(name));
        found.unwrap().id
    }

    fn by_hand(&self, name: &str) -> Value {
        let event = self.side.events()[0];
        let id = self.side.create_by_hand(&self.world, event, &Self::url(name));
        // What was made by hand has no filters.
        json!({"adoption": {"policy": "ByID", "externalIDs": [id]}, "filters": null})
    }

    fn in_sync(&self) {
        self.ready("plain", json!({}));
        self.ready("several", json!({"events": self.side.events()[..2]}));
        self.ready("off", json!({"enabled": false}));
        self.apply("edited", json!({}));
        self.ready(
            "edited",
            json!({"url": "https://hooks.acme.example/edited-since"}),
        );
        self.apply("replaced", json!({}));
        self.ready("replaced", json!({"events": self.side.events()[1..2]}));
        self.ready("adopted", self.by_hand("adopted"));
        let mut observed = self.by_hand("observed");
        observed["mode"] = json!("Observe");
        self.ready("observed", observed);
        self.ready("paused", json!({}));
        self.apply("paused", json!({"suspend": true}));
        self.world
            .becomes(SUBSCRIPTION, "paused", "Suspended", "True", "");
        self.apply("never-begun", json!({"suspend": true}));
        self.world
            .becomes(SUBSCRIPTION, "never-begun", "Suspended", "True", "");
    }

    /// A key that is published or made by the operator, and one that was replaced by another.
    fn keys(&self) {
        let made = if self.side == Side::Dixa {
            json!({"signing": {"publishProviderKey": {"secretName": "keyed"}}})
        } else {
            json!({"signing": {"generate": {"secretName": "keyed"}}})
        };
        self.ready("keyed", made);
        if self.side == Side::Dixa {
            self.world
                .becomes(SUBSCRIPTION, "keyed", "SecretPublished", "True", "");
            return;
        }
        let given = json!({"signing": {"secretKeyRef": {"name": "rekeyed", "key": "hmac"}}});
        self.world
            .secret("rekeyed", "signing", &[("hmac", "canary-at-rest-first-key")]);
        self.ready("rekeyed", given);
        self.world
            .secret("rekeyed", "signing", &[("hmac", "canary-at-rest-second-key")]);
        let url = Self::url("rekeyed");
        self.world.eventually("the second key", || {
            let rows = self.side.rows(&self.world);
            let row = rows.into_iter().find(|row| row.url == url);
            row.and_then(|row| row.key).as_deref() == Some("canary-at-rest-second-key")
        });
        self.world.ready("rekeyed");
    }

    fn not_in_sync(&self) {
        self.ready("reported", json!({"driftPolicy": "Report"}));
        self.side
            .edit(&self.world, &self.id_of("reported"), json!({"url": ELSEWHERE}));
        self.world
            .becomes(SUBSCRIPTION, "reported", "Synced", "False", "DriftDetected");
        let unknown = match self.side {
            Side::Dixa | Side::Bird => "00000000-0000-4000-8000-000000000000",
            Side::Babel => "4711",
        };
        let nothing = json!({"adoption": {"policy": "ByID", "externalIDs": [unknown]}});
        self.apply("nothing", nothing);
        self.world
            .becomes(SUBSCRIPTION, "nothing", "Stalled", "True", "NothingToAdopt");
        let secret = json!({"signing": {"secretKeyRef": {"name": "not-there", "key": "hmac"}}});
        let header =
            json!({"valueFrom": {"secretKeyRef": {"name": "not-there", "key": "x"}}, "name": "X-Key"});
        let waiting = if self.side == Side::Dixa {
            json!({"headers": [header]})
        } else {
            secret
        };
        self.apply("waiting", waiting);
        self.world.refused("waiting", "SecretNotFound");
        self.apply("nowhere", json!({"providerRef": {"name": "nobody"}}));
        self.world.refused("nowhere", "ProviderNotFound");
        if self.side == Side::Babel {
            self.apply("misspelt", json!({"events": ["licence.created"]}));
            self.world.refused("misspelt", "UnknownEvent");
        }
        self.by_hand("ambiguous");
        self.by_hand("ambiguous");
        self.apply(
            "ambiguous",
            json!({"adoption": {"policy": "IfMatches"}, "filters": null}),
        );
        self.world
            .becomes(SUBSCRIPTION, "ambiguous", "Stalled", "True", "AmbiguousMatch");
    }

    fn credential(&self) {
        let next = "api_canary-credential-at-rest";
        self.side.add_credential(&self.world, next);
        self.side.credential_secret(&self.world, next);
        let mark = self.world.mark();
        self.lists(mark, 2);
        self.side.remove_credential(&self.world, self.side.credential());
    }

    fn lists(&self, mark: u64, count: usize) {
        self.world.eventually("comparisons", || {
            self.side.count(&self.world, mark, "list") >= count
        });
    }

    /// Waits until two comparisons in a row wrote nothing.
    fn rests(&mut self) {
        let mut still = 0;
        for _ in 0..12 {
            let mark = self.world.mark();
            self.lists(mark, 1);
            let (stored, sent) = (
                self.world.operator_writes(&mut self.audit),
                self.side.writes(&self.world, mark),
            );
            still = if stored.is_empty() && sent.is_empty() {
                still + 1
            } else {
                0
            };
            if still == 2 {
                return;
            }
        }
        assert_eq!(still, 2, "it never rests");
    }

    fn restart(&mut self) -> Vec<String> {
        let before = self.world.mark();
        self.world.stop_operator();
        self.world.start_operator();
        let mark = self.world.mark();
        self.lists(mark, 3);
        // What is answered is written behind everything that was written before it.
        self.world.look_again(SUBSCRIPTION, "plain");
        let mut stored = Vec::new();
        let answer = "patch webhooksubscriptions/status plain".to_owned();
        self.world.eventually("the write of the answer", || {
            stored.extend(self.world.operator_writes(&mut self.audit));
            stored.contains(&answer)
        });
        assert_eq!(self.side.writes(&self.world, before), [""; 0]);
        stored.retain(|write| *write != answer);
        stored
    }
}

fn writes_nothing(side: Side) {
    let mut stage = Stage::new(side);
    stage.in_sync();
    stage.keys();
    stage.not_in_sync();
    stage.credential();
    stage.rests();
    assert_eq!(stage.restart(), [""; 0], "the restart wrote");
}

#[test]
fn a_restart_writes_nothing_about_what_rests_at_dixa() {
    writes_nothing(Side::Dixa);
}

#[test]
fn a_restart_writes_nothing_about_what_rests_at_babel() {
    writes_nothing(Side::Babel);
}

#[test]
fn a_restart_writes_nothing_about_what_rests_at_bird() {
    writes_nothing(Side::Bird);
}

#[test]
fn an_outage_that_began_before_a_restart_does_not_begin_anew_with_it() {
    let mut world = Setup::new().flag("--interval=5s").start();
    world.connect();
    world.subscribe("crm", json!({}));
    world.ready("crm");
    every(&world, "list", FaultAction::fail(503));
    let object = world.becomes(SUBSCRIPTION, "crm", "Synced", "False", "ProviderUnavailable");
    assert_eq!(condition(&object, "Ready")["status"], "True");
    world.stop_operator();
    // As if it had lasted for an hour already.
    let mut conditions = object["status"]["conditions"].clone();
    for condition in conditions.as_array_mut().unwrap() {
        condition["lastTransitionTime"] = json!("2020-01-01T00:00:00Z");
    }
    world.patch_status(SUBSCRIPTION, "crm", json!({"status": {"conditions": conditions}}));
    world.start_operator();
    world.becomes(SUBSCRIPTION, "crm", "Ready", "False", "ProviderUnavailable");
}
