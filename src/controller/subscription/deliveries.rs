//! Asks the provider how deliveries go: rarely, spread out, and with the lowest priority.
//!
//! A poll is a queue of single requests. Each waits for its turn without holding anything, and what is left goes on when
//! the object is woken.

use std::time::Duration;

use jiff::Timestamp;
use operator_core::budget::Priority;
use operator_core::delivery::{Delivery, DeliveryResult, deepen, observe, retain};
use operator_core::names::{EventName, RemoteKey};
use operator_core::retry::spread;
use operator_core::time::Moment;

use crate::controller::provider::directory::Link;
use crate::controller::subscription::reconcile::{Pass, seed};
use crate::controller::subscription::records::{self, Step};
use crate::controller::subscription::test_events::{RESULT_EVERY, RESULT_LOOKS};
use crate::duration::parse_duration;
use crate::metrics::PollOutcome;
use crate::provider::{Deliveries, End, Logged};

const INTERVAL: Duration = Duration::from_secs(900);
/// The most logs that one poll reads: enough to tell an outage from a hiccup.
const LOGS_MAX: usize = 2;
/// The most pages of one remote subscription that one poll reads.
const PAGES_MAX: u32 = 10;
/// The most deliveries of one remote subscription that one poll deletes from the provider's list.
const DISCARDED_MAX: usize = 10;

impl records::Deliveries {
    /// A test was sent: its result is looked for soon.
    pub(in crate::controller) fn expect_result(&mut self, now: Moment) {
        self.result = Some((now.after(RESULT_EVERY), 0));
    }
}

impl Pass<'_> {
    /// Polls when it is due and its turn. A failure to poll is tried again at the next interval: it says nothing
    /// about deliveries.
    pub(in crate::controller) async fn poll_deliveries(&mut self, link: &Link) {
        let now = self.ctx.clock.now();
        let there = |key: &RemoteKey| self.record.memory.entries.contains_key(key);
        self.record.deliveries.notable |= retain(&mut self.record.deliveries.health, there);
        let goes_on = !self.record.deliveries.steps.is_empty();
        if !goes_on {
            let (regular, result) = (self.is_poll_due(now), self.is_result_due(now));
            if !regular && !result {
                return;
            }
            self.plan_poll(regular);
        }
        while let Some(step) = self.record.deliveries.steps.front().cloned() {
            if !self.take_step(link, step).await {
                return;
            }
            self.record.deliveries.steps.pop_front();
        }
        if goes_on {
            // The pass that planned the next one is over, and with it what it asked to be woken for.
            let deliveries = &self.record.deliveries;
            let result = deliveries.result.map(|(due, _)| due);
            for due in [deliveries.next, result].into_iter().flatten() {
                self.wake_at(due);
            }
        }
    }

    /// Whether the regular look is due; if not, the object is woken when it is.
    fn is_poll_due(&mut self, now: Moment) -> bool {
        let delivery = self.object.spec.delivery.as_ref();
        let own = delivery.and_then(|delivery| delivery.interval.as_deref());
        let interval = own
            .and_then(|interval| parse_duration(interval).ok())
            .map_or(INTERVAL, |own| self.at_least(own));
        let deliveries = &mut self.record.deliveries;
        if interval.is_zero() {
            if !deliveries.health.is_empty() {
                deliveries.health.clear();
                deliveries.notable = true;
            }
            return false;
        }
        let seed = seed(&self.name);
        let due = next_poll(deliveries.next, now, interval, seed);
        deliveries.next = Some(due);
        if due > now {
            self.wake_at(due);
            return false;
        }
        let next = now.after(spread(interval, seed ^ now.as_millis()));
        self.record.deliveries.next = Some(next);
        self.wake_at(next);
        true
    }

    /// Whether the result of a test is to be looked for now.
    fn is_result_due(&mut self, now: Moment) -> bool {
        if !self.awaits_test() {
            self.record.deliveries.result = None;
            return false;
        }
        // After a restart too, the result of a test that was sent is looked for.
        let (due, looks) = *self.record.deliveries.result.get_or_insert((now, 0));
        if looks >= RESULT_LOOKS {
            return false;
        }
        if due > now {
            self.wake_at(due);
            return false;
        }
        let next = now.after(RESULT_EVERY);
        self.record.deliveries.result = Some((next, looks + 1));
        self.wake_at(next);
        true
    }

    /// What a poll asks for: the newest deliveries of each remote subscription, and where old ones are to go, the
    /// oldest. Beside the regular ones, only what a test was sent for is looked at.
    fn plan_poll(&mut self, regular: bool) {
        let entries = self.record.memory.entries.iter();
        let keys: Vec<RemoteKey> = entries
            .filter(|(key, entry)| entry.id.is_some() && (regular || self.awaits_test_of(key)))
            .map(|(key, _)| key.clone())
            .collect();
        let discards = regular && self.retention().is_some();
        for key in keys {
            let read = |end| Step::Read(key.clone(), end, None, 0);
            self.record.deliveries.steps.push_back(read(End::Newest));
            if discards {
                self.record.deliveries.steps.push_back(read(End::Oldest));
            }
        }
    }

    /// `false`: not its turn yet; the object will be woken.
    async fn take_step(&mut self, link: &Link, step: Step) -> bool {
        let key = match &step {
            Step::Read(key, ..) | Step::Log(key, _) | Step::Discard(key, _) => key.clone(),
        };
        let entry = self.record.memory.entries.get(&key);
        let Some(id) = entry.and_then(|entry| entry.id.clone()) else {
            return true;
        };
        let Ok(permit) = self.turn(Priority::Delivery) else {
            return false;
        };
        match step {
            Step::Discard(_, logged) => {
                if self.check_leadership().is_ok() {
                    let deleted = link.account.adapter().delete_logged(&id, &logged).await;
                    permit.report(&deleted);
                }
            }
            Step::Log(_, event) => {
                let log = link.account.adapter().delivery_log(&id, &event).await;
                permit.report(&log);
                if let Ok(log) = log {
                    self.took_log(&key, &event, &log);
                }
            }
            Step::Read(_, end, from, pages) => {
                let events = self.events_of(&key);
                let adapter = link.account.adapter();
                let read = adapter.deliveries(&id, &events, end, from.as_ref()).await;
                permit.report(&read);
                match read {
                    Ok(read) => self.took(link, &key, end, read, pages),
                    Err(_) if end == End::Newest => {
                        self.ctx.metrics.deliveries_polled(link.type_, PollOutcome::Error);
                    }
                    Err(_) => {}
                }
            }
        }
        true
    }

    fn took(&mut self, link: &Link, key: &RemoteKey, end: End, read: Deliveries, pages: u32) {
        self.note_arrivals(key, &read);
        if let Some(next) = read.next {
            // An end that is too far away is not known: what was known of it stays.
            if pages + 1 < PAGES_MAX {
                let further = Step::Read(key.clone(), end, Some(next), pages + 1);
                self.record.deliveries.steps.insert(1, further);
            }
        } else if end == End::Newest {
            self.took_newest(link, key, &read.events);
        }
        self.note_test_results(key, &read.log);
        if end == End::Oldest {
            self.plan_discards(key, &read.log);
        }
    }

    fn took_newest(&mut self, link: &Link, key: &RemoteKey, polled: &[Delivery]) {
        let mut results = polled.iter().filter_map(|delivery| delivery.result.as_ref());
        let outcome = if results.all(|result| result.success) {
            PollOutcome::Healthy
        } else {
            PollOutcome::Failing
        };
        self.ctx.metrics.deliveries_polled(link.type_, outcome);
        if !self.is_monitored() {
            return;
        }
        let threshold = self.failure_threshold();
        let deliveries = &mut self.record.deliveries;
        let update = observe(&deliveries.health, key, polled, threshold);
        deliveries.notable |= update.notable;
        deliveries.health = update.health;
        // Where the answer does not tell how often in a row, the log of an event that began to fail does.
        let began = |delivery: &&Delivery| {
            let known = deliveries.health.get(&(key.clone(), delivery.event.clone()));
            let failing =
                known.is_some_and(|known| !known.result.success && known.failed_observations < threshold);
            failing && delivery.failures.is_none() && delivery.result.is_some()
        };
        let logs = polled.iter().filter(began).take(LOGS_MAX);
        let logs: Vec<Step> = logs
            .map(|delivery| Step::Log(key.clone(), delivery.event.clone()))
            .collect();
        for log in logs {
            deliveries.steps.insert(1, log);
        }
    }

    fn took_log(&mut self, key: &RemoteKey, event: &EventName, log: &[DeliveryResult]) {
        let failures = log.iter().take_while(|result| !result.success).count();
        let failures = u32::try_from(failures).unwrap_or(u32::MAX);
        let threshold = self.failure_threshold();
        let deliveries = &mut self.record.deliveries;
        deliveries.notable |= deepen(&mut deliveries.health, key, event, failures, threshold);
    }

    /// Delivered events that are older than the spec keeps them, a few at a time.
    fn plan_discards(&mut self, key: &RemoteKey, log: &[Logged]) {
        let Some(retention) = self.retention() else { return };
        let kept = i64::try_from(retention.as_millis()).unwrap_or(i64::MAX);
        let before = Timestamp::now().as_millisecond().saturating_sub(kept);
        let old = |logged: &&Logged| {
            let delivered = logged.result.as_ref().is_some_and(|result| result.success);
            delivered && logged.created.is_some_and(|created| created < before)
        };
        for logged in log.iter().filter(old).take(DISCARDED_MAX) {
            let discard = Step::Discard(key.clone(), logged.id.clone());
            self.record.deliveries.steps.push_back(discard);
        }
    }

    fn retention(&self) -> Option<Duration> {
        let options = self.object.spec.options.as_ref()?;
        let retention = options.babel.as_ref()?.event_retention.as_deref()?;
        let observes = self.object.spec.mode == Some(crate::api::v1alpha1::ManagementMode::Observe);
        parse_duration(retention).ok().filter(|_| !observes)
    }

    fn events_of(&self, key: &RemoteKey) -> Vec<EventName> {
        let wanted = self.record.resolved.iter().flat_map(|resolved| &resolved.wanted);
        let wish = wanted.into_iter().find(|wish| wish.key == *key);
        wish.map(|wish| wish.events.clone()).unwrap_or_default()
    }
}

/// When to poll next. What was planned stays, unless the interval has become so much shorter that it lies further
/// ahead than a plan made now could: an edit of the interval counts at once. Where nothing is planned the poll falls
/// anywhere within the interval, so that a fleet that started together spreads out.
fn next_poll(planned: Option<Moment>, now: Moment, interval: Duration, seed: u64) -> Moment {
    let furthest = now.after(interval.saturating_add(interval / 10));
    planned
        .filter(|planned| *planned <= furthest)
        .unwrap_or_else(|| now.after(spread_first(interval, seed)))
}

fn spread_first(interval: Duration, seed: u64) -> Duration {
    let millis = u64::try_from(interval.as_millis()).unwrap_or(u64::MAX).max(1);
    Duration::from_millis(seed % millis)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_shorter_interval_brings_the_next_poll_forward_and_an_equal_one_leaves_it() {
        let (now, long, short) = (
            Moment::from_millis(1_000),
            Duration::from_secs(900),
            Duration::from_secs(5),
        );
        for seed in [0, 7, u64::MAX] {
            let planned = now.after(spread(long, seed));
            assert_eq!(next_poll(Some(planned), now, long, seed), planned);
            assert!(next_poll(Some(planned), now, short, seed) <= now.after(short));
            assert!(next_poll(None, now, long, seed) <= now.after(long));
        }
        let overdue = now.before(short);
        assert_eq!(next_poll(Some(overdue), now, long, 1), overdue);
    }
}
