//! Durations as people write them, in flags and in specs.

use std::time::Duration;

/// Why a text is no duration.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum DurationError {
    /// It does not have the form of one.
    #[error("use numbers with the units h, m, s or ms, for example 10m, 1h30m or 0s")]
    Form,
    /// It cannot be held: longer than some 584 years.
    #[error("is too long")]
    TooLong,
}

/// Reads a duration as Go writes it: one or more decimal numbers, each with a unit (`h`, `m`, `s`, `ms`),
/// without sign or spaces; `1h30m`, `1.5h`, `75s`, `0s`. What lies below a nanosecond is cut off.
///
/// # Errors
/// [`DurationError`].
pub fn parse_duration(text: &str) -> Result<Duration, DurationError> {
    if text.is_empty() {
        return Err(DurationError::Form);
    }
    let mut rest = text;
    let mut nanos: u64 = 0;
    while !rest.is_empty() {
        let (whole, after) = digits(rest).ok_or(DurationError::Form)?;
        let (fraction, after) = match after.strip_prefix('.') {
            Some(after) => digits(after).ok_or(DurationError::Form)?,
            None => ("", after),
        };
        let (unit, after) = unit(after).ok_or(DurationError::Form)?;
        let term = term(whole, fraction, unit).ok_or(DurationError::TooLong)?;
        nanos = nanos.checked_add(term).ok_or(DurationError::TooLong)?;
        rest = after;
    }
    Ok(Duration::from_nanos(nanos))
}

/// Writes a duration as [`parse_duration`] reads it, with whole units from the largest down: `1h30m`, `10m`, `0s`.
pub fn format_duration(duration: Duration) -> String {
    let seconds = duration.as_secs();
    let units = [
        (seconds / 3600, "h"),
        (seconds / 60 % 60, "m"),
        (seconds % 60, "s"),
        (u64::from(duration.subsec_millis()), "ms"),
    ];
    let mut text = String::new();
    for (number, unit) in units.into_iter().filter(|(number, _)| *number > 0) {
        text.push_str(&number.to_string());
        text.push_str(unit);
    }
    if text.is_empty() { "0s".to_owned() } else { text }
}

/// The leading digits, at least one, and what follows them.
fn digits(text: &str) -> Option<(&str, &str)> {
    let end = text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len());
    (end > 0).then(|| text.split_at(end))
}

/// The leading unit in nanoseconds, and what follows it.
fn unit(text: &str) -> Option<(u64, &str)> {
    // `ms` first: `m` is its beginning.
    [
        ("ms", 1_000_000),
        ("s", 1_000_000_000),
        ("m", 60_000_000_000),
        ("h", 3_600_000_000_000),
    ]
    .into_iter()
    .find_map(|(name, nanos)| Some((nanos, text.strip_prefix(name)?)))
}

/// One number with its unit in nanoseconds; `None` when it does not fit.
fn term(whole: &str, fraction: &str, unit: u64) -> Option<u64> {
    let mut nanos = whole.parse::<u64>().ok()?.checked_mul(unit)?;
    let mut place = unit;
    for digit in fraction.bytes() {
        place /= 10;
        nanos = nanos.checked_add(u64::from(digit - b'0').checked_mul(place)?)?;
    }
    Some(nanos)
}

#[cfg(test)]
mod tests;
