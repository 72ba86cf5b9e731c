//! Bird's lists: `{"results": […], "nextPageToken": …}`.

use std::sync::Arc;

use operator_core::hash::HashKey;
use operator_core::remote::Remote;
use operator_core::settings::Reading;
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use serde_json::Value;

use super::answer::Subscription;
use super::log::{Entry, LogEntry};
use crate::provider::http::listing::Listing;

/// The member that names the next page.
const NEXT: &str = "nextPageToken";
/// The longest token that is documented, in characters.
const TOKEN_MAX: usize = 8000;

/// The query of a page. How many elements it may have is always said: the documents disagree about the default.
pub(super) fn query(token: Option<&str>) -> String {
    let mut query = "limit=100".to_owned();
    if let Some(token) = token {
        query.push_str("&pageToken=");
        query.extend(utf8_percent_encode(token, NON_ALPHANUMERIC));
    }
    query
}

/// The token of the next page; `None` on the last one, where it is left out, null or empty.
fn next(value: Value) -> Result<Option<String>, &'static str> {
    match value {
        Value::Null => Ok(None),
        Value::String(token) if token.is_empty() => Ok(None),
        Value::String(token) if token.len() > TOKEN_MAX => Err("the token of the next page is too long"),
        Value::String(token) if !token.bytes().all(|b| b.is_ascii_graphic()) => {
            Err("the token of the next page is not visible ASCII")
        }
        Value::String(token) => Ok(Some(token)),
        _ => Err("the next page is not named by a text"),
    }
}

/// One page of subscriptions.
pub(super) struct Subscriptions {
    key: Arc<HashKey>,
    workspace: String,
    pub(super) remotes: Vec<Remote>,
    /// What they were made of, where that is asked for.
    pub(super) readings: Option<Vec<Reading>>,
    /// The token of the next page.
    pub(super) next: Option<String>,
}

impl Subscriptions {
    pub(super) fn new(key: Arc<HashKey>, workspace: String) -> Self {
        Self {
            key,
            workspace,
            remotes: Vec::new(),
            readings: None,
            next: None,
        }
    }
}

impl Listing for Subscriptions {
    const ITEMS: &'static str = "results";
    type Item = Subscription;

    fn item(&mut self, item: Subscription) -> Result<(), &'static str> {
        if item.is_foreign(&self.workspace) {
            return Ok(());
        }
        let (remote, reading) = item.into_parts(&self.key)?;
        self.remotes.push(remote);
        if let Some(readings) = &mut self.readings {
            readings.push(reading);
        }
        Ok(())
    }

    fn wants(&self, member: &str) -> bool {
        member == NEXT
    }

    fn other(&mut self, _: &str, value: Value) -> Result<(), &'static str> {
        self.next = next(value)?;
        Ok(())
    }
}

/// One page of the log, in the order of the answer.
#[derive(Default)]
pub(super) struct Log {
    pub(super) entries: Vec<Entry>,
    /// The token of the next page.
    pub(super) next: Option<String>,
}

impl Listing for Log {
    const ITEMS: &'static str = "results";
    type Item = LogEntry;

    fn item(&mut self, item: LogEntry) -> Result<(), &'static str> {
        self.entries.push(item.into_entry());
        Ok(())
    }

    fn wants(&self, member: &str) -> bool {
        member == NEXT
    }

    fn other(&mut self, _: &str, value: Value) -> Result<(), &'static str> {
        self.next = next(value)?;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::json;

    use super::*;
    use crate::provider::bird::tests::fixture;
    use crate::provider::http::Endpoint;
    use crate::provider::http::listing::{ListFault, read_list};

    fn read(text: &str) -> Result<Subscriptions, ListFault> {
        let workspace = "22222222-0000-4000-8000-000000000002".to_owned();
        let key = Arc::new(HashKey::new([3; 32]));
        read_list(text.as_bytes(), 1 << 20, Subscriptions::new(key, workspace))
    }

    proptest! {
        #[test]
        fn a_token_is_one_value_of_the_query_and_means_itself(token in "[!-~]{1,60}") {
            let endpoint = Endpoint::parse("https://api.example.com").unwrap();
            let url = endpoint.at("/x", Some(&query(Some(&token))));
            let given: Vec<_> = url.query_pairs().into_owned().collect();
            let expected = [("limit", "100"), ("pageToken", token.as_str())];
            prop_assert_eq!(given, expected.map(|(name, value)| (name.to_owned(), value.to_owned())));
            prop_assert_eq!(url.path(), "/x");
        }
    }

    #[test]
    fn the_last_page_has_no_token_in_any_of_three_forms() {
        for text in [
            r#"{"results": []}"#,
            r#"{"results": [], "nextPageToken": null}"#,
            r#"{"results": [], "nextPageToken": ""}"#,
        ] {
            let page = read(text).ok().unwrap();
            assert_eq!((page.remotes.len(), page.next), (0, None), "{text}");
        }
        let page = read(r#"{"nextPageToken": "b3Bh/+=", "results": []}"#)
            .ok()
            .unwrap();
        assert_eq!(page.next.as_deref(), Some("b3Bh/+="));
    }

    #[test]
    fn the_documented_lists_are_read() {
        for text in [
            fixture!("list-response-last-page.json"),
            fixture!("list-response-without-token.json"),
        ] {
            let page = read(text).ok().unwrap();
            assert_eq!((page.remotes.len(), page.next), (1, None));
            assert_eq!(page.remotes[0].created, Some(1_767_225_600_000));
        }
        let log = read_list(fixture!("logs-response.json").as_bytes(), 1 << 20, Log::default());
        let log = log.ok().unwrap();
        assert_eq!((log.entries.len(), log.next), (1, None));
    }

    #[test]
    fn a_token_that_cannot_be_sent_makes_no_page() {
        for token in [
            json!(2),
            json!({}),
            json!("a b"),
            json!("a\n"),
            json!("\u{e4}"),
            json!("x".repeat(TOKEN_MAX + 1)),
        ] {
            let text = json!({"results": [], "nextPageToken": token}).to_string();
            assert!(matches!(read(&text), Err(ListFault::Form(_))), "{token}");
        }
        let longest = json!({"results": [], "nextPageToken": "x".repeat(TOKEN_MAX)}).to_string();
        assert!(read(&longest).is_ok());
    }

    #[test]
    fn rows_of_another_workspace_are_left_out() {
        let text = json!({"results": [
            {"id": "ours", "workspaceId": "22222222-0000-4000-8000-000000000002"},
            {"id": "theirs", "workspaceId": "22222222-0000-4000-8000-000000000003"},
            {"id": "shouted", "workspaceId": "22222222000040008000000000000002"},
            {"id": "silent"},
            {"id": "odd", "workspaceId": 7},
            {"id": "alias", "workspaceId": "main"},
        ]});
        let page = read(&text.to_string()).ok().unwrap();
        let ids: Vec<_> = page.remotes.iter().map(|remote| remote.id.as_str()).collect();
        assert_eq!(ids, ["ours", "shouted", "silent", "odd", "alias"]);
    }
}
