//! How a command ends.

use std::io;
use std::time::Duration;

use crate::cluster::{ClientError, ClusterIdError, brief};
use crate::config::ConfigError;
use crate::doctor::DoctorError;
use crate::provider::ProviderError;

/// The exit statuses, the same for every verb.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
pub enum Exit {
    /// Done, and nothing to object to.
    Done = 0,
    /// Done, and the answer is no: not ready, a test failed, a check failed, there are changes.
    No = 1,
    /// Wrong usage.
    Usage = 2,
    /// It could not be done.
    Error = 3,
    /// There is no such object.
    NotFound = 4,
    /// The rights of the person who runs it do not suffice.
    Forbidden = 5,
    /// What was waited for did not happen within `--timeout`.
    TimedOut = 6,
}

impl Exit {
    /// All of them, with their meaning, in the order of their numbers.
    pub const ALL: &[(Self, &'static str)] = &[
        (Self::Done, "done, and nothing to object to"),
        (
            Self::No,
            "done, and the answer is no: not ready, a failed test or check, changes to make",
        ),
        (Self::Usage, "wrong usage"),
        (Self::Error, "it could not be done"),
        (Self::NotFound, "no such object"),
        (
            Self::Forbidden,
            "your rights in the cluster, or the credential's at the provider, do not suffice",
        ),
        (Self::TimedOut, "not within --timeout"),
    ];
}

/// Why a command could not be carried out. No text holds a secret or an answer's body.
#[derive(Debug, thiserror::Error)]
pub enum PluginError {
    /// The client of the apiserver.
    #[error(transparent)]
    Client(#[from] ClientError),
    /// There is no such object.
    #[error("{what} does not exist")]
    NotFound {
        /// Kind, namespace and name.
        what: String,
    },
    /// A right is missing.
    #[error("you may not {verb} {what}: {}", brief(source))]
    Forbidden {
        /// What was tried.
        verb: &'static str,
        /// Kind, namespace and name.
        what: String,
        /// What the apiserver says.
        source: Box<kube::Error>,
    },
    /// Any other answer of the apiserver, or none.
    #[error("cannot {verb} {what}: {}", brief(source))]
    Apiserver {
        /// What was tried.
        verb: &'static str,
        /// Kind, namespace and name.
        what: String,
        /// What the apiserver says.
        source: Box<kube::Error>,
    },
    /// The provider.
    #[error("{what}: {source}")]
    Provider {
        /// The provider object.
        what: String,
        /// What came of the request.
        source: ProviderError,
    },
    /// The cluster's id, which markers are made with.
    #[error(transparent)]
    ClusterId(#[from] ClusterIdError),
    /// Something did not happen in time.
    #[error("{what} did not happen within {}; {hint}", crate::duration::format_duration(*after))]
    TimedOut {
        /// What was waited for.
        what: String,
        /// How long.
        after: Duration,
        /// What to look at.
        hint: String,
    },
    /// The request makes no sense for the object as it is.
    #[error("{0}")]
    Unfit(String),
    /// Flags that do not go together.
    #[error(transparent)]
    Flags(#[from] ConfigError),
    /// The doctor could not look.
    #[error(transparent)]
    Doctor(#[from] DoctorError),
    /// The result could not be written as JSON.
    #[error("cannot write the result as JSON")]
    Json(#[from] serde_json::Error),
    /// The result could not be written as YAML.
    #[error("cannot write the result as YAML")]
    Yaml(#[from] serde_saphyr::ser::Error),
    /// Standard output is closed or full.
    #[error("cannot write the result")]
    Output(#[from] io::Error),
}

impl PluginError {
    /// What became of trying to `verb` `what`.
    pub(super) fn of(source: kube::Error, verb: &'static str, what: impl Into<String>) -> Self {
        let what = what.into();
        let source = Box::new(crate::cluster::without_answer(source));
        match &*source {
            kube::Error::Api(status) if status.code == 404 && status.reason == "NotFound" => {
                Self::NotFound { what }
            }
            kube::Error::Api(status) if matches!(status.code, 401 | 403) => {
                Self::Forbidden { verb, what, source }
            }
            _ => Self::Apiserver { verb, what, source },
        }
    }

    /// The exit status. Total.
    pub const fn exit(&self) -> Exit {
        match self {
            Self::NotFound { .. } => Exit::NotFound,
            Self::Forbidden { .. }
            | Self::ClusterId(ClusterIdError::Forbidden)
            | Self::Provider {
                source: ProviderError::Unauthenticated | ProviderError::Forbidden { .. },
                ..
            } => Exit::Forbidden,
            Self::TimedOut { .. } => Exit::TimedOut,
            Self::Flags(_) => Exit::Usage,
            Self::Client(_)
            | Self::Apiserver { .. }
            | Self::Provider { .. }
            | Self::ClusterId(_)
            | Self::Unfit(_)
            | Self::Doctor(_)
            | Self::Json(_)
            | Self::Yaml(_)
            | Self::Output(_) => Exit::Error,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn exit_statuses_are_told_apart_and_listed_in_order() {
        for (number, (exit, meaning)) in Exit::ALL.iter().enumerate() {
            assert_eq!(*exit as usize, number);
            assert!(!meaning.is_empty());
        }
    }
}
