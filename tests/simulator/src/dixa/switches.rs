//! Dixa's switches. Defaults are the awkward choice, except where that would forbid correct use.

use crate::frame::{
    provider::Latency,
    rate::RateLimit,
    switch::{
        NotTaken, SwitchEntry, SwitchError, YesNo, choice, optional_number_word, parse_optional_number,
    },
};

choice! {
    /// What a PATCH must hold to clear the filters. Any other attempt answers 200 and changes nothing.
    ClearFilters { EmptyObject = "emptyObject", Null = "null", Never = "never" }
}
choice! {
    /// Order of `subscribedEvents` in answers.
    EventOrder { AsSent = "asSent", Sorted = "sorted", Reversed = "reversed" }
}
choice! {
    /// What `customHeaders` in a PATCH does to the headers that were there.
    PatchHeaders { Replace = "replace", Merge = "merge" }
}
choice! {
    /// How the token stands in the header.
    AuthScheme { Bare = "bare", Bearer = "bearer", Both = "both" }
}
choice! {
    /// Body of the answer to an unknown token.
    RefusalBody { Empty = "empty", Message = "message", Html = "html" }
}
choice! {
    /// Whether `subscribedEvents` and `filters` are left out when there are none.
    EmptyMembers { Omit = "omit", Present = "present" }
}
choice! {
    /// Which names `events` may hold.
    EventNames { Known = "known", Any = "any" }
}

/// The present value of every switch.
#[derive(Debug, Clone)]
pub(crate) struct Switches {
    pub echo_custom_headers: YesNo,
    pub patch_absent: u16,
    pub clear_filters: ClearFilters,
    pub retry_after: Option<String>,
    pub post_drops: YesNo,
    pub event_order: EventOrder,
    pub normalize_url: YesNo,
    pub name_limit: Option<u64>,
    pub list_lag_requests: u64,
    pub list_lag_ms: u64,
    pub get_lag_requests: u64,
    pub get_lag_ms: u64,
    pub page_size: Option<u64>,
    pub page_link: String,
    pub patch_headers: PatchHeaders,
    pub custom_headers_required: YesNo,
    pub event_names: EventNames,
    pub empty_members: EmptyMembers,
    pub auth_scheme: AuthScheme,
    pub unauthorized_status: u16,
    pub unauthorized_body: RefusalBody,
    pub rate_limit: Option<RateLimit>,
    pub latency: Latency,
}

impl Default for Switches {
    fn default() -> Self {
        Self {
            echo_custom_headers: YesNo::No,
            patch_absent: 400,
            clear_filters: ClearFilters::Never,
            retry_after: None,
            post_drops: YesNo::No,
            event_order: EventOrder::Reversed,
            normalize_url: YesNo::Yes,
            name_limit: None,
            list_lag_requests: 0,
            list_lag_ms: 0,
            get_lag_requests: 0,
            get_lag_ms: 0,
            page_size: None,
            page_link: "relative".to_owned(),
            patch_headers: PatchHeaders::Replace,
            custom_headers_required: YesNo::Yes,
            event_names: EventNames::Known,
            empty_members: EmptyMembers::Omit,
            auth_scheme: AuthScheme::Bare,
            unauthorized_status: 401,
            unauthorized_body: RefusalBody::Empty,
            rate_limit: Some(RateLimit {
                per_second: 10.0,
                burst: 4.0,
            }),
            latency: Latency::default(),
        }
    }
}

/// Every switch with what it takes, in the order in which people see them.
const ALLOWED: [(&str, &str); 24] = [
    ("echoCustomHeaders", "yes|no"),
    ("patchAbsent", "404|400"),
    ("clearFilters", "emptyObject|null|never"),
    ("retryAfter", "none|<value of the header>"),
    ("postDrops", "yes|no"),
    ("eventOrder", "asSent|sorted|reversed"),
    ("normalizeUrl", "yes|no"),
    ("nameLimit", "off|<characters>"),
    ("listLagRequests", "<requests of the organization>"),
    ("listLagMs", "<milliseconds>"),
    ("getLagRequests", "<requests of the organization>"),
    ("getLagMs", "<milliseconds>"),
    ("pageSize", "off|<subscriptions>"),
    ("pageLink", "relative|<http(s) origin put in front>"),
    ("patchHeaders", "replace|merge"),
    ("customHeadersRequired", "yes|no"),
    ("eventNames", "known|any"),
    ("emptyMembers", "omit|present"),
    ("authScheme", "bare|bearer|both"),
    ("unauthorizedStatus", "401|403"),
    ("unauthorizedBody", "empty|message|html"),
    ("rateLimit", "off|<per second>/<burst>"),
    ("latencyMs", "<milliseconds>"),
    ("latencyJitterMs", "<milliseconds>"),
];

impl Switches {
    pub(crate) fn entries(&self) -> Vec<SwitchEntry> {
        let entry = |(name, allowed)| SwitchEntry {
            name,
            value: self.value(name),
            allowed,
        };
        ALLOWED.into_iter().map(entry).collect()
    }

    fn value(&self, name: &str) -> String {
        match name {
            "echoCustomHeaders" => self.echo_custom_headers.word().to_owned(),
            "patchAbsent" => self.patch_absent.to_string(),
            "clearFilters" => self.clear_filters.word().to_owned(),
            "retryAfter" => self.retry_after.clone().unwrap_or_else(|| "none".to_owned()),
            "postDrops" => self.post_drops.word().to_owned(),
            "eventOrder" => self.event_order.word().to_owned(),
            "normalizeUrl" => self.normalize_url.word().to_owned(),
            "nameLimit" => optional_number_word(self.name_limit),
            "listLagRequests" => self.list_lag_requests.to_string(),
            "listLagMs" => self.list_lag_ms.to_string(),
            "getLagRequests" => self.get_lag_requests.to_string(),
            "getLagMs" => self.get_lag_ms.to_string(),
            "pageSize" => optional_number_word(self.page_size),
            "pageLink" => self.page_link.clone(),
            "patchHeaders" => self.patch_headers.word().to_owned(),
            "customHeadersRequired" => self.custom_headers_required.word().to_owned(),
            "eventNames" => self.event_names.word().to_owned(),
            "emptyMembers" => self.empty_members.word().to_owned(),
            "authScheme" => self.auth_scheme.word().to_owned(),
            "unauthorizedStatus" => self.unauthorized_status.to_string(),
            "unauthorizedBody" => self.unauthorized_body.word().to_owned(),
            "rateLimit" => self.rate_limit.map_or_else(
                || "off".to_owned(),
                |limit| format!("{}/{}", limit.per_second, limit.burst),
            ),
            "latencyMs" => self.latency.fixed_ms.to_string(),
            "latencyJitterMs" => self.latency.jitter_ms.to_string(),
            _ => String::new(),
        }
    }

    /// Sets one switch; nothing changes on an error.
    pub(crate) fn set(&mut self, name: &str, value: &str) -> Result<(), SwitchError> {
        let full_name = || format!("dixa.{name}");
        let Some((_, allowed)) = ALLOWED.iter().find(|(known, _)| *known == name) else {
            return Err(SwitchError::UnknownName { name: full_name() });
        };
        self.store(name, value).ok_or_else(|| SwitchError::BadValue {
            name: full_name(),
            value: value.to_owned(),
            allowed,
        })
    }

    fn store(&mut self, name: &str, value: &str) -> Option<()> {
        match name {
            "echoCustomHeaders" => self.echo_custom_headers = YesNo::parse(value)?,
            "patchAbsent" => self.patch_absent = one_of(value, [400, 404])?,
            "clearFilters" => self.clear_filters = ClearFilters::parse(value)?,
            "retryAfter" => self.retry_after = (value != "none").then(|| value.to_owned()),
            "postDrops" => self.post_drops = YesNo::parse(value)?,
            "eventOrder" => self.event_order = EventOrder::parse(value)?,
            "normalizeUrl" => self.normalize_url = YesNo::parse(value)?,
            "nameLimit" => self.name_limit = parse_optional_number(value).ok()?,
            "listLagRequests" => self.list_lag_requests = value.parse().ok()?,
            "listLagMs" => self.list_lag_ms = value.parse().ok()?,
            "getLagRequests" => self.get_lag_requests = value.parse().ok()?,
            "getLagMs" => self.get_lag_ms = value.parse().ok()?,
            "pageSize" => self.page_size = parse_optional_number(value).ok()?,
            "pageLink" => self.page_link = parse_page_link(value)?,
            "patchHeaders" => self.patch_headers = PatchHeaders::parse(value)?,
            "customHeadersRequired" => self.custom_headers_required = YesNo::parse(value)?,
            "eventNames" => self.event_names = EventNames::parse(value)?,
            "emptyMembers" => self.empty_members = EmptyMembers::parse(value)?,
            "authScheme" => self.auth_scheme = AuthScheme::parse(value)?,
            "unauthorizedStatus" => self.unauthorized_status = one_of(value, [401, 403])?,
            "unauthorizedBody" => self.unauthorized_body = RefusalBody::parse(value)?,
            "rateLimit" => self.rate_limit = parse_rate_limit(value).ok()?,
            "latencyMs" => self.latency.fixed_ms = value.parse().ok()?,
            "latencyJitterMs" => self.latency.jitter_ms = value.parse().ok()?,
            _ => return None,
        }
        Some(())
    }
}

fn one_of(value: &str, allowed: [u16; 2]) -> Option<u16> {
    value.parse().ok().filter(|status| allowed.contains(status))
}

fn parse_page_link(value: &str) -> Option<String> {
    let known = value == "relative" || value.starts_with("http://") || value.starts_with("https://");
    known.then(|| value.to_owned())
}

fn parse_rate_limit(value: &str) -> Result<Option<RateLimit>, NotTaken> {
    if value == "off" {
        return Ok(None);
    }
    let (per_second, burst) = value.split_once('/').ok_or(NotTaken)?;
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

#[cfg(test)]
mod tests {
    use super::{ALLOWED, Switches};

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
        for (name, allowed) in ALLOWED {
            for word in allowed.split('|').filter(|word| !word.starts_with('<')) {
                let mut switches = Switches::default();
                switches.set(name, word).unwrap();
                assert_eq!(switches.value(name), word);
            }
        }
    }

    #[test]
    fn a_bad_value_is_refused_and_changes_nothing() {
        for (name, value) in [
            ("rateLimit", "10"),
            ("patchAbsent", "500"),
            ("nameLimit", "0"),
            ("pageLink", "x"),
        ] {
            let mut switches = Switches::default();
            let error = switches.set(name, value).unwrap_err().to_string();
            assert!(error.contains(name) && error.contains(value), "{error}");
            assert_eq!(switches.entries(), Switches::default().entries());
        }
    }
}
