//! The machine has little to give.

use std::fs;
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

/// The port on which a process listens, as the system tells it (`proc_net(5)`): its log cannot.
fn listens_at(pid: u32) -> Option<u16> {
    let open = fs::read_dir(format!("/proc/{pid}/fd")).ok()?;
    let open: Vec<_> = open
        .filter_map(|entry| fs::read_link(entry.ok()?.path()).ok())
        .collect();
    let sockets = fs::read_to_string("/proc/net/tcp").ok()?;
    sockets.lines().find_map(|line| {
        let columns: Vec<&str> = line.split_whitespace().collect();
        let (local, state, inode) = (columns.get(1)?, columns.get(3)?, columns.get(9)?);
        // 0A: it listens.
        let ours = *state == "0A" && open.contains(&format!("socket:[{inode}]").into());
        let (_, port) = local.split_once(':')?;
        u16::from_str_radix(port, 16).ok().filter(|_| ours)
    })
}

#[test]
fn where_the_log_cannot_be_written_the_work_goes_on() {
    let world = Setup::new().without_operator().start();
    let operator = binary("webhook-operator", "webhook-operator").unwrap();
    let namespace = format!("--watch-namespace={}", world.namespace);
    let cluster = format!("--cluster-id={}", world.namespace);
    let line = r#"exec "$0" "$@" >/dev/full 2>&1"#;
    let args = [
        "-c",
        line,
        operator.to_str().unwrap(),
        "run",
        "--listen=127.0.0.1:0",
        &namespace,
        &cluster,
        "--allow-insecure-http",
        "--settle-time=2s",
    ];
    let env = [("POD_NAMESPACE", OPERATOR_NAMESPACE), ("TMPDIR", "/nonexistent")];
    let mut running = Operator::start(Path::new("/bin/sh"), &args, &env, world.kubeconfig()).unwrap();
    let port = world.eventually("it to listen", || listens_at(running.id()));
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
