//! What a cluster's admin installs: the definitions and the operator's rights, as `deploy/kustomize` has them.

use std::fs;
use std::path::Path;

use serde_json::Value;
use test_harness::{Cluster, wait_for};
use webhook_operator::crd;

use super::{CLUSTER_PROVIDER, PROVIDER, SOON, SUBSCRIPTION};

/// Applies both to the cluster; what is there already stays as it is. Several may do it at once.
pub fn install(cluster: &Cluster) {
    let definitions: Vec<Value> = serde_saphyr::from_multiple(&crd::yaml_stream().unwrap()).unwrap();
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("deploy/kustomize");
    let files = ["namespace/namespace.yaml", "base/operator.yaml"];
    let manifest = files
        .map(|file| fs::read_to_string(folder.join(file)).unwrap())
        .concat();
    let manifest: Vec<Value> = serde_saphyr::from_multiple(&manifest).unwrap();
    // Tests run the operator as a process of their own instead.
    let rights = manifest.iter().filter(|object| object["kind"] != "Deployment");
    for object in definitions.iter().chain(rights) {
        wait_for(SOON, "an object of the installation", || apply(cluster, object)).unwrap();
    }
    for kind in [SUBSCRIPTION, PROVIDER, CLUSTER_PROVIDER] {
        wait_for(SOON, kind, || cluster.list_json(kind, "")).unwrap();
    }
}

/// Server-side apply, as `kubectl apply --server-side` does it.
fn apply(cluster: &Cluster, object: &Value) -> Result<(), String> {
    let text = |pointer: &str| {
        object
            .pointer(pointer)
            .and_then(Value::as_str)
            .unwrap_or_default()
    };
    let kind = text("/kind").to_lowercase();
    let group = text("/apiVersion").split_once('/').map_or("", |(group, _)| group);
    let kind = if group.is_empty() {
        kind
    } else {
        format!("{kind}.{group}")
    };
    let api = cluster.api().map_err(|error| error.to_string())?;
    let path = cluster
        .path(&kind, text("/metadata/namespace"))
        .map_err(|error| error.to_string())?;
    let path = format!(
        "{path}/{}?fieldManager=installation&force=true",
        text("/metadata/name")
    );
    let reply = api.send(
        "PATCH",
        &path,
        "application/apply-patch+yaml",
        Some(object.to_string()),
    );
    let reply = reply
        .map_err(|error| error.to_string())?
        .ok()
        .map_err(|error| error.to_string())?;
    drop(reply);
    Ok(())
}
