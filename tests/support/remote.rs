//! The provider's side: what is there, and what was asked of it.

use provider_simulator::{LogEntry, Milestone, RequestFilter, Subscription, Wait};

use super::{SOON, World};

impl World {
    /// Every remote subscription, oldest first.
    pub fn remote(&self) -> Vec<Subscription> {
        self.simulator.dixa().subscriptions()
    }

    /// The one remote subscription.
    pub fn only_remote(&self) -> Subscription {
        let mut all = self.remote();
        assert_eq!(all.len(), 1, "{all:#?}");
        all.remove(0)
    }

    /// A remote subscription by its id as text.
    pub fn remote_by_id(&self, id: &str) -> Option<Subscription> {
        self.remote().into_iter().find(|found| found.id.to_string() == id)
    }

    /// A point in the simulator's log, for [`Self::requests_since`].
    pub fn mark(&self) -> u64 {
        self.simulator.last_seq()
    }

    /// Requests of one operation (`list`, `create`, `get`, `patch`, `delete`, `deliveryStatus`, `logs`; empty:
    /// all) since a mark.
    pub fn requests_since(&self, mark: u64, operation: &str) -> Vec<LogEntry> {
        let requests = if operation.is_empty() {
            RequestFilter::default()
        } else {
            RequestFilter::operation("dixa", operation)
        };
        self.simulator.log_since(mark, &requests)
    }

    /// Requests since a mark that ask for a change, as `METHOD path`.
    pub fn remote_writes_since(&self, mark: u64) -> Vec<String> {
        let all = self.requests_since(mark, "");
        let writes = all.iter().filter(|entry| entry.method != "GET");
        writes
            .map(|entry| format!("{} {}", entry.method, entry.path))
            .collect()
    }

    /// Waits for the `count`-th request of an operation since a mark to be answered.
    pub fn requested(&self, operation: &str, since: u64, count: usize) -> LogEntry {
        let wanted = Wait {
            requests: RequestFilter::operation("dixa", operation),
            since,
            count,
            milestone: Milestone::Answered,
            ..Wait::default()
        };
        let found = self.runtime.block_on(self.simulator.wait_for(&wanted, SOON));
        found.unwrap_or_else(|| panic!("no {count} requests of {operation} within {SOON:?}"))
    }
}
