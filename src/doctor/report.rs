//! What is told: one line a check.

use std::fmt::Write as _;

use serde::Serialize;

use crate::wording::one_line;

/// How a check ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Outcome {
    /// As it should be.
    Ok,
    /// Worth to be known; it may be meant so.
    Note,
    /// Something does not work, or could not be looked at.
    Failed,
}

impl Outcome {
    const fn as_str(self) -> &'static str {
        match self {
            Self::Ok => "ok",
            Self::Note => "note",
            Self::Failed => "failed",
        }
    }
}

/// One thing that was looked at.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Check {
    /// What kind of thing: `kind`, `rights`, `endpoint` or `leader`. Stable.
    pub check: &'static str,
    /// Which one.
    pub subject: String,
    /// How it is.
    pub outcome: Outcome,
    /// What was seen and, where it is not ok, what to do.
    pub message: String,
}

impl Check {
    pub(super) fn new(
        check: &'static str,
        subject: impl Into<String>,
        outcome: Outcome,
        message: impl Into<String>,
    ) -> Self {
        Self {
            check,
            subject: subject.into(),
            outcome,
            message: short_line(&message.into()),
        }
    }
}

/// Messages may quote names that others chose.
fn short_line(text: &str) -> String {
    one_line(text).chars().take(1000).collect()
}

/// All that was looked at.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Report {
    /// The version that looked.
    pub version: &'static str,
    /// Whether nothing failed.
    pub ok: bool,
    /// In the order in which it matters.
    pub checks: Vec<Check>,
}

impl Report {
    pub(super) fn new(checks: Vec<Check>) -> Self {
        Self {
            version: env!("CARGO_PKG_VERSION"),
            ok: checks.iter().all(|check| check.outcome != Outcome::Failed),
            checks,
        }
    }

    /// For people: a line a check and one that counts.
    pub fn text(&self) -> String {
        let mut text = String::new();
        for check in &self.checks {
            let outcome = check.outcome.as_str();
            // Writing to a String cannot fail.
            let _ = writeln!(
                text,
                "{outcome:<7} {:<9} {}: {}",
                check.check, check.subject, check.message
            );
        }
        let failed = self
            .checks
            .iter()
            .filter(|check| check.outcome == Outcome::Failed);
        let _ = writeln!(text, "{} checks, {} failed", self.checks.len(), failed.count());
        text
    }

    /// For programs.
    ///
    /// # Errors
    /// None that can happen: it holds texts and truth values.
    pub fn json(&self) -> Result<String, serde_json::Error> {
        Ok(serde_json::to_string_pretty(self)? + "\n")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn there_is_one_line_a_check_whatever_others_call_their_objects() {
        let checks = vec![
            Check::new("kind", "a", Outcome::Ok, "fine"),
            Check::new("leader", "b", Outcome::Failed, "held by x\ny\u{1b}[31m"),
        ];
        let report = Report::new(checks);
        assert!(!report.ok);
        let text = report.text();
        let lines: Vec<&str> = text.lines().collect();
        assert_eq!(
            lines,
            [
                "ok      kind      a: fine",
                "failed  leader    b: held by x y [31m",
                "2 checks, 1 failed"
            ]
        );
        let json: serde_json::Value = serde_json::from_str(&report.json().unwrap()).unwrap();
        assert_eq!(json["ok"], false);
        assert_eq!(json["checks"][1]["outcome"], "failed");
    }

    #[test]
    fn a_note_is_no_failure() {
        assert!(Report::new(vec![Check::new("kind", "a", Outcome::Note, "newer")]).ok);
    }
}
