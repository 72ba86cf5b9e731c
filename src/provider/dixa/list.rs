//! Dixa's lists: `{"data": […]}`, with `meta.next` where there should ever be more pages.

use std::sync::Arc;

use operator_core::delivery::{Delivery, DeliveryResult};
use operator_core::hash::HashKey;
use operator_core::remote::Remote;
use operator_core::settings::Reading;
use serde_json::Value;

use super::answer::{EventDelivery, LogEntry, Subscription};
use crate::provider::http::listing::Listing;

/// The longest query of a next page that is followed, in bytes.
const QUERY_MAX: usize = 2048;

/// One page of subscriptions.
pub(super) struct Subscriptions {
    key: Arc<HashKey>,
    pub(super) remotes: Vec<Remote>,
    /// What they were made of, where that is asked for.
    pub(super) readings: Option<Vec<Reading>>,
    /// The query of the next page.
    pub(super) next: Option<String>,
}

impl Subscriptions {
    pub(super) fn new(key: Arc<HashKey>) -> Self {
        Self {
            key,
            remotes: Vec::new(),
            readings: None,
            next: None,
        }
    }
}

impl Listing for Subscriptions {
    const ITEMS: &'static str = "data";
    type Item = Subscription;

    fn item(&mut self, item: Subscription) -> Result<(), &'static str> {
        let (remote, reading) = item.into_parts(&self.key)?;
        self.remotes.push(remote);
        if let Some(readings) = &mut self.readings {
            readings.push(reading);
        }
        Ok(())
    }

    fn wants(&self, member: &str) -> bool {
        member == "meta"
    }

    fn other(&mut self, _: &str, meta: Value) -> Result<(), &'static str> {
        self.next = match meta.get("next") {
            None | Some(Value::Null) => None,
            Some(Value::String(next)) if next.is_empty() => None,
            Some(Value::String(next)) => Some(query(next)?),
            Some(_) => return Err("the next page is not named by a text"),
        };
        Ok(())
    }
}

/// The query of a link. Nothing else of it is used: the next page is read where the first one was, with the same
/// path, so that a link cannot lead the credential elsewhere.
fn query(link: &str) -> Result<String, &'static str> {
    let (_, query) = link.split_once('?').ok_or("the next page has no query")?;
    let query = query.split('#').next().unwrap_or_default();
    if query.is_empty() || query.len() > QUERY_MAX || !query.bytes().all(|b| b.is_ascii_graphic()) {
        return Err("the next page has no usable query");
    }
    Ok(query.to_owned())
}

/// The newest delivery of each event.
#[derive(Default)]
pub(super) struct Deliveries(pub(super) Vec<Delivery>);

impl Listing for Deliveries {
    const ITEMS: &'static str = "data";
    type Item = EventDelivery;

    fn item(&mut self, item: EventDelivery) -> Result<(), &'static str> {
        self.0.push(item.into_delivery());
        Ok(())
    }
}

/// The log of one event.
#[derive(Default)]
pub(super) struct Log(pub(super) Vec<DeliveryResult>);

impl Listing for Log {
    const ITEMS: &'static str = "data";
    type Item = LogEntry;

    fn item(&mut self, item: LogEntry) -> Result<(), &'static str> {
        self.0.extend(item.into_result());
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_query_of_a_link_is_followed() {
        assert_eq!(query("https://evil.example/x?page=2#f"), Ok("page=2".into()));
        assert_eq!(
            query("/v1/webhooks?pageKey=a%2Fb&n=1"),
            Ok("pageKey=a%2Fb&n=1".into())
        );
        for link in ["https://evil.example/x", "token", "?", "?a b", "?\u{e4}"] {
            assert!(query(link).is_err(), "{link}");
        }
    }
}
