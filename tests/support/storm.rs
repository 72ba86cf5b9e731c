//! Somebody who edits an object without end.

use std::sync::atomic::AtomicUsize;
use std::sync::atomic::Ordering::SeqCst;
use std::sync::mpsc::{RecvTimeoutError, channel};
use std::thread;
use std::time::Duration;

use serde_json::Value;

use super::{SUBSCRIPTION, World};

/// A storm of edits that goes on.
pub struct Storm<'a> {
    world: &'a World,
    edits: &'a AtomicUsize,
}

impl Storm<'_> {
    /// Waits for so many more edits.
    pub fn goes_on(&self, more: usize) {
        let goal = self.edits.load(SeqCst) + more;
        self.world
            .eventually("more edits", || self.edits.load(SeqCst) >= goal);
    }
}

impl World {
    /// Patches a subscription twenty times a second while `meanwhile` runs, with what `edit` says for the first edit,
    /// which is 1, and those after it. Returns how many there were.
    pub fn storm(
        &self,
        name: &str,
        edit: impl Fn(usize) -> Value + Send,
        meanwhile: impl FnOnce(&Storm<'_>),
    ) -> usize {
        let edits = AtomicUsize::new(0);
        let (stop, stopped) = channel::<()>();
        thread::scope(|scope| {
            let edits = &edits;
            // Dropped with the scope's closure, so that a failure below ends the storm as well.
            let _storm = stop;
            scope.spawn(move || {
                while stopped.recv_timeout(Duration::from_millis(50)) == Err(RecvTimeoutError::Timeout) {
                    let next = edits.load(SeqCst) + 1;
                    self.patch(SUBSCRIPTION, name, edit(next));
                    edits.store(next, SeqCst);
                }
            });
            meanwhile(&Storm { world: self, edits });
        });
        edits.into_inner()
    }
}
