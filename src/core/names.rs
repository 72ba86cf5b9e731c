//! Names of things, each a type of its own, so that an id can never be passed where an event is meant.

use std::fmt;
use std::sync::Arc;

use crate::hash::short_tag;

/// Why a text cannot be the name it was meant to be.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum NameError {
    /// Nothing, or only white space.
    #[error("is empty")]
    Empty,
    /// Longer than the bound, in bytes.
    #[error("is longer than {0} bytes")]
    TooLong(usize),
    /// Something outside visible ASCII.
    #[error("may hold only visible ASCII characters")]
    NotVisibleAscii,
}

fn visible_ascii(text: &str, max: usize) -> Result<Arc<str>, NameError> {
    if text.is_empty() {
        return Err(NameError::Empty);
    }
    if text.len() > max {
        return Err(NameError::TooLong(max));
    }
    if !text.bytes().all(|b| b.is_ascii_graphic()) {
        return Err(NameError::NotVisibleAscii);
    }
    Ok(text.into())
}

macro_rules! name_type {
    ($(#[$doc:meta])* $name:ident, $max:expr) => {
        $(#[$doc])*
        ///
        /// Copies share the text.
        #[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $name(Arc<str>);

        impl $name {
            /// The longest text accepted, in bytes.
            pub const MAX: usize = $max;

            /// Accepts visible ASCII without spaces, from one byte to [`Self::MAX`].
            ///
            /// # Errors
            /// [`NameError`], which says what is wrong without repeating the text.
            pub fn parse(text: &str) -> Result<Self, NameError> {
                visible_ascii(text, Self::MAX).map(Self)
            }

            /// The text as it was given.
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }
    };
}

name_type! {
    /// The provider's id of a remote subscription: opaque, and always percent-encoded when it goes into a path.
    ExternalId, 256
}
name_type! {
    /// An event as the provider spells it. The sets are open, so nothing is checked but the alphabet.
    EventName, 128
}
name_type! {
    /// Which of an object's remote subscriptions is meant: `default` where there is only one.
    RemoteKey, 200
}
name_type! {
    /// The UID the apiserver gave to an object.
    ObjectUid, 64
}
name_type! {
    /// Which cluster this is: by default the UID of namespace `kube-system`.
    ClusterId, 128
}
name_type! {
    /// An account at a provider, as a keyed hash of (type, endpoint, workspace, credential).
    AccountId, 80
}

impl RemoteKey {
    /// The key of a provider that needs one remote subscription for an object.
    pub fn single() -> Self {
        Self("default".into())
    }

    /// The key under which a remote subscription is kept that another one of this key has taken the place of.
    #[must_use]
    pub fn retired(&self) -> Self {
        let kept = &self.0[..self.0.len().min(Self::MAX - 8)];
        Self(format!("{kept}#retired").into())
    }

    /// The key under which a remote subscription is kept that carries the object's marker and that nothing else is
    /// known of.
    #[must_use]
    pub fn stray(id: &ExternalId) -> Self {
        // An id may be longer than a key.
        let tag = short_tag("stray", &[id.as_str()]);
        Self(format!("stray#{}", String::from_utf8_lossy(&tag)).into())
    }
}

/// Namespace and name of a namespaced object. Copies share the texts.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ObjectName {
    /// The namespace.
    pub namespace: Arc<str>,
    /// The name within it.
    pub name: Arc<str>,
}

impl ObjectName {
    /// The object `name` of `namespace`, which is empty for an object of the cluster.
    pub fn new(namespace: &str, name: &str) -> Self {
        Self {
            namespace: namespace.into(),
            name: name.into(),
        }
    }
}

impl fmt::Display for ObjectName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.namespace, self.name)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_refuses_what_could_break_a_path_or_a_header() {
        assert_eq!(ExternalId::parse(""), Err(NameError::Empty));
        assert_eq!(ExternalId::parse("a b"), Err(NameError::NotVisibleAscii));
        assert_eq!(ExternalId::parse("a\r\nb"), Err(NameError::NotVisibleAscii));
        assert_eq!(ExternalId::parse("\u{fc}"), Err(NameError::NotVisibleAscii));
        assert_eq!(EventName::parse(&"x".repeat(129)), Err(NameError::TooLong(128)));
        assert_eq!(EventName::parse(&"x".repeat(128)).unwrap().as_str().len(), 128);
    }

    #[test]
    fn keys_that_are_made_up_are_keys_and_no_two_are_the_same() {
        let single = RemoteKey::single();
        assert_eq!(single.as_str(), "default");
        assert_eq!(single.retired().as_str(), "default#retired");
        let longest = RemoteKey::parse(&"x".repeat(RemoteKey::MAX)).unwrap();
        let retired = longest.retired();
        assert_eq!(RemoteKey::parse(retired.as_str()), Ok(retired.clone()));
        assert_eq!(retired.as_str().len(), RemoteKey::MAX);
        let [a, b] = ["a", "b"].map(|id| RemoteKey::stray(&ExternalId::parse(id).unwrap()));
        assert!(a != b && a.as_str().starts_with("stray#") && RemoteKey::parse(a.as_str()).is_ok());
    }

    #[test]
    fn an_object_is_written_with_its_namespace() {
        let name = ObjectName::new("support", "crm");
        assert_eq!(name.to_string(), "support/crm");
    }
}
