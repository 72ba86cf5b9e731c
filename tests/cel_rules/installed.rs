//! The CRDs as they are, at a real apiserver: what users see of them, and what plain schema refuses.

use std::collections::BTreeSet;
use std::path::Path;
use std::sync::Once;
use std::time::Duration;

use serde_json::{Value, json};
use test_harness::{ControlPlane, wait_for};
use webhook_operator::{api, crd};

use crate::apiserver::{collection, install, refusals};
use crate::object;
use crate::walk::{Kind, kinds};

fn cluster() -> &'static ControlPlane {
    static INSTALL: Once = Once::new();
    let cluster = ControlPlane::shared();
    INSTALL.call_once(|| {
        install(cluster, &crd::yaml_stream().unwrap(), &kinds());
        // Short names appear in discovery a moment after the kind itself can be used.
        let explained = || cluster.kubectl(&["explain", "cwhprov"], "");
        wait_for(
            Duration::from_secs(30),
            "kubectl to know the short names",
            explained,
        )
        .unwrap();
    });
    cluster
}

fn kind(name: &str) -> Kind {
    kinds().into_iter().find(|kind| kind.name == name).unwrap()
}

fn ours(kind: &str, name: &str, change: &Value) -> Value {
    let mut object = object(kind, name, change);
    object["apiVersion"] = json!(format!("{}/{}", api::GROUP, api::VERSION));
    object
}

#[test]
fn the_apiserver_finds_nothing_to_complain_about_in_the_crds() {
    for kind in kinds() {
        let name = kind.definition["metadata"]["name"].as_str().unwrap();
        let stored = cluster().get_json("crd", "", name).unwrap().unwrap();
        for condition in stored["status"]["conditions"].as_array().unwrap() {
            let (name, status) = (
                condition["type"].as_str().unwrap(),
                condition["status"].as_str().unwrap(),
            );
            let good = matches!((name, status), ("NamesAccepted" | "Established", "True"));
            assert!(good, "{}: {condition}", kind.name);
        }
    }
}

#[test]
fn an_object_that_nobody_looked_at_says_so_in_its_status() {
    let namespace = cluster().namespace("crd-status").unwrap();
    let path = collection(&kind("WebhookSubscription"), &namespace);
    let made = cluster()
        .api()
        .unwrap()
        .post(&path, &ours("WebhookSubscription", "new", &json!({})))
        .unwrap();
    assert_eq!(
        made.ok().unwrap().json().unwrap()["status"],
        json!({"observedGeneration": -1})
    );
}

#[test]
fn kubectl_get_shows_the_columns_filled_from_status() {
    let namespace = cluster().namespace("crd-columns").unwrap();
    let api = cluster().api().unwrap();
    let path = collection(&kind("WebhookSubscription"), &namespace);
    let made = api
        .post(&path, &ours("WebhookSubscription", "crm", &json!({})))
        .unwrap()
        .ok()
        .unwrap();
    let mut object = made.json().unwrap();
    let condition = |kind: &str, status: &str, reason: &str| {
        json!({"type": kind, "status": status, "reason": reason, "message": "all-is-well",
            "lastTransitionTime": "2026-01-01T00:00:00Z"})
    };
    object["status"] = json!({
        "observedGeneration": 1,
        "conditions": [condition("Ready", "True", "InSync"), condition("DeliveryHealthy", "False", "Failing")],
        "subscriptions": [{"key": "default", "externalID": "cb452b81", "state": "Active"}],
        "subscriptionCount": {"desired": 3, "synced": 2, "summary": "2/3"},
        "effective": {"destinationHost": "hooks.acme.example"},
    });
    api.put(&format!("{path}/crm/status"), &object)
        .unwrap()
        .ok()
        .unwrap();

    let narrow = cluster()
        .kubectl(&["get", "whsub", "-n", &namespace], "")
        .unwrap();
    let [header, row] = narrow.lines().collect::<Vec<_>>()[..] else {
        panic!("{narrow}")
    };
    let words = |line: &str| line.split_whitespace().map(str::to_owned).collect::<Vec<_>>();
    assert_eq!(
        words(header),
        ["NAME", "PROVIDER", "READY", "REASON", "DELIVERY", "SYNCED", "AGE"]
    );
    assert_eq!(words(row)[..6], ["crm", "dixa", "True", "InSync", "False", "2/3"]);
    let wide = cluster()
        .kubectl(&["get", "webhooks", "-n", &namespace, "-o", "wide"], "")
        .unwrap();
    let row = words(wide.lines().last().unwrap());
    assert_eq!(row[7..], ["cb452b81", "hooks.acme.example", "all-is-well"]);
}

#[test]
fn kubectl_explain_says_what_a_field_means_and_what_unset_means() {
    let text = cluster()
        .kubectl(&["explain", "whsub.spec.adoption.policy"], "")
        .unwrap();
    assert!(text.contains("Which ones to take over"), "{text}");
    assert!(text.contains("Unset: `IfOwned`"), "{text}");
}

#[test]
fn the_apiserver_accepts_the_examples_as_they_are() {
    // The folder, the namespace that its files name, and how many objects its kustomization has.
    for (folder, lent_to, count) in [
        ("dixa", "support", 5),
        ("babel", "licensing", 5),
        ("bird", "messaging", 4),
    ] {
        let examples = Path::new(env!("CARGO_MANIFEST_DIR"))
            .join("examples")
            .join(folder);
        let strict = ["apply", "--dry-run=server", "--validate=strict"];
        let tried = |arguments: &[&str]| cluster().kubectl(&[&strict, arguments].concat(), "").unwrap();
        let file = |name: &str| examples.join(name).to_str().unwrap().to_owned();

        let namespace = cluster().namespace("crd-examples").unwrap();
        let applied = tried(&["-n", &namespace, "-k", examples.to_str().unwrap()]);
        assert_eq!(applied.lines().count(), count, "{applied}");
        tried(&["-n", &namespace, "-f", &file("observe.yaml")]);
        let lent_to = json!({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": lent_to}});
        cluster().apply(&lent_to.to_string()).unwrap();
        tried(&["-f", &file("cluster-provider.yaml")]);
    }
}

/// Creates without storing; the fields that the apiserver complains about.
fn complaints(kind_name: &str, change: &Value) -> BTreeSet<String> {
    let path = format!("{}?dryRun=All", collection(&kind(kind_name), "default"));
    let reply = cluster()
        .api()
        .unwrap()
        .post(&path, &ours(kind_name, "a", change))
        .unwrap();
    refusals(&reply)
        .into_iter()
        .map(|(field, _)| field)
        .filter(|field| field != "<nil>")
        .collect()
}

#[test]
fn bad_values_are_refused_by_the_schema_with_the_field_named() {
    let header = |name: &str, value: &str| json!({"headers": [{"name": name, "value": value}]});
    let subscription = [
        (json!({"url": "hooks.acme.example"}), "spec.url"),
        (json!({"url": "ftp://hooks.acme.example"}), "spec.url"),
        (json!({"url": "https://user:pass@hooks.acme.example"}), "spec.url"),
        (json!({"url": "https://hooks.acme.example/#part"}), "spec.url"),
        (json!({"url": "https://hooks.acme.example/a b"}), "spec.url"),
        (
            json!({"url": format!("https://hooks.acme.example/{}", "a".repeat(2048))}),
            "spec.url",
        ),
        (json!({"events": []}), "spec.events"),
        (json!({"events": ["A", "A"]}), "spec.events[1]"),
        (json!({"events": ["two words"]}), "spec.events[0]"),
        (json!({"displayName": " padded"}), "spec.displayName"),
        (json!({"displayName": "two\nlines"}), "spec.displayName"),
        (json!({"interval": "10"}), "spec.interval"),
        (json!({"interval": "-5s"}), "spec.interval"),
        (json!({"interval": "1d"}), "spec.interval"),
        (json!({"interval": "9999999h"}), "spec.interval"),
        (json!({"deletionGracePeriod": "soon"}), "spec.deletionGracePeriod"),
        (
            json!({"delivery": {"failureThreshold": 0}}),
            "spec.delivery.failureThreshold",
        ),
        (json!({"providerRef": {"name": "Dixa"}}), "spec.providerRef.name"),
        (
            json!({"providerRef": {"kind": "Secret"}}),
            "spec.providerRef.kind",
        ),
        (json!({"mode": "Watch"}), "spec.mode"),
        (json!({"signing": {}}), "spec.signing"),
        (header("X Team", "v"), "spec.headers[0].name"),
        (header("X-Team:", "v"), "spec.headers[0].name"),
        (header("X-Team", "two\r\nlines"), "spec.headers[0].value"),
        (header("X-Team", "trailing "), "spec.headers[0].value"),
    ];
    for (change, field) in subscription {
        assert_eq!(
            complaints("WebhookSubscription", &change),
            BTreeSet::from([field.to_owned()]),
            "{change}"
        );
    }
    let provider = [
        (json!({"type": "Unknown"}), "spec.type"),
        (json!({"endpoint": "https://dev.dixa.io/v1"}), "spec.endpoint"),
        (json!({"endpoint": "dev.dixa.io"}), "spec.endpoint"),
        (
            json!({"credentials": {"secretRef": {"key": null}}}),
            "spec.credentials.secretRef.key",
        ),
        (json!({"dixa": {"apiVersion": "v2"}}), "spec.dixa.apiVersion"),
        (
            json!({"rateLimit": {"requestsPerMinute": 0}}),
            "spec.rateLimit.requestsPerMinute",
        ),
        (json!({"guard": {"maxVanished": -1}}), "spec.guard.maxVanished"),
    ];
    for (change, field) in provider {
        assert_eq!(
            complaints("WebhookProvider", &change),
            BTreeSet::from([field.to_owned()]),
            "{change}"
        );
        assert_eq!(
            complaints("ClusterWebhookProvider", &change),
            BTreeSet::from([field.to_owned()]),
            "{change}"
        );
    }
}

#[test]
fn unusual_but_legal_values_are_accepted() {
    let subscription = [
        json!({"url": "http://127.0.0.1:8080"}),
        json!({"url": "https://[2001:db8::1]:8443/a?b=c&d=%20"}),
        json!({"url": "https://hooks.acme.example?token=a"}),
        json!({"displayName": "Kundenservice – Zürich"}),
        json!({"events": ["ns/event.name:v2"]}),
        json!({"interval": null, "headers": null, "adoption": null}),
        json!({"headers": [{"name": "x!#$%&'*+.^_`|~-1", "value": "a b"}]}),
        json!({"deletionGracePeriod": "0s"}),
    ];
    for change in subscription {
        assert_eq!(
            complaints("WebhookSubscription", &change),
            BTreeSet::new(),
            "{change}"
        );
    }
    for endpoint in ["https://dev.dixa.io", "http://127.0.0.1:1", "https://[::1]:8443"] {
        assert_eq!(
            complaints("WebhookProvider", &json!({"endpoint": endpoint})),
            BTreeSet::new(),
            "{endpoint}"
        );
    }
}

#[test]
fn a_member_with_the_value_null_counts_as_unset() {
    let mut object = ours("WebhookSubscription", "a", &json!({}));
    object["spec"]["urlFrom"] = Value::Null;
    let path = format!(
        "{}?dryRun=All",
        collection(&kind("WebhookSubscription"), "default")
    );
    let made = cluster()
        .api()
        .unwrap()
        .post(&path, &object)
        .unwrap()
        .ok()
        .unwrap()
        .json()
        .unwrap();
    assert!(made["spec"].get("urlFrom").is_none(), "{made}");
}
