//! Whether this operator's shard serves a provider object, and what it takes to begin and to let go.

use std::sync::{Arc, PoisonError};
use std::time::Duration;

use jiff::Timestamp;
use kube::Resource;
use kube::runtime::reflector::ObjectRef;
use operator_core::names::ObjectName;
use operator_core::reason::Reason;
use operator_core::shard::{Shard, Standing, Step, decide};
use operator_core::time::Moment;
use operator_core::verdict::{Condition, Truth};

use super::Subject;
use super::directory::Problem;
use super::roll::{Entry, assigned_by};
use super::status;
use crate::api::names::LABEL_SHARD;
use crate::api::v1alpha1::{ServedBy, WebhookProviderStatus};
use crate::controller::apiserver::WriteError;
use crate::controller::context::{Context, Party, ProviderKey};
use crate::controller::engine::Requeue;
use crate::controller::seats::UnderWay;
use crate::controller::subscription::reconcile::{ReconcileError, object_name};
use crate::controller::subscription::status::set_condition;

/// How often somebody who waits for another shard looks again by himself.
const LOOK_AGAIN: Duration = Duration::from_secs(2);

/// What this operator may do for a provider object.
#[derive(Debug)]
pub(super) enum Hold {
    /// All that there is to do.
    Ours,
    /// Nothing may be sent, and this is why.
    Refused(Problem),
    /// Nothing.
    Not(Requeue),
}

/// The other objects that have a claim on the account, and are held by other shards.
#[derive(Debug, Default)]
struct Rivals<'a> {
    elder: Option<&'a Entry>,
    younger: Vec<&'a Entry>,
}

impl Subject {
    pub(super) fn entry(&self) -> Entry {
        Entry::new(self.key.clone(), &self.metadata, self.status.served_by.as_ref())
    }
}

impl Context {
    /// What is to be done for an object that is not, or not only, this shard's; `None`: it is.
    ///
    /// # Errors
    /// The apiserver.
    pub(super) async fn keep_apart(&self, subject: &Subject) -> Result<Option<Requeue>, ReconcileError> {
        let (me, entry) = (&self.config.shard, subject.entry());
        if entry.assigned == *me && entry.holder == *me {
            return Ok(None);
        }
        if self.rehearsal.is_some() {
            // It writes nothing, so it takes nothing from anybody.
            return Ok((entry.assigned != *me).then(|| self.let_go(&subject.key)));
        }
        let (asked, mut orphaned) = (self.clock.now(), false);
        loop {
            let UnderWay { working, speaking } = self.shards.seats.under_way(&subject.key);
            let step = decide(&Standing {
                me,
                assigned: &entry.assigned,
                holder: &entry.holder,
                claimed: entry.account.as_deref(),
                wanted: None,
                speaking,
                working,
                orphaned,
                elder: false,
                younger: false,
            });
            match step {
                Step::Drain => {
                    if let Some(wait) = self.drain(&subject.key) {
                        return Ok(Some(wait));
                    }
                }
                Step::HandOver => return self.hand_over(subject, &entry.assigned).await.map(Some),
                Step::AwaitHolder => {
                    self.let_go(&subject.key);
                    // In this order: who leads that shard after this look reads the object as it is now, or newer.
                    orphaned = self.is_leaderless(&entry.holder, asked).await;
                    if !orphaned {
                        return self.await_holder(subject, &entry, asked).await.map(Some);
                    }
                }
                Step::TakeOver => return self.take_over(subject, &entry).await,
                _ => return Ok(Some(self.let_go(&subject.key))),
            }
        }
    }

    /// Whether something may be done for an object that this shard holds and is assigned, where its spec leads to the
    /// account `wanted`.
    ///
    /// # Errors
    /// The apiserver, or [`WriteError::Conflict`] after a write, which is gone on from.
    pub(super) async fn hold(&self, subject: &Subject, wanted: Option<&str>) -> Result<Hold, ReconcileError> {
        let (key, seats, entry) = (&subject.key, &self.shards.seats, subject.entry());
        if self.rehearsal.is_some() {
            self.begin(key, wanted, false);
            return Ok(Hold::Ours);
        }
        let (since, at_start) = self.known_since(&entry);
        let (mut asked, mut read, mut leaderless) = (self.clock.now(), None, false);
        loop {
            let seen = read.clone().unwrap_or_else(|| Arc::new(self.provider_entries()));
            let rivals = rivals(&entry, wanted, &seen);
            let UnderWay { working, speaking } = seats.under_way(key);
            let step = decide(&Standing {
                me: &self.config.shard,
                assigned: &entry.assigned,
                holder: &entry.holder,
                claimed: entry.account.as_deref(),
                wanted,
                speaking,
                working,
                orphaned: false,
                elder: rivals.elder.is_some(),
                younger: !rivals.younger.is_empty() && !leaderless,
            });
            seats.contest(key, matches!(step, Step::Refuse | Step::AwaitRival));
            match step {
                Step::Drain => {
                    if let Some(wait) = self.drain(key) {
                        return Ok(Hold::Not(wait));
                    }
                }
                Step::Claim => return self.claim(subject, wanted).await,
                Step::Yield => return self.claim(subject, None).await,
                Step::Refuse => {
                    self.directory.remove(key);
                    self.begin(key, None, at_start);
                    return Ok(Hold::Refused(conflict(rivals.elder)));
                }
                Step::AwaitRival => {
                    leaderless = self.are_leaderless(&rivals.younger, asked).await;
                    if !leaderless {
                        return self.await_rivals(subject, &rivals.younger).await.map(Hold::Not);
                    }
                }
                // Who begins reads all objects anew, after its own claim was stored: of two that claim one account at
                // once at least one sees the other.
                Step::Serve if wanted.is_some() && !speaking && read.is_none() => {
                    let roll = self.roll(since).await?;
                    if !roll.contains(&entry) {
                        return Err(ReconcileError::Write(WriteError::Conflict));
                    }
                    // Whether the shards of these have a leader has to be looked at after this.
                    (read, leaderless, asked) = (Some(roll), false, self.clock.now());
                }
                _ => {
                    self.begin(key, wanted, at_start);
                    return Ok(Hold::Ours);
                }
            }
        }
    }

    /// Lets passes begin for the object.
    fn begin(&self, key: &ProviderKey, account: Option<&str>, remembered: bool) {
        if !remembered && !self.shards.seats.is_open(key) {
            self.take_stock(false, |of| of == key);
        }
        if self.shards.seats.open(key, account) {
            self.waited(key, None);
            self.wake_objects(self.subscriptions_of(key));
        }
    }

    /// Lets nothing begin any more; `None` when nothing is under way.
    fn drain(&self, key: &ProviderKey) -> Option<Requeue> {
        self.shards.seats.close(key);
        // The last pass that ends wakes it.
        let waits = self.shards.seats.under_way(key).working;
        waits.then(|| Requeue::after(Duration::from_secs(5)))
    }

    /// Forgets what is remembered of an object that is another shard's, with its subscriptions.
    fn let_go(&self, key: &ProviderKey) -> Requeue {
        if self.shards.seats.give_up(key) {
            for name in self.subscriptions_of(key) {
                self.forget(&name);
            }
        }
        self.directory.remove(key);
        self.index.forget(&Party::Provider(key.clone()));
        Requeue::await_change()
    }

    fn subscriptions_of(&self, key: &ProviderKey) -> Vec<ObjectName> {
        let mut names = Vec::new();
        self.visit_subscriptions(|of| of == key, |object| names.push(object_name(&object.metadata)));
        names
    }

    async fn hand_over(&self, subject: &Subject, to: &Shard) -> Result<Requeue, ReconcileError> {
        self.let_go(&subject.key);
        let mut status = subject.status.clone();
        status.served_by = to.name().map(|name| ServedBy {
            shard: Some(name.to_owned()),
            account: None,
        });
        let message = format!(
            "handed over to {to}, which has not begun yet; if this stays, start an operator for it, or correct the label {LABEL_SHARD}"
        );
        say_waiting(&mut status, subject, message);
        status::store(subject, self, &status).await?;
        tracing::info!(provider = %subject.key, to = %to, "handed over");
        Ok(Requeue::await_change())
    }

    async fn take_over(&self, subject: &Subject, entry: &Entry) -> Result<Option<Requeue>, ReconcileError> {
        let mut status = subject.status.clone();
        status.served_by = self.served_by(None);
        status::store(subject, self, &status).await?;
        tracing::info!(provider = %subject.key, from = %entry.holder, "taken over from a shard without a leader");
        Err(ReconcileError::Write(WriteError::Conflict))
    }

    /// Stores a claim on an account, or gives it up. What was known under another one is forgotten.
    async fn claim(&self, subject: &Subject, account: Option<&str>) -> Result<Hold, ReconcileError> {
        self.directory.remove(&subject.key);
        self.shards.seats.give_up(&subject.key);
        let mut status = subject.status.clone();
        status.served_by = self.served_by(account);
        status::store(subject, self, &status).await?;
        // The write changed the object; its next reconcile goes on from the newer one.
        Err(ReconcileError::Write(WriteError::Conflict))
    }

    fn served_by(&self, account: Option<&str>) -> Option<ServedBy> {
        let served_by = ServedBy {
            shard: self.config.shard.name().map(ToOwned::to_owned),
            account: account.map(ToOwned::to_owned),
        };
        Some(served_by).filter(|by| *by != ServedBy::default())
    }

    async fn await_holder(
        &self,
        subject: &Subject,
        entry: &Entry,
        now: Moment,
    ) -> Result<Requeue, ReconcileError> {
        // A holder that works lets go sooner than anybody needs to be told.
        if now.since(self.waited(&subject.key, Some(now))) >= LOOK_AGAIN {
            let message = format!(
                "{} still serves it; this goes on when that has let go, or when its Lease {}, which the operator needs the right to get, has not been renewed for {} s",
                entry.holder,
                entry.holder.lease(&self.config.lease_base),
                self.patience().as_secs()
            );
            self.say(subject, message).await?;
        }
        Ok(Requeue::after(LOOK_AGAIN))
    }

    async fn await_rivals(&self, subject: &Subject, younger: &[&Entry]) -> Result<Requeue, ReconcileError> {
        let now = self.clock.now();
        if now.since(self.waited(&subject.key, Some(now))) >= LOOK_AGAIN {
            let named: Vec<String> = younger
                .iter()
                .map(|one| format!("{} ({})", one.key, one.holder))
                .collect();
            let message = format!(
                "the same account is still served for {}; this goes on when that has let go, or its shard has no leader; give both the same label {LABEL_SHARD}",
                named.join(", ")
            );
            self.say(subject, message).await?;
        }
        Ok(Requeue::after(LOOK_AGAIN))
    }

    async fn are_leaderless(&self, entries: &[&Entry], after: Moment) -> bool {
        for entry in entries {
            if !self.is_leaderless(&entry.holder, after).await {
                return false;
            }
        }
        true
    }

    /// Since when an object waits: from `now` on, where it did not. `None`: it waits no more.
    fn waited(&self, key: &ProviderKey, now: Option<Moment>) -> Moment {
        let mut waits = self.shards.waits.lock().unwrap_or_else(PoisonError::into_inner);
        match now {
            Some(now) => *waits.entry(key.clone()).or_insert(now),
            None => waits.remove(key).unwrap_or_default(),
        }
    }

    /// Says on the object what it waits for, if that is news.
    async fn say(&self, subject: &Subject, message: String) -> Result<(), ReconcileError> {
        let mut status = subject.status.clone();
        say_waiting(&mut status, subject, message);
        if status == subject.status {
            return Ok(());
        }
        status::store(subject, self, &status).await
    }

    /// A provider object changed: whoever waits for it, or has its account, looks again.
    pub(in crate::controller) fn wake_concerned(&self, entry: &Entry) {
        for key in self.shards.seats.concerned(entry.account.as_deref()) {
            if key != entry.key {
                self.triggers.wake(&Party::Provider(key));
            }
        }
    }

    /// The shard that serves a provider, or will; `None`: there is no such object.
    pub(in crate::controller) fn assigned(&self, key: &ProviderKey) -> Option<Shard> {
        match key {
            ProviderKey::Namespaced(name) => {
                let reference = ObjectRef::new(&name.name).within(&name.namespace);
                let mut stores = self.stores.providers.iter();
                let object = stores.find_map(|store| store.get(&reference))?;
                Some(assigned_by(object.meta()))
            }
            ProviderKey::Cluster(name) => {
                let store = self.stores.cluster_providers.as_ref()?;
                let object = store.get(&ObjectRef::new(name))?;
                Some(assigned_by(object.meta()))
            }
        }
    }

    /// Whether a provider is, or will be, served by this shard; one that does not exist is nobody else's.
    pub(in crate::controller) fn is_ours(&self, key: &ProviderKey) -> bool {
        self.assigned(key).is_none_or(|shard| shard == self.config.shard)
    }
}

fn say_waiting(status: &mut WebhookProviderStatus, subject: &Subject, message: String) {
    let (generation, now) = (subject.metadata.generation.unwrap_or(0), Timestamp::now());
    let ready = Condition::new(Truth::Unknown, Reason::ShardHandover, message);
    let reconciling = Condition {
        truth: Truth::True,
        ..ready.clone()
    };
    let conditions = &mut status.conditions;
    set_condition(conditions, "Ready", Some(&ready), generation, now);
    set_condition(conditions, "Reconciling", Some(&reconciling), generation, now);
    set_condition(conditions, "Stalled", None, generation, now);
}

fn rivals<'a>(me: &Entry, wanted: Option<&str>, all: &'a [Entry]) -> Rivals<'a> {
    let rival = |other: &&Entry| {
        other.key != me.key
            && wanted.is_some()
            && other.account.as_deref() == wanted
            && other.holder != me.holder
    };
    let (elder, younger): (Vec<&Entry>, Vec<&Entry>) =
        all.iter().filter(rival).partition(|other| other.age < me.age);
    Rivals {
        elder: elder.into_iter().min_by(|a, b| a.age.cmp(&b.age)),
        younger,
    }
}

fn conflict(elder: Option<&Entry>) -> Problem {
    let (what, shard) = elder.map_or_else(Default::default, |elder| {
        (elder.key.to_string(), elder.holder.to_string())
    });
    Problem {
        reason: Reason::ShardConflict,
        message: format!(
            "{what} stands for the same account and is served by {shard}; give both the same label {LABEL_SHARD}"
        ),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn entry(name: &str, age: i64, holder: &str, account: Option<&str>) -> Entry {
        Entry {
            key: ProviderKey::Cluster(name.to_owned()),
            age: (age, name.to_owned()),
            assigned: Shard::told(Some(holder)),
            holder: Shard::told(Some(holder)),
            account: account.map(ToOwned::to_owned),
        }
    }

    #[test]
    fn rivals_are_other_shards_objects_with_a_claim_on_the_account_the_oldest_first() {
        let me = entry("me", 5, "a", Some("x"));
        let all = [
            me.clone(),
            entry("twin", 1, "a", Some("x")),
            entry("elsewhere", 1, "b", Some("y")),
            entry("nothing", 1, "b", None),
            entry("old", 4, "b", Some("x")),
            entry("older", 3, "", Some("x")),
            entry("young", 6, "b", Some("x")),
        ];
        let found = rivals(&me, Some("x"), &all);
        assert_eq!(found.elder, Some(&all[5]));
        assert_eq!(found.younger, [&all[6]]);
        assert!(rivals(&me, None, &all).elder.is_none());
        let problem = conflict(found.elder);
        assert!(
            problem.message.contains("ClusterWebhookProvider older"),
            "{}",
            problem.message
        );
    }
}
