//! Which cluster this is and whether it is prepared: client, hash key, cluster id, kinds.

mod client;
mod crds;
mod identity;

pub use client::{ClientError, WATCH_TIMEOUT, apiserver, connect, connect_for_lease, without_answer};
pub use crds::{CRDS_GATE, CrdLookupError, crd_terminating, wait_for_crds};
pub use identity::{
    ClusterIdError, HASH_KEY_SECRET, HashKeyError, cluster_id, create_hash_key, fill_random, find_hash_key,
};
