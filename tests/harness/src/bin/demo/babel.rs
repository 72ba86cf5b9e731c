//! Babel: one subscription for each event, a signing key made here, a test event.

use std::time::{SystemTime, UNIX_EPOCH};

use crate::example::Example;
use crate::steps::{Given, random};
use crate::world::{Remote, StepError, World, ensure, hash};

const BABEL: Example = Example {
    name: "babel",
    subscription: "billing",
};
/// The Secret that `signing.generate` of the example names.
const SIGNING: &str = "billing-signing";

/// The key that the simulator knows unless told otherwise.
pub(crate) const KEY: &str = "api_EXAMPLEEXAMPLEEXAMPLE0001";
/// The simulated receiver takes a test event half a second after it was asked for.
pub(crate) const TESTS_ARRIVE: &str = "babel.testDelivery=500";

/// The whole act.
pub(crate) fn play(world: &World, given: &mut Given) -> Result<(), StepError> {
    let title = "7  Babel: a subscription for each event, a signing key made by the operator, a test event";
    become_ready(world, title, given)?;
    edit(world)?;
    test(world)?;
    BABEL.delete(world)?;
    keep_key(world)
}

/// From nothing to the subscriptions at the provider.
pub(crate) fn become_ready(world: &World, title: &str, given: &mut Given) -> Result<(), StepError> {
    world.screen.title(title);
    let tenant_key = random()?;
    let values = [
        ("babel-api", "key", KEY),
        ("billing-headers", "tenant-key", &tenant_key),
    ];
    BABEL.apply(world, &values)?;
    BABEL.until_ready(world)?;
    let remotes = BABEL.show_remotes(world, 2, &["id", "eventType", "name", "secret"])?;
    world
        .screen
        .checked("each event has a subscription of its own, under the id that status has");
    world.kubectl(&["get", "secret", SIGNING])?;
    let key = world.secret(SIGNING, "signingKey")?;
    let signs = |remote: &Remote| remote.text("secret") == key;
    ensure(!key.is_empty() && remotes.iter().all(signs), || {
        format!("a subscription has another key than Secret {SIGNING}")
    })?;
    let sent = |remote: &Remote| remote.get("headers").to_string().contains(&tenant_key);
    ensure(remotes.iter().all(sent), || {
        "a subscription lacks the header from Secret billing-headers".to_owned()
    })?;
    world.screen.checked(format_args!(
        "both have the key that the operator made and put into Secret {SIGNING}: {}",
        hash(&key)
    ));
    given.all.extend([KEY.to_owned(), tenant_key, key]);
    Ok(())
}

/// An event is taken out of the spec.
fn edit(world: &World) -> Result<(), StepError> {
    let before = world.remotes(BABEL.name)?;
    let removed = BABEL.remove_last_event(world)?;
    let after = BABEL.show_remotes(world, 1, &["id", "eventType"])?;
    let kept = |remote: &&Remote| remote.text("eventType") != removed;
    let kept: Vec<String> = before.iter().filter(kept).map(Remote::id).collect();
    ensure(after.iter().map(Remote::id).eq(kept), || {
        "the subscription of the other event is not what it was".to_owned()
    })?;
    world.screen.checked(format_args!(
        "only the subscription of {removed} is gone; the other one is the same"
    ));
    Ok(())
}

/// A test event is asked for, and its receipt read.
fn test(world: &World) -> Result<(), StepError> {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    let asked = format!("webhook-operator.io/test-requested-at={}", now.as_secs());
    world.kubectl(&["annotate", "whsub", BABEL.subscription, &asked])?;
    let arrived = "--for=jsonpath={.status.lastTest.results[0].result}=Succeeded";
    world.kubectl(&["wait", arrived, &BABEL.objects().1, "--timeout=60s"])?;
    let receipt = r#"jsonpath={.status.lastTest}{"\n"}"#;
    world.kubectl(&["get", "whsub", BABEL.subscription, "-o", receipt])?;
    let receipt = &world.existing("whsub", BABEL.subscription)?["status"]["lastTest"]["results"][0];
    let remotes = world.remotes(BABEL.name)?;
    let events: Vec<_> = remotes
        .iter()
        .filter_map(|remote| remote.get("events").as_array())
        .flatten()
        .map(|event| event["id"].to_string())
        .collect();
    ensure(events.len() == 1 && receipt["eventID"] == *events[0], || {
        format!("the provider made the events {events:?}, and the receipt is {receipt}")
    })?;
    world.screen.checked(format_args!(
        "the provider made one test event, {}, and the receipt says that it arrived",
        events[0]
    ));
    Ok(())
}

/// The key outlives the objects.
fn keep_key(world: &World) -> Result<(), StepError> {
    world.kubectl(&["get", "secret", SIGNING])?;
    world
        .screen
        .checked("the key stays, so that who restores the object has the same one");
    Ok(())
}
