//! `deliveries`: the provider's log of what it delivered.

use std::collections::BTreeSet;

use jiff::Timestamp;
use operator_core::delivery::DeliveryResult;
use operator_core::names::{EventName, ExternalId};
use serde::Serialize;

use super::account::{Account, passing_key};
use super::args::DeliveriesArgs;
use super::error::{Exit, PluginError};
use super::object::Subscription;
use super::screen::Screen;
use super::session::Session;
use super::table::{Cell, Tone, table};
use crate::provider::{Deliveries, End};

/// The most requests that are sent for the log of one remote subscription.
const PAGES_MAX: u32 = 50;

/// One delivery. The members are stable.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "camelCase")]
struct Row {
    time: Option<String>,
    key: String,
    #[serde(rename = "externalID")]
    external_id: String,
    event: Option<String>,
    /// `null` while it has not been tried.
    success: Option<bool>,
    response_code: Option<u16>,
    next_retry_at: Option<String>,
    /// The provider's id of the delivery, where it has one.
    id: Option<String>,
}

#[derive(Serialize)]
struct Rows<'a> {
    items: &'a [Row],
}

/// One remote subscription whose log is read.
struct Remote {
    key: String,
    id: ExternalId,
    events: Vec<EventName>,
}

pub(super) async fn run(
    session: &Session,
    args: &DeliveriesArgs,
    screen: &mut Screen<'_>,
) -> Result<Exit, PluginError> {
    let object = session.subscription(&args.name).await?;
    let remotes = remotes(&object);
    if remotes.is_empty() {
        return Err(PluginError::Unfit(format!(
            "{} has nothing at the provider yet; kubectl webhooks status {} -n {}",
            object.path(),
            object.name,
            object.namespace
        )));
    }
    let key = passing_key()?;
    let account = Account::open(session, &args.account, object.provider(), &object.namespace, &key).await?;
    let mut rows = BTreeSet::new();
    for remote in &remotes {
        screen.note(&format!("reading the log of {} at {}", remote.key, account.what));
        rows.extend(read(&account, remote).await?);
    }
    // Newest first.
    let failed = |row: &Row| row.success == Some(false);
    let rows: Vec<Row> = rows
        .into_iter()
        .rev()
        .filter(|row| !args.failed || failed(row))
        .take(args.limit)
        .collect();
    let text = match args.output {
        Some(document) => document.render(&Rows { items: &rows })?,
        None if rows.is_empty() => {
            screen.note("the provider's log shows no such delivery");
            String::new()
        }
        None => rows_as_table(&rows, screen.colour()),
    };
    screen.print(&text)?;
    Ok(if args.failed && !rows.is_empty() {
        Exit::No
    } else {
        Exit::Done
    })
}

/// What status says that there is.
fn remotes(object: &Subscription) -> Vec<Remote> {
    let all = object.status.subscriptions.iter();
    let spec = object.spec["events"].as_array();
    let of_spec: Vec<EventName> = spec
        .into_iter()
        .flatten()
        .filter_map(|event| EventName::parse(event.as_str()?).ok())
        .collect();
    all.filter_map(|remote| {
        let event = remote
            .event
            .as_deref()
            .and_then(|event| EventName::parse(event).ok());
        Some(Remote {
            key: remote.key.clone(),
            id: ExternalId::parse(remote.external_id.as_deref()?).ok()?,
            events: event.map_or_else(|| of_spec.clone(), |event| vec![event]),
        })
    })
    .collect()
}

/// All pages of a log, and of the log of each event where the provider keeps one of its own.
async fn read(account: &Account, remote: &Remote) -> Result<Vec<Row>, PluginError> {
    let mut rows = Vec::new();
    let mut from = None;
    for _ in 0..PAGES_MAX {
        let page = account
            .adapter
            .deliveries(&remote.id, &remote.events, End::Newest, from.as_ref())
            .await;
        let page = account.answered(page)?;
        rows.extend(rows_of(remote, &page));
        from = page.next;
        if from.is_none() {
            break;
        }
    }
    for event in &remote.events {
        let log = account.adapter.delivery_log(&remote.id, event).await;
        let log = account.answered(log)?;
        rows.extend(
            log.iter()
                .map(|result| row(remote, Some(event), None, Some(result), None)),
        );
    }
    Ok(rows)
}

/// What one page tells: single deliveries where they can be named, else the newest of each event.
fn rows_of(remote: &Remote, page: &Deliveries) -> Vec<Row> {
    let only = match remote.events.as_slice() {
        [event] => Some(event),
        _ => None,
    };
    let named = page.log.iter().map(|logged| {
        let id = Some(logged.id.clone());
        row(remote, only, id, logged.result.as_ref(), logged.created)
    });
    let named: Vec<Row> = named.collect();
    let told = |result: &DeliveryResult| {
        named
            .iter()
            .any(|row| row.time.is_some() && row.time == result.time)
    };
    let newest = page.events.iter().filter_map(|delivery| {
        let result = delivery.result.as_ref().filter(|result| !told(result))?;
        Some(row(remote, Some(&delivery.event), None, Some(result), None))
    });
    newest.chain(named.iter().cloned()).collect()
}

fn row(
    remote: &Remote,
    event: Option<&EventName>,
    id: Option<String>,
    result: Option<&DeliveryResult>,
    created: Option<i64>,
) -> Row {
    let created = created.and_then(|at| Timestamp::from_millisecond(at).ok());
    let time = result.and_then(|result| result.time.clone());
    Row {
        time: time.or_else(|| created.map(|at| at.to_string())),
        key: remote.key.clone(),
        external_id: remote.id.as_str().to_owned(),
        event: event.map(ToString::to_string),
        success: result.map(|result| result.success),
        response_code: result.and_then(|result| result.code),
        next_retry_at: result.and_then(|result| result.next_retry.clone()),
        id,
    }
}

fn rows_as_table(rows: &[Row], colour: bool) -> String {
    let cells = rows.iter().map(|row| {
        let (word, tone) = match row.success {
            Some(true) => ("delivered", Tone::Good),
            Some(false) => ("failed", Tone::Bad),
            None => ("not tried yet", Tone::Doubtful),
        };
        vec![
            Cell::from(row.time.as_deref().unwrap_or_default()),
            Cell::from(row.event.as_deref().unwrap_or_default()),
            Cell::toned(word, tone),
            Cell::from(row.response_code.map(|code| code.to_string()).unwrap_or_default()),
            Cell::from(row.next_retry_at.as_deref().unwrap_or_default()),
            Cell::from(&row.external_id),
            Cell::from(row.id.as_deref().unwrap_or_default()),
        ]
    });
    table(
        &["TIME", "EVENT", "RESULT", "ANSWER", "NEXT TRY", "ID", "DELIVERY"],
        &cells.collect::<Vec<_>>(),
        colour,
    )
}

#[cfg(test)]
mod tests {
    use operator_core::delivery::Delivery;

    use super::*;
    use crate::provider::Logged;

    fn result(success: bool, time: &str) -> DeliveryResult {
        DeliveryResult {
            success,
            code: Some(if success { 204 } else { 502 }),
            time: Some(time.to_owned()),
            next_retry: None,
        }
    }

    fn remote(events: &[&str]) -> Remote {
        Remote {
            key: "default".to_owned(),
            id: ExternalId::parse("7").unwrap(),
            events: events
                .iter()
                .map(|event| EventName::parse(event).unwrap())
                .collect(),
        }
    }

    #[test]
    fn a_delivery_is_told_once_though_the_page_has_it_twice() {
        let event = EventName::parse("a").unwrap();
        let newest = result(false, "2026-01-01T00:00:02Z");
        let page = Deliveries {
            events: vec![Delivery {
                event: event.clone(),
                result: Some(newest.clone()),
                failures: None,
            }],
            log: vec![
                Logged {
                    id: "2".to_owned(),
                    result: Some(newest),
                    created: None,
                },
                Logged {
                    id: "3".to_owned(),
                    result: None,
                    created: Some(0),
                },
            ],
            next: None,
        };
        let rows = rows_of(&remote(&["a"]), &page);
        let told: Vec<_> = rows.iter().map(|row| (row.id.as_deref(), row.success)).collect();
        assert_eq!(told, [(Some("2"), Some(false)), (Some("3"), None)]);
        assert_eq!(rows[0].event.as_deref(), Some("a"));
        assert_eq!(rows[1].time.as_deref(), Some("1970-01-01T00:00:00Z"));
        // Without names the newest of each event is all there is.
        let page = Deliveries {
            log: Vec::new(),
            ..page
        };
        assert_eq!(rows_of(&remote(&["a", "b"]), &page).len(), 1);
    }
}
