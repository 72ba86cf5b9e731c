//! How a LIST is carried out, page by page, and what became of it.

use std::sync::Arc;
use std::time::Duration;

use operator_core::budget::Priority;
use operator_core::remote::Snapshot;
use operator_core::time::Moment;

use super::{Account, LIST_GAP, Party, Who, newer};
use crate::provider::ProviderError;

impl<P: Party> Account<P> {
    /// One LIST: what it shows, and who waited for it, if it comes to its end.
    pub(super) async fn list(&self, begun: Moment) {
        let result = self.list_pages(begun).await;
        self.log_outage(result.as_ref().err());
        let woken = {
            let snapshot = result
                .as_ref()
                .ok()
                .inspect(|snapshot| self.waker.inspect(&self.id, snapshot));
            let mut state = self.lock();
            state.listing = false;
            state.list_took = self.clock.now().since(begun);
            let lookers = state.lookers.iter();
            let served =
                lookers.filter(|(_, (after, _))| snapshot.is_none_or(|snapshot| newer(snapshot, *after)));
            let woken: Vec<(P, Priority)> = served
                .map(|(party, (_, priority))| (party.clone(), *priority))
                .collect();
            // Where it failed they stay registered, and look again to learn what is wrong.
            if let Some(snapshot) = snapshot {
                state.snapshot = Some(Arc::clone(snapshot));
                for (party, _) in &woken {
                    state.lookers.remove(party);
                }
            }
            woken
        };
        for (party, priority) in &woken {
            if *priority == Priority::Edit {
                self.waker.wake(party);
            } else {
                self.waker.wake_together(party);
            }
        }
    }

    /// All pages, of which the first has its permit already.
    async fn list_pages(&self, begun: Moment) -> Result<Arc<Snapshot>, ProviderError> {
        let mut remotes = Vec::new();
        let mut cursor = None;
        loop {
            let page = self.adapter.list(cursor.as_ref()).await;
            self.report(&Who::List, page.as_ref().err());
            if page.is_err() && operator_core::planted!(FailedListIsComplete) {
                break;
            }
            let page = page?;
            remotes.extend(page.remotes);
            let Some(next) = page.next else { break };
            cursor = Some(next);
            self.next_page().await;
        }
        Ok(Arc::new(Snapshot::new(begun, remotes)))
    }

    /// One line when LISTs begin to fail, one when the reason is another, and one when it is over: an outage has many
    /// tries.
    fn log_outage(&self, error: Option<&ProviderError>) {
        let now = self.clock.now();
        let before = {
            let mut state = self.lock();
            let before = state.outage;
            let since = before.map_or(now, |(_, since)| since);
            state.outage = error.map(|error| (error.reason(), since));
            before
        };
        match (before, error) {
            (Some((reason, _)), Some(error)) if reason == error.reason() => {
                tracing::debug!(account = %self.id, reason, %error, "the LIST of an account still fails");
            }
            (_, Some(error)) => {
                tracing::warn!(account = %self.id, reason = error.reason(), %error, "the LIST of an account failed");
            }
            (Some((_, since)), None) => {
                let seconds = now.since(since).as_secs();
                tracing::info!(account = %self.id, seconds, "the LIST of an account works again");
            }
            (None, None) => {}
        }
    }

    /// Waits for the budget between two pages. The list runs on the account's own task, so nobody's worker waits.
    async fn next_page(&self) {
        loop {
            let now = self.clock.now();
            let wake = {
                let mut state = self.lock();
                if state.budget.request(&Who::List, Priority::Edit, now) {
                    return;
                }
                state.budget.next_wake(now).unwrap_or_else(|| now.after(LIST_GAP))
            };
            self.clock
                .sleep_until(wake.max(now.after(Duration::from_millis(1))))
                .await;
        }
    }
}
