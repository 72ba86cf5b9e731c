//! Keys, what they allow, and the lock-out after failed authentications.

use crate::babel::switches::{KeyForms, Switches};
use http::{HeaderMap, header};
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet, HashMap, VecDeque};

/// Failed authentications that start a lock-out.
const FAILURES: usize = 5;
/// How long failures are remembered and how long a lock-out lasts, in milliseconds.
const SPAN_MS: u64 = 5 * 60 * 1000;

/// Something a key may do.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Permission {
    /// List and get, of subscriptions, events and event types.
    Read,
    /// Create.
    Create,
    /// Replace, and send test events.
    Write,
    /// Delete subscriptions and events.
    Delete,
}

impl Permission {
    /// All four.
    pub const ALL: [Self; 4] = [Self::Read, Self::Create, Self::Write, Self::Delete];
}

/// What a key stands for.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Key {
    /// Installation whose subscriptions it reaches.
    pub installation: String,
    /// User that stands in `userId`.
    pub user_id: String,
    /// What it may do.
    pub permissions: BTreeSet<Permission>,
}

impl Key {
    /// A key with all rights; its user follows from the installation's name.
    pub fn of(installation: &str) -> Self {
        Self {
            installation: installation.to_owned(),
            user_id: format!("user-of-{installation}"),
            permissions: Permission::ALL.into(),
        }
    }

    /// The same key with these rights only.
    #[must_use]
    pub fn only(mut self, permissions: &[Permission]) -> Self {
        self.permissions = permissions.iter().copied().collect();
        self
    }
}

/// The key in the headers, in a form that the switches take.
pub(crate) fn credential<'a>(headers: &'a HeaderMap, switches: &Switches) -> Option<&'a str> {
    let text = |name: &http::HeaderName| headers.get(name).and_then(|value| value.to_str().ok());
    let own = text(switches.header_name.name()).filter(|_| switches.key_forms != KeyForms::Bearer);
    let bearer = || {
        text(&header::AUTHORIZATION)
            .and_then(|value| value.strip_prefix("Bearer "))
            .filter(|_| switches.key_forms != KeyForms::Header)
    };
    own.or_else(bearer)
}

/// The host that the client believes to talk to, without the port. Lock-outs are kept by it, since
/// installations have hosts of their own and an unknown key belongs to none.
pub(crate) fn host(headers: &HeaderMap) -> String {
    let value = headers.get(header::HOST).and_then(|value| value.to_str().ok());
    value.map_or_else(String::new, |value| {
        value
            .rsplit_once(':')
            .map_or(value, |(host, _)| host)
            .to_ascii_lowercase()
    })
}

/// Counts failed authentications by host.
#[derive(Debug, Default)]
pub(crate) struct Guard {
    failures: HashMap<String, VecDeque<u64>>,
    locked_until: BTreeMap<String, u64>,
}

impl Guard {
    pub(crate) fn is_locked(&self, host: &str, now_ms: u64) -> bool {
        self.locked_until.get(host).is_some_and(|until| now_ms < *until)
    }

    pub(crate) fn failed(&mut self, host: &str, now_ms: u64) {
        let failures = self.failures.entry(host.to_owned()).or_default();
        failures.push_back(now_ms);
        failures.retain(|failure| now_ms.saturating_sub(*failure) < SPAN_MS);
        if failures.len() >= FAILURES {
            failures.clear();
            self.locked_until.insert(host.to_owned(), now_ms + SPAN_MS);
        }
    }

    /// Hosts that are locked out, with the end of each lock-out in milliseconds since the epoch.
    pub(crate) fn locked(&self, now_ms: u64) -> BTreeMap<String, u64> {
        let mut locked = self.locked_until.clone();
        locked.retain(|_, until| now_ms < *until);
        locked
    }

    /// Forgets failures and lock-outs.
    pub(crate) fn clear(&mut self) {
        *self = Self::default();
    }
}

#[cfg(test)]
mod tests {
    use super::{Guard, SPAN_MS};

    #[test]
    fn five_failures_lock_one_host_for_five_minutes() {
        let mut guard = Guard::default();
        for failure in 0..5 {
            assert!(!guard.is_locked("a", failure));
            guard.failed("a", failure);
        }
        assert!(guard.is_locked("a", SPAN_MS + 3));
        assert!(!guard.is_locked("a", SPAN_MS + 4));
        assert!(!guard.is_locked("b", 5));
    }

    #[test]
    fn failures_more_than_five_minutes_apart_do_not_add_up() {
        let mut guard = Guard::default();
        for failure in 0..20 {
            guard.failed("a", failure * SPAN_MS / 4);
            assert!(!guard.is_locked("a", failure * SPAN_MS / 4));
        }
    }
}
