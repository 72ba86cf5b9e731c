//! One remote subscription as digests: what comparison needs, and nothing that could leak.

use std::fmt;

use crate::hash::{Fingerprint, HashKey};

macro_rules! fields {
    ($($(#[$doc:meta])* $field:ident => $text:literal),+ $(,)?) => {
        /// A part of a remote subscription that can be compared and changed on its own.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        #[repr(u8)]
        pub enum Field { $($(#[$doc])* $field),+ }

        impl Field {
            /// Every field, in the order in which they are shown.
            pub const ALL: &[Self] = &[$(Self::$field),+];

            /// The name that users see: in messages, in Events and in status.
            pub const fn as_str(self) -> &'static str {
                match self { $(Self::$field => $text),+ }
            }

            /// The field of that name.
            pub fn parse(text: &str) -> Option<Self> {
                match text { $($text => Some(Self::$field),)+ _ => None }
            }
        }
    };
}

fields! {
    /// The remote name, marker included.
    Name => "name",
    /// Where deliveries go.
    Url => "url",
    /// What is delivered.
    Events => "events",
    /// Whether it is switched on.
    Enabled => "enabled",
    /// Which of the events are delivered.
    Filters => "filters",
    /// How the provider authenticates to the URL.
    Authorization => "authorization",
    /// Further headers of a delivery.
    Headers => "headers",
    /// The key that deliveries are signed with.
    SigningKey => "signingKey",
    /// How often a failed delivery is repeated.
    MaxRetries => "maxRetryCount",
}

/// How many fields there are.
pub const FIELDS: usize = Field::ALL.len();

/// A set of fields.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Default)]
pub struct FieldSet(u16);

impl FieldSet {
    /// No field.
    pub const EMPTY: Self = Self(0);

    /// The set of these fields.
    pub const fn of(fields: &[Field]) -> Self {
        let mut bits = 0;
        let mut i = 0;
        while i < fields.len() {
            bits |= 1 << fields[i] as u16;
            i += 1;
        }
        Self(bits)
    }

    /// Whether `field` is in the set.
    pub const fn contains(self, field: Field) -> bool {
        self.0 >> field as u16 & 1 == 1
    }

    /// Whether there is no field in the set.
    pub const fn is_empty(self) -> bool {
        self.0 == 0
    }

    /// The set with `field` added.
    #[must_use]
    pub const fn with(self, field: Field) -> Self {
        Self(self.0 | 1 << field as u16)
    }

    /// The fields of either set.
    #[must_use]
    pub const fn union(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }

    /// The fields of this set that are not in `other`.
    #[must_use]
    pub const fn without(self, other: Self) -> Self {
        Self(self.0 & !other.0)
    }

    /// The fields of both sets.
    #[must_use]
    pub const fn intersection(self, other: Self) -> Self {
        Self(self.0 & other.0)
    }

    /// The fields in the order in which they are shown.
    pub fn iter(self) -> impl Iterator<Item = Field> {
        Field::ALL
            .iter()
            .copied()
            .filter(move |field| self.contains(*field))
    }
}

impl FromIterator<Field> for FieldSet {
    fn from_iter<I: IntoIterator<Item = Field>>(fields: I) -> Self {
        fields.into_iter().fold(Self::EMPTY, Self::with)
    }
}

impl fmt::Display for FieldSet {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (i, field) in self.iter().enumerate() {
            write!(f, "{}{}", if i == 0 { "" } else { ", " }, field.as_str())?;
        }
        Ok(())
    }
}

impl fmt::Debug for FieldSet {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{{{self}}}")
    }
}

/// What is known of one field.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Part {
    /// In an observation: the provider does not show it. In a wish: it is not managed.
    #[default]
    Unknown,
    /// It is there and empty: no filters, no authorization.
    Absent,
    /// It has this content.
    Is(Fingerprint),
}

impl Part {
    /// A short digest for comparison with a later look at the same field; zero stands for empty, `None` for not
    /// shown.
    pub fn short(self) -> Option<u64> {
        match self {
            Self::Unknown => None,
            Self::Absent => Some(0),
            Self::Is(fingerprint) => Some(fingerprint.short()),
        }
    }
}

/// All fields of one remote subscription, observed or wanted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Hash)]
pub struct View([Part; FIELDS]);

impl View {
    /// What is known of `field`.
    pub const fn get(&self, field: Field) -> Part {
        self.0[field as usize]
    }

    /// Sets what is known of `field`.
    pub const fn set(&mut self, field: Field, part: Part) {
        self.0[field as usize] = part;
    }

    /// The fields of which both views know the content, and it is not the same.
    pub fn differing(&self, other: &Self) -> FieldSet {
        self.fields(|field| {
            let (mine, theirs) = (self.get(field), other.get(field));
            mine != Part::Unknown && theirs != Part::Unknown && mine != theirs
        })
    }

    /// The fields for which `test` holds.
    pub fn fields(&self, test: impl Fn(Field) -> bool) -> FieldSet {
        Field::ALL.iter().copied().filter(|field| test(*field)).collect()
    }

    /// One digest of the whole view: what is wanted now is what was applied if their digests are equal.
    pub fn digest(&self, key: &HashKey) -> Fingerprint {
        let parts = self.0.iter().map(|part| match part {
            Part::Unknown => &b"?"[..],
            Part::Absent => b"-",
            Part::Is(fingerprint) => fingerprint.as_bytes(),
        });
        key.fingerprint("view", parts)
    }

    /// The view reduced to `fields`; the others become unknown.
    #[must_use]
    pub fn only(mut self, fields: FieldSet) -> Self {
        for field in Field::ALL.iter().filter(|field| !fields.contains(**field)) {
            self.set(*field, Part::Unknown);
        }
        self
    }

    /// The fields in the state `part`.
    pub fn fields_that_are(&self, part: Part) -> FieldSet {
        self.fields(|field| self.get(field) == part)
    }
}

/// Per field, a short digest of what was last sent or shown: the only knowledge there is of fields that a provider
/// hides, or shows in a form of its own. What is missing was sent empty, or never.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Hash)]
pub struct Sent {
    known: FieldSet,
    /// Zero where it is not known.
    digests: [u64; FIELDS],
}

impl Sent {
    /// What sending all of `wanted` amounts to.
    pub fn all_of(wanted: &View) -> Self {
        let mut sent = Self::default();
        for field in Field::ALL {
            if let Part::Is(fingerprint) = wanted.get(*field) {
                sent.set(*field, Some(fingerprint.short()));
            }
        }
        sent
    }

    /// The digest that was recorded for `field`.
    pub const fn get(&self, field: Field) -> Option<u64> {
        if self.known.contains(field) {
            Some(self.digests[field as usize])
        } else {
            None
        }
    }

    /// Records a digest for `field`.
    pub const fn set(&mut self, field: Field, digest: Option<u64>) {
        let single = FieldSet::of(&[field]);
        (self.known, self.digests[field as usize]) = match digest {
            Some(digest) => (self.known.union(single), digest),
            None => (self.known.without(single), 0),
        };
    }

    /// Whether there is no digest.
    pub fn is_empty(&self) -> bool {
        self.known.is_empty()
    }

    /// The managed fields of `wanted` whose content is not what was last sent.
    pub fn differing(&self, wanted: &View) -> FieldSet {
        wanted.fields(|field| match wanted.get(field) {
            Part::Unknown => false,
            Part::Absent => self.get(field).is_some(),
            Part::Is(fingerprint) => self.get(field) != Some(fingerprint.short()),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn is(text: &str) -> Part {
        Part::Is(HashKey::new([0; 32]).fingerprint("t", [text.as_bytes()]))
    }

    #[test]
    fn what_is_unknown_on_either_side_never_differs() {
        let (mut wanted, mut seen) = (View::default(), View::default());
        wanted.set(Field::Headers, is("a"));
        wanted.set(Field::Url, is("a"));
        wanted.set(Field::Filters, Part::Absent);
        seen.set(Field::Url, is("b"));
        seen.set(Field::Filters, is("f"));
        seen.set(Field::SigningKey, is("k"));
        assert_eq!(
            wanted.differing(&seen),
            FieldSet::of(&[Field::Url, Field::Filters])
        );
    }

    #[test]
    fn sent_notices_a_change_and_a_removal_but_not_an_unmanaged_field() {
        let mut wanted = View::default();
        wanted.set(Field::Headers, is("a"));
        let sent = Sent::all_of(&wanted);
        assert!(sent.differing(&wanted).is_empty());
        wanted.set(Field::Headers, is("b"));
        assert_eq!(sent.differing(&wanted), FieldSet::of(&[Field::Headers]));
        wanted.set(Field::Headers, Part::Absent);
        assert_eq!(sent.differing(&wanted), FieldSet::of(&[Field::Headers]));
        wanted.set(Field::Headers, Part::Unknown);
        assert!(sent.differing(&wanted).is_empty());
    }

    #[test]
    fn sets_of_fields_are_sets() {
        let set = |fields: &[Field]| FieldSet::of(fields);
        let (a, b, c) = (Field::Name, Field::Events, Field::MaxRetries);
        let (ab, bc) = (set(&[a, b]), set(&[b, c]));
        assert_eq!(ab.union(bc), set(&[a, b, c]));
        assert_eq!(ab.intersection(bc), set(&[b]));
        assert_eq!(ab.without(bc), set(&[a]));
        assert_eq!((ab.with(c), ab.with(b)), (set(&[c, b, a]), ab));
        for field in Field::ALL {
            assert_eq!(bc.contains(*field), [b, c].contains(field), "{field:?}");
            assert!(FieldSet::EMPTY.with(*field).contains(*field) && !FieldSet::EMPTY.contains(*field));
        }
        assert!(FieldSet::EMPTY.is_empty() && !set(&[a]).is_empty() && !set(&[c]).is_empty());
        assert!(bc.iter().eq([b, c]));
        assert_eq!([c, b].into_iter().collect::<FieldSet>(), bc);
        assert_eq!(
            (bc.to_string(), format!("{bc:?}")),
            ("events, maxRetryCount".into(), "{events, maxRetryCount}".into())
        );
    }

    #[test]
    fn a_view_tells_its_parts_and_its_digest_tells_them_apart() {
        let key = HashKey::new([0; 32]);
        let mut view = View::default();
        view.set(Field::Url, is("a"));
        view.set(Field::Filters, Part::Absent);
        assert_eq!(view.get(Field::Url), is("a"));
        assert_eq!(
            view.fields_that_are(Part::Absent),
            FieldSet::of(&[Field::Filters])
        );
        let only = view.only(FieldSet::of(&[Field::Url]));
        assert_eq!(
            (only.get(Field::Url), only.get(Field::Filters)),
            (is("a"), Part::Unknown)
        );
        let mut moved = View::default();
        moved.set(Field::Events, is("a"));
        let digests: std::collections::HashSet<_> = [View::default(), view, only, moved]
            .iter()
            .map(|view| view.digest(&key))
            .collect();
        assert_eq!(digests.len(), 4);
        assert_eq!(view.digest(&key), { view }.digest(&key));
    }

    #[test]
    fn what_was_sent_is_known_by_a_short_digest_for_each_field() {
        let mut wanted = View::default();
        wanted.set(Field::Headers, is("a"));
        wanted.set(Field::Filters, Part::Absent);
        let mut sent = Sent::all_of(&wanted);
        assert_eq!(
            (sent.get(Field::Headers), sent.get(Field::Filters)),
            (is("a").short(), None)
        );
        assert_eq!((Part::Unknown.short(), Part::Absent.short()), (None, Some(0)));
        assert!(is("a").short() != is("b").short() && is("a").short() > Some(1));
        assert!(!sent.is_empty() && Sent::default().is_empty());
        sent.set(Field::Headers, None);
        assert!(sent.is_empty());
    }

    #[test]
    fn every_field_round_trips_through_its_name() {
        for field in Field::ALL {
            assert_eq!(Field::parse(field.as_str()), Some(*field));
        }
    }
}
