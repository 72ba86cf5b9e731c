//! When one remote subscription takes the place of another, and what forbids that one is made at all.

use crate::memory::{Certainty, Entry, Pending, Wanted};
use crate::names::RemoteKey;
use crate::reason::Reason;
use crate::view::{FieldSet, Part};

use super::keep::{Keep, never_created};
use super::{KeyState, Replace, Step, stalled};

impl Keep<'_> {
    pub(super) fn is_swap(&self) -> bool {
        let entries = &self.s.memory.entries;
        let missing = |wish: &Wanted| entries.get(&wish.key).is_none_or(|entry| entry.id.is_none());
        let leaving = |(key, entry): (&RemoteKey, &Entry)| {
            entry.id.is_some() && self.wanted.iter().all(|wish| wish.key != *key)
        };
        self.wanted.iter().any(missing) && entries.iter().any(leaving)
    }

    /// What forbids that a remote subscription is made or taken over for a key that has none. What may have been sent
    /// is looked for all the same.
    pub(super) fn barred(&self, wish: &Wanted, entry: &Entry) -> Option<Step> {
        let s = self.s;
        let sent = |pending: &Pending| matches!(pending.certainty, Certainty::Unknown { .. });
        if self.observe || entry.pending.as_deref().is_some_and(sent) {
            return None;
        }
        let bar = if let Some(who) = s.rivals.claimed.get(&wish.key) {
            stalled(
                Reason::IdenticalExists,
                format!("{who} asks for a subscription with the same events, URL and filters"),
            )
        } else if let Some(others) = s.rivals.crowded.get(&wish.key) {
            stalled(
                Reason::TooManyIdentical,
                format!(
                    "{others} subscriptions of this account have the same event and filters already, which is all \
                     that the provider allows"
                ),
            )
        } else if self.swap && self.replace == Replace::Never {
            stalled(
                Reason::ReplacementRefused,
                "this change needs another subscription in place of the present one; set spec.replacePolicy to \
                 CreateFirst or DeleteFirst, or take the change back",
            )
        } else if self.swap && self.replace == Replace::DeleteFirst {
            return Some(Step::Rest(KeyState::Waiting(Reason::Replacing), None));
        } else {
            return None;
        };
        // An entry whose create was not sent has nothing to tell any more.
        Some(entry.pending.as_ref().map_or(bar, |_| never_created(wish)))
    }

    /// Whether another remote subscription takes the place of one whose fields cannot be cleared: once for a wish.
    pub(super) fn replaces(&self, wish: &Wanted, not_kept: FieldSet) -> bool {
        let memory = self.s.memory;
        let uncleared = not_kept.intersection(wish.view.fields_that_are(Part::Absent));
        matches!(self.replace, Replace::CreateFirst | Replace::DeleteFirst)
            && !uncleared.is_empty()
            && self.may_create()
            && memory.replaced.get(&wish.key) != Some(&wish.digest)
            && !memory.entries.contains_key(&wish.key.retired())
    }
}
