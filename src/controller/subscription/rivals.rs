//! What other objects have a hold on, as the plan wants to know it.

use operator_core::capabilities::Identity;
use operator_core::memory::{Content, Wanted};
use operator_core::names::{ExternalId, ObjectName, ObjectUid};
use operator_core::plan::{Intent, Rivals};
use operator_core::remote::Snapshot;

use crate::controller::context::{Context, Party, ProviderKey};
use crate::controller::subscription::claims::{Ask, Claimant};
use crate::controller::subscription::reconcile::{Pass, object_name};

impl Pass<'_> {
    /// What other objects have a hold on, where nothing at the provider tells.
    pub(in crate::controller) fn rivals(&self, intent: Intent<'_>, snapshot: Option<&Snapshot>) -> Rivals {
        let able = self.capabilities();
        let Some(link) = self.link.as_ref().filter(|_| able.identity == Identity::Content) else {
            return Rivals::default();
        };
        let (wanted, named): (&[Wanted], &[ExternalId]) = match intent {
            Intent::Keep { wanted, adoption, .. } => (wanted, &adoption.ids),
            Intent::Remove { .. } | Intent::SwitchOff { .. } => (&[], &[]),
        };
        let created = self.object.metadata.creation_timestamp.as_ref();
        let me = Claimant {
            name: self.name.clone(),
            created: created.map_or(jiff::Timestamp::MAX, |time| time.0),
        };
        let memory = &self.record.memory;
        let pending = memory.entries.values().filter_map(|entry| entry.pending.as_ref());
        let contents = wanted
            .iter()
            .map(|wish| Content::of(&wish.view))
            .chain(pending.map(|pending| pending.target.content));
        let alike = |content: Content| {
            let remotes = snapshot
                .into_iter()
                .flat_map(move |s| s.unmarked_with_url(content.url));
            remotes.filter(move |remote| Content::of(&remote.view) == content)
        };
        let candidates = contents.flat_map(alike).map(|remote| &remote.id).chain(named);
        let ask = Ask {
            realm: &link.realm,
            me: &me,
            wanted,
            memory,
            room: able.identical_max,
        };
        let outcome = self.ctx.claims.claim(&ask, candidates);
        self.ctx.wake_objects(outcome.wake);
        outcome.rivals
    }
}

impl Context {
    /// Wakes subscription objects.
    pub(in crate::controller) fn wake_objects(&self, names: Vec<ObjectName>) {
        for name in names {
            self.triggers.wake(&Party::Subscription(name));
        }
    }

    /// Takes from the statuses of all objects of some providers which ids they hold, before any is looked at: what
    /// another object holds is not free. `at_start`: this process begins to lead, and knows what is there for as long as it
    /// can know anything. An account that is taken over later has a LIST of its own by then.
    pub(in crate::controller) fn take_stock(&self, at_start: bool, of: impl Fn(&ProviderKey) -> bool) {
        for store in &self.stores.subscriptions {
            for object in store.state() {
                let Ok(object) = &object.0 else { continue };
                let namespace = object.metadata.namespace.as_deref().unwrap_or_default();
                if !of(&ProviderKey::of(&object.spec.provider_ref, namespace)) {
                    continue;
                }
                let uid = object.metadata.uid.as_deref();
                let Some(uid) = uid.and_then(|uid| ObjectUid::parse(uid).ok()) else {
                    continue;
                };
                let record = self.first_sight(object, &uid);
                self.claims
                    .remember(&object_name(&object.metadata), &record.memory);
                if at_start && record.nothing_sent {
                    self.records.note_present(uid);
                }
            }
        }
    }
}
