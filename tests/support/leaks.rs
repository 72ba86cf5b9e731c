//! Whether a text shows a secret.

use std::fmt::Write as _;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

fn percent(secret: &str, unreserved: &[u8]) -> String {
    secret.bytes().fold(String::new(), |mut text, byte| {
        if byte.is_ascii_alphanumeric() || unreserved.contains(&byte) {
            text.push(char::from(byte));
        } else {
            let _ = write!(text, "%{byte:02X}");
        }
        text
    })
}

/// The same with lower-case digits.
fn lower_escapes(percent: &str) -> String {
    let mut parts = percent.split('%');
    let first = parts.next().unwrap_or_default().to_owned();
    parts.fold(first, |text, part| {
        text + "%" + &part[..2].to_lowercase() + &part[2..]
    })
}

/// The forms in which a secret could show: as it is, escaped in JSON and by `Debug`, percent-encoded, in base64 (at
/// each of the three offsets), in hexadecimal, and as the list of numbers that `Debug` makes of bytes.
pub fn forms(secret: &str) -> Vec<String> {
    let base64 = (0..3).map(|offset| {
        let encoded = STANDARD.encode(format!("{}{secret}", &"xx"[..offset.min(2)]));
        // The first and last groups depend on the neighbours.
        encoded[4..encoded.len() - 4].to_owned()
    });
    let unquoted = |text: String| text[1..text.len() - 1].to_owned();
    let (narrow, wide) = (percent(secret, b"-"), percent(secret, b"-._~"));
    let bytes: Vec<String> = secret.bytes().map(|byte| byte.to_string()).collect();
    let mut all = vec![
        secret.to_owned(),
        secret.replace('/', "\\/"),
        unquoted(serde_json::json!(secret).to_string()),
        unquoted(format!("{secret:?}")),
        lower_escapes(&narrow),
        narrow,
        lower_escapes(&wide),
        wide,
        secret.bytes().fold(String::new(), |mut text, byte| {
            let _ = write!(text, "{byte:02x}");
            text
        }),
        bytes.join(", "),
        bytes.join(","),
    ];
    all.extend(base64);
    all.sort();
    all.dedup();
    all
}

/// What of the secrets a text shows.
pub fn leaks(text: &str, secrets: &[String]) -> Vec<String> {
    let shown = |secret: &&String| forms(secret).iter().any(|form| text.contains(form.as_str()));
    secrets.iter().filter(shown).cloned().collect()
}
