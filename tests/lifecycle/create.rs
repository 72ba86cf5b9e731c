//! From an object to a remote subscription, and what status then says.

use std::collections::BTreeSet;

use provider_simulator::{Authorization, Condition, Filter, Strategy};
use serde_json::{Value, json};

use crate::support::{PROVIDER, SUBSCRIPTION, Setup, World, condition, conditions};

#[test]
fn a_subscription_becomes_ready_and_is_gone_remotely_once_it_is_deleted() {
    let world = World::start();
    world.connect();
    world.subscribe("crm", json!({}));
    let ready = world.ready("crm");
    let remote = world.only_remote();
    let id = &ready["status"]["subscriptions"][0]["externalID"];
    assert_eq!(*id, remote.id.to_string());
    assert_eq!(
        ready["metadata"]["finalizers"],
        json!(["webhook-operator.io/remote"])
    );

    world.delete(SUBSCRIPTION, "crm");
    world.gone(SUBSCRIPTION, "crm");
    assert_eq!(world.remote().len(), 0);
}

#[test]
fn everything_that_a_spec_can_say_arrives_at_the_provider() {
    let world = World::start();
    world.connect();
    world.secret(
        "login",
        "delivery",
        &[("who", "dixa"), ("phrase", "open sesame\n")],
    );
    world.secret("tenant", "delivery", &[("key", "t-17")]);
    world.secret(
        "target",
        "delivery",
        &[("url", "https://hooks.acme.example/hidden")],
    );
    let header = json!({"name": "X-Tenant", "valueFrom": {"secretKeyRef": {"name": "tenant", "key": "key"}}});
    let login = json!({"name": "login", "usernameKey": "who", "passwordKey": "phrase"});
    world.subscribe(
        "crm",
        json!({
            "displayName": "CRM of the support team",
            "url": null,
            "urlFrom": {"secretKeyRef": {"name": "target", "key": "url"}},
            "enabled": false,
            "authorization": {"basic": {"secretRef": login}},
            "headers": [{"name": "X-Team", "value": "support"}, header],
            "filters": [{"scope": "Conversation", "match": "Any", "conditions": [
                {"field": "InitialChannel", "operator": "In", "values": ["email", "chat"]},
                {"field": "QueueId", "operator": "NotIn", "values": ["9"]},
            ]}],
        }),
    );
    let ready = world.ready("crm");
    assert_eq!(ready["status"]["subscriptions"][0]["state"], "Disabled");

    let content = world.only_remote().content;
    assert!(
        content.name.starts_with("CRM of the support team [wh1:"),
        "{}",
        content.name
    );
    assert_eq!(content.url, "https://hooks.acme.example/hidden");
    assert!(!content.enabled);
    let events: BTreeSet<&str> = content.events.iter().map(String::as_str).collect();
    assert_eq!(
        events,
        BTreeSet::from(["ConversationClosed", "ConversationCreated"])
    );
    // One newline at the end, as editors and `kubectl create secret --from-file` leave it, is not part of a value.
    let expected = Authorization::BasicAuth {
        username: "dixa".into(),
        password: "open sesame".into(),
    };
    assert_eq!(content.authorization, expected);
    let headers: BTreeSet<(String, &str)> = content
        .custom_headers
        .iter()
        .map(|(name, value)| (name.to_lowercase(), value.as_str()))
        .collect();
    let wanted = [("x-team", "support"), ("x-tenant", "t-17")];
    assert_eq!(
        headers,
        wanted.map(|(name, value)| (name.to_owned(), value)).into()
    );
    let Some(Filter::CombinedFilters { strategy, conditions }) = content.filters.unwrap().conversation else {
        panic!("no filter")
    };
    assert_eq!(strategy, Strategy::Any);
    let mut said: Vec<(String, bool, BTreeSet<String>)> = conditions
        .into_iter()
        .map(|condition| match condition {
            Condition::IsOneOf { field, values } => (field, true, values.into_iter().collect()),
            Condition::IsNotOneOf { field, values } => (field, false, values.into_iter().collect()),
        })
        .collect();
    said.sort();
    let set = |values: &[&str]| values.iter().map(|&value| value.to_owned()).collect();
    assert_eq!(
        said,
        [
            ("InitialChannel".into(), true, set(&["chat", "email"])),
            ("QueueId".into(), false, set(&["9"]))
        ]
    );
}

#[test]
fn a_bearer_token_and_filters_without_scope_and_match_mean_what_the_reference_says() {
    let world = World::start();
    world.connect();
    world.secret("token", "delivery", &[("value", "b-1")]);
    let filter = json!({"conditions": [{"field": "InitialChannel", "operator": "In", "values": ["email"]}]});
    let bearer = json!({"secretKeyRef": {"name": "token", "key": "value"}});
    world.subscribe(
        "crm",
        json!({"authorization": {"bearer": bearer}, "filters": [filter]}),
    );
    world.ready("crm");
    let content = world.only_remote().content;
    assert_eq!(
        content.authorization,
        Authorization::TokenAuth { value: "b-1".into() }
    );
    assert!(content.enabled);
    assert!(
        content
            .name
            .starts_with(&format!("{}/crm [wh1:", world.namespace)),
        "{}",
        content.name
    );
    let Some(Filter::CombinedFilters { strategy, .. }) = content.filters.unwrap().conversation else {
        panic!("no filter")
    };
    assert_eq!(strategy, Strategy::All);
}

#[test]
fn basic_authorization_reads_the_keys_of_a_basic_auth_secret_when_none_are_named() {
    let world = World::start();
    world.connect();
    world.secret("login", "delivery", &[("username", "u"), ("password", "p")]);
    world.subscribe(
        "crm",
        json!({"authorization": {"basic": {"secretRef": {"name": "login"}}}}),
    );
    world.ready("crm");
    let expected = Authorization::BasicAuth {
        username: "u".into(),
        password: "p".into(),
    };
    assert_eq!(world.only_remote().content.authorization, expected);
}

#[test]
fn status_tells_ids_hashes_counts_and_what_unset_fields_came_to() {
    let world = World::start();
    world.connect();
    world.subscribe("crm", json!({}));
    let ready = world.ready("crm");
    let status = &ready["status"];
    let generation = &ready["metadata"]["generation"];
    assert_eq!(status["observedGeneration"], *generation);
    assert_eq!(status["lastSyncedGeneration"], *generation);
    assert_eq!(
        status["subscriptionCount"],
        json!({"desired": 1, "synced": 1, "summary": "1/1"})
    );
    assert_eq!(
        status["effective"],
        json!({"destinationHost": "hooks.acme.example", "interval": "10m", "deletionPolicy": "Delete"})
    );
    let entry = &status["subscriptions"][0];
    assert_eq!(
        (&entry["key"], &entry["state"], &entry["ownership"]),
        (&json!("default"), &json!("Active"), &json!("Owned"))
    );
    assert!(
        entry["appliedHash"].as_str().unwrap().starts_with("v1:"),
        "{entry}"
    );
    assert_eq!(status["identity"]["objectUID"], ready["metadata"]["uid"]);
    assert_eq!(status["identity"]["clusterID"], world.namespace);
    assert_eq!(status["pendingOperations"].as_array().map_or(0, Vec::len), 0);
    let told = conditions(&ready);
    let wanted = [
        ("Accepted", "True Valid"),
        ("DeliveryHealthy", "Unknown NotMonitored"),
        ("Ready", "True InSync"),
        ("Synced", "True InSync"),
    ];
    assert_eq!(told, wanted.map(|(a, b)| (a.to_owned(), b.to_owned())).into());
    for found in status["conditions"].as_array().unwrap() {
        assert_eq!(found["observedGeneration"], *generation, "{found}");
    }
}

#[test]
fn kubectl_get_shows_the_columns_that_people_look_for() {
    let world = World::start();
    world.connect();
    world.subscribe("crm", json!({}));
    world.ready("crm");
    let id = world.external_id("crm");
    let table = world.kubectl(&["get", SUBSCRIPTION, "crm", "--output=wide"]);
    let row: Vec<&str> = table.lines().last().unwrap().split_whitespace().collect();
    let header: Vec<&str> = table.lines().next().unwrap().split_whitespace().collect();
    assert_eq!(
        header,
        [
            "NAME", "PROVIDER", "READY", "REASON", "DELIVERY", "SYNCED", "AGE", "ID", "HOST", "MESSAGE"
        ]
    );
    assert_eq!(row[..6], ["crm", "dixa", "True", "InSync", "Unknown", "1/1"]);
    assert_eq!(row[7..9], [id.as_str(), "hooks.acme.example"]);
    // It says so some time after its subscriptions do.
    world.becomes(PROVIDER, "dixa", "Ready", "True", "Connected");
    let table = world.kubectl(&["get", PROVIDER, "dixa"]);
    let row: Vec<&str> = table.lines().last().unwrap().split_whitespace().collect();
    assert_eq!(row[..4], ["dixa", "Dixa", "True", "Connected"], "{table}");
}

#[test]
fn a_name_whose_marker_the_provider_cuts_off_is_deleted_again_and_said() {
    let world = Setup::new().switch("dixa.nameLimit", "40").start();
    world.connect();
    world.subscribe("crm", json!({}));
    let stalled = world.becomes(SUBSCRIPTION, "crm", "Ready", "False", "MarkerNotPreserved");
    assert_eq!(condition(&stalled, "Stalled")["status"], "True");
    assert_eq!(world.remote().len(), 0);
    let creates = world.requests_since(0, "create").len();
    let list = world.mark();
    world.look_again(SUBSCRIPTION, "crm");
    assert_eq!(
        world.requests_since(list, "create").len(),
        0,
        "made again after {creates}"
    );
    world.delete(SUBSCRIPTION, "crm");
    world.gone(SUBSCRIPTION, "crm");
}

#[test]
fn both_versions_of_the_api_and_both_schemes_of_the_key_work() {
    for (version, scheme, switch) in [("v1", "Raw", "bare"), ("beta", "Bearer", "bearer")] {
        let world = Setup::new().switch("dixa.authScheme", switch).start();
        world.connect_with(json!({"dixa": {"apiVersion": version}, "credentials": {"scheme": scheme}}));
        world.subscribe("crm", json!({}));
        world.ready("crm");
        let all = world.requests_since(0, "");
        let paths: BTreeSet<&str> = all
            .iter()
            .filter_map(|entry| entry.path.split('/').nth(1))
            .collect();
        assert_eq!(paths, BTreeSet::from([version]));
    }
}

#[test]
fn a_deletion_policy_of_orphan_leaves_the_remote_subscription() {
    let world = World::start();
    world.connect();
    world.subscribe("crm", json!({"deletionPolicy": "Orphan"}));
    let ready = world.ready("crm");
    assert_eq!(ready["status"]["effective"]["deletionPolicy"], "Orphan");
    let mark = world.mark();
    world.delete(SUBSCRIPTION, "crm");
    world.gone(SUBSCRIPTION, "crm");
    assert_eq!(world.remote().len(), 1);
    assert_eq!(world.remote_writes_since(mark), Vec::<String>::new());
}

#[test]
fn nothing_secret_reaches_status_events_or_log() {
    let world = World::start();
    world.connect();
    world.secret(
        "login",
        "delivery",
        &[("username", "u"), ("password", "hunter2-secret")],
    );
    world.subscribe(
        "crm",
        json!({"authorization": {"basic": {"secretRef": {"name": "login"}}}}),
    );
    let ready = world.ready("crm");
    let seen = [
        ready["status"].to_string(),
        world.events_about("crm").join("\n"),
        world.operator_log(),
    ];
    let key = world.only_remote().secret_key;
    for text in seen {
        for secret in ["hunter2-secret", "dixa-token-example", key.as_str()] {
            assert!(!text.contains(secret), "{secret} in {text}");
        }
    }
    let _: Value = ready;
}
