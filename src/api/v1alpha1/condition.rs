//! Conditions, and the texts that are the same in many objects.

use std::borrow::Cow;
use std::collections::HashSet;
use std::fmt;
use std::ops::Deref;
use std::sync::{Arc, LazyLock, Mutex, PoisonError};

use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// One aspect of an object's state, as the API conventions of Kubernetes have it (`metav1.Condition`). A type of our own,
/// as every object that is watched has several, and k8s-openapi's holds four texts of each on its own.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Condition {
    /// When `status` became what it is.
    pub last_transition_time: Time,
    /// For people; it may be empty.
    pub message: Text,
    /// The `metadata.generation` that it speaks of.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub observed_generation: Option<i64>,
    /// Why, as one word that programs can rely on.
    pub reason: Text,
    /// `True`, `False` or `Unknown`.
    pub status: Text,
    /// Which aspect.
    #[serde(rename = "type")]
    pub type_: Text,
}

/// A text that many objects have: equal ones share their memory, as far as they are short and among the first that came.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Text(Arc<str>);

/// The longest text that is shared, in bytes: the usual messages are shorter.
const SHORT: usize = 64;
/// How many texts are shared: several times as many as there are reasons, types and usual messages. Whatever a status
/// holds that somebody else wrote, it costs no more than these.
const SHARED: usize = 512;

static TEXTS: LazyLock<Mutex<HashSet<Arc<str>>>> = LazyLock::new(Mutex::default);

impl From<&str> for Text {
    fn from(text: &str) -> Self {
        if text.len() > SHORT {
            return Self(text.into());
        }
        let mut texts = TEXTS.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(known) = texts.get(text) {
            return Self(Arc::clone(known));
        }
        let new: Arc<str> = text.into();
        if texts.len() < SHARED {
            texts.insert(Arc::clone(&new));
        }
        Self(new)
    }
}

impl Deref for Text {
    type Target = str;

    fn deref(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for Text {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self)
    }
}

impl PartialEq<&str> for Text {
    fn eq(&self, other: &&str) -> bool {
        **self == **other
    }
}

impl Serialize for Text {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self)
    }
}

impl<'de> Deserialize<'de> for Text {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Cow::<str>::deserialize(deserializer).map(|text| Self::from(&*text))
    }
}

#[cfg(test)]
mod tests {
    use k8s_openapi::apimachinery::pkg::apis::meta::v1 as upstream;
    use serde_json::json;

    use super::*;

    #[test]
    fn a_condition_is_written_as_kubernetes_writes_it_and_read_back() {
        let written = json!([
            {"lastTransitionTime": "2026-01-02T03:04:05Z", "message": "a\n\"b\"", "observedGeneration": 3,
                "reason": "InSync", "status": "True", "type": "Ready"},
            {"lastTransitionTime": "2026-01-02T03:04:05Z", "message": "", "reason": "Valid", "status": "False",
                "type": "Accepted"},
        ]);
        let text = written.to_string();
        let ours: Vec<Condition> = serde_json::from_str(&text).unwrap();
        let theirs: Vec<upstream::Condition> = serde_json::from_str(&text).unwrap();
        let [ours, theirs] =
            [serde_json::to_string(&ours), serde_json::to_string(&theirs)].map(Result::unwrap);
        assert_eq!(ours, theirs);
        assert_eq!(
            serde_json::from_value::<Vec<Condition>>(written).unwrap()[0].message,
            "a\n\"b\""
        );
    }

    #[test]
    fn short_texts_are_shared_long_ones_and_too_many_are_not_and_all_are_equal() {
        let shared = |text: &str| {
            let [a, b] = [Text::from(text), Text::from(text)];
            assert_eq!((&a, &*a), (&b, text));
            Arc::ptr_eq(&a.0, &b.0)
        };
        assert!(shared("Ready") && shared(&"x".repeat(SHORT)));
        assert!(!shared(&"x".repeat(SHORT + 1)));
        for number in 0..SHARED {
            let _ = Text::from(format!("text {number}").as_str());
        }
        assert!(shared("Ready") && !shared("one too many"));
        assert!(TEXTS.lock().unwrap().len() <= SHARED);
    }
}
