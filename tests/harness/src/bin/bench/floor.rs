//! What any program would pay: one request and three writes an object and nothing else, on the same
//! machine, with the same concurrency and with the bodies that the operator writes.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use test_harness::HttpClient;

use crate::Outcome;
use crate::manifests::{self, KIND};
use crate::world::{UNLIMITED, World, at_once};

/// How long it takes. `sample` is an object as the operator left it.
pub fn floor(world: &World, count: usize, sample: &Value) -> Outcome<Duration> {
    let namespace = world.namespace("floor", Some(UNLIMITED))?;
    let objects = (0..count).map(|number| manifests::subscription(number, world.accounts, Some("0s")));
    world.store(&namespace, &objects.collect::<Vec<_>>())?;
    // The harness's client knows bearer tokens only.
    let scheme = json!({"dixa.authScheme": "both"});
    world.simulator.admin_patch("/admin/switches", &scheme)?;
    let authority = std::fs::read(world.simulator.ca_bundle())?;
    let provider =
        |number| HttpClient::with_token(world.simulator.http(), &authority, &manifests::token(number));
    let providers = (0..world.accounts).map(provider).collect::<Result<Vec<_>, _>>()?;
    let path = world.cluster.path(KIND, &namespace)?;
    let next = AtomicUsize::new(0);
    let begun = Instant::now();
    at_once(world.concurrency, || {
        loop {
            let number = next.fetch_add(1, Ordering::Relaxed);
            if number >= count {
                return Ok(());
            }
            one(world, &providers[number % world.accounts], &path, number, sample)?;
        }
    })?;
    let took = begun.elapsed();
    clear(world, &namespace)?;
    Ok(took)
}

/// Takes everything away again, here and at the provider.
fn clear(world: &World, namespace: &str) -> Outcome<()> {
    world.simulator.admin_delete("/admin/subscriptions")?;
    let path = world.cluster.path(KIND, namespace)?;
    let objects = world.cluster.list_json(KIND, namespace)?;
    let next = AtomicUsize::new(0);
    at_once(8, || {
        while let Some(object) = objects.get(next.fetch_add(1, Ordering::Relaxed)) {
            let name = object["metadata"]["name"].as_str().unwrap_or_default();
            world.patch(
                &format!("{path}/{name}"),
                &json!({"metadata": {"finalizers": null}}),
            )?;
        }
        Ok(())
    })?;
    world.delete_all(namespace)
}

/// Finalizer, write-ahead entry, create, result.
fn one(world: &World, provider: &HttpClient, path: &str, number: usize, sample: &Value) -> Outcome<()> {
    let path = format!("{path}/{}", manifests::name(number));
    let finalizers = json!({"metadata": {"finalizers": ["webhook-operator.io/remote"]}});
    world.patch(&path, &finalizers)?;
    let status = json!({"status": sample["status"]});
    let mut begun = status.clone();
    begun["status"]["pendingOperations"] = json!([{
        "key": "default", "verb": "Create", "attempt": 1, "generation": 1, "startedAt": "2026-01-01T00:00:00Z",
    }]);
    world.patch(&format!("{path}/status"), &begun)?;
    let body = json!({
        "name": format!("{} [a marker of the length that the operator writes]", manifests::name(number)),
        "url": manifests::url(number, 0),
        "authorization": {"_type": "NoAuth"},
        "customHeaders": {},
        "events": ["ConversationCreated", "ConversationAssigned", "ConversationClosed"],
    });
    provider.post("/v1/webhooks", &body)?.ok()?;
    world.patch(&format!("{path}/status"), &status)
}
