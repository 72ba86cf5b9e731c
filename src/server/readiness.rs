//! What is missing until the operator works, and whether its watches still live.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

/// A named set of gates that are all open when the operator works, and the pulse of its watches.
///
/// A gate is closed from [`Self::require`] to [`Self::open`]. Methods never block for long and may be called from
/// any task.
#[derive(Debug, Default)]
pub struct Readiness(Mutex<State>);

#[derive(Debug, Default)]
struct State {
    /// The gates; the text says what is missing, `None` when open.
    gates: BTreeMap<&'static str, Option<String>>,
    /// What a reader should know although nothing is missing.
    notes: Vec<String>,
    /// When each watch was last answered.
    pulses: BTreeMap<String, Instant>,
}

impl Readiness {
    /// No gates yet: ready.
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds a gate, closed. A gate that is there already is closed.
    pub fn require(&self, gate: &'static str) {
        self.close(gate, "not there yet");
    }

    /// Closes a gate, adding it where it is missing, and says why in one line.
    pub fn close(&self, gate: &'static str, why: impl Into<String>) {
        self.state().gates.insert(gate, Some(why.into()));
    }

    /// Opens a gate.
    pub fn open(&self, gate: &'static str) {
        self.state().gates.insert(gate, None);
    }

    /// Adds a line that is shown while everything is ready, too: what this install leaves out on purpose.
    pub fn note(&self, text: impl Into<String>) {
        self.state().notes.push(text.into());
    }

    /// Whether every gate is open.
    pub fn is_ready(&self) -> bool {
        self.state().gates.values().all(Option::is_none)
    }

    /// A watch was answered at `at`. From then on it is expected to be renewed; see [`Self::stale_watches`].
    ///
    /// [`cluster::connect`](crate::cluster::connect) tells it of every watch that its client sends. Events are no
    /// substitute: where nothing changes a healthy watch has none, and its renewal is not one.
    pub(crate) fn watch_answered(&self, watch: &str, at: Instant) {
        let mut state = self.state();
        if let Some(last) = state.pulses.get_mut(watch) {
            *last = at;
        } else {
            state.pulses.insert(watch.to_owned(), at);
        }
    }

    /// The watches that were last answered more than `limit` before `now`, with how long ago that was.
    pub fn stale_watches(&self, now: Instant, limit: Duration) -> Vec<(String, Duration)> {
        self.state()
            .pulses
            .iter()
            .map(|(watch, &at)| (watch.clone(), now.saturating_duration_since(at)))
            .filter(|(_, age)| *age > limit)
            .collect()
    }

    /// Whether it is ready, and the text that says so or names what is missing, one gate a line.
    pub(crate) fn report(&self) -> (bool, String) {
        let state = self.state();
        let mut text = String::new();
        for (gate, why) in &state.gates {
            if let Some(why) = why {
                // Writing to a String cannot fail.
                let _ = writeln!(text, "{gate}: {why}");
            }
        }
        let ready = text.is_empty();
        if ready {
            text.push_str("ok\n");
        }
        for note in &state.notes {
            let _ = writeln!(text, "{note}");
        }
        (ready, text)
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_report_names_every_closed_gate_on_a_line_of_its_own() {
        let readiness = Readiness::new();
        readiness.require("subscriptions watch");
        readiness.close("crds", "webhookproviders is not served");
        readiness.require("secrets watch");
        readiness.open("secrets watch");
        let (ready, text) = readiness.report();
        assert!(!ready);
        assert_eq!(
            text,
            "crds: webhookproviders is not served\nsubscriptions watch: not there yet\n"
        );
    }

    #[test]
    fn ready_means_every_gate_open_and_notes_do_not_matter() {
        let readiness = Readiness::new();
        readiness.require("crds");
        readiness.note("ClusterWebhookProvider is not watched");
        assert!(!readiness.is_ready());
        readiness.open("crds");
        assert!(readiness.is_ready());
        assert_eq!(
            readiness.report(),
            (true, "ok\nClusterWebhookProvider is not watched\n".to_owned())
        );
    }

    #[test]
    fn a_gate_that_closes_again_makes_it_unready() {
        let readiness = Readiness::new();
        readiness.open("crds");
        readiness.close("crds", "gone");
        assert_eq!(readiness.report(), (false, "crds: gone\n".to_owned()));
    }

    #[test]
    fn a_watch_is_stale_when_its_last_answer_is_older_than_the_limit() {
        let readiness = Readiness::new();
        let start = Instant::now();
        let limit = Duration::from_mins(10);
        readiness.watch_answered("secrets", start);
        readiness.watch_answered("webhooksubscriptions", start);
        readiness.watch_answered("webhooksubscriptions", start + Duration::from_mins(9));
        assert!(readiness.stale_watches(start + limit, limit).is_empty());
        let stale = readiness.stale_watches(start + Duration::from_mins(11), limit);
        assert_eq!(stale, [("secrets".to_owned(), Duration::from_mins(11))]);
    }
}
