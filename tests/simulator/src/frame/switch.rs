//! Named settings, each of which stands for something a provider's documents leave open.

use crate::frame::rate::RateLimit;
use http::StatusCode;
use serde::Serialize;
use thiserror::Error;

/// One switch with its present value.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct SwitchEntry {
    /// Name without the provider in front, for example `echoCustomHeaders`.
    pub name: &'static str,
    /// Present value.
    pub value: String,
    /// The values it takes, for people.
    pub allowed: &'static str,
}

/// Why a switch was not set.
#[derive(Debug, Error, PartialEq, Eq)]
pub enum SwitchError {
    /// The name is not `<provider>.<switch>`.
    #[error("switch {name:?}: write it as <provider>.<switch>, for example dixa.patchAbsent")]
    NoProvider {
        /// The name as given.
        name: String,
    },
    /// No such provider or no such switch.
    #[error("switch {name:?} does not exist")]
    UnknownName {
        /// The name as given.
        name: String,
    },
    /// The switch does not take this value.
    #[error("switch {name:?} does not take {value:?}; it takes {allowed}")]
    BadValue {
        /// The name as given.
        name: String,
        /// The value as given.
        value: String,
        /// What it would take.
        allowed: &'static str,
    },
}

/// The word is not one that the switch takes.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct NotTaken;

/// What a switch can hold, read from a word and shown as the same word.
pub(crate) trait SwitchValue: Sized {
    fn parse(word: &str) -> Result<Self, NotTaken>;
    fn word(&self) -> String;
}

/// Declares an enum whose variants are the words of a switch.
macro_rules! choice {
    ($(#[$meta:meta])* $name:ident { $($(#[$note:meta])* $variant:ident = $word:literal),+ $(,)? }) => {
        $(#[$meta])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq)]
        pub(crate) enum $name { $($(#[$note])* $variant),+ }

        impl $crate::frame::switch::SwitchValue for $name {
            fn parse(word: &str) -> Result<Self, $crate::frame::switch::NotTaken> {
                match word { $($word => Ok(Self::$variant),)+ _ => Err($crate::frame::switch::NotTaken) }
            }

            fn word(&self) -> String {
                match self { $(Self::$variant => $word),+ }.to_owned()
            }
        }
    };
}
pub(crate) use choice;

/// Declares a provider's `Switches`: a field for each switch with its type, its default, its name and
/// what it takes, in the order in which people see them.
macro_rules! switch_table {
    ($provider:literal: $($field:ident: $kind:ty = $default:expr, $name:literal, $allowed:literal;)+) => {
        /// The present value of every switch.
        #[derive(Debug, Clone)]
        pub(crate) struct Switches { $(pub $field: $kind),+ }

        impl Default for Switches {
            fn default() -> Self {
                Self { $($field: $default),+ }
            }
        }

        impl Switches {
            pub(crate) fn entries(&self) -> Vec<$crate::frame::switch::SwitchEntry> {
                vec![$($crate::frame::switch::SwitchEntry {
                    name: $name,
                    value: $crate::frame::switch::SwitchValue::word(&self.$field),
                    allowed: $allowed,
                }),+]
            }

            /// All values by name, for a snapshot.
            pub(crate) fn values(&self) -> std::collections::BTreeMap<String, String> {
                let entries = self.entries().into_iter();
                entries.map(|entry| (entry.name.to_owned(), entry.value)).collect()
            }

            /// The switches of a snapshot.
            pub(crate) fn restored(
                values: &std::collections::BTreeMap<String, String>,
            ) -> Result<Self, serde_json::Error> {
                let mut switches = Self::default();
                for (name, value) in values {
                    switches.set(name, value).map_err(serde::de::Error::custom)?;
                }
                Ok(switches)
            }

            /// Sets one switch; nothing changes on an error.
            pub(crate) fn set(
                &mut self,
                name: &str,
                value: &str,
            ) -> Result<(), $crate::frame::switch::SwitchError> {
                match name {
                    $($name => {
                        let full_name = concat!($provider, ".", $name);
                        self.$field = $crate::frame::switch::read(full_name, value, $allowed)?;
                    })+
                    _ => {
                        let name = format!(concat!($provider, ".{}"), name);
                        return Err($crate::frame::switch::SwitchError::UnknownName { name });
                    }
                }
                Ok(())
            }
        }

        #[cfg(test)]
        mod table_tests {
            use super::Switches;

            #[test]
            fn every_switch_takes_back_the_value_it_shows() {
                let mut switches = Switches::default();
                for entry in Switches::default().entries() {
                    assert!(!entry.value.is_empty(), "{} shows nothing", entry.name);
                    switches.set(entry.name, &entry.value).unwrap();
                }
                assert_eq!(switches.entries(), Switches::default().entries());
            }

            #[test]
            fn every_word_that_a_switch_names_is_taken_and_shown_again() {
                for entry in Switches::default().entries() {
                    for word in entry.allowed.split('|').filter(|word| !word.starts_with('<')) {
                        let mut switches = Switches::default();
                        switches.set(entry.name, word).unwrap();
                        let shown = switches.entries();
                        assert!(shown.iter().any(|one| one.name == entry.name && one.value == word));
                    }
                }
            }
        }
    };
}
pub(crate) use switch_table;

/// Reads the value of a switch. Where `allowed` is a list of words only, it must be one of them.
pub(crate) fn read<T: SwitchValue>(
    full_name: &str,
    value: &str,
    allowed: &'static str,
) -> Result<T, SwitchError> {
    let fits = allowed.contains('<') || allowed.split('|').any(|word| word == value);
    let read = if fits { T::parse(value) } else { Err(NotTaken) };
    read.map_err(|NotTaken| SwitchError::BadValue {
        name: full_name.to_owned(),
        value: value.to_owned(),
        allowed,
    })
}

choice! {
    /// A switch that is on or off.
    YesNo { Yes = "yes", No = "no" }
}

impl YesNo {
    pub(crate) fn is_yes(self) -> bool {
        self == Self::Yes
    }
}

choice! {
    /// The same for those whose words are `on` and `off`.
    OnOff { On = "on", Off = "off" }
}

impl OnOff {
    pub(crate) fn is_on(self) -> bool {
        self == Self::On
    }
}

impl SwitchValue for u64 {
    fn parse(word: &str) -> Result<Self, NotTaken> {
        word.parse().map_err(|_| NotTaken)
    }

    fn word(&self) -> String {
        self.to_string()
    }
}

impl SwitchValue for StatusCode {
    fn parse(word: &str) -> Result<Self, NotTaken> {
        word.parse().map_err(|_| NotTaken)
    }

    fn word(&self) -> String {
        self.as_str().to_owned()
    }
}

/// `off` or a number above zero.
impl SwitchValue for Option<u64> {
    fn parse(word: &str) -> Result<Self, NotTaken> {
        match word {
            "off" => Ok(None),
            digits => match digits.parse() {
                Ok(0) | Err(_) => Err(NotTaken),
                Ok(number) => Ok(Some(number)),
            },
        }
    }

    fn word(&self) -> String {
        self.map_or_else(|| "off".to_owned(), |number| number.to_string())
    }
}

/// `none` or any text.
impl SwitchValue for Option<String> {
    fn parse(word: &str) -> Result<Self, NotTaken> {
        Ok((word != "none").then(|| word.to_owned()))
    }

    fn word(&self) -> String {
        self.clone().unwrap_or_else(|| "none".to_owned())
    }
}

/// `off` or `<per second>/<burst>`.
impl SwitchValue for Option<RateLimit> {
    fn parse(word: &str) -> Result<Self, NotTaken> {
        if word == "off" {
            return Ok(None);
        }
        let (per_second, burst) = word.split_once('/').ok_or(NotTaken)?;
        let number = |text: &str| text.parse::<f64>().map_err(|_| NotTaken);
        let limit = RateLimit {
            per_second: number(per_second)?,
            burst: number(burst)?,
        };
        if limit.per_second > 0.0 && limit.burst >= 1.0 {
            Ok(Some(limit))
        } else {
            Err(NotTaken)
        }
    }

    fn word(&self) -> String {
        self.map_or_else(
            || "off".to_owned(),
            |limit| format!("{}/{}", limit.per_second, limit.burst),
        )
    }
}
