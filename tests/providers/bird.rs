//! What only Bird has: services, a subscription for each combination of filters, and no place for what others have.

use provider_simulator::{Config, FaultAction, FaultPlan, Release, When};
use serde_json::{Value, json};

use crate::held;
use crate::support::{SUBSCRIPTION, Setup, Side, World, condition};

const BIRD: Side = Side::Bird;

fn connected() -> World {
    let world = World::start();
    BIRD.connect(&world, json!({}));
    world
}

fn is_in(field: &str, values: &[&str]) -> Value {
    json!({"field": field, "operator": "In", "values": values})
}

#[test]
fn an_event_may_name_its_service_and_one_that_does_not_belongs_to_that_of_the_options() {
    let world = connected();
    for (service, event) in [
        (None, "channels/sms.inbound"),
        (Some("channels"), "channels/sms.inbound"),
        (Some("conversations"), "conversations/sms.inbound"),
        (Some("numbers"), "numbers/sms.inbound"),
        (Some("payments"), "payments/sms.inbound"),
    ] {
        let options = service.map(|service| json!({"bird": {"service": service}}));
        let change = json!({"events": ["sms.inbound", "payments/payment.created"], "options": options});
        BIRD.subscribe(&world, "crm", change);
        world.eventually(event, || {
            let mut events: Vec<String> = BIRD.rows(&world).into_iter().flat_map(|row| row.events).collect();
            events.sort();
            let mut wanted = [event.to_owned(), "payments/payment.created".to_owned()];
            wanted.sort();
            (events == wanted)
                .then_some(())
                .ok_or_else(|| format!("{events:?}"))
        });
        let ready = world.ready("crm");
        let keys = ready["status"]["subscriptions"].to_string();
        assert!(keys.contains(event), "{keys}");
    }
    BIRD.subscribe(&world, "crm", json!({"events": ["voices/sms.inbound"]}));
    let message = world.refused("crm", "UnsupportedByProvider");
    assert!(
        message.contains("spec.events") && message.contains("conversations"),
        "{message}"
    );
}

#[test]
fn several_values_of_a_field_are_several_remote_subscriptions() {
    let world = connected();
    let filters = |values: &[&str]| {
        let conditions = [is_in("channelId", values), is_in("platformId", &["sms"])];
        json!({"events": ["sms.inbound"], "filters": [{"match": "All", "conditions": conditions}]})
    };
    BIRD.subscribe(&world, "crm", filters(&["c1", "c2"]));
    let ready = world.ready("crm");
    assert_eq!(ready["status"]["subscriptionCount"]["summary"], "2/2");
    let found =
        |world: &World| -> Vec<String> { BIRD.rows(world).into_iter().map(|row| row.filters).collect() };
    assert_eq!(
        found(&world),
        ["channelId=c1,platformId=sms", "channelId=c2,platformId=sms"]
    );
    let (kept, mark) = (BIRD.ids(&world), world.mark());
    BIRD.subscribe(&world, "crm", filters(&["c1", "c2", "c3"]));
    world.eventually("the third", || BIRD.rows(&world).len() == 3);
    world.ready("crm");
    assert_eq!(BIRD.writes(&world, mark).len(), 1);
    assert!(kept.iter().all(|id| BIRD.ids(&world).contains(id)));
    BIRD.subscribe(&world, "crm", filters(&["c3"]));
    world.eventually("one", || BIRD.rows(&world).len() == 1);
    assert_eq!(found(&world), ["channelId=c3,platformId=sms"]);
    world.ready("crm");
}

#[test]
fn what_bird_does_not_have_is_refused_with_the_name_of_the_field() {
    let world = connected();
    world.secret("login", "delivery", &[("username", "u"), ("password", "p")]);
    let not_in = json!({"field": "channelId", "operator": "NotIn", "values": ["c1"]});
    let two = json!([is_in("channelId", &["c1"]), is_in("platformId", &["sms"])]);
    let cases = [
        ("not-in", json!({"filters": [{"conditions": [not_in]}]}), "NotIn"),
        (
            "any",
            json!({"filters": [{"match": "Any", "conditions": two}]}),
            "Any",
        ),
        (
            "scope",
            json!({"filters": [{"scope": "X", "conditions": [is_in("a", &["b"])]}]}),
            "scope",
        ),
        (
            "login",
            json!({"authorization": {"basic": {"secretRef": {"name": "login"}}}}),
            "spec.authorization",
        ),
        (
            "headers",
            json!({"headers": [{"name": "X-A", "value": "1"}]}),
            "spec.headers",
        ),
        (
            "publish",
            json!({"signing": {"publishProviderKey": {"secretName": "k"}}}),
            "spec.signing",
        ),
    ];
    for (name, change, named) in cases {
        BIRD.subscribe(&world, name, change);
        let message = world.refused(name, "UnsupportedByProvider");
        assert!(
            message.contains(named) && message.contains("spec."),
            "{name}: {message}"
        );
    }
    BIRD.subscribe(
        &world,
        "options",
        json!({"options": {"babel": {"maxRetryCount": 1}}}),
    );
    let message = world.refused("options", "InvalidSpec");
    assert!(message.contains("spec.options.babel"), "{message}");
    assert_eq!(BIRD.writes(&world, 0), [""; 0]);
}

#[test]
fn a_url_that_bird_would_not_take_is_refused_before_any_request() {
    let world = connected();
    for (name, url, why) in [
        ("port", "https://hooks.acme.example:8443/x", "port"),
        ("plain", "http://hooks.acme.example/x", "https"),
        ("inside", "https://crm/x", "dot"),
        ("address", "https://192.0.2.1/x", "IP address"),
        ("query", "https://hooks.acme.example?x=1", "query"),
    ] {
        BIRD.subscribe(&world, name, json!({"url": url}));
        let message = world.eventually(name, || {
            let accepted = condition(&world.subscription(name), "Accepted");
            let refused = accepted["status"] == "False";
            refused.then(|| accepted["message"].as_str().unwrap_or_default().to_owned())
        });
        assert!(
            message.contains("spec.url") && message.contains(why),
            "{name}: {message}"
        );
    }
    // A confidential one is refused as well, and not shown.
    world.secret(
        "hook",
        "delivery",
        &[("url", "https://hooks.acme.example:8443/hidden-path")],
    );
    let from = json!({"url": null, "urlFrom": {"secretKeyRef": {"name": "hook", "key": "url"}}});
    BIRD.subscribe(&world, "hidden", from);
    let object = world.becomes(SUBSCRIPTION, "hidden", "Accepted", "False", "");
    assert!(!object.to_string().contains("hidden-path"), "{object:#}");
    assert_eq!(BIRD.writes(&world, 0), [""; 0]);
}

#[test]
fn one_that_is_to_be_off_from_the_start_is_made_and_then_switched_off() {
    let world = connected();
    BIRD.subscribe(
        &world,
        "crm",
        json!({"events": ["sms.inbound"], "enabled": false}),
    );
    world.ready("crm");
    assert!(!BIRD.only(&world).enabled);
    let writes = BIRD.writes(&world, 0);
    let id = BIRD.only(&world).id;
    assert_eq!(writes.len(), 2, "{writes:?}");
    assert_eq!(writes[1], format!("patch {id}"));
    let status = world.subscription("crm")["status"]["subscriptions"][0]["state"].clone();
    assert_eq!(status, "Disabled");
}

#[test]
fn one_that_is_to_be_off_is_switched_off_also_when_the_process_dies_in_between() {
    let mut world = connected();
    BIRD.next(&world, "update", FaultAction::Hold { when: When::Before });
    BIRD.subscribe(
        &world,
        "crm",
        json!({"events": ["sms.inbound"], "enabled": false}),
    );
    let patch = held(&world);
    world.operator().kill9();
    world.simulator.release(patch, Release::Drop);
    world.start_operator();
    world.ready("crm");
    assert!(!BIRD.only(&world).enabled);
}

/// The answer to the one create is lost in some way after it took effect.
fn lost(world: &World) {
    BIRD.subscribe(world, "crm", json!({"events": ["sms.inbound"]}));
    world.ready("crm");
    let row = BIRD.only(world);
    assert_eq!(world.external_id("crm"), row.id);
    assert_eq!(BIRD.count(world, 0, "create"), 1, "a POST was repeated");
}

#[test]
fn a_lost_answer_to_a_create_leaves_exactly_one_at_bird() {
    for switch in ["bird.postDrops", "bird.postApplyThen5xx"] {
        let world = Setup::new().switch(switch, "yes").start();
        BIRD.connect(&world, json!({}));
        lost(&world);
    }
}

#[test]
fn a_death_in_a_create_leaves_exactly_one_at_bird() {
    let mut world = connected();
    BIRD.next(&world, "create", FaultAction::Hold { when: When::Applied });
    BIRD.subscribe(&world, "crm", json!({"events": ["sms.inbound"]}));
    let create = held(&world);
    world.operator().kill9();
    world.simulator.release(create, Release::Drop);
    world.start_operator();
    lost(&world);
}

fn many(world: &World, count: usize) {
    for i in 0..count {
        let url = format!("https://hooks.acme.example/hand-{i}");
        BIRD.create_by_hand(world, "sms.inbound", &url);
    }
}

#[test]
fn a_sixth_identical_filter_set_of_ours_is_refused_before_any_call() {
    let world = connected();
    for i in 0..5 {
        let url = format!("https://hooks.acme.example/{i}");
        BIRD.subscribe(
            &world,
            &format!("crm-{i}"),
            json!({"events": ["sms.inbound"], "url": url}),
        );
        world.ready(&format!("crm-{i}"));
    }
    let sixth = json!({"events": ["sms.inbound"], "url": "https://hooks.acme.example/sixth"});
    BIRD.subscribe(&world, "sixth", sixth);
    let object = world.becomes(SUBSCRIPTION, "sixth", "Ready", "False", "TooManyIdentical");
    let message = condition(&object, "Ready")["message"].to_string();
    assert!(message.contains('5'), "{message}");
    assert_eq!(BIRD.count(&world, 0, "create"), 5);
    // Room is made when one of them goes.
    world.delete(SUBSCRIPTION, "crm-0");
    world.gone(SUBSCRIPTION, "crm-0");
    world.ready("sixth");
    assert_eq!(BIRD.rows(&world).len(), 5);
}

fn a_sixth_that_bird_refuses(status: &str) {
    let world = Setup::new().switch("bird.sixth", status).start();
    many(&world, 5);
    let before = BIRD.rows(&world);
    BIRD.connect(&world, json!({}));
    BIRD.subscribe(&world, "crm", json!({"events": ["sms.inbound"]}));
    let object = world.eventually("the refusal", || {
        let object = world.subscription("crm");
        let ready = condition(&object, "Ready");
        let told = ["RefusedByProvider", "ProviderConflict", "TooManyIdentical"];
        let fits = told.iter().any(|reason| ready["reason"] == *reason)
            || ready["message"].as_str().unwrap_or_default().contains("conflict");
        if fits {
            Ok(object)
        } else {
            Err(object["status"].to_string())
        }
    });
    world.look_again(SUBSCRIPTION, "crm");
    assert_eq!(BIRD.rows(&world), before, "{:#}", object["status"]);
    assert_eq!(BIRD.count(&world, 0, "delete"), 0);
    world.delete(SUBSCRIPTION, "crm");
    world.gone(SUBSCRIPTION, "crm");
    assert_eq!(BIRD.rows(&world), before, "those of others stay");
}

#[test]
fn a_sixth_identical_filter_set_that_bird_refuses_with_409_is_told_and_nothing_is_deleted() {
    a_sixth_that_bird_refuses("409");
}

#[test]
fn a_sixth_identical_filter_set_that_bird_refuses_with_422_is_told_and_nothing_is_deleted() {
    a_sixth_that_bird_refuses("422");
}

#[test]
fn a_sixth_identical_filter_set_that_bird_refuses_with_400_is_told_and_nothing_is_deleted() {
    a_sixth_that_bird_refuses("400");
}

#[test]
fn the_organization_is_in_the_path_where_it_is_named_and_the_scheme_is_the_access_key() {
    for organization in [None, Some(Config::BIRD_ORGANIZATION.to_string())] {
        let world = World::start();
        let bird = json!({
            "workspaceID": Config::BIRD_WORKSPACE.to_string(),
            "organizationID": organization.clone(),
        });
        // Unset means the access key.
        let scheme = organization.as_ref().map(|_| "AccessKey");
        BIRD.connect(&world, json!({"bird": bird, "credentials": {"scheme": scheme}}));
        BIRD.subscribe(&world, "crm", json!({}));
        world.ready("crm");
        let all = BIRD.since(&world, 0, "");
        let prefix = if organization.is_some() {
            "/organizations/"
        } else {
            "/workspaces/"
        };
        assert!(all.iter().all(|entry| entry.path.starts_with(prefix)), "{prefix}");
        let schemes: Vec<bool> = all
            .iter()
            .map(|entry| entry.headers["authorization"].starts_with("AccessKey "))
            .collect();
        assert!(schemes.iter().all(|access_key| *access_key));
    }
}

#[test]
fn a_workspace_that_is_not_the_keys_is_said_and_nothing_is_sent_besides() {
    let world = World::start();
    let workspace = "99999999-0000-4000-8000-000000000009";
    BIRD.connect(&world, json!({"bird": {"workspaceID": workspace}}));
    BIRD.subscribe(&world, "crm", json!({}));
    world.becomes(
        crate::support::PROVIDER,
        "bird",
        "Authenticated",
        "False",
        "Forbidden",
    );
    BIRD.subscribe(&world, "crm", json!({"enabled": false}));
    world.becomes(SUBSCRIPTION, "crm", "Ready", "False", "");
    assert_eq!(BIRD.count(&world, 0, ""), 1);
}

#[test]
fn a_page_of_the_list_that_fails_is_no_proof_that_anything_is_gone() {
    let world = Setup::new().switch("bird.pageCap", "1").start();
    BIRD.connect(&world, json!({}));
    BIRD.subscribe(&world, "crm", json!({"events": BIRD.events()}));
    world.ready("crm");
    let (before, mark) = (BIRD.ids(&world), world.mark());
    let broken = FaultAction::fail(500);
    world
        .simulator
        .add_fault(FaultPlan::nth(BIRD.requests("list"), 2, broken));
    world.look_again(SUBSCRIPTION, "crm");
    world.ready("crm");
    assert_eq!(BIRD.ids(&world), before);
    assert_eq!(BIRD.writes(&world, mark), [""; 0]);
}

#[test]
fn what_proves_a_remote_ours_outlives_a_provider_that_cannot_be_used_for_a_while() {
    let mut world = connected();
    BIRD.subscribe(&world, "crm", json!({"events": BIRD.events()[..1]}));
    let before = world.ready("crm")["status"]["subscriptions"].take();
    assert!(
        before[0]["seal"].is_string() && before[0]["event"].is_string(),
        "{before}"
    );
    world.delete("secrets", "bird-api");
    world.refused("crm", "ProviderNotReady");
    assert_eq!(world.subscription("crm")["status"]["subscriptions"], before);
    // Nobody remembers it but the status.
    world.stop_operator();
    world.start_operator();
    BIRD.credential_secret(&world, BIRD.credential());
    world.ready("crm");
    assert_eq!(world.subscription("crm")["status"]["subscriptions"], before);
    world.delete(SUBSCRIPTION, "crm");
    world.gone(SUBSCRIPTION, "crm");
    assert_eq!(BIRD.rows(&world), []);
}
