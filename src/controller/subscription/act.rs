//! Performs one action of the plan and tells memory how it went.

mod rehearse;
mod writes;

use operator_core::budget::Priority;
use operator_core::memory::{Fault, Forgotten, Note, Wanted};
use operator_core::names::{ExternalId, RemoteKey};
use operator_core::plan::{Action, Intent};
use operator_core::reason::Reason;
use operator_core::time::Moment;
use operator_core::verdict::Phase;

use crate::controller::apiserver::WriteError;
use crate::controller::context::Party;
use crate::controller::events::Kind;
use crate::controller::subscription::reconcile::{Pass, ReconcileError, Rest, seed};
use crate::controller::subscription::records::Newest;
use crate::provider::ProviderError;
use crate::provider::account::{Look, Permit, Turn};
use rehearse::Rehearsed;

fn fault(error: &ProviderError) -> Fault {
    Fault {
        reason: Reason::parse(error.reason()).unwrap_or(Reason::ProviderUnavailable),
        message: error.message(),
        disposition: error.disposition(),
        may_have_taken_effect: error.may_have_taken_effect(),
    }
}

impl Pass<'_> {
    /// `Some` when the pass cannot go on now.
    pub(in crate::controller) async fn act(
        &mut self,
        action: Action,
        intent: Intent<'_>,
    ) -> Result<Option<Rest>, ReconcileError> {
        let wanted = match intent {
            Intent::Keep { wanted, .. } => wanted,
            Intent::Remove { .. } | Intent::SwitchOff { .. } => &[],
        };
        let find = |key: &RemoteKey| wanted.iter().find(|wish| wish.key == *key);
        if self.rehearses() {
            match self.rehearse(&action, intent).await? {
                Rehearsed::Perform => {}
                Rehearsed::Said => return Ok(None),
                Rehearsed::Rest(rest) => return Ok(Some(rest)),
            }
        }
        match action {
            Action::ClaimFinalizer => {
                let object = self.ctx.claim_finalizer(&self.object).await?;
                self.record.wrote(object.clone());
                self.object = Newest::Written(object);
                self.record.memory.finalizer = true;
            }
            Action::RecordIntent(keys) => {
                // The entry names the account, so that must have been seen to work: else a key that was mistyped
                // once would make the right one look like another account.
                if self
                    .link
                    .as_ref()
                    .is_none_or(|link| link.account.snapshot().is_none())
                    && let rest @ Some(_) = self.look(None, intent)
                {
                    return Ok(rest);
                }
                let wishes: Vec<&Wanted> = keys.iter().filter_map(find).collect();
                self.record_intent(&wishes).await?;
            }
            Action::Store => self.publish(&Phase::Parked(Reason::Progressing)).await?,
            Action::Look(after) => return Ok(self.look(after, intent)),
            Action::Read(key, id) => return self.read(&key, &id, intent).await,
            Action::Create(key) => match find(&key) {
                Some(wish) => return self.create(wish).await,
                None => return Ok(Some(Rest::Parked(Reason::Progressing))),
            },
            Action::Adopt { key, id, stamp } => return self.adopt(&key, &id, stamp, intent).await,
            Action::Update {
                key,
                id,
                fields,
                repair,
            } => match find(&key) {
                Some(wish) => return self.update(wish, &id, fields, repair).await,
                None => return Ok(Some(Rest::Parked(Reason::Progressing))),
            },
            Action::SwitchOff { key, id, marker } => return self.switch_off(&key, &id, marker).await,
            Action::Delete(key, id) => return self.delete(key.as_ref(), &id).await,
            Action::Note(note) => {
                self.record.memory.note(&note, wanted, self.ctx.clock.now());
                self.tell_note(&note);
            }
            Action::ReleaseFinalizer { orphaned } => return self.release(&orphaned).await.map(Some),
            Action::Settle(settled) => return Ok(Some(Rest::Settled(settled))),
        }
        Ok(None)
    }

    /// The write-ahead entry: in status before anything is sent, by a write that a stale copy fails.
    async fn record_intent(&mut self, wishes: &[&Wanted]) -> Result<(), ReconcileError> {
        let before = self.record.memory.clone();
        let intended = self.ctx.clock.now();
        self.record
            .memory
            .intend(wishes, self.wish_known_since(intended), intended);
        // What was in sync and is made anew has vanished; anything else has just begun.
        let synced = self
            .object
            .status
            .as_ref()
            .and_then(|status| status.last_synced_generation);
        let phase = if synced == Some(self.generation()) {
            Phase::Failed(
                Reason::RemoteMissing,
                Reason::RemoteMissing.explanation().trim().to_owned(),
            )
        } else {
            Phase::Parked(Reason::Progressing)
        };
        if let Err(error) = self.publish(&phase).await {
            self.record.memory = before;
            // Whether it was stored is not known: the next attempt stores it anew.
            let keys: Vec<RemoteKey> = wishes.iter().map(|wish| wish.key.clone()).collect();
            self.record.memory.intend_failed(&keys);
            return Err(error);
        }
        self.record.memory.intent_stored(intended, self.ctx.clock.now());
        Ok(())
    }

    /// The moment after which a LIST must have begun to show what could be in the way of a wish that nothing was begun for.
    fn wish_known_since(&self, now: Moment) -> Moment {
        let outdated = self.link.as_ref().map(|link| link.account.outdated_at());
        self.record.since.max(outdated.unwrap_or(now))
    }

    fn priority(&self, intent: Intent<'_>) -> Priority {
        match intent {
            Intent::Remove { .. } => Priority::Delete,
            Intent::Keep { .. } => self.priority_of_keeping(),
            Intent::SwitchOff { .. } => Priority::Edit,
        }
    }

    /// An object that was in sync in an earlier generation was edited, and somebody waits for it: all that it takes comes
    /// before what is made for the first time.
    fn priority_of_keeping(&self) -> Priority {
        let status = self.object.status.as_ref();
        let synced = status.and_then(|status| status.last_synced_generation);
        if synced.is_some_and(|synced| synced != self.generation()) {
            Priority::Edit
        } else {
            Priority::Create
        }
    }

    fn look(&self, after: Option<Moment>, intent: Intent<'_>) -> Option<Rest> {
        let Some(link) = &self.link else {
            return Some(Rest::Parked(Reason::ProviderNotReady));
        };
        let party = Party::Subscription(self.name.clone());
        match link.account.look(&party, after, self.priority(intent)) {
            Look::Here(_) => None,
            Look::Later => Some(Rest::Parked(Reason::WaitingForList)),
            Look::Trouble(trouble) => Some(Rest::Trouble(trouble)),
        }
    }

    /// The right to send one request, or why not now.
    pub(in crate::controller) fn turn(&self, priority: Priority) -> Result<Permit<'_, Party>, Rest> {
        let Some(link) = &self.link else {
            return Err(Rest::Parked(Reason::ProviderNotReady));
        };
        if !self.ctx.shards.seats.is_open(&self.provider_key()) {
            return Err(Rest::Parked(Reason::ShardHandover));
        }
        match link
            .account
            .turn(&Party::Subscription(self.name.clone()), priority)
        {
            Turn::Now(permit) => Ok(permit),
            Turn::Later => Err(Rest::Parked(Reason::WaitingForBudget)),
            Turn::Trouble(trouble) => Err(Rest::Trouble(trouble)),
        }
    }

    pub(in crate::controller) fn check_leadership(&self) -> Result<(), ReconcileError> {
        if self.ctx.leadership.may_write() {
            Ok(())
        } else {
            Err(ReconcileError::Write(WriteError::NotLeader))
        }
    }

    async fn read(
        &mut self,
        key: &RemoteKey,
        id: &ExternalId,
        intent: Intent<'_>,
    ) -> Result<Option<Rest>, ReconcileError> {
        let Some(link) = self.link.clone() else {
            return Ok(Some(Rest::Parked(Reason::ProviderNotReady)));
        };
        // Where several wait before it, one LIST serves all of them; alone, a read of the one id is cheaper. A LIST will
        // do only for what we hold and is marked as ours: before an id is taken over or a marker written, the plan wants
        // a read of the id itself.
        let priority = self.priority(intent);
        let marker = self.owner.marker(key);
        let entry = self.record.memory.entries.get(key);
        let held = entry.is_some_and(|entry| entry.id.as_ref() == Some(id));
        let listed = link
            .account
            .snapshot()
            .is_some_and(|s| s.get(id).is_some_and(|r| r.marker == Some(marker)));
        if held && listed && link.account.is_crowded(priority) {
            let after = self.ctx.clock.now();
            let after = *self.record.awaited_list.get_or_insert(after);
            if let rest @ Some(_) = self.look(Some(after), intent) {
                return Ok(rest);
            }
            self.record.awaited_list = None;
            return Ok(None);
        }
        let permit = match self.turn(priority) {
            Ok(permit) => permit,
            Err(rest) => return Ok(Some(rest)),
        };
        let at = self.ctx.clock.now();
        let result = link.account.adapter().get(id).await;
        permit.report(&result);
        let (now, seed) = (self.ctx.clock.now(), seed(&self.name));
        match result {
            Ok(remote) => self.record.memory.read(key, remote, at),
            Err(error) => self.record.memory.failed(key, None, fault(&error), now, seed),
        }
        Ok(None)
    }

    fn tell_note(&mut self, note: &Note) {
        let Note::Forget(_, why) = note else { return };
        match why {
            Forgotten::Vanished if self.rehearses() => {
                let note = "the subscription disappeared at the provider and would be made anew";
                self.plan("WouldCreate", note.to_owned());
            }
            Forgotten::Vanished if self.object.metadata.deletion_timestamp.is_none() => {
                if let Some(link) = &self.link {
                    self.ctx.metrics.remote_vanished(link.type_);
                }
                let note = "the subscription disappeared at the provider and is made anew";
                self.tell(Kind::Warning, "Vanished", "Create", note.to_owned());
            }
            Forgotten::NotOurs => {
                let note =
                    "the subscription at the provider does not carry this object's marker; it is left alone";
                self.tell(Kind::Warning, "NotOurs", "Delete", note.to_owned());
            }
            Forgotten::Vanished | Forgotten::Deleted | Forgotten::NeverCreated | Forgotten::Released => {}
        }
    }
}
