//! What other objects have a hold on, as the plan wants to know it.

use operator_core::capabilities::Identity;
use operator_core::memory::{Content, Wanted};
use operator_core::names::{ExternalId, ObjectName, ObjectUid};
use operator_core::plan::{Intent, Rivals};
use operator_core::remote::Snapshot;

use crate::controller::context::{Context, Party, ProviderKey};
use crate::controller::subscription::claims::{Ask, Claimant};
use crate::controller::subscription::reconcile::{Pass, object_name};
use crate::controller::subscription::records::is_untouched;

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
        let provider = self.provider_key();
        let ask = Ask {
            realm: &link.realm,
            provider: Some(&provider),
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
            self.triggers.wake_together(&Party::Subscription(name));
        }
    }

    /// Takes from the statuses of all objects of some providers which ids they hold, before any is looked at: what
    /// another object holds is not free. `at_start`: this process begins to lead, and knows what is there for as long as it
    /// can know anything. An account that is taken over later has a LIST of its own by then.
    pub(in crate::controller) fn take_stock(&self, at_start: bool, of: impl Fn(&ProviderKey) -> bool) {
        let now = self.clock.now();
        self.visit_subscriptions(of, |object| {
            let uid = object.metadata.uid.as_deref();
            let Some(uid) = uid.and_then(|uid| ObjectUid::parse(uid).ok()) else {
                return;
            };
            let memory = self.remembered(object.status.as_ref(), &uid, now);
            let provider = ProviderKey::of_subscription(object);
            self.claims
                .remember(&object_name(&object.metadata), &provider, &memory);
            if at_start && is_untouched(object.status.as_ref()) {
                self.records.note_present(uid);
            }
        });
    }
}
