//! Strict reading of request bodies.

use crate::{
    dixa::{
        subscription::{Authorization, Condition, Content, Filter, Filters},
        switches::{ClearFilters, EventNames, PatchHeaders, Switches},
    },
    frame::input::{present, sendable_header, shortened, web_host},
};
use serde::{Deserialize, Deserializer};
use std::collections::{BTreeMap, HashSet};

/// Why a body was refused. The text goes to the log, not into the answer.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Refusal {
    /// Not the documented shape.
    Decoding(String),
    /// The shape is right, a value is not.
    Value(String),
}

/// The names that `events` may hold.
const EVENTS: [&str; 33] = [
    "ConversationPending",
    "AgentUnbannedEnduser",
    "ConversationMessageAdded",
    "ConversationAssigned",
    "ConversationMessageDeliveryDelivered",
    "ConversationMessageDeliveryInfo",
    "ConversationTransferred",
    "ConversationEnqueued",
    "ConversationCreated",
    "ConversationUnassigned",
    "ConversationOpen",
    "ConversationAbandoned",
    "ConversationClosed",
    "ConversationMessageDeliveryFailed",
    "ConversationTagAdded",
    "ConversationNoteAdded",
    "AgentBannedEnduser",
    "ConversationEndUserReplaced",
    "ConversationMessageDeliverySeen",
    "AgentUnbannedIp",
    "ConversationMessageDeliverySent",
    "AgentBannedIp",
    "ConversationTagRemoved",
    "ConversationRated",
    "ConversationMessageDeliverySpamComplaint",
    "ConversationPendingExpired",
    "SLAEvaluationPending",
    "SLAEvaluationAchieved",
    "SLAEvaluationBreached",
    "SLAEvaluationVoided",
    "ConversationCustomAttributeUpdated",
    "TypingStarted",
    "ConversationTranscriptionAdded",
];

/// The member `filters` of a PATCH body.
#[derive(Debug, Clone, PartialEq, Eq)]
enum FilterChange {
    Null,
    EmptyObject,
    Set(Filters),
}

impl<'de> Deserialize<'de> for FilterChange {
    fn deserialize<D: Deserializer<'de>>(input: D) -> Result<Self, D::Error> {
        Ok(match Option::<Filters>::deserialize(input)? {
            None => Self::Null,
            Some(filters) if filters == Filters::default() => Self::EmptyObject,
            Some(filters) => Self::Set(filters),
        })
    }
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct CreateBody {
    name: String,
    url: String,
    authorization: Authorization,
    #[serde(default, deserialize_with = "present")]
    custom_headers: Option<BTreeMap<String, String>>,
    #[serde(default)]
    events: Vec<String>,
    #[serde(default, deserialize_with = "present")]
    enabled: Option<bool>,
    #[serde(default, deserialize_with = "present")]
    filters: Option<Filters>,
}

/// A PATCH body; absent members leave the subscription as it is.
#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(crate) struct Patch {
    #[serde(default, deserialize_with = "present")]
    name: Option<String>,
    #[serde(default, deserialize_with = "present")]
    url: Option<String>,
    #[serde(default, deserialize_with = "present")]
    authorization: Option<Authorization>,
    #[serde(default, deserialize_with = "present")]
    custom_headers: Option<BTreeMap<String, String>>,
    #[serde(default, deserialize_with = "present")]
    events: Option<Vec<String>>,
    #[serde(default, deserialize_with = "present")]
    enabled: Option<bool>,
    #[serde(default, deserialize_with = "present")]
    filters: Option<FilterChange>,
}

fn decode<'a, T: Deserialize<'a>>(body: &'a [u8]) -> Result<T, Refusal> {
    serde_json::from_slice(body).map_err(|error| Refusal::Decoding(error.to_string()))
}

/// Reads and checks the body of a create.
pub(crate) fn create(body: &[u8], switches: &Switches) -> Result<Content, Refusal> {
    let body: CreateBody = decode(body)?;
    if body.custom_headers.is_none() && switches.custom_headers_required.is_yes() {
        return Err(Refusal::Decoding("missing field `customHeaders`".to_owned()));
    }
    let mut content = Content {
        name: body.name,
        url: body.url,
        authorization: body.authorization,
        custom_headers: body.custom_headers.unwrap_or_default(),
        events: body.events,
        enabled: body.enabled.unwrap_or(true),
        filters: body.filters.filter(|filters| *filters != Filters::default()),
    };
    finish(&mut content, switches)?;
    Ok(content)
}

/// Reads a PATCH body.
pub(crate) fn patch(body: &[u8]) -> Result<Patch, Refusal> {
    decode(body)
}

impl Patch {
    /// The content after the change, as Dixa's API makes it.
    pub(crate) fn applied_to(self, old: &Content, switches: &Switches) -> Result<Content, Refusal> {
        let cleared = match &self.filters {
            Some(FilterChange::Null) => switches.clear_filters == ClearFilters::Null,
            Some(FilterChange::EmptyObject) => switches.clear_filters == ClearFilters::EmptyObject,
            Some(FilterChange::Set(_)) | None => false,
        };
        self.merged(old, switches, cleared)
    }

    /// The content after an edit by hand: `null` and `{}` always clear the filters.
    pub(crate) fn by_hand(self, old: &Content, switches: &Switches) -> Result<Content, Refusal> {
        let cleared = matches!(self.filters, Some(FilterChange::Null | FilterChange::EmptyObject));
        let replacing = Switches {
            patch_headers: PatchHeaders::Replace,
            ..switches.clone()
        };
        self.merged(old, &replacing, cleared)
    }

    fn merged(self, old: &Content, switches: &Switches, cleared: bool) -> Result<Content, Refusal> {
        let mut content = old.clone();
        content.name = self.name.unwrap_or(content.name);
        content.url = self.url.unwrap_or(content.url);
        content.authorization = self.authorization.unwrap_or(content.authorization);
        content.events = self.events.unwrap_or(content.events);
        content.enabled = self.enabled.unwrap_or(content.enabled);
        if let Some(headers) = self.custom_headers {
            if switches.patch_headers == PatchHeaders::Replace {
                content.custom_headers.clear();
            }
            content.custom_headers.extend(headers);
        }
        if cleared {
            content.filters = None;
        } else if let Some(FilterChange::Set(filters)) = self.filters {
            content.filters = Some(filters);
        }
        finish(&mut content, switches)?;
        Ok(content)
    }
}

/// Checks the values and brings them into the form in which they are kept.
fn finish(content: &mut Content, switches: &Switches) -> Result<(), Refusal> {
    let wrong = |text: String| Err(Refusal::Value(text));
    if content.name.is_empty() {
        return wrong("name is empty".to_owned());
    }
    let Some(host) = web_host(&content.url) else {
        return wrong("url is not an absolute http or https URL".to_owned());
    };
    let mut seen = HashSet::new();
    for event in &content.events {
        if !seen.insert(event) {
            return wrong(format!("event {event:?} stands there twice"));
        }
        if switches.event_names == EventNames::Known && !EVENTS.contains(&event.as_str()) {
            return wrong(format!("event {event:?} is not known"));
        }
    }
    for (name, value) in &content.custom_headers {
        if !sendable_header(name, value) {
            return wrong(format!("custom header {name:?} cannot be sent"));
        }
        if name.eq_ignore_ascii_case("authorization") {
            return wrong("a custom header collides with authorization".to_owned());
        }
    }
    check_filters(content.filters.as_ref())?;
    if switches.normalize_url.is_yes() {
        content.url = content.url.replacen(&host, &host.to_lowercase(), 1);
    }
    content.name = shortened(&content.name, switches.name_limit);
    Ok(())
}

fn check_filters(filters: Option<&Filters>) -> Result<(), Refusal> {
    let Some(Filter::CombinedFilters { conditions, .. }) =
        filters.and_then(|filters| filters.conversation.as_ref())
    else {
        return Ok(());
    };
    if conditions.is_empty() {
        return Err(Refusal::Value("conditions is empty".to_owned()));
    }
    for Condition::IsOneOf { field, values } | Condition::IsNotOneOf { field, values } in conditions {
        if !matches!(field.as_str(), "InitialChannel" | "QueueId" | "OperationOrigin") {
            return Err(Refusal::Value(format!("filter field {field:?} is not known")));
        }
        if values.is_empty() {
            return Err(Refusal::Value(format!(
                "values of filter field {field:?} is empty"
            )));
        }
    }
    Ok(())
}
