//! The forms in which results can be had. JSON and YAML are the same values; their members are stable.

use clap::ValueEnum;
use serde::Serialize;

use super::error::PluginError;

/// `-o` of verbs that list things.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Format {
    /// One object with stable members.
    Json,
    /// The same as YAML.
    Yaml,
    /// `kind/name`, a line each, for other commands.
    Name,
    /// A table with more columns.
    Wide,
}

/// `-o` of verbs that tell about one thing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Document {
    /// One object with stable members.
    Json,
    /// The same as YAML.
    Yaml,
}

impl Document {
    /// The value as text, ending in a newline.
    ///
    /// # Errors
    /// [`PluginError::Json`] or [`PluginError::Yaml`].
    pub(super) fn render(self, value: &impl Serialize) -> Result<String, PluginError> {
        match self {
            Self::Json => Ok(serde_json::to_string_pretty(value)? + "\n"),
            Self::Yaml => {
                // Through JSON, so that both have the same members.
                let text = serde_saphyr::to_string(&serde_json::to_value(value)?)?;
                Ok(if text.ends_with('\n') { text } else { text + "\n" })
            }
        }
    }
}
