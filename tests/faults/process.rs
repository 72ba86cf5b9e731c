//! The machine has little to give.

use std::net::TcpListener;
use std::path::Path;

use rustix::process::{Pid, Resource, Rlimit, prlimit};
use serde_json::json;
use test_harness::{HttpClient, Operator, binary};

use crate::support::{OPERATOR_NAMESPACE, SUBSCRIPTION, Setup, World};
use crate::{all_ready, count, subscribe_all};

#[test]
fn with_64_descriptors_all_get_ready() {
    let mut world = World::start();
    let pid = i32::try_from(world.operator().id()).ok().and_then(Pid::from_raw);
    let limit = Rlimit {
        current: Some(64),
        maximum: Some(64),
    };
    prlimit(pid, Resource::Nofile, limit).unwrap();
    world.connect();
    let names = subscribe_all(&world, "crm", 40);
    all_ready(&world, &names);
    assert_eq!(count(&world, 0, "create"), 40);
    assert_eq!(world.remote().len(), 40);
}

#[test]
fn where_the_log_cannot_be_written_the_work_goes_on() {
    let world = Setup::new().without_operator().start();
    let port = TcpListener::bind("127.0.0.1:0")
        .unwrap()
        .local_addr()
        .unwrap()
        .port();
    let operator = binary("webhook-operator", "webhook-operator").unwrap();
    let listen = format!("--listen=127.0.0.1:{port}");
    let namespace = format!("--watch-namespace={}", world.namespace);
    let cluster = format!("--cluster-id={}", world.namespace);
    let line = r#"exec "$0" "$@" >/dev/full 2>&1"#;
    let args = [
        "-c",
        line,
        operator.to_str().unwrap(),
        "run",
        &listen,
        &namespace,
        &cluster,
        "--allow-insecure-http",
        "--settle-time=2s",
    ];
    let env = [("POD_NAMESPACE", OPERATOR_NAMESPACE), ("TMPDIR", "/nonexistent")];
    let mut running = Operator::start(Path::new("/bin/sh"), &args, &env, world.kubeconfig()).unwrap();
    let http = HttpClient::plain(&format!("http://127.0.0.1:{port}"));
    world.connect();
    world.subscribe("crm", json!({"events": ["NoSuchEvent"]}));
    world.becomes(SUBSCRIPTION, "crm", "Stalled", "True", "RefusedByProvider");
    world.subscribe("crm", json!({}));
    world.ready("crm");
    assert_eq!(http.get("/livez").unwrap().status, 200);
    let metrics = http.get("/metrics").unwrap().body;
    let panics = metrics
        .lines()
        .find(|line| line.starts_with("webhook_operator_reconcile_panics_total"));
    assert!(panics.is_none_or(|line| line.ends_with(" 0")), "{panics:?}");
    assert_eq!(running.log_text(), "");
    assert_eq!(running.ended().unwrap(), None);
}
