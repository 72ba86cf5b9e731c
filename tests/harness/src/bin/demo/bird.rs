//! Bird: a subscription for each event and value of a filter, and none of them twice.

use std::collections::BTreeSet;

use serde_json::json;

use crate::example::Example;
use crate::steps::{Given, random};
use crate::world::{Remote, StepError, World, ensure};

const BIRD: Example = Example {
    name: "bird",
    subscription: "inbox",
};
/// An object that asks for the same.
const TWIN: &str = "inbox-copy";

/// The workspace that the example names.
pub(crate) const WORKSPACE: &str = "6f1d3b52-8c0e-4a57-9b8e-2d4c7a90e1f3";
/// The simulated workspace's access key.
pub(crate) const KEY: &str = "bird-key-example";

/// The whole act.
pub(crate) fn play(world: &World, given: &mut Given) -> Result<(), StepError> {
    let title = "8  Bird: a subscription for each event and filter value, and none of them twice";
    become_ready(world, title, given)?;
    edit(world)?;
    refuse_twin(world)?;
    BIRD.delete(world)
}

/// From nothing to the subscriptions at the provider.
pub(crate) fn become_ready(world: &World, title: &str, given: &mut Given) -> Result<(), StepError> {
    world.screen.title(title);
    let signing_key = random()?;
    let values = [
        ("bird-api", "accessKey", KEY),
        ("inbox-signing", "signingKey", &signing_key),
    ];
    BIRD.apply(world, &values)?;
    BIRD.until_ready(world)?;
    let remotes = BIRD.show_remotes(world, 4, &["id", "service", "event", "eventFilters"])?;
    let spec = &world.existing("whsub", BIRD.subscription)?["spec"];
    let texts = |list: &serde_json::Value| -> Vec<String> {
        let texts = list.as_array().into_iter().flatten();
        texts.filter_map(|text| Some(text.as_str()?.to_owned())).collect()
    };
    let values = texts(&spec["filters"][0]["conditions"][0]["values"]);
    let pair = |event: &String, value: &String| (event.clone(), value.clone());
    let events = texts(&spec["events"]);
    let wanted = events
        .iter()
        .flat_map(|event| values.iter().map(move |value| pair(event, value)));
    let wanted: BTreeSet<(String, String)> = wanted.collect();
    let found = |remote: &Remote| {
        (
            remote.text("event").to_owned(),
            remote.text("eventFilters/0/value").to_owned(),
        )
    };
    let found: BTreeSet<(String, String)> = remotes.iter().map(found).collect();
    ensure(wanted == found, || {
        format!("the provider has {found:?}, and the spec asks for {wanted:?}")
    })?;
    let signs = |remote: &Remote| remote.text("signingKey") == signing_key;
    ensure(remotes.iter().all(signs), || {
        "a subscription has another key than Secret inbox-signing".to_owned()
    })?;
    world.screen.checked(
        "each event has a subscription for each channel, and all sign with the key of Secret inbox-signing",
    );
    given.all.extend([KEY.to_owned(), signing_key]);
    Ok(())
}

/// An event is taken out of the spec.
fn edit(world: &World) -> Result<(), StepError> {
    let before = world.remotes(BIRD.name)?;
    let removed = BIRD.remove_last_event(world)?;
    let after = BIRD.show_remotes(world, 2, &["id", "event"])?;
    let kept = |remote: &&Remote| remote.text("event") != removed;
    let kept: BTreeSet<String> = before.iter().filter(kept).map(Remote::id).collect();
    let left: BTreeSet<String> = after.iter().map(Remote::id).collect();
    ensure(left == kept, || {
        "the subscriptions of the other event are not what they were".to_owned()
    })?;
    world.screen.checked(format_args!(
        "only the subscriptions of {removed} are gone; the others are the same"
    ));
    Ok(())
}

/// Another object asks for the same: with no names, both would take the one subscription for their own.
fn refuse_twin(world: &World) -> Result<(), StepError> {
    let before: BTreeSet<String> = world.remotes(BIRD.name)?.iter().map(Remote::id).collect();
    let object = world.existing("whsub", BIRD.subscription)?;
    let twin = json!({
        "apiVersion": object["apiVersion"],
        "kind": object["kind"],
        "metadata": {"name": TWIN},
        "spec": object["spec"],
    });
    let file = world.write("inbox-copy.json", &format!("{twin:#}\n"))?;
    world.kubectl(&["apply", "-f", &world.short(&file)])?;
    let twin = format!("whsub/{TWIN}");
    world.kubectl(&["wait", "--for=condition=Stalled", &twin, "--timeout=60s"])?;
    world.kubectl(&["get", "whsub"])?;
    let message = r#"jsonpath={.status.conditions[?(@.type=="Stalled")].message}{"\n"}"#;
    let message = world.kubectl(&["get", "whsub", TWIN, "-o", message])?;
    ensure(message.contains(BIRD.subscription), || {
        "the message does not name the object that was first".to_owned()
    })?;
    world.kubectl(&["delete", "whsub", TWIN, "--timeout=60s"])?;
    let after: BTreeSet<String> = world.remotes(BIRD.name)?.iter().map(Remote::id).collect();
    ensure(before == after, || {
        "the second object changed something at the provider".to_owned()
    })?;
    world.screen.checked(
        "a second object with the same content got nothing, and made nothing; the first one keeps its own",
    );
    Ok(())
}
