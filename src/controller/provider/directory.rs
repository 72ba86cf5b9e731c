//! Which provider objects are usable, and the account that each of them stands for.

use std::collections::HashMap;
use std::sync::atomic::AtomicBool;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, RwLock};
use std::time::Duration;

use operator_core::guard::{Deletions, GuardLimits};
use operator_core::names::{AccountId, ExternalId};
use operator_core::plan::Restraint;
use operator_core::reason::Reason;
use operator_core::time::Moment;

use crate::api::v1alpha1::ProviderType;
use crate::controller::context::{Account, ProviderKey};
use crate::controller::provider::catalogue::Catalogue;
use crate::controller::provider::credentials::Driven;
use crate::controller::provider::tally::Tally;
use crate::controller::subscription::claims::Realm;

/// How often a provider object is told of creations and deletions, at the most.
pub(in crate::controller) const COUNT_EVERY: Duration = Duration::from_secs(5);

/// Why a provider cannot be used for new work.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Problem {
    pub(in crate::controller) reason: Reason,
    /// What is wrong and what to do, with the field in front.
    pub(crate) message: String,
}

/// What the newest LIST says about the provider's known ids.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(in crate::controller) struct Assessment {
    pub(in crate::controller) restraint: Restraint,
    /// Known ids that the LIST lacks.
    pub(in crate::controller) missing: Vec<ExternalId>,
    /// How many ids are known.
    pub(in crate::controller) known: usize,
    /// What the LIST holds of what the provider's objects have, those on their way out included.
    pub(in crate::controller) managed: usize,
    /// Everything that the LIST holds.
    pub(in crate::controller) remote: usize,
    /// The token of a trip.
    pub(in crate::controller) token: Option<String>,
}

/// A provider object that was reconciled at least once with a working credential.
#[derive(Debug)]
pub(in crate::controller) struct Link {
    pub(in crate::controller) type_: ProviderType,
    pub(in crate::controller) account: Arc<Account>,
    /// Keeps the account's task alive.
    pub(in crate::controller) driven: Arc<Driven>,
    /// Where contents must differ.
    pub(in crate::controller) realm: Realm,
    /// The events that the account has, where it lists them.
    pub(in crate::controller) catalogue: Mutex<Option<Arc<Catalogue>>>,
    /// An object asks for an event that is not in it.
    pub(in crate::controller) catalogue_doubted: AtomicBool,
    /// An object waits until it is read, or until it is known why it cannot be.
    pub(in crate::controller) catalogue_awaited: AtomicBool,
    /// Accounts that are known to be the same one.
    pub(in crate::controller) formerly: RwLock<Vec<AccountId>>,
    pub(in crate::controller) interval: Duration,
    pub(in crate::controller) guard: GuardLimits,
    /// The token that a person released the guard with.
    pub(in crate::controller) released: Option<String>,
    pub(in crate::controller) assessment: RwLock<Assessment>,
    pub(in crate::controller) deletions: Mutex<Deletions>,
    /// The token of the deletion guard's trip, until a person releases it.
    pub(in crate::controller) tripped: Mutex<Option<String>>,
    /// The last value of the annotation that asks for a comparison, and when it was first seen.
    pub(in crate::controller) requested: Mutex<Option<(String, Moment)>>,
    /// What was made and deleted since the LIST that the assessment rests on.
    pub(in crate::controller) tally: Mutex<Tally>,
    /// When the provider object was last told of them.
    pub(in crate::controller) told: Mutex<Option<Moment>>,
    /// When their numbers were last written into its status.
    pub(in crate::controller) counted: Mutex<Option<Moment>>,
}

impl Link {
    /// The newest assessment.
    pub(in crate::controller) fn assessment(&self) -> Assessment {
        self.assessment
            .read()
            .unwrap_or_else(PoisonError::into_inner)
            .clone()
    }

    /// What is forbidden at the moment.
    pub(in crate::controller) fn restraint(&self) -> Restraint {
        let mut restraint = self
            .assessment
            .read()
            .unwrap_or_else(PoisonError::into_inner)
            .restraint;
        restraint.guard_deletions |= self.trip().is_some();
        restraint
    }

    /// The token of the deletion guard's trip.
    pub(in crate::controller) fn trip(&self) -> Option<String> {
        self.tripped
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clone()
    }

    /// The token that releases the guard, whatever tripped it.
    pub(in crate::controller) fn guard_token(&self) -> Option<String> {
        self.assessment().token.or_else(|| self.trip())
    }

    /// When a request for a comparison was first seen.
    pub(in crate::controller) fn requested_at(&self, value: &str, now: Moment) -> Moment {
        let mut requested = self.requested.lock().unwrap_or_else(PoisonError::into_inner);
        let known = requested.take().filter(|(known, _)| known == value);
        requested
            .insert(known.unwrap_or_else(|| (value.to_owned(), now)))
            .1
    }

    /// Whether the provider object was told of creations and deletions a moment ago.
    pub(in crate::controller) fn told_lately(&self, now: Moment) -> bool {
        let told = *self.told.lock().unwrap_or_else(PoisonError::into_inner);
        told.is_some_and(|told| now.since(told) < COUNT_EVERY)
    }

    /// Whether numbers that differ should be written now, or in a while: each creation and deletion moves them.
    pub(in crate::controller) fn may_count(&self, now: Moment) -> bool {
        let mut counted = self.counted.lock().unwrap_or_else(PoisonError::into_inner);
        let may = counted.is_none_or(|counted| now.since(counted) >= COUNT_EVERY);
        if may {
            *counted = Some(now);
        }
        may
    }

    /// What was made and deleted since the newest LIST.
    pub(in crate::controller) fn tally(&self) -> MutexGuard<'_, Tally> {
        self.tally.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Replaces the assessment; tells whether it changed.
    pub(in crate::controller) fn assess(&self, assessment: Assessment) -> bool {
        let mut current = self.assessment.write().unwrap_or_else(PoisonError::into_inner);
        let changed = *current != assessment;
        *current = assessment;
        changed
    }

    /// Whether ids that were recorded under `account` may be this account's.
    pub(in crate::controller) fn knows(&self, account: &str) -> bool {
        self.account.id().as_str() == account
            || self
                .formerly
                .read()
                .unwrap_or_else(PoisonError::into_inner)
                .iter()
                .any(|id| id.as_str() == account)
    }
}

/// What is known of a provider object.
#[derive(Debug, Clone, Default)]
pub(in crate::controller) struct Listed {
    /// The account; kept when the credential goes, for deletions.
    pub(in crate::controller) link: Option<Arc<Link>>,
    /// Why it cannot be used for new work.
    pub(in crate::controller) problem: Option<Problem>,
    /// Looks in a row that found a problem.
    pub(in crate::controller) looks: u32,
    /// To which namespaces it is lent; `None` = its own only.
    pub(in crate::controller) lent: Option<crate::controller::provider::lent::Lent>,
}

/// All provider objects.
#[derive(Debug, Default)]
pub(in crate::controller) struct Directory(RwLock<HashMap<ProviderKey, Listed>>);

impl Directory {
    /// What is known of a provider; `None` before its first reconcile.
    pub(in crate::controller) fn get(&self, key: &ProviderKey) -> Option<Listed> {
        self.0
            .read()
            .unwrap_or_else(PoisonError::into_inner)
            .get(key)
            .cloned()
    }

    /// Lists a provider.
    pub(in crate::controller) fn set(&self, key: &ProviderKey, listed: Listed) {
        let link = listed.link.clone();
        let mut directory = self.0.write().unwrap_or_else(PoisonError::into_inner);
        let before = directory.insert(key.clone(), listed);
        drop(directory);
        let Some(before) = before.and_then(|before| before.link) else {
            return;
        };
        if !link.is_some_and(|link| Arc::ptr_eq(&link.driven, &before.driven)) {
            before.driven.limit(key, None);
        }
    }

    /// Forgets a provider that is gone.
    pub(in crate::controller) fn remove(&self, key: &ProviderKey) {
        let mut directory = self.0.write().unwrap_or_else(PoisonError::into_inner);
        let gone = directory.remove(key);
        drop(directory);
        if let Some(link) = gone.and_then(|gone| gone.link) {
            link.driven.limit(key, None);
        }
    }

    /// The providers that stand for an account.
    pub(in crate::controller) fn of_account(&self, account: &AccountId) -> Vec<(ProviderKey, Arc<Link>)> {
        let directory = self.0.read().unwrap_or_else(PoisonError::into_inner);
        let links = directory
            .iter()
            .filter_map(|(key, listed)| Some((key.clone(), Arc::clone(listed.link.as_ref()?))));
        links.filter(|(_, link)| link.account.id() == account).collect()
    }

    /// The providers that are lent by a rule.
    pub(in crate::controller) fn lent(&self) -> Vec<ProviderKey> {
        let directory = self.0.read().unwrap_or_else(PoisonError::into_inner);
        directory
            .iter()
            .filter(|(_, listed)| listed.lent.is_some())
            .map(|(key, _)| key.clone())
            .collect()
    }

    /// All accounts, each once.
    pub(in crate::controller) fn accounts(&self) -> Vec<Arc<Account>> {
        let directory = self.0.read().unwrap_or_else(PoisonError::into_inner);
        let mut accounts: Vec<_> = directory
            .values()
            .filter_map(|listed| Some(Arc::clone(&listed.link.as_ref()?.account)))
            .collect();
        accounts.sort_by(|a, b| a.id().cmp(b.id()));
        accounts.dedup_by(|a, b| Arc::ptr_eq(a, b));
        accounts
    }
}
