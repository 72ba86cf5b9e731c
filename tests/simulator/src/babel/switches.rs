//! Babel's switches. Defaults are the awkward choice, except where that would forbid correct use.

use crate::frame::{
    page::ListOrder,
    rate::RateLimit,
    switch::{NotTaken, OnOff, SwitchValue, YesNo, choice, switch_table},
};
use http::{HeaderName, StatusCode};

choice! {
    /// How the string `headers` of an answer is made.
    HeadersForm { Json = "json", Text = "text", Empty = "empty" }
}
choice! {
    /// How a request that cannot be carried out is answered.
    FailureForm { SuccessFalse = "success-false", Status = "status" }
}
choice! {
    /// The same for an id that is absent.
    AbsentForm { NotFound = "404", SuccessFalse = "success-false" }
}
choice! {
    /// Content type of answers.
    ContentKind { Text = "text", Json = "json" }
}
choice! {
    /// What is shown of `secret`.
    ShowSecret { Yes = "yes", Masked = "masked", No = "no" }
}
choice! {
    /// Whether dates end in `Z`.
    Zone { With = "with", Without = "without" }
}
choice! {
    /// Whether lists say how long they are.
    Total { Present = "present", Absent = "absent" }
}
choice! {
    /// Where the key may stand.
    KeyForms { Both = "both", Header = "header", Bearer = "bearer" }
}
choice! {
    /// Order of events.
    EventsOrder { Newest = "newest", Oldest = "oldest" }
}
choice! {
    /// The member `message` of a success.
    SuccessMessage { Empty = "empty", Absent = "absent", Sentence = "sentence" }
}

/// Name of the header that carries the key.
#[derive(Debug, Clone)]
pub(crate) struct KeyHeader(HeaderName);

impl KeyHeader {
    pub(crate) fn name(&self) -> &HeaderName {
        &self.0
    }
}

impl SwitchValue for KeyHeader {
    fn parse(word: &str) -> Result<Self, NotTaken> {
        word.parse().map(Self).map_err(|_| NotTaken)
    }

    fn word(&self) -> String {
        self.0.to_string()
    }
}

/// When a test event is delivered.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum TestDelivery {
    /// When the admin side says so.
    Manual,
    /// So many milliseconds after it was made.
    After(u64),
}

impl SwitchValue for TestDelivery {
    fn parse(word: &str) -> Result<Self, NotTaken> {
        match word {
            "manual" => Ok(Self::Manual),
            "immediate" => Ok(Self::After(0)),
            number => u64::parse(number).map(Self::After),
        }
    }

    fn word(&self) -> String {
        match self {
            Self::Manual => "manual".to_owned(),
            Self::After(0) => "immediate".to_owned(),
            Self::After(ms) => ms.to_string(),
        }
    }
}

switch_table! {
    "babel":
    omit_defaults: YesNo = YesNo::Yes, "omitDefaults", "yes|no";
    headers_form: HeadersForm = HeadersForm::Text, "headersForm", "json|text|empty";
    failure_form: FailureForm = FailureForm::SuccessFalse, "failureForm", "success-false|status";
    delete_absent: AbsentForm = AbsentForm::SuccessFalse, "deleteAbsent", "404|success-false";
    get_absent: AbsentForm = AbsentForm::SuccessFalse, "getAbsent", "404|success-false";
    take_cap: Option<u64> = None, "takeCap", "off|<rows>";
    content_type: ContentKind = ContentKind::Text, "contentType", "text|json";
    lockout: OnOff = OnOff::On, "lockout", "on|off";
    lockout_status: StatusCode = StatusCode::FORBIDDEN, "lockoutStatus", "401|403|429";
    show_secret: ShowSecret = ShowSecret::Masked, "showSecret", "yes|masked|no";
    zone: Zone = Zone::Without, "zone", "with|without";
    total: Total = Total::Absent, "total", "present|absent";
    list_order: ListOrder = ListOrder::Shuffled, "listOrder", "ascending|descending|shuffled";
    list_lag_requests: u64 = 0, "listLagRequests", "<requests of the installation>";
    list_lag_ms: u64 = 0, "listLagMs", "<milliseconds>";
    get_lag_requests: u64 = 0, "getLagRequests", "<requests of the installation>";
    get_lag_ms: u64 = 0, "getLagMs", "<milliseconds>";
    name_limit: Option<u64> = None, "nameLimit", "off|<characters>";
    post_drops: YesNo = YesNo::No, "postDrops", "yes|no";
    header_name: KeyHeader = KeyHeader(HeaderName::from_static("x-api-key")), "headerName", "<name of a header>";
    key_forms: KeyForms = KeyForms::Both, "keyForms", "both|header|bearer";
    events_order: EventsOrder = EventsOrder::Oldest, "eventsOrder", "newest|oldest";
    message_on_success: SuccessMessage = SuccessMessage::Absent, "messageOnSuccess", "empty|absent|sentence";
    test_delivery: TestDelivery = TestDelivery::Manual, "testDelivery", "manual|immediate|<milliseconds>";
    rate_limit: Option<RateLimit> = None, "rateLimit", "off|<per second>/<burst>";
    retry_after: Option<String> = None, "retryAfter", "none|<value of the header>";
    latency_ms: u64 = 0, "latencyMs", "<milliseconds>";
    latency_jitter_ms: u64 = 0, "latencyJitterMs", "<milliseconds>";
}
