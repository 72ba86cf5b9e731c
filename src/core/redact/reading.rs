//! What a text says once its escapes are undone, and where each byte of that comes from.

/// One byte, and the part of the text that it was read from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Read {
    pub(super) byte: u8,
    pub(super) from: usize,
    pub(super) to: usize,
}

/// A text as it can be read.
pub(super) type Reading = Vec<Read>;

/// The characters at the start of what is given that are one escape, and what they stand for.
type Escape = fn(&[Read]) -> Option<(usize, char)>;

/// A byte of an escape may be a part of a character only.
enum Kind {
    Bytes(Escape),
    Characters(Escape),
}

const KINDS: [Kind; 4] = [
    Kind::Bytes(percent),
    Kind::Bytes(form),
    Kind::Characters(backslash),
    Kind::Characters(entity),
];

/// The text as it is, and with one or two kinds of escapes undone.
pub(super) fn readings(text: &str) -> Vec<Reading> {
    let plain = text.bytes().enumerate();
    let plain: Reading = plain
        .map(|(at, byte)| Read {
            byte,
            from: at,
            to: at + 1,
        })
        .collect();
    let mut all = vec![plain];
    let mut of_last_round = 0..1;
    for _ in 0..2 {
        let end = all.len();
        for number in of_last_round {
            for kind in &KINDS {
                let undone = undo(&all[number], kind);
                // What has no such escape reads as it did.
                if undone != all[number] {
                    all.push(undone);
                }
            }
        }
        of_last_round = end..all.len();
    }
    all
}

fn undo(reading: &[Read], kind: &Kind) -> Reading {
    let mut undone = Reading::with_capacity(reading.len());
    let mut rest = reading;
    while let Some((first, behind)) = rest.split_first() {
        let (Kind::Bytes(escape) | Kind::Characters(escape)) = kind;
        let Some((length, c)) = escape(rest) else {
            undone.push(*first);
            rest = behind;
            continue;
        };
        let to = rest[..length].last().map_or(first.to, |last| last.to);
        let read = |byte| Read {
            byte,
            from: first.from,
            to,
        };
        match (kind, u8::try_from(u32::from(c))) {
            (Kind::Bytes(_), Ok(byte)) => undone.push(read(byte)),
            _ => undone.extend(c.encode_utf8(&mut [0; 4]).bytes().map(read)),
        }
        rest = &rest[length..];
    }
    undone
}

fn number(digits: &[Read], radix: u32) -> Option<u32> {
    if digits.is_empty() || digits.len() > 8 {
        return None;
    }
    digits.iter().try_fold(0_u32, |number, read| {
        let digit = char::from(read.byte).to_digit(radix)?;
        number.checked_mul(radix)?.checked_add(digit)
    })
}

fn starts(reading: &[Read], text: &str) -> bool {
    reading.len() >= text.len()
        && reading
            .iter()
            .zip(text.bytes())
            .all(|(read, byte)| read.byte == byte)
}

/// `%2F` (RFC 3986, section 2.1).
fn percent(reading: &[Read]) -> Option<(usize, char)> {
    if !starts(reading, "%") {
        return None;
    }
    let byte = u8::try_from(number(reading.get(1..3)?, 16)?).ok()?;
    Some((3, char::from(byte)))
}

/// The same in a form, where a plus is a space.
fn form(reading: &[Read]) -> Option<(usize, char)> {
    if starts(reading, "+") {
        return Some((1, ' '));
    }
    percent(reading)
}

/// `\/`, `\u002f`, `\x2f`. Line breaks and the like are not among them: no text has one any more.
fn backslash(reading: &[Read]) -> Option<(usize, char)> {
    if !starts(reading, "\\") {
        return None;
    }
    let length = match reading.get(1)?.byte {
        b'u' => 6,
        b'x' => 4,
        byte @ (b'/' | b'\\' | b'"' | b'\'') => return Some((2, char::from(byte))),
        _ => return None,
    };
    let c = char::from_u32(number(reading.get(2..length)?, 16)?)?;
    Some((length, c))
}

/// `&amp;`, `&#47;`, `&#x2F;`.
fn entity(reading: &[Read]) -> Option<(usize, char)> {
    if !starts(reading, "&") {
        return None;
    }
    let named = [
        ("&amp;", '&'),
        ("&lt;", '<'),
        ("&gt;", '>'),
        ("&quot;", '"'),
        ("&apos;", '\''),
    ];
    if let Some((name, c)) = named.into_iter().find(|(name, _)| starts(reading, name)) {
        return Some((name.len(), c));
    }
    // The longest number that is one has seven digits.
    let end = reading.iter().take(12).position(|read| read.byte == b';')?;
    let (digits, radix) = if starts(reading, "&#x") || starts(reading, "&#X") {
        (reading.get(3..end)?, 16)
    } else if starts(reading, "&#") {
        (reading.get(2..end)?, 10)
    } else {
        return None;
    };
    Some((end + 1, char::from_u32(number(digits, radix)?)?))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn said(text: &str) -> Vec<String> {
        let all = readings(text);
        for read in all.iter().flatten() {
            assert!(read.from < read.to && read.to <= text.len());
        }
        all.iter()
            .map(|reading| {
                String::from_utf8_lossy(&reading.iter().map(|read| read.byte).collect::<Vec<_>>()).into()
            })
            .collect()
    }

    #[test]
    fn a_text_without_escapes_has_one_reading() {
        assert_eq!(said("nothing 100% & \\ ;"), ["nothing 100% & \\ ;"]);
    }

    #[test]
    fn escapes_within_escapes_are_undone_twice() {
        for text in ["%252F", "%5Cu002f", "&#37;2f", "\\u00252f", "&amp;#47;"] {
            assert!(said(text).contains(&"/".to_owned()), "{text}: {:?}", said(text));
        }
    }

    #[test]
    fn each_kind_of_escape_is_undone() {
        for text in [
            "%2f",
            "%2F",
            "\\/",
            "\\u002F",
            "\\x2f",
            "&#47;",
            "&#x2f;",
            "&#X2F;",
            "&#00000047;",
            "&#x0000002f;",
        ] {
            assert!(said(text).contains(&"/".to_owned()), "{text}: {:?}", said(text));
        }
        for (text, plain) in [
            ("a+b", "a b"),
            ("\\\"", "\""),
            ("\\'", "'"),
            ("\\\\", "\\"),
            ("&lt;&gt;&quot;&apos;&amp;", "<>\"'&"),
            ("%C3%A4", "\u{e4}"),
            ("\\u00e4", "\u{e4}"),
        ] {
            assert!(said(text).contains(&plain.to_owned()), "{text}: {:?}", said(text));
        }
    }

    #[test]
    fn what_only_looks_like_an_escape_is_text() {
        for text in [
            "%g0",
            "\\n",
            "\\xg0",
            "&#000000047;",
            "&47;",
            "&copy;",
            "&#47",
            "&#110000000;",
            "%",
        ] {
            assert_eq!(said(text), [text]);
        }
    }

    #[test]
    fn escapes_that_are_cut_off_are_text() {
        for text in [
            "%",
            "%2",
            "\\",
            "\\u00",
            "&#",
            "&#x;",
            "&#99999999999;",
            "\\ud800",
        ] {
            assert_eq!(said(text), [text]);
        }
    }
}
