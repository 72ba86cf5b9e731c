//! A replica stands for election, leads, and gives up.

use std::sync::Arc;
use std::time::Duration;

use kube::Client;
use operator_core::leadership::{Decision, Election, Loss, Record, Terms};
use operator_core::retry::spread;
use operator_core::time::Moment;
use tokio::task::JoinHandle;
use tokio::time::error::Elapsed;
use tokio::time::{sleep, timeout};
use tokio_util::sync::CancellationToken;

use super::Leadership;
use super::lease::{Held, Place, stamp};
use crate::cluster::without_answer;
use crate::metrics::Metrics;
use crate::server::Readiness;

/// The gate of [`Readiness`] that opens when the Lease was read for the first time.
const LEASE_GATE: &str = "lease";
/// How long giving up may take; after it the Lease runs out by itself.
const RELEASE: Duration = Duration::from_secs(3);

/// Leadership was held and is lost: nothing may be written any more, and what this process remembers will soon be
/// wrong.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum LeadershipLost {
    /// The apiserver accepted no renewal in time.
    #[error("leadership was lost: the Lease could not be renewed within the time of --lease-renew-deadline")]
    Deadline,
    /// The Lease names another holder.
    #[error("leadership was lost: the Lease names another holder")]
    Taken,
    /// A bug.
    #[error("leadership was lost: the task that renews the Lease ended")]
    Panicked,
}

/// A replica that takes part in the election, on a task of its own.
#[derive(Debug)]
pub struct Candidacy {
    task: JoinHandle<Option<LeadershipLost>>,
    end: CancellationToken,
}

impl Candidacy {
    /// Waits for the loss of leadership; for ever while there is none. May be called again after it was dropped.
    pub async fn lost(&mut self) -> LeadershipLost {
        match (&mut self.task).await {
            Ok(Some(lost)) => lost,
            Ok(None) | Err(_) => LeadershipLost::Panicked,
        }
    }

    /// Gives leadership up, if it is held, so that another replica takes over at once. Nothing may be on its way any
    /// more.
    pub async fn release(self) {
        self.end.cancel();
        let _ = self.task.await;
    }

    /// Ends without a word: the Lease runs out by itself.
    pub fn abandon(self) {
        self.task.abort();
    }
}

/// What a replica stands with.
pub struct Standing<'a> {
    /// A client of its own, so that renewals wait for nobody.
    pub client: Client,
    /// Where the Lease is.
    pub namespace: &'a str,
    /// What it is called.
    pub name: &'a str,
    /// This process's name; no other process may have it.
    pub identity: String,
    /// How long it lasts.
    pub terms: Terms,
    /// It is certain that no process has led here yet.
    pub first: bool,
}

/// Stands for election: `leadership` is held whenever this replica leads. A request is never repeated sooner than the
/// retry period says, whatever `Retry-After` an answer has, and never later.
pub fn stand(
    standing: Standing<'_>,
    leadership: Leadership,
    metrics: Arc<Metrics>,
    readiness: Arc<Readiness>,
) -> Candidacy {
    readiness.require(LEASE_GATE);
    let election = if standing.first {
        Election::first(standing.identity, standing.terms)
    } else {
        Election::new(standing.identity, standing.terms)
    };
    let candidate = Candidate {
        place: Place::new(standing.client, standing.namespace, standing.name),
        election,
        held: None,
        leadership,
        metrics,
        readiness,
        failures: 0,
        told: None,
        seed: 0,
    };
    let end = CancellationToken::new();
    let task = tokio::spawn(candidate.run(end.clone()));
    Candidacy { task, end }
}

/// Why a request for the Lease did not work.
struct Failure {
    /// RBAC does not allow it.
    forbidden: bool,
    why: String,
}

impl From<kube::Error> for Failure {
    fn from(error: kube::Error) -> Self {
        Self {
            forbidden: matches!(&error, kube::Error::Api(status) if status.code == 403),
            why: without_answer(error).to_string(),
        }
    }
}

impl From<Elapsed> for Failure {
    fn from(_: Elapsed) -> Self {
        Self {
            forbidden: false,
            why: "no answer in time".to_owned(),
        }
    }
}

struct Candidate {
    place: Place,
    election: Election,
    /// The Lease as it was last read or written.
    held: Option<Held>,
    leadership: Leadership,
    metrics: Arc<Metrics>,
    readiness: Arc<Readiness>,
    /// Requests in a row that failed.
    failures: u32,
    /// Who was last said to lead.
    told: Option<String>,
    seed: u64,
}

impl Candidate {
    async fn run(mut self, end: CancellationToken) -> Option<LeadershipLost> {
        loop {
            let turn = end.run_until_cancelled(self.turn()).await;
            match turn {
                Some(Ok(pause)) => {
                    if end.run_until_cancelled(sleep(pause)).await.is_none() {
                        break;
                    }
                }
                Some(Err(lost)) => {
                    self.leadership.hold(Moment::default());
                    self.metrics.set_leader(false);
                    return Some(lost);
                }
                None => break,
            }
        }
        self.release().await;
        None
    }

    /// One decision and what it asks for; then how long to wait.
    async fn turn(&mut self) -> Result<Duration, LeadershipLost> {
        let worked = match self.election.decide(self.leadership.now()) {
            Decision::StepDown(Loss::Deadline) => return Err(LeadershipLost::Deadline),
            Decision::StepDown(Loss::Taken) => return Err(LeadershipLost::Taken),
            Decision::Look | Decision::Wait(_) => self.read().await,
            Decision::Create => self.write(None, Election::vacancy(self.stamp())).await,
            Decision::Acquire | Decision::Renew => {
                self.election.attempt();
                let claim = self.election.claim(self.stamp());
                self.write(self.held.clone(), claim).await
            }
        };
        self.publish();
        Ok(self.pause(worked))
    }

    /// How long until the next turn. Who waits looks twice in a retry period, so that it sees a renewal soon after it
    /// was made: the wait counts from there.
    fn pause(&mut self, worked: bool) -> Duration {
        self.seed = self.seed.wrapping_add(1);
        let (now, period) = (self.leadership.now(), self.election.terms().retry_period());
        let regular = match self.election.decide(now) {
            Decision::Renew if worked => period * 9 / 10,
            Decision::StepDown(_) => return Duration::ZERO,
            // Short, and no more than that: somebody may be changing the Lease all the time.
            Decision::Acquire | Decision::Create if worked => period / 20,
            Decision::Look | Decision::Wait(_) | Decision::Create | Decision::Acquire | Decision::Renew => {
                period / 2
            }
        };
        let spread = spread(regular, self.seed);
        match self.election.decide(now) {
            Decision::Wait(end) => spread.min(end.since(now)),
            Decision::Renew => spread.min(self.election.until().since(now)),
            _ => spread,
        }
    }

    /// The longest that a request may take: half of the deadline, so that there is time for another one.
    fn patience(&self) -> Duration {
        let half = self.election.terms().renew_deadline() / 2;
        match self.election.until().since(self.leadership.now()) {
            left if left.is_zero() => half,
            left => half.min(left),
        }
    }

    async fn read(&mut self) -> bool {
        match self.look().await {
            Ok(()) => self.worked(),
            Err(failure) => self.failed("read", &failure),
        }
    }

    async fn look(&mut self) -> Result<(), Failure> {
        let held = timeout(self.patience(), self.place.read()).await??;
        let record = held.as_ref().map(Held::record);
        self.election.observe(record, self.leadership.now());
        self.held = held;
        Ok(())
    }

    /// Writes over `held`. One who was faster is looked at.
    async fn write(&mut self, held: Option<Held>, record: Record) -> bool {
        let sent = self.leadership.now();
        let written = timeout(self.patience(), self.place.write(held.as_ref(), &record)).await;
        let failure = match written {
            Ok(Ok(held)) => {
                let (record, now) = (held.record(), self.leadership.now());
                if record.holder.is_some() {
                    self.election.accepted(record, sent, now);
                } else {
                    self.election.observe(Some(record), now);
                }
                self.held = Some(held);
                return self.worked();
            }
            Ok(Err(kube::Error::Api(status))) if matches!(status.code, 404 | 409) => {
                return self.read().await;
            }
            Ok(Err(error)) => Failure::from(error),
            Err(late) => Failure::from(late),
        };
        if failure.forbidden {
            // Somebody who may write it may have done so; what is said is that we must not.
            let _ = self.look().await;
        }
        self.failed("write", &failure)
    }

    fn stamp(&self) -> String {
        stamp(self.election.record().map(|record| record.stamp.as_str()))
    }

    fn worked(&mut self) -> bool {
        if self.failures > 0 {
            tracing::info!(failures = self.failures, "the Lease can be used again");
        }
        self.failures = 0;
        self.readiness.open(LEASE_GATE);
        true
    }

    /// Who cannot know who leads is not ready, and neither is who must not lead.
    fn failed(&mut self, what: &'static str, failure: &Failure) -> bool {
        self.failures = self.failures.saturating_add(1);
        self.metrics.lease_failed();
        let (why, failures) = (failure.why.as_str(), self.failures);
        if failures.is_power_of_two() {
            if failure.forbidden {
                tracing::error!(
                    what,
                    why,
                    failures,
                    "the Lease must not be used: the Role of the operator lacks a verb"
                );
            } else {
                tracing::warn!(what, why, failures, "the Lease cannot be used");
            }
        }
        if failure.forbidden || self.election.record().is_none() {
            self.readiness
                .close(LEASE_GATE, format!("cannot {what} it: {why}"));
        }
        false
    }

    /// Tells the others in this process, and people, who leads.
    fn publish(&mut self) {
        self.leadership.hold(self.election.until());
        self.metrics.set_leader(self.leadership.may_write());
        let holder = self.election.record().and_then(|record| record.holder.clone());
        if holder.is_none() || holder == self.told {
            return;
        }
        if holder.as_deref() == Some(self.election.me()) {
            tracing::info!(identity = self.election.me(), "leading");
        } else {
            let identity = self.election.me();
            tracing::info!(identity, holder = holder.as_deref(), "standing by");
        }
        self.told = holder;
    }

    /// Stops writing, and then says so.
    async fn release(&mut self) {
        let led = self.leadership.may_write();
        self.leadership.hold(Moment::default());
        self.metrics.set_leader(false);
        if !led || operator_core::planted!(LeaseNotReleased) {
            return;
        }
        let record = Record {
            holder: None,
            released: true,
            stamp: self.stamp(),
            duration: None,
            version: None,
        };
        let released = timeout(RELEASE, self.place.write(self.held.as_ref(), &record)).await;
        match released {
            Ok(Ok(_)) => tracing::info!("gave up the Lease"),
            Ok(Err(error)) => tracing::warn!(%error, "could not give up the Lease; it runs out by itself"),
            Err(_) => tracing::warn!("could not give up the Lease in time; it runs out by itself"),
        }
    }
}

#[cfg(test)]
mod tests;
