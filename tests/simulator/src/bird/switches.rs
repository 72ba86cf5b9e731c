//! Bird's switches. Defaults are the awkward choice, except where that would forbid correct use.

use crate::frame::{
    page::ListOrder,
    rate::RateLimit,
    switch::{YesNo, choice, switch_table},
};
use http::StatusCode;

choice! {
    /// Which form of the path is served; the other answers 403.
    PathForm { Both = "both", WithOrganization = "with-organization", Short = "short" }
}
choice! {
    /// Whether answers show `signingKey`.
    SigningKey { Hidden = "hidden", Shown = "shown" }
}
choice! {
    /// `nextPageToken` on the last page.
    LastPage { Absent = "absent", Empty = "empty" }
}
choice! {
    /// Answer to the deletion of an absent id.
    DeleteAbsent { NotFound = "404", Success = "success" }
}
choice! {
    /// What in a PATCH clears the filters. Any other attempt answers 200 and changes nothing.
    ClearFilters { Never = "never", Null = "null", EmptyArray = "emptyArray", Both = "both" }
}
choice! {
    /// `eventFilters` of an answer when there are none.
    EmptyFilters { Omit = "omit", Null = "null", EmptyArray = "emptyArray" }
}
choice! {
    /// Which pattern a URL must fit.
    UrlPattern { Strict = "strict", Ports = "ports" }
}
choice! {
    /// Which deliveries the logs show.
    Logs { Failures = "failures", All = "all" }
}

switch_table! {
    "bird":
    path: PathForm = PathForm::Both, "path", "both|with-organization|short";
    signing_key: SigningKey = SigningKey::Hidden, "signingKey", "hidden|shown";
    last_page: LastPage = LastPage::Empty, "lastPage", "absent|empty";
    sixth: StatusCode = StatusCode::CONFLICT, "sixth", "409|422|400";
    delete_status: StatusCode = StatusCode::ACCEPTED, "deleteStatus", "204|200|202";
    delete_absent: DeleteAbsent = DeleteAbsent::NotFound, "deleteAbsent", "404|success";
    patch_absent: StatusCode = StatusCode::BAD_REQUEST, "patchAbsent", "404|400";
    patch_filters: YesNo = YesNo::Yes, "patchFilters", "yes|no";
    clear_filters: ClearFilters = ClearFilters::Never, "clearFilters", "never|null|emptyArray|both";
    empty_filters: EmptyFilters = EmptyFilters::Null, "emptyFilters", "omit|null|emptyArray";
    post_drops: YesNo = YesNo::No, "postDrops", "yes|no";
    post_apply_then_5xx: YesNo = YesNo::No, "postApplyThen5xx", "yes|no";
    url_pattern: UrlPattern = UrlPattern::Strict, "urlPattern", "strict|ports";
    invalid_status: StatusCode = StatusCode::BAD_REQUEST, "invalidStatus", "400|422";
    wrong_workspace: StatusCode = StatusCode::FORBIDDEN, "wrongWorkspace", "403|404";
    unauthorized_status: StatusCode = StatusCode::UNAUTHORIZED, "unauthorizedStatus", "401|403";
    list_order: ListOrder = ListOrder::Shuffled, "listOrder", "ascending|descending|shuffled";
    list_lag_requests: u64 = 0, "listLagRequests", "<requests of the workspace>";
    list_lag_ms: u64 = 0, "listLagMs", "<milliseconds>";
    get_lag_requests: u64 = 0, "getLagRequests", "<requests of the workspace>";
    get_lag_ms: u64 = 0, "getLagMs", "<milliseconds>";
    page_cap: Option<u64> = None, "pageCap", "off|<subscriptions>";
    logs: Logs = Logs::Failures, "logs", "failures|all";
    rate_limit: Option<RateLimit> = Some(RateLimit { per_second: 50.0, burst: 50.0 }),
        "rateLimit", "off|<reads per second>/<burst>";
    retry_after: Option<String> = None, "retryAfter", "none|<value of the header>";
    latency_ms: u64 = 0, "latencyMs", "<milliseconds>";
    latency_jitter_ms: u64 = 0, "latencyJitterMs", "<milliseconds>";
}
