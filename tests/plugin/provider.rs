//! What asks the provider: `deliveries`, `import`, `orphans`.

use std::io::{BufRead as _, BufReader, Write as _};
use std::net::TcpListener;
use std::thread;

use provider_simulator::Config;
use serde_json::{Value, json};

use crate::person::{Said, command};
use crate::support::{SUBSCRIPTION, Side, World};

const HTTP: &str = "--allow-insecure-http";

/// Applies what the plugin printed, as the admin.
fn apply(world: &World, printed: &Said) {
    world.cluster().apply(&printed.out).unwrap();
}

#[test]
fn the_log_of_deliveries_is_shown_for_every_provider() {
    let world = World::start();
    for side in Side::ALL {
        let name = side.name();
        let event = side.events()[0];
        side.connect(&world, json!({}));
        side.subscribe(&world, name, json!({"events": [event]}));
        world.ready(name);
        let id = world.external_id(name);
        let none = world
            .webhooks(&["deliveries", name, HTTP, "-o", "json"])
            .ends(0)
            .json();
        assert_eq!(none["items"], json!([]), "{name}");
        side.delivered(&world, &id, event, 204, 1);
        let fine = world.webhooks(&["deliveries", name, HTTP, "--failed"]).ends(0);
        assert_eq!(fine.out, "", "{fine:#?}");
        side.delivered(&world, &id, event, 502, 1);
        let failed = world
            .webhooks(&["deliveries", name, HTTP, "--failed", "-o", "json"])
            .ends(1)
            .json();
        let item = &failed["items"][0];
        assert_eq!(
            (&item["success"], &item["responseCode"]),
            (&json!(false), &json!(502)),
            "{failed:#}"
        );
        assert_eq!(
            (&item["externalID"], &item["event"]),
            (&json!(id), &json!(side.spelled(event)))
        );
        let members: Vec<&str> = item.as_object().unwrap().keys().map(String::as_str).collect();
        let stable = [
            "event",
            "externalID",
            "id",
            "key",
            "nextRetryAt",
            "responseCode",
            "success",
            "time",
        ];
        assert_eq!(members, stable);
        let table = world.webhooks(&["deliveries", name, HTTP]).ends(0).out;
        assert!(table.contains("failed") && table.contains("502"), "{table}");
    }
}

#[test]
fn the_account_is_reached_by_the_operators_rules_and_the_persons_rights() {
    let world = World::start();
    world.connect();
    world.subscribe("crm", json!({}));
    world.ready("crm");
    let mark = world.mark();
    let refused = world.webhooks(&["deliveries", "crm"]).ends(3);
    assert!(refused.notes.contains("--allow-insecure-http"), "{refused:#?}");
    let cluster = world.cluster();
    world.kubectl(&["create", "serviceaccount", "looker"]);
    let kinds = "--resource=webhooksubscriptions.webhook-operator.io,webhookproviders.webhook-operator.io";
    world.kubectl(&["create", "role", "looker", "--verb=get,list", kinds]);
    let account = format!("--serviceaccount={}:looker", world.namespace);
    world.kubectl(&["create", "rolebinding", "looker", "--role=looker", &account]);
    let looker = cluster
        .service_account_kubeconfig(&world.namespace, "looker")
        .unwrap();
    let args = ["deliveries", "crm", HTTP, "-n", world.namespace.as_str()];
    world.eventually("the role to be known", || {
        (world
            .webhooks_as(&looker, &["get", "-n", &world.namespace])
            .status
            == 0)
            .then_some(())
    });
    let forbidden = world.webhooks_as(&looker, &args).ends(5);
    assert!(
        forbidden.notes.contains("you may not get Secret"),
        "{forbidden:#?}"
    );
    world.simulator.dixa().revoke_token(Config::DIXA_TOKEN);
    let unauthenticated = world.webhooks(&["deliveries", "crm", HTTP]).ends(5);
    assert!(
        unauthenticated.notes.contains("does not accept the credential"),
        "{unauthenticated:#?}"
    );
    assert_eq!(world.remote_writes_since(mark), Vec::<String>::new());
}

/// A proxy that refuses every tunnel, and the first head that it was sent.
fn refusing_proxy() -> (String, thread::JoinHandle<String>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap().to_string();
    let seen = thread::spawn(move || {
        let (mut stream, _) = listener.accept().unwrap();
        let mut head = String::new();
        for line in BufReader::new(stream.try_clone().unwrap()).lines() {
            let line = line.unwrap();
            if line.is_empty() {
                break;
            }
            head.push_str(&line);
            head.push('\n');
        }
        stream
            .write_all(b"HTTP/1.1 403 Forbidden\r\ncontent-length: 0\r\n\r\n")
            .unwrap();
        head
    });
    (address, seen)
}

#[test]
fn a_provider_at_a_public_address_is_reached_through_the_proxy_and_its_password_is_never_on_a_command_line() {
    let mut world = World::start();
    world.watch_over("canary-proxy-5518");
    world.stop_operator();
    // Nobody is there; and only a proxy could lead to it.
    world.connect_with(json!({"endpoint": "https://11.0.0.1"}));
    let run = |verb: &[&str], url: Option<&str>| {
        let scoped = [verb, &["--namespace", world.namespace.as_str(), "--timeout=10s"]].concat();
        let mut command = command(&world.cluster().kubeconfig(), &scoped);
        if let Some(url) = url {
            command.env("WEBHOOK_OPERATOR_PROVIDER_PROXY", url);
        }
        let said = Said::of(&command.output().unwrap());
        world.assert_discreet(&said);
        said
    };
    for verb in [
        &["import", "--provider=dixa"][..],
        &["orphans", "list", "--provider=dixa"],
    ] {
        let (address, seen) = refusing_proxy();
        let said = run(
            &[verb, &[&format!("--provider-proxy=http://{address}")]].concat(),
            None,
        )
        .ends(3);
        assert!(
            said.notes
                .contains("the proxy of --provider-proxy makes no connection"),
            "{said:#?}"
        );
        assert!(seen.join().unwrap().starts_with("CONNECT 11.0.0.1:443 "));
    }
    for verb in [&["import", "--provider=dixa"][..], &["doctor"]] {
        let (address, seen) = refusing_proxy();
        let said = run(verb, Some(&format!("http://me:canary-proxy-5518@{address}")));
        assert_ne!(said.status, 2, "{said:#?}");
        assert!(
            seen.join().unwrap().contains("roxy-"),
            "the password is for the proxy"
        );
    }
    let shown = run(
        &[
            "import",
            "--provider=dixa",
            "--provider-proxy=http://me:canary-proxy-5518@p",
        ],
        None,
    )
    .ends(2);
    assert!(
        shown.notes.contains("a command line can be read by others"),
        "{shown:#?}"
    );
    run(
        &["import", "--provider=dixa", "--provider-proxy=socks5://p"],
        None,
    )
    .ends(2);
}

#[test]
fn what_exists_is_imported_as_watched_only_and_without_its_secrets() {
    let world = World::start();
    world.watch_over("canary-password-2209/x");
    let body = json!({
        "name": "Orders (EU)", "url": "https://hooks.acme.example/in", "events": ["ConversationRated"],
        "customHeaders": {}, "authorization": {"_type": "BasicAuth", "username": "relay",
            "password": "canary-password-2209/x"},
    });
    let made = world
        .simulator
        .dixa()
        .create_from_body("example-org", &body)
        .unwrap();
    world.connect();
    world.subscribe("crm", json!({}));
    world.ready("crm");
    let mark = world.mark();
    let said = world.webhooks(&["import", "--provider=dixa", HTTP]).ends(0);
    assert!(said.notes.contains("1 of 2"), "{said:#?}");
    let manifest: Value = serde_saphyr::from_str(&said.out).unwrap();
    assert_eq!(manifest["metadata"]["name"], "orders-eu");
    assert_eq!(manifest["spec"]["mode"], "Observe");
    assert_eq!(
        manifest["spec"]["adoption"]["externalIDs"],
        json!([made.id.to_string()])
    );

    world.secret(
        "orders-eu-delivery",
        "delivery",
        &[("username", "relay"), ("password", "canary-password-2209/x")],
    );
    apply(&world, &said);
    world.ready("orders-eu");
    // Now it is managed: neither imported again, nor touched.
    let again = world
        .webhooks(&["import", "--provider", "whprov/dixa", HTTP])
        .ends(0);
    assert_eq!(again.out, "", "{again:#?}");
    world
        .webhooks(&["import", "--provider=dixa", HTTP, &made.id.to_string()])
        .ends(4);
    world.delete(SUBSCRIPTION, "orders-eu");
    world.gone(SUBSCRIPTION, "orders-eu");
    assert_eq!(world.remote_writes_since(mark), Vec::<String>::new());
    assert!(world.remote_by_id(&made.id.to_string()).is_some());
}

/// A subscription whose object went without the operator.
fn orphan(world: &mut World, name: &str) -> String {
    world.subscribe(name, json!({"url": format!("https://hooks.acme.example/{name}")}));
    world.ready(name);
    let id = world.external_id(name);
    world.stop_operator();
    world.patch(SUBSCRIPTION, name, json!({"metadata": {"finalizers": null}}));
    world.delete(SUBSCRIPTION, name);
    world.gone(SUBSCRIPTION, name);
    world.start_operator();
    id
}

#[test]
fn orphans_are_found_deleted_when_somebody_says_yes_and_nothing_else_is() {
    let mut world = World::start();
    world.connect();
    world.subscribe("crm", json!({}));
    world.ready("crm");
    let living = world.external_id("crm");
    let lost = orphan(&mut world, "lost");
    let by_hand = Side::Dixa.create_by_hand(&world, "ConversationRated", "https://hooks.acme.example/x");
    let cluster = format!("--cluster-id={}", world.namespace);
    let scope = ["--provider=dixa", HTTP, cluster.as_str()];
    let orphans = |verb: &[&str]| world.webhooks(&[&["orphans"], verb, &scope].concat());

    let listed = orphans(&["list", "-o", "json"]).ends(1).json();
    let object = format!("{}/lost", world.namespace);
    assert_eq!(listed["items"].as_array().unwrap().len(), 1, "{listed:#}");
    assert_eq!(
        (&listed["items"][0]["externalID"], &listed["items"][0]["object"]),
        (&json!(lost), &json!(object))
    );
    // Another cluster's are none of ours.
    world
        .webhooks(&[
            "orphans",
            "list",
            "--provider=dixa",
            HTTP,
            "--cluster-id=elsewhere",
        ])
        .ends(0);

    let mark = world.mark();
    orphans(&["delete", &living, "--yes"]).ends(4);
    orphans(&["delete", &by_hand, "--yes"]).ends(4);
    let asked = orphans(&["delete", &lost]).ends(1);
    assert!(
        asked.out.contains(&lost) && asked.notes.contains("--yes"),
        "{asked:#?}"
    );
    assert_eq!(world.remote_writes_since(mark), Vec::<String>::new());
    orphans(&["delete", &lost, "--yes"]).ends(0);
    assert_eq!(world.remote_writes_since(mark).len(), 1);
    assert!(world.remote_by_id(&lost).is_none() && world.remote_by_id(&living).is_some());
    orphans(&["list"]).ends(0);
    // Without names there are no markers, and nothing tells.
    Side::Bird.connect(&world, json!({}));
    world
        .webhooks(&["orphans", "list", "--provider=bird", HTTP, &cluster])
        .ends(3);
}

#[test]
fn an_orphan_is_taken_back_by_the_object_that_made_it() {
    let mut world = World::start();
    world.connect();
    let lost = orphan(&mut world, "lost");
    let cluster = format!("--cluster-id={}", world.namespace);
    let said = world
        .webhooks(&["orphans", "adopt", "--provider=dixa", HTTP, &cluster])
        .ends(0);
    apply(&world, &said);
    world.ready("lost");
    assert_eq!(world.external_id("lost"), lost);
    assert_eq!(world.remote().len(), 1);
}
