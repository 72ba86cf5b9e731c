//! References to Secrets. None has a `namespace` member: a reference never leaves the namespace it is made in.

use kube::KubeSchema;
use serde::{Deserialize, Serialize};

use super::patterns;

/// A key of a Secret.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, KubeSchema)]
#[serde(rename_all = "camelCase")]
pub struct SecretKeyRef {
    /// Name of the Secret. Example: `dixa-api`.
    #[schemars(length(min = 1, max = 253), regex(pattern = patterns::OBJECT_NAME))]
    pub name: String,
    /// Key in the Secret's data that holds the value. One newline at the value's end is ignored.
    /// Example: `token`.
    #[schemars(length(min = 1, max = 253), regex(pattern = patterns::DATA_KEY))]
    pub key: String,
}

/// A value that is kept in a Secret.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, KubeSchema)]
#[serde(rename_all = "camelCase")]
pub struct SecretKeySource {
    /// The Secret, in the namespace of this object, and the key in it. The Secret needs the label
    /// `webhook-operator.io/use: delivery`; without it nothing is sent.
    pub secret_key_ref: SecretKeyRef,
}
