//! Holds every new LIST against what should be in it, before anybody acts on it.

use std::collections::HashSet;

use operator_core::guard::token;
use operator_core::names::{AccountId, ExternalId, ObjectName};
use operator_core::plan::Restraint;
use operator_core::remote::Snapshot;
use operator_core::time::Moment;

use crate::api::v1alpha1::WebhookSubscription;
use crate::controller::context::{Context, Party, ProviderKey};
use crate::controller::provider::directory::{Assessment, Link};
use crate::controller::provider::tally::Tally;
use crate::controller::subscription::reconcile::object_name;

/// What an object's status says to be in the account.
struct Known {
    object: ObjectName,
    /// `None`: a create whose outcome is unknown, and nothing else.
    id: Option<ExternalId>,
    account: String,
    /// The object is being deleted: its id may be gone, and says nothing by that.
    leaving: bool,
}

impl Context {
    /// Assesses a LIST for every provider that stands for the account, and wakes those whose picture changed.
    pub(in crate::controller) fn assess(&self, account: &AccountId, snapshot: &Snapshot) {
        for (key, link) in self.directory.of_account(account) {
            self.metrics.list_completed(link.type_, link.driven.number());
            link.tally().listed(snapshot.begun());
            let assessment = self.assessment(&key, &link, snapshot);
            if link.assess(assessment) {
                self.triggers.wake(&Party::Provider(key));
            }
        }
    }

    fn assessment(&self, key: &ProviderKey, link: &Link, snapshot: &Snapshot) -> Assessment {
        let (leaving, known): (Vec<Known>, Vec<Known>) =
            self.known(key).into_iter().partition(|known| known.leaving);
        let listed = |known: &&Known| known.id.as_ref().is_some_and(|id| snapshot.get(id).is_some());
        let managed = {
            let tally = link.tally();
            let stated = known.iter().chain(&leaving).filter_map(|known| known.id.as_ref());
            // An id that was made a moment ago is in no status yet.
            let all: HashSet<&ExternalId> = stated.chain(tally.ids()).collect();
            all.into_iter().filter(|id| snapshot.get(id).is_some()).count()
        };
        let ids = || known.iter().filter_map(|known| Some((known, known.id.as_ref()?)));
        // Ids made or seen after the LIST began say nothing by their absence.
        let missing: Vec<ExternalId> = ids()
            .filter(|(_, id)| snapshot.get(id).is_none())
            .filter(|(known, id)| !self.records.outdates(&known.object, id, snapshot.begun()))
            .map(|(_, id)| id.clone())
            .collect();
        let count = ids().count();
        // One known id in the LIST proves the account, for all of them: an account that was swapped shows none.
        let claims: Vec<&Known> = known.iter().filter(|known| !link.knows(&known.account)).collect();
        let unproven = !claims.is_empty() && !known.iter().any(|known| listed(&known));
        link.accept(
            claims
                .iter()
                .filter(|known| listed(known))
                .map(|known| known.account.as_str()),
        );
        let too_many = link.guard.too_many_vanished(missing.len(), count);
        let trip = (unproven || too_many).then(|| token(&self.hash_key, &missing));
        let released = trip.is_some() && trip == link.released;
        if released && unproven {
            link.accept(claims.iter().map(|known| known.account.as_str()));
        }
        let restraint = Restraint {
            account_unproven: unproven && !released,
            guard_vanished: too_many && !released,
            guard_deletions: false,
        };
        let token = trip.filter(|_| !released);
        Assessment {
            restraint,
            missing,
            known: count,
            managed,
            token,
            remote: snapshot.len(),
        }
    }

    /// What the provider's objects say to be in the account.
    fn known(&self, key: &ProviderKey) -> Vec<Known> {
        let mut known = Vec::new();
        self.visit_subscriptions(|of| of == key, |object| known.extend(claims(object)));
        known
    }

    /// One remote subscription more or less, which `note` enters with the time; the provider object is told now and
    /// then.
    pub(in crate::controller) fn count_remote(
        &self,
        key: &ProviderKey,
        link: &Link,
        note: impl FnOnce(&mut Tally, Moment),
    ) {
        let now = self.clock.now();
        note(&mut link.tally(), now);
        if !link.told_lately(now) {
            *link
                .told
                .lock()
                .unwrap_or_else(std::sync::PoisonError::into_inner) = Some(now);
            self.triggers.wake(&Party::Provider(key.clone()));
        }
    }

    /// Whether some object of the provider has something in an account that is not known to be this one: then the
    /// first LIST has to prove that it is.
    pub(in crate::controller) fn has_claims(&self, key: &ProviderKey, link: &Link) -> bool {
        let mut known = self.known(key).into_iter();
        known.any(|known| !known.leaving && !link.knows(&known.account))
    }
}

fn claims(object: &WebhookSubscription) -> Vec<Known> {
    let Some(status) = &object.status else {
        return Vec::new();
    };
    let Some(identity) = status
        .identity
        .as_ref()
        .filter(|i| Some(&i.object_uid) == object.metadata.uid.as_ref())
    else {
        return Vec::new();
    };
    let name = object_name(&object.metadata);
    let ids = status
        .subscriptions
        .iter()
        .filter_map(|remote| ExternalId::parse(remote.external_id.as_deref()?).ok());
    let claim = |id| Known {
        object: name.clone(),
        id,
        account: identity.account.clone(),
        leaving: object.metadata.deletion_timestamp.is_some(),
    };
    let mut claims: Vec<Known> = ids.map(|id| claim(Some(id))).collect();
    // A create that may have been sent went to that account and to no other.
    if claims.is_empty() && !status.pending_operations.is_empty() {
        claims.push(claim(None));
    }
    claims
}

impl Link {
    /// Takes these accounts as the same one under an earlier credential or address.
    fn accept<'a>(&self, accounts: impl Iterator<Item = &'a str>) {
        let mut formerly = self
            .formerly
            .write()
            .unwrap_or_else(std::sync::PoisonError::into_inner);
        for account in accounts {
            if let Ok(id) = AccountId::parse(account)
                && !formerly.contains(&id)
                && id != *self.account.id()
            {
                formerly.push(id);
            }
        }
        let surplus = formerly.len().saturating_sub(8);
        formerly.drain(..surplus);
    }

    /// Whether one more deletion is within the guard's limit.
    pub(in crate::controller) fn may_delete(&self, now: Moment) -> bool {
        let mut deletions = self
            .deletions
            .lock()
            .unwrap_or_else(std::sync::PoisonError::into_inner);
        deletions.allowed(&self.guard, now)
    }

    /// Trips the deletion guard: nothing more is deleted until the token is given back. Tells whether it is new.
    pub(in crate::controller) fn trip_over(&self, token: String) -> bool {
        let mut tripped = self
            .tripped
            .lock()
            .unwrap_or_else(std::sync::PoisonError::into_inner);
        let new = tripped.is_none();
        tripped.get_or_insert(token);
        new
    }

    /// Counts a deletion that is about to be sent; `false` when it would be one too many.
    pub(in crate::controller) fn reserve_deletion(&self, now: Moment) -> bool {
        let mut deletions = self
            .deletions
            .lock()
            .unwrap_or_else(std::sync::PoisonError::into_inner);
        deletions.reserve(&self.guard, now)
    }

    /// A deletion that was counted had no effect.
    pub(in crate::controller) fn give_back_deletion(&self) {
        let mut deletions = self
            .deletions
            .lock()
            .unwrap_or_else(std::sync::PoisonError::into_inner);
        deletions.give_back();
    }
}
