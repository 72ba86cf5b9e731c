//! What only looks: `get`, `status`, `doctor`, `completion`.

use std::fs;
use std::os::unix::fs::{PermissionsExt, symlink};

use serde_json::{Value, json};

use crate::person::{Said, command, plugin};
use crate::support::{PROVIDER, SUBSCRIPTION, World};

fn bearer() -> Value {
    json!({"authorization": {"bearer": {"secretKeyRef": {"name": "token", "key": "value"}}}})
}

#[test]
fn all_subscriptions_are_listed_with_their_health_in_every_form() {
    let world = World::start();
    world.connect();
    world.secret("token", "delivery", &[("value", "canary-bearer-7731/+x")]);
    world.subscribe("crm", bearer());
    world.ready("crm");
    world.subscribe(
        "erp",
        json!({"authorization": {"bearer": {"secretKeyRef": {"name": "none", "key": "value"}}}}),
    );
    world.refused("erp", "SecretNotFound");

    let list = world.webhooks(&["get", "-o", "json"]).ends(0).json();
    let items = list["items"].as_array().unwrap();
    let members: Vec<&str> = items[0].as_object().unwrap().keys().map(String::as_str).collect();
    let stable = [
        "createdAt",
        "delivery",
        "externalIDs",
        "generation",
        "health",
        "host",
        "message",
        "name",
        "namespace",
        "observedGeneration",
        "provider",
        "ready",
        "reason",
        "synced",
    ];
    assert_eq!(members, stable);
    assert_eq!(
        (&items[0]["name"], &items[0]["health"]),
        (&json!("crm"), &json!("Healthy"))
    );
    assert_eq!(items[0]["externalIDs"], json!([world.external_id("crm")]));
    assert_eq!(items[1]["name"], "erp");
    assert_ne!(items[1]["health"], "Healthy");

    let table = world.webhooks(&["get"]).ends(0).out;
    let lines: Vec<&str> = table.lines().collect();
    assert!(
        lines[0].starts_with("NAME") && lines[1].contains("Healthy"),
        "{table}"
    );
    assert!(!table.contains('\u{1b}'), "colours are for terminals: {table}");
    let wide = world.webhooks(&["get", "-o", "wide"]).ends(0).out;
    assert!(
        wide.contains("hooks.acme.example") && wide.contains("MESSAGE"),
        "{wide}"
    );
    let everywhere = world
        .webhooks_as(&world.cluster().kubeconfig(), &["get", "-A"])
        .ends(0)
        .out;
    assert!(
        everywhere.starts_with("NAMESPACE") && everywhere.contains(&world.namespace),
        "{everywhere}"
    );
    let names = world.webhooks(&["get", "-o", "name"]).ends(0).out;
    let expected = ["crm", "erp"].map(|name| format!("webhooksubscription.webhook-operator.io/{name}\n"));
    assert_eq!(names, expected.concat());
    // What is printed is what kubectl takes.
    world.kubectl(&["get", names.lines().next().unwrap()]);
    let unhealthy = world.webhooks(&["get", "--unhealthy", "-o", "name"]).ends(0).out;
    assert_eq!(unhealthy, expected[1]);
    let yaml = world.webhooks(&["get", "crm", "-o", "yaml"]).ends(0).out;
    let yaml: Value = serde_saphyr::from_str(&yaml).unwrap();
    assert_eq!(yaml["items"][0], items[0]);
}

#[test]
fn the_status_says_why_and_what_to_do_next() {
    let world = World::start();
    world.connect();
    world.secret("token", "", &[("value", "canary-bearer-7731/+x")]);
    world.subscribe("crm", bearer());
    world.refused("crm", "SecretNotReleased");
    let said = world.webhooks(&["status", "crm"]).ends(1);
    for part in [
        "SecretNotReleased (Accepted)",
        "kubectl label secret",
        "Next step:",
        "docs/troubleshooting.md#secretnotreleased",
    ] {
        assert!(said.out.contains(part), "{part}: {said:#?}");
    }
    let told = world.webhooks(&["status", "crm", "-o", "json"]).ends(1).json();
    assert_eq!(told["findings"][0]["reason"], "SecretNotReleased");
    let members: Vec<&str> = told.as_object().unwrap().keys().map(String::as_str).collect();
    assert_eq!(
        members,
        [
            "failingDeliveries",
            "findings",
            "providerTrouble",
            "remotes",
            "subscription"
        ]
    );

    world.secret("token", "delivery", &[("value", "canary-bearer-7731/+x")]);
    world.ready("crm");
    let well = world.webhooks(&["status", "crm"]).ends(0).out;
    assert!(
        well.contains("is Healthy") && well.contains(&world.external_id("crm")),
        "{well}"
    );

    // The cause is the provider's.
    let lost = world.provider_spec(json!({"credentials": {"secretRef": {"name": "lost", "key": "token"}}}));
    world.apply(PROVIDER, "lost", lost);
    world.subscribe("erp", json!({"providerRef": {"name": "lost"}}));
    world.refused("erp", "ProviderNotReady");
    // The provider's own status is written beside the subscription's.
    world.becomes(PROVIDER, "lost", "Ready", "False", "");
    let said = world.webhooks(&["status", "erp"]).ends(1).out;
    assert!(said.contains("WebhookProvider lost is not ready"), "{said}");
    assert!(
        said.contains("docs/troubleshooting.md#providernotready"),
        "{said}"
    );
}

#[test]
fn what_goes_wrong_is_told_by_the_exit_status() {
    let world = World::start();
    let gone = world.webhooks(&["status", "absent"]).ends(4);
    assert!(gone.notes.contains("absent does not exist"), "{gone:#?}");
    world.webhooks(&["get", "--no-such-flag"]).ends(2);
    let cluster = world.cluster();
    cluster
        .kubectl(
            &["create", "serviceaccount", "nobody", "-n", &world.namespace],
            "",
        )
        .unwrap();
    let nobody = cluster
        .service_account_kubeconfig(&world.namespace, "nobody")
        .unwrap();
    let scoped = ["get", "-n", world.namespace.as_str()];
    let forbidden = world.webhooks_as(&nobody, &scoped).ends(5);
    assert!(
        forbidden.notes.contains("you may not list WebhookSubscriptions"),
        "{forbidden:#?}"
    );
    // The same by impersonation, which the admin may.
    let account = format!("--as=system:serviceaccount:{}:nobody", world.namespace);
    world.webhooks(&["get", &account]).ends(5);
    let missing = world.webhooks(&["get", "--context=absent"]).ends(3);
    assert!(
        missing.notes.contains("cannot use this kubeconfig and context"),
        "{missing:#?}"
    );
    let file = cluster.kubeconfig();
    let nowhere = std::path::Path::new("/nonexistent");
    let given = format!("--kubeconfig={}", file.display());
    world
        .webhooks_as(nowhere, &["get", &given, "-n", &world.namespace])
        .ends(0);
    let empty = tempfile::NamedTempFile::new().unwrap();
    let text = fs::read_to_string(&file).unwrap();
    fs::write(
        empty.path(),
        text.replace(cluster.server(), "https://127.0.0.1:9"),
    )
    .unwrap();
    world.webhooks_as(empty.path(), &["get"]).ends(3);
}

#[test]
fn kubectl_finds_it_and_a_shell_completes_it() {
    let world = World::start();
    world.connect();
    world.subscribe("crm", json!({}));
    world.ready("crm");
    let folder = tempfile::tempdir().unwrap();
    symlink(plugin(), folder.path().join("kubectl-webhooks")).unwrap();
    let kubectl = world.cluster().kubectl_as_admin();
    let output = kubectl
        .command()
        .args(["webhooks", "get", "-o", "name", "-n", &world.namespace])
        .env("PATH", folder.path())
        .output()
        .unwrap();
    let said = Said::of(&output).ends(0);
    world.assert_discreet(&said);
    assert_eq!(said.out, "webhooksubscription.webhook-operator.io/crm\n");
    for shell in ["bash", "zsh", "fish", "powershell", "elvish"] {
        let nowhere = std::path::Path::new("/nonexistent");
        let script = Said::of(&command(nowhere, &["completion", shell]).output().unwrap()).ends(0);
        assert!(
            script.out.contains("kubectl-webhooks") && script.out.contains("reconcile"),
            "{shell}"
        );
    }
}

#[test]
fn kubectl_completes_verbs_flags_and_the_names_of_objects() {
    let world = World::start();
    world.connect();
    world.subscribe("crm", json!({}));
    world.subscribe("erp", json!({"url": "https://hooks.acme.example/erp"}));
    let folder = tempfile::tempdir().unwrap();
    symlink(plugin(), folder.path().join("kubectl-webhooks")).unwrap();
    let nowhere = std::path::Path::new("/nonexistent");
    let script = Said::of(&command(nowhere, &["completion", "kubectl"]).output().unwrap()).ends(0);
    let file = folder.path().join("kubectl_complete-webhooks");
    fs::write(&file, &script.out).unwrap();
    fs::set_permissions(&file, fs::Permissions::from_mode(0o755)).unwrap();
    let kubectl = world.cluster().kubectl_as_admin();
    let complete = |words: &[&str]| {
        let output = kubectl
            .command()
            .args(["__complete", "webhooks"])
            .args(words)
            .env("PATH", folder.path())
            .output()
            .unwrap();
        let said = Said::of(&output).ends(0);
        world.assert_discreet(&said);
        let lines: Vec<String> = said.out.lines().map(str::to_owned).collect();
        let text = |line: &String| line.split('\t').next().unwrap_or_default().to_owned();
        lines.iter().map(text).collect::<Vec<_>>()
    };
    assert_eq!(complete(&["re"]), ["reconcile", "resume", ":4"]);
    assert_eq!(complete(&["get", "--unh"]), ["--unhealthy", ":4"]);
    assert_eq!(complete(&["get", "-o", "j"]), ["json", ":4"]);
    assert_eq!(complete(&["diff", "-f", ""]), [":0"], "the shell completes files");
    // A cluster that takes longer than somebody who pressed a key waits has nothing to offer; then it is asked again.
    let names = |words: &[&str]| {
        world.eventually("names from the cluster", || {
            Some(complete(words)).filter(|offered| *offered != [":4"])
        })
    };
    let namespace = world.namespace.as_str();
    assert_eq!(names(&["status", "-n", namespace, ""]), ["crm", "erp", ":4"]);
    assert_eq!(names(&["suspend", "-n", namespace, "crm", ""]), ["erp", ":4"]);
    assert_eq!(names(&["get", "-n", namespace]), [namespace, ":4"]);
    assert_eq!(
        names(&["import", "-n", namespace, "--provider", "d"]),
        ["dixa", ":4"]
    );
    // A cluster that does not answer has nothing to offer, and nobody reads about it.
    let silent = Said::of(&command(nowhere, &["__complete", "status", ""]).output().unwrap()).ends(0);
    assert_eq!((silent.out.as_str(), silent.notes.as_str()), (":4\n", ""));
}

#[test]
fn the_doctor_judges_with_the_rights_of_whoever_asks_or_of_the_operator() {
    let world = World::start();
    world.connect();
    let watch = format!("--watch-namespace={}", world.namespace);
    let flags = ["doctor", &watch, "--allow-insecure-http", "-o", "json"];
    let said = world.webhooks(&flags).ends(1);
    let report = said.json();
    let checks = report["checks"].as_array().unwrap();
    let outcome = |kind: &str| {
        let all = checks.iter().filter(|check| check["check"] == kind);
        all.map(|check| check["outcome"].as_str().unwrap())
            .collect::<Vec<_>>()
    };
    assert!(
        outcome("rights").iter().all(|outcome| *outcome == "ok"),
        "{report:#}"
    );
    assert_eq!(outcome("endpoint"), ["ok"], "{report:#}");
    // Worlds run without an election.
    assert_eq!(outcome("leader"), ["failed"], "{report:#}");
    let nobody = format!("--as=system:serviceaccount:{}:nobody", world.namespace);
    let said = world.webhooks(&["doctor", &watch, &nobody]).ends(1);
    assert!(
        said.out.contains("may not list webhooksubscriptions"),
        "{said:#?}"
    );
    assert_eq!(world.find(SUBSCRIPTION, "crm"), None);
}
