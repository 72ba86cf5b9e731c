//! Publishes the key that the provider signs with, so that receivers can verify deliveries.

use k8s_openapi::ByteString;
use k8s_openapi::api::core::v1::Secret;
use kube::{Api, Resource};
use operator_core::budget::Priority;
use operator_core::names::ExternalId;
use operator_core::plan::{KeyState, Settled};
use operator_core::reason::Reason;
use operator_core::settings::signing_key_part;
use operator_core::view::{Field, Part};
use secrecy::ExposeSecret;

use crate::controller::dereference::DereferenceError;
use crate::controller::provider::directory::Link;
use crate::controller::references::data_key;
use crate::controller::subscription::reconcile::{Pass, ReconcileError};
use crate::controller::subscription::signing_secret::{Member, set_member};

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
                Some(KeyState::InSync { .. } | KeyState::Drifted(..) | KeyState::Off(_))
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
            (self.record.published.as_deref(), &version, shown)
            && known == version
            && *fingerprint == shown
        {
            return Ok(());
        }
        if self.rehearses() {
            let name = &target.secret_name;
            self.plan(
                "WouldWriteSecret",
                format!("would write the provider's signing key into Secret {name}"),
            );
            return Ok(());
        }
        let data_key = data_key(target.key.as_deref());
        match self
            .store_signing_key(link, &id, &target.secret_name, data_key, shown)
            .await?
        {
            Stored::Yes(version, Part::Is(fingerprint)) => {
                self.record.published = Some(Box::new((version, fingerprint)));
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
        let existing = api.get_opt(name).await;
        let existing = existing.map_err(DereferenceError::of)?;
        if let Some(secret) = &existing {
            if !self.is_own(secret) {
                let message = self.not_own("spec.signing", name, "delete it");
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
        let member = Member {
            name: data_key,
            value: ByteString(key.expose_secret().as_bytes().to_vec()),
        };
        // The provider's key goes with the subscription, so the Secret may go with the object.
        let owner = self.object.owner_ref(&());
        let written = match existing {
            Some(secret) => set_member(&api, &secret, member).await?,
            None => self.create_signing_secret(&api, name, member, owner).await?,
        };
        Ok(Stored::Yes(
            written.metadata.resource_version.unwrap_or_default(),
            part,
        ))
    }
}

enum Stored {
    Yes(String, Part),
    Later,
    No(Reason, String),
}
