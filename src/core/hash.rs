//! Keyed digests: how values are compared without being kept.
//!
//! Status, caches and shared LIST snapshots hold only [`Fingerprint`]s. They are HMACs, so that somebody who
//! may read status cannot test guesses of a password against them.

use std::fmt;

use hmac::{Hmac, KeyInit, Mac};
use secrecy::{ExposeSecret, SecretBox};
use sha2::{Digest, Sha256};

/// The first 16 bytes of an HMAC-SHA256.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Fingerprint([u8; 16]);

impl Fingerprint {
    /// The bytes, as parts of a further digest.
    pub const fn as_bytes(&self) -> &[u8] {
        &self.0
    }

    /// Reads what `Display` writes: 32 hexadecimal digits.
    pub fn parse(text: &str) -> Option<Self> {
        // A sign would be read as a part of a number.
        if text.len() != 32 || !text.bytes().all(|digit| digit.is_ascii_hexdigit()) {
            return None;
        }
        let mut bytes = [0; 16];
        for (byte, pair) in bytes.iter_mut().zip(0..) {
            *byte = u8::from_str_radix(text.get(2 * pair..2 * pair + 2)?, 16).ok()?;
        }
        Some(Self(bytes))
    }

    /// The first eight bytes as a number: enough where values are only compared with their own past.
    pub fn short(self) -> u64 {
        self.0
            .iter()
            .take(8)
            .fold(0, |short, byte| short << 8 | u64::from(*byte))
    }
}

impl fmt::Display for Fingerprint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

impl fmt::Debug for Fingerprint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// The secret key of all fingerprints: 32 random bytes that live in a Secret of the operator's namespace.
#[derive(Debug)]
pub struct HashKey {
    key: SecretBox<[u8; 32]>,
    id: u32,
}

impl HashKey {
    /// Takes the key bytes as they were stored.
    pub fn new(bytes: [u8; 32]) -> Self {
        let mut key = Self {
            key: SecretBox::new(Box::new(bytes)),
            id: 0,
        };
        let id = key.fingerprint("key-id", [&b""[..]]).short();
        key.id = u32::try_from(id >> 32).unwrap_or_default();
        key
    }

    /// A public name of the key, which lets a stored hash be recognised as made with another one.
    pub fn id(&self) -> u32 {
        self.id
    }

    /// Digests `parts` under `domain`. Parts are length-prefixed, so that moving a byte from one to the next
    /// changes the result.
    pub fn fingerprint<'a>(&self, domain: &str, parts: impl IntoIterator<Item = &'a [u8]>) -> Fingerprint {
        let Ok(mut mac) = Hmac::<Sha256>::new_from_slice(self.key.expose_secret()) else {
            unreachable!("HMAC takes a key of any length")
        };
        mac.update(domain.as_bytes());
        mac.update(&[0]);
        for part in parts {
            mac.update(&(part.len() as u64).to_be_bytes());
            mac.update(part);
        }
        let digest = mac.finalize().into_bytes();
        let mut short = [0; 16];
        short.copy_from_slice(&digest[..16]);
        Fingerprint(short)
    }
}

/// 40 bits of an unkeyed SHA-256 as eight base32 characters: for markers, which must be recognised by an
/// operator that has lost its hash key.
pub(crate) fn short_tag(domain: &str, parts: &[&str]) -> [u8; 8] {
    const ALPHABET: &[u8; 32] = b"abcdefghijkmnpqrstuvwxyz23456789";
    let mut sha = Sha256::new();
    sha.update(domain.as_bytes());
    sha.update([0]);
    for part in parts {
        sha.update((part.len() as u64).to_be_bytes());
        sha.update(part.as_bytes());
    }
    let digest = sha.finalize();
    let bits = digest[..5]
        .iter()
        .fold(0_u64, |bits, byte| bits << 8 | u64::from(*byte));
    std::array::from_fn(|i| ALPHABET[(bits >> (35 - 5 * i) & 31) as usize])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_fingerprint_depends_on_key_domain_and_the_border_between_parts() {
        let key = HashKey::new([1; 32]);
        let base = key.fingerprint("url", [&b"ab"[..], b"c"]);
        assert_eq!(base, key.fingerprint("url", [&b"ab"[..], b"c"]));
        assert_ne!(base, key.fingerprint("url", [&b"a"[..], b"bc"]));
        assert_ne!(base, key.fingerprint("headers", [&b"ab"[..], b"c"]));
        assert_ne!(base, HashKey::new([2; 32]).fingerprint("url", [&b"ab"[..], b"c"]));
        assert_ne!(key.id(), HashKey::new([2; 32]).id());
    }

    #[test]
    fn a_fingerprint_reads_back_what_it_shows() {
        let fingerprint = HashKey::new([1; 32]).fingerprint("t", [&b"x"[..]]);
        assert_eq!(Fingerprint::parse(&fingerprint.to_string()), Some(fingerprint));
        assert_eq!(Fingerprint::parse("zz"), None);
        assert_eq!(Fingerprint::parse(&"\u{e4}".repeat(16)), None);
        let shown = fingerprint.to_string();
        assert_eq!(format!("{fingerprint:?}"), shown);
        for wrong in [
            &shown[1..],
            &format!("{shown}0"),
            &"+f".repeat(16),
            &"0g".repeat(16),
        ] {
            assert_eq!(Fingerprint::parse(wrong), None, "{wrong}");
        }
    }

    /// What stands in status and in names at providers has to be found again by every later version. The expected
    /// values come from another implementation of SHA-256 and HMAC (Python's `hashlib`).
    #[test]
    fn what_was_written_down_once_is_written_the_same_for_ever() {
        let key = HashKey::new([1; 32]);
        let fingerprint = key.fingerprint("url", [&b"ab"[..], b"c"]);
        assert_eq!(fingerprint.to_string(), "8b01f7d42a3ab31ef40491b4ef3e78f7");
        assert_eq!(fingerprint.as_bytes()[..2], [0x8b, 0x01]);
        assert_eq!(fingerprint.short(), 0x8b01_f7d4_2a3a_b31e);
        assert_eq!(key.id(), 152_846_344);
        let tag = |domain, parts: &[&str]| String::from_utf8(short_tag(domain, parts).to_vec()).unwrap();
        assert_eq!(tag("object", &["support", "crm"]), "2ydfn2kt");
        assert_eq!(tag("cluster", &["c1"]), "vyvjrtwj");
        assert_eq!(tag("uid", &["u1"]), "jsb6nvt2");
        assert_eq!(tag("key", &["default"]), "ffmk84rw");
    }

    #[test]
    fn debug_of_the_key_shows_no_byte_of_it() {
        let shown = format!("{:?}", HashKey::new([0xab; 32]));
        assert!(
            !shown.contains("171") && !shown.to_lowercase().contains("abab"),
            "{shown}"
        );
    }
}
