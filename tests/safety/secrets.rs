//! Nothing secret leaves the process but to the provider, and nothing is used that was not released.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use provider_simulator::{FaultAction, Token};
use serde_json::json;

use crate::support::{OPERATOR_USER, PROVIDER, SUBSCRIPTION, Side, World, leaks, shown};
use crate::{every, next};

const TOKEN: &str = "canary-token-7Qz/1+a=";
const SUCCESSOR: &str = "canary-successor-8Rw/2+b=";
const HEADER: &str = "canary-header-9Sx/3+c=";
const USERNAME: &str = "canary-user-1Ty/4+d=";
const PASSWORD: &str = "canary-password-2Uv/5+e=";
const PATH: &str = "canary-path-3Vw";
const SIGNING: &str = "canary-signing-7Yz/7+g=";
const APPLIED: &str = "canary-applied-4Xy/6+f=";

pub(crate) fn canaries() -> Vec<String> {
    let all = [TOKEN, SUCCESSOR, HEADER, USERNAME, PASSWORD, PATH, APPLIED];
    all.map(str::to_owned).into()
}

#[test]
fn the_scanner_finds_a_planted_leak_in_every_form() {
    let secrets = canaries();
    for secret in &secrets {
        let basic = STANDARD.encode(format!("someone:{secret}"));
        for planted in [
            format!("message: the key {secret} was refused"),
            format!(r#"{{"note":"{}"}}"#, secret.replace('/', "\\/")),
            format!("Authorization: Basic {basic}"),
            format!("data: {}", STANDARD.encode(secret)),
            format!(
                "?key={}",
                secret.replace('/', "%2F").replace('+', "%2B").replace('=', "%3D")
            ),
        ] {
            assert_eq!(
                leaks(&planted, &secrets),
                std::slice::from_ref(secret),
                "{planted}"
            );
        }
    }
    assert_eq!(leaks("nothing to see: canary, key, token", &secrets), [""; 0]);
}

/// Every kind of secret that the operator handles, in use.
pub(crate) fn prepare(world: &World) {
    world.simulator.dixa().add_token(TOKEN, Token::of("example-org"));
    world
        .simulator
        .dixa()
        .add_token(SUCCESSOR, Token::of("example-org"));
    world.secret("dixa-api", "credentials", &[("token", TOKEN)]);
    world.apply(PROVIDER, "dixa", world.provider_spec(json!({})));
    world.secret("header", "delivery", &[("key", HEADER)]);
    world.secret(
        "basic",
        "delivery",
        &[("username", USERNAME), ("password", PASSWORD)],
    );
    let url = format!("https://hooks.acme.example/{PATH}");
    world.secret("address", "delivery", &[("url", &url)]);
    // As a person does it: kubectl keeps a copy of all of it in an annotation.
    world
        .cluster()
        .kubectl(&["apply", "--namespace", &world.namespace, "-f", "-"], &format!(
            "apiVersion: v1\nkind: Secret\nmetadata:\n  name: applied\n  labels: {{webhook-operator.io/use: delivery}}\nstringData: {{token: \"{APPLIED}\"}}\n"
        ))
        .unwrap();
    world.subscribe(
        "basic",
        json!({
            "url": null,
            "urlFrom": {"secretKeyRef": {"name": "address", "key": "url"}},
            "authorization": {"basic": {"secretRef": {"name": "basic"}}},
            "headers": [{"name": "X-Key", "valueFrom": {"secretKeyRef": {"name": "header", "key": "key"}}}],
            "signing": {"publishProviderKey": {"secretName": "published"}},
        }),
    );
    world.subscribe(
        "bearer",
        json!({
            "url": "https://hooks.acme.example/bearer",
            "authorization": {"bearer": {"secretKeyRef": {"name": "applied", "key": "token"}}},
        }),
    );
}

/// Ways to go wrong with secrets in hand.
pub(crate) fn misfortunes(world: &World) {
    let refusal = format!(
        "no: {HEADER} and {PASSWORD} and {}",
        STANDARD.encode(format!("{USERNAME}:{PASSWORD}"))
    );
    let refused = FaultAction::fail_with(400, json!({"message": refusal}));
    every(world, "patch", refused);
    world.patch(
        SUBSCRIPTION,
        "basic",
        json!({"spec": {"events": ["ConversationAssigned"]}}),
    );
    world.becomes(SUBSCRIPTION, "basic", "Stalled", "True", "RefusedByProvider");
    world.simulator.clear_faults();
    next(world, "patch", FaultAction::ApplyThenDrop);
    world.patch(
        SUBSCRIPTION,
        "basic",
        json!({"spec": {"events": ["ConversationClosed"]}}),
    );
    world.ready("basic");
    let echo = FaultAction::fail_with(500, json!(format!("<pre>Authorization: {TOKEN}</pre>")));
    next(world, "list", echo);
    world.look_again(SUBSCRIPTION, "basic");
    world.secret("dixa-api", "credentials", &[("token", SUCCESSOR)]);
    world.look_again(SUBSCRIPTION, "bearer");
    // What cannot be used is not shown either.
    world.secret("header", "delivery", &[("key", &format!("{HEADER}\u{1}"))]);
    world.becomes(SUBSCRIPTION, "basic", "Accepted", "False", "SecretInvalid");
    world.secret("header", "delivery", &[("key", HEADER)]);
    world.ready("basic");
}

#[test]
fn no_secret_of_dixa_shows_in_logs_status_events_metrics_or_the_audit_log() {
    let mut world = World::start();
    prepare(&world);
    world.ready("basic");
    world.ready("bearer");
    misfortunes(&world);
    for secret in canaries() {
        world.watch_over(&secret);
    }
    let secrets = world.secrets();
    // Two keys of Dixa's and what every answer carries, besides.
    for secret in canaries() {
        let known = secrets.iter().any(|known| known.contains(&secret));
        assert!(known, "{secret} is not looked for");
    }
    assert!(secrets.len() >= canaries().len() + 3, "{secrets:?}");
    // They did arrive where they belong.
    let sent = serde_json::to_string(&world.remote()).unwrap();
    let arrived = leaks(&sent, &secrets);
    for secret in [HEADER, USERNAME, PASSWORD, APPLIED] {
        assert!(arrived.contains(&secret.to_owned()), "{secret} was not sent");
    }
    assert!(sent.contains(PATH));
    world.eventually("the published key", || {
        world.find("secrets", "published").is_some()
    });
    world.stop_operator();
    let told = world.all_told();
    let log = told.iter().find(|(place, _)| place.ends_with(": log")).unwrap();
    assert!(
        log.1.len() > 20_000,
        "the log is not chatty: {} bytes",
        log.1.len()
    );
    for place in ["metrics", "cmdline", "environ"] {
        assert!(
            told.iter()
                .any(|(found, text)| found.ends_with(place) && !text.is_empty()),
            "{place}"
        );
    }
    assert!(
        told.iter()
            .any(|(place, text)| place == "the audit log" && text.contains("basic"))
    );
    // The search itself is the world's, at its end.
}

/// An answer of status 500, and one of 400 with words of the provider, that repeat everything that was sent, and more.
fn repeating(secrets: &[&str]) -> [FaultAction; 3] {
    let all = secrets.join(" and ");
    let basic = STANDARD.encode(format!("someone:{all}"));
    let message = format!(
        "\u{1b}[31mno: {all}; Authorization: Basic {basic} \u{202e}{}",
        "x".repeat(600)
    );
    [
        FaultAction::fail_with(
            500,
            json!({"message": all, "trace": [all, basic], "url": format!("https://h/?key={all}")}),
        ),
        FaultAction::fail_with(
            400,
            json!({"message": message, "success": false, "errors": {"headers": all}}),
        ),
        FaultAction::fail_with(502, json!(format!("<pre>{all}</pre>"))),
    ]
}

/// The same life at each provider: made, refused in the provider's words, changed, looked at, deleted.
fn a_life_among_echoes(side: Side) {
    let world = World::start();
    side.connect(&world, json!({}));
    world.secret("header", "delivery", &[("key", HEADER)]);
    world.secret("key", "signing", &[("key", SIGNING)]);
    let url = format!("https://hooks.acme.example/{PATH}");
    world.secret("address", "delivery", &[("url", &url)]);
    let mut change = json!({
        "url": null,
        "urlFrom": {"secretKeyRef": {"name": "address", "key": "url"}},
        "delivery": {"interval": "10s"},
    });
    // What was sent, and no more: what it was never told, the operator could not tell from any other word.
    let mut secrets = vec![side.credential(), &url];
    if side != Side::Bird {
        change["headers"] =
            json!([{"name": "X-Key", "valueFrom": {"secretKeyRef": {"name": "header", "key": "key"}}}]);
        secrets.push(HEADER);
    }
    if side != Side::Dixa {
        change["signing"] = json!({"secretKeyRef": {"name": "key", "key": "key"}});
        secrets.push(SIGNING);
    }
    for echo in repeating(&secrets) {
        side.next(&world, "create", echo);
    }
    side.subscribe(&world, "crm", change.clone());
    let object = world.becomes(SUBSCRIPTION, "crm", "Accepted", "True", "");
    assert_eq!(object["metadata"]["name"], "crm");
    // The second answer is a refusal, in the provider's words.
    world.eventually("answers that repeat everything", || {
        (side.count(&world, 0, "create") > 1).then_some(())
    });
    // A refusal waits for a change.
    for attempt in 0..3 {
        world.simulator.clear_faults();
        if attempt < 2 {
            let [unavailable, refused, _] = repeating(&secrets);
            side.next(&world, "list", unavailable);
            side.next(&world, "update", refused);
        }
        change["events"] = json!(side.events()[..=attempt]);
        side.subscribe(&world, "crm", change.clone());
        world.look_again(SUBSCRIPTION, "crm");
    }
    world.ready("crm");
    let row = side.rows(&world).remove(0);
    for id in side.ids(&world) {
        side.delivered(&world, &id, side.events()[0], 503, 3);
    }
    assert!(row.url.contains(PATH), "{row:?}");
    world.look_again(SUBSCRIPTION, "crm");
    for name in ["crm", side.name()] {
        for event in world.events_about(name) {
            assert!(
                !event.chars().any(|c| c.is_control() || c == '\u{202e}'),
                "{event:?}"
            );
        }
    }
    world.delete(SUBSCRIPTION, "crm");
    world.gone(SUBSCRIPTION, "crm");
    // The search is the world's, at its end.
}

#[test]
fn what_dixa_repeats_is_not_repeated() {
    a_life_among_echoes(Side::Dixa);
}

#[test]
fn what_babel_repeats_is_not_repeated() {
    a_life_among_echoes(Side::Babel);
}

#[test]
fn what_bird_repeats_is_not_repeated() {
    a_life_among_echoes(Side::Bird);
}

#[test]
fn a_secret_that_is_really_told_is_found_in_every_place() {
    // A name is told everywhere: here a Secret holds the very same.
    let name = "canary-that-is-told";
    let mut world = World::start();
    world.connect();
    world.secret("told", "delivery", &[("key", name)]);
    world.subscribe(name, json!({}));
    world.ready(name);
    world.subscribe("other", json!({"providerRef": {"name": name}}));
    world.eventually("the name in a status", || {
        world.subscription("other")["status"].to_string().contains(name)
    });
    world.eventually("an Event about it", || !world.events_about(name).is_empty());
    let told = world.all_told();
    let found = shown(&told, &[name.to_owned()]);
    for place in [": log", SUBSCRIPTION, "events.events.k8s.io", "the audit log"] {
        let there = |line: &&String| line.contains(&format!("{place} shows"));
        assert!(
            found.iter().any(|line| there(&line)),
            "{place} is not searched: {found:#?}"
        );
    }
    world.unwatched();
}

#[test]
fn a_secret_that_was_not_released_is_never_read_and_never_sent() {
    let world = World::start();
    world.connect();
    world.secret("private", "", &[("key", HEADER), ("token", TOKEN)]);
    world.secret("other-use", "credentials", &[("key", HEADER)]);
    let header = |secret: &str| json!([{"name": "X-Key", "valueFrom": {"secretKeyRef": {"name": secret, "key": "key"}}}]);
    world.subscribe("private", json!({"headers": header("private")}));
    world.subscribe("other-use", json!({"headers": header("other-use")}));
    world.apply(
        PROVIDER,
        "private",
        world.provider_spec(json!({"credentials": {"secretRef": {"name": "private"}}})),
    );
    for name in ["private", "other-use"] {
        let message = world.refused(name, "SecretNotReleased");
        let command = format!(
            "kubectl label secret --namespace {} {name} webhook-operator.io/use=delivery",
            world.namespace
        );
        assert!(message.contains(&command), "{message}");
    }
    world.becomes(PROVIDER, "private", "Ready", "False", "SecretNotReleased");
    world.subscribe("released", json!({}));
    world.ready("released");
    // Without any label a look at its metadata tells why, which is a `get` in the audit log as well; with another one
    // even that is known from the watch.
    let reads = world.reads_of_secrets();
    assert!(!reads.contains(&"other-use".to_owned()), "{reads:?}");
    let sent = format!("{:?}", world.requests_since(0, ""));
    assert_eq!(leaks(&sent, &canaries()), [""; 0]);

    // Released, it is read and sent.
    world.kubectl(&["label", "secret", "private", "webhook-operator.io/use=delivery"]);
    world.ready("private");
    assert!(world.remote().iter().any(|remote| {
        remote
            .content
            .custom_headers
            .values()
            .any(|value| value == HEADER)
    }));
}

impl World {
    /// Names of the Secrets of this world that the operator has asked for one by one.
    fn reads_of_secrets(&self) -> Vec<String> {
        // The log may be a moment behind: the one read that must be there says that it is not.
        self.eventually("the audit log", || {
            let audit = self.cluster().audit().unwrap();
            let gets = audit.into_iter().filter(|event| {
                let ours = event.user == OPERATOR_USER && event.namespace == self.namespace;
                ours && event.resource == "secrets" && event.verb == "get"
            });
            let names: Vec<String> = gets.map(|event| event.name).collect();
            names.contains(&"dixa-api".to_owned()).then_some(names)
        })
    }
}
