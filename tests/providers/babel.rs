//! What only Babel has: a list of its events, rows whose ids come back, retries, and a lock-out.

use provider_simulator::{Config, babel};
use serde_json::json;

use crate::support::{ELSEWHERE, PROVIDER, SUBSCRIPTION, Setup, Side, World, condition};

const BABEL: Side = Side::Babel;

fn types(world: &World, names: &[&str]) {
    let types = names.iter().map(|name| babel::EventType::named(name)).collect();
    let installation = Config::BABEL_INSTALLATION;
    world.simulator.babel().set_event_types(installation, types);
}

#[test]
fn an_event_that_babel_does_not_have_is_refused_with_the_nearest_names_until_babel_has_it() {
    let world = World::start();
    types(&world, &["license.created", "license.revoked", "order.completed"]);
    BABEL.connect(&world, json!({}));
    BABEL.subscribe(
        &world,
        "crm",
        json!({"events": ["licence.created", "license.revoked"]}),
    );
    let message = world.refused("crm", "UnknownEvent");
    assert!(
        message.contains("spec.events") && message.contains("licence.created"),
        "{message}"
    );
    let (_, nearest) = message.split_once("nearest").unwrap();
    assert!(
        nearest.contains("license.created") && !nearest.contains("order"),
        "{message}"
    );
    world.look_again(SUBSCRIPTION, "crm");
    world.refused("crm", "UnknownEvent");
    assert_eq!(BABEL.rows(&world), [], "nothing is made of what is refused");
    types(&world, &["license.created", "license.revoked", "licence.created"]);
    // Somebody who has added it says so.
    world.look_again(PROVIDER, "babel");
    world.ready("crm");
    assert_eq!(BABEL.rows(&world).len(), 2);
}

#[test]
fn the_provider_object_shows_the_events_that_babel_has() {
    let world = World::start();
    types(&world, &["b.two", "a.one"]);
    BABEL.connect(&world, json!({}));
    world.eventually("the catalogue", || {
        let provider = world.object(PROVIDER, "babel");
        let catalogue = provider["status"]["catalogue"].clone();
        (catalogue == json!({"count": 2, "names": ["a.one", "b.two"]}))
            .then_some(())
            .ok_or_else(|| catalogue.to_string())
    });
    let provider = world.becomes(PROVIDER, "babel", "Ready", "True", "Connected");
    let capabilities = provider["status"]["capabilities"].as_array().unwrap();
    assert!(capabilities.contains(&json!("Catalogue")) && capabilities.contains(&json!("TestEvents")));
}

#[test]
fn the_number_of_retries_is_kept_where_it_is_set_and_left_alone_where_it_is_not() {
    let world = World::start();
    BABEL.connect(&world, json!({}));
    let events = json!({"events": ["license.created"]});
    BABEL.subscribe(&world, "crm", events.clone());
    world.ready("crm");
    let id = BABEL.only(&world).id;
    BABEL.edit(&world, &id, json!({"maxRetryCount": 9}));
    world.look_again(SUBSCRIPTION, "crm");
    let mut change = events;
    change["url"] = json!("https://hooks.acme.example/second");
    BABEL.subscribe(&world, "crm", change.clone());
    world.ready("crm");
    assert_eq!(BABEL.only(&world).retries, 9, "nobody manages it");
    for count in [3, 0] {
        change["options"] = json!({"babel": {"maxRetryCount": count}});
        BABEL.subscribe(&world, "crm", change.clone());
        world.ready("crm");
        assert_eq!(BABEL.only(&world).retries, count);
    }
    BABEL.edit(&world, &id, json!({"maxRetryCount": 5}));
    world.look_again(SUBSCRIPTION, "crm");
    world.eventually("the repair", || BABEL.only(&world).retries == 0);
    assert_eq!(BABEL.only(&world).id, id);
}

#[test]
fn a_row_that_came_under_the_id_of_ours_is_neither_changed_nor_deleted() {
    let world = World::start();
    BABEL.connect(&world, json!({}));
    BABEL.subscribe(&world, "crm", json!({"events": ["license.created"]}));
    world.ready("crm");
    let id: i32 = BABEL.only(&world).id.parse().unwrap();
    let babel = world.simulator.babel();
    let ours = babel.subscription(id).unwrap().content;
    babel.delete(id).unwrap();
    let theirs = babel::Content {
        name: "of somebody else".into(),
        url: ELSEWHERE.into(),
        ..ours
    };
    babel
        .create_with_id(id, Config::BABEL_INSTALLATION, theirs.clone())
        .unwrap();
    let mark = world.mark();
    world.look_again(SUBSCRIPTION, "crm");
    let object = world.becomes(SUBSCRIPTION, "crm", "Ready", "False", "MarkerMissing");
    assert!(
        condition(&object, "Ready")["message"]
            .to_string()
            .contains(&id.to_string())
    );
    // Nor by an edit of the spec.
    BABEL.subscribe(
        &world,
        "crm",
        json!({"events": ["license.created"], "enabled": false}),
    );
    world.becomes(SUBSCRIPTION, "crm", "Ready", "False", "MarkerMissing");
    world.delete(SUBSCRIPTION, "crm");
    world.gone(SUBSCRIPTION, "crm");
    assert_eq!(BABEL.writes(&world, mark), [""; 0]);
    assert_eq!(babel.subscription(id).unwrap().content, theirs);
}

#[test]
fn a_wrong_key_is_tried_once_for_twenty_objects_and_locks_nobody_out() {
    let world = Setup::new().without_operator().start();
    BABEL.connect(&world, json!({}));
    BABEL.credential_secret(&world, "api_wrong");
    let names: Vec<String> = (0..20).map(|i| format!("crm-{i}")).collect();
    for name in &names {
        let url = format!("https://hooks.acme.example/{name}");
        BABEL.subscribe(&world, name, json!({"events": ["license.created"], "url": url}));
    }
    let mut world = world;
    world.start_operator();
    world.becomes(PROVIDER, "babel", "Authenticated", "False", "Unauthenticated");
    for name in &names {
        world.eventually("each object to say so", || {
            let object = world.subscription(name);
            let ready = condition(&object, "Ready").to_string();
            ready.contains("Unauthenticated").then_some(()).ok_or(ready)
        });
    }
    // Nor does an edit try it again.
    for name in &names[..3] {
        BABEL.subscribe(
            &world,
            name,
            json!({"events": ["license.created"], "enabled": false}),
        );
        world.becomes(SUBSCRIPTION, name, "Ready", "False", "");
    }
    let tried = BABEL.since(&world, 0, "");
    assert_eq!(tried.len(), 1, "{tried:#?}");
    assert!(world.simulator.babel().lockouts().is_empty());
    BABEL.credential_secret(&world, BABEL.credential());
    for name in &names {
        world.ready(name);
    }
    assert_eq!(BABEL.rows(&world).len(), 20);
    assert!(world.simulator.babel().lockouts().is_empty());
}

#[test]
fn the_key_goes_in_the_header_that_the_installation_has_or_as_a_bearer_token() {
    let cases = [
        (
            json!({"babel": {"headerName": "X-Tenant-Key"}}),
            "header",
            "x-tenant-key",
        ),
        (
            json!({"credentials": {"scheme": "ApiKey"}}),
            "header",
            "x-api-key",
        ),
        (
            json!({"credentials": {"scheme": "Bearer"}}),
            "bearer",
            "authorization",
        ),
    ];
    for (change, form, header) in cases {
        let name = if form == "bearer" { "x-api-key" } else { header };
        let world = Setup::new()
            .switch("babel.keyForms", form)
            .switch("babel.headerName", name)
            .start();
        BABEL.connect(&world, change);
        BABEL.subscribe(&world, "crm", json!({}));
        world.ready("crm");
        let all = BABEL.since(&world, 0, "");
        assert!(
            all.iter().all(|entry| entry.headers.contains_key(header)),
            "{header}"
        );
    }
}

#[test]
fn options_of_another_provider_and_what_babel_does_not_have_are_refused() {
    let world = World::start();
    BABEL.connect(&world, json!({}));
    let condition = json!({"field": "a", "operator": "In", "values": ["b"]});
    let cases = [
        (
            "filters",
            json!({"filters": [{"conditions": [condition]}]}),
            "UnsupportedByProvider",
            "spec.filters",
        ),
        (
            "options",
            json!({"options": {"bird": {"service": "channels"}}}),
            "InvalidSpec",
            "spec.options.bird",
        ),
        (
            "publish",
            json!({"signing": {"publishProviderKey": {"secretName": "key"}}}),
            "UnsupportedByProvider",
            "spec.signing.publishProviderKey",
        ),
    ];
    for (name, change, reason, field) in cases {
        BABEL.subscribe(&world, name, change);
        let message = world.refused(name, reason);
        assert!(message.contains(field), "{message}");
    }
    assert_eq!(BABEL.writes(&world, 0), [""; 0]);
}

#[test]
fn headers_and_secrets_that_somebody_changes_are_put_right_where_babel_shows_them() {
    for form in ["json", "text"] {
        let world = Setup::new()
            .switch("babel.headersForm", form)
            .switch("babel.showSecret", "yes")
            .start();
        BABEL.connect(&world, json!({}));
        world.secret("login", "delivery", &[("username", "u"), ("password", "p")]);
        world.secret("sign", "signing", &[("hmac", "our-key")]);
        let change = json!({
            "events": ["license.created"],
            "headers": [{"name": "X-Team", "value": "support"}],
            "authorization": {"basic": {"secretRef": {"name": "login"}}},
            "signing": {"secretKeyRef": {"name": "sign", "key": "hmac"}},
        });
        BABEL.subscribe(&world, "crm", change);
        world.ready("crm");
        let wanted = BABEL.only(&world);
        for edit in [
            json!({"headers": {"X-Team": "sales"}}),
            json!({"secret": "their-key"}),
            json!({"headers": {}}),
            json!({"secret": "", "headers": {"Authorization": "Bearer x"}}),
        ] {
            BABEL.edit(&world, &wanted.id, edit.clone());
            assert_ne!(BABEL.only(&world), wanted);
            world.look_again(SUBSCRIPTION, "crm");
            world.eventually("the repair", || {
                let found = BABEL.only(&world);
                (found == wanted)
                    .then_some(())
                    .ok_or_else(|| format!("{form} {edit}: {found:?}"))
            });
        }
        world.ready("crm");
    }
}

#[test]
fn a_masked_secret_is_never_sent_back_as_a_secret() {
    let world = Setup::new().switch("babel.showSecret", "masked").start();
    let url = "https://hooks.acme.example/babel";
    let id = BABEL.create_by_hand(&world, "license.created", url);
    BABEL.edit(&world, &id, json!({"secret": "chosen by hand"}));
    BABEL.connect(&world, json!({}));
    let adoption = json!({"policy": "ByID", "externalIDs": [id]});
    let mut change = json!({"events": ["license.created"], "adoption": adoption});
    BABEL.subscribe(&world, "crm", change.clone());
    let object = world.becomes(SUBSCRIPTION, "crm", "Ready", "False", "RequestNotSendable");
    let message = condition(&object, "Ready")["message"].to_string();
    assert!(message.contains("spec.signing"), "{message}");
    assert_eq!(BABEL.only(&world).key.as_deref(), Some("chosen by hand"));
    assert_eq!(BABEL.writes(&world, 0), [""; 0]);
    world.secret("sign", "signing", &[("hmac", "our-key")]);
    change["signing"] = json!({"secretKeyRef": {"name": "sign", "key": "hmac"}});
    BABEL.subscribe(&world, "crm", change);
    world.ready("crm");
    assert_eq!(BABEL.only(&world).key.as_deref(), Some("our-key"));
    assert_eq!(BABEL.only(&world).id, id);
}

#[test]
fn an_event_type_that_babel_drops_leaves_the_remote_subscription_alone() {
    let world = World::start();
    BABEL.connect(&world, json!({}));
    BABEL.subscribe(&world, "crm", json!({"events": ["license.created"]}));
    world.ready("crm");
    let (id, mark) = (BABEL.only(&world).id, world.mark());
    types(&world, &["license.revoked"]);
    world.look_again(PROVIDER, "babel");
    world.refused("crm", "UnknownEvent");
    assert_eq!(BABEL.only(&world).id, id);
    assert_eq!(BABEL.writes(&world, mark), [""; 0]);
    // It goes with its object all the same.
    world.delete(SUBSCRIPTION, "crm");
    world.gone(SUBSCRIPTION, "crm");
    assert_eq!(BABEL.rows(&world), []);
}
