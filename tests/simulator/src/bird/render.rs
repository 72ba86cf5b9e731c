//! Answers as Bird's API shows them.

use crate::{
    bird::{
        attempt::Attempt,
        subscription::{Filter, Service, Status, Subscription},
        switches::{EmptyFilters, LastPage, SigningKey, Switches},
    },
    frame::clock,
};
use serde::{Serialize, Serializer};
use uuid::Uuid;

/// The members of a subscription in an answer.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct SubscriptionView<'a> {
    id: Uuid,
    organization_id: Uuid,
    workspace_id: Uuid,
    service: Service,
    event: &'a str,
    url: &'a str,
    status: Status,
    #[serde(skip_serializing_if = "FiltersView::is_left_out")]
    event_filters: FiltersView<'a>,
    #[serde(skip_serializing_if = "Option::is_none")]
    template: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    signing_key: Option<&'a str>,
    created_at: String,
    updated_at: String,
}

#[derive(Debug)]
enum FiltersView<'a> {
    LeftOut,
    Null,
    Shown(&'a [Filter]),
}

impl FiltersView<'_> {
    fn is_left_out(&self) -> bool {
        matches!(self, Self::LeftOut)
    }
}

impl Serialize for FiltersView<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::Shown(filters) => filters.serialize(serializer),
            Self::LeftOut | Self::Null => serializer.serialize_none(),
        }
    }
}

/// Renders one subscription.
pub(crate) fn subscription<'a>(found: &'a Subscription, switches: &Switches) -> SubscriptionView<'a> {
    let content = &found.content;
    let event_filters = match switches.empty_filters {
        EmptyFilters::Omit if content.filters.is_empty() => FiltersView::LeftOut,
        EmptyFilters::Null if content.filters.is_empty() => FiltersView::Null,
        _ => FiltersView::Shown(&content.filters),
    };
    SubscriptionView {
        id: found.id,
        organization_id: found.organization_id,
        workspace_id: found.workspace_id,
        service: content.service,
        event: &content.event,
        url: &content.url,
        status: content.status,
        event_filters,
        template: content.template.as_deref(),
        signing_key: content
            .signing_key
            .as_deref()
            .filter(|_| switches.signing_key == SigningKey::Shown),
        created_at: clock::iso_millis(found.created_ms),
        updated_at: clock::iso_millis(found.updated_ms),
    }
}

/// One entry of the logs.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct AttemptView<'a> {
    request_id: Uuid,
    attempt_count: i32,
    http_status_code: i32,
    execution_status: &'a str,
    created_at: String,
}

/// Renders one delivery.
pub(crate) fn attempt(found: &Attempt) -> AttemptView<'_> {
    AttemptView {
        request_id: found.request_id,
        attempt_count: found.attempt_count,
        http_status_code: found.http_status_code,
        execution_status: &found.execution_status,
        created_at: clock::iso_millis(found.time_ms),
    }
}

/// A page of a list.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct PageView<T> {
    results: Vec<T>,
    #[serde(skip_serializing_if = "Option::is_none")]
    next_page_token: Option<String>,
}

/// A page with the token of the next one, if there is one.
pub(crate) fn page<T>(results: Vec<T>, next: Option<String>, switches: &Switches) -> PageView<T> {
    let at_end = match switches.last_page {
        LastPage::Absent => None,
        LastPage::Empty => Some(String::new()),
    };
    PageView {
        results,
        next_page_token: next.or(at_end),
    }
}
