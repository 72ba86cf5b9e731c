//! Which cluster this is and whether it is prepared: client, hash key, cluster id, kinds.

mod client;
mod crds;
mod identity;
mod patience;
mod read_only;

pub use client::{
    Access, ClientError, WATCH_TIMEOUT, apiserver, connect, connect_for_lease, connect_for_person,
    connect_to_look, without_answer,
};
pub use crds::{CRDS_GATE, CrdLookupError, brief, crd_terminating, served, wait_for_crds};
pub use identity::{
    ClusterIdError, HASH_KEY_SECRET, HashKeyError, cluster_id, create_hash_key, fill_random, find_hash_key,
    passing_hash_key,
};
