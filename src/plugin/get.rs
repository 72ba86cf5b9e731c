//! `get`: all subscriptions with their health.

use jiff::Timestamp;
use serde::Serialize;

use super::args::GetArgs;
use super::error::{Exit, PluginError};
use super::health::Health;
use super::object::Subscription;
use super::output::{Document, Format};
use super::screen::Screen;
use super::session::Session;
use super::table::{Cell, table};

/// One subscription of a list. The members are stable, and always there; `null` is what is not known.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Row {
    pub(super) namespace: String,
    pub(super) name: String,
    pub(super) provider: ProviderName,
    pub(super) health: Health,
    ready: Option<String>,
    reason: Option<String>,
    message: Option<String>,
    delivery: Option<String>,
    synced: Option<String>,
    host: Option<String>,
    #[serde(rename = "externalIDs")]
    external_ids: Vec<String>,
    created_at: Option<Timestamp>,
    generation: i64,
    observed_generation: Option<i64>,
}

/// Kind and name of a provider object.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(super) struct ProviderName {
    pub(super) kind: String,
    pub(super) name: String,
}

#[derive(Serialize)]
struct Rows<'a> {
    items: &'a [Row],
}

impl Row {
    /// What is told of a subscription. Total.
    pub(super) fn of(object: &Subscription) -> Self {
        let ready = object.condition("Ready");
        let status = &object.status;
        let (kind, name) = object.provider();
        let count = status.subscription_count.as_ref();
        let effective = status.effective.as_ref();
        Self {
            namespace: object.namespace.clone(),
            name: object.name.clone(),
            provider: ProviderName {
                kind: kind.to_owned(),
                name: name.to_owned(),
            },
            health: Health::of(object),
            ready: ready.map(|ready| ready.status.to_string()),
            reason: ready.map(|ready| ready.reason.to_string()),
            message: ready.map(|ready| ready.message.to_string()),
            delivery: object
                .condition("DeliveryHealthy")
                .map(|found| found.status.to_string()),
            synced: count.map(|count| count.summary.clone()),
            host: effective.and_then(|effective| effective.destination_host.clone()),
            external_ids: object.external_ids().into_iter().map(str::to_owned).collect(),
            created_at: object.created,
            generation: object.generation,
            observed_generation: status.observed_generation,
        }
    }
}

pub(super) async fn run(
    session: &Session,
    args: &GetArgs,
    screen: &mut Screen<'_>,
) -> Result<Exit, PluginError> {
    let objects = if args.names.is_empty() {
        session
            .list(args.all_namespaces, args.selector.as_deref())
            .await?
    } else {
        session.some(&args.names, false).await?
    };
    let rows: Vec<Row> = objects
        .iter()
        .map(Row::of)
        .filter(|row| !args.unhealthy || row.health != Health::Healthy)
        .collect();
    let text = match args.output {
        Some(Format::Json) => Document::Json.render(&Rows { items: &rows })?,
        Some(Format::Yaml) => Document::Yaml.render(&Rows { items: &rows })?,
        Some(Format::Name) => names(&rows),
        wide => {
            if rows.is_empty() {
                screen.note(if args.unhealthy {
                    "all subscriptions are healthy"
                } else {
                    "there are no subscriptions"
                });
                return Ok(Exit::Done);
            }
            let wide = wide.is_some();
            rows_as_table(
                &rows,
                args.all_namespaces,
                wide,
                Timestamp::now(),
                screen.colour(),
            )
        }
    };
    screen.print(&text)?;
    Ok(Exit::Done)
}

fn names(rows: &[Row]) -> String {
    let line = |row: &Row| format!("webhooksubscription.{}/{}\n", crate::api::GROUP, row.name);
    rows.iter().map(line).collect()
}

/// The table that people read. Pure.
fn rows_as_table(rows: &[Row], everywhere: bool, wide: bool, now: Timestamp, colour: bool) -> String {
    let mut header = Vec::new();
    if everywhere {
        header.push("NAMESPACE");
    }
    header.extend([
        "NAME", "PROVIDER", "HEALTH", "REASON", "DELIVERY", "SYNCED", "AGE",
    ]);
    if wide {
        header.extend(["HOST", "ID", "MESSAGE"]);
    }
    let cells = rows.iter().map(|row| {
        let mut cells: Vec<Cell> = Vec::new();
        if everywhere {
            cells.push(Cell::from(&row.namespace));
        }
        let text = |value: &Option<String>| Cell::from(value.as_deref().unwrap_or_default());
        cells.extend([
            Cell::from(&row.name),
            Cell::from(&row.provider.name),
            Cell::toned(row.health.as_str(), row.health.tone()),
            text(&row.reason),
            text(&row.delivery),
            text(&row.synced),
            Cell::from(
                row.created_at
                    .map(|created| age(created, now))
                    .unwrap_or_default(),
            ),
        ]);
        if wide {
            cells.extend([
                text(&row.host),
                Cell::from(row.external_ids.join(",")),
                text(&row.message),
            ]);
        }
        cells
    });
    table(&header, &cells.collect::<Vec<_>>(), colour)
}

/// How long ago that was, in the largest unit that fits: `5s`, `12m`, `3h`, `40d`. What is to come is `0s`.
pub(super) fn age(then: Timestamp, now: Timestamp) -> String {
    let seconds = now.duration_since(then).as_secs().max(0);
    match seconds {
        0..120 => format!("{seconds}s"),
        120..7_200 => format!("{}m", seconds / 60),
        7_200..172_800 => format!("{}h", seconds / 3600),
        _ => format!("{}d", seconds / 86_400),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::{Value, json};

    use super::super::health::tests::{object, subscription};
    use super::*;

    fn at(text: &str) -> Timestamp {
        text.parse().unwrap()
    }

    fn row() -> Row {
        let mut value = object(2, 2, &[("Ready", "False", "SecretNotFound")]);
        value["metadata"]["creationTimestamp"] = json!("2026-01-01T00:00:00Z");
        value["status"]["subscriptions"] = json!([{"key": "default", "externalID": "42", "state": "Active"}]);
        value["status"]["subscriptionCount"] = json!({"desired": 1, "synced": 0, "summary": "0/1"});
        Row::of(&subscription(value))
    }

    #[test]
    fn the_members_of_the_json_are_these() {
        let expected = json!({
            "namespace": "support", "name": "crm",
            "provider": {"kind": "WebhookProvider", "name": "dixa"},
            "health": "Degraded", "ready": "False", "reason": "SecretNotFound", "message": "about Ready",
            "delivery": null, "synced": "0/1", "host": null, "externalIDs": ["42"],
            "createdAt": "2026-01-01T00:00:00Z", "generation": 2, "observedGeneration": 2,
        });
        assert_eq!(serde_json::to_value(row()).unwrap(), expected);
        let yaml = Document::Yaml.render(&Rows { items: &[row()] }).unwrap();
        let back: Value = serde_saphyr::from_str(&yaml).unwrap();
        assert_eq!(back, json!({"items": [expected]}));
    }

    #[test]
    fn the_table_is_for_people() {
        let text = rows_as_table(&[row()], true, false, at("2026-01-01T03:00:00Z"), false);
        let lines: Vec<Vec<&str>> = text
            .lines()
            .map(|line| line.split_whitespace().collect())
            .collect();
        assert_eq!(
            lines[1],
            [
                "support",
                "crm",
                "dixa",
                "Degraded",
                "SecretNotFound",
                "-",
                "0/1",
                "3h"
            ]
        );
        assert_eq!(lines[0].len(), lines[1].len());
        assert_eq!(names(&[row()]), "webhooksubscription.webhook-operator.io/crm\n");
    }

    proptest! {
        #[test]
        fn an_age_is_never_long(seconds in -10_000_i64..1_000_000_000) {
            let then = at("2000-01-01T00:00:00Z");
            let now = Timestamp::from_second(then.as_second() + seconds).unwrap();
            prop_assert!(age(then, now).len() <= 6);
        }
    }
}
