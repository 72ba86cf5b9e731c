//! Once settled, nothing is written anywhere and nothing is asked that is not due.

use provider_simulator::{Config, Token};
use serde_json::json;

use crate::support::{PROVIDER, World};

#[test]
fn once_settled_nothing_is_written_and_nothing_is_sent() {
    let world = World::start();
    world
        .simulator
        .dixa()
        .add_token("quiet-key", Token::of("quiet-org"));
    world.secret("dixa-api", "credentials", &[("token", Config::DIXA_TOKEN)]);
    world.secret("quiet-api", "credentials", &[("token", "quiet-key")]);
    world.secret("login", "delivery", &[("username", "u"), ("password", "p")]);
    // One account looks every 5 s, and so tells the time; the other never does.
    world.apply(PROVIDER, "clock", world.provider_spec(json!({"interval": "5s"})));
    let quiet = json!({"interval": "0s", "credentials": {"secretRef": {"name": "quiet-api"}}});
    world.apply(PROVIDER, "quiet", world.provider_spec(quiet));
    for provider in ["clock", "quiet"] {
        world.subscribe(
            provider,
            json!({
                "providerRef": {"name": provider},
                "authorization": {"basic": {"secretRef": {"name": "login"}}},
                "headers": [{"name": "X-A", "value": "1"}],
                "signing": {"publishProviderKey": {"secretName": format!("{provider}-signing")}},
            }),
        );
    }
    for provider in ["clock", "quiet"] {
        world.becomes(
            crate::support::SUBSCRIPTION,
            provider,
            "SecretPublished",
            "True",
            "",
        );
        world.ready(provider);
        world.counted(provider, 1);
    }
    // One look may have begun before the last change; what follows from it is over with the next.
    let mark = world.mark();
    world.requested("list", mark, 2);

    let (mut audit, mark) = (world.audit(), world.mark());
    world.requested("list", mark, 3);
    assert_eq!(world.operator_writes(&mut audit), Vec::<String>::new());
    let requests = world.requests_since(mark, "");
    let asked: Vec<(Option<&str>, &str)> = requests
        .iter()
        .map(|entry| (entry.organization.as_deref(), entry.operation))
        .collect();
    assert!(
        asked.iter().all(|found| *found == (Some("example-org"), "list")),
        "{asked:?}"
    );
}

#[test]
fn a_restart_looks_once_and_changes_nothing() {
    let mut world = World::start();
    world.connect_with(json!({"interval": "5s"}));
    world.secret("login", "delivery", &[("username", "u"), ("password", "p")]);
    world.subscribe(
        "crm",
        json!({"authorization": {"basic": {"secretRef": {"name": "login"}}}, "headers": [{"name": "X-A", "value": "1"}]}),
    );
    world.ready("crm");
    world.becomes(PROVIDER, "dixa", "Ready", "True", "");
    let before = world.subscription("crm")["status"].clone();
    world.stop_operator();
    let (mut audit, mark) = (world.audit(), world.mark());
    world.start_operator();
    // With the second look what follows from the first has long been done.
    world.requested("list", mark, 2);
    world.wait_until_ready();
    world.counted("dixa", 1);
    assert_eq!(world.remote_writes_since(mark), Vec::<String>::new());
    assert_eq!(world.subscription("crm")["status"], before);
    let writes = world.operator_writes(&mut audit);
    let ours: Vec<&String> = writes
        .iter()
        .filter(|write| write.contains("webhooksubscriptions"))
        .collect();
    assert!(ours.is_empty(), "{ours:?}");
}
