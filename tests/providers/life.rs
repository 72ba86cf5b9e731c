//! One whole life of an object, the same for every provider: made, changed field by field, repaired, its Secrets
//! rotated, left in peace, deleted.

mod changes;

use provider_simulator::credential_hash;
use serde_json::{Value, json};

use crate::support::{ELSEWHERE, PROVIDER, Row, SUBSCRIPTION, Setup, Side, World, conditions, leaks, merge};

const CREDENTIAL: &str = "canary-credential-7Qz/1+a=";
const NEXT_CREDENTIAL: &str = "canary-successor-8Rw/2+b=";
const HEADER: &str = "canary-header-9Sx/3+c=";
const NEXT_HEADER: &str = "canary-nextheader-9Sx/3+c=";
const USERNAME: &str = "canary-user-1Ty/4+d=";
const PASSWORD: &str = "canary-password-2Uv/5+e=";
const BEARER: &str = "canary-bearer-5Gh/7+g=";
const PATH: &str = "canary-path-3Vw";
const NEXT_PATH: &str = "canary-nextpath-4Wx";
const KEY: &str = "canary-signingkey-6Jk/8+h=";
const NEXT_KEY: &str = "canary-nextkey-7Lm/9+i=";
const CANARIES: [&str; 11] = [
    CREDENTIAL,
    NEXT_CREDENTIAL,
    HEADER,
    NEXT_HEADER,
    USERNAME,
    PASSWORD,
    BEARER,
    PATH,
    NEXT_PATH,
    KEY,
    NEXT_KEY,
];

/// What distinguishes one life from another.
pub struct Circumstances {
    /// Change of the provider object's spec.
    pub provider: Value,
    /// Switches of the simulator.
    pub switches: &'static [(&'static str, &'static str)],
    /// What `Synced` says once the last headers are removed.
    pub without_headers: (&'static str, &'static str),
    /// What `Synced` says once the last filters are removed.
    pub without_filters: (&'static str, &'static str),
}

/// As it should be: status and reason of `Synced`.
pub const IN_SYNC: (&str, &str) = ("True", "InSync");

/// One run.
pub struct Life {
    pub side: Side,
    pub world: World,
    spec: Value,
    events: Vec<&'static str>,
    row: Row,
    synced: (&'static str, &'static str),
    log: String,
}

/// Lives it, from the beginning to the end.
pub fn live(side: Side, circumstances: &Circumstances) {
    let mut setup = Setup::new();
    for (name, value) in circumstances.switches {
        setup = setup.switch(name, value);
    }
    live_in(setup.start(), side, circumstances);
}

/// [`live`] in a world that is there.
pub fn live_in(world: World, side: Side, circumstances: &Circumstances) {
    let mut life = Life::begin(world, side, &circumstances.provider);
    let lost = life.lose_the_other();
    life.change_what_all_have();
    match side {
        Side::Dixa => life.change_dixa(circumstances),
        Side::Babel => life.change_babel(circumstances),
        Side::Bird => life.change_bird(),
    }
    life.rotate();
    life.repair();
    life.find_the_other(&lost);
    if circumstances.switches.is_empty() {
        life.count();
    }
    life.rest();
    life.restart();
    life.end();
}

impl Life {
    /// Two objects of a new account: one to be changed, and another one.
    fn begin(world: World, side: Side, provider: &Value) -> Self {
        side.add_credential(&world, CREDENTIAL);
        side.connect(&world, provider.clone());
        side.credential_secret(&world, CREDENTIAL);
        side.remove_credential(&world, side.credential());
        let events = side.events()[..2].to_vec();
        let row = Row {
            url: format!("https://hooks.acme.example/{}", side.name()),
            enabled: true,
            name: (side != Side::Bird).then(|| format!("{}/crm", world.namespace)),
            ..Row::default()
        };
        let mut life = Self {
            side,
            world,
            spec: side.spec(json!({})),
            events,
            row,
            synced: IN_SYNC,
            log: String::new(),
        };
        life.change("the beginning", json!({}), |_| {});
        life.write_other("first");
        life.world.ready("other");
        life
    }

    /// Applies the other object, of one event.
    fn write_other(&self, path: &str) {
        let url = format!("https://hooks.acme.example/other-{path}");
        let change = json!({"url": url, "events": self.side.events()[..1]});
        self.side.subscribe(&self.world, "other", change);
    }

    /// The row of the other object.
    fn other_row(&self) -> Option<Row> {
        let mut rows = self.side.rows(&self.world).into_iter();
        rows.find(|row| row.url.contains("/other-"))
    }

    /// The rows of the object that is changed, sorted.
    fn rows(&self) -> Vec<Row> {
        let rows = self.side.rows(&self.world).into_iter();
        rows.filter(|row| !row.url.contains("/other-")).collect()
    }

    /// What the rows should be.
    fn wanted(&self) -> Vec<Row> {
        let mut events: Vec<String> = self.events.iter().map(|event| self.side.spelled(event)).collect();
        events.sort();
        if !self.side.fans_out() {
            let row = self.row.clone();
            return vec![Row { events, ..row }];
        }
        let row = |event: String| Row {
            events: vec![event],
            ..self.row.clone()
        };
        events.into_iter().map(row).collect()
    }

    /// Waits until the rows are as they should be, and the object says so.
    fn arrives(&self, what: &str) {
        let wanted = self.wanted();
        self.world.eventually(what, || {
            let rows: Vec<Row> = self.rows().into_iter().map(Row::content).collect();
            if rows == wanted {
                Ok(())
            } else {
                let status = conditions(&self.world.subscription("crm"));
                Err(format!("{rows:#?}, wanted {wanted:#?}, {status:#?}"))
            }
        });
        let (status, reason) = self.synced;
        self.world.becomes(SUBSCRIPTION, "crm", "Synced", status, reason);
        // What could not be cleared waits for a person; what cannot be seen does not.
        let ready = if status == "False" { "False" } else { "True" };
        let ready = self.world.becomes(SUBSCRIPTION, "crm", "Ready", ready, "");
        let mut named: Vec<&str> = ready["status"]["subscriptions"]
            .as_array()
            .unwrap()
            .iter()
            .map(|entry| entry["externalID"].as_str().unwrap())
            .collect();
        named.sort_unstable();
        let mut ids: Vec<String> = self.rows().into_iter().map(|row| row.id).collect();
        ids.sort_unstable();
        assert_eq!(named, ids, "the ids in status are those of the rows: {what}");
    }

    /// Changes the spec (RFC 7386) and expects what follows from that.
    #[expect(clippy::needless_pass_by_value, reason = "callers write json!({…})")]
    fn change(&mut self, what: &str, change: Value, follows: impl FnOnce(&mut Self)) {
        merge(&mut self.spec, &change);
        follows(self);
        self.world.apply(SUBSCRIPTION, "crm", self.spec.clone());
        self.arrives(what);
    }

    /// Secrets get other values, and nobody touches the object.
    fn rotate(&mut self) {
        let next_url = format!("https://hooks.acme.example/{NEXT_PATH}");
        self.world.secret("hook", "delivery", &[("url", &next_url)]);
        self.row.url = next_url;
        if self.side == Side::Bird {
            self.arrives("the new URL");
        } else {
            self.world.secret("header", "delivery", &[("key", NEXT_HEADER)]);
            self.row.headers.insert("x-key".into(), NEXT_HEADER.into());
            self.arrives("the new URL and header");
        }
        if self.side != Side::Dixa {
            self.world
                .secret("signing", "signing", &[("signingKey", NEXT_KEY)]);
            self.row.key = Some(NEXT_KEY.into());
            self.arrives("the new signing key");
        }
        let (side, mark) = (self.side, self.world.mark());
        side.add_credential(&self.world, NEXT_CREDENTIAL);
        side.credential_secret(&self.world, NEXT_CREDENTIAL);
        self.world.eventually("a request with the new credential", || {
            let hash = credential_hash(NEXT_CREDENTIAL);
            let requests = side.since(&self.world, mark, "");
            let carries = |value: &String| value.contains(&hash);
            requests
                .iter()
                .any(|entry| entry.headers.values().any(carries))
                .then_some(())
        });
        side.remove_credential(&self.world, CREDENTIAL);
        self.world.look_again(SUBSCRIPTION, "crm");
        self.arrives("the same with the new credential");
        self.world.becomes(PROVIDER, side.name(), "Ready", "True", "");
    }

    /// Somebody edits the row.
    fn repair(&mut self) {
        let id = self.rows()[0].id.clone();
        let edit = match self.side {
            Side::Dixa => json!({"url": ELSEWHERE, "enabled": false, "events": self.side.events()}),
            Side::Babel => json!({"url": ELSEWHERE, "isActive": false, "eventType": self.side.events()[0]}),
            Side::Bird => json!({"url": ELSEWHERE, "status": "inactive"}),
        };
        self.side.edit(&self.world, &id, edit);
        self.world.look_again(SUBSCRIPTION, "crm");
        self.arrives("the repair");
        assert_eq!(self.rows()[0].id, id);
        self.world.told("crm", "DriftCorrected");
    }

    /// Somebody deletes the row of the other object, whose spec is changed at that moment. Returns the id.
    fn lose_the_other(&self) -> String {
        let lost = self.other_row().unwrap().id;
        self.side.delete(&self.world, &lost);
        self.write_other("second");
        lost
    }

    /// It was made anew, which took a confirmation.
    fn find_the_other(&self, lost: &str) {
        let found = self.world.eventually("the other row", || self.other_row());
        assert_ne!(found.id, lost);
        assert!(found.url.ends_with("other-second"), "{found:?}");
        self.world.ready("other");
        self.world.told("other", "Vanished");
    }

    /// The provider object counts its subscriptions, which it does every few seconds at the most.
    fn count(&self) {
        let (side, expected) = (self.side, self.side.rows(&self.world).len());
        self.world.eventually("the provider object to have counted", || {
            let provider = self.world.object(PROVIDER, side.name());
            let counted = provider["status"]["subscriptions"].clone();
            (counted == json!({"remote": expected, "managed": expected, "unmanaged": 0}))
                .then_some(())
                .ok_or_else(|| format!("{counted}, wanted {expected}"))
        });
    }

    /// Nothing is written and nothing is sent but what was asked for.
    fn rest(&mut self) {
        let side = self.side;
        self.world.look_again(SUBSCRIPTION, "crm");
        let before = side.rows(&self.world);
        let (mut audit, mark) = (self.world.audit(), self.world.mark());
        for _ in 0..2 {
            self.world.look_again(SUBSCRIPTION, "crm");
        }
        let requests = side.since(&self.world, mark, "");
        let others: Vec<_> = requests
            .iter()
            .filter(|entry| entry.operation != "list")
            .collect();
        assert!(others.is_empty(), "{others:#?}");
        let writes = self.world.operator_writes(&mut audit).into_iter();
        // Which may be about to count.
        let writes = writes.filter(|write| !write.contains("webhookproviders/status"));
        let writes: Vec<String> = writes.collect();
        let answer = "patch webhooksubscriptions/status crm";
        assert!(writes.iter().all(|write| write == answer), "{writes:#?}");
        assert_eq!(side.rows(&self.world), before);
    }

    /// Another process takes over, looks, and finds nothing to do.
    fn restart(&mut self) {
        let side = self.side;
        self.log.push_str(&self.world.operator_log());
        self.world.stop_operator();
        let (mut audit, mark, before) = (self.world.audit(), self.world.mark(), side.rows(&self.world));
        self.world.start_operator();
        self.world.look_again(SUBSCRIPTION, "crm");
        let requests = side.since(&self.world, mark, "");
        let expected = ["list", "eventTypes"];
        let others = requests
            .iter()
            .filter(|entry| !expected.contains(&entry.operation));
        let others: Vec<_> = others.collect();
        assert!(others.is_empty(), "{others:#?}");
        let writes = self.world.operator_writes(&mut audit).into_iter();
        let writes = writes.filter(|write| write.contains("webhooksubscriptions"));
        let writes: Vec<String> = writes.collect();
        let answer = "patch webhooksubscriptions/status crm";
        assert!(writes.iter().all(|write| write == answer), "{writes:#?}");
        assert_eq!(side.rows(&self.world), before);
        self.arrives("the same after a restart");
    }

    /// Everything goes, also what has gone already, and nothing secret was told.
    fn end(mut self) {
        let mut told = vec![
            self.world.subscription("crm")["status"].to_string(),
            self.world.object(PROVIDER, self.side.name())["status"].to_string(),
        ];
        let other = self.other_row().unwrap().id;
        self.side.delete(&self.world, &other);
        for name in ["crm", "other"] {
            self.world.delete(SUBSCRIPTION, name);
        }
        for name in ["crm", "other"] {
            self.world.gone(SUBSCRIPTION, name);
        }
        assert_eq!(self.side.rows(&self.world), []);
        for name in ["crm", "other", self.side.name()] {
            told.push(self.world.events_about(name).join("\n"));
        }
        told.push(self.world.operator_log());
        told.push(self.log);
        told.push(self.world.operator().metrics().unwrap());
        let canaries = CANARIES.map(str::to_owned);
        for text in told {
            assert_eq!(leaks(&text, &canaries), [""; 0], "in {text}");
        }
    }
}
