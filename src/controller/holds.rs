//! What holds a change back besides the plan, for who only wants to look: judged by the same functions as in a pass.

use std::collections::BTreeMap;

use jiff::Timestamp;
use kube::ResourceExt;
use kube::api::DynamicObject;
use operator_core::capabilities::Capabilities;
use operator_core::guard::GuardLimits;
use operator_core::memory::{Memory, Wanted};
use operator_core::names::{ExternalId, ObjectName};
use operator_core::plan::{Restraint, Rivals};
use operator_core::quota::{Share, admits};
use operator_core::reason::Reason;

use crate::api::names::ANNOTATION_GUARD_RELEASE;
use crate::api::v1alpha1 as api;
use crate::controller::context::ProviderKey;
use crate::controller::provider::credentials::guard_limits;
use crate::controller::provider::guard::restraint_of;
use crate::controller::provider::lent::Lent;
use crate::controller::subscription::claims::{Ask, Claimant, Claims};
use crate::controller::subscription::permission;
use crate::controller::subscription::quota::{exceeded, share};
use crate::controller::wish::Wish;

/// What a provider object says about changes at its account.
#[derive(Debug)]
pub(crate) struct Standing {
    key: ProviderKey,
    type_: api::ProviderType,
    lent: Option<Lent>,
    /// What a guard that has tripped forbids.
    pub(crate) restraint: Restraint,
    /// When a guard would trip.
    pub(crate) limits: GuardLimits,
}

/// Who borrows an account, and for what.
#[derive(Debug)]
pub(crate) struct Borrower<'a> {
    /// The object.
    pub(crate) name: &'a ObjectName,
    /// What it asks for.
    pub(crate) spec: &'a api::WebhookSubscriptionSpec,
    /// The same, as it is sent.
    pub(crate) wish: &'a Wish,
    /// The labels of its namespace.
    pub(crate) labels: Option<&'a BTreeMap<String, String>>,
    /// The objects of its namespace, itself among them where it exists.
    pub(crate) neighbours: &'a [api::WebhookSubscription],
    /// What others of the same file ask for, which is not there yet.
    pub(crate) announced: &'a [Share],
}

impl Standing {
    /// What a provider object says. Its kind is that of the reference.
    pub(crate) fn of(
        reference: &api::ProviderRef,
        namespace: &str,
        spec: &api::WebhookProviderSpec,
        object: &DynamicObject,
    ) -> Self {
        let key = ProviderKey::of(reference, namespace);
        let status: api::WebhookProviderStatus =
            serde_json::from_value(object.data["status"].clone()).unwrap_or_default();
        let released = object.annotations().get(ANNOTATION_GUARD_RELEASE);
        let tripped = status.guard.filter(|guard| released != Some(&guard.token));
        let shared: Option<api::ClusterWebhookProviderSpec> = match key {
            ProviderKey::Namespaced(_) => None,
            ProviderKey::Cluster(_) => serde_json::from_value(object.data["spec"].clone()).ok(),
        };
        Self {
            key,
            type_: spec.type_,
            lent: shared.as_ref().map(Lent::new),
            restraint: tripped
                .map(|guard| restraint_of(&guard.reason))
                .unwrap_or_default(),
            limits: guard_limits(spec),
        }
    }

    /// Whether the labels of the namespace decide about whether it may use the provider.
    pub(crate) fn asks_for_labels_of(&self, namespace: &str) -> bool {
        self.lent.as_ref().is_some_and(|lent| !lent.to(namespace, None))
    }

    /// Whether the objects of the namespace decide about how many it may have.
    pub(crate) fn counts(&self) -> bool {
        self.lent.as_ref().is_some_and(|lent| lent.quota.is_some())
    }

    /// Why the owner of a lent account does not let the object have what it asks for.
    pub(crate) fn refusal(&self, borrower: &Borrower<'_>) -> Option<(Reason, String)> {
        let lent = self.lent.as_ref()?;
        let namespace = &*borrower.name.namespace;
        permission::may_ask(&self.key, lent, namespace, borrower.labels, borrower.spec)
            .and_then(|()| permission::may_have(lent, &borrower.wish.host, &borrower.wish.wanted))
            .and_then(|()| {
                let quota = lent.quota.unwrap_or(usize::MAX);
                if admits(quota, &self.shares(borrower), borrower.name) {
                    return Ok(());
                }
                Err(exceeded(borrower.wish.wanted.len(), quota, namespace, &self.key))
            })
            .err()
            .map(|invalid| (invalid.reason, invalid.message))
    }

    /// What the object would count as, once it is applied.
    pub(crate) fn share(&self, borrower: &Borrower<'_>) -> Share {
        let known = borrower
            .neighbours
            .iter()
            .map(|object| share(object, self.type_, 0, false))
            .find(|share| share.name == *borrower.name);
        Share {
            name: borrower.name.clone(),
            created: known.as_ref().map_or(i64::MAX, |share| share.created),
            holds: known.map_or(0, |share| share.holds),
            wants: borrower.wish.wanted.len(),
        }
    }

    fn shares(&self, borrower: &Borrower<'_>) -> Vec<Share> {
        let namespace = &borrower.name.namespace;
        let ours = |object: &&api::WebhookSubscription| {
            ProviderKey::of(&object.spec.provider_ref, namespace) == self.key
        };
        let live = borrower.neighbours.iter().filter(ours);
        let live = live.map(|object| share(object, self.type_, 0, is_refused(object)));
        let mut shares: BTreeMap<ObjectName, Share> = live.map(|share| (share.name.clone(), share)).collect();
        let own = self.share(borrower);
        let announced = borrower.announced.iter().chain([&own]);
        shares.extend(announced.map(|share| (share.name.clone(), share.clone())));
        shares.into_values().collect()
    }
}

/// Whether its status says that the present spec is refused for another reason than the quota.
fn is_refused(object: &api::WebhookSubscription) -> bool {
    let status = object.status.as_ref();
    let conditions = status
        .map(|status| status.conditions.as_slice())
        .unwrap_or_default();
    conditions.iter().any(|condition| {
        condition.type_ == "Accepted"
            && condition.status == "False"
            && condition.reason != Reason::QuotaExceeded.as_str()
            && condition.observed_generation == object.metadata.generation
    })
}

/// Which object asked first, where nothing at a provider tells whose a subscription is.
#[derive(Debug, Default)]
pub(crate) struct Contest(Claims);

/// Who takes part in it.
#[derive(Debug)]
pub(crate) struct Entrant<'a> {
    /// The object.
    pub(crate) name: &'a ObjectName,
    /// When it was made; none: it is yet to be.
    pub(crate) created: Option<Timestamp>,
    /// Where contents must differ, as [`realm`] says.
    pub(crate) realm: &'a str,
    /// What it asks for.
    pub(crate) wanted: &'a [Wanted],
    /// What it has.
    pub(crate) memory: &'a Memory,
}

impl Contest {
    /// Takes the object's claims, and tells what others have a hold on, of what the account lists.
    pub(crate) fn enter<'a>(
        &self,
        entrant: &Entrant<'_>,
        able: &Capabilities,
        listed: impl IntoIterator<Item = &'a ExternalId>,
    ) -> Rivals {
        let me = Claimant {
            name: entrant.name.clone(),
            created: entrant.created.unwrap_or(Timestamp::MAX),
        };
        let ask = Ask {
            realm: &entrant.realm.to_owned(),
            provider: None,
            me: &me,
            wanted: entrant.wanted,
            memory: entrant.memory,
            room: able.identical_max,
        };
        self.0.claim(&ask, listed).rivals
    }
}
