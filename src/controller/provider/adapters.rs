//! From a provider's spec to the adapter that speaks to its account. Pure, but for the client that is built.

use std::sync::Arc;

use http::HeaderName;
use operator_core::budget::Limits;
use operator_core::capabilities::Capabilities;
use operator_core::hash::HashKey;
use operator_core::reason::Reason;
use secrecy::SecretString;

use crate::api::v1alpha1::{CredentialScheme, DixaApiVersion, ProviderType, WebhookProviderSpec};
use crate::controller::provider::directory::Problem;
use crate::provider::babel::{self, Babel};
use crate::provider::bird::{self, Bird};
use crate::provider::dixa::{self, Dixa};
use crate::provider::http::{BuildError, Connection, Egress, Endpoint};
use crate::provider::{Adapter, Shared};

fn invalid(message: impl Into<String>) -> Problem {
    Problem {
        reason: Reason::InvalidSpec,
        message: message.into(),
    }
}

/// Where a provider's API is.
///
/// # Errors
/// [`Problem`], which names the field.
pub(crate) fn endpoint(spec: &WebhookProviderSpec, egress: &Egress) -> Result<Endpoint, Problem> {
    let public = match spec.type_ {
        ProviderType::Dixa => Some(dixa::DEFAULT_ENDPOINT),
        ProviderType::Bird => Some(bird::DEFAULT_ENDPOINT),
        ProviderType::Babel => None,
    };
    let text = spec.endpoint.as_deref().or(public);
    let text = text.ok_or_else(|| invalid("spec.endpoint: Babel is self-hosted; set its address"))?;
    let endpoint = Endpoint::parse(text).map_err(|error| invalid(format!("spec.endpoint: {error}")))?;
    egress.admit(&endpoint).map_err(|refusal| Problem {
        reason: Reason::EndpointNotAllowed,
        message: format!("spec.endpoint: {refusal}"),
    })?;
    Ok(endpoint)
}

/// What providers of a type can do.
pub(in crate::controller) const fn capabilities(type_: ProviderType) -> &'static Capabilities {
    match type_ {
        ProviderType::Dixa => &dixa::CAPABILITIES,
        ProviderType::Babel => &babel::CAPABILITIES,
        ProviderType::Bird => &bird::CAPABILITIES,
    }
}

/// What tells accounts apart besides type, address and credential: the workspace.
pub(in crate::controller) fn workspace(spec: &WebhookProviderSpec) -> &str {
    spec.bird.as_ref().map_or("", |bird| bird.workspace_id.as_str())
}

/// Type, address and workspace: what tells accounts apart, but for their credentials.
pub(in crate::controller) fn place<'a>(
    spec: &'a WebhookProviderSpec,
    endpoint: &'a Endpoint,
) -> [&'a str; 3] {
    [spec.type_.as_str(), endpoint.as_str(), workspace(spec)]
}

/// The same as a text: within it contents must differ, where nothing at the provider tells whose a subscription is.
pub(crate) fn realm(spec: &WebhookProviderSpec, endpoint: &Endpoint) -> String {
    place(spec, endpoint).join(" ")
}

/// How the account is spoken to, beyond what [`workspace`] says: with another manner it is the same account over another
/// connection.
pub(in crate::controller) fn manner(spec: &WebhookProviderSpec) -> String {
    let organization = spec.bird.as_ref().and_then(|bird| bird.organization_id.as_ref());
    let version = spec.dixa.as_ref().and_then(|dixa| dixa.api_version);
    let header = spec.babel.as_ref().and_then(|babel| babel.header_name.as_ref());
    format!(
        "{:?}/{version:?}/{header:?}/{organization:?}",
        spec.credentials.scheme
    )
}

/// The adapter of an account.
///
/// # Errors
/// [`Problem`], which says what has to be changed.
pub(crate) fn adapter(
    spec: &WebhookProviderSpec,
    connection: Connection,
    credential: SecretString,
    hash_key: &Arc<HashKey>,
) -> Result<Adapter, Problem> {
    let shared = Shared {
        hash_key: Arc::clone(hash_key),
    };
    let built = |error: BuildError| invalid(error.to_string());
    let bearer = match spec.credentials.scheme {
        None => false,
        Some(CredentialScheme::Bearer) => true,
        Some(scheme) if fits(spec.type_, scheme) => false,
        Some(_) => {
            return Err(invalid(
                "spec.credentials.scheme: not for this type; leave it out",
            ));
        }
    };
    match spec.type_ {
        ProviderType::Dixa => {
            let version = spec.dixa.as_ref().and_then(|dixa| dixa.api_version);
            let config = dixa::Config {
                connection,
                version: match version.unwrap_or_default() {
                    DixaApiVersion::Beta => dixa::ApiVersion::Beta,
                    DixaApiVersion::V1 => dixa::ApiVersion::V1,
                },
                scheme: if bearer {
                    dixa::Scheme::Bearer
                } else {
                    dixa::Scheme::Raw
                },
                credential,
            };
            Dixa::new(config, &shared).map(Adapter::Dixa).map_err(built)
        }
        ProviderType::Babel => {
            let config = babel::Config {
                connection,
                scheme: if bearer {
                    babel::Scheme::Bearer
                } else {
                    babel::Scheme::ApiKey(header(spec)?)
                },
                credential,
            };
            Babel::new(config, &shared).map(Adapter::Babel).map_err(built)
        }
        ProviderType::Bird => {
            let Some(bird) = &spec.bird else {
                return Err(invalid("spec.bird: type Bird needs bird.workspaceID"));
            };
            let config = bird::Config {
                connection,
                workspace: bird.workspace_id.clone(),
                organization: bird.organization_id.clone(),
                scheme: if bearer {
                    bird::Scheme::Bearer
                } else {
                    bird::Scheme::AccessKey
                },
                credential,
            };
            Bird::new(config, &shared).map(Adapter::Bird).map_err(built)
        }
    }
}

/// Whether a scheme is the type's own.
const fn fits(type_: ProviderType, scheme: CredentialScheme) -> bool {
    matches!(
        (type_, scheme),
        (ProviderType::Dixa, CredentialScheme::Raw)
            | (ProviderType::Babel, CredentialScheme::ApiKey)
            | (ProviderType::Bird, CredentialScheme::AccessKey)
    )
}

fn header(spec: &WebhookProviderSpec) -> Result<HeaderName, Problem> {
    let name = spec.babel.as_ref().and_then(|babel| babel.header_name.as_deref());
    let name = name.unwrap_or(babel::DEFAULT_HEADER);
    HeaderName::try_from(name)
        .map_err(|_| invalid("spec.babel.headerName: not a header's name; correct it, or leave it out"))
}

/// The limits of the spec, or those that keep well below what the vendor documents.
pub(in crate::controller) fn limits(spec: &WebhookProviderSpec) -> Limits {
    let (per_minute, burst, per_day) = match spec.type_ {
        ProviderType::Dixa => (480, 3, 690_000),
        ProviderType::Babel => (60, 5, u32::MAX),
        ProviderType::Bird => (2400, 20, u32::MAX),
    };
    let own = spec.rate_limit.clone().unwrap_or_default();
    Limits {
        per_minute: own.requests_per_minute.unwrap_or(per_minute),
        burst: own.burst.unwrap_or(burst),
        per_day: own.requests_per_day.unwrap_or(per_day),
    }
}
