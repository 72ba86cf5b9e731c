//! What can go wrong between us and a provider, and what follows from it: one table for all adapters.
//!
//! No variant holds a URL, a header or a body. Text that a provider wrote appears in one place only, the
//! `message` of [`ProviderError::Rejected`], and has been redacted before it got there.

use std::time::Duration;

use http::StatusCode;
use operator_core::retry::Disposition;

/// How long a refused credential rests before it is tried again, unless its Secret changes.
pub const CREDENTIAL_RETRY: Duration = Duration::from_secs(600);

/// Why a call to a provider did not give what was asked for. `Display` is fit for users.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ProviderError {
    /// The request could not be built, so nothing was sent.
    #[error("the request cannot be sent: {why}")]
    NotSendable {
        /// What is wrong with it.
        why: &'static str,
    },
    /// There was no connection: name resolution, TCP or the time limit for both failed.
    #[error("the provider cannot be reached: {why}")]
    Unreachable {
        /// What failed.
        why: &'static str,
    },
    /// The TLS handshake failed, which is before anything of the request is sent.
    #[error("the provider's TLS certificate or handshake is not acceptable: {why}")]
    TlsInvalid {
        /// What is wrong.
        why: &'static str,
    },
    /// The connection broke after the request had begun.
    #[error("the connection to the provider broke before its answer was complete: {why}")]
    Interrupted {
        /// How.
        why: &'static str,
    },
    /// The whole call took longer than it may.
    #[error("the provider's answer was not complete after {} s", after.as_secs_f32())]
    DeadlineExceeded {
        /// The limit.
        after: Duration,
    },
    /// 429.
    #[error("the provider's rate limit is reached (status 429)")]
    Throttled {
        /// What `Retry-After` asks for, at most an hour.
        retry_after: Option<Duration>,
    },
    /// 401.
    #[error("the provider does not accept the credential (status 401)")]
    Unauthenticated,
    /// 403, or 402: the credential is known, and may not do this.
    #[error("the provider does not allow this with the credential (status {status})")]
    Forbidden {
        /// The status.
        status: u16,
    },
    /// The provider refused what was sent, in a form that shows that it is the provider's own answer.
    #[error("the provider refused the request (status {status}){}", suffix(message.as_deref()))]
    Rejected {
        /// The status.
        status: u16,
        /// The provider's words, for 400 and 422 in the documented shape: redacted and cut.
        message: Option<String>,
    },
    /// 409.
    #[error("the provider reports a conflict (status 409)")]
    Conflict,
    /// 404 or 410 for an id, in a form that shows that it is the provider's own answer.
    #[error("the provider does not know the subscription (status {status})")]
    Vanished {
        /// The status.
        status: u16,
    },
    /// 5xx, and the two 4xx that mean the same (408, 425).
    #[error("the provider is not available (status {status})")]
    Unavailable {
        /// The status.
        status: u16,
        /// What `Retry-After` asks for, at most an hour.
        retry_after: Option<Duration>,
    },
    /// 3xx. Redirects are never followed.
    #[error(
        "the provider's endpoint redirects (status {status}), which is not followed; correct spec.endpoint"
    )]
    Redirected {
        /// The status.
        status: u16,
    },
    /// The answer is larger than any that makes sense.
    #[error("the provider's answer is too large: {what} over {limit}")]
    TooLarge {
        /// What is.
        what: &'static str,
        /// The limit, in bytes or elements.
        limit: u64,
    },
    /// The answer is not what the provider documents: a proxy's page, cut off, or a new API. Never read as
    /// "there is nothing".
    #[error("the provider's answer cannot be understood (status {status}): {why}")]
    Unintelligible {
        /// The status.
        status: u16,
        /// What is wrong with it.
        why: &'static str,
    },
}

fn suffix(message: Option<&str>) -> String {
    message
        .filter(|message| !message.is_empty())
        .map(|message| format!(": {message}"))
        .unwrap_or_default()
}

impl ProviderError {
    /// What the failure asks for.
    pub fn disposition(&self) -> Disposition {
        match self {
            Self::NotSendable { .. } | Self::Rejected { .. } => Disposition::WaitForChange,
            Self::Unauthenticated | Self::Forbidden { .. } => Disposition::After(CREDENTIAL_RETRY),
            Self::Throttled { retry_after } | Self::Unavailable { retry_after, .. } => {
                retry_after.map_or(Disposition::Backoff, Disposition::After)
            }
            Self::Unreachable { .. }
            | Self::TlsInvalid { .. }
            | Self::Interrupted { .. }
            | Self::DeadlineExceeded { .. }
            | Self::Conflict
            | Self::Vanished { .. }
            | Self::Redirected { .. }
            | Self::TooLarge { .. }
            | Self::Unintelligible { .. } => Disposition::Backoff,
        }
    }

    /// A stable word for conditions, Events and metrics.
    pub fn reason(&self) -> &'static str {
        match self {
            Self::NotSendable { .. } => "RequestNotSendable",
            Self::Unreachable { .. } | Self::Interrupted { .. } => "ProviderUnreachable",
            Self::TlsInvalid { .. } => "TLSInvalid",
            Self::DeadlineExceeded { .. } => "ProviderTimeout",
            Self::Throttled { .. } => "Throttled",
            Self::Unauthenticated => "Unauthenticated",
            Self::Forbidden { .. } => "Forbidden",
            Self::Rejected { .. } => "RefusedByProvider",
            Self::Conflict => "ProviderConflict",
            Self::Vanished { .. } => "RemoteVanished",
            Self::Unavailable { .. } => "ProviderUnavailable",
            Self::Redirected { .. } => "ProviderRedirects",
            Self::TooLarge { .. } => "AnswerTooLarge",
            Self::Unintelligible { .. } => "UnintelligibleAnswer",
        }
    }

    /// Whether a write may have been carried out all the same. `false` only where it is certain that it was not:
    /// nothing was sent, or the provider itself refused.
    pub fn may_have_taken_effect(&self) -> bool {
        match self {
            Self::NotSendable { .. }
            | Self::Unreachable { .. }
            | Self::TlsInvalid { .. }
            | Self::Throttled { .. }
            | Self::Unauthenticated
            | Self::Forbidden { .. }
            | Self::Rejected { .. }
            | Self::Conflict
            | Self::Vanished { .. } => false,
            Self::Interrupted { .. }
            | Self::DeadlineExceeded { .. }
            | Self::Unavailable { .. }
            | Self::Redirected { .. }
            | Self::TooLarge { .. }
            | Self::Unintelligible { .. } => true,
        }
    }

    /// The text for users: names the status and what to do, never a URL, a header or a body.
    pub fn message(&self) -> String {
        self.to_string()
    }

    /// The error that the status line and `Retry-After` alone decide; `None` for a success, and for refusals
    /// that [`Self::of_refusal`] must see the body of.
    pub(crate) fn of_status(status: StatusCode, retry_after: Option<Duration>) -> Option<Self> {
        let code = status.as_u16();
        match code {
            200..=299 => None,
            300..=399 => Some(Self::Redirected { status: code }),
            401 => Some(Self::Unauthenticated),
            402 | 403 => Some(Self::Forbidden { status: code }),
            429 => Some(Self::Throttled { retry_after }),
            408 | 425 | 500..=599 => Some(Self::Unavailable {
                status: code,
                retry_after,
            }),
            400..=499 => None,
            _ => Some(Self::Unintelligible {
                status: code,
                why: "no such status is documented",
            }),
        }
    }

    /// The error for the other 4xx, given what the body is. Proxies answer with these statuses too, so one
    /// without a body that a JSON API could have written is not taken for the provider's word.
    pub(crate) fn of_refusal(status: StatusCode, names_an_id: bool, refusal: Refusal) -> Self {
        let code = status.as_u16();
        let message = match refusal {
            Refusal::Foreign => {
                return Self::Unintelligible {
                    status: code,
                    why: "the refusal is not in the provider's form",
                };
            }
            Refusal::Bare => None,
            Refusal::Documented(message) => Some(message),
        };
        match code {
            404 | 410 if names_an_id => Self::Vanished { status: code },
            404 | 410 => Self::Unintelligible {
                status: code,
                why: "the endpoint does not have this API",
            },
            409 => Self::Conflict,
            400 | 422 => Self::Rejected {
                status: code,
                message,
            },
            _ => Self::Rejected {
                status: code,
                message: None,
            },
        }
    }
}

/// What the body of a refusal is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Refusal {
    /// Empty, or JSON of another shape than the documented one.
    Bare,
    /// The documented shape; its message, fit to be shown.
    Documented(String),
    /// Neither JSON nor empty, or cut off.
    Foreign,
}
