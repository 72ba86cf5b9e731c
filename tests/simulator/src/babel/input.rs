//! Strict reading of request bodies.

use crate::{
    babel::{state::EventType, subscription::Content, switches::Switches},
    frame::input::{is_web_url, present, sendable_header, shortened},
};
use serde::Deserialize;
use serde_json::Value;
use std::collections::BTreeMap;

/// Why a body was refused. The text goes to the log, not into the answer.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Refusal {
    /// Not the documented shape.
    Shape(String),
    /// The shape is right, a value is not.
    Value(String),
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Envelope {
    subscription: Input,
}

/// The members of a subscription in a request.
#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(crate) struct Input {
    #[serde(default, deserialize_with = "present")]
    name: Option<String>,
    #[serde(default, deserialize_with = "present")]
    event_type: Option<String>,
    #[serde(default, deserialize_with = "present")]
    url: Option<String>,
    #[serde(default, deserialize_with = "present")]
    secret: Option<String>,
    #[serde(default, deserialize_with = "present")]
    headers: Option<BTreeMap<String, String>>,
    #[serde(default, deserialize_with = "present")]
    max_retry_count: Option<i32>,
    #[serde(default, deserialize_with = "present")]
    is_active: Option<bool>,
}

/// The body of a test call.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct TestBody {
    #[serde(default)]
    payload: Value,
}

fn decode<'a, T: Deserialize<'a>>(body: &'a [u8]) -> Result<T, Refusal> {
    serde_json::from_slice(body).map_err(|error| Refusal::Shape(error.to_string()))
}

/// Reads and checks the body of a create or a replacement; what it leaves out is blank.
pub(crate) fn whole(body: &[u8], types: &[EventType], switches: &Switches) -> Result<Content, Refusal> {
    let Envelope { subscription } = decode(body)?;
    subscription.over(Content::default(), types, switches)
}

/// Reads the members that an edit by hand changes.
pub(crate) fn members(body: &[u8]) -> Result<Input, Refusal> {
    decode(body)
}

/// The payload of a test event, as text.
pub(crate) fn test(body: &[u8]) -> Result<String, Refusal> {
    let TestBody { payload } = if body.is_empty() {
        TestBody::default()
    } else {
        decode(body)?
    };
    Ok(if payload.is_null() {
        r#"{"test":true}"#.to_owned()
    } else {
        payload.to_string()
    })
}

impl Input {
    /// The content with the members of this input put over it.
    pub(crate) fn over(
        self,
        old: Content,
        types: &[EventType],
        switches: &Switches,
    ) -> Result<Content, Refusal> {
        let content = Content {
            name: self.name.unwrap_or(old.name),
            event_type: self.event_type.unwrap_or(old.event_type),
            url: self.url.unwrap_or(old.url),
            secret: self.secret.unwrap_or(old.secret),
            headers: self.headers.unwrap_or(old.headers),
            max_retry_count: self.max_retry_count.unwrap_or(old.max_retry_count),
            is_active: self.is_active.unwrap_or(old.is_active),
        };
        check(&content, types).map_err(Refusal::Value)?;
        Ok(Content {
            name: shortened(&content.name, switches.name_limit),
            ..content
        })
    }
}

fn check(content: &Content, types: &[EventType]) -> Result<(), String> {
    if !types.iter().any(|known| known.name == content.event_type) {
        return Err(format!(
            "the installation has no event type {:?}",
            content.event_type
        ));
    }
    if !content.url.is_empty() && !is_web_url(&content.url) {
        return Err("url is not an absolute http or https URL".to_owned());
    }
    if content.max_retry_count < 0 {
        return Err("maxRetryCount is negative".to_owned());
    }
    match content
        .headers
        .iter()
        .find(|(name, value)| !sendable_header(name, value))
    {
        Some((name, _)) => Err(format!("header {name:?} cannot be sent")),
        None => Ok(()),
    }
}
