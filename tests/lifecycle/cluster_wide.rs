//! An operator that watches all namespaces, and providers that the platform lends.

use provider_simulator::{Config, TlsListeners};
use serde_json::{Value, json};

use crate::support::{CLUSTER_PROVIDER, OPERATOR_NAMESPACE, SUBSCRIPTION, Setup, World};

/// A cluster-wide provider that is lent to these namespaces.
fn lend(world: &World, allowed: &Value) {
    let mut spec = world.provider_spec(json!({}));
    spec["allowedNamespaces"] = allowed.clone();
    world.apply(CLUSTER_PROVIDER, "shared", spec);
}

fn borrow() -> Value {
    json!({"providerRef": {"kind": "ClusterWebhookProvider", "name": "shared"}})
}

fn label(world: &World, value: &Value) {
    let labels = json!({"metadata": {"labels": {"team": value}}});
    world.patch("namespaces", &world.namespace, labels);
}

#[test]
fn a_cluster_provider_is_lent_by_name_and_by_label_and_a_withdrawal_stops_updates_only() {
    let world = Setup::new().cluster_wide().start();
    let key = [("token", Config::DIXA_TOKEN)];
    world.secret_in(OPERATOR_NAMESPACE, "dixa-api", "credentials", &key);
    // One of the same name in the user's namespace is not what a cluster-wide provider reads.
    world.secret("dixa-api", "credentials", &[("token", "wrong")]);

    // Absent means nobody.
    world.apply(CLUSTER_PROVIDER, "shared", world.provider_spec(json!({})));
    world.subscribe("crm", borrow());
    let message = world.refused("crm", "NamespaceNotAllowed");
    assert!(message.contains("shared"), "{message}");
    assert_eq!(world.remote_writes_since(0), Vec::<String>::new());

    lend(&world, &json!({"names": [world.namespace]}));
    world.ready("crm");
    let id = world.only_remote().id;

    // Withdrawn: no update, and what is there stays.
    lend(&world, &json!({"names": ["another"]}));
    world.refused("crm", "NamespaceNotAllowed");
    let mark = world.mark();
    let mut edited = borrow();
    edited["enabled"] = json!(false);
    world.subscribe("crm", edited.clone());
    world.refused("crm", "NamespaceNotAllowed");
    assert_eq!(world.remote_writes_since(mark), Vec::<String>::new());
    assert_eq!(world.only_remote().id, id);

    // By label, as each kind of expression says it.
    let expression = |operator: &str, values: Value| {
        let mut one = json!({"key": "team", "operator": operator});
        if !values.is_null() {
            one["values"] = values;
        }
        json!({"selector": {"matchExpressions": [one]}})
    };
    let cases = [
        (json!({"selector": {"matchLabels": {"team": "a"}}}), "a", "b"),
        (expression("In", json!(["a", "c"])), "c", "b"),
        (expression("NotIn", json!(["a"])), "b", "a"),
        (expression("Exists", json!(null)), "b", ""),
        (expression("DoesNotExist", json!(null)), "", "a"),
    ];
    for (allowed, inside, outside) in cases {
        let value = |text: &str| if text.is_empty() { json!(null) } else { json!(text) };
        label(&world, &value(outside));
        lend(&world, &allowed);
        world.look_again(SUBSCRIPTION, "crm");
        world.refused("crm", "NamespaceNotAllowed");
        label(&world, &value(inside));
        world.ready("crm");
    }
    assert!(!world.only_remote().content.enabled, "the edit arrived meanwhile");

    // Withdrawn again: the deletion works all the same.
    lend(&world, &json!({"names": ["another"]}));
    world.refused("crm", "NamespaceNotAllowed");
    world.delete(SUBSCRIPTION, "crm");
    world.gone(SUBSCRIPTION, "crm");
    assert_eq!(world.remote().len(), 0);
}

#[test]
fn a_cluster_provider_reads_its_bundle_in_the_operators_namespace_and_two_namespaces_share_its_lists() {
    let world = Setup::new().cluster_wide().tls(TlsListeners::Good).start();
    let key = [("key", Config::DIXA_TOKEN)];
    world.secret_in(OPERATOR_NAMESPACE, "platform-dixa", "credentials", &key);
    let path = world.cluster().path("configmaps", OPERATOR_NAMESPACE).unwrap();
    let body = json!({"metadata": {"name": "authority"}, "data": {"root.pem": world.simulator.ca_pem()}});
    let api = world.cluster().api().unwrap();
    api.post(&path, &body).unwrap().ok().unwrap();
    let mut spec = world.provider_spec(json!({
        "endpoint": world.simulator.https_url(),
        "caBundleRef": {"name": "authority", "key": "root.pem"},
        "credentials": {"secretRef": {"name": "platform-dixa", "key": "key"}},
    }));
    let other = world.cluster().namespace("other").unwrap();
    spec["allowedNamespaces"] = json!({"names": [world.namespace, other]});
    world.apply(CLUSTER_PROVIDER, "shared", spec);
    world.subscribe("crm", borrow());
    let twin = json!({
        "apiVersion": "webhook-operator.io/v1alpha1", "kind": "WebhookSubscription",
        "metadata": {"name": "crm"}, "spec": world.subscription_spec(borrow()),
    });
    let path = world.cluster().path(SUBSCRIPTION, &other).unwrap();
    api.post(&path, &twin).unwrap().ok().unwrap();
    world.ready("crm");
    world.eventually("the twin in the other namespace", || world.remote().len() == 2);
    world.eventually("the counts", || {
        // What is made while a LIST runs may be counted by none but the next one.
        let counted = world.look_again(CLUSTER_PROVIDER, "shared")["status"]["subscriptions"].clone();
        (counted == json!({"remote": 2, "managed": 2, "unmanaged": 0})).then_some(())
    });
    // The cluster id is by default the UID of namespace kube-system.
    let uid = world.object("namespaces", "kube-system")["metadata"]["uid"].clone();
    assert_eq!(world.subscription("crm")["status"]["identity"]["clusterID"], uid);
}
