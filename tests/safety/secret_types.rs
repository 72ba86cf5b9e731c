//! Secrets of every type, and one that the operator may not read.

use provider_simulator::{Authorization, Config};
use serde_json::{Value, json};

use crate::support::{OPERATOR_NAMESPACE, PROVIDER, SUBSCRIPTION, Setup, World, condition};

/// Makes an object of the apiserver's own.
#[expect(clippy::needless_pass_by_value, reason = "callers write json!({…})")]
fn make(world: &World, kind: &str, namespace: &str, body: Value) {
    let path = world.cluster().path(kind, namespace).unwrap();
    let api = world.cluster().api().unwrap();
    api.post(&path, &body).unwrap().ok().unwrap();
}

fn secret(world: &World, name: &str, type_: &str, immutable: bool, data: &Value) {
    let values = data.as_object().unwrap().values().filter_map(Value::as_str);
    for value in values.filter(|value| !value.is_empty()) {
        world.watch_over(value);
    }
    let metadata = json!({"name": name, "labels": {"webhook-operator.io/use": "delivery"}});
    let body = json!({"metadata": metadata, "type": type_, "immutable": immutable, "stringData": data});
    make(world, "secrets", &world.namespace, body);
}

fn subscribe(world: &World, name: &str, secret: &str, key: &str) {
    let reference = json!({"name": secret, "key": key});
    world.subscribe(
        name,
        json!({
            "url": format!("https://hooks.acme.example/{name}"),
            "authorization": {"bearer": {"secretKeyRef": reference}},
        }),
    );
}

/// The token that is sent for a subscription.
fn sent(world: &World, name: &str) -> Authorization {
    let remote = world.remote_by_id(&world.external_id(name));
    remote.unwrap().content.authorization
}

fn token(value: &str) -> Authorization {
    Authorization::TokenAuth { value: value.into() }
}

#[test]
fn the_type_of_a_secret_does_not_matter_and_keys_are_not_mixed_up() {
    let world = World::start();
    world.connect();
    let alike = json!({"token": "canary-lower-1", "Token": "canary-upper-2", "token.": "canary-dotted-3"});
    let login = json!({"username": "canary-somebody-4", "password": "canary-password-5"});
    let table = [
        ("opaque", "Opaque", false, json!({"t": "canary-opaque-6"}), "t"),
        (
            "immutable",
            "Opaque",
            true,
            json!({"t": "canary-immutable-7"}),
            "t",
        ),
        (
            "custom",
            "acme.example/key",
            true,
            json!({"t": "canary-custom-8"}),
            "t",
        ),
        ("basic", "kubernetes.io/basic-auth", false, login, "password"),
        (
            "ssh",
            "kubernetes.io/ssh-auth",
            false,
            json!({"ssh-privatekey": "canary-ssh-9", "t": "canary-beside-ssh-10"}),
            "t",
        ),
        (
            "tls",
            "kubernetes.io/tls",
            true,
            json!({"tls.crt": "", "tls.key": "canary-key-11"}),
            "tls.key",
        ),
        ("lower", "Opaque", false, alike.clone(), "token"),
        ("upper", "Opaque", false, alike.clone(), "Token"),
        ("dotted", "Opaque", false, alike.clone(), "token."),
    ];
    for (name, type_, immutable, data, key) in &table {
        secret(&world, name, type_, *immutable, data);
        subscribe(&world, name, name, key);
    }
    for (name, _, _, data, key) in &table {
        world.ready(name);
        assert_eq!(sent(&world, name), token(data[*key].as_str().unwrap()), "{name}");
    }
    // One that is only like them is none of them.
    subscribe(&world, "shouted", "lower", "TOKEN");
    let message = world.refused("shouted", "SecretNotFound");
    assert!(
        message.contains("lower") && message.contains("no key TOKEN"),
        "{message}"
    );
    subscribe(&world, "empty", "tls", "tls.crt");
    let message = world.refused("empty", "SecretInvalid");
    assert!(
        message.contains("tls.crt") && message.contains("empty"),
        "{message}"
    );
    assert_eq!(world.remote().len(), table.len());
}

#[test]
fn an_immutable_secret_that_is_made_anew_is_followed() {
    let world = World::start();
    world.connect();
    let first = json!({"t": "canary-first-of-two-1"});
    secret(&world, "fixed", "Opaque", true, &first);
    subscribe(&world, "crm", "fixed", "t");
    world.ready("crm");
    let id = world.external_id("crm");
    world.delete("secrets", "fixed");
    world.refused("crm", "SecretNotFound");
    secret(
        &world,
        "fixed",
        "Opaque",
        true,
        &json!({"t": "canary-second-of-two-2"}),
    );
    world.eventually("the new value", || {
        let sent = sent(&world, "crm");
        (sent == token("canary-second-of-two-2")).then_some(())
    });
    world.ready("crm");
    assert_eq!(world.external_id("crm"), id);
}

/// An operator whose `ServiceAccount` may do all that the installed one may, but get only these Secrets.
fn may_get(world: &mut World, names: &[&str]) {
    let installed = world.object_of("clusterroles", "webhook-operator");
    let mut rules = installed["rules"].as_array().unwrap().clone();
    for rule in &mut rules {
        if rule["resources"] == json!(["secrets"]) {
            rule["verbs"].as_array_mut().unwrap().retain(|verb| verb != "get");
        }
    }
    rules
        .push(json!({"apiGroups": [""], "resources": ["secrets"], "resourceNames": names, "verbs": ["get"]}));
    let name = world.namespace.clone();
    make(
        world,
        "serviceaccounts",
        OPERATOR_NAMESPACE,
        json!({"metadata": {"name": name}}),
    );
    make(
        world,
        "clusterroles",
        "",
        json!({"metadata": {"name": name}, "rules": rules}),
    );
    let subjects = json!([{"kind": "ServiceAccount", "name": name, "namespace": OPERATOR_NAMESPACE}]);
    let role =
        |kind: &str, name: &str| json!({"apiGroup": "rbac.authorization.k8s.io", "kind": kind, "name": name});
    let bind = |role: Value| json!({"metadata": {"name": name}, "roleRef": role, "subjects": subjects});
    make(world, "clusterrolebindings", "", bind(role("ClusterRole", &name)));
    make(
        world,
        "rolebindings",
        OPERATOR_NAMESPACE,
        bind(role("Role", "webhook-operator-own")),
    );
    let kubeconfig = world
        .cluster()
        .service_account_kubeconfig(OPERATOR_NAMESPACE, &name)
        .unwrap();
    world.use_kubeconfig(&kubeconfig);
}

impl World {
    fn object_of(&self, kind: &str, name: &str) -> Value {
        self.cluster().get_json(kind, "", name).unwrap().unwrap()
    }
}

#[test]
fn a_secret_that_may_not_be_read_holds_up_only_the_object_that_needs_it() {
    let mut world = Setup::new().without_operator().start();
    may_get(&mut world, &["dixa-api", "open"]);
    world.connect();
    // A second provider, whose key may not be read either.
    world.secret("closed-api", "credentials", &[("token", Config::DIXA_TOKEN)]);
    let reference = json!({"credentials": {"secretRef": {"name": "closed-api", "key": "token"}}});
    world.apply(PROVIDER, "closed", world.provider_spec(reference));
    secret(&world, "open", "Opaque", false, &json!({"t": "canary-open-1"}));
    secret(
        &world,
        "closed",
        "Opaque",
        false,
        &json!({"t": "canary-closed-2"}),
    );
    world.start_operator();
    subscribe(&world, "held-up", "closed", "t");
    subscribe(&world, "free", "open", "t");
    world.ready("free");
    assert_eq!(sent(&world, "free"), token("canary-open-1"));
    let message = world.refused("held-up", "SecretForbidden");
    assert!(
        message.contains("Secret closed ") && message.contains("spec.authorization.bearer"),
        "{message}"
    );
    assert_eq!(
        condition(&world.subscription("held-up"), "Ready")["status"],
        "False"
    );
    assert_eq!(world.remote().len(), 1);
    let provider = world.becomes(PROVIDER, "closed", "Ready", "False", "");
    let message = condition(&provider, "Ready")["message"].to_string();
    assert!(
        ["SecretForbidden", "Secret closed-api ", "spec.credentials"]
            .iter()
            .all(|part| message.contains(part)),
        "{message}"
    );
    // The others go on while it is tried again and again.
    subscribe(&world, "later", "open", "t");
    world.ready("later");
    world.delete(SUBSCRIPTION, "free");
    world.gone(SUBSCRIPTION, "free");
    // The right is given: nothing else has to happen.
    let path = world.cluster().path("clusterroles", "").unwrap();
    let mut rules = world.object_of("clusterroles", &world.namespace)["rules"].clone();
    let get = rules.as_array_mut().unwrap().last_mut().unwrap();
    get["resourceNames"] = json!(["dixa-api", "open", "closed", "closed-api"]);
    let api = world.cluster().api().unwrap();
    let path = format!("{path}/{}", world.namespace);
    api.patch(&path, &json!({"rules": rules})).unwrap().ok().unwrap();
    world.ready("held-up");
    assert_eq!(sent(&world, "held-up"), token("canary-closed-2"));
    world.becomes(PROVIDER, "closed", "Ready", "True", "Connected");
    assert_eq!(world.remote().len(), 2);
}
