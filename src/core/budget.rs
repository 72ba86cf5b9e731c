//! The request budget of one provider account: who may send next, and when.
//!
//! A token bucket with priorities. Nobody blocks on it: who cannot send now is queued, and is told when its turn
//! has come ([`Budget::advance`]); until then it holds no worker. A turn that was handed out reserves a token, which is
//! used when its owner comes: turns that are taken late never come on top of others. Amounts are integers: a token
//! is [`TOKEN`] units, and `requestsPerMinute` units come back each millisecond.

use std::collections::{BTreeMap, HashMap, VecDeque};
use std::hash::Hash;
use std::time::Duration;

use crate::retry::backoff;
use crate::time::Moment;

const TOKEN: u64 = 60_000;
/// How long a granted turn is kept for who does not come.
const GRANT_KEPT: Duration = Duration::from_secs(30);
/// Failures in a row after which the account is paused: one object that always fails must not stop the others.
const PAUSE_AFTER: u32 = 3;
/// The most requests of objects that are on their way at once: half of what a process works on by default. An account
/// that leaves them all unanswered leaves room for the objects of others.
pub const AT_ONCE: usize = 16;
const DAY_BIN: Duration = Duration::from_secs(15 * 60);
const DAY: Duration = Duration::from_secs(24 * 3600);

/// What a request is for, the most urgent first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Priority {
    /// Somebody edited a spec and waits for it.
    Edit,
    /// An object is being deleted.
    Delete,
    /// A subscription is made.
    Create,
    /// Looking for drift, and correcting it.
    Drift,
    /// Asking how deliveries go: at most a tenth of the budget.
    Delivery,
}

impl Priority {
    /// A word for it, fit for a metric's label.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Edit => "edit",
            Self::Delete => "delete",
            Self::Create => "create",
            Self::Drift => "drift",
            Self::Delivery => "delivery",
        }
    }
}

/// The limits of an account.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// Requests a minute in the long run.
    pub per_minute: u32,
    /// Requests at once after a quiet time.
    pub burst: u32,
    /// Requests in any 24 hours, counted in quarters of an hour; a restart forgets them.
    pub per_day: u32,
}

impl Limits {
    /// What keeps within both.
    #[must_use]
    pub fn strictest(self, other: Self) -> Self {
        Self {
            per_minute: self.per_minute.min(other.per_minute),
            burst: self.burst.min(other.burst),
            per_day: self.per_day.min(other.per_day),
        }
    }
}

#[derive(Debug)]
struct Bucket {
    level: u64,
    /// What was used beyond the level.
    debt: u64,
    capacity: u64,
    /// Units a millisecond.
    rate: u64,
    updated: Moment,
}

impl Bucket {
    fn new(capacity: u64, rate: u64, now: Moment) -> Self {
        Self {
            level: capacity,
            debt: 0,
            capacity,
            rate,
            updated: now,
        }
    }

    fn refill(&mut self, now: Moment) {
        let elapsed = u64::try_from(now.since(self.updated).as_millis()).unwrap_or(u64::MAX);
        let gained = elapsed.saturating_mul(self.rate);
        let repaid = gained.min(self.debt);
        self.debt -= repaid;
        self.level = self.level.saturating_add(gained - repaid).min(self.capacity);
        self.updated = self.updated.max(now);
    }

    /// Takes a token that may not be there.
    fn owe(&mut self) {
        let there = self.level.min(TOKEN);
        self.level -= there;
        self.debt += TOKEN - there;
    }

    /// Whether there is a token besides those that are reserved.
    fn has_token(&self, reserved: u64) -> bool {
        self.level >= TOKEN.saturating_mul(reserved + 1)
    }

    /// When there will be a token besides those that are reserved; `None` while they are all that there is room for.
    fn ready_at(&self, reserved: u64) -> Option<Moment> {
        let wanted = TOKEN.saturating_mul(reserved + 1);
        let missing = self.debt + wanted.saturating_sub(self.level);
        let wait = Duration::from_millis(missing.div_ceil(self.rate.max(1)));
        (wanted <= self.capacity).then(|| self.updated.after(wait))
    }
}

/// The budget of one account. `W` names who asks: an object, or the account's own LIST.
#[derive(Debug)]
pub struct Budget<W> {
    all: Bucket,
    delivery: Bucket,
    per_day: u64,
    day: VecDeque<(Moment, u64)>,
    paused_until: Option<Moment>,
    failures: u32,
    /// After a pause, one request at a time until one succeeds.
    probe: Option<W>,
    queue: BTreeMap<(Priority, u64), W>,
    places: HashMap<W, (Priority, u64)>,
    grants: HashMap<W, (Priority, Moment)>,
    on_their_way: usize,
    sequence: u64,
}

impl<W: Clone + Eq + Hash> Budget<W> {
    /// A full budget.
    pub fn new(limits: Limits, now: Moment) -> Self {
        let rate = u64::from(limits.per_minute.max(1));
        Self {
            all: Bucket::new(u64::from(limits.burst.max(1)) * TOKEN, rate, now),
            delivery: Bucket::new(TOKEN, rate.div_ceil(10), now),
            per_day: u64::from(limits.per_day.max(1)),
            day: VecDeque::new(),
            paused_until: None,
            failures: 0,
            probe: None,
            queue: BTreeMap::new(),
            places: HashMap::new(),
            grants: HashMap::new(),
            on_their_way: 0,
            sequence: 0,
        }
    }

    /// Changes the limits, keeping what is used and who waits.
    pub fn set_limits(&mut self, limits: Limits, now: Moment) {
        self.refill(now);
        let fresh = Self::new(limits, now);
        self.all = Bucket {
            level: self.all.level.min(fresh.all.capacity),
            debt: self.all.debt,
            ..fresh.all
        };
        self.delivery = Bucket {
            level: self.delivery.level.min(TOKEN),
            ..fresh.delivery
        };
        self.per_day = fresh.per_day;
    }

    /// Whether `who` may send one request now: its turn was granted, or nobody as urgent waits and a token is
    /// there. If not, it has a place in the queue (the better one, if it had one already) and will come out of
    /// [`Self::advance`].
    pub fn request(&mut self, who: &W, priority: Priority, now: Moment) -> bool {
        self.refill(now);
        if let Some((priority, _)) = self.grants.remove(who) {
            self.spend(priority, now);
            return true;
        }
        let first = self
            .queue
            .keys()
            .next()
            .is_none_or(|(waiting, _)| priority < *waiting);
        if first && self.available(priority, now) {
            self.leave_queue(who);
            self.spend(priority, now);
            self.try_out(who);
            return true;
        }
        self.enqueue(who, priority);
        false
    }

    /// Hands out turns to those who wait, the most urgent and then the longest waiting first. Each of them has
    /// [`GRANT_KEPT`] to come with [`Self::request`]; a turn that nobody takes goes to the next.
    pub fn advance(&mut self, now: Moment) -> Vec<W> {
        self.refill(now);
        let late = |(_, until): &(Priority, Moment)| *until <= now;
        let expired: Vec<_> = self
            .grants
            .iter()
            .filter(|(_, grant)| late(grant))
            .map(|(who, _)| who.clone())
            .collect();
        for who in expired {
            self.withdraw(&who);
        }
        let mut granted = Vec::new();
        while let Some(place) = self.next_place(now) {
            let Some(who) = self.queue.remove(&place) else {
                break;
            };
            self.places.remove(&who);
            self.try_out(&who);
            self.grants.insert(who.clone(), (place.0, now.after(GRANT_KEPT)));
            granted.push(who);
        }
        granted
    }

    /// An object's request is on its way, until [`Self::came_back`].
    pub fn sent(&mut self) {
        self.on_their_way += 1;
    }

    /// One that was [`Self::sent`] was answered or given up.
    pub fn came_back(&mut self) {
        self.on_their_way = self.on_their_way.saturating_sub(1);
    }

    /// One more request was sent within a turn: whoever comes next waits for it.
    pub fn charge(&mut self, now: Moment) {
        self.refill(now);
        self.all.owe();
        self.count(now);
    }

    /// When [`Self::advance`] has something to do again; `None` while nobody waits and no turn is out.
    pub fn next_wake(&self, now: Moment) -> Option<Moment> {
        let expiry = self.grants.values().map(|(_, until)| *until).min();
        let waiting = self.queue.keys().next().and_then(|(priority, _)| {
            let pause = self.paused_until.unwrap_or(now);
            let delivery = if *priority == Priority::Delivery {
                self.delivery.ready_at(self.reserved(Some(Priority::Delivery)))?
            } else {
                now
            };
            let all = self.all.ready_at(self.reserved(None))?;
            Some(all.max(delivery).max(pause).max(self.day_ready_at(now)))
        });
        // While a probe is out, or as many requests as may be, an answer decides, not the clock.
        let waiting = waiting.filter(|_| self.probe.is_none() && self.has_room());
        [expiry, waiting].into_iter().flatten().min()
    }

    /// `who` no longer wants to send: its place is free, its unused turn goes back.
    pub fn withdraw(&mut self, who: &W) {
        self.leave_queue(who);
        if self.grants.remove(who).is_some() {
            self.probe.take_if(|probe| probe == who);
        }
    }

    /// A request of `who` was answered as it should be.
    pub fn succeeded(&mut self, who: &W) {
        self.failures = 0;
        self.paused_until = None;
        self.probe.take_if(|probe| probe == who);
    }

    /// The provider asked for a pause: everybody waits.
    pub fn pause(&mut self, who: &W, delay: Duration, now: Moment) {
        let until = now.after(delay);
        self.paused_until = Some(self.paused_until.map_or(until, |other| other.max(until)));
        self.probe.take_if(|probe| probe == who);
    }

    /// The provider refused the credential: everybody waits, and then one request tries.
    pub fn refused(&mut self, who: &W, delay: Duration, now: Moment) {
        self.failures = self.failures.max(PAUSE_AFTER);
        self.pause(who, delay, now);
    }

    /// The provider did not answer, or not as it should. From the third failure in a row on, everybody waits,
    /// longer each time, and then one request tries.
    pub fn failed(&mut self, who: &W, now: Moment, seed: u64) {
        self.failures = self.failures.saturating_add(1);
        let over = self.failures.saturating_sub(PAUSE_AFTER - 1);
        let delay = if over == 0 {
            Duration::ZERO
        } else {
            backoff(over, seed)
        };
        self.pause(who, delay, now);
    }

    /// Whether the account is paused.
    pub fn is_paused(&self, now: Moment) -> bool {
        self.paused_until.is_some_and(|until| now < until)
    }

    /// The share of the budget that is left, from 0 to 1: of the requests at once or of those of the day, whichever is
    /// less. 0 while the account is paused.
    pub fn left(&mut self, now: Moment) -> f64 {
        self.refill(now);
        if self.is_paused(now) {
            return 0.0;
        }
        let used: u64 = self.day.iter().map(|(_, used)| used).sum();
        let today = share(self.per_day.saturating_sub(used), self.per_day);
        share(self.all.level, self.all.capacity).min(today)
    }

    /// How many wait.
    pub fn waiting(&self) -> usize {
        self.queue.len()
    }

    /// Whether several wait who come before a new one of this priority.
    pub fn is_crowded(&self, priority: Priority) -> bool {
        self.queue.range(..=(priority, u64::MAX)).nth(1).is_some()
    }

    fn next_place(&self, now: Moment) -> Option<(Priority, u64)> {
        let place = *self.queue.keys().next()?;
        self.available(place.0, now).then_some(place)
    }

    fn available(&self, priority: Priority, now: Moment) -> bool {
        let used_today: u64 = self.day.iter().map(|(_, used)| used).sum();
        let reserved = self.reserved(None);
        let delivery = || self.delivery.has_token(self.reserved(Some(Priority::Delivery)));
        self.all.has_token(reserved)
            && (priority != Priority::Delivery || delivery())
            && !self.is_paused(now)
            && self.probe.is_none()
            && self.has_room()
            && used_today + reserved < self.per_day
    }

    /// How many turns of a priority (of all, where it is `None`) are handed out and not taken yet.
    fn reserved(&self, of: Option<Priority>) -> u64 {
        let counts = |(priority, _): &&(Priority, Moment)| of.is_none_or(|of| *priority == of);
        self.grants.values().filter(counts).count() as u64
    }

    /// Whether one more may be on its way besides those whose turn it is.
    fn has_room(&self) -> bool {
        self.on_their_way + self.grants.len() < AT_ONCE
    }

    /// Uses a token.
    fn spend(&mut self, priority: Priority, now: Moment) {
        self.all.owe();
        if priority == Priority::Delivery {
            self.delivery.level = self.delivery.level.saturating_sub(TOKEN);
        }
        self.count(now);
    }

    /// After a pause, whoever goes first tries for everybody.
    fn try_out(&mut self, who: &W) {
        if self.failures >= PAUSE_AFTER {
            self.probe = Some(who.clone());
        }
    }

    fn count(&mut self, now: Moment) {
        match self.day.back_mut() {
            Some((begun, used)) if now.since(*begun) < DAY_BIN => *used += 1,
            _ => self.day.push_back((now, 1)),
        }
    }

    fn refill(&mut self, now: Moment) {
        self.all.refill(now);
        self.delivery.refill(now);
        while self
            .day
            .front()
            .is_some_and(|(begun, _)| now.since(*begun) >= DAY)
        {
            self.day.pop_front();
        }
    }

    fn day_ready_at(&self, now: Moment) -> Moment {
        let used: u64 = self.day.iter().map(|(_, used)| used).sum();
        match self.day.front() {
            Some((begun, _)) if used >= self.per_day => begun.after(DAY),
            _ => now,
        }
    }

    fn enqueue(&mut self, who: &W, priority: Priority) {
        if self
            .places
            .get(who)
            .is_some_and(|(queued, _)| *queued <= priority)
        {
            return;
        }
        self.leave_queue(who);
        self.sequence += 1;
        let place = (priority, self.sequence);
        self.queue.insert(place, who.clone());
        self.places.insert(who.clone(), place);
    }

    fn leave_queue(&mut self, who: &W) {
        if let Some(place) = self.places.remove(who) {
            self.queue.remove(&place);
        }
    }
}

/// How much of `whole` a part is; precise enough for whoever looks at a chart.
#[expect(
    clippy::cast_precision_loss,
    reason = "of numbers beyond 2^52 the first digits will do"
)]
fn share(part: u64, whole: u64) -> f64 {
    part as f64 / whole.max(1) as f64
}

#[cfg(test)]
mod tests;
