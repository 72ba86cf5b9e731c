//! Every phase in the life of a `WebhookSubscription`, on a real control plane.

use provider_simulator::{DeliveryResult, FaultAction, FaultPlan, RequestFilter};
use serde_json::{Value, json};

use crate::phases::Phases;
use crate::support::{PROVIDER, SUBSCRIPTION, Setup, Side, World, condition};

/// Lets every request of an operation (empty: all) fail until the faults are cleared.
pub fn fail(world: &World, operation: &str) {
    let requests = if operation.is_empty() {
        RequestFilter::default()
    } else {
        RequestFilter::operation("dixa", operation)
    };
    let action = FaultAction::fail(503);
    world.simulator.add_fault(FaultPlan::every(requests, action));
}

/// Moves the time of a condition's last change back by so many minutes; the operator must not run.
pub fn long_since(world: &World, kind: &str, name: &str, wanted: &str, minutes: i64) {
    let mut object = world.object(kind, name);
    let time = jiff::Timestamp::now() - jiff::SignedDuration::from_mins(minutes);
    let conditions = object["status"]["conditions"].as_array_mut().unwrap();
    for found in conditions.iter_mut().filter(|found| found["type"] == wanted) {
        found["lastTransitionTime"] = format!("{time:.0}").into();
    }
    world.patch_status(kind, name, json!({"status": {"conditions": conditions}}));
}

fn reconciling(world: &World, name: &str) -> Value {
    world.becomes(SUBSCRIPTION, name, "Reconciling", "True", "")
}

/// Waits for something to be missing, each thing in its turn.
fn waiting(world: &World, phases: &mut Phases) {
    world.subscribe("crm", json!({"providerRef": {"name": "absent"}}));
    phases.note(
        "no-provider",
        "InProgress",
        "Progressing",
        reconciling(world, "crm"),
    );
    world.delete(SUBSCRIPTION, "crm");
    world.gone(SUBSCRIPTION, "crm");
    let login = |secret: &str| json!({"authorization": {"basic": {"secretRef": {"name": secret}}}});
    world.subscribe("crm", login("absent"));
    phases.note(
        "no-secret",
        "InProgress",
        "Progressing",
        reconciling(world, "crm"),
    );
    world.secret(
        "crm-login",
        "",
        &[("username", "dixa"), ("password", "a-long-password")],
    );
    world.subscribe("crm", login("crm-login"));
    world.refused("crm", "SecretNotReleased");
    let object = world.subscription("crm");
    phases.note("secret-not-released", "Failed", "Degraded", object);
    world.subscribe(
        "crm",
        json!({"signing": {"generate": {"secretName": "crm-signing"}}}),
    );
    world.refused("crm", "UnsupportedByProvider");
    phases.note("refused", "Failed", "Degraded", world.subscription("crm"));
    world.delete(SUBSCRIPTION, "crm");
    world.gone(SUBSCRIPTION, "crm");
}

/// As if what fails had failed for ten minutes: a new process reads it so in the status.
fn fails_for_long(world: &mut World) {
    world.stop_operator();
    long_since(world, SUBSCRIPTION, "crm", "Synced", 10);
    world.start_operator();
}

/// What fails for a while at the provider.
fn retrying(world: &mut World, phases: &mut Phases) {
    fail(world, "create");
    world.subscribe("crm", json!({}));
    let object = world.becomes(SUBSCRIPTION, "crm", "Reconciling", "True", "ProgressingWithRetry");
    phases.note("create-fails", "InProgress", "Progressing", object);
    fails_for_long(world);
    let object = world.becomes(SUBSCRIPTION, "crm", "Ready", "False", "ProviderUnavailable");
    phases.note("create-fails-for-long", "InProgress", "Degraded", object);
    world.simulator.clear_faults();
    phases.note("ready", "Current", "Healthy", world.ready("crm"));

    fail(world, "patch");
    world.subscribe("crm", json!({"enabled": false}));
    let object = world.becomes(SUBSCRIPTION, "crm", "Reconciling", "True", "ProgressingWithRetry");
    phases.note("change-fails", "InProgress", "Progressing", object);
    world.simulator.clear_faults();
    world.ready("crm");

    fail(world, "");
    world.nudge(SUBSCRIPTION, "crm", "outage");
    let object = world.becomes(SUBSCRIPTION, "crm", "Synced", "False", "");
    phases.note("outage", "Current", "Healthy", object);
    fails_for_long(world);
    let object = world.becomes(SUBSCRIPTION, "crm", "Ready", "False", "");
    phases.note("outage-for-long", "InProgress", "Degraded", object);
    world.simulator.clear_faults();
    world.ready("crm");
}

fn differing(world: &World, phases: &mut Phases) {
    world.subscribe("crm", json!({"driftPolicy": "Report"}));
    world.ready("crm");
    let remote = world.only_remote().id;
    let edit = json!({"url": "https://elsewhere.example/dixa"});
    world.simulator.dixa().edit(remote, &edit).unwrap();
    world.nudge(SUBSCRIPTION, "crm", "drift");
    let object = world.becomes(SUBSCRIPTION, "crm", "Synced", "False", "");
    phases.note("drift-reported", "Current", "Healthy", object);

    world.subscribe(
        "crm",
        json!({"delivery": {"interval": "5s", "failureThreshold": 3}}),
    );
    world.ready("crm");
    let result = DeliveryResult {
        event: "ConversationClosed".into(),
        success: false,
        response_code: 502,
        response_text: String::new(),
        times: Some(3),
        time_ms: None,
    };
    world.simulator.dixa().record_delivery(remote, &result).unwrap();
    let object = world.becomes(SUBSCRIPTION, "crm", "DeliveryHealthy", "False", "");
    phases.note("deliveries-failing", "Current", "Healthy", object);
    world.subscribe("crm", json!({}));
    world.ready("crm");
}

/// What the provider switches off, and what is switched on again.
fn switched_off(world: &World, phases: &mut Phases) {
    let spec = |on_disabled: &str| {
        let delivery = json!({"interval": "5s", "onDisabled": on_disabled});
        json!({"url": "https://hooks.acme.example/off", "delivery": delivery})
    };
    // Both looks were taken, at the subscription and at its deliveries, in whatever order.
    let off = |world: &World| {
        world.becomes(
            SUBSCRIPTION,
            "off",
            "DeliveryHealthy",
            "Unknown",
            "NoRecentDelivery",
        );
        world.eventually("the look that was asked for", || {
            (world.subscription("off")["status"]["lastHandledReconcileAt"] == "off").then_some(())
        });
        world.becomes(SUBSCRIPTION, "off", "Ready", "False", "DisabledByProvider")
    };
    world.subscribe("off", spec("Report"));
    world.ready("off");
    let id = world.external_id("off");
    Side::Dixa.edit(world, &id, json!({"enabled": false}));
    world.nudge(SUBSCRIPTION, "off", "off");
    phases.note("switched-off", "InProgress", "Degraded", off(world));
    world.subscribe("off", spec("Reenable"));
    let object = off(world);
    phases.note(
        "switched-off-until-something-arrives",
        "InProgress",
        "Degraded",
        object.clone(),
    );
    let since = object["status"]["subscriptions"][0]["disabledAt"]
        .as_str()
        .unwrap();
    let since: jiff::Timestamp = since.parse().unwrap();
    // What arrives is newer, also in whole seconds.
    world.eventually("the clock to go on", || {
        (jiff::Timestamp::now() >= since + jiff::SignedDuration::from_secs(1)).then_some(())
    });
    Side::Dixa.delivered(world, &id, Side::Dixa.events()[0], 200, 1);
    phases.note("switched-on-again", "Current", "Healthy", world.ready("off"));
    world.delete(SUBSCRIPTION, "off");
    world.gone(SUBSCRIPTION, "off");
}

/// The exchange of a key that the operator made, at a provider that takes one.
fn rotating(world: &World, phases: &mut Phases) {
    let side = Side::Bird;
    side.connect(world, json!({}));
    let signing = json!({
        "generate": {"secretName": "signed-key"},
        "rotation": {"interval": "720h", "overlap": "24h"},
    });
    side.subscribe(
        world,
        "signed",
        json!({"events": side.events()[..1], "signing": signing}),
    );
    phases.note("signed", "Current", "Healthy", world.ready("signed"));
    let failing = FaultAction::fail(503);
    world
        .simulator
        .add_fault(FaultPlan::every(side.requests("update"), failing));
    let annotations = json!({"webhook-operator.io/rotate-requested-at": "2026-01-01"});
    let metadata = json!({"metadata": {"annotations": annotations}});
    world.patch(SUBSCRIPTION, "signed", metadata);
    let object = world.becomes(SUBSCRIPTION, "signed", "Synced", "False", "");
    phases.note("rotation-fails", "Current", "Healthy", object);
    world.simulator.clear_faults();
    world.told("signed", "Normal KeyRotated");
    phases.note("rotated", "Current", "Healthy", world.ready("signed"));
    world.delete(SUBSCRIPTION, "signed");
    world.gone(SUBSCRIPTION, "signed");
    world.delete(PROVIDER, side.name());
    world.gone(PROVIDER, side.name());
}

fn suspended(world: &mut World, phases: &mut Phases) {
    let becomes = |world: &World, name: &str| world.becomes(SUBSCRIPTION, name, "Suspended", "True", "");
    world.subscribe(
        "later",
        json!({"suspend": true, "url": "https://hooks.acme.example/later"}),
    );
    phases.note(
        "suspended-from-the-start",
        "InProgress",
        "Suspended",
        becomes(world, "later"),
    );
    world.delete(SUBSCRIPTION, "later");
    world.gone(SUBSCRIPTION, "later");
    world.subscribe("crm", json!({"suspend": true}));
    phases.note("suspended", "Current", "Suspended", becomes(world, "crm"));
    world.subscribe("crm", json!({"suspend": true, "enabled": false}));
    phases.note(
        "suspended-and-edited",
        "Current",
        "Suspended",
        becomes(world, "crm"),
    );
    world.stop_operator();
    world.subscribe("crm", json!({"enabled": false}));
    let resumed = world.subscription("crm");
    phases.note("resumed-not-yet-seen", "InProgress", "Progressing", resumed);
    world.start_operator();
    world.ready("crm");
}

fn leaving(world: &mut World, phases: &mut Phases) {
    world.connect_with(json!({"guard": {"maxVanished": 0}}));
    let remote = world.only_remote().id;
    world.becomes(PROVIDER, "dixa", "Ready", "True", "");
    world.simulator.dixa().delete(remote).unwrap();
    world.nudge(SUBSCRIPTION, "crm", "vanished");
    let object = world.becomes(SUBSCRIPTION, "crm", "Stalled", "True", "Guarded");
    phases.note("guarded", "Failed", "Degraded", object);
    // Its status is written by another controller.
    let provider = world.becomes(PROVIDER, "dixa", "Ready", "False", "Guarded");
    let annotations = json!({"webhook-operator.io/guard-release": provider["status"]["guard"]["token"]});
    world.patch(
        PROVIDER,
        "dixa",
        json!({"metadata": {"annotations": annotations}}),
    );
    world.ready("crm");

    fail(world, "delete");
    world.delete(SUBSCRIPTION, "crm");
    let object = world.becomes(SUBSCRIPTION, "crm", "Ready", "False", "Deleting");
    phases.note("deleting", "Terminating", "Progressing", object);
    world.delete("secrets", "dixa-api");
    // The key that worked last is kept in memory for deletions; a restart forgets it.
    world.stop_operator();
    world.simulator.clear_faults();
    world.start_operator();
    let object = world.becomes(SUBSCRIPTION, "crm", "Stalled", "True", "DeletionBlocked");
    phases.note("deletion-blocked", "Terminating", "Progressing", object);
    world.connect();
    world.gone(SUBSCRIPTION, "crm");
    assert_eq!(world.remote().len(), 0);
}

#[test]
fn a_subscription_is_judged_rightly_in_every_phase_of_its_life() {
    let mut phases = Phases::of("WebhookSubscription");
    let mut world = Setup::new().without_operator().start();
    world.subscribe("crm", json!({}));
    let object = world.subscription("crm");
    assert_eq!(object["status"], json!({"observedGeneration": -1}));
    phases.note("created", "InProgress", "Progressing", object);
    world.delete(SUBSCRIPTION, "crm");
    world.connect();
    world.start_operator();
    waiting(&world, &mut phases);
    retrying(&mut world, &mut phases);
    differing(&world, &mut phases);
    switched_off(&world, &mut phases);
    rotating(&world, &mut phases);

    world.stop_operator();
    world.subscribe("crm", json!({"enabled": false}));
    let object = world.subscription("crm");
    assert_eq!(condition(&object, "Ready")["status"], "True");
    phases.note("edited", "InProgress", "Progressing", object);
    world.start_operator();
    world.ready("crm");

    suspended(&mut world, &mut phases);
    leaving(&mut world, &mut phases);
    phases.hold();
}
