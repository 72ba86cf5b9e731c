//! Makes a provider's refusal fit to be shown.

use base64::Engine;
use base64::engine::general_purpose::{STANDARD_NO_PAD, URL_SAFE_NO_PAD};
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};

/// Everything but the unreserved characters of RFC 3986.
const UNRESERVED: &AsciiSet = &NON_ALPHANUMERIC
    .remove(b'-')
    .remove(b'.')
    .remove(b'_')
    .remove(b'~');

/// The longest text of a provider that is shown, in characters.
pub const SHOWN_MAX: usize = 200;
const HIDDEN: &str = "[redacted]";

/// The text without any of `secrets` (as they are, in base64, percent-encoded), without control characters and
/// cut at [`SHOWN_MAX`] characters. Secrets shorter than four bytes are not looked for: they would blank out
/// ordinary text and are no secrets.
pub fn shown<'a>(text: &str, secrets: impl IntoIterator<Item = &'a str>) -> String {
    // Long secrets first: one that contains another must not be left half-shown.
    let mut forms: Vec<String> = secrets
        .into_iter()
        .filter(|s| s.len() >= 4 && !crate::planted!(RedactNothing))
        .flat_map(forms)
        .collect();
    forms.sort_by_key(|form| std::cmp::Reverse(form.len()));
    let mut text = text.to_owned();
    for form in forms {
        text = text.replace(&form, HIDDEN);
    }
    text.chars()
        .filter(|c| !c.is_control() && !is_format(*c))
        .take(SHOWN_MAX)
        .collect()
}

/// Bidirectional overrides and zero-width characters, which can make a terminal show something else.
fn is_format(c: char) -> bool {
    matches!(c, '\u{200b}'..='\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2060}'..='\u{2069}' | '\u{feff}')
}

fn forms(secret: &str) -> [String; 5] {
    let percent = utf8_percent_encode(secret, UNRESERVED).to_string();
    let (plain, url_safe) = (STANDARD_NO_PAD.encode(secret), URL_SAFE_NO_PAD.encode(secret));
    [
        secret.to_owned(),
        percent.to_lowercase(),
        percent,
        plain,
        url_safe,
    ]
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_secret_is_hidden_in_every_form() {
        let secret = "s3cr t/+\u{e4}x";
        let text = "is s3cr t/+\u{e4}x or czNjciB0LyvDpHg= or s3cr%20t%2F%2B%C3%A4x or s3cr%20t%2f%2b%c3%a4x";
        assert_eq!(
            shown(text, [secret]),
            "is [redacted] or [redacted]= or [redacted] or [redacted]"
        );
    }

    #[test]
    fn control_characters_and_length_are_bounded() {
        let text = format!("a\u{1b}[31mb\r\n\u{202e}{}", "x".repeat(500));
        let shown = shown(&text, []);
        assert!(shown.starts_with("a[31mb") && shown.chars().count() == SHOWN_MAX);
    }

    proptest! {
        #[test]
        fn no_secret_survives(prefix in ".{0,20}", secret in "[!-~]{4,40}", suffix in ".{0,20}") {
            let text = format!("{prefix}{secret}{suffix}");
            prop_assume!(!HIDDEN.contains(&secret) );
            let clean = shown(&text, [secret.as_str()]);
            let survives = clean.replace(HIDDEN, "\n").contains(&secret);
            prop_assert!(!survives);
        }
    }
}
