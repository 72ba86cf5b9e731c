//! The Secret that holds a signing key, whoever made the key: marked as an object's own, and written by that object only.

use k8s_openapi::ByteString;
use k8s_openapi::api::core::v1::Secret;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::OwnerReference;
use kube::Api;
use kube::api::{ObjectMeta, PostParams};
use serde_json::json;

use crate::api::names::{ANNOTATION_SUBSCRIPTION, FIELD_MANAGER, LABEL_USE, SecretUse};
use crate::controller::apiserver::{WriteError, guarded, params};
use crate::controller::subscription::reconcile::Pass;

/// A member of a Secret's data.
pub(super) struct Member<'a> {
    pub(super) name: &'a str,
    pub(super) value: ByteString,
}

impl Pass<'_> {
    /// Whether a Secret is marked as this object's.
    pub(super) fn is_own(&self, secret: &Secret) -> bool {
        let annotations = secret.metadata.annotations.as_ref();
        let owner = annotations.and_then(|annotations| annotations.get(ANNOTATION_SUBSCRIPTION));
        owner.is_some_and(|owner| **owner == *self.name.name)
            || operator_core::planted!(OverwriteForeignSecret)
    }

    /// That the Secret `name` is somebody else's, where `field` names it; `instead` is what can be done about it,
    /// other than to hand it over.
    pub(super) fn not_own(&self, field: &str, name: &str, instead: &str) -> String {
        let (object, namespace) = (&self.name.name, &self.name.namespace);
        format!(
            "{field}: Secret {name} exists and is not marked as this object's; {instead}, choose another name, or hand \
             it over with: kubectl annotate secret --namespace {namespace} {name} {ANNOTATION_SUBSCRIPTION}={object}"
        )
    }

    /// Makes the Secret.
    ///
    /// # Errors
    /// [`WriteError`], also when there is one of this name.
    pub(super) async fn create_signing_secret(
        &self,
        api: &Api<Secret>,
        name: &str,
        member: Member<'_>,
        owner: Option<OwnerReference>,
    ) -> Result<Secret, WriteError> {
        let text = |text: &str| text.to_owned();
        let secret = Secret {
            metadata: ObjectMeta {
                name: Some(text(name)),
                labels: Some([(text(LABEL_USE), text(SecretUse::Signing.as_str()))].into()),
                annotations: Some([(text(ANNOTATION_SUBSCRIPTION), self.name.name.to_string())].into()),
                owner_references: owner.map(|owner| vec![owner]),
                ..ObjectMeta::default()
            },
            data: Some([(text(member.name), member.value)].into()),
            type_: Some(text("Opaque")),
            ..Secret::default()
        };
        let params = PostParams {
            field_manager: Some(text(FIELD_MANAGER)),
            ..PostParams::default()
        };
        api.create(&params, &secret).await.map_err(WriteError::of_secret)
    }
}

/// Sets a member of the Secret as it was read; its other members stay.
///
/// # Errors
/// [`WriteError`], also when it has changed since.
pub(super) async fn set_member(
    api: &Api<Secret>,
    secret: &Secret,
    member: Member<'_>,
) -> Result<Secret, WriteError> {
    let mut data = secret.data.clone().unwrap_or_default();
    data.insert(member.name.to_owned(), member.value);
    let patch = guarded(
        secret.metadata.resource_version.as_deref(),
        vec![json!({"op": "add", "path": "/data", "value": data})],
    )?;
    let name = secret.metadata.name.as_deref().unwrap_or_default();
    api.patch(name, &params(), &patch)
        .await
        .map_err(WriteError::of_secret)
}
