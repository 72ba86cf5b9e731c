//! Every branch of [`next_action`], one situation at a time.

mod adoption;
mod content;
mod create;
mod held;
mod moments;
mod off;
mod removal;
mod rendered;
mod swap;
mod switch_off;
mod totality;

use std::sync::LazyLock;

use super::*;
use crate::capabilities::examples::NAMED;
use crate::hash::{Fingerprint, HashKey};
use crate::memory::{Content, Failure, Hold, Pending, Target};
use crate::names::{ClusterId, ObjectName, ObjectUid};
use crate::remote::{Remote, Sighting};
use crate::view::{Field, Part, Sent, View};

static KEY: LazyLock<HashKey> = LazyLock::new(|| HashKey::new([3; 32]));

fn digest(text: &str) -> Fingerprint {
    KEY.fingerprint("test", [text.as_bytes()])
}

fn is(text: &str) -> Part {
    Part::Is(digest(text))
}

/// That many seconds after the start of the process.
fn at(seconds: u64) -> Moment {
    Moment::from_millis(seconds * 1000)
}

/// The moment of every decision, unless the case says otherwise.
const NOW: u64 = 1000;

fn key(text: &str) -> RemoteKey {
    RemoteKey::parse(text).unwrap()
}

fn id(text: &str) -> ExternalId {
    ExternalId::parse(text).unwrap()
}

fn owner_of(cluster: &str, uid: &str) -> Owner {
    let object = ObjectName::new("support", "crm");
    let cluster = ClusterId::parse(cluster).unwrap();
    Owner::new(&cluster, &[], &object, &ObjectUid::parse(uid).unwrap())
}

/// A wish with a URL, events, hidden headers and no filters.
fn wish(name: &str) -> Wanted {
    let mut view = View::default();
    view.set(Field::Url, is("url"));
    view.set(Field::Events, is("events"));
    view.set(Field::Headers, is("headers"));
    view.set(Field::Filters, Part::Absent);
    Wanted {
        key: key(name),
        view,
        digest: digest(&format!("{view:?}")),
        events: Vec::new(),
    }
}

/// `wish` after the user has changed the URL.
fn edited(name: &str) -> Wanted {
    let mut wish = wish(name);
    wish.view.set(Field::Url, is("new url"));
    wish.digest = digest("edited");
    wish
}

/// What the provider shows of `wish`, marked by `owner`.
fn shown(name: &str, wish: &Wanted, owner: Option<&Owner>) -> Remote {
    let mut view = wish.view;
    view.set(Field::Headers, Part::Unknown);
    Remote {
        id: id(name),
        marker: owner.map(|owner| owner.marker(&wish.key)),
        view,
        created: None,
    }
}

fn with(mut remote: Remote, field: Field, part: Part) -> Remote {
    remote.view.set(field, part);
    remote
}

#[derive(Debug)]
/// A situation that every test bends to its purpose.
struct Case {
    now: Moment,
    wanted: Vec<Wanted>,
    adoption: Adoption,
    observe: bool,
    correct_drift: bool,
    removal: Option<(bool, bool)>,
    withdrawn: bool,
    owner: Owner,
    memory: Memory,
    snapshot: Option<Snapshot>,
    capabilities: Capabilities,
    rivals: Rivals,
    replace: Replace,
    restraint: Restraint,
    rules: Rules,
    deliveries: BTreeMap<RemoteKey, Known>,
}

impl Case {
    /// One key is wanted, the finalizer is there, nothing else is known.
    fn new() -> Self {
        Self {
            now: at(NOW),
            wanted: vec![wish("k")],
            adoption: Adoption::default(),
            observe: false,
            correct_drift: true,
            removal: None,
            withdrawn: false,
            owner: owner_of("c1", "u1"),
            memory: Memory {
                finalizer: true,
                ..Memory::default()
            },
            snapshot: None,
            capabilities: NAMED,
            rivals: Rivals::default(),
            replace: Replace::default(),
            restraint: Restraint::default(),
            rules: Rules::NONE,
            deliveries: BTreeMap::new(),
        }
    }

    /// The object is being deleted.
    fn removing() -> Self {
        Self {
            removal: Some((false, false)),
            ..Self::new()
        }
    }

    fn bend(mut self, change: impl FnOnce(&mut Self)) -> Self {
        change(&mut self);
        self
    }

    fn listed(mut self, begun: Moment, remotes: impl IntoIterator<Item = Remote>) -> Self {
        self.snapshot = Some(Snapshot::new(begun, remotes));
        self
    }

    fn entry(mut self, entry: Entry) -> Self {
        self.memory.entries.insert(key("k"), entry);
        self
    }

    fn policy(mut self, policy: AdoptionPolicy, ids: &[&str]) -> Self {
        self.adoption.policy = policy;
        self.adoption.ids = ids.iter().map(|text| id(text)).collect();
        self
    }

    /// What our remote subscription looks like, when all is well.
    fn ours(&self, name: &str) -> Remote {
        shown(name, &wish("k"), Some(&self.owner))
    }

    fn action(&self) -> Action {
        let intent = match self.removal {
            Some((orphan, let_go)) => Intent::Remove { orphan, let_go },
            None if self.withdrawn => Intent::SwitchOff { off: is("off") },
            None => Intent::Keep {
                wanted: &self.wanted,
                adoption: &self.adoption,
                observe: self.observe,
                correct_drift: self.correct_drift,
                replace: self.replace,
            },
        };
        next_action(&Situation {
            now: self.now,
            intent,
            capabilities: &self.capabilities,
            rivals: &self.rivals,
            owner: &self.owner,
            memory: &self.memory,
            snapshot: self.snapshot.as_ref(),
            restraint: self.restraint,
            timing: Timing::default(),
            rules: self.rules,
            deliveries: &self.deliveries,
        })
    }

    /// Performs what needs no effect beyond status, and gives the first action that does.
    fn effect(&mut self) -> Action {
        for _ in 0..10 {
            match self.action() {
                Action::Note(note) => self.memory.note(&note, &self.wanted, self.now),
                Action::Store => self.memory.stored(),
                action => return action,
            }
        }
        panic!("there is no end to notes: {:?}", self.action());
    }

    /// What follows once the id, which a LIST shows as the result of an unfinished create, is read and is there.
    fn once_read(mut self, name: &str) -> Action {
        assert_eq!(self.action(), read(name));
        let listed = self
            .snapshot
            .as_ref()
            .and_then(|snapshot| snapshot.get(&id(name)));
        let listed = listed.cloned();
        assert!(listed.is_some());
        self.memory.read(&key("k"), listed, self.now);
        self.action()
    }

    fn settled(&self) -> Settled {
        match self.action() {
            Action::Settle(settled) => settled,
            action => panic!("{action:?} instead of rest"),
        }
    }

    fn state(&self) -> KeyState {
        self.settled().keys[&key("k")].clone()
    }

    /// The reason why the key is stalled.
    fn stall(&self) -> Reason {
        match self.state() {
            KeyState::Stalled(reason, _) => reason,
            state => panic!("{state:?} instead of a stall"),
        }
    }
}

/// An entry that holds `r1`, with the wish applied.
fn held() -> Entry {
    let wish = wish("k");
    Entry {
        id: Some(id("r1")),
        stored: true,
        applied: Some(wish.digest),
        sent: Some(Sent::all_of(&wish.view)),
        ..Entry::default()
    }
}

#[expect(clippy::unnecessary_wraps, reason = "as the entry has it")]
fn saw(remote: Remote, at: Moment) -> Option<Box<Sighting>> {
    Some(Box::new(Sighting { remote, at }))
}

/// An open write-ahead entry for `wish`.
fn open(wish: &Wanted, certainty: Certainty) -> Entry {
    Entry {
        pending: Some(Box::new(Pending {
            attempt: 1,
            target: Target {
                content: Content::of(&wish.view),
                events: Vec::new(),
                applied: Some(wish.digest),
                sent: Some(Sent::all_of(&wish.view)),
            },
            certainty,
        })),
        ..Entry::default()
    }
}

fn not_sent(opened: u64) -> Entry {
    open(&wish("k"), Certainty::NotSent { opened: at(opened) })
}

fn unknown(since: u64) -> Entry {
    open(&wish("k"), Certainty::Unknown { since: at(since) })
}

#[expect(clippy::unnecessary_wraps, reason = "as the entry has it")]
fn failure(digest: Option<Fingerprint>, until: Option<Moment>) -> Option<Failure> {
    Some(Failure {
        reason: Reason::RefusedByProvider,
        message: "no".into(),
        until,
        digest,
        count: 1,
        since: at(NOW - 5),
    })
}

fn read(name: &str) -> Action {
    Action::Read(key("k"), id(name))
}

fn delete(name: &str) -> Action {
    Action::Delete(Some(key("k")), id(name))
}

fn adopt(name: &str, stamp: bool) -> Action {
    Action::Adopt {
        key: key("k"),
        id: id(name),
        stamp,
    }
}

fn update(name: &str, fields: &[Field], repair: bool) -> Action {
    Action::Update {
        key: key("k"),
        id: id(name),
        fields: FieldSet::of(fields),
        repair,
    }
}

fn forget(why: crate::memory::Forgotten) -> Action {
    Action::Note(Note::Forget(key("k"), why))
}

const IN_SYNC: KeyState = KeyState::InSync {
    not_kept: FieldSet::EMPTY,
    unverifiable: FieldSet::EMPTY,
};

/// The hold of an entry that was only looked at.
const OBSERVED: Hold = Hold::Observed;
