//! Answers as Babel's API shows them.

use crate::{
    babel::{
        event::Event,
        subscription::Subscription,
        switches::{
            AbsentForm, ContentKind, EventsOrder, FailureForm, HeadersForm, ShowSecret, SuccessMessage,
            Switches, Total, Zone,
        },
    },
    frame::{
        body::{JSON, Reply, TEXT},
        clock,
    },
};
use http::StatusCode;
use serde_json::{Map, Value, json};

/// A success with these members.
pub(crate) fn success(members: Map<String, Value>, switches: &Switches) -> Reply {
    let mut body = members;
    body.insert("success".to_owned(), Value::Bool(true));
    let message = match switches.message_on_success {
        SuccessMessage::Absent => None,
        SuccessMessage::Empty => Some(""),
        SuccessMessage::Sentence => Some("The operation has been completed."),
    };
    body.extend(message.map(|text| ("message".to_owned(), json!(text))));
    answer(StatusCode::OK, &body, switches)
}

/// A refusal that keeps its status whatever the switches say.
pub(crate) fn refusal(status: StatusCode, message: &str, note: &str, switches: &Switches) -> Reply {
    let mut body = Map::new();
    put(&mut body, "success", json!(false), switches);
    put(&mut body, "message", json!(message), switches);
    let mut reply = answer(status, &body, switches);
    reply.note = Some(note.to_owned());
    reply.carried_out = Some(false);
    reply
}

/// A failure, as the switch wants it: by status or with `success` only.
pub(crate) fn failure(status: StatusCode, message: &str, note: &str, switches: &Switches) -> Reply {
    let status = match switches.failure_form {
        FailureForm::SuccessFalse => StatusCode::OK,
        FailureForm::Status => status,
    };
    refusal(status, message, note, switches)
}

/// The failure for an absent id, in the form of one of the switches for it.
pub(crate) fn absent(what: &str, form: AbsentForm, switches: &Switches) -> Reply {
    let status = match form {
        AbsentForm::NotFound => StatusCode::NOT_FOUND,
        AbsentForm::SuccessFalse => StatusCode::OK,
    };
    let message = format!("{what} not found.");
    refusal(status, &message, "the installation has no such id", switches)
}

fn answer(status: StatusCode, body: &Map<String, Value>, switches: &Switches) -> Reply {
    let mut reply = Reply::json(status, body);
    reply.content_type = match switches.content_type {
        ContentKind::Text => TEXT,
        ContentKind::Json => JSON,
    };
    reply
}

/// Adds a member unless it holds its type's default and the switch leaves such members out. Blank text
/// counts as a default, for it is kept as null.
fn put(members: &mut Map<String, Value>, name: &str, value: Value, switches: &Switches) {
    let is_default = match &value {
        Value::Null | Value::Bool(false) => true,
        Value::Number(number) => number.as_i64() == Some(0),
        Value::String(text) => text.is_empty(),
        _ => false,
    };
    if !(is_default && switches.omit_defaults.is_yes()) {
        members.insert(name.to_owned(), value);
    }
}

fn date(ms: u64, switches: &Switches) -> Value {
    let text = clock::iso_millis(ms);
    match switches.zone {
        Zone::With => json!(text),
        Zone::Without => json!(text.trim_end_matches('Z')),
    }
}

fn headers_text(found: &Subscription, switches: &Switches) -> String {
    let headers = &found.content.headers;
    if headers.is_empty() {
        return String::new();
    }
    match switches.headers_form {
        HeadersForm::Json => json!(headers).to_string(),
        HeadersForm::Text => {
            let lines: Vec<String> = headers
                .iter()
                .map(|(name, value)| format!("{name}: {value}"))
                .collect();
            lines.join("\n")
        }
        HeadersForm::Empty => String::new(),
    }
}

/// Renders one subscription; its events stand in it if they are asked for.
pub(crate) fn subscription(found: &Subscription, with_events: bool, switches: &Switches) -> Value {
    let content = &found.content;
    let secret = match switches.show_secret {
        ShowSecret::Yes => content.secret.as_str(),
        ShowSecret::Masked if !content.secret.is_empty() => "********",
        ShowSecret::Masked | ShowSecret::No => "",
    };
    // A row that was never changed has no date of a change in the database.
    let updated = if found.updated_ms == found.created_ms && switches.omit_defaults.is_yes() {
        Value::Null
    } else {
        date(found.updated_ms, switches)
    };
    let mut members = Map::new();
    for (name, value) in [
        ("id", json!(found.id)),
        ("name", json!(content.name)),
        ("eventType", json!(content.event_type)),
        ("url", json!(content.url)),
        ("secret", json!(secret)),
        ("headers", json!(headers_text(found, switches))),
        ("maxRetryCount", json!(content.max_retry_count)),
        ("isActive", json!(content.is_active)),
        ("userId", json!(found.user_id)),
        ("createdAt", date(found.created_ms, switches)),
        ("updatedAt", updated),
    ] {
        put(&mut members, name, value, switches);
    }
    if with_events {
        let shown = found.events.iter().map(|one| event(found.id, one, switches));
        members.insert("webhookEvents".to_owned(), shown.collect());
    } else if !switches.omit_defaults.is_yes() {
        members.insert("webhookEvents".to_owned(), json!([]));
    }
    Value::Object(members)
}

/// Renders one event.
pub(crate) fn event(subscription: i32, found: &Event, switches: &Switches) -> Value {
    let outcome = found.outcome_at(clock::now_ms());
    let mut members = Map::new();
    for (name, value) in [
        ("id", json!(found.id)),
        ("webhookSubscriptionId", json!(subscription)),
        ("eventType", json!(found.event_type)),
        ("payload", json!(found.payload)),
        ("statusCode", json!(outcome.and_then(|one| one.status_code))),
        ("response", json!(outcome.map_or("", |one| &one.response))),
        (
            "errorMessage",
            json!(outcome.and_then(|one| one.error_message.as_ref())),
        ),
        ("isSuccess", json!(outcome.is_some_and(|one| one.is_success))),
        ("retryCount", json!(outcome.map_or(0, |one| one.retry_count))),
        (
            "sentAt",
            outcome.map_or(Value::Null, |one| date(one.sent_ms, switches)),
        ),
        (
            "nextRetryAt",
            outcome
                .and_then(|one| one.next_retry_ms)
                .map_or(Value::Null, |ms| date(ms, switches)),
        ),
        ("createdAt", date(found.created_ms, switches)),
    ] {
        put(&mut members, name, value, switches);
    }
    Value::Object(members)
}

/// A list with its length, if the switches show it.
pub(crate) fn listed(
    name: &str,
    items: Vec<Value>,
    total_name: &str,
    total: usize,
    switches: &Switches,
) -> Map<String, Value> {
    let mut members = Map::new();
    members.insert(name.to_owned(), Value::Array(items));
    if switches.total == Total::Present {
        put(&mut members, total_name, json!(total), switches);
    }
    members
}

/// The events in the switched order.
pub(crate) fn ordered<'a>(events: &'a [Event], switches: &Switches) -> Vec<&'a Event> {
    match switches.events_order {
        EventsOrder::Oldest => events.iter().collect(),
        EventsOrder::Newest => events.iter().rev().collect(),
    }
}
