//! What can go wrong between us and a provider, and what follows from it: one table for all adapters.
//!
//! No variant holds a URL, a header or a body. Text that a provider wrote appears in one place only, the
//! `message` of [`ProviderError::Rejected`], and has been redacted before it got there.

use std::time::Duration;

use http::StatusCode;
use operator_core::address::Refusal as NotAllowed;
use operator_core::retry::Disposition;

/// How long a refused credential rests before it is tried again, unless its Secret changes.
pub const CREDENTIAL_RETRY: Duration = Duration::from_mins(10);

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
    /// Every address of the provider is one that the operator does not connect to. Nothing was sent.
    #[error("spec.endpoint: the address that it stands for {refusal}")]
    NotAllowed {
        /// Why.
        refusal: NotAllowed,
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
        /// The provider's words, for 400 and 422 in the documented shape and for a refusal within a success: redacted
        /// and cut.
        message: Option<String>,
    },
    /// 409.
    #[error("the provider reports a conflict (status 409)")]
    Conflict,
    /// A read just before the change shows that the id stands for something else now. Nothing was sent.
    #[error("the subscription is not the same any more; nothing was changed")]
    Replaced,
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
            | Self::NotAllowed { .. }
            | Self::TlsInvalid { .. }
            | Self::Interrupted { .. }
            | Self::DeadlineExceeded { .. }
            | Self::Conflict
            | Self::Replaced
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
            Self::NotAllowed { .. } => "EndpointNotAllowed",
            Self::TlsInvalid { .. } => "TLSInvalid",
            Self::DeadlineExceeded { .. } => "ProviderTimeout",
            Self::Throttled { .. } => "Throttled",
            Self::Unauthenticated => "Unauthenticated",
            Self::Forbidden { .. } => "Forbidden",
            Self::Rejected { .. } => "RefusedByProvider",
            Self::Conflict | Self::Replaced => "ProviderConflict",
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
            | Self::NotAllowed { .. }
            | Self::TlsInvalid { .. }
            | Self::Throttled { .. }
            | Self::Unauthenticated
            | Self::Forbidden { .. }
            | Self::Rejected { .. }
            | Self::Conflict
            | Self::Replaced
            | Self::Vanished { .. } => false,
            Self::Unavailable { .. } => !operator_core::planted!(ServerErrorHadNoEffect),
            Self::Interrupted { .. }
            | Self::DeadlineExceeded { .. }
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
            300..=399 => Some(Self::Redirected { status: code }),
            401 => Some(Self::Unauthenticated),
            402 | 403 => Some(Self::Forbidden { status: code }),
            429 => Some(Self::Throttled { retry_after }),
            408 | 425 | 500..=599 => Some(Self::Unavailable {
                status: code,
                retry_after,
            }),
            200..=299 | 400..=499 => None,
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

#[cfg(test)]
mod tests {
    use super::*;

    fn of(code: u16, refusal: Refusal) -> Option<ProviderError> {
        let status = StatusCode::from_u16(code).unwrap();
        ProviderError::of_status(status, None)
            .or_else(|| (!status.is_success()).then(|| ProviderError::of_refusal(status, true, refusal)))
    }

    /// Status, form of the body, reason, whether it may have taken effect, disposition.
    type Row = (u16, Refusal, &'static str, bool, Disposition);

    fn table() -> Vec<Row> {
        use Disposition::{After, Backoff, WaitForChange};
        let (bare, foreign) = (|| Refusal::Bare, || Refusal::Foreign);
        let said = || Refusal::Documented("no".into());
        vec![
            (400, said(), "RefusedByProvider", false, WaitForChange),
            (400, bare(), "RefusedByProvider", false, WaitForChange),
            (400, foreign(), "UnintelligibleAnswer", true, Backoff),
            (401, foreign(), "Unauthenticated", false, After(CREDENTIAL_RETRY)),
            (402, bare(), "Forbidden", false, After(CREDENTIAL_RETRY)),
            (403, bare(), "Forbidden", false, After(CREDENTIAL_RETRY)),
            (404, said(), "RemoteVanished", false, Backoff),
            (404, bare(), "RemoteVanished", false, Backoff),
            (404, foreign(), "UnintelligibleAnswer", true, Backoff),
            (408, bare(), "ProviderUnavailable", true, Backoff),
            (409, said(), "ProviderConflict", false, Backoff),
            (410, said(), "RemoteVanished", false, Backoff),
            (413, bare(), "RefusedByProvider", false, WaitForChange),
            (413, foreign(), "UnintelligibleAnswer", true, Backoff),
            (422, said(), "RefusedByProvider", false, WaitForChange),
            (425, bare(), "ProviderUnavailable", true, Backoff),
            (429, foreign(), "Throttled", false, Backoff),
            (301, bare(), "ProviderRedirects", true, Backoff),
            (307, bare(), "ProviderRedirects", true, Backoff),
            (500, said(), "ProviderUnavailable", true, Backoff),
            (504, foreign(), "ProviderUnavailable", true, Backoff),
            (999, bare(), "UnintelligibleAnswer", true, Backoff),
        ]
    }

    #[test]
    fn status_and_body_decide_reason_effect_and_disposition() {
        for (code, refusal, reason, effect, disposition) in table() {
            let error = of(code, refusal.clone()).unwrap();
            let seen = (error.reason(), error.may_have_taken_effect(), error.disposition());
            assert_eq!(seen, (reason, effect, disposition), "{code} {refusal:?}");
            assert!(
                code == 999 || error.message().contains(&code.to_string()),
                "{error}"
            );
        }
    }

    #[test]
    fn every_status_is_a_success_or_an_error() {
        for code in 100..1000 {
            assert_eq!(
                of(code, Refusal::Bare).is_none(),
                (200..300).contains(&code),
                "{code}"
            );
        }
    }

    #[test]
    fn only_400_and_422_show_the_words_of_the_provider() {
        for code in 100..1000 {
            let shown =
                of(code, Refusal::Documented("words".into())).is_some_and(|e| e.message().contains("words"));
            assert_eq!(shown, code == 400 || code == 422, "{code}");
        }
    }

    #[test]
    fn a_404_that_names_no_id_is_not_about_a_subscription() {
        let error = ProviderError::of_refusal(StatusCode::NOT_FOUND, false, Refusal::Documented("x".into()));
        assert_eq!(error.reason(), "UnintelligibleAnswer");
    }

    #[test]
    fn a_named_time_is_waited_for_on_429_and_5xx() {
        let hour = Duration::from_hours(1);
        for code in [429, 503] {
            let error = ProviderError::of_status(StatusCode::from_u16(code).unwrap(), Some(hour)).unwrap();
            assert_eq!(error.disposition(), Disposition::After(hour));
        }
    }

    #[test]
    fn what_never_left_had_no_effect_and_what_was_lost_may_have() {
        let why = "x";
        for error in [
            ProviderError::NotSendable { why },
            ProviderError::Unreachable { why },
            ProviderError::TlsInvalid { why },
        ] {
            assert!(!error.may_have_taken_effect(), "{error}");
        }
        for error in [
            ProviderError::Interrupted { why },
            ProviderError::DeadlineExceeded {
                after: Duration::from_secs(1),
            },
            ProviderError::TooLarge { what: "it", limit: 1 },
        ] {
            assert!(error.may_have_taken_effect(), "{error}");
        }
    }
}
