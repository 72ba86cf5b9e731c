//! Starts the real parts that tests, demo and benchmarks run on, and looks at them from outside: a
//! control plane (etcd, kube-apiserver, kube-controller-manager), the operator and the providers'
//! simulator as processes, kubectl, the audit log.
//!
//! It depends on none of the crates under test. Everything it starts ends with it, even when it is
//! killed, and leaves nothing behind but the logs of a failed test.
//!
//! ```no_run
//! use std::time::Duration;
//! use test_harness::{ControlPlane, wait_for};
//!
//! let cluster = ControlPlane::shared();
//! let namespace = cluster.namespace("example").unwrap();
//! cluster
//!     .kubectl(&["create", "configmap", "a", "-n", &namespace], "")
//!     .unwrap();
//! let stored = wait_for(Duration::from_secs(5), "the ConfigMap", || {
//!     cluster.get_json("configmap", &namespace, "a").unwrap()
//! });
//! assert!(stored.is_ok());
//! ```

mod audit;
mod binaries;
mod child;
mod cluster;
mod control_plane;
mod discovery;
mod guard;
mod http;
mod kubectl;
mod kustomize;
mod operator;
mod parts;
mod pki;
mod procfs;
pub mod proxy;
mod scratch;
mod simulator;
mod tools;
mod wait;

pub use audit::{AuditError, AuditEvent, AuditReader};
pub use binaries::{BINARIES_VARIABLE, BinaryError, binary};
pub use child::{ProcessError, chain};
pub use cluster::{Cluster, ClusterError};
pub use control_plane::{ControlPlane, Options, SHARED_VARIABLE, StartError};
pub use discovery::DiscoveryError;
pub use guard::{end_with_this_process, release_child, remove_with_this_process};
pub use http::{HttpClient, HttpError, Reply};
pub use kubectl::{Kubectl, KubectlError};
pub use kustomize::{Kustomization, KustomizeError, PROVIDER_PATCH, SecretValues};
pub use operator::{Operator, OperatorError};
pub use pki::PkiError;
pub use simulator::Simulator;
pub use tools::{ASSETS_VARIABLE, BINARY_VARIABLE, ToolsError};
pub use wait::{Look, TimedOut, wait_for};
