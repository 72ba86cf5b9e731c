//! Whether a text shows a secret.

use std::fmt::Write as _;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

/// The forms in which a secret could show: as it is, in base64 (at each of the three offsets), percent-encoded, and
/// escaped in JSON.
fn forms(secret: &str) -> Vec<String> {
    let percent = secret.bytes().fold(String::new(), |mut text, byte| {
        if byte.is_ascii_alphanumeric() || byte == b'-' {
            text.push(char::from(byte));
        } else {
            let _ = write!(text, "%{byte:02X}");
        }
        text
    });
    let base64 = (0..3).map(|offset| {
        let encoded = STANDARD.encode(format!("{}{secret}", &"xx"[..offset.min(2)]));
        // The first and last groups depend on the neighbours.
        encoded[4..encoded.len() - 4].to_owned()
    });
    let plain = [
        secret.to_owned(),
        secret.replace('/', "\\/"),
        percent.to_lowercase(),
        percent,
    ];
    plain.into_iter().chain(base64).collect()
}

/// What of the secrets a text shows.
pub fn leaks(text: &str, secrets: &[String]) -> Vec<String> {
    let shown = |secret: &&String| forms(secret).iter().any(|form| text.contains(form.as_str()));
    secrets.iter().filter(shown).cloned().collect()
}
