//! Dixa's switches. Defaults are the awkward choice, except where that would forbid correct use.

use crate::frame::{
    rate::RateLimit,
    switch::{NotTaken, SwitchValue, YesNo, choice, switch_table},
};
use http::StatusCode;

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

/// What stands in front of the path in a link to the next page.
#[derive(Debug, Clone)]
pub(crate) struct PageLink(String);

impl PageLink {
    pub(crate) fn origin(&self) -> &str {
        if self.0 == "relative" { "" } else { &self.0 }
    }
}

impl SwitchValue for PageLink {
    fn parse(word: &str) -> Result<Self, NotTaken> {
        let known = word == "relative" || word.starts_with("http://") || word.starts_with("https://");
        if known {
            Ok(Self(word.to_owned()))
        } else {
            Err(NotTaken)
        }
    }

    fn word(&self) -> String {
        self.0.clone()
    }
}

switch_table! {
    "dixa":
    echo_custom_headers: YesNo = YesNo::No, "echoCustomHeaders", "yes|no";
    patch_absent: StatusCode = StatusCode::BAD_REQUEST, "patchAbsent", "404|400";
    clear_filters: ClearFilters = ClearFilters::Never, "clearFilters", "emptyObject|null|never";
    retry_after: Option<String> = None, "retryAfter", "none|<value of the header>";
    post_drops: YesNo = YesNo::No, "postDrops", "yes|no";
    event_order: EventOrder = EventOrder::Reversed, "eventOrder", "asSent|sorted|reversed";
    normalize_url: YesNo = YesNo::Yes, "normalizeUrl", "yes|no";
    name_limit: Option<u64> = None, "nameLimit", "off|<characters>";
    list_lag_requests: u64 = 0, "listLagRequests", "<requests of the organization>";
    list_lag_ms: u64 = 0, "listLagMs", "<milliseconds>";
    get_lag_requests: u64 = 0, "getLagRequests", "<requests of the organization>";
    get_lag_ms: u64 = 0, "getLagMs", "<milliseconds>";
    page_size: Option<u64> = None, "pageSize", "off|<subscriptions>";
    page_link: PageLink = PageLink("relative".to_owned()), "pageLink", "relative|<http(s) origin put in front>";
    patch_headers: PatchHeaders = PatchHeaders::Replace, "patchHeaders", "replace|merge";
    custom_headers_required: YesNo = YesNo::Yes, "customHeadersRequired", "yes|no";
    event_names: EventNames = EventNames::Known, "eventNames", "known|any";
    empty_members: EmptyMembers = EmptyMembers::Omit, "emptyMembers", "omit|present";
    auth_scheme: AuthScheme = AuthScheme::Bare, "authScheme", "bare|bearer|both";
    unauthorized_status: StatusCode = StatusCode::UNAUTHORIZED, "unauthorizedStatus", "401|403";
    unauthorized_body: RefusalBody = RefusalBody::Empty, "unauthorizedBody", "empty|message|html";
    rate_limit: Option<RateLimit> = Some(RateLimit { per_second: 10.0, burst: 4.0 }),
        "rateLimit", "off|<per second>/<burst>";
    latency_ms: u64 = 0, "latencyMs", "<milliseconds>";
    latency_jitter_ms: u64 = 0, "latencyJitterMs", "<milliseconds>";
}

#[cfg(test)]
mod tests {
    use super::Switches;

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
