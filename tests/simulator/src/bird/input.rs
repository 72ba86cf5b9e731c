//! Strict reading of request bodies.

use crate::{
    bird::{
        subscription::{Content, Filter, Service, Status},
        switches::{ClearFilters, Switches, UrlPattern},
    },
    frame::input::present,
};
use serde::{Deserialize, Deserializer};

/// Why a body was refused. The text goes to the log, not into the answer.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Refusal(pub String);

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct CreateBody {
    service: Service,
    event: String,
    url: String,
    #[serde(default)]
    event_filters: Option<Vec<Filter>>,
    #[serde(default, deserialize_with = "present")]
    template: Option<String>,
    #[serde(default, deserialize_with = "present")]
    signing_key: Option<String>,
}

/// The member `eventFilters` of a PATCH body.
#[derive(Debug, Clone, PartialEq, Eq)]
enum FilterChange {
    Null,
    EmptyArray,
    Set(Vec<Filter>),
}

impl<'de> Deserialize<'de> for FilterChange {
    fn deserialize<D: Deserializer<'de>>(input: D) -> Result<Self, D::Error> {
        Ok(match Option::<Vec<Filter>>::deserialize(input)? {
            None => Self::Null,
            Some(filters) if filters.is_empty() => Self::EmptyArray,
            Some(filters) => Self::Set(filters),
        })
    }
}

/// A PATCH body; absent members leave the subscription as it is.
#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(crate) struct Patch {
    #[serde(default, deserialize_with = "present")]
    template: Option<String>,
    #[serde(default, deserialize_with = "present")]
    url: Option<String>,
    #[serde(default, deserialize_with = "present")]
    signing_key: Option<String>,
    #[serde(default, deserialize_with = "present")]
    status: Option<Status>,
    #[serde(default, deserialize_with = "present")]
    event_filters: Option<FilterChange>,
}

fn decode<'a, T: Deserialize<'a>>(body: &'a [u8]) -> Result<T, Refusal> {
    serde_json::from_slice(body).map_err(|error| Refusal(error.to_string()))
}

/// Reads and checks the body of a create.
pub(crate) fn create(body: &[u8], switches: &Switches) -> Result<Content, Refusal> {
    let body: CreateBody = decode(body)?;
    let content = Content {
        service: body.service,
        event: body.event,
        url: body.url,
        filters: body.event_filters.unwrap_or_default(),
        template: body.template,
        signing_key: body.signing_key,
        status: Status::Active,
    };
    check(&content, switches)?;
    Ok(content)
}

/// Reads a PATCH body.
pub(crate) fn patch(body: &[u8]) -> Result<Patch, Refusal> {
    let patch: Patch = decode(body)?;
    let names_nothing = patch.template.is_none()
        && patch.url.is_none()
        && patch.signing_key.is_none()
        && patch.status.is_none()
        && patch.event_filters.is_none();
    if names_nothing {
        return Err(Refusal("the body names nothing to change".to_owned()));
    }
    Ok(patch)
}

impl Patch {
    pub(crate) fn names_filters(&self) -> bool {
        self.event_filters.is_some()
    }

    /// The content after the change, as Bird's API makes it.
    pub(crate) fn applied_to(self, old: &Content, switches: &Switches) -> Result<Content, Refusal> {
        let clears = |words: [ClearFilters; 2]| words.contains(&switches.clear_filters);
        let cleared = match &self.event_filters {
            Some(FilterChange::Null) => clears([ClearFilters::Null, ClearFilters::Both]),
            Some(FilterChange::EmptyArray) => clears([ClearFilters::EmptyArray, ClearFilters::Both]),
            Some(FilterChange::Set(_)) | None => false,
        };
        self.merged(old, switches, cleared)
    }

    /// The content after an edit by hand: `null` and `[]` always clear the filters.
    pub(crate) fn by_hand(self, old: &Content, switches: &Switches) -> Result<Content, Refusal> {
        let cleared = matches!(
            self.event_filters,
            Some(FilterChange::Null | FilterChange::EmptyArray)
        );
        self.merged(old, switches, cleared)
    }

    fn merged(self, old: &Content, switches: &Switches, cleared: bool) -> Result<Content, Refusal> {
        let mut content = old.clone();
        content.url = self.url.unwrap_or(content.url);
        content.template = self.template.or(content.template);
        content.signing_key = self.signing_key.or(content.signing_key);
        content.status = self.status.unwrap_or(content.status);
        if cleared {
            content.filters.clear();
        } else if let Some(FilterChange::Set(filters)) = self.event_filters {
            content.filters = filters;
        }
        check(&content, switches)?;
        Ok(content)
    }
}

fn check(content: &Content, switches: &Switches) -> Result<(), Refusal> {
    let wrong = |text: &str| Err(Refusal(text.to_owned()));
    if content.event.is_empty() {
        return wrong("event is empty");
    }
    if !fits_pattern(&content.url, switches.url_pattern) {
        return wrong("url does not fit the pattern");
    }
    if content.signing_key.as_deref() == Some("") {
        return wrong("signingKey is empty");
    }
    if content.service == Service::Numbers && !content.filters.is_empty() {
        return wrong("the service numbers has no filters");
    }
    if content.filters.iter().any(|filter| filter.key.is_empty()) {
        return wrong("a filter has an empty key");
    }
    Ok(())
}

/// https, a host name with dots and letters at its end, and either nothing more or a path. A port is
/// taken in one of the two patterns only; a query has to follow a slash.
fn fits_pattern(url: &str, pattern: UrlPattern) -> bool {
    let Some(rest) = url.strip_prefix("https://") else {
        return false;
    };
    let (authority, path) = rest.split_once('/').unwrap_or((rest, ""));
    let host = match authority.split_once(':') {
        None => authority,
        Some((host, port)) => {
            let digits = !port.is_empty() && port.bytes().all(|byte| byte.is_ascii_digit());
            if pattern == UrlPattern::Strict || !digits {
                return false;
            }
            host
        }
    };
    let mut labels = host.split('.').rev();
    let last = labels.next().unwrap_or("");
    let plain = |label: &str| {
        let letters = label.bytes();
        !label.is_empty()
            && letters
                .into_iter()
                .all(|byte| byte.is_ascii_alphanumeric() || byte == b'-')
    };
    !last.is_empty()
        && last.bytes().all(|byte| byte.is_ascii_alphabetic())
        && host.contains('.')
        && labels.all(plain)
        && path.bytes().all(|byte| byte.is_ascii_graphic())
}

#[cfg(test)]
mod tests {
    use super::{UrlPattern, fits_pattern};

    #[test]
    fn urls_are_held_to_the_pattern() {
        for (url, strict, ports) in [
            ("https://hooks.example.com", true, true),
            ("https://hooks.example.com/bird/sms?a=b", true, true),
            ("https://hooks.example.com/?a=b", true, true),
            ("https://hooks.example.com:8443/bird", false, true),
            ("https://hooks.example.com:/bird", false, false),
            ("https://hooks.example.com:x/bird", false, false),
            ("https://hooks.example.com?a=b", false, false),
            ("https://hooks.example.com/a b", false, false),
            ("http://hooks.example.com/bird", false, false),
            ("https://10.0.0.1/bird", false, false),
            ("https://receiver/bird", false, false),
            ("https://.com/bird", false, false),
            ("https://hooks.example.c0m/", false, false),
            ("https://user@hooks.example.com/", false, false),
            ("https://", false, false),
        ] {
            assert_eq!(fits_pattern(url, UrlPattern::Strict), strict, "{url}");
            assert_eq!(fits_pattern(url, UrlPattern::Ports), ports, "{url}");
        }
    }
}
