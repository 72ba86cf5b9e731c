//! Publishes the key that the provider signs with, so that receivers can verify deliveries.

use std::collections::BTreeMap;

use k8s_openapi::ByteString;
use k8s_openapi::api::core::v1::Secret;
use kube::api::{ObjectMeta, PostParams};
use kube::{Api, Resource};
use operator_core::budget::Priority;
use operator_core::names::ExternalId;
use operator_core::plan::{KeyState, Settled};
use operator_core::reason::Reason;
use operator_core::settings::signing_key_part;
use operator_core::view::{Field, Part};
use secrecy::{ExposeSecret, SecretString};
use serde_json::json;

use crate::api::names::{ANNOTATION_SUBSCRIPTION, FIELD_MANAGER, LABEL_USE, SecretUse};
use crate::controller::apiserver::{WriteError, guarded, params};
use crate::controller::provider::directory::Link;
use crate::controller::references::SIGNING_KEY;
use crate::controller::subscription::reconcile::{Pass, ReconcileError};

impl Pass<'_> {
    /// Sees to it that the Secret holds the provider's key. What stands in the way is put into `settled`.
    pub(in crate::controller) async fn publish_signing_key(
        &mut self,
        link: &Link,
        observe: bool,
        settled: &mut Settled,
    ) -> Result<(), ReconcileError> {
        let signing = self.object.spec.signing.as_ref().filter(|_| !observe);
        let Some(target) = signing.and_then(|signing| signing.publish_provider_key.clone()) else {
            self.record.published = None;
            return Ok(());
        };
        let entry = self
            .record
            .memory
            .entries
            .iter()
            .find_map(|(key, entry)| Some((key.clone(), entry.id.clone()?)));
        let Some((key, id)) = entry.filter(|(key, _)| {
            matches!(
                settled.keys.get(key),
                Some(KeyState::InSync { .. } | KeyState::Drifted(..))
            )
        }) else {
            return Ok(());
        };
        let shown = self.shown_key(link, &id);
        let version = self
            .ctx
            .labelled_secret(&self.name.namespace, &target.secret_name)
            .and_then(|secret| secret.metadata.resource_version.clone());
        if let (Some((known, fingerprint)), Some(version), Part::Is(shown)) =
            (&self.record.published, &version, shown)
            && known == version
            && *fingerprint == shown
        {
            return Ok(());
        }
        let data_key = target.key.as_deref().unwrap_or(SIGNING_KEY);
        match self
            .store_signing_key(link, &id, &target.secret_name, data_key, shown)
            .await?
        {
            Stored::Yes(version, Part::Is(fingerprint)) => {
                self.record.published = Some((version, fingerprint));
            }
            Stored::Yes(..) | Stored::Later => {}
            Stored::No(reason, message) => {
                self.record.published = None;
                settled.keys.insert(key, KeyState::Stalled(reason, message));
            }
        }
        Ok(())
    }

    /// The digest of the key as it was last seen.
    fn shown_key(&self, link: &Link, id: &ExternalId) -> Part {
        let seen = self
            .record
            .memory
            .entries
            .values()
            .find(|entry| entry.id.as_ref() == Some(id));
        let seen = seen
            .and_then(|entry| entry.seen.as_ref())
            .map(|seen| (seen.at, seen.remote.view.get(Field::SigningKey)));
        let snapshot = link.account.snapshot();
        let listed = snapshot
            .as_ref()
            .and_then(|s| Some((s.begun(), s.get(id)?.view.get(Field::SigningKey))));
        [seen, listed]
            .into_iter()
            .flatten()
            .max_by_key(|(at, _)| *at)
            .map_or(Part::Unknown, |(_, part)| part)
    }

    async fn store_signing_key(
        &self,
        link: &Link,
        id: &ExternalId,
        name: &str,
        data_key: &str,
        shown: Part,
    ) -> Result<Stored, ReconcileError> {
        let api = Api::<Secret>::namespaced(self.ctx.client.clone(), &self.name.namespace);
        let existing = api.get_opt(name).await.map_err(WriteError::of)?;
        if let Some(secret) = &existing {
            let annotations = secret.metadata.annotations.as_ref();
            if annotations
                .and_then(|a| a.get(ANNOTATION_SUBSCRIPTION))
                .is_none_or(|owner| *owner != self.name.name)
            {
                let message = format!(
                    "spec.signing: Secret {name} exists and is not marked as this object's; delete it, choose another \
                     name, or hand it over with: kubectl annotate secret --namespace {} {name} {ANNOTATION_SUBSCRIPTION}={}",
                    self.name.namespace, self.name.name
                );
                return Ok(Stored::No(Reason::SecretExists, message));
            }
            let held = secret.data.as_ref().and_then(|data| data.get(data_key));
            let held = held.and_then(|bytes| std::str::from_utf8(&bytes.0).ok());
            if held.is_some_and(|held| {
                shown != Part::Unknown && signing_key_part(&self.ctx.hash_key, held) == shown
            }) {
                return Ok(Stored::Yes(
                    secret.metadata.resource_version.clone().unwrap_or_default(),
                    shown,
                ));
            }
        }
        let Ok(permit) = self.turn(Priority::Create) else {
            return Ok(Stored::Later);
        };
        let read = link.account.adapter().signing_key(id).await;
        permit.report(&read);
        let key = match read {
            Ok(Some(key)) => key,
            Ok(None) => {
                return Ok(Stored::No(
                    Reason::KeyNotShown,
                    "the provider does not show its signing key".to_owned(),
                ));
            }
            Err(_) => return Ok(Stored::Later),
        };
        let part = signing_key_part(&self.ctx.hash_key, key.expose_secret());
        let written = match existing {
            Some(secret) => self.update_secret(&api, &secret, data_key, &key).await?,
            None => self.create_secret(&api, name, data_key, &key).await?,
        };
        Ok(Stored::Yes(
            written.metadata.resource_version.unwrap_or_default(),
            part,
        ))
    }

    async fn create_secret(
        &self,
        api: &Api<Secret>,
        name: &str,
        data_key: &str,
        key: &SecretString,
    ) -> Result<Secret, ReconcileError> {
        let secret = Secret {
            metadata: ObjectMeta {
                name: Some(name.to_owned()),
                labels: Some(BTreeMap::from([(
                    LABEL_USE.to_owned(),
                    SecretUse::Signing.as_str().to_owned(),
                )])),
                annotations: Some(BTreeMap::from([(
                    ANNOTATION_SUBSCRIPTION.to_owned(),
                    self.name.name.clone(),
                )])),
                // The provider's key goes with the subscription, so the Secret may go with the object.
                owner_references: self.object.owner_ref(&()).map(|owner| vec![owner]),
                ..ObjectMeta::default()
            },
            data: Some(BTreeMap::from([(
                data_key.to_owned(),
                ByteString(key.expose_secret().as_bytes().to_vec()),
            )])),
            type_: Some("Opaque".to_owned()),
            ..Secret::default()
        };
        let params = PostParams {
            field_manager: Some(FIELD_MANAGER.to_owned()),
            ..PostParams::default()
        };
        Ok(api.create(&params, &secret).await.map_err(WriteError::of)?)
    }

    async fn update_secret(
        &self,
        api: &Api<Secret>,
        secret: &Secret,
        data_key: &str,
        key: &SecretString,
    ) -> Result<Secret, ReconcileError> {
        let mut data = secret.data.clone().unwrap_or_default();
        data.insert(
            data_key.to_owned(),
            ByteString(key.expose_secret().as_bytes().to_vec()),
        );
        let patch = guarded(
            secret.metadata.resource_version.as_deref(),
            vec![json!({"op": "add", "path": "/data", "value": data})],
        )?;
        let name = secret.metadata.name.as_deref().unwrap_or_default();
        Ok(api.patch(name, &params(), &patch).await.map_err(WriteError::of)?)
    }
}

enum Stored {
    Yes(String, Part),
    Later,
    No(Reason, String),
}
