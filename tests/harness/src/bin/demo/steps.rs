//! The main job, step by step, with Dixa.

use std::fs::File;
use std::io::Read as _;
use std::path::PathBuf;
use std::time::{SystemTime, UNIX_EPOCH};

use serde_json::{Value, json};

use crate::example::Example;
use crate::screen::say;
use crate::world::{StepError, World, ensure, hash, sorted};

const PROVIDER: &str = "dixa";
const SUBSCRIPTION: &str = "crm";
const DIXA: Example = Example {
    name: PROVIDER,
    subscription: SUBSCRIPTION,
};
const NAMESPACE: &str = "support";

/// The token that the simulator knows unless told otherwise.
const TOKEN: &str = "dixa-token-example";

/// What the demo put into Secrets, to look for at the provider and in the operator's log.
pub(crate) struct Given {
    password: String,
    pub(crate) all: Vec<String>,
}

/// Step 1: from nothing to a subscription at the provider.
pub(crate) fn become_ready(world: &World) -> Result<Given, StepError> {
    world
        .screen
        .title("1  Provider and subscription are applied and become Ready");
    let given = apply_example(world)?;
    DIXA.until_ready(world)?;
    world.kubectl(&["get", "whprov,whsub", "-o", "wide"])?;
    let remote = world.remote()?;
    world.show_remote(
        &remote,
        &[
            "id",
            "name",
            "url",
            "enabled",
            "events",
            "filters",
            "authorization",
            "customHeaders",
            "secretKey",
        ],
    );
    let object = world.existing("whsub", SUBSCRIPTION)?;
    let id = &object["status"]["subscriptions"][0]["externalID"];
    ensure(id == remote.text("id"), || {
        format!("status names the id {id}, the provider another")
    })?;
    let spec = &object["spec"];
    let same = spec["url"] == remote.text("url") && sorted(&spec["events"]) == remote.events();
    ensure(same && remote.is_enabled(), || {
        "address or events at the provider are not the object's".to_owned()
    })?;
    ensure(remote.filters().to_string().contains("InitialChannel"), || {
        "the provider has no filter on InitialChannel".to_owned()
    })?;
    world.screen.checked(
        "the provider holds one subscription: the id of status, the address, events and filter of the spec",
    );
    ensure(remote.text("authorization/password") == given.password, || {
        "the provider has another password than Secret crm-login".to_owned()
    })?;
    ensure(
        world.secret("crm-signing", "signingKey")? == remote.text("secretKey"),
        || "Secret crm-signing does not hold the provider's signing key".to_owned(),
    )?;
    world.screen.checked(
        "it has the password of Secret crm-login; Secret crm-signing has the key that the provider signs with",
    );
    Ok(given)
}

/// What a user types to get there.
fn apply_example(world: &World) -> Result<Given, StepError> {
    world.kubectl(&["create", "namespace", NAMESPACE])?;
    let namespace = format!("--namespace={NAMESPACE}");
    world.kubectl(&["config", "set-context", "--current", &namespace])?;
    let bundle = format!("--from-file={}", world.short(&world.folder.join("ca.crt")));
    world.kubectl(&["create", "configmap", "provider-ca", &bundle])?;

    let (password, tenant_key) = (random()?, random()?);
    let values = [
        ("dixa-api", "token", TOKEN),
        ("crm-login", "password", &password),
        ("crm-headers", "tenant-key", &tenant_key),
    ];
    DIXA.apply(world, &values)?;
    let all = vec![TOKEN.to_owned(), password.clone(), tenant_key];
    Ok(Given { password, all })
}

/// Step 2: the spec is edited.
pub(crate) fn edit_spec(world: &World) -> Result<(), StepError> {
    world
        .screen
        .title("2  The spec is edited, and the change arrives at the provider");
    let before = world.remote()?;
    let added = "ConversationRated";
    ensure(!before.events().contains(&added), || {
        format!("{added} is there already")
    })?;
    let patch = json!([{"op": "add", "path": "/spec/events/-", "value": added}]).to_string();
    let printed = world.kubectl(&["patch", "whsub", SUBSCRIPTION, "--type=json", "-p", &patch])?;
    ensure(printed.contains("patched"), || {
        "kubectl did not patch the object".to_owned()
    })?;
    DIXA.until_synced(world)?;
    world.kubectl(&["get", "whsub", SUBSCRIPTION])?;
    let after = world.remote()?;
    world.show_remote(&after, &["id", "events"]);
    let mut wanted = before.events();
    wanted.push(added);
    wanted.sort_unstable();
    ensure(after.events() == wanted, || {
        format!("the events are {:?}, not {wanted:?}", after.events())
    })?;
    ensure(after.text("id") == before.text("id"), || {
        "the subscription was made anew".to_owned()
    })?;
    world
        .screen
        .checked(format_args!("the same subscription now has {added} too"));
    Ok(())
}

/// Step 3: somebody changes the subscription at the provider.
pub(crate) fn repair_drift(world: &World) -> Result<(), StepError> {
    world
        .screen
        .title("3  Somebody edits the subscription at the provider, and it is repaired");
    let before = world.remote()?;
    let path = format!("/admin/dixa/subscriptions/{}", before.text("id"));
    let edit = json!({"enabled": false, "url": "https://elsewhere.example/dixa"});
    world.change_remote("PATCH", &path, &edit)?;
    let edited = world.remote()?;
    world.show_remote(&edited, &["enabled", "url"]);
    ensure(
        !edited.is_enabled() && edited.text("url") != before.text("url"),
        || "the edit by hand did not take effect".to_owned(),
    )?;
    say("  It would be found within spec.interval, 10m by default; asking for it is faster:");
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    let asked = format!("webhook-operator.io/reconcile-requested-at={}", now.as_secs());
    world.kubectl(&["annotate", "whsub", SUBSCRIPTION, &asked, "--overwrite"])?;
    let repaired = world.until_remote("the repair at the provider", |remote| {
        remote.is_enabled() && remote.text("url") == before.text("url")
    })?;
    world.show_remote(&repaired, &["enabled", "url"]);
    ensure(repaired.text("id") == before.text("id"), || {
        "the subscription was made anew".to_owned()
    })?;
    let events = ["get", "events", "--field-selector", "reason=DriftCorrected"];
    world.until_found(
        "the Event DriftCorrected",
        &[&events[..], &["-o", "name"]].concat(),
    )?;
    world.kubectl(&events)?;
    world
        .screen
        .checked("the subscription is as the spec says again, and an Event tells what was repaired");
    Ok(())
}

/// Step 4: the Secret of the deliveries gets another password.
pub(crate) fn rotate_secret(world: &World, given: &mut Given) -> Result<(), StepError> {
    world
        .screen
        .title("4  The delivery Secret is rotated, and the provider follows");
    let before = world.remote()?;
    world.show_remote(&before, &["authorization"]);
    let password = random()?;
    let patch = json!({"stringData": {"password": password}}).to_string();
    let file = world.write("new-password.yaml", &patch)?;
    world.kubectl(&[
        "patch",
        "secret",
        "crm-login",
        "--patch-file",
        &world.short(&file),
    ])?;
    let after = world.until_remote("the new password at the provider", |remote| {
        remote.text("authorization/password") == password
    })?;
    world.show_remote(&after, &["authorization"]);
    let (old, new) = (
        hash(before.text("authorization/password")),
        hash(after.text("authorization/password")),
    );
    ensure(old != new && after.text("id") == before.text("id"), || {
        "the password did not change in the same subscription".to_owned()
    })?;
    world.screen.checked(format_args!(
        "the provider's password changed from {old} to {new}, the new Secret's"
    ));
    given.password.clone_from(&password);
    given.all.push(password);
    Ok(())
}

/// Step 5: the receiver is down for a while.
pub(crate) fn report_deliveries(world: &World) -> Result<(), StepError> {
    world
        .screen
        .title("5  Deliveries fail, which shows in status, and recover");
    let polled = json!({"spec": {"delivery": {"interval": "5s"}}}).to_string();
    world.kubectl(&["patch", "whsub", SUBSCRIPTION, "--type=merge", "-p", &polled])?;
    let id = world.remote()?.text("id").to_owned();
    let path = format!("/admin/dixa/subscriptions/{id}/deliveries");
    let failed = json!({
        "event": "ConversationClosed", "success": false, "code": 503, "text": "Service Unavailable", "times": 5,
    });
    world.change_remote("POST", &path, &failed)?;
    until_delivery(world, "False")?;
    let condition = r#"jsonpath={.status.conditions[?(@.type=="DeliveryHealthy")].message}{"\n"}"#;
    let message = world.kubectl(&["get", "whsub", SUBSCRIPTION, "-o", condition])?;
    ensure(message.contains("ConversationClosed"), || {
        "the condition's message does not name the event".to_owned()
    })?;
    let object = world.existing("whsub", SUBSCRIPTION)?;
    let ready = condition_status(&object, "Ready");
    ensure(ready == "True", || {
        format!("Ready is {ready:?}: deliveries must not change it")
    })?;
    world.screen.checked(
        "Delivery is False and the message names the event; Ready stays True, as the provider holds what it should",
    );
    let delivered = json!({"event": "ConversationClosed", "success": true, "code": 200, "text": "OK"});
    world.change_remote("POST", &path, &delivered)?;
    until_delivery(world, "True")?;
    world.screen.checked("Delivery is True again");
    Ok(())
}

fn until_delivery(world: &World, status: &str) -> Result<(), StepError> {
    let condition = format!("--for=condition=DeliveryHealthy={status}");
    let subscription = format!("whsub/{SUBSCRIPTION}");
    world.kubectl(&["wait", &condition, &subscription, "--timeout=60s"])?;
    world.kubectl(&["get", "whsub", SUBSCRIPTION])?;
    Ok(())
}

/// The status of a condition; empty where there is none.
fn condition_status<'a>(object: &'a Value, kind: &str) -> &'a str {
    let conditions = object["status"]["conditions"].as_array();
    let found = conditions.and_then(|all| all.iter().find(|one| one["type"] == kind));
    found.and_then(|one| one["status"].as_str()).unwrap_or_default()
}

/// Step 6: everything goes, in an order in which nothing is left behind.
pub(crate) fn delete(world: &World) -> Result<(), StepError> {
    world
        .screen
        .title("6  The subscription is deleted and is gone at the provider; then the provider object can go");
    world.kubectl(&["delete", "whprov", PROVIDER, "--wait=false"])?;
    let provider = world.existing("whprov", PROVIDER)?;
    ensure(provider["metadata"]["deletionTimestamp"].is_string(), || {
        "the provider object is not being deleted".to_owned()
    })?;
    let finalizers = r#"jsonpath={.metadata.finalizers}{"\n"}"#;
    let held = world.kubectl(&["get", "whprov", PROVIDER, "-o", finalizers])?;
    ensure(held.contains("webhook-operator.io/in-use"), || {
        "nothing holds the provider object that is in use".to_owned()
    })?;
    world
        .screen
        .checked("the provider object waits, because a subscription still refers to it");
    world.kubectl(&["delete", "whsub", SUBSCRIPTION, "--timeout=60s"])?;
    let left = world.show_remotes(PROVIDER, &["id", "name"])?;
    ensure(left.is_empty(), || {
        "the object is gone and its subscription at the provider is not".to_owned()
    })?;
    world
        .screen
        .checked("object and remote subscription are gone; none was left behind");
    let provider = format!("whprov/{PROVIDER}");
    world.kubectl(&["wait", "--for=delete", &provider, "--timeout=60s"])?;
    ensure(world.object("whprov", PROVIDER)?.is_none(), || {
        "the provider object is still there".to_owned()
    })?;
    world.kubectl(&["get", "webhooks"])?;
    world.screen.checked("the provider object is gone too");
    Ok(())
}

/// Nothing that is secret may be in the operator's log.
pub(crate) fn keep_secrets(world: &World, given: &Given, log: &str) -> Result<(), StepError> {
    let leaked = given.all.iter().filter(|secret| log.contains(*secret)).count();
    ensure(leaked == 0, || {
        format!("{leaked} secret values are in the operator's log")
    })?;
    let (values, lines) = (given.all.len(), log.lines().count());
    world.screen.checked(format_args!(
        "none of the {values} secret values is in the operator's log ({lines} lines)"
    ));
    Ok(())
}

/// A value for a Secret.
pub(crate) fn random() -> Result<String, StepError> {
    let path = "/dev/urandom";
    let mut bytes = [0; 16];
    let read = File::open(path).and_then(|mut file| file.read_exact(&mut bytes));
    read.map_err(|source| StepError::File {
        path: PathBuf::from(path),
        source,
    })?;
    Ok(format!("{:032x}", u128::from_ne_bytes(bytes)))
}
