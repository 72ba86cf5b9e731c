//! A signing key that the operator makes: stored before anything is signed with it, and never made twice.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use k8s_openapi::ByteString;
use k8s_openapi::api::core::v1::Secret;
use kube::Api;
use kube::api::{ObjectMeta, PostParams};
use operator_core::reason::Reason;
use secrecy::zeroize::Zeroizing;
use serde_json::json;

use crate::api::names::{ANNOTATION_SUBSCRIPTION, FIELD_MANAGER, LABEL_USE, SecretUse};
use crate::api::v1alpha1::{GenerateKey, ManagementMode};
use crate::cluster::fill_random;
use crate::controller::apiserver::{WriteError, guarded, params};
use crate::controller::dereference::DereferenceError;
use crate::controller::references::SIGNING_KEY;
use crate::controller::subscription::reconcile::{Pass, ReconcileError};
use crate::controller::subscription::validate::Invalid;

/// Bytes of a key; twice as many hexadecimal digits are stored and sent.
const KEY_BYTES: usize = 32;

impl Pass<'_> {
    /// Sees to it that the Secret of `spec.signing.generate` holds a key. Who only observes makes none.
    pub(in crate::controller) async fn generate_signing_key(&mut self) -> Result<(), ReconcileError> {
        let spec = &self.object.spec;
        let Some(generate) = spec.signing.as_ref().and_then(|signing| signing.generate.clone()) else {
            return Ok(());
        };
        let labelled = self
            .ctx
            .labelled_secret(&self.name.namespace, &generate.secret_name);
        let known = labelled.and_then(|secret| secret.metadata.resource_version.clone());
        let unchanged = known.is_some() && self.record.generated.as_ref() == known.as_ref();
        if unchanged || spec.mode == Some(ManagementMode::Observe) {
            return Ok(());
        }
        self.check_leadership()?;
        let api = Api::<Secret>::namespaced(self.ctx.client.clone(), &self.name.namespace);
        let existing = api.get_opt(&generate.secret_name).await.map_err(WriteError::of)?;
        let data_key = generate.key.as_deref().unwrap_or(SIGNING_KEY);
        let written = match existing {
            None => self.create_key(&api, &generate, data_key).await?,
            Some(secret) => {
                self.check_owned(&secret, &generate)?;
                if secret
                    .data
                    .as_ref()
                    .is_some_and(|data| data.contains_key(data_key))
                {
                    secret
                } else {
                    add_key(&api, &secret, data_key).await?
                }
            }
        };
        self.record.generated = written.metadata.resource_version;
        Ok(())
    }

    /// A Secret of somebody else is never written to, and its content never taken for a key of ours.
    fn check_owned(&self, secret: &Secret, generate: &GenerateKey) -> Result<(), ReconcileError> {
        let annotations = secret.metadata.annotations.as_ref();
        let owner = annotations.and_then(|annotations| annotations.get(ANNOTATION_SUBSCRIPTION));
        if owner.is_some_and(|owner| *owner == self.name.name) {
            return Ok(());
        }
        let (name, namespace) = (&generate.secret_name, &self.name.namespace);
        let message = format!(
            "spec.signing.generate: Secret {name} exists and is not marked as this object's; use it with \
             spec.signing.secretKeyRef, choose another name, or hand it over with: kubectl annotate secret \
             --namespace {namespace} {name} {ANNOTATION_SUBSCRIPTION}={}",
            self.name.name
        );
        let invalid = Invalid::new(Reason::SecretExists, message);
        Err(DereferenceError::Invalid(invalid).into())
    }

    async fn create_key(
        &self,
        api: &Api<Secret>,
        generate: &GenerateKey,
        data_key: &str,
    ) -> Result<Secret, ReconcileError> {
        let text = |text: &str| text.to_owned();
        let secret = Secret {
            metadata: ObjectMeta {
                name: Some(generate.secret_name.clone()),
                labels: Some([(text(LABEL_USE), text(SecretUse::Signing.as_str()))].into()),
                annotations: Some([(text(ANNOTATION_SUBSCRIPTION), self.name.name.clone())].into()),
                // No owner: where objects are restored one by one, the key must not go with a former one.
                ..ObjectMeta::default()
            },
            data: Some([(text(data_key), random_key()?)].into()),
            type_: Some(text("Opaque")),
            ..Secret::default()
        };
        let params = PostParams {
            field_manager: Some(text(FIELD_MANAGER)),
            ..PostParams::default()
        };
        Ok(api.create(&params, &secret).await.map_err(WriteError::of)?)
    }
}

async fn add_key(api: &Api<Secret>, secret: &Secret, data_key: &str) -> Result<Secret, ReconcileError> {
    let mut data: BTreeMap<String, ByteString> = secret.data.clone().unwrap_or_default();
    data.insert(data_key.to_owned(), random_key()?);
    let patch = guarded(
        secret.metadata.resource_version.as_deref(),
        vec![json!({"op": "add", "path": "/data", "value": data})],
    )?;
    let name = secret.metadata.name.as_deref().unwrap_or_default();
    Ok(api.patch(name, &params(), &patch).await.map_err(WriteError::of)?)
}

fn random_key() -> Result<ByteString, ReconcileError> {
    let mut bytes = Zeroizing::new([0_u8; KEY_BYTES]);
    fill_random(&mut *bytes).map_err(|_| ReconcileError::NoRandom)?;
    let mut text = String::with_capacity(2 * KEY_BYTES);
    for byte in bytes.iter() {
        // Writing into a String does not fail.
        let _ = write!(text, "{byte:02x}");
    }
    Ok(ByteString(text.into_bytes()))
}
