//! A signing key that the operator makes: stored before anything is signed with it, and never made twice.

use std::fmt::Write as _;

use k8s_openapi::ByteString;
use k8s_openapi::api::core::v1::Secret;
use kube::Api;
use operator_core::reason::Reason;
use secrecy::zeroize::Zeroizing;

use crate::api::v1alpha1::{GenerateKey, ManagementMode};
use crate::cluster::fill_random;
use crate::controller::dereference::{DereferenceError, object_name};
use crate::controller::references::data_key;
use crate::controller::subscription::reconcile::{Pass, ReconcileError};
use crate::controller::subscription::rotation::Kept;
use crate::controller::subscription::signing_secret::{Member, set_member};
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
        let unchanged = known.is_some() && self.record.generated.as_deref() == known.as_deref();
        if unchanged || spec.mode == Some(ManagementMode::Observe) {
            return Ok(());
        }
        object_name("spec.signing.generate", &generate.secret_name).map_err(DereferenceError::Invalid)?;
        self.check_leadership()?;
        let api = Api::<Secret>::namespaced(self.ctx.client.clone(), &self.name.namespace);
        let existing = api.get_opt(&generate.secret_name).await;
        let existing = existing.map_err(DereferenceError::of)?;
        let data_key = data_key(generate.key.as_deref());
        let written = match existing {
            None if self.rehearses() => return Err(self.rehearse_key(&generate).into()),
            None => {
                let member = new_key(data_key)?;
                // No owner: where objects are restored one by one, the key must not go with a former one.
                self.create_signing_secret(&api, &generate.secret_name, member, None)
                    .await?
            }
            Some(secret) => {
                self.check_owned(&secret, &generate)?;
                if secret
                    .data
                    .as_ref()
                    .is_some_and(|data| data.contains_key(data_key))
                {
                    secret
                } else if self.rehearses() {
                    return Err(self.rehearse_key(&generate).into());
                } else {
                    set_member(&api, &secret, new_key(data_key)?).await?
                }
            }
        };
        self.record.kept = Some(Box::new(Kept::of(&written, data_key)));
        self.record.generated = written.metadata.resource_version.map(Into::into);
        Ok(())
    }

    /// Says that a key would be made. What would be sent with it cannot be said: that depends on the key.
    fn rehearse_key(&self, generate: &GenerateKey) -> DereferenceError {
        let name = &generate.secret_name;
        let note = format!(
            "would make a signing key in Secret {name}, and then create the subscription; what else would be done is said \
             when the key is there"
        );
        self.plan("WouldWriteSecret", note);
        DereferenceError::Invalid(Invalid::new(Reason::Progressing, "this is a dry run"))
    }

    /// A Secret of somebody else is never written to, and its content never taken for a key of ours.
    fn check_owned(&self, secret: &Secret, generate: &GenerateKey) -> Result<(), ReconcileError> {
        if self.is_own(secret) {
            return Ok(());
        }
        let instead = "use it with spec.signing.secretKeyRef";
        let message = self.not_own("spec.signing.generate", &generate.secret_name, instead);
        let invalid = Invalid::new(Reason::SecretExists, message);
        Err(DereferenceError::Invalid(invalid).into())
    }
}

fn new_key(name: &str) -> Result<Member<'_>, ReconcileError> {
    let value = random_key()?;
    Ok(Member { name, value })
}

pub(super) fn random_key() -> Result<ByteString, ReconcileError> {
    let mut bytes = Zeroizing::new([0_u8; KEY_BYTES]);
    fill_random(&mut *bytes).map_err(|_| ReconcileError::NoRandom)?;
    let mut text = String::with_capacity(2 * KEY_BYTES);
    for byte in bytes.iter() {
        // Writing into a String does not fail.
        let _ = write!(text, "{byte:02x}");
    }
    Ok(ByteString(text.into_bytes()))
}
