//! Texts of others, made fit for one line that a person reads.

use std::error::Error;

/// A text without anything that a terminal would obey, each control character a space.
pub fn one_line(text: &str) -> String {
    text.chars()
        .map(|c| if c.is_control() { ' ' } else { c })
        .collect()
}

/// An error and its causes, in the order in which they led to it. Some errors repeat their cause in their own text: it is
/// not said twice.
pub fn with_causes(error: &dyn Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(source) = cause {
        let more = source.to_string();
        if !text.contains(&more) {
            text.push_str(": ");
            text.push_str(&more);
        }
        cause = source.source();
    }
    text
}

/// A text whose runs of white space are one space each.
pub fn without_gaps(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}
