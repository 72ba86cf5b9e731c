//! Asks the provider how deliveries go: rarely, spread out, and with the lowest priority.

use std::collections::BTreeMap;
use std::time::Duration;

use operator_core::budget::Priority;
use operator_core::delivery::{Delivery, observe};
use operator_core::names::{EventName, ExternalId, RemoteKey};
use operator_core::retry::spread;
use operator_core::time::Moment;

use super::directory::Link;
use super::reconcile::{Pass, seed};
use crate::duration::parse_duration;
use crate::metrics::PollOutcome;
use crate::provider::End;

const INTERVAL: Duration = Duration::from_secs(900);
/// The most logs that one poll reads: enough to tell an outage from a hiccup.
const LOGS_MAX: usize = 2;

impl Pass<'_> {
    /// Polls when it is due and its turn. A failure to poll is tried again at the next interval: it says nothing
    /// about deliveries.
    pub(super) async fn poll_deliveries(&mut self, link: &Link) {
        let own = self
            .object
            .spec
            .delivery
            .as_ref()
            .and_then(|delivery| delivery.interval.as_deref());
        let interval = own
            .and_then(|interval| parse_duration(interval).ok())
            .unwrap_or(INTERVAL);
        if interval.is_zero() {
            if !self.record.deliveries.health.is_empty() {
                self.record.deliveries.health.clear();
                self.record.deliveries.notable = true;
            }
            return;
        }
        let now = self.ctx.clock.now();
        let due = next_poll(self.record.deliveries.next, now, interval, seed(&self.name));
        self.record.deliveries.next = Some(due);
        if due > now {
            self.wake_at(due);
            return;
        }
        let ids: Vec<(RemoteKey, ExternalId)> = self
            .record
            .memory
            .entries
            .iter()
            .filter_map(|(key, entry)| Some((key.clone(), entry.id.clone()?)))
            .collect();
        for (key, id) in ids {
            if !self.poll_one(link, &key, &id).await {
                return;
            }
        }
        let next = self
            .ctx
            .clock
            .now()
            .after(spread(interval, seed(&self.name) ^ now.as_millis()));
        self.record.deliveries.next = Some(next);
        self.wake_at(next);
    }

    /// `false`: not its turn yet; the object will be woken.
    async fn poll_one(&mut self, link: &Link, key: &RemoteKey, id: &ExternalId) -> bool {
        let Ok(permit) = self.turn(Priority::Delivery) else {
            return false;
        };
        let events = self.events_of(key);
        let polled = link
            .account
            .adapter()
            .deliveries(id, &events, End::Newest, None)
            .await;
        let polled = polled.map(|polled| polled.events);
        permit.report(&polled);
        let outcome = match &polled {
            Err(_) => PollOutcome::Error,
            Ok(polled)
                if polled
                    .iter()
                    .filter_map(|d| d.result.as_ref())
                    .all(|result| result.success) =>
            {
                PollOutcome::Healthy
            }
            Ok(_) => PollOutcome::Failing,
        };
        self.ctx.metrics.deliveries_polled(link.type_, outcome);
        let Ok(polled) = polled else { return true };
        let threshold = self.failure_threshold();
        let logs = self.failures_in_logs(link, key, id, &polled, threshold).await;
        let update = observe(&self.record.deliveries.health, key, &polled, &logs, threshold);
        self.record.deliveries.notable |= update.notable;
        self.record.deliveries.health = update.health;
        true
    }

    fn events_of(&self, key: &RemoteKey) -> Vec<EventName> {
        let wanted = self.record.resolved.iter().flat_map(|resolved| &resolved.wanted);
        let wish = wanted.into_iter().find(|wish| wish.key == *key);
        wish.map(|wish| wish.events.clone()).unwrap_or_default()
    }

    /// For events that began to fail: how many deliveries in a row the log shows as failed.
    async fn failures_in_logs(
        &self,
        link: &Link,
        key: &RemoteKey,
        id: &ExternalId,
        polled: &[Delivery],
        threshold: u32,
    ) -> BTreeMap<EventName, u32> {
        let below = |event: &EventName| {
            let known = self.record.deliveries.health.get(&(key.clone(), event.clone()));
            known.is_none_or(|known| known.failed_observations < threshold)
        };
        let failing = polled
            .iter()
            .filter(|delivery| delivery.result.as_ref().is_some_and(|result| !result.success));
        let mut counts = BTreeMap::new();
        for delivery in failing.filter(|delivery| below(&delivery.event)).take(LOGS_MAX) {
            let Ok(permit) = self.turn(Priority::Delivery) else {
                break;
            };
            let log = link.account.adapter().delivery_log(id, &delivery.event).await;
            permit.report(&log);
            let Ok(log) = log else { continue };
            let failures = log.iter().take_while(|result| !result.success).count();
            counts.insert(
                delivery.event.clone(),
                u32::try_from(failures).unwrap_or(u32::MAX),
            );
        }
        counts
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
