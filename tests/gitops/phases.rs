//! A phase of an object's life, as the operator wrote it, and how it is to be judged.

use serde_json::Value;

use crate::dumps;
use crate::judge::{health, kstatus, text};

/// An object at a moment.
pub struct Seen {
    /// Name of the phase, and of its dump.
    pub phase: &'static str,
    /// What kstatus is to say.
    pub kstatus: &'static str,
    /// What Argo CD is to show.
    pub health: &'static str,
    /// The object as the apiserver has it.
    pub object: Value,
}

/// The phases of one kind, in the order in which they were seen.
pub struct Phases {
    kind: &'static str,
    seen: Vec<Seen>,
}

impl Phases {
    pub fn of(kind: &'static str) -> Self {
        Self {
            kind,
            seen: Vec::new(),
        }
    }

    /// Notes an object; [`Self::hold`] judges all of them.
    pub fn note(&mut self, phase: &'static str, kstatus: &'static str, health: &'static str, object: Value) {
        assert_eq!(object["kind"], self.kind, "{phase}");
        assert!(self.seen.iter().all(|seen| seen.phase != phase), "{phase}: twice");
        self.seen.push(Seen {
            phase,
            kstatus,
            health,
            object,
        });
    }

    /// Judges all of them, and compares them with the test data in the checkout, or writes that.
    pub fn hold(self) {
        let wrong: Vec<String> = self
            .seen
            .iter()
            .filter_map(|seen| {
                let judged = [kstatus(&seen.object), text(&health(&seen.object)["status"])];
                let right = judged == [seen.kstatus, seen.health];
                (!right).then(|| format!("{}: {judged:?}, {:#}", seen.phase, seen.object["status"]))
            })
            .collect();
        assert!(wrong.is_empty(), "{}\n{}", self.kind, wrong.join("\n"));
        dumps::hold(self.kind, &self.seen);
    }
}
