//! What the operator keeps about itself in the cluster: the hash key and the cluster id.

use std::collections::BTreeMap;

use k8s_openapi::ByteString;
use k8s_openapi::api::core::v1::{Namespace, Secret};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;
use kube::api::PostParams;
use kube::{Api, Client};
use operator_core::hash::HashKey;
use operator_core::names::{ClusterId, NameError};
use rustls::crypto::GetRandomFailed;

use crate::api::FIELD_MANAGER;
use crate::cluster::client::without_answer;

/// The Secret that holds the hash key, in the operator's own namespace.
pub const HASH_KEY_SECRET: &str = "webhook-operator-hash-key";
/// The key inside it.
const HASH_KEY_ENTRY: &str = "key";
/// The namespace that lives as long as the cluster.
const KUBE_SYSTEM: &str = "kube-system";

/// Why there is no hash key.
#[derive(Debug, thiserror::Error)]
pub enum HashKeyError {
    /// The Secret cannot be read.
    #[error("cannot read the Secret {namespace}/{HASH_KEY_SECRET}")]
    Read {
        /// The operator's namespace.
        namespace: String,
        /// What the apiserver says.
        source: Box<kube::Error>,
    },
    /// The Secret cannot be created.
    #[error("cannot create the Secret {namespace}/{HASH_KEY_SECRET}")]
    Create {
        /// The operator's namespace.
        namespace: String,
        /// What the apiserver says.
        source: Box<kube::Error>,
    },
    /// The system has no random bytes.
    #[error("the system gives no random bytes for the hash key")]
    Random,
    /// The Secret holds something else.
    #[error(
        "the Secret {namespace}/{HASH_KEY_SECRET} must hold exactly 32 bytes under {HASH_KEY_ENTRY:?}; restore it \
         from a backup, or delete it: the operator then makes a new one and sends what providers do not show once \
         more"
    )]
    Malformed {
        /// The operator's namespace.
        namespace: String,
    },
}

impl From<GetRandomFailed> for HashKeyError {
    fn from(_: GetRandomFailed) -> Self {
        Self::Random
    }
}

/// The hash key of this install, from its Secret in `namespace`; `None` where that was never created, so that nobody
/// has done anything here yet.
///
/// # Errors
/// [`HashKeyError`].
pub async fn find_hash_key(client: Client, namespace: &str) -> Result<Option<HashKey>, HashKeyError> {
    let secrets: Api<Secret> = Api::namespaced(client, namespace);
    let secret = read(&secrets, namespace).await?;
    secret.map(|secret| key_in(&secret, namespace)).transpose()
}

/// Creates the hash key of this install. If somebody else has done it meanwhile, that one is read.
///
/// # Errors
/// [`HashKeyError`]. A Secret of the wrong form is never overwritten.
pub async fn create_hash_key(client: Client, namespace: &str) -> Result<HashKey, HashKeyError> {
    let secrets: Api<Secret> = Api::namespaced(client, namespace);
    let fresh = fresh_secret()?;
    match secrets
        .create(
            &PostParams {
                field_manager: Some(FIELD_MANAGER.to_owned()),
                ..PostParams::default()
            },
            &fresh,
        )
        .await
    {
        Ok(created) => {
            tracing::info!(namespace, secret = HASH_KEY_SECRET, "created the hash key");
            key_in(&created, namespace)
        }
        Err(kube::Error::Api(status)) if status.code == 409 => match read(&secrets, namespace).await? {
            Some(secret) => key_in(&secret, namespace),
            None => Err(HashKeyError::Create {
                namespace: namespace.to_owned(),
                source: Box::new(kube::Error::Api(status)),
            }),
        },
        Err(source) => Err(HashKeyError::Create {
            namespace: namespace.to_owned(),
            source: Box::new(without_answer(source)),
        }),
    }
}

/// A hash key that is stored nowhere and ends with the process.
///
/// # Errors
/// [`HashKeyError::Random`].
pub fn passing_hash_key() -> Result<HashKey, HashKeyError> {
    let mut bytes = [0; 32];
    fill_random(&mut bytes)?;
    Ok(HashKey::new(bytes))
}

async fn read(secrets: &Api<Secret>, namespace: &str) -> Result<Option<Secret>, HashKeyError> {
    secrets
        .get_opt(HASH_KEY_SECRET)
        .await
        .map_err(|source| HashKeyError::Read {
            namespace: namespace.to_owned(),
            source: Box::new(without_answer(source)),
        })
}

fn key_in(secret: &Secret, namespace: &str) -> Result<HashKey, HashKeyError> {
    secret
        .data
        .as_ref()
        .and_then(|data| data.get(HASH_KEY_ENTRY))
        .and_then(|value| <[u8; 32]>::try_from(value.0.as_slice()).ok())
        .map(HashKey::new)
        .ok_or_else(|| HashKeyError::Malformed {
            namespace: namespace.to_owned(),
        })
}

/// Fills `bytes` with what nobody can guess.
///
/// # Errors
/// [`GetRandomFailed`](rustls::crypto::GetRandomFailed), when the system has none to give.
pub fn fill_random(bytes: &mut [u8]) -> Result<(), rustls::crypto::GetRandomFailed> {
    rustls::crypto::ring::default_provider().secure_random.fill(bytes)
}

fn fresh_secret() -> Result<Secret, HashKeyError> {
    let mut bytes = [0; 32];
    fill_random(&mut bytes)?;
    Ok(Secret {
        metadata: ObjectMeta {
            name: Some(HASH_KEY_SECRET.to_owned()),
            labels: Some(BTreeMap::from([(
                "app.kubernetes.io/managed-by".to_owned(),
                FIELD_MANAGER.to_owned(),
            )])),
            ..ObjectMeta::default()
        },
        // A changed key would make every stored hash one of an unknown key.
        immutable: Some(true),
        data: Some(BTreeMap::from([(
            HASH_KEY_ENTRY.to_owned(),
            ByteString(bytes.to_vec()),
        )])),
        type_: Some("Opaque".to_owned()),
        ..Secret::default()
    })
}

/// Why there is no cluster id.
#[derive(Debug, thiserror::Error)]
pub enum ClusterIdError {
    /// The namespace must not be read.
    #[error(
        "the operator may not read the namespace {KUBE_SYSTEM}, whose UID is the default cluster id: allow it, or \
         set --cluster-id to an id that no other cluster uses"
    )]
    Forbidden,
    /// The namespace cannot be read.
    #[error(
        "cannot read the namespace {KUBE_SYSTEM}, whose UID is the default cluster id (or set --cluster-id)"
    )]
    Read {
        /// What the apiserver says.
        source: Box<kube::Error>,
    },
    /// The apiserver gave no UID.
    #[error("the namespace {KUBE_SYSTEM} has no UID; set --cluster-id")]
    NoUid,
    /// The UID cannot be an id.
    #[error("the UID of the namespace {KUBE_SYSTEM} {source}; set --cluster-id")]
    Unusable {
        /// What is wrong with it.
        source: NameError,
    },
}

/// This cluster's id: `flag` where it is given, else the UID of namespace `kube-system`.
///
/// # Errors
/// [`ClusterIdError`], never where `flag` is given.
pub async fn cluster_id(client: Client, flag: Option<&ClusterId>) -> Result<ClusterId, ClusterIdError> {
    if let Some(id) = flag {
        return Ok(id.clone());
    }
    let namespaces: Api<Namespace> = Api::all(client);
    let namespace = namespaces
        .get_metadata(KUBE_SYSTEM)
        .await
        .map_err(|error| match error {
            kube::Error::Api(status) if status.code == 403 => ClusterIdError::Forbidden,
            source => ClusterIdError::Read {
                source: Box::new(source),
            },
        })?;
    let uid = namespace.metadata.uid.ok_or(ClusterIdError::NoUid)?;
    ClusterId::parse(&uid).map_err(|source| ClusterIdError::Unusable { source })
}

#[cfg(test)]
mod tests;
