//! Fault plans: what goes wrong, with which requests, how often.

use serde::{Deserialize, Serialize};
use serde_json::Value;
use std::sync::{Mutex, PoisonError};

/// Which requests are meant. A member that is absent matches everything.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default, deny_unknown_fields)]
pub struct RequestFilter {
    /// Provider, for example `dixa`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub provider: Option<String>,
    /// Operation, for example `create`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub operation: Option<String>,
    /// HTTP method, upper case.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub method: Option<String>,
    /// Organization of the credential.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub organization: Option<String>,
    /// Id of the object. A create gets its id when it is applied, so faults never match it by id.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub id: Option<String>,
}

/// The parts of a request that a filter looks at.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Traits<'a> {
    pub provider: &'a str,
    pub operation: &'a str,
    pub method: &'a str,
    pub organization: Option<&'a str>,
    pub id: Option<&'a str>,
}

impl RequestFilter {
    /// Requests of one operation of one provider.
    pub fn operation(provider: &str, operation: &str) -> Self {
        Self {
            provider: Some(provider.to_owned()),
            operation: Some(operation.to_owned()),
            ..Self::default()
        }
    }

    pub(crate) fn matches(&self, request: Traits<'_>) -> bool {
        let fits = |wanted: &Option<String>, found: Option<&str>| {
            wanted.as_deref().is_none_or(|wanted| found == Some(wanted))
        };
        fits(&self.provider, Some(request.provider))
            && fits(&self.operation, Some(request.operation))
            && fits(&self.method, Some(request.method))
            && fits(&self.organization, request.organization)
            && fits(&self.id, request.id)
    }
}

/// Before the request takes effect, or after it did and before the answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum When {
    /// Nothing has changed yet.
    #[default]
    Before,
    /// The change is complete, the client does not know.
    Applied,
}

/// What a garbage answer looks like. Its status is 200.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum GarbageKind {
    /// A web page, as a proxy sends it.
    Html,
    /// The first half of the real answer.
    TruncatedJson,
    /// The real answer with every leaf of another type.
    WrongTypes,
    /// No bytes at all.
    Empty,
}

/// What happens to a matched request.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(
    tag = "type",
    rename_all = "camelCase",
    rename_all_fields = "camelCase",
    deny_unknown_fields
)]
pub enum FaultAction {
    /// Answers with an error; nothing changes.
    FailBefore {
        /// HTTP status.
        status: u16,
        /// Body: a string goes out as text, anything else as JSON. Unset: `{"message": …}`.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        body: Option<Value>,
        /// Value of `Retry-After`.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        retry_after: Option<String>,
    },
    /// The change happens, then the connection closes without an answer.
    ApplyThenDrop,
    /// The change happens, then this status is answered.
    ApplyThenStatus {
        /// HTTP status.
        status: u16,
        /// As in `failBefore`.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        body: Option<Value>,
        /// Value of `Retry-After`.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        retry_after: Option<String>,
    },
    /// The connection closes; nothing changes.
    DropBefore,
    /// Waits, then goes on as usual.
    Delay {
        /// Milliseconds.
        ms: u64,
        /// Before or after the change.
        #[serde(default)]
        when: When,
    },
    /// Answers 200 with something that is not the answer.
    Garbage {
        /// Form of the body.
        kind: GarbageKind,
        /// Whether the change happens.
        #[serde(default = "yes")]
        apply: bool,
    },
    /// Answers 200 with a JSON object of about this many bytes, streamed.
    Huge {
        /// Length of the body.
        bytes: u64,
        /// Whether the change happens.
        #[serde(default = "yes")]
        apply: bool,
    },
    /// Sends the real answer slowly.
    Slow {
        /// Bytes each second.
        bytes_per_second: u64,
    },
    /// Sends the real answer up to a byte, then breaks the connection.
    CutBody {
        /// Bytes of the body that are sent.
        after_bytes: u64,
    },
    /// Never answers; ends when the client goes away.
    Hang {
        /// Whether the change happens.
        #[serde(default)]
        apply: bool,
    },
    /// Answers with a redirect; nothing changes.
    Redirect {
        /// Value of `Location`.
        location: String,
        /// HTTP status, for example 307.
        status: u16,
    },
    /// Waits until it is released, even when the client goes away meanwhile.
    Hold {
        /// Before or after the change.
        #[serde(default)]
        when: When,
    },
}

impl FaultAction {
    /// Answers with an error; nothing changes.
    pub const fn fail(status: u16) -> Self {
        Self::FailBefore {
            status,
            body: None,
            retry_after: None,
        }
    }

    /// The same with a body.
    pub const fn fail_with(status: u16, body: Value) -> Self {
        Self::FailBefore {
            status,
            body: Some(body),
            retry_after: None,
        }
    }
}

fn yes() -> bool {
    true
}

/// A fault with the requests it is meant for.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct FaultPlan {
    /// The requests that count as matches.
    #[serde(default, rename = "match")]
    pub requests: RequestFilter,
    /// The first match that is hit, counted from 1 since the plan was added. Unset: 1.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub nth: Option<u64>,
    /// From there on every so many matches. Unset: 1.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub every: Option<u64>,
    /// How many requests are hit at most. Unset: one if `nth` is set, otherwise no end.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub count: Option<u64>,
    /// What happens to them.
    pub action: FaultAction,
}

impl FaultPlan {
    /// Hits every matching request.
    pub fn every(requests: RequestFilter, action: FaultAction) -> Self {
        Self {
            requests,
            nth: None,
            every: None,
            count: None,
            action,
        }
    }

    /// Hits the n-th matching request, counted from 1.
    pub fn nth(requests: RequestFilter, nth: u64, action: FaultAction) -> Self {
        Self {
            requests,
            nth: Some(nth),
            every: None,
            count: None,
            action,
        }
    }

    /// What is wrong with the numbers of the plan, if anything.
    pub(crate) fn flaw(&self) -> Option<&'static str> {
        if [self.nth, self.every, self.count].contains(&Some(0)) {
            return Some("nth, every and count start at 1");
        }
        match self.action {
            FaultAction::FailBefore { status, .. }
            | FaultAction::ApplyThenStatus { status, .. }
            | FaultAction::Redirect { status, .. }
                if !(200..600).contains(&status) =>
            {
                Some("status is from 200 to 599")
            }
            FaultAction::Slow { bytes_per_second: 0 } => {
                Some("bytesPerSecond starts at 1; for none use hang")
            }
            _ => None,
        }
    }

    fn hits(&self, matched: u64, fired: u64) -> bool {
        let first = self.nth.unwrap_or(1).max(1);
        let most = self
            .count
            .unwrap_or(if self.nth.is_some() && self.every.is_none() {
                1
            } else {
                u64::MAX
            });
        fired < most && matched >= first && (matched - first).is_multiple_of(self.every.unwrap_or(1).max(1))
    }
}

/// A plan that was added, with what became of it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct ActiveFault {
    /// Number by which it is removed and by which the log names it.
    pub id: u64,
    /// Requests that matched so far.
    pub matched: u64,
    /// Requests that were hit so far.
    pub fired: u64,
    /// The plan.
    pub plan: FaultPlan,
}

#[derive(Debug, Default)]
struct Board {
    last_id: u64,
    plans: Vec<ActiveFault>,
}

/// All fault plans of a simulator.
#[derive(Debug, Default)]
pub(crate) struct FaultBoard {
    board: Mutex<Board>,
}

impl FaultBoard {
    fn board(&self) -> std::sync::MutexGuard<'_, Board> {
        self.board.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn add(&self, plan: FaultPlan) -> u64 {
        let mut board = self.board();
        board.last_id += 1;
        let id = board.last_id;
        board.plans.push(ActiveFault {
            id,
            matched: 0,
            fired: 0,
            plan,
        });
        id
    }

    pub(crate) fn list(&self) -> Vec<ActiveFault> {
        self.board().plans.clone()
    }

    pub(crate) fn remove(&self, id: u64) -> bool {
        let mut board = self.board();
        let before = board.plans.len();
        board.plans.retain(|active| active.id != id);
        board.plans.len() < before
    }

    pub(crate) fn clear(&self) {
        self.board().plans.clear();
    }

    /// Counts the request against every plan and returns those that hit it, oldest first.
    pub(crate) fn meet(&self, request: Traits<'_>) -> Vec<(u64, FaultAction)> {
        let mut board = self.board();
        let mut met = Vec::new();
        for active in &mut board.plans {
            if active.plan.requests.matches(request) {
                active.matched += 1;
                if active.plan.hits(active.matched, active.fired) {
                    active.fired += 1;
                    met.push((active.id, active.plan.action.clone()));
                }
            }
        }
        met
    }
}

#[cfg(test)]
mod tests {
    use super::{FaultAction, FaultPlan, RequestFilter};

    fn hit_numbers(plan: &FaultPlan) -> Vec<u64> {
        let mut fired = 0;
        (1..=10)
            .filter(|matched| {
                let hit = plan.hits(*matched, fired);
                fired += u64::from(hit);
                hit
            })
            .collect()
    }

    fn plan(nth: Option<u64>, every: Option<u64>, count: Option<u64>) -> FaultPlan {
        FaultPlan {
            requests: RequestFilter::default(),
            nth,
            every,
            count,
            action: FaultAction::DropBefore,
        }
    }

    #[test]
    fn nth_alone_hits_one_request() {
        assert_eq!(hit_numbers(&plan(Some(3), None, None)), [3]);
    }

    #[test]
    fn nth_with_count_hits_a_run() {
        assert_eq!(hit_numbers(&plan(Some(3), None, Some(2))), [3, 4]);
    }

    #[test]
    fn every_hits_in_steps_from_the_first() {
        assert_eq!(hit_numbers(&plan(Some(2), Some(3), None)), [2, 5, 8]);
        assert_eq!(hit_numbers(&plan(None, Some(4), Some(2))), [1, 5]);
    }

    #[test]
    fn a_bare_plan_hits_all() {
        assert_eq!(hit_numbers(&plan(None, None, None)).len(), 10);
    }

    #[test]
    fn a_plan_with_a_misspelt_member_is_refused() {
        let text = r#"{"match":{"operation":"create"},"nht":1,"action":{"type":"applyThenDrop"}}"#;
        assert!(serde_json::from_str::<FaultPlan>(text).is_err());
        let text = r#"{"action":{"type":"delay","ms":1,"wen":"before"}}"#;
        assert!(serde_json::from_str::<FaultPlan>(text).is_err());
    }
}
