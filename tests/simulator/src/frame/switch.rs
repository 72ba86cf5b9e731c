//! Named settings, each of which stands for something a provider's documents leave open.

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

/// Declares an enum whose variants are the words of a switch.
macro_rules! choice {
    ($(#[$meta:meta])* $name:ident { $($(#[$note:meta])* $variant:ident = $word:literal),+ $(,)? }) => {
        $(#[$meta])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq)]
        pub(crate) enum $name { $($(#[$note])* $variant),+ }

        impl $name {
            pub(crate) fn parse(word: &str) -> Option<Self> {
                match word { $($word => Some(Self::$variant),)+ _ => None }
            }

            pub(crate) fn word(self) -> &'static str {
                match self { $(Self::$variant => $word),+ }
            }
        }
    };
}
pub(crate) use choice;

choice! {
    /// A switch that is on or off.
    YesNo { Yes = "yes", No = "no" }
}

impl YesNo {
    pub(crate) fn is_yes(self) -> bool {
        self == Self::Yes
    }
}

/// The word is not one that the switch takes.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct NotTaken;

/// `off` or a number above zero.
pub(crate) fn parse_optional_number(word: &str) -> Result<Option<u64>, NotTaken> {
    match word {
        "off" => Ok(None),
        digits => digits
            .parse()
            .ok()
            .filter(|number| *number > 0)
            .map(Some)
            .ok_or(NotTaken),
    }
}

/// The opposite of [`parse_optional_number`].
pub(crate) fn optional_number_word(number: Option<u64>) -> String {
    number.map_or_else(|| "off".to_owned(), |number| number.to_string())
}
