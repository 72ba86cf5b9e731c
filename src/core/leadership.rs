//! Which of several replicas may write: the decisions around one Lease, as functions of values.
//!
//! No wall clock takes part. A replica knows three things for certain, all on its own monotonic clock: when it sent
//! a write of the Lease that was accepted, when it first saw the record as it is now, and what time it is. From them:
//!
//! - the holder may write until the renew deadline after it **sent** its last accepted renewal;
//! - anybody else takes over when the record did not change for a whole lease duration after it was **seen**, by a
//!   write that fails if the record has changed since.
//!
//! The sending is before the acceptance, and the acceptance before the sight. So as long as no clock runs faster than
//! another by more than the ratio of duration and deadline, the first has stopped before the second begins, whatever
//! the clocks show. What the two have between them is for requests that are already on their way.
//!
//! The rule of the duration, and of the local clock, is that of client-go's `leaderelection` (its package comment
//! tells why timestamps of other hosts must not be compared). It leaves one gap, which is closed here: a record that
//! somebody deletes or empties says nothing about a holder that goes on writing. Whoever has seen a holder waits for
//! its time to end, unless the holder itself has said that it stopped; and so does a new process, which cannot know.
//! And a record that somebody puts back as it once was has changed, although it looks the same: its version tells.

use std::time::Duration;

use crate::time::Moment;

/// The longest lease duration that is asked for, or that is believed when a record names it.
pub const DURATION_MAX: Duration = Duration::from_secs(300);

/// How long a lease lasts. Made by [`Terms::new`] only.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Terms {
    duration: Duration,
    renew_deadline: Duration,
    retry_period: Duration,
}

/// What does not fit together.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TermsError {
    /// The duration is not between two seconds and [`DURATION_MAX`].
    Duration,
    /// The deadline is not at least a second, and a second shorter than the duration.
    RenewDeadline,
    /// The retry period is not at least a tenth of a second, and at most half of the deadline.
    RetryPeriod,
}

impl Terms {
    /// Terms under which the holder has a second attempt before the deadline, and a second between the deadline and
    /// the earliest takeover.
    ///
    /// # Errors
    /// [`TermsError`], the first that applies.
    pub fn new(
        duration: Duration,
        renew_deadline: Duration,
        retry_period: Duration,
    ) -> Result<Self, TermsError> {
        const SECOND: Duration = Duration::from_secs(1);
        if duration < 2 * SECOND || duration > DURATION_MAX {
            return Err(TermsError::Duration);
        }
        if renew_deadline < SECOND || renew_deadline > duration.saturating_sub(SECOND) {
            return Err(TermsError::RenewDeadline);
        }
        if retry_period < SECOND / 10 || retry_period > renew_deadline / 2 {
            return Err(TermsError::RetryPeriod);
        }
        Ok(Self {
            duration,
            renew_deadline,
            retry_period,
        })
    }

    /// For how long an unchanged record keeps others out.
    pub const fn duration(&self) -> Duration {
        self.duration
    }

    /// For how long the holder may write after it sent its last accepted renewal.
    pub const fn renew_deadline(&self) -> Duration {
        self.renew_deadline
    }

    /// How long after a renewal the next one is sent, and after a failure the next attempt.
    pub const fn retry_period(&self) -> Duration {
        self.retry_period
    }
}

/// What matters of a Lease.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Record {
    /// Who holds it; `None`: nobody.
    pub holder: Option<String>,
    /// The last holder has written that it does not write any more.
    pub released: bool,
    /// A text that is another one after each renewal. It is compared, never understood.
    pub stamp: String,
    /// The duration that the holder goes by.
    pub duration: Option<Duration>,
    /// The apiserver's name for this state of the Lease, another one after every write, whoever made it. An older
    /// record that somebody put back is by this told from one that did not change. `None`: not stored yet.
    pub version: Option<String>,
}

/// What to do next.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Decision {
    /// Read the Lease: nothing is known of it.
    Look,
    /// Make the Lease with nobody's name in it. A write can be made to fail if a record has changed, and not if one
    /// has come and gone: so the wait for others to end needs a record that stays as it is.
    Create,
    /// Write ourselves into the Lease as it was read; make it where there is none.
    Acquire,
    /// We hold it: write it anew.
    Renew,
    /// Somebody may be writing. Not before this moment will that be over, and only if the record stays as it is.
    Wait(Moment),
    /// We held it, and must not write any more.
    StepDown(Loss),
}

/// How leadership ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Loss {
    /// No renewal was accepted in time.
    Deadline,
    /// The Lease names another holder.
    Taken,
}

/// One replica's part in the election.
#[derive(Debug, Clone)]
pub struct Election {
    me: String,
    terms: Terms,
    /// The record as it was last read (`None`: there is no Lease), and since when it was seen like that.
    seen: Option<(Option<Record>, Moment)>,
    /// There may be another holder, whatever the record says now; the last sensible duration that one named.
    rival: Option<Duration>,
    /// A write with our name was sent.
    tried: bool,
    /// Until when we may write; `None`: never led.
    held: Option<Moment>,
}

impl Election {
    /// A replica that has seen nothing. `me` must be another one for each process.
    ///
    /// It takes a Lease that is not there, or that nobody holds, for one that was deleted or emptied a moment ago.
    pub fn new(me: String, terms: Terms) -> Self {
        Self {
            rival: Some(terms.duration),
            ..Self::first(me, terms)
        }
    }

    /// A replica of an install of which it is certain that no process has ever led: it need not wait.
    pub const fn first(me: String, terms: Terms) -> Self {
        Self {
            me,
            terms,
            seen: None,
            rival: None,
            tried: false,
            held: None,
        }
    }

    /// Our name.
    pub fn me(&self) -> &str {
        &self.me
    }

    /// The terms.
    pub const fn terms(&self) -> &Terms {
        &self.terms
    }

    /// The record as it was last read or written.
    pub fn record(&self) -> Option<&Record> {
        self.seen.as_ref().and_then(|(record, _)| record.as_ref())
    }

    /// A read, whose answer was here at `at`, shows this.
    pub fn observe(&mut self, record: Option<Record>, at: Moment) {
        if let Some(rival) = record.as_ref().filter(|record| self.is_rival(record)) {
            let named = rival.duration.filter(|named| *named <= DURATION_MAX);
            self.rival = named.or(self.rival).or(Some(self.terms.duration));
        }
        match &self.seen {
            Some((known, _)) if *known == record => {}
            _ => self.seen = Some((record, at)),
        }
    }

    /// A write with our name is being sent.
    pub const fn attempt(&mut self) {
        self.tried = true;
    }

    /// That write, sent at `sent`, was accepted, which is known at `now`.
    pub fn accepted(&mut self, record: Record, sent: Moment, now: Moment) {
        let from = if crate::planted!(LeaseCountsFromTheAnswer) {
            now
        } else {
            sent
        };
        let until = from.after(self.terms.renew_deadline);
        // Who has not led yet does not begin with a time that is over: nothing was lost.
        if self.held.is_some() || now < until {
            self.held = self.held.max(Some(until));
        }
        self.seen = Some((Some(record), now));
    }

    /// Until when this replica may write; the start of time if it never led.
    pub fn until(&self) -> Moment {
        if self.held.is_some() && crate::planted!(LeadershipNeverEnds) {
            return Moment::from_millis(u64::MAX);
        }
        self.held.unwrap_or_default()
    }

    /// What to do at `now`.
    pub fn decide(&self, now: Moment) -> Decision {
        let Some((record, since)) = &self.seen else {
            return Decision::Look;
        };
        let holder = record.as_ref().and_then(|record| record.holder.as_ref());
        if let Some(until) = self.held {
            return match holder {
                _ if now >= until && !crate::planted!(LeadershipNeverEnds) => {
                    Decision::StepDown(Loss::Deadline)
                }
                Some(other) if *other != self.me => Decision::StepDown(Loss::Taken),
                // Deleted or emptied by somebody. Others that saw us wait for our time to end; it has not.
                Some(_) | None => Decision::Renew,
            };
        }
        let free = match record {
            None if self.rival.is_some() => return Decision::Create,
            None => true,
            Some(record) if record.holder.is_none() => {
                record.released
                    || record.stamp.is_empty() && self.rival.is_none()
                    || crate::planted!(EmptiedLeaseIsFree)
            }
            // Our own write, whose answer was lost. It could be made only after everybody else had stopped.
            Some(record) => !self.is_rival(record),
        };
        let end = since.after(self.patience(record.as_ref()));
        if free || now >= end || crate::planted!(TakeOverAtOnce) {
            Decision::Acquire
        } else {
            Decision::Wait(end)
        }
    }

    /// What [`Decision::Create`] asks for.
    pub const fn vacancy(stamp: String) -> Record {
        Record {
            holder: None,
            released: false,
            stamp,
            duration: None,
            version: None,
        }
    }

    /// What [`Decision::Acquire`] and [`Decision::Renew`] ask for, with a stamp that was not used before.
    pub fn claim(&self, stamp: String) -> Record {
        Record {
            holder: Some(self.me.clone()),
            released: false,
            stamp,
            duration: Some(self.terms.duration),
            version: None,
        }
    }

    fn is_rival(&self, record: &Record) -> bool {
        let ours = |holder: &String| self.tried && *holder == self.me;
        record.holder.as_ref().is_some_and(|holder| !ours(holder))
    }

    /// How long a record must not change: our duration, or that of the holder if it is longer.
    fn patience(&self, record: Option<&Record>) -> Duration {
        let named = record.and_then(|record| record.duration);
        let sensible = named.filter(|named| *named <= DURATION_MAX);
        [Some(self.terms.duration), sensible, self.rival]
            .into_iter()
            .flatten()
            .max()
            .unwrap_or(self.terms.duration)
    }
}

#[cfg(test)]
mod tests;
