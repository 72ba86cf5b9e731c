//! What was asked of the two sides.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use serde_json::Value;
use test_harness::AuditEvent;

/// Requests at the provider by operation, or writes at the apiserver by verb and resource.
#[derive(Default, Clone, PartialEq, Eq)]
pub struct Counts(BTreeMap<String, u64>);

impl Counts {
    /// What the simulator's counters say.
    pub fn of_counters(counters: &Value) -> Self {
        let operations = counters["dixa"].as_object().into_iter().flatten();
        let received =
            |(name, count): (&String, &Value)| (name.clone(), count["received"].as_u64().unwrap_or(0));
        Self(operations.map(received).filter(|(_, count)| *count > 0).collect())
    }

    /// The operator's writes among these requests, whatever was answered.
    pub fn of_audit(events: &[AuditEvent], user: &str) -> Self {
        let mut counts = BTreeMap::new();
        for event in events
            .iter()
            .filter(|event| event.is_write() && event.user == user)
        {
            let slash = if event.subresource.is_empty() { "" } else { "/" };
            let refused = if event.code >= 400 {
                format!(" → {}", event.code)
            } else {
                String::new()
            };
            let what = format!(
                "{} {}{slash}{}{refused}",
                event.verb, event.resource, event.subresource
            );
            *counts.entry(what).or_default() += 1;
        }
        Self(counts)
    }

    /// What came since `earlier`.
    pub fn since(&self, earlier: &Self) -> Self {
        let more = self.0.iter().map(|(name, count)| {
            let before = earlier.0.get(name).copied().unwrap_or(0);
            (name.clone(), count.saturating_sub(before))
        });
        Self(more.filter(|(_, count)| *count > 0).collect())
    }

    /// Both together.
    pub fn plus(mut self, more: &Self) -> Self {
        for (name, count) in &more.0 {
            *self.0.entry(name.clone()).or_default() += count;
        }
        self
    }

    /// All of them.
    pub fn total(&self) -> u64 {
        self.0.values().sum()
    }

    /// Those of this name.
    pub fn of(&self, name: &str) -> u64 {
        self.0.get(name).copied().unwrap_or(0)
    }

    /// Those whose name contains `part`, and the others.
    pub fn split(&self, part: &str) -> (Self, Self) {
        let pairs = self.0.iter().map(|(name, count)| (name.clone(), *count));
        let (with, without) = pairs.partition(|(name, _)| name.contains(part));
        (Self(with), Self(without))
    }

    /// `create 1000, list 3`.
    pub fn text(&self) -> String {
        let mut text = String::new();
        for (name, count) in &self.0 {
            let comma = if text.is_empty() { "" } else { ", " };
            let _ = write!(text, "{comma}{name} {count}");
        }
        if text.is_empty() { "none".to_owned() } else { text }
    }
}
