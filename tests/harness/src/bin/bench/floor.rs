//! What any program would pay: one request and three writes an object and nothing else, on the same
//! machine, with the same concurrency and with the bodies that the operator writes.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;
use std::time::Instant;

use serde_json::{Value, json};
use test_harness::HttpClient;

use crate::Outcome;
use crate::manifests::{self, KIND};
use crate::report::{Report, seconds};
use crate::world::{TOKEN, UNLIMITED, World};

/// `sample` is an object as the operator left it.
pub fn floor(world: &mut World, sample: &Value, report: &mut Report) -> Outcome<()> {
    let count = world.count;
    report.section(&format!(
        "floor: {count} times one POST and three writes by a bare loop, {} at once",
        world.concurrency
    ));
    let namespace = world.namespace("floor", world.simulator.http(), Some(UNLIMITED))?;
    let objects = manifests::list(&manifests::subscriptions(count, Some("0s")));
    world.apply(&namespace, &objects)?;
    // The harness's client knows bearer tokens only.
    let scheme = json!({"dixa.authScheme": "both"});
    world.simulator.admin_patch("/admin/switches", &scheme)?;
    let authority = std::fs::read(world.simulator.ca_bundle())?;
    let provider = HttpClient::with_token(world.simulator.http(), &authority, TOKEN)?;
    let path = world.cluster.path(KIND, &namespace)?;
    let next = AtomicUsize::new(0);
    let work = || -> Result<(), String> {
        loop {
            let number = next.fetch_add(1, Ordering::Relaxed);
            if number >= count {
                return Ok(());
            }
            one(world, &provider, &path, number, sample).map_err(|error| error.to_string())?;
        }
    };
    let begun = Instant::now();
    let done: Result<Vec<()>, String> = thread::scope(|scope| {
        let threads: Vec<_> = (0..world.concurrency).map(|_| scope.spawn(work)).collect();
        threads
            .into_iter()
            .map(|thread| {
                thread
                    .join()
                    .unwrap_or_else(|_| Err("a thread panicked".to_owned()))
            })
            .collect()
    });
    done?;
    let floor = begun.elapsed();
    report.figure("all done", seconds(floor));
    if let Some(operator) = world.time_to_ready {
        let ratio = operator.as_secs_f64() / floor.as_secs_f64();
        report.figure("the operator needs", format!("{ratio:.2} times as long"));
    }
    Ok(())
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
        "url": manifests::url(number),
        "authorization": {"_type": "NoAuth"},
        "customHeaders": {},
        "events": ["ConversationCreated", "ConversationAssigned", "ConversationClosed"],
    });
    provider.post("/v1/webhooks", &body)?.ok()?;
    world.patch(&format!("{path}/status"), &status)
}
