//! Those who share an account: what its owner lets them do, and what none of them can do to another one.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

#[path = "../support/mod.rs"]
mod support;
#[allow(dead_code, reason = "the other suite uses the rest")]
#[path = "../crd_schema/walk.rs"]
mod walk;

mod forgeries;
mod policy;
mod references;
mod restore;

use serde_json::{Value, json};
use support::{CLUSTER_PROVIDER, OPERATOR_NAMESPACE, SUBSCRIPTION, Setup, Side, World, merge};

/// A world with a cluster-wide operator, and one shared account for each provider, under the provider's name.
fn shared() -> World {
    let world = Setup::new().cluster_wide().start();
    for side in Side::ALL {
        let name = format!("{}-api", side.name());
        let key = [("token", side.credential())];
        world.secret_in(OPERATOR_NAMESPACE, &name, "credentials", &key);
    }
    world
}

/// Lends the account of a provider to the world's namespace, with a change (RFC 7386) of the spec.
#[expect(clippy::needless_pass_by_value, reason = "callers write json!({…})")]
fn lend(world: &World, side: Side, change: Value) {
    let mut spec = side.provider_spec(world, json!({}));
    spec["allowedNamespaces"] = json!({"names": [world.namespace]});
    merge(&mut spec, &change);
    world.apply(CLUSTER_PROVIDER, side.name(), spec);
}

/// A subscription of the world's namespace at the shared account.
#[expect(clippy::needless_pass_by_value, reason = "callers write json!({…})")]
fn borrow(world: &World, side: Side, name: &str, change: Value) {
    let mut spec = side.spec(json!({"providerRef": {"kind": "ClusterWebhookProvider"}}));
    merge(&mut spec, &change);
    world.apply(SUBSCRIPTION, name, spec);
}

/// `<provider>-<what>`: the objects of the three providers live in one namespace.
fn named(side: Side, what: &str) -> String {
    format!("{}-{what}", side.name())
}
