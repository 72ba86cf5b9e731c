//! The actions of a dry run: said, and not done.
//!
//! What changes only memory is done, so that the plan goes on to what would come after it. What would be sent counts as
//! refused until the wish is another one: so each key is planned to its end, and no key holds up another.

use operator_core::memory::{Fault, Wanted};
use operator_core::names::{ExternalId, RemoteKey};
use operator_core::plan::{Action, Intent, KeyState};
use operator_core::reason::Reason;
use operator_core::retry::Disposition;
use operator_core::verdict::{Phase, Truth, Verdict};
use operator_core::view::{FieldSet, Part};

use crate::controller::events::Kind;
use crate::controller::subscription::reconcile::{Pass, ReconcileError, Rest, seed};

/// What became of an action in a dry run.
pub(super) enum Rehearsed {
    /// It has no effect outside of this process, and is performed.
    Perform,
    /// It was said instead; the plan goes on.
    Said,
    /// It was said instead, and nothing comes after it.
    Rest(Rest),
}

impl Pass<'_> {
    /// Whether nothing may be done.
    pub(in crate::controller) fn rehearses(&self) -> bool {
        self.ctx.rehearsal.is_some()
    }

    /// Says what an action would do, if it would do anything outside of this process.
    pub(super) async fn rehearse(
        &mut self,
        action: &Action,
        intent: Intent<'_>,
    ) -> Result<Rehearsed, ReconcileError> {
        let wanted = match intent {
            Intent::Keep { wanted, .. } => wanted,
            Intent::Remove { .. } | Intent::SwitchOff { .. } => &[],
        };
        let wish = |key: &RemoteKey| wanted.iter().find(|wish| wish.key == *key);
        match action {
            Action::ClaimFinalizer => self.record.memory.finalizer = true,
            Action::Create(key) => {
                let Some(wish) = wish(key) else {
                    return Ok(Rehearsed::Perform);
                };
                let set = wish
                    .view
                    .fields(|field| matches!(wish.view.get(field), Part::Is(_)));
                self.plan(
                    "WouldCreate",
                    format!("would create {}: {set}", subscription(key)),
                );
                let now = self.ctx.clock.now();
                self.record
                    .memory
                    .create_failed(wish, unsent(), now, seed(&self.name));
            }
            Action::Adopt { key, id, stamp: true } => {
                let fields = wish(key).map(|wish| self.differing(wish, id)).unwrap_or_default();
                self.plan(
                    "WouldAdopt",
                    format!("would take over subscription {id}, and change: {fields}"),
                );
                self.hold(key, wish(key));
            }
            Action::Update {
                key,
                id,
                fields,
                repair,
            } => {
                let note = if *repair {
                    format!("somebody changed subscription {id}; would repair: {fields}")
                } else {
                    format!("would change subscription {id}: {fields}")
                };
                self.plan("WouldUpdate", note);
                self.hold(key, wish(key));
            }
            Action::SwitchOff { key, id, .. } => {
                self.plan("WouldSwitchOff", format!("would switch off subscription {id}"));
                self.hold(key, None);
            }
            Action::Delete(key, id) => return self.rehearse_deletion(key.as_ref(), id).await,
            Action::ReleaseFinalizer { orphaned } => {
                let ids: Vec<&str> = orphaned.iter().map(ExternalId::as_str).collect();
                let note = match ids.as_slice() {
                    [] => "would let the object go".to_owned(),
                    ids => format!("would let the object go, and leave behind: {}", ids.join(", ")),
                };
                self.plan("WouldRelease", note);
                return Ok(Rehearsed::Rest(Rest::Parked(Reason::Deleting)));
            }
            Action::RecordIntent(_)
            | Action::Store
            | Action::Look(_)
            | Action::Read(..)
            | Action::Adopt { stamp: false, .. }
            | Action::Note(_)
            | Action::Settle(_) => return Ok(Rehearsed::Perform),
        }
        Ok(Rehearsed::Said)
    }

    async fn rehearse_deletion(
        &mut self,
        key: Option<&RemoteKey>,
        id: &ExternalId,
    ) -> Result<Rehearsed, ReconcileError> {
        if let Some(link) = self.link.clone()
            && let Some(rest) = self.brake(&link).await?
        {
            return Ok(Rehearsed::Rest(rest));
        }
        self.plan("WouldDelete", format!("would delete subscription {id}"));
        self.hold(key.unwrap_or(&RemoteKey::single()), None);
        Ok(Rehearsed::Said)
    }

    /// Says how an object stands that nothing is planned for: it is as it should be, or somebody has to do something.
    pub(in crate::controller) fn rehearse_verdict(&self, phase: &Phase, verdict: &Verdict) {
        let ready = &verdict.ready;
        let settled = match phase {
            Phase::Settled(settled) | Phase::Deleting(settled) => Some(settled),
            _ => None,
        };
        // What goes once something else is there in its place: here that never comes.
        let waiting = settled.iter().flat_map(|settled| &settled.keys);
        let waiting = waiting.filter(|(_, state)| matches!(state, KeyState::Waiting(Reason::Replacing)));
        for id in waiting.filter_map(|(key, _)| self.record.memory.entries.get(key)?.id.as_ref()) {
            let note = format!("would delete subscription {id}, once what comes in its place is there");
            self.plan("WouldDelete", note);
        }
        // One key speaks for the object in its conditions; here each does, as what was planned for another one stalls it.
        let stalled = settled.iter().flat_map(|settled| settled.keys.values());
        let stalled = stalled.filter_map(|state| match state {
            KeyState::Stalled(reason, message) if !reason.is_under_way() => Some((*reason, message)),
            _ => None,
        });
        let mut any = false;
        for (reason, message) in stalled {
            self.announce(Kind::Warning, reason.as_str(), message.clone());
            any = true;
        }
        if any {
            return;
        }
        if verdict.in_sync && matches!(phase, Phase::Settled(_)) {
            self.plan("WouldKeep", format!("nothing would be sent: {}", ready.message));
        } else if ready.truth == Truth::False && !ready.reason.is_under_way() {
            self.announce(Kind::Warning, ready.reason.as_str(), ready.message.clone());
        }
    }

    /// Says what would be done.
    pub(in crate::controller) fn plan(&self, reason: &'static str, note: String) {
        self.announce(Kind::Normal, reason, note);
    }

    fn announce(&self, kind: Kind, reason: &'static str, note: String) {
        self.tell(kind, reason, "DryRun", note);
    }

    /// Nothing is planned for a key again until its wish is another one, or (without a wish) for some minutes.
    fn hold(&mut self, key: &RemoteKey, wish: Option<&Wanted>) {
        let (now, seed) = (self.ctx.clock.now(), seed(&self.name));
        let digest = wish.map(|wish| wish.digest);
        self.record.memory.failed(key, digest, unsent(), now, seed);
    }

    /// The fields of a subscription that are not as wanted, as it was last seen.
    fn differing(&self, wish: &Wanted, id: &ExternalId) -> FieldSet {
        let entry = self.record.memory.entries.get(&wish.key);
        let seen = entry.and_then(|entry| entry.seen.as_ref());
        let seen = seen
            .filter(|seen| seen.remote.id == *id)
            .map(|seen| seen.remote.view);
        let listed = || {
            let snapshot = self.link.as_ref()?.account.snapshot()?;
            Some(snapshot.get(id)?.view)
        };
        let view = seen.or_else(listed);
        view.map(|view| wish.view.differing(&view)).unwrap_or_default()
    }
}

/// What becomes of everything that a dry run does not send. Nobody is told of it: what was planned was said.
fn unsent() -> Fault {
    Fault {
        reason: Reason::Progressing,
        message: "this is a dry run".to_owned(),
        disposition: Disposition::WaitForChange,
        may_have_taken_effect: false,
    }
}

fn subscription(key: &RemoteKey) -> String {
    if *key == RemoteKey::single() {
        "a subscription".to_owned()
    } else {
        format!("the subscription for {key}")
    }
}
