//! The world around the decision: an object in an apiserver, a process that may end at any time, a provider,
//! and a driver that performs what is decided.

use crate::marker::{Owner, Ownership};
use crate::memory::{Certainty, Fault, Hold, Memory, Wanted};
use crate::names::{ClusterId, ExternalId, ObjectName, ObjectUid, RemoteKey};
use crate::plan::{
    Action, Adoption, AdoptionPolicy, Intent, Restraint, Settled, Situation, Timing, next_action,
};
use crate::reason::Reason;
use crate::remote::Snapshot;
use crate::retry::Disposition;
use crate::time::Moment;
use crate::view::{Field, FieldSet, Part, View};

use super::provider::{Maker, Provider, digest, part};
use super::schedule::{Edit, Hand, Mishap, Schedule, Spec};

const SEED: u64 = 11;

/// The object as the apiserver has it.
#[derive(Debug)]
pub struct Object {
    pub spec: Spec,
    pub finalizer: bool,
    pub deleting: bool,
    pub gone: bool,
    /// What status tells.
    pub status: Memory,
    pub status_writes: u32,
}

pub struct World {
    pub now: Moment,
    pub object: Object,
    pub provider: Provider,
    pub owner: Owner,
    pub memory: Memory,
    pub snapshot: Option<Snapshot>,
    /// The ids of the strangers, for `ByID`.
    pub imports: Vec<ExternalId>,
    /// A hand copied something with our marker.
    pub cloned: bool,
    /// The object went and left things behind, as asked.
    pub orphaned: bool,
    /// A hand took a marker off.
    pub stripped: bool,
    /// What happened, in words.
    pub trace: Vec<String>,
    /// Rules that were broken.
    pub violations: Vec<String>,
}

/// How a round ended.
#[derive(Debug, PartialEq, Eq)]
pub enum Round {
    Acted,
    Settled(Settled),
    Over,
}

impl World {
    pub fn new(schedule: &Schedule) -> Self {
        let name = ObjectName {
            namespace: "support".into(),
            name: "crm".into(),
        };
        let cluster = ClusterId::parse("c1").unwrap();
        let owner = Owner::new(&cluster, &[], &name, &ObjectUid::parse("u1").unwrap());
        let mut provider = Provider {
            lag: u64::from(schedule.lag) * 1000,
            ..Provider::default()
        };
        let imports = schedule.strangers.iter().map(|url| {
            let content = stranger(*url);
            provider
                .add("a stranger".into(), content, Maker::Hand, Moment::default())
                .id
        });
        let imports = imports.collect();
        Self {
            now: Moment::from_millis(100_000),
            object: Object {
                spec: schedule.spec.clone(),
                finalizer: false,
                deleting: false,
                gone: false,
                status: Memory::default(),
                status_writes: 0,
            },
            provider,
            owner,
            memory: Memory::default(),
            snapshot: None,
            imports,
            cloned: false,
            orphaned: false,
            stripped: false,
            trace: Vec::new(),
            violations: Vec::new(),
        }
    }

    pub fn wait(&mut self, millis: u64) {
        self.now = Moment::from_millis(self.now.as_millis() + millis);
    }

    fn require(&mut self, holds: bool, rule: impl FnOnce() -> String) {
        if !holds {
            let rule = rule();
            self.trace.push(format!("  BROKEN: {rule}"));
            self.violations.push(rule);
        }
    }

    fn name(&self, key: &RemoteKey) -> String {
        self.owner.remote_name(key, "support/crm")
    }

    /// What the spec asks for.
    pub fn wanted(&self) -> Vec<Wanted> {
        let spec = &self.object.spec;
        let keys = (0..3).filter(|bit| spec.keys >> bit & 1 == 1);
        let optional = |field, value: Option<u8>| value.map_or(Part::Absent, |value| part(field, value));
        keys.map(|bit| {
            let key = RemoteKey::parse(&format!("k{bit}")).unwrap();
            let mut view = View::default();
            view.set(Field::Name, part(Field::Name, self.name(&key)));
            view.set(Field::Url, part(Field::Url, spec.url));
            view.set(Field::Events, part(Field::Events, spec.events));
            view.set(Field::Enabled, part(Field::Enabled, spec.enabled));
            view.set(Field::Headers, optional(Field::Headers, spec.headers));
            view.set(Field::Filters, optional(Field::Filters, spec.filters));
            Wanted {
                digest: digest(&format!("{view:?}")),
                key,
                view,
                events: Vec::new(),
            }
        })
        .collect()
    }

    /// The process ends, and another begins with what status tells.
    pub fn restart(&mut self) {
        self.trace.push("  the process restarts".into());
        self.forget_hidden();
        self.wait(1000);
        self.memory = self.object.status.clone().after_restart(self.now);
        self.memory.finalizer = self.object.finalizer;
        self.snapshot = None;
    }

    /// Hidden content that was sent and not yet stored as sent is known to nobody after a crash: should the
    /// user then go back to the former wish, it stays. That is the one divergence the model excuses.
    fn forget_hidden(&mut self) {
        let status = &self.object.status;
        for held in &mut self.provider.held {
            let mut stored = status.entries.values().filter_map(|entry| {
                if entry.id.as_ref() == Some(&held.id) {
                    return entry.sent;
                }
                entry.pending.as_ref().and_then(|pending| pending.target.sent)
            });
            let truth = crate::view::Sent::all_of(&held.content).get(Field::Headers);
            held.hidden_is_anything |= stored.all(|sent| sent.get(Field::Headers) != truth);
        }
    }

    pub fn decide(&self, wanted: &[Wanted]) -> Action {
        let spec = &self.object.spec;
        let adoption = Adoption {
            policy: spec.policy,
            ids: self.imports.clone(),
            overwrite: spec.overwrite,
        };
        let intent = if self.object.deleting {
            Intent::Remove {
                orphan: spec.observe,
                let_go: false,
            }
        } else {
            Intent::Keep {
                wanted,
                adoption: &adoption,
                observe: spec.observe,
                correct_drift: spec.correct_drift,
            }
        };
        next_action(&Situation {
            now: self.now,
            intent,
            owner: &self.owner,
            memory: &self.memory,
            snapshot: self.snapshot.as_ref(),
            restraint: Restraint::default(),
            timing: Timing::default(),
        })
    }

    /// Decides once and performs it.
    pub fn round(&mut self, mishap: Mishap) -> Round {
        if self.object.gone {
            return Round::Over;
        }
        self.wait(50);
        let wanted = self.wanted();
        let action = self.decide(&wanted);
        self.trace.push(format!(
            "{:>8} {action:?} {}",
            self.now.as_millis(),
            match mishap {
                Mishap::None => String::new(),
                other => format!("[{other:?}]"),
            }
        ));
        match mishap {
            Mishap::CrashBefore => {
                self.restart();
                return Round::Acted;
            }
            Mishap::CrashAfter => {
                // Whatever the process would have taken note of is lost with it.
                self.perform(action, &wanted, Mishap::None);
                self.restart();
                return Round::Acted;
            }
            _ => {}
        }
        let round = self.perform(action, &wanted, mishap);
        if mishap == Mishap::CrashKnowing {
            self.restart();
            return Round::Acted;
        }
        round
    }

    fn perform(&mut self, action: Action, wanted: &[Wanted], mishap: Mishap) -> Round {
        let carried_out = !matches!(mishap, Mishap::RefusedBefore | Mishap::RefusedForGood);
        let known = carried_out && mishap != Mishap::ReplyLost;
        let wish = |key: &RemoteKey| wanted.iter().find(|wish| wish.key == *key);
        match action {
            Action::ClaimFinalizer => {
                self.object.finalizer |= carried_out;
                self.memory.finalizer |= known;
            }
            Action::RecordIntent(keys) => {
                let mut memory = self.memory.clone();
                let wishes: Vec<_> = keys.iter().filter_map(wish).collect();
                memory.intend(&wishes, self.now);
                if carried_out {
                    self.store(&memory);
                }
                if known {
                    self.memory = memory;
                } else {
                    self.memory.intend_failed(&keys);
                }
            }
            Action::Look(after) => {
                self.wait(1);
                let begun = self.now;
                let late_enough = after.is_none_or(|after| begun > after);
                self.require(late_enough, || format!("a LIST can begin after {after:?}"));
                if known {
                    self.snapshot = Some(self.provider.list(begun));
                }
                self.wait(300);
            }
            Action::Read(key, id) => {
                let seen = self.provider.get(&id).map(super::provider::Held::show);
                if known {
                    self.memory.read(&key, seen, self.now);
                } else {
                    self.fail(&key, wish(&key), mishap);
                }
            }
            Action::Create(key) => {
                let wish = wish(&key);
                self.require(wish.is_some(), || format!("{key} is created and not wanted"));
                if let Some(wish) = wish {
                    self.create(wish, mishap);
                }
            }
            Action::Adopt { key, id, stamp } => self.adopt(&key, &id, stamp, wish(&key), mishap),
            Action::Update {
                key,
                id,
                fields,
                repair,
            } => {
                let wish = wish(&key);
                self.require(wish.is_some(), || format!("{key} is updated and not wanted"));
                if let Some(wish) = wish {
                    self.update(wish, &id, fields, repair, mishap);
                }
            }
            Action::Delete(key, id) => {
                self.check_delete(key.as_ref(), &id);
                if carried_out {
                    self.provider.delete(&id);
                }
                if known {
                    self.memory.deleted(key.as_ref(), &id);
                } else if let Some(key) = key {
                    self.fail(&key, None, mishap);
                }
            }
            Action::Note(note) => self.memory.note(&note, wanted, self.now),
            Action::ReleaseFinalizer { orphaned } => {
                self.orphaned |= self.object.spec.observe;
                let explained = orphaned.is_empty() || self.object.spec.observe;
                self.require(explained, || format!("{orphaned:?} orphaned unasked"));
                self.object.finalizer &= !carried_out;
                self.memory.finalizer &= !known;
                self.object.gone = self.object.deleting && !self.object.finalizer;
            }
            Action::Settle(settled) => {
                if carried_out {
                    let memory = self.memory.clone();
                    self.store(&memory);
                }
                if settled.gone {
                    self.require(self.object.deleting, || "gone without deletion".into());
                    self.object.gone = true;
                    return Round::Over;
                }
                return Round::Settled(settled);
            }
        }
        self.wait(100);
        Round::Acted
    }

    /// Writes status, if that changes it.
    fn store(&mut self, memory: &Memory) {
        let durable = memory.clone().after_restart(Moment::default());
        if self.object.status != durable {
            self.object.status = durable;
            self.object.status_writes += 1;
        }
    }

    fn fail(&mut self, key: &RemoteKey, wish: Option<&Wanted>, mishap: Mishap) {
        self.memory
            .failed(key, wish.map(|wish| wish.digest), fault(mishap), self.now, SEED);
    }

    fn create(&mut self, wish: &Wanted, mishap: Mishap) {
        let key = &wish.key;
        let stored = self
            .object
            .status
            .entries
            .get(key)
            .and_then(|e| e.pending.clone());
        let said = stored.is_some_and(|pending| pending.target.applied == Some(wish.digest));
        self.require(said, || {
            format!("{key} is created and status does not say what is sent")
        });
        let finalizer = self.object.finalizer;
        self.require(finalizer, || format!("{key} is created without finalizer"));
        let looked = match self
            .memory
            .entries
            .get(key)
            .and_then(|e| e.pending.as_ref())
            .map(|p| p.certainty)
        {
            Some(Certainty::NotSent { opened }) => self.snapshot.as_ref().is_some_and(|s| s.begun() > opened),
            _ => false,
        };
        self.require(looked, || format!("{key} is created without a look"));
        self.require_may_write("create");
        let by_id = self.object.spec.policy == AdoptionPolicy::ById;
        self.require(!by_id, || format!("{key} is created under policy ByID"));
        if matches!(mishap, Mishap::RefusedBefore | Mishap::RefusedForGood) {
            self.memory.create_failed(wish, fault(mishap), self.now, SEED);
            return;
        }
        let name = if mishap == Mishap::MarkerCut {
            "cut".into()
        } else {
            self.name(key)
        };
        let remote = self.provider.create(wish, name, self.now);
        let mut alive = self.provider.held.iter().filter(|held| {
            held.maker == Maker::Controller(key.clone())
                && held
                    .marker()
                    .is_some_and(|m| self.owner.ownership(key, &m) == Ownership::Ours)
        });
        let single = (alive.next(), alive.next()).1.is_none();
        self.require(single, || {
            format!("a second remote subscription was made for {key}")
        });
        if mishap == Mishap::ReplyLost {
            self.memory.create_failed(wish, fault(mishap), self.now, SEED);
        } else {
            let marked = remote.marker.is_some();
            self.memory.created(wish, remote, marked, self.now);
        }
    }

    fn adopt(
        &mut self,
        key: &RemoteKey,
        id: &ExternalId,
        stamp: bool,
        wish: Option<&Wanted>,
        mishap: Mishap,
    ) {
        let carried_out = !matches!(mishap, Mishap::RefusedBefore | Mishap::RefusedForGood);
        if stamp {
            self.require_may_write("stamp");
            self.check_stamp(key, id);
        }
        let held_twice = self
            .memory
            .entries
            .iter()
            .any(|(k, e)| k != key && e.id.as_ref() == Some(id));
        self.require(!held_twice, || format!("{id} is held by two keys"));
        let remote = if stamp && carried_out {
            let name = self.name(key);
            self.provider
                .update(id, FieldSet::EMPTY, &View::default(), Some(name))
        } else {
            self.provider.get(id).map(super::provider::Held::show)
        };
        let digest = wish.map(|wish| wish.digest);
        match remote {
            Some(remote) if carried_out && mishap != Mishap::ReplyLost => {
                let entry = self.memory.entries.get(key);
                let sent_by_entry = !stamp
                    && entry
                        .and_then(|e| e.pending.as_ref())
                        .is_some_and(|p| matches!(p.certainty, Certainty::Unknown { .. }));
                let hold = if self.object.spec.observe {
                    Hold::Observed
                } else {
                    Hold::Adopted
                };
                self.memory.adopted(key, hold, sent_by_entry, remote, self.now);
            }
            Some(_) => self.memory.failed(key, digest, fault(mishap), self.now, SEED),
            None => self.memory.deleted(None, id),
        }
    }

    fn update(&mut self, wish: &Wanted, id: &ExternalId, fields: FieldSet, repair: bool, mishap: Mishap) {
        self.require_may_write("update");
        self.check_marked(&wish.key, id, "updated");
        if matches!(mishap, Mishap::RefusedBefore | Mishap::RefusedForGood) {
            return self.fail(&wish.key, Some(wish), mishap);
        }
        let name = fields.contains(Field::Name).then(|| self.name(&wish.key));
        let remote = self.provider.update(id, fields, &wish.view, name);
        match remote {
            _ if mishap == Mishap::ReplyLost => self.fail(&wish.key, Some(wish), mishap),
            Some(remote) => self.memory.updated(wish, fields, remote, repair, self.now),
            None => self.memory.read(&wish.key, None, self.now),
        }
    }

    fn require_may_write(&mut self, what: &str) {
        let observe = self.object.spec.observe;
        self.require(!observe, || format!("a {what} while only observing"));
        let finalizer = self.object.finalizer;
        self.require(finalizer, || format!("a {what} without finalizer"));
    }

    /// The marker is ours, or a hand took it off so lately that a fresh read could not know.
    fn check_marked(&mut self, key: &RemoteKey, id: &ExternalId, what: &str) {
        let Some(held) = self.provider.get(id) else { return };
        let ours = held
            .marker()
            .is_some_and(|marker| self.owner.ownership(key, &marker) == Ownership::Ours);
        let lately = held
            .stripped
            .is_some_and(|at| self.now.since(at) <= Timing::default().fresh);
        self.require(ours || lately, || format!("{id} is {what} and not marked"));
    }

    fn check_delete(&mut self, key: Option<&RemoteKey>, id: &ExternalId) {
        let discard = key
            .and_then(|key| self.memory.entries.get(key))
            .is_some_and(|entry| entry.discard.as_ref() == Some(id));
        if discard {
            let created_by_us = self.provider.get(id).is_none_or(|held| held.maker != Maker::Hand);
            self.require(created_by_us, || {
                format!("{id} is discarded and was not made by us")
            });
            return;
        }
        let observe = self.object.spec.observe;
        self.require(!observe, || format!("{id} is deleted while only observing"));
        let Some(held) = self.provider.get(id) else { return };
        let ours = held.marker().is_some_and(|marker| self.owner.wrote(&marker));
        let lately = held
            .stripped
            .is_some_and(|at| self.now.since(at) <= Timing::default().fresh);
        self.require(ours || lately, || format!("{id} is deleted and not marked"));
    }

    /// Only adoption that was asked for writes on what is not marked.
    fn check_stamp(&mut self, key: &RemoteKey, id: &ExternalId) {
        let Some(held) = self.provider.get(id) else { return };
        let spec = &self.object.spec;
        let asked = match spec.policy {
            AdoptionPolicy::ById => self.imports.contains(id),
            AdoptionPolicy::IfMatches => true,
            AdoptionPolicy::IfOwned | AdoptionPolicy::Never => false,
        };
        let allowed = match held.marker().map(|m| self.owner.ownership(key, &m)) {
            None => asked,
            Some(Ownership::Ours | Ownership::Former) => true,
            Some(Ownership::OtherCluster | Ownership::Foreign) => false,
        };
        self.require(allowed, || format!("{id} is taken over unasked"));
    }

    pub fn edit(&mut self, edit: &Edit) {
        self.trace.push(format!("  the user edits {edit:?}"));
        let spec = &mut self.object.spec;
        match *edit {
            Edit::Keys(keys) => spec.keys = keys,
            Edit::Url(url) => spec.url = url,
            Edit::Events(events) => spec.events = events,
            Edit::Enabled(enabled) => spec.enabled = enabled,
            Edit::Headers(headers) => spec.headers = headers,
            Edit::Filters(filters) => spec.filters = filters,
            Edit::Policy(policy, overwrite) => (spec.policy, spec.overwrite) = (policy, overwrite),
            Edit::Observe(observe) => spec.observe = observe,
            Edit::CorrectDrift(correct) => spec.correct_drift = correct,
        }
    }

    pub fn hand(&mut self, hand: &Hand) {
        let (now, count) = (self.now, self.provider.held.len());
        let at = |pick: u8| usize::from(pick) % count.max(1);
        self.trace.push(format!("  by hand: {hand:?}"));
        if let Hand::MakeUnmarked(url) = *hand {
            let made = self
                .provider
                .add("made by hand".into(), stranger(url), Maker::Hand, now);
            self.imports.push(made.id);
            return;
        }
        let held = &mut self.provider.held;
        if count == 0 {
            return;
        }
        match *hand {
            Hand::SetUrl(pick, url) => held[at(pick)].content.set(Field::Url, part(Field::Url, url)),
            Hand::SetEnabled(pick, on) => held[at(pick)]
                .content
                .set(Field::Enabled, part(Field::Enabled, on)),
            Hand::SetHeaders(pick, to) => {
                let to = to.map_or(Part::Absent, |to| part(Field::Headers, to));
                held[at(pick)].content.set(Field::Headers, to);
                held[at(pick)].hidden_is_anything = true;
            }
            Hand::SetFilters(pick, to) => held[at(pick)]
                .content
                .set(Field::Filters, part(Field::Filters, to)),
            Hand::Delete(pick) => {
                held.remove(at(pick));
            }
            Hand::Clone(pick) => {
                let original = held[at(pick)].clone();
                self.cloned |= original.marker().is_some();
                self.provider
                    .add(original.name, original.content, Maker::Hand, now);
            }
            Hand::Strip(pick) => {
                let held = &mut held[at(pick)];
                self.stripped |= held.marker().is_some();
                held.stripped = Some(now);
                held.name = "stripped".into();
            }
            Hand::MakeUnmarked(_) => {}
        }
    }
}

fn stranger(url: u8) -> View {
    let mut view = View::default();
    view.set(Field::Url, part(Field::Url, url));
    view.set(Field::Events, part(Field::Events, 0_u8));
    view.set(Field::Enabled, part(Field::Enabled, true));
    view.set(Field::Headers, part(Field::Headers, 9_u8));
    view.set(Field::Filters, Part::Absent);
    view
}

fn fault(mishap: Mishap) -> Fault {
    let lost = mishap == Mishap::ReplyLost;
    let for_good = mishap == Mishap::RefusedForGood;
    Fault {
        reason: if for_good {
            Reason::RefusedByProvider
        } else {
            Reason::ProviderUnavailable
        },
        message: format!("{mishap:?}"),
        disposition: if for_good {
            Disposition::WaitForChange
        } else {
            Disposition::Backoff
        },
        may_have_taken_effect: lost,
    }
}
