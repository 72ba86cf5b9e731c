//! The changes of a life: each field that a provider has, one after the other.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::json;

use super::{BEARER, Circumstances, HEADER, IN_SYNC, KEY, Life, PASSWORD, PATH, USERNAME};

impl Life {
    pub(super) fn change_what_all_have(&mut self) {
        let side = self.side;
        self.change(
            "another URL",
            json!({"url": "https://hooks.acme.example/second"}),
            |life| {
                life.row.url = "https://hooks.acme.example/second".into();
            },
        );
        self.change("switched off", json!({"enabled": false}), |life| {
            life.row.enabled = false;
        });
        self.change("switched on", json!({"enabled": null}), |life| {
            life.row.enabled = true;
        });
        let events = side.events();
        self.change("one event more", json!({"events": events}), |life| {
            life.events = events.to_vec();
        });
        let kept: Vec<String> = self.rows().into_iter().map(|row| row.id).collect();
        self.change("two events less", json!({"events": events[2..]}), |life| {
            life.events = events[2..].to_vec();
        });
        assert!(self.rows().iter().all(|row| kept.contains(&row.id)), "made anew");
        self.change("one event exchanged", json!({"events": events[1..2]}), |life| {
            life.events = events[1..2].to_vec();
        });
        let url = |path: &str| format!("https://hooks.acme.example/{path}");
        self.world.secret("hook", "delivery", &[("url", &url(PATH))]);
        let from = json!({"url": null, "urlFrom": {"secretKeyRef": {"name": "hook", "key": "url"}}});
        self.change("a confidential URL", from, |life| {
            life.row.url = url(PATH);
        });
    }

    /// What has a name can be renamed, and has headers and authentication.
    fn change_named(&mut self, circumstances: &Circumstances) {
        self.change(
            "another name",
            json!({"displayName": "CRM, production"}),
            |life| {
                life.row.name = Some("CRM, production".into());
            },
        );
        self.world.secret(
            "login",
            "delivery",
            &[("username", USERNAME), ("password", PASSWORD)],
        );
        let basic = json!({"authorization": {"basic": {"secretRef": {"name": "login"}}}});
        self.change("a user and a password", basic, |life| {
            life.row.authorization = Some(basic_value(USERNAME, PASSWORD));
        });
        self.world.secret("bearer", "delivery", &[("token", BEARER)]);
        let bearer = json!({"basic": null, "bearer": {"secretKeyRef": {"name": "bearer", "key": "token"}}});
        self.change("a token", json!({"authorization": bearer}), |life| {
            life.row.authorization = Some(format!("Bearer {BEARER}"));
        });
        let plain = json!([{"name": "X-Team", "value": "support"}]);
        self.change("a header", json!({"headers": plain}), |life| {
            life.row.headers.insert("x-team".into(), "support".into());
        });
        self.change(
            "no headers and no token",
            json!({"headers": null, "authorization": null}),
            |life| {
                life.row.headers.clear();
                life.row.authorization = None;
                life.synced = circumstances.without_headers;
            },
        );
        self.world.secret("header", "delivery", &[("key", HEADER)]);
        let secret =
            json!({"name": "X-Key", "valueFrom": {"secretKeyRef": {"name": "header", "key": "key"}}});
        self.change("a secret header", json!({"headers": [secret]}), |life| {
            life.row.headers.insert("x-key".into(), HEADER.into());
            life.synced = IN_SYNC;
        });
    }

    pub(super) fn change_dixa(&mut self, circumstances: &Circumstances) {
        self.change_named(circumstances);
        let filters = |operator: &str, value: &str| {
            let condition = json!({"field": "QueueId", "operator": operator, "values": [value]});
            json!({"filters": [{"match": "Any", "conditions": [condition]}]})
        };
        let shown = |kind: &str, value: &str| {
            let condition = json!({"_type": kind, "field": "QueueId", "values": [value]});
            let filter = json!({"_type": "CombinedFilters", "strategy": "Any", "conditions": [condition]});
            json!({"Conversation": filter}).to_string()
        };
        self.change("a filter", filters("In", "q1"), |life| {
            life.row.filters = shown("IsOneOf", "q1");
        });
        self.change("another filter", filters("NotIn", "q2"), |life| {
            life.row.filters = shown("IsNotOneOf", "q2");
        });
        self.change("no filter", json!({"filters": null}), |life| {
            life.synced = circumstances.without_filters;
            if life.synced == IN_SYNC {
                life.row.filters.clear();
            }
        });
    }

    pub(super) fn change_babel(&mut self, circumstances: &Circumstances) {
        self.change_named(circumstances);
        self.change(
            "a number of retries",
            json!({"options": {"babel": {"maxRetryCount": 7}}}),
            |life| {
                life.row.retries = 7;
            },
        );
        self.sign();
    }

    pub(super) fn change_bird(&mut self) {
        let filters = |value: &str| {
            let condition = json!({"field": "channelId", "operator": "In", "values": [value]});
            json!({"filters": [{"conditions": [condition]}]})
        };
        self.change("a filter", filters("c1"), |life| {
            life.row.filters = "channelId=c1".into();
        });
        self.change("another filter", filters("c2"), |life| {
            life.row.filters = "channelId=c2".into();
        });
        self.change("no filter", json!({"filters": null}), |life| {
            life.row.filters.clear();
        });
        self.sign();
    }

    fn sign(&mut self) {
        self.world.secret("signing", "signing", &[("signingKey", KEY)]);
        let signing = json!({"secretKeyRef": {"name": "signing", "key": "signingKey"}});
        self.change("a signing key", json!({"signing": signing}), |life| {
            life.row.key = Some(KEY.into());
        });
    }
}

fn basic_value(username: &str, password: &str) -> String {
    let pair = format!("{username}:{password}");
    format!("Basic {}", STANDARD.encode(pair))
}
