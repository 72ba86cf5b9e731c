//! What must hold of every value of a Secret, whatever its bytes.

use http::HeaderValue;
use secrecy::ExposeSecret;

use super::references::secret_value;

/// A value of a Secret.
pub(crate) fn secret(data: &[u8]) {
    let trimmed = data.strip_suffix(b"\n").unwrap_or(data);
    match secret_value(data) {
        Ok(value) => {
            let value = value.expose_secret();
            assert_eq!(value.as_bytes(), trimmed, "the value was changed");
            assert!(HeaderValue::from_str(value).is_ok() && value.trim() == value && !value.is_empty());
        }
        Err(why) => {
            let fits = !trimmed.is_empty() && trimmed.len() <= 4096 && trimmed.trim_ascii() == trimmed;
            let visible = trimmed.iter().all(|byte| (0x20..0x7f).contains(byte));
            assert!(!(fits && visible), "refused without a reason: {why}");
        }
    }
}
