//! What the operator would do at the provider, found by letting it decide: the core's plan, played on a copy of what is
//! there. Pure. No comparison is made here; every change is one that [`next_action`] asks for.

use std::collections::BTreeMap;
use std::time::Duration;

use operator_core::capabilities::{Capabilities, Identity};
use operator_core::disabled::Rules;
use operator_core::guard::{Deletions, GuardLimits};
use operator_core::marker::Owner;
use operator_core::memory::{Hold, Memory, Wanted};
use operator_core::names::{ExternalId, RemoteKey};
use operator_core::plan::{
    Action, Adoption, Intent, KeyState, Replace, Restraint, Rivals, Settled, Situation, Timing, next_action,
};
use operator_core::reason::Reason;
use operator_core::remote::{Remote, Snapshot};
use operator_core::time::Moment;
use operator_core::view::{Field, FieldSet, Part, View};
use serde::Serialize;

/// More decisions than any object needs.
const STEPS_MAX: u32 = 2_000;

/// What is played.
#[derive(Debug)]
pub(super) struct Rehearsal<'a> {
    pub(super) wanted: &'a [Wanted],
    pub(super) adoption: &'a Adoption,
    pub(super) observe: bool,
    pub(super) correct_drift: bool,
    pub(super) replace: Replace,
    pub(super) able: &'a Capabilities,
    pub(super) owner: &'a Owner,
    pub(super) rivals: &'a Rivals,
    pub(super) rules: Rules,
    /// What a guard that has tripped forbids.
    pub(super) restraint: Restraint,
    /// When one would trip.
    pub(super) limits: GuardLimits,
}

/// What would happen.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub(super) enum Deed {
    /// A subscription would be made.
    Create,
    /// One would be taken over.
    Adopt,
    /// Fields of one would be changed.
    Update,
    /// One would be deleted.
    Delete,
    /// Nothing would happen, and something should.
    Blocked,
    /// Something differs, and would be left so.
    Drift,
}

/// One change. The members are stable.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Change {
    pub(super) deed: Deed,
    /// Which of the object's remote subscriptions; `null` for one that no key stands for.
    pub(super) key: Option<String>,
    #[serde(rename = "externalID")]
    pub(super) external_id: Option<String>,
    /// What would be changed, or differs.
    pub(super) fields: Vec<String>,
    /// Why not.
    pub(super) reason: Option<String>,
    pub(super) message: Option<String>,
}

impl Change {
    fn new(deed: Deed, key: Option<&RemoteKey>, id: Option<&ExternalId>, fields: FieldSet) -> Self {
        Self {
            deed,
            key: key.map(ToString::to_string),
            external_id: id.map(ToString::to_string),
            fields: fields.iter().map(|field| field.as_str().to_owned()).collect(),
            reason: None,
            message: None,
        }
    }

    /// The object as a whole would be refused.
    pub(super) fn blocked(reason: Reason, message: &str) -> Self {
        Self::new(Deed::Blocked, None, None, FieldSet::EMPTY).because(reason, message)
    }

    fn because(mut self, reason: Reason, message: &str) -> Self {
        self.reason = Some(reason.to_string());
        self.message = (!message.is_empty()).then(|| message.to_owned());
        self
    }
}

/// The play: memory and provider, changed as if every request succeeded.
struct Play<'a> {
    plan: &'a Rehearsal<'a>,
    memory: Memory,
    remotes: Vec<Remote>,
    now: Moment,
    made: u32,
    /// The account's deletions, those of earlier plays among them.
    deletions: &'a mut Deletions,
    /// One more would be too many.
    tripped: bool,
    changes: Vec<Change>,
}

impl Rehearsal<'_> {
    /// Everything that would happen until there is rest, in its order. Total. `deletions` counts those of the account in
    /// several plays.
    pub(super) fn play(
        &self,
        memory: Memory,
        remotes: Vec<Remote>,
        deletions: &mut Deletions,
    ) -> Vec<Change> {
        let mut play = Play {
            plan: self,
            memory,
            remotes,
            now: Moment::from_millis(1_000_000),
            made: 0,
            deletions,
            tripped: false,
            changes: Vec::new(),
        };
        for _ in 0..STEPS_MAX {
            if let Some(settled) = play.step() {
                play.conclude(&settled);
                break;
            }
        }
        play.changes
    }
}

impl Play<'_> {
    /// One decision and its effect; what there is to report where nothing is left to do.
    fn step(&mut self) -> Option<Settled> {
        self.now = self.now.after(Duration::from_millis(10));
        let snapshot = Snapshot::new(self.now, self.remotes.clone());
        self.now = self.now.after(Duration::from_millis(10));
        let action = next_action(&Situation {
            now: self.now,
            intent: Intent::Keep {
                wanted: self.plan.wanted,
                adoption: self.plan.adoption,
                observe: self.plan.observe,
                correct_drift: self.plan.correct_drift,
                replace: self.plan.replace,
            },
            capabilities: self.plan.able,
            owner: self.plan.owner,
            memory: &self.memory,
            snapshot: Some(&snapshot),
            rivals: self.plan.rivals,
            restraint: Restraint {
                guard_deletions: self.plan.restraint.guard_deletions || self.tripped,
                ..self.plan.restraint
            },
            timing: Timing {
                settle: Duration::ZERO,
                confirm: Duration::ZERO,
                ..Timing::default()
            },
            rules: self.plan.rules,
            // How deliveries go is not played.
            deliveries: &BTreeMap::new(),
        });
        match action {
            Action::ClaimFinalizer => self.memory.finalizer = true,
            Action::RecordIntent(keys) => {
                let named = |wish: &&Wanted| keys.contains(&wish.key);
                let wanted: Vec<&Wanted> = self.plan.wanted.iter().filter(named).collect();
                self.memory.intend(&wanted, self.now, self.now);
            }
            Action::Store => self.memory.stored(),
            // Every step has a LIST that is newer than all before.
            Action::Look(_) => {}
            Action::Read(key, id) => {
                let found = self.find(&id);
                self.memory.read(&key, found, self.now);
            }
            Action::Create(key) => self.create(&key),
            Action::Adopt { key, id, stamp } => self.adopt(&key, &id, stamp),
            Action::Update {
                key,
                id,
                fields,
                repair,
            } => self.update(&key, &id, fields, repair),
            Action::Delete(..) if !self.deletions.reserve(&self.plan.limits, self.now) => {
                self.tripped = true;
            }
            Action::Delete(key, id) => {
                let change = Change::new(Deed::Delete, key.as_ref(), Some(&id), FieldSet::EMPTY);
                self.changes.push(change);
                self.remotes.retain(|remote| remote.id != id);
                self.memory.deleted(key.as_ref(), &id);
            }
            Action::Note(note) => self.memory.note(&note, self.plan.wanted, self.now),
            // An object that is kept asks for neither.
            Action::SwitchOff { .. } | Action::ReleaseFinalizer { .. } => return Some(Settled::default()),
            Action::Settle(settled) => return Some(settled),
        }
        None
    }

    fn find(&self, id: &ExternalId) -> Option<Remote> {
        self.remotes.iter().find(|remote| remote.id == *id).cloned()
    }

    fn wish(&self, key: &RemoteKey) -> Option<&Wanted> {
        self.plan.wanted.iter().find(|wish| wish.key == *key)
    }

    fn create(&mut self, key: &RemoteKey) {
        let Some(wish) = self.wish(key).cloned() else {
            return;
        };
        self.made = self.made.saturating_add(1);
        let Ok(id) = ExternalId::parse(&format!("to-be-created-{}", self.made)) else {
            return;
        };
        let set = wish
            .view
            .fields(|field| matches!(wish.view.get(field), Part::Is(_)));
        self.changes.push(Change::new(Deed::Create, Some(key), None, set));
        let marked = self.plan.able.identity == Identity::Marker;
        let remote = Remote {
            id,
            marker: marked.then(|| self.plan.owner.marker(key)),
            view: wish.view,
            created: None,
        };
        self.remotes.push(remote.clone());
        self.memory
            .created(&wish, remote, marked, self.now, self.plan.able);
    }

    fn adopt(&mut self, key: &RemoteKey, id: &ExternalId, stamp: bool) {
        let Some(mut remote) = self.find(id) else {
            self.memory.deleted(None, id);
            return;
        };
        let mut fields = FieldSet::EMPTY;
        if stamp {
            remote.marker = Some(self.plan.owner.marker(key));
            if let Some(wish) = self.wish(key) {
                remote.view.set(Field::Name, wish.view.get(Field::Name));
            }
            fields = fields.with(Field::Name);
        }
        if !self.plan.observe {
            self.changes
                .push(Change::new(Deed::Adopt, Some(key), Some(id), fields));
        }
        self.replace(&remote);
        let hold = if self.plan.observe {
            Hold::Observed
        } else {
            Hold::Adopted
        };
        self.memory.adopted(key, hold, false, remote, self.now);
    }

    fn update(&mut self, key: &RemoteKey, id: &ExternalId, fields: FieldSet, repair: bool) {
        self.changes
            .push(Change::new(Deed::Update, Some(key), Some(id), fields));
        let (Some(wish), Some(mut remote)) = (self.wish(key).cloned(), self.find(id)) else {
            self.memory.deleted(None, id);
            return;
        };
        remote.view = written(remote.view, &wish.view, fields);
        self.replace(&remote);
        self.memory
            .updated(&wish, fields, remote, repair, self.now, self.plan.able);
    }

    fn replace(&mut self, changed: &Remote) {
        for remote in self.remotes.iter_mut().filter(|remote| remote.id == changed.id) {
            *remote = changed.clone();
        }
    }

    /// What is not as it should be, and stays so.
    fn conclude(&mut self, settled: &Settled) {
        for (key, state) in &settled.keys {
            let entry = self.memory.entries.get(key);
            let id = entry.and_then(|entry| entry.id.as_ref());
            let change = |deed, fields| Change::new(deed, Some(key), id, fields);
            let told = match state {
                KeyState::InSync { .. } => continue,
                KeyState::Drifted(fields, reason) => change(Deed::Drift, *fields).because(*reason, ""),
                KeyState::Off(message) => change(Deed::Drift, FieldSet::of(&[Field::Enabled]))
                    .because(Reason::DisabledByProvider, message),
                KeyState::Waiting(reason) => change(Deed::Blocked, FieldSet::EMPTY).because(*reason, ""),
                KeyState::Stalled(Reason::Guarded, message) if self.tripped => {
                    let message = format!("{message}; this would be more than spec.guard.maxDeletions");
                    change(Deed::Blocked, FieldSet::EMPTY).because(Reason::DeletionsGuarded, &message)
                }
                KeyState::Failing(reason, message) | KeyState::Stalled(reason, message) => {
                    change(Deed::Blocked, FieldSet::EMPTY).because(*reason, message)
                }
            };
            self.changes.push(told);
        }
    }
}

/// What the provider shows once these fields are written; what it hides it goes on to hide.
fn written(shown: View, wish: &View, fields: FieldSet) -> View {
    let mut after = shown;
    for field in fields.iter().filter(|field| shown.get(*field) != Part::Unknown) {
        after.set(field, wish.get(field));
    }
    after
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use operator_core::fan_out::fan_out;
    use operator_core::hash::HashKey;
    use operator_core::names::{ClusterId, EventName, ObjectName, ObjectUid};
    use operator_core::settings::{Authorization, Filters, Headers, Settings};
    use operator_core::url::DeliveryUrl;
    use proptest::prelude::*;

    use super::*;
    use crate::provider::{babel, bird, dixa};

    fn owner() -> Owner {
        let name = ObjectName::new("support", "crm");
        let uid = ObjectUid::parse("u").unwrap();
        Owner::new(&ClusterId::parse("c").unwrap(), &[], &name, &uid)
    }

    fn wanted(able: &Capabilities, events: &[&str], url: &str) -> Vec<Wanted> {
        let key = HashKey::new([0; 32]);
        let events: BTreeSet<EventName> = events
            .iter()
            .map(|event| EventName::parse(event).unwrap())
            .collect();
        let whole = Settings {
            name: None,
            url: DeliveryUrl::parse(url).unwrap(),
            events,
            enabled: true,
            filters: Filters::new(),
            authorization: Authorization::None,
            headers: Headers::new(),
            signing_key: None,
            max_retries: None,
        };
        let all = fan_out(&whole, "channels", &owner(), "support/crm", able).unwrap();
        all.iter()
            .map(|(remote, settings)| {
                let view = settings.view(&key).only(able.supports);
                Wanted {
                    key: remote.clone(),
                    view,
                    digest: view.digest(&key),
                    events: settings.events.iter().cloned().collect(),
                }
            })
            .collect()
    }

    fn play(able: &Capabilities, wanted: &[Wanted], remotes: Vec<Remote>) -> Vec<Change> {
        Rehearsal {
            wanted,
            adoption: &Adoption::default(),
            observe: false,
            correct_drift: true,
            replace: Replace::default(),
            able,
            owner: &owner(),
            rivals: &Rivals::default(),
            rules: Rules::NONE,
            restraint: Restraint::default(),
            limits: GuardLimits::default(),
        }
        .play(Memory::default(), remotes, &mut Deletions::default())
    }

    fn remote(wish: &Wanted, able: &Capabilities) -> Remote {
        Remote {
            id: ExternalId::parse("7").unwrap(),
            marker: (able.identity == Identity::Marker).then(|| owner().marker(&wish.key)),
            view: wish.view,
            created: None,
        }
    }

    fn deeds(changes: &[Change]) -> Vec<Deed> {
        changes.iter().map(|change| change.deed).collect()
    }

    #[test]
    fn what_is_missing_would_be_made_one_for_each_key() {
        for (able, count) in [
            (&dixa::CAPABILITIES, 1),
            (&babel::CAPABILITIES, 2),
            (&bird::CAPABILITIES, 2),
        ] {
            let wanted = wanted(able, &["a", "b"], "https://h.example/x");
            let changes = play(able, &wanted, Vec::new());
            assert_eq!(deeds(&changes), vec![Deed::Create; count], "{changes:#?}");
        }
    }

    #[test]
    fn what_is_ours_would_be_taken_back_and_changed_in_what_differs() {
        let able = &dixa::CAPABILITIES;
        let before = wanted(able, &["a"], "https://h.example/old");
        let after = wanted(able, &["a"], "https://h.example/new");
        let changes = play(able, &after, vec![remote(&before[0], able)]);
        assert_eq!(deeds(&changes), [Deed::Adopt, Deed::Update], "{changes:#?}");
        assert_eq!(changes[1].fields, ["url"]);
        assert_eq!(changes[1].external_id.as_deref(), Some("7"));
    }

    #[test]
    fn what_is_in_the_way_is_told() {
        let able = &bird::CAPABILITIES;
        let wanted = wanted(able, &["a"], "https://h.example/x");
        let changes = play(able, &wanted, vec![remote(&wanted[0], able)]);
        assert_eq!(deeds(&changes), [Deed::Blocked], "{changes:#?}");
        assert_eq!(changes[0].reason.as_deref(), Some("IdenticalExists"));
    }

    proptest! {
        #[test]
        fn every_play_ends_and_a_second_one_finds_nothing_to_do(
            events in prop::collection::btree_set("[a-c]", 1..4), url in "[a-c]{1,2}", old in "[a-c]{1,2}",
        ) {
            let able = &dixa::CAPABILITIES;
            let events: Vec<&str> = events.iter().map(String::as_str).collect();
            let before = wanted(able, &["a"], &format!("https://h.example/{old}"));
            let after = wanted(able, &events, &format!("https://h.example/{url}"));
            let changes = play(able, &after, vec![remote(&before[0], able)]);
            let blocked = changes.iter().any(|change| change.deed == Deed::Blocked);
            prop_assert!(!blocked, "{:?}", changes);
            let done = play(able, &after, vec![remote(&after[0], able)]);
            prop_assert_eq!(deeds(&done), [Deed::Adopt]);
        }
    }
}
