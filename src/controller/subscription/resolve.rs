//! From what the user wrote to what is wanted: the provider, the Secrets, the settings.

use std::collections::BTreeSet;
use std::sync::Arc;

use operator_core::capabilities::Capabilities;
use operator_core::hash::HashKey;
use operator_core::memory::Wanted;
use operator_core::names::{ObjectName, RemoteKey};
use operator_core::reason::Reason;
use operator_core::settings::Settings;

use crate::controller::context::{Party, ProviderKey};
use crate::controller::dereference::DereferenceError;
use crate::controller::events::Kind;
use crate::controller::provider::directory::Link;
use crate::controller::references::{self, Values};
use crate::controller::subscription::reconcile::Pass;
use crate::controller::subscription::records::Resolved;
use crate::controller::subscription::validate::{self, Invalid, Surroundings};
use crate::controller::triggers::Target;

impl Pass<'_> {
    /// Which provider object the spec refers to.
    pub(in crate::controller) fn provider_key(&self) -> ProviderKey {
        ProviderKey::of(&self.object.spec.provider_ref, &self.name.namespace)
    }

    /// The provider that the spec refers to; `None` while it has not been looked at.
    pub(in crate::controller) fn provider(&self) -> Option<Result<Arc<Link>, Invalid>> {
        let key = self.provider_key();
        self.depends(&key, BTreeSet::new());
        let Some(listed) = self.ctx.directory.get(&key) else {
            if self.ctx.provider_exists(&key) {
                return None;
            }
            let message =
                format!("spec.providerRef: {key} does not exist; create it, or correct the reference");
            return Some(Err(Invalid::new(Reason::ProviderNotFound, message)));
        };
        if let Some(lent) = &listed.lent
            && let Err(invalid) = self.may_ask(&key, lent)
        {
            return Some(Err(invalid));
        }
        if let Some(problem) = &listed.problem {
            let message = format!("{key}: {}: {}", problem.reason, problem.message);
            return Some(Err(Invalid::new(Reason::ProviderNotReady, message)));
        }
        listed.link.map(Ok)
    }

    /// Records what a change of should wake this object.
    pub(in crate::controller) fn depends(&self, provider: &ProviderKey, secrets: BTreeSet<String>) {
        let namespace = &self.name.namespace;
        let secrets = secrets
            .into_iter()
            .map(|name| Target::Secret(ObjectName::new(namespace, &name)));
        let targets = secrets.chain([Target::Provider(provider.clone())]).collect();
        self.ctx.depend(&Party::Subscription(self.name.clone()), targets);
    }

    /// From here on, this account is spoken to.
    pub(in crate::controller) fn use_link(&mut self, link: &Arc<Link>) {
        let account = self
            .object
            .status
            .as_ref()
            .and_then(|status| status.identity.as_ref());
        let other = account.is_some_and(|identity| !link.knows(&identity.account));
        self.account_unproven = other && self.record.memory.has_claims();
        let before = self.record.account.replace(link.account.id().clone());
        if before.is_some_and(|before| before != *link.account.id()) {
            self.record.since = self.ctx.clock.now();
            self.record.memory.account_changed();
        }
        self.link = Some(Arc::clone(link));
    }

    /// The wish, from what was resolved before while nothing that it depends on has changed.
    pub(in crate::controller) async fn resolve(&mut self, link: &Link) -> Result<Resolved, DereferenceError> {
        let spec = &self.object.spec;
        let references = references::references(spec);
        let published = spec.signing.as_ref().and_then(|signing| {
            let published = signing.publish_provider_key.as_ref().map(|key| &key.secret_name);
            let generated = signing.generate.as_ref().map(|key| &key.secret_name);
            published.or(generated).cloned()
        });
        let names = references
            .iter()
            .map(|(reference, _)| reference.name.clone())
            .chain(published);
        let key = self.provider_key();
        self.depends(&key, names.collect());
        let generation = self.object.metadata.generation.unwrap_or(0);
        let mut secrets = Vec::with_capacity(references.len());
        for (reference, _) in &references {
            let version = self.ctx.secret_version(&self.name.namespace, reference).await?;
            secrets.push((reference.name.clone(), version));
        }
        if let Some(known) = &self.record.resolved
            && known.type_ == link.type_
            && known.generation == generation
            && known.secrets == secrets
        {
            return Ok(known.clone());
        }
        self.load_settings(link).await?;
        self.record.resolved.clone().ok_or_else(|| {
            DereferenceError::Invalid(Invalid::new(Reason::InvalidSpec, "the spec asks for nothing"))
        })
    }

    /// Reads the Secrets and makes the complete wish of them.
    pub(in crate::controller) async fn load_settings(&mut self, link: &Link) -> Result<(), DereferenceError> {
        let spec = &self.object.spec;
        let (mut values, mut secrets) = (Values::new(), Vec::new());
        for (reference, keys) in references::references(spec) {
            let version = self
                .ctx
                .secret_values(&self.name.namespace, &reference, &keys, &mut values)
                .await?;
            secrets.push((reference.name, version));
        }
        let adapter = link.account.adapter();
        let able = adapter.capabilities();
        let around = Surroundings {
            name: &self.name,
            owner: &self.owner,
            capabilities: able,
            type_: link.type_,
            allow_insecure_http: self.ctx.config.allow_insecure_http,
            values: &values,
        };
        let settings = validate::validate(spec, &around).map_err(DereferenceError::Invalid)?;
        if let Some(refused) = settings
            .iter()
            .find_map(|(_, settings)| adapter.refuses(settings))
        {
            let invalid = Invalid::new(Reason::UnsupportedByProvider, refused);
            return Err(DereferenceError::Invalid(invalid));
        }
        let generation = self.object.metadata.generation.unwrap_or(0);
        if let Some(known) = &self.record.resolved
            && (known.type_, known.generation, &known.secrets) != (link.type_, generation, &secrets)
        {
            self.record.since = self.ctx.clock.now();
        }
        self.record.resolved = Some(Resolved {
            type_: link.type_,
            generation,
            secrets,
            wanted: wanted(&settings, able, &self.ctx.hash_key),
            host: Host::of(&settings),
        });
        self.settings = Some(settings);
        Ok(())
    }

    /// Unknown events are sent all the same, since the sets are open; a typing error should still be noticed.
    pub(in crate::controller) fn warn_of_unknown_events(&mut self, link: &Link) {
        let generation = self.generation();
        if self
            .record
            .warned_events
            .is_some_and(|warned| warned >= generation)
        {
            return;
        }
        // Said once a generation: an object that was in sync with this generation has been told already.
        let told = self
            .object
            .status
            .as_ref()
            .and_then(|status| status.last_synced_generation)
            == Some(generation);
        self.record.warned_events = Some(generation);
        let known = link.account.adapter().capabilities().known_events;
        let unknown = self
            .object
            .spec
            .events
            .iter()
            .filter(|event| !known.is_empty() && known.binary_search(&event.as_str()).is_err());
        let unknown: Vec<&str> = unknown.map(String::as_str).collect();
        if !told && !unknown.is_empty() {
            let note = format!(
                "spec.events: not among the events known to this version, and sent as they are: {}",
                unknown.join(", ")
            );
            self.tell(Kind::Warning, "UnknownEvents", "Validate", note);
        }
    }
}

/// Where deliveries go.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Host {
    /// As it is written.
    pub(in crate::controller) name: String,
    /// It is written in the one way that every parser reads alike.
    pub(in crate::controller) plain: bool,
}

impl Host {
    pub(in crate::controller) fn of(settings: &[(RemoteKey, Settings)]) -> Self {
        let first = settings.first();
        Self {
            name: first
                .map(|(_, settings)| settings.url.host().to_owned())
                .unwrap_or_default(),
            plain: settings.iter().all(|(_, settings)| settings.url.is_plain()),
        }
    }
}

/// What is wanted of a provider that can do this much, in digests.
pub(in crate::controller) fn wanted(
    settings: &[(RemoteKey, Settings)],
    able: &Capabilities,
    key: &HashKey,
) -> Vec<Wanted> {
    let one = |(remote_key, settings): &(RemoteKey, Settings)| {
        let view = settings.view(key).only(able.supports);
        Wanted {
            key: remote_key.clone(),
            view,
            digest: view.digest(key),
            events: settings.events.iter().cloned().collect(),
        }
    };
    settings.iter().map(one).collect()
}
