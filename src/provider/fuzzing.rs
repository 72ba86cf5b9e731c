//! What must hold of every answer of a provider, and of every endpoint, whatever its bytes.

use std::fmt;
use std::net::{IpAddr, Ipv6Addr};

use operator_core::address::{Class, PrivateEndpoints, Reach, Scope, unwrapped};
use operator_core::remote::Remote;
use operator_core::retry::RETRY_AFTER_MAX;
use serde_json::Value;

use super::error::ProviderError;
use super::http::{Endpoint, Rules, fuzzing as http};
use super::{babel, bird, dixa};

/// What was sent with every request, and must not be in any error.
pub(super) const SECRET: &str = "canary-s3cret";

/// Statuses that decide by the body, and some that do not.
const STATUSES: [u16; 12] = [200, 200, 200, 201, 202, 204, 400, 404, 409, 410, 422, 503];

/// What an answer was taken for.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Outcome {
    /// So many subscriptions, and what is kept of them.
    List(usize, String),
    /// One.
    Found(Remote),
    /// Babel's refusal with the status of a success, which may mean that there is none.
    RefusedInSuccess,
    /// Anything else that was told.
    Told(String),
}

impl Outcome {
    pub(super) fn list(remotes: &[Remote], next: Option<&str>) -> Self {
        Self::List(remotes.len(), format!("{remotes:?} {next:?}"))
    }

    pub(super) fn told(what: &impl fmt::Debug) -> Self {
        Self::Told(format!("{what:?}"))
    }
}

type Read = fn(u8, u16, &[u8]) -> Result<Outcome, ProviderError>;

/// The first byte is the operation, the second the status, the rest the body.
fn answer(data: &[u8], items: &str, read: Read) {
    let Some((&[operation, status], body)) = data.split_first_chunk::<2>() else {
        return;
    };
    let status = STATUSES[usize::from(status) % STATUSES.len()];
    let outcome = read(operation, status, body);
    assert_eq!(
        outcome,
        read(operation, status, body),
        "read twice, it says two things"
    );
    // As the adapters do, which do not look at what they skip: a name that nobody asks for may be no UTF-8.
    let value = serde_json::from_str::<Value>(&String::from_utf8_lossy(body));
    match outcome {
        Ok(Outcome::List(count, _)) => {
            assert_eq!(status, 200);
            // A list is never read out of what has none.
            if let Ok(value) = value {
                let rows = value.get(items).map(|rows| rows.as_array().map(Vec::len));
                assert!(
                    rows.is_none_or(|rows| rows.is_some_and(|rows| rows >= count)),
                    "{count} rows of {rows:?}"
                );
                assert!(rows.is_some() || (count == 0 && value["success"] == true));
            }
        }
        Ok(Outcome::Found(_)) => {
            assert!(matches!(status, 200 | 201));
            assert!(value.is_ok_and(|value| value.is_object()) || items == "subscriptions");
        }
        Ok(Outcome::RefusedInSuccess) => {
            assert_eq!(status, 200);
            assert!(!value.is_ok_and(|value| value["success"] == true && value["subscription"].is_object()));
        }
        Ok(Outcome::Told(_)) => assert!(status < 300),
        Err(error) => {
            let gone = matches!(error, ProviderError::Vanished { .. });
            // A body never says that something is gone; only these statuses do.
            assert!(!gone || matches!(status, 404 | 410), "{status}");
            let text = format!("{error} {error:?}").to_lowercase();
            assert!(!text.contains(SECRET), "{text}");
            assert!(!error.to_string().chars().any(char::is_control));
            assert!(error.to_string().chars().count() < 500, "{error}");
        }
    }
}

/// An answer of Dixa's.
pub(crate) fn dixa(data: &[u8]) {
    answer(data, "data", dixa::fuzzing::read);
}

/// An answer of Babel's.
pub(crate) fn babel(data: &[u8]) {
    answer(data, "subscriptions", babel::fuzzing::read);
}

/// An answer of Bird's.
pub(crate) fn bird(data: &[u8]) {
    answer(data, "results", bird::fuzzing::read);
}

/// A value of `Retry-After`.
pub(crate) fn retry_after(data: &[u8]) {
    if let Some(delay) = http::retry_after(data) {
        assert!(delay <= RETRY_AFTER_MAX, "{delay:?}");
        assert!(data.is_ascii());
    }
}

/// An endpoint as it is written.
pub(crate) fn endpoint(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else {
        return;
    };
    let Ok(endpoint) = Endpoint::parse(text) else {
        return;
    };
    assert_eq!(Endpoint::parse(endpoint.as_str()).as_ref(), Ok(&endpoint));
    assert!(
        !endpoint.as_str().contains(['@', '?', '#', '\\', ' ']),
        "{endpoint}"
    );
    let path = endpoint.at("/v1/x", None);
    assert!(
        path.as_str().starts_with(endpoint.as_str()) && path.path() == "/v1/x",
        "{path}"
    );
    let admitted = Rules::strict().of(Scope::Namespaced).admit(&endpoint).is_ok();
    let class = match url::Url::parse(text)
        .ok()
        .and_then(|url| url.host().map(|host| host.to_owned()))
    {
        Some(url::Host::Ipv4(address)) => Some(Class::of(address.into())),
        Some(url::Host::Ipv6(address)) => Some(Class::of(address.into())),
        _ => None,
    };
    assert!(!admitted || endpoint.is_https());
    assert!(
        !admitted || class.is_none_or(|class| class == Class::Public),
        "{endpoint}: {class:?}"
    );
}

/// An address that is connected to: sixteen bytes, and one for the flags.
pub(crate) fn address(data: &[u8]) {
    let Some((bytes, &[flags])) = data
        .split_first_chunk::<16>()
        .map(|(bytes, rest)| (bytes, rest.first_chunk()))
        .and_then(|(bytes, rest)| Some((bytes, rest?)))
    else {
        return;
    };
    let address = IpAddr::from(Ipv6Addr::from(*bytes));
    let class = Class::of(address);
    assert_eq!(class, Class::of(unwrapped(address)), "{address}");
    let private = match flags % 3 {
        0 => PrivateEndpoints::Deny,
        1 => PrivateEndpoints::ClusterProvidersOnly,
        _ => PrivateEndpoints::Allow,
    };
    let (insecure, https) = (flags & 4 != 0, flags & 8 != 0);
    let may = |scope| Reach::new(private, insecure, scope).judge(address, https).is_ok();
    let (tenant, cluster) = (may(Scope::Namespaced), may(Scope::Cluster));
    assert!(
        cluster || !tenant,
        "{address}: a tenant may more than the cluster"
    );
    assert!(!(cluster && matches!(class, Class::Never(_))), "{address}");
    assert!(
        https || !(cluster && class == Class::Public),
        "{address}: plain http leaves the network"
    );
    let strict = Reach::new(PrivateEndpoints::default(), false, Scope::Namespaced);
    assert_eq!(
        strict.judge(address, true).is_ok(),
        class == Class::Public,
        "{address}"
    );
}
