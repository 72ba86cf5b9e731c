//! Fetches what a spec refers to.

use std::collections::BTreeMap;

use k8s_openapi::api::core::v1::Secret;
use kube::Api;
use operator_core::reason::Reason;

use crate::api::names::LABEL_USE;
use crate::cluster::without_answer;
use crate::controller::context::Context;
use crate::controller::references::{SecretReference, Values, is_object_name, secret_value};
use crate::controller::subscription::validate::Invalid;

/// Why what a spec refers to could not be fetched.
#[derive(Debug, thiserror::Error)]
pub(super) enum DereferenceError {
    /// Somebody has to change something.
    #[error("{}", .0.message)]
    Invalid(Invalid),
    /// The operator may not read this Secret or ConfigMap. Rights can come back without anything to watch: it is tried
    /// again.
    #[error(
        "{field}: the apiserver does not let the operator read {kind} {name} (403); give its ServiceAccount the right to get it"
    )]
    Forbidden {
        /// The field that refers to it.
        field: &'static str,
        /// What it is.
        kind: &'static str,
        /// Its name.
        name: String,
    },
    /// The apiserver did not answer as it should.
    #[error("cannot read what the spec refers to")]
    Kube(#[source] Box<kube::Error>),
}

impl DereferenceError {
    pub(super) fn of(error: kube::Error) -> Self {
        Self::Kube(Box::new(without_answer(error)))
    }

    fn of_secret(error: kube::Error, reference: &SecretReference) -> Self {
        Self::of_read(error, reference.field, "Secret", &reference.name)
    }

    /// The error of a read of the object of this kind and name, to which `field` refers.
    pub(super) fn of_read(error: kube::Error, field: &'static str, kind: &'static str, name: &str) -> Self {
        match error {
            kube::Error::Api(status) if status.code == 403 => Self::Forbidden {
                field,
                kind,
                name: name.to_owned(),
            },
            other => Self::of(other),
        }
    }
}

fn not_found(reference: &SecretReference) -> Invalid {
    let (name, field) = (&reference.name, reference.field);
    Invalid::new(
        Reason::SecretNotFound,
        format!("{field}: Secret {name} does not exist; create it, or correct the reference"),
    )
}

/// That `name`, which `field` has, is the name of an object of this namespace and leads nowhere else.
///
/// # Errors
/// [`Invalid`], when it is none.
pub(super) fn object_name(field: &str, name: &str) -> Result<(), Invalid> {
    if is_object_name(name) {
        return Ok(());
    }
    let name: String = name.chars().filter(|c| !c.is_control()).take(253).collect();
    let message = format!("{field}: {name} is not a name that a Secret or a ConfigMap can have; correct it");
    Err(Invalid::new(Reason::InvalidSpec, message))
}

fn released(
    labels: Option<&BTreeMap<String, String>>,
    namespace: &str,
    reference: &SecretReference,
) -> Result<(), Invalid> {
    let (name, purpose, field) = (&reference.name, reference.purpose, reference.field);
    if labels
        .and_then(|labels| labels.get(LABEL_USE))
        .is_some_and(|label| label == purpose)
        || operator_core::planted!(SecretWithoutLabel)
    {
        return Ok(());
    }
    Err(Invalid::new(
        Reason::SecretNotReleased,
        format!(
            "{field}: Secret {name} is not released for this use; its owner can do so with: \
             kubectl label secret --namespace {namespace} {name} {LABEL_USE}={purpose}"
        ),
    ))
}

impl Context {
    /// The version of a Secret that is released for the use that `reference` makes of it. No value is read.
    ///
    /// # Errors
    /// [`DereferenceError::Invalid`] when it is missing or not released.
    pub(super) async fn secret_version(
        &self,
        namespace: &str,
        reference: &SecretReference,
    ) -> Result<String, DereferenceError> {
        object_name(reference.field, &reference.name).map_err(DereferenceError::Invalid)?;
        let watched = self.labelled_secret(namespace, &reference.name);
        let metadata = if let Some(watched) = watched {
            watched.metadata.clone()
        } else {
            // Not in the watch: missing, without the label, or newer than the watch. Metadata tells which.
            let api = Api::<Secret>::namespaced(self.client.clone(), namespace);
            let found = api.get_metadata_opt(&reference.name).await;
            let found = found.map_err(|error| DereferenceError::of_secret(error, reference))?;
            found
                .ok_or_else(|| DereferenceError::Invalid(not_found(reference)))?
                .metadata
        };
        released(metadata.labels.as_ref(), namespace, reference).map_err(DereferenceError::Invalid)?;
        Ok(metadata.resource_version.unwrap_or_default())
    }

    /// Reads the given keys of a released Secret. A key that is missing is left out; the caller knows whether that
    /// matters.
    ///
    /// # Errors
    /// [`DereferenceError`]; no message holds any part of a value.
    pub(super) async fn secret_values(
        &self,
        namespace: &str,
        reference: &SecretReference,
        keys: &[String],
        values: &mut Values,
    ) -> Result<String, DereferenceError> {
        self.secret_version(namespace, reference).await?;
        let api = Api::<Secret>::namespaced(self.client.clone(), namespace);
        let secret = api.get_opt(&reference.name).await;
        let secret = secret.map_err(|error| DereferenceError::of_secret(error, reference))?;
        let secret = secret.ok_or_else(|| DereferenceError::Invalid(not_found(reference)))?;
        // The label once more, on the very object that the values come from.
        released(secret.metadata.labels.as_ref(), namespace, reference).map_err(DereferenceError::Invalid)?;
        let data = secret.data.unwrap_or_default();
        for key in keys {
            let Some(bytes) = data.get(key) else { continue };
            let value = secret_value(&bytes.0).map_err(|fault| {
                let message = format!(
                    "{}: key {key} of Secret {} {fault}",
                    reference.field, reference.name
                );
                DereferenceError::Invalid(Invalid::new(Reason::SecretInvalid, message))
            })?;
            values.insert((reference.name.clone(), key.clone()), value);
        }
        Ok(secret.metadata.resource_version.unwrap_or_default())
    }
}
