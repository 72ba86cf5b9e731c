//! The world around the decision: an object in an apiserver, a process that may end at any time, a provider,
//! and a driver that performs what is decided.

use std::collections::BTreeMap;

use crate::capabilities::Capabilities;
use crate::capabilities::examples::{NAMED, NAMELESS};
use crate::disabled::Rules;
use crate::marker::Owner;
use crate::memory::{Memory, Wanted};
use crate::names::{ClusterId, ExternalId, ObjectName, ObjectUid, RemoteKey};
use crate::plan::{Action, Adoption, Intent, Restraint, Rivals, Settled, Situation, Timing, next_action};
use crate::remote::Snapshot;
use crate::time::Moment;
use crate::view::{Field, FieldSet, Part, View};

use super::provider::{Maker, Provider, digest, part};
use super::schedule::{Edit, Hand, Headers, Mishap, Schedule, Spec};

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
    pub capabilities: Capabilities,
    pub now: Moment,
    pub object: Object,
    pub provider: Provider,
    pub owner: Owner,
    pub memory: Memory,
    /// Since when this process knows the wish.
    pub since: Moment,
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
        let name = ObjectName::new("support", "crm");
        let cluster = ClusterId::parse("c1").unwrap();
        let owner = Owner::new(&cluster, &[], &name, &ObjectUid::parse("u1").unwrap());
        let mut provider = Provider {
            nature: schedule.nature.clone(),
            held: Vec::new(),
            lag: u64::from(schedule.lag) * 1000,
            writes: 0,
            made: 0,
        };
        let imports = schedule.strangers.iter().map(|url| {
            let content = stranger(*url);
            provider
                .add("a stranger".into(), content, Maker::Hand, Moment::default())
                .id
        });
        let imports = imports.collect();
        let named = schedule.nature.named;
        let rendered = matches!(schedule.nature.headers, Headers::Rendered | Headers::Masked);
        let fields = |those: bool, field| {
            if those {
                FieldSet::of(&[field])
            } else {
                FieldSet::EMPTY
            }
        };
        let capabilities = Capabilities {
            rendered: fields(rendered, Field::Headers),
            late: fields(schedule.nature.late, Field::Enabled),
            ..if named { NAMED } else { NAMELESS }
        };
        Self {
            capabilities,
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
            since: Moment::default(),
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

    pub fn require(&mut self, holds: bool, rule: impl FnOnce() -> String) {
        if !holds {
            let rule = rule();
            self.trace.push(format!("  BROKEN: {rule}"));
            self.violations.push(rule);
        }
    }

    pub fn name(&self, key: &RemoteKey) -> String {
        self.owner.remote_name(key, "support/crm")
    }

    /// What the spec asks for.
    pub fn wanted(&self) -> Vec<Wanted> {
        let spec = &self.object.spec;
        let keys = (0..3).filter(|bit| spec.keys >> bit & 1 == 1);
        let optional = |field, value: Option<u8>| value.map_or(Part::Absent, |value| part(field, value));
        keys.map(|bit| {
            // Where nothing can be marked, events are fixed, and tell the keys apart.
            let named = self.provider.nature.named;
            let text = if named {
                format!("k{bit}")
            } else {
                format!("k{bit}/{}", spec.events)
            };
            let key = RemoteKey::parse(&text).unwrap();
            let mut view = View::default();
            view.set(Field::Url, part(Field::Url, spec.url));
            if named {
                view.set(Field::Name, part(Field::Name, self.name(&key)));
                view.set(Field::Events, part(Field::Events, spec.events));
            } else {
                view.set(Field::Events, part(Field::Events, &text));
            }
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
        self.wait(1000);
        self.memory = self.object.status.clone().after_restart(self.now);
        self.memory.finalizer = self.object.finalizer;
        self.since = Moment::default();
        self.snapshot = None;
        self.lose_disguised();
    }

    /// Where nothing can be marked, one whose id nobody has noted and whose content a hand has changed is nobody's.
    fn lose_disguised(&mut self) {
        let (object, memory) = (&self.object, &self.memory);
        for held in self.provider.held.iter_mut().filter(|held| held.disguised) {
            let noted = object.status.ids().chain(memory.ids()).any(|id| *id == held.id);
            if !self.provider.nature.named && !noted {
                held.lost = true;
            }
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
                replace: spec.replace,
            }
        };
        next_action(&Situation {
            now: self.now,
            intent,
            capabilities: &self.capabilities,
            rivals: &Rivals::default(),
            owner: &self.owner,
            memory: &self.memory,
            snapshot: self.snapshot.as_ref(),
            restraint: Restraint::default(),
            timing: Timing::default(),
            rules: Rules::NONE,
            deliveries: &BTreeMap::new(),
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
        if matches!(round, Round::Settled(_)) {
            self.since = self.now;
        }
        if mishap == Mishap::CrashKnowing {
            self.restart();
            return Round::Acted;
        }
        round
    }

    pub fn edit(&mut self, edit: &Edit) {
        self.trace.push(format!("  the user edits {edit:?}"));
        self.since = self.now;
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
            Edit::Replace(replace) => spec.replace = replace,
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
        let unseen = matches!(self.provider.nature.headers, Headers::Hidden | Headers::Masked);
        let held = &mut self.provider.held;
        if count == 0 {
            return;
        }
        match *hand {
            Hand::SetUrl(pick, url) => {
                held[at(pick)].content.set(Field::Url, part(Field::Url, url));
                held[at(pick)].disguised = true;
            }
            Hand::SetEnabled(pick, on) => held[at(pick)]
                .content
                .set(Field::Enabled, part(Field::Enabled, on)),
            Hand::SetHeaders(pick, to) => {
                let to = to.map_or(Part::Absent, |to| part(Field::Headers, to));
                held[at(pick)].content.set(Field::Headers, to);
                held[at(pick)].hidden_is_anything |= unseen;
            }
            Hand::SetFilters(pick, to) => {
                held[at(pick)]
                    .content
                    .set(Field::Filters, part(Field::Filters, to));
                held[at(pick)].disguised = true;
            }
            Hand::Delete(pick) => {
                held.remove(at(pick));
            }
            Hand::Clone(pick) => {
                let original = held[at(pick)].clone();
                self.cloned = true;
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
        self.lose_disguised();
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
