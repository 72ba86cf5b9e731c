//! For every rule: objects it accepts and objects it rejects.

use serde_json::{Value, json};

/// What is done with an object. The values are merged into a spec that is valid as it is; null removes a member.
#[derive(Clone, Debug)]
pub enum Story {
    /// It is created.
    Create(Value),
    /// It is created as the first and changed into the second.
    Change(Value, Value),
}

/// The cases of one rule.
pub struct Cases {
    /// The kinds that have the rule.
    pub kinds: &'static [&'static str],
    /// The rule's message, which identifies it within its kind.
    pub message: &'static str,
    /// What it must let pass.
    pub accepts: Vec<Story>,
    /// What it, and no other rule, must refuse.
    pub rejects: Vec<Story>,
}

const SUBSCRIPTION: &[&str] = &["WebhookSubscription"];
const PROVIDERS: &[&str] = &["WebhookProvider", "ClusterWebhookProvider"];
const CLUSTER_PROVIDER: &[&str] = &["ClusterWebhookProvider"];

/// A spec of `kind` that no rule objects to.
pub fn valid_spec(kind: &str) -> Value {
    match kind {
        "WebhookSubscription" => json!({
            "providerRef": {"name": "dixa"},
            "url": "https://hooks.acme.example/dixa",
            "events": ["ConversationCreated"],
        }),
        _ => json!({"type": "Dixa", "credentials": {"secretRef": {"name": "dixa-api", "key": "token"}}}),
    }
}

fn create(specs: impl IntoIterator<Item = Value>) -> Vec<Story> {
    specs.into_iter().map(Story::Create).collect()
}

fn change(specs: impl IntoIterator<Item = (Value, Value)>) -> Vec<Story> {
    specs
        .into_iter()
        .map(|(old, new)| Story::Change(old, new))
        .collect()
}

/// Every case.
pub fn all() -> Vec<Cases> {
    let mut all = references();
    all.extend(choices());
    all.extend(adoption());
    all.extend(headers());
    all.extend(durations());
    all.extend(rotation());
    all.extend(providers());
    all.extend(types());
    all.extend(options());
    all
}

const BIRD: &str = "22222222-0000-4000-8000-000000000002";

fn babel(more: Value) -> Value {
    merged(
        json!({"type": "Babel", "endpoint": "https://licensing.acme.example"}),
        more,
    )
}

fn bird(more: Value) -> Value {
    merged(json!({"type": "Bird", "bird": {"workspaceID": BIRD}}), more)
}

fn merged(mut spec: Value, more: Value) -> Value {
    if let (Value::Object(spec), Value::Object(more)) = (&mut spec, more) {
        spec.extend(more);
    }
    spec
}

fn scheme(scheme: &str) -> Value {
    json!({"credentials": {"secretRef": {"name": "s", "key": "k"}, "scheme": scheme}})
}

/// What goes with which type of provider.
fn types() -> Vec<Cases> {
    vec![
        Cases {
            kinds: PROVIDERS,
            message: "spec.endpoint: Babel is self-hosted and has no public address; set endpoint",
            accepts: create([json!({}), babel(json!({})), bird(json!({}))]),
            rejects: create([babel(json!({"endpoint": null}))]),
        },
        Cases {
            kinds: PROVIDERS,
            message: "spec.bird: type Bird needs bird.workspaceID, and no other type has bird",
            accepts: create([json!({}), bird(json!({}))]),
            rejects: create([
                bird(json!({"bird": null})),
                json!({"bird": {"workspaceID": BIRD}}),
                babel(json!({"bird": {"workspaceID": BIRD}})),
            ]),
        },
        Cases {
            kinds: PROVIDERS,
            message: "spec.dixa: only type Dixa has dixa; remove it",
            accepts: create([json!({"dixa": {"apiVersion": "v1"}})]),
            rejects: create([babel(json!({"dixa": {}})), bird(json!({"dixa": {}}))]),
        },
        Cases {
            kinds: PROVIDERS,
            message: "spec.babel: only type Babel has babel; remove it",
            accepts: create([babel(json!({"babel": {"headerName": "x-key"}}))]),
            rejects: create([json!({"babel": {}}), bird(json!({"babel": {}}))]),
        },
        Cases {
            kinds: PROVIDERS,
            message: "spec.bird is immutable: create another provider object",
            accepts: change([(
                bird(json!({})),
                bird(json!({"endpoint": "https://api.acme.example"})),
            )]),
            rejects: change([
                (
                    bird(json!({})),
                    bird(json!({"bird": {"workspaceID": "33333333-0000-4000-8000-000000000003"}})),
                ),
                (
                    bird(json!({})),
                    bird(json!({"bird": {"workspaceID": BIRD, "organizationID": BIRD}})),
                ),
            ]),
        },
        Cases {
            kinds: PROVIDERS,
            message: "spec.credentials.scheme: use Raw or Bearer for Dixa, ApiKey or Bearer for Babel, AccessKey or \
                Bearer for Bird, or leave it out",
            accepts: create([
                scheme("Raw"),
                scheme("Bearer"),
                babel(scheme("ApiKey")),
                babel(scheme("Bearer")),
                bird(scheme("AccessKey")),
                bird(scheme("Bearer")),
            ]),
            rejects: create([
                scheme("ApiKey"),
                scheme("AccessKey"),
                babel(scheme("Raw")),
                babel(scheme("AccessKey")),
                bird(scheme("Raw")),
                bird(scheme("ApiKey")),
            ]),
        },
    ]
}

/// Choices among the ways to sign, and options of one provider.
fn options() -> Vec<Cases> {
    let reference = json!({"name": "s", "key": "k"});
    let written = json!({"secretName": "s"});
    vec![
        Cases {
            kinds: SUBSCRIPTION,
            message: "spec.signing: set exactly one of secretKeyRef, generate and publishProviderKey",
            accepts: create([
                json!({"signing": {"secretKeyRef": reference}}),
                json!({"signing": {"generate": written}}),
                json!({"signing": {"publishProviderKey": written}}),
            ]),
            rejects: create([
                json!({"signing": {}}),
                json!({"signing": {"secretKeyRef": reference, "generate": written}}),
                json!({"signing": {"generate": written, "publishProviderKey": written}}),
            ]),
        },
        Cases {
            kinds: SUBSCRIPTION,
            message: "spec.options: set the options of one provider only",
            accepts: create([
                json!({"options": {}}),
                json!({"options": {"babel": {"maxRetryCount": 3}}}),
                json!({"options": {"bird": {"service": "numbers"}}}),
            ]),
            rejects: create([json!({"options": {"babel": {}, "bird": {}}})]),
        },
        Cases {
            kinds: SUBSCRIPTION,
            message: "spec.options.babel.eventRetention: use 1h and more; remove it to keep all events",
            accepts: create(
                ["1h", "60m", "720h"].map(|text| json!({"options": {"babel": {"eventRetention": text}}})),
            ),
            rejects: create(
                ["0s", "59m", "1s"].map(|text| json!({"options": {"babel": {"eventRetention": text}}})),
            ),
        },
    ]
}

fn references() -> Vec<Cases> {
    let provider = |reference: Value| json!({"providerRef": reference});
    vec![Cases {
        kinds: SUBSCRIPTION,
        message: "spec.providerRef is immutable: create another WebhookSubscription for the other provider, then \
            delete this one",
        accepts: change([
            (
                provider(json!({"name": "dixa"})),
                provider(json!({"name": "dixa", "kind": "WebhookProvider"})),
            ),
            (
                provider(json!({"name": "dixa", "kind": "WebhookProvider"})),
                provider(json!({"name": "dixa"})),
            ),
            (json!({}), json!({"url": "https://other.acme.example/dixa"})),
        ]),
        rejects: change([
            (
                provider(json!({"name": "dixa"})),
                provider(json!({"name": "other"})),
            ),
            (
                provider(json!({"name": "dixa"})),
                provider(json!({"kind": "ClusterWebhookProvider"})),
            ),
            (
                provider(json!({"kind": "ClusterWebhookProvider"})),
                provider(json!({"kind": null})),
            ),
            (
                provider(json!({"kind": "ClusterWebhookProvider"})),
                provider(json!({"name": "other"})),
            ),
        ]),
    }]
}

fn choices() -> Vec<Cases> {
    let secret = json!({"secretKeyRef": {"name": "s", "key": "k"}});
    let basic = json!({"secretRef": {"name": "s"}});
    vec![
        Cases {
            kinds: SUBSCRIPTION,
            message: "spec: set exactly one of url and urlFrom",
            accepts: create([json!({}), json!({"url": null, "urlFrom": secret})]),
            rejects: create([json!({"url": null}), json!({"urlFrom": secret})]),
        },
        Cases {
            kinds: SUBSCRIPTION,
            message: "spec.authorization: set exactly one of basic and bearer; leave authorization out for none",
            accepts: create([
                json!({"authorization": {"basic": basic}}),
                json!({"authorization": {"bearer": secret}}),
                json!({"authorization": {"bearer": secret, "basic": null}}),
            ]),
            rejects: create([
                json!({"authorization": {}}),
                json!({"authorization": {"basic": basic, "bearer": secret}}),
            ]),
        },
        Cases {
            kinds: SUBSCRIPTION,
            message: "spec.filters: each scope may appear once; put its conditions into one entry",
            accepts: create([
                filters(&[json!({"scope": "Conversation"}), json!({"scope": "Agent"})]),
                filters(&[json!({}), json!({"scope": "Conversation"})]),
            ]),
            rejects: create([
                filters(&[json!({"scope": "Conversation"}), json!({"scope": "Conversation"})]),
                filters(&[json!({}), json!({})]),
            ]),
        },
    ]
}

fn filters(members: &[Value]) -> Value {
    let conditions = json!([{"field": "InitialChannel", "operator": "In", "values": ["email"]}]);
    let filter = |member: &Value| {
        let mut filter = member.clone();
        filter["conditions"] = conditions.clone();
        filter
    };
    json!({"filters": members.iter().map(filter).collect::<Vec<_>>()})
}

fn adoption() -> Vec<Cases> {
    let observe = |adoption: Value| json!({"mode": "Observe", "adoption": adoption});
    vec![
        Cases {
            kinds: SUBSCRIPTION,
            message: "spec.mode: Observe watches what exists already; set adoption.policy to ByID (and externalIDs) \
                or to IfMatches",
            accepts: create([
                json!({"mode": "Manage"}),
                observe(json!({"policy": "IfMatches"})),
                observe(json!({"policy": "ByID", "externalIDs": ["a"]})),
            ]),
            rejects: create([
                observe(Value::Null),
                observe(json!({"overwrite": true})),
                observe(json!({"policy": "IfOwned"})),
                observe(json!({"policy": "Never"})),
            ]),
        },
        Cases {
            kinds: SUBSCRIPTION,
            message: "spec.adoption: externalIDs and policy ByID need each other; set both or neither",
            accepts: create([
                json!({"adoption": {"policy": "ByID", "externalIDs": ["a", "b"]}}),
                json!({"adoption": {"policy": "Never"}}),
                json!({"adoption": {}}),
            ]),
            rejects: create([
                json!({"adoption": {"policy": "ByID"}}),
                json!({"adoption": {"policy": "IfMatches", "externalIDs": ["a"]}}),
                json!({"adoption": {"externalIDs": ["a"]}}),
            ]),
        },
    ]
}

fn headers() -> Vec<Cases> {
    let named = |name: &str| json!({"headers": [{"name": name, "value": "v"}]});
    let from = json!({"secretKeyRef": {"name": "s", "key": "k"}});
    let forbidden = [
        "Authorization",
        "Connection",
        "content-length",
        "HOST",
        "Keep-Alive",
        "Proxy-Authenticate",
        "Proxy-Authorization",
        "Proxy-Connection",
        "TE",
        "Trailer",
        "Transfer-Encoding",
        "Upgrade",
        "X-DIXA-SIGNATURE",
        "MessageBird-Signature",
        "messagebird-request-timestamp",
    ];
    vec![
        Cases {
            kinds: SUBSCRIPTION,
            message: "spec.headers: each name may appear once, whatever its case; remove the duplicate",
            accepts: create([
                json!({"headers": [{"name": "X-A", "value": "v"}, {"name": "X-B", "value": "v"}]}),
            ]),
            rejects: create([
                json!({"headers": [{"name": "X-A", "value": "v"}, {"name": "x-a", "value": "w"}]}),
            ]),
        },
        Cases {
            kinds: SUBSCRIPTION,
            message: "spec.headers: set exactly one of value and valueFrom",
            accepts: create([
                named("X-A"),
                json!({"headers": [{"name": "X-A", "valueFrom": from}]}),
            ]),
            rejects: create([
                json!({"headers": [{"name": "X-A"}]}),
                json!({"headers": [{"name": "X-A", "value": "v", "valueFrom": from}]}),
            ]),
        },
        Cases {
            kinds: SUBSCRIPTION,
            message: "spec.headers: this name is not yours to set: use authorization for Authorization, and leave \
                out Host, Content-Length, hop-by-hop headers (Connection, Keep-Alive, Proxy-*, TE, Trailer, \
                Transfer-Encoding, Upgrade) and the providers' own (X-Dixa-Signature, MessageBird-*)",
            accepts: create(
                [
                    "X-Authorization",
                    "Hosts",
                    "x-messagebird-a",
                    "MessageBird",
                    "Content-Type",
                ]
                .map(named),
            ),
            rejects: create(forbidden.map(named)),
        },
    ]
}

/// Cases of a duration at `pointer` that may be 0s or from 5s on.
fn zero_or_five(member: fn(&str) -> Value) -> (Vec<Story>, Vec<Story>) {
    let accepted = [
        "0s",
        "0h0m",
        "5s",
        "5000ms",
        "4.5s500ms",
        "1h30m",
        "999999h999999h9h",
    ];
    (
        create(accepted.map(member)),
        create(["4s", "4999ms", "0.1s", "1ms"].map(member)),
    )
}

fn durations() -> Vec<Cases> {
    let (accepts, rejects) = zero_or_five(|text| json!({"interval": text}));
    let (watched, not_watched) = zero_or_five(|text| json!({"delivery": {"interval": text}}));
    let interval = |kinds| Cases {
        kinds,
        message: "spec.interval: use 0s to switch the comparison off, or 5s and more",
        accepts: accepts.clone(),
        rejects: rejects.clone(),
    };
    vec![
        interval(SUBSCRIPTION),
        interval(PROVIDERS),
        Cases {
            kinds: SUBSCRIPTION,
            message: "spec.delivery.interval: use 0s to switch delivery monitoring off, or 5s and more",
            accepts: watched,
            rejects: not_watched,
        },
        Cases {
            kinds: CLUSTER_PROVIDER,
            message: "spec.policy.minInterval: use 5s or more, or leave it out",
            accepts: create([
                json!({"policy": {"minInterval": "5s"}}),
                json!({"policy": {"minInterval": "1h30m"}}),
            ]),
            rejects: create([
                json!({"policy": {"minInterval": "0s"}}),
                json!({"policy": {"minInterval": "4.9s"}}),
            ]),
        },
        Cases {
            kinds: PROVIDERS,
            message: "spec.guard.window must be longer than 0s; remove guard.maxDeletions to switch the limit off",
            accepts: create([
                json!({"guard": {"window": "1ms"}}),
                json!({"guard": {"window": "24h"}}),
            ]),
            rejects: create([
                json!({"guard": {"window": "0s"}}),
                json!({"guard": {"window": "0h0.0m"}}),
            ]),
        },
    ]
}

fn rotation() -> Vec<Cases> {
    let every = |interval: &str, overlap: &str| {
        let rotation = json!({"interval": interval, "overlap": overlap});
        json!({"signing": {"generate": {"secretName": "made"}, "rotation": rotation}})
    };
    let taken = json!({"secretKeyRef": {"name": "s", "key": "k"}});
    let mut rotated = taken.clone();
    rotated["rotation"] = json!({"interval": "2h", "overlap": "1h"});
    vec![
        Cases {
            kinds: SUBSCRIPTION,
            message: "spec.signing.rotation: only a key that the operator makes is rotated; use generate, or change \
                the key in the Secret of secretKeyRef yourself",
            accepts: create([every("2h", "1h"), json!({"signing": taken})]),
            rejects: create([json!({"signing": rotated})]),
        },
        Cases {
            kinds: SUBSCRIPTION,
            message: "spec.signing.rotation: overlap must be shorter than interval",
            accepts: create([every("2h", "1h59m59s")]),
            rejects: create([every("2h", "2h"), every("2h", "120.5m")]),
        },
        Cases {
            kinds: SUBSCRIPTION,
            message: "spec.signing.rotation.interval: use 1h and more; receivers need time to follow",
            accepts: create([every("1h", "1m"), every("60m", "1m")]),
            rejects: create([every("59m59s", "1m")]),
        },
        Cases {
            kinds: SUBSCRIPTION,
            message: "spec.signing.rotation.overlap: use 1m and more; what is on its way is signed with the old key",
            accepts: create([every("1h", "60s")]),
            rejects: create([every("1h", "59s"), every("1h", "0s")]),
        },
    ]
}

fn providers() -> Vec<Cases> {
    let selected =
        |requirement: Value| json!({"allowedNamespaces": {"selector": {"matchExpressions": [requirement]}}});
    vec![
        Cases {
            kinds: PROVIDERS,
            message: "spec.type is immutable: create another provider object",
            accepts: change([(json!({}), json!({"endpoint": "https://api.acme.example"}))]),
            rejects: change([(json!({}), babel(json!({})))]),
        },
        Cases {
            kinds: CLUSTER_PROVIDER,
            message: "allowedNamespaces.selector.matchExpressions: give values with the operators In and NotIn, and \
                leave them out with Exists and DoesNotExist",
            accepts: create([
                selected(json!({"key": "team", "operator": "In", "values": ["a"]})),
                selected(json!({"key": "team", "operator": "NotIn", "values": ["a", "b"]})),
                selected(json!({"key": "team", "operator": "Exists"})),
                selected(json!({"key": "team", "operator": "DoesNotExist", "values": []})),
            ]),
            rejects: create([
                selected(json!({"key": "team", "operator": "In"})),
                selected(json!({"key": "team", "operator": "NotIn", "values": []})),
                selected(json!({"key": "team", "operator": "Exists", "values": ["a"]})),
                selected(json!({"key": "team", "operator": "DoesNotExist", "values": ["a"]})),
            ]),
        },
    ]
}
