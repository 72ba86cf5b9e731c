//! Wall-clock time as the providers print it.

use std::time::{SystemTime, UNIX_EPOCH};

/// The time as the log has it: milliseconds since the Unix epoch.
pub fn now_ms() -> u64 {
    let since_epoch = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    u64::try_from(since_epoch.as_millis()).unwrap_or(u64::MAX)
}

/// The instant in UTC with three sub-second digits, for example `2026-01-01T00:00:00.000Z`.
pub(crate) fn iso_millis(ms: u64) -> String {
    i64::try_from(ms)
        .ok()
        .and_then(|ms| jiff::Timestamp::from_millisecond(ms).ok())
        .map_or_else(String::new, |instant| {
            instant.strftime("%Y-%m-%dT%H:%M:%S%.3fZ").to_string()
        })
}

#[cfg(test)]
mod tests {
    #[test]
    fn an_instant_prints_in_utc_with_three_sub_second_digits() {
        assert_eq!(super::iso_millis(1_767_225_600_000), "2026-01-01T00:00:00.000Z");
        assert_eq!(super::iso_millis(1_767_225_600_042), "2026-01-01T00:00:00.042Z");
    }
}
