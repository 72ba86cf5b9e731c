//! What must be true of everything that happened to one object, judged afterwards and off line.
//!
//! A history has three sources that know nothing of each other: the provider's log, the apiserver's audit log, and
//! what is there in the end. They are put in one order by time; where two have the same millisecond, the provider's
//! comes first, because the operator answers it and never the other way round.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use crate::support::leaks;

/// What a request asked of the provider.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Asked {
    /// POST.
    Create,
    /// PATCH or PUT.
    Change,
    /// DELETE.
    Delete,
    /// The list, or one id.
    Read,
}

/// A request as the provider has seen it.
#[derive(Debug, Clone)]
pub struct RemoteCall {
    /// Milliseconds since the epoch.
    pub at: u64,
    /// What.
    pub asked: Asked,
    /// Of what; for a create once it was carried out.
    pub id: String,
    /// The URL that is to be, where the request names one.
    pub url: Option<String>,
    /// The events that are to be, where the request names them.
    pub events: Option<BTreeSet<String>>,
    /// Whether the provider has carried it out.
    pub applied: bool,
    /// Whether the provider has refused it in so many words.
    pub refused: bool,
    /// Name of the credential that it came with.
    pub key: String,
}

/// A write of the object that the apiserver has carried out, by anybody.
#[derive(Debug, Clone)]
pub struct Stored {
    /// Milliseconds since the epoch, when it arrived.
    pub at: u64,
    /// Whether the operator asked for it.
    pub ours: bool,
    /// `metadata.generation` after it.
    pub generation: i64,
    /// Whether our finalizer is on it afterwards.
    pub held: bool,
    /// `spec.url`.
    pub url: String,
    /// `spec.events`.
    pub events: BTreeSet<String>,
    /// `observedGeneration` of the status.
    pub observed: Option<i64>,
    /// `observedGeneration` of the condition `Ready`, where that is True.
    pub ready: Option<i64>,
}

/// A remote subscription.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Row {
    /// Its URL.
    pub url: String,
    /// Its events.
    pub events: BTreeSet<String>,
    /// Whether it carries our mark, or was given to us.
    pub ours: bool,
}

/// Everything about one object.
#[derive(Debug, Clone, Default)]
pub struct History {
    /// What was at the provider before, by id.
    pub seeds: BTreeMap<String, Row>,
    /// Requests, in order.
    pub remote: Vec<RemoteCall>,
    /// Writes, in order.
    pub stored: Vec<Stored>,
    /// Whether the object is gone.
    pub gone: bool,
    /// Texts that anybody may read, by where they were found.
    pub told: Vec<(String, String)>,
    /// What no such text may show.
    pub canaries: Vec<String>,
    /// Names of the credentials of the object's provider.
    pub keys: BTreeSet<String>,
    /// Somebody else, at another provider.
    pub neighbour: Neighbour,
}

/// Another object in the same cluster, whose account has nothing to do with what goes wrong.
#[derive(Debug, Clone, Default)]
pub struct Neighbour {
    /// Its comparisons: milliseconds since the epoch, and the name of the credential.
    pub lists: Vec<(u64, String)>,
    /// Names of the credentials of its provider.
    pub keys: BTreeSet<String>,
    /// From when to when it was watched.
    pub watched: (u64, u64),
    /// When a process ended, and when the next one had begun to work.
    pub down: Vec<(u64, u64)>,
}

/// The most requests and writes that one object may cost in one plan, whatever goes wrong once.
pub const MOST: usize = 80;

/// The most milliseconds between two comparisons of the neighbour, which asks for one every five seconds: what hangs
/// elsewhere hangs for longer.
pub const LATEST: u64 = 28_000;

/// An invariant that does not hold, by its number, with what was seen.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Violation {
    /// `I1` to `I10`.
    pub invariant: &'static str,
    /// What was seen.
    pub seen: String,
}

impl fmt::Display for Violation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.invariant, self.seen)
    }
}

/// All violations of a history.
pub fn check(history: &History) -> Vec<Violation> {
    let mut check = Check {
        rows: history.seeds.clone(),
        ..Check::default()
    };
    let mut stored = history.stored.iter().peekable();
    for call in &history.remote {
        while let Some(write) = stored.next_if(|write| write.at < call.at) {
            check.stored(write);
        }
        check.remote(call, &history.keys);
    }
    stored.for_each(|write| check.stored(write));
    check.end(history);
    check.found
}

/// Writes in a window in which there must be none (I10).
pub fn check_quiet(remote: &[String], stored: &[String], lists: usize) -> Vec<Violation> {
    let mut found = Vec::new();
    let mut fail = |seen| {
        found.push(Violation {
            invariant: "I10",
            seen,
        });
    };
    if lists < 10 {
        fail(format!("only {lists} comparisons in the window"));
    }
    for write in remote.iter().chain(stored) {
        fail(format!("{write}, though nothing had changed"));
    }
    found
}

#[derive(Default)]
struct Check {
    rows: BTreeMap<String, Row>,
    /// Creates without a known outcome, by URL and events.
    open: BTreeSet<(String, BTreeSet<String>)>,
    was_held: bool,
    observed: Option<i64>,
    found: Vec<Violation>,
}

impl Check {
    fn fail(&mut self, invariant: &'static str, seen: String) {
        self.found.push(Violation { invariant, seen });
    }

    fn remote(&mut self, call: &RemoteCall, keys: &BTreeSet<String>) {
        if !keys.contains(&call.key) {
            let seen = format!("{:?} of {} with the key {}", call.asked, call.id, call.key);
            self.fail("I6", seen);
        }
        match call.asked {
            Asked::Create => self.create(call),
            Asked::Change | Asked::Delete => self.change(call),
            // Whoever looked knows.
            Asked::Read if call.applied => self.open.clear(),
            Asked::Read => {}
        }
    }

    fn create(&mut self, call: &RemoteCall) {
        let row = Row {
            url: call.url.clone().unwrap_or_default(),
            events: call.events.clone().unwrap_or_default(),
            ours: true,
        };
        let same = self
            .rows
            .iter()
            .find(|(_, other)| (&other.url, &other.events) == (&row.url, &row.events));
        if let Some((id, _)) = same {
            let seen = format!("a create of what {id} is already: {row:?}");
            self.fail("I1", seen);
        }
        let key = (row.url.clone(), row.events.clone());
        if self.open.contains(&key) {
            self.fail("I1", format!("a second create while the first is open: {row:?}"));
        }
        if call.applied {
            self.rows.insert(call.id.clone(), row);
        } else if !call.refused {
            self.open.insert(key);
        }
    }

    fn change(&mut self, call: &RemoteCall) {
        if self.rows.get(&call.id).is_some_and(|row| !row.ours) {
            self.fail(
                "I4",
                format!("{:?} of {}, which is not ours", call.asked, call.id),
            );
        }
        if !call.applied {
            return;
        }
        if call.asked == Asked::Delete {
            self.rows.remove(&call.id);
        } else if let Some(row) = self.rows.get_mut(&call.id) {
            row.url = call.url.clone().unwrap_or_else(|| row.url.clone());
            row.events = call.events.clone().unwrap_or_else(|| row.events.clone());
        }
    }

    fn ours(&self) -> impl Iterator<Item = (&String, &Row)> {
        self.rows.iter().filter(|(_, row)| row.ours)
    }

    fn stored(&mut self, write: &Stored) {
        if self.was_held && !write.held {
            let left: Vec<String> = self.ours().map(|(id, _)| id.clone()).collect();
            if !left.is_empty() {
                self.fail("I3", format!("the object was let go while {left:?} lived"));
            }
        }
        self.was_held = write.held;
        // What was never looked at has none, or the schema's -1.
        let observed = write.observed.unwrap_or(-1);
        let before = self.observed.unwrap_or(-1);
        if observed < before || observed > write.generation {
            let seen = format!(
                "observedGeneration {observed} after {before}, of generation {}",
                write.generation
            );
            self.fail("I9", seen);
        }
        self.observed = Some(before.max(observed));
        // Whoever changes the spec leaves the condition as it was, with the generation that it speaks of.
        if write.ours && write.ready == Some(write.generation) {
            self.verified(write);
        }
    }

    fn verified(&mut self, write: &Stored) {
        let events: BTreeSet<String> = self.ours().flat_map(|(_, row)| row.events.clone()).collect();
        let elsewhere = self.ours().any(|(_, row)| row.url != write.url);
        if elsewhere || events != write.events {
            let rows: Vec<_> = self.ours().collect();
            let seen = format!(
                "Ready with {} {:?}, and there is {rows:?}",
                write.url, write.events
            );
            self.fail("I9", seen);
        }
    }

    fn neighbour(&mut self, neighbour: &Neighbour) {
        for (_, key) in neighbour
            .lists
            .iter()
            .filter(|(_, key)| !neighbour.keys.contains(key))
        {
            self.fail("I6", format!("the neighbour was compared with the key {key}"));
        }
        let (from, to) = neighbour.watched;
        let lists = neighbour.lists.iter().map(|(at, _)| *at);
        let mut before = from;
        for at in lists.chain([to]) {
            let down = neighbour.down.iter();
            let down: u64 = down
                .map(|(ended, begun)| (*begun).min(at).saturating_sub((*ended).max(before)))
                .sum();
            let waited = at.saturating_sub(before).saturating_sub(down);
            if waited > LATEST {
                self.fail("I7", format!("the neighbour waited {waited} ms for a comparison"));
            }
            before = at.max(before);
        }
    }

    fn end(&mut self, history: &History) {
        self.neighbour(&history.neighbour);
        let left: Vec<String> = self.ours().map(|(id, _)| id.clone()).collect();
        if history.gone && !left.is_empty() {
            self.fail("I2", format!("the object is gone and {left:?} lives"));
        }
        for (place, text) in &history.told {
            for canary in leaks(text, &history.canaries) {
                self.fail("I5", format!("{place} shows {canary}"));
            }
        }
        let writes = history.stored.iter().filter(|write| write.ours).count();
        if history.remote.len() > MOST || writes > MOST {
            let seen = format!("{} requests and {writes} writes", history.remote.len());
            self.fail("I8", seen);
        }
    }
}

#[cfg(test)]
mod tests;
