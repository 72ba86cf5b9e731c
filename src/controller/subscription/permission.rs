//! What the owner of a lent account lets an object do, and what happens where a permission is withdrawn.
//!
//! A violation stops creates and changes, never a deletion. What exists stays as it is, or is switched off.

use std::collections::BTreeMap;

use operator_core::memory::Wanted;
use operator_core::plan::Intent;
use operator_core::policy::Refusal;
use operator_core::reason::Reason;
use operator_core::settings::switched_off;

use crate::api::v1alpha1 as api;
use crate::controller::context::ProviderKey;
use crate::controller::dereference::DereferenceError;
use crate::controller::provider::lent::Lent;
use crate::controller::subscription::reconcile::{Pass, ReconcileError, Rest};
use crate::controller::subscription::records::Resolved;
use crate::controller::subscription::resolve::Host;
use crate::controller::subscription::validate::Invalid;

/// Whether a refusal means that the owner of the account does not permit what the object asks for.
const fn is_violation(reason: Reason) -> bool {
    matches!(
        reason,
        Reason::NamespaceNotAllowed
            | Reason::HostNotAllowed
            | Reason::EventNotAllowed
            | Reason::AdoptionNotAllowed
    )
}

/// Whether an object of a namespace with these labels may ask for anything, as far as that is known before its Secrets
/// are read. Pure.
///
/// # Errors
/// [`Invalid`]: the owner of the account does not permit it.
pub(in crate::controller) fn may_ask(
    key: &ProviderKey,
    lent: &Lent,
    namespace: &str,
    labels: Option<&BTreeMap<String, String>>,
    spec: &api::WebhookSubscriptionSpec,
) -> Result<(), Invalid> {
    if !lent.to(namespace, labels) {
        let message = format!(
            "spec.providerRef: {key} is not lent to namespace {namespace}; its owner can add it to \
             spec.allowedNamespaces"
        );
        return Err(invalid(lent, Reason::NamespaceNotAllowed, &message));
    }
    let policy = spec.adoption.as_ref().and_then(|adoption| adoption.policy);
    let imports = matches!(
        policy,
        Some(api::AdoptionPolicy::ById | api::AdoptionPolicy::IfMatches)
    );
    let observes = spec.mode == Some(api::ManagementMode::Observe);
    lent.policy
        .adoption(imports, observes)
        .map_err(|refusal| refused(lent, &refusal))
}

/// Whether deliveries may go to this host, and these events may be asked for. Pure.
///
/// # Errors
/// [`Invalid`]: the owner of the account does not permit it.
pub(in crate::controller) fn may_have(lent: &Lent, host: &Host, wanted: &[Wanted]) -> Result<(), Invalid> {
    let events = wanted.iter().flat_map(|wish| &wish.events);
    lent.policy
        .host(&host.name, host.plain)
        .and_then(|()| lent.policy.events(events))
        .map_err(|refusal| refused(lent, &refusal))
}

impl Pass<'_> {
    /// Whether the object may ask for anything, as far as that is known before its Secrets are read.
    pub(in crate::controller) fn may_ask(&self, key: &ProviderKey, lent: &Lent) -> Result<(), Invalid> {
        let namespace = &self.name.namespace;
        let labels = self.ctx.namespace_labels(namespace);
        may_ask(key, lent, namespace, labels.as_ref(), &self.object.spec)
    }

    /// Whether the object may have what it asks for.
    pub(in crate::controller) fn may_have(&self, resolved: &Resolved) -> Result<(), Invalid> {
        let Some(lent) = self.lent() else { return Ok(()) };
        may_have(&lent, &resolved.host, &resolved.wanted)?;
        self.within_quota(&lent, resolved.wanted.len())
    }

    /// How the provider is lent; `None` where it is the namespace's own.
    pub(in crate::controller) fn lent(&self) -> Option<Lent> {
        self.ctx.directory.get(&self.provider_key())?.lent
    }

    /// Switches off what exists for an object that was refused, where the owner of the account wants that.
    pub(in crate::controller) async fn withdraw(&mut self, refusal: &Invalid) -> Result<(), ReconcileError> {
        let key = self.provider_key();
        let listed = self
            .ctx
            .directory
            .get(&key)
            .filter(|_| is_violation(refusal.reason));
        let Some((lent, link)) = listed.and_then(|listed| Some((listed.lent?, listed.link?))) else {
            return Ok(());
        };
        if !lent.disables {
            return Ok(());
        }
        self.use_link(&link);
        self.record.withdrawn = true;
        let off = switched_off(&self.ctx.hash_key);
        // What stands in its way is told at the provider object; the object is looked at again.
        if let Rest::Settled(settled) = self.drive(Intent::SwitchOff { off }).await? {
            self.wake = [self.wake, settled.wake].into_iter().flatten().min();
        }
        Ok(())
    }

    /// A suspended object may not keep what it may no longer have: suspension would be a way around the owner.
    pub(in crate::controller) async fn withdraw_while_suspended(&mut self) -> Result<(), ReconcileError> {
        if !self.lent().is_some_and(|lent| lent.disables) {
            return Ok(());
        }
        let link = match self.provider() {
            Some(Ok(link)) => link,
            Some(Err(refusal)) => return self.withdraw(&refusal).await,
            None => return Ok(()),
        };
        self.use_link(&link);
        let resolved = match self.resolve(&link).await {
            Ok(resolved) => resolved,
            // Nothing is sent, and nobody can tell where it would go.
            Err(DereferenceError::Invalid(_)) => return Ok(()),
            Err(error) => return Err(error.into()),
        };
        match self.may_have(&resolved) {
            Ok(()) => Ok(()),
            Err(refusal) => self.withdraw(&refusal).await,
        }
    }
}

fn refused(lent: &Lent, refusal: &Refusal) -> Invalid {
    invalid(lent, refusal.reason, &refusal.message)
}

fn invalid(lent: &Lent, reason: Reason, message: &str) -> Invalid {
    let fate = if lent.disables {
        "what exists at the provider is switched off until then"
    } else {
        "what exists at the provider stays as it is"
    };
    Invalid::new(reason, format!("{message}; {fate}"))
}
