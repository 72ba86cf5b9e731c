//! What the admin side and the library share.

use super::StateFileError;
use crate::{
    babel::Babel,
    bird::Bird,
    dixa::Dixa,
    frame::{engine::Core, switch::SwitchError},
};
use serde_json::{Map, Value};
use std::{path::PathBuf, sync::Arc};

/// The providers and what happens to their requests.
pub(crate) struct Shared {
    pub core: Arc<Core>,
    pub dixa: Arc<Dixa>,
    pub babel: Arc<Babel>,
    pub bird: Arc<Bird>,
    pub state_file: Option<PathBuf>,
}

impl Shared {
    /// Sets `<provider>.<switch>`.
    pub(crate) fn set_switch(&self, name: &str, value: &str) -> Result<(), SwitchError> {
        let unknown = || SwitchError::UnknownName {
            name: name.to_owned(),
        };
        let (provider, switch) = name.split_once('.').ok_or_else(|| SwitchError::NoProvider {
            name: name.to_owned(),
        })?;
        let found = self
            .core
            .providers
            .iter()
            .find(|found| found.name() == provider)
            .ok_or_else(unknown)?;
        found.set_switch(switch, value)
    }

    /// The state of every provider; a copy goes to the state file if one is named.
    pub(crate) fn snapshot(&self) -> Result<Value, StateFileError> {
        let parts = self
            .core
            .providers
            .iter()
            .map(|one| (one.name().to_owned(), one.snapshot()));
        let snapshot = Value::Object(parts.collect::<Map<_, _>>());
        if let Some(path) = &self.state_file {
            let failed = |source| StateFileError::File {
                path: path.clone(),
                source,
            };
            // Through a second file: a simulator that is killed here leaves the old state whole.
            let fresh = path.with_extension("new");
            std::fs::write(&fresh, snapshot.to_string()).map_err(failed)?;
            std::fs::rename(&fresh, path).map_err(failed)?;
        }
        Ok(snapshot)
    }

    /// Replaces the state of every provider that the snapshot names.
    pub(crate) fn restore(&self, mut snapshot: Value) -> Result<(), StateFileError> {
        for provider in &self.core.providers {
            if let Some(part) = snapshot.get_mut(provider.name()) {
                let content = |source| StateFileError::Content {
                    provider: provider.name(),
                    source,
                };
                provider.restore(part.take()).map_err(content)?;
            }
        }
        Ok(())
    }

    /// Restores from the state file.
    pub(crate) fn restore_file(&self) -> Result<(), StateFileError> {
        let path = self.state_file.as_ref().ok_or(StateFileError::NotNamed)?;
        let text = std::fs::read(path).map_err(|source| StateFileError::File {
            path: path.clone(),
            source,
        })?;
        let content = |source| StateFileError::Content {
            provider: "all",
            source,
        };
        self.restore(serde_json::from_slice(&text).map_err(content)?)
    }
}
