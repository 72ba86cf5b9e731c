//! Parts of the control plane stand still for a while. The world has one for itself.

use std::fs;
use std::path::Path;
use std::time::Duration;

use provider_simulator::{FaultAction, FaultPlan, Release, RequestFilter, When};
use serde_json::{Value, json};

use crate::support::{OPERATOR_NAMESPACE, SUBSCRIPTION, Setup, World};
use crate::{all_ready, count, subscribe_all};

/// Open descriptors of a process.
pub fn descriptors(pid: u32) -> usize {
    fs::read_dir(format!("/proc/{pid}/fd")).unwrap().count()
}

#[test]
fn an_apiserver_that_restarts_and_an_etcd_that_stands_still_cost_nothing() {
    let mut world = Setup::new().cluster_wide().start();
    world.connect();
    let names = subscribe_all(&world, "crm", 3);
    all_ready(&world, &names);
    let pid = world.operator().id();
    let (before, mark) = (descriptors(pid), world.mark());

    world.own_plane().kill_apiserver();
    world.eventually("the watches to be interrupted", || {
        world.operator_log().matches("watch interrupted").count() >= 5
    });
    world.own_plane().start_apiserver().unwrap();
    for name in &names {
        world.look_again(SUBSCRIPTION, name);
    }
    assert_eq!(world.remote_writes_since(mark), [""; 0]);
    // Connections that nobody uses any more are closed after a while.
    world.within(Duration::from_secs(240), "the descriptors of before", || {
        let after = descriptors(pid);
        if after <= before + 4 {
            Ok(())
        } else {
            Err(format!("{before} descriptors became {after}"))
        }
    });

    // Between a create and the write of its id, the database stops.
    let create = RequestFilter::operation("dixa", "create");
    let after = FaultAction::Hold { when: When::Applied };
    world.simulator.add_fault(FaultPlan::nth(create, 1, after));
    world.subscribe("late", json!({"url": "https://hooks.acme.example/late"}));
    let held = world.eventually("the create to be held", || {
        world.simulator.held().first().map(|held| held.seq)
    });
    world.own_plane().freeze_etcd(true);
    world.simulator.release(held, Release::Continue);
    world.requested("create", mark, 1);
    let api = world.cluster().api().unwrap();
    world.eventually("the apiserver to miss its database", || {
        api.get("/readyz").map_or(true, |reply| reply.status != 200)
    });
    world.own_plane().freeze_etcd(false);
    world.ready("late");
    assert_eq!(count(&world, mark, "create"), 1);
    assert_eq!(world.remote().len(), 4);
    assert_eq!(world.operator().ended().unwrap(), None);
}

/// The operator's kubeconfig with its token in a file, as a pod has it.
fn with_token_in_a_file(world: &World, token: &Path) -> Value {
    let text = fs::read_to_string(world.kubeconfig()).unwrap();
    let mut config: Value = serde_json::from_str(&text).unwrap();
    let user = &mut config["users"][0]["user"];
    fs::write(token, user["token"].as_str().unwrap()).unwrap();
    *user = json!({"tokenFile": token});
    config
}

#[test]
fn a_token_that_was_replaced_in_its_file_is_used_without_a_restart() {
    let mut world = Setup::new().cluster_wide().without_operator().start();
    let folder = tempfile::tempdir().unwrap();
    let token = folder.path().join("token");
    let kubeconfig = folder.path().join("kubeconfig");
    let config = with_token_in_a_file(&world, &token);
    fs::write(&kubeconfig, config.to_string()).unwrap();
    world.use_kubeconfig(&kubeconfig);
    world.start_operator();
    world.connect();
    world.subscribe("crm", json!({}));
    world.ready("crm");
    let mark = world.mark();
    // Every token of the account that was is worthless.
    let account = format!("/api/v1/namespaces/{OPERATOR_NAMESPACE}/serviceaccounts");
    let api = world.cluster().api().unwrap();
    let path = format!("{account}/webhook-operator");
    api.delete(&path).unwrap().ok().unwrap();
    let anew = json!({"metadata": {"name": "webhook-operator"}});
    api.post(&account, &anew).unwrap().ok().unwrap();
    let mut asked = 0;
    world.eventually("the old token to be refused", || {
        asked += 1;
        world.nudge(SUBSCRIPTION, "crm", &asked.to_string());
        world
            .operator_log()
            .contains("the apiserver did not accept the write: 401 ")
    });
    let fresh = world
        .cluster()
        .service_account_kubeconfig(OPERATOR_NAMESPACE, "webhook-operator")
        .unwrap();
    let fresh: Value = serde_json::from_str(&fs::read_to_string(fresh).unwrap()).unwrap();
    fs::write(&token, fresh["users"][0]["user"]["token"].as_str().unwrap()).unwrap();
    world.subscribe("crm", json!({"url": "https://hooks.acme.example/edited"}));
    // The file is read once a minute, and tries have become rarer by then.
    world.within(
        Duration::from_secs(150),
        "the edit to be told with the new token",
        || {
            let crm = world.subscription("crm");
            crm["status"]["observedGeneration"] == crm["metadata"]["generation"]
        },
    );
    assert_eq!(count(&world, mark, "patch"), 1);
    world.ready("crm");
    assert_eq!(world.operator().ended().unwrap(), None);
}
