//! Answers as Dixa's API shows them.

use crate::{
    dixa::{
        delivery::Delivery,
        subscription::{Authorization, Filters, Subscription},
        switches::{EmptyMembers, EventOrder, Switches},
    },
    frame::clock,
};
use serde::Serialize;
use std::collections::BTreeMap;
use uuid::Uuid;

/// The members of a subscription in an answer.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct SubscriptionView<'a> {
    id: Uuid,
    name: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    subscribed_events: Option<Vec<&'a str>>,
    url: &'a str,
    headers: BTreeMap<&'a str, String>,
    secret_key: &'a str,
    enabled: bool,
    created_at: String,
    updated_at: String,
    created_by: Uuid,
    updated_by: Uuid,
    #[serde(skip_serializing_if = "Option::is_none")]
    filters: Option<Filters>,
}

/// `{"data": …}`.
#[derive(Debug, Serialize)]
pub(crate) struct Data<T> {
    pub data: T,
}

/// Renders one subscription.
pub(crate) fn subscription<'a>(found: &'a Subscription, switches: &Switches) -> SubscriptionView<'a> {
    let content = &found.content;
    let show_empty = switches.empty_members == EmptyMembers::Present;
    let mut events: Vec<&str> = content.events.iter().map(String::as_str).collect();
    match switches.event_order {
        EventOrder::AsSent => {}
        EventOrder::Sorted => events.sort_unstable(),
        EventOrder::Reversed => events.reverse(),
    }
    let mut headers = BTreeMap::new();
    if switches.echo_custom_headers.is_yes() {
        headers.extend(
            content
                .custom_headers
                .iter()
                .map(|(name, value)| (name.as_str(), value.clone())),
        );
    }
    if let Some(value) = authorization_header(&content.authorization) {
        headers.insert("Authorization", value);
    }
    SubscriptionView {
        id: found.id,
        name: &content.name,
        subscribed_events: (show_empty || !events.is_empty()).then_some(events),
        url: &content.url,
        headers,
        secret_key: &found.secret_key,
        enabled: content.enabled,
        created_at: clock::iso_millis(found.created_ms),
        updated_at: clock::iso_millis(found.updated_ms),
        created_by: found.created_by,
        updated_by: found.updated_by,
        filters: content
            .filters
            .clone()
            .or_else(|| show_empty.then(Filters::default)),
    }
}

/// The value of `Authorization` that deliveries carry.
pub(crate) fn authorization_header(authorization: &Authorization) -> Option<String> {
    match authorization {
        Authorization::BasicAuth { username, password } => Some(format!(
            "Basic {}",
            base64(format!("{username}:{password}").as_bytes())
        )),
        Authorization::TokenAuth { value } => Some(format!("Bearer {value}")),
        Authorization::NoAuth {} => None,
    }
}

/// Standard base64 with padding (RFC 4648, section 4).
fn base64(bytes: &[u8]) -> String {
    const ALPHABET: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut text = String::with_capacity(bytes.len().div_ceil(3) * 4);
    for group in bytes.chunks(3) {
        let bits = group
            .iter()
            .fold(0_u32, |bits, byte| (bits << 8) | u32::from(*byte))
            << (8 * (3 - group.len()));
        for position in 0..4 {
            let digit = (bits >> (18 - 6 * position)) & 0x3f;
            let letter = if position <= group.len() {
                char::from(ALPHABET[digit as usize])
            } else {
                '='
            };
            text.push(letter);
        }
    }
    text
}

/// One element of a delivery-status answer.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct EventStatus<'a> {
    event: &'a str,
    delivery_status: DeliveryStatus<'a>,
}

#[derive(Debug, Serialize)]
#[serde(tag = "_type")]
enum DeliveryStatus<'a> {
    DeliveryDetail(Detail<'a>),
    NoRecentDelivery {},
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct Detail<'a> {
    delivery_timestamp: String,
    success: bool,
    response_code: i32,
    response_text: &'a str,
}

/// One element of a delivery-log answer.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct LogItem<'a> {
    delivery_detail: Detail<'a>,
    payload: &'a str,
}

fn detail(delivery: &Delivery) -> Detail<'_> {
    Detail {
        delivery_timestamp: clock::iso_millis(delivery.time_ms),
        success: delivery.success,
        response_code: delivery.response_code,
        response_text: &delivery.response_text,
    }
}

/// The newest result of every subscribed event.
pub(crate) fn delivery_status(found: &Subscription) -> Vec<EventStatus<'_>> {
    let status = |event: &str| match found.deliveries.latest(event) {
        Some(delivery) => DeliveryStatus::DeliveryDetail(detail(delivery)),
        None => DeliveryStatus::NoRecentDelivery {},
    };
    let events = found.content.events.iter();
    events
        .map(|event| EventStatus {
            event,
            delivery_status: status(event),
        })
        .collect()
}

/// The results of one event, newest first.
pub(crate) fn delivery_logs<'a>(found: &'a Subscription, event: &str) -> Vec<LogItem<'a>> {
    let item = |delivery: &'a Delivery| LogItem {
        delivery_detail: detail(delivery),
        payload: &delivery.payload,
    };
    found.deliveries.of(event).map(item).collect()
}

#[cfg(test)]
mod tests {
    use super::base64;

    #[test]
    fn base64_agrees_with_the_vectors_of_rfc_4648() {
        let vectors = [
            ("", ""),
            ("f", "Zg=="),
            ("fo", "Zm8="),
            ("foo", "Zm9v"),
            ("foob", "Zm9vYg=="),
            ("foobar", "Zm9vYmFy"),
        ];
        for (plain, encoded) in vectors {
            assert_eq!(base64(plain.as_bytes()), encoded);
        }
    }
}
