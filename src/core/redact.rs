//! Makes a provider's refusal fit to be shown.

use base64::Engine;
use base64::engine::general_purpose::{STANDARD_NO_PAD, URL_SAFE_NO_PAD};
use secrecy::zeroize::Zeroizing;

mod reading;

use reading::{Reading, readings};

/// The longest text of a provider that is shown, in characters.
pub const SHOWN_MAX: usize = 200;
/// How much of a text is looked at, in bytes; what follows is not shown.
const LOOKED_AT: usize = 8 << 10;
const HIDDEN: &str = "[redacted]";
/// Shorter ones are not looked for: they would blank out ordinary text and are no secrets.
const SECRET_MIN: usize = 4;

/// The text without any of `secrets`, without control characters and cut at [`SHOWN_MAX`] characters.
///
/// A secret is found as it is and in another case, percent-encoded, with JSON's or HTML's escapes, in any mixture of
/// two of these, and in base64, also within something longer that was encoded as a whole. Secrets shorter than four
/// bytes are not looked for.
pub fn shown<'a>(text: &str, secrets: impl IntoIterator<Item = &'a str>) -> String {
    let secrets: Vec<_> = secrets
        .into_iter()
        .flat_map(|secret| [Zeroizing::new(secret.to_owned()), Zeroizing::new(visible(secret))])
        .filter(|secret| secret.len() >= SECRET_MIN && !crate::planted!(RedactNothing))
        .collect();
    // First of all: what is taken out later could be what kept a secret from being found.
    let longest = secrets
        .iter()
        .map(|secret| secret.len())
        .max()
        .unwrap_or_default();
    // A secret that begins before the end of what is shown must be whole; twelve bytes for one is the most that two
    // escapes, one in the other, take.
    let text = Zeroizing::new(visible(&text[..border(text, LOOKED_AT + 12 * longest)]));
    let end = border(&text, LOOKED_AT);
    let mut hidden = vec![false; text.len()];
    for reading in readings(&text) {
        for secret in &secrets {
            hide(&reading, secret, &mut hidden);
        }
    }
    for secret in &secrets {
        hide_base64(text.as_bytes(), secret, &mut hidden);
    }
    let mut shown = String::new();
    let mut before = false;
    for (at, c) in text[..end].char_indices() {
        match (hidden[at], before) {
            (true, false) => shown.push_str(HIDDEN),
            (true, true) => {}
            (false, _) => shown.push(c),
        }
        before = hidden[at];
    }
    shown.chars().take(SHOWN_MAX).collect()
}

/// The last border of a character up to `most` bytes.
fn border(text: &str, most: usize) -> usize {
    let most = most.min(text.len());
    (0..=most)
        .rev()
        .find(|at| text.is_char_boundary(*at))
        .unwrap_or_default()
}

/// The text without control characters, and without bidirectional overrides and zero-width characters, which can make
/// a terminal show something else.
fn visible(text: &str) -> String {
    text.chars()
        .filter(|c| !c.is_control() && !is_format(*c))
        .collect()
}

fn is_format(c: char) -> bool {
    matches!(c, '\u{ad}' | '\u{61c}' | '\u{180e}' | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}'
        | '\u{2060}'..='\u{206f}' | '\u{feff}' | '\u{fff9}'..='\u{fffb}' | '\u{e0000}'..='\u{e007f}')
}

/// Marks where the text reads as the secret, in whatever case.
fn hide(reading: &Reading, secret: &str, hidden: &mut [bool]) {
    let secret = secret.as_bytes();
    for window in reading.windows(secret.len()) {
        let same = window
            .iter()
            .zip(secret)
            .all(|(read, byte)| read.byte.eq_ignore_ascii_case(byte));
        if same && let (Some(first), Some(last)) = (window.first(), window.last()) {
            hidden[first.from..last.to].fill(true);
        }
    }
}

/// Marks the whole of what looks like base64 where the secret is encoded in it.
fn hide_base64(text: &[u8], secret: &str, hidden: &mut [bool]) {
    for (before, engine) in [0, 1, 2]
        .into_iter()
        .flat_map(|n| [(n, &STANDARD_NO_PAD), (n, &URL_SAFE_NO_PAD)])
    {
        let whole = Zeroizing::new([&b"xx"[..before], secret.as_bytes()].concat());
        let encoded = Zeroizing::new(engine.encode(&*whole));
        // Without the characters that depend on what stands before and behind.
        let core = &encoded.as_bytes()[(8 * before).div_ceil(6)..8 * whole.len() / 6];
        let is_part = |byte: &u8| byte.is_ascii_alphanumeric() || b"+/-_=".contains(byte);
        for at in 0..(text.len() + 1).saturating_sub(core.len()) {
            if text[at..].starts_with(core) {
                let from = text[..at]
                    .iter()
                    .rposition(|byte| !is_part(byte))
                    .map_or(0, |at| at + 1);
                let behind = text[at..].iter().position(|byte| !is_part(byte));
                let to = behind.map_or(text.len(), |length| at + length);
                hidden[from..to].fill(true);
            }
        }
    }
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
            "is [redacted] or [redacted] or [redacted] or [redacted]"
        );
        for text in [
            "S3CR T/+\u{e4}X",
            "s3cr+t%2F%2B%c3%A4x",
            "s3cr%2520t%252F%252B%25C3%25A4x",
            r"s3cr t\/+\u00e4x",
            r"\u0073\u0033cr\u0020t\u002f\u002B\u00e4x",
            "s3cr t&#x2F;&#43;&#228;x",
            "s3cr&#32;t&#47;+\u{e4}x",
            "s3\u{200b}cr t/\u{1b}+\u{e4}\nx",
            "s3cr%20t/+\u{e4}x",
            // `user:` and the secret, `xx:` and the secret, as they are in one header.
            "dXNlcjpzM2NyIHQvK8OkeA==",
            "eHg6czNjciB0LyvDpHg",
        ] {
            assert_eq!(shown(text, [secret]), HIDDEN, "{text}");
        }
    }

    #[test]
    fn what_is_too_short_to_be_a_secret_hides_nothing() {
        assert_eq!(shown("abc abcd", ["abc"]), "abc abcd");
        assert_eq!(shown("abc abcd", ["abcd"]), "abc [redacted]");
        assert_eq!(shown("", ["abcd"]), "");
    }

    #[test]
    fn base64_is_hidden_whole_from_the_first_to_the_last_of_its_characters() {
        assert_eq!(shown("YWJjZGVm", ["abcdef"]), HIDDEN);
        assert_eq!(shown("(YWJjZGVm)", ["abcdef"]), "([redacted])");
        // `user:abcdefgh`, `xuser:abcdefgh?` and `xxuser:abcdefgh??` in the URL-safe alphabet.
        for text in [
            "dXNlcjphYmNkZWZnaA==",
            "eHVzZXI6YWJjZGVmZ2g_",
            "eHh1c2VyOmFiY2RlZmdoPz8",
        ] {
            assert_eq!(
                shown(&format!("<{text}>"), ["abcdefgh"]),
                "<[redacted]>",
                "{text}"
            );
        }
    }

    #[test]
    fn the_case_of_escapes_does_not_depend_on_the_case_of_letters() {
        // Once, `%2f` was looked for in front of a lower-cased rest only.
        assert_eq!(shown("KEY%2fAbC", ["KEY/AbC"]), HIDDEN);
    }

    #[test]
    fn of_secrets_that_overlap_nothing_is_left() {
        assert_eq!(shown("abcdef", ["abcd", "cdef"]), HIDDEN);
        assert_eq!(shown("x abcdef y", ["abcd", "abcdef"]), "x [redacted] y");
    }

    #[test]
    fn control_characters_and_length_are_bounded() {
        let text = format!("a\u{1b}[31mb\r\n\u{202e}{}", "x".repeat(500));
        let shown = shown(&text, []);
        assert!(shown.starts_with("a[31mb") && shown.chars().count() == SHOWN_MAX);
    }

    #[test]
    fn a_secret_at_the_end_of_what_is_looked_at_is_not_shown_in_part() {
        let secret = "0123456789".repeat(400);
        let written = secret.replace('0', "%30");
        assert_eq!(shown(&written.repeat(3), [secret.as_str()]), HIDDEN);
        assert_eq!(
            shown(&format!("{written} ok"), [secret.as_str()]),
            "[redacted] ok"
        );
        // One that begins there, in a form that is three times as long.
        let (short, long) = ("abcdefgh", "0123456789".repeat(4));
        let escaped: Vec<String> = long.bytes().map(|byte| format!("%{byte:02x}")).collect();
        let escaped = escaped.concat();
        let text = format!("{}{escaped}", short.repeat((LOOKED_AT - 32) / short.len()));
        assert_eq!(shown(&text, [short, long.as_str()]), HIDDEN);
    }

    /// Ways in which a server may write a text.
    fn written(secret: &str, way: usize) -> String {
        let each = |write: &dyn Fn(u8) -> String| secret.bytes().map(write).collect::<String>();
        let plain = |byte: u8| char::from(byte).to_string();
        match way {
            0 => secret.to_owned(),
            1 => each(&|byte| format!("%{byte:02X}")),
            2 => each(&|byte| format!("%{byte:02x}")),
            3 => each(&|byte| {
                if byte.is_ascii_alphanumeric() {
                    plain(byte)
                } else {
                    format!("%{byte:02x}")
                }
            }),
            4 => each(&|byte| format!("\\u{byte:04x}")),
            5 => each(&|byte| {
                if b"/\\\"".contains(&byte) {
                    format!("\\{}", char::from(byte))
                } else {
                    plain(byte)
                }
            }),
            6 => each(&|byte| format!("&#{byte};")),
            7 => each(&|byte| format!("&#x{byte:X};")),
            8 => secret
                .replace('&', "&amp;")
                .replace('<', "&lt;")
                .replace('>', "&gt;")
                .replace('"', "&quot;"),
            9 => STANDARD_NO_PAD.encode(secret),
            10 => URL_SAFE_NO_PAD.encode(format!("x{secret}x")),
            11 => STANDARD_NO_PAD.encode(format!("xx{secret}xx")),
            12 => secret.to_uppercase(),
            13 => each(&|byte| format!("{}\u{200b}", char::from(byte))),
            _ => each(&|byte| format!("%25{byte:02X}")),
        }
    }

    proptest! {
        #[test]
        fn no_secret_survives(
            prefix in "[\u{e0}-\u{f6} ]{0,20}",
            secret in "[!-~]([!-~ ]{2,38})[!-~]",
            suffix in "[\u{e0}-\u{f6} ]{0,20}",
            way in 0_usize..15,
        ) {
            let text = format!("{prefix}{}{suffix}", written(&secret, way));
            prop_assert_eq!(shown(&text, [secret.as_str()]), format!("{prefix}{HIDDEN}{suffix}"));
        }
    }
}
