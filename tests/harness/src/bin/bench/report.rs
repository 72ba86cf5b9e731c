//! The table.

use std::fmt::Write as _;

#[derive(Clone, Copy, PartialEq, Eq)]
enum Verdict {
    None,
    Detail,
    Ok,
    Over,
    Wrong,
}

impl Verdict {
    fn as_str(self) -> &'static str {
        match self {
            Self::None | Self::Detail => "",
            Self::Ok => "ok",
            Self::Over => "over",
            Self::Wrong => "WRONG",
        }
    }
}

struct Row {
    measure: String,
    value: String,
    goal: String,
    verdict: Verdict,
}

/// Rows under headings.
#[derive(Default)]
pub struct Report {
    sections: Vec<(String, Vec<Row>)>,
}

impl Report {
    /// Begins a section.
    pub fn section(&mut self, title: &str) {
        crate::say(title);
        self.sections.push((title.to_owned(), Vec::new()));
    }

    fn row(&mut self, measure: &str, value: String, goal: String, verdict: Verdict) {
        crate::say(&format!("  {measure}: {value} {}", verdict.as_str()));
        let measure = measure.to_owned();
        if self.sections.is_empty() {
            self.section("");
        }
        if let Some((_, rows)) = self.sections.last_mut() {
            rows.push(Row {
                measure,
                value,
                goal,
                verdict,
            });
        }
    }

    /// A figure without a goal.
    pub fn figure(&mut self, measure: &str, value: impl Into<String>) {
        self.row(measure, value.into(), String::new(), Verdict::None);
    }

    /// What a figure is made of; may be long.
    pub fn detail(&mut self, measure: &str, value: impl Into<String>) {
        self.row(
            &format!("  {measure}"),
            value.into(),
            String::new(),
            Verdict::Detail,
        );
    }

    /// A figure with a goal, which may be missed.
    pub fn goal(&mut self, measure: &str, value: impl Into<String>, goal: &str, met: bool) {
        let verdict = if met { Verdict::Ok } else { Verdict::Over };
        self.row(measure, value.into(), goal.to_owned(), verdict);
    }

    /// Times, with a goal in milliseconds for the slowest of a hundred.
    pub fn latencies(&mut self, measure: &str, times: &Percentiles, goal: u64) {
        self.figure(&format!("{measure}, p50"), format!("{} ms", times.p50));
        let (value, text) = (format!("{} ms", times.p99), format!("< {goal} ms"));
        self.goal("the same, p99", value, &text, times.p99 < goal);
    }

    /// Something that must hold.
    pub fn must(&mut self, measure: &str, value: impl Into<String>, goal: &str, holds: bool) {
        let verdict = if holds { Verdict::Ok } else { Verdict::Wrong };
        self.row(measure, value.into(), goal.to_owned(), verdict);
    }

    /// Whether anything that must hold does not.
    pub fn is_wrong(&self) -> bool {
        let mut rows = self.sections.iter().flat_map(|(_, rows)| rows);
        rows.any(|row| row.verdict == Verdict::Wrong)
    }

    /// For a terminal.
    pub fn text(&self) -> String {
        let all = || self.sections.iter().flat_map(|(_, rows)| rows);
        let rows = || all().filter(|row| row.verdict != Verdict::Detail);
        let width = |of: fn(&Row) -> &str| rows().map(|row| of(row).chars().count()).max().unwrap_or(0);
        let (measure, value, goal) = (
            width(|row| &row.measure),
            width(|row| &row.value),
            width(|row| &row.goal),
        );
        let mut text = String::new();
        for (title, rows) in &self.sections {
            let _ = writeln!(text, "{title}");
            for row in rows {
                if row.verdict == Verdict::Detail {
                    let _ = writeln!(text, "  {}: {}", row.measure, row.value);
                    continue;
                }
                let line = format!(
                    "  {:measure$}  {:>value$}  {:goal$}  {}",
                    row.measure,
                    row.value,
                    row.goal,
                    row.verdict.as_str()
                );
                let _ = writeln!(text, "{}", line.trim_end());
            }
        }
        text
    }

    /// For a document.
    pub fn markdown(&self) -> String {
        let mut text = String::from("| Measure | Value | Goal | |\n| --- | ---: | --- | --- |\n");
        for (title, rows) in &self.sections {
            let _ = writeln!(text, "| **{title}** | | | |");
            for row in rows {
                let _ = writeln!(
                    text,
                    "| {} | {} | {} | {} |",
                    row.measure,
                    row.value,
                    row.goal,
                    row.verdict.as_str()
                );
            }
        }
        text
    }
}

/// Seconds, as the table shows them.
pub fn seconds(duration: std::time::Duration) -> String {
    format!("{:.2} s", duration.as_secs_f64())
}

/// `number` for each of `count`.
#[expect(clippy::cast_precision_loss, reason = "counts stay far below 2^52")]
pub fn each(number: u64, count: usize) -> f64 {
    number as f64 / count.max(1) as f64
}

/// Times in milliseconds.
pub struct Percentiles {
    pub p50: u64,
    pub p99: u64,
}

impl Percentiles {
    /// Of these times; zero where there are none.
    pub fn of(mut times: Vec<u64>) -> Self {
        times.sort_unstable();
        let at = |hundredths: usize| {
            let rank = (times.len() * hundredths).div_ceil(100);
            times.get(rank.saturating_sub(1)).copied().unwrap_or(0)
        };
        Self {
            p50: at(50),
            p99: at(99),
        }
    }

    /// How many times as long the slowest of a hundred takes.
    #[expect(clippy::cast_precision_loss, reason = "milliseconds stay far below 2^52")]
    pub fn ratio(&self, other: &Self) -> f64 {
        self.p99 as f64 / other.p99.max(1) as f64
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_percentile_is_a_time_that_so_many_keep() {
        let times = Percentiles::of((1..=200).rev().collect());
        assert_eq!((times.p50, times.p99), (100, 198));
        let one = Percentiles::of(vec![7]);
        assert_eq!((one.p50, one.p99), (7, 7));
        let none = Percentiles::of(Vec::new());
        assert_eq!((none.p50, none.p99), (0, 0));
    }
}
