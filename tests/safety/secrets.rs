//! Nothing secret leaves the process but to the provider, and nothing is used that was not released.

use std::fmt::Write as _;
use std::fs;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use provider_simulator::{FaultAction, Token};
use serde_json::{Value, json};
use test_harness::{Operator, binary};

use crate::support::{OPERATOR_NAMESPACE, OPERATOR_USER, PROVIDER, SOON, SUBSCRIPTION, Setup, World, leaks};
use crate::{every, next};

const TOKEN: &str = "canary-token-7Qz/1+a=";
const SUCCESSOR: &str = "canary-successor-8Rw/2+b=";
const HEADER: &str = "canary-header-9Sx/3+c=";
const USERNAME: &str = "canary-user-1Ty/4+d=";
const PASSWORD: &str = "canary-password-2Uv/5+e=";
const PATH: &str = "canary-path-3Vw";
const APPLIED: &str = "canary-applied-4Xy/6+f=";

fn canaries() -> Vec<String> {
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

/// An operator of the world that logs everything.
fn chatty(world: &World) -> Operator {
    let kubeconfig = world
        .cluster()
        .service_account_kubeconfig(OPERATOR_NAMESPACE, "webhook-operator")
        .unwrap();
    let binary = binary("webhook-operator", "webhook-operator").unwrap();
    let namespace = format!("--watch-namespace={}", world.namespace);
    let id = format!("--cluster-id={}", world.namespace);
    let args = [
        "run",
        "--allow-insecure-http",
        "--settle-time=2s",
        &namespace,
        &id,
    ];
    let env = [
        ("POD_NAMESPACE", OPERATOR_NAMESPACE),
        ("POD_NAME", "webhook-operator-0"),
        ("RUST_LOG", "trace"),
    ];
    Operator::start(&binary, &args, &env, &kubeconfig).unwrap()
}

/// Every kind of secret that the operator handles, in use.
fn prepare(world: &World) {
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
fn misfortunes(world: &World) {
    let refusal = format!(
        "no: {HEADER} and {PASSWORD} and {}",
        STANDARD.encode(format!("{USERNAME}:{PASSWORD}"))
    );
    let refused = FaultAction::FailBefore {
        status: 400,
        body: Some(json!({"message": refusal})),
        retry_after: None,
    };
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
    let echo = FaultAction::FailBefore {
        status: 500,
        body: Some(json!(format!("<pre>Authorization: {TOKEN}</pre>"))),
        retry_after: None,
    };
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

/// Everything that the operator has written for others to read, by where it was found.
fn published(world: &World, operator: &mut Operator) -> Vec<(String, String)> {
    let mut found = Vec::new();
    for kind in [SUBSCRIPTION, PROVIDER, "events.events.k8s.io"] {
        let mut all = world.cluster().list_json(kind, &world.namespace).unwrap();
        if kind == SUBSCRIPTION || kind == PROVIDER {
            for object in &mut all {
                object["metadata"].take();
            }
        }
        found.push((kind.to_owned(), json!(all).to_string()));
    }
    found.push(("metrics".to_owned(), operator.metrics().unwrap()));
    found.push(("readyz".to_owned(), operator.readyz().unwrap().body));
    let process = format!("/proc/{}", operator.id());
    for file in ["cmdline", "environ"] {
        // Where there is no /proc, or not for others, nobody reads it.
        let text = fs::read(format!("{process}/{file}")).unwrap_or_default();
        found.push((file.to_owned(), String::from_utf8_lossy(&text).into_owned()));
    }
    let audit = world.cluster().audit().unwrap();
    let ours = audit
        .iter()
        .filter(|event| event.user == OPERATOR_USER && event.namespace == world.namespace);
    let bodies: Vec<&Value> = ours
        .flat_map(|event| [&event.request_object, &event.response_object])
        .collect();
    assert!(
        bodies.iter().any(|body| !body.is_null()),
        "the audit log shows nothing of this test"
    );
    found.push(("audit log".to_owned(), json!(bodies).to_string()));
    found
}

#[test]
fn no_secret_shows_in_logs_status_events_metrics_or_the_audit_log() {
    let world = Setup::new().without_operator().start();
    let mut operator = chatty(&world);
    prepare(&world);
    world.ready("basic");
    world.ready("bearer");
    misfortunes(&world);
    let mut secrets = canaries();
    secrets.extend(world.remote().into_iter().map(|remote| remote.secret_key));
    assert_eq!(secrets.len(), 9);
    // They did arrive where they belong.
    let sent = serde_json::to_string(&world.remote()).unwrap();
    let arrived = leaks(&sent, &secrets);
    for secret in [HEADER, USERNAME, PASSWORD, PATH, APPLIED] {
        assert!(arrived.contains(&secret.to_owned()), "{secret} was not sent");
    }
    world.eventually("the published key", || {
        world.find("secrets", "published").is_some()
    });

    let mut shown = published(&world, &mut operator);
    assert!(operator.sigterm_and_wait(SOON).unwrap().success());
    let log = operator.log_text();
    assert!(
        log.contains("\"TRACE\"") && log.len() > 20_000,
        "the log is not chatty: {} bytes",
        log.len()
    );
    shown.push(("log".to_owned(), log));
    for (place, text) in &shown {
        let leaked = leaks(text, &secrets);
        let line = text
            .lines()
            .find(|line| !leaks(line, &secrets).is_empty())
            .unwrap_or_default();
        let line: String = line.chars().take(600).collect();
        assert!(leaked.is_empty(), "{place} shows {leaked:?}: {line}");
    }
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
